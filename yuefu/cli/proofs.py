"""`yuefu bench`, `yuefu prove` and `yuefu conform`: how fast it is, that nothing gets lost, that it answers as others do. Each works on a
database of its own, but for what needs none: `bench plans`, `bench reconcile`, `prove reconcile-spark`, `conform loans` and `conform apr`.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from yuefu.cli import context, inputs, installation, output
from yuefu.cli.faults import FAILED, fail

if TYPE_CHECKING:
    from yuefu.proofs import bench_plans, conform
    from yuefu.proofs.cases import Report


ROUNDS: Final = 50
CLOSES: Final = 30
SEEDS: Final = 60
DAYS: Final = 3
RECONCILED_DAYS: Final = 120
ORDERS: Final = 10_000_000
RACES: Final = 20
EXAMPLES: Final = 500
LIVES: Final = 2_000
DAYS_OF_BILLS: Final = 365
BENCH_LOANS: Final = 100_000
BENCH_ORDERS, BENCH_MERCHANTS = 1_000_000, 10_000
BENCH_ROWS: Final = 1_000_000
SPARK_ROWS: Final = 50_000
FULL_AT_LEAST: Final = 0.8
"""Orders a second beside so many that are there already, to those without."""

conform_app = typer.Typer(no_args_is_help=True, help="Play scripts that say what should come out.")


def register(app: typer.Typer) -> None:
    app.command("bench")(bench)
    app.command("prove")(prove)
    app.add_typer(conform_app, name="conform")


def bench(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="[NAME]", help="checkout, close-of-day, settlement, ledger, loop, demo, plans or reconcile; all unless given."
        ),
    ] = None,
    loans: Annotated[
        int, typer.Option(min=1_000, max=20_000_000, help="close-of-day: so many loans in the book whose days are closed.")
    ] = BENCH_LOANS,
    orders: Annotated[
        int | None,
        typer.Option(
            min=100,
            max=20_000_000,
            help=f"settlement: so many orders on one pay day; {BENCH_ORDERS:,}, or a tenth of it beside all others.",
        ),
    ] = None,
    merchants: Annotated[
        int | None, typer.Option(min=10, max=1_000_000, help="settlement: so many merchants; a hundredth of the orders unless given.")
    ] = None,
    rows: Annotated[int, typer.Option(min=1_000, max=100_000_000, help="reconcile: so many rows on each side.")] = BENCH_ROWS,
) -> None:
    """Measure, beside pgbench on the same server. Without a server: plans beside numpy-financial and pyxirr, matching beside SQL by hand and pandas."""
    from yuefu.proofs import bench as benchmarks
    from yuefu.proofs import bench_close, bench_settlement, match_sides

    if name is not None and name not in benchmarks.BENCHMARKS:  # asked here, before a database is made for it
        fail(benchmarks.UNKNOWN, f"There is no benchmark {name!r:.40}; there are {', '.join(sorted(benchmarks.BENCHMARKS))}.")
    if name == benchmarks.PLANS:
        found = benchmarks.run(name, say=output.say)
        _tell(found, _beside_bars(found))
        return
    if name in {None, benchmarks.RECONCILE}:
        _require_room_for(rows, "rows", match_sides.BYTES_A_ROW)
    if name == benchmarks.RECONCILE:
        found = benchmarks.run(name, say=output.say, rows=rows)
        _tell(found, _matching_beside_bars(found))
        return
    sold = orders or (BENCH_ORDERS if name == benchmarks.SETTLEMENT else BENCH_ORDERS // 10)
    sellers = merchants or max(sold // (BENCH_ORDERS // BENCH_MERCHANTS), 10)
    if not sellers <= sold <= sellers * bench_settlement.MOST_OF_A_MERCHANT:
        fail(
            "not_so_many", f"A merchant sells 1 to {bench_settlement.MOST_OF_A_MERCHANT:,} orders here: give other --orders or --merchants."
        )
    if name in {None, benchmarks.CLOSE}:
        _require_room(loans, "loans", bench_close.BYTES_A_LOAN)
    if name in {None, benchmarks.SETTLEMENT}:
        _require_room(sold, "orders", bench_settlement.BYTES_AN_ORDER)
    with installation.scratch():
        _tell(benchmarks.run(name, say=output.say, loans=loans, orders=sold, merchants=sellers, rows=rows, watch=output.progress))


def _require_room(count: int, things: str, bytes_each: int) -> None:
    """Where we can see the disk that the database is on: with a server of somebody else's we cannot."""
    if not os.environ.get("DATABASE_URL"):
        _require_room_for(count, things, bytes_each)


