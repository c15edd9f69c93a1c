"""The nights of a played world: while a day is proven and reconciled, the next one is lived.

That is how it is in a business, and what the close promises: D+1 posts while D is closing. The nights are worked in a process of their
own (`runtime.beside`). What they touch is kept apart from what the next day does before its evening, so a seed gives one world however
the two processes interleave.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from time import sleep
from typing import Final
from uuid import UUID

from yuefu.errors import Refused
from yuefu.ids import IdSource
from yuefu.journeys import carried, close_of_day, jobs, reconciliation, settlement
from yuefu.journeys.desk import Desk
from yuefu.journeys.reconciliation import Reconciled
from yuefu.ledger import queries as ledger
from yuefu.payments import queries as payments
from yuefu.payments.gateways.sandbox import SandboxBank, SandboxChannel
from yuefu.reconciliation.commands import FileIn
from yuefu.runtime import books
from yuefu.runtime.values import system_actor
from yuefu.runtime.vault import Vault
from yuefu.sim import files as whole
from yuefu.sim.faults import Expected, Injector
from yuefu.sim.files import FileFault, Files

_TRIES: Final = 120
_BETWEEN: Final = 0.5  # seconds


class ProofFailed(Exception):
    """A day of the world did not close, or a proof about all of it does not hold."""


@dataclass(frozen=True, slots=True)
class Place:
    """What the nights need to know of their world."""

    book_id: UUID
    vault: Vault
    seed: int
    as_of: date
    faults: float
    spoil_a_file_every: int = 0


class Shifts:
    """Works the nights of one world, one after the other."""

    def __init__(self, place: Place) -> None:
        book = books.by_id(place.book_id)
        assert book is not None, "the world was founded before its first night"
        ids = IdSource(random.Random(f"{place.seed}:night").getrandbits)
        self._desk = Desk(book, system_actor("demo"), ids, place.vault, SandboxChannel(book), SandboxBank(book))
        self._as_of = place.as_of
        self._injector = Injector(
            place.faults,
            random.Random(f"{place.seed}:faults"),
            lambda given: payments.orders_of_references(book_id=book.id, references=given),
            banks=True,
        )
        self._files = Files(place.spoil_a_file_every)
        self._held_back: list[FileIn] = []

    def work(self, on: date, morning: bool, unheard: Sequence[str] = ()) -> None:
        """Proves and closes a day that has posted all it had to post and reconciles it; with `morning`, settles what is due on the next. `unheard` are
        payments of the day that their channel told wrongly of.
        """
        following = on + timedelta(days=1)
        closed = close_of_day.close_day(desk=self._desk, now=self._at(following, time(0, 10)), on=on)
        if isinstance(closed, Refused):
            raise ProofFailed(f"{on} did not close: {closed.detail}")
        self._reconcile(on, following, unheard)
        jobs.seal(self._desk, self._at(following, time(8, 45)))
        if morning:
            self._settle(following)

    def truth(self) -> dict[str, list[str]]:
        """The faults injected so far, by class."""
        return self._injector.by_class()

    def faults(self) -> tuple[list[Expected], list[FileFault], list[FileFault], list[tuple[str, date]]]:
        """The breaks that faults should be found as; the files that were spoilt, and those of which that was said; and by source and day the files
        whose balances do not go on where those before them ended.
        """
        return self._injector.expected, self._files.injected, self._files.found, [*self._injector.unchained]

    def verified(self) -> bool:
        """Seals what is not sealed yet and reads the whole chain again: every entry still says what was sealed, and the heads kept outside
        the database agree.

        A transaction that runs anywhere on the server holds the seal back until it ends: it is waited for, a minute at most.
        """
        for _ in range(_TRIES):
            jobs.seal(self._desk, self._at(self._as_of, time(23, 45)))
            verdict = ledger.verify(self._desk.book.id, anchors=jobs.heads(self._desk.book).by_number)
            if not verdict.intact or not verdict.unsealed:
                break
            sleep(_BETWEEN)
        return verdict.intact and verdict.sealed > 0 and verdict.unsealed == 0

    def _at(self, on: date, at: time) -> datetime:
        return datetime.combine(on, at, self._desk.book.tz)

    def _reconcile(self, on: date, following: date, unheard: Sequence[str]) -> None:
        """The files of a day, spoilt, but for those of the last two days: what is postponed there would never arrive."""
        files = reconciliation.fetch(desk=self._desk, on=on)
        allowed = on < self._as_of - timedelta(days=1)
        spoilt = self._injector.spoil(on=on, following=following, files=files, allowed=allowed, unheard=unheard)
        fault = self._files.fault(on, spoilt) if allowed else None
        given = [FileIn(source, data, on) for source, data in spoilt.items()]
        now = self._at(following, time(8, 30))
        late, self._held_back = self._held_back, []
        if fault is not None:
            given = self._badly(fault, given, now)
        self._receive([*late, *given], now)
        if fault is not None and fault.kind in (whole.TWICE, whole.OTHER_CONTENT):
            again = next(one for one in given if one.source == fault.source)
            data = whole.other(again.data) if fault.kind == whole.OTHER_CONTENT else again.data
            self._files.say(fault, _said(reconciliation.reconcile(desk=self._desk, now=now, files=[FileIn(again.source, data, on)])))
        if fault is not None and fault.kind == whole.MISSING:
            day = carried.day(book_id=self._desk.book.id, on=on)
            self._files.say(fault, [] if isinstance(day, Refused) else [str(day.verdict)])

    def _badly(self, fault: FileFault, given: list[FileIn], now: datetime) -> list[FileIn]:
        """A spoilt file comes first, or none does until the next morning; returns the files that come as they should."""
        mine = next(one for one in given if one.source == fault.source)
        if fault.kind == whole.MISSING:
            self._held_back = [mine]
            return [one for one in given if one is not mine]
        if (data := whole.bad(fault, mine.data)) != mine.data:
            said = reconciliation.reconcile(desk=self._desk, now=now, files=[FileIn(mine.source, data, mine.on)])
            self._files.say(fault, _said(said))
        return given

    def _receive(self, given: list[FileIn], now: datetime) -> None:
        for outcome in reconciliation.reconcile(desk=self._desk, now=now, files=given):
            assert not isinstance(outcome.received, Refused), outcome
            assert not isinstance(outcome.outcome, Refused), outcome

    def _settle(self, on: date) -> None:
        batches = settlement.settle(desk=self._desk, now=self._at(on, time(9, 30)))
        assert not isinstance(batches, Refused), batches
        settlement.poll_payouts(desk=self._desk, now=self._at(on, time(9, 45)), paid_since=on)


def _said(outcomes: Sequence[Reconciled]) -> list[str]:
    """What was said of files: why one was refused, or that it is known."""
    received = [outcome.received for outcome in outcomes]
    return [one.code if isinstance(one, Refused) else "again" if one.again else "" for one in received]
