"""Many loans at once: the same cents as one by one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from itertools import accumulate

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from yuefu.money.amounts import Money
from yuefu.money.rates import Rate, Rounding
from yuefu.plans import portfolio, portfolio_rows
from yuefu.plans.faults import PlanError
from yuefu.plans.lifecycle.factors import SCALE, factor
from yuefu.plans.lifecycle.levelling import equal_instalment
from yuefu.plans.lifecycle.schedule import schedule
from yuefu.plans.lifecycle.terms import (
    Adjust,
    DayCount,
    Fee,
    FeeWhen,
    Frequency,
    InstalmentRate,
    InterestBy,
    LoanTerms,
    Method,
    MonthBasis,
    MonthEnd,
    Remainder,
    YearBasis,
)

PLAIN = LoanTerms(principal=Money(199900, "CNY"), periods=12, annual_rate=Rate(146_000), disbursed_on=date(2026, 1, 31))
MONTHLY = replace(PLAIN, interest_by=InterestBy.PERIOD)
DAILY_RATES = (36_500, 109_500, 146_000, 182_500, 365_000)  # 0.01 % to 0.1 % a day: their interest ends in exact halves often


def _amounts() -> st.SearchStrategy[int]:
    return st.integers(0, 11).flatmap(lambda zeros: st.integers(1, 10**zeros))


@st.composite
def covered(draw: st.DrawFn) -> LoanTerms:
    """Any terms of the vectorised path."""
    lent_on = draw(
        st.dates(date(2023, 1, 1), date(2028, 12, 31))
        | st.sampled_from([date(2024, 1, 29), date(2024, 2, 29), date(2025, 1, 30), date(2025, 8, 31)])
    )
    later = draw(st.none() | st.integers(1, portfolio.LONGEST_FIRST_PERIOD))
    terms = LoanTerms(
        principal=Money(draw(_amounts()), "CNY"),
        periods=draw(st.integers(1, 36)),
        annual_rate=Rate(draw(st.integers(0, 400_000) | st.integers(0, 9_990_000) | st.sampled_from(DAILY_RATES))),
        disbursed_on=lent_on,
        first_due_on=None if later is None else lent_on + timedelta(days=later),
        due_day=draw(st.none() | st.integers(1, 31) | st.integers(29, 31)),
        day_count=DayCount(draw(st.sampled_from([YearBasis.D365, YearBasis.D364, YearBasis.D360])), draw(st.sampled_from(MonthBasis))),
        interest_by=draw(st.sampled_from(InterestBy)),
        month_end=draw(st.sampled_from(MonthEnd)),
        even_out=draw(st.booleans()),
    )
    return replace(terms, first_due_on=None, due_day=None) if portfolio.uncovered(terms) == "first_due_on" else terms


def one_by_one(terms: Sequence[LoanTerms]) -> list[list[tuple[date, int, int]]]:
    return [[(row.due_on, row.principal.minor, row.interest.minor) for row in schedule(each)] for each in terms]


def at_once(terms: Sequence[LoanTerms]) -> list[list[tuple[date, int, int]]]:
    found = portfolio.schedules_of(terms)
    assert found.alone == ()
    rows: dict[int, list[tuple[date, int, int]]] = {}
    for group in found.groups:
        for at, *columns in zip(
            group.positions.tolist(), group.due_on.tolist(), group.principal_minor.tolist(), group.interest_minor.tolist(), strict=True
        ):
            assert at not in rows
            rows[at] = list(zip(*columns, strict=True))
    return [rows[at] for at in range(len(terms))]


@given(st.lists(covered(), min_size=1, max_size=12))
def test_schedules_at_once_have_the_cents_and_days_of_schedules_one_by_one(terms: list[LoanTerms]):
    assert at_once(terms) == one_by_one(terms)


@given(st.lists(st.tuples(covered(), st.integers(-2, 1_300)), min_size=1, max_size=12))
def test_balances_at_once_are_those_of_each_loan_on_its_day(loans: list[tuple[LoanTerms, int]]):
    terms, days = [each for each, _ in loans], [each.disbursed_on + timedelta(days=after) for each, after in loans]
    found = portfolio.balances_on(portfolio.loans_of(terms), days)
    expected = [portfolio.balance_on(each, day) for each, day in zip(terms, days, strict=True)]
    assert list(zip(found.principal_minor.tolist(), found.interest_minor.tolist(), strict=True)) == expected


@pytest.mark.parametrize(("principal", "periods", "ppm"), [(8, 12, 999_000), (29, 12, 9_990_000), (20, 36, 144_000)])
def test_evening_out_that_would_empty_instalments_is_left(principal: int, periods: int, ppm: int):
    terms = replace(PLAIN, principal=Money(principal, "CNY"), periods=periods, annual_rate=Rate(ppm))
    assert at_once([terms]) == one_by_one([terms]) == at_once([replace(terms, even_out=False)])


def test_a_balance_falls_on_due_days_and_its_interest_grows_between_them():
    terms = replace(PLAIN, periods=2, principal=Money(100_000, "CNY"), disbursed_on=date(2026, 1, 31))
    first, second = schedule(terms)
    assert (first.due_on, first.interest.minor) == (date(2026, 2, 28), 1_120)  # 0.04 % a day, 28 days
    shown = [portfolio.balance_on(terms, date(2026, 2, 28) + timedelta(days=after)) for after in (-29, -28, -27, -1, 0, 1, 31, 400)]
    left = second.principal.minor
    assert shown == [(0, 0), (100_000, 0), (100_000, 40), (100_000, 1_080), (left, 0), (left, round(left * 0.0004)), (0, 0), (0, 0)]


@pytest.mark.parametrize(
    ("principal", "periods", "ppm", "first_due_on"),
    [(199_900, 6, 9_000_000, date(2026, 11, 20)), (81_744, 4, 6_374_000, date(2026, 10, 21))],
    ids=["as it is", "with another instalment, evened out"],
)
def test_interest_beyond_the_instalment_is_owed_until_a_later_row_asks_it(principal: int, periods: int, ppm: int, first_due_on: date):
    terms = replace(PLAIN, principal=Money(principal, "CNY"), periods=periods, annual_rate=Rate(ppm), first_due_on=first_due_on)
    row, *_, last = schedule(terms)
    earned = round(principal * _factor(terms) / SCALE)
    assert (row.principal.minor, earned > row.interest.minor) == (0, True)
    assert portfolio.balance_on(terms, row.due_on) == (principal, earned - row.interest.minor)
    days = [terms.disbursed_on + timedelta(days=after) for after in range(-1, (last.due_on - terms.disbursed_on).days + 2)]
    found = portfolio.balances_on(portfolio.loans_of([terms] * len(days)), days)
    shown = list(zip(found.principal_minor.tolist(), found.interest_minor.tolist(), strict=True))
    assert shown == [portfolio.balance_on(terms, day) for day in days]
    assert shown[-2:] == [(0, 0), (0, 0)]


def test_a_period_of_one_step_is_a_month_of_30_days_also_where_its_due_day_was_given():
    """A period that is a month long, its end clamped, has 30 days; of a shorter one the 21 days are a share of the 29 of that month."""
    thirty = replace(PLAIN, day_count=DayCount(YearBasis.D360, MonthBasis.D30), disbursed_on=date(2026, 1, 30))
    terms = [replace(thirty, first_due_on=date(2026, month, day)) for month, day in ((2, 28), (2, 20), (3, 30))]
    terms.append(replace(thirty, disbursed_on=date(2026, 1, 31)))
    # 199900 × 14.6 % × 30, 30 × 21/29, 60, 30 / 360
    assert [schedule(each)[0].interest.minor for each in terms] == [2_432, 1_761, 4_864, 2_432]
    months = [terms[0], terms[3]]
    assert at_once(months) == one_by_one(months)
    assert [portfolio.uncovered(each) for each in terms] == ["", "first_due_on", "first_due_on", ""]
    assert [alone.field for alone in portfolio.schedules_of(terms).alone] == ["first_due_on", "first_due_on"]
    with pytest.raises(PlanError) as told:
        portfolio.schedules(portfolio.loans_of(terms))
    assert (told.value.code, told.value.field) == ("not_covered", "first_due_on")
    assert "from 2026-01-30 to 2026-02-20" in told.value.detail


def test_a_factor_of_an_exact_half_goes_to_the_even_one():
    """A month's interest spread over 64 days: 6 ppm / 12 / 64 is 7812.5 of 10**-12 a day. On 10**12 minor units the factor is the interest."""
    terms = [replace(MONTHLY, principal=Money(10**12, "CNY"), annual_rate=Rate(ppm), first_due_on=date(2026, 4, 5)) for ppm in (6, 18)]
    found = portfolio.balances_on(portfolio.loans_of(terms), "2026-02-01")
    assert found.interest_minor.tolist() == [7_812, 23_438] == [portfolio.balance_on(each, date(2026, 2, 1))[1] for each in terms]


