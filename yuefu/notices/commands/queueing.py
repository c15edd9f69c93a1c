"""Messages queued: each once on its occasion."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from yuefu.consumers import queries as consumers
from yuefu.errors import Refused
from yuefu.notices.commands import contacts
from yuefu.notices.commands.contacts import UNKNOWN_CONSUMER
from yuefu.notices.rules import kinds
from yuefu.notices.rules.kinds import KINDS, Params
from yuefu.runtime import audit, outbox, sql
from yuefu.runtime.jsontext import dumps
from yuefu.runtime.outbox import Event
from yuefu.runtime.values import UnitOfWork

EXPIRED: Final = "expired"  # what it says would not be true when it is queued already

_COLUMNS: Final = {
    "id": "uuid", "consumer_id": "uuid", "kind": "text", "occasion": "text", "counts_as": "text", "params": "json",
    "not_before": "timestamptz", "expires_at": "timestamptz",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class NewMessage:
    """Something to tell a consumer, not before and, where what it says ends, before a moment. `occasion` names what it is about, once for
    ever: a due day, a collection by its outside id.
    """

    consumer_id: UUID
    kind: str
    occasion: str
    params: Params
    not_before: datetime
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Queued:
    """`again` says that the person is told, or was, on this occasion already: nothing was added, whatever it would have said."""

    id: UUID
    again: bool


def queue(*, work: UnitOfWork, messages: Sequence[NewMessage]) -> list[Queued | Refused]:
    """Queues messages, one outcome each, in order. Whether and when each goes is decided when it is sent.

    Refused with UNKNOWN_CONSUMER, EXPIRED or the codes of `rules.kinds`.
    """
    known = consumers.in_book(book_id=work.book.id, ids=sorted({message.consumer_id for message in messages}))
    refused = {i: fault for i, message in enumerate(messages) if (fault := _fault(message, known, work.now))}
    first: dict[tuple[UUID, str, str], int] = {}
    for i, message in enumerate(messages):
        if i not in refused:
            first.setdefault(_occasion(message), i)
    new_ids = work.ids.many(work.now, len(messages))
    stored = _insert(work, {name: (new_ids[i], messages[i]) for name, i in first.items()})
    fresh = {i for name, i in first.items() if stored[name] == new_ids[i]}
    _tell(work, [(new_ids[i], messages[i]) for i in sorted(fresh)])
    return [refused.get(i) or Queued(stored[_occasion(message)], again=i not in fresh) for i, message in enumerate(messages)]


def _occasion(message: NewMessage) -> tuple[UUID, str, str]:
    return message.consumer_id, message.kind, message.occasion


def _fault(message: NewMessage, known: frozenset[UUID], now: datetime) -> Refused | None:
    if fault := kinds.fault_of(message.kind, message.occasion, message.params):
        return fault
    if message.consumer_id not in known:
        return Refused(UNKNOWN_CONSUMER, "there is no such consumer in this book", "consumer_id")
    if message.expires_at is not None and message.expires_at <= now:
        return Refused(EXPIRED, "what it says is over", "expires_at")
    return None


def _insert(work: UnitOfWork, given: dict[tuple[UUID, str, str], tuple[UUID, NewMessage]]) -> dict[tuple[UUID, str, str], UUID]:
    """Writes what is not there yet, sorted, so that two batches wait for each other in one order. The id of each occasion."""
    contacts.ensure(work=work, consumer_ids=[consumer for consumer, _, _ in given])
    rows = [
        (i, m.consumer_id, m.kind, m.occasion, KINDS[m.kind].group, dumps(kinds.plain(m.params)), m.not_before, m.expires_at)
        for _, (i, m) in sorted(given.items(), key=lambda item: item[0])
    ]
    same = {"book_id": ("uuid", work.book.id), "queued_at": ("timestamptz", work.now)}
    same |= {"state": ("text", "queued"), "reason": ("text", ""), "tries": ("smallint", 0), "seq": ("integer", 1)}
    sql.insert("notices_message", _COLUMNS, rows, same=same, suffix="ON CONFLICT (book_id, consumer_id, kind, occasion) DO NOTHING")
    if not given:
        return {}
    source, params = sql.unnest({"consumer_id": "uuid", "kind": "text", "occasion": "text"}, list(given))
    found = sql.rows(
        "SELECT m.consumer_id, m.kind, m.occasion, m.id"
        f" FROM {source} AS g CROSS JOIN LATERAL (SELECT * FROM notices_message WHERE book_id = %s AND consumer_id = g.consumer_id"
        " AND kind = g.kind AND occasion = g.occasion OFFSET 0) AS m",
        [*params, work.book.id],
    )
    return {(consumer, kind, occasion): i for consumer, kind, occasion, i in found}


def _tell(work: UnitOfWork, made: Sequence[tuple[UUID, NewMessage]]) -> None:
    events = [
        Event(
            "message.queued",
            "message",
            i,
            1,
            {
                "id": i,
                "consumer_id": m.consumer_id,
                "kind": m.kind,
                "occasion": m.occasion,
                "channel": None,
                "state": "queued",
                "reason": "",
            },
        )
        for i, m in made
    ]
    outbox.emit(work=work, events=events)
    audit.record(work=work, action="notices.queue", object_kind="message", object_ids=[i for i, _ in made])
