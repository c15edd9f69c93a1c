"""What there is at which address: the router and the description of the API are made from the routes of each resource."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Final
from urllib.parse import unquote

from yuefu.api import events, loans, orders, quotes, webhook_endpoints
from yuefu.api.route import Route

ROUTES: Final[tuple[Route, ...]] = (
    *quotes.ROUTES,
    *orders.ROUTES,
    *loans.ROUTES,
    *events.ROUTES,
    *webhook_endpoints.ROUTES,
)


@cache
def _of_resources() -> Mapping[tuple[int, str], Sequence[tuple[list[str], Mapping[str, Route]]]]:
    """The addresses of each resource by their number of segments: taken apart, with their routes by method; those with more fixed segments first."""
    by_path: dict[str, dict[str, Route]] = {}
    for route in ROUTES:
        by_path.setdefault(route.path, {})[route.method] = route
    found: dict[tuple[int, str], list[tuple[list[str], Mapping[str, Route]]]] = {}
    for path in sorted(by_path, key=lambda path: path.count("{")):
        parts = path.split("/")
        found.setdefault((len(parts), parts[2]), []).append((parts, by_path[path]))
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
    if len(parts) < 3:
        return {}, {}
    for fixed, routes in _of_resources().get((len(parts), parts[2]), ()):
        if all(part and (name.startswith("{") or name == part) for name, part in zip(fixed[1:], parts[1:], strict=True)):
            return routes, {name[1:-1]: part for name, part in zip(fixed, parts, strict=True) if name.startswith("{")}
    return {}, {}
