"""Captures and refunds as the merchant of their orders lists them, newest first."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

from yuefu.money.amounts import Money, total
from yuefu.runtime import paging, sql
from yuefu.runtime.paging import Span


@dataclass(frozen=True, slots=True)
class CaptureTold:
    """A capture with the reference of its order."""

    id: UUID
    order_id: UUID
    merchant_reference: str
    number: int
    amount: Money
    refunded: Money
    captured_on: date
    captured_at: datetime


@dataclass(frozen=True, slots=True)
class ShareTold:
    """What one capture bears of a refund."""

    id: UUID
    capture_id: UUID
    amount: Money


@dataclass(frozen=True, slots=True)
class RefundTold:
    """A refund with the reference of its order and what each capture bears of it."""

    id: UUID
    book_id: UUID
    order_id: UUID
    merchant_reference: str
    amount: Money
    refunded_on: date
    refunded_at: datetime
    shares: tuple[ShareTold, ...]


_CAPTURE: Final = (
    "c.id, c.order_id, o.merchant_reference, c.number, c.amount_minor, c.refunded_minor, c.captured_on, c.captured_at, o.currency"
)
_CAPTURES: Final = "orders_capture c JOIN orders_order o ON o.id = c.order_id"
_CAPTURE_FILTERS: Final = {
    "order": "c.order_id = %(order)s",
    "merchant_reference": "o.merchant_reference = %(merchant_reference)s",
    "created_from": "c.captured_at >= %(created_from)s",
    "created_before": "c.captured_at < %(created_before)s",
}
_REFUND: Final = "r.refund_id, r.book_id, r.order_id, o.merchant_reference, o.currency, r.refunded_on, r.refunded_at"
# By one share of each.
_REFUNDS: Final = (
    "orders_refund r JOIN orders_order o ON o.id = r.order_id"
    " AND NOT EXISTS (SELECT FROM orders_refund s WHERE s.refund_id = r.refund_id AND s.capture_id < r.capture_id)"
)
_REFUND_FILTERS: Final = {
    "order": "r.order_id = %(order)s",
    "merchant_reference": "o.merchant_reference = %(merchant_reference)s",
    "created_from": "r.refunded_at >= %(created_from)s",
    "created_before": "r.refunded_at < %(created_before)s",
    "among": "r.refund_id = ANY(%(among)s)",
    "but": "r.refund_id <> ALL(%(but)s)",
}


def captures(*, merchant_id: UUID, where: Mapping[str, Any], span: Span) -> list[CaptureTold] | None:
    """Captures of a merchant's orders, newest first, of an `order`, a `merchant_reference`, or a time; None where the span begins at none of them."""
    owner = {"c.merchant_id": merchant_id}
    return paging.page(
        _capture, columns=_CAPTURE, table=_CAPTURES, owner=owner, conditions=_CAPTURE_FILTERS, where=where, span=span, key="c.id"
    )


def captures_by_id(*, capture_ids: Sequence[UUID]) -> dict[UUID, CaptureTold]:
    """Captures as far as this scope sees them."""
    found = sql.rows_as(_capture, f"SELECT {_CAPTURE} FROM {_CAPTURES} WHERE c.id = ANY(%s)", [list(capture_ids)])
    return {one.id: one for one in found}


def refunds(*, merchant_id: UUID, where: Mapping[str, Any], span: Span) -> list[RefundTold] | None:
    """Refunds of a merchant's orders, newest first, of an `order`, a `merchant_reference`, or a time; `among` some, or all `but` some. None where the span
    begins at none of them."""
    owner = {"r.merchant_id": merchant_id}
    found = paging.page(
        _row, columns=_REFUND, table=_REFUNDS, owner=owner, conditions=_REFUND_FILTERS, where=where, span=span, key="r.refund_id"
    )
    return None if found is None else _with_shares(found)


def refunds_by_id(*, refund_ids: Sequence[UUID]) -> dict[UUID, RefundTold]:
    """Refunds as far as this scope sees them."""
    found = sql.rows(f"SELECT {_REFUND} FROM {_REFUNDS} WHERE r.refund_id = ANY(%s)", [list(refund_ids)])
    return {one.id: one for one in _with_shares(found)}


def refunds_of_orders(*, order_ids: Sequence[UUID]) -> list[RefundTold]:
    """All refunds of some orders, as far as this scope sees them."""
    return _with_shares(sql.rows(f"SELECT {_REFUND} FROM {_REFUNDS} WHERE r.order_id = ANY(%s)", [list(order_ids)]))


def refunds_of_shares(*, share_ids: Sequence[UUID]) -> dict[UUID, UUID]:
    """The refund of each share."""
    return dict(sql.rows("SELECT id, refund_id FROM orders_refund WHERE id = ANY(%s)", [list(share_ids)]))


def references(*, order_ids: Sequence[UUID]) -> dict[UUID, str]:
    """The reference by which its merchant knows each order."""
    return dict(sql.rows("SELECT id, merchant_reference FROM orders_order WHERE id = ANY(%s)", [list(order_ids)]))


def _capture(*row: Any) -> CaptureTold:
    capture_id, order_id, reference, number, amount, refunded, on, at, currency = row
    return CaptureTold(capture_id, order_id, reference, number, Money(amount, currency), Money(refunded, currency), on, at)


def _row(*row: Any) -> tuple[Any, ...]:
    return row


def _with_shares(rows: Sequence[tuple[Any, ...]]) -> list[RefundTold]:
    """Refunds from their rows (`_REFUND`), with what each capture bears of them."""
    shares: dict[UUID, list[ShareTold]] = defaultdict(list)
    of_refund = {row[0]: row for row in rows}
    for refund_id, share_id, capture_id, minor in sql.rows(
        "SELECT refund_id, id, capture_id, amount_minor FROM orders_refund WHERE refund_id = ANY(%s) ORDER BY capture_id", [list(of_refund)]
    ):
        shares[refund_id].append(ShareTold(share_id, capture_id, Money(minor, of_refund[refund_id][4])))
    found = []
    for refund_id, *of_it, currency, on, at in rows:
        parts = tuple(shares[refund_id])
        found.append(RefundTold(*[refund_id, *of_it, total([one.amount for one in parts], currency), on, at, parts]))
    return found
