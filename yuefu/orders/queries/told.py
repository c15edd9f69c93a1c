"""Captures and refunds as the merchant of their orders lists them, newest first."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from yuefu.money.amounts import Money
from yuefu.runtime import sql
from yuefu.runtime.pages import Page, given, page_of


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which ones: of an order, of the orders with a merchant reference, of the days from one to another; None is whatever it is."""

    order_id: UUID | None = None
    merchant_reference: str | None = None
    since: date | None = None
    until: date | None = None


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
    order_id: UUID
    merchant_reference: str
    amount: Money
    refunded_on: date
    refunded_at: datetime
    shares: tuple[ShareTold, ...]


_CAPTURE = (
    "SELECT c.id, c.order_id, o.merchant_reference, c.number, c.amount_minor, c.refunded_minor, c.captured_on, c.captured_at, o.currency"
    " FROM orders_capture c JOIN orders_order o ON o.id = c.order_id"
)
_REFUND = (
    "SELECT r.refund_id, r.order_id, o.merchant_reference, o.currency, r.refunded_on, r.refunded_at,"
    " array_agg(r.id ORDER BY r.id), array_agg(r.capture_id ORDER BY r.id), array_agg(r.amount_minor ORDER BY r.id)"
    " FROM orders_refund r JOIN orders_order o ON o.id = r.order_id"
)
_OF_ONE = " GROUP BY r.refund_id, r.order_id, o.merchant_reference, o.currency, r.refunded_on, r.refunded_at"


def captures(*, merchant_id: UUID, wanted: Wanted, page: Page) -> list[CaptureTold] | None:
    """Captures of a merchant's orders; None where the page begins beside what is no capture of this merchant."""
    if page.place and not _is_of("orders_capture", "id", page.place, merchant_id):
        return None
    return page_of(_capture, _CAPTURE, _tests("c", "captured_on", merchant_id, wanted), page, key="c.id")


def capture(*, merchant_id: UUID, capture_id: UUID) -> CaptureTold | None:
    """A capture of a merchant's order."""
    found = sql.rows_as(_capture, f"{_CAPTURE} WHERE c.id = %s AND c.merchant_id = %s", [capture_id, merchant_id])
    return found[0] if found else None


def refunds(
    *, merchant_id: UUID, wanted: Wanted, page: Page, among: Collection[UUID] | None = None, but: Collection[UUID] = ()
) -> list[RefundTold] | None:
    """Refunds of a merchant's orders; where given, only those `among` some, and none `but` others. None where the page begins beside what is no refund
    of this merchant."""
    if page.place and not _is_of("orders_refund", "refund_id", page.place, merchant_id):
        return None
    tests = _tests("r", "refunded_on", merchant_id, wanted)
    tests |= {} if among is None else {"r.refund_id = ANY(%s)": (list(among),)}
    tests |= {"r.refund_id <> ALL(%s)": (list(but),)} if but else {}
    return page_of(_refund, _REFUND, tests, page, key="r.refund_id", behind=_OF_ONE)


def refund(*, merchant_id: UUID, refund_id: UUID) -> RefundTold | None:
    """A refund of a merchant's order."""
    found = sql.rows_as(_refund, f"{_REFUND} WHERE r.refund_id = %s AND r.merchant_id = %s{_OF_ONE}", [refund_id, merchant_id])
    return found[0] if found else None


def refunds_of_orders(*, merchant_id: UUID, order_ids: Sequence[UUID]) -> list[RefundTold]:
    """All refunds of some orders, as far as they are this merchant's."""
    return sql.rows_as(_refund, f"{_REFUND} WHERE r.order_id = ANY(%s) AND r.merchant_id = %s{_OF_ONE}", [list(order_ids), merchant_id])


def refunds_of_shares(*, share_ids: Sequence[UUID]) -> dict[UUID, UUID]:
    """The refund of each share."""
    return dict(sql.rows("SELECT id, refund_id FROM orders_refund WHERE id = ANY(%s)", [list(share_ids)]))


def references(*, order_ids: Sequence[UUID]) -> dict[UUID, str]:
    """The reference by which its merchant knows each order."""
    return dict(sql.rows("SELECT id, merchant_reference FROM orders_order WHERE id = ANY(%s)", [list(order_ids)]))


def _tests(table: str, day: str, merchant_id: UUID, wanted: Wanted) -> dict[str, Sequence[Any]]:
    return given(
        {
            f"{table}.merchant_id = %s": merchant_id,
            f"{table}.order_id = %s": wanted.order_id,
            "o.merchant_reference = %s": wanted.merchant_reference,
            f"{table}.{day} >= %s": wanted.since,
            f"{table}.{day} <= %s": wanted.until,
        }
    )


def _is_of(table: str, column: str, row_id: UUID, merchant_id: UUID) -> bool:
    return bool(sql.rows(f"SELECT FROM {table} WHERE {column} = %s AND merchant_id = %s LIMIT 1", [row_id, merchant_id]))


def _capture(*row: Any) -> CaptureTold:
    capture_id, order_id, reference, number, amount, refunded, on, at, currency = row
    return CaptureTold(capture_id, order_id, reference, number, Money(amount, currency), Money(refunded, currency), on, at)


def _refund(*row: Any) -> RefundTold:
    refund_id, order_id, reference, currency, on, at, ids, captures, minors = row
    shares = tuple(ShareTold(i, c, Money(minor, currency)) for i, c, minor in zip(ids, captures, minors, strict=True))
    return RefundTold(refund_id, order_id, reference, Money(sum(minors), currency), on, at, shares)
