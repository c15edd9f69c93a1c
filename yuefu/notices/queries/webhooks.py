"""Reads of webhooks: events as merchants are told them, endpoints, deliveries and their tries."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from yuefu.notices.rules.webhooks.endpoints import DeliveryState, Endpoint
from yuefu.notices.rules.webhooks.events import PublicEvent
from yuefu.notices.rules.webhooks.signing import Secret
from yuefu.runtime import paging, sql
from yuefu.runtime.paging import Span
from yuefu.runtime.vault import Vault

ENDPOINT: Final = "notices_endpoint"
SECRET: Final = "notices_endpoint_secret"  # noqa: S105 - the name of a table


@dataclass(frozen=True, slots=True)
class Generation:
    """What an endpoint's messages are signed with, of one generation. `before_until` is until when the one before goes on, where there is one."""

    id: UUID
    endpoint_id: UUID
    no: int
    created_at: datetime
    before_until: datetime | None
    secret: Secret = field(repr=False)


@dataclass(frozen=True, slots=True)
class Delivery:
    """A delivery as it stands."""

    id: UUID
    endpoint_id: UUID
    event_id: UUID
    event_type: str
    state: DeliveryState
    due_at: datetime
    tries: int
    last_status: int | None
    last_code: str
    created_at: datetime
    ended_at: datetime | None


@dataclass(frozen=True, slots=True)
class Try:
    """What became of one try of a delivery."""

    delivery_id: UUID
    no: int
    began_at: datetime
    took_ms: int
    outcome: str
    status: int | None
    code: str
    answer: str


_EVENT: Final = "id, type, object_kind, object_id, snapshot, changed, created_at, request_id, key"
_ENDPOINT: Final = (
    "id, book_id, merchant_id, url, description, enabled_events, api_version, payload, metadata, public_key, state, reason, created_at, strikes,"
    " rest_until, failing_since, email_sealed IS NOT NULL, revision"
)


def events(event_ids: Sequence[UUID]) -> dict[UUID, PublicEvent]:
    """Events by their ids, as far as whoever reads may see them."""
    found = sql.rows_as(PublicEvent, f"SELECT {_EVENT} FROM notices_event WHERE id = ANY(%s)", [list(event_ids)])
    return {event.id: event for event in found}


_CONDITIONS: Final[Mapping[str, str]] = {
    "type": "type = %(type)s",
    "object_id": "object_id = %(object_id)s",
    "created_from": "created_at >= %(created_from)s",
    "created_before": "created_at < %(created_before)s",
}


def page(*, merchant_id: UUID, where: Mapping[str, Any], span: Span) -> list[PublicEvent] | None:
    """Events of a merchant in the order of their commits, the newest first; `where` narrows by type, object_id, created_from and created_before.
    None where the span begins at none of the merchant's. Raises KeyError for another filter.
    """
    given = span.older_than or span.newer_than
    found = sql.rows("SELECT position FROM notices_event WHERE id = %s AND merchant_id = %s", [given, merchant_id]) if given else []
    if given and not found:
        return None
    up = span.newer_than is not None
    beyond = [f"position {'>' if up else '<'} %(at)s"] if given else []
    tests = ["merchant_id = %(merchant)s", *(_CONDITIONS[name] for name in where), *beyond]
    rows = sql.rows_as(
        PublicEvent,
        f"SELECT {_EVENT} FROM notices_event WHERE {' AND '.join(tests)} ORDER BY position {'ASC' if up else 'DESC'} LIMIT %(limit)s",
        {**where, "merchant": merchant_id, "at": found[0][0] if found else None, "limit": span.limit},
    )
    return rows[::-1] if up else rows


def in_range(
    *, merchant_id: UUID, created_from: datetime, created_before: datetime, endpoint_id: UUID, only_failed: bool, limit: int
) -> list[tuple[UUID, str]]:
    """Events of a merchant by id and type, oldest first; with `only_failed` those that were to reach an endpoint and did not."""
    failed = (
        " AND EXISTS (SELECT 1 FROM notices_delivery AS d WHERE d.endpoint_id = %(endpoint)s AND d.event_id = e.id"
        " AND d.state IN ('failed', 'cancelled'))"
    )
    found = sql.rows(
        "SELECT e.id, e.type FROM notices_event AS e WHERE e.merchant_id = %(merchant)s AND e.created_at >= %(from)s AND e.created_at < %(before)s"
        f" AND e.for_endpoint_id IS NULL{failed if only_failed else ''} ORDER BY e.position LIMIT %(limit)s",
        {"merchant": merchant_id, "from": created_from, "before": created_before, "endpoint": endpoint_id, "limit": limit},
    )
    return [(event_id, kind) for event_id, kind in found]


def endpoints(endpoint_ids: Collection[UUID], *, lock: bool = False) -> dict[UUID, Endpoint]:
    """Endpoints by their ids, also deleted ones, with `lock` held in ascending order until the transaction ends."""
    locking = " FOR NO KEY UPDATE" if lock else ""
    return _endpoints(f"SELECT {_ENDPOINT} FROM notices_endpoint WHERE id = ANY(%s) ORDER BY id{locking}", [list(endpoint_ids)])


def enabled(merchant_ids: Collection[UUID]) -> list[Endpoint]:
    """The endpoints of merchants that are told what happens."""
    found = _endpoints(
        f"SELECT {_ENDPOINT} FROM notices_endpoint WHERE merchant_id = ANY(%s) AND state = 'enabled' ORDER BY id", [list(merchant_ids)]
    )
    return list(found.values())


