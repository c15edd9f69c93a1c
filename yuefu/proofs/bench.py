"""Benchmarks, each with its yardstick from the same run: pgbench on the same server with the same settings, before and after; for the
arithmetic of plans, which needs no server, the numpy libraries that do a part of it (`bench_plans`); for matching files, SQL by hand (`bench_reconcile`).

Yardstick: `pgbench -i -s 16`, then `pgbench -n -c 16 -j 2 -T 10 -M simple`; `pgbench_tps` is the mean of both runs. A figure says
little by itself, because machines differ and are noisy; the ratio to the yardstick says what the design is worth.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable
from contextlib import contextmanager
from datetime import date
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import psycopg
from psycopg import sql as pgsql

from yuefu.orders.commands import CaptureRequest
from yuefu.proofs import (
    bench_api,
    bench_checkout,
    bench_close,
    bench_plans,
    bench_reconcile,
    bench_settlement,
    bench_webhooks,
    bench_world,
    big_balance,
)
from yuefu.proofs.bench_close import Watch, unwatched
from yuefu.proofs.bench_world import BATCH
from yuefu.runtime import cluster, provision, vault
from yuefu.sim import play

SCALE, CLIENTS, SECONDS, THREADS = 16, 16, 10, 2
UNKNOWN: Final = "unknown_benchmark"
PLANS: Final = "plans"
RECONCILE: Final = "reconcile"
"""Of as many rows as one likes."""
WITHOUT_DATABASE: Final = (PLANS, RECONCILE)
CLOSE: Final = "close-of-day"
"""The one whose book may be of any size."""

SETTLEMENT: Final = "settlement"
"""The one that pays for as many orders as one likes."""

Say = Callable[[str], None]


def print_nothing(text: str) -> None:
    """Progress that nobody watches."""
    del text


class UnknownBenchmark(ValueError):
    """There is no benchmark of that name."""


def run(
    name: str | None = None,
    *,
    say: Say = print_nothing,
    loans: int = bench_close.LOANS,
    orders: int = bench_settlement.ORDERS,
    merchants: int = bench_settlement.MERCHANTS,
    rows: int = bench_reconcile.ROWS,
    watch: Watch = unwatched,
) -> dict[str, Any]:
    """One benchmark or all; beside pgbench of the same run, if it needs a database. `loans` are in the book whose days are closed, `orders` of `merchants`
    are settled, and `watch` shows how far that is; `rows` has each side that is matched. Raises UnknownBenchmark."""
    if name is not None and name not in BENCHMARKS:
        raise UnknownBenchmark(f"there is no benchmark {name!r:.40}; there are {', '.join(sorted(BENCHMARKS))}")
    wanted = [name] if name else list(BENCHMARKS)
    benchmarks: dict[str, Callable[[Say], dict[str, Any]]] = {
        **BENCHMARKS,
        CLOSE: partial(bench_close.measure, loans=loans, watch=watch),
        SETTLEMENT: partial(bench_settlement.measure, orders=orders, merchants=merchants, watch=watch),
        RECONCILE: partial(bench_reconcile.measure, rows=rows),
    }
    if name in WITHOUT_DATABASE:
        return {"benchmarks": wanted, **benchmarks[name](say)}
    with _yardstick() as measure:
        say("pgbench before")
        before = measure()
        figures: dict[str, Any] = {}
        for each in wanted:
            say(each)
            figures.update(benchmarks[each](say))
        say("pgbench after")
        after = measure()
    tps = (before + after) / 2
    served = {key: value for key, value in figures.items() if key.endswith("_per_s") and key not in bench_plans.FIGURES}
    ratios = {f"{key}_per_pgbench_tps": round(value / tps, 2) for key, value in served.items()}
    return {
        "benchmarks": wanted,
        **figures,
        **ratios,
        "pgbench_tps": round(tps, 1),
        "pgbench": {"scale": SCALE, "clients": CLIENTS, "before": round(before, 1), "after": round(after, 1)},
        "settings": _settings(),
    }


@contextmanager
def _yardstick() -> Any:
    """A scratch database for pgbench on the server of the benchmark, made and dropped as its owner."""
    url = os.environ["DATABASE_URL"]
    name = f"yuefu_pgbench_{os.getpid()}"
    with psycopg.connect(url, autocommit=True) as owner:
        owner.execute(pgsql.SQL("CREATE DATABASE {}").format(pgsql.Identifier(name)))
        parts = owner.info
        environment = {
            **os.environ,
            "PGHOST": parts.host,
            "PGPORT": str(parts.port),
            "PGUSER": parts.user,
            "PGPASSWORD": parts.password,
            "PGDATABASE": name,
        }
    program = str(cluster.binaries() / "pgbench")

    def measure() -> float:
        done = subprocess.run(
            [program, "-n", "-c", str(CLIENTS), "-j", str(THREADS), "-T", str(SECONDS), "-M", "simple"],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
        found = re.search(r"tps = ([0-9.]+)", done.stdout)
        assert found, done.stdout
        return float(found.group(1))

    try:
        subprocess.run([program, "-i", "-q", "-s", str(SCALE)], env=environment, capture_output=True, check=True)
        yield measure
    finally:
        with psycopg.connect(url, autocommit=True) as owner:
            provision.drop_database(owner, name)


def _settings() -> dict[str, str]:
    """What makes a commit durable, as the server has it."""
    names = ["server_version", "fsync", "synchronous_commit", "full_page_writes", "shared_buffers", "max_wal_size"]
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as owner:
        return {name: str(owner.execute("SELECT current_setting(%s)", [name]).fetchone()[0]) for name in names}  # type: ignore[index]


# ------------------------------------------------------------------------------------------------------------------------- benchmarks


def loop(_say: Say) -> dict[str, Any]:
    """Authorise in batches of 500 through the journey, two batches at a time, by two processes as a server has them; then the same orders
    are captured, each with its loan and both its entries.
    """
    with bench_world.opened() as made, bench_world.tills(made) as both:
        shoppers = bench_world.shoppers(made, 2_000)
        purchases = bench_world.purchases(made, shoppers, made.shops, 44 * BATCH, "loop")
        bench_world.at_both(both, "authorise", bench_world.halves(purchases[: 4 * BATCH]))
        rest = bench_world.halves(purchases[4 * BATCH :])
        outcomes, seconds = bench_world.at_both(both, "authorise", rest)
        bought = [p for half in rest for p in half]  # in the order of the outcomes
        approved = [(p.merchant_id, o.order_id) for p, o in zip(bought, outcomes, strict=True) if o.approved]
        assert len(approved) > 0.9 * len(outcomes), "the benchmark is of approved orders"
        captures = [CaptureRequest(f"bench:{order_id}", shop, order_id) for shop, order_id in approved[: 10 * BATCH]]
        _, capture_seconds = bench_world.at_both(both, "capture", (captures[: 5 * BATCH], captures[5 * BATCH :]))
    return {
        "core_orders_per_s": round(len(outcomes) / seconds, 1),
        "core_captures_per_s": round(len(captures) / capture_seconds, 1),
        "core_orders": len(outcomes),
    }


def demo(_say: Say) -> dict[str, Any]:
    """Thirty days of the purchase log end to end, closes, files and reconciliation included."""
    with TemporaryDirectory() as directory:
        keys = vault.create(Path(directory) / "keys.json")
        result = play.play(days=30, seed=7, as_of=date(2026, 10, 31), faults=0.002, vault=keys)
    assert play.holds(result), result
    return {"demo_orders_per_s": result["orders_per_second"], "demo_orders": result["orders"], "demo_seconds": result["seconds"]}


def _api(say: Say) -> dict[str, Any]:
    """What merchants ask, and what they are told."""
    return {**bench_api.measure(say), **bench_webhooks.measure(say)}


BENCHMARKS: Final[dict[str, Callable[[Say], dict[str, Any]]]] = {
    "checkout": bench_checkout.measure,
    "api": _api,
    "loop": loop,
    "demo": demo,
    "ledger": big_balance.measure,
    PLANS: bench_plans.measure,
    CLOSE: bench_close.measure,
    SETTLEMENT: bench_settlement.measure,
    RECONCILE: bench_reconcile.measure,
}
