"""Loans told anew from their terms and events: is what is stored of them still that?"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final
from uuid import UUID

from yuefu.loans import queries as loan_book
from yuefu.runtime import days, sql
from yuefu.runtime.beside import Beside, Ended
from yuefu.runtime.logs import logger
from yuefu.runtime.values import Book

WORTH_ANOTHER: Final = 4_000
"""So many loans take another process longer than it takes to begin."""

GIVEN_AHEAD: Final = 2
"""So many pieces has a process that was not waited for: when it has answered one, it begins the next."""

log = logger(__name__)

Wrong = dict[UUID, tuple[str, ...]]
"""Loans that are stored otherwise, and in what."""


@dataclass(frozen=True, slots=True)
class Moment:
    """What a process has to know to read as another one does: its snapshot, and the days that were closed and open in it."""

    book_id: UUID
    snapshot: str
    closed: date
    opened: date


class Reader:
    """One that replays loans beside another process."""

    def __init__(self, moment: Moment) -> None:
        self._moment = moment

    def verify(self, loan_ids: Sequence[UUID]) -> Wrong:
        with sql.snapshot(of=self._moment.snapshot):
            return _verify(self._moment, loan_ids)


def _unseen(done: int, total: int) -> None:
    del done, total


def verify(*, book: Book, loan_ids: Sequence[UUID], progress: Callable[[int, int], None] = _unseen, workers: int = 1) -> Wrong:
    """Loans that are stored otherwise than a replay has them, and in what. Reads only; best in one snapshot, which several `workers`, of which this
    process is one, need: they share the loans where those are many. What one that ends had not answered is replayed by those that are left."""
    if not loan_ids:
        return {}
    opened = days.open_date(book.id)
    assert opened is not None, "a book with loans has an open day"
    closed = min([*days.waiting_to_close(book.id), opened]) - timedelta(days=1)
    hands = min(workers, max(len(loan_ids) // WORTH_ANOTHER, 1))
    moment = Moment(book.id, sql.shared_snapshot() if hands > 1 else "", closed, opened)
    size = min(loan_book.REPLAYED_AT_ONCE, -(-len(loan_ids) // hands))
    left = deque(loan_ids[start : start + size] for start in range(0, len(loan_ids), size))
    with ExitStack() as beside:
        others = [_Other(beside.enter_context(Beside(f"{__name__}:Reader", moment))) for _ in range(hands - 1)]
        return _shared(moment, left, others, progress)


class _Other:
    """A process that replays beside this one, with the pieces that it was given and has not answered."""

    def __init__(self, beside: Beside) -> None:
        self._beside = beside
        self.given: deque[Sequence[UUID]] = deque()

    def give(self, piece: Sequence[UUID]) -> None:
        self.given.append(piece)
        self._beside.tell("verify", piece)

    def answers(self, *, wait: bool) -> Iterator[tuple[Sequence[UUID], Wrong]]:
        """The pieces that it has answered, with what it found; with `wait`, all that it was given."""
        while self.given and (wait or self._beside.has_answered()):
            found = self._beside.answer()
            yield self.given.popleft(), found


def _shared(moment: Moment, left: deque[Sequence[UUID]], others: list[_Other], progress: Callable[[int, int], None]) -> Wrong:
    """Replays the pieces that are `left` with `others`, each of which is given the next one before it asks."""
    wrong: Wrong = {}
    done, total = 0, sum(map(len, left))
    while left or any(other.given for other in others):
        answered: list[tuple[Sequence[UUID], Wrong]] = []
        for other in list(others):
            try:
                if left and len(other.given) < GIVEN_AHEAD:
                    other.give(left.popleft())
                answered.extend(other.answers(wait=not left))
            except Ended as error:
                log.warning("a process that replays ended: its loans are replayed here", why=str(error), loans=sum(map(len, other.given)))
                left.extendleft(other.given)
                others.remove(other)
        if left:
            piece = left.popleft()
            answered.append((piece, _verify(moment, piece)))
        for piece, found in answered:
            wrong |= found
            done += len(piece)
        progress(done, total)
    return wrong


def _verify(moment: Moment, loan_ids: Sequence[UUID]) -> Wrong:
    return loan_book.not_as_replayed(moment.book_id, loan_ids, closed=moment.closed, open_day=moment.opened)
