"""Loans told anew from their terms and events: is what is stored of them still that?"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final
from uuid import UUID

from yuefu.loans import queries as loan_book
from yuefu.runtime import days, sql
from yuefu.runtime.beside import Beside
from yuefu.runtime.values import Book

WORTH_ANOTHER: Final = 4_000
"""So many loans take another process longer than it takes to begin."""

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
            return _verify(self._moment, loan_ids, _unseen)


def _unseen(done: int, total: int) -> None:
    del done, total


def verify(*, book: Book, loan_ids: Sequence[UUID], progress: Callable[[int, int], None] = _unseen, workers: int = 1) -> Wrong:
    """Loans that are stored otherwise than a replay has them, and in what. Reads only; best in one snapshot, which several `workers`, of which this
    process is one, need: they share the loans where those are many."""
    if not loan_ids:
        return {}
    opened = days.open_date(book.id)
    assert opened is not None, "a book with loans has an open day"
    closed = min([*days.waiting_to_close(book.id), opened]) - timedelta(days=1)
    hands = min(workers, max(len(loan_ids) // WORTH_ANOTHER, 1))
    moment = Moment(book.id, sql.shared_snapshot() if hands > 1 else "", closed, opened)
    with ExitStack() as beside:
        others = [beside.enter_context(Beside(f"{__name__}:Reader", moment)) for _ in range(hands - 1)]
        for number, other in enumerate(others, start=1):
            other.tell("verify", loan_ids[number::hands])
        wrong = _verify(moment, loan_ids[::hands], progress)
        for other in others:
            wrong |= other.answer()
    return wrong


def _verify(moment: Moment, loan_ids: Sequence[UUID], progress: Callable[[int, int], None]) -> Wrong:
    wrong: Wrong = {}
    for start in range(0, len(loan_ids), loan_book.REPLAYED_AT_ONCE):
        chunk = loan_ids[start : start + loan_book.REPLAYED_AT_ONCE]
        wrong |= loan_book.not_as_replayed(moment.book_id, chunk, closed=moment.closed, open_day=moment.opened)
        progress(start + len(chunk), len(loan_ids))
    return wrong
