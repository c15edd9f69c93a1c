"""Reads of receipts, their matches and returns, and of the references that payers quote."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import date
from typing import Any, cast
from uuid import UUID

from yuefu.money.amounts import Money
from yuefu.payments.rules import Match, Payer, Receipt, Return
from yuefu.payments.rules.receipts import SEALED_AS, SEALED_IN, DebtPaid
from yuefu.runtime import sql
from yuefu.runtime.jsontext import read
from yuefu.runtime.vault import Vault

_RECEIPT = (
    "SELECT r.id, r.money_account_id, r.number, r.amount_minor, r.currency, r.payer_index, r.payer, r.consumer_id, r.code, r.came_on,"
    " r.came_at, r.heard_at, r.heard_by, r.posted_on, r.left_minor FROM payments_receipt AS r"
)
_BACK = (
    "coalesce((SELECT sum(f.amount_minor) FROM payments_collection AS p JOIN payments_channel_refund AS f ON f.collection_id = p.id"
    " WHERE p.part_of_id = m.collection_id AND f.state = 'succeeded'), 0)::bigint"
)
_MATCH = (
    f"SELECT m.id, m.receipt_id, m.collection_id, m.consumer_id, m.amount_minor, {_BACK}, m.currency, c.state, m.actor, m.reason, m.matched_at"
    " FROM payments_receipt_match AS m JOIN payments_collection AS c ON c.id = m.collection_id"
)
_RETURN = (
    "SELECT b.id, b.reference, b.receipt_id, b.money_account_id, b.amount_minor, b.currency, b.provider_id, b.state, b.failure_code, b.actor,"
    " b.reason, b.ordered_at, b.paid_on, b.returned_on FROM payments_receipt_return AS b"
)


def _receipt(*row: Any) -> Receipt:
    row_id, account, number, amount, currency, index, payer, *rest, left = row
    sealed = bytes(index), bytes(payer)
    return Receipt(*[row_id, account, number, Money(amount, currency), *sealed, *rest, Money(left, currency)])


def _match(*row: Any) -> Match:
    *head, amount, back, currency, state, actor, reason, at = row
    return Match(*[*head, Money(amount, currency), Money(back, currency), state, actor, reason, at])


def _return(*row: Any) -> Return:
    row_id, reference, receipt_id, account, amount, currency, *rest = row
    return Return(row_id, reference, receipt_id, account, Money(amount, currency), *rest)


def payer_references(*, book_id: UUID, consumer_ids: Sequence[UUID]) -> dict[UUID, str]:
    """The reference that each consumer quotes in bank transfers; one who was never told one is absent."""
    found = sql.rows(
        "SELECT consumer_id, number FROM payments_payer_reference WHERE book_id = %s AND consumer_id = ANY(%s)",
        [book_id, list(consumer_ids)],
    )
    return dict(found)


def payers_of_references(*, book_id: UUID, numbers: Sequence[str]) -> dict[str, UUID]:
    """The consumer of each reference that is one of this book."""
    found = sql.rows(
        "SELECT number, consumer_id FROM payments_payer_reference WHERE book_id = %s AND number = ANY(%s)", [book_id, list(numbers)]
    )
    return dict(found)


def receipts(*, book_id: UUID, ids: Sequence[UUID], lock: bool = False) -> dict[UUID, Receipt]:
    """Receipts by id; with `lock`, for update until the transaction ends, ids ascending."""
    ending = " ORDER BY r.id FOR UPDATE OF r" if lock else ""
    return {
        r.id: r for r in sql.rows_as(_receipt, f"{_RECEIPT} WHERE r.book_id = %s AND r.id = ANY(%s::uuid[]){ending}", [book_id, list(ids)])
    }


def payer(receipt: Receipt, *, vault: Vault) -> Payer:
    """Who paid a receipt, opened: for whoever pays back or looks for them."""
    return cast(Payer, read(Payer, vault.open(receipt.sealed, table=SEALED_IN, column=SEALED_AS, row=receipt.id)))


def receipts_numbered(*, book_id: UUID, money_account_id: UUID, numbers: Sequence[str]) -> dict[str, Receipt]:
    """Receipts on an account by the bank's number."""
    where = " WHERE r.book_id = %s AND r.money_account_id = %s AND r.number = ANY(%s)"
    return {r.number: r for r in sql.rows_as(_receipt, _RECEIPT + where, [book_id, money_account_id, list(numbers)])}


