"""Many at once: isolating a culprit by halves, and coalescing concurrent requests into one batch."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Generic, TypeVar

import psycopg
from django.db import InterfaceError as DjangoInterfaceError
from django.db import OperationalError as DjangoOperationalError

R = TypeVar("R")
O = TypeVar("O")

_TRANSIENT = ("40001", "40P01", "55P03")  # serialization failure, deadlock, lock not available
_AGAIN = (*_TRANSIENT, "23505")  # and a unique key that somebody else took meanwhile: a second look sees it


@dataclass(frozen=True, slots=True)
class Quarantined:
    """One request that raises whenever it is tried. Its neighbours were carried out without it."""

    error: str


class Busy(Exception):
    """Too much is waiting already. `retry_after_s` says when to come back; nothing was done."""

    def __init__(self, retry_after_s: int) -> None:
        super().__init__("the queue is full")
        self.retry_after_s = retry_after_s


def in_halves(requests: Sequence[R], act: Callable[[Sequence[R]], Sequence[O]], *, retries: int = 3) -> list[O | Quarantined]:
    """Runs `act` (one transaction for all it is given). On an exception the batch is rolled back by `act` itself and tried
    again in halves until the culprit stands alone; deadlocks and lock time-outs are retried whole first. One outcome a request, in order.
    Raises what `act` raised where the database itself is not there, or one request alone still meets a lock.
    """
    if not requests:
        return []
    error: Exception
    for _ in range(retries):
        try:
            return list(act(requests))
        except Exception as caught:
            if _is_outage(caught):
                raise
            error = caught
            if _state(caught) not in _AGAIN:
                break
    if len(requests) == 1:
        if _state(error) in _TRANSIENT:
            raise error
        return [Quarantined(_told(error))]
    middle = len(requests) // 2
    return in_halves(requests[:middle], act, retries=retries) + in_halves(requests[middle:], act, retries=retries)


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


def _is_outage(error: Exception) -> bool:
    """The database is gone, full or going down: nobody's fault, so nobody is quarantined for it."""
    if isinstance(error, psycopg.InterfaceError | DjangoInterfaceError):
        return True
    operational = isinstance(error, psycopg.OperationalError | DjangoOperationalError)
    return operational and (not _state(error) or _state(error).startswith(("08", "53", "57P", "58")))


def _state(error: Exception) -> str:
    cause = error if isinstance(error, psycopg.Error) else error.__cause__
    return (cause.sqlstate or "") if isinstance(cause, psycopg.Error) else ""


class Batcher(Generic[R, O]):
    """Coalesces concurrent requests into batches: one thread per batcher calls `act` with all that is waiting, at most `size`.

    While one batch commits the next one gathers, so a lone request never waits for company. At most `waiting` requests queue;
    one more raises Busy at once. Each caller gets its own outcome or its own exception.
    """

    def __init__(self, act: Callable[[Sequence[R]], Sequence[O]], *, size: int = 500, waiting: int = 5_000, name: str = "batcher") -> None:
        self._act = act
        self._size = size
        self._limit = waiting
        self._queue: deque[tuple[R, Future[O]]] = deque()
        self._ready = threading.Condition()
        self._stopped = False
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._thread.start()

    def submit(self, request: R, *, timeout_s: float = 30.0) -> O:
        """Waits for the outcome of one request."""
        future: Future[O] = Future()
        with self._ready:
            if self._stopped:
                raise Busy(5)
            if len(self._queue) >= self._limit:
                raise Busy(1)
            self._queue.append((request, future))
            self._ready.notify()
        return future.result(timeout=timeout_s)

    def stop(self) -> None:
        """Finishes what is waiting, then ends."""
        with self._ready:
            self._stopped = True
            self._ready.notify()
        self._thread.join()

    def _work(self) -> None:
        while batch := self._next():
            try:
                outcomes = self._act([request for request, _ in batch])
                assert len(outcomes) == len(batch), "a command returns one outcome per request"
            except BaseException as error:  # noqa: BLE001 - every waiting caller must learn of it, or it would wait for ever
                for _, future in batch:
                    future.set_exception(error)
            else:
                for (_, future), outcome in zip(batch, outcomes, strict=True):
                    future.set_result(outcome)

    def _next(self) -> list[tuple[R, Future[O]]]:
        with self._ready:
            while not self._queue and not self._stopped:
                self._ready.wait()
            return [self._queue.popleft() for _ in range(min(self._size, len(self._queue)))]
