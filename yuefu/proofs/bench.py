"""Benchmarks, each with its yardstick from the same run: pgbench on the same server with the same settings, before and after.

Yardstick: `pgbench -i -s 16`, then `pgbench -n -c 16 -j 2 -T 10 -M simple`; `pgbench_tps` is the mean of both runs. A figure says
little by itself, because machines differ and are noisy; the ratio to the yardstick says what the design is worth.
"""

from __future__ import annotations

import os
import random
import re
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import date, datetime, time, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final
from zoneinfo import ZoneInfo

import psycopg
from psycopg import sql as pgsql

from yuefu.consumers import commands as consumers
from yuefu.credit import commands as credit
from yuefu.credit.commands import OpenAccount
from yuefu.ids import IdSource
from yuefu.journeys import checkout
from yuefu.journeys.checkout import Authorised, Captured, Purchase, Quoted, Wish
from yuefu.journeys.desk import Desk, open_day
from yuefu.money.amounts import Money
from yuefu.orders.commands import CaptureRequest
from yuefu.payments.gateways.sandbox import SandboxBank, SandboxChannel
from yuefu.proofs.big_balance import big_balance
from yuefu.runtime import cluster, provision, vault
from yuefu.runtime.beside import Beside
from yuefu.runtime.clock import stopwatch
from yuefu.runtime.values import Book, UnitOfWork, system_actor
from yuefu.runtime.vault import Vault
from yuefu.sim import people, play, world
from yuefu.sim.world import World

SCALE, CLIENTS, SECONDS, THREADS = 16, 16, 10, 2
BATCH: Final = 500
UNKNOWN: Final = "unknown_benchmark"
DAY: Final = date(2026, 10, 1)


def print_nothing(text: str) -> None:
    """Progress that nobody watches."""
    del text


class UnknownBenchmark(ValueError):
    """There is no benchmark of that name."""


def run(name: str | None = None, *, say: Callable[[str], None] = print_nothing) -> dict[str, Any]:
    """One benchmark or all; each beside pgbench of the same run. Raises UnknownBenchmark."""
    if name is not None and name not in BENCHMARKS:
        raise UnknownBenchmark(f"there is no benchmark {name!r:.40}; there are {', '.join(sorted(BENCHMARKS))}")
    wanted = [name] if name else list(BENCHMARKS)
    with _yardstick() as measure:
        say("pgbench before")
        before = measure()
        figures: dict[str, Any] = {}
        for each in wanted:
            say(each)
            figures.update(BENCHMARKS[each]())
        say("pgbench after")
        after = measure()
    tps = (before + after) / 2
    ratios = {f"{key}_per_pgbench_tps": round(value / tps, 2) for key, value in figures.items() if key.endswith("_per_s")}
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


def loop() -> dict[str, Any]:
    """Authorise in batches of 500 through the journey: keys, features, decision, hold, order, decision record, event, audit; one commit a
    batch, two batches at a time, by two processes as a server has them. The quotes were shown before, as in life. Then the same orders are
    captured, each with its loan and both its entries.
    """
    with _bench_world() as (made, now), _tills(made) as both:
        shoppers = _shoppers(made, now, 2_000)
        purchases = _purchases(made, now, shoppers, 44 * BATCH)
        _at_both(both, "authorise", _halves(purchases[: 4 * BATCH]), now)
        rest = _halves(purchases[4 * BATCH :])
        began = stopwatch()
        outcomes = _at_both(both, "authorise", rest, now)
        seconds = stopwatch() - began
        bought = [p for half in rest for p in half]  # in the order of the outcomes
        approved = [(p.merchant_id, o.order_id) for p, o in zip(bought, outcomes, strict=True) if o.approved]
        assert len(approved) > 0.9 * len(outcomes), "the benchmark is of approved orders"
        captures = [CaptureRequest(f"bench:{order_id}", shop, order_id) for shop, order_id in approved[: 10 * BATCH]]
        began = stopwatch()
        _at_both(both, "capture", (captures[: 5 * BATCH], captures[5 * BATCH :]), now)
        capture_seconds = stopwatch() - began
    return {
        "core_orders_per_s": round(len(outcomes) / seconds, 1),
        "core_captures_per_s": round(len(captures) / capture_seconds, 1),
        "core_orders": len(outcomes),
    }


def _halves(purchases: list[Purchase]) -> tuple[list[Purchase], list[Purchase]]:
    """Two halves that share no consumer, so that neither waits for the other's credit lines."""
    first = [p for p in purchases if p.consumer_id.int % 2]
    return first, [p for p in purchases if not p.consumer_id.int % 2]


