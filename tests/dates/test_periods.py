from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yuefu.dates.periods import Period, add_months, months_and_days_between, next_due_day

some_days = st.dates(date(1990, 1, 1), date(2100, 12, 31))


def test_a_period_has_its_start_and_not_its_end() -> None:
    march = Period(date(2026, 3, 1), date(2026, 4, 1))
    assert march.days == 31
    assert date(2026, 3, 1) in march
    assert date(2026, 3, 31) in march
    assert date(2026, 4, 1) not in march
    assert date(2026, 2, 28) not in march
    assert Period(march.start, march.start).days == 0


def test_a_period_that_ends_before_it_starts_is_refused() -> None:
    with pytest.raises(ValueError, match="cannot end"):
        Period(date(2026, 3, 2), date(2026, 3, 1))


def test_a_month_step_clamps_to_the_month_end_and_keeps_its_anchor() -> None:
    start = date(2026, 1, 31)
    assert [add_months(start, n, 31) for n in range(4)] == [date(2026, 1, 31), date(2026, 2, 28), date(2026, 3, 31), date(2026, 4, 30)]
    assert add_months(date(2026, 2, 28), 1, 31) == date(2026, 3, 31)
    assert add_months(date(2026, 2, 28), 1) == date(2026, 3, 28)
    assert add_months(date(2024, 1, 30), 1, 30) == date(2024, 2, 29)
    assert add_months(date(2026, 1, 15), -1) == date(2025, 12, 15)
    assert add_months(date(2026, 12, 15), 1) == date(2027, 1, 15)


@pytest.mark.parametrize("anchor", [0, 32, -1])
def test_an_anchor_that_no_month_has_is_refused(anchor: int) -> None:
    with pytest.raises(ValueError, match="between 1 and 31"):
        add_months(date(2026, 1, 1), 1, anchor)
    with pytest.raises(ValueError, match="between 1 and 31"):
        next_due_day(date(2026, 1, 1), anchor, 5)


@given(some_days, st.integers(-30, 30), st.integers(-30, 30), st.integers(1, 31))
def test_month_steps_with_an_anchor_add_up(day: date, a: int, b: int, anchor: int) -> None:
    assert add_months(add_months(day, a, anchor), b, anchor) == add_months(day, a + b, anchor)


@pytest.mark.parametrize(
    ("after", "due_day", "gap", "due_on"),
    [
        (date(2026, 1, 10), 15, 5, date(2026, 1, 15)),
        (date(2026, 1, 11), 15, 5, date(2026, 2, 15)),
        (date(2026, 1, 30), 31, 10, date(2026, 2, 28)),
        (date(2026, 2, 28), 31, 1, date(2026, 3, 31)),
        (date(2026, 1, 31), 31, 0, date(2026, 1, 31)),
        (date(2026, 12, 20), 5, 10, date(2027, 1, 5)),
    ],
)
def test_the_next_due_day_is_the_first_that_leaves_the_gap(after: date, due_day: int, gap: int, due_on: date) -> None:
    assert next_due_day(after, due_day, gap) == due_on


@given(some_days, st.integers(1, 31), st.integers(0, 60))
def test_no_earlier_month_would_have_left_the_gap(after: date, due_day: int, gap: int) -> None:
    due_on = next_due_day(after, due_day, gap)
    assert due_on >= after + timedelta(days=gap)
    assert add_months(due_on, -1, due_day) < after + timedelta(days=gap)


def test_a_negative_gap_is_refused() -> None:
    with pytest.raises(ValueError, match="negative"):
        next_due_day(date(2026, 1, 1), 5, -1)


@pytest.mark.parametrize(
    ("start", "end", "wanted"),
    [
        (date(2026, 1, 31), date(2026, 2, 28), (1, 0)),
        (date(2026, 1, 31), date(2026, 3, 1), (1, 1)),
        (date(2026, 1, 31), date(2026, 3, 30), (1, 30)),
        (date(2026, 1, 31), date(2026, 3, 31), (2, 0)),
        (date(2026, 1, 15), date(2026, 1, 15), (0, 0)),
        (date(2025, 12, 20), date(2026, 1, 19), (0, 30)),
        (date(2024, 2, 29), date(2025, 2, 28), (12, 0)),
    ],
)
def test_whole_months_come_first_and_then_days(start: date, end: date, wanted: tuple[int, int]) -> None:
    assert months_and_days_between(start, end) == wanted


@given(some_days, st.integers(0, 5000))
def test_months_and_days_lead_back_to_the_end(start: date, span: int) -> None:
    end = start + timedelta(days=span)
    months, rest = months_and_days_between(start, end)
    assert add_months(start, months) + timedelta(days=rest) == end
    assert 0 <= rest <= 30


def test_months_backwards_are_refused() -> None:
    with pytest.raises(ValueError, match="is before"):
        months_and_days_between(date(2026, 1, 2), date(2026, 1, 1))
