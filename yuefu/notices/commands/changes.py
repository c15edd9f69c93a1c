"""Messages as they change: decided as values, written by one statement, told as events."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from yuefu.notices.queries import Message
from yuefu.runtime import outbox, sql
from yuefu.runtime.jsontext import dumps
from yuefu.runtime.outbox import Event
from yuefu.runtime.values import UnitOfWork

_COLUMNS: Final = {
    "id": "uuid", "params": "json", "channel": "text", "language": "text", "state": "text", "reason": "text", "not_before": "timestamptz",
    "tries": "smallint", "claimed_at": "timestamptz", "counted_at": "timestamptz", "ended_at": "timestamptz", "seq": "integer",
}  # fmt: skip
_TOLD: Final = frozenset({"sent", "failed", "suppressed"})


def suppressed(message: Message, reason: str, now: datetime) -> Message:
    """It never goes."""
    return replace(message, state="suppressed", reason=reason, ended_at=now)


def failed(message: Message, reason: str, now: datetime, *, may_have_arrived: bool = False) -> Message:
    """It is given up. What certainly did not arrive does not count towards the week."""
    counted_at = message.counted_at if may_have_arrived else None
    return replace(message, state="failed", reason=reason, claimed_at=None, counted_at=counted_at, ended_at=now)


def sent(message: Message, now: datetime) -> Message:
    """It was taken, now or, where nobody knew, before."""
    return replace(message, state="sent", reason="", claimed_at=None, ended_at=now)


def queued_again(message: Message, not_before: datetime) -> Message:
    """It certainly did not go, and may later."""
    return replace(message, state="queued", claimed_at=None, counted_at=None, not_before=not_before)


def store(work: UnitOfWork, changed: Sequence[tuple[Message, Message]]) -> None:
    """Writes messages as (before, after), and tells the ends of those that ended."""
    told = [(before, after) for before, after in changed if after.state in _TOLD and after.state != before.state]
    ended = {after.id for _, after in told}
    stored = [replace(after, seq=after.seq + 1) if after.id in ended else after for _, after in changed]
    values = [
        (
            *(m.id, dumps(m.params), m.channel, m.language, m.state, m.reason, m.not_before),
            *(m.tries, m.claimed_at, m.counted_at, m.ended_at, m.seq),
        )
        for m in stored
    ]
    sql.update("notices_message", "id", _COLUMNS, values)
    events = []
    for before, after in told:
        now = snapshot(after)
        event = f"message.{after.state}"
        events.append(Event(event, "message", after.id, after.seq + 1, now, outbox.changes(snapshot(before), now)))
    outbox.emit(work=work, events=events)


def snapshot(message: Message) -> Mapping[str, Any]:
    """A message as its events tell it, without whatever it says."""
    return {
        "id": message.id,
        "consumer_id": message.consumer_id,
        "kind": message.kind,
        "occasion": message.occasion,
        "channel": message.channel,
        "state": message.state,
        "reason": message.reason,
    }
