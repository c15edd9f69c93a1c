"""`yuefu demo`: a world of real purchases, played on a throw-away database, or kept and served with its pages."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from datetime import date
from math import isnan
from pathlib import Path
from typing import Annotated, Any, Final
from zoneinfo import ZoneInfo

import typer

from yuefu.cli import context, inputs, output, processes
from yuefu.cli.faults import FAILED, fail
from yuefu.cli.serve import HOST, PORT

BOOK: Final = "demo"
DAYS: Final = 120
DAYS_SERVED: Final = 45
"""Enough for repayments, refunds and late payers, in a fraction of the time of a whole world."""
DAYS_OF_THE_LOG: Final = 546
SEED: Final = 7
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
    seed: Annotated[int, typer.Option(min=0, max=2**63 - 1, help="Chooses people and faults; the same seed gives the same world.")] = SEED,
    as_of: Annotated[
        date | None,
        typer.Option(metavar="DATE", parser=inputs.day, help=f"The last day played; today unless given, {AS_OF_UNSERVED} with --no-serve."),
    ] = None,
    faults: Annotated[
        float, typer.Option(min=0.0, max=0.5, help="The share of payments, one an order, whose bill lines are spoilt.")
    ] = 0.0,
    out: Annotated[Path | None, typer.Option(metavar="DIR", help="Where the truth about the faults is written.")] = None,
    no_serve: Annotated[bool, typer.Option("--no-serve", help="Play on a throw-away database, print the figures and end.")] = False,
    port: Annotated[int, typer.Option(min=1, max=65535, help="The port of the pages.")] = PORT,
) -> None:
    """Play real purchases from order to reconciled cash; then serve the pages until Ctrl-C."""
    if isnan(faults):  # it passes every comparison with a bound
        raise typer.BadParameter("--faults is a share between 0 and 0.5")
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
    if no_serve:
        with context.scratch():
            played = _play(days or DAYS, seed, as_of or AS_OF_UNSERVED, faults, out, close_last=True)
        if faults and not any(played["faults"]["injected"].values()):
            output.say("Too few payments fell due in these days for a fault to be injected: play more of them, or raise --faults.")
        _tell(played)
    else:
        _serve(days or DAYS_SERVED, seed, as_of, faults, out, port)


def _play(days: int, seed: int, as_of: date, faults: float, out: Path | None, *, close_last: bool) -> dict[str, Any]:
    from yuefu.sim import play

    vault = context.the_vault()
    with output.progress("days played") as progress:
        return play.play(days=days, seed=seed, as_of=as_of, faults=faults, vault=vault, out=out, close_last=close_last, progress=progress)


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


def _serve(days: int, seed: int, as_of: date | None, faults: float, out: Path | None, port: int) -> None:
    processes.free_port(HOST, port)
    at = context.home()
    with context.installed(migrate=True):
        if not _is_kept(at):
            from yuefu.runtime.clock import system_now

            _begin(at)
            today = system_now().astimezone(ZONE).date()
            played = _play(days, seed, as_of or today, faults, out, close_last=False)
            _keep(at, played)
        logins = json.loads((at / "demo" / "logins.json").read_text(encoding="utf-8"))
        _run(at, port, logins)


def _is_kept(at: Path) -> bool:
    """Whether a whole world is there; one whose making was interrupted is not."""
    from yuefu.runtime import books

    return (at / "demo" / "world.json").exists() and (at / "demo" / "logins.json").exists() and books.by_code(BOOK) is not None


def _begin(at: Path) -> None:
    """Makes room for a new world. What an interrupted demo left is removed, if nothing else lives in that database."""
    from yuefu.runtime import books

    found = books.all_books()
    if not found:
        return
    if os.environ.get(context.OWN_CLUSTER) != "1" or any(book.code != BOOK or book.mode != "test" for book in found):
        fail(
            "world_incomplete",
            f"The database has books but {at}/demo has no whole world: choose another place with --home, or an empty database.",
        )
    output.say("The world here was not finished; it is made anew.")
    context.empty_own_database()


def _keep(at: Path, played: dict[str, Any]) -> None:
    """Writes down the logins and, last of all, that the world is whole."""
    wrong = failed_proofs(played)
    if wrong:
        output.say(f"NOT PROVEN: {', '.join(wrong)}")
    place = at / "demo"
    place.mkdir(mode=0o700, exist_ok=True)
    logins = [_plain(login) for login in played.pop("logins", [])]
    _write(place / "logins.json", json.dumps(logins, ensure_ascii=False))
    from yuefu.runtime.jsontext import dumps

    _write(place / "world.json", dumps(played))


def _plain(login: Any) -> dict[str, str]:
    given = login if isinstance(login, Mapping) else {name: getattr(login, name) for name in ("role", "login", "password")}
    return {name: str(given[name]) for name in ("role", "login", "password")}


def _write(path: Path, text: str) -> None:
    """Whole or not at all, also through a power cut."""
    fresh = path.with_suffix(".new")
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)


def _run(at: Path, port: int, logins: list[dict[str, str]]) -> None:
    """Web server and worker until Ctrl-C; whichever of them ends before takes everything with it."""
    given = {"YUEFU_DEMO": "1", "YUEFU_HOME": str(at)}
    own = os.environ.get(context.OWN_CLUSTER) == "1"
    with processes.children() as started:
        if own:
            # They join the cluster by themselves: then it outlives this process, if that is killed, until they have gone as well.
            given |= {"DATABASE_URL": "", context.OWN_CLUSTER: ""}
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
