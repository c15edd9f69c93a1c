"""Several ways to pay, side by side."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.plans.offer.samples import terms_of
from yuefu.money.amounts import Money
from yuefu.money.rates import Rate
from yuefu.plans.lifecycle.terms import LoanTerms
from yuefu.plans.offer.comparison import compare
from yuefu.plans.offer.offered import OfferError


def test_ways_stand_as_given_behind_paying_at_once_each_with_what_it_asks_beyond_the_cheapest() -> None:
    found = compare([terms_of(periods=12, percent="14.4"), terms_of(), terms_of(periods=6, percent="14.4", down_payment=Rate(250_000))])
    assert [(one.periods, one.total.minor, one.charge.minor, one.more.minor) for one in found.columns] == [
        (0, 199_900, 0, 0),
        (12, 215_829, 15_929, 15_929),
        (3, 199_900, 0, 0),
        (6, 206_274, 6_374, 6_374),
    ]
    assert [one.cost and one.cost.compound_text() for one in found.columns] == [None, "15.39", "0.00", "15.43"]
    assert [(one.paid_at_start.minor, one.first_due_on) for one in found.columns] == [
        (199_900, None),
        (0, date(2026, 11, 12)),
        (0, date(2026, 11, 12)),
        (49_975, date(2026, 11, 12)),
    ]
    assert found.columns[1].last_due_on == date(2027, 10, 12)


def test_a_way_that_lends_more_than_the_cash_price_costs_what_it_is_above_it() -> None:
    found = compare([terms_of(299_00, 3), terms_of(199_00, 3)], cash_price=Money(199_00, "CNY"))
    assert [one.charge.minor for one in found.columns] == [0, 100_00, 0]
    assert [one.more.minor for one in found.columns] == [0, 100_00, 0]
    assert found.columns[1].cost is not None
    assert found.columns[1].cost.compound_pct > 100


@pytest.mark.parametrize(
    ("several", "price", "code"),
    [
        ([], None, "nothing_to_compare"),
        ([terms_of(1_000), terms_of(2_000)], None, "prices_differ"),
        ([terms_of(1_000), terms_of(2_000)], Money(2_000, "CNY"), "price_not_covered"),
        ([terms_of(1_000)], Money(1_000, "USD"), "cash_price_currency"),
    ],
)
def test_what_cannot_be_compared_is_refused(several: list[LoanTerms], price: Money | None, code: str) -> None:
    with pytest.raises(OfferError) as told:
        compare(several, cash_price=price)
    assert told.value.code == code


@given(st.lists(st.tuples(st.integers(1, 36), st.sampled_from(["0", "7.2", "24"])), min_size=1, max_size=5), st.integers(100, 10**7))
def test_the_cheapest_way_asks_nothing_more_and_no_way_asks_less(ways: list[tuple[int, str]], minor: int) -> None:
    found = compare([terms_of(minor, periods, percent) for periods, percent in ways])
    assert min(one.more.minor for one in found.columns) == 0
    assert all(one.more + min(each.total for each in found.columns) == one.total for one in found.columns)
    assert all(one.total == found.price + one.charge for one in found.columns)