def _require_room_for(count: int, things: str, bytes_each: int) -> None:
    needed, at = count * bytes_each, tempfile.gettempdir()
    free = shutil.disk_usage(at).free
    if free < needed:
        fail("no_room", f"{count:,} {things} take {needed // 10**9} GB, {at} has {free // 10**9}: give fewer with --{things}.")


def _beside_bars(found: Mapping[str, Any]) -> list[str]:
    """The figures of plans with what they are held to."""
    from yuefu.proofs import bench_plans

    bars = {bar.figure: bar for bar in bench_plans.bars(found)}
    rows = [[name, _figure(found[name]), *_bar(bars.get(name))] for name in bench_plans.FIGURES]
    lines = [output.table(["figure", "value", "bar", ""], rows)]
    if found["plans_missing"]:
        lines.append(bench_plans.INSTALL.format(", ".join(found["plans_missing"])))
    return lines


def _matching_beside_bars(found: Mapping[str, Any]) -> list[str]:
    """The figures of matching, with what they are held to."""
    from yuefu.proofs import bench_reconcile

    held = {figure: (f"at most {_figure(most)}", "met" if met else "not met") for figure, most, met in bench_reconcile.bars(found)}
    names = [name for name, value in found.items() if not isinstance(value, list | dict)]
    return [output.table(["figure", "value", "bar", ""], [[name, _figure(found[name]), *held.get(name, ("", ""))] for name in names])]


def _bar(bar: bench_plans.Bar | None) -> tuple[str, str]:
    if bar is None:
        return "", ""
    return f"{'at most' if bar.at_most else 'at least'} {_figure(bar.value)}", "met" if bar.met else "not met"


def _figure(value: bool | float | None) -> str:
    if isinstance(value, bool):
        return "yes" if value else "NO"
    return "not installed" if value is None else f"{value:,}"


