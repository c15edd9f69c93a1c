"""What a merchant asks to be sent: a test event, one event again, or all of a range."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from uuid import UUID

from yuefu.errors import Refused
from yuefu.notices.commands.webhooks.endpoints import unknown
from yuefu.notices.commands.webhooks.telling import deliver
from yuefu.notices.queries import webhooks as queries
from yuefu.notices.rules.webhooks.endpoints import NOT_ENABLED, UNKNOWN_EVENT, Endpoint, wants
from yuefu.runtime import audit, keys, outbox, sql
from yuefu.runtime.outbox import Event
from yuefu.runtime.values import Actor, UnitOfWork

MOST_REPLAYED: Final = 10_000
TOO_MANY_EVENTS: Final = "too_many_events"  # a range has more than MOST_REPLAYED events: ask for less at a time


@dataclass(frozen=True, slots=True)
class TestEvent:
    """An event that tells nothing, for one endpoint."""

    __test__ = False  # the name is no test's

    key: str
    merchant_id: UUID
    endpoint_id: UUID
    by: Actor | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Tested:
    """`event_id` names the event that comes."""

    __test__ = False

    event_id: UUID


@dataclass(frozen=True, slots=True)
class Resend:
    """One event again, to one endpoint, whatever its filter says and whether it was delivered or not."""

    key: str
    merchant_id: UUID
    endpoint_id: UUID
    event_id: UUID
    by: Actor | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Resent:
    endpoint_id: UUID


@dataclass(frozen=True, slots=True)
class Replay:
    """The events of a range that an endpoint asks for, again; with `only_failed` those that were to reach it and did not."""

    key: str
    merchant_id: UUID
    endpoint_id: UUID
    created_from: datetime
    created_before: datetime
    types: tuple[str, ...]
    only_failed: bool
    by: Actor | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Replayed:
    endpoint_id: UUID


def test_events(*, work: UnitOfWork, requests: Sequence[TestEvent]) -> list[Tested | Refused]:
    """Tells of tests; each comes to its endpoint as any event does. Refused with unknown_webhook_endpoint, webhook_endpoint_not_enabled, key_reused."""
    locked = queries.endpoints({request.endpoint_id for request in requests}, lock=True)
    new_ids = work.ids.many(work.now, len(requests))

    def decide(fresh: list[int]) -> dict[int, Tested | Refused]:
        asked = [(requests[i].endpoint_id, new_ids[i]) for i in fresh]
        numbers = _told(asked)
        events = [
            Event(
                "webhook_endpoint.tested",
                "webhook_endpoint",
                endpoint_id,
                number,
                {"id": endpoint_id, "merchant_id": locked[endpoint_id].merchant_id, "url": locked[endpoint_id].url},
                cause=event_id,
                id=event_id,
            )
            for (endpoint_id, event_id), number in zip(asked, numbers, strict=True)
        ]
        outbox.emit(work=work, events=events)
        return {i: Tested(new_ids[i]) for i in fresh}

    return keys.answer(
        work=work,
        scope=[keys.scope_of("webhook_endpoint.test", request.merchant_id) for request in requests],
        requests=requests,
        object_ids=new_ids,
        decide=decide,
        recall=lambda again: {i: Tested(i) for i in again},
        validate=lambda asked: {
            i: fault for i in asked if (fault := _not_enabled(locked, requests[i].endpoint_id, requests[i].merchant_id))
        },
    )


def _told(asked: Sequence[tuple[UUID, UUID]]) -> list[int]:
    """The number of each event in the life of its endpoint."""
    counts: dict[UUID, int] = {}
    for endpoint_id, _ in asked:
        counts[endpoint_id] = counts.get(endpoint_id, 0) + 1
    source, params = sql.unnest({"id": "uuid", "count": "integer"}, sorted(counts.items()))
    last = dict(
        sql.rows(
            f"UPDATE notices_endpoint AS t SET told = t.told + g.count FROM {source} AS g WHERE t.id = g.id RETURNING t.id, t.told", params
        )
    )
    numbers = []
    for endpoint_id, _ in asked:
        numbers.append(last[endpoint_id] - counts[endpoint_id] + 1)
        counts[endpoint_id] -= 1
    return numbers


def _not_enabled(locked: Mapping[UUID, Endpoint], endpoint_id: UUID, merchant_id: UUID) -> Refused | None:
    endpoint = locked.get(endpoint_id)
    if fault := unknown(endpoint, merchant_id):
        return fault
    if endpoint is not None and endpoint.state != "enabled":
        return Refused(NOT_ENABLED, "the endpoint is disabled: enable it first", "webhook_endpoint_id")
    return None


def resend(*, work: UnitOfWork, requests: Sequence[Resend], now: datetime) -> list[Resent | Refused]:
    """Sends events again. `now` is the clock of the world. Refused with unknown_webhook_endpoint, webhook_endpoint_not_enabled, unknown_event_id,
    key_reused.
    """
    locked = queries.endpoints({request.endpoint_id for request in requests}, lock=True)
    found = queries.events([request.event_id for request in requests])
    mine = _of_merchants(list(found))

    def decide(fresh: list[int]) -> dict[int, Resent | Refused]:
        wanted = sorted({(work.book.id, requests[i].merchant_id, requests[i].endpoint_id, requests[i].event_id) for i in fresh})
        deliver(wanted, now=now, ids=work.ids)
        audit.record(
            work=work, action="webhook.resend", object_kind="webhook_endpoint", object_ids=sorted({requests[i].endpoint_id for i in fresh})
        )
        return {i: Resent(requests[i].endpoint_id) for i in fresh}

    def fault(request: Resend) -> Refused | None:
        if mine.get(request.event_id) != request.merchant_id:
            return Refused(UNKNOWN_EVENT, "there is no such event", "event_id")
        return _not_enabled(locked, request.endpoint_id, request.merchant_id)

    return keys.answer(
        work=work,
        scope=[keys.scope_of("webhook.resend", request.merchant_id) for request in requests],
        requests=requests,
        object_ids=[request.endpoint_id for request in requests],
        decide=decide,
        recall=lambda again: {i: Resent(i) for i in again},
        validate=lambda asked: {i: no for i in asked if (no := fault(requests[i]))},
    )


def _of_merchants(event_ids: Sequence[UUID]) -> dict[UUID, UUID]:
    return dict(sql.rows("SELECT id, merchant_id FROM notices_event WHERE id = ANY(%s)", [list(event_ids)]))


def replay(*, work: UnitOfWork, requests: Sequence[Replay], now: datetime) -> list[Replayed | Refused]:
    """Sends what happened in ranges again, one range after the other. Refused as `resend`, and with too_many_events."""
    locked = queries.endpoints({request.endpoint_id for request in requests}, lock=True)

    def decide(fresh: list[int]) -> dict[int, Replayed | Refused]:
        return {i: _replay(work, requests[i], locked[requests[i].endpoint_id], now) for i in fresh}

    return keys.answer(
        work=work,
        scope=[keys.scope_of("webhook.replay", request.merchant_id) for request in requests],
        requests=requests,
        object_ids=[request.endpoint_id for request in requests],
        decide=decide,
        recall=lambda again: {i: Replayed(i) for i in again},
        validate=lambda asked: {
            i: fault for i in asked if (fault := _not_enabled(locked, requests[i].endpoint_id, requests[i].merchant_id))
        },
    )


def _replay(work: UnitOfWork, request: Replay, endpoint: Endpoint, now: datetime) -> Replayed | Refused:
    found = queries.in_range(
        merchant_id=request.merchant_id,
        created_from=request.created_from,
        created_before=request.created_before,
        endpoint_id=endpoint.id,
        only_failed=request.only_failed,
        limit=MOST_REPLAYED + 1,
    )
    if len(found) > MOST_REPLAYED:
        return Refused(TOO_MANY_EVENTS, f"the range has more than {MOST_REPLAYED} events: ask for a shorter one", "to")
    types = request.types or endpoint.enabled_events
    wanted = [(work.book.id, request.merchant_id, endpoint.id, event_id) for event_id, kind in found if wants(types, kind)]
    deliver(wanted, now=now, ids=work.ids)
    audit.record(
        work=work, action="webhook.replay", object_kind="webhook_endpoint", object_ids=[endpoint.id], detail={"events": len(wanted)}
    )
    return Replayed(endpoint.id)
