"""Writes of billing: the bills of cycles that ended."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from yuefu.billing import queries
from yuefu.credit.commands import Ended
from yuefu.loans import queries as loans
from yuefu.loans.queries import Unpaid
from yuefu.money.amounts import Money
from yuefu.runtime import audit, outbox, sql
from yuefu.runtime.outbox import Event
from yuefu.runtime.values import UnitOfWork

_BILL = {
    "id": "uuid",
    "account_id": "uuid",
    "consumer_id": "uuid",
    "no": "integer",
    "currency": "text",
    "first_on": "date",
    "bill_on": "date",
    "due_on": "date",
    "covers_until": "date",
    "lines": "smallint",
    "total_minor": "bigint",
    "carried_minor": "bigint",
}
_LINE = {
    "loan_id": "uuid",
    "no": "smallint",
    "bill_id": "uuid",
    "account_id": "uuid",
    "consumer_id": "uuid",
    "due_on": "date",
    "amount_minor": "bigint",
}


@dataclass(frozen=True, slots=True)
class Issued:
    """A bill that was made."""

    bill_id: UUID
    account_id: UUID
    no: int
    total: Money
    minimum: Money


@dataclass(frozen=True, slots=True)
class _Made:
    id: UUID
    no: int
    ended: Ended
    rows: tuple[Unpaid, ...]
    carried: int

    @property
    def total(self) -> int:
        return sum(row.minor for row in self.rows)


def issue(*, work: UnitOfWork, ended: Sequence[Ended]) -> list[Issued | None]:
    """Makes the bill of each cycle that ended, at most one an account: of every instalment that it covers, that is not paid and is on no bill yet.
    One outcome each, in order; None where there is nothing to ask for, and so no bill. The accounts are locked (`credit.end_cycles`).
    """
    accounts = [one.account_id for one in ended]
    assert len(set(accounts)) == len(accounts), "one cycle of an account ends after the other"
    unpaid: dict[UUID, list[Unpaid]] = defaultdict(list)
    for row in loans.unpaid_of(book_id=work.book.id, consumer_ids=sorted({one.consumer_id for one in ended})):
        unpaid[row.account_id].append(row)
    numbers = queries.billed(loan_ids=sorted({row.loan_id for rows in unpaid.values() for row in rows}))
    last = queries.last_numbers(account_ids=accounts)
    outcomes: list[Issued | None] = []
    made = []
    for new, one in zip(work.ids.many(work.now, len(ended)), ended, strict=True):
        bill = _bill(new, last.get(one.account_id, 0) + 1, one, unpaid[one.account_id], numbers.keys())
        made += [bill] if bill.rows else []
        outcomes.append(_issued(bill) if bill.rows else None)
    _store(work, made)
    return outcomes


def _bill(new: UUID, no: int, ended: Ended, unpaid: Sequence[Unpaid], billed: Collection[tuple[UUID, int]]) -> _Made:
    fresh = tuple(row for row in unpaid if (row.loan_id, row.no) not in billed and row.due_on <= ended.cycle.covers_until)
    carried = sum(row.minor for row in unpaid if (row.loan_id, row.no) in billed)
    return _Made(new, no, ended, fresh, carried)


def _issued(bill: _Made) -> Issued:
    total, currency = bill.total, bill.ended.currency
    return Issued(bill.id, bill.ended.account_id, bill.no, Money(total, currency), Money(total + bill.carried, currency))


def _store(work: UnitOfWork, made: Sequence[_Made]) -> None:
    if not made:
        return
    bills = [
        (
            bill.id,
            bill.ended.account_id,
            bill.ended.consumer_id,
            bill.no,
            bill.ended.currency,
            bill.ended.cycle.period.start,
            bill.ended.cycle.bill_on,
            bill.ended.cycle.due_on,
            bill.ended.cycle.covers_until,
            len(bill.rows),
            bill.total,
            bill.carried,
        )
        for bill in made
    ]
    book = ("uuid", work.book.id)
    sql.insert(
        "billing_bill", _BILL, bills, same={"book_id": book, "issued_on": ("date", work.day.on), "issued_at": ("timestamptz", work.now)}
    )
    lines = [
        (row.loan_id, row.no, bill.id, bill.ended.account_id, bill.ended.consumer_id, row.due_on, row.minor)
        for bill in made
        for row in bill.rows
    ]
    sql.insert("billing_line", _LINE, lines, same={"book_id": book})
    outbox.emit(work=work, events=[Event("bill.issued", "bill", bill.id, 1, _snapshot(bill)) for bill in made])
    audit.record(work=work, action="billing.issue", object_kind="bill", object_ids=[bill.id for bill in made])


def _snapshot(bill: _Made) -> dict[str, Any]:
    ended, currency = bill.ended, bill.ended.currency
    return {
        "id": bill.id,
        "credit_account_id": ended.account_id,
        "consumer_id": ended.consumer_id,
        "no": bill.no,
        "first_on": ended.cycle.period.start,
        "bill_on": ended.cycle.bill_on,
        "due_on": ended.cycle.due_on,
        "total": Money(bill.total, currency),
        "minimum": Money(bill.total + bill.carried, currency),
        "instalments": len(bill.rows),
    }