def in_suspense(*, book_id: UUID, after: UUID | None, limit: int) -> list[Receipt]:
    """Receipts of which something is left, those heard of first first, from behind `after` on: a page."""
    where = " WHERE r.book_id = %s AND r.left_minor > 0 AND (%s::uuid IS NULL OR r.id > %s) ORDER BY r.id LIMIT %s"
    return sql.rows_as(_receipt, _RECEIPT + where, [book_id, after, after, limit])


def receipts_listed(*, book_id: UUID, after: UUID | None, limit: int) -> list[Receipt]:
    """All receipts in the same order, those explained too: a page."""
    where = " WHERE r.book_id = %s AND (%s::uuid IS NULL OR r.id > %s) ORDER BY r.id LIMIT %s"
    return sql.rows_as(_receipt, _RECEIPT + where, [book_id, after, after, limit])


def receipts_to_match(*, book_id: UUID, limit: int) -> list[Receipt]:
    """Receipts whose reference names a consumer and that were not matched yet, the oldest of each consumer: the next may pay what it leaves."""
    where = (
        " WHERE r.book_id = %s AND r.left_minor > 0 AND r.code = '' AND r.consumer_id IS NOT NULL AND r.left_minor = r.amount_minor"
        " AND NOT EXISTS (SELECT 1 FROM payments_receipt_match AS m WHERE m.receipt_id = r.id)"
        " AND NOT EXISTS (SELECT 1 FROM payments_receipt_return AS b WHERE b.receipt_id = r.id)"
    )
    query = f"SELECT DISTINCT ON (o.consumer_id) o.* FROM ({_RECEIPT}{where}) AS o ORDER BY o.consumer_id, o.id LIMIT %s"
    return sql.rows_as(_receipt, query, [book_id, limit])


def paid_before(*, book_id: UUID, payer_index: bytes, limit: int) -> list[UUID]:
    """Consumers for whom the same account paid before, the latest first; what came back of it does not count."""
    found = sql.rows(
        "SELECT m.consumer_id, max(m.matched_at) FROM payments_receipt AS r JOIN payments_receipt_match AS m ON m.receipt_id = r.id"
        f" WHERE r.book_id = %s AND r.payer_index = %s AND {_BACK} < m.amount_minor GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT %s",
        [book_id, payer_index, limit],
    )
    return [row[0] for row in found]


def matches(*, book_id: UUID, ids: Sequence[UUID]) -> dict[UUID, Match]:
    return {m.id: m for m in sql.rows_as(_match, _MATCH + " WHERE m.book_id = %s AND m.id = ANY(%s::uuid[])", [book_id, list(ids)])}


def matches_of(*, book_id: UUID, receipt_ids: Sequence[UUID]) -> dict[UUID, list[Match]]:
    """The matches of receipts, oldest first."""
    found: dict[UUID, list[Match]] = defaultdict(list)
    where = " WHERE m.book_id = %s AND m.receipt_id = ANY(%s::uuid[]) ORDER BY m.id"
    for match in sql.rows_as(_match, _MATCH + where, [book_id, list(receipt_ids)]):
        found[match.receipt_id].append(match)
    return dict(found)


def matches_to_book(*, book_id: UUID, limit: int) -> list[Match]:
    """Matches whose payment is stored and not booked yet, oldest first: whoever stored it broke off."""
    where = " WHERE m.book_id = %s AND c.state = 'attempted' ORDER BY m.id LIMIT %s"
    return sql.rows_as(_match, _MATCH + where, [book_id, limit])


def returns(*, book_id: UUID, ids: Sequence[UUID]) -> dict[UUID, Return]:
    return {b.id: b for b in sql.rows_as(_return, _RETURN + " WHERE b.book_id = %s AND b.id = ANY(%s::uuid[])", [book_id, list(ids)])}


