"""Entries and lines as they were written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from yuefu.money.amounts import Money
from yuefu.runtime import sql


@dataclass(frozen=True, slots=True)
class EntryLine:
    """One line with the head of its entry; debit +, credit −."""

    entry_id: UUID
    kind: str
    posted_on: date
    effective_on: date
    recorded_at: datetime
    actor: str
    line_no: int
    code: str
    amount: Money
    loan_id: UUID | None
    merchant_id: UUID | None
    movement: str
    reference: str


@dataclass(frozen=True, slots=True)
class Movement:
    """What a bank or channel account should show: a line on it, by its reference."""

    entry_id: UUID
    line_no: int
    movement: str
    reference: str
    amount: Money
    on: date


def lines_of_order(order_ids: Sequence[UUID]) -> list[EntryLine]:
    """Every ledger line of orders, in the order of recording."""
    found = sql.rows(
        "SELECT e.id, e.kind, e.posted_on, e.effective_on, e.recorded_at, e.actor, l.line_no, a.code, l.amount_minor, l.currency,"
        " l.loan_id, l.merchant_id, l.movement, l.reference"
        " FROM ledger_line l JOIN ledger_entry e ON e.posted_on = l.posted_on AND e.id = l.entry_id JOIN ledger_account a ON a.id = l.account_id"
        " WHERE l.order_id = ANY(%s) ORDER BY e.recorded_at, e.xid, e.id, l.line_no",
        [list(order_ids)],
    )
    return [EntryLine(*row[:8], Money(row[8], row[9]), *row[10:]) for row in found]


def movements(book_id: UUID, code: str, on: date) -> list[Movement]:
    """What an account of money should show for a posting day."""
    found = sql.rows(
        "SELECT l.entry_id, l.line_no, l.movement, l.reference, l.amount_minor, l.currency, l.posted_on"
        " FROM ledger_account a JOIN ledger_line l ON l.account_id = a.id AND l.posted_on = %s"
        " WHERE a.book_id = %s AND a.code = %s ORDER BY l.entry_id, l.line_no",
        [on, book_id, code],
    )
    return [Movement(entry, number, movement, reference, Money(amount, currency), day) for entry, number, movement, reference, amount, currency, day in found]


def entries_posted(book_id: UUID) -> int:
    """How many entries a book has."""
    count: int = sql.value("SELECT count(*) FROM ledger_entry WHERE book_id = %s", [book_id])
    return count
