from dataclasses import replace
from datetime import date

import pytest

from yuefu.dates.calendars import Calendar, CalendarUnknownError

# National Day 2026: off from Thursday 1 to Wednesday 7 October; Sunday 27 September and Saturday 10 October are worked in exchange.
GOLDEN_WEEK = Calendar(
    name="CN",
    version="2026-test",
    holidays=frozenset(date(2026, 10, day) for day in range(1, 8)),
    makeup_workdays=frozenset({date(2026, 9, 27), date(2026, 10, 10)}),
    known_until=date(2026, 12, 31),
)


@pytest.mark.parametrize(
    ("day", "business"),
    [
        (date(2026, 9, 26), False),
        (date(2026, 9, 27), True),
        (date(2026, 9, 30), True),
        (date(2026, 10, 1), False),
        (date(2026, 10, 7), False),
        (date(2026, 10, 8), True),
        (date(2026, 10, 10), True),
        (date(2026, 10, 11), False),
    ],
)
def test_weekends_and_holidays_are_off_and_makeup_days_are_worked(day: date, business: bool) -> None:
    assert GOLDEN_WEEK.is_business_day(day) is business


def test_the_next_business_day_may_be_the_day_itself() -> None:
    assert GOLDEN_WEEK.next_business_day(date(2026, 9, 30)) == date(2026, 9, 30)
    assert GOLDEN_WEEK.next_business_day(date(2026, 10, 1)) == date(2026, 10, 8)


@pytest.mark.parametrize(
    ("day", "n", "wanted"),
    [
        (date(2026, 9, 30), 1, date(2026, 10, 8)),
        (date(2026, 9, 30), 3, date(2026, 10, 10)),
        (date(2026, 9, 30), 4, date(2026, 10, 12)),
        (date(2026, 10, 3), 1, date(2026, 10, 8)),
        (date(2026, 10, 3), 0, date(2026, 10, 8)),
        (date(2026, 9, 26), 1, date(2026, 9, 27)),
    ],
)
def test_t_plus_n_counts_business_days_only(day: date, n: int, wanted: date) -> None:
    assert GOLDEN_WEEK.add_business_days(day, n) == wanted


def test_t_minus_n_is_refused() -> None:
    with pytest.raises(ValueError, match="n >= 0"):
        GOLDEN_WEEK.add_business_days(date(2026, 9, 30), -1)


def test_a_day_beyond_what_is_known_is_an_error_that_names_calendar_version_and_day() -> None:
    with pytest.raises(CalendarUnknownError, match=r"CN 2026-test knows .* to 2026-12-31, not 2027-01-01"):
        GOLDEN_WEEK.is_business_day(date(2027, 1, 1))
    with pytest.raises(CalendarUnknownError):
        GOLDEN_WEEK.add_business_days(date(2026, 12, 31), 1)


def test_a_provisional_day_is_answered_and_marked() -> None:
    calendar = replace(GOLDEN_WEEK, provisional_until=date(2027, 12, 31))
    assert calendar.is_business_day(date(2027, 1, 4))
    assert calendar.is_provisional(date(2027, 1, 1))
    assert not calendar.is_provisional(date(2026, 12, 31))
    with pytest.raises(CalendarUnknownError):
        calendar.is_provisional(date(2028, 1, 1))


def test_a_day_before_the_calendar_begins_is_an_error() -> None:
    calendar = replace(GOLDEN_WEEK, known_from=date(2026, 1, 1))
    assert calendar.is_business_day(date(2026, 1, 1))
    with pytest.raises(CalendarUnknownError):
        calendar.is_business_day(date(2025, 12, 31))


def test_a_calendar_that_contradicts_itself_is_refused() -> None:
    with pytest.raises(ValueError, match="as holiday and as make-up"):
        replace(GOLDEN_WEEK, makeup_workdays=frozenset({date(2026, 10, 1)}))
    with pytest.raises(ValueError, match="known_from <= known_until"):
        replace(GOLDEN_WEEK, provisional_until=date(2026, 1, 1))
