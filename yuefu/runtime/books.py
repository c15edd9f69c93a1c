"""Books: made once, found by code; a test book carries its own clock, which only moves forward."""

from __future__ import annotations

from datetime import date, datetime, time
from typing import Literal
from uuid import UUID

from yuefu.errors import Refused
from yuefu.ids import IdSource
from yuefu.runtime import locks, sql
from yuefu.runtime.clock import system_now
from yuefu.runtime.values import Book

UNKNOWN_BOOK = "unknown_book"
CLOCK_BACKWARDS = "clock_backwards"  # a test clock only moves forward
LIVE_CLOCK = "live_clock"  # a live book has no clock of its own

_COLUMNS = "id, code, legal_entity, mode, currency, zone, calendar, cut_off, clock_at, of_clock"


def create(
    *,
    code: str,
    legal_entity: str,
    mode: Literal["live", "test"],
    now: datetime,
    ids: IdSource,
    currency: str = "CNY",
    zone: str = "Asia/Shanghai",
    calendar: str = "CN",
    cut_off: time = time(0, 0),
    clock_at: datetime | None = None,
    of_clock: bool = False,
) -> Book:
    """Makes a book. `cut_off` is local; 00:00 means that a business day equals the calendar day. `of_clock`: it is that of a test clock."""
    book = Book(ids.new(now), code, legal_entity, mode, currency, zone, calendar, cut_off, clock_at, of_clock)
    sql.run(
        f"INSERT INTO runtime_book ({_COLUMNS}, created_at) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
        [book.id, code, legal_entity, mode, currency, zone, calendar, cut_off, clock_at, of_clock, now],
    )
    return book


def makers_wait() -> None:
    """Whoever makes a book waits here for whoever makes one, until the transaction ends: two with one code cannot both find it free."""
    locks.wait(locks.BOOKS, "")


def by_code(code: str) -> Book | None:
    found = sql.rows_as(Book, f"SELECT {_COLUMNS} FROM runtime_book WHERE code = %s", [code])
    return found[0] if found else None


def by_id(book_id: UUID) -> Book | None:
    found = sql.rows_as(Book, f"SELECT {_COLUMNS} FROM runtime_book WHERE id = %s", [book_id])
    return found[0] if found else None


def all_books() -> list[Book]:
    return sql.rows_as(Book, f"SELECT {_COLUMNS} FROM runtime_book ORDER BY created_at, code")


def with_jobs() -> list[Book]:
    """The books whose work jobs do: all but those of test clocks."""
    return [book for book in all_books() if not book.of_clock]


def now_in(book: Book) -> datetime:
    """The moment it is in a book: its own clock where it has one, else the system's."""
    return book.clock_at or system_now()


def today_in(book: Book) -> date:
    """The calendar day it is in a book, by its clock and in its zone."""
    return book.day_of(now_in(book))


def move_clock(*, book: Book, to: datetime) -> Book | Refused:
    """Moves the clock of a test book forward. What falls due in between is done by the journeys, in order."""
    if book.mode != "test":
        return Refused(LIVE_CLOCK, f"book {book.code} is live; its clock is the system's")
    moved = sql.rows_as(
        Book,
        f"UPDATE runtime_book SET clock_at = %s WHERE id = %s AND (clock_at IS NULL OR clock_at <= %s) RETURNING {_COLUMNS}",
        [to, book.id, to],
    )
    return moved[0] if moved else Refused(CLOCK_BACKWARDS, f"the clock of {book.code} stands later than {to.isoformat()}", "to")
