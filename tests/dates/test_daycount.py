from datetime import date
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yuefu.dates.daycount import DayCount, days, year_fraction


@pytest.mark.parametrize(
    ("start", "end", "actual", "thirty"),
    [
        (date(2026, 1, 1), date(2026, 2, 1), 31, 30),
        (date(2026, 1, 31), date(2026, 2, 28), 28, 28),
        (date(2026, 2, 28), date(2026, 3, 31), 31, 32),
        (date(2026, 1, 30), date(2026, 1, 31), 1, 0),
        (date(2024, 1, 1), date(2025, 1, 1), 366, 360),
        (date(2026, 2, 1), date(2026, 1, 1), -31, -30),
    ],
)
def test_the_days_between_two_dates_follow_the_convention(start: date, end: date, actual: int, thirty: int) -> None:
    assert days(start, end, DayCount.ACT_365) == actual
    assert days(start, end, DayCount.THIRTY_360) == thirty


def test_a_leap_year_of_actual_days_is_more_than_one_year_of_365() -> None:
    assert year_fraction(date(2024, 1, 1), date(2025, 1, 1), DayCount.ACT_365) == Fraction(366, 365)
    assert year_fraction(date(2024, 1, 1), date(2025, 1, 1), DayCount.THIRTY_360) == 1


@given(st.dates(), st.dates(), st.dates(), st.sampled_from(DayCount))
def test_days_add_up_over_a_stop_on_the_way(a: date, b: date, c: date, convention: DayCount) -> None:
    assert days(a, b, convention) + days(b, c, convention) == days(a, c, convention)
