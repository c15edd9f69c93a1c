"""Requests that raise whenever they are tried, kept aside with what they raised, so that somebody can look and send them again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from yuefu.ids import IdSource
from yuefu.runtime import sql
from yuefu.runtime.batch import Quarantined
from yuefu.runtime.jsontext import dumps
from yuefu.runtime.logs import logger
from yuefu.runtime.metrics import QUARANTINED

_LONGEST: Final = 4_000

log = logger(__name__)


@dataclass(frozen=True, slots=True)
class Aside:
    """A request that waits to be looked at: `request` is its JSON text, `error` what it raised."""

    id: UUID
    command: str
    request: str
    error: str
    recorded_at: datetime
    state: str


def put_aside(*, book_id: UUID, command: str, culprits: Sequence[tuple[object, Quarantined]], now: datetime, ids: IdSource) -> list[UUID]:
    """Keeps requests with their errors; returns the ids of what is kept. Call it in a transaction of its own: that of the request was rolled back."""
    columns = {"id": "uuid", "book_id": "uuid", "command": "text", "request": "text", "error": "text", "recorded_at": "timestamptz"}
    new = ids.many(now, len(culprits))
    values = [
        (i, book_id, command, dumps(request)[:_LONGEST], held.error[:_LONGEST], now, "waiting")
        for i, (request, held) in zip(new, culprits, strict=True)
    ]
    sql.insert("runtime_quarantine", {**columns, "state": "text"}, values)
    QUARANTINED.labels(command=command).inc(len(culprits))
    for _, held in culprits:
        log.error("request put aside", command=command, error=held.error.partition(":")[0])
    return new


def waiting(*, book_id: UUID, limit: int = 100) -> list[Aside]:
    """Requests put aside that nobody has dealt with, the oldest first."""
    return sql.rows_as(
        Aside,
        "SELECT id, command, request, error, recorded_at, state FROM runtime_quarantine WHERE book_id = %s AND state = 'waiting'"
        " ORDER BY recorded_at, id LIMIT %s",
        [book_id, limit],
    )
