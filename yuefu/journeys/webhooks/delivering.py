"""Delivering: claimed, sent with no transaction open, settled. At least once, and in no order that is promised.

One event loop sends; two threads speak to the database, one that claims and one that settles, each many at once. A worker that is killed loses
nothing: what it had in hand is due again when its lease ends. All times are those of the world, for receivers have no other clock.
"""

from __future__ import annotations

import asyncio
import secrets
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, TypeVar
from uuid import UUID

import orjson
import psycopg
from django.db import connections

from yuefu import ids as names
from yuefu.ids import IdSource
from yuefu.journeys.webhooks import telling
from yuefu.notices.commands import webhooks as notices
from yuefu.notices.commands.webhooks import Claimed, Tried
from yuefu.notices.commands.webhooks.telling import CHANNEL
from yuefu.notices.gateways.webhooks import Post, WebhookSender
from yuefu.notices.queries import webhooks as queries
from yuefu.notices.rules.webhooks import signing
from yuefu.notices.rules.webhooks.endpoints import LARGEST_PAYLOAD, Endpoint
from yuefu.notices.rules.webhooks.events import PublicEvent, render, thin
from yuefu.notices.rules.webhooks.signing import NotSigned, Secret
from yuefu.notices.rules.webhooks.targets import Network, Where
from yuefu.notices.rules.webhooks.trying import JITTER_PARTS, Answer
from yuefu.runtime import books, outbox, sql
from yuefu.runtime.clock import system_now, system_ticks
from yuefu.runtime.logs import logger
from yuefu.runtime.metrics import WEBHOOKS
from yuefu.runtime.vault import Vault, VaultError

MOST: Final = 600
"""On their way at once, in one process."""
EACH: Final = 100
"""To the endpoints of one merchant: those that hang are all theirs, and whoever answers is not kept waiting by them."""
ASK_EVERY_S: Final = 5.0
"""In case a notification was lost."""
AGAIN_AFTER_S: Final = 1.0

A = TypeVar("A")
T = TypeVar("T")

log = logger(__name__)


@dataclass(frozen=True, slots=True)
class Ready:
    """A delivery that can go."""

    delivery: Claimed
    url: str
    name: str
    body: bytes
    where: Where
    secrets: Sequence[Secret] = field(repr=False)


def payload(event: PublicEvent, endpoint: Endpoint, *, is_live: bool) -> bytes:
    """The body of a message: as the endpoint asked for, and thin where the whole would be too large."""
    if endpoint.payload == "full":
        whole = orjson.dumps(render(event, endpoint.api_version, is_live=is_live))
        if len(whole) < LARGEST_PAYLOAD:
            return whole
    return orjson.dumps(thin(event))


def claim(*, now: datetime, vault: Vault, networks: Sequence[Network], most: int, under_way: Counter[UUID]) -> list[Ready]:
    """Claims what is due and makes it ready to go."""
    with sql.transacting():
        claimed = notices.claim(now=now, most=most, each=EACH, under_way=+under_way)
        if not claimed:
            return []
        events = queries.events([one.event_id for one in claimed])
        endpoints = queries.endpoints({one.endpoint_id for one in claimed})
        keys = _keys(list(endpoints), now, vault)
        live = {book_id: _is_live(book_id) for book_id in {one.book_id for one in endpoints.values()}}
    bodies: dict[tuple[UUID, str, str], bytes] = {}
    ready = []
    for one in claimed:
        endpoint, event = endpoints[one.endpoint_id], events[one.event_id]
        is_live, form = live[endpoint.book_id], (event.id, endpoint.payload, endpoint.api_version)
        if form not in bodies:
            bodies[form] = _payload(event, endpoint, is_live=is_live)
        where = Where(is_live=is_live, networks=networks)
        ready.append(Ready(one, endpoint.url, names.text("event", event.id), bodies[form], where, keys.get(endpoint.id, ())))
    return ready


