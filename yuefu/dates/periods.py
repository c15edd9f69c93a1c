"""Half-open periods, month steps with the month-end rule, and the next due day."""

from calendar import monthrange
from dataclasses import dataclass
from datetime import date, timedelta


@dataclass(frozen=True, slots=True)
class Period:
    """The days from `start` up to, not including, `end`. Empty when both are equal; ValueError when `end` is earlier."""

    start: date
    end: date

    def __post_init__(self) -> None:
        if self.end < self.start:
            raise ValueError(f"A period cannot end on {self.end} before it starts on {self.start}.")

    @property
    def days(self) -> int:
        """The number of calendar days inside."""
        return (self.end - self.start).days

    def __contains__(self, day: date) -> bool:
        return self.start <= day < self.end


def day_in_month(year: int, month: int, day: int) -> date:
    """Day `day` of the month, or its last day where the month is shorter."""
    return date(year, month, min(day, monthrange(year, month)[1]))


def add_months(day: date, n: int, anchor_day: int | None = None) -> date:
    """`n` months after `day` (before it when negative), on `anchor_day` or the month's last day where that is earlier.

    The anchor (default: the day of `day`) is kept by the caller from step to step, so that 31 January leads to 28 February and
    then to 31 March. Raises ValueError for an anchor outside 1..31 or a year outside 1..9999.
    """
    anchor = day.day if anchor_day is None else _checked_anchor(anchor_day)
    year, month0 = divmod(day.year * 12 + day.month - 1 + n, 12)
    return day_in_month(year, month0 + 1, anchor)


def next_due_day(after: date, due_day: int, min_gap_days: int) -> date:
    """The first `due_day` of a month (clamped to its end) that is at least `min_gap_days` days after `after`.

    Raises ValueError for a due day outside 1..31 or a negative gap.
    """
    if min_gap_days < 0:
        raise ValueError(f"The gap before a due day cannot be negative, it is {min_gap_days}.")
    earliest = after + timedelta(days=min_gap_days)
    candidate = day_in_month(earliest.year, earliest.month, _checked_anchor(due_day))
    return candidate if candidate >= earliest else add_months(candidate, 1, due_day)


def months_and_days_between(start: date, end: date) -> tuple[int, int]:
    """(whole months, remaining days) from `start` to `end`: the most month steps that do not pass `end`, then days.

    31 January to 28 February is one month, as the month step is clamped. Raises ValueError when `end` is earlier.
    """
    if end < start:
        raise ValueError(f"{end} is before {start}.")
    months = (end.year - start.year) * 12 + end.month - start.month
    if add_months(start, months) > end:
        months -= 1
    return months, (end - add_months(start, months)).days


def _checked_anchor(day: int) -> int:
    if not 1 <= day <= 31:
        raise ValueError(f"A day of the month is between 1 and 31, not {day}.")
    return day
