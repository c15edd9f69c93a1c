"""Business days of a book: open → closing → closed.

Posting takes a share lock on the row of its day, the roll-over an exclusive one, so no entry can slip into a day that has
begun to close. From the cut-off on only the close run posts to the day; a closed day takes nothing, whoever asks.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Final, Literal, TypeVar
from uuid import UUID

from yuefu.errors import Refused
from yuefu.ids import IdSource
from yuefu.runtime import locks, sql, stops
from yuefu.runtime.values import Actor, Book, BusinessDay, UnitOfWork

S = TypeVar("S")

NO_OPEN_DAY = "no_open_day"  # open the first day of this book first
UNKNOWN_DAY = "unknown_day"
DAY_NOT_OPEN = "day_not_open"
DAY_NOT_CLOSING = "day_not_closing"
EARLIER_DAY_NOT_CLOSED = "earlier_day_not_closed"  # days close in order
BEFORE_CUT_OFF = "before_cut_off"

TRANSITIONS: Final = {("open", "closing"), ("closing", "closed")}


def business_date(book: Book, at: datetime) -> date:
    """The business date a moment belongs to, by the zone and cut-off of the book."""
    local = at.astimezone(book.tz)
    shift = timedelta(hours=book.cut_off.hour, minutes=book.cut_off.minute)
    return (local - shift).date()


def begins(book: Book, on: date) -> datetime:
    """The moment with which a business date begins."""
    return datetime.combine(on, book.cut_off, book.tz)


def open_first(*, book: Book, on: date, now: datetime) -> BusinessDay:
    """Opens the first day of a book."""
    sql.run("INSERT INTO runtime_business_day (book_id, on_date, state, opened_at) VALUES (%s, %s, 'open', %s)", [book.id, on, now])
    return BusinessDay(book.id, on, "open")


def current(book_id: UUID) -> BusinessDay | Refused:
    """The open day, share-locked until the transaction ends."""
    on, _ = _lock_open(book_id, "FOR SHARE")
    return BusinessDay(book_id, on, "open") if on else Refused(NO_OPEN_DAY, "this book has no open business day")


def _lock_open(
    book_id: UUID, strength: Literal["FOR SHARE", "FOR UPDATE"], beside: Callable[[], list[S]] = list
) -> tuple[date | None, list[S]]:
    """The open day, locked, and what is then read `beside` it."""

    def day() -> date | None:
        on: date | None = sql.value(f"SELECT on_date FROM runtime_business_day WHERE book_id = %s AND state = 'open' {strength}", [book_id])
        return on

    # A row lets new sharers in past an exclusive locker that waits, for ever under load. The advisory lock queues: first come, first served.
    _, on, found = sql.together(lambda: locks.wait(locks.DAY, book_id, shared=strength == "FOR SHARE"), day, beside)
    # A statement that waited for a roll-over sees neither the day that is closing now nor, by its older snapshot, the new one: ask again.
    return on or day(), found


def working(*, book: Book, now: datetime, by: Actor, ids: IdSource, though_read_only: bool = False) -> UnitOfWork | Refused:
    """The surroundings of a batch on the open day of a book, share-locked. Call it first in a transaction.

    Refused with no_open_day; with read_only while the book is, unless `though_read_only`: who lifts that has to get in.
    """
    # The stops after the lock: whoever imposed one and then waited for the lock to be free has been seen by all who come later.
    on, in_force = _lock_open(book.id, "FOR SHARE", lambda: stops.in_force(book_id=book.id, now=now))
    if on is None:
        return Refused(NO_OPEN_DAY, "this book has no open business day")
    read_only = None if though_read_only else stops.read_only_of(in_force)
    return read_only or UnitOfWork(book, BusinessDay(book.id, on, "open"), now, by, ids, stops=tuple(in_force))


def first_of(book_id: UUID) -> date | None:
    """The first day that a book ever had; None before it is opened. Takes no lock."""
    first: date | None = sql.value("SELECT min(on_date) FROM runtime_business_day WHERE book_id = %s", [book_id])
    return first


def state_of(book_id: UUID, on: date) -> str | None:
    """open, closing, closed, or None for a day that was never opened. Takes no lock."""
    state: str | None = sql.value("SELECT state FROM runtime_business_day WHERE book_id = %s AND on_date = %s", [book_id, on])
    return state


def open_date(book_id: UUID) -> date | None:
    """The open day, as it is at this moment. Takes no lock."""
    on: date | None = sql.value("SELECT on_date FROM runtime_business_day WHERE book_id = %s AND state = 'open'", [book_id])
    return on


def takes_entries(day: BusinessDay) -> bool:
    """Whether entries may be posted to a day now: it is open, or closing and asked by its run. Share-locks the day until the transaction ends."""
    found = sql.rows("SELECT state FROM runtime_business_day WHERE book_id = %s AND on_date = %s FOR SHARE", [day.book_id, day.on])
    return bool(found) and (found[0][0] == "open" or (found[0][0] == "closing" and day.run_id is not None))


def roll_over(*, book: Book, now: datetime) -> tuple[date, BusinessDay] | Refused:
    """At cut-off: the open day D becomes closing and D+1 opens, in one short transaction. Returns D and the new day."""
    ending, _ = _lock_open(book.id, "FOR UPDATE")
    if ending is None:
        return Refused(NO_OPEN_DAY, "this book has no open business day")
    if business_date(book, now) <= ending:
        return Refused(BEFORE_CUT_OFF, f"{ending} ends at its cut-off; it is {now.astimezone(book.tz):%Y-%m-%d %H:%M} there")
    sql.run(
        "UPDATE runtime_business_day SET state = 'closing', closing_at = %s WHERE book_id = %s AND on_date = %s", [now, book.id, ending]
    )
    following = open_first(book=book, on=ending + timedelta(days=1), now=now)
    return ending, following


def closing(*, book_id: UUID, on: date, run_id: UUID) -> BusinessDay | Refused:
    """The closing day for its close run, share-locked."""
    found = sql.rows("SELECT state FROM runtime_business_day WHERE book_id = %s AND on_date = %s FOR SHARE", [book_id, on])
    if not found:
        return Refused(UNKNOWN_DAY, f"{on} was never opened in this book")
    if found[0][0] != "closing":
        return Refused(DAY_NOT_CLOSING, f"{on} is {found[0][0]}, not closing")
    return BusinessDay(book_id, on, "closing", run_id)


def close(*, book_id: UUID, on: date, now: datetime) -> Refused | None:
    """closing → closed, once every earlier day is closed."""
    if sql.rows("SELECT 1 FROM runtime_business_day WHERE book_id = %s AND on_date < %s AND state <> 'closed' LIMIT 1", [book_id, on]):
        return Refused(EARLIER_DAY_NOT_CLOSED, f"a day before {on} is not closed yet")
    changed = sql.run(
        "UPDATE runtime_business_day SET state = 'closed', closed_at = %s WHERE book_id = %s AND on_date = %s AND state = 'closing'",
        [now, book_id, on],
    )
    return None if changed else Refused(DAY_NOT_CLOSING, f"{on} is not closing")


def waiting_to_close(book_id: UUID) -> list[date]:
    """Days that have begun to close and are not closed, oldest first."""
    found = sql.rows("SELECT on_date FROM runtime_business_day WHERE book_id = %s AND state = 'closing' ORDER BY on_date", [book_id])
    return [row[0] for row in found]


def past(*, book_id: UUID, since: date) -> list[date]:
    """Days from `since` on that are over, closed or closing, oldest first."""
    found = sql.rows(
        "SELECT on_date FROM runtime_business_day WHERE book_id = %s AND state <> 'open' AND on_date >= %s ORDER BY on_date",
        [book_id, since],
    )
    return [row[0] for row in found]
