"""How a merchant sells: price labels, checkout sessions, carts, and what is done with an order before the goods are sent."""

from __future__ import annotations

import itertools
import random
from typing import Any

import pytest

from tests.api.conftest import Merchant, at_once, issue
from yuefu import ids as public
from yuefu.journeys.checkout import sessions
from yuefu.runtime import sql

SESSIONS = "/v1/checkout_sessions"


def labels(merchant: Merchant, query: str, **more: Any) -> Any:
    return merchant.get(f"/v1/price_labels?{query}", **more)


def test_labels_add_up_and_are_for_browsers_too(regular: Merchant) -> None:
    shown = labels(regular, "amount=199900&language=en").body["data"]
    assert [(one["product"], one["periods"]) for one in shown] == [("flex", 3), ("flex", 6), ("flex", 12), ("free", 3), ("free", 6)]
    for one in shown:
        assert sum(run["count"] * run["amount"] for run in one["instalments"]) == one["total_payable"] == 199_900 + one["total_interest"]
        assert f"{one['annual_cost_pct']} %" in one["disclosure"]
        assert "Example Lending Ltd" in one["disclosure"]
    assert shown[3]["label"] == "¥666.33 × 2 + ¥666.34 = ¥1,999.00"
    key = issue(regular.shop, scopes=["offer.read"], kind="publishable").secret
    reply = regular.ask_with(
        "GET", "/v1/price_labels?amount=199900&product=free&periods=3", secret=key, headers=[("Origin", "https://shop.example")]
    )
    assert (reply.status, reply.headers["access-control-allow-origin"], len(reply.body["data"])) == (200, "*", 1)
    assert "综合年化成本" in reply.body["data"][0]["disclosure"]
    assert regular.ask_with("GET", "/v1/orders", secret=key).status == 403


def test_an_amount_without_a_plan_has_no_label_and_a_mistake_is_named(regular: Merchant) -> None:
    for query in ("amount=1", "amount=9999999999&product=free", "amount=199900&product=free&periods=12", "amount=199900&periods=5",
                  "amount=199900&product=none", "amount=199900&currency=USD"):  # fmt: skip
        assert labels(regular, query).body["data"] == [], query
    for query in ("", "amount=0", "amount=x", "amount=1.5", "amount=1&currency=xxx",
                  "amount=1&language=fr", "amount=1&periods=0", "amount=1&amount=2", "amount=1&surprise=1"):  # fmt: skip
        assert labels(regular, query).code == "invalid_parameter", query


def test_a_session_is_opened_once_for_a_key_and_says_what_it_is(regular: Merchant) -> None:
    body = regular.offer(
        lines=[{"name": "Phone", "unit_amount": 199_900, "serial_number": "IMEI", "tax": 22_997}], metadata={"basket": "7"}
    )
    first, again = (regular.post(SESSIONS, body, key="once") for _ in range(2))
    assert (first.status, again.raw, again.replayed) == (201, first.raw, True)
    assert first.body["url"].endswith(f"/checkout/{first.body['id']}/")
    assert regular.get(f"{SESSIONS}/{first.body['id']}").body == first.body
    assert regular.post(SESSIONS, body | {"expires_in": 600}, key="once").code == "idempotency_key_reused"
    ended, once_more = (regular.post(f"{SESSIONS}/{first.body['id']}/expire", {}, key="end") for _ in range(2))
    assert (ended.body["state"], once_more.raw) == ("expired", ended.raw)
    assert regular.post(f"{SESSIONS}/{first.body['id']}/expire", {}).code == "checkout_over"
    assert regular.get(f"{SESSIONS}/{first.body['id']}").body["state"] == "expired"
    assert regular.post(SESSIONS, body, key="once").raw == first.raw, "what was answered once is answered for ever"


def test_the_amount_may_be_that_of_the_lines(regular: Merchant) -> None:
    body = regular.offer(lines=[{"name": "A", "quantity": 3, "unit_amount": 50_000}])
    del body["amount"]
    assert regular.post(SESSIONS, body).body["amount"] == 150_000
    assert regular.post(SESSIONS, body | {"lines": []}).code == "lines_do_not_add_up"


