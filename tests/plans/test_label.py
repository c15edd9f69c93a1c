from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yuefu.dates.daycount import DayCount
from yuefu.money.amounts import Money, total
from yuefu.money.rates import Rate
from yuefu.plans.label import PriceLabel, price_label, render_price_label
from yuefu.plans.schedule import Instalment, schedule
from yuefu.plans.terms import Terms


def label_of(minor: int, periods: int, currency: str = "CNY", ppm: int = 0) -> PriceLabel:
    terms = Terms(Money(minor, currency), periods, Rate(ppm), DayCount.THIRTY_360, date(2026, 1, 15), date(2026, 2, 15), 15)
    return price_label(schedule(terms))


@pytest.mark.parametrize(
    ("minor", "periods", "currency", "text"),
    [
        (199900, 3, "CNY", "¥666.33 × 2 + ¥666.34 = ¥1,999.00"),
        (199800, 3, "CNY", "¥666.00 × 3 = ¥1,998.00"),
        (123456789, 6, "CNY", "¥205,761.31 × 5 + ¥205,761.34 = ¥1,234,567.89"),
        (10001, 2, "JPY", "JP¥5,000 + JP¥5,001 = JP¥10,001"),
        (10000, 3, "USD", "$33.33 × 2 + $33.34 = $100.00"),
        (10000, 2, "CHF", "CHF 50.00 × 2 = CHF 100.00"),
    ],
)
def test_the_label_shows_the_instalments_and_what_they_add_up_to(minor: int, periods: int, currency: str, text: str) -> None:
    assert render_price_label(label_of(minor, periods, currency)) == text


def test_the_label_of_a_plan_with_interest_includes_the_interest() -> None:
    assert render_price_label(label_of(120000, 3, ppm=120_000)) == "¥408.03 × 2 + ¥408.02 = ¥1,224.08"


@given(st.integers(36, 10**9), st.integers(2, 36), st.integers(0, 360_000))
def test_a_label_adds_up_to_the_instalments_and_covers_each(minor: int, periods: int, ppm: int) -> None:
    terms = Terms(Money(minor, "CNY"), periods, Rate(ppm), DayCount.ACT_365, date(2026, 1, 15), date(2026, 2, 15), 15)
    rows = schedule(terms)
    label = price_label(rows)
    assert label.total == total((row.total for row in rows), "CNY")
    assert [each for count, each in label.groups for _ in range(count)] == [row.total for row in rows]
    assert all(one[1] != other[1] for one, other in zip(label.groups, label.groups[1:], strict=False))


def test_a_label_that_does_not_add_up_cannot_be_made() -> None:
    with pytest.raises(ValueError, match="must add up"):
        PriceLabel(((2, Money(50, "CNY")),), Money(101, "CNY"))


def test_a_label_of_nothing_or_of_two_currencies_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        price_label([])
    mixed = [Instalment(n, date(2026, 1, n), Money(1, c), Money(0, c)) for n, c in ((1, "CNY"), (2, "USD"))]
    with pytest.raises(ValueError, match="CNY and USD"):
        price_label(mixed)
