"""Captures: what was taken of orders, each with the loan that was lent for it."""

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
from yuefu.api.carts import PiecesShown, ShipmentShown
from yuefu.api.listing import CREATED, Listing, Page, an_id, text_of
from yuefu.api.route import gets
from yuefu.journeys import told
from yuefu.orders.queries import parts
from yuefu.orders.rules.parts import Pieces, Shipment
from yuefu.runtime.paging import Span


class CaptureShown(BaseModel):
    """A part of an order that was delivered, or all of it."""

    object: Literal["capture"]
    id: str
    order: Named
    merchant_reference: str
    loan: Named | None
    number: int
    amount: int
    amount_refunded: int
    currency: str
    captured_on: date
    created_at: datetime
    lines: list[PiecesShown]
    shipping: list[ShipmentShown]


class CaptureList(Page[CaptureShown]):
    """A page of captures, newest first."""


LISTING: Final = Listing(
    "capture",
    "/v1/captures",
    (
        an_id("order", "order", "Only those of this order."),
        text_of("merchant_reference", "Only those of orders with this reference of yours."),
        *CREATED,
    ),
)


async def show(call: Call) -> dict[str, Any]:
    """GET /v1/captures/{capture_id}"""
    return await call.shown("capture", read)


async def listed(call: Call) -> dict[str, Any]:
    """GET /v1/captures"""
    merchant_id = call.merchant_id

    def found(where: Mapping[str, Any], span: Span) -> list[dict[str, Any]] | None:
        page = told.captures(merchant_id=merchant_id, where=where, span=span)
        return None if page is None else _all_shown(page)

    return await listing.page(call, LISTING, found)


def read(capture_ids: Sequence[UUID]) -> dict[UUID, dict[str, Any]]:
    """Captures of the merchant who reads, as they are shown."""
    found = told.captures_by_id(ids=capture_ids)
    return dict(zip(found, _all_shown(list(found.values())), strict=True))


expanding.register("capture", read)


def _all_shown(found: Sequence[told.Capture]) -> list[dict[str, Any]]:
    captures = [one.told.id for one in found]
    pieces, sent = parts.pieces(captures, "capture"), parts.shipments(captures)
    return [_shown(one, pieces.get(one.told.id, ()), sent.get(one.told.id, ())) for one in found]


def _shown(one: told.Capture, pieces: Sequence[Pieces], sent: Sequence[Shipment]) -> dict[str, Any]:
    capture = one.told
    return {
        "object": "capture",
        "id": ids.text("capture", capture.id),
        "order": ids.text("order", capture.order_id),
        "merchant_reference": capture.merchant_reference,
        "loan": ids.text("loan", one.loan_id) if one.loan_id else None,
        "number": capture.number,
        "amount": capture.amount.minor,
        "amount_refunded": capture.refunded.minor,
        "currency": capture.amount.currency,
        "captured_on": capture.captured_on,
        "created_at": capture.captured_at.astimezone(UTC),
        "lines": carts.pieces_shown(pieces),
        "shipping": carts.shipments_shown(sent),
    }


_CAPTURE: Final = "/v1/captures/{capture_id}"

ROUTES: Final = (
    gets(
        "/v1/captures",
        "order.read",
        listed,
        CaptureList,
        "List captures, newest first",
        LISTING.parameters,
        expands=("data.order", "data.loan"),
    ),
    gets(_CAPTURE, "order.read", show, CaptureShown, "Show a capture", expands=("order", "loan")),
)
