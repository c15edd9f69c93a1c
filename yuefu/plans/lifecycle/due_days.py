"""On which days the instalments of a loan are due."""

from __future__ import annotations

from calendar import monthrange
from datetime import date, timedelta
from typing import Final

from yuefu.dates.calendars import Calendar
from yuefu.plans.lifecycle.terms import DUE_DAYS_OUT_OF_ORDER, Adjust, Frequency, LoanTerms, MonthEnd, TermsError

_ONE_DAY: Final = timedelta(days=1)


def due_days(terms: LoanTerms) -> tuple[date, ...]:
    """The due day of each instalment, in order, strictly rising. Raises TermsError where business days move two onto one or the years end."""
    if terms.due_days is not None:
        return terms.due_days
    try:
        days = tuple(_adjusted(terms, _nth(terms, k)) for k in range(terms.periods))
    except (OverflowError, ValueError) as error:
        raise TermsError(DUE_DAYS_OUT_OF_ORDER, f"The due days leave the calendar: {error}", "periods") from error
    if any(one >= other for one, other in zip((terms.disbursed_on, *days), days, strict=False)):
        raise TermsError(DUE_DAYS_OUT_OF_ORDER, "Moved to business days, the due days no longer rise.", "adjust")
    return days


def later_due_days(terms: LoanTerms, first: date, count: int, frequency: Frequency, every: int, anchor: int | None = None) -> list[date]:
    """`count` due days from `first` on, each `every` × `frequency` after the one before, moved to business days as the terms say, but for the
    first; `anchor` is the day of the month they keep. Raises TermsError where the years end."""
    try:
        steps = (_stepped(first, frequency, every * k, terms.month_end, anchor or first.day) for k in range(1, count))
        return [first, *(_adjusted(terms, day) for day in steps)][:count]
    except (OverflowError, ValueError) as error:
        raise TermsError(DUE_DAYS_OUT_OF_ORDER, f"The due days leave the calendar: {error}", "periods") from error


def _nth(terms: LoanTerms, k: int) -> date:
    if terms.first_due_on is not None:
        anchor = terms.due_day or terms.first_due_on.day
        return _stepped(terms.first_due_on, terms.frequency, terms.every * k, terms.month_end, anchor) if k else terms.first_due_on
    anchor = terms.due_day or terms.disbursed_on.day
    return _stepped(terms.disbursed_on, terms.frequency, terms.every * (k + 1), terms.month_end, anchor)


def _stepped(day: date, frequency: Frequency, steps: int, month_end: MonthEnd, anchor: int) -> date:
    if frequency is Frequency.DAYS:
        return day + timedelta(days=steps)
    if frequency is Frequency.WEEKS:
        return day + timedelta(weeks=steps)
    year, month0 = divmod(day.year * 12 + day.month - 1 + steps, 12)
    last = monthrange(year, month0 + 1)[1]
    if anchor <= last:
        return date(year, month0 + 1, anchor)
    return date(year, month0 + 1, last) + (_ONE_DAY if month_end is MonthEnd.ROLL else timedelta())


def _adjusted(terms: LoanTerms, day: date) -> date:
    if terms.adjust is Adjust.NONE or terms.calendar is None:
        return day
    if terms.adjust is Adjust.PRECEDING:
        return _before(terms.calendar, day)
    moved = terms.calendar.next_business_day(day)
    if terms.adjust is Adjust.MODIFIED_FOLLOWING and moved.month != day.month:
        return _before(terms.calendar, day)
    return moved


def _before(calendar: Calendar, day: date) -> date:
    while not calendar.is_business_day(day):
        day -= _ONE_DAY
    return day
