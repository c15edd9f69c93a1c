"""Plans divide to the cent, shares cross their lines where they are, and a path of money is what comes less what is due."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yuefu.growth.rules import concentration, plans, stress
from yuefu.growth.rules.concentration import Lines
from yuefu.growth.rules.plans import DEFAULT, WHOLE, Envelope
from yuefu.growth.rules.stress import Dated
from yuefu.money.amounts import Money

TODAY = date(2026, 10, 12)
LINES = Lines(700_000, 850_000)


def cny(minor: int) -> Money:
    return Money(minor, "CNY")


@given(st.integers(1, 10**12), st.lists(st.integers(1, 9_999), min_size=1, max_size=8))
def test_envelopes_are_what_was_paid(paid: int, shares: list[int]) -> None:
    envelopes = [Envelope(str(n), share) for n, share in enumerate(shares)]
    parts = plans.divided(cny(paid), envelopes)
    assert sum(part.minor for part in parts) == paid
    for part, share in zip(parts, shares, strict=True):
        assert abs(part.minor * sum(shares) - paid * share) < sum(shares), "within a cent of its share"


def test_the_plan_of_who_never_chose_is_40_30_30() -> None:
    assert [part.minor for part in plans.divided(cny(1_000_01), DEFAULT)] == [400_01, 300_00, 300_00]
    assert plans.fault(DEFAULT) is None


@pytest.mark.parametrize(
    "envelopes",
    [
        [],
        [Envelope("a", WHOLE - 1)],
        [Envelope("a", WHOLE), Envelope("b", 0)],
        [Envelope("a", WHOLE + 1), Envelope("b", -1)],
        [Envelope("a", 5_000), Envelope("a", 5_000)],
        [Envelope("", WHOLE)],
        [Envelope(" a", WHOLE)],
        [Envelope("x" * 41, WHOLE)],
        [Envelope(str(n), WHOLE // 21) for n in range(21)],
    ],
)
def test_a_plan_that_is_none_is_refused(envelopes: list[Envelope]) -> None:
    assert plans.fault(envelopes) is not None


@pytest.mark.parametrize(
    ("sold", "revenue", "share", "level"),
    [
        (0, None, None, "unknown"),
        (5, None, None, "unknown"),
        (0, 0, None, "unknown"),
        (5, 0, None, "more_than_all"),
        (699_999_9, 1_000_000_0, 700_000, "ok"),
        (70, 100, 700_000, "watch"),
        (849_999_9, 1_000_000_0, 850_000, "watch"),
        (85, 100, 850_000, "alert"),
        (100, 100, 1_000_000, "alert"),
        (101, 100, 1_010_000, "more_than_all"),
    ],
)
def test_a_share_crosses_a_line_where_it_is(sold: int, revenue: int | None, share: int | None, level: str) -> None:
    found = concentration.month(TODAY, cny(sold), None if revenue is None else cny(revenue), LINES)
    if share is not None:
        assert found.share_ppm is not None
        assert abs(found.share_ppm - share) <= 1
    assert found.level == level


@pytest.mark.parametrize(
    "value",
    [
        {},
        {"watch_pct": 70},
        {"watch_pct": 90, "alert_pct": 85},
        {"watch_pct": 0, "alert_pct": 85},
        {"watch_pct": 70.0, "alert_pct": 85},
        85,
    ],
)
def test_lines_that_are_none_are_refused(value: Any) -> None:
    with pytest.raises((ValueError, TypeError)):
        concentration.lines(value)
    assert concentration.lines(dict(concentration.DEFAULT_POLICY)) == LINES


def test_three_days_later_half_a_million_is_missing() -> None:
    """The reference case of a shop that had to pay its suppliers before it was paid."""
    coming = [Dated(TODAY + timedelta(days=5), cny(600_000_00), "sales")]
    due = [Dated(TODAY + timedelta(days=6), cny(550_000_00), "supplier"), Dated(TODAY - timedelta(days=1), cny(50_000_00), "old")]
    found = stress.stressed(cny(100_000_00), coming, due, today=TODAY, until=TODAY + timedelta(days=30), shift_days=3)
    assert (found.as_agreed.gap.minor, found.as_agreed.short_on, found.as_agreed.lowest.minor) == (0, None, 50_000_00)
    assert (found.later.gap.minor, found.later.short_on) == (500_000_00, TODAY + timedelta(days=6))
    assert found.more.minor == 500_000_00
    assert found.later.days[-1] == (TODAY + timedelta(days=8), cny(100_000_00))


MOVES = st.lists(st.tuples(st.integers(-10, 80), st.integers(1, 10**9)), max_size=12)


@given(st.integers(0, 10**9), MOVES, MOVES, st.integers(0, 30))
def test_a_path_is_what_comes_less_what_is_due(cash: int, coming: Any, due: Any, shift: int) -> None:
    comes = [Dated(TODAY + timedelta(days=days), cny(minor), "x") for days, minor in coming]
    owes = [Dated(TODAY + timedelta(days=days), cny(minor), "y") for days, minor in due]
    found = stress.stressed(cny(cash), comes, owes, today=TODAY, until=TODAY + timedelta(days=60), shift_days=shift)
    for path, moved in ((found.as_agreed, 0), (found.later, shift)):
        for on, left in path.days:
            here = cash + sum(minor for days, minor in coming if TODAY + timedelta(days=max(days, 0) + moved) <= on)
            here -= sum(minor for days, minor in due if TODAY + timedelta(days=max(days, 0)) <= on)
            assert left.minor == here
        assert path.lowest.minor == min(left.minor for _, left in path.days)
    assert found.more.minor >= 0, "nothing is better for coming later"
