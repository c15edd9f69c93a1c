"""The share of a year that days of a period count for, and the rate factor made of it.

A factor is rate × share of a year, rounded half-even to twelve decimals and kept as an integer of 10**-12; interest is balance × factor,
rounded once. All of it in integers.
"""

from __future__ import annotations

from calendar import isleap, monthrange
from datetime import date, timedelta
from typing import Final

from yuefu.money.rates import Rounding, divide
from yuefu.plans.lifecycle.terms import DayCount, Frequency, InterestBy, LeapYears, LoanTerms, MonthBasis, MonthEnd, YearBasis

SCALE: Final = 10**12
_MILLION: Final = 10**6
_A_YEAR: Final = {Frequency.MONTHS: 12, Frequency.WEEKS: 52}


def factor(terms: LoanTerms, ppm: int, start: int, end: int, begin: int, until: int) -> int:
    """The factor, in 10**-12, of the days from `begin` to `until` within the period from `start` to `end` (day ordinals), at `ppm` a year."""
    count = terms.day_count
    if terms.interest_by is InterestBy.DAYS and count.month is MonthBasis.ACTUAL and count.year is not YearBasis.ACTUAL:
        return divide(ppm * (until - begin) * _MILLION, int(count.year), Rounding.HALF_EVEN)  # nearly every product
    share, whole = share_of_year(terms, start, end, begin, until)
    return divide(ppm * share * _MILLION, whole, Rounding.HALF_EVEN)


def nominal_factor(terms: LoanTerms, ppm: int) -> int:
    """The factor of a period that is exactly `every` × `frequency` long: months of 30 days in a year of the basis (365 for ACTUAL)."""
    year = 365 if terms.day_count.year is YearBasis.ACTUAL else int(terms.day_count.year)
    days = {Frequency.DAYS: 1, Frequency.WEEKS: 7, Frequency.MONTHS: 30}[terms.frequency] * terms.every
    share, whole = _regular_share(terms) if terms.interest_by is InterestBy.PERIOD else (days, year)
    return divide(ppm * share * _MILLION, whole, Rounding.HALF_EVEN)


def share_of_year(terms: LoanTerms, start: int, end: int, begin: int, until: int) -> tuple[int, int]:
    """The share of a year, as numerator and denominator, of the days from `begin` to `until` within the period from `start` to `end`."""
    count = terms.day_count
    if terms.interest_by is InterestBy.PERIOD:
        share, whole = _regular_share(terms)
        return share * (until - begin), whole * (end - start)
    if count.month is MonthBasis.ACTUAL or terms.frequency is not Frequency.MONTHS:
        return _actual_share(count, start, end, begin, until)
    days, parts = (30 * terms.every, 1) if regular(terms, start, end) else _days_of_30(terms, start, end)
    share, whole = _actual_share(count, start, end, start, end)
    # Months of 30 days: the mean length of a year over the period, spread evenly over its days.
    length = end - start
    return days * share * (until - begin), whole * length * length * parts


def regular(terms: LoanTerms, start: int, end: int) -> bool:
    """Whether a period is one step long, whatever its months are: as its own due days say where all are given, else by its dates: from one
    day of the month to the same, or the end of a month that lacks it. A day that rolled into the next month counts as the end of the one before."""
    if terms.due_days is not None:
        return True
    first, last = (_unrolled(terms, date.fromordinal(day)) for day in (start, end))
    months = (last.year - first.year) * 12 + last.month - first.month
    clamped = (last.day < first.day and _ends_month(last)) or (first.day < last.day and _ends_month(first))
    return months == terms.every and (first.day == last.day or clamped)


def _ends_month(day: date) -> bool:
    return day.day == monthrange(day.year, day.month)[1]


def _days_of_30(terms: LoanTerms, start: int, end: int) -> tuple[int, int]:
    """The days of a period that is longer or shorter than one step, as numerator and denominator: 30 for each whole month from its start, and
    what is left as a share of the month in which it ends."""
    first, months = date.fromordinal(start), 0
    while month_later(first, months + 1, terms.month_end).toordinal() <= end:
        months += 1
    begin, full = (month_later(first, months + more, terms.month_end).toordinal() for more in (0, 1))
    return 30 * (months * (full - begin) + end - begin), full - begin


def month_later(day: date, months: int, month_end: MonthEnd) -> date:
    """The same day of the month so many months later; where there is none, that month's last day or the one after it."""
    year, month0 = divmod(day.year * 12 + day.month - 1 + months, 12)
    last = monthrange(year, month0 + 1)[1]
    if day.day <= last:
        return date(year, month0 + 1, day.day)
    return date(year, month0 + 1, last) + timedelta(days=month_end is MonthEnd.ROLL)


def _unrolled(terms: LoanTerms, day: date) -> date:
    return date.fromordinal(day.toordinal() - 1) if terms.month_end is MonthEnd.ROLL and day.day == 1 else day


def _regular_share(terms: LoanTerms) -> tuple[int, int]:
    if terms.frequency is Frequency.DAYS:
        return terms.every, 365 if terms.day_count.year is YearBasis.ACTUAL else int(terms.day_count.year)
    return terms.every, _A_YEAR[terms.frequency]


def _actual_share(count: DayCount, start: int, end: int, begin: int, until: int) -> tuple[int, int]:
    if count.year is not YearBasis.ACTUAL:
        return until - begin, int(count.year)
    if count.leap_years is LeapYears.FEBRUARY_29:
        return until - begin, 366 if _holds_february_29(start, end) else 365
    first, last = date.fromordinal(begin + 1).year, date.fromordinal(max(until, begin + 1)).year
    if first == last:
        return until - begin, 366 if isleap(first) else 365
    leap = sum(_days_in(year, begin, until) for year in range(first, last + 1) if isleap(year))
    return leap * 365 + (until - begin - leap) * 366, 365 * 366


def _days_in(year: int, begin: int, until: int) -> int:
    """Days after `begin` up to and including `until` that lie in `year`: interest is earned overnight, on the later of two days."""
    first, last = date(year, 1, 1).toordinal(), date(year, 12, 31).toordinal()
    return max(min(until, last) - max(begin + 1, first) + 1, 0)


def _holds_february_29(start: int, end: int) -> bool:
    years = range(date.fromordinal(start).year, date.fromordinal(end).year + 1)
    return any(start < date(year, 2, 29).toordinal() <= end for year in years if isleap(year))