def _factor(terms: LoanTerms) -> int:
    start, due = terms.disbursed_on.toordinal(), schedule(terms)[0].due_on.toordinal()
    return factor(terms, terms.annual_rate.ppm, start, due, start, due)


# ------------------------------------------------------------------------------------------------------------------------------- ties


@given(st.lists(st.tuples(st.sampled_from(DAILY_RATES), st.integers(0, 10**7), st.integers(1, 36)), min_size=1, max_size=20))
def test_interest_of_an_exact_half_goes_to_the_even_cent(loans: list[tuple[int, int, int]]):
    terms = []
    for ppm, k, periods in loans:
        one = replace(PLAIN, principal=Money(1, "CNY"), annual_rate=Rate(ppm), disbursed_on=date(2026, 3, 1), periods=periods)
        whole = SCALE // np.gcd(SCALE, 2 * _factor(one))  # the smallest balance whose doubled interest is whole
        tie = one.principal.minor * int(whole) * (2 * k + 1)
        assert 2 * tie * _factor(one) % SCALE == 0
        assert tie * _factor(one) % SCALE != 0
        terms.append(replace(one, principal=Money(tie, "CNY")))
    assert at_once(terms) == one_by_one(terms)


def test_interest_next_to_a_half_at_large_principals_is_told_apart_from_it():
    """Beside a half by less than a float can say: 10**-12 to 10**-9 cents at hundreds of millions of them."""
    terms, shares = [], []
    for ppm in range(100_003, 400_000, 1_777):
        one = replace(PLAIN, annual_rate=Rate(ppm), periods=3)
        scaled = _factor(one)
        if scaled % 2 == 0 or scaled % 5 == 0:
            continue
        for beside in (-1_001, -3, -1, 0, 1, 3, 1_001):
            principal = (SCALE // 2 + beside) * pow(scaled, -1, SCALE) % SCALE
            shares.append(principal * scaled % SCALE - SCALE // 2)
            terms.append(replace(one, principal=Money(principal, "CNY")))
    assert len(terms) > 300
    assert set(shares) == {-1_001, -3, -1, 0, 1, 3, 1_001}
    assert at_once(terms) == one_by_one(terms)


def test_an_instalment_of_an_exact_half_goes_to_the_even_cent():
    """Two periods at 4.8 % each: 1.048² / 2.048 is 17161 / 32000 of the principal, exactly, and no float is 1.048."""
    terms = [
        replace(MONTHLY, principal=Money(16_000 * odd, "CNY"), annual_rate=Rate(576_000), periods=2, even_out=False)
        for odd in _odd_numbers()
    ]
    factors = [SCALE * 48 // 1000] * 2
    assert {equal_instalment(each.principal.minor, factors, balloon=0, step=1, rounding=Rounding.HALF_EVEN) % 2 for each in terms} == {0}
    assert at_once(terms) == one_by_one(terms)


def test_instalments_next_to_a_half_are_made_in_whole_numbers():
    """Of 36 periods and 10**11 minor units a float knows an instalment to some thousandths only: every hundredth or so is looked at twice."""
    terms = [replace(PLAIN, principal=Money(10**11 - 7 * k, "CNY"), periods=36, annual_rate=Rate(240_000 + k)) for k in range(400)]
    assert at_once(terms) == one_by_one(terms)


def _odd_numbers() -> list[int]:
    return [2 * k + 1 for k in (*range(60), *range(10**6, 10**6 + 60), *range(3 * 10**6, 3 * 10**6 + 60))]


# ----------------------------------------------------------------------------------------------------------------- groups and blocks


def test_loans_of_several_blocks_keep_their_places():
    """A block of 600 periods holds 256 loans."""
    count = 520
    given = portfolio.loans(principal_minor=[10**7 + k for k in range(count)], rate_ppm=180_000, periods=600, disbursed_on="2026-01-31")
    (group,) = portfolio.schedules(given).groups
    assert group.principal_minor.shape == (count, 600)
    for k in (0, 255, 256, 511, 512, 519):
        rows = schedule(replace(PLAIN, principal=Money(10**7 + k, "CNY"), annual_rate=Rate(180_000), periods=600))
        assert group.principal_minor[k].tolist() == [row.principal.minor for row in rows]
        assert group.interest_minor[k].tolist() == [row.interest.minor for row in rows]
        assert group.total_minor[k].tolist() == [row.total.minor for row in rows]
        assert group.interest_in_all_minor[k] == sum(row.interest.minor for row in rows)
    balances = portfolio.balances_on(given, "2030-05-01")
    assert [balances.principal_minor[k] for k in (255, 256)] == [
        portfolio.balance_on(replace(PLAIN, principal=Money(10**7 + k, "CNY"), annual_rate=Rate(180_000), periods=600), date(2030, 5, 1))[0]
        for k in (255, 256)
    ]


def test_groups_are_by_number_of_periods_and_rise():
    given = portfolio.loans(principal_minor=1_000, rate_ppm=0, periods=[3, 1, 3, 2], disbursed_on="2026-01-31")
    found = portfolio.schedules(given)
    assert [(group.positions.tolist(), group.principal_minor.tolist()) for group in found.groups] == [
        ([1], [[1_000]]),
        ([3], [[500, 500]]),
        ([0, 2], [[333, 333, 334]] * 2),
    ]
    assert found.groups[2].due_on[0].tolist() == [date(2026, 2, 28), date(2026, 3, 31), date(2026, 4, 30)]


def test_no_loans_have_no_schedules():
    none = portfolio.loans(principal_minor=[], rate_ppm=[], periods=[], disbursed_on=[])
    assert portfolio.schedules(none).groups == ()
    assert portfolio.schedules_of([]) == portfolio.Schedules(())
    assert len(portfolio.balances_on(none, "2026-01-01").principal_minor) == 0


# ------------------------------------------------------------------------------------------------------------------- what is not covered

BEYOND = {
    "principal": replace(PLAIN, principal=Money(10**12 + 1, "CNY")),
    "annual_rate": replace(PLAIN, annual_rate=Rate(10**7 + 1)),
    "disbursed_on": replace(PLAIN, disbursed_on=date(2200, 1, 1)),
    "method": replace(PLAIN, method=Method.EQUAL_PRINCIPAL),
    "frequency": replace(PLAIN, frequency=Frequency.WEEKS),
    "every": replace(PLAIN, every=2),
    "first_due_on": replace(PLAIN, first_due_on=date(2026, 1, 31) + timedelta(days=301)),
    "due_days": replace(
        PLAIN, due_days=tuple(accumulate([28] * 12, lambda day, step: day + timedelta(days=step), initial=date(2026, 3, 1)))[:12]
    ),
    "day_count": replace(PLAIN, day_count=DayCount(YearBasis.ACTUAL)),
    "rounding": replace(PLAIN, rounding=Rounding.HALF_UP),
    "decimals": replace(PLAIN, decimals=0),
    "multiple": replace(PLAIN, multiple=Money(100, "CNY")),
    "remainder": replace(PLAIN, remainder=Remainder.FIRST),
    "instalment_rate": replace(PLAIN, instalment_rate=InstalmentRate.NOMINAL),
    "down_payment": replace(PLAIN, down_payment=Rate(100_000)),
    "grace_principal": replace(PLAIN, grace_principal=1),
    "grace_interest": replace(PLAIN, grace_interest=1),
    "interest_free": replace(PLAIN, interest_free=1),
    "balloon": replace(PLAIN, balloon=Money(100, "CNY")),
    "ceilings": replace(PLAIN, ceilings=(10**12,) * 12),
    "fees": replace(PLAIN, fees=(Fee("service", FeeWhen.EACH_PERIOD, amount=Money(5, "CNY")),)),
}


@pytest.mark.parametrize("field", BEYOND)
def test_a_loan_beyond_the_vectorised_path_is_named_with_its_term_and_computed_alone(field: str):
    terms = [PLAIN, BEYOND[field], MONTHLY]
    found = portfolio.schedules_of(terms)
    assert found.alone == (portfolio.Alone(1, field, schedule(BEYOND[field])),)
    assert [group.positions.tolist() for group in found.groups] == [[0, 2]]
    assert found.groups[0].interest_minor.tolist() == [[row.interest.minor for row in schedule(each)] for each in (PLAIN, MONTHLY)]


def test_each_field_of_the_terms_is_covered_named_or_of_no_weight_for_a_schedule():
    """A term added later is not passed over in silence: whoever adds it says here what it is to this path."""
    carried = {"due_day", "interest_by", "month_end", "even_out", "periods"}
    weightless = {
        "calendar",
        "down_payment_auto",
        "interest_payer",
        "recalculate",
        "waterfall",
        "waterfalls",
        "chargeback_order",
        "late",
        "arrears",
    }
    weightless |= {"payoff_to_rest_date", "rule_version", "interest_on_overdue", "round_each_stretch", "tranches", "overdue_to_due_day"}
    assert set(LoanTerms.__slots__) == carried | weightless | {name for name, _ in portfolio._COVERED}
    assert {name for name, _ in portfolio._COVERED} - set(BEYOND) == {"adjust"}


def test_business_days_are_not_covered():
    class Everyday:
        def is_business_day(self, day: date) -> bool:
            return True

        def next_business_day(self, day: date) -> date:
            return day

    assert portfolio.uncovered(replace(PLAIN, adjust=Adjust.FOLLOWING, calendar=Everyday())) == "adjust"


def test_planned_balances_of_other_loans_are_refused():
    with pytest.raises(PlanError) as told:
        portfolio.balance_on(BEYOND["method"], date(2026, 3, 1))
    assert (told.value.code, told.value.field) == (portfolio.NOT_COVERED, "method")


# ---------------------------------------------------------------------------------------------------------------------------- bad input

GOOD = {"principal_minor": [100, 200], "rate_ppm": 1, "periods": 3, "disbursed_on": "2026-01-31"}


@pytest.mark.parametrize(
    ("column", "values", "code", "text"),
    [
        ("principal_minor", [100, 0], "out_of_range", "Loan 1: principal_minor is from 1 to 1000000000000, not 0."),
        ("principal_minor", [10**12 + 1, 1], "out_of_range", "Loan 0: principal_minor is from 1"),
        ("principal_minor", [1.0, 2.0], "column_wrong", "whole numbers of 64 bits, one a loan, not 1 dimensions of float64"),
        ("principal_minor", [10**20, 1], "column_wrong", "whole numbers of 64 bits"),
        ("principal_minor", [[100, 200]], "column_wrong", "2 dimensions"),
        ("principal_minor", [1, 2, 3], "columns_unequal", "Columns have one entry a loan: principal_minor 3, rate_ppm 2."),
        ("rate_ppm", [-1, 5], "out_of_range", "Loan 0: rate_ppm is from 0 to 10000000, not -1."),
        ("periods", [0, 1], "out_of_range", "Loan 0: periods is from 1 to 600, not 0."),
        ("disbursed_on", ["2026-01-31", "NaT"], "out_of_range", "Loan 1: disbursed_on is from 1900-01-01 to 2199-12-31, not NaT."),
        ("disbursed_on", "soon", "column_wrong", "The column disbursed_on holds days."),
        ("first_due_on", "2026-01-31", "out_of_range", "Loan 0: first_due_on is 1 to 300 days after disbursed_on, not 2026-01-31."),
        ("due_day", 32, "out_of_range", "Loan 0: due_day is from 1 to 31, or 0 for the day of the first, not 32."),
        ("year_days", 366, "out_of_range", "Loan 0: year_days is 360, 364 or 365, not 366."),
        ("months", portfolio_rows.EQUAL, "out_of_range", "Loan 0: months is ACTUAL or THIRTY unless year_days is 360, not 2."),
        ("months", 3, "out_of_range", "Loan 0: months is ACTUAL, THIRTY or EQUAL, not 3."),
        ("even_out", 1, "column_wrong", "true or false"),
    ],
)
def test_a_column_that_no_loan_has_is_refused_with_its_name_and_the_loan(column: str, values: object, code: str, text: str):
    base = {**GOOD, "rate_ppm": [1, 1]} if code == "columns_unequal" else GOOD
    with pytest.raises(PlanError) as told:
        portfolio.loans(**{**base, column: values})
    assert (told.value.code, told.value.field) == (code, "" if code == "columns_unequal" else column)
    assert text in told.value.detail
