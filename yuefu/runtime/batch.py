"""Many at once: isolating a culprit by halves, and coalescing concurrent requests into one batch."""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import InvalidStateError
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from time import monotonic
from typing import Any, Generic, Protocol, TypeVar, cast
from uuid import UUID

import psycopg
from django.db import InterfaceError as DjangoInterfaceError
from django.db import OperationalError as DjangoOperationalError

L = TypeVar("L", bound=Hashable)
R = TypeVar("R")
O = TypeVar("O")
A_contra = TypeVar("A_contra", contravariant=True)

_LOCKED = "55P03"  # a lock was waited for as long as it may be: waiting once more would hold up the neighbours once more
_TRANSIENT = ("40001", "40P01", _LOCKED)  # serialization failure, deadlock
_MOST_IDLE_LANES = 1_000
_AGAIN = ("40001", "40P01", "23505", "0A000")
"""And a unique key that somebody else took meanwhile: a second look sees it. And a plan that was kept of a column that has another type since:
the driver forgets its plans with the transaction that met one (`runtime.sql.transacting`).
"""


@dataclass(frozen=True, slots=True)
class Quarantined:
    """One request that raises whenever it is tried. Its neighbours were carried out without it. `id` is that of the record that is kept
    of it, once there is one.
    """

    error: str
    id: UUID | None = field(default=None, compare=False)


class Busy(Exception):
    """Too much is waiting already, or nothing more is taken in. `retry_after_s` says when to come back; nothing was done."""

    def __init__(self, retry_after_s: int) -> None:
        super().__init__("the queue is full")
        self.retry_after_s = retry_after_s


class TooMuch(Busy):
    """One tenant has its share of the queue waiting already; others are still taken in."""


class HeldUp(Exception):
    """Of a batch some are held up by somebody else's lock, and the rest are carried out: `outcomes` has None for those that are held up."""

    def __init__(self, outcomes: Sequence[Any]) -> None:
        super().__init__("a lock was not let go in time")
        self.outcomes = outcomes


@dataclass(frozen=True, slots=True)
class _Held:
    error: Exception


def in_halves(requests: Sequence[R], act: Callable[[Sequence[R]], Sequence[O]], *, retries: int = 3) -> list[O | Quarantined]:
    """Runs `act` (one transaction for all it is given). On an exception the batch is rolled back by `act` itself and tried
    again in halves until the culprit stands alone; deadlocks are retried whole first. One outcome a request, in order.

    Raises what `act` raised where the database itself is not there, or where all still meet a lock; HeldUp where some do.
    """
    found = _in_halves(requests, act, retries)
    held = [one.error for one in found if isinstance(one, _Held)]
    if not held:
        return cast("list[O | Quarantined]", found)
    if len(held) == len(found):
        raise held[0]
    raise HeldUp([None if isinstance(one, _Held) else one for one in found]) from held[0]


def _in_halves(requests: Sequence[R], act: Callable[[Sequence[R]], Sequence[O]], retries: int) -> list[O | Quarantined | _Held]:
    if not requests:
        return []
    error: Exception
    for _ in range(retries):
        try:
            return list(act(requests))
        except Exception as caught:
            if is_outage(caught):
                raise
            error = caught
            if _state(caught) not in _AGAIN:
                break
    if len(requests) == 1:
        return [_Held(error) if is_held_up(error) else Quarantined(_told(error))]
    middle = len(requests) // 2
    return _in_halves(requests[:middle], act, retries) + _in_halves(requests[middle:], act, retries)


def _told(error: Exception) -> str:
    """What is kept of an error. Of one of the database neither the values of the row that it names nor those of the statement: they may be
    personal, and the name of the constraint says enough.
    """
    cause = error if isinstance(error, psycopg.Error) else error.__cause__
    if not isinstance(cause, psycopg.Error):
        return f"{type(error).__name__}: {error}"
    said = cause.diag
    where = ", ".join(name for name in (said.table_name, said.constraint_name, said.column_name) if name)
    message = "" if _state(error).startswith("22") else said.message_primary or ""  # data exceptions quote what was given
    return f"{type(error).__name__}: {message or 'the data does not fit'} ({_state(error) or 'no state'}{': ' + where if where else ''})"


