"""Where a journey works: in which book, for whom, with which keys and gateways. Made once at the edge and passed in."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar
from uuid import UUID

from yuefu import ids
from yuefu.errors import Refused
from yuefu.ids import IdSource
from yuefu.payments.gateways.ports import Bank, Channel
from yuefu.runtime import days, quarantine, sql
from yuefu.runtime.batch import Quarantined, in_halves
from yuefu.runtime.logs import logger
from yuefu.runtime.values import Actor, Book, UnitOfWork
from yuefu.runtime.vault import Vault

R = TypeVar("R")
O = TypeVar("O")

LOCK_TIMEOUT_MS = 10_000
_NAMED = 20

log = logger(__name__)


@dataclass(frozen=True, slots=True)
class Desk:
    """The lasting surroundings of journeys; the moment comes with each call."""

    book: Book
    by: Actor
    ids: IdSource
    vault: Vault
    channel: Channel
    bank: Bank


@contextmanager
def open_day(desk: Desk, now: datetime, *, though_read_only: bool = False) -> Iterator[UnitOfWork | Refused]:
    """One transaction on the open day of the book, share-locked: it is committed at the end and rolled back by an exception.

    Every journey that writes comes through here, so a book that is read only refuses all of them, before they claim or send anything.
    """
    with sql.transacting(lock_timeout_ms=LOCK_TIMEOUT_MS):
        yield days.working(book=desk.book, now=now, by=desk.by, ids=desk.ids, though_read_only=though_read_only)


def on_open_day(
    desk: Desk, now: datetime, requests: Sequence[R], act: Callable[[UnitOfWork, Sequence[R]], list[O | Refused]]
) -> list[O | Refused]:
    """`act` in one transaction; without an open day every request is refused with no_open_day, in a read-only book with read_only."""
    if not requests:
        return []
    with open_day(desk, now) as work:
        if isinstance(work, Refused):
            return [work] * len(requests)
        return act(work, requests)


def in_batches(
    desk: Desk, now: datetime, command: str, requests: Sequence[R], act: Callable[[Sequence[R]], Sequence[O]]
) -> list[O | Quarantined]:
    """`in_halves`, and what stays Quarantined is kept aside under the name of its command."""
    outcomes = in_halves(requests, act)
    _tell(desk, command, outcomes)
    culprits = [(request, outcome) for request, outcome in zip(requests, outcomes, strict=True) if isinstance(outcome, Quarantined)]
    if culprits:
        with sql.transacting(lock_timeout_ms=LOCK_TIMEOUT_MS):
            quarantine.put_aside(book_id=desk.book.id, command=command, culprits=culprits, now=now, ids=desk.ids)
    return outcomes


def _tell(desk: Desk, command: str, outcomes: Sequence[object]) -> None:
    """One line a batch, with the orders it is about where they are few enough to read."""
    if not outcomes:
        return
    kinds = Counter(type(outcome).__name__.lower() for outcome in outcomes)
    found = [getattr(outcome, "order_id", None) for outcome in outcomes[:_NAMED]]
    concerned = [ids.text("order", order) for order in found if isinstance(order, UUID)]
    named = {"order_id": concerned[0] if len(concerned) == 1 else concerned} if concerned and len(outcomes) <= _NAMED else {}
    log.info("batch done", command=command, request_id=desk.by.request_id, **kinds, **named)
