"""What holds of every route: versions, limits in a minute, networks, kinds of keys, and expanding."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.api.conftest import InProcess, Merchant, Server, issue
from yuefu.access.rules import versions
from yuefu.api import expanding, rates, reading
from yuefu.api.problems import Problem

QUOTE = {"product": "free", "amount": 50_000, "currency": "CNY", "periods": 3}


def test_an_answer_says_its_version_which_is_that_of_the_key_or_of_the_request(regular: Merchant) -> None:
    assert regular.get("/v1/orders").headers["api-version"] == versions.CURRENT
    old = issue(regular.shop, api_version=versions.FIRST).secret
    consumer = regular.consumer()
    reply = regular.ask_with("POST", "/v1/quotes", QUOTE | {"consumer_id": consumer}, secret=old)
    assert (reply.status, reply.headers["api-version"], reply.body["consumer_id"]) == (201, versions.FIRST, consumer)
    assert "consumer" not in reply.body
    newer = [("Api-Version", versions.CURRENT)]
    reply = regular.ask_with("POST", "/v1/quotes", QUOTE | {"consumer": consumer}, secret=old, headers=newer)
    assert (reply.status, reply.body["consumer"]) == (201, consumer)


def test_a_problem_names_members_as_the_version_has_them(regular: Merchant) -> None:
    old = [("Api-Version", versions.FIRST)]
    reply = regular.post("/v1/orders", {"quote_id": "x", "consumer_id": "y", "merchant_reference": "A"}, headers=old)
    assert (reply.code, reply.pointers) == ("invalid_request", ["#/quote_id", "#/consumer_id"])
    known = regular.order()
    unknown = {"quote_id": known["quote"], "consumer_id": regular.consumer(), "merchant_reference": "A"}
    reply = regular.post("/v1/orders", unknown, headers=old)
    assert (reply.code, reply.pointers) == ("unknown_quote", ["#/quote_id"])


@pytest.mark.parametrize("given", ["2026-09-02", "", "latest", "2026-09-01, 2026-11-28", "x" * 5_000])
def test_a_version_that_is_none_is_refused(regular: Merchant, given: str) -> None:
    reply = regular.get("/v1/orders", headers=[("Api-Version", given)])
    assert (reply.status, reply.code) == (400, "api_version_unknown")
    assert versions.CURRENT in reply.body["detail"]


def test_the_headers_of_the_limit_are_those_of_the_draft_api_rate_01() -> None:
    assert rates.headers_of(100, 60, 50, 30) == {"RateLimit-Policy": '"default";q=100;w=60', "RateLimit": '"default";r=50;t=30'}


def test_a_key_that_sent_too_much_waits_and_holds_up_no_other_api_rate_01(regular: Merchant, inside: Callable[..., InProcess]) -> None:
    api = inside(rates={"test": 2, "live": 2})
    other = issue(regular.shop).secret
    first, second, third = (api.ask("GET", "/v1/orders", secret=regular.issued.secret) for _ in range(3))
    assert [one.headers["ratelimit"].split(";")[1] for one in (first, second, third)] == ["r=1", "r=0", "r=0"]
    assert (third.status, third.code, third.body["retryable"]) == (429, "rate_limited", True)
    assert third.headers["ratelimit"].endswith(f";t={third.headers['retry-after']}")
    assert 1 <= int(third.headers["retry-after"]) <= rates.WINDOW_S
    assert third.headers["ratelimit-policy"] == '"default";q=2;w=60'
    assert api.ask("GET", "/v1/orders", secret=other).status == 200


def test_a_key_opens_from_its_networks_only(regular: Merchant, server: Server) -> None:
    here, elsewhere = (issue(regular.shop, networks=networks).secret for networks in (("127.0.0.0/8", "::1"), ("203.0.113.7",)))
    assert server.ask("GET", "/v1/orders", secret=here).status == 200
    reply = server.ask("GET", "/v1/orders", secret=elsewhere)
    assert (reply.status, reply.code) == (403, "address_not_allowed")
    told = server.ask("GET", "/v1/orders", secret=elsewhere, headers=[("X-Forwarded-For", "203.0.113.7")])
    assert told.code == "address_not_allowed"


@pytest.mark.parametrize(
    ("client", "told", "found"),
    [
        ("198.51.100.1", "203.0.113.9", "198.51.100.1"),
        ("10.0.0.1", "203.0.113.9", "203.0.113.9"),
        ("::ffff:10.0.0.1", "203.0.113.9", "203.0.113.9"),
        ("10.0.0.1", "1.2.3.4, 203.0.113.9, 10.0.0.2", "203.0.113.9"),
        ("10.0.0.1", "", "10.0.0.1"),
        ("10.0.0.1", "nonsense", "nonsense"),
    ],
)
def test_behind_our_proxies_the_address_is_what_they_tell(client: str, told: str, found: str) -> None:
    headers = [(b"x-forwarded-for", told.encode())] if told else []
    assert reading.sender((client, 1), headers, ["10.0.0.0/8"]) == found


def test_kinds_of_keys_say_what_they_are_and_a_publishable_one_may_next_to_nothing(regular: Merchant) -> None:
    restricted = issue(regular.shop, kind="restricted", scopes=["order.read"]).secret
    assert restricted.startswith("rk_test_")
    assert regular.ask_with("GET", "/v1/orders", secret=restricted).status == 200
    assert regular.ask_with("POST", "/v1/quotes", QUOTE, secret=restricted).code == "scope_missing"


def test_what_cannot_be_expanded_is_told(regular: Merchant) -> None:
    reply = regular.get("/v1/orders?expand[]=data.consumer")
    assert (reply.status, reply.code) == (400, "invalid_parameter")


def test_an_answer_is_expanded_for_who_asked_and_for_nobody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who asks for the same object at the same time is given the same one (`looks`)."""
    named = "ord_01h455vb4pex5vsknk084sn02q"
    monkeypatch.setitem(expanding._readers, "order", lambda wanted: {one: {"object": "order"} for one in wanted})
    body = {"object": "loan", "order": named, "of": [{"order": named}]}
    shown = expanding.expand(body, (("order",), ("of", "order")), {"order"})
    assert (shown["order"], shown["of"]) == ({"object": "order"}, [{"order": {"object": "order"}}])
    assert body == {"object": "loan", "order": named, "of": [{"order": named}]}


