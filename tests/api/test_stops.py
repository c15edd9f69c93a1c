"""What is stopped answers a program as it should be: a decision with its reason, or "later", without what staff told each other."""

from __future__ import annotations

from tests.api.conftest import Merchant
from yuefu.journeys import stopping
from yuefu.runtime.stops import Lift, NewStop, Stop


def stop(merchant: Merchant, action: str, dimension: str = "", value: str = "") -> Stop:
    shop = merchant.shop
    wanted = NewStop(f"{action}-{dimension}", action, dimension, value, "between us: fraud")
    (made,) = stopping.impose(desk=shop.desk, now=shop.now(), wanted=[wanted]).outcomes
    assert isinstance(made, Stop)
    return made


def order(merchant: Merchant, reference: str) -> dict[str, str]:
    consumer = merchant.consumer()
    quote = merchant.post(
        "/v1/quotes", {"consumer": consumer, "product": "flex", "amount": 199_900, "currency": "CNY", "periods": 12}, key=None
    )
    assert quote.status == 201, quote.body
    return {"quote": quote.body["id"], "consumer": consumer, "merchant_reference": reference}


def test_an_order_is_declined_with_the_reason_of_the_stop(merchant: Merchant) -> None:
    first, second = order(merchant, "S-1"), order(merchant, "S-2")
    made = stop(merchant, "new_credit", "product", "flex")
    declined = merchant.post("/v1/orders", first)
    assert (declined.status, declined.code) == (402, "order_declined")
    assert "product_stopped" in str(declined.body)
    assert "fraud" not in str(declined.body)
    stopping.lift(desk=merchant.shop.desk, now=merchant.shop.now(), lifts=[Lift(made.id, "over")])
    assert merchant.post("/v1/orders", second).body["state"] == "authorised"


def test_a_read_only_book_says_later_and_the_same_key_is_carried_out_then(merchant: Merchant) -> None:
    wanted = order(merchant, "S-3")
    made = stop(merchant, "read_only")
    refused = merchant.post("/v1/orders", wanted, key="the-same")
    assert (refused.status, refused.body["code"]) == (503, "read_only")
    assert "fraud" not in str(refused.body)
    stopping.lift(desk=merchant.shop.desk, now=merchant.shop.now(), lifts=[Lift(made.id, "over")])
    placed = merchant.post("/v1/orders", wanted, key="the-same")
    assert (placed.status, placed.body["state"]) == (201, "authorised")
    merchant.shop.prove()
