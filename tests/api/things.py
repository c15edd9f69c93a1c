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
from yuefu.api.route import Route
from yuefu.errors import Refused
from yuefu.journeys import invoices

Make = Callable[[Merchant], Any]

_loans: dict[tuple[UUID, int], str] = {}


def _due(merchant: Merchant) -> str:
    """The one loan of a merchant of which something is due: once the clock stands on that day, what is sold is due a month later."""
    place = (merchant.shop.book_id, merchant.merchant)
    if place not in _loans:
        _loans[place] = merchant.due()[1]
    return _loans[place]


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


def invoiced(merchant: Merchant) -> str:
    """For the fees of the month before."""
    merchant.captured()
    shop, first = merchant.shop, merchant.shop.on.replace(day=1)
    shop.until((first + timedelta(days=31)).replace(day=1))
    (made,) = invoices.request(desk=shop.desk, now=shop.now(), months=[(shop.merchants[merchant.merchant], first)])
    assert not isinstance(made, Refused), made
    return ids.text("invoice", made.id)


NAMED: Final[dict[str, Make]] = {
    "order_id": lambda merchant: merchant.placed(),
    "event_id": lambda merchant: merchant.told()[0],
    "webhook_endpoint_id": lambda merchant: merchant.endpoint()["id"],
    "api_key_id": lambda merchant: ids.text("api_key", issue(merchant.shop, merchant=merchant.merchant, scopes=["order.read"]).id),
    "loan_id": _due,
    "test_clock_id": lambda merchant: merchant.post("/v1/test_helpers/test_clocks", {"frozen_time": "2026-10-15T12:00:00+08:00"}).body[
        "id"
    ],
    "capture_id": lambda merchant: after(merchant, merchant.captured, "captures"),
    "refund_id": lambda merchant: after(merchant, lambda: refunded(merchant), "refunds"),
    "balance_transaction_id": lambda merchant: after(merchant, merchant.captured, "balance_transactions"),
    "batch_id": lambda merchant: after(merchant, lambda: settled(merchant), "settlements"),
    "payout_id": lambda merchant: after(merchant, lambda: settled(merchant), "payouts"),
    "statement_id": lambda merchant: after(merchant, lambda: settled(merchant), "statements"),
    "invoice_id": invoiced,
    "form": lambda merchant: "details",
}
"""By the name in the address: makes a thing of the merchant and gives its id."""

NAMED_BY: Final[dict[str, Make]] = {
    "/v1/orders/{order_id}/refund": lambda merchant: merchant.captured(),
}
"""By the address, where a thing has to be in a state of its own to be asked for."""

BODIES: Final[dict[str, Make]] = {
    "/v1/quotes": lambda merchant: {"product": "free", "amount": 50_000, "currency": "CNY", "periods": 3},
    "/v1/orders": lambda merchant: merchant.order(),
    "/v1/orders/{order_id}": lambda merchant: {"metadata": {"basket": "7"}},
    "/v1/api_keys": lambda merchant: {"scopes": ["order.read"]},
    "/v1/test_helpers/test_clocks": lambda merchant: {"frozen_time": "2026-10-15T12:00:00+08:00"},
    "/v1/test_helpers/test_clocks/{test_clock_id}/advance": lambda merchant: {"frozen_time": "2026-10-16T12:00:00+08:00"},
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

LATE: Final = frozenset({"loan_id", "batch_id", "payout_id", "statement_id", "invoice_id"})
"""Things that are made by moving the clock of the book: made last, or what was made before may have ended."""


def names_in(route: Route) -> list[str]:
    """The names in the address of a route."""
    return [part[1:-1] for part in route.path.split("/") if part.startswith("{")]


def named(route: Route, merchant: Merchant) -> dict[str, str]:
    """What the address of a route names, of this merchant, in a state that the route can be asked for."""
    names = names_in(route)
    if route.path in NAMED_BY:
        found = NAMED_BY[route.path](merchant)
        return {names[0]: found} if isinstance(found, str) else dict(found)
    return {name: NAMED[name](merchant) for name in names}


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