@pytest.mark.parametrize("given", [[b"a", b"b"], [b"2026-09-01 2026-11-28"], [b"\xff"]])
def test_a_version_is_one_of_a_few_texts(given: list[bytes]) -> None:
    with pytest.raises(Problem):
        reading.api_version([(b"api-version", one) for one in given], versions.CURRENT)


def test_a_filter_finds_what_a_scan_finds(merchant: Merchant) -> None:
    orders = [merchant.placed(10_000 + n) for n in range(4)]
    assert merchant.post(f"/v1/orders/{orders[1]}/void", {}).status == 200
    assert merchant.post(f"/v1/orders/{orders[2]}/capture", {}).status == 201
    everything: list[dict[str, Any]] = merchant.get("/v1/orders").body["data"]
    assert len(everything) == 4
    for name, member in [
        ("state", "state"),
        ("merchant_reference", "merchant_reference"),
        ("channel", "channel"),
        ("consumer", "consumer"),
    ]:
        for value in {one[member] for one in everything}:
            found = merchant.get(f"/v1/orders?{name}={value}").body["data"]
            assert found == [one for one in everything if one[member] == value], (name, value)
    moment = everything[1]["created_at"]
    assert merchant.get(f"/v1/orders?created_from={moment}").body["data"] == [one for one in everything if one["created_at"] >= moment]
    assert merchant.get(f"/v1/orders?created_before={moment}").body["data"] == [one for one in everything if one["created_at"] < moment]
    assert merchant.get(f"/v1/orders?state=voided&starting_after={orders[2]}").body["data"] == [everything[2]]
