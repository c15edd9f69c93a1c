"""Orders: placed, extended, captured, voided, released, refunded, shown and listed.

The answer to a POST holds only what is fixed at that moment, so that it can be given again, the same, however much later.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Annotated, Any, Final, Literal, cast
from uuid import UUID

from pydantic import BaseModel, Field

from yuefu import ids
from yuefu.api import carts, expanding, listing, notes
from yuefu.api.bodies import Body, Code, ConsumerId, Metadata, MetadataShown, NewMetadata, Nothing, Part, QuoteId, StoreId, TerminalId, Text
from yuefu.api.calls import Call
from yuefu.api.carts import Lines, LineShown, OfLines, PiecesShown, ShipmentShown, Shipping
from yuefu.api.listing import CREATED, Listing, Page, an_id, one_of, text_of
from yuefu.api.problems import Problem
from yuefu.api.route import Route
from yuefu.journeys.checkout import Authorised, Captured, Prolonged, Purchase, Released
from yuefu.journeys.refund import Refunded
from yuefu.merchants.rules import CHANNELS
from yuefu.merchants.rules.metadata import frozen
from yuefu.orders import queries as orders
from yuefu.orders.commands import CaptureRequest, RefundRequest, ReleaseRequest, VoidRequest
from yuefu.orders.commands.extending import ExtendRequest
from yuefu.orders.queries.checkout import lines_of_orders
from yuefu.orders.rules import STATES, Order
from yuefu.orders.rules.lines import Line
from yuefu.runtime import sql
from yuefu.runtime.paging import Span


class NewOrder(Body):
    """The consumer's consent to a quote that was shown to them today."""

    quote: QuoteId
    consumer: ConsumerId
    merchant_reference: Annotated[Text, Field(min_length=1, max_length=64, examples=["A-1001"])]
    channel: Literal[CHANNELS] = "online"  # type: ignore[valid-type]
    host: Annotated[Text, Field(pattern=Code, examples=["lin"])] | None = None
    category: Annotated[Text, Field(pattern=Code, examples=["phones"])] | None = None
    lines: Lines | None = None
    store: StoreId | None = None
    terminal: TerminalId | None = None
    metadata: Metadata = Field(default_factory=dict)


class NewCapture(Part):
    """What is delivered: an amount, pieces of the lines of the order, or all that is left with {}."""

    lines: OfLines | None = None
    shipping: Shipping | None = None


class NewRefund(Part):
    """What goes back of what was captured: an amount, pieces of the lines of the order, or all of it with {}."""

    lines: OfLines | None = None
    metadata: Metadata = Field(default_factory=dict)


class CaptureOf(BaseModel):
    id: str
    amount: int
    amount_refunded: int
    captured_on: date


class OrderPlaced(BaseModel):
    """An order as it was when it was placed."""

    object: Literal["order"]
    id: str
    state: Literal["authorised"]
    merchant_reference: str
    consumer: str
    quote: str
    channel: str
    amount: int
    currency: str
    amount_captured: Literal[0]
    amount_released: Literal[0]
    amount_refunded: Literal[0]
    created_at: datetime
    expires_at: datetime
    lines: list[LineShown]
    metadata: dict[str, str]


class OrderShown(BaseModel):
    """An order as it is."""

    object: Literal["order"]
    id: str
    state: str
    merchant_reference: str
    consumer: str
    quote: str | None
    channel: str
    amount: int
    currency: str
    amount_captured: int
    amount_released: int
    amount_refunded: int
    created_at: datetime
    expires_at: datetime
    product: str
    periods: int
    captures: list[CaptureOf]
    lines: list[LineShown]
    store: str | None
    terminal: str | None
    metadata: dict[str, str]


class OrderList(Page[OrderShown]):
    """A page of orders, newest first."""


class CaptureMade(BaseModel):
    object: Literal["capture"]
    id: str
    order: str
    loan: str
    amount: int
    currency: str
    lines: list[PiecesShown]
    shipping: list[ShipmentShown]


class VoidMade(BaseModel):
    object: Literal["void"]
    order: str
    amount: int
    currency: str


class ReleaseMade(BaseModel):
    object: Literal["release"]
    order: str
    amount: int
    currency: str


class ExtensionMade(BaseModel):
    """Until when the order can be captured."""

    object: Literal["extension"]
    order: str
    expires_at: datetime


