"""Settlements: what a merchant gets on a pay day, as figures and as the files of its statement."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any, Final, Literal
from uuid import UUID

from pydantic import BaseModel

from yuefu import ids
from yuefu.api import downloads, expanding, listing
from yuefu.api.bodies import Named
from yuefu.api.calls import Call
from yuefu.api.downloads import FORM, LANGUAGE
from yuefu.api.listing import Listing, Page, a_day, one_of
from yuefu.api.route import Download, gets
from yuefu.journeys import statements
from yuefu.journeys.statement_words import STATES
from yuefu.runtime.paging import Span
from yuefu.settlement.queries import Batch, told
from yuefu.settlement.queries import papers as paper_book
from yuefu.settlement.rules import Totals


class Figures(BaseModel):
    """net = captures − fees − discounts − refunds + carried_in − reserved + released + adjusted, and all of it is paid_out or carried_on."""

    captures: int
    fees: int
    discounts: int
    refunds: int
    carried_in: int
    reserved: int
    released: int
    adjusted: int
    net: int
    paid_out: int
    carried_on: int


class SettlementShown(BaseModel):
    """What was due to you by a pay day. `amount` is what you are paid of it: what it pays out, less what was frozen of that afterwards. `reason` says why it
    is not paid, where it is held or its payout came back.
    """

    object: Literal["settlement"]
    id: str
    state: str
    pay_on: date
    amount: int
    amount_withheld: int
    currency: str
    line_count: int
    figures: Figures
    payout: Named | None
    reason: str | None
    created_at: datetime


class SettlementList(Page[SettlementShown]):
    """A page of settlements, newest first."""


LISTING: Final = Listing(
    "batch",
    "/v1/settlements",
    (
        one_of("state", list(STATES), "Only those in this state."),
        a_day("pay_from", "Only those of this pay day or later."),
        a_day("pay_until", "Only those of this pay day or before."),
    ),
)


async def show(call: Call) -> dict[str, Any]:
    """GET /v1/settlements/{batch_id}"""
    return await call.shown("batch", read)


async def listed(call: Call) -> dict[str, Any]:
    """GET /v1/settlements"""
    merchant_id = call.merchant_id

    def found(where: Mapping[str, Any], span: Span) -> list[dict[str, Any]] | None:
        page = told.batches(merchant_id=merchant_id, where=where, span=span)
        return None if page is None else [_shown(one) for one in page]

    return await listing.page(call, LISTING, found)


async def file(call: Call) -> Download:
    """GET /v1/settlements/{batch_id}/files/{form}"""
    batch_id = call.object_id("batch")
    return await downloads.statement(call, "unknown_batch", lambda: statements.of_batch(batch_id=batch_id))


def read(batch_ids: Sequence[UUID]) -> dict[UUID, dict[str, Any]]:
    """Settlements of the merchant who reads, as they are shown."""
    return {one.id: _shown(one) for one in paper_book.seen(ids=batch_ids)}


expanding.register("batch", read)


def figures(totals: Totals) -> dict[str, int]:
    """The figures of a settlement, or of those of a month together."""
    named = {"opening": "carried_in", "payout": "paid_out", "carried": "carried_on"}
    return {named.get(name, name): getattr(totals, name).minor for name in statements.FIGURES}


def _shown(one: Batch) -> dict[str, Any]:
    return {
        "object": "settlement",
        "id": ids.text("batch", one.id),
        "state": one.state,
        "pay_on": one.pay_on,
        "amount": one.pays.minor,
        "amount_withheld": (one.totals.payout - one.pays).minor,
        "currency": one.totals.net.currency,
        "line_count": one.line_count,
        "figures": figures(one.totals),
        "payout": ids.text("payout", one.payout_id) if one.payout_id else None,
        "reason": one.reason or None,
        "created_at": one.built_at.astimezone(UTC),
    }


_ONE: Final = "/v1/settlements/{batch_id}"

ROUTES: Final = (
    gets(
        "/v1/settlements",
        "settlement.read",
        listed,
        SettlementList,
        "List settlements, newest first",
        LISTING.parameters,
        expands=("data.payout",),
    ),
    gets(_ONE, "settlement.read", show, SettlementShown, "Show a settlement", expands=("payout",)),
    gets(
        f"{_ONE}/files/{{form}}",
        "settlement.read",
        file,
        None,
        "Download the statement of a settlement",
        (LANGUAGE,),
        named=(FORM,),
        files=downloads.KINDS,
    ),
)
