"""What merchants have of instalments that were collected, where their contracts settle by period: found before the batches of a pay day are built."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from yuefu.errors import Refused
from yuefu.journeys.desk import Desk, open_day
from yuefu.loans import queries as loans
from yuefu.money.amounts import Money
from yuefu.runtime import locks
from yuefu.runtime.values import UnitOfWork
from yuefu.settlement import commands as settlement
from yuefu.settlement import queries as settlement_book
from yuefu.settlement.commands import Collected
from yuefu.settlement.rules import Item

CHUNK: Final = 500
_LOOKS_BACK: Final = timedelta(days=31)
"""A sale that was paid whole waits for nothing: that a payment was taken off again, or its write-off undone, is found so long after it."""


def find(*, desk: Desk, now: datetime, chunk: int = CHUNK) -> list[Item]:
    """The parts of all sales that wait for collection, and of those of which a payment was taken off or something undone lately; by chunks, each a
    transaction. Again it finds nothing."""
    found: list[Item] = []
    after: UUID | None = None
    while True:
        with open_day(desk, now) as work:
            if isinstance(work, Refused):
                return found
            captures, after = settlement_book.captures_in_parts(book_id=desk.book.id, after=after, limit=chunk)
            found += _settle(work, captures)
        if after is None:
            break
    with open_day(desk, now) as work:
        if isinstance(work, Refused):
            return found
        return found + _settle(work, loans.taken_off_since(book_id=desk.book.id, since=work.day.on - _LOOKS_BACK))


def _settle(work: UnitOfWork, capture_ids: Sequence[UUID]) -> list[Item]:
    """What loans ask is read once nobody else gives back of these captures or settles their parts."""
    loan_of = {one.capture_id: one.loan_id for one in settlement_book.in_parts(book_id=work.book.id, capture_ids=capture_ids)}
    if not loan_of:
        return []
    locks.wait_for_each(locks.CAPTURE, loan_of)
    standing = loans.standing(loan_ids=list(loan_of.values()))
    collected = {
        capture_id: Collected(Money(standing[loan_id].principal, work.book.currency), standing[loan_id].changed_on)
        for capture_id, loan_id in loan_of.items()
        if loan_id in standing
    }
    return settlement.settle_parts(work=work, collected=collected)
