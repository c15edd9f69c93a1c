"""Events, written in the transaction of what they tell, read in commit order.

A row carries the snapshot of its object as it was, so that a reader never has to look anything up and an endpoint pinned to
an old version can still be served. All snapshots are of one form: `id` is the object's own, `…_id` names another object, both as
uuids; an amount is {"minor", "currency"}; days and moments are ISO 8601. Old values have the names and the form of the new.
Readers take only rows whose transaction is below every one still running: a sequence
number or a timestamp would skip what commits late.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from yuefu.frozen import made_quickly
from yuefu.runtime import sql
from yuefu.runtime.jsontext import dumps
from yuefu.runtime.values import Cause, UnitOfWork

CHANNEL: Final = "yuefu_outbox"


@made_quickly
@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to one object. `seq` counts the events of the object from 1; `changed` holds the old values.

    `cause` is what the key of the request stands for where that is not the object itself, a capture for instance: by it the event is
    given the key and the request, if that is carried out by the same unit of work. `id` is given where somebody is told it at once.
    """

    type: str
    object_kind: str
    object_id: UUID
    seq: int
    snapshot: Mapping[str, Any]
    changed: Mapping[str, Any] | None = None
    cause: UUID | None = None
    schema_version: int = 1
    id: UUID | None = None


def changes(before: Mapping[str, Any], now: Mapping[str, Any]) -> dict[str, Any]:
    """The old values of what two snapshots of an object differ in."""
    return {name: old for name, old in before.items() if old is not (new := now[name]) and old != new}


@dataclass(frozen=True, slots=True)
class Stored:
    """An event as read back, with its place in commit order."""

    id: UUID
    book_id: UUID
    epoch: int
    xid: str
    type: str
    object_kind: str
    object_id: UUID
    seq: int
    snapshot: Mapping[str, Any]
    recorded_at: datetime
    changed: Mapping[str, Any]
    request_id: str
    key: str


_COLUMNS = {
    "id": "uuid",
    "type": "text",
    "object_kind": "text",
    "object_id": "uuid",
    "seq": "integer",
    "schema_version": "smallint",
    "snapshot": "json",
    "changed": "json",
    "request_id": "text",
    "key": "text",
}


def emit(*, work: UnitOfWork, events: Sequence[Event]) -> None:
    """Stores events in one statement; a trigger notifies the dispatcher once per statement."""
    new = work.ids.many(work.now, len(events))
    cause_of, nobody = work.claimed.get, Cause("", work.by)
    causes = [cause_of(e.cause or e.object_id, nobody) for e in events] if work.claimed else [nobody] * len(events)
    sql.insert(
        "runtime_outbox",
        _COLUMNS,
        [
            (
                e.id or i,
                e.type,
                e.object_kind,
                e.object_id,
                e.seq,
                e.schema_version,
                dumps(e.snapshot),
                dumps(e.changed or {}),
                cause.by.request_id,
                cause.key,
            )
            for i, e, cause in zip(new, events, causes, strict=True)
        ],
        same={"book_id": ("uuid", work.book.id), "recorded_at": ("timestamptz", work.now)},
        often_same=("object_kind", "seq", "schema_version", "changed"),
    )


def take(*, reader: str, limit: int, now: datetime) -> list[Stored]:
    """The next committed events for `reader`, in order, and moves its cursor. Call it in the transaction that handles them."""
    sql.run("INSERT INTO runtime_cursor (name, epoch, xid, moved_at) VALUES (%s, 0, '0', %s) ON CONFLICT DO NOTHING", [reader, now])
    ((epoch, xid, row_id),) = sql.rows("SELECT epoch, xid, row_id FROM runtime_cursor WHERE name = %s FOR UPDATE", [reader])
    found = sql.rows_as(
        Stored,
        "SELECT id, book_id, epoch, xid::text, type, object_kind, object_id, seq, snapshot, recorded_at, changed, request_id, key"
        " FROM runtime_outbox AS o"
        " WHERE (epoch, xid, id) > (%s, %s::xid8, %s) AND (epoch < (SELECT runtime_epoch()) OR xid < pg_snapshot_xmin(pg_current_snapshot()))"
        # By the column: a bare `xid` is the text that is selected, and as a text 1000 comes before 999.
        " ORDER BY o.epoch, o.xid, o.id LIMIT %s",
        [epoch, xid, row_id or UUID(int=0), limit],
    )
    if found:
        last = found[-1]
        sql.run(
            "UPDATE runtime_cursor SET epoch = %s, xid = %s, row_id = %s, moved_at = %s WHERE name = %s",
            [last.epoch, last.xid, last.id, now, reader],
        )
    return found