class RefundMade(BaseModel):
    object: Literal["refund"]
    id: str
    order: str
    amount: int
    currency: str
    lines: list[PiecesShown]
    metadata: dict[str, str]


async def create(call: Call) -> dict[str, Any]:
    """POST /v1/orders"""
    body = cast("NewOrder", call.body)
    purchase = Purchase(
        key=call.key,
        merchant_id=call.merchant_id,
        merchant_reference=body.merchant_reference,
        consumer_id=body.consumer,
        quote_id=body.quote,
        channel=body.channel,
        by=call.by,
        host=body.host or "",
        category=body.category or "",
        metadata=frozen(body.metadata),
        lines=(lines := carts.lines_of(body.lines)),
        store_id=body.store,
        terminal_id=body.terminal,
    )
    done: Authorised = await call.ask("authorise", purchase)
    order_id = ids.text("order", done.order_id)
    if not done.approved:
        raise Problem(
            "order_declined",
            f"The order was declined: {', '.join(done.reasons)}.",
            more={"order": order_id, "reasons": list(done.reasons)},
        )
    return {
        "object": "order",
        "id": order_id,
        "state": "authorised",
        "merchant_reference": body.merchant_reference,
        "consumer": ids.text("consumer", body.consumer),
        "quote": ids.text("quote", body.quote),
        "channel": body.channel,
        "amount": done.amount.minor,
        "currency": done.amount.currency,
        "amount_captured": 0,
        "amount_released": 0,
        "amount_refunded": 0,
        "created_at": ids.moment(done.order_id),
        "expires_at": done.expires_at.astimezone(UTC),
        "lines": carts.shown(lines),
        "metadata": dict(purchase.metadata),
    }


async def capture(call: Call) -> dict[str, Any]:
    """POST /v1/orders/{order_id}/capture"""
    body = cast("NewCapture", call.body)
    lines, shipping = carts.pieces_of(body.lines), carts.shipments_of(body.shipping)
    request = CaptureRequest(call.key, call.merchant_id, call.object_id("order"), call.part(), call.by, lines, shipping)
    done: Captured = await call.ask("capture", request)
    return {
        "object": "capture",
        "id": ids.text("capture", done.capture_id),
        "order": ids.text("order", done.order_id),
        "loan": ids.text("loan", done.loan_id),
        "amount": done.amount.minor,
        "currency": done.amount.currency,
        "lines": carts.pieces_shown(lines),
        "shipping": carts.shipments_shown(shipping),
    }


async def void(call: Call) -> dict[str, Any]:
    """POST /v1/orders/{order_id}/void"""
    request = VoidRequest(call.key, call.merchant_id, call.object_id("order"), by=call.by)
    done: Released = await call.ask("void", request)
    return {
        "object": "void",
        "order": ids.text("order", done.order_id),
        "amount": done.amount.minor,
        "currency": done.amount.currency,
    }


async def release(call: Call) -> dict[str, Any]:
    """POST /v1/orders/{order_id}/release"""
    request = ReleaseRequest(call.key, call.merchant_id, call.object_id("order"), by=call.by)
    done: Released = await call.ask("release", request)
    return {
        "object": "release",
        "order": ids.text("order", done.order_id),
        "amount": done.amount.minor,
        "currency": done.amount.currency,
    }


async def extend(call: Call) -> dict[str, Any]:
    """POST /v1/orders/{order_id}/extend"""
    request = ExtendRequest(call.once, call.merchant_id, call.object_id("order"), by=call.by)
    done: Prolonged = await call.ask("extend", request)
    return {"object": "extension", "order": ids.text("order", done.order_id), "expires_at": done.expires_at.astimezone(UTC)}


async def refund(call: Call) -> dict[str, Any]:
    """POST /v1/orders/{order_id}/refund"""
    body = cast("NewRefund", call.body)
    lines, named = carts.pieces_of(body.lines), call.object_id("order")
    request = RefundRequest(call.key, call.merchant_id, named, call.part(), by=call.by, metadata=frozen(body.metadata), lines=lines)
    done: Refunded = await call.ask("refund", request)
    return {
        "object": "refund",
        "id": ids.text("refund", done.refund_id),
        "order": ids.text("order", done.order_id),
        "amount": done.amount.minor,
        "currency": done.amount.currency,
        "lines": carts.pieces_shown(lines),
        "metadata": body.metadata,
    }


