"""The counter: whatever is asked for over HTTP at the same time goes to the journeys as batches, and each request gets its own answer."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final, TypeVar, cast
from uuid import UUID

import psycopg
from django.conf import settings
from django.db import DatabaseError as DjangoDatabaseError
from django.db import InterfaceError as DjangoInterfaceError

from yuefu import ids
from yuefu.access import commands as access
from yuefu.access import queries as keys
from yuefu.access.rules import ApiKey
from yuefu.api import looks
from yuefu.api.looks import Find, Look, once_more
from yuefu.api.problems import Problem
from yuefu.errors import Refused
from yuefu.ids import IdSource
from yuefu.journeys import annotating, api_keys, checkout, clock_jobs, disputes, fixtures, places, refund, repayment, test_clocks
from yuefu.journeys.checkout import labelling, scanning, sessions
from yuefu.journeys.desk import Desk, open_day
from yuefu.journeys.webhooks import changing
from yuefu.payments.gateways.sandbox import SandboxBank, SandboxChannel
from yuefu.runtime import books, vault
from yuefu.runtime.batch import Batcher, Busy, HeldUp, Quarantined, TooMuch, in_halves, is_held_up, is_outage
from yuefu.runtime.clock import system_ticks
from yuefu.runtime.logs import logger
from yuefu.runtime.values import Book, system_actor
from yuefu.runtime.vault import Vault

T = TypeVar("T")

Verb = str
"""A name of VERBS."""
Lane = tuple[UUID, Verb]
"""A book and what is done in it: what may be one batch."""

Act = Callable[[Desk, datetime, Sequence[Any]], Sequence[Any]]

VERBS: Final[Mapping[Verb, Act]] = {
    "authorise": lambda desk, now, requests: checkout.authorise(desk=desk, now=now, purchases=requests),
    "capture": lambda desk, now, requests: checkout.capture(desk=desk, now=now, requests=requests),
    "void": lambda desk, now, requests: checkout.void(desk=desk, now=now, requests=requests),
    "release": lambda desk, now, requests: checkout.release(desk=desk, now=now, requests=requests),
    "extend": lambda desk, now, requests: checkout.extend(desk=desk, now=now, requests=requests),
    "refund": lambda desk, now, requests: refund.refund(desk=desk, now=now, requests=requests),
    "repay": lambda desk, now, requests: repayment.repay(desk=desk, now=now, requests=requests),
    "annotate": lambda desk, now, requests: annotating.annotate(desk=desk, now=now, annotations=requests),
    "key": lambda desk, now, requests: api_keys.make(desk=desk, now=now, requests=requests, random_bytes=secrets.token_bytes),
    "roll_key": lambda desk, now, requests: api_keys.roll(desk=desk, now=now, requests=requests, random_bytes=secrets.token_bytes),
    "revoke_key": lambda desk, now, requests: api_keys.revoke(desk=desk, now=now, requests=requests),
    "change_key": lambda desk, now, requests: api_keys.change(desk=desk, now=now, requests=requests),
    "create_clock": lambda desk, now, requests: test_clocks.create(desk=desk, now=now, requests=requests),
    "advance_clock": lambda desk, now, requests: clock_jobs.advance(desk=desk, now=now, requests=requests),
    "register_fixture": lambda desk, now, requests: fixtures.register(desk=desk, now=now, requests=requests),
    "delete_clock": lambda desk, now, requests: test_clocks.delete(desk=desk, now=now, deletions=requests),
    "dispute": lambda desk, now, requests: disputes.take(desk=desk, now=now, requests=requests),
    "evidence": lambda desk, now, requests: disputes.add_evidence(desk=desk, now=now, requests=requests),
    "file": lambda desk, now, requests: disputes.keep_files(desk=desk, now=now, requests=requests),
    "quote_once": lambda desk, now, requests: in_halves(requests, lambda part: checkout.quote_once(desk=desk, now=now, wishes=part)),
    "quote": lambda desk, now, requests: in_halves(requests, lambda part: checkout.quote(desk=desk, now=now, wishes=part)),
    "webhook": lambda desk, now, requests: in_halves(requests, lambda part: changing.carry_out(desk=desk, now=now, requests=part)),
    "label": lambda desk, now, requests: in_halves(requests, lambda part: labelling.labels(desk=desk, now=now, wishes=part)),
    "open_store": lambda desk, now, requests: places.open_stores(desk=desk, now=now, requests=requests),
    "open_terminal": lambda desk, now, requests: places.open_terminals(desk=desk, now=now, requests=requests),
    "close_place": lambda desk, now, requests: places.close(desk=desk, now=now, requests=requests),
    "make_qr_code": lambda desk, now, requests: scanning.make(desk=desk, now=now, requests=requests),
    "open_session": lambda desk, now, requests: sessions.open_sessions(desk=desk, now=now, requests=requests),
    "expire_session": lambda desk, now, requests: sessions.expire_sessions(desk=desk, now=now, requests=requests),
}

PATIENCE_S: Final = 20.0
"""How long a client waits for its answer before it is sent away with its key."""

_NOTED_EVERY: Final = timedelta(minutes=1)
_NAME: Final = "api"

log = logger(__name__)


@dataclass(frozen=True, slots=True)
class Answered:
    """What became of a request; `first` is the request that was answered so before, where it is not this one."""

    outcome: Any
    first: str | None


@dataclass(frozen=True, slots=True)
class Holder:
    """An API key with its book: for whom somebody asks. The key of an agent who acts is that of the merchant, `through` the agent."""

    key: ApiKey
    book: Book
    through: UUID | None = None


class Counter:
    """One of each process, made in its event loop. `patience_s` and the bounds of the queue are given by tests."""

    def __init__(self, *, patience_s: float = PATIENCE_S, waiting: int = 4_000, share: int = 1_000) -> None:
        loop = asyncio.get_running_loop()
        hand_over = loop.call_soon_threadsafe
        self._patience_s, self._share = patience_s, share
        self._ids = IdSource(secrets.randbits, system_ticks)
        self._vault: Vault | None = None
        self._noted: dict[UUID, datetime] = {}
        self._work: Batcher[Lane, Any, Answered] = Batcher(
            self._carry_out, waiting=waiting, share=share, hand_over=hand_over, name="counter"
        )
        self._looks: Batcher[int, Look | Find, Any] = Batcher(
            looks.look, size=100, waiting=waiting, share=share, linger_s=0, hand_over=hand_over, name="looks"
        )
        self._uploads: Batcher[Lane, Any, Answered] = Batcher(
            self._carry_out, size=4, waiting=24, share=4, linger_s=0, threads=1, hand_over=hand_over, name="uploads"
        )
        self._files: Batcher[int, Look | Find, Any] = Batcher(
            looks.look, size=1, waiting=200, share=20, linger_s=0, threads=2, hand_over=hand_over, name="files"
        )
        self._doors: Batcher[str, bytes, Holder | None] = Batcher(
            _holders, size=200, waiting=waiting, linger_s=0, threads=1, hand_over=hand_over, name="doors"
        )

    def stop(self) -> None:
        """Takes nothing more in and finishes what is waiting. Blocks: call it outside the event loop."""
        for batcher in (self._work, self._uploads, self._looks, self._files, self._doors):
            batcher.stop()

    async def ask(self, verb: Verb, request: Any, *, holder: Holder) -> Answered:
        """Carries out a request with its neighbours. Raises the Problem that it is where it is not answered."""
        lane = (holder.book.id, verb)
        batches = self._uploads if verb == "file" else self._work  # What is large waits in few, or it would fill the memory.
        answered = await self._wait(lambda answer: batches.submit(lane, request, answer, tenant=holder.key.merchant_id))
        return cast("Answered", answered)

    async def look(self, holder: Holder, read: Callable[[], T]) -> T:
        """Reads as the merchant: PostgreSQL shows its rows and no others."""
        return cast("T", await self._seen(self._looks, Look(holder.key.merchant_id, read)))

    async def find(self, holder: Holder, read: Callable[[list[UUID]], Mapping[UUID, T]], object_id: UUID) -> T | None:
        """One object, read as the merchant with the others that are asked for at the same time; None where it has none of this id."""
        return cast("T | None", await self._seen(self._looks, Find(holder.key.merchant_id, read, object_id)))

    async def make(self, holder: Holder, read: Callable[[], T]) -> T:
        """Reads as the merchant what takes longer, a file that is made: apart, so that nobody's look waits for it."""
        return cast("T", await self._seen(self._files, Look(holder.key.merchant_id, read)))

    async def _seen(self, lanes: Batcher[int, Look | Find, Any], look: Look | Find) -> Any:
        lane = looks.lane_of(look)
        found = await self._wait(lambda answer: lanes.submit(lane, look, answer, tenant=look.merchant_id))
        if isinstance(found, Exception):
            raise found
        return found

    async def holder(self, secret_hash: bytes) -> Holder | None:
        """The key with a secret of this hash, in force or not, and its book."""
        return cast("Holder | None", await self._wait(lambda answer: self._doors.submit("", secret_hash, answer)))

    async def _wait(self, submit: Callable[[asyncio.Future[Any]], None]) -> Any:
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Any] = loop.create_future()
        given_up = loop.call_later(self._patience_s, _give_up, answer)
        try:
            submit(answer)
            return await answer
        except TooMuch as error:
            limits = {"RateLimit-Policy": f'"waiting";q={self._share}', "RateLimit": f'"waiting";r=0;t={error.retry_after_s}'}
            raise Problem("too_many_requests", headers=limits) from error
        except Busy as error:
            raise Problem("busy", headers={"Retry-After": str(error.retry_after_s)}) from error
        except TimeoutError as error:
            raise Problem("request_in_progress") from error
        except (psycopg.Error, DjangoDatabaseError, DjangoInterfaceError) as error:
            raise _of_database(error) from error
        finally:
            given_up.cancel()

    def _carry_out(self, lane: Lane, requests: Sequence[Any]) -> list[Answered]:
        """One batch in its own transaction or more."""
        book_id, verb = lane
        again: dict[str, str] = {}

        def act() -> list[Any]:
            desk, now = self._desk(book_id, again)
            outcomes = _all_but_held_up(VERBS[verb], desk, now, requests)
            self._note_use(desk, now, requests)
            return outcomes

        outcomes = once_more(verb, act)
        return [Answered(outcome, _first(request, again)) for request, outcome in zip(requests, outcomes, strict=True)]

    def _desk(self, book_id: UUID, again: dict[str, str]) -> tuple[Desk, datetime]:
        book = books.by_id(book_id)  # Each time: a test book's clock is moved by others.
        assert book is not None, "a key is of a book that is there"
        desk = Desk(book, system_actor(_NAME), self._ids, self.vault(), SandboxChannel(book), SandboxBank(book), again)
        return desk, books.now_in(book)

    def vault(self) -> Vault:
        """The keys of this installation, read once."""
        self._vault = self._vault or vault.load(Path(settings.YUEFU_KEYS_FILE))
        return self._vault

    def _note_use(self, desk: Desk, now: datetime, requests: Sequence[Any]) -> None:
        """Remembers that keys were used, once a minute each. It is no part of the batch: what fails here was not asked for by anybody."""
        names = {request.by.name for request in requests if getattr(request, "by", None)}
        used = [ids.parse("api_key", name) for name in names]
        due = [key_id for key_id in used if key_id not in self._noted or now - self._noted[key_id] >= _NOTED_EVERY]
        if not due:
            return
        try:
            with open_day(desk, now) as work:
                if not isinstance(work, Refused):
                    access.note_use(work=work, key_ids=due)
            self._noted = {**(self._noted if len(self._noted) < 10_000 else {}), **dict.fromkeys(due, now)}
        except (psycopg.Error, DjangoDatabaseError, DjangoInterfaceError) as error:
            log.warning("use of keys not noted", error=type(error).__name__)


