"""Webhook endpoints: where events are sent, what with they are signed, and the log of what was sent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Annotated, Any, Final, Literal, cast
from uuid import UUID

from django.conf import settings
from pydantic import AwareDatetime, BaseModel, Field

from yuefu import ids
from yuefu.access.rules import versions
from yuefu.api import listing
from yuefu.api.bodies import Body, Metadata, Nothing, Text
from yuefu.api.calls import Call
from yuefu.api.events import key_of
from yuefu.api.listing import Listing, Page, an_id, one_of
from yuefu.api.problems import Fault, Problem
from yuefu.api.route import Route
from yuefu.notices.commands.webhooks import (
    ChangeEndpoint,
    Created,
    CreateEndpoint,
    DeleteEndpoint,
    Replay,
    Rolled,
    RollSecret,
    Tested,
    TestEvent,
)
from yuefu.notices.gateways.webhooks import name_fault
from yuefu.notices.queries import webhooks
from yuefu.notices.rules.webhooks import endpoints as rules
from yuefu.notices.rules.webhooks.events import TEST
from yuefu.notices.rules.webhooks.targets import LONGEST_URL, Target, Where, networks_of, target_of
from yuefu.runtime.paging import Span

Url = Annotated[Text, Field(min_length=1, max_length=LONGEST_URL, examples=["https://shop.example.com/yuefu"])]
Pattern = Annotated[str, Field(max_length=64, pattern=r"^(\*|[a-z_]+(\.[a-z_]+)*(\.\*)?)$")]
Types = Annotated[list[Pattern], Field(min_length=1, max_length=rules.MOST_TYPES, examples=[["payment.*"]])]
Description = Annotated[Text, Field(max_length=rules.LONGEST_DESCRIPTION)]
Email = Annotated[Text, Field(max_length=254, description="Whom we write to when nothing reaches the endpoint for a day.")]
Version = Literal[versions.VERSIONS]  # type: ignore[valid-type]
Payload = Literal[rules.PAYLOADS]  # type: ignore[valid-type]


class NewEndpoint(Body):
    """Where events go. `enabled_events` are types and patterns: `payment.captured`, `payment.*`, `*`. Without a version it is that of the key."""

    url: Url
    enabled_events: Types
    description: Description = ""
    api_version: Version | None = None
    payload: Payload = "full"
    metadata: Metadata = Field(default_factory=dict)
    alert_email: Email | None = None


class EndpointChange(Body):
    """What is to be different; what is left out stays as it is. An `alert_email` of "" takes the address away; of metadata the names that are
    given an empty text are dropped.
    """

    url: Url | None = None
    enabled_events: Types | None = None
    description: Description | None = None
    api_version: Version | None = None
    payload: Payload | None = None
    metadata: Metadata | None = None
    alert_email: Email | None = None
    disabled: bool | None = None


class NewRoll(Body):
    """For how many hours the old secret goes on signing beside the new one."""

    overlap_hours: Annotated[int, Field(ge=0, le=rules.MOST_OVERLAP_H)] = 24


class NewReplay(Body):
    """Events made from a moment on and before another one; of `types`, or of what the endpoint asks for."""

    created_from: Annotated[AwareDatetime, Field(strict=False, examples=["2026-09-01T00:00:00+08:00"])]
    created_before: Annotated[AwareDatetime, Field(strict=False, examples=["2026-09-02T00:00:00+08:00"])]
    types: Types | None = None
    only_failed: bool = False


class EndpointShown(BaseModel):
    """An endpoint as it is. Its secret is shown once, when it is made."""

    object: Literal["webhook_endpoint"]
    id: str
    url: str
    description: str
    enabled_events: list[str]
    api_version: str
    payload: str
    metadata: dict[str, str]
    status: str
    disabled_reason: str | None
    failing_since: datetime | None
    public_key: str
    created_at: datetime


class EndpointMade(BaseModel):
    """An endpoint as it was made, with its secret."""

    object: Literal["webhook_endpoint"]
    id: str
    url: str
    description: str
    enabled_events: list[str]
    api_version: str
    payload: str
    metadata: dict[str, str]
    status: Literal["enabled"]
    secret: str
    public_key: str
    created_at: datetime


class EndpointList(Page[EndpointShown]):
    """A page of endpoints, newest first."""


class EndpointChanged(BaseModel):
    """What was asked to be different; the endpoint as it is now is shown by its address."""

    object: Literal["webhook_endpoint_change"]
    id: str
    changed: list[str]


class EndpointDeleted(BaseModel):
    object: Literal["webhook_endpoint"]
    id: str
    deleted: Literal[True]


class SecretMade(BaseModel):
    object: Literal["webhook_secret"]
    webhook_endpoint: str
    secret: str
    public_key: str
    created_at: datetime
    previous_expires_at: datetime


class TestMade(BaseModel):
    """The event that comes."""

    __test__ = False

    object: Literal["webhook_test"]
    webhook_endpoint: str
    event: str
    type: str


class ReplayMade(BaseModel):
    """What will be sent again; the log of deliveries tells of each."""

    object: Literal["webhook_replay"]
    webhook_endpoint: str
    created_from: datetime
    created_before: datetime
    types: list[str] | None
    only_failed: bool


class TryShown(BaseModel):
    """One try: what came back, with the beginning of the body, or why nothing did."""

    no: int
    began_at: datetime
    took_ms: int
    outcome: str
    status: int | None
    code: str | None
    answer: str


class DeliveryShown(BaseModel):
    object: Literal["delivery"]
    id: str
    event: str
    type: str
    status: str
    next_try_at: datetime | None
    created_at: datetime
    ended_at: datetime | None
    tries: list[TryShown]


class DeliveryList(Page[DeliveryShown]):
    """A page of deliveries, newest first."""


LISTING: Final = Listing(
    "webhook_endpoint", "/v1/webhook_endpoints", (one_of("state", ("enabled", "disabled"), "Only those that are so."),)
)
DELIVERIES: Final = Listing(
    "delivery",
    "/v1/webhook_endpoints/{webhook_endpoint_id}/deliveries",
    (one_of("state", rules.DELIVERY_STATES, "Only those in this state."), an_id("event_id", "event", "Only those of this event.")),
)


async def create(call: Call) -> dict[str, Any]:
    """POST /v1/webhook_endpoints"""
    body, where = cast("NewEndpoint", call.body), _where(call)
    await _look_up(body.url, where)
    request = CreateEndpoint(
        key=key_of(call),
        merchant_id=call.merchant_id,
        url=body.url,
        enabled_events=tuple(body.enabled_events),
        description=body.description,
        api_version=body.api_version or call.version,
        payload=body.payload,
        metadata=tuple(sorted(body.metadata.items())),
        alert_email=body.alert_email or None,
        where=where,
        by=call.by,
    )
    made: Created = await call.ask("webhook", request)
    return {
        "object": "webhook_endpoint",
        "id": ids.text("webhook_endpoint", made.id),
        "url": body.url,
        "description": body.description,
        "enabled_events": list(body.enabled_events),
        "api_version": request.api_version,
        "payload": body.payload,
        "metadata": dict(body.metadata),
        "status": "enabled",
        "secret": made.secret.secret,
        "public_key": made.secret.public,
        "created_at": made.created_at.astimezone(UTC),
    }


def _where(call: Call) -> Where:
    return Where(is_live=call.holder.book.mode == "live", networks=networks_of(settings.YUEFU_WEBHOOK_NETWORKS))


async def _look_up(url: str, where: Where) -> None:
    """A name that stands for private addresses alone is refused at once; else it is judged at each delivery."""
    target = target_of(url)
    if isinstance(target, Target) and target.literal is None and await name_fault(target.host, where):
        told = f"{target.host} stands for no address of the public network"
        raise Problem("url_address_not_allowed", f"{told}.", faults=[Fault(told, pointer="#/url")])


async def listed(call: Call) -> dict[str, Any]:
    """GET /v1/webhook_endpoints"""
    merchant_id = call.merchant_id

    def found(where: Mapping[str, Any], span: Span) -> list[dict[str, Any]] | None:
        page = webhooks.endpoints_page(merchant_id=merchant_id, where=where, span=span)
        return None if page is None else [_shown(endpoint) for endpoint in page]

    return await listing.page(call, LISTING, found)


async def show(call: Call) -> dict[str, Any]:
    """GET /v1/webhook_endpoints/{webhook_endpoint_id}"""
    call.query_of()
    return _shown(await _mine(call))


async def _mine(call: Call) -> rules.Endpoint:
    named = call.object_id("webhook_endpoint")
    found = await call.look(lambda: webhooks.endpoints([named]))
    if named not in found or found[named].state == "deleted":
        raise Problem("unknown_webhook_endpoint")
    return found[named]


async def change(call: Call) -> dict[str, Any]:
    """POST /v1/webhook_endpoints/{webhook_endpoint_id}"""
    body, where = cast("EndpointChange", call.body), _where(call)
    if body.url is not None:
        await _look_up(body.url, where)
    request = ChangeEndpoint(
        key=key_of(call),
        merchant_id=call.merchant_id,
        endpoint_id=call.object_id("webhook_endpoint"),
        where=where,
        url=body.url,
        enabled_events=None if body.enabled_events is None else tuple(body.enabled_events),
        description=body.description,
        payload=body.payload,
        api_version=body.api_version,
        metadata=None if body.metadata is None else tuple(sorted(body.metadata.items())),
        alert_email=body.alert_email,
        disabled=body.disabled,
        by=call.by,
    )
    await call.ask("webhook", request)
    return {
        "object": "webhook_endpoint_change",
        "id": ids.text("webhook_endpoint", request.endpoint_id),
        "changed": sorted(request.members),
    }


async def delete(call: Call) -> dict[str, Any]:
    """DELETE /v1/webhook_endpoints/{webhook_endpoint_id}"""
    named = call.object_id("webhook_endpoint")
    await call.ask("webhook", DeleteEndpoint(call.merchant_id, named, by=call.by))
    return {"object": "webhook_endpoint", "id": ids.text("webhook_endpoint", named), "deleted": True}


async def roll(call: Call) -> dict[str, Any]:
    """POST /v1/webhook_endpoints/{webhook_endpoint_id}/roll"""
    body, named = cast("NewRoll", call.body), call.object_id("webhook_endpoint")
    done: Rolled = await call.ask("webhook", RollSecret(key_of(call), call.merchant_id, named, body.overlap_hours, by=call.by))
    return {
        "object": "webhook_secret",
        "webhook_endpoint": ids.text("webhook_endpoint", named),
        "secret": done.secret.secret,
        "public_key": done.secret.public,
        "created_at": done.created_at.astimezone(UTC),
        "previous_expires_at": done.before_until.astimezone(UTC),
    }


async def test(call: Call) -> dict[str, Any]:
    """POST /v1/webhook_endpoints/{webhook_endpoint_id}/test"""
    named = call.object_id("webhook_endpoint")
    done: Tested = await call.ask("webhook", TestEvent(key_of(call), call.merchant_id, named, by=call.by))
    return {
        "object": "webhook_test",
        "webhook_endpoint": ids.text("webhook_endpoint", named),
        "event": ids.text("event", done.event_id),
        "type": TEST,
    }


async def replay(call: Call) -> dict[str, Any]:
    """POST /v1/webhook_endpoints/{webhook_endpoint_id}/replay"""
    body, named = cast("NewReplay", call.body), call.object_id("webhook_endpoint")
    begins, ends = body.created_from.astimezone(UTC), body.created_before.astimezone(UTC)
    request = Replay(key_of(call), call.merchant_id, named, begins, ends, tuple(body.types or ()), body.only_failed, by=call.by)
    await call.ask("webhook", request)
    return {
        "object": "webhook_replay",
        "webhook_endpoint": ids.text("webhook_endpoint", named),
        "created_from": begins,
        "created_before": ends,
        "types": body.types,
        "only_failed": body.only_failed,
    }


async def deliveries(call: Call) -> dict[str, Any]:
    """GET /v1/webhook_endpoints/{webhook_endpoint_id}/deliveries"""
    named: UUID = (await _mine(call)).id

    def found(where: Mapping[str, Any], span: Span) -> list[dict[str, Any]] | None:
        page = webhooks.deliveries(endpoint_id=named, where=where, span=span)
        if page is None:
            return None
        tries = webhooks.tries([one.id for one in page])
        return [_delivery(one, tries[one.id]) for one in page]

    url = DELIVERIES.url.format(webhook_endpoint_id=ids.text("webhook_endpoint", named))
    return await listing.page(call, replace(DELIVERIES, url=url), found)


def _shown(endpoint: rules.Endpoint) -> dict[str, Any]:
    return {
        "object": "webhook_endpoint",
        "id": ids.text("webhook_endpoint", endpoint.id),
        "url": endpoint.url,
        "description": endpoint.description,
        "enabled_events": list(endpoint.enabled_events),
        "api_version": endpoint.api_version,
        "payload": endpoint.payload,
        "metadata": dict(endpoint.metadata),
        "status": endpoint.state,
        "disabled_reason": endpoint.reason or None,
        "failing_since": endpoint.failing_since,
        "public_key": endpoint.public_key,
        "created_at": endpoint.created_at.astimezone(UTC),
    }


def _delivery(one: webhooks.Delivery, tries: list[webhooks.Try]) -> dict[str, Any]:
    return {
        "object": "delivery",
        "id": ids.text("delivery", one.id),
        "event": ids.text("event", one.event_id),
        "type": one.event_type,
        "status": one.state,
        "next_try_at": one.due_at if one.state == "waiting" else None,
        "created_at": one.created_at,
        "ended_at": one.ended_at,
        "tries": [
            {
                "no": each.no,
                "began_at": each.began_at,
                "took_ms": each.took_ms,
                "outcome": each.outcome,
                "status": each.status,
                "code": each.code or None,
                "answer": each.answer,
            }
            for each in tries
        ],
    }


_ENDPOINTS: Final = "/v1/webhook_endpoints"
_ENDPOINT: Final = f"{_ENDPOINTS}/{{webhook_endpoint_id}}"
_SCOPE: Final = "webhook.change"

ROUTES: Final = (
    Route("POST", _ENDPOINTS, _SCOPE, create, NewEndpoint, EndpointMade, 201, False, "Make a webhook endpoint; its secret is shown this once"),
    Route("GET", _ENDPOINTS, _SCOPE, listed, None, EndpointList, 200, False, "List webhook endpoints, newest first", LISTING.parameters),
    Route("GET", _ENDPOINT, _SCOPE, show, None, EndpointShown, 200, False, "Show a webhook endpoint"),
    Route("POST", _ENDPOINT, _SCOPE, change, EndpointChange, EndpointChanged, 200, False, "Change a webhook endpoint, disable or enable it"),
    Route("DELETE", _ENDPOINT, _SCOPE, delete, None, EndpointDeleted, 200, False, "Delete a webhook endpoint"),
    Route("POST", f"{_ENDPOINT}/roll", _SCOPE, roll, NewRoll, SecretMade, 201, False, "Make a new secret; the old one goes on for a while"),
    Route("POST", f"{_ENDPOINT}/test", _SCOPE, test, Nothing, TestMade, 202, False, "Send a test event: {}"),
    Route("POST", f"{_ENDPOINT}/replay", _SCOPE, replay, NewReplay, ReplayMade, 202, False, "Send the events of a range again"),
    Route("GET", f"{_ENDPOINT}/deliveries", _SCOPE, deliveries, None, DeliveryList, 200, False, "List deliveries with their tries", DELIVERIES.parameters),
)  # fmt: skip
