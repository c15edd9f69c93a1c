"""Events of the outbox become events of merchants, in commit order: the reader beside the metrics, with a cursor of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from yuefu.ids import IdSource
from yuefu.notices.commands import webhooks as notices
from yuefu.notices.commands.webhooks import NewEvent
from yuefu.notices.rules.webhooks.events import TEST, kept_of, may_be_told, public_types
from yuefu.orders import queries as orders
from yuefu.runtime import outbox, sql
from yuefu.runtime.logs import logger
from yuefu.runtime.outbox import Stored

READER: Final = "merchants"
BATCH: Final = 1_000

log = logger(__name__)


def tell(*, now: datetime, ids: IdSource) -> int:
    """Takes the next batch of committed events and keeps those that are a merchant's business, with their deliveries, in the transaction that
    moves the cursor: each once. Returns how many were taken; 0 when all are handed out.
    """
    with sql.transacting():
        taken = outbox.take(reader=READER, limit=BATCH, now=now)
        wanted = [event for event in taken if may_be_told(event.type)]
        owners = _owners(wanted)
        events = [new for event in wanted if (new := _told(event, owners)) is not None]
        deliveries = notices.tell(events=events, now=now, ids=ids)
    if events:
        log.info("merchants told", taken=len(taken), events=len(events), deliveries=deliveries)
    return len(taken)


def _owners(events: Sequence[Stored]) -> Mapping[UUID, UUID]:
    """The merchants of orders, for events that name an order and no merchant."""
    named = {UUID(i) for e in events if not e.snapshot.get("merchant_id") and isinstance(i := e.snapshot.get("order_id"), str)}
    return orders.merchants_of(sorted(named)) if named else {}


def _told(event: Stored, owners: Mapping[UUID, UUID]) -> NewEvent | None:
    """An event as its merchant is told it. One that cannot be read holds up no other: it is in the log."""
    try:
        snapshot = event.snapshot
        types = public_types(event.type, event.object_kind, snapshot, event.changed)
        given, order = snapshot.get("merchant_id"), snapshot.get("order_id")
        merchant = UUID(given) if given else owners.get(UUID(order)) if order else None
        if not types or merchant is None:
            return None
        asked = event.request_id.startswith("req_")  # over the API; what a person or the platform did is nobody's request
        return NewEvent(
            source_id=event.id,
            book_id=event.book_id,
            merchant_id=merchant,
            types=types,
            object_kind=event.object_kind,
            object_id=event.object_id,
            snapshot=kept_of(event.object_kind, snapshot),
            changed=kept_of(event.object_kind, event.changed),
            created_at=event.recorded_at,
            request_id=event.request_id if asked else "",
            key=event.key if asked else "",
            for_endpoint=event.object_id if TEST in types else None,
        )
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        log.exception("event not told", source=str(event.id), type=event.type, error=type(error).__name__)
        return None
