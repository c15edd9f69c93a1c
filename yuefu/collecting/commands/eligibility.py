"""Credit accounts closed to purchases, once for each thing that makes it so: a person who opens one again is not overruled before there is another.
One is opened again when all that closed it was undone."""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import dataclass
from datetime import date
from typing import Final
from uuid import UUID

from yuefu.collecting import queries
from yuefu.collecting.queries import Closure
from yuefu.credit import commands as credit
from yuefu.credit import queries as accounts
from yuefu.credit.commands import StateChange
from yuefu.credit.rules import FROZEN, CreditAccount
from yuefu.runtime import sql
from yuefu.runtime.values import UnitOfWork

WRITE_OFF_UNDONE: Final = "write_off_undone"
"""Why an account is open again that nothing keeps closed."""

_CLOSURE: Final = {
    "id": "uuid", "consumer_id": "uuid", "account_id": "uuid", "loan_id": "uuid", "reason": "text", "missed": "integer", "latest_on": "date",
    "fact_no": "integer", "state_revision": "integer",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Cause:
    """Why the credit of a consumer closes: `missed` instalments of a loan in a row up to the one due on `latest_on`, or that the loan was given up
    on that day by the fact `fact_no`."""

    consumer_id: UUID
    loan_id: UUID
    reason: str
    missed: int | None
    latest_on: date
    fact_no: int | None = None


def close_credit(*, work: UnitOfWork, causes: Sequence[Cause]) -> int:
    """Closes the credit accounts of consumers to purchases; returns how many were open. A cause that was known before changes nothing, and neither
    does one of somebody without an account."""
    people = sorted({cause.consumer_id for cause in causes})
    own = accounts.accounts_of(consumer_ids=people, currency=work.book.currency, book_id=work.book.id)
    before = queries.closures(book_id=work.book.id, consumer_ids=list(own))
    known = {(one.loan_id, one.reason, one.latest_on, one.fact_no) for one in before}
    fresh = [c for c in causes if c.consumer_id in own and (c.loan_id, c.reason, c.latest_on, c.fact_no) not in known]
    reasons = {own[c.consumer_id].id: c.reason for c in fresh}
    # One that is frozen or closed already is refused, and is what it is to be.
    outcomes = credit.freeze(work=work, changes=[StateChange(account_id, reasons[account_id]) for account_id in sorted(reasons)])
    closed = {outcome for outcome in outcomes if isinstance(outcome, UUID)}
    since = _closed_here(work, list(reasons), closed, sorted({c.consumer_id for c in fresh}))
    rows = [
        (new, c.consumer_id, account_id, c.loan_id, c.reason, c.missed, c.latest_on, c.fact_no, since.get(account_id))
        for new, c in zip(work.ids.many(work.now, len(fresh)), fresh, strict=True)
        for account_id in [own[c.consumer_id].id]
    ]
    same = {"book_id": ("uuid", work.book.id), "recorded_on": ("date", work.day.on), "recorded_at": ("timestamptz", work.now)}
    sql.insert("collecting_closure", _CLOSURE, rows, same=same, suffix="ON CONFLICT DO NOTHING")
    return len(closed)


def _closed_here(work: UnitOfWork, account_ids: Sequence[UUID], just_now: Set[UUID], consumer_ids: Sequence[UUID]) -> dict[UUID, int]:
    """The revision with which accounts, which are ours by a lock, were closed by what is known here; one that somebody else had frozen is absent."""
    now_are = credit.lock(work=work, account_ids=account_ids)
    before = queries.closures(book_id=work.book.id, consumer_ids=consumer_ids)
    ours = just_now | {one.account_id for one in before if _holds(one, now_are.get(one.account_id))}
    return {account_id: now_are[account_id].state_revision for account_id in ours}


def open_again(*, work: UnitOfWork, consumer_ids: Sequence[UUID]) -> int:
    """Opens the credit accounts of consumers that were closed here, and only for what is undone by now; returns how many. What a person froze, or what
    was missed since it was last open, keeps one closed."""
    named = sorted({one.account_id for one in queries.closures(book_id=work.book.id, consumer_ids=consumer_ids) if one.undone})
    now_are = credit.lock(work=work, account_ids=named)
    # With the accounts locked: what somebody else closed one for meanwhile is seen.
    closures = queries.closures(book_id=work.book.id, consumer_ids=consumer_ids)
    holding = [one for one in closures if _holds(one, now_are.get(one.account_id))]
    free = {one.account_id for one in holding} - {one.account_id for one in holding if not one.undone}
    outcomes = credit.unfreeze(work=work, changes=[StateChange(account_id, WRITE_OFF_UNDONE) for account_id in sorted(free)])
    assert all(isinstance(outcome, UUID) for outcome in outcomes), f"what is frozen, and ours by a lock, is unfrozen: {outcomes}"
    return len(outcomes)


def _holds(closure: Closure, account: CreditAccount | None) -> bool:
    """Whether an account is still closed as it was by a closure: nobody opened it since."""
    return account is not None and account.state == FROZEN and account.state_revision == closure.state_revision
