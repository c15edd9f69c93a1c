"""Who may do what: every route, with everybody who might try."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from tests.api import things
from tests.api.conftest import Merchant, Reply, Server, issue, revoke
from tests.journeys.conftest import Shop
from yuefu.access.rules import KEY_SCOPES
from yuefu.api.route import Route
from yuefu.api.routes import ROUTES
from yuefu.runtime import sql

REASONS = {"anonymous": (401, "key_missing"), "typing_error": (401, "key_malformed"), "unknown": (401, "key_unknown")}
REASONS |= {"revoked": (401, "key_revoked"), "expired": (401, "key_expired"), "other_scope": (403, "scope_missing")}


CASES = [(who, route) for route in ROUTES for who in REASONS if route.scope or who != "other_scope"]


def asked(route: Route, merchant: Merchant, named: Mapping[str, str], secret: str | None, body: Any) -> Reply:
    key = f"K {route.path}" if route.method == "POST" else None
    return merchant.ask_with(route.method, things.address(route, named), body, secret=secret, key=key)


@dataclass(frozen=True)
class Turned:
    """A merchant with something for each route to name, and secrets that let nobody in."""

    merchant: Merchant
    names: Mapping[str, Mapping[str, str]]
    secrets: Mapping[str, str | None]

    def secret(self, who: str, scope: str) -> str | None:
        if who == "other_scope":
            return issue(self.merchant.shop, scopes=sorted(KEY_SCOPES - {scope})).secret
        return self.secrets[who]


@pytest.fixture(scope="module")
def beside(regular: Merchant, server: Server) -> Merchant:
    """Another merchant of the same book."""
    return Merchant(regular.shop, server.ask, merchant=1)


@pytest.fixture(scope="module")
def turned(regular: Merchant) -> Turned:
    """The clock of the book passes the end of the one key that ends."""
    names = {route.path: things.named_or_not(route, regular) for route in ROUTES}
    shop, good, revoked = regular.shop, regular.issued.secret, issue(regular.shop)
    revoke(shop, revoked.id)
    expired = issue(shop, expires_at=shop.now(11))
    sql.run("UPDATE runtime_book SET clock_at = %s WHERE id = %s", [shop.now(11) + timedelta(seconds=1), shop.book_id])
    typing_error = good[:-1] + ("a" if good[-1] != "a" else "b")
    none = {"anonymous": None, "typing_error": typing_error, "unknown": unknown_secret()}
    return Turned(regular, names, {**none, "revoked": revoked.secret, "expired": expired.secret})


def unknown_secret() -> str:
    import secrets

    from yuefu.access.rules import make_secret

    return make_secret(mode="test", noise=secrets.token_bytes(32))


@pytest.mark.parametrize(("who", "route"), CASES, ids=lambda one: one if isinstance(one, str) else f"{one.method} {one.path}")
def test_every_route_turns_away_who_may_not(turned: Turned, route: Route, who: str) -> None:
    body = things.body(route, turned.merchant)
    before = figures(turned.merchant.shop)
    reply = asked(route, turned.merchant, turned.names[route.path], turned.secret(who, route.scope), body)
    assert (reply.status, reply.code) == REASONS[who]
    assert reply.headers["www-authenticate"].startswith('Bearer realm="yuefu"')
    assert who not in ("revoked", "expired", "other_scope") or "yuefu key issue --merchant CODE --scope" in reply.body["detail"]
    assert before == figures(turned.merchant.shop)


def figures(shop: Shop) -> list[Any]:
    orders = sql.rows("SELECT state, captured_minor, refunded_minor FROM orders_order WHERE book_id = %s ORDER BY id", [shop.book_id])
    return [*orders, sql.value("SELECT count(*) FROM payments_collection WHERE book_id = %s", [shop.book_id])]


@pytest.mark.parametrize("route", [r for r in ROUTES if things.names_an_id(r)], ids=lambda route: f"{route.method} {route.path}")
def test_what_is_of_another_merchant_is_not_there(regular: Merchant, beside: Merchant, route: Route) -> None:
    named = things.named(route, beside)
    before = figures(regular.shop)
    reply = asked(route, regular, named, regular.issued.secret, things.body(route, regular))
    assert (reply.status, reply.code) == (404, f"unknown_{things.names_in(route)[0].removesuffix('_id')}")
    assert figures(regular.shop) == before
    assert asked(route, beside, named, beside.issued.secret, things.body(route, beside)).status == route.status


def test_the_order_of_another_book_is_not_there(merchant: Merchant, other_shop: Shop, server: Server) -> None:
    stranger = Merchant(other_shop, server.ask)
    assert merchant.get(f"/v1/orders/{stranger.placed()}").code == "unknown_order"


def test_lists_hold_the_own_orders_only(merchant: Merchant, neighbour: Merchant) -> None:
    ours, theirs = merchant.placed(), neighbour.placed()
    assert [one["id"] for one in merchant.get("/v1/orders").body["data"]] == [ours]
    assert [one["id"] for one in neighbour.get("/v1/orders").body["data"]] == [theirs]
    assert merchant.get(f"/v1/orders?starting_after={theirs}").code == "invalid_parameter"


def test_a_key_with_one_scope_does_that_and_no_more(merchant: Merchant) -> None:
    reader = issue(merchant.shop, scopes=["order.read"]).secret
    order = merchant.placed()
    assert merchant.ask_with("GET", f"/v1/orders/{order}", secret=reader).status == 200
    reply = merchant.ask_with("POST", f"/v1/orders/{order}/capture", {}, secret=reader, key="K")
    assert reply.code == "scope_missing"
    assert 'scope="order.capture"' in reply.headers["www-authenticate"]


def test_a_key_revoked_a_moment_ago_moves_no_money_though_it_was_seen_in_force(merchant: Merchant, inside: Any) -> None:
    """The look-up of a second ago says that it is in force; the transaction of the batch looks again."""
    api = inside()
    body = merchant.order()
    assert api.ask("GET", "/v1/orders", secret=merchant.issued.secret).status == 200
    revoke(merchant.shop, merchant.issued.id)
    reply = api.ask("POST", "/v1/orders", body, secret=merchant.issued.secret, key="K")
    assert (reply.status, reply.code) == (401, "key_revoked")
    renewed = issue(merchant.shop)
    placed = api.ask("POST", "/v1/orders", body, secret=renewed.secret, key="K")
    assert (placed.status, placed.replayed) == (201, False)


def test_a_revoked_key_in_a_batch_disturbs_nobody(merchant: Merchant, neighbour: Merchant) -> None:
    from yuefu import ids as public
    from yuefu.access.queries import KEY_REVOKED
    from yuefu.errors import Refused
    from yuefu.journeys import checkout
    from yuefu.journeys.checkout import Captured
    from yuefu.orders.commands import CaptureRequest
    from yuefu.runtime.values import Actor

    orders = [public.parse("order", one.placed()) for one in (merchant, neighbour, merchant)]
    revoke(merchant.shop, merchant.issued.id)
    keys = [merchant.issued.id, neighbour.issued.id, issue(merchant.shop).id]
    senders = [Actor("api_key", public.text("api_key", key), None, f"req_{n}") for n, key in enumerate(keys)]
    shop = merchant.shop
    requests = [CaptureRequest("K", shop.seller(order), order, by=by) for order, by in zip(orders, senders, strict=True)]
    first, second, third = checkout.capture(desk=shop.desk, now=shop.now(11), requests=requests)
    assert isinstance(first, Refused)
    assert first.code == KEY_REVOKED
    assert isinstance(second, Captured)
    assert isinstance(third, Captured)
    assert sql.value("SELECT count(*) FROM runtime_key WHERE object_id = %s", [orders[0]]) == 1  # that of its authorisation


def test_when_a_key_was_used_is_noted(merchant: Merchant) -> None:
    merchant.placed()
    assert sql.value("SELECT last_used_at FROM access_api_key WHERE id = %s", [merchant.issued.id]) is not None


@pytest.mark.parametrize("header", ["", "Bearer", "Basic c2s6", "bearer ", "Bearer sk_test_short", "Token x", "Bearer " + "k" * 5_000])
def test_a_header_that_holds_no_key(server: Server, header: str) -> None:
    reply = server.ask("GET", "/v1/orders", headers=[("Authorization", header)])
    assert (reply.status, reply.code) == (401, "key_malformed")


def test_what_is_said_to_nobody_is_not_kept_by_anybody(server: Server, merchant: Merchant) -> None:
    for reply in (merchant.get("/v1/orders"), server.ask("GET", "/v1/orders"), server.ask("GET", "/v1/openapi.json")):
        assert reply.headers["cache-control"] == "no-store"
        assert reply.headers["x-content-type-options"] == "nosniff"
        assert reply.headers["request-id"].startswith("req_")
