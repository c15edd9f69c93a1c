"""Entries and lines as they were written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from yuefu.ledger.rules import AccountKey, Line, Written
from yuefu.ledger.rules.chart import OPENING
from yuefu.money.amounts import Money
from yuefu.runtime import keys as stored
from yuefu.runtime import sql

SCOPE = "ledger"
"""Of the keys that entries are posted under."""


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
    found = sql.rows(f"{_LINE} WHERE l.order_id = ANY(%s) ORDER BY e.recorded_at, e.xid, e.id, l.line_no", [list(order_ids)])
    return [EntryLine(*[*row[:8], Money(row[8], row[9]), *row[10:]]) for row in found]


def movements(book_id: UUID, code: str, on: date, *, owner_id: UUID | None = None, most: int | None = None) -> list[Movement]:
    """What accounts of money should show for a posting day: all of a code, or the one of an owner. Lines of one entry with one movement and
    reference are one movement to the outside. With `most` only the first of them."""
    query, params = movements_asked(book_id, code, on, owner_id=owner_id)
    found = sql.rows(f"{query} LIMIT %s", [*params, most])
    return [
        Movement(entry, number, movement, reference, Money(amount, currency), day)
        for entry, movement, reference, amount, currency, number, day in found
    ]


def movements_asked(book_id: UUID, code: str, on: date, *, owner_id: UUID | None = None) -> tuple[str, list[Any]]:
    """The query of `movements` and its parameters, for who copies them out: entry_id, movement, reference, amount_minor, currency, line_no, posted_on."""
    return (
        "SELECT l.entry_id, l.movement, l.reference, sum(l.amount_minor)::bigint AS amount_minor, l.currency, min(l.line_no) AS line_no, l.posted_on"
        " FROM ledger_account a JOIN ledger_line l ON l.account_id = a.id AND l.posted_on = %s"
        " WHERE a.book_id = %s AND a.code = %s AND (%s::uuid IS NULL OR a.owner_id = %s) AND l.movement <> %s"
        # Without a movement a line is no part of one: it stands by itself.
        " GROUP BY l.entry_id, l.movement, l.reference, l.currency, l.posted_on, CASE WHEN l.movement = '' THEN l.line_no END"
        " ORDER BY l.entry_id, 6"
    ), [on, book_id, code, owner_id, owner_id, OPENING]


def written(book_id: UUID, entry_ids: Sequence[UUID]) -> list[Written]:
    """Entries of a book, whole, in the order of their ids; unknown ones are absent."""
    lines: dict[UUID, list[Line]] = {}
    heads: dict[UUID, tuple[str, date, date]] = {}
    for entry, kind, posted, effective, code, owner, of_funder, product, minor, currency, *rest in sql.rows(
        "SELECT e.id, e.kind, e.posted_on, e.effective_on, a.code, a.owner_id, a.funder_id, a.product, l.amount_minor, l.currency,"
        " l.order_id, l.loan_id, l.merchant_id, coalesce(l.funder_id, l.book_id), l.movement, l.reference FROM ledger_entry e"
        " JOIN ledger_line l ON l.posted_on = e.posted_on AND l.entry_id = e.id JOIN ledger_account a ON a.id = l.account_id"
        " WHERE e.id = ANY(%s) AND e.book_id = %s ORDER BY e.id, l.line_no",
        [list(entry_ids), book_id],
    ):
        heads[entry] = (kind, posted, effective)
        lines.setdefault(entry, []).append(Line(AccountKey(code, owner, of_funder, product), Money(minor, currency), *rest))
    return [Written(entry, *head, tuple(lines[entry])) for entry, head in heads.items()]


def moved_by(book_id: UUID, keys: Sequence[str], code: str) -> dict[str, int]:
    """What entries moved on the accounts of a code, in minor units, by the keys that they were posted under; debit +, credit −. A key under which
    nothing was posted is absent, and so is one whose entry was taken back."""
    posted = stored.objects(book_id=book_id, scope=SCOPE, names=keys)
    moved = dict(
        sql.rows(
            "SELECT g.id, s.moved FROM unnest(%s::uuid[]) AS g (id) CROSS JOIN LATERAL (SELECT coalesce(sum(l.amount_minor)"
            " FILTER (WHERE a.code = %s), 0)::bigint AS moved FROM ledger_entry e"
            " JOIN ledger_line l ON l.posted_on = e.posted_on AND l.entry_id = e.id JOIN ledger_account a ON a.id = l.account_id"
            " WHERE e.id = g.id AND e.book_id = %s HAVING count(*) > 0) AS s"
            " WHERE NOT EXISTS (SELECT FROM ledger_reversal r WHERE r.reversed_id = g.id)",
            [list(posted.values()), code, book_id],
        )
    )
    return {key: moved[entry_id] for key, entry_id in posted.items() if entry_id in moved}


def reversals(book_id: UUID, entry_ids: Sequence[UUID]) -> dict[UUID, UUID]:
    """Of those entries that were taken back: the entry that did it."""
    return dict(
        sql.rows(
            "SELECT reversed_id, entry_id FROM ledger_reversal WHERE book_id = %s AND reversed_id = ANY(%s)", [book_id, list(entry_ids)]
        )
    )


def journal_entries(book_id: UUID, approval_ids: Sequence[UUID]) -> dict[UUID, UUID]:
    """The entries by hand that were posted, by their approvals."""
    return dict(
        sql.rows(
            "SELECT approval_id, entry_id FROM ledger_journal WHERE book_id = %s AND approval_id = ANY(%s)", [book_id, list(approval_ids)]
        )
    )


def has_others(book_id: UUID, *, kind_prefix: str) -> bool:
    """Whether a book has an entry of another kind than those that begin so."""
    return bool(sql.rows("SELECT 1 FROM ledger_entry WHERE book_id = %s AND NOT starts_with(kind, %s) LIMIT 1", [book_id, kind_prefix]))


def entries_posted(book_id: UUID) -> int:
    """How many entries a book has."""
    count: int = sql.value("SELECT count(*) FROM ledger_entry WHERE book_id = %s", [book_id])
    return count


_LINE = (
    "SELECT e.id, e.kind, e.posted_on, e.effective_on, e.recorded_at, e.actor, l.line_no, a.code, l.amount_minor, l.currency,"
    " l.loan_id, l.merchant_id, l.movement, l.reference FROM ledger_line l"
    " JOIN ledger_entry e ON e.posted_on = l.posted_on AND e.id = l.entry_id JOIN ledger_account a ON a.id = l.account_id"
)


def lines_of_payouts(book_id: UUID, merchant_id: UUID, *, days: Sequence[date], references: Sequence[str]) -> list[EntryLine]:
    """Every line of the entries that moved what is available to a merchant on posting days, or that the bank shows there under a
    reference, in the order of recording."""
    found = sql.rows(
        "WITH touched AS (SELECT DISTINCT t.posted_on, t.entry_id FROM ledger_account b JOIN ledger_line t ON t.account_id = b.id"
        " WHERE b.book_id = %(book)s AND t.posted_on = ANY(%(days)s) AND ((b.code = 'merchant_available' AND b.owner_id = %(merchant)s)"
        " OR (b.code IN ('bank_cash', 'client_cash') AND t.movement <> '' AND t.reference = ANY(%(references)s))))"
        f" {_LINE} JOIN touched ON touched.posted_on = l.posted_on AND touched.entry_id = l.entry_id"
        " ORDER BY e.recorded_at, e.xid, e.id, l.line_no",
        {"book": book_id, "days": list(days), "merchant": merchant_id, "references": list(references)},
    )
    return [EntryLine(*[*row[:8], Money(row[8], row[9]), *row[10:]]) for row in found]


def entries_by_loan(book_id: UUID) -> dict[tuple[str, UUID], int]:
    """How many entries of each kind a loan has. Every line of such an entry names the loan, so its first line stands for it; only a
    payment may be for several loans, and has a line of its movement for each."""
    found = sql.rows(
        "SELECT e.kind, l.loan_id, count(DISTINCT l.entry_id) FROM ledger_entry e JOIN ledger_line l ON l.posted_on = e.posted_on AND l.entry_id = e.id"
        " WHERE e.book_id = %s AND CASE e.kind WHEN 'collection' THEN l.movement = 'payment' ELSE l.line_no = 1 END AND l.loan_id IS NOT NULL GROUP BY 1, 2",
        [book_id],
    )
    return {(kind, loan): count for kind, loan, count in found}


def movement_days(book_id: UUID, owner_id: UUID) -> dict[tuple[str, str], date]:
    """Everything the account of money of an owner should show: (movement, reference) and its posting day."""
    found = sql.rows(
        "SELECT l.movement, l.reference, l.posted_on FROM ledger_account a JOIN ledger_line l ON l.account_id = a.id"
        " WHERE a.book_id = %s AND a.kind = 'money' AND a.owner_id = %s AND l.movement NOT IN ('', %s)",
        [book_id, owner_id, OPENING],
    )
    return {(movement, reference): on for movement, reference, on in found}