def prove(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="[NAME]",
            help="matrix, crash, close-of-day, faults, races, machine, loans, bills, reconciliation, reconcile-spark or full; all unless given.",
        ),
    ] = None,
    rounds: Annotated[
        int | None,
        typer.Option(
            min=1, max=10_000, help=f"crash, close-of-day: so many rounds, something broken in each; {ROUNDS} and {CLOSES} unless given."
        ),
    ] = None,
    seed: Annotated[
        int | None, typer.Option(min=0, help="crash, close-of-day, faults, reconciliation: the dice; for faults this one seed only.")
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
    rows: Annotated[int, typer.Option(min=1_000, max=100_000_000, help="reconcile-spark: so many rows on each side.")] = SPARK_ROWS,
    orders: Annotated[int, typer.Option(min=1_000, max=1_000_000_000, help="full: orders that are there already.")] = ORDERS,
) -> None:
    """The proofs that take longer than a test: nothing is lost or doubled, whatever is killed, cut or fails or comes at once, the ledger
    answers as its model does, loans and their bills are right to the cent whatever happens to them, every difference of a spoilt bill is found and
    mended, a cluster matches as one machine does, and a full database is no slower than an empty one. Exit status 1 unless all hold.
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
        "reconciliation": (lambda: _reconciliation(days or RECONCILED_DAYS, seed), {"--days": days, "--seed": seed}),
        "reconcile-spark": (lambda: _on_spark(rows), {"--rows": rows}),
        "full": (lambda: _full(orders), {"--orders": orders}),
    }
    if name is not None and name not in proofs:
        fail("unknown_proof", f"There is no proof {name!r:.40}; there are {', '.join(sorted(proofs))}.")
    if name is None:
        _all({each: options for each, (_, options) in proofs.items()})
    else:
        _tell(proofs[name][0]())


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
    _tell({"cases": cases, **found, "ok": all(one["ok"] for one in found.values())}, lines)


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


@conform_app.command("ledger")
def conform_ledger(file: Annotated[Path, typer.Argument(metavar="FILE.jsonl", help="A script a line; other lines are skipped.")]) -> None:
    """Play ledger scripts (`led-…` with `steps`) through the real ledger; exit status 1 unless all pass."""
    lines = _lines(file)
    from yuefu.proofs import conform

    with installation.scratch(), output.progress("conform ledger") as progress:
        found = conform.run(lines, progress=progress)
    value = {
        "cases": found.cases,
        "passed": found.passed,
        "differs": found.differs,
        "unsupported": found.unsupported,
        "skipped": found.skipped,
    }
    output.result(value, _said(found))
    if not found.all_passed:
        raise typer.Exit(FAILED)


@conform_app.command("apr")
def conform_apr(
    file: Annotated[Path, typer.Argument(metavar="FILE.jsonl", help="A case a line: flows, a law, what it should cost.")],
) -> None:
    """Recompute cases of annual cost by the laws of the EU and UK (eu), the US (regz) and China (cn); exit status 1 unless all pass. No database is
    needed. docs/conform.md has the layout of cases.
    """
    from yuefu.proofs import conform_apr as cases

    _tell_report(cases.run(_lines(file)))


@conform_app.command("loans")
def conform_loans(
    file: Annotated[Path, typer.Argument(metavar="FILE.jsonl", help="A case a line: a loan, what happens to it, what should come of it.")],
    through_db: Annotated[
        bool, typer.Option("--through-db", help="Keep and post each loan in a loan book of its own database, and tell it from there.")
    ] = False,
) -> None:
    """Replay cases of another loan core: schedules, payments, refunds, arrears, bookings; exit status 1 unless all pass. No database is needed, unless
    they are to go through the tables of the loan book and the ledger. docs/conform.md has the layout of cases.
    """
    from yuefu.proofs.conform_loans import running

    lines = _lines(file)
    if not through_db:
        with output.progress("conform loans") as progress:
            report = running.run(lines, progress=progress)
        return _tell_report(report)
    with installation.scratch(), output.progress("conform loans") as progress:
        from yuefu.proofs.conform_loans.through_db import LoanBook, PostedOtherwise

        book = LoanBook()
        report = running.run(lines, progress=progress, course=book.course)
        try:
            book.check()
        except PostedOtherwise as error:
            fail("posted_otherwise", str(error))
    return _tell_report(report)


def _lines(file: Path) -> list[str]:
    """The lines of a file of cases."""
    content = inputs.file_content(file)
    try:
        return content.decode("utf-8-sig").split("\n")
    except UnicodeDecodeError:
        lines = content.split(b"\n")
        bad = next((number for number, line in enumerate(lines, start=1) if not _is_text(line)), 1)
        fail("not_text", f"{file} is not a text in UTF-8: line {bad} has a byte that is none. Save the file as UTF-8.")


def _is_text(line: bytes) -> bool:
    try:
        line.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _tell_report(report: Report) -> None:
    """Prints what came of each case, and the total; exit status 1 unless all pass."""
    output.result(report.to_json(), report.lines())
    if not report.all_passed:
        raise typer.Exit(FAILED)


_NO_SCRIPT: Final = "There is no ledger script in this file (a line of JSON whose id begins with led- and whose `given` has `steps`)"


def _said(found: conform.Found) -> list[str]:
    lines = [f"{d['id']} {output.shown(d['at'])}: expected {d['expected']}, got {d['got']}" for d in found.differs]
    lines += [f"{u['id']}: not supported: {u['key']}" for u in found.unsupported]
    scripts = f"{found.passed} of {found.cases} scripts pass" if found.cases else _NO_SCRIPT
    return [*lines, f"{scripts}; {found.skipped} lines of other kinds were skipped."]


def _tell(found: dict[str, Any], text: str | Iterable[str] = "") -> None:
    """Prints what was found; exit status 1 where it says that something does not hold."""
    output.result(found, text)
    if found.get("ok") is False:
        raise typer.Exit(FAILED)