def _keys(endpoint_ids: Sequence[UUID], now: datetime, vault: Vault) -> dict[UUID, list[Secret]]:
    """What each endpoint's messages are signed with. One whose secrets cannot be opened has none, and holds up no other."""
    try:
        return queries.in_force(endpoint_ids, now=now, vault=vault)
    except VaultError:
        if len(endpoint_ids) == 1:
            log.exception("secrets cannot be opened", endpoint=names.text("webhook_endpoint", endpoint_ids[0]))
            return {}
    return {i: secrets for one in endpoint_ids for i, secrets in _keys([one], now, vault).items()}


def _payload(event: PublicEvent, endpoint: Endpoint, *, is_live: bool) -> bytes:
    """The body of a message; empty where there is none to be made, which holds up no other."""
    try:
        return payload(event, endpoint, is_live=is_live)
    except Exception as error:
        log.exception("event not rendered", source=names.text("event", event.id), error=type(error).__name__)
        return b""


def _is_live(book_id: UUID) -> bool:
    book = books.by_id(book_id)
    return book is None or book.mode == "live"


def settle(tried: Sequence[Tried], *, now: datetime, ids: IdSource) -> Counter[str]:
    """Books what became of tries; how many had which outcome. Those of one delivery, whose lease ended while nobody could book the first, come one
    after the other.
    """
    outcomes: Counter[str] = Counter()
    with sql.transacting():
        for part in _each_once(tried):
            outcomes += notices.settle(tried=part, now=now, ids=ids)
    for outcome, count in outcomes.items():
        WEBHOOKS.labels(outcome=outcome).inc(count)
    return outcomes


def _each_once(tried: Sequence[Tried]) -> list[list[Tried]]:
    """The same tries, in parts that hold no delivery twice."""
    parts: list[list[Tried]] = []
    had: Counter[UUID] = Counter()
    for one in tried:
        if had[one.delivery_id] == len(parts):
            parts.append([])
        parts[had[one.delivery_id]].append(one)
        had[one.delivery_id] += 1
    return parts