class Till:
    """One of the processes that work at the same time, with a source of ids of its own."""

    def __init__(self, given: tuple[Book, Vault, int]) -> None:
        book, keys, number = given
        ids = IdSource(random.Random(f"till:{number}").getrandbits)
        self._desk = Desk(book, system_actor("bench"), ids, keys, SandboxChannel(book), SandboxBank(book))

    def authorise(self, purchases: list[Purchase], now: datetime) -> list[Authorised]:
        """Authorises in batches, a second apart."""
        outcomes: list[Authorised] = []
        for start in range(0, len(purchases), BATCH):
            later = now + timedelta(seconds=start // BATCH)
            for outcome in checkout.authorise(desk=self._desk, now=later, purchases=purchases[start : start + BATCH]):
                assert isinstance(outcome, Authorised), outcome
                outcomes.append(outcome)
        return outcomes

    def capture(self, captures: list[CaptureRequest], now: datetime) -> list[Captured]:
        """Captures in batches."""
        done: list[Captured] = []
        for start in range(0, len(captures), BATCH):
            for outcome in checkout.capture(desk=self._desk, now=now, requests=captures[start : start + BATCH]):
                assert isinstance(outcome, Captured), outcome
                done.append(outcome)
        return done


@contextmanager
def _tills(made: World) -> Iterator[tuple[Beside, Beside]]:
    with ExitStack() as stack:
        first, second = (
            stack.enter_context(Beside("yuefu.proofs.bench:Till", (made.desk.book, made.desk.vault, number))) for number in (1, 2)
        )
        yield first, second


def _at_both(both: tuple[Beside, Beside], act: str, halves: tuple[list[Any], list[Any]], now: datetime) -> list[Any]:
    for till, half in zip(both, halves, strict=True):
        till.tell(act, half, now)
    return [outcome for till in both for outcome in till.answer()]


def demo() -> dict[str, Any]:
    """Thirty days of the purchase log end to end, closes, files and reconciliation included."""
    with TemporaryDirectory() as directory:
        keys = vault.create(Path(directory) / "keys.json")
        result = play.play(days=30, seed=7, as_of=date(2026, 10, 31), faults=0.002, vault=keys)
    assert play.holds(result), result
    return {"demo_orders_per_s": result["orders_per_second"], "demo_orders": result["orders"], "demo_seconds": result["seconds"]}


BENCHMARKS: Final[dict[str, Callable[[], dict[str, Any]]]] = {"loop": loop, "demo": demo, "ledger": big_balance}


@contextmanager
def _bench_world() -> Any:
    with TemporaryDirectory() as directory:
        keys = vault.create(Path(directory) / "keys.json")
        made = world.found(first_day=DAY, seed=1, vault=keys, months=2, code=f"bench-{os.getpid()}", people=False)
        yield made, datetime.combine(DAY, time(12), ZoneInfo("Asia/Shanghai"))


def _shoppers(made: World, now: datetime, count: int) -> list[Any]:
    """Adults with a limit that the benchmark does not exhaust."""
    adults = [people.customer(number=f"{n:05d}", seed=1, as_of=DAY) for n in range(1, count + 1)]
    with open_day(made.desk, now) as work:
        assert isinstance(work, UnitOfWork)
        ids = consumers.register(work=work, vault=made.desk.vault, consumers=[a.new for a in adults])
        limit = Money(10_000_000, "CNY")
        accounts = [OpenAccount(f"bench:{i}", i, limit, 8, 8, 1) for i in ids if not hasattr(i, "code")]
        credit.open_accounts(work=work, accounts=accounts)
    return ids


def _purchases(made: World, now: datetime, shoppers: list[Any], count: int) -> list[Purchase]:
    wishes = [
        Wish(made.shops[n % 3], shoppers[n % len(shoppers)], "free", Money(100_00 + (n % 50) * 1_00, "CNY"), (3, 6, 12)[n % 3])
        for n in range(count)
    ]
    quoted: list[Any] = []
    for start in range(0, count, 10 * BATCH):
        quoted += checkout.quote(desk=made.desk, now=now, wishes=wishes[start : start + 10 * BATCH])
    assert all(isinstance(q, Quoted) for q in quoted)
    return [
        Purchase(f"bench:{n}", wish.merchant_id, f"BENCH-{n}", wish.consumer_id, q.quote_id)  # type: ignore[arg-type]
        for n, (wish, q) in enumerate(zip(wishes, quoted, strict=True))
    ]
