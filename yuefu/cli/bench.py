"""`yuefu bench`: how fast it is. Each benchmark works on a database of its own, but for `plans` and `reconcile`, which need none."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from yuefu.cli import installation, output
from yuefu.cli.faults import fail
from yuefu.cli.proofs import tell

if TYPE_CHECKING:
    from yuefu.proofs import bench_plans

BENCH_LOANS: Final = 100_000
BENCH_ORDERS, BENCH_MERCHANTS = 1_000_000, 10_000
BENCH_ROWS: Final = 1_000_000


def register(app: typer.Typer) -> None:
    app.command("bench")(bench)


def bench(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="[NAME]",
            help="checkout, api, close-of-day, settlement, ledger, loop, demo, plans or reconcile; all unless given.",
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
        tell(found, _beside_bars(found))
        return
    if name in {None, benchmarks.RECONCILE}:
        _require_room_for(rows, "rows", match_sides.BYTES_A_ROW)
    if name == benchmarks.RECONCILE:
        found = benchmarks.run(name, say=output.say, rows=rows)
        tell(found, _matching_beside_bars(found))
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
        tell(benchmarks.run(name, say=output.say, loans=loans, orders=sold, merchants=sellers, rows=rows, watch=output.progress))


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
