"""Orders: placed, captured, voided, refunded, shown and listed.

The answer to a POST holds only what is fixed at that moment, so that it can be given again, the same, however much later.
"""

from __future__ import annotations

from datetime import UTC
from typing import Any, Final, cast

from yuefu import ids
from yuefu.api.bodies import NewOrder
from yuefu.api.calls import Call
from yuefu.api.problems import Problem
from yuefu.journeys.checkout import Authorised, Captured, Purchase, Released
from yuefu.journeys.refund import Refunded
from yuefu.orders import queries as orders
from yuefu.orders.commands import CaptureRequest, RefundRequest, VoidRequest
from yuefu.orders.rules import Order

MOST: Final = 100
USUAL: Final = 10


async def create(call: Call) -> dict[str, Any]:
    """POST /v1/orders"""
    body = cast("NewOrder", call.body)
    purchase = Purchase(
        key=call.key,
        merchant_id=call.merchant_id,
        merchant_reference=body.merchant_reference,
        consumer_id=body.consumer_id,
        quote_id=body.quote_id,
        channel=body.channel,
        by=call.by,
        host=body.host or "",
        category=body.category or "",
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
        "consumer_id": ids.text("consumer", body.consumer_id),
        "quote_id": ids.text("quote", body.quote_id),
        "channel": body.channel,
        "amount": done.amount.minor,
        "currency": done.amount.currency,
        "amount_captured": 0,
        "amount_released": 0,
        "amount_refunded": 0,
        "created_at": ids.moment(done.order_id),
        "expires_at": done.expires_at.astimezone(UTC),
    }


async def capture(call: Call) -> dict[str, Any]:
    """POST /v1/orders/{order_id}/capture"""
    request = CaptureRequest(call.key, call.merchant_id, call.object_id("order"), call.part(), by=call.by)
    done: Captured = await call.ask("capture", request)
    return {
        "object": "capture",
        "id": ids.text("capture", done.capture_id),
        "order": ids.text("order", done.order_id),
        "loan": ids.text("loan", done.loan_id),
        "amount": done.amount.minor,
        "currency": done.amount.currency,
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


async def refund(call: Call) -> dict[str, Any]:
    """POST /v1/orders/{order_id}/refund"""
    request = RefundRequest(call.key, call.merchant_id, call.object_id("order"), call.part(), by=call.by)
    done: Refunded = await call.ask("refund", request)
    return {
        "object": "refund",
        "id": ids.text("refund", done.refund_id),
        "order": ids.text("order", done.order_id),
        "amount": done.amount.minor,
        "currency": done.amount.currency,
    }


async def show(call: Call) -> dict[str, Any]:
    """GET /v1/orders/{order_id}"""
    order_id = call.object_id("order")
    call.query_of()
    found = await call.counter.look(call.holder, lambda: orders.orders([order_id]))
    if order_id not in found:
        raise Problem("unknown_order")
    return _shown(found[order_id])


async def listed(call: Call) -> dict[str, Any]:
    """GET /v1/orders"""
    asked = call.query_of("limit", "starting_after", "ending_before")
    limit = _limit(asked.get("limit"))
    if "starting_after" in asked and "ending_before" in asked:
        raise Problem("invalid_parameter", "Give starting_after or ending_before, not both.")
    after, before = (_cursor(name, asked.get(name)) for name in ("starting_after", "ending_before"))
    merchant_id = call.merchant_id
    page = await call.counter.look(
        call.holder, lambda: orders.page(merchant_id=merchant_id, older_than=after, newer_than=before, limit=limit + 1)
    )
    if page is None:
        name = "starting_after" if after else "ending_before"
        raise Problem("invalid_parameter", f"{name} is not the id of an order of yours.")
    more = len(page) > limit
    kept = page[-limit:] if before and more else page[:limit]
    return {"object": "list", "url": "/v1/orders", "has_more": more, "data": [_shown(order) for order in kept]}


def _limit(text: str | None) -> int:
    if text is None:
        return USUAL
    if not (text.isascii() and text.isdigit() and len(text) <= 3 and 1 <= int(text) <= MOST):
        raise Problem("invalid_parameter", f"limit is a whole number from 1 to {MOST}.")
    return int(text)


def _cursor(name: str, text: str | None) -> Any:
    if text is None:
        return None
    try:
        return ids.parse("order", text)
    except ids.BadId as error:
        raise Problem("invalid_parameter", f"{name} is the id of an order, ord_ and 26 characters.") from error


def _shown(order: Order) -> dict[str, Any]:
    return {
        "object": "order",
        "id": ids.text("order", order.id),
        "state": order.state,
        "merchant_reference": order.merchant_reference,
        "consumer_id": ids.text("consumer", order.consumer_id),
        "quote_id": ids.text("quote", order.quote_id) if order.quote_id else None,
        "channel": order.channel,
        "amount": order.amount,
        "currency": order.currency,
        "amount_captured": order.captured,
        "amount_released": order.released,
        "amount_refunded": order.refunded,
        "created_at": ids.moment(order.id),
        "expires_at": order.expires_at.astimezone(UTC),
        "product": order.product,
        "periods": order.periods,
        "captures": [
            {"id": ids.text("capture", one.id), "amount": one.amount, "amount_refunded": one.refunded, "captured_on": one.captured_on}
            for one in order.captures
        ],
    }
