"""QR codes: what a consumer scans to come to the page of a checkout session."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Final, Literal, Self, cast
from uuid import UUID

import segno
from django.conf import settings
from pydantic import BaseModel, ConfigDict, Field, model_validator

from yuefu import ids
from yuefu.api import listing
from yuefu.api.bodies import Body, CheckoutId, StoreId, TerminalId
from yuefu.api.calls import Call
from yuefu.api.listing import CREATED, Listing, Page, an_id, one_of
from yuefu.api.route import Route, gets
from yuefu.journeys.checkout.scanning import Made, NewQrCode
from yuefu.orders.queries import qr
from yuefu.orders.rules.qr import KINDS, QrCode
from yuefu.runtime.paging import Span


def _absent() -> Any:
    """Of a member that is left out, and never null."""
    return None


class NewQrCodeBody(Body):
    """A code of one checkout session, or of a till, or of a store. At a store or till the consumer keys the amount in, or it is that of the session that
    the cashier opened there last.
    """

    model_config = ConfigDict(
        json_schema_extra={"oneOf": [{"required": ["checkout_session"]}, {"required": ["terminal"]}, {"required": ["store"]}]}
    )

    checkout_session: CheckoutId = Field(default_factory=_absent)
    terminal: TerminalId = Field(default_factory=_absent)
    store: StoreId = Field(default_factory=_absent)
    amount_by: Annotated[Literal["consumer", "cashier"], Field(description="Of a store or a till.")] = "cashier"

    @model_validator(mode="after")
    def _of_one(self) -> Self:
        if len(self.model_fields_set & {"checkout_session", "terminal", "store"}) != 1:
            raise ValueError("a code is of one checkout session, of one terminal, or of one store")
        return self


class QrCodeShown(BaseModel):
    """A code: `url` is what it says, `svg` the picture of it; `svg_url` and `png_url` are where browsers find the picture."""

    object: Literal["qr_code"]
    id: str
    kind: Literal[KINDS]  # type: ignore[valid-type]
    url: str
    svg_url: str
    png_url: str
    svg: str
    store: str | None
    terminal: str | None
    checkout_session: str | None
    amount_by: str | None
    created_at: datetime
    expires_at: datetime | None


class QrCodeList(Page[QrCodeShown]):
    """A page of QR codes, newest first."""


async def create(call: Call) -> dict[str, Any]:
    """POST /v1/qr_codes"""
    body = cast("NewQrCodeBody", call.body)
    new = NewQrCode(call.once, call.merchant_id, body.checkout_session, body.store, body.terminal, body.amount_by, by=call.by)
    done: Made = await call.ask("make_qr_code", new)
    return _shown(done.code)


LISTING: Final = Listing(
    "qr_code",
    "/v1/qr_codes",
    (
        one_of("kind", KINDS, "Only those of this kind."),
        an_id("store", "store", "Only those of this store, its tills included."),
        an_id("terminal", "terminal", "Only those of this till."),
        an_id("checkout_session", "checkout", "Only those of this session."),
        *CREATED,
    ),
)


async def show(call: Call) -> dict[str, Any]:
    """GET /v1/qr_codes/{qr_code_id}"""
    return await call.shown("qr_code", _read)


async def listed(call: Call) -> dict[str, Any]:
    """GET /v1/qr_codes"""
    merchant_id = call.merchant_id

    def found(where: Mapping[str, Any], span: Span) -> list[dict[str, Any]] | None:
        page = qr.page(merchant_id=merchant_id, where=where, span=span)
        return None if page is None else [_shown(one) for one in page]

    return await listing.page(call, LISTING, found)


def _read(code_ids: Sequence[UUID]) -> dict[UUID, dict[str, Any]]:
    return {i: _shown(one) for i, one in qr.codes(code_ids).items()}


def _shown(code: QrCode) -> dict[str, Any]:
    def named(kind: str, given: UUID | None) -> str | None:
        return ids.text(kind, given) if given else None

    name = ids.text("qr_code", code.id)
    url = f"{settings.YUEFU_PUBLIC_URL}/q/{name}/"
    picture = io.BytesIO()
    segno.make_qr(url, error="m").save(picture, kind="svg", xmldecl=False, scale=4)
    return {
        "object": "qr_code",
        "id": name,
        "kind": code.kind,
        "url": url,
        "svg_url": f"{url}code.svg",
        "png_url": f"{url}code.png",
        "svg": picture.getvalue().decode().strip(),
        "store": named("store", code.store_id),
        "terminal": named("terminal", code.terminal_id),
        "checkout_session": named("checkout", code.session_id),
        "amount_by": code.amount_by or None,
        "created_at": code.created_at.astimezone(UTC),
        "expires_at": code.expires_at.astimezone(UTC) if code.expires_at else None,
    }


ROUTES: Final = (
    Route("POST", "/v1/qr_codes", "checkout.create", create, NewQrCodeBody, QrCodeShown, 201, False, "Make a QR code"),
    gets("/v1/qr_codes", "order.read", listed, QrCodeList, "List QR codes, newest first", LISTING.parameters),
    gets("/v1/qr_codes/{qr_code_id}", "order.read", show, QrCodeShown, "Show a QR code"),
)
