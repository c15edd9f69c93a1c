"""Refunds: goods that came back, and what became of the money that their consumers are owed for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any, Final, Literal
from uuid import UUID

from pydantic import BaseModel

from yuefu import ids
from yuefu.api import carts, expanding, listing
from yuefu.api.bodies import Named
from yuefu.api.calls import Call
from yuefu.api.carts import PiecesShown
from yuefu.api.listing import CREATED, Listing, Page, an_id, one_of, text_of
from yuefu.api.route import gets
from yuefu.journeys import refund_states
from yuefu.journeys.refund_states import STATES, Refund
from yuefu.orders.queries import parts
from yuefu.orders.rules.parts import Pieces
from yuefu.runtime.paging import Span


class RefundShare(BaseModel):
    """What one capture bears of a refund."""

    capture: str
    amount: int


class RefundShown(BaseModel):
    """Goods of an order that came back. `state` is that of the money which the consumer is owed for them: `succeeded` once they have all of it, at once
    where the loan took it; `failed` while the payment channel refuses some of it, which is tried again each business day. `reason` says which way back it
    was: a refund, a reversal (whole, on its own day), a rejection at the door, or a charge_back.
    """

    object: Literal["refund"]
    id: str
    order: Named
    merchant_reference: str
    state: Literal["pending", "succeeded", "failed"]
    reason: str
    amount: int
    currency: str
    captures: list[RefundShare]
    refunded_on: date
    created_at: datetime
    lines: list[PiecesShown]


class RefundList(Page[RefundShown]):
    """A page of refunds, newest first."""


LISTING: Final = Listing(
    "refund",
    "/v1/refunds",
    (
        an_id("order", "order", "Only those of this order."),
        text_of("merchant_reference", "Only those of orders with this reference of yours."),
        one_of("state", STATES, "Only those of which the money stands so."),
        *CREATED,
    ),
)


async def show(call: Call) -> dict[str, Any]:
    """GET /v1/refunds/{refund_id}"""
    return await call.shown("refund", read)


async def listed(call: Call) -> dict[str, Any]:
    """GET /v1/refunds"""
    book_id, merchant_id = call.holder.book.id, call.merchant_id

    def found(where: Mapping[str, Any], span: Span) -> list[dict[str, Any]] | None:
        page = refund_states.listed(book_id=book_id, merchant_id=merchant_id, where=where, span=span)
        return None if page is None else _all_shown(page)

    return await listing.page(call, LISTING, found)


def read(refund_ids: Sequence[UUID]) -> dict[UUID, dict[str, Any]]:
    """Refunds of the merchant who reads, as they are shown."""
    found = refund_states.refunds_by_id(ids=refund_ids)
    return dict(zip(found, _all_shown(list(found.values())), strict=True))


expanding.register("refund", read)


def _all_shown(found: Sequence[Refund]) -> list[dict[str, Any]]:
    pieces = parts.pieces([one.told.id for one in found], "refund")
    return [_shown(one, pieces.get(one.told.id, ())) for one in found]


def _shown(one: Refund, pieces: Sequence[Pieces]) -> dict[str, Any]:
    refund = one.told
    return {
        "object": "refund",
        "id": ids.text("refund", refund.id),
        "order": ids.text("order", refund.order_id),
        "merchant_reference": refund.merchant_reference,
        "state": one.state,
        "reason": one.event,
        "amount": refund.amount.minor,
        "currency": refund.amount.currency,
        "captures": [{"capture": ids.text("capture", share.capture_id), "amount": share.amount.minor} for share in refund.shares],
        "refunded_on": refund.refunded_on,
        "created_at": refund.refunded_at.astimezone(UTC),
        "lines": carts.pieces_shown(pieces),
    }


ROUTES: Final = (
    gets("/v1/refunds", "order.read", listed, RefundList, "List refunds, newest first", LISTING.parameters, expands=("data.order",)),
    gets("/v1/refunds/{refund_id}", "order.read", show, RefundShown, "Show a refund", expands=("order",)),
)
