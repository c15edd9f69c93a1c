"""`yuefu prove`: that nothing gets lost. Each proof works on a database of its own, but for `reconcile-spark`, which needs none."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Annotated, Any, Final

import typer

from yuefu.cli import context, installation, output
from yuefu.cli.faults import FAILED, fail

ROUNDS: Final = 50
CLOSES: Final = 30
SEEDS: Final = 60
DAYS: Final = 3
RECONCILED_DAYS: Final = 120
ORDERS: Final = 10_000_000
FEWEST: Final = 1_000
SOLD: Final = 200
RACES: Final = 20
EXAMPLES: Final = 500
LIVES: Final = 2_000
DEALINGS: Final = 300
REQUESTS: Final = 60
DAYS_OF_BILLS: Final = 365
SPARK_ROWS: Final = 50_000
FULL_AT_LEAST: Final = 0.8
"""Orders a second beside so many that are there already, to those without."""


def register(app: typer.Typer) -> None:
    app.command("prove")(prove)


def prove(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="[NAME]",
            help="matrix, crash, close-of-day, faults, races, machine, loans, bills, parties, api, merchant, reconciliation, reconcile-spark"
            " or full; all unless given.",
        ),
    ] = None,
    rounds: Annotated[
        int | None,
        typer.Option(
            min=1, max=10_000, help=f"crash, close-of-day: so many rounds, something broken in each; {ROUNDS} and {CLOSES} unless given."
        ),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(min=0, help="crash, close-of-day, faults, merchant, reconciliation: the dice; for faults this one seed only."),
    ] = None,
    seeds: Annotated[int, typer.Option(min=1, max=100_000, help="faults: so many seeds, from 0 on.")] = SEEDS,
    days: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=540,
            help=f"faults: days of each seed; reconciliation: days of the played world; {DAYS} and {RECONCILED_DAYS} unless given.",
        ),
    ] = None,
    races: Annotated[int, typer.Option(min=1, max=1_000, help="races: so often each two verbs of money meet.")] = RACES,
    examples: Annotated[int, typer.Option(min=1, max=1_000_000, help="machine: so many sequences of transfers.")] = EXAMPLES,
    lives: Annotated[int, typer.Option(min=1, max=1_000_000, help="loans: so many lives of loans for each promise.")] = LIVES,
    billed: Annotated[int, typer.Option(min=150, max=3_650, help="bills: so many days of four people who pay them.")] = DAYS_OF_BILLS,
    dealings: Annotated[
        int, typer.Option(min=1, max=1_000_000, help="parties: so many dealings with merchants for each promise.")
    ] = DEALINGS,
    requests: Annotated[
        int, typer.Option(min=11, max=100_000, help="api: so many requests for each route, and as many that it has to refuse.")
    ] = REQUESTS,
    rows: Annotated[int, typer.Option(min=1_000, max=100_000_000, help="reconcile-spark: so many rows on each side.")] = SPARK_ROWS,
    orders: Annotated[
        int | None,
        typer.Option(
            min=8,
            max=1_000_000_000,
            help=f"full: orders that are there already, 1,000 or more; merchant: orders that it sells; {ORDERS} and {SOLD} unless given.",
        ),
    ] = None,
) -> None:
    """The proofs that take longer than a test: nothing is lost or doubled, whatever is killed, cut or fails or comes at once, the ledger
    answers as its model does, loans and their bills are right to the cent whatever happens to them, whatever a contract says all parties
    together have what came in, the API answers as it is described whatever is sent, a merchant that has nothing but it keeps the books
    that we do, every difference of a spoilt bill is found and mended, a cluster matches as one machine does, and a full database is no
    slower than an empty one. Exit status 1 unless all hold.
    """
    proofs: dict[str, tuple[Callable[[], dict[str, Any]], dict[str, int | None]]] = {
        "matrix": (_matrix, {}),
        "crash": (lambda: _crash(rounds or ROUNDS, seed), {"--rounds": rounds, "--seed": seed}),
        "close-of-day": (lambda: _closes(rounds or CLOSES, seed), {"--rounds": rounds, "--seed": seed}),
        "faults": (
            lambda: _faults(range(seeds) if seed is None else [seed], days or DAYS),
            {"--seeds": seeds, "--days": days, "--seed": seed},
        ),
        "races": (lambda: _at_length("races", races), {"--races": races}),
        "machine": (lambda: _at_length("machine", examples), {"--examples": examples}),
        "loans": (lambda: _at_length("loans", lives), {"--lives": lives}),
        "bills": (lambda: _at_length("bills", billed), {"--billed": billed}),
        "parties": (lambda: _at_length("parties", dealings), {"--dealings": dealings}),
        "api": (lambda: _at_length("api", requests), {"--requests": requests}),
        "merchant": (lambda: _merchant(orders or SOLD, seed), {"--seed": seed}),
        "reconciliation": (lambda: _reconciliation(days or RECONCILED_DAYS, seed), {"--days": days, "--seed": seed}),
        "reconcile-spark": (lambda: _on_spark(rows), {"--rows": rows}),
        "full": (lambda: _full(orders or ORDERS), {"--orders": orders}),
    }
    if name != "merchant" and orders is not None and orders < FEWEST:
        raise typer.BadParameter(f"a full database has {FEWEST:,} orders or more", param_hint="--orders")
    if name is not None and name not in proofs:
        fail("unknown_proof", f"There is no proof {name!r:.40}; there are {', '.join(sorted(proofs))}.")
    if name is None:
        _all({each: options for each, (_, options) in proofs.items()})
    else:
        tell(proofs[name][0]())


def _last_words(error: BaseException) -> str:
    """The last line of what went wrong that says something: PostgreSQL ends with one that points at a place of the statement."""
    lines = [line for line in str(error).splitlines() if line.strip(" ^") and not line.startswith("LINE ")]
    return lines[-1].strip() if lines else type(error).__name__


def _all(proofs: Mapping[str, Mapping[str, int | None]]) -> None:
    """Every proof, whatever becomes of the others."""
    from yuefu.proofs import all_of_them

    found = all_of_them.run({name: _command(name, options) for name, options in proofs.items()}, say=output.say)
    lines = [f"{name}: {all_of_them.verdict(one)} ({one['seconds']:.0f} seconds)" for name, one in found.items()]
    cases = found.get("matrix", {}).pop("cases", [])
    tell({"cases": cases, **found, "ok": all(one["ok"] for one in found.values())}, lines)


def _command(name: str, options: Mapping[str, int | None]) -> list[str]:
    """This program with the name and options of a proof."""
    given = [word for option, value in options.items() if value is not None for word in (option, str(value))]
    return [sys.executable, "-m", "yuefu.cli.main", "prove", name, *given, "--json"]


def _matrix() -> dict[str, Any]:
    from yuefu.proofs import prove as matrix

    with installation.scratch():
        return matrix.run(say=output.say)


def _crash(rounds: int, seed: int | None) -> dict[str, Any]:
    """In an installation of its own, also where DATABASE_URL is given: nobody else's server is killed."""
    from yuefu.proofs import crash

    try:
        return crash.run(rounds=rounds, seed=crash.SEED if seed is None else seed, say=output.say)
    except crash.Broken as error:
        fail("proof_broken", f"The proof could not be carried out: {_last_words(error):.300}")


