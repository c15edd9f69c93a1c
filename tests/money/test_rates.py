from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yuefu.money.amounts import Money
from yuefu.money.rates import Rate, Rounding, divide


@pytest.mark.parametrize(
    ("n", "half_up", "half_even", "up", "down"),
    [
        (24, 2, 2, 3, 2),
        (25, 3, 2, 3, 2),
        (26, 3, 3, 3, 2),
        (35, 4, 4, 4, 3),
        (30, 3, 3, 3, 3),
        (1, 0, 0, 1, 0),
        (5, 1, 0, 1, 0),
        (0, 0, 0, 0, 0),
    ],
)
def test_a_division_by_ten_ends_as_its_rounding_says_and_mirrors_below_zero(
    n: int, half_up: int, half_even: int, up: int, down: int
) -> None:
    wanted = {Rounding.HALF_UP: half_up, Rounding.HALF_EVEN: half_even, Rounding.UP: up, Rounding.DOWN: down}
    for rounding, result in wanted.items():
        assert divide(n, 10, rounding) == result
        assert divide(-n, 10, rounding) == -result
        assert divide(n, -10, rounding) == -result
        assert divide(-n, -10, rounding) == result


@given(st.integers(-(10**30), 10**30), st.integers(-(10**20), 10**20).filter(bool))
def test_half_even_division_is_that_of_exact_fractions(n: int, d: int) -> None:
    assert divide(n, d, Rounding.HALF_EVEN) == round(Fraction(n, d))


@given(st.integers(-(10**30), 10**30), st.integers(-(10**20), 10**20).filter(bool), st.sampled_from(Rounding))
def test_a_rounded_quotient_is_less_than_one_away_from_the_exact_one(n: int, d: int, rounding: Rounding) -> None:
    assert abs(divide(n, d, rounding) - Fraction(n, d)) < 1


def test_a_division_by_zero_or_by_an_unknown_rounding_is_an_error() -> None:
    with pytest.raises(ZeroDivisionError):
        divide(1, 0, Rounding.UP)
    with pytest.raises(ValueError, match="Unknown rounding"):
        divide(1, 3, "ceiling")  # type: ignore[arg-type]


@pytest.mark.parametrize(("text", "ppm"), [("0.60", 6000), ("0.6", 6000), ("7.2", 72_000), ("100", 1_000_000), ("0", 0), ("0.0001", 1)])
def test_a_percentage_is_read_exactly(text: str, ppm: int) -> None:
    assert Rate.parse_percent(text) == Rate(ppm)


@pytest.mark.parametrize("text", ["", "0.60%", "-1", "+1", "1e2", "0.00001", "１", ".5", "5.", "1,5", "NaN", " 1"])
def test_a_text_that_is_not_a_plain_percentage_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a percentage"):
        Rate.parse_percent(text)


@pytest.mark.parametrize("ppm", [-1, 10**9 + 1, 1.0, True, "6000"])
def test_a_rate_that_is_negative_huge_or_no_int_is_refused(ppm: object) -> None:
    with pytest.raises(ValueError, match="rate"):
        Rate(ppm)  # type: ignore[arg-type]


@given(st.integers(0, 10**9))
def test_a_percentage_written_is_read_back_the_same(ppm: int) -> None:
    assert Rate.parse_percent(Rate(ppm).percent_text()) == Rate(ppm)


def test_a_percentage_is_written_with_two_decimals_or_as_many_as_it_needs() -> None:
    assert [Rate(n).percent_text() for n in (6000, 6001, 72_000, 0, 1, 1_000_000)] == ["0.60", "0.6001", "7.20", "0.00", "0.0001", "100.00"]


def test_a_rate_of_an_amount_is_rounded_once_as_named() -> None:
    fee = Rate.parse_percent("0.60")
    assert fee.of(Money(199900, "CNY"), rounding=Rounding.HALF_UP) == Money(1199, "CNY")  # 11.994 yuan
    assert fee.of(Money(199900, "CNY"), rounding=Rounding.UP) == Money(1200, "CNY")
    assert fee.of(Money(-250, "CNY"), rounding=Rounding.HALF_UP) == Money(-2, "CNY")  # minus 1.5 fen
    assert Rate(1_000_000).of(Money(10**15, "CNY"), rounding=Rounding.DOWN) == Money(10**15, "CNY")
