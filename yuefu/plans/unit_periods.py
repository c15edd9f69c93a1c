"""Time between flows as the laws on the cost of credit count it, always backwards from the later day. Pure.

EU and UK (Directive 2008/48/EC, Annex I, as amended by 2011/90/EU; 2023/2225, Annex III): whole months or weeks, then days over the length
of the year that ends where the odd days end. United States (12 CFR 1026, Appendix J, (b)(2)-(5)): unit-periods and a fraction of one.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction
from itertools import pairwise
from typing import Final

from yuefu.dates.periods import add_months
from yuefu.plans.faults import PlanError

UNIT_PERIOD_UNKNOWN: Final = "unit_period_unknown"

DAY, WEEK, SEMIMONTH, MONTH, YEAR = "day", "week", "semimonth", "month", "year"
_MONTHS_A_YEAR: Final = 12
_WEEKS_A_YEAR: Final = 52
_DAYS_A_YEAR: Final = 365
_WRITTEN = re.compile(r"(?:([1-9][0-9]{0,3})[ -])?(day|week|semi-?month|month|year|quarter|fortnight|half-year)s?")
_OTHER_NAMES: Final = {"quarter": (MONTH, 3), "fortnight": (WEEK, 2), "half-year": (MONTH, 6)}


@dataclass(frozen=True, slots=True)
class UnitPeriod:
    """`count` days, weeks or months, a semimonth or a year (`count` 1). `is_term`: the whole term of one advance and one payment."""

    kind: str
    count: int = 1
    is_term: bool = False

    @property
    def per_year(self) -> Fraction:
        """How many make a year, as the law has it: 12 months, 24 semimonths, 52 weeks, 365 days."""
        whole = {DAY: _DAYS_A_YEAR, WEEK: _WEEKS_A_YEAR, SEMIMONTH: 24, MONTH: _MONTHS_A_YEAR, YEAR: 1}[self.kind]
        return Fraction(whole, self.count)

    def __str__(self) -> str:
        return self.kind if self.count == 1 else f"{self.count} {self.kind}s"


def unit_period_from_text(text: str) -> UnitPeriod:
    """The unit-period that is written: "month", "4 weeks", "semimonth", "255 days", "year". Raises PlanError for anything else."""
    match = _WRITTEN.fullmatch(text.strip().lower())
    if match:
        kind, count = match[2].replace("semi-", "semi"), int(match[1] or 1)
        kind, each = _OTHER_NAMES.get(kind, (kind, 1))
        found = _standard(kind, count * each)
        if found is not None:
            return found
    raise PlanError(UNIT_PERIOD_UNKNOWN, f"{text!r:.40} is no unit-period: write day, week, semimonth, month, year, or so many of them.")


def unit_period_of(per_year: Fraction) -> UnitPeriod:
    """The unit-period of which so many make a year. Raises PlanError where none does."""
    for whole, kind in ((_MONTHS_A_YEAR, MONTH), (24, SEMIMONTH), (_WEEKS_A_YEAR, WEEK), (_DAYS_A_YEAR, DAY)):
        count = whole / per_year if per_year > 0 else Fraction(0)
        if count.denominator == 1 and count >= 1 and (found := _standard(kind, int(count))) is not None:
            return found
    raise PlanError(UNIT_PERIOD_UNKNOWN, f"No unit-period is contained {per_year} times in a year.")


def _standard(kind: str, count: int) -> UnitPeriod | None:
    """So many of a kind, a year at most, under the one name that the law has for it."""
    if kind == MONTH and count == _MONTHS_A_YEAR:
        return UnitPeriod(YEAR)
    longest = {DAY: _DAYS_A_YEAR, WEEK: _WEEKS_A_YEAR, SEMIMONTH: 1, MONTH: _MONTHS_A_YEAR - 1, YEAR: 1}[kind]
    return UnitPeriod(kind, count) if count <= longest else None


def later(day: date, unit: UnitPeriod, count: int, anchor: int | None = None) -> date:
    """The day `count` units after `day`: semimonths from the 1st fall on the 16th and 1st, from the 15th on the last and 15th.

    Months go to `anchor`, the day of `day` unless given, or to the last where a month is shorter. Raises ValueError or OverflowError beyond the year 9999.
    """
    if unit.kind in (DAY, WEEK):
        return day + timedelta(days=unit.count * count * (7 if unit.kind == WEEK else 1))
    if unit.kind == SEMIMONTH:
        return _semimonths_later(day, count)
    return add_months(day, unit.count * count * (_MONTHS_A_YEAR if unit.kind == YEAR else 1), anchor)


def _semimonths_later(day: date, count: int) -> date:
    months, half = divmod(count, 2)
    if not half:
        return add_months(day, months, 31 if _is_last_of_month(day) else None)
    if day.day <= 15:
        return add_months(day, months, 31 if day.day == 15 else day.day + 15)
    return add_months(day, months + 1, 15 if _is_last_of_month(day) else day.day - 15)


# ------------------------------------------------------------------------------------------------------------------------ months backwards


def anchor_of(day: date, *, series: Collection[date], start: date) -> int:
    """The day of the month on which steps from `day` fall: that of its series, where `day` is the last of a month too short for it.

    A series all of whose days are the last of their months is one of month ends; a lone last day goes with the day of the start.
    """
    if not _is_last_of_month(day):
        return day.day
    if len(series) > 1 and all(map(_is_last_of_month, series)):
        return 31
    return max(day.day, *(each.day for each in (series if len(series) > 1 else (start,))))


def months_back(start: date, end: date, anchor: int) -> tuple[int, date]:
    """(whole months counted back from `end` without passing `start`, the day they lead to). `end` is not before `start`."""
    months = (end.year - start.year) * 12 + end.month - start.month
    if add_months(end, -months, anchor) < start:
        months -= 1
    return months, add_months(end, -months, anchor) if months else end


def _is_last_of_month(day: date) -> bool:
    return day == add_months(day, 0, 31)


# ----------------------------------------------------------------------------------------------------------------------------- EU and UK

EuYears = Callable[[date, date, int], Fraction]
"""Years from a start to an end, with the anchor of the end. The end is not before the start."""


def eu_by_months(start: date, end: date, anchor: int) -> Fraction:
    """Whole months / 12, then the odd days."""
    months, odd_end = months_back(start, end, anchor)
    return Fraction(months, _MONTHS_A_YEAR) + _odd_days(start, odd_end)


def eu_by_weeks(start: date, end: date, anchor: int) -> Fraction:
    """Whole weeks / 52, then the odd days."""
    del anchor
    weeks, odd = divmod((end - start).days, 7)
    return Fraction(weeks, _WEEKS_A_YEAR) + _odd_days(start, date.fromordinal(start.toordinal() + odd))


def _odd_days(start: date, end: date) -> Fraction:
    """Days without the first and with the last, over those of the year that ends on the last: 365, or 366 where it has a 29 February."""
    return Fraction((end - start).days, (end - add_months(end, -12)).days)


def eu_counts_weeks(start: date, days: Sequence[date]) -> bool:
    """Whether a plan goes by weeks: those days are weeks apart (a lone one is weeks after the start), and not months."""
    if len(days) == 1:
        days = (start, *days)
    return _all_apart(days, _whole_weeks) and not _all_apart(days, _whole_months)


def _all_apart(days: Sequence[date], whole: Callable[[date, date, Collection[date]], int | None]) -> bool:
    return all(whole(one, other, days) is not None for one, other in pairwise(days))


def _whole_weeks(start: date, end: date, series: Collection[date] = ()) -> int | None:
    del series
    weeks, odd = divmod((end - start).days, 7)
    return None if odd else weeks


def _whole_months(start: date, end: date, series: Collection[date]) -> int | None:
    months, odd_end = months_back(start, end, anchor_of(end, series=series, start=start))
    return months if odd_end == start else None


# ------------------------------------------------------------------------------------------------------------------------- United States


@dataclass(frozen=True, slots=True)
class UnitTime:
    """Whole unit-periods and the fraction of one, 0 <= fraction < 1."""

    whole: int
    fraction: Fraction = Fraction(0)


def regz_unit_period(*, draws: Collection[date], payments: Collection[date]) -> UnitPeriod:
    """The unit-period of a transaction: the common period that occurs most often; of several the smaller; the average where none occurs twice;
    the term, a year at most, of one advance and one payment. Appendix J, (b)(3) and (4).

    What is paid on the first day of all makes no period: it lessens what is advanced. Raises PlanError where everything is on one day.
    """
    start = min(*draws, *payments)
    advances, dues = sorted({start, *draws}), sorted({day for day in payments if day > start})
    periods = [*pairwise(advances), *pairwise([start, *dues])]
    if not periods:
        raise PlanError(UNIT_PERIOD_UNKNOWN, "All flows are on one day: there is no period, and so no rate.")
    if len(advances) == 1 and len(dues) == 1:
        return _term(start, dues[0])
    found = Counter(label for one, other in periods for label in _labels(one, other, dues if other in dues else advances))
    common = [(-times, not _is_standard(unit), _length(unit), unit) for unit, times in found.items() if times > 1]
    if common:
        return min(common, key=lambda each: each[:3])[3]
    return _nearest_standard(Fraction(sum((other - one).days for one, other in periods), len(periods)))


def _term(start: date, end: date) -> UnitPeriod:
    months = _whole_months(start, end, [end])
    if months is not None and months < _MONTHS_A_YEAR:
        return UnitPeriod(MONTH, months, is_term=True)
    days = (end - start).days
    return UnitPeriod(YEAR) if add_months(start, 12) <= end else UnitPeriod(DAY, days, is_term=True)


def _labels(start: date, end: date, series: Collection[date]) -> list[UnitPeriod]:
    """All that a period may be called: 12 February to 12 March is a month, and 4 weeks or 29 days too. Not of more than a year."""
    days = (end - start).days
    names = [
        (MONTH, _whole_months(start, end, series)),
        (SEMIMONTH, 1 if _is_semimonth(start, end) else None),
        (WEEK, _whole_weeks(start, end)),
        (DAY, days if days % 7 else None),
    ]
    return [unit for kind, count in names if count and (unit := _standard(kind, count)) is not None]


def _is_semimonth(start: date, end: date) -> bool:
    """Twice a month: the 1st and 16th, the 5th and 20th, or the 15th and the last."""
    if (start.year, start.month) == (end.year, end.month):
        return end.day == start.day + 15 or (start.day == 15 and _is_last_of_month(end))
    return add_months(start, 1, end.day) == end and (start.day == end.day + 15 or (end.day == 15 and _is_last_of_month(start)))


def _is_standard(unit: UnitPeriod) -> bool:
    return unit.kind != DAY or unit.count == 1


def _length(unit: UnitPeriod) -> Fraction:
    """In days, months being equal."""
    return Fraction(_DAYS_A_YEAR) / unit.per_year if unit.kind != WEEK else Fraction(7 * unit.count)


def _nearest_standard(days: Fraction) -> UnitPeriod:
    standard = [UnitPeriod(DAY), UnitPeriod(SEMIMONTH), UnitPeriod(YEAR)]
    standard += [UnitPeriod(WEEK, count) for count in range(1, _WEEKS_A_YEAR + 1)] + [UnitPeriod(MONTH, count) for count in range(1, 12)]
    return min(standard, key=lambda unit: (abs(_length(unit) - days), _length(unit)))


def regz_time(unit: UnitPeriod, start: date, end: date, anchor: int) -> UnitTime:
    """Unit-periods from `start` to `end`, which is not before it. Appendix J, (b)(5)."""
    if unit.is_term:
        return UnitTime(1 if end > start else 0)  # A term is of one advance and one payment.
    if unit.kind in (DAY, WEEK):
        return _divided(Fraction((end - start).days, unit.count * (7 if unit.kind == WEEK else 1)))
    months, odd_end = months_back(start, end, anchor)
    odd = (odd_end - start).days
    if unit.kind == YEAR:
        return _years_and_rest(months, odd, start, end, anchor)
    return _divided(Fraction(30 * months + odd, 15 if unit.kind == SEMIMONTH else 30 * unit.count))


def _years_and_rest(months: int, odd: int, start: date, end: date, anchor: int) -> UnitTime:
    """Full years back, then months / 12 where the rest is whole months, else its days / 365."""
    years, rest = divmod(months, _MONTHS_A_YEAR)
    if not odd:
        return UnitTime(years, Fraction(rest, _MONTHS_A_YEAR))
    return _divided(years + Fraction((add_months(end, -12 * years, anchor) - start).days, _DAYS_A_YEAR))


def _divided(units: Fraction) -> UnitTime:
    whole = units.numerator // units.denominator
    return UnitTime(whole, units - whole)
