"""Reads of checkout sessions and of what is in carts, as frozen values."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from yuefu.money.amounts import Money
from yuefu.orders.rules.checkout import Session
from yuefu.orders.rules.lines import Line
from yuefu.orders.rules.qr import KEYED_IN
from yuefu.runtime import paging, sql
from yuefu.runtime.paging import Span

SESSION: Final = (
    "id, merchant_id, merchant_reference, amount_minor, currency, channel, products, periods, success_url, cancel_url, consumer_id,"
    " language, host, category, state, order_id, created_at, expires_at, seq, store_id, terminal_id"
)
LINE: Final = "number, name, quantity, unit_minor, sku, cash_price_minor, tax_minor, serial_number, category, image_url"


def sessions(ids: Collection[UUID]) -> dict[UUID, Session]:
    """These checkout sessions; unknown ids are left out."""
    return _by_id(sql.rows_as(made, f"SELECT {SESSION} FROM orders_checkout_session WHERE id = ANY(%s)", [list(ids)]))


def of_merchants(book_id: UUID, wanted: Sequence[tuple[UUID, UUID]]) -> frozenset[tuple[UUID, UUID]]:
    """Which of (merchant, session) are there, in this book."""
    found = sql.rows(
        "SELECT merchant_id, id FROM orders_checkout_session WHERE book_id = %s AND id = ANY(%s)",
        [book_id, [session for _, session in wanted]],
    )
    return frozenset((merchant, session) for merchant, session in found) & frozenset(wanted)


def book_of(session_id: UUID) -> UUID | None:
    """The book of a checkout session."""
    found: UUID | None = sql.value("SELECT book_id FROM orders_checkout_session WHERE id = %s", [session_id])
    return found


def lock(book_id: UUID, ids: Collection[UUID]) -> dict[UUID, Session]:
    """Checkout sessions of a book, locked in ascending order of id until the transaction ends."""
    return _by_id(
        sql.rows_as(
            made,
            f"SELECT {SESSION} FROM orders_checkout_session WHERE book_id IS NOT DISTINCT FROM %s AND id = ANY(%s) ORDER BY id FOR NO KEY UPDATE",
            [book_id, sorted(set(ids))],
        )
    )


_FILTERS: Final = {
    "merchant_reference": "merchant_reference = %(merchant_reference)s",
    "state": "CASE WHEN state = 'open' AND expires_at <= %(moment)s THEN 'expired' ELSE state END = %(state)s",
    "moment": "%(moment)s::timestamptz IS NOT NULL",
    "channel": "channel = %(channel)s",
    "consumer": "consumer_id = %(consumer)s",
    "order": "order_id = %(order)s",
    "store": "store_id = %(store)s",
    "terminal": "terminal_id = %(terminal)s",
    "created_from": "created_at >= %(created_from)s",
    "created_before": "created_at < %(created_before)s",
}


def page(*, merchant_id: UUID, where: Mapping[str, Any], span: Span, now: datetime) -> list[Session] | None:
    """Sessions of a merchant, newest first; None where the span begins at no session of this merchant. States are those of `now`."""
    return paging.page(
        made,
        columns=SESSION,
        table="orders_checkout_session",
        owner={"merchant_id": merchant_id},
        conditions=_FILTERS,
        where={**where, "moment": now},
        span=span,
    )


def latest_open_at(*, store_id: UUID, terminal_id: UUID | None, now: datetime) -> UUID | None:
    """The session that its merchant opened last at a till, or in a store at no till in particular, and that is open yet."""
    found: UUID | None = sql.value(
        "SELECT id FROM orders_checkout_session WHERE store_id = %s AND terminal_id IS NOT DISTINCT FROM %s AND state = 'open' AND expires_at > %s"
        " AND merchant_reference !~ %s ORDER BY id DESC LIMIT 1",
        [store_id, terminal_id, now, KEYED_IN],
    )
    return found


def running_out(book_id: UUID, now: datetime, limit: int) -> list[UUID]:
    """Open sessions whose time is over, oldest first."""
    found = sql.rows(
        "SELECT id FROM orders_checkout_session WHERE book_id = %s AND state = 'open' AND expires_at <= %s ORDER BY expires_at, id LIMIT %s",
        [book_id, now, limit],
    )
    return [row[0] for row in found]


def lines_of_sessions(ids: Sequence[UUID]) -> dict[UUID, tuple[Line, ...]]:
    """The carts of sessions, in the order of their lines; who has none is left out."""
    return _carts("session_id", ids)


def lines_of_orders(ids: Sequence[UUID]) -> dict[UUID, tuple[Line, ...]]:
    """What was bought, in the order of the lines; orders without any are left out."""
    return _carts("order_id", ids)


def _carts(column: str, ids: Sequence[UUID]) -> dict[UUID, tuple[Line, ...]]:
    carts: dict[UUID, list[Line]] = defaultdict(list)
    for whose, _, *row in sql.rows(f"SELECT {column}, {LINE} FROM orders_line WHERE {column} = ANY(%s) ORDER BY number", [list(ids)]):
        carts[whose].append(Line(*row))
    return {whose: tuple(lines) for whose, lines in carts.items()}


def made(
    session_id: UUID,
    merchant_id: UUID,
    reference: str,
    minor: int,
    currency: str,
    channel: str,
    products: list[str],
    periods: list[int],
    *rest: Any,
) -> Session:
    """A session from its columns."""
    return Session(session_id, merchant_id, reference, Money(minor, currency), channel, tuple(products), tuple(periods), *rest)


def _by_id(found: Sequence[Session]) -> dict[UUID, Session]:
    return {session.id: session for session in found}
