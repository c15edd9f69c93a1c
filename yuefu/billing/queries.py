"""Reads of billing; every answer is a frozen value. What is left of a bill is asked of the loans, what waits for it of payments."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import date
from typing import Any
from uuid import UUID

from yuefu.billing.rules import Asked, Bill, BillLine, less_waiting
from yuefu.loans import queries as loans
from yuefu.money.amounts import Money
from yuefu.payments import queries as payments
from yuefu.runtime import sql

_BILL = (
    "SELECT b.id, b.account_id, b.consumer_id, b.no, b.first_on, b.bill_on, b.due_on, b.covers_until, b.total_minor, b.paid_minor,"
    " b.carried_minor, b.currency, b.issued_on, b.issued_at FROM billing_bill AS b"
)


def bills(*, book_id: UUID, ids: Sequence[UUID]) -> dict[UUID, Bill]:
    """Bills of a book, as they were made and with what is left of them now; unknown ones are absent."""
    return {bill.id: bill for bill in _bills(f"{_BILL} WHERE b.book_id = %s AND b.id = ANY(%s)", [book_id, list(ids)])}


def bills_of(*, account_id: UUID, limit: int) -> list[Bill]:
    """The latest bills of an account, newest first."""
    return _bills(f"{_BILL} WHERE b.account_id = %s ORDER BY b.no DESC LIMIT %s", [account_id, limit])


def bills_with(*, loan_id: UUID, limit: int) -> list[Bill]:
    """The latest bills that have an instalment of a loan, newest first."""
    where = " WHERE b.id IN (SELECT l.bill_id FROM billing_line AS l WHERE l.loan_id = %s) ORDER BY b.bill_on DESC, b.id DESC LIMIT %s"
    return _bills(_BILL + where, [loan_id, limit])


def latest(*, book_id: UUID, bill_on: date | None, limit: int) -> list[Bill]:
    """The latest bills of a book, or those of one bill day, newest first."""
    where = " WHERE b.book_id = %s AND (%s::date IS NULL OR b.bill_on = %s) ORDER BY b.bill_on DESC, b.id DESC LIMIT %s"
    return _bills(_BILL + where, [book_id, bill_on, bill_on, limit])


def _bills(query: str, params: Sequence[Any]) -> list[Bill]:
    found = sql.rows(query, params)
    lines = _lines([row[0] for row in found])
    made = []
    for *head, total, paid, carried, currency, issued_on, at in found:
        amounts = Money(total, currency), Money(paid, currency), Money(carried, currency)
        mine = tuple(BillLine(*line[:3], *(Money(minor, currency) for minor in line[3:])) for line in lines[head[0]])
        made.append(Bill(*[*head, *amounts, issued_on, at, mine]))
    return made


def _lines(bill_ids: Sequence[UUID]) -> dict[UUID, list[tuple[Any, ...]]]:
    """(loan, number, due day, asked, left, of which waiting) by bill, in the order of due days."""
    found = sql.rows(
        "SELECT bill_id, loan_id, no, due_on, amount_minor FROM billing_line WHERE bill_id = ANY(%s) ORDER BY due_on, loan_id, no",
        [list(bill_ids)],
    )
    loan_ids = sorted({row[1] for row in found})
    unpaid, waiting = loans.unpaid(loan_ids=loan_ids), payments.waiting_of(loan_ids=loan_ids)
    lines: dict[UUID, list[tuple[Any, ...]]] = defaultdict(list)
    for bill_id, loan_id, no, due_on, amount in found:
        left = unpaid.get((loan_id, no), 0)
        lines[bill_id].append((loan_id, no, due_on, amount, left, min(left, waiting.get((loan_id, due_on), 0))))
    return lines


def asking(*, book_id: UUID, minor: int, since: date, limit: int) -> list[Bill]:
    """Bills made since a day whose total or minimum is just such an amount, newest first."""
    where = (
        " WHERE b.book_id = %s AND b.issued_on >= %s AND %s IN (b.total_minor, b.total_minor - b.paid_minor + b.carried_minor)"
        " ORDER BY b.bill_on DESC, b.id DESC LIMIT %s"
    )
    return _bills(_BILL + where, [book_id, since, minor, limit])


def billed(*, loan_ids: Sequence[UUID]) -> dict[tuple[UUID, int], int]:
    """The number of the bill that has an instalment, by (loan, number); of one that is on no bill there is none."""
    found = sql.rows(
        "SELECT l.loan_id, l.no, b.no FROM unnest(%s::uuid[]) AS g (loan) CROSS JOIN LATERAL (SELECT l.loan_id, l.no, l.bill_id"
        " FROM billing_line AS l WHERE l.loan_id = g.loan OFFSET 0) AS l"
        " CROSS JOIN LATERAL (SELECT b.no FROM billing_bill AS b WHERE b.id = l.bill_id OFFSET 0) AS b",
        [list(loan_ids)],
    )
    return {(loan_id, no): bill_no for loan_id, no, bill_no in found}


def asked(*, book_id: UUID, consumer_ids: Sequence[UUID]) -> dict[UUID, list[Asked]]:
    """All that is to be paid of the loans of consumers, whether it is asked for yet or not, by credit account and in the order in which it is
    paid. An account of which nothing is to be paid is absent.
    """
    unpaid = [row for row in loans.of_consumers(book_id=book_id, consumer_ids=consumer_ids) if row.unpaid]
    loan_ids = sorted({row.loan_id for row in unpaid})
    numbers, waiting = billed(loan_ids=loan_ids), payments.waiting_of(loan_ids=loan_ids)
    rows: dict[UUID, list[Asked]] = defaultdict(list)
    for row in unpaid:
        rows[row.account_id].append(Asked(row.loan_id, row.no, row.due_on, row.unpaid, numbers.get((row.loan_id, row.no))))
    left = {account_id: less_waiting(mine, waiting) for account_id, mine in rows.items()}
    return {account_id: mine for account_id, mine in left.items() if mine}


def last_numbers(*, account_ids: Sequence[UUID]) -> dict[UUID, int]:
    """The number of the latest bill of each account that has one."""
    found = sql.rows("SELECT account_id, max(no) FROM billing_bill WHERE account_id = ANY(%s) GROUP BY account_id", [list(account_ids)])
    return dict(found)


def not_adding_up(*, book_id: UUID, since: date | None) -> list[UUID]:
    """Bills, of all or of those made since a day, whose lines are not as many as they say or not their total."""
    found = sql.rows(
        "SELECT b.id FROM billing_bill AS b LEFT JOIN billing_line AS l ON l.bill_id = b.id"
        " WHERE b.book_id = %s AND (%s::date IS NULL OR b.issued_on >= %s)"
        " GROUP BY b.id HAVING count(l.no) <> b.lines OR coalesce(sum(l.amount_minor), 0) <> b.total_minor ORDER BY b.id",
        [book_id, since, since],
    )
    return [row[0] for row in found]
