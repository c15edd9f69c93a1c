"""What the routes of the API need to be asked at all: something for each to name in its address, and a body that it takes.

Every resource adds what it has; a route that nobody has told about fails the tests that walk over all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from tests.api.conftest import Merchant
from yuefu.api.route import Route

Make = Callable[[Merchant], Any]

NAMED: Final[dict[str, Make]] = {
    "order_id": lambda merchant: merchant.placed(),
    "loan_id": lambda merchant: merchant.due()[1],
    "event_id": lambda merchant: merchant.told()[0],
    "webhook_endpoint_id": lambda merchant: merchant.endpoint()["id"],
}
"""By the name in the address: makes a thing of the merchant and gives its id."""

NAMED_BY: Final[dict[str, Make]] = {
    "/v1/orders/{order_id}/refund": lambda merchant: merchant.captured(),
}
"""By the address, where a thing has to be in a state of its own to be asked for."""

BODIES: Final[dict[str, Make]] = {
    "/v1/quotes": lambda merchant: {"product": "free", "amount": 50_000, "currency": "CNY", "periods": 3},
    "/v1/orders": lambda merchant: merchant.order(),
    "/v1/loans/{loan_id}/repayments": lambda merchant: {"amount": 10_000, "instrument": "card:1:ok"},
    "/v1/events/{event_id}/resend": lambda merchant: {"webhook_endpoint": merchant.endpoint()["id"]},
    "/v1/webhook_endpoints": lambda merchant: {"url": "https://93.184.216.34/", "enabled_events": ["*"]},
    "/v1/webhook_endpoints/{webhook_endpoint_id}": lambda merchant: {"description": "changed"},
    "/v1/webhook_endpoints/{webhook_endpoint_id}/replay": lambda merchant: {
        "created_from": "2026-10-01T00:00:00+08:00",
        "created_before": "2026-10-02T00:00:00+08:00",
    },
}
"""By the address: what the route takes, where {} would not do."""

LATE: Final = frozenset({"loan_id"})
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
