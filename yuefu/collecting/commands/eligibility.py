"""Credit accounts closed to purchases, once for each thing that makes it so: a person who opens one again is not overruled before there is another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final
from uuid import UUID

from yuefu.collecting import queries
from yuefu.credit import commands as credit
from yuefu.credit import queries as accounts
from yuefu.credit.commands import StateChange
from yuefu.credit.rules import ACTIVE
from yuefu.runtime import sql
from yuefu.runtime.values import UnitOfWork

_CLOSURE: Final = {
    "id": "uuid", "consumer_id": "uuid", "account_id": "uuid", "loan_id": "uuid", "reason": "text", "missed": "integer", "latest_on": "date",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Cause:
    """Why the credit of a consumer closes: `missed` instalments of a loan in a row up to the one due on `latest_on`, or that the loan was given up
    on that day."""

    consumer_id: UUID
    loan_id: UUID
    reason: str
    missed: int | None
    latest_on: date


def close_credit(*, work: UnitOfWork, causes: Sequence[Cause]) -> int:
    """Closes the credit accounts of consumers to purchases; returns how many were open. A cause that was known before changes nothing, and neither
    does one of somebody without an account."""
    people = sorted({cause.consumer_id for cause in causes})
    own = accounts.accounts_of(consumer_ids=people, currency=work.book.currency, book_id=work.book.id)
    known = {(one.loan_id, one.reason, one.latest_on) for one in queries.closures(book_id=work.book.id, consumer_ids=list(own))}
    fresh = [c for c in causes if c.consumer_id in own and (c.loan_id, c.reason, c.latest_on) not in known]
    rows = [
        (new, c.consumer_id, own[c.consumer_id].id, c.loan_id, c.reason, c.missed, c.latest_on)
        for new, c in zip(work.ids.many(work.now, len(fresh)), fresh, strict=True)
    ]
    same = {"book_id": ("uuid", work.book.id), "recorded_on": ("date", work.day.on), "recorded_at": ("timestamptz", work.now)}
    sql.insert("collecting_closure", _CLOSURE, rows, same=same, suffix="ON CONFLICT DO NOTHING")
    reasons = {own[c.consumer_id].id: c.reason for c in fresh if own[c.consumer_id].state == ACTIVE}
    # One that somebody froze or closed meanwhile is refused, and is what it is to be.
    outcomes = credit.freeze(work=work, changes=[StateChange(account_id, reasons[account_id]) for account_id in sorted(reasons)])
    return sum(isinstance(outcome, UUID) for outcome in outcomes)