LISTING: Final = Listing(
    "order",
    "/v1/orders",
    (
        text_of("merchant_reference", "Only those of this reference of yours: the one that was not declined, and those that were."),
        one_of("state", STATES, "Only those in this state."),
        one_of("channel", CHANNELS, "Only those sold this way."),
        an_id("consumer", "consumer", "Only those of this consumer."),
        an_id("store", "store", "Only those sold in this store."),
        an_id("terminal", "terminal", "Only those sold at this till."),
        text_of("product", "Only those on a plan of this product."),
        *CREATED,
    ),
)


async def show(call: Call) -> dict[str, Any]:
    """GET /v1/orders/{order_id}"""
    return await call.shown("order", read)


async def listed(call: Call) -> dict[str, Any]:
    """GET /v1/orders"""
    merchant_id = call.merchant_id

    def found(where: Mapping[str, Any], span: Span) -> list[dict[str, Any]] | None:
        page = orders.page(merchant_id=merchant_id, where=where, span=span)
        return None if page is None else _all_shown(page)

    return await listing.page(call, LISTING, found)


def read(order_ids: Sequence[UUID]) -> dict[UUID, dict[str, Any]]:
    """Orders of the merchant who reads, as they are shown."""
    found, bought, noted = sql.together(
        lambda: orders.orders(order_ids), lambda: lines_of_orders(order_ids), lambda: notes.noted("order", order_ids)
    )
    return {order_id: _shown(order, bought.get(order_id, ()), noted(order_id)) for order_id, order in found.items()}


def _all_shown(found: Sequence[Order]) -> list[dict[str, Any]]:
    order_ids = [order.id for order in found]
    bought, noted = sql.together(lambda: lines_of_orders(order_ids), lambda: notes.noted("order", order_ids))
    return [_shown(order, bought.get(order.id, ()), noted(order.id)) for order in found]


expanding.register("order", read)


def _shown(order: Order, lines: Sequence[Line], metadata: dict[str, str]) -> dict[str, Any]:
    return {
        "object": "order",
        "id": ids.text("order", order.id),
        "state": order.state,
        "merchant_reference": order.merchant_reference,
        "consumer": ids.text("consumer", order.consumer_id),
        "quote": ids.text("quote", order.quote_id) if order.quote_id else None,
        "channel": order.channel,
        "amount": order.amount,
        "currency": order.currency,
        "amount_captured": order.captured,
        "amount_released": order.released,
        "amount_refunded": order.refunded,
        "created_at": ids.moment(order.id),
        "expires_at": order.expires_at.astimezone(UTC),
        "store": ids.text("store", order.store_id) if order.store_id else None,
        "terminal": ids.text("terminal", order.terminal_id) if order.terminal_id else None,
        "product": order.product,
        "periods": order.periods,
        "captures": [
            {"id": ids.text("capture", one.id), "amount": one.amount, "amount_refunded": one.refunded, "captured_on": one.captured_on}
            for one in order.captures
        ],
        "lines": carts.shown(lines),
        "metadata": metadata,
    }


_ORDER: Final = "/v1/orders/{order_id}"

ROUTES: Final = (
    Route("POST", "/v1/orders", "order.authorise", create, NewOrder, OrderPlaced, 201, True, "Place an order: decide, hold its amount", may_fail=True),
    Route("GET", "/v1/orders", "order.read", listed, None, OrderList, 200, False, "List orders, newest first", LISTING.parameters),
    Route("GET", _ORDER, "order.read", show, None, OrderShown, 200, False, "Show an order"),
    Route("POST", _ORDER, "order.authorise", notes.annotating("order"), NewMetadata, MetadataShown, 200, False, "Change what is noted on an order"),
    Route("POST", f"{_ORDER}/capture", "order.capture", capture, NewCapture, CaptureMade, 201, True, "Capture an order, wholly with {}"),
    Route("POST", f"{_ORDER}/void", "order.void", void, Nothing, VoidMade, 200, True, "Give back what is not captured: {}"),
    Route("POST", f"{_ORDER}/release", "order.void", release, Nothing, ReleaseMade, 200, True, "Give back the rest of an order captured in part: {}"),
    Route("POST", f"{_ORDER}/extend", "order.authorise", extend, Nothing, ExtensionMade, 201, False, "Let the authorisation hold longer: {}"),
    Route("POST", f"{_ORDER}/refund", "order.refund", refund, NewRefund, RefundMade, 201, True, "Refund what was captured, all of it with {}"),
)  # fmt: skip
