"""Which order a text means: one answer for the command line and for the pages."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Final
from uuid import UUID

from yuefu import ids
from yuefu.errors import Refused
from yuefu.journeys.views import OrderRow
from yuefu.loans import queries as loan_book
from yuefu.merchants import queries as merchants
from yuefu.orders import queries as order_book
from yuefu.orders.queries import Listed
from yuefu.orders.rules import UNKNOWN_ORDER

AMBIGUOUS_ORDER: Final = "ambiguous_order"  # several orders have this merchant reference: name one by its id

_SAID: Final = 5


def find_order(text: str, *, book_id: UUID) -> UUID | Refused:
    """The one order that a text means. Refused with unknown_order or ambiguous_order. Reads as `orders_named` does."""
    return the_one(text, orders_named(text, book_id=book_id))


def orders_named(text: str, *, book_id: UUID) -> tuple[OrderRow, ...]:
    """The order with a public id or with a loan of one, else all with a merchant reference, newest first, 20 at most; the spaces around a
    text do not count.

    To be called inside `sql.reading`: PostgreSQL leaves out what whoever asks may not see. Several merchants may use one reference. Of one
    merchant at most one order with it was not declined, and that is the one it means; the declined ones are found by their ids.
    """
    name = text.strip()
    if not 0 < len(name) <= 64 or not name.isprintable():
        return ()
    found = order_book.named(book_id, order_id=_id(name, book_id), merchant_reference=name)
    taken = {order.merchant_id for order in found if order.state != "declined"}
    return rows_of([order for order in found if order.state != "declined" or order.merchant_id not in taken])


def _id(name: str, book_id: UUID) -> UUID | None:
    with suppress(ids.BadId):
        return ids.parse("order", name)
    with suppress(ids.BadId):
        return loan_book.order_of(book_id, ids.parse("loan", name))
    return None


def the_one(text: str, found: Sequence[OrderRow]) -> UUID | Refused:
    """The order that was found. Where there are several, the refusal lists them: none is a better guess than another."""
    if not found:
        return Refused(UNKNOWN_ORDER, f"there is no order {text.strip()!r:.80} that you may see", "order")
    if len(found) > 1:
        listed = ", ".join(f"{order.public_id} ({order.merchant_en}, {order.state})" for order in found[:_SAID])
        more = f" and {len(found) - _SAID} more" if len(found) > _SAID else ""
        return Refused(
            AMBIGUOUS_ORDER, f"several orders have the reference {text.strip()!r:.80}, name one by its id: {listed}{more}", "order"
        )
    return ids.parse("order", found[0].public_id)


def rows_of(listed: Sequence[Listed]) -> tuple[OrderRow, ...]:
    """Orders in a list, with the names of their merchants."""
    names = merchants.shown(ids=sorted({order.merchant_id for order in listed}))
    return tuple(
        OrderRow(
            ids.text("order", order.id),
            order.merchant_reference,
            names[order.merchant_id].name_en,
            names[order.merchant_id].name_zh,
            order.amount,
            order.periods,
            order.state,
            order.created_at,
        )
        for order in listed
    )
