"""A played world whose bills and statements are spoilt: every fault is found as what it is, nothing else is, and after the fixes the bridges are 0.

The world of `sim` is lived for so many days; a share of the lines of trade bills, fund flows and bank statements is spoilt, and now and then a whole
file. Each break is compared with what was done: source, class, kind, reference and both amounts. Then two people work all breaks by what is suggested:
one asks, another approves what is more than one may do alone; the bank is asked, and answers, the channel does not. In the end nothing is carried on
in any source.
"""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final
from uuid import UUID

from yuefu.errors import Refused, one
from yuefu.ids import IdSource
from yuefu.journeys import breaks, carried, close_of_day, reconciliation, settings
from yuefu.journeys.desk import Desk, open_day
from yuefu.money.amounts import Money
from yuefu.payments.gateways.sandbox import SandboxBank, SandboxChannel
from yuefu.reconciliation import queries as found
from yuefu.reconciliation.commands import FileIn, NewFix
from yuefu.reconciliation.queries import Break, Fix
from yuefu.reconciliation.rules.breaks import DEFAULT_WORKING, WORKING
from yuefu.reconciliation.rules.fixes import Kind
from yuefu.reconciliation.rules.matching import SOURCES
from yuefu.runtime import books, policies, sql
from yuefu.runtime.values import Actor, UnitOfWork, system_actor
from yuefu.runtime.vault import Vault
from yuefu.sim import files, play, provider, world
from yuefu.sim.faults import Source

Say = Callable[[str], None]

SEED: Final = 7
RATE: Final = 0.002
AS_OF: Final = date(2026, 10, 31)
A_FILE_EVERY: Final = 5
ANSWER: Final[tuple[Source, ...]] = ("bank", "bank_client")
"""The sources whose provider answers when it is asked; of the channel nobody hears, and what is left is written off."""
_ROUNDS: Final = 4
_EVERYTHING: Final = 100_000
_ALONE_AT_MOST: Final = 50_00
_WRITTEN_OFF_AT_MOST: Final = 50_000_00
"""More than any payment of this world."""

Told = tuple[str, str, str, str, int | None, int | None]


def run(
    *,
    days: int,
    vault: Vault,
    say: Say,
    seed: int = SEED,
    rate: float = RATE,
    as_of: date = AS_OF,
    a_file_every: int = A_FILE_EVERY,
) -> dict[str, Any]:
    """What was injected and found of each fault, what was found besides, the figures of the work on breaks, and whether all of it holds."""

    def progress(day: int, of: int, orders: int) -> None:
        if day % 10 == 0 or day == of:
            say(f"day {day} of {of}, {orders:,} orders")

    with TemporaryDirectory(prefix="yuefu-prove-") as directory:
        out = Path(directory)
        played = play.play(
            days=days, seed=seed, as_of=as_of, faults=rate, vault=vault, out=out, progress=progress, spoil_a_file_every=a_file_every
        )
        truth = json.loads((out / "faults.json").read_text("utf-8"))
    found_all = judged(played=played, truth=truth, vault=vault, seed=seed, as_of=as_of, say=say)
    return {"days": days, "seed": seed, "rate": rate, "orders": played["orders"], **found_all}


def judged(*, played: Mapping[str, Any], truth: Mapping[str, Any], vault: Vault, seed: int, as_of: date, say: Say) -> dict[str, Any]:
    """What was found of a world that was played until `as_of`, compared with the truth; then its breaks are worked."""
    book = books.by_code(played["book"])
    assert book is not None, "it was played"
    table, exact = _compared(truth["breaks"], _told(book.id))
    spoilt, chains = _files_compared(truth), _chains_compared(book.id, truth["unchained"])
    ids = IdSource(random.Random(f"{seed}:prove").getrandbits)
    work = Work(Desk(book, system_actor("prove"), ids, vault, SandboxChannel(book), SandboxBank(book)), as_of, say)
    work.all_of_it()
    last, holds = work.last_day(), play.holds(played)
    return {
        "world_holds": holds,
        "faults": table,
        "files": spoilt,
        "chains": chains,
        "false": sum(one["false"] for one in table.values()),
        "fixes": work.figures(),
        "last_day": last,
        "ok": holds
        and exact
        and not chains["false"]
        and all(one["injected"] == one["found"] for one in [*spoilt.values(), chains])
        and last["bridges_zero"],
    }


