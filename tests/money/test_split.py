from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.published import published
from yuefu.money.amounts import Money
from yuefu.money.rates import Rounding
from yuefu.money.split import pro_rata_step, split, split_evenly

minors = st.integers(-(10**15), 10**15)
weights = st.lists(st.integers(0, 10**9), min_size=1, max_size=40).filter(any)


def cny(*minors: int) -> list[Money]:
    return [Money(minor, "CNY") for minor in minors]


def test_the_largest_remainder_gets_the_odd_cent_and_a_tie_goes_to_the_earlier_part() -> None:
    assert split(Money(100, "CNY"), [1, 1, 1]) == cny(34, 33, 33)
    assert split(Money(101, "CNY"), [1, 1, 1]) == cny(34, 34, 33)
    assert split(Money(10, "CNY"), [1, 5, 1]) == cny(2, 7, 1)  # shares 1.43, 7.14, 1.43
    assert split(Money(10, "CNY"), [3, 3, 5]) == cny(3, 3, 4)  # shares 2.73, 2.73, 4.55
    assert split(Money(1, "CNY"), [0, 1, 1]) == cny(0, 1, 0)


def test_an_even_split_puts_the_larger_parts_first() -> None:
    assert split_evenly(Money(199901, "CNY"), 3) == cny(66634, 66634, 66633)


@given(minors, weights)
def test_the_parts_add_up_lie_within_one_of_their_share_and_nothing_goes_to_a_zero_weight(minor: int, weights: list[int]) -> None:
    parts = [part.minor for part in split(Money(minor, "CNY"), weights)]
    assert sum(parts) == minor
    for part, weight in zip(parts, weights, strict=True):
        assert abs(part - Fraction(minor * weight, sum(weights))) < 1
        assert weight or not part


@given(minors, weights)
def test_a_negative_total_is_split_as_the_mirror_of_the_positive_one(minor: int, weights: list[int]) -> None:
    assert split(Money(-minor, "CNY"), weights) == [-part for part in split(Money(minor, "CNY"), weights)]


def test_percentages_are_split_to_the_cent_bl_split_02_bl_split_04_bl_split_05() -> None:
    for name in ("bl-split-02", "bl-split-04", "bl-split-05"):
        given_, expected = published(name)
        parts = split(Money(given_["total_minor"], "CNY"), [thousandths(part) for part in given_["parts"]])
        assert sum(part.minor for part in parts) == expected["sum_exactly"], name
        assert min(part.minor for part in parts) >= 0, name


def test_one_cent_goes_to_the_first_half_bl_split_06() -> None:
    given_, expected = published("bl-split-06")
    parts = split(Money(given_["total_minor"], "CNY"), [thousandths(part) for part in given_["parts"]])
    assert [part.minor for part in parts] == [expected["a"], expected["b"]]


def thousandths(percent: str) -> int:
    return int(Fraction(percent.rstrip("%")) * 1000)


@pytest.mark.parametrize("weights", [[], [0], [0, 0], [1, -1, 5]])
def test_weights_that_divide_nothing_are_refused(weights: list[int]) -> None:
    with pytest.raises(ValueError, match="weights"):
        split(Money(100, "CNY"), weights)


@pytest.mark.parametrize("n", [0, -1])
def test_a_split_into_no_parts_is_refused(n: int) -> None:
    with pytest.raises(ValueError, match="weights"):
        split_evenly(Money(100, "CNY"), n)


@given(minors, st.integers(1, 10**6), st.lists(st.integers(0, 10**6), max_size=10), st.sampled_from(Rounding))
def test_steps_from_nothing_to_all_add_up_to_the_whole(minor: int, of: int, cuts: list[int], rounding: Rounding) -> None:
    whole = Money(minor, "CNY")
    stops = [0, *sorted(min(cut, of) for cut in cuts), of]
    steps = [pro_rata_step(whole, done_before=before, done_after=after, of=of, rounding=rounding) for before, after in pairwise(stops)]
    assert sum(step.minor for step in steps) == minor


def test_a_step_back_takes_back_what_the_step_gave() -> None:
    whole = Money(1000, "CNY")
    given_ = pro_rata_step(whole, done_before=1, done_after=2, of=3, rounding=Rounding.HALF_UP)
    taken = pro_rata_step(whole, done_before=2, done_after=1, of=3, rounding=Rounding.HALF_UP)
    assert (given_, taken) == (Money(334, "CNY"), Money(-334, "CNY"))


@pytest.mark.parametrize(("before", "after", "of"), [(-1, 1, 3), (0, 4, 3), (4, 3, 3), (0, 0, 0)])
def test_a_step_outside_the_whole_is_refused(before: int, after: int, of: int) -> None:
    with pytest.raises(ValueError, match="0 <= done <= of"):
        pro_rata_step(Money(1, "CNY"), done_before=before, done_after=after, of=of, rounding=Rounding.UP)
