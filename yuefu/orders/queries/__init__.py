"""Reads of orders, as frozen values."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from yuefu.money.amounts import Money
from yuefu.orders.rules import Capture, Order
from yuefu.runtime import paging, sql
from yuefu.runtime.paging import Span

_ORDER = (
    "id, merchant_id, consumer_id, credit_account_id, merchant_reference, product_id, product, channel, currency, amount_minor,"
    " authorised_minor, captured_minor, released_minor, refunded_minor, periods, state, expires_at, first_due_on, due_day,"
    " annual_rate_ppm, day_count, rule_version, shown_total_minor, shown_instalment_minor, disclosure_id, quote_id, quote_shown_to,"
    " decision_id, seq, created_on, host_id, category, store_id, terminal_id"
)


@dataclass(frozen=True, slots=True)
class Listed:
    """An order in a list."""

    id: UUID
    merchant_id: UUID
    merchant_reference: str
    amount: Money
    periods: int
    state: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Captured:
    """A capture with the day it was made."""

    id: UUID
    order_id: UUID
    merchant_id: UUID
    number: int
    amount: Money
    refunded: Money
    captured_on: date
    captured_at: datetime


@dataclass(frozen=True, slots=True)
class RefundShare:
    id: UUID
    refund_id: UUID
    order_id: UUID
    capture_id: UUID
    amount: Money
    refunded_on: date
    refunded_at: datetime


OfMerchant = tuple[UUID, UUID]
"""A merchant and an order that it says is its own."""


def of_merchants(book_id: UUID, wanted: Collection[OfMerchant], *, lock: bool = False) -> dict[OfMerchant, Order]:
    """Orders with their captures by who asks for them; `lock` locks them in ascending order of id until the transaction ends.

    What a merchant does to an order it gets here. One of another merchant or book is absent like one that does not exist, and not
    locked either: else who asks could make its owner wait, or learn from waiting that there is such an order.
    """
    if not wanted:
        return {}
    source, params = sql.unnest({"merchant_id": "uuid", "id": "uuid"}, sorted(set(wanted)))
    found = sql.rows_as(
        Order,
        f"SELECT {', '.join(f'o.{name}' for name in _ORDER.split(', '))} FROM {source} AS g"
        # By a comparison of the book that no index serves: whatever the statistics say, the way in is by the ids.
        " JOIN orders_order o ON o.id = g.id AND o.merchant_id = g.merchant_id WHERE o.book_id IS NOT DISTINCT FROM %s ORDER BY o.id"
        f"{' FOR NO KEY UPDATE OF o' if lock else ''}",
        [*params, book_id],
    )
    return {(order.merchant_id, order.id): order for order in _with_captures(found).values()}


def lock_any(book_id: UUID, order_ids: Sequence[UUID]) -> dict[UUID, Order]:
    """Orders of any merchant, for what the book itself does with them; locked in ascending order of id until the transaction ends."""
    found = sql.rows_as(
        Order,
        f"SELECT {_ORDER} FROM orders_order WHERE book_id IS NOT DISTINCT FROM %s AND id = ANY(%s) ORDER BY id FOR NO KEY UPDATE",
        [book_id, list(set(order_ids))],
    )
    return _with_captures(found)


def orders(order_ids: Sequence[UUID]) -> dict[UUID, Order]:
    """Orders with their captures, without locks."""
    return _with_captures(sql.rows_as(Order, f"SELECT {_ORDER} FROM orders_order WHERE id = ANY(%s)", [list(order_ids)]))


def _with_captures(found: Sequence[Order]) -> dict[UUID, Order]:
    captured = [order.id for order in found if order.captured]
    by_order: dict[UUID, list[Capture]] = defaultdict(list)
    if captured:
        for row in sql.rows(
            "SELECT order_id, id, number, amount_minor, refunded_minor, captured_on FROM orders_capture WHERE order_id = ANY(%s) ORDER BY number",
            [captured],
        ):
            by_order[row[0]].append(Capture(*row[1:]))
    return {order.id: replace(order, captures=tuple(by_order[order.id])) if order.id in by_order else order for order in found}


def taken_references(book_id: UUID, wanted: Sequence[tuple[UUID, str]]) -> dict[tuple[UUID, str], UUID]:
    """Which (merchant, merchant reference) belong to an order that was not declined."""
    if not wanted:
        return {}
    source, params = sql.unnest({"merchant_id": "uuid", "merchant_reference": "text"}, wanted)
    found = sql.rows(
        # A look-up into the key for each, whatever the statistics say: joined, it was planned as a scan of all orders of the book.
        f"SELECT g.merchant_id, g.merchant_reference, o.id FROM {source} AS g CROSS JOIN LATERAL (SELECT o.id FROM orders_order o"
        " WHERE o.book_id = %s AND o.merchant_id = g.merchant_id AND o.merchant_reference = g.merchant_reference"
        " AND o.authorised_minor > 0 OFFSET 0) AS o",
        [*params, book_id],
    )
    return {(merchant, reference): order for merchant, reference, order in found}


def velocity(*, consumer_ids: Sequence[UUID], now: datetime) -> dict[UUID, tuple[int, int, int]]:
    """Consumer → orders of the last hour, orders of the last 24 hours, and what was authorised in these (minor units). Who ordered
    nothing is absent. From the index alone; a consumer is of one book and one currency.
    """
    found = sql.rows(
        # One way into the index for each consumer, whatever the statistics say: by a list of them, all orders of the book were read.
        "SELECT g.id, count(*) FILTER (WHERE o.created_at > %s), count(*), sum(o.authorised_minor)::bigint FROM unnest(%s::uuid[]) AS g (id)"
        " CROSS JOIN LATERAL (SELECT created_at, authorised_minor FROM orders_order WHERE consumer_id = g.id AND created_at > %s OFFSET 0) AS o"
        " GROUP BY g.id",
        [now - timedelta(hours=1), list(consumer_ids), now - timedelta(days=1)],
    )
    return {consumer: (hour, day, minor) for consumer, hour, day, minor in found}


def extensions(extension_ids: Sequence[UUID]) -> dict[UUID, tuple[UUID, datetime]]:
    """Extension → its order, and until when it let that hold."""
    found = sql.rows("SELECT id, order_id, expires_at FROM orders_extension WHERE id = ANY(%s)", [list(extension_ids)])
    return {row[0]: (row[1], row[2]) for row in found}


def captures(capture_ids: Sequence[UUID]) -> dict[UUID, Captured]:
    found = sql.rows(_CAPTURED + " WHERE c.id = ANY(%s)", [list(capture_ids)])
    return {row[0]: _captured(row) for row in found}


def captures_of(order_ids: Sequence[UUID]) -> list[Captured]:
    return [_captured(row) for row in sql.rows(_CAPTURED + " WHERE c.order_id = ANY(%s) ORDER BY c.captured_at, c.id", [list(order_ids)])]


_CAPTURED = (
    "SELECT c.id, c.order_id, c.merchant_id, c.number, c.amount_minor, c.refunded_minor, c.captured_on, c.captured_at, o.currency"
    " FROM orders_capture c JOIN orders_order o ON o.id = c.order_id"
)


def _captured(row: Sequence[Any]) -> Captured:
    return Captured(row[0], row[1], row[2], row[3], Money(row[4], row[8]), Money(row[5], row[8]), row[6], row[7])


def refunds_of(order_ids: Sequence[UUID]) -> list[RefundShare]:
    return _refunds("r.order_id = ANY(%s)", [list(order_ids)])


def refund_shares(refund_ids: Sequence[UUID]) -> Mapping[UUID, tuple[RefundShare, ...]]:
    by_refund: dict[UUID, list[RefundShare]] = defaultdict(list)
    for share in _refunds("r.refund_id = ANY(%s)", [list(refund_ids)]):
        by_refund[share.refund_id].append(share)
    return {refund: tuple(shares) for refund, shares in by_refund.items()}


def _refunds(where: str, params: Sequence[Any]) -> list[RefundShare]:
    found = sql.rows(
        "SELECT r.id, r.refund_id, r.order_id, r.capture_id, r.amount_minor, o.currency, r.refunded_on, r.refunded_at"
        f" FROM orders_refund r JOIN orders_order o ON o.id = r.order_id WHERE {where} ORDER BY r.refunded_at, r.id",
        params,
    )
    return [RefundShare(row[0], row[1], row[2], row[3], Money(row[4], row[5]), row[6], row[7]) for row in found]


def named(book_id: UUID, *, order_id: UUID | None, merchant_reference: str) -> list[Listed]:
    """The order with an id, else those with a merchant reference, newest first, 20 at most (several merchants may use the same one)."""
    found = _listed("AND id = %(order)s", {"book": book_id, "order": order_id}) if order_id else []
    return found or _listed(
        "AND merchant_reference = %(reference)s ORDER BY created_at DESC, id DESC LIMIT 20",
        {"book": book_id, "reference": merchant_reference},
    )


def latest(book_id: UUID, *, before: UUID | None, limit: int) -> list[Listed]:
    """Orders, newest first, older than `before`. Ids rise with time, so with the business day before them they are in the order of time."""
    return _listed(
        "AND (%(before)s::uuid IS NULL OR (created_on, id) < (SELECT created_on, id FROM orders_order WHERE id = %(before)s))"
        " ORDER BY created_on DESC, id DESC LIMIT %(limit)s",
        {"book": book_id, "before": before, "limit": limit},
    )


_FILTERS = {
    "merchant_reference": "merchant_reference = %(merchant_reference)s",
    "state": "state = %(state)s",
    "channel": "channel = %(channel)s",
    "consumer": "consumer_id = %(consumer)s",
    "product": "product = %(product)s",
    "store": "store_id = %(store)s",
    "terminal": "terminal_id = %(terminal)s",
    "created_from": "created_at >= %(created_from)s",
    "created_before": "created_at < %(created_before)s",
}


def page(*, merchant_id: UUID, where: Mapping[str, Any], span: Span) -> list[Order] | None:
    """Orders of a merchant with their captures, newest first; None where the span begins at no order of this merchant."""
    found = paging.page(
        Order, columns=_ORDER, table="orders_order", owner={"merchant_id": merchant_id}, conditions=_FILTERS, where=where, span=span
    )
    return None if found is None else list(_with_captures(found).values())


def _listed(which: str, params: Mapping[str, Any]) -> list[Listed]:
    found = sql.rows(
        "SELECT id, merchant_id, merchant_reference, amount_minor, currency, periods, state, created_at FROM orders_order"
        f" WHERE book_id = %(book)s {which}",
        params,
    )
    return [Listed(row[0], row[1], row[2], Money(row[3], row[4]), *row[5:]) for row in found]


def created_at(order_ids: Sequence[UUID]) -> dict[UUID, datetime]:
    return dict(sql.rows("SELECT id, created_at FROM orders_order WHERE id = ANY(%s)", [list(order_ids)]))


def expiring(book_id: UUID, now: datetime, limit: int) -> list[UUID]:
    """Orders whose authorisation has run out with something still held, oldest first."""
    found = sql.rows(
        "SELECT id FROM orders_order WHERE book_id = %s AND authorised_minor > captured_minor + released_minor AND expires_at <= %s"
        " ORDER BY expires_at, id LIMIT %s",
        [book_id, now, limit],
    )
    return [row[0] for row in found]


def day_figures(book_id: UUID, since: date) -> dict[date, tuple[int, int, int]]:
    """(orders, approved, declined) by day of creation."""
    found = sql.rows(
        "SELECT created_on, count(*), count(*) FILTER (WHERE state <> 'declined'), count(*) FILTER (WHERE state = 'declined')"
        " FROM orders_order WHERE book_id = %s AND created_on >= %s GROUP BY created_on",
        [book_id, since],
    )
    return {row[0]: (row[1], row[2], row[3]) for row in found}


def money_figures(book_id: UUID, since: date) -> tuple[dict[date, int], dict[date, int]]:
    """Captured and refunded minor units by day."""
    captured = sql.rows(
        "SELECT captured_on, sum(amount_minor)::bigint FROM orders_capture WHERE book_id = %s AND captured_on >= %s GROUP BY 1",
        [book_id, since],
    )
    refunded = sql.rows(
        "SELECT refunded_on, sum(amount_minor)::bigint FROM orders_refund WHERE book_id = %s AND refunded_on >= %s GROUP BY 1",
        [book_id, since],
    )
    return {row[0]: row[1] for row in captured}, {row[0]: row[1] for row in refunded}


def held(book_id: UUID) -> int:
    """What orders of a book still hold: authorised and not captured, in minor units."""
    minor: int = sql.value(
        "SELECT coalesce(sum(authorised_minor - captured_minor - released_minor), 0)::bigint FROM orders_order WHERE book_id = %s",
        [book_id],
    )
    return minor


def totals(book_id: UUID) -> Mapping[str, int]:
    """Counts of a whole book: orders, approved, declined, captured (captures), refunds (requests), held (minor units not captured)."""
    row = sql.rows(
        "SELECT count(*), count(*) FILTER (WHERE state <> 'declined'), count(*) FILTER (WHERE state = 'declined'),"
        " coalesce(sum(authorised_minor - captured_minor - released_minor), 0)::bigint FROM orders_order WHERE book_id = %s",
        [book_id],
    )[0]
    captured: int = sql.value("SELECT count(*) FROM orders_capture WHERE book_id = %s", [book_id])
    refunds: int = sql.value("SELECT count(DISTINCT refund_id) FROM orders_refund WHERE book_id = %s", [book_id])
    return {"orders": row[0], "approved": row[1], "declined": row[2], "captured": captured, "refunds": refunds, "held": row[3]}


@dataclass(frozen=True, slots=True)
class Placed:
    """Where and when an order was placed."""

    book_id: UUID
    at: datetime
    on: date


def placed(order_id: UUID) -> Placed | None:
    found = sql.rows_as(Placed, "SELECT book_id, created_at, created_on FROM orders_order WHERE id = %s", [order_id])
    return found[0] if found else None


def placed_at(*, order_ids: Sequence[UUID]) -> dict[UUID, datetime]:
    """When each order was placed."""
    return dict(sql.rows("SELECT id, created_at FROM orders_order WHERE id = ANY(%s)", [list(order_ids)]))


def merchants_of(order_ids: Sequence[UUID]) -> dict[UUID, UUID]:
    """Whose order each is."""
    return dict(sql.rows("SELECT id, merchant_id FROM orders_order WHERE id = ANY(%s)", [list(order_ids)]))


def is_in_book(book_id: UUID, order_id: UUID) -> bool:
    return bool(sql.rows("SELECT 1 FROM orders_order WHERE book_id = %s AND id = %s", [book_id, order_id]))


def declined_or_not(book_id: UUID) -> dict[UUID, bool]:
    """Every order of a book: whether it was declined."""
    return dict(sql.rows("SELECT id, state = 'declined' FROM orders_order WHERE book_id = %s", [book_id]))


def capture_orders(book_id: UUID) -> dict[UUID, UUID]:
    """Every capture of a book and its order."""
    return dict(sql.rows("SELECT id, order_id FROM orders_capture WHERE book_id = %s", [book_id]))


def share_orders(book_id: UUID) -> dict[UUID, UUID]:
    """Every refund share of a book and its order."""
    return dict(sql.rows("SELECT id, order_id FROM orders_refund WHERE book_id = %s", [book_id]))