def _told(book_id: UUID) -> Counter[Told]:
    """Every break that there is, by source, class, kind, reference and both amounts."""
    return Counter(map(_of_break, found.breaks(book_id=book_id, state=None, limit=_EVERYTHING)))


def _of_break(b: Break) -> Told:
    return b.source, b.cls, b.kind, b.reference, b.line.minor if b.line else None, b.movement.minor if b.movement else None


def _compared(expected: Sequence[Mapping[str, Any]], told: Counter[Told]) -> tuple[dict[str, dict[str, int]], bool]:
    """By fault and source how many breaks were to be found and were, to the cent; by class what was found that nobody had injected."""
    table: dict[str, dict[str, int]] = {}
    left = Counter(told)
    for fault in expected:
        key: Told = tuple(fault[name] for name in ("source", "cls", "kind", "reference", "line_minor", "movement_minor"))
        row = table.setdefault(f"{fault['source']}: {fault['fault']}", {"injected": 0, "found": 0, "false": 0})
        row["injected"] += 1
        if left[key]:
            left[key] -= 1
            row["found"] += 1
    for (source, cls, *_), count in (+left).items():
        table.setdefault(f"{source}: {cls}", {"injected": 0, "found": 0, "false": 0})["false"] += count
    return dict(sorted(table.items())), all(row["injected"] == row["found"] and not row["false"] for row in table.values())


def _files_compared(truth: Mapping[str, Sequence[Mapping[str, Any]]]) -> dict[str, dict[str, int]]:
    injected, said = (Counter(one["kind"] for one in truth[name]) for name in ("files", "said"))
    return {kind: {"injected": injected[kind], "found": said[kind]} for kind in files.KINDS if injected[kind]}


def _chains_compared(book_id: UUID, unchained: Sequence[Sequence[str]]) -> dict[str, int]:
    """Of files that do not begin where the last one ended, by source and day: how many there were, of how many that was told, and of how many more."""
    with sql.reading(book_id=book_id):
        days = [carried.day(book_id=book_id, on=on) for on in sorted({bridge.on for bridge in found.day_bridges(book_id=book_id)})]
    told = {
        (source.source, day.on.isoformat())
        for day in days
        if not isinstance(day, Refused)
        for source in day.sources
        if source.before is not None and not source.before.passed
    }
    there = {(source, on) for source, on in unchained}
    return {"injected": len(there), "found": len(there & told), "false": len(told - there)}