def endpoints_page(*, merchant_id: UUID, where: Mapping[str, Any], span: Span) -> list[Endpoint] | None:
    """The endpoints of a merchant, the newest first, without those that are deleted; `where` narrows by state."""
    return paging.page(
        _endpoint,
        columns=_ENDPOINT,
        table="(SELECT * FROM notices_endpoint WHERE state <> 'deleted') AS e",
        owner={"merchant_id": merchant_id},
        conditions={"state": "state = %(state)s"},
        where=where,
        span=span,
    )


def failing(*, book_id: UUID, since: datetime) -> list[Endpoint]:
    """Enabled endpoints of a book that nothing has reached since a moment or longer."""
    found = _endpoints(
        f"SELECT {_ENDPOINT} FROM notices_endpoint WHERE book_id = %s AND state = 'enabled' AND failing_since <= %s ORDER BY id",
        [book_id, since],
    )
    return list(found.values())


def _endpoints(query: str, params: list[Any]) -> dict[UUID, Endpoint]:
    return {one.id: one for one in sql.rows_as(_endpoint, query, params)}


def _endpoint(*row: Any) -> Endpoint:
    return Endpoint(*[*row[:5], tuple(row[5]), *row[6:]])


def email_of(endpoint_id: UUID, *, vault: Vault) -> str | None:
    """Where the people of an endpoint are written to."""
    sealed = sql.value("SELECT email_sealed FROM notices_endpoint WHERE id = %s", [endpoint_id])
    return None if sealed is None else vault.open(sealed, table=ENDPOINT, column="email", row=endpoint_id)


def in_force(endpoint_ids: Collection[UUID], *, now: datetime, vault: Vault) -> dict[UUID, list[Secret]]:
    """What the messages of each endpoint are signed with now, the newest first."""
    by_endpoint: dict[UUID, list[Secret]] = defaultdict(list)
    where = "endpoint_id = ANY(%s) AND (expires_at IS NULL OR expires_at > %s) ORDER BY endpoint_id, no DESC"
    for one in _generations(where, [list(endpoint_ids), now], vault):
        by_endpoint[one.endpoint_id].append(one.secret)
    return dict(by_endpoint)


def generations(secret_ids: Sequence[UUID], *, vault: Vault) -> dict[UUID, Generation]:
    """Generations by their ids."""
    return {one.id: one for one in _generations("id = ANY(%s)", [list(secret_ids)], vault)}


def first_generations(endpoint_ids: Sequence[UUID], *, vault: Vault) -> dict[UUID, Generation]:
    """What each endpoint was made with."""
    return {one.endpoint_id: one for one in _generations("endpoint_id = ANY(%s) AND no = 1", [list(endpoint_ids)], vault)}


def _generations(where: str, params: list[Any], vault: Vault) -> list[Generation]:
    found = sql.rows(
        f"SELECT id, endpoint_id, no, created_at, before_until, secret_sealed, private_sealed FROM notices_endpoint_secret WHERE {where}",
        params,
    )
    return [
        Generation(
            *(i, endpoint_id, no, created_at, before_until),
            Secret(
                vault.open(secret, table=SECRET, column="secret", row=i),
                vault.open(private, table=SECRET, column="private", row=i),
            ),
        )
        for i, endpoint_id, no, created_at, before_until, secret, private in found
    ]


def deliveries(*, endpoint_id: UUID, where: Mapping[str, Any], span: Span) -> list[Delivery] | None:
    """Deliveries to an endpoint, the newest first; `where` narrows by state and event_id."""
    return paging.page(
        Delivery,
        columns="d.id, d.endpoint_id, d.event_id, e.type, d.state, d.due_at, d.tries, d.last_status, d.last_code, d.created_at, d.ended_at",
        table="notices_delivery AS d JOIN notices_event AS e ON e.id = d.event_id",
        owner={"d.endpoint_id": endpoint_id},
        conditions={"state": "d.state = %(state)s", "event_id": "d.event_id = %(event_id)s"},
        where=where,
        span=span,
        key="d.id",
    )


def tries(delivery_ids: Sequence[UUID]) -> dict[UUID, list[Try]]:
    """The tries of deliveries, in their order."""
    found = sql.rows_as(
        Try,
        "SELECT delivery_id, no, began_at, took_ms, outcome, status, code, answer FROM notices_delivery_try WHERE delivery_id = ANY(%s)"
        " ORDER BY delivery_id, no",
        [list(delivery_ids)],
    )
    by_delivery: dict[UUID, list[Try]] = {delivery_id: [] for delivery_id in delivery_ids}
    for one in found:
        by_delivery[one.delivery_id].append(one)
    return by_delivery


def last_said(endpoint_ids: Sequence[UUID]) -> dict[UUID, str]:
    """What each endpoint said to the newest of what was tried: a status, or a code where it said nothing."""
    found = sql.rows(
        "SELECT g.id, coalesce(d.last_status::text, d.last_code) FROM unnest(%s::uuid[]) AS g (id) CROSS JOIN LATERAL"
        " (SELECT last_status, last_code FROM notices_delivery WHERE endpoint_id = g.id AND tries > 0 ORDER BY id DESC LIMIT 1) AS d",
        [list(endpoint_ids)],
    )
    return dict(found)


def next_due(*, now: datetime) -> datetime | None:
    """When the next delivery to an enabled endpoint is due after now, as far as that is known."""
    found: datetime | None = sql.value(
        "SELECT min(d.due_at) FROM notices_endpoint AS e CROSS JOIN LATERAL (SELECT due_at FROM notices_delivery"
        " WHERE endpoint_id = e.id AND state = 'waiting' AND due_at > %s ORDER BY due_at LIMIT 1) AS d WHERE e.state = 'enabled'",
        [now],
    )
    return found
