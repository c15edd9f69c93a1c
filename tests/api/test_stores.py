"""Stores, tills and QR codes: opened, closed, listed, sold at, and of nobody else."""

from __future__ import annotations

import io
from typing import Any
from xml.etree import ElementTree as ET

import pytest
import segno

from tests.api.conftest import Merchant, at_once
from tests.journeys.conftest import Shop
from yuefu import ids as public
from yuefu.runtime import sql


def test_a_store_is_opened_once_for_a_code_and_closed_for_good(regular: Merchant) -> None:
    body = regular.place()
    opened, again = (regular.post("/v1/stores", body, key="open") for _ in range(2))
    assert (opened.status, again.raw, again.replayed) == (201, opened.raw, True)
    store = opened.body["id"]
    assert regular.post("/v1/stores", body).code == "code_taken"
    till = regular.terminal(store)
    assert regular.get(f"/v1/terminals/{till}?expand[]=store").body["store"] == opened.body
    assert regular.post("/v1/terminals", {"store": store, "code": regular.get(f"/v1/terminals/{till}").body["code"]}).code == "code_taken"
    replies = at_once(*[lambda: regular.post(f"/v1/stores/{store}/close", {}, key="close")] * 2)
    assert [one.body["state"] for one in replies] == ["closed", "closed"]
    assert regular.post(f"/v1/stores/{store}/close", {}).code == "place_closed"
    assert regular.get(f"/v1/stores/{store}").body == opened.body | {"state": "closed"}
    assert regular.post("/v1/stores", body, key="open").raw == opened.raw
    assert regular.post("/v1/terminals", {"store": store, "code": "more"}).code == "store_not_selling"
    told = sql.rows("SELECT type, changed FROM runtime_outbox WHERE object_id = %s ORDER BY seq", [public.parse("store", store)])
    assert told == [("store.opened", {}), ("store.closed", {"state": "active"})]


def sold(merchant: Merchant, **where: Any) -> Any:
    return merchant.post("/v1/orders", merchant.order() | {"channel": "store", **where})


def test_an_order_says_where_it_was_sold(regular: Merchant) -> None:
    store = regular.store()
    till, other = regular.terminal(store), regular.terminal()
    here, at_the_till = sold(regular, store=store), sold(regular, terminal=till)
    assert (here.status, at_the_till.status) == (201, 201), at_the_till.raw
    shown = regular.get(f"/v1/orders/{at_the_till.body['id']}").body
    assert (shown["store"], shown["terminal"]) == (store, till)
    assert [one["id"] for one in regular.get(f"/v1/orders?store={store}").body["data"]] == [at_the_till.body["id"], here.body["id"]]
    assert [one["id"] for one in regular.get(f"/v1/orders?terminal={till}").body["data"]] == [at_the_till.body["id"]]
    assert sold(regular, store=store, terminal=other).code == "store_not_selling"
    assert sold(regular, store=store, channel="online").code == "store_not_of_channel"
    assert regular.post(f"/v1/terminals/{till}/close", {}).status == 200
    assert sold(regular, terminal=till).code == "terminal_not_selling"
    assert regular.post(f"/v1/stores/{store}/close", {}).status == 200
    assert sold(regular, store=store).code == "store_not_selling"
    session = regular.session(channel="store", terminal=other, success_url=None, cancel_url=None)
    assert (session["terminal"], session["success_url"]) == (other, None)
    assert [one["id"] for one in regular.get(f"/v1/checkout_sessions?terminal={other}").body["data"]] == [session["id"]]


def test_what_is_another_merchants_cannot_be_sold_at(merchant: Merchant, neighbour: Merchant) -> None:
    store = neighbour.store()
    till, session = neighbour.terminal(store), neighbour.session()["id"]
    assert sold(merchant, store=store).code == "store_not_selling"
    assert sold(merchant, terminal=till).code == "terminal_not_selling"
    assert merchant.post("/v1/terminals", {"store": store, "code": "mine"}).code == "store_not_selling"
    assert merchant.post("/v1/qr_codes", {"terminal": till}).code == "terminal_not_selling"
    assert merchant.post("/v1/qr_codes", {"checkout_session": session}).code == "no_such_session"
    assert merchant.get("/v1/stores").body["data"] == merchant.get("/v1/terminals").body["data"] == []


def test_every_filter_of_stores_tills_and_codes_is_a_naive_scan(merchant: Merchant) -> None:
    stores = [merchant.store() for _ in range(2)]
    tills = [merchant.terminal(stores[0]) for _ in range(2)] + [merchant.terminal(stores[1])]
    merchant.post(f"/v1/terminals/{tills[1]}/close", {})
    bodies: list[dict[str, Any]] = [
        {"store": stores[1]},
        {"terminal": tills[0], "amount_by": "consumer"},
        {"checkout_session": merchant.session()["id"]},
    ]
    for body in bodies:
        assert merchant.post("/v1/qr_codes", body).status == 201
    for path, names in (
        ("stores", ("code", "state")),
        ("terminals", ("store", "code", "state")),
        ("qr_codes", ("kind", "store", "terminal", "checkout_session")),
    ):
        everything = merchant.get(f"/v1/{path}?limit=100").body["data"]
        for name in names:
            for value in {one[name] for one in everything if one[name]}:
                found = merchant.get(f"/v1/{path}?limit=100&{name}={value}").body["data"]
                assert found == [one for one in everything if one[name] == value], (path, name)
    merchant.post(f"/v1/stores/{stores[1]}/close", {})
    assert [one["id"] for one in merchant.get("/v1/stores?state=closed").body["data"]] == [stores[1]]


@pytest.mark.parametrize("body", [{}, {"store": None}, {"amount_by": "consumer"}, {"store": "str_x"}, {"kind": "static"}])
def test_a_code_is_of_one_thing(regular: Merchant, body: dict[str, Any]) -> None:
    assert regular.post("/v1/qr_codes", body).code == "invalid_request"
    assert regular.post("/v1/qr_codes", {"store": regular.store(), "terminal": regular.terminal()}).code == "invalid_request"


def test_a_code_says_its_address_and_ends_with_its_session(regular: Merchant) -> None:
    session = regular.session()
    made, again = (regular.post("/v1/qr_codes", {"checkout_session": session["id"]}, key="qr") for _ in range(2))
    assert (made.status, again.raw) == (201, made.raw)
    code = made.body
    assert (code["kind"], code["expires_at"], code["amount_by"]) == ("dynamic", session["expires_at"], None)
    wanted = io.BytesIO()
    segno.make_qr(code["url"], error="m").save(wanted, kind="svg", xmldecl=False, scale=4)
    assert code["svg"] == wanted.getvalue().decode().strip()
    assert ET.fromstring(code["svg"]).tag.endswith("svg")
    assert regular.get(f"/v1/qr_codes/{code['id']}").body == code
    assert regular.post(f"/v1/checkout_sessions/{session['id']}/expire", {}).status == 200
    assert regular.post("/v1/qr_codes", {"checkout_session": session["id"]}).code == "checkout_over"


def test_nothing_of_a_closed_store_is_sold_by_raw_sql(shop: Shop, as_role: Any) -> None:
    import psycopg

    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        as_role("default").execute("UPDATE merchants_store SET code = 'x'")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        as_role("default").execute("DELETE FROM orders_qr_code")
