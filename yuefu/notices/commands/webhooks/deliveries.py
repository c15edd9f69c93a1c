"""Deliveries claimed and settled. Whoever claims one has it for a while; who dies with it loses nothing: then it is anybody's again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final
from uuid import UUID

from yuefu.ids import IdSource
from yuefu.notices.commands.webhooks.endpoints import disable
from yuefu.notices.queries import webhooks as queries
from yuefu.notices.rules.webhooks.endpoints import Endpoint
from yuefu.notices.rules.webhooks.trying import ANSWER_KEPT, LEASE, Answer, Next, follows
from yuefu.runtime import sql

_TRY: Final = {
    "id": "uuid", "book_id": "uuid", "merchant_id": "uuid", "delivery_id": "uuid", "no": "integer", "began_at": "timestamptz",
    "took_ms": "integer", "outcome": "text", "status": "smallint", "code": "text", "answer": "text",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Claimed:
    """A delivery that is ours to try now."""

    id: UUID
    endpoint_id: UUID
    event_id: UUID


@dataclass(frozen=True, slots=True)
class Tried:
    """What became of a try. `chance` is a whole number below a thousand by which the pause after it is drawn out."""

    delivery_id: UUID
    began_at: datetime
    answer: Answer
    chance: int


@dataclass(frozen=True, slots=True)
class _Standing:
    id: UUID
    book_id: UUID
    merchant_id: UUID
    endpoint_id: UUID
    state: str
    step: int
    tries: int


def claim(*, now: datetime, most: int, each: int, under_way: Mapping[UUID, int]) -> list[Claimed]:
    """Deliveries that are due, at most so many, and of a merchant no more than `each` with those that are on their way already, shared by the
    endpoints for which something waits; of one that throttled last, a single one. Who has least on its way comes first. They are nobody
    else's until their lease ends.
    """
    busy = list(under_way)
    return sql.rows_as(
        Claimed,
        "WITH known AS MATERIALIZED (SELECT e.id, e.merchant_id, e.strikes, coalesce(b.count, 0) AS busy,"
        " e.state = 'enabled' AND (e.rest_until IS NULL OR e.rest_until <= %(now)s) AND EXISTS (SELECT FROM notices_delivery"
        " WHERE endpoint_id = e.id AND state = 'waiting' AND due_at <= %(now)s) AS wanted FROM notices_endpoint AS e"
        " LEFT JOIN unnest(%(busy)s::uuid[], %(counts)s::integer[]) AS b (id, count) ON b.id = e.id"
        " WHERE e.state = 'enabled' OR b.count > 0),"
        " shared AS (SELECT *, sum(busy) OVER w AS under_way, count(*) FILTER (WHERE wanted) OVER w AS endpoints FROM known"
        " WINDOW w AS (PARTITION BY merchant_id)),"
        " due AS (SELECT d.id FROM (SELECT * FROM shared WHERE wanted ORDER BY under_way, busy) AS e"
        " CROSS JOIN LATERAL (SELECT id FROM notices_delivery WHERE endpoint_id = e.id AND state = 'waiting' AND due_at <= %(now)s"
        " ORDER BY due_at LIMIT greatest(0, CASE WHEN e.strikes > 0 THEN 1 - e.busy"
        " ELSE (%(each)s - e.under_way + e.endpoints - 1) / e.endpoints END) FOR UPDATE SKIP LOCKED) AS d LIMIT %(most)s)"
        " UPDATE notices_delivery AS t SET due_at = %(until)s FROM due WHERE t.id = due.id RETURNING t.id, t.endpoint_id, t.event_id",
        {
            "busy": busy,
            "counts": [under_way[endpoint_id] for endpoint_id in busy],
            "now": now,
            "until": now + LEASE,
            "each": each,
            "most": most,
        },
    )


def settle(*, tried: Sequence[Tried], now: datetime, ids: IdSource) -> Counter[str]:
    """Stores tries and what follows from each; returns how many had which outcome. A delivery that somebody else settled meanwhile, or that was
    cancelled, keeps its state, and has the try in its log all the same.
    """
    standing = {
        one.id: one
        for one in sql.rows_as(
            _Standing,
            "SELECT id, book_id, merchant_id, endpoint_id, state, step, tries FROM notices_delivery WHERE id = ANY(%s) ORDER BY id FOR NO KEY UPDATE",
            [[one.delivery_id for one in tried]],
        )
    }
    endpoints = queries.endpoints({one.endpoint_id for one in standing.values()}, lock=True)
    before = dict(endpoints)
    outcomes: Counter[str] = Counter()
    rows, gone = [], set()
    changed: dict[UUID, tuple[UUID, str, datetime, int, int, int | None, str, datetime | None]] = {}
    for one in tried:
        it = standing[one.delivery_id]
        endpoint = endpoints[it.endpoint_id]
        after = follows(one.answer, tried=it.step + 1, strikes=before[endpoint.id].strikes, now=now, chance=one.chance)
        outcomes[after.outcome] += 1
        no = it.tries + 1
        rows.append((it, no, one, after))
        state, due = _state(it, after, now)
        standing[it.id] = replace(it, state=state, step=it.step + 1, tries=no)
        changed[it.id] = (it.id, state, due, it.step + 1, no, one.answer.status, one.answer.code, None if state == "waiting" else now)
        endpoints[endpoint.id] = _endpoint(endpoint, after, one.began_at, before[endpoint.id].strikes)
        if after.outcome == "gone":
            gone.add(endpoint.id)
    _insert_tries(rows, now, ids)
    _update(list(changed.values()))
    _update_endpoints([(before[i], endpoints[i]) for i in sorted(endpoints)])
    if gone:
        disable(endpoint_ids=sorted(gone), reason="gone", now=now)
    return outcomes


def _state(it: _Standing, after: Next, now: datetime) -> tuple[str, datetime]:
    if it.state != "waiting":
        return it.state, now
    if after.outcome == "delivered":
        return "delivered", now
    return ("failed", now) if after.again_at is None else ("waiting", after.again_at)


def _endpoint(endpoint: Endpoint, after: Next, began_at: datetime, strikes: int) -> Endpoint:
    """What a try tells of its endpoint. Those of one batch were under way together, so all that throttled are one strike more than before."""
    if after.outcome == "delivered":
        return replace(endpoint, strikes=0, rest_until=None, failing_since=None)
    since = endpoint.failing_since or began_at
    if after.rest_until is None:
        return replace(endpoint, failing_since=since)
    rest = max(after.rest_until, endpoint.rest_until or after.rest_until)
    return replace(endpoint, strikes=min(strikes + 1, 1_000), rest_until=rest, failing_since=since)


def _insert_tries(rows: Sequence[tuple[_Standing, int, Tried, Next]], now: datetime, ids: IdSource) -> None:
    values = [
        (
            *(
                i,
                it.book_id,
                it.merchant_id,
                it.id,
                no,
                one.began_at,
                one.answer.took_ms,
                after.outcome,
                one.answer.status,
                one.answer.code,
            ),
            one.answer.text[:ANSWER_KEPT],
        )
        for i, (it, no, one, after) in zip(ids.many(now, len(rows)), rows, strict=True)
    ]
    sql.insert("notices_delivery_try", _TRY, values)


def _update(changed: Sequence[tuple[UUID, str, datetime, int, int, int | None, str, datetime | None]]) -> None:
    columns = {
        "id": "uuid", "state": "text", "due_at": "timestamptz", "step": "smallint", "tries": "integer", "last_status": "smallint",
        "last_code": "text", "ended_at": "timestamptz",
    }  # fmt: skip
    sql.update("notices_delivery", "id", columns, changed)


def _update_endpoints(pairs: Sequence[tuple[Endpoint, Endpoint]]) -> None:
    columns = {"id": "uuid", "strikes": "smallint", "rest_until": "timestamptz", "failing_since": "timestamptz"}
    values = [(now.id, now.strikes, now.rest_until, now.failing_since) for was, now in pairs if was != now and was.state != "deleted"]
    sql.update("notices_endpoint", "id", columns, values)
