"""Business-day calendars as frozen, versioned values."""

from dataclasses import dataclass
from datetime import date, timedelta

_SATURDAY = 5
_ONE_DAY = timedelta(days=1)


class CalendarUnknownError(ValueError):
    """The calendar was asked about a day it does not know; a newer version is needed."""


@dataclass(frozen=True, slots=True)
class Calendar:
    """Which days are business days: Monday to Friday less `holidays`, plus `makeup_workdays` (weekends worked in exchange).

    `known_until` is the last day that is official. Days after it, up to and including `provisional_until`, are answered too but
    `is_provisional`; any later day, and any day before `known_from`, raises CalendarUnknownError. `version` is what a schedule
    computed with it records. Raises ValueError when a day is both holiday and make-up workday or the limits are out of order.
    """

    name: str
    version: str
    holidays: frozenset[date]
    makeup_workdays: frozenset[date]
    known_until: date
    provisional_until: date | None = None
    known_from: date = date.min

    def __post_init__(self) -> None:
        both = self.holidays & self.makeup_workdays
        if both:
            raise ValueError(f"Calendar {self.name} {self.version} has {min(both)} as holiday and as make-up workday.")
        if not self.known_from <= self.known_until <= self.last_day:
            raise ValueError(f"Calendar {self.name} {self.version} must have known_from <= known_until <= provisional_until.")

    @property
    def last_day(self) -> date:
        """The last day that is answered at all."""
        return self.known_until if self.provisional_until is None else self.provisional_until

    def is_business_day(self, day: date) -> bool:
        """Whether banks and settlement work on `day`."""
        self._require_known(day)
        return day in self.makeup_workdays or (day.weekday() < _SATURDAY and day not in self.holidays)

    def is_provisional(self, day: date) -> bool:
        """Whether the answer for `day` may still change with the official announcement."""
        self._require_known(day)
        return day > self.known_until

    def next_business_day(self, day: date) -> date:
        """`day` itself when it is a business day, else the first one after it."""
        while not self.is_business_day(day):
            day += _ONE_DAY
        return day

    def add_business_days(self, day: date, n: int) -> date:
        """T+n: the n-th business day after `day`, which need not be one itself; n = 0 is `next_business_day(day)`.

        Raises ValueError for a negative n.
        """
        if n < 0:
            raise ValueError(f"T+n needs n >= 0, not {n}.")
        if n == 0:
            return self.next_business_day(day)
        for _ in range(n):
            day = self.next_business_day(day + _ONE_DAY)
        return day

    def _require_known(self, day: date) -> None:
        if not self.known_from <= day <= self.last_day:
            raise CalendarUnknownError(
                f"Calendar {self.name} {self.version} knows the days {self.known_from} to {self.last_day}, not {day}."
            )
