"""Messages settled: what the gateways said, booked. Said twice, late or in another order, it comes to the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from yuefu.notices import queries
from yuefu.notices.commands import changes
from yuefu.notices.queries import Message
from yuefu.notices.rules.ending import Standing, ending
from yuefu.notices.rules.kinds import State
from yuefu.notices.rules.outgoing import Told, code_of
from yuefu.runtime import audit, sql
from yuefu.runtime.values import UnitOfWork

_COLUMNS: Final = {
    "id": "uuid", "message_id": "uuid", "no": "smallint", "step": "text", "channel": "text", "code": "text", "provider_ref": "text",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Tried:
    """What a gateway said of the `no`-th try of a message. `is_final`: it cannot be asked, or was asked for long enough."""

    message_id: UUID
    no: int
    told: Told
    is_final: bool = False


def settle(*, work: UnitOfWork, tried: Sequence[Tried]) -> list[State]:
    """Stores what was said and moves each message on. One state each, in order: that of the message now."""
    stored = queries.messages(book_id=work.book.id, message_ids=sorted({one.message_id for one in tried}), lock=True)
    before = dict(stored)
    for one in tried:
        stored[one.message_id] = _after(work, stored[one.message_id], one)
    changes.store(work, [(before[i], after) for i, after in stored.items() if after is not before[i]])
    _remember(work, stored, tried)
    audit.record(work=work, action="notices.settle", object_kind="message", object_ids=[one.message_id for one in tried])
    return [stored[one.message_id].state for one in tried]


def _after(work: UnitOfWork, message: Message, one: Tried) -> Message:
    standing = Standing(message.state, message.reason, message.tries, message.expires_at)
    end = ending(standing, no=one.no, outcome=one.told.outcome, is_final=one.is_final, now=work.now)
    if end is None:
        return message
    if end.to == "sent":
        return changes.sent(message, work.now)
    if end.again_at is not None:
        return changes.queued_again(message, end.again_at)
    return changes.failed(message, end.reason, work.now, may_have_arrived=end.may_have_arrived)


def _remember(work: UnitOfWork, stored: dict[UUID, Message], tried: Sequence[Tried]) -> None:
    rows = [
        (
            i,
            one.message_id,
            one.no,
            one.told.outcome,
            stored[one.message_id].channel,
            code_of(one.told.code),
            code_of(one.told.provider_ref),
        )
        for i, one in zip(work.ids.many(work.now, len(tried)), tried, strict=True)
    ]
    same = {"book_id": ("uuid", work.book.id), "recorded_at": ("timestamptz", work.now)}
    sql.insert("notices_attempt", _COLUMNS, rows, same=same, suffix="ON CONFLICT (message_id, no, step) DO NOTHING")
