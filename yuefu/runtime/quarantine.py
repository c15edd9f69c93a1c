"""Requests that raise whenever they are tried, kept aside with what they raised, so that somebody can look, and send them again or drop them.

A request is kept whole, as JSON, and waits once: one that breaks again, by whoever sent it, is counted with its newest error. It was
rolled back whenever it broke, so no key of it was ever used.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, is_dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any, Final, Literal
from uuid import UUID

from yuefu.errors import Refused
from yuefu.ids import IdSource
from yuefu.runtime import audit, sql
from yuefu.runtime.batch import Quarantined
from yuefu.runtime.jsontext import dumps
from yuefu.runtime.logs import logger
from yuefu.runtime.metrics import QUARANTINED
from yuefu.runtime.values import UnitOfWork

UNKNOWN_QUARANTINE: Final = "unknown_quarantine"
ALREADY_DEALT_WITH: Final = "already_dealt_with"

LONGEST_ERROR: Final = 4_000

log = logger(__name__)


@dataclass(frozen=True, slots=True)
class Aside:
    """A request that was set aside: `request` is its JSON text, `error` what it raised last, `tries` how often it did; waiting, retried
    (then `outcome` is what became of it, as JSON) or dropped (then `reason` says why).
    """

    id: UUID
    command: str
    request: str
    error: str
    recorded_at: datetime
    state: str
    tries: int
    tried_at: datetime
    outcome: str
    decided_by: str | None
    decided_at: datetime | None
    reason: str


_ASIDE: Final = (
    "id, command, request, error, recorded_at, state, tries, coalesce(tried_at, recorded_at), outcome, decided_by, decided_at, reason"
)


def put_aside(*, book_id: UUID, command: str, culprits: Sequence[tuple[object, Quarantined]], now: datetime, ids: IdSource) -> list[UUID]:
    """Keeps requests with their errors; returns the id of what is kept of each. Call it in a transaction of its own: that of the request was rolled back."""
    columns = {
        "id": "uuid", "book_id": "uuid", "command": "text", "request": "text", "error": "text", "recorded_at": "timestamptz",
        "tried_at": "timestamptz", "digest": "text",
    }  # fmt: skip
    # One statement cannot count a row twice: of requests that are the same, the last.
    digests = [_digest(request) for request, _ in culprits]
    once = dict(zip(digests, culprits, strict=True))
    new = ids.many(now, len(once))
    rows = [
        (i, book_id, command, _storable(dumps(request)), _storable(held.error)[:LONGEST_ERROR], now, now, digest)
        for i, (digest, (request, held)) in zip(new, once.items(), strict=True)
    ]
    again = "error = excluded.error, tried_at = excluded.tried_at, tries = kept.tries + 1"
    source, params = sql.unnest(columns, rows)
    kept = dict(
        sql.rows(
            f"INSERT INTO runtime_quarantine AS kept ({', '.join(columns)}, state) SELECT {', '.join(columns)}, 'waiting' FROM {source} AS given"
            f" ON CONFLICT (book_id, command, digest) WHERE state = 'waiting' DO UPDATE SET {again} RETURNING digest, id",
            params,
        )
    )
    QUARANTINED.labels(command=command).inc(len(culprits))
    for _, held in culprits:
        log.error("request put aside", command=command, error=held.error.partition(":")[0])
    return [kept[digest] for digest in digests]


def _storable(text: str) -> str:
    """A text that PostgreSQL takes: half a surrogate pair becomes its escape, which JSON reads back as it was, and nothing has a zero in it."""
    return text.encode("utf-8", "backslashreplace").decode().replace("\0", "\\0")


def _digest(request: object) -> str:
    """Tells a request from others: by all that counts when two are compared, so not by who sent it this time."""
    told: Any = request
    if is_dataclass(request):
        told = {field.name: getattr(request, field.name) for field in fields(request) if field.compare}
    return sha256(dumps(told).encode("utf-8", "surrogatepass")).hexdigest()


def waiting(*, book_id: UUID, command: str | None = None, limit: int = 100) -> list[Aside]:
    """Requests put aside that nobody has dealt with, of one command or of all, the oldest first."""
    return sql.rows_as(
        Aside,
        f"SELECT {_ASIDE} FROM runtime_quarantine WHERE book_id = %s AND state = 'waiting' AND (%s::text IS NULL OR command = %s)"
        " ORDER BY recorded_at, id LIMIT %s",
        [book_id, command, command, limit],
    )


def listed(*, book_id: UUID, state: str | None, limit: int = 100) -> list[Aside]:
    """Requests put aside, in one state or in all, the oldest first."""
    return sql.rows_as(
        Aside,
        f"SELECT {_ASIDE} FROM runtime_quarantine WHERE book_id = %s AND (%s::text IS NULL OR state = %s) ORDER BY recorded_at, id LIMIT %s",
        [book_id, state, state, limit],
    )


def how_many_wait(*, book_id: UUID) -> int:
    """Requests that nobody has dealt with."""
    counted: int = sql.value("SELECT count(*) FROM runtime_quarantine WHERE book_id = %s AND state = 'waiting'", [book_id])
    return counted


def by_id(*, book_id: UUID, quarantine_id: UUID) -> Aside | None:
    """One request that was put aside, without a lock."""
    found = sql.rows_as(Aside, f"SELECT {_ASIDE} FROM runtime_quarantine WHERE book_id = %s AND id = %s", [book_id, quarantine_id])
    return found[0] if found else None


def went_on(*, work: UnitOfWork, command: str, requests: Sequence[object], told: str) -> None:
    """Deals with requests that wait and have been carried out meanwhile by other means: `told` is what became of them."""
    found = sql.rows(
        "SELECT id FROM runtime_quarantine WHERE book_id = %s AND command = %s AND digest = ANY(%s) AND state = 'waiting' ORDER BY id",
        [work.book.id, command, [_digest(request) for request in requests]],
    )
    settle(work=work, quarantine_ids=[row[0] for row in found], state="retried", told=[told] * len(found))


def settle(
    *, work: UnitOfWork, quarantine_ids: Sequence[UUID], state: Literal["retried", "dropped"], told: Sequence[str]
) -> list[UUID | Refused]:
    """Deals with requests that wait: each was retried with an outcome, or is dropped for a reason, which `told` has. One outcome each, in order.

    Refused with unknown_quarantine or already_dealt_with.
    """
    found = sql.rows(
        "SELECT id, state FROM runtime_quarantine WHERE book_id = %s AND id = ANY(%s) ORDER BY id FOR UPDATE",
        [work.book.id, list(quarantine_ids)],
    )
    states: dict[UUID, str] = dict(found)
    outcomes: list[UUID | Refused] = []
    rows = []
    for i, text in zip(quarantine_ids, told, strict=True):
        refused = _settled(states.get(i))
        outcomes.append(refused or i)
        if not refused:
            states[i] = state
            rows.append(
                (i, state, text if state == "retried" else "", "" if state == "retried" else text, work.by.label, work.by.user_id, work.now)
            )
    columns = {
        "id": "uuid", "state": "text", "outcome": "text", "reason": "text", "decided_by": "text", "decided_by_user": "uuid",
        "decided_at": "timestamptz",
    }  # fmt: skip
    sql.update("runtime_quarantine", "id", columns, rows)
    audit.record(work=work, action=f"quarantine.{state}", object_kind="quarantine", object_ids=[row[0] for row in rows])
    return outcomes


def _settled(state: str | None) -> Refused | None:
    if state is None:
        return Refused(UNKNOWN_QUARANTINE, "there is no such request set aside in this book", "quarantine_id")
    return None if state == "waiting" else Refused(ALREADY_DEALT_WITH, f"it was {state} before", "quarantine_id")
