"""Day-count conventions: how many days lie between two dates, and how many make a year."""

from datetime import date
from enum import StrEnum
from fractions import Fraction


class DayCount(StrEnum):
    """ACT_365: calendar days over 365, in leap years too. THIRTY_360: 30E/360 (ISDA 2006 section 4.16(g)), months of 30 days."""

    ACT_365 = "act_365"
    THIRTY_360 = "thirty_360"

    @property
    def days_in_year(self) -> int:
        """The divisor of the convention."""
        return 365 if self is DayCount.ACT_365 else 360


def days(start: date, end: date, convention: DayCount) -> int:
    """Days from `start` to `end` under the convention; negative when `end` is earlier."""
    if convention is DayCount.ACT_365:
        return (end - start).days
    return (end.year - start.year) * 360 + (end.month - start.month) * 30 + min(end.day, 30) - min(start.day, 30)


def year_fraction(start: date, end: date, convention: DayCount) -> Fraction:
    """The exact share of a year between two dates under the convention."""
    return Fraction(days(start, end, convention), convention.days_in_year)
