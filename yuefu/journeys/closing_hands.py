"""Several workers at one close: each takes a chunk of loans that nobody works on, brings it to the end of the day, and takes the next.

A chunk is one transaction, which also says that it is done: a worker that is killed leaves its chunk as it found it, to whoever comes next.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final
from uuid import UUID

from yuefu.errors import Refused
from yuefu.ids import IdSource
from yuefu.loans.commands import closing
from yuefu.runtime import locks, runs, sql, stops
from yuefu.runtime.beside import Beside
from yuefu.runtime.runs import Chunk, Run
from yuefu.runtime.values import Actor, Book, BusinessDay, UnitOfWork

STEP: Final = "advance"
CHUNK: Final = 4_000

Tell = Callable[[str, int, int], None]
"""Is told the name of a step, how many of its chunks are done, and how many there are."""


@dataclass(frozen=True, slots=True)
class Hands:
    """How many work at a close, on how many loans at a time, and who is told how far they are."""

    workers: int = 1
    loans_a_chunk: int = CHUNK
    tell: Tell | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """What a worker has to know of the close."""

    book: Book
    by: Actor
    run_id: UUID
    on: date
    now: datetime


class Hand:
    """One worker, in this process or in another."""

    def __init__(self, place: Place) -> None:
        day = BusinessDay(place.book.id, place.on, "closing", place.run_id)
        self._work = UnitOfWork(place.book, day, place.now, place.by, IdSource(secrets.randbits))
        self._run_id = place.run_id

    def work(self, tell: Tell | None = None) -> Refused | None:
        """Takes chunks until none is left, those that another worker broke off included. Refused with read_only where the book is, between two."""
        left = True
        while left:
            with sql.transacting(by_keys=True):
                if read_only := stops.read_only(book_id=self._work.book.id, now=self._work.now):
                    return read_only
                chunk = self._take()
                left = chunk is not None and self._advance(chunk)
            if tell and chunk:
                tell(STEP, *runs.chunks_done(run_id=self._run_id, name=STEP))
        return None

    def _take(self) -> Chunk | None:
        """A chunk that nobody works on; where there is none, one that another worker broke off."""
        locks.wait(locks.HANDS, self._run_id, shared=True)  # Nobody waits for it: whoever looks on counts who is at work.
        free = runs.take_chunk(run_id=self._run_id, name=STEP, wait=False)
        return free or runs.take_chunk(run_id=self._run_id, name=STEP, wait=True)

    def _advance(self, chunk: Chunk) -> bool:
        """Whether a chunk is left after this one."""
        closing.advance(work=self._work, on=self._work.day.on, no=chunk.no, first=chunk.first, last=chunk.last)
        return runs.chunk_done(run_id=self._run_id, name=STEP, no=chunk.no)


def begin(*, work: UnitOfWork, run: Run, loans_a_chunk: int) -> int:
    """Divides the loans of the day among chunks, once a run. Call it when it is our turn. Returns how many chunks are left."""
    done, total = runs.chunks_done(run_id=run.id, name=STEP)
    if total:
        return total - done
    ranges: Sequence[tuple[UUID, UUID]] = closing.chunks(work.book.id, work.day.on, loans_a_chunk)
    runs.make_chunks(book_id=work.book.id, run_id=run.id, name=STEP, ranges=ranges)
    return len(ranges)


def all_hands(*, work: UnitOfWork, run: Run, hands: Hands, left: int) -> Refused | None:
    """Works on the chunks that are `left` with so many workers, this process among them; no more than there are chunks. Refused as `Hand.work` is."""
    place = Place(work.book, work.by, run.id, work.day.on, work.now)
    with ExitStack() as beside:
        others = [beside.enter_context(Beside(f"{__name__}:Hand", place)) for _ in range(min(hands.workers, left) - 1)]
        for other in others:
            other.tell("work")
        refused = Hand(place).work(hands.tell)
        answers = [other.answer() for other in others]
    return next((answer for answer in answers if answer), refused)
