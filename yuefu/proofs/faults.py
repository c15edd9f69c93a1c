"""Seeded faults: a channel, a bank and a database that fail in every way they can, and books that must come out as if they had not.

A small plan is played twice: once with the sandbox as it is, once behind gateways that by the dice of the seed lose calls, carry them out
twice, answer in another order, keep answers back, fail after the effect or lose the reply, and on a connection whose commits fail or are
done without a reply. Whoever acts asks again with the same keys until it is done. The same seed does the same again, so a seed that failed
is kept as a test (`tests/data/fault_seeds.json`).
"""

from __future__ import annotations

import random
import secrets
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from typing import Any, Final
from uuid import UUID

import psycopg
from django.db import OperationalError, connections

from yuefu.consumers import commands as consumers
from yuefu.credit import commands as credit
from yuefu.credit.commands import OpenAccount
from yuefu.errors import Refused
from yuefu.journeys import checkout, close_of_day, jobs, refund, repayment, settlement
from yuefu.journeys.checkout import Authorised, Captured, Purchase, Quoted, Wish
from yuefu.journeys.close_of_day import Closed
from yuefu.journeys.desk import Desk, open_day
from yuefu.journeys.repayment import Repaid, RepayRequest
from yuefu.money.amounts import Money
from yuefu.orders.commands import CaptureRequest, RefundRequest, VoidRequest
from yuefu.proofs import victim
from yuefu.runtime import books, sql
from yuefu.runtime.batch import HeldUp
from yuefu.runtime.vault import Vault
from yuefu.sim import people, world

Say = Callable[[str], None]

DAYS: Final = 3
PLANS: Final = 4
"""So many different plans there are; the faults are of the seed alone."""
BUYERS: Final = 5
MOST_TRIES: Final = 200
CALLS_FAIL, COMMITS_FAIL = 0.35, 0.12
CARDS: Final = ("ok", "ok", "unknown_then_success", "unknown_then_failure", "insufficient_funds", "refund_unknown")
_CALLS: Final = frozenset({"collect", "refund", "query", "withdraw", "pay", "move"})
_COMMIT_FAULTS: Final[Mapping[str, type[psycopg.Error]]] = {
    "40001": psycopg.errors.SerializationFailure,
    "40P01": psycopg.errors.DeadlockDetected,
    "55P03": psycopg.errors.LockNotAvailable,
}


class Outside(Exception):
    """A gateway did not answer, or answered with a failure of its own."""


_OF_THE_WEATHER: Final = (Outside, OperationalError, psycopg.OperationalError, HeldUp)


@dataclass(slots=True)
class Weather:
    """What goes wrong, by one dice; `calm` as long as nothing may."""

    dice: random.Random
    calm: bool = True
    calls: int = 0
    happened: Counter[str] = field(default_factory=Counter)
    references: dict[tuple[str, str], set[str]] = field(default_factory=lambda: defaultdict(set))
    """What was asked of the outside → the references it was asked under: one, however often."""

    def fault(self, chance: float, kinds: Sequence[str]) -> str:
        if self.calm or self.dice.random() >= chance:
            return ""
        kind = self.dice.choice(kinds)
        self.happened[kind] += 1
        return kind


class Stormy:
    """A gateway in bad weather."""

    def __init__(self, gateway: Any, weather: Weather) -> None:
        self._gateway, self._weather = gateway, weather

    def __getattr__(self, name: str) -> Any:
        real = getattr(self._gateway, name)
        return (lambda **given: self._called(name, real, given)) if name in _CALLS else real

    def _called(self, name: str, real: Callable[..., Any], given: dict[str, Any]) -> Any:
        weather = self._weather
        weather.calls += 1
        for order in given.get("orders", ()):
            if what := _asked(name, order):
                weather.references[name, what].add(order.reference)
        fault = weather.fault(CALLS_FAIL, ("dropped", "duplicated", "reordered", "delayed", "failed after the effect", "reply lost"))
        if fault == "dropped":
            raise Outside(f"{name}: the call was lost")
        answer = real(**given)
        if fault == "duplicated":
            answer = real(**given)
        if fault in ("failed after the effect", "reply lost"):
            raise Outside(f"{name}: {fault}")
        return self._late(answer) if fault == "delayed" else self._shuffled(answer) if fault == "reordered" else answer

    def _late(self, answer: Any) -> Any:
        """Some of the answers come with a later call only."""
        if isinstance(answer, Mapping):
            return {name: one for name, one in answer.items() if self._weather.dice.random() < 0.5}
        return [one for one in answer if self._weather.dice.random() < 0.5]

    def _shuffled(self, answer: Any) -> Any:
        items = list(answer.items()) if isinstance(answer, Mapping) else list(answer)
        self._weather.dice.shuffle(items)
        return dict(items) if isinstance(answer, Mapping) else items


def _asked(name: str, order: Any) -> str:
    """What an order is for, where that can be said without its reference: a card is used once, and a collection goes back once."""
    return {"collect": lambda: str(order.instrument), "refund": lambda: str(order.original_reference)}.get(name, lambda: "")()


