"""What waits for evidence or for the event that its days count from, and what was told of either."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from yuefu.money.amounts import Money
from yuefu.runtime import sql


@dataclass(frozen=True, slots=True)
class Event:
    """What is told of a capture: that it was delivered, activated, redeemed, received, or given back. `settles_on`: the day that follows from it, where
    the contract counts from it."""

    kind: str
    reference: str
    proven_on: date
    settles_on: date | None = None


@dataclass(frozen=True, slots=True)
class Waits:
    """A capture of an order, or a refund of one, that waits, or waited, for what is told of it. By `due_on` it settles once there is evidence, by
    `settles_on` at the latest; without a `settles_on` `settle_days` business days after the event that `settle_from` names."""

    item_id: UUID
    order_id: UUID
    merchant_id: UUID
    capture_id: UUID
    kind: str
    net: Money
    earned_on: date
    due_on: date | None
    settles_on: date | None
    settle_from: str
    settle_days: int
    told: Event | None


@dataclass(frozen=True, slots=True)
class Ahead:
    """What was told of an order before anything of it was captured."""

    order_id: UUID
    merchant_id: UUID
    told: Event


_WAITS = (
    "SELECT i.id, i.order_id, i.merchant_id, i.capture_id, i.kind, i.net_minor, i.currency, i.earned_on, i.due_on, i.settles_on, i.settle_from,"
    " i.settle_days, e.kind, e.reference, e.proven_on, e.settles_on FROM settlement_item AS i LEFT JOIN settlement_evidence AS e ON e.item_id = i.id"
)


def _waits(*row: Any) -> Waits:
    item, order, merchant, capture, kind, net, currency, earned, due, settles, since, days, *told = row
    event = Event(*told) if told[0] is not None else None
    return Waits(item, order, merchant, capture, kind, Money(net, currency), earned, due, settles, since, days, event)


def waits_for_evidence(*, book_id: UUID, order_ids: Sequence[UUID], lock: bool = False) -> list[Waits]:
    """What of orders waits, or waited, by contract, the oldest first; with `lock`, what is in no batch cannot go into one until the transaction ends."""
    held = " LEFT JOIN LATERAL (SELECT FROM settlement_waiting AS w WHERE w.item_id = i.id FOR UPDATE) AS held ON true" if lock else ""
    return sql.rows_as(
        _waits,
        f"{_WAITS}{held} WHERE i.book_id IS NOT DISTINCT FROM %s AND i.order_id = ANY(%s) AND (i.due_on IS NOT NULL OR i.settles_on IS NULL)"
        " ORDER BY i.id",
        [book_id, list(order_ids)],
    )


def without_a_day(*, book_id: UUID, capture_ids: Sequence[UUID]) -> list[Waits]:
    """Of these captures and what went back of them, what still waits for its event."""
    return sql.rows_as(
        _waits,
        f"{_WAITS} WHERE i.book_id IS NOT DISTINCT FROM %s AND i.capture_id = ANY(%s) AND i.settles_on IS NULL AND e.id IS NULL ORDER BY i.id",
        [book_id, list(capture_ids)],
    )


def events(*, item_ids: Sequence[UUID]) -> dict[UUID, Event]:
    """What was told of items, by item; one of which nothing was told is absent."""
    found = sql.rows(
        "SELECT item_id, kind, reference, proven_on, settles_on FROM settlement_evidence WHERE item_id = ANY(%s)", [list(item_ids)]
    )
    return {item_id: Event(*told) for item_id, *told in found}


def ahead(*, order_ids: Sequence[UUID]) -> dict[UUID, Ahead]:
    """What was told of orders before anything of them was captured, by order."""
    found = sql.rows(
        "SELECT order_id, merchant_id, kind, reference, proven_on FROM settlement_evidence WHERE order_id = ANY(%s)", [list(order_ids)]
    )
    return {order_id: Ahead(order_id, merchant_id, Event(*told)) for order_id, merchant_id, *told in found}


def items_of_orders(*, order_ids: Sequence[UUID]) -> set[UUID]:
    """Those of these orders of which something was captured."""
    return {row[0] for row in sql.rows("SELECT DISTINCT order_id FROM settlement_item WHERE order_id = ANY(%s)", [list(order_ids)])}


def undated(*, book_id: UUID, currency: str, merchant_id: UUID | None = None) -> Money:
    """What merchants, or one of them, are owed that has no day yet, because the event that it settles from has not come: a part of what is unsettled."""
    minor = sql.value(
        "SELECT coalesce(sum(i.net_minor), 0)::bigint FROM settlement_waiting AS w JOIN settlement_item AS i ON i.id = w.item_id"
        " WHERE w.book_id = %s AND w.settles_on IS NULL AND (%s::uuid IS NULL OR w.merchant_id = %s) AND i.currency = %s",
        [book_id, merchant_id, merchant_id, currency],
    )
    return Money(minor, currency)
