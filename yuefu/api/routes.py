"""What there is at which address: the router and the description of the API are made from the routes of each resource."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Final
from urllib.parse import unquote

from yuefu.api import balance, captures, loans, orders, payouts, quotes, refunds, settlements, statements
from yuefu.api.route import Route

ROUTES: Final[tuple[Route, ...]] = (
    *quotes.ROUTES,
    *orders.ROUTES,
    *captures.ROUTES,
    *refunds.ROUTES,
    *loans.ROUTES,
    *balance.ROUTES,
    *payouts.ROUTES,
    *settlements.ROUTES,
    *statements.ROUTES,
)


@cache
def _addresses() -> Mapping[tuple[int, str], Sequence[tuple[Sequence[str], Mapping[str, Route]]]]:
    """Addresses, as segments, with their routes by method: found by how many segments there are and which resource it is. A fixed segment goes before one
    that names something."""
    found: dict[str, dict[str, Route]] = {}
    for route in ROUTES:
        found.setdefault(route.path, {})[route.method] = route
    places: dict[tuple[int, str], list[tuple[Sequence[str], Mapping[str, Route]]]] = {}
    for path in sorted(found, key=lambda path: path.count("{")):
        segments = path.split("/")
        places.setdefault((len(segments), segments[2]), []).append((segments, found[path]))
    return places


def at(path: str) -> tuple[Mapping[str, Route], dict[str, str]]:
    """The routes at an address, as it was sent, by method, and what stands in the address; empty where there is nothing. A slash that was
    sent as %2F is a character of its segment, and no segment of ours has one.
    """
    parts = path.split("/")
    if "%" in path:
        parts = [unquote(part) for part in parts]
        if any("/" in part for part in parts):
            return {}, {}
    for segments, routes in _addresses().get((len(parts), parts[2] if len(parts) > 2 else ""), ()):
        named = {name[1:-1]: part for name, part in zip(segments, parts, strict=True) if name.startswith("{")}
        if all(part and (name.startswith("{") or name == part) for name, part in zip(segments[1:], parts[1:], strict=True)):
            return routes, named
    return {}, {}