class Deliverer:
    """Tells and delivers until it is stopped. `chance` draws pauses out: a whole number below the one it is given."""

    def __init__(
        self,
        *,
        vault: Vault,
        networks: Sequence[Network] = (),
        clock: Callable[[], datetime] = system_now,
        chance: Callable[[int], int] = secrets.randbelow,
        most: int = MOST,
    ) -> None:
        self._vault, self._networks, self._clock, self._chance, self._most = vault, tuple(networks), clock, chance, most
        self._ids = IdSource(secrets.randbits, system_ticks)
        self._under_way: Counter[UUID] = Counter()
        self._tried: list[Tried] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._stopping, self._woken, self._settling = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self._finished = False

    def stop(self) -> None:
        """Claims nothing more and finishes what is on its way. Call it in the event loop."""
        self._stopping.set()
        self._woken.set()

    async def run(self) -> None:
        """Until `stop`; a database that restarts is waited for."""
        with ThreadPoolExecutor(1, "claim") as claiming, ThreadPoolExecutor(1, "settle") as settling:
            listener = asyncio.create_task(self._listen())
            settler = asyncio.create_task(self._settle_all(settling))
            try:
                async with WebhookSender(self._networks) as sender:
                    await self._claim_all(claiming, sender)
                    while self._tasks:
                        await asyncio.wait(self._tasks)
            finally:
                self._finished = True
                self._settling.set()
                listener.cancel()
                await settler
                for pool in (claiming, settling):
                    await asyncio.get_running_loop().run_in_executor(pool, connections.close_all)

    async def _claim_all(self, pool: ThreadPoolExecutor, sender: WebhookSender) -> None:
        while not self._stopping.is_set():
            self._woken.clear()
            room = self._most - self._under_way.total()
            found = await _patiently(pool, self._claim, room) if room > 0 else None
            if found is None:
                await self._rest(AGAIN_AFTER_S if room > 0 else ASK_EVERY_S)
                continue
            ready, next_due = found
            for one in ready:
                self._under_way[one.delivery.endpoint_id] += 1
                task = asyncio.create_task(self._try(sender, one))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
            if len(ready) < room // 2:  # else there is more
                until = (next_due - self._clock()).total_seconds() if next_due else ASK_EVERY_S
                await self._rest(min(max(until, 0.01), ASK_EVERY_S))

    async def _rest(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._woken.wait()
        except TimeoutError:
            return

    def _claim(self, room: int) -> tuple[list[Ready], datetime | None]:
        while telling.tell(now=self._clock(), ids=self._ids) == telling.BATCH:
            pass
        now = self._clock()
        ready = claim(now=now, vault=self._vault, networks=self._networks, most=room, under_way=self._under_way.copy())
        return ready, None if ready else queries.next_due(now=now)

    async def _try(self, sender: WebhookSender, one: Ready) -> None:
        began = self._clock()
        try:
            if not one.secrets or not one.body:
                raise NotSigned("there is nothing to sign, or nothing to sign it with")
            headers = signing.headers(one.secrets, name=one.name, at=began, body=one.body) | {"Content-Type": "application/json"}
            answer = await sender.post(Post(one.url, headers, one.body, one.where))
        except Exception as error:
            log.exception("webhook not sent", delivery=names.text("delivery", one.delivery.id), error=type(error).__name__)
            answer = Answer(None, "not_sent")
        self._tried.append(Tried(one.delivery.id, began, answer, self._chance(JITTER_PARTS)))
        self._under_way[one.delivery.endpoint_id] -= 1
        self._settling.set()
        if self._under_way.total() < self._most // 2:
            self._woken.set()

    async def _settle_all(self, pool: ThreadPoolExecutor) -> None:
        """Books what was tried meanwhile, together, until there is nothing more to come."""
        while not self._is_over():
            await self._settling.wait()
            self._settling.clear()
            while self._tried:
                batch, self._tried = self._tried, []
                if await _patiently(pool, self._settle, batch) is None:
                    self._tried = [*batch, *self._tried]
                    if self._is_over():
                        return  # their leases end, and they are tried again
                    await asyncio.sleep(AGAIN_AFTER_S)

    def _is_over(self) -> bool:
        return self._finished

    def _settle(self, batch: Sequence[Tried]) -> Counter[str]:
        return settle(batch, now=self._clock(), ids=self._ids)

    async def _listen(self) -> None:
        """Wakes whoever claims when something happens."""
        given = connections["default"].get_connection_params()
        parts: dict[str, Any] = {n: v for n, v in given.items() if n not in {"context", "prepare_threshold", "cursor_factory"}}
        while not self._stopping.is_set():
            try:
                async with await psycopg.AsyncConnection.connect(**parts, autocommit=True) as listener:
                    await listener.execute(f"LISTEN {CHANNEL}")
                    await listener.execute(f"LISTEN {outbox.CHANNEL}")
                    async for _ in listener.notifies():
                        self._woken.set()
            except (psycopg.Error, OSError) as error:
                log.warning("deliverer listens again", error=type(error).__name__)
                await asyncio.sleep(AGAIN_AFTER_S)


async def _patiently(pool: ThreadPoolExecutor, act: Callable[[A], T], given: A) -> T | None:
    """What an act in a thread returns; None where it raised: that stands in the log, and the thread begins with a new connection."""

    def acted() -> T | None:
        try:
            return act(given)
        except Exception as error:  # noqa: BLE001 - the deliverer outlives a database that restarts
            log.warning("deliverer tries again", error=f"{type(error).__name__}: {error}".splitlines()[0])
            connections.close_all()
            return None

    return await asyncio.get_running_loop().run_in_executor(pool, acted)


async def deliver_until(stopped: threading.Event, *, vault: Vault, networks: Sequence[Network]) -> None:
    """Delivers until somebody in another thread says so."""
    deliverer = Deliverer(vault=vault, networks=networks)
    running = asyncio.create_task(deliverer.run())
    told = asyncio.create_task(asyncio.to_thread(stopped.wait))
    await asyncio.wait([running, told], return_when=asyncio.FIRST_COMPLETED)
    stopped.set()
    deliverer.stop()
    await running
