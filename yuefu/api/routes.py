"""What there is at which address, who may do it, and what it takes and gives: the router and the description of the API are made from this."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Final
from urllib.parse import unquote

from pydantic import BaseModel

from yuefu.api import loans, orders, quotes
from yuefu.api.bodies import (
    CaptureMade,
    NewOrder,
    NewQuote,
    NewRepayment,
    Nothing,
    OrderList,
    OrderPlaced,
    OrderShown,
    Part,
    QuoteShown,
    RefundMade,
    RepaymentMade,
    VoidMade,
    id_text,
)
from yuefu.api.calls import Call


@dataclass(frozen=True, slots=True)
class Route:
    """`scope` is what a key must be allowed. A `keyed` route moves money and needs an Idempotency-Key. What it `takes` is always sent: an
    absent body stands for nothing, least of all for everything. What `may_fail` is declined with 402, for good.
    """

    method: str
    path: str
    scope: str
    handler: Callable[[Call], Awaitable[dict[str, Any]]]
    takes: type[BaseModel] | None
    gives: type[BaseModel]
    status: int
    keyed: bool
    summary: str
    parameters: tuple[tuple[str, dict[str, Any], str], ...] = ()
    may_fail: bool = False


_PAGE: Final = (
    ("limit", {"type": "integer", "minimum": 1, "maximum": orders.MOST, "default": orders.USUAL}, "How many at most."),
    ("starting_after", id_text("order"), "The id of an order: only older ones."),
    ("ending_before", id_text("order"), "The id of an order: only newer ones, those next to it."),
)
_ORDER: Final = "/v1/orders/{order_id}"
_REPAYMENTS: Final = "/v1/loans/{loan_id}/repayments"

ROUTES: Final = (
    Route("POST", "/v1/quotes", "order.authorise", quotes.create, NewQuote, QuoteShown, 201, False, "Show what a purchase would cost"),
    Route("POST", "/v1/orders", "order.authorise", orders.create, NewOrder, OrderPlaced, 201, True, "Place an order: decide, hold its amount", may_fail=True),
    Route("GET", "/v1/orders", "order.read", orders.listed, None, OrderList, 200, False, "List orders, newest first", _PAGE),
    Route("GET", _ORDER, "order.read", orders.show, None, OrderShown, 200, False, "Show an order"),
    Route("POST", f"{_ORDER}/capture", "order.capture", orders.capture, Part, CaptureMade, 201, True, "Capture an order, wholly with {}"),
    Route("POST", f"{_ORDER}/void", "order.void", orders.void, Nothing, VoidMade, 200, True, "Give back what is not captured: {}"),
    Route("POST", f"{_ORDER}/refund", "order.refund", orders.refund, Part, RefundMade, 201, True, "Refund what was captured, all of it with {}"),
    Route("POST", _REPAYMENTS, "repayment.collect", loans.repay, NewRepayment, RepaymentMade, 201, True, "Collect a repayment", may_fail=True),
)  # fmt: skip


@cache
def _by_shape() -> Mapping[tuple[int, str], Mapping[str, Route]]:
    """Routes by the number of segments and the last fixed one, each by method."""
    found: dict[tuple[int, str], dict[str, Route]] = {}
    for route in ROUTES:
        parts = route.path.split("/")
        found.setdefault((len(parts), parts[-1] if not parts[-1].startswith("{") else ""), {})[route.method] = route
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
    shapes = _by_shape()
    for last in (parts[-1], ""):
        routes = shapes.get((len(parts), last))
        if not routes:
            continue
        fixed = next(iter(routes.values())).path.split("/")
        named = {name[1:-1]: part for name, part in zip(fixed, parts, strict=True) if name.startswith("{")}
        if all(part and (name.startswith("{") or name == part) for name, part in zip(fixed[1:], parts[1:], strict=True)):
            return routes, named
    return {}, {}
