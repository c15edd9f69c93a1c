"""The annual cost of many loans at once is that of each loan by itself."""

from __future__ import annotations

import time
from collections.abc import Callable
from fractions import Fraction

import numpy as np
import pytest
import pyxirr
from hypothesis import given
from hypothesis import strategies as st

from yuefu.plans.annual_cost import AnnualCostError, YearFlow, annual_cost_in_years
from yuefu.plans.portfolio_cost import annual_costs, annual_costs_ragged, simple_pct

TWELVE_MONTHS = [Fraction(k, 12) for k in range(13)]


def scalar(net: list[int], times: list[Fraction]) -> tuple[float, float]:
    flows = list(zip(times, net, strict=True))
    cost = annual_cost_in_years(
        draws=[YearFlow(t, minor) for t, minor in flows if minor > 0], payments=[YearFlow(t, -minor) for t, minor in flows if minor < 0]
    )
    return float(cost.compound_pct), float(cost.simple_pct)


def loans(count: int, seed: int = 1) -> np.ndarray:
    """Loans of twelve instalments, at 0 to 36 % a year, rounded up to the cent."""
    dice = np.random.default_rng(seed)
    principal, rate = dice.integers(50_000, 5_000_000, count), dice.uniform(0.0, 0.36, count) / 12
    each = np.ceil(principal * rate / (1 - (1 + rate) ** -12)).astype(np.int64)
    return np.concatenate([principal[:, None], -np.repeat(each[:, None], 12, axis=1)], axis=1)


PAID = st.lists(st.integers(0, 10**7), min_size=12, max_size=12).filter(any)


