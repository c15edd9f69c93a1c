"""Where a journey works: in which book, for whom, with which keys and gateways. Made once at the edge and passed in."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypeVar
from uuid import UUID

from yuefu import ids
from yuefu.access import queries as access
from yuefu.errors import Refused
from yuefu.ids import IdSource
from yuefu.payments.gateways.ports import Bank, Channel
from yuefu.reconciliation.rules.engines import Matching
from yuefu.runtime import days, quarantine, sql
from yuefu.runtime.batch import HeldUp, Quarantined, in_halves, is_held_up
from yuefu.runtime.logs import logger
from yuefu.runtime.values import Actor, Book, UnitOfWork
from yuefu.runtime.vault import Vault

R = TypeVar("R")
O = TypeVar("O")

TOO_MANY_AT_ONCE = "too_many_at_once"  # more than MOST_AT_ONCE in one call: send them in several; nothing was done, no key was used

MOST_AT_ONCE = 50_000
LOCK_TIMEOUT_MS = 10_000
_NAMED = 20

log = logger(__name__)


@dataclass(frozen=True, slots=True)
class Desk:
    """The lasting surroundings of journeys; the moment comes with each call. Who wants to know which requests had been answered before
    gives a dictionary `again`: by the id of each such request it is given that of the first one of its key, once that is committed. `matching`
    says what matches large days of bills.
    """

    book: Book
    by: Actor
    ids: IdSource
    vault: Vault
    channel: Channel
    bank: Bank
    again: dict[str, str] | None = None
    matching: Callable[[], Matching] = Matching


@contextmanager
def open_day(desk: Desk, now: datetime, *, though_read_only: bool = False, by_keys: bool = False) -> Iterator[UnitOfWork | Refused]:
    """One transaction on the open day of the book, share-locked: it is committed at the end and rolled back by an exception.

    Every journey that writes comes through here, so a book that is read only refuses all of them, before they claim or send anything.
    """
    with sql.transacting(lock_timeout_ms=LOCK_TIMEOUT_MS, by_keys=by_keys):
        yield days.working(book=desk.book, now=now, by=desk.by, ids=desk.ids, though_read_only=though_read_only)


def on_open_day(
    desk: Desk, now: datetime, requests: Sequence[R], act: Callable[[UnitOfWork, Sequence[R]], list[O | Refused]]
) -> list[O | Refused]:
    """`act` in one transaction; without an open day every request is refused with no_open_day, in a read-only book with read_only. A request
    that was sent with an API key that is not in force any more is refused with key_revoked or key_expired, and claims nothing. More than
    MOST_AT_ONCE are refused with too_many_at_once, all of them: a transaction holds its locks until its last request is done.
    """
    if not requests:
        return []
    if len(requests) > MOST_AT_ONCE:
        detail = f"one call takes at most {MOST_AT_ONCE} requests, not {len(requests)}: send them in several"
        return [Refused(TOO_MANY_AT_ONCE, detail)] * len(requests)
    with open_day(desk, now, by_keys=True) as work:
        if isinstance(work, Refused):
            return [work] * len(requests)
        outcomes = _by_keys_in_force(work, requests, act)
    if desk.again is not None:
        desk.again.update(work.again)
    return outcomes


def _by_keys_in_force(
    work: UnitOfWork, requests: Sequence[R], act: Callable[[UnitOfWork, Sequence[R]], list[O | Refused]]
) -> list[O | Refused]:
    """The edge has looked at the keys before; between its look and this transaction one may have been revoked."""
    senders = [by.name if (by := getattr(request, "by", None)) and by.kind == "api_key" else "" for request in requests]
    used = {name: ids.parse("api_key", name) for name in set(senders) if name}
    gone = access.keys_out_of_force(book_id=work.book.id, key_ids=sorted(used.values()), now=work.now) if used else {}
    if not gone:
        return act(work, requests)
    refused = [gone.get(used[name]) if name else None for name in senders]
    done = iter(act(work, [request for request, no in zip(requests, refused, strict=True) if no is None]))
    return [no or next(done) for no in refused]


def in_batches(
    desk: Desk, now: datetime, command: str, requests: Sequence[R], act: Callable[[Sequence[R]], Sequence[O]]
) -> list[O | Quarantined]:
    """`in_halves`, and what stays Quarantined is kept aside under the name of its command."""
    outcomes = in_halves(requests, act)
    _tell(desk, command, requests, outcomes)
    culprits = [(request, outcome) for request, outcome in zip(requests, outcomes, strict=True) if isinstance(outcome, Quarantined)]
    if culprits:
        with sql.transacting(lock_timeout_ms=LOCK_TIMEOUT_MS):
            kept = iter(quarantine.put_aside(book_id=desk.book.id, command=command, culprits=culprits, now=now, ids=desk.ids))
        outcomes = [replace(outcome, id=next(kept)) if isinstance(outcome, Quarantined) else outcome for outcome in outcomes]
    return outcomes


def unless_held_up(act: Callable[[Sequence[R]], Sequence[O]], given: Sequence[R]) -> list[O | None]:
    """Books what the outside has done already: None for those that somebody else's lock held up. Nothing is lost of them: they stay as they
    are and are asked for by `poll`, and whoever asks again with the same key finds out.
    """
    try:
        return list(act(given))
    except HeldUp as held:
        return list(held.outcomes)
    except Exception as error:
        if not is_held_up(error):
            raise
        return [None] * len(given)


def _tell(desk: Desk, command: str, requests: Sequence[object], outcomes: Sequence[object]) -> None:
    """One line a batch, with the orders it is about and the requests that asked for them where they are few enough to read."""
    if not outcomes:
        return
    kinds = Counter("declined" if getattr(outcome, "approved", None) is False else type(outcome).__name__.lower() for outcome in outcomes)
    found = [getattr(outcome, "order_id", None) for outcome in outcomes[:_NAMED]]
    concerned = [ids.text("order", order) for order in found if isinstance(order, UUID)]
    named = {"order_id": concerned[0] if len(concerned) == 1 else concerned} if concerned and len(outcomes) <= _NAMED else {}
    sent = [by.request_id for request in requests[:_NAMED] if (by := getattr(request, "by", None))]
    asked = {"requests": sent} if sent and len(requests) <= _NAMED else {}
    log.info("batch done", command=command, request_id=desk.by.request_id, **kinds, **named, **asked)
