"""`yuefu demo`: a world of real purchases, played on a throw-away database, or kept and served with its pages."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from datetime import date
from math import isnan
from pathlib import Path
from typing import Annotated, Any, Final
from zoneinfo import ZoneInfo

import typer

from yuefu.cli import context, inputs, installation, kept, output, processes, room
from yuefu.cli.faults import FAILED
from yuefu.cli.kept import Asked
from yuefu.cli.serve import HOST, PORT

DAYS: Final = 120
DAYS_SERVED: Final = 45
"""Enough for repayments, refunds and late payers, in a fraction of the time of a whole world."""
DAYS_OF_THE_LOG: Final = 546
AS_OF_UNSERVED: Final = date(2026, 10, 31)
ZONE: Final = ZoneInfo("Asia/Shanghai")

_TRACED = re.compile(r"([0-9]+)/([0-9]+)")


def register(app: typer.Typer) -> None:
    app.command("demo")(demo)


def demo(
    days: Annotated[
        int | None,
        typer.Option(
            min=1, max=DAYS_OF_THE_LOG, help=f"How many days of the purchase log; {DAYS} unless given, {DAYS_SERVED} where it is served."
        ),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(
            min=0, max=2**63 - 1, help=f"Chooses people and faults; the same seed gives the same world; {kept.SEED} unless given."
        ),
    ] = None,
    as_of: Annotated[
        date | None,
        typer.Option(metavar="DATE", parser=inputs.day, help=f"The last day played; today unless given, {AS_OF_UNSERVED} with --no-serve."),
    ] = None,
    faults: Annotated[
        float, typer.Option(min=0.0, max=0.5, help="The share of payments, one an order, whose bill lines are spoilt.")
    ] = 0.0,
    out: Annotated[Path | None, typer.Option(metavar="DIR", help="Where the truth about the faults is written.")] = None,
    no_serve: Annotated[bool, typer.Option("--no-serve", help="Play on a throw-away database, print the figures and end.")] = False,
    fresh: Annotated[bool, typer.Option("--fresh", help="Remove the world that is kept, after a question, and make a new one.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Answer that question.")] = False,
    port: Annotated[int, typer.Option(min=1, max=65535, help="The port of the pages.")] = PORT,
) -> None:
    """Play real purchases from order to reconciled cash; then serve the pages until Ctrl-C."""
    if isnan(faults):  # it passes every comparison with a bound
        raise typer.BadParameter("--faults is a share between 0 and 0.5")
    if (fresh and no_serve) or (yes and not fresh):
        raise typer.BadParameter("--fresh is for a world that is kept, not for --no-serve; --yes answers what --fresh asks")
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
    asked = Asked(days, seed, as_of, faults, out)
    if no_serve:
        _throw_away(asked)
        return
    processes.free_port(HOST, port)
    _ask_for_room(asked, fresh=fresh)
    if fresh:
        kept.remove(installation.home(), yes=yes)
    _serve(asked, port)


def _throw_away(asked: Asked) -> None:
    if not os.environ.get("DATABASE_URL"):
        room.to_throw_away(asked.days or DAYS)
    with installation.scratch():
        played = _play(asked, days=DAYS, as_of=AS_OF_UNSERVED, close_last=True)
    _say_where_no_fault_is(asked, played)
    _tell(played)


def _say_where_no_fault_is(asked: Asked, played: Mapping[str, Any]) -> None:
    if asked.faults and not any(played["faults"]["injected"].values()):
        output.say("Too few payments fell due in these days for a fault to be injected: play more of them, or raise --faults.")


def _play(asked: Asked, *, days: int, as_of: date, close_last: bool) -> dict[str, Any]:
    """Plays what was asked for; `days` and `as_of` are those of a world of which nothing was said."""
    from yuefu.sim import play

    with output.progress("days played") as progress:
        return play.play(
            days=asked.days or days,
            seed=kept.SEED if asked.seed is None else asked.seed,
            as_of=asked.as_of or as_of,
            faults=asked.faults,
            vault=context.the_vault(),
            out=asked.out,
            close_last=close_last,
            progress=progress,
        )


def _tell(played: dict[str, Any]) -> None:
    """Prints the figures without the logins, which open nothing any more; exit status 1 where a proof fails."""
    shown = {name: value for name, value in played.items() if name != "logins"}
    wrong = failed_proofs(shown)
    lines = [f"{name}: {value}" for name, value in shown.items() if not isinstance(value, Mapping)]
    lines += [f"{group} {name}: {value}" for group in ("proofs", "faults") for name, value in shown.get(group, {}).items()]
    output.result(shown, [*lines, f"NOT PROVEN: {', '.join(wrong)}" if wrong else "Everything adds up."])
    if wrong:
        raise typer.Exit(FAILED)


def failed_proofs(played: Mapping[str, Any]) -> list[str]:
    """The proofs that do not hold; a world without proofs has proven nothing."""
    proofs: Mapping[str, Any] = played.get("proofs", {})
    wrong = [] if proofs else ["proofs"]
    wrong += [name for name, value in proofs.items() if not _holds(value)]
    faults: Mapping[str, Any] = played.get("faults", {})
    if faults.get("found") != faults.get("injected") or not all(faults.get("same_references", {}).values()):
        wrong.append("faults_found")
    return wrong


def _holds(value: Any) -> bool:
    if isinstance(value, str):
        traced = _TRACED.fullmatch(value)
        return traced is not None and traced[1] == traced[2]
    return value is True


# ------------------------------------------------------------------------------------------------------------------------- the kept world


def _ask_for_room(asked: Asked, *, fresh: bool) -> None:
    """Before anything is removed or played; the disk of a database that was given is not ours to see."""
    at = installation.home()
    if os.environ.get("DATABASE_URL"):
        return
    if kept.is_whole(at) and not fresh:
        room.to_open(at)
    else:
        room.to_play(asked.days or DAYS_SERVED, home=at)


def _serve(asked: Asked, port: int) -> None:
    """Shows the world that is kept here; plays one where there is none."""
    at = installation.home()
    with installation.installed(migrate=True):
        if _is_kept(at):
            output.say(kept.sentence(kept.world(at), asked))
        else:
            _make(at, asked)
        _run(at, port, kept.logins(at))


def _is_kept(at: Path) -> bool:
    from yuefu.runtime import books

    return kept.is_whole(at) and books.by_code(kept.BOOK) is not None


def _make(at: Path, asked: Asked) -> None:
    from yuefu.journeys import jobs
    from yuefu.runtime.clock import system_now

    kept.make_room()
    today = system_now().astimezone(ZONE).date()
    played = _play(asked, days=DAYS_SERVED, as_of=today, close_last=False)
    _say_where_no_fault_is(asked, played)
    wrong = failed_proofs(played)
    if wrong:
        output.say(f"NOT PROVEN: {', '.join(wrong)}")
    kept.keep(at, played)
    given: Any = jobs.make_reports
    given.defer(timestamp=0)  # whoever looks at once would else find none before ten to the hour


def _run(at: Path, port: int, logins: list[dict[str, str]]) -> None:
    """Web server and worker until Ctrl-C; whichever of them ends before takes everything with it."""
    processes.free_port(
        HOST, port
    )  # once more: while the world was played, somebody else may have begun to listen, and would be taken for us
    given = {"YUEFU_DEMO": "1", "YUEFU_HOME": str(at)}
    own = os.environ.get(installation.OWN_CLUSTER) == "1"
    with processes.children() as started:
        if own:
            # They join the cluster by themselves: then it outlives this process, if that is killed, until they have gone as well.
            given |= {"DATABASE_URL": "", installation.OWN_CLUSTER: ""}
        started.append(processes.start("web server", ["serve", "--host", HOST, "--port", str(port)], given))
        started.append(processes.start("worker", ["worker"], given))
        processes.await_listening(HOST, port, started)
        address = f"http://{HOST}:{port}/"
        with processes.until_interrupted():
            output.result({"address": address, "logins": logins}, _welcome(address, logins))
            processes.watch(started)
        output.say("Stopping.")


def _welcome(address: str, logins: list[dict[str, str]]) -> list[str]:
    rows = [(login["role"], login["login"], login["password"]) for login in logins]
    return [
        "",
        f"Yuefu runs on {address}",
        "",
        output.table(["role", "login", "password"], rows),
        "",
        "Ctrl-C stops all of it, the database included.",
    ]
