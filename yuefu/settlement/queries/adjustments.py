"""Reads for what merchants are charged or given beside their sales."""

from __future__ import annotations

from datetime import date, timedelta
from uuid import UUID

from yuefu.money.amounts import Money
from yuefu.runtime import sql


def net_of_month(*, book_id: UUID, merchant_id: UUID, on: date, currency: str) -> Money:
    """What a merchant is to get for captures and refunds of the calendar month of a day."""
    first = on.replace(day=1)
    last = (first + timedelta(days=31)).replace(day=1) - timedelta(days=1)
    minor = sql.value(
        "SELECT coalesce(sum(net_minor), 0)::bigint FROM settlement_item WHERE book_id IS NOT DISTINCT FROM %s AND merchant_id = %s"
        " AND kind IN ('capture', 'refund') AND earned_on BETWEEN %s AND %s",
        [book_id, merchant_id, first, last],
    )
    return Money(minor, currency)


def subsidised(*, book_id: UUID, merchant_id: UUID, code: str, currency: str) -> Money:
    """What a merchant was given of a subsidy so far."""
    minor = sql.value(
        "SELECT coalesce(sum(net_minor), 0)::bigint FROM settlement_item WHERE book_id IS NOT DISTINCT FROM %s AND merchant_id = %s"
        " AND kind = 'subsidy' AND product = %s",
        [book_id, merchant_id, code],
    )
    return Money(minor, currency)


def was_collected(*, book_id: UUID, reference: str) -> bool:
    """Whether a merchant paid of its debt by this reference of the bank."""
    found: bool = sql.value(
        "SELECT EXISTS (SELECT FROM settlement_item WHERE book_id = %s AND kind = 'collected' AND product = %s)", [book_id, reference]
    )
    return found


def owes(*, book_id: UUID, merchant_id: UUID, currency: str) -> Money:
    """What a merchant owes: by how much all that is in no batch and has a day, but for what is kept back, comes to less than nothing."""
    minor = sql.value(
        "SELECT greatest(-coalesce(sum(i.net_minor), 0), 0)::bigint FROM settlement_waiting AS w JOIN settlement_item AS i ON i.id = w.item_id"
        " WHERE w.book_id = %s AND w.merchant_id = %s AND w.settles_on IS NOT NULL AND i.kind NOT IN ('released', 'thawed')",
        [book_id, merchant_id],
    )
    return Money(minor, currency)