def is_outage(error: Exception) -> bool:
    """The database is gone, full or going down: nobody's fault, so nobody is quarantined for it."""
    if isinstance(error, psycopg.InterfaceError | DjangoInterfaceError):
        return True
    operational = isinstance(error, psycopg.OperationalError | DjangoOperationalError)
    return operational and (not _state(error) or _state(error).startswith(("08", "53", "57P", "58")))


def is_held_up(error: Exception) -> bool:
    """Somebody else holds what was needed, a row or a key, and did not let go in time. Nothing was done."""
    return _state(error) in _TRANSIENT


def _state(error: Exception) -> str:
    cause = error if isinstance(error, psycopg.Error) else error.__cause__
    return (cause.sqlstate or "") if isinstance(cause, psycopg.Error) else ""


class Answer(Protocol[A_contra]):
    """Where an outcome is put: a future of `concurrent.futures`, or of an event loop."""

    def done(self) -> bool: ...

    def set_result(self, result: A_contra, /) -> None: ...

    def set_exception(self, exception: BaseException, /) -> None: ...


@dataclass(slots=True)
class _Lane(Generic[R, O]):
    """What waits for one kind of batch, by tenant. The tenants take turns: each in its turn puts one request into the batch."""

    tenants: deque[Hashable] = field(default_factory=deque)
    waiting: dict[Hashable, deque[tuple[R, Answer[O]]]] = field(default_factory=dict)
    count: int = 0
    under_way: bool = False
    expected: int = 0
    """How many were waiting when the last batch ended, and how many it answered: they are about to come back."""
    ended_at: float = 0.0
    took: float = 0.0
    """The last batch: when it ended and how long it took, in seconds."""
    hoped_for: int = 0
    """How many the next batch waits for; 0 where none waits."""

    def put(self, tenant: Hashable, request: R, answer: Answer[O]) -> None:
        if tenant not in self.waiting:
            self.waiting[tenant] = deque()
            self.tenants.append(tenant)
        self.waiting[tenant].append((request, answer))
        self.count += 1

    def take(self, size: int) -> list[tuple[Hashable, R, Answer[O]]]:
        taken: list[tuple[Hashable, R, Answer[O]]] = []
        while self.tenants and len(taken) < size:
            tenant = self.tenants.popleft()
            queue = self.waiting[tenant]
            taken.append((tenant, *queue.popleft()))
            if queue:
                self.tenants.append(tenant)
            else:
                del self.waiting[tenant]
        self.count -= len(taken)
        return taken


def at_once(step: Callable[[], None]) -> None:
    """Hands the answers of a batch over in the thread that carried it out."""
    step()


