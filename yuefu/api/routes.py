"""What there is at which address: the router and the description of the API are made from the routes of each resource."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Final
from urllib.parse import unquote

from yuefu.api import (
    balance,
    captures,
    checkout_sessions,
    disputes,
    events,
    files,
    keys,
    loans,
    merchants,
    orders,
    payouts,
    price_labels,
    qr_codes,
    quotes,
    refunds,
    settlements,
    statements,
    stores,
    test_clocks,
    test_consumers,
    webhook_endpoints,
    whoami,
)
from yuefu.api.route import Route

ROUTES: Final[tuple[Route, ...]] = (
    *price_labels.ROUTES,
    *quotes.ROUTES,
    *checkout_sessions.ROUTES,
    *merchants.ROUTES,
    *stores.ROUTES,
    *qr_codes.ROUTES,
    *orders.ROUTES,
    *captures.ROUTES,
    *refunds.ROUTES,
    *loans.ROUTES,
    *events.ROUTES,
    *webhook_endpoints.ROUTES,
    *balance.ROUTES,
    *payouts.ROUTES,
    *settlements.ROUTES,
    *statements.ROUTES,
    *disputes.ROUTES,
    *files.ROUTES,
    *keys.ROUTES,
    *test_clocks.ROUTES,
    *test_consumers.ROUTES,
    *whoami.ROUTES,
)


@dataclass(slots=True)
class _Place:
    """What follows on the segments so far: fixed ones by their text, any other under a name; and the routes that end here, by method."""

    fixed: dict[str, _Place] = field(default_factory=dict)
    name: str = ""
    any_other: _Place | None = None
    routes: dict[str, Route] = field(default_factory=dict)


@cache
def _root() -> _Place:
    root = _Place()
    for route in ROUTES:
        place = root
        for part in route.path.split("/"):
            if part.startswith("{"):
                assert place.name in ("", part[1:-1]), f"{route.path} has another name than its neighbour"
                place.name, place.any_other = part[1:-1], place.any_other or _Place()
                place = place.any_other
            else:
                place = place.fixed.setdefault(part, _Place())
        assert route.method not in place.routes, f"{route.method} {route.path} is there twice"
        place.routes[route.method] = route
    return root


def shown_to(scopes: Collection[str]) -> frozenset[str]:
    """The kinds of objects that a key with these scopes may be shown, each at its own address."""
    return frozenset(kind for kind, scope in _scopes_of_kinds().items() if scope in scopes)


@cache
def _scopes_of_kinds() -> Mapping[str, str]:
    return {
        route.path.rpartition("/{")[2].removesuffix("_id}"): route.scope
        for route in ROUTES
        if route.method == "GET" and route.path.endswith("_id}")
    }


def at(path: str) -> tuple[Mapping[str, Route], dict[str, str]]:
    """The routes at an address, as it was sent, by method, and what stands in the address; empty where there is nothing. A slash that was
    sent as %2F is a character of its segment, and no segment of ours has one.
    """
    parts = path.split("/")
    if "%" in path:
        parts = [unquote(part) for part in parts]
        if any("/" in part for part in parts):
            return {}, {}
    place, named = _root(), dict[str, str]()
    for part in parts:
        following = place.fixed.get(part)
        if following is None and part and place.any_other is not None:
            named[place.name], following = part, place.any_other
        if following is None:
            return {}, {}
        place = following
    return place.routes, named