def _closes(rounds: int, seed: int | None) -> dict[str, Any]:
    """Each round in two databases of its own, beside the one that they are copies of."""
    with installation.scratch():
        from yuefu.proofs import close_crash

        try:
            return close_crash.run(rounds=rounds, seed=close_crash.SEED if seed is None else seed, say=output.say)
        except close_crash.Broken as error:
            fail("proof_broken", f"The proof could not be carried out: {_last_words(error):.300}")


def _faults(seeds: Sequence[int], days: int) -> dict[str, Any]:
    with installation.scratch():
        from yuefu.proofs import faults

        return faults.run(seeds=seeds, days=days, vault=context.the_vault(), say=output.say)


def _reconciliation(days: int, seed: int | None) -> dict[str, Any]:
    with installation.scratch():
        from yuefu.proofs import reconciliation

        dice = reconciliation.SEED if seed is None else seed
        return reconciliation.run(days=days, seed=dice, vault=context.the_vault(), say=output.say)


def _at_length(name: str, count: int) -> dict[str, Any]:
    """With databases of its own, as the tests that it is."""
    from yuefu.proofs import tests_at_length

    return tests_at_length.run(name, count, say=output.say)


def _merchant(orders: int, seed: int | None) -> dict[str, Any]:
    """In an installation of its own, as `_crash`."""
    from yuefu.proofs.merchant import running

    try:
        return running.run(orders=orders, seed=running.SEED if seed is None else seed, say=output.say)
    except running.Broken as error:
        fail("proof_broken", f"The proof could not be carried out: {_last_words(error):.300}")


def _on_spark(rows: int) -> dict[str, Any]:
    from yuefu.proofs import reconcile_spark

    return reconcile_spark.run(rows=rows, say=output.say)


def _full(orders: int) -> dict[str, Any]:
    """Left out, and said so, where the disk has no room for so many orders."""
    from yuefu.proofs import bench_checkout
    from yuefu.proofs.bench_fill import BYTES_AN_ORDER

    needed, free = orders * BYTES_AN_ORDER, shutil.disk_usage(tempfile.gettempdir()).free
    if free < needed:
        room = f"{orders:,} orders take {needed // 10**9} GB, {tempfile.gettempdir()} has {free // 10**9}; give fewer with --orders"
        return {"left_out": room, "ok": True}
    with installation.scratch():
        return _fast_enough(bench_checkout.beside(orders, output.say))


def _fast_enough(found: dict[str, Any]) -> dict[str, Any]:
    (ratio,) = (value for figure, value in found.items() if figure.endswith("_ratio"))
    return {**found, "at_least": FULL_AT_LEAST, "ok": ratio >= FULL_AT_LEAST}


def tell(found: dict[str, Any], text: str | Iterable[str] = "") -> None:
    """Prints what was found; exit status 1 where it says that something does not hold."""
    output.result(found, text)
    if found.get("ok") is False:
        raise typer.Exit(FAILED)
