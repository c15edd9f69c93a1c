"""An order over HTTP, from the quote to the refund."""

from __future__ import annotations

from tests.api.conftest import Merchant


def test_an_order_is_quoted_placed_captured_and_refunded(merchant: Merchant) -> None:
    consumer = merchant.consumer()
    quote = merchant.post(
        "/v1/quotes", {"consumer": consumer, "product": "flex", "amount": 199_900, "currency": "CNY", "periods": 12}, key=None
    )
    assert quote.status == 201
    assert (quote.body["object"], quote.body["amount"], len(quote.body["instalments"])) == ("quote", 199_900, 12)
    assert quote.body["total_payable"] == sum(one["total"] for one in quote.body["instalments"]) == 199_900 + quote.body["total_interest"]

    new = {"quote": quote.body["id"], "consumer": consumer, "merchant_reference": "A-1001"}
    placed = merchant.post("/v1/orders", new)
    assert placed.status == 201
    order = placed.body
    assert {name: order[name] for name in ("object", "state", "amount", "currency", "amount_captured", "merchant_reference")} == {
        "object": "order", "state": "authorised", "amount": 199_900, "currency": "CNY", "amount_captured": 0, "merchant_reference": "A-1001",
    }  # fmt: skip
    address = f"/v1/orders/{order['id']}"

    captured = merchant.post(f"{address}/capture", {"amount": 150_000})
    assert captured.status == 201
    assert (captured.body["object"], captured.body["order"], captured.body["amount"]) == ("capture", order["id"], 150_000)
    voided = merchant.post(f"{address}/void", {})
    assert (voided.status, voided.body) == (200, {"object": "void", "order": order["id"], "amount": 49_900, "currency": "CNY"})
    refunded = merchant.post(f"{address}/refund", {"amount": 50_000, "currency": "CNY"})
    assert (refunded.status, refunded.body["object"], refunded.body["amount"]) == (201, "refund", 50_000)

    shown = merchant.get(address)
    assert shown.status == 200
    assert shown.body == order | {
        "state": "part_refunded", "amount_captured": 150_000, "amount_released": 49_900, "amount_refunded": 50_000, "product": "flex",
        "periods": 12, "captures": [{"id": captured.body["id"], "amount": 150_000, "amount_refunded": 50_000, "captured_on": "2026-10-12"}],
        "store": None, "terminal": None,
    }  # fmt: skip
    merchant.shop.prove()


def test_several_orders_may_name_one_quote_and_each_is_decided_on_what_is_owed_by_then(merchant: Merchant) -> None:
    """ADR 0024: the quote proves what was shown; the limit and the merchant's reference are what hold."""
    consumer = merchant.consumer(limit="1000.00")
    body = {"quote": merchant.quote(consumer, 40_000), "consumer": consumer}
    first, same, second, third = (merchant.post("/v1/orders", body | {"merchant_reference": name}) for name in ("A", "A", "B", "C"))
    assert [reply.status for reply in (first, same, second, third)] == [201, 402, 201, 402]
    assert (same.body["reasons"], third.body["reasons"]) == (["duplicate"], ["limit"])
    listed = merchant.get("/v1/orders").body["data"]
    assert [(one["merchant_reference"], one["state"]) for one in listed] == [
        ("C", "declined"),
        ("B", "authorised"),
        ("A", "declined"),
        ("A", "authorised"),
    ]
    assert {one["quote"] for one in listed} == {body["quote"]}
