"""What the clients were told is compared with what is there; what must be over before a round of the crash proof may be."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import Any

from tests.journeys.conftest import Shop
from yuefu import ids
from yuefu.journeys.close_of_day import Closed, close_day, roll_over
from yuefu.proofs import crash_world, reckoning
from yuefu.proofs.crash_world import end_the_day
from yuefu.runtime import books, sql


def told(reference: str, status: int, answer: dict[str, Any]) -> dict[str, Any]:
    return {"verb": "order", "order": reference, "status": status, "answer": answer}


def orders(shop: Shop, *lines: dict[str, Any]) -> tuple[int, int]:
    found = reckoning.Found()
    reckoning._orders(found, shop.book_id, lines)
    return found.lost, found.doubled


def test_an_order_is_there_once_where_it_was_acknowledged_and_never_where_it_was_refused(shop: Shop) -> None:
    order_id = shop.buy(shop.consumer()).order_id
    (reference,) = sql.value("SELECT array_agg(merchant_reference) FROM orders_order WHERE id = %s", [order_id])
    placed = told(reference, 201, {"id": ids.text("order", order_id)})
    outdated = {"code": "quote_outdated"}
    assert orders(shop, placed, told("none", 409, outdated)) == (0, 0)
    assert orders(shop, placed, told("none", 201, {"id": ids.text("order", order_id)})) == (1, 0)
    assert orders(shop, told(reference, 409, outdated)) == (0, 1)


def test_a_day_that_is_over_is_stuck_until_it_has_closed(shop: Shop) -> None:
    over = reckoning._STUCK["days that are over and not closed"]
    before = sql.value(over)
    closed = crash_world.days_closed(shop.desk.book)
    with sql.transacting():
        books.move_clock(book=shop.desk.book, to=datetime.combine(shop.on, time(23, 59), shop.desk.book.tz))
    assert sql.value(over) == before
    end_the_day(shop.desk.book)
    book = books.by_id(shop.book_id)
    assert book is not None
    now = books.now_in(book)
    assert now == datetime.combine(shop.on + timedelta(days=1), time(0, 10), book.tz)
    assert sql.value(over) == before + 1
    assert roll_over(desk=shop.desk, now=now) is None
    assert sql.value(over) == before + 1, "it has begun to close"
    assert isinstance(close_day(desk=shop.desk, now=now), Closed)
    assert sql.value(over) == before
    assert crash_world.days_closed(book) == closed + 1