class Batcher(Generic[L, R, O]):
    """Coalesces concurrent requests into batches: `act(lane, requests)` is called with what waits in one lane, at most `size`.

    A lane has one batch at a time; while it commits, the next one gathers, so a lone request never waits for company. `threads` of them
    serve all lanes, in the order in which these became ready. Senders who were just answered often come back at once: the next batch
    waits for seven of eight of them, at most as long as the one before took, and at most `linger_s`. A batch costs nearly the same whatever
    is in it, so without this the first who is back would begin one alone, while all others gather behind it.

    Nothing is unbounded: beyond `waiting` requests in all Busy is raised at once, beyond `share` of one tenant TooMuch. Tenants take turns
    in filling a batch, so one that floods its share holds up nobody else by more than one place a batch.

    A request whose answer was given up (cancelled) before its batch began is dropped whole; later it is carried out whole. `hand_over` is
    called once a batch with what gives the answers: an event loop passes its `call_soon_threadsafe`.
    """

    def __init__(
        self,
        act: Callable[[L, Sequence[R]], Sequence[O]],
        *,
        size: int = 500,
        waiting: int = 4_000,
        share: int = 1_000,
        linger_s: float = 0.020,
        threads: int = 2,
        hand_over: Callable[[Callable[[], None]], Any] = at_once,
        clock: Callable[[], float] = monotonic,
        name: str = "batcher",
    ) -> None:
        self._act, self._hand_over, self._clock = act, hand_over, clock
        self._size, self._limit, self._share, self._linger_s = size, waiting, share, linger_s
        self._lanes: dict[L, _Lane[R, O]] = {}
        self._ready: deque[L] = deque()
        self._of_tenant: Counter[Hashable] = Counter()
        self._waiting = 0
        lock = threading.Lock()
        self._change, self._company = threading.Condition(lock), threading.Condition(lock)
        self._stopped = False
        self._threads = [threading.Thread(target=self._work, name=f"{name}-{n}", daemon=True) for n in range(threads)]
        for thread in self._threads:
            thread.start()

    def submit(self, lane: L, request: R, answer: Answer[O], *, tenant: Hashable = None) -> None:
        """Queues a request; its outcome, or what its batch raised, is put into `answer`. Raises Busy or TooMuch: then nothing was done."""
        with self._change:
            if self._stopped:
                raise Busy(5)
            if self._waiting >= self._limit:
                raise Busy(1)
            if tenant is not None and self._of_tenant[tenant] >= self._share:
                raise TooMuch(1)
            queue = self._lanes.setdefault(lane, _Lane())
            queue.put(tenant, request, answer)
            self._of_tenant[tenant] += 1
            self._waiting += 1
            if not queue.under_way and queue.count == 1:
                self._ready.append(lane)
                self._change.notify()
            elif queue.count == queue.hoped_for:
                self._company.notify_all()

    @property
    def waiting(self) -> int:
        """How many requests have not begun."""
        return self._waiting

    def stop(self) -> None:
        """Takes nothing more in, finishes what is waiting, then ends."""
        with self._change:
            self._stopped = True
            self._change.notify_all()
            self._company.notify_all()
        for thread in self._threads:
            thread.join()

    def _work(self) -> None:
        while (found := self._next()) is not None:
            lane, taken = found
            batch = [(request, answer) for request, answer in taken if not answer.done()]  # Else it was given up.
            began = self._clock()
            if batch:
                self._carry_out(lane, batch)
            self._go_on(lane, len(batch), began)

    def _next(self) -> tuple[L, list[tuple[R, Answer[O]]]] | None:
        with self._change:
            while not self._ready:
                if self._stopped:
                    return None
                self._change.wait()
            lane = self._ready.popleft()
            queue = self._lanes[lane]
            queue.under_way = True
            self._wait_for_company(queue)
            taken = queue.take(self._size)
            self._waiting -= len(taken)
            for tenant, _, _ in taken:
                self._of_tenant[tenant] -= 1
                if not self._of_tenant[tenant]:
                    del self._of_tenant[tenant]
            return lane, [(request, answer) for _, request, answer in taken]

    def _wait_for_company(self, queue: _Lane[R, O]) -> None:
        queue.hoped_for = min(queue.expected - queue.expected // 8, self._size)
        until = queue.ended_at + min(queue.took, self._linger_s)
        while queue.count < queue.hoped_for and not self._stopped and (left := until - self._clock()) > 0:
            self._company.wait(left)
        queue.hoped_for = 0

    def _go_on(self, lane: L, done: int, began: float) -> None:
        with self._change:
            queue = self._lanes[lane]
            queue.under_way, queue.expected, queue.ended_at = False, queue.count + done, self._clock()
            queue.took = queue.ended_at - began
            if queue.count:
                self._ready.append(lane)
                self._change.notify()
            elif len(self._lanes) > _MOST_IDLE_LANES:
                del self._lanes[lane]

    def _carry_out(self, lane: L, batch: Sequence[tuple[R, Answer[O]]]) -> None:
        answers = [answer for _, answer in batch]
        try:
            outcomes = self._act(lane, [request for request, _ in batch])
            assert len(outcomes) == len(batch), "a command returns one outcome per request"
        except BaseException as error:  # noqa: BLE001 - every waiting caller must learn of it, or it would wait for ever
            give = partial(_fail, answers, error)
        else:
            give = partial(_give, answers, outcomes)
        with suppress(RuntimeError):  # The event loop is closed: nobody waits any more, and what was done stays findable by its key.
            self._hand_over(give)


def _give(answers: Sequence[Answer[O]], outcomes: Sequence[O]) -> None:
    for answer, outcome in zip(answers, outcomes, strict=True):
        with suppress(InvalidStateError):  # given up meanwhile
            if not answer.done():
                answer.set_result(outcome)


def _fail(answers: Sequence[Answer[O]], error: BaseException) -> None:
    for answer in answers:
        with suppress(InvalidStateError):
            if not answer.done():
                answer.set_exception(error)