def _all_but_held_up(act: Act, desk: Desk, now: datetime, requests: Sequence[Any]) -> list[Any]:
    """Outcomes, with the exception in place of those that somebody else's lock held up. Their neighbours were carried out: asked once more,
    their keys tell what became of them.
    """
    try:
        return list(act(desk, now, requests))
    except HeldUp as held:
        through = [request for request, outcome in zip(requests, held.outcomes, strict=True) if outcome is not None]
        told = iter(act(desk, now, through))
        return [held if outcome is None else next(told) for outcome in held.outcomes]


def _give_up(answer: asyncio.Future[Any]) -> None:
    """Nobody waits any longer. What has not begun is dropped; of what has, the key tells later what became of it."""
    if not answer.done():
        answer.set_exception(TimeoutError())


def _first(request: Any, again: Mapping[str, str]) -> str | None:
    by = getattr(request, "by", None)
    first = again.get(by.request_id) if by else None
    return None if by is None or first == by.request_id else first  # Its own: the reply to its commit was lost, and it was tried again.


def _holders(lane: str, hashes: Sequence[bytes]) -> list[Holder | None]:
    del lane
    holders = once_more("doors", lambda: _holders_of(sorted(set(hashes))))
    return [holders.get(mark) for mark in hashes]


def _holders_of(hashes: Sequence[bytes]) -> dict[bytes, Holder]:
    found = keys.keys_by_hash(hashes=hashes)
    of_key = {book_id: books.by_id(book_id) for book_id in {key.book_id for key in found.values()}}
    return {mark: Holder(key, book) for mark, key in found.items() if (book := of_key[key.book_id])}


def _of_database(error: Exception) -> Problem:
    if is_held_up(error):
        return Problem("request_in_progress")
    if is_outage(error):
        return Problem("unavailable")
    log.error("database error", error=type(error).__name__, exc_info=error)
    return Problem("internal_error")


def outcome_of(answered: Answered) -> Any:
    """The outcome, unless the request was held up or put aside."""
    if isinstance(answered.outcome, HeldUp):
        raise Problem("request_in_progress")
    if isinstance(answered.outcome, Quarantined):
        kept = {"quarantine": ids.text("quarantine", answered.outcome.id)} if answered.outcome.id else {}
        raise Problem("request_quarantined", more=kept)
    return answered.outcome
