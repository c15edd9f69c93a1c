"""Loans told anew from their terms and events: is what is stored of them still that?"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from uuid import UUID

from yuefu.loans import queries as loan_book
from yuefu.runtime import days
from yuefu.runtime.values import Book


def verify(
    *, book: Book, loan_ids: Sequence[UUID], progress: Callable[[int, int], None] = lambda _done, _total: None
) -> dict[UUID, tuple[str, ...]]:
    """Loans that are stored otherwise than a replay has them, and in what. Reads only; best in one snapshot."""
    opened = days.open_date(book.id)
    assert opened is not None, "a book with loans has an open day"
    closed = min([*days.waiting_to_close(book.id), opened]) - timedelta(days=1)
    wrong: dict[UUID, tuple[str, ...]] = {}
    for start in range(0, len(loan_ids), loan_book.REPLAYED_AT_ONCE):
        chunk = loan_ids[start : start + loan_book.REPLAYED_AT_ONCE]
        wrong |= loan_book.not_as_replayed(book.id, chunk, closed=closed, open_day=opened)
        progress(start + len(chunk), len(loan_ids))
    return wrong
