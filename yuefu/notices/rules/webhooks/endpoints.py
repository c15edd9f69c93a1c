"""Endpoints of merchants: what one is, and what it asks for. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal, get_args
from uuid import UUID

from yuefu.errors import Refused
from yuefu.merchants.rules import metadata
from yuefu.notices.rules.addresses import email_form
from yuefu.notices.rules.webhooks.events import TEST, TYPES

State = Literal["enabled", "disabled", "deleted"]
STATES: Final[tuple[State, ...]] = get_args(State)
Payload = Literal["full", "thin"]
PAYLOADS: Final[tuple[Payload, ...]] = get_args(Payload)
Reason = Literal["", "asked", "gone", "failing"]
REASONS: Final[tuple[Reason, ...]] = get_args(Reason)
"""Why one is disabled: its merchant asked for it, it answered 410, or nothing reached it for days."""

DeliveryState = Literal["waiting", "delivered", "failed", "cancelled"]
DELIVERY_STATES: Final[tuple[DeliveryState, ...]] = get_args(DeliveryState)

UNKNOWN_ENDPOINT: Final = "unknown_webhook_endpoint"
UNKNOWN_EVENT: Final = "unknown_event_id"
TOO_MANY_ENDPOINTS: Final = "too_many_webhook_endpoints"
UNKNOWN_EVENT_TYPE: Final = "unknown_event_type"
EMAIL_INVALID: Final = "email_invalid"
METADATA_INVALID: Final = "metadata_invalid"
NOT_ENABLED: Final = "webhook_endpoint_not_enabled"
NOTHING_CHANGED: Final = "nothing_to_change"

MOST_ENDPOINTS: Final = 16
"""Of a merchant, those that are deleted left out."""
MOST_TYPES: Final = 64
LONGEST_DESCRIPTION: Final = 200
MOST_OVERLAP_H: Final = 24 * 7
LARGEST_PAYLOAD: Final = 20_000
"""A full payload that would be larger goes as a thin one."""

_PATTERN = re.compile(r"\*|[a-z_]+(\.[a-z_]+)*(\.\*)?")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An endpoint as it stands. `strikes` counts how often it throttled in a row; `failing_since` is when what fails began to."""

    id: UUID
    book_id: UUID
    merchant_id: UUID
    url: str
    description: str
    enabled_events: tuple[str, ...]
    api_version: str
    payload: Payload
    metadata: Mapping[str, str]
    public_key: str
    state: State
    reason: Reason
    created_at: datetime
    strikes: int
    rest_until: datetime | None
    failing_since: datetime | None
    has_email: bool
    revision: int


def wants(patterns: Sequence[str], kind: str) -> bool:
    """Whether a type is one of those asked for: by its name, by `payment.*` with all below it, or by `*`."""
    return any(one in ("*", kind) or (one.endswith(".*") and kind.startswith(one[:-1])) for one in patterns)


def types_fault(patterns: Sequence[str]) -> Refused | None:
    """Why these ask for nothing that there is."""
    for one in patterns:
        if not _PATTERN.fullmatch(one) or not any(wants([one], kind) for kind in TYPES - {TEST}):
            return Refused(UNKNOWN_EVENT_TYPE, f"{one[:60]!r} asks for no event that there is; see docs/webhooks.md", "enabled_events")
    if not 1 <= len(patterns) <= MOST_TYPES:
        return Refused(UNKNOWN_EVENT_TYPE, f"1 to {MOST_TYPES} types or patterns", "enabled_events")
    return None


def email_fault(email: str | None) -> Refused | None:
    if email and email_form(email) is None:
        return Refused(EMAIL_INVALID, "this is no e-mail address", "alert_email")
    return None


def metadata_fault(members: Mapping[str, str]) -> Refused | None:
    """Why metadata is not kept: a small map of printable texts."""
    sound = all(
        1 <= len(name) <= metadata.LONGEST_NAME and name.isprintable() and len(text) <= metadata.LONGEST_TEXT and text.isprintable()
        for name, text in members.items()
    )
    if sound and len(members) <= metadata.MOST:
        return None
    most = f"{metadata.MOST} entries, names of {metadata.LONGEST_NAME} and texts of {metadata.LONGEST_TEXT} printable characters at most"
    return Refused(METADATA_INVALID, most, "metadata")