@contextmanager
def failing_commits(weather: Weather) -> Iterator[None]:
    """Commits of the writer fail by chance, with what PostgreSQL says where two meet, or are done and nobody is told."""
    wrapper: Any = connections[sql.WRITER]
    commit: Callable[[], None] = wrapper.commit

    def stormy() -> None:
        fault = weather.fault(COMMITS_FAIL, (*_COMMIT_FAULTS, "commit without a reply"))
        if fault in _COMMIT_FAULTS:
            raise OperationalError(fault) from _COMMIT_FAULTS[fault](fault)
        commit()
        if fault:
            raise OperationalError(fault) from psycopg.OperationalError(fault)

    wrapper.commit = stormy
    try:
        yield
    finally:
        wrapper.commit = commit


def run(*, seeds: Sequence[int], days: int = DAYS, vault: Vault, say: Say) -> dict[str, Any]:
    """Plays each seed. Returns {"seeds", "days", "calls", "faults": {kind: count}, "failed": [{seed, …}], "ok"}."""
    right: dict[int, dict[str, Any]] = {}
    faults: Counter[str] = Counter()
    calls, failed = 0, []
    for seed in seeds:
        plan = seed % PLANS
        if plan not in right:
            right[plan] = _played(plan, days, vault, Weather(random.Random(0)), bad=False)
        weather = Weather(random.Random(f"{seed}:faults"))
        found = _played(plan, days, vault, weather, bad=True)
        differing = {name: (one, found.get(name)) for name, one in right[plan].items() if found.get(name) != one}
        twice = {f"{name} {what}": sorted(given) for (name, what), given in weather.references.items() if len(given) > 1}
        if differing or twice:
            say(f"seed {seed} fails: {differing or twice}")
            failed.append({"seed": seed, "days": days, "differing": differing, "two references": twice})
        faults.update(weather.happened)
        calls += weather.calls
    return {"seeds": len(seeds), "days": days, "calls": calls, "faults": dict(sorted(faults.items())), "failed": failed, "ok": not failed}


def _played(plan: int, days: int, vault: Vault, weather: Weather, *, bad: bool) -> dict[str, Any]:
    """The figures of a book in which a plan was played."""
    code = f"faults-{secrets.token_hex(6)}"
    made = world.found(first_day=victim.FIRST_DAY, seed=secrets.randbits(48), vault=vault, months=1, code=code, people=False)
    desk = replace(made.desk, channel=Stormy(made.desk.channel, weather), bank=Stormy(made.desk.bank, weather))
    player = Player(desk, made.shops, plan, weather)
    with failing_commits(weather):
        player.meet()
        weather.calm = not bad
        for n in range(days):
            player.day(victim.FIRST_DAY + timedelta(days=n))
        weather.calm = True
        player.settle_everything()
    return {**victim.figures(code), "outside": player.outside(), "unknown": player.unknown()}


