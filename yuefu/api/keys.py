"""API keys: shown, made with less than the key that asks may itself, rolled with an overlap, revoked, pinned to another version."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final, Literal, cast
from uuid import UUID

from pydantic import BaseModel, Field, field_validator

from yuefu import ids
from yuefu.access import queries as access
from yuefu.access.rules import KEY_SCOPES, LONGEST_OVERLAP, MOST_NETWORKS, ApiKey, network_form, versions
from yuefu.api import expanding, listing
from yuefu.api.bodies import Body, Nothing
from yuefu.api.calls import Call
from yuefu.api.listing import Listing, Page
from yuefu.api.route import Route
from yuefu.journeys.api_keys import Changing, Kept, Making, Revoking, Rolling
from yuefu.runtime.paging import Span

_LONGEST_OVERLAP_H: Final = int(LONGEST_OVERLAP / timedelta(hours=1))
_LONGEST_LIFE: Final = timedelta(days=3_660)

Version = Literal[versions.VERSIONS]  # type: ignore[valid-type]
Networks = Annotated[
    list[
        Annotated[str, Field(max_length=50, json_schema_extra={"pattern": r"^([0-9]{1,2}\.){3}[0-9]{1,2}$"}, examples=["203.0.113.0/24"])]
    ],
    Field(max_length=MOST_NETWORKS, description="Networks, or single addresses, that the key may be used from; [] is everywhere."),
]


class _WithNetworks(Body):
    @field_validator("networks", check_fields=False)
    @classmethod
    def _each_is_one(cls, networks: list[str] | None) -> list[str] | None:
        if any(network_form(text) is None for text in networks or ()):
            raise ValueError("each is a network such as 203.0.113.0/24, without bits beyond its length, or an address")
        return networks


class NewKey(_WithNetworks):
    """A restricted key: some of the scopes that the key which asks has itself."""

    scopes: Annotated[list[Literal[tuple(sorted(KEY_SCOPES))]], Field(min_length=1, max_length=len(KEY_SCOPES))]  # type: ignore[valid-type]
    expires_in_days: Annotated[int, Field(ge=1, le=_LONGEST_LIFE.days)] | None = None
    networks: Networks = Field(default_factory=list)
    api_version: Version = versions.CURRENT


class KeyChange(_WithNetworks):
    """What is changed of a key; what is left out stays."""

    api_version: Version | None = None
    networks: Networks | None = None


class KeyRoll(Body):
    """A new secret for what the key is for. The old one goes on working for the overlap."""

    overlap_hours: Annotated[int, Field(ge=0, le=_LONGEST_OVERLAP_H)] = 24


class KeyShown(BaseModel):
    """A key without its secret, of which `shown` is the beginning and the end."""

    object: Literal["api_key"]
    id: str
    kind: Literal["secret", "restricted", "publishable"]
    shown: str
    scopes: list[str]
    api_version: str
    networks: list[str]
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None


class KeyMade(BaseModel):
    """A key that was made. Its secret is in the first answer only: null where the same request was answered before."""

    object: Literal["api_key"]
    id: str
    secret: str | None


class KeyTouched(BaseModel):
    object: Literal["api_key"]
    id: str


class KeyList(Page[KeyShown]):
    """A page of keys, newest first."""


async def create(call: Call) -> dict[str, Any]:
    """POST /v1/api_keys"""
    body = cast("NewKey", call.body)
    ends = None if body.expires_in_days is None else call.now + timedelta(days=body.expires_in_days)
    request = Making(
        call.once,
        call.merchant_id,
        call.holder.key.id,
        tuple(sorted(set(body.scopes))),
        ends,
        tuple(body.networks),
        body.api_version,
        call.by,
    )
    return _made(await call.ask("key", request))


async def roll(call: Call) -> dict[str, Any]:
    """POST /v1/api_keys/{api_key_id}/roll"""
    overlap = timedelta(hours=cast("KeyRoll", call.body).overlap_hours)
    request = Rolling(call.once, call.merchant_id, call.holder.key.id, call.object_id("api_key"), overlap, call.by)
    return _made(await call.ask("roll_key", request))


async def revoke(call: Call) -> dict[str, Any]:
    """POST /v1/api_keys/{api_key_id}/revoke"""
    request = Revoking(call.once, call.merchant_id, call.holder.key.id, call.object_id("api_key"), call.by)
    done: Kept = await call.ask("revoke_key", request)
    return {"object": "api_key", "id": ids.text("api_key", done.id)}


async def change(call: Call) -> dict[str, Any]:
    """POST /v1/api_keys/{api_key_id}"""
    body = cast("KeyChange", call.body)
    networks = None if body.networks is None else tuple(body.networks)
    request = Changing(call.once, call.merchant_id, call.holder.key.id, call.object_id("api_key"), body.api_version, networks, call.by)
    done: Kept = await call.ask("change_key", request)
    return {"object": "api_key", "id": ids.text("api_key", done.id)}


def _made(done: Kept) -> dict[str, Any]:
    return {"object": "api_key", "id": ids.text("api_key", done.id), "secret": done.secret or None}


async def show(call: Call) -> dict[str, Any]:
    """GET /v1/api_keys/{api_key_id}"""
    return await call.shown("api_key", read)


LISTING: Final = Listing("api_key", "/v1/api_keys")


async def listed(call: Call) -> dict[str, Any]:
    """GET /v1/api_keys"""
    merchant_id = call.merchant_id

    def found(where: Mapping[str, Any], span: Span) -> list[dict[str, Any]] | None:
        page = access.keys_of_merchant(merchant_id=merchant_id, where=where, span=span)
        return None if page is None else [_shown(key) for key in page]

    return await listing.page(call, LISTING, found)


def read(key_ids: Sequence[UUID]) -> dict[UUID, dict[str, Any]]:
    """Keys of the merchant who reads, as they are shown."""
    return {key_id: _shown(key) for key_id, key in access.keys_by_id(key_ids=key_ids).items()}


expanding.register("api_key", read)


def _shown(key: ApiKey) -> dict[str, Any]:
    return {
        "object": "api_key",
        "id": ids.text("api_key", key.id),
        "kind": key.kind,
        "shown": f"{key.prefix}…{key.last_four}",
        "scopes": list(key.scopes),
        "api_version": key.api_version,
        "networks": list(key.networks),
        "created_at": key.created_at.astimezone(UTC),
        "expires_at": _utc(key.expires_at),
        "revoked_at": _utc(key.revoked_at),
        "last_used_at": _utc(key.last_used_at),
    }


def _utc(moment: datetime | None) -> datetime | None:
    return moment.astimezone(UTC) if moment else None


_KEY: Final = "/v1/api_keys/{api_key_id}"
_MANAGE: Final = "api_key.manage"

ROUTES: Final = (
    Route("POST", "/v1/api_keys", _MANAGE, create, NewKey, KeyMade, 201, False, "Make a restricted key"),
    Route("GET", "/v1/api_keys", _MANAGE, listed, None, KeyList, 200, False, "List keys, newest first", LISTING.parameters),
    Route("GET", _KEY, _MANAGE, show, None, KeyShown, 200, False, "Show a key"),
    Route("POST", _KEY, _MANAGE, change, KeyChange, KeyTouched, 200, False, "Change the version or the networks of a key"),
    Route("POST", f"{_KEY}/roll", _MANAGE, roll, KeyRoll, KeyMade, 201, False, "Replace a key, with an overlap"),
    Route("POST", f"{_KEY}/revoke", _MANAGE, revoke, Nothing, KeyTouched, 200, False, "Revoke a key at once"),
)
