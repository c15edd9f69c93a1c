"""The audit trail: who did what, when, to which objects. Append only; one row a batch, naming every object of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from yuefu.runtime import sql
from yuefu.runtime.jsontext import dumps
from yuefu.runtime.values import UnitOfWork


def record(
    *,
    work: UnitOfWork,
    action: str,
    object_kind: str,
    object_ids: Sequence[UUID],
    detail: Mapping[str, Any] | None = None,
    causes: Sequence[UUID] | None = None,
) -> None:
    """Writes what an actor did. `detail` holds codes and figures, never personal data.

    `causes` are what the keys of the requests stand for, one an object, where those are not the objects themselves. Where others than
    the actor of the work sent the requests, `by` in the detail has [actor, request] of each object.
    """
    if not object_ids:
        return
    senders = [work.acting(cause) for cause in causes or object_ids]
    if any(sender is not work.by for sender in senders):
        detail = {**(detail or {}), "by": [[sender.label, sender.request_id] for sender in senders]}
    sql.run(
        "INSERT INTO runtime_audit (id, book_id, actor, action, object_kind, object_ids, detail, request_id, recorded_at)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)",
        [
            work.ids.new(work.now),
            work.book.id,
            work.by.label,
            action,
            object_kind,
            dumps(list(object_ids)),
            dumps(detail or {}),
            work.by.request_id,
            work.now,
        ],
    )


_BELOW_MOMENT: Final = 80
"""Bits of an id below the milliseconds that it begins with."""


def told_by(*, book_id: UUID, object_kind: str, object_id: UUID, at: Sequence[datetime]) -> dict[tuple[datetime, int | None], str]:
    """Who did what was recorded of an object at some moments: by the moment and the number that its event tells (`no`); by the moment
    alone for what its events do not number, where that was one actor. Found by the ids, which begin with their moment.
    """
    if not at:
        return {}
    moments = sorted({int(one.timestamp() * 1000) for one in at})
    found = sql.rows(
        "SELECT a.id, a.recorded_at, (o.snapshot ->> 'no')::integer, a.actor, a.detail -> 'by', a.object_ids"
        " FROM unnest(%(low)s::uuid[], %(high)s::uuid[]) AS g (low, high)"
        " CROSS JOIN LATERAL (SELECT * FROM runtime_audit AS a WHERE a.id BETWEEN g.low AND g.high AND a.book_id = %(book)s"
        " AND a.object_kind = %(kind)s AND a.object_ids @> to_jsonb(%(object)s::text) OFFSET 0) AS a"
        " LEFT JOIN LATERAL (SELECT snapshot FROM runtime_outbox AS o WHERE o.id BETWEEN g.low AND g.high AND o.epoch = a.epoch AND o.xid = a.xid"
        " AND o.object_kind = %(kind)s AND o.object_id = %(object)s::uuid OFFSET 0) AS o ON true",
        {
            "low": [UUID(int=one << _BELOW_MOMENT) for one in moments],
            "high": [UUID(int=((one + 1) << _BELOW_MOMENT) - 1) for one in moments],
            "book": book_id, "kind": object_kind, "object": str(object_id),
        },
    )  # fmt: skip
    who: dict[tuple[datetime, int | None], str] = {}
    numbered = {row[0] for row in found if row[2] is not None}
    unnumbered: dict[datetime, set[str]] = {}
    for audit_id, recorded_at, no, actor, senders, objects in found:
        name = senders[objects.index(str(object_id))][0] if senders else actor
        if no is not None:
            who[recorded_at, no] = name
        elif audit_id not in numbered:
            unnumbered.setdefault(recorded_at, set()).add(name)
    return who | {(moment, None): names.pop() for moment, names in unnumbered.items() if len(names) == 1}