class Player:
    """Plays a plan in a book, and asks again until each act is done."""

    def __init__(self, desk: Desk, shops: Sequence[UUID], plan: int, weather: Weather) -> None:
        self._desk, self._shops, self._weather = desk, shops, weather
        self._dice = random.Random(f"{plan}:plan")
        self._people: list[UUID] = []
        self._sold: list[tuple[CaptureRequest, Captured]] = []
        self._number = 0
        self._now = datetime.combine(victim.FIRST_DAY, time(12), victim.ZONE)

    def meet(self) -> None:
        """Registers the buyers, each with a credit account."""
        adults = [people.customer(number=f"{n:05d}", seed=1, as_of=victim.FIRST_DAY) for n in range(1, BUYERS + 1)]
        with open_day(self._desk, self._now) as work:
            assert not isinstance(work, Refused)
            made = consumers.register(work=work, vault=self._desk.vault, consumers=[adult.new for adult in adults])
            self._people = [one for one in made if isinstance(one, UUID)]
            lines = [OpenAccount(f"f:{i}", i, Money(50_000_00, "CNY"), 12, 12, 1) for i in self._people]
            credit.open_accounts(work=work, accounts=lines)

    def day(self, on: date) -> None:
        """One day, from the payouts of the morning to its close."""
        self._clock(on, time(9, 30))
        self._until_done(lambda: settlement.settle(desk=self._desk, now=self._now))
        self._clock(on, time(12))
        self._buy()
        self._clock(on, time(17))
        self._take_back()
        self._clock(on, time(19))
        self._repay()
        self._clock(on, time(21))
        self.settle_everything()
        self._clock(on, time(23))
        self._until_done(lambda: settlement.withdraw(desk=self._desk, now=self._now, key=f"faults:{on}"))
        self._clock(on, time(23, 30))
        self.settle_everything()
        self._clock(on + timedelta(days=1), time(0, 10))
        closed = self._until_done(lambda: close_of_day.close_day(desk=self._desk, now=self._now, on=on))
        assert isinstance(closed, Closed), closed

    def _clock(self, on: date, at: time) -> None:
        self._now = datetime.combine(on, at, victim.ZONE)
        self._until_done(lambda: world.at(self._desk, self._now))
        self._desk = replace(self._desk, book=books.by_id(self._desk.book.id) or self._desk.book)

    def _buy(self) -> None:
        """Each buys once; most goods are delivered, some orders are given up."""
        wishes = [
            Wish(self._shops[self._dice.randrange(3)], one, self._dice.choice(("free", "flex")), Money(self._minor(), "CNY"), 3)
            for one in self._people
        ]
        shown = self._until_done(lambda: checkout.quote(desk=self._desk, now=self._now, wishes=wishes))
        asked = []
        for wish, quoted in zip(wishes, shown, strict=True):
            assert isinstance(quoted, Quoted), quoted
            assert wish.consumer_id is not None
            self._number += 1
            asked.append(Purchase(f"f{self._number}", wish.merchant_id, f"F{self._number}", wish.consumer_id, quoted.quote_id))
        placed = self._until_done(lambda: checkout.authorise(desk=self._desk, now=self._now, purchases=asked))
        orders = [one for one in placed if isinstance(one, Authorised) and one.approved]
        assert len(orders) == len(asked), placed
        keep = [n for n in range(len(orders)) if self._dice.random() < 0.8]
        taking = [CaptureRequest(asked[n].key, asked[n].merchant_id, orders[n].order_id) for n in keep]
        taken = self._until_done(lambda: checkout.capture(desk=self._desk, now=self._now, requests=taking))
        self._sold += [(request, done) for request, done in zip(taking, taken, strict=True) if isinstance(done, Captured)]
        giving_up = [VoidRequest(asked[n].key, asked[n].merchant_id, orders[n].order_id) for n in range(len(orders)) if n not in keep]
        self._until_done(lambda: checkout.void(desk=self._desk, now=self._now, requests=giving_up))

    def _minor(self) -> int:
        return self._dice.randrange(200_00, 2_000_00)

    def _take_back(self) -> None:
        chosen = [one for one in self._sold if self._dice.random() < 0.3]
        asked = [
            RefundRequest(f"{request.key}:{self._now:%d}", request.merchant_id, request.order_id, Money(15_00, "CNY"))
            for request, _ in chosen
        ]
        self._until_done(lambda: refund.refund(desk=self._desk, now=self._now, requests=asked))

    def _repay(self) -> None:
        """Each by a card that is used once. What is not due yet goes back at once, by the way it came."""
        asked = []
        for _, sold in self._sold:
            if self._dice.random() < 0.6:
                self._number += 1
                card = f"card:{self._number}:{self._dice.choice(CARDS)}"
                asked.append(RepayRequest(f"r{self._number}", sold.loan_id, Money(self._dice.randrange(5_00, 50_00), "CNY"), card))
        told = self._until_done(lambda: repayment.repay(desk=self._desk, now=self._now, requests=asked))
        assert all(isinstance(one, Repaid) for one in told), told

    def settle_everything(self) -> None:
        """Asks for what is not known until all is."""
        for _ in range(MOST_TRIES):
            self._now += timedelta(seconds=1)  # what was begun this moment is asked for from the next on
            self._until_done(lambda: jobs.poll(self._desk, self._now))
            if not any(self.unknown().values()):
                return
        raise AssertionError(f"still not known after {MOST_TRIES} rounds: {self.unknown()}")

    def _until_done(self, act: Callable[[], Any]) -> Any:
        """Does it until it is not disturbed, with the same keys each time; any error but those of the weather is raised."""
        for _ in range(MOST_TRIES):
            try:
                return act()
            except _OF_THE_WEATHER as error:
                last: BaseException = error
            except ExceptionGroup as group:
                _, other = group.split(_OF_THE_WEATHER)
                if other is not None:
                    raise
                last = group
        raise AssertionError(f"not done in {MOST_TRIES} tries") from last

    def unknown(self) -> dict[str, int]:
        """Attempts without a final answer."""
        ((collections, refunds, transfers),) = sql.rows(
            "SELECT (SELECT count(*) FROM payments_collection WHERE book_id = %(b)s AND state IN ('attempted', 'unknown')),"
            " (SELECT count(*) FROM payments_channel_refund WHERE book_id = %(b)s AND state IN ('attempted', 'unknown')),"
            " (SELECT count(*) FROM payments_transfer WHERE book_id = %(b)s AND state = 'ordered')",
            {"b": self._desk.book.id},
        )
        return {"collections": collections, "refunds": refunds, "transfers": transfers}

    def outside(self) -> list[tuple[Any, ...]]:
        """What the books of the channel and the bank have, by kind: how often and how much money moved."""
        return sql.rows(
            "SELECT side, kind, status, count(*), sum(amount_minor)::bigint FROM payments_sandbox_trade WHERE book_id = %s"
            " GROUP BY side, kind, status ORDER BY side, kind, status",
            [self._desk.book.id],
        )
