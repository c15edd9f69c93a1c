"""Money, days and moments as people read them."""

from __future__ import annotations

from datetime import date, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from yuefu.money.amounts import Money
from yuefu.web import edge


@pytest.mark.parametrize(
    ("minor", "currency", "figure", "with_currency"),
    [
        (199900, "CNY", "1,999.00", "¥1,999.00"),
        (0, "CNY", "0.00", "¥0.00"),
        (-5, "CNY", "−0.05", "−¥0.05"),
        (-123456789, "USD", "−1,234,567.89", "−$1,234,567.89"),
        (1999, "JPY", "1,999", "JP¥1,999"),
        (1234567, "BHD", "1,234.567", "BHD 1,234.567"),
        (10**15, "CNY", "10,000,000,000,000.00", "¥10,000,000,000,000.00"),
    ],
)
def test_money_is_grouped_has_all_decimals_and_a_true_minus(minor: int, currency: str, figure: str, with_currency: str) -> None:
    assert edge.figure(Money(minor, currency)) == figure
    assert edge.with_currency(Money(minor, currency)) == with_currency


@settings(max_examples=200)
@given(st.integers(-(10**15), 10**15), st.sampled_from(["CNY", "JPY", "BHD"]))
def test_a_figure_reads_back_as_the_same_money(minor: int, currency: str) -> None:
    money = Money(minor, currency)
    assert Money.parse(edge.figure(money).replace(",", "").replace("−", "-"), currency) == money


@pytest.mark.parametrize(
    ("minor", "english", "chinese"),
    [
        (6_000_000, "¥60k", "¥6万"),
        (150_000, "¥1.5k", "¥1,500"),
        (200_000_000_00, "¥200m", "¥2亿"),
        (12_345_00, "¥12,345", "¥12,345"),
        (12_345_67, "¥12,345.67", "¥12,345.67"),
        (0, "¥0", "¥0"),
    ],
)
def test_an_axis_is_short_only_where_that_is_exact(minor: int, english: str, chinese: str) -> None:
    assert edge.compact(Money(minor, "CNY"), "en") == english
    assert edge.compact(Money(minor, "CNY"), "zh-hans") == chinese


def test_a_day_carries_its_weekday_and_its_year_only_where_it_is_another() -> None:
    as_of, on = date(2026, 1, 2), date(2025, 11, 25)
    assert edge.day(on, "en") == "Tue 25 Nov"
    assert edge.day(on, "zh-hans") == "11月25日 周二"
    assert edge.day(on, "en", as_of) == "Tue 25 Nov 2025"
    assert edge.day(on, "zh-hans", as_of) == "2025年11月25日 周二"
    assert edge.day(on, "en", date(2025, 1, 1)) == "Tue 25 Nov"


def test_a_moment_is_a_day_and_a_time() -> None:
    assert edge.moment(datetime(2025, 11, 25, 9, 5), "en") == "Tue 25 Nov, 09:05"
    assert edge.moment(datetime(2025, 11, 25, 9, 5), "zh-hans") == "11月25日 周二 09:05"
