"""Events and webhook endpoints over HTTP."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from tests.api.conftest import Merchant, Reply, at_once
from yuefu.access.rules import versions
from yuefu.notices.rules.webhooks.events import TYPES

ENDPOINTS = "/v1/webhook_endpoints"
URL = "https://93.184.216.34/hooks"


@pytest.fixture(scope="module")
def told(regular: Merchant) -> list[dict[str, Any]]:
    """All events of a small world, newest first."""
    order, _ = regular.sold()
    assert regular.post(f"/v1/orders/{order}/refund", {"amount": 1_000}).status == 201
    assert regular.post(f"/v1/orders/{regular.placed()}/void", {}).status == 200
    regular.tell()
    return list(regular.get("/v1/events?limit=100").body["data"])


def test_an_event_says_which_request_and_key_led_to_it_idem_stripe_007_over_http(merchant: Merchant) -> None:
    reply = merchant.post("/v1/orders", merchant.order(), key="K")
    merchant.tell()
    (event, _) = merchant.get(f"/v1/events?object_id={reply.body['id']}").body["data"][::-1]
    assert event["request"] == {"id": reply.headers["request-id"], "idempotency_key": "K"}
    assert event["type"] == "payment.authorized"
    assert merchant.get(f"/v1/events/{event['id']}").body == event


def test_each_filter_finds_what_a_scan_finds(regular: Merchant, told: list[dict[str, Any]]) -> None:
    """Every type, every object and every moment there is, and pages of every length."""
    moments = sorted({event["created"] for event in told})
    objects = {event["data"]["object"]["id"] for event in told}
    assert len(told) > 8
    assert len(moments) >= 1
    asked = [(f"type={kind}", [e for e in told if e["type"] == kind]) for kind in sorted(TYPES)]
    asked += [(f"object_id={one}", [e for e in told if e["data"]["object"]["id"] == one]) for one in sorted(objects)]
    asked += [(f"created_from={at}", [e for e in told if e["created"] >= at]) for at in moments]
    asked += [(f"created_before={at}", [e for e in told if e["created"] < at]) for at in moments]
    one = told[3]["data"]["object"]["id"]
    asked += [
        (f"type={told[3]['type']}&object_id={one}", [e for e in told if (e["type"], e["data"]["object"]["id"]) == (told[3]["type"], one)])
    ]
    for query, expected in asked:
        assert regular.get(f"/v1/events?limit=100&{query}").body["data"] == expected, query
    for limit in (1, 3):
        down, cursor = [], ""
        while True:
            page = regular.get(f"/v1/events?limit={limit}{cursor}").body
            down += page["data"]
            if not page["has_more"]:
                break
            cursor = f"&starting_after={down[-1]['id']}"
        assert down == told
    assert regular.get(f"/v1/events?limit=2&ending_before={told[5]['id']}").body["data"] == told[3:5]


@pytest.mark.parametrize(
    "query",
    ["type=payments", "type=payment.*", "object_id=x", "object_id=zzz_01h455vb4pex5vsknk084sn02q", "created_from=yesterday",
     "starting_after=evt_01h455vb4pex5vsknk084sn02q", "merchant=1"],
)  # fmt: skip
def test_a_filter_that_cannot_be_read_is_named(regular: Merchant, query: str) -> None:
    assert regular.get(f"/v1/events?{query}").code == "invalid_parameter"


def test_an_endpoint_from_its_making_to_its_end(merchant: Merchant) -> None:
    given = {
        "url": URL,
        "enabled_events": ["payment.*", "payout.paid"],
        "description": "till",
        "metadata": {"shop": "七号店"},
        "alert_email": "it@shop.example",
    }
    made = merchant.post(ENDPOINTS, given, key="E")
    assert (made.status, made.replayed) == (201, False)
    again = merchant.post(ENDPOINTS, given, key="E")
    assert (again.status, again.replayed, again.raw) == (201, True, made.raw)
    assert made.body["secret"].startswith("whsec_")
    assert made.body["api_version"] == versions.CURRENT
    place = f"{ENDPOINTS}/{made.body['id']}"
    shown = merchant.get(place).body
    assert "secret" not in shown
    assert "it@shop.example" not in merchant.get(place).raw.decode()
    assert {name: shown[name] for name in given if name != "alert_email"} == {name: given[name] for name in given if name != "alert_email"}
    assert merchant.post(place, {"enabled_events": ["*"], "disabled": True}).body == {
        "object": "webhook_endpoint_change", "id": shown["id"], "changed": ["disabled", "enabled_events"],
    }  # fmt: skip
    assert [merchant.get(place).body[name] for name in ("status", "disabled_reason", "enabled_events")] == ["disabled", "asked", ["*"]]
    assert merchant.get(f"{ENDPOINTS}?state=enabled").body["data"] == []
    assert merchant.post(f"{place}/test", {}).code == "webhook_endpoint_not_enabled"
    assert merchant.post(place, {"disabled": False}).status == 200
    rolled = merchant.post(f"{place}/roll", {"overlap_hours": 1}, key="R")
    assert rolled.body["secret"] != made.body["secret"]
    assert merchant.post(f"{place}/roll", {"overlap_hours": 1}, key="R").raw == rolled.raw
    assert merchant.get(place).body["public_key"] == rolled.body["public_key"]
    assert [merchant.ask_with("DELETE", place, secret=merchant.issued.secret).body for _ in range(2)] == [
        {"object": "webhook_endpoint", "id": shown["id"], "deleted": True}
    ] * 2
    assert merchant.get(place).code == "unknown_webhook_endpoint"
    assert merchant.get(ENDPOINTS).body["data"] == []


def test_the_log_of_deliveries_is_there_before_the_first_try(merchant: Merchant) -> None:
    made = merchant.endpoint(URL, "payment.authorized")
    test = merchant.post(f"{ENDPOINTS}/{made['id']}/test", {}).body
    merchant.told()
    log = f"{ENDPOINTS}/{made['id']}/deliveries"
    found = merchant.get(log).body
    assert (found["url"], [one["type"] for one in found["data"]]) == (log, ["payment.authorized", "webhook.test"])
    assert found["data"][1]["event"] == test["event"]
    assert found["data"][0]["tries"] == []
    assert found["data"][0]["status"] == "waiting"
    assert datetime.fromisoformat(found["data"][0]["next_try_at"])
    assert merchant.get(f"{log}?state=delivered").body["data"] == []
    assert merchant.get(f"{log}?event_id={test['event']}").body["data"] == found["data"][1:]
    assert merchant.get(f"{log}?limit=1&starting_after={found['data'][0]['id']}").body["data"] == found["data"][1:]


BAD: list[tuple[dict[str, Any], str]] = [
    ({"url": "http://169.254.169.254/latest"}, "url_address_not_allowed"), ({"url": "http://127.0.0.1:5432"}, "url_address_not_allowed"),
    ({"url": "http://[::1]/"}, "url_address_not_allowed"), ({"url": "http://localhost/"}, "url_address_not_allowed"), ({"url": "gopher://x"}, "url_invalid"),
    ({"url": "https://93.184.216.34:22/"}, "url_port_not_allowed"), ({"url": "https://a\r\nX: y/"}, "invalid_request"), ({"url": 5}, "invalid_request"),
    ({"enabled_events": []}, "invalid_request"), ({"enabled_events": ["payments.*"]}, "unknown_event_type"), ({"enabled_events": "*"}, "invalid_request"),
    ({"metadata": {"a": 1}}, "invalid_request"), ({"metadata": {"a": "\n"}}, "invalid_request"),
    ({"metadata": {str(n): "" for n in range(51)}}, "invalid_request"),
    ({"alert_email": "nobody"}, "email_invalid"), ({"api_version": "2020-01-01"}, "invalid_request"), ({"secret": "mine"}, "invalid_request"),
    ({"payload": "fat"}, "invalid_request"), ({"description": "x" * 201}, "invalid_request"),
]  # fmt: skip


@pytest.mark.parametrize(("wrong", "code"), BAD, ids=range(len(BAD)))
def test_an_endpoint_that_cannot_be_is_a_known_problem(regular: Merchant, wrong: dict[str, Any], code: str) -> None:
    reply = regular.post(ENDPOINTS, {"url": URL, "enabled_events": ["*"]} | wrong)
    assert (reply.status, reply.code) == (422, code)
    assert reply.body["errors"][0]["pointer"].startswith(f"#/{next(iter(wrong))}")
    assert regular.get(ENDPOINTS).body["data"] == []


def test_twins_at_the_same_moment_make_one_endpoint(merchant: Merchant) -> None:
    def make() -> Reply:
        return merchant.post(ENDPOINTS, {"url": URL, "enabled_events": ["*"]}, key="T")

    first, second = at_once(make, make)
    assert first.raw == second.raw
    assert len(merchant.get(ENDPOINTS).body["data"]) == 1
    assert merchant.post(ENDPOINTS, {"url": URL, "enabled_events": ["payment.*"]}, key="T").code == "idempotency_key_reused"


def test_a_live_key_is_told_to_use_https(regular: Merchant) -> None:
    """Whose book it is decides, not the installation; see `tests/notices/test_webhook_targets.py` for the rest."""
    assert regular.post(ENDPOINTS, {"url": "http://127.0.0.2:9/", "enabled_events": ["*"]}).status == 201
    (made,) = regular.get(ENDPOINTS).body["data"]
    assert regular.ask_with("DELETE", f"{ENDPOINTS}/{made['id']}", secret=regular.issued.secret).status == 200
