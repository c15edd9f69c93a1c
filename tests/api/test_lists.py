"""Lists: newest first, in pages that stay what they are while orders are placed."""

from __future__ import annotations

import json

import pytest

from tests.api.conftest import Merchant
from tests.structure.ladder import ROOT
from yuefu.api import openapi, routes


@pytest.fixture
def placed(merchant: Merchant) -> list[str]:
    """Seven orders, newest first."""
    return [merchant.placed(10_000 + n) for n in range(7)][::-1]


def ids(merchant: Merchant, query: str) -> tuple[list[str], bool]:
    found = merchant.get(f"/v1/orders?{query}").body
    assert (found["object"], found["url"]) == ("list", "/v1/orders")
    return [one["id"] for one in found["data"]], found["has_more"]


def test_pages_go_down_and_up_again(merchant: Merchant, placed: list[str]) -> None:
    assert ids(merchant, "limit=3") == (placed[:3], True)
    assert ids(merchant, f"limit=3&starting_after={placed[2]}") == (placed[3:6], True)
    assert ids(merchant, f"limit=3&starting_after={placed[5]}") == (placed[6:], False)
    assert ids(merchant, f"limit=3&starting_after={placed[6]}") == ([], False)
    assert ids(merchant, f"limit=3&ending_before={placed[6]}") == (placed[3:6], True)
    assert ids(merchant, f"limit=3&ending_before={placed[3]}") == (placed[:3], False)
    assert ids(merchant, f"limit=3&ending_before={placed[0]}") == ([], False)
    assert ids(merchant, "limit=7") == (placed, False)


def test_what_is_placed_meanwhile_moves_no_page(merchant: Merchant, placed: list[str]) -> None:
    first, _ = ids(merchant, "limit=3")
    newer = merchant.placed()
    assert ids(merchant, f"limit=3&starting_after={first[-1]}") == (placed[3:6], True)
    assert ids(merchant, f"ending_before={first[0]}") == ([newer], False)


def test_ten_are_listed_unless_it_is_said_otherwise(merchant: Merchant) -> None:
    placed = [merchant.placed(10_000 + n) for n in range(11)][::-1]
    assert ids(merchant, "") == (placed[:10], True)


@pytest.mark.parametrize(("limit", "shown"), [(None, 7), ("0", None), ("1", 1), ("100", 7), ("101", None)])
def test_a_page_has_one_to_a_hundred_api_page_01(merchant: Merchant, placed: list[str], limit: str | None, shown: int | None) -> None:
    reply = merchant.get(f"/v1/orders?limit={limit}" if limit else "/v1/orders")
    if shown is None:
        assert (reply.status, reply.code) == (400, "invalid_parameter")
    else:
        assert [one["id"] for one in reply.body["data"]] == placed[:shown]


def test_a_page_lies_behind_one_order_or_before_one_and_not_both_api_page_02(merchant: Merchant, placed: list[str]) -> None:
    reply = merchant.get(f"/v1/orders?starting_after={placed[0]}&ending_before={placed[-1]}")
    assert (reply.status, reply.code) == (400, "invalid_parameter")


def test_who_walks_all_pages_while_orders_are_placed_meets_each_once_api_page_03(merchant: Merchant, placed: list[str]) -> None:
    met, more, after = list[str](), True, ""
    while more:
        page, more = ids(merchant, f"limit=2{after}")
        met += page
        after = f"&starting_after={page[-1]}"
        merchant.placed()
    assert len(met) == len(set(met))
    assert [one for one in met if one in placed] == placed


def test_a_list_shows_each_order_as_it_is_shown_alone(merchant: Merchant) -> None:
    order = merchant.captured()
    assert merchant.post(f"/v1/orders/{order}/refund", {"amount": 100}).status == 201
    assert merchant.get("/v1/orders").body["data"] == [merchant.get(f"/v1/orders/{order}").body]


def test_the_description_in_the_repository_is_what_is_served(merchant: Merchant) -> None:
    """`docs/openapi.json` is written anew by `tools/openapi.py`."""
    written = json.loads((ROOT / "docs" / "openapi.json").read_text())
    assert written == openapi.description()
    assert merchant.ask_with("GET", "/v1/openapi.json").body == written


def test_the_description_has_every_route_and_names_only_what_it_defines() -> None:
    told = openapi.description()
    assert {(path, method.upper()) for path, methods in told["paths"].items() for method in methods} == {
        (r.path, r.method) for r in routes.ROUTES
    }
    text = json.dumps(told)
    named = {part.split('"')[0] for part in text.split("#/components/schemas/")[1:]}
    assert named == told["components"]["schemas"].keys()


def test_what_is_answered_has_the_members_that_are_described(merchant: Merchant) -> None:
    from yuefu.api.bodies import ProblemShown
    from yuefu.api.orders import CaptureMade, OrderList, OrderPlaced, OrderShown, RefundMade, VoidMade
    from yuefu.api.quotes import QuoteShown

    consumer = merchant.consumer()
    wish = {"consumer": consumer, "product": "free", "amount": 90_000, "currency": "CNY", "periods": 3}
    quote = merchant.post("/v1/quotes", wish, key=None)
    order = merchant.post("/v1/orders", {"quote": quote.body["id"], "consumer": consumer, "merchant_reference": "M"})
    path = f"/v1/orders/{order.body['id']}"
    found = [
        (QuoteShown, quote), (OrderPlaced, order), (OrderShown, merchant.get(path)), (CaptureMade, merchant.post(f"{path}/capture", {"amount": 60_000})),
        (VoidMade, merchant.post(f"{path}/void", {})), (RefundMade, merchant.post(f"{path}/refund", {})), (OrderList, merchant.get("/v1/orders")),
        (ProblemShown, merchant.post("/v1/orders", {})),
    ]  # fmt: skip
    for shape, reply in found:
        assert shape.model_validate_json(reply.raw, strict=False)
        assert reply.body.keys() <= shape.model_fields.keys(), shape
