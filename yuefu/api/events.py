"""Events: what happened to what is a merchant's business, in the order of the commits, kept for ever and sent again on demand."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, Literal, cast
from uuid import UUID
from zoneinfo import ZoneInfo

from pydantic import BaseModel

from yuefu import ids
from yuefu.api import listing
from yuefu.api.bodies import Body, EndpointId
from yuefu.api.calls import Call
from yuefu.api.listing import CREATED, Filter, Listing, Page, one_of
from yuefu.api.route import Route
from yuefu.notices.commands.webhooks import Resend
from yuefu.notices.queries import webhooks
from yuefu.notices.rules.webhooks import events as rules
from yuefu.runtime.paging import Span


class EventData(BaseModel):
    """The object as it was, and those of its members that were different before, as they were."""

    object: dict[str, Any]
    previous_attributes: dict[str, Any]


class EventRequest(BaseModel):
    """The request that led to the event; empty where none over this API did."""

    id: str | None
    idempotency_key: str | None


class EventShown(BaseModel):
    """Something that happened."""

    id: str
    object: Literal["event"]
    type: str
    api_version: str
    created: datetime
    livemode: bool
    data: EventData
    request: EventRequest


class EventList(Page[EventShown]):
    """A page of events, newest first, in the order of their commits."""


class NewResend(Body):
    """To which endpoint the event goes again, whatever its filter says."""

    webhook_endpoint: EndpointId


class ResendMade(BaseModel):
    object: Literal["resend"]
    event: str
    webhook_endpoint: str


def _any_id(name: str, told: str) -> Filter:
    """Those of one object, whatever its kind."""

    def read(text: str, zone: ZoneInfo) -> UUID:
        del zone
        prefix = text.rpartition("_")[0]
        kind = next((kind for kind, known in ids.PREFIXES.items() if known == prefix), None)
        try:
            if kind is None:
                raise ValueError(text)
            return ids.parse(kind, text)
        except ValueError as error:
            raise ValueError("the id of an object, such as ord_ and 26 characters") from error

    return Filter(name, {"type": "string", "pattern": "^ord_[0-7][0-9a-hjkmnp-tv-z]{25}$"}, told, read)


LISTING: Final = Listing(
    "event",
    "/v1/events",
    (
        one_of("type", sorted(rules.TYPES), "Only those of this type."),
        _any_id("object_id", "Only those of this object: of an order, a loan, a payout and so on."),
        *CREATED,
    ),
)


async def listed(call: Call) -> dict[str, Any]:
    """GET /v1/events"""
    merchant_id = call.merchant_id

    def found(where: Mapping[str, Any], span: Span) -> list[dict[str, Any]] | None:
        page = webhooks.page(merchant_id=merchant_id, where=where, span=span)
        return None if page is None else [_shown(call, event) for event in page]

    return await listing.page(call, LISTING, found)


async def show(call: Call) -> dict[str, Any]:
    """GET /v1/events/{event_id}"""
    return await call.shown("event", lambda named: {i: _shown(call, event) for i, event in webhooks.events(named).items()})


async def resend(call: Call) -> dict[str, Any]:
    """POST /v1/events/{event_id}/resend"""
    body, event_id = cast("NewResend", call.body), call.object_id("event")
    await call.ask("webhook", Resend(key_of(call), call.merchant_id, body.webhook_endpoint, event_id, by=call.by))
    return {
        "object": "resend",
        "event": ids.text("event", event_id),
        "webhook_endpoint": ids.text("webhook_endpoint", body.webhook_endpoint),
    }


def key_of(call: Call) -> str:
    """The key of a request; one that has none is done each time it comes."""
    return call.key or f"each:{call.request_id}"


def _shown(call: Call, event: rules.PublicEvent) -> dict[str, Any]:
    """In the newest form: the answer as a whole is given the form of its version."""
    return rules.told(event, call.version, is_live=call.holder.book.mode == "live")


_EVENT: Final = "/v1/events/{event_id}"

ROUTES: Final = (
    Route("GET", "/v1/events", "event.read", listed, None, EventList, 200, False, "List events, newest first", LISTING.parameters),
    Route("GET", _EVENT, "event.read", show, None, EventShown, 200, False, "Show an event"),
    Route("POST", f"{_EVENT}/resend", "webhook.change", resend, NewResend, ResendMade, 202, False, "Send an event to an endpoint again"),
)
