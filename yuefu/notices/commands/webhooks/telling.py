"""Events kept as merchants are told them, with a delivery for each endpoint that asked for them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from yuefu.ids import IdSource
from yuefu.notices.queries import webhooks as queries
from yuefu.notices.rules.webhooks.endpoints import Endpoint, wants
from yuefu.runtime import sql
from yuefu.runtime.jsontext import dumps

CHANNEL: Final = "yuefu_delivery"
"""What whoever delivers listens to."""

_EVENT: Final = {
    "id": "uuid", "book_id": "uuid", "merchant_id": "uuid", "source_id": "uuid", "type": "text", "object_kind": "text", "object_id": "uuid",
    "snapshot": "json", "changed": "json", "created_at": "timestamptz", "request_id": "text", "key": "text", "for_endpoint_id": "uuid",
}  # fmt: skip
_DELIVERY: Final = {"id": "uuid", "book_id": "uuid", "merchant_id": "uuid", "endpoint_id": "uuid", "event_id": "uuid"}


@dataclass(frozen=True, slots=True)
class NewEvent:
    """An event of the outbox that is a merchant's business, under one public type or more. `for_endpoint` is told it alone."""

    source_id: UUID
    book_id: UUID
    merchant_id: UUID
    types: tuple[str, ...]
    object_kind: str
    object_id: UUID
    snapshot: Mapping[str, Any]
    changed: Mapping[str, Any]
    created_at: datetime
    request_id: str
    key: str
    for_endpoint: UUID | None = None


def tell(*, events: Sequence[NewEvent], now: datetime, ids: IdSource) -> int:
    """Keeps events in the order given, which is that of their commits, and returns how many deliveries follow.

    Called in the transaction that moves the cursor of the outbox: who has that has the order. `now` is the clock of the world, by which
    deliveries go, also for a book with another one. An endpoint is told nothing from before it was made.
    """
    if not events:
        return 0
    named = [(event, kind) for event in events for kind in event.types]
    fresh = iter(ids.many(now, len(named)))
    # The first of an event has its id, by which logs and requests know it.
    given = [(event.source_id if kind == event.types[0] else next(fresh), event, kind) for event, kind in named]
    rows = [
        (
            *(event_id, e.book_id, e.merchant_id, e.source_id, kind, e.object_kind, e.object_id, dumps(e.snapshot), dumps(e.changed)),
            *(e.created_at, e.request_id, e.key, e.for_endpoint),
        )
        for event_id, e, kind in given
    ]
    sql.insert("notices_event", _EVENT, rows, often_same=("book_id", "created_at"))
    by_merchant: dict[UUID, list[Endpoint]] = defaultdict(list)
    for endpoint in queries.enabled({event.merchant_id for event in events}):
        by_merchant[endpoint.merchant_id].append(endpoint)
    wanted = [(event_id, e, to) for event_id, e, kind in given for to in by_merchant[e.merchant_id] if _is_for(to, e, kind)]
    deliver(
        [(e.book_id, e.merchant_id, to.id, event_id) for event_id, e, to in wanted],
        now=now,
        ids=ids,
    )
    return len(wanted)


def _is_for(endpoint: Endpoint, event: NewEvent, kind: str) -> bool:
    if event.for_endpoint is not None:
        return endpoint.id == event.for_endpoint
    return event.created_at >= endpoint.created_at and wants(endpoint.enabled_events, kind)


def deliver(wanted: Sequence[tuple[UUID, UUID, UUID, UUID]], *, now: datetime, ids: IdSource) -> None:
    """Deliveries by (book, merchant, endpoint, event), due now; one that is there already begins a new round, unless it is waiting."""
    if not wanted:
        return
    new = ids.many(now, len(wanted))
    same = {"state": ("text", "waiting"), "due_at": ("timestamptz", now), "created_at": ("timestamptz", now)}
    same |= {"step": ("smallint", 0), "tries": ("integer", 0), "last_code": ("text", "")}
    sql.insert(
        "notices_delivery",
        _DELIVERY,
        [(i, *which) for i, which in zip(new, wanted, strict=True)],
        same=same,
        suffix="ON CONFLICT (endpoint_id, event_id) DO UPDATE SET state = 'waiting', due_at = excluded.due_at, step = 0, ended_at = NULL"
        " WHERE notices_delivery.state <> 'waiting'",
    )
    sql.run("SELECT pg_notify(%s, '')", [CHANNEL])
