"""Merchants: for an agent those for whom it may act, for a merchant itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, Literal
from uuid import UUID

from pydantic import BaseModel

from yuefu import ids
from yuefu.api import listing
from yuefu.api.calls import Call
from yuefu.api.listing import CREATED, Listing, Page, one_of, text_of
from yuefu.api.route import Route
from yuefu.merchants.queries import acting
from yuefu.merchants.queries.acting import Sold
from yuefu.runtime import sql
from yuefu.runtime.paging import Span

STATES: Final = ("active", "suspended", "closed")


class MerchantShown(BaseModel):
    """A merchant. An agent acts for it with the header On-Behalf-Of and its id, in all other routes."""

    object: Literal["merchant"]
    id: str
    code: str
    name_zh: str
    name_en: str
    industry: str
    state: Literal[STATES]  # type: ignore[valid-type]
    created_at: datetime


class MerchantList(Page[MerchantShown]):
    """A page of merchants, newest first."""


LISTING: Final = Listing(
    "merchant",
    "/v1/merchants",
    (
        text_of("code", "Only the one of this code.", longest=40),
        one_of("state", STATES, "Only those in this state."),
        *CREATED,
    ),
)


async def listed(call: Call) -> dict[str, Any]:
    """GET /v1/merchants. As the platform, which knows who acts for whom: the agent is that of the key."""
    whose, for_itself = call.merchant_id, _for_itself(call)

    def found(where: Mapping[str, Any], span: Span) -> list[dict[str, Any]] | None:
        with sql.role():
            if for_itself:
                page = acting.page(agent_id=whose, where=where, span=span)
                return None if page is None else [_shown(one) for one in page]
            themselves = acting.themselves(merchant_id=whose)
        return _filtered(themselves, where, span)

    return await listing.page(call, LISTING, found)


def _filtered(found: Sequence[Sold], where: Mapping[str, Any], span: Span) -> list[dict[str, Any]] | None:
    """The one merchant itself, as the list of one."""
    (one,) = found
    begun = span.older_than or span.newer_than
    if begun is not None:
        return [] if begun == one.id else None
    kept = where.get("code", one.code) == one.code and where.get("state", one.state) == one.state
    timely = ("created_from" not in where or one.created_at >= where["created_from"]) and (
        "created_before" not in where or one.created_at < where["created_before"]
    )
    return [_shown(one)] if kept and timely else []


async def show(call: Call) -> dict[str, Any]:
    """GET /v1/merchants/{merchant_id}"""
    whose, for_itself = call.merchant_id, _for_itself(call)

    def read(named: Sequence[UUID]) -> dict[UUID, dict[str, Any]]:
        with sql.role():
            seen = [one for one in named if (acting.acts_for(agent_id=whose, merchant_id=one) if for_itself else one == whose)]
            return {one: _shown(acting.themselves(merchant_id=one)[0]) for one in seen}

    return await call.shown("merchant", read)


def _for_itself(call: Call) -> bool:
    """Whether an agent asks, for nobody in particular."""
    return call.holder.key.held_by == "agent" and call.holder.through is None


def _shown(merchant: Sold) -> dict[str, Any]:
    return {
        "object": "merchant",
        "id": ids.text("merchant", merchant.id),
        "code": merchant.code,
        "name_zh": merchant.name_zh,
        "name_en": merchant.name_en,
        "industry": merchant.industry,
        "state": merchant.state,
        "created_at": merchant.created_at.astimezone(UTC),
    }


ROUTES: Final = (
    Route("GET", "/v1/merchants", "order.read", listed, None, MerchantList, 200, False, "List merchants, newest first", LISTING.parameters, agents=True),
    Route("GET", "/v1/merchants/{merchant_id}", "order.read", show, None, MerchantShown, 200, False, "Show a merchant", agents=True),
)  # fmt: skip
