"""What there is at which address: the router and the description of the API are made from the routes of each resource."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Final
from urllib.parse import unquote

from yuefu.api import checkout_sessions, loans, orders, price_labels, quotes
from yuefu.api.route import Route

ROUTES: Final[tuple[Route, ...]] = (
    *price_labels.ROUTES,
    *quotes.ROUTES,
    *checkout_sessions.ROUTES,
    *orders.ROUTES,
    *loans.ROUTES,
)


@cache
def _by_shape() -> Mapping[tuple[int, str, str], Mapping[str, Route]]:
    """Routes by the number of segments, the resource and the last fixed segment, each by method."""
    found: dict[tuple[int, str, str], dict[str, Route]] = {}
    for route in ROUTES:
        parts = route.path.split("/")
        found.setdefault((len(parts), parts[2], parts[-1] if not parts[-1].startswith("{") else ""), {})[route.method] = route
    return found


def at(path: str) -> tuple[Mapping[str, Route], dict[str, str]]:
    """The routes at an address, as it was sent, by method, and what stands in the address; empty where there is nothing. A slash that was
    sent as %2F is a character of its segment, and no segment of ours has one.
    """
    parts = path.split("/")
    if "%" in path:
        parts = [unquote(part) for part in parts]
        if any("/" in part for part in parts):
            return {}, {}
    shapes, resource = _by_shape(), parts[2] if len(parts) > 2 else ""
    for last in (parts[-1], ""):
        routes = shapes.get((len(parts), resource, last))
        if not routes:
            continue
        fixed = next(iter(routes.values())).path.split("/")
        named = {name[1:-1]: part for name, part in zip(fixed, parts, strict=True) if name.startswith("{")}
        if all(part and (name.startswith("{") or name == part) for name, part in zip(fixed[1:], parts[1:], strict=True)):
            return routes, named
    return {}, {}