def test_each_mistake_of_a_session_is_told_by_its_own_code(regular: Merchant) -> None:
    taken = regular.get(f"/v1/orders/{regular.placed()}").body["merchant_reference"]
    for changed, code, pointer in (
        ({"success_url": "http://shop.example"}, "url_invalid", "#/success_url"),
        ({"cancel_url": "https://u:p@shop.example"}, "url_invalid", "#/cancel_url"),
        ({"success_url": "javascript:alert(1)"}, "invalid_request", "#/success_url"),
        ({"expires_in": 299}, "invalid_request", "#/expires_in"),
        ({"amount": 1}, "no_plan_offered", "#/amount"),
        ({"allowed_products": ["none"]}, "unknown_product", None),
        ({"allowed_periods": [5]}, "periods_not_offered", None),
        ({"currency": "USD"}, "currency_differs", "#/currency"),
        ({"consumer": public.text("consumer", regular.shop.desk.ids.new(regular.shop.now()))}, "unknown_consumer", None),
        ({"merchant_reference": taken}, "merchant_reference_taken", "#/merchant_reference"),
        ({"lines": [{"name": "A", "unit_amount": 199_901}]}, "lines_do_not_add_up", "#/lines"),
        ({"lines": [{"name": "A", "unit_amount": 199_900, "cash_price": 199_899}]}, "dearer_on_credit", "#/lines"),
        ({"host": "nobody"}, "unknown_host", "#/host"),
    ):
        reply = regular.post(SESSIONS, regular.offer() | changed)
        assert reply.code == code, (changed, reply.raw)
        assert pointer is None or pointer in reply.pointers, (changed, reply.raw)


@pytest.fixture(scope="module")
def many(regular: Merchant) -> list[dict[str, Any]]:
    """Sessions of every kind, newest first, as each is shown alone."""
    person, chance = regular.consumer(), random.Random(5)
    for number, channel, consumer in itertools.product(range(2), ("online", "store"), (None, person)):
        body = regular.offer(
            channel=channel, consumer=consumer, expires_in=300 if number else 3_600, merchant_reference=f"F-{chance.randint(1, 3)}"
        )
        opened = regular.post(SESSIONS, body).body["id"]
        if channel == "store" and consumer:
            assert regular.post(f"{SESSIONS}/{opened}/expire", {}).status == 200
        sql.run("UPDATE runtime_book SET clock_at = clock_at + interval '20 seconds' WHERE id = %s", [regular.shop.book_id])
    sql.run("UPDATE runtime_book SET clock_at = clock_at + interval '4 minutes' WHERE id = %s", [regular.shop.book_id])
    found = [one["id"] for one in regular.get(f"{SESSIONS}?limit=100").body["data"]]
    return [regular.get(f"{SESSIONS}/{one}").body for one in found]