class Work:
    """Two people work the breaks of a book, day after day, until none is left or nothing more is suggested."""

    def __init__(self, desk: Desk, as_of: date, say: Say) -> None:
        self._desk, self._say = desk, say
        self._on = as_of + timedelta(days=1)
        self._done: Counter[str] = Counter()
        self._by_two = 0
        self._asked: list[tuple[Break, Money]] = []
        self._to_the_morning()
        with open_day(self._desk, self._now) as work:
            assert isinstance(work, UnitOfWork)
            self._clerk, self._second = (world.person(work, f"{who}-{desk.book.code}") for who in ("clerk", "second"))
        self._allow_more()

    @property
    def _now(self) -> datetime:
        return books.now_in(self._desk.book)

    def all_of_it(self) -> None:
        """Days pass until what may still come has come, then round after round: what is suggested is done, and the providers have their days."""
        self._days(4)
        for number in range(_ROUNDS):
            fixes = self._round()
            self._say(f"round {number + 1}: {len(fixes)} fixes")
            if not fixes:
                return
            self._days(1 if number else DEFAULT_WORKING["chase_days"] + 1)

    def figures(self) -> dict[str, int]:
        return {**dict(sorted(self._done.items())), "by_two_people": self._by_two}

    def last_day(self) -> dict[str, Any]:
        """Whether the last day is reconciled in every source, and carries nothing on."""
        on = self._on - timedelta(days=1)
        with sql.reading(book_id=self._desk.book.id):
            day = carried.day(book_id=self._desk.book.id, on=on)
            still = found.breaks_open(book_id=self._desk.book.id)
        assert not isinstance(day, Refused)
        closings = {source.source: source.statement.closing.minor if source.statement else None for source in day.sources}
        zero = all(closing == 0 for closing in closings.values()) and set(closings) == set(SOURCES)
        return {
            "on": on.isoformat(),
            "verdict": str(day.verdict),
            "carried_on": closings,
            "open_breaks": still,
            "bridges_zero": zero and not still,
        }

    def _round(self) -> list[Fix]:
        """What is suggested first of each open break, done; money before what is only said of it."""
        ids = [b.id for b in found.breaks(book_id=self._desk.book.id, limit=_EVERYTHING)]
        looked_at = breaks.seen(desk=self._desk, break_ids=ids, on=self._on)
        asked: list[NewFix] = []
        taken = set[UUID]()
        for seen in (looked_at[i] for i in ids):
            kind = seen.suggested[0].kind if seen.suggested else None
            other = seen.opposite if kind is Kind.OFFSET else None
            named = {one for one in (seen.found.id, other) if one}
            if kind is None or named & taken:
                continue
            taken |= named
            asked.append(NewFix(f"{seen.found.id}:{self._on}", seen.found.id, kind, "as suggested", other_id=other))
            if kind is Kind.CHASE and seen.found.source in ANSWER:
                self._asked.append((seen.found, seen.case.difference))
        done = [_sure(fix) for fix in breaks.ask(desk=self._by(self._clerk), now=self._now, fixes=asked)]
        self._approve([fix for fix in done if fix.state == "waiting"])
        self._done.update(str(fix.kind) for fix in done)
        return done

    def _approve(self, waiting: Sequence[Fix]) -> None:
        for fix in waiting:
            assert fix.approval_id is not None
            with open_day(self._by(self._second), self._now) as work:
                assert isinstance(work, UnitOfWork)
                one([breaks.decide(work=work, approval_id=fix.approval_id, approve=True, reason="checked")])
        self._by_two += len(waiting)
        if waiting:  # what calls the outside is done once it was decided
            breaks.carry_out(desk=self._desk, now=self._now, fix_ids=[fix.id for fix in waiting])

    def _allow_more(self) -> None:
        """The setting of the book, changed as any other by two people: whatever a payment of this world may be is written off, less by one alone."""
        value = {**DEFAULT_WORKING, "alone_minor": _ALONE_AT_MOST, "write_off_minor": _WRITTEN_OFF_AT_MOST}
        with open_day(self._by(self._clerk), self._now) as work:
            assert isinstance(work, UnitOfWork)
            asked = one([settings.propose(work=work, name=WORKING, value=value, valid_from=self._on, reason="a proof")])
        with open_day(self._by(self._second), self._now) as work:
            assert isinstance(work, UnitOfWork)
            one([policies.decide(work=work, approval_id=asked, approve=True, reason="checked")])

    def _by(self, who: Actor) -> Desk:
        return replace(self._desk, by=who)

    def _to_the_morning(self) -> None:
        self._desk = world.at(self._desk, datetime.combine(self._on, time(10), self._desk.book.tz))

    def _days(self, count: int) -> None:
        """So many days end: each is closed, and its bills are reconciled on the morning after it. What was asked for comes in the first of them."""
        for _ in range(count):
            on, self._on = self._on, self._on + timedelta(days=1)
            self._to_the_morning()
            closed = close_of_day.close_day(desk=self._desk, now=self._now, on=on)
            assert not isinstance(closed, Refused), closed
            given = reconciliation.fetch(desk=self._desk, on=on)
            for source in ANSWER:
                if asked := [(b, left) for b, left in self._asked if b.source == source]:
                    rows = provider.answers(desk=self._desk, asked=asked, on=on)
                    given = provider.brought(files=given, source=source, rows=rows, before=self._lies_in(source, on))
            self._asked = []
            for outcome in reconciliation.reconcile(
                desk=self._desk, now=self._now, files=[FileIn(s, data, on) for s, data in given.items()]
            ):
                assert not isinstance(outcome.received, Refused), outcome
                assert not isinstance(outcome.outcome, Refused), outcome

    def _lies_in(self, source: Source, on: date) -> Money:
        """What was printed last of an account."""
        printed = found.printed_balances(book_id=self._desk.book.id, on=on - timedelta(days=1))
        return printed.get(source, Money.zero(self._desk.book.currency))


def _sure(outcome: object) -> Fix:
    assert isinstance(outcome, Fix), outcome
    return outcome
