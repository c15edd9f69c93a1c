"""What benchmarks work in: a book with shops, shoppers who were shown their prices, and two processes that serve them."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from stdnum.cn import uscc

from yuefu.consumers import commands as consumers
from yuefu.credit import commands as credit
from yuefu.credit.commands import OpenAccount
from yuefu.ids import IdSource
from yuefu.journeys import checkout
from yuefu.journeys.checkout import Authorised, Captured, Purchase, Quoted, Wish
from yuefu.journeys.desk import Desk, open_day
from yuefu.merchants import commands as merchants
from yuefu.merchants.commands import NewMerchant
from yuefu.merchants.rules import ContractTerms
from yuefu.money.amounts import Money
from yuefu.payments.gateways.sandbox import SandboxBank, SandboxChannel
from yuefu.runtime import vault
from yuefu.runtime.beside import Beside
from yuefu.runtime.clock import stopwatch
from yuefu.runtime.values import Book, UnitOfWork, system_actor
from yuefu.runtime.vault import Vault
from yuefu.sim import people, world
from yuefu.sim.world import World

BATCH: Final = 500
DAY: Final = date(2026, 10, 8)
NOON: Final = datetime.combine(DAY, time(12), ZoneInfo("Asia/Shanghai"))
_LIMIT: Final = Money(50_000_000, "CNY")
_CHUNK: Final = 5_000


@dataclass(frozen=True, slots=True)
class Stage(World):
    """A world at noon of its first day, and the file of its keys."""

    keys_file: Path


_numbers = count(1)


@contextmanager
def opened() -> Iterator[Stage]:
    """A book of its own."""
    with TemporaryDirectory() as directory:
        keys_file = Path(directory) / "keys.json"
        no = next(_numbers)  # The same dice would name what is in a second book of one process as what is in the first.
        made = world.found(first_day=DAY, seed=no, vault=vault.create(keys_file), months=2, code=f"bench-{os.getpid()}-{no}", people=False)
        yield Stage(world.at(made.desk, NOON), made.shops, made.logins, keys_file)


def shoppers(made: World, count: int) -> list[UUID]:
    """Adults with a limit that no benchmark exhausts."""
    ids: list[UUID] = []
    for start in range(0, count, _CHUNK):
        adults = [people.customer(number=f"{n:05d}", seed=1, as_of=DAY) for n in range(start + 1, min(start + _CHUNK, count) + 1)]
        with open_day(made.desk, NOON) as work:
            assert isinstance(work, UnitOfWork)
            registered = consumers.register(work=work, vault=made.desk.vault, consumers=[a.new for a in adults])
            new = [i for i in registered if isinstance(i, UUID)]
            accounts = [OpenAccount(f"bench:{i}", i, _LIMIT, 8, 8, 1) for i in new]
            credit.open_accounts(work=work, accounts=accounts)
        ids += new
    return ids


def shops(made: World, count: int) -> list[UUID]:
    """Merchants with a contract."""
    new = [
        NewMerchant(
            key=f"bench:{n}",
            code=f"bench-{n}",
            name_zh=f"商户{n}",
            name_en=f"Shop {n}",
            uscc=_uscc(n),
            industry="media",
            settlement_account=f"62220000{n:08d}",
            settlement_account_kind="corporate",
            contract=ContractTerms(DAY, 6_000, 1, "online", tuple((k, 6_000 * k) for k in (3, 6, 12)), "returned", Money(50_000_00, "CNY")),
        )
        for n in range(count)
    ]
    with open_day(made.desk, NOON) as work:
        assert isinstance(work, UnitOfWork)
        made_ids = merchants.onboard(work=work, vault=made.desk.vault, merchants=new)
    ids = [i for i in made_ids if isinstance(i, UUID)]
    assert len(ids) == count, made_ids[0]
    return ids


def _uscc(n: int) -> str:
    body = f"91310000B{n:08d}"
    return body + uscc.calc_check_digit(body)


def purchases(made: World, people_: Sequence[UUID], at: Sequence[UUID], count: int, tag: str) -> list[Purchase]:
    """Purchases of shoppers in turn at shops in turn, whose quotes were shown before, as in life."""
    wishes = [
        Wish(at[n % len(at)], people_[n % len(people_)], "free", Money(100_00 + (n % 50) * 1_00, "CNY"), (3, 6, 12)[n % 3])
        for n in range(count)
    ]
    quoted: list[Any] = []
    for start in range(0, count, _CHUNK):
        quoted += checkout.quote(desk=made.desk, now=NOON, wishes=wishes[start : start + _CHUNK])
    assert all(isinstance(q, Quoted) for q in quoted)
    return [
        Purchase(f"bench:{tag}:{n}", wish.merchant_id, f"BENCH-{tag}-{n}", person, q.quote_id)
        for n, (wish, q) in enumerate(zip(wishes, quoted, strict=True))
        if (person := wish.consumer_id)
    ]


Halves = tuple[list[Any], list[Any]]


def halves(bought: Sequence[Purchase]) -> Halves:
    """Two halves that share no consumer, so that neither waits for the other's credit lines."""
    first = [p for p in bought if p.consumer_id.int % 2]
    return first, [p for p in bought if not p.consumer_id.int % 2]


class Till:
    """One of the processes that work at the same time, with a source of ids of its own."""

    def __init__(self, given: tuple[Book, Vault, int]) -> None:
        book, keys, number = given
        ids = IdSource(random.Random(f"till:{number}:{os.getpid()}").getrandbits)
        self._desk = Desk(book, system_actor("bench"), ids, keys, SandboxChannel(book), SandboxBank(book))
        self._requests: list[Any] = []
        self._outcomes: list[Any] = []

    def take(self, requests: list[Any]) -> None:
        """Is given what it will be told to do: that way is none of what is measured."""
        self._requests, self._outcomes = requests, []

    def authorise(self, batch: int = BATCH) -> None:
        """Authorises in batches, a moment apart."""
        for start in range(0, len(self._requests), batch):
            later = NOON + timedelta(milliseconds=start)
            self._outcomes += checkout.authorise(desk=self._desk, now=later, purchases=self._requests[start : start + batch])

    def capture(self) -> None:
        """Captures in batches."""
        for start in range(0, len(self._requests), BATCH):
            self._outcomes += checkout.capture(desk=self._desk, now=NOON, requests=self._requests[start : start + BATCH])

    def outcomes(self) -> list[Any]:
        """What became of it, in the order in which it was given."""
        wrong = [outcome for outcome in self._outcomes if not isinstance(outcome, Authorised | Captured)]
        assert not wrong, wrong[0]
        return self._outcomes


@contextmanager
def tills(made: World) -> Iterator[tuple[Beside, Beside]]:
    """Two processes, as a server has them: threads of one Python queue for one lock."""
    with ExitStack() as stack:
        first, second = (
            stack.enter_context(Beside("yuefu.proofs.bench_world:Till", (made.desk.book, made.desk.vault, number))) for number in (1, 2)
        )
        yield first, second


def at_both(both: tuple[Beside, Beside], act: str, given: Halves, *more: object) -> tuple[list[Any], float]:
    """What became of both halves, and how many seconds it took them."""
    for till, half in zip(both, given, strict=True):
        till.call("take", half)
    began = stopwatch()
    for till in both:
        till.tell(act, *more)
    for till in both:
        till.answer()
    seconds = stopwatch() - began
    return [outcome for till in both for outcome in till.call("outcomes")], seconds
