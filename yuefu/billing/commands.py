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
from yuefu.loans.queries import OfAccount
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
    "paid_minor": "bigint",
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
    "paid_minor": "bigint",
    "lived": "boolean",
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
    rows: tuple[OfAccount, ...]
    carried: int

    @property
    def total(self) -> int:
        return sum(row.asked for row in self.rows)

    @property
    def paid(self) -> int:
        return sum(row.asked - row.unpaid for row in self.rows)

    @property
    def minimum(self) -> int:
        return self.total - self.paid + self.carried


def issue(*, work: UnitOfWork, ended: Sequence[Ended]) -> list[Issued | None]:
    """Makes the bill of each cycle that ended, at most one an account: of every instalment of an active loan that it covers and that is on no bill
    yet, paid or not. One outcome each, in order; None where there is none, and so no bill. The accounts are locked (`credit.end_cycles`).
    """
    accounts = [one.account_id for one in ended]
    assert len(set(accounts)) == len(accounts), "one cycle of an account ends after the other"
    asked: dict[UUID, list[OfAccount]] = defaultdict(list)
    for row in loans.of_consumers(book_id=work.book.id, consumer_ids=sorted({one.consumer_id for one in ended})):
        asked[row.account_id].append(row)
    numbers = queries.billed(loan_ids=sorted({row.loan_id for rows in asked.values() for row in rows}))
    last = queries.last_numbers(account_ids=accounts)
    outcomes: list[Issued | None] = []
    made = []
    for new, one in zip(work.ids.many(work.now, len(ended)), ended, strict=True):
        bill = _bill(new, last.get(one.account_id, 0) + 1, one, asked[one.account_id], numbers.keys())
        made += [bill] if bill.rows else []
        outcomes.append(_issued(bill) if bill.rows else None)
    _store(work, made)
    return outcomes


def _bill(new: UUID, no: int, ended: Ended, asked: Sequence[OfAccount], billed: Collection[tuple[UUID, int]]) -> _Made:
    fresh = tuple(row for row in asked if (row.loan_id, row.no) not in billed and row.due_on <= ended.cycle.covers_until)
    carried = sum(row.unpaid for row in asked if (row.loan_id, row.no) in billed)
    return _Made(new, no, ended, fresh, carried)


def _issued(bill: _Made) -> Issued:
    currency = bill.ended.currency
    return Issued(bill.id, bill.ended.account_id, bill.no, Money(bill.total, currency), Money(bill.minimum, currency))


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
            bill.paid,
            bill.carried,
        )
        for bill in made
    ]
    book = ("uuid", work.book.id)
    sql.insert(
        "billing_bill", _BILL, bills, same={"book_id": book, "issued_on": ("date", work.day.on), "issued_at": ("timestamptz", work.now)}
    )
    lines = [
        (
            row.loan_id,
            row.no,
            bill.id,
            bill.ended.account_id,
            bill.ended.consumer_id,
            row.due_on,
            row.asked,
            row.asked - row.unpaid,
            row.lived,
        )
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
        "minimum": Money(bill.minimum, currency),
        "instalments": len(bill.rows),
    }
