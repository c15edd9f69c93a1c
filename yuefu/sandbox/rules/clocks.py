"""What a test clock may be told, and what happens at which moments between two of its times. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final, Literal
from uuid import UUID
from zoneinfo import ZoneInfo

from yuefu.errors import Refused

TEST_MODE_ONLY: Final = "test_mode_only"  # a live book has no clock but the world's
OWN_BOOK_ONLY: Final = "own_book_only"  # a clock is made with a key of the merchant's test book, not of another clock
FROZEN_TIME_INVALID: Final = "frozen_time_invalid"
NAME_INVALID: Final = "clock_name_invalid"
TOO_MANY_CLOCKS: Final = "too_many_test_clocks"
UNKNOWN_CLOCK: Final = "unknown_test_clock"
CLOCK_DELETED: Final = "test_clock_deleted"
CLOCK_BUSY: Final = "test_clock_advancing"  # one advance at a time
CLOCK_NOT_READY: Final = "test_clock_not_ready"  # it is still being made
CLOCK_FORWARD_ONLY: Final = "test_clock_forward_only"
ADVANCE_TOO_LONG: Final = "advance_too_long"

EARLIEST: Final = datetime(2005, 1, 1, tzinfo=UTC)
MOST_AHEAD: Final = timedelta(days=3_653)
"""Of the merchant's own book: ten years. Each month in which a clock stands is one in the ledger that all books share, and none goes any more."""
MOST_CLOCKS: Final = 20
"""Of one merchant that are not deleted."""
MOST_DAYS: Final = 400
"""A year of instalments and what comes after it, in one advance."""
UNUSED_DAYS: Final = 30
LONGEST_NAME: Final = 60

State = Literal["making", "ready", "advancing", "failed", "deleted"]
STATES: Final = ("making", "ready", "advancing", "failed", "deleted")

CLOSE: Final = "close"
BILLS: Final = "bills"
MORNING: Final = "morning"
SETTLE: Final = "settle"
FORENOON: Final = "forenoon"
PEOPLE: Final = "people"
EVENING: Final = "evening"
NIGHT: Final = "night"

_DAILY: Final = (
    (time(8, 30), BILLS),
    (time(9, 0), MORNING),
    (time(9, 30), SETTLE),
    (time(10, 0), FORENOON),
    (time(12, 0), PEOPLE),
    (time(18, 30), EVENING),
    (time(23, 0), NIGHT),
)
_AFTER_CUT_OFF: Final = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class TestClock:
    """A clock as it stands. `at` is its own time, `made_at` and `used_at` are the world's. `shop_id` is its merchant in the clock's own book,
    `key_id` the API key of that book; both are None until it is made. `asker_id` is the key of the merchant's book that asked for it.
    """

    __test__ = False  # no class of tests

    id: UUID
    book_id: UUID
    merchant_id: UUID
    name: str
    state: State
    frozen_at: datetime
    at: datetime
    clock_book_id: UUID | None
    shop_id: UUID | None
    key_id: UUID | None
    asker_id: UUID | None
    made_at: datetime
    used_at: datetime
    deleted_at: datetime | None
    revision: int

    @property
    def code(self) -> str:
        """The code of its book."""
        return f"clock-{self.id.hex}"

    @property
    def deletes_at(self) -> datetime:
        """When it goes by itself, unless it is advanced before."""
        return self.used_at + timedelta(days=UNUSED_DAYS)


@dataclass(frozen=True, slots=True)
class Advance:
    """A way of a clock from one of its times to a later one. `reached_at` is the last moment whose work has begun; all before are done."""

    id: UUID
    clock_id: UUID
    from_at: datetime
    to_at: datetime
    state: Literal["running", "done", "failed"]
    reached_at: datetime | None
    days: int
    days_done: int
    failure_code: str
    failure_detail: str


@dataclass(frozen=True, slots=True)
class Tick:
    """A moment at which something is done, and what."""

    at: datetime
    act: str


def name_fault(name: str) -> Refused | None:
    if len(name) <= LONGEST_NAME and (not name or name.isprintable()) and name == name.strip():
        return None
    return Refused(NAME_INVALID, f"a name has at most {LONGEST_NAME} printable characters, and no blanks around it", "name")


def time_fault(at: datetime, now: datetime) -> Refused | None:
    """Why no clock stands at a moment; `now` is that of the merchant's own book."""
    latest = now + MOST_AHEAD
    if EARLIEST <= at <= latest:
        return None
    return Refused(FROZEN_TIME_INVALID, f"a test clock stands between {EARLIEST:%Y-%m-%d} and {latest:%Y-%m-%d}", "frozen_time")


def advance_fault(clock: TestClock, to: datetime, now: datetime) -> Refused | None:
    """Why a clock is not advanced to a moment; `now` is that of the merchant's own book."""
    if clock.state == "deleted":
        return Refused(CLOCK_DELETED, "this test clock was deleted; make another")
    if clock.state == "making":
        return Refused(CLOCK_NOT_READY, "this test clock is still being made")
    if clock.state == "advancing":
        return Refused(CLOCK_BUSY, "this test clock is advancing; wait until it is ready")
    if to <= clock.at:
        return Refused(CLOCK_FORWARD_ONLY, f"it stands at {clock.at.isoformat()} and only moves forward", "frozen_time")
    if to - clock.at > timedelta(days=MOST_DAYS):
        return Refused(ADVANCE_TOO_LONG, f"one advance is at most {MOST_DAYS} days: go on from there by another", "frozen_time")
    return time_fault(to, now)


def days_between(since: datetime, until: datetime, tz: ZoneInfo) -> int:
    """How many calendar days an advance touches."""
    return (_day(until, tz) - _day(since, tz)).days + 1


def days_done(since: datetime, reached: datetime, tz: ZoneInfo) -> int:
    """How many of them are over once a moment is reached."""
    return (_day(reached, tz) - _day(since, tz)).days


def ticks(since: datetime, until: datetime, *, tz: ZoneInfo, cut_off: time, reached: datetime | None = None) -> Iterator[Tick]:
    """Everything to do after one moment and not after another, in the order of time: each day's work at its hours, and soon after each cut-off
    the close of the day that it ends. From the moment on that was `reached`, where one was: its work may not be done.
    """
    day = _day(since, tz) - timedelta(days=1)
    last = _day(until, tz)
    while day <= last:
        close = datetime.combine(day, cut_off, tz) + _AFTER_CUT_OFF
        of_day = [Tick(close, CLOSE), *(Tick(datetime.combine(day, at, tz), act) for at, act in _DAILY)]
        for tick in sorted(of_day, key=lambda one: one.at):
            if (reached <= tick.at if reached else since < tick.at) and tick.at <= until:
                yield tick
        day += timedelta(days=1)


def _day(moment: datetime, tz: ZoneInfo) -> date:
    return moment.astimezone(tz).date()
