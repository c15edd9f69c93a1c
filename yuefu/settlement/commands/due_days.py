"""Business days of a book."""

from __future__ import annotations

from datetime import date

from yuefu.runtime.calendars import calendar
from yuefu.runtime.values import Book


class DueDays:
    """T+N by the calendar of a book; each is computed once."""

    def __init__(self, book: Book) -> None:
        self._calendar = book.calendar
        self._known: dict[tuple[date, int], date] = {}

    def after(self, on: date, days: int) -> date:
        """The business day that is so many after a day; with none, the first one that is not before it."""
        found = self._known.get((on, days))
        if found is None:
            # T+60, 60 days more and the longest holidays stay within the following year.
            of_book = calendar(self._calendar, on.year, on.year + 1)
            found = self._known[on, days] = of_book.add_business_days(on, days)
        return found