@given(st.lists(st.tuples(st.integers(1, 10**11), PAID), min_size=1, max_size=8), st.booleans())
def test_each_loan_costs_what_it_costs_by_itself(given_loans: list[tuple[int, list[int]]], timed: bool) -> None:
    rows, expected = [], []
    times = [Fraction(k, 12) + (Fraction(k % 3, 365) if timed else 0) for k in range(13)]
    for share, paid in given_loans:
        lent = max(1, sum(paid) * (share % 150) // 100)  # from nothing to half more than is paid
        row = [lent, *(-each for each in paid)]
        try:
            expected.append(scalar(row, times)[0])
        except AnnualCostError:
            continue
        rows.append(row)
    if rows:
        found = annual_costs(np.array(rows), times)
        assert np.abs(found - expected).max() < 1e-8
        assert np.abs(annual_costs(np.array(rows), np.array([[float(t) for t in times]] * len(rows))) - expected).max() < 1e-8


@given(st.lists(st.lists(st.integers(1, 10**6), min_size=1, max_size=9), min_size=1, max_size=9), st.integers(101, 140))
def test_loans_of_different_lengths_are_computed_together(paid: list[list[int]], pct: int) -> None:
    rows = [[max(1, 100 * sum(each) // pct), *(-minor for minor in each)] for each in paid]
    times = [[Fraction(k, 12) for k in range(len(row))] for row in rows]
    offsets = np.cumsum([0, *map(len, rows)])
    flat = np.array([minor for row in rows for minor in row]), np.array([float(t) for row in times for t in row])
    found = annual_costs_ragged(*flat, offsets)
    for cost, simple, row, at in zip(found, simple_pct(found), rows, times, strict=True):
        assert (cost, simple) == pytest.approx(scalar(row, at), abs=1e-8, rel=1e-12)


def test_what_newton_may_not_be_trusted_with_is_left_to_the_scalar_path() -> None:
    times = [Fraction(0), Fraction(1), Fraction(2)]
    rows = [
        [100_000, -230_000, 132_000],  # 10 % and 20 %
        [100_000, -204_000, 103_400],  # 10 % and -6 %
        [-100, 100_000, -101_000],  # a fee before the draw
        [1, 0, -500_000],  # beyond 10,000 %
        [2**60, -(2**60), -3],  # more than a float has digits for
        [2**60, -(2**60), 0],
        [100_000, -100_000, 0],
    ]
    found = annual_costs(np.array(rows), times)
    assert found[:2] == pytest.approx([10, -6], abs=1e-8)
    assert [float(each) for each in found[2:5]] == [scalar(row, times)[0] for row in rows[2:5]]
    assert (found[5], found[6]) == (0.0, 0.0)
    slow = [10_000_000_000_000, -10_000_003_000_000, -500_000_000_000_000]  # a start so far off that twelve steps do not get there
    after = [Fraction(0), Fraction(1, 1_000_000), Fraction(100)]
    assert annual_costs(np.array([slow]), after)[0] == scalar(slow, after)[0] == pytest.approx(35, abs=0.1)
    with pytest.raises(AnnualCostError, match="No annual rate between -99 %"):
        annual_costs(np.array([[10_000, -50, 0]]), times)


def test_nothing_is_exactly_nothing_also_where_floats_cannot_add_up() -> None:
    times = [Fraction(0), Fraction(0), Fraction(1)]
    rows = [[100, -100, 0], [100, -40, -60], [2**60 + 129, -(2**60 - 1000), -1129]]
    assert annual_costs(np.array(rows), times).tolist() == [0.0, 0.0, 0.0]


def test_a_loan_without_a_cost_is_told_by_its_number() -> None:
    rows = loans(5_000)
    rows[4_321, 1:] = 0
    with pytest.raises(AnnualCostError, match=r"Loan 4321 \(from 0\): An annual cost needs") as caught:
        annual_costs(rows, TWELVE_MONTHS)
    assert caught.value.code == "flows_missing"
    with pytest.raises(AnnualCostError, match=r"Loan 1 \(from 0\)"):
        annual_costs_ragged(np.array([5, -6, 5, 5, -6]), np.array([0.0, 1, 0, 0, 1]), np.array([0, 2, 3, 5]))
    assert annual_costs(np.zeros((0, 13), dtype=np.int64), TWELVE_MONTHS).shape == (0,)


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        (lambda: annual_costs(loans(3).astype(float), TWELVE_MONTHS), "rows_unequal"),
        (lambda: annual_costs(loans(3), TWELVE_MONTHS[:-1]), "rows_unequal"),
        (lambda: annual_costs(loans(3), TWELVE_MONTHS[::-1]), "rows_unequal"),
        (lambda: annual_costs(loans(3), np.full(13, np.nan)), "flow_too_far"),
        (lambda: annual_costs(loans(3), np.linspace(0, 101, 13)), "flow_too_far"),
        (lambda: annual_costs(loans(3), np.linspace(-21, 1, 13)), "flow_too_far"),
        (lambda: annual_costs_ragged(np.array([1, -1]), np.array([0.0, 1]), np.array([0, 1])), "rows_unequal"),
        (lambda: annual_costs_ragged(np.array([1, -1]), np.array([0.0, 1]), np.array([0, 3, 2])), "rows_unequal"),
    ],
)
def test_tables_that_do_not_fit_are_refused(wrong: Callable[[], object], code: str) -> None:
    with pytest.raises(AnnualCostError) as caught:
        wrong()
    assert caught.value.code == code


def test_another_library_finds_the_same_rates_and_takes_at_least_twice_as_long() -> None:
    net = loans(20_000)
    lists = [[float(each) for each in row] for row in net]

    def took(work: Callable[[], object]) -> float:
        begun = time.perf_counter()
        work()
        return time.perf_counter() - begun

    theirs = [pyxirr.irr(each) for each in lists]
    monthly = simple_pct(annual_costs(net, TWELVE_MONTHS)) / 1200
    assert np.abs(np.array(theirs, dtype=float) - monthly).max() < 1e-9
    ours = min(took(lambda: annual_costs(net, TWELVE_MONTHS)) for _ in range(5))
    assert min(took(lambda: [pyxirr.irr(each) for each in lists]) for _ in range(5)) > 2 * ours