def test_every_filter_is_a_naive_scan(regular: Merchant, many: list[dict[str, Any]]) -> None:
    moments = sorted({one["created_at"] for one in many})
    assert {"open", "expired"} <= {one["state"] for one in many}
    choices: dict[str, list[tuple[str, Any]]] = {
        name: [("", lambda one: True), *[(f"{name}={value}", lambda one, name=name, value=value: one[name] == value) for value in values]]
        for name, values in {
            "state": ["open", "completed", "expired", "cancelled"],
            "channel": ["online", "store", "live"],
            "merchant_reference": ["F-1", "F-2"],
            "consumer": sorted({one["consumer"] for one in many if one["consumer"]}),
        }.items()
    }
    middle = moments[len(moments) // 2]
    choices["created"] = [
        ("", lambda one: True),
        (f"created_from={middle.replace('+', '%2B')}", lambda one: one["created_at"] >= middle),
        (f"created_before={middle.replace('+', '%2B')}", lambda one: one["created_at"] < middle),
    ]
    all_ways = list(itertools.product(*choices.values()))
    for picked in random.Random(7).sample(all_ways, 40):
        query = "&".join(text for text, _ in picked if text)
        wanted = [one for one in many if all(holds(one) for _, holds in picked)]
        assert regular.get(f"{SESSIONS}?limit=100&{query}".rstrip("&")).body["data"] == wanted, query


def test_a_session_whose_time_is_over_is_expired_before_anybody_wrote_that_down(regular: Merchant) -> None:
    opened = regular.session(expires_in=300)["id"]
    sql.run("UPDATE runtime_book SET clock_at = clock_at + interval '300 seconds' WHERE id = %s", [regular.shop.book_id])
    assert regular.get(f"{SESSIONS}/{opened}").body["state"] == "expired"
    assert regular.post(f"{SESSIONS}/{opened}/expire", {}).code == "checkout_over"
    desk = regular.shop.desk
    now = sql.value("SELECT clock_at FROM runtime_book WHERE id = %s", [desk.book.id])
    assert sessions.lapse(desk=desk, now=now) >= 1
    assert regular.get(f"{SESSIONS}/{opened}").body["state"] == "expired"


def test_what_was_bought_is_shown_with_the_order(regular: Merchant) -> None:
    lines = [
        {"name": "Phone", "unit_amount": 149_900, "cash_price": 159_900, "sku": "P"},
        {"name": "Case", "quantity": 2, "unit_amount": 25_000},
    ]
    body = regular.order() | {"lines": lines}
    placed = regular.post("/v1/orders", body, key="lines")
    assert placed.status == 201, placed.raw
    assert [(one["amount"], one["cash_price"]) for one in placed.body["lines"]] == [(149_900, 159_900), (50_000, None)]
    assert regular.get(f"/v1/orders/{placed.body['id']}").body["lines"] == placed.body["lines"]
    assert regular.post("/v1/orders", body, key="lines").raw == placed.raw
    wrong = regular.post("/v1/orders", regular.order() | {"lines": lines[:1]})
    assert (wrong.code, wrong.pointers) == ("lines_do_not_add_up", ["#/lines"])


def test_an_order_is_extended_and_its_rest_released(regular: Merchant) -> None:
    order = regular.placed_earlier()
    before = regular.get(f"/v1/orders/{order}").body["expires_at"]
    longer, again = (regular.post(f"/v1/orders/{order}/extend", {}, key="longer") for _ in range(2))
    assert (longer.status, again.raw, again.replayed) == (201, longer.raw, True)
    assert before < longer.body["expires_at"] == regular.get(f"/v1/orders/{order}").body["expires_at"]
    assert regular.post(f"/v1/orders/{order}/extend", {}, key=None).code == "nothing_to_extend"
    assert regular.post(f"/v1/orders/{order}/release", {}).code == "nothing_captured"
    assert regular.post(f"/v1/orders/{order}/capture", {"amount": 90_000}).status == 201
    replies = at_once(*[lambda: regular.post(f"/v1/orders/{order}/release", {}, key="rest")] * 3)
    assert {one.status for one in replies} == {200}
    assert {one.body["amount"] for one in replies} == {109_900}
    assert regular.get(f"/v1/orders/{order}").body["state"] == "captured"


def test_captures_and_refunds_are_of_lines_and_say_how_the_goods_were_sent(regular: Merchant) -> None:
    lines = [{"name": "Phone", "unit_amount": 99_900}, {"name": "Case", "quantity": 4, "unit_amount": 25_000}]
    order = regular.post("/v1/orders", regular.order() | {"lines": lines}).body["id"]
    path = f"/v1/orders/{order}"
    sent = [
        {"carrier": "SF Express", "tracking_number": "SF1", "shipped_at": "2026-10-12T18:00:00+08:00"},
        {"carrier": "SF", "tracking_number": "2"},
    ]
    body = {"lines": [{"line": 2, "quantity": 2}, {"line": 2}], "shipping": sent}
    first, again = (regular.post(f"{path}/capture", body, key="parts") for _ in range(2))
    assert (first.status, again.raw, again.replayed) == (201, first.raw, True)
    assert (first.body["amount"], first.body["lines"]) == (75_000, [{"line": 2, "quantity": 3}])
    shown = regular.get(f"/v1/captures/{first.body['id']}").body
    assert (shown["lines"], shown["shipping"]) == (first.body["lines"], first.body["shipping"])
    assert shown["shipping"][0]["shipped_at"] == "2026-10-12T10:00:00Z"
    for wrong, code in (
        ({"lines": [{"line": 3}]}, "unknown_line"),
        ({"lines": [{"line": 2, "quantity": 2}]}, "pieces_exceeded"),
        ({"lines": [{"line": 1}], "amount": 99_901}, "lines_do_not_add_up"),
        ({"lines": [{"line": 0}]}, "invalid_request"),
        ({"lines": [{"line": 1, "quantity": -1}]}, "invalid_request"),
        ({"shipping": [{"carrier": "SF", "tracking_number": ""}]}, "invalid_request"),
        ({"shipping": [{"carrier": "SF", "tracking_number": "1", "shipped_at": "yesterday"}]}, "invalid_request"),
    ):
        assert regular.post(f"{path}/capture", wrong).code == code, wrong
    replies = at_once(*[lambda: regular.post(f"{path}/capture", {"lines": [{"line": 2}]})] * 3)
    assert sorted(one.status for one in replies) == [201, 422, 422]
    rest = regular.post(f"{path}/capture", {})
    assert (rest.body["amount"], rest.body["lines"]) == (99_900, []), "the rest, without naming lines"
    back = regular.post(f"{path}/refund", {"lines": [{"line": 2, "quantity": 4}]})
    assert (back.status, back.body["amount"], back.body["lines"]) == (201, 100_000, [{"line": 2, "quantity": 4}])
    assert regular.get(f"/v1/refunds/{back.body['id']}").body["lines"] == back.body["lines"]
    assert regular.post(f"{path}/refund", {"lines": [{"line": 2}]}).code == "pieces_exceeded"
    assert regular.post(f"/v1/orders/{regular.captured()}/refund", {"lines": [{"line": 1}]}).code == "unknown_line"