def returns_of(*, book_id: UUID, receipt_ids: Sequence[UUID]) -> dict[UUID, list[Return]]:
    """What went back of receipts, oldest first."""
    found: dict[UUID, list[Return]] = defaultdict(list)
    where = " WHERE b.book_id = %s AND b.receipt_id = ANY(%s::uuid[]) ORDER BY b.id"
    for back in sql.rows_as(_return, _RETURN + where, [book_id, list(receipt_ids)]):
        found[back.receipt_id].append(back)
    return dict(found)


def debts_paid_by(*, book_id: UUID, receipt_ids: Sequence[UUID]) -> dict[UUID, list[DebtPaid]]:
    """What of receipts merchants paid of their debts, oldest first."""
    found: dict[UUID, list[DebtPaid]] = defaultdict(list)
    for receipt_id, merchant_id, minor, currency, *rest in sql.rows(
        "SELECT receipt_id, merchant_id, amount_minor, currency, actor, reason, taken_at FROM payments_receipt_of_merchant"
        " WHERE book_id = %s AND receipt_id = ANY(%s::uuid[]) ORDER BY id",
        [book_id, list(receipt_ids)],
    ):
        found[receipt_id].append(DebtPaid(receipt_id, merchant_id, Money(minor, currency), *rest))
    return dict(found)


def returns_by_reference(*, book_id: UUID, references: Sequence[str], lock: bool = False) -> dict[str, Return]:
    ending = " ORDER BY b.id FOR UPDATE" if lock else ""
    where = f" WHERE b.book_id = %s AND b.reference = ANY(%s){ending}"
    return {b.reference: b for b in sql.rows_as(_return, _RETURN + where, [book_id, list(references)])}


def returns_to_poll(*, book_id: UUID, paid_since: date, limit: int) -> list[Return]:
    """Returns that the bank has not answered for good, and those paid since a day, which may still come back; oldest first."""
    where = (
        " WHERE b.book_id = %s AND (b.state IN ('ordered', 'sent') OR (b.state = 'paid' AND b.paid_on >= %s))"
        " ORDER BY b.ordered_at, b.id LIMIT %s"
    )
    return sql.rows_as(_return, _RETURN + where, [book_id, paid_since, limit])


def unexplained(*, book_id: UUID) -> dict[str, int]:
    """What receipts have that is neither booked to a payment or to a merchant's debt nor back with its payer, in minor units by currency: the
    ledger's suspense has the same as a credit balance.
    """
    found = sql.rows(
        "SELECT currency, sum(minor)::bigint FROM (SELECT currency, amount_minor AS minor FROM payments_receipt WHERE book_id = %(book)s"
        " UNION ALL SELECT m.currency, -m.amount_minor FROM payments_receipt_match AS m"
        " JOIN payments_collection AS c ON c.id = m.collection_id WHERE m.book_id = %(book)s AND c.state = 'succeeded'"
        " UNION ALL SELECT currency, amount_minor FROM payments_channel_refund"
        " WHERE book_id = %(book)s AND channel = 'bank' AND state = 'succeeded'"
        " UNION ALL SELECT currency, -amount_minor FROM payments_receipt_of_merchant WHERE book_id = %(book)s"
        " UNION ALL SELECT currency, -amount_minor FROM payments_receipt_return WHERE book_id = %(book)s AND state = 'paid') AS moved GROUP BY 1",
        {"book": book_id},
    )
    return dict(found)


def left_counted_wrong(*, book_id: UUID, limit: int) -> list[UUID]:
    """Receipts whose count of what is left is not what their matches, what merchants paid and returns leave."""
    found = sql.rows(
        "SELECT r.id FROM payments_receipt AS r WHERE r.book_id = %s AND r.left_minor <> r.amount_minor"
        f" - coalesce((SELECT sum(m.amount_minor - {_BACK}) FROM payments_receipt_match AS m WHERE m.receipt_id = r.id), 0)"
        " - coalesce((SELECT sum(t.amount_minor) FROM payments_receipt_of_merchant AS t WHERE t.receipt_id = r.id), 0)"
        " - coalesce((SELECT sum(b.amount_minor) FROM payments_receipt_return AS b"
        " WHERE b.receipt_id = r.id AND b.state NOT IN ('failed', 'returned')), 0) ORDER BY r.id LIMIT %s",
        [book_id, limit],
    )
    return [row[0] for row in found]
