"""The books of a merchant as our tables have them, read by their owner."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from yuefu.proofs.merchant.books import CAPTURES, DISPUTES, LOANS, ORDERS, PAYOUTS, REFUNDS, SESSIONS, Books, blank

if TYPE_CHECKING:
    import psycopg

_ORDERS: Final = "SELECT id, state, merchant_reference, amount_minor, captured_minor, released_minor, refunded_minor FROM orders_order WHERE merchant_id = %s"
_CAPTURES: Final = "SELECT id, order_id, amount_minor, refunded_minor FROM orders_capture WHERE merchant_id = %s"
_REFUNDS: Final = (
    "SELECT order_id, count(DISTINCT refund_id), sum(amount_minor)::bigint FROM orders_refund WHERE merchant_id = %s GROUP BY order_id"
)
_DISPUTES: Final = "SELECT id, order_id, state, outcome, amount_minor, refunded_minor FROM aftersales_dispute WHERE merchant_id = %s"
_PAYOUTS: Final = "SELECT id, state, amount_minor, batch_id FROM payments_payout WHERE merchant_id = %s"
_SESSIONS: Final = (
    "SELECT id, state, merchant_reference, amount_minor, order_id FROM orders_checkout_session WHERE merchant_id = %s AND state <> 'open'"
)
_BOOK: Final = "SELECT b.id, (b.clock_at AT TIME ZONE b.zone)::date FROM runtime_book AS b JOIN merchants_merchant AS m ON m.book_id = b.id WHERE m.id = %s"
_EVENTS: Final = "SELECT count(*) FROM notices_event WHERE merchant_id = %s"
_UNDELIVERED: Final = (
    "SELECT count(*) FROM notices_event AS e WHERE e.merchant_id = %s AND NOT EXISTS"
    " (SELECT 1 FROM notices_delivery AS d WHERE d.event_id = e.id AND d.state = 'delivered')"
)


def of(database: psycopg.Connection[tuple[Any, ...]], merchant_id: UUID) -> Books:
    """The same pages as the merchant keeps."""
    from yuefu import ids

    def rows(statement: str) -> list[tuple[Any, ...]]:
        return database.execute(statement.encode(), [merchant_id]).fetchall()

    found = blank()
    for order_id, state, reference, amount, captured, released, refunded in rows(_ORDERS):
        sums = {"amount_captured": captured, "amount_released": released, "amount_refunded": refunded}
        found[ORDERS][ids.text("order", order_id)] = {"state": state, "merchant_reference": reference, "amount": amount, **sums}
    for capture_id, order_id, amount, refunded in rows(_CAPTURES):
        page = {"order": ids.text("order", order_id), "amount": amount, "amount_refunded": refunded}
        found[CAPTURES][ids.text("capture", capture_id)] = page
    for order_id, count, amount in rows(_REFUNDS):
        found[REFUNDS][ids.text("order", order_id)] = {"count": count, "amount": amount}
    for dispute_id, order_id, state, outcome, amount, refunded in rows(_DISPUTES):
        page = {"order": ids.text("order", order_id), "state": state, "outcome": outcome or None, "amount": amount, "refunded": refunded}
        found[DISPUTES][ids.text("dispute", dispute_id)] = page
    for payout_id, state, amount, batch_id in rows(_PAYOUTS):
        found[PAYOUTS][ids.text("payout", payout_id)] = {"state": state, "amount": amount, "settlement": ids.text("batch", batch_id)}
    for session_id, state, reference, amount, order_id in rows(_SESSIONS):
        order = ids.text("order", order_id) if order_id else None
        page = {"state": state, "merchant_reference": reference, "amount": amount, "order": order}
        found[SESSIONS][ids.text("checkout", session_id)] = page
    found[LOANS] = _loans(database, merchant_id)
    return found


def _loans(database: psycopg.Connection[tuple[Any, ...]], merchant_id: UUID) -> dict[str, Any]:
    """Loans as the book of loans has them, folded from their facts."""
    from yuefu import ids
    from yuefu.loans import queries as loans

    book = database.execute(_BOOK.encode(), [merchant_id]).fetchone()
    assert book is not None, "a merchant is of a book"
    book_id, today = book
    orders = [row[0] for row in database.execute("SELECT id FROM orders_order WHERE merchant_id = %s", [merchant_id]).fetchall()]
    return {
        ids.text("loan", one.dims.loan_id): {
            "state": "closed" if one.ended else "active",
            "order": ids.text("order", order_id),
            "amount": one.terms.principal.minor,
        }
        for order_id, held in loans.on_book_of(orders, today, book_id=book_id).items()
        for one in held
    }


def events(database: psycopg.Connection[tuple[Any, ...]], merchant_id: UUID) -> tuple[int, int]:
    """How many events there are, and how many of them reached nobody."""
    counts = [database.execute(statement.encode(), [merchant_id]).fetchone() for statement in (_EVENTS, _UNDELIVERED)]
    return tuple(int(count[0]) for count in counts if count)  # type: ignore[return-value]
