"""What the routes of the API need to be asked at all: something for each to name in its address, and a body that it takes.

Every resource adds what it has; a route that nobody has told about fails the tests that walk over all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from tests.api.conftest import Merchant, issue
from yuefu import ids
from yuefu.aftersales.rules.disputes import Dispute
from yuefu.api.route import Route
from yuefu.errors import Refused
from yuefu.journeys import disputes, invoices
from yuefu.journeys.disputes import Moved, OpenRequest, StepRequest

Make = Callable[[Merchant], Any]

CLOCKS: Final = "/v1/test_helpers/test_clocks"

_loans: dict[tuple[UUID, int], str] = {}


def _due(merchant: Merchant) -> str:
    """The one loan of a merchant of which something is due: once the clock stands on that day, what is sold is due a month later."""
    place = (merchant.shop.book_id, merchant.merchant)
    if place not in _loans:
        _loans[place] = merchant.due()[1]
    return _loans[place]


def _clock(merchant: Merchant) -> str:
    """A new test clock. Those of before go when there are many: a merchant keeps only so many."""
    kept = merchant.get(f"{CLOCKS}?limit=100&state=ready").body["data"]
    for one in kept if len(kept) > 5 else []:
        merchant.ask_with("DELETE", f"{CLOCKS}/{one['id']}", secret=merchant.issued.secret)
    return str(merchant.post(CLOCKS, {"frozen_time": "2026-10-15T12:00:00+08:00"}).body["id"])


def after(merchant: Merchant, happens: Callable[[], Any], name: str) -> str:
    """The newest of a list once something has happened."""
    happens()
    return str(merchant.get(f"/v1/{name}").body["data"][0]["id"])


def refunded(merchant: Merchant) -> None:
    assert merchant.post(f"/v1/orders/{merchant.captured()}/refund", {"amount": 100}).status == 201


def settled(merchant: Merchant) -> None:
    """What was sold yesterday is paid today."""
    merchant.captured()
    merchant.shop.next_day()
    merchant.shop.settle()


def _invoice(merchant: Merchant) -> str:
    merchant.captured()
    shop, first = merchant.shop, merchant.shop.on.replace(day=1)
    shop.until((first + timedelta(days=31)).replace(day=1))
    (made,) = invoices.request(desk=shop.desk, now=shop.now(), months=[(shop.merchants[merchant.merchant], first)])
    assert not isinstance(made, Refused), made
    return ids.text("invoice", made.id)


_invoices: dict[tuple[UUID, int], str] = {}


def invoiced(merchant: Merchant) -> str:
    """The one invoice of a merchant, for the fees of the month before."""
    place = (merchant.shop.book_id, merchant.merchant)
    if place not in _invoices:
        _invoices[place] = _invoice(merchant)
    return _invoices[place]


def contested(merchant: Merchant, *, answered: bool = False) -> str:
    """What a consumer contests; `answered`, and ruled for the consumer."""
    shop = merchant.shop
    order_id = ids.parse("order", merchant.captured(30_000))
    (made,) = disputes.begin(desk=shop.desk, now=shop.now(), requests=[OpenRequest(f"D{order_id}", order_id, "faulty_goods", "broken")])
    assert isinstance(made, Dispute), made
    dispute = ids.text("dispute", made.id)
    assert merchant.post(f"/v1/disputes/{dispute}/evidence", {"kind": "delivery", "text": "signed"}).status == 201
    if answered:
        assert merchant.post(f"/v1/disputes/{dispute}/submit", {}).status == 201
        (moved,) = disputes.take(desk=shop.desk, now=shop.now(), requests=[StepRequest(f"R{made.id}", None, made.id, "rule_lost")])
        assert isinstance(moved, Moved), moved
    return dispute


FILE: Final = {"purpose": "dispute_evidence", "name": "waybill.txt", "content": "c2lnbmVk"}


NAMED: Final[dict[str, Make]] = {
    "order_id": lambda merchant: merchant.placed(),
    "event_id": lambda merchant: merchant.told()[0],
    "webhook_endpoint_id": lambda merchant: merchant.endpoint()["id"],
    "api_key_id": lambda merchant: ids.text("api_key", issue(merchant.shop, merchant=merchant.merchant, scopes=["order.read"]).id),
    "checkout_id": lambda merchant: merchant.session()["id"],
    "merchant_id": lambda merchant: ids.text("merchant", merchant.shop.merchants[merchant.merchant]),
    "store_id": lambda merchant: merchant.store(),
    "terminal_id": lambda merchant: merchant.terminal(),
    "qr_code_id": lambda merchant: str(merchant.post("/v1/qr_codes", {"terminal": merchant.terminal()}).body["id"]),
    "loan_id": _due,
    "test_clock_id": _clock,
    "capture_id": lambda merchant: after(merchant, merchant.captured, "captures"),
    "refund_id": lambda merchant: after(merchant, lambda: refunded(merchant), "refunds"),
    "balance_transaction_id": lambda merchant: after(merchant, merchant.captured, "balance_transactions"),
    "batch_id": lambda merchant: after(merchant, lambda: settled(merchant), "settlements"),
    "payout_id": lambda merchant: after(merchant, lambda: settled(merchant), "payouts"),
    "statement_id": lambda merchant: after(merchant, lambda: settled(merchant), "statements"),
    "invoice_id": invoiced,
    "form": lambda merchant: "details",
    "dispute_id": contested,
    "file_id": lambda merchant: str(merchant.post("/v1/files", FILE).body["id"]),
}
"""By the name in the address: makes a thing of the merchant and gives its id."""

NAMED_BY: Final[dict[str, Make]] = {
    "/v1/orders/{order_id}/release": lambda merchant: merchant.captured_in_part(),
    "/v1/orders/{order_id}/extend": lambda merchant: merchant.placed_earlier(),
    "/v1/orders/{order_id}/refund": lambda merchant: merchant.captured(),
    "/v1/disputes/{dispute_id}/appeal": lambda merchant: contested(merchant, answered=True),
}
"""By the address, where a thing has to be in a state of its own to be asked for."""

BODIES: Final[dict[str, Make]] = {
    "/v1/quotes": lambda merchant: {"product": "free", "amount": 50_000, "currency": "CNY", "periods": 3},
    "/v1/orders": lambda merchant: merchant.order() | {"lines": [{"name": "Goods", "unit_amount": 199_900}]},
    "/v1/stores": lambda merchant: merchant.place(),
    "/v1/terminals": lambda merchant: {"store": merchant.store(), "code": "till-1"},
    "/v1/qr_codes": lambda merchant: {"store": merchant.store()},
    "/v1/checkout_sessions": lambda merchant: merchant.offer(
        lines=[{"name": "Goods", "unit_amount": 199_900}], allowed_products=["free"], allowed_periods=[3, 6], consumer=None, host=None
    ),
    "/v1/orders/{order_id}/capture": lambda merchant: {
        "lines": None,
        "shipping": [{"carrier": "SF", "tracking_number": "SF1", "shipped_at": None}],
    },
    "/v1/orders/{order_id}/refund": lambda merchant: {"lines": None},
    "/v1/checkout_sessions/{checkout_id}": lambda merchant: {"metadata": {"basket": "7"}},
    "/v1/orders/{order_id}": lambda merchant: {"metadata": {"basket": "7"}},
    "/v1/api_keys": lambda merchant: {"scopes": ["order.read"]},
    "/v1/test_helpers/consumers": lambda merchant: {"email": "consumer+approved@test.example"},
    "/v1/test_helpers/test_clocks": lambda merchant: {"frozen_time": "2026-10-15T12:00:00+08:00"},
    "/v1/test_helpers/test_clocks/{test_clock_id}/advance": lambda merchant: {"frozen_time": "2026-10-16T12:00:00+08:00"},
    "/v1/disputes/{dispute_id}/evidence": lambda merchant: {"kind": "delivery", "text": "signed"},
    "/v1/files": lambda merchant: FILE,
    "/v1/loans/{loan_id}/repayments": lambda merchant: {"amount": 10_000, "instrument": "card:1:ok"},
    "/v1/events/{event_id}/resend": lambda merchant: {"webhook_endpoint": merchant.endpoint()["id"]},
    "/v1/webhook_endpoints": lambda merchant: {"url": "https://93.184.216.34/", "enabled_events": ["*"], "alert_email": "it@shop.example"},
    "/v1/webhook_endpoints/{webhook_endpoint_id}": lambda merchant: {
        "url": "https://93.184.216.35/",
        "enabled_events": ["payment.*"],
        "alert_email": "",
    },
    "/v1/webhook_endpoints/{webhook_endpoint_id}/roll": lambda merchant: {"overlap_hours": 24},
    "/v1/webhook_endpoints/{webhook_endpoint_id}/replay": lambda merchant: {
        "created_from": "2026-10-01T00:00:00+08:00",
        "created_before": "2026-10-02T00:00:00+08:00",
    },
}
"""By the address: what the route takes, where {} would not do."""

SOON: Final = frozenset({"order_id", "api_key_id"})
"""Things that are made at once. Others take days of the book."""


def names_in(route: Route) -> list[str]:
    """The names in the address of a route."""
    return [part[1:-1] for part in route.path.split("/") if part.startswith("{")]


def names_an_id(route: Route) -> bool:
    """Whether the first name in an address is an id, which one merchant has only; a month, for instance, all have."""
    return bool(names_in(route)) and names_in(route)[0].removesuffix("_id") in ids.PREFIXES


def named(route: Route, merchant: Merchant) -> dict[str, str]:
    """What the address of a route names, of this merchant, in a state that the route can be asked for."""
    names = names_in(route)
    if route.path in NAMED_BY:
        found = NAMED_BY[route.path](merchant)
        return {names[0]: found} if isinstance(found, str) else dict(found)
    return {name: NAMED[name](merchant) for name in names}


def named_or_not(route: Route, merchant: Merchant) -> dict[str, str]:
    """The same for whoever is turned away before anything is looked for: what takes long to make has an id that names nothing."""
    if all(name in SOON for name in names_in(route)):
        return named(route, merchant)
    return {name: ids.text(kind, UUID(int=0)) if (kind := name.removesuffix("_id")) in ids.PREFIXES else name for name in names_in(route)}


def address(route: Route, things: Mapping[str, str]) -> str:
    """The address with the things in it."""
    path = route.path
    for name, thing in things.items():
        path = path.replace(f"{{{name}}}", thing)
    return path


def body(route: Route, merchant: Merchant) -> Any:
    """What the route takes, None where it takes nothing."""
    if route.takes is None:
        return None
    return BODIES[route.path](merchant) if route.path in BODIES else {}
