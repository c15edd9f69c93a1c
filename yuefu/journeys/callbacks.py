"""Callbacks of payment channels: verified, kept as they came, then booked as any word of the channel is.

What is kept is acknowledged, whatever becomes of it: what cannot be booked now waits and is tried again, by itself or by a person, as often as
one likes. What no callback came for is asked for by `poll`, so a lost one is only late.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from yuefu.errors import Refused
from yuefu.journeys import refund, repayment
from yuefu.journeys.desk import Desk, open_day
from yuefu.payments.commands import callbacks as keeping
from yuefu.payments.commands.callbacks import NewCallback
from yuefu.payments.gateways.callbacks import CallbackReader, NotTrusted
from yuefu.payments.queries import callbacks as kept
from yuefu.payments.queries.callbacks import Kept
from yuefu.runtime.batch import Quarantined
from yuefu.runtime.logs import logger

CHUNK: Final = 200
_LATER: Final = frozenset({"read_only", "no_open_day"})
"""Why nothing can be booked now, and may be later."""

log = logger(__name__)


@dataclass(frozen=True, slots=True)
class Received:
    """A callback that is kept; `again` says that it had come before."""

    id: UUID
    again: bool


def receive(*, desk: Desk, now: datetime, channel: str, number: str, headers: Mapping[str, str], body: bytes) -> Received | Refused:
    """Keeps a callback whose signature holds, in a read-only book too. Refused with no_open_day."""
    with open_day(desk, now, though_read_only=True) as work:
        if isinstance(work, Refused):
            return work
        new = NewCallback(channel, number, headers, body)
        ((callback_id, again),) = keeping.keep_callbacks(work=work, vault=desk.vault, callbacks=[new])
    return Received(callback_id, again)


def handle(*, desk: Desk, now: datetime, readers: Mapping[str, CallbackReader], ids: Sequence[UUID] | None = None) -> dict[UUID, str]:
    """Books what callbacks say: those that wait, or those that are named, whether they were handled before or not. What became of each: booked,
    the code of a refusal, not_ours, or not_booked where it raised. One that raises disturbs no other.
    """
    wanted = kept.waiting(book_id=desk.book.id, limit=CHUNK) if ids is None else list(ids)
    told: dict[UUID, str] = {}
    for one in kept.callbacks(book_id=desk.book.id, ids=wanted, vault=desk.vault):
        told[one.id] = _book(desk, now, readers, one)
    if told:
        with open_day(desk, now, though_read_only=True) as work:
            assert not isinstance(work, Refused), "it had an open day a moment ago"
            keeping.settle_callbacks(
                work=work, outcomes=[(i, outcome, outcome not in _LATER | {"not_booked"}) for i, outcome in told.items()]
            )
    return told


def _book(desk: Desk, now: datetime, readers: Mapping[str, CallbackReader], one: Kept) -> str:
    try:
        said = readers[one.channel].read(headers=one.headers, body=one.body, now=None)
        if said.book_id != desk.book.id:
            return "not_ours"
        act = repayment.book if said.about == "payment" else refund.book
        (outcome,) = act(desk=desk, now=now, results=[said.result])
    except NotTrusted as error:
        return error.code
    except Exception as error:
        log.exception("callback not booked", callback=one.number, channel=one.channel, error=type(error).__name__)
        return "not_booked"
    if isinstance(outcome, Quarantined):
        return "quarantined"
    return outcome.code if isinstance(outcome, Refused) else "booked"
