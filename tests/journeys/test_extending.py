"""An authorisation that is to hold longer, and the rest of one that was captured in part."""

from __future__ import annotations

from datetime import datetime, timedelta

import psycopg
import pytest

from tests.journeys.conftest import ZONE
from yuefu.journeys import checkout
from yuefu.journeys.checkout import Captured, Prolonged, Released
from yuefu.money.amounts import Money
from yuefu.orders import queries as order_book
from yuefu.orders.commands import CaptureRequest, ReleaseRequest
from yuefu.orders.commands.extending import ExtendRequest
from yuefu.runtime import sql


def extend(shop, order, key="e1", *, hour=10, merchant=None):
    request = ExtendRequest(key, merchant or shop.seller(order), order)
    return checkout.extend(desk=shop.desk, now=shop.now(hour), requests=[request])[0]


def release(shop, order, key="l1"):
    return checkout.release(desk=shop.desk, now=shop.now(12), requests=[ReleaseRequest(key, shop.seller(order), order)])[0]


def test_it_holds_from_the_day_one_asks_but_not_into_the_first_due_day(shop):
    order = shop.buy(shop.consumer(repayment_day=25)).order_id
    shop.next_day()
    longer = extend(shop, order)
    assert longer == Prolonged(order, shop.now() + timedelta(days=7))
    assert extend(shop, order, hour=11) == longer, "the same key is answered the same"
    for _ in range(6):
        shop.next_day()
    last = extend(shop, order, "e3", hour=9)
    assert last.expires_at == datetime(2026, 10, 25, tzinfo=ZONE), "on the day itself nothing could be captured any more"
    assert extend(shop, order, hour=11) == longer, "and is, also when it was extended again since"
    assert extend(shop, order, "e4").code == "nothing_to_extend"
    shop.next_day()
    assert checkout.expire(desk=shop.desk, now=shop.now()) == 0
    (taken,) = checkout.capture(
        desk=shop.desk, now=shop.now(), requests=[CaptureRequest("c", shop.seller(order), order, Money(100_00, "CNY"))]
    )
    assert isinstance(taken, Captured), "its hold holds as long as it does"
    told = sql.rows("SELECT type, snapshot->>'expires_at', changed FROM runtime_outbox WHERE object_id = %s ORDER BY seq", [order])
    assert [row[0] for row in told] == ["order.authorised", "order.extended", "order.extended", "order.captured"]
    assert told[1][2] == {"expires_at": told[0][1]}
    shop.prove()


def test_what_is_over_or_anothers_is_not_extended(shop):
    order = shop.buy(shop.consumer()).order_id
    assert extend(shop, order, "e0", merchant=shop.merchants[1]).code == "unknown_order"
    for _ in range(7):
        shop.next_day()
    assert extend(shop, order, hour=10).code == "authorisation_expired"
    done = shop.bought()
    assert extend(shop, done.order_id, "e2").code == "nothing_left_to_capture"


def test_the_rest_of_a_part_is_released_once(shop):
    order = shop.buy(shop.consumer(), "900.00").order_id
    assert release(shop, order, "l0").code == "nothing_captured"
    shop.capture(order, "300.00")
    assert release(shop, order) == release(shop, order) == Released(order, Money(600_00, "CNY"))
    assert release(shop, order, "l2").code == "nothing_left_to_capture"
    found = order_book.orders([order])[order]
    assert (found.state, found.released) == ("captured", 600_00)
    told = sql.rows("SELECT type FROM runtime_outbox WHERE object_id = %s ORDER BY seq", [order])
    assert [row[0] for row in told] == ["order.authorised", "order.captured", "order.released"]
    shop.prove()


@pytest.mark.parametrize(
    "attack",
    [
        "UPDATE orders_order SET expires_at = expires_at + interval '1 day' WHERE id = %s",
        "UPDATE orders_order SET expires_at = expires_at - interval '1 day' WHERE id = %s",
        "UPDATE ledger_hold SET expires_at = expires_at - interval '1 day' WHERE id = %s",
        "UPDATE orders_extension SET expires_at = expires_at + interval '1 day' WHERE order_id = %s",
    ],
)
def test_nothing_holds_otherwise_by_raw_sql(shop, as_role, attack):
    order = shop.buy(shop.consumer()).order_id
    shop.next_day()
    extend(shop, order)
    with pytest.raises((psycopg.errors.CheckViolation, psycopg.errors.InsufficientPrivilege)):
        as_role("default").execute(attack, [order])
