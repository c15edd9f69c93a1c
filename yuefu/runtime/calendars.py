"""Business calendars of the libraries, as frozen values of `yuefu.dates`.

China: `chinesecalendar` knows the days off and the make-up workdays that the State Council announced, up to a last year; beyond
it the statutory holidays of `holidays` stand in, marked provisional, because make-up days are announced a year at a time.
"""

from __future__ import annotations

from datetime import date, timedelta
from functools import lru_cache

import chinese_calendar
import holidays as holiday_library

from yuefu.dates.calendars import Calendar


@lru_cache(maxsize=16)
def calendar(name: str, first_year: int, last_year: int) -> Calendar:
    """The calendar `CN` from `first_year` to `last_year`; `NONE` has weekends only. Raises ValueError for an unknown name."""
    if name == "NONE":
        end = date(last_year, 12, 31)
        return Calendar(name="NONE", version="1", holidays=frozenset(), makeup_workdays=frozenset(), known_until=end, provisional_until=end)
    if name != "CN":
        raise ValueError(f"there is no calendar {name}")
    return _china(first_year, last_year)


def _china(first_year: int, last_year: int) -> Calendar:
    announced = max(day.year for day in chinese_calendar.holidays)
    known_until = date(announced, 12, 31)
    days_off, workdays = set(), set()
    for day in _days(first_year, min(last_year, announced)):
        if chinese_calendar.is_holiday(day) and day.weekday() < 5:
            days_off.add(day)
        elif chinese_calendar.is_workday(day) and day.weekday() >= 5:
            workdays.add(day)
    statutory = holiday_library.country_holidays("CN", years=range(announced + 1, last_year + 1)) if last_year > announced else {}
    days_off.update(day for day in statutory if day.weekday() < 5)
    return Calendar(
        name="CN",
        version=f"chinesecalendar-{announced}",
        holidays=frozenset(days_off),
        makeup_workdays=frozenset(workdays),
        known_until=known_until,
        provisional_until=date(max(last_year, announced), 12, 31),
    )


def _days(first_year: int, last_year: int) -> list[date]:
    start, end = date(first_year, 1, 1), date(last_year, 12, 31)
    return [start + timedelta(days=n) for n in range((end - start).days + 1)]
