"""The annual cost by law: the day rules of each, the unit-period of Regulation Z, and one solution of several."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from math import log1p

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yuefu.dates.daycount import DayCount
from yuefu.dates.periods import add_months
from yuefu.money.amounts import Money
from yuefu.money.rates import Rate
from yuefu.plans.annual_cost import AnnualCostError, DatedFlow, YearFlow, annual_cost
from yuefu.plans.faults import PlanError
from yuefu.plans.laws import Law, UnitFlow, cost_by_law, cost_in_years, cost_of_schedule, eu_years, regz_cost, regz_times
from yuefu.plans.roots import root_nearest_zero
from yuefu.plans.schedule import Instalment, schedule
from yuefu.plans.terms import Terms
from yuefu.plans.unit_periods import UnitPeriod, UnitTime, regz_unit_period, unit_period_from_text, unit_period_of

LENT_ON = date(2026, 1, 15)


def days(*texts: str) -> list[date]:
    return [date.fromisoformat(text) for text in texts]


def monthly(first: str, count: int, every: int = 1) -> list[date]:
    return [add_months(date.fromisoformat(first), every * k) for k in range(count)]


def usd(*flows: tuple[date, int]) -> list[DatedFlow]:
    return [DatedFlow(on, Money(minor, "USD")) for on, minor in flows]


# ---------------------------------------------------------------------------------------------------------------------------- EU and UK


@pytest.mark.parametrize(
    ("drawn", "paid", "years"),
    [
        (
            "2012-03-12",
            "2012-05-01",
            Fraction(1, 12) + Fraction(20, 366),
        ),  # EC 2015, example 18.2: the year back from 1 April 2012 has a 29 February
        ("2012-01-12", "2012-02-15", Fraction(1, 12) + Fraction(3, 365)),  # example 2: the year back from 15 January 2012 has none
        ("2013-01-12", "2013-02-15", Fraction(1, 12) + Fraction(3, 366)),
        ("2012-01-12", "2012-02-12", Fraction(1, 12)),
        ("2026-01-31", "2026-02-28", Fraction(1, 12)),
        ("2026-01-01", "2026-01-15", Fraction(2, 52)),  # a lone payment whole weeks away
        ("2013-02-12", "2013-03-12", Fraction(1, 12)),  # four weeks, and a month: a month
        ("2026-01-01", "2026-01-31", Fraction(30, 365)),
        ("2026-01-15", "2025-12-15", Fraction(-1, 12)),
        ("2026-01-15", "2026-01-15", Fraction(0)),
    ],
)
def test_time_is_counted_backwards_in_whole_months_or_weeks_and_days_of_the_year_that_ends_there(
    drawn: str, paid: str, years: Fraction
) -> None:
    flows = cost_by_law(draws=usd((date.fromisoformat(drawn), 10_000)), payments=usd((date.fromisoformat(paid), 10_000)), law=Law.EU)
    weekly = flows.unit_period == UnitPeriod("week")
    assert eu_years(days(drawn), days(paid), weekly=weekly)[1] == [years]


def test_all_payments_of_a_plan_count_the_same_odd_days() -> None:
    _, times = eu_years(days("2012-03-12"), monthly("2012-05-01", 30), weekly=False)
    assert times == [Fraction(k, 12) + Fraction(20, 366) for k in range(1, 31)]
    _, month_ends = eu_years(days("2026-01-15"), days("2026-02-28", "2026-03-31", "2026-04-30"), weekly=False)
    assert month_ends == [Fraction(k, 12) + Fraction(16, 365) for k in range(1, 4)]


def test_a_plan_by_weeks_is_counted_in_weeks() -> None:
    first = date(2026, 1, 5)
    cost = cost_by_law(
        draws=usd((first - timedelta(days=3), 40_000)),
        payments=usd(*((first + timedelta(days=14 * k), 10_500) for k in range(4))),
        law=Law.EU,
    )
    assert cost.unit_period == UnitPeriod("week")
    weeks = [YearFlow(Fraction(2 * k, 52) + Fraction(3, 365), 10_500) for k in range(4)]
    assert cost.pct == cost_in_years(draws=[YearFlow(Fraction(0), 40_000)], payments=weeks, law=Law.EU).pct


def test_the_law_prints_one_decimal_half_up_or_two() -> None:
    draws, payments = usd((LENT_ON, 100_000)), usd((add_months(LENT_ON, 12), 106_050))
    assert [cost_by_law(draws=draws, payments=payments, law=law).text() for law in Law] == ["6.1", "6.05", "6.05"]


# -------------------------------------------------------------------------------------------------------------------------- Regulation Z


@pytest.mark.parametrize(
    ("draws", "payments", "unit"),
    [
        (days("1978-01-10"), monthly("1978-02-10", 24), "month"),
        (days("1978-02-10"), monthly("1978-04-01", 36), "month"),
        (days("2026-01-15"), days("2026-02-28", "2026-03-31", "2026-04-30"), "month"),
        (days("2026-06-01"), days("2026-07-01", "2026-08-01"), "month"),  # 30 and 31 days, but a month each
        (days("2026-04-15"), days("2026-05-15", "2026-06-20", "2026-07-20"), "month"),  # two of a month, which are two of 30 days too
        (days("1978-02-23"), days("1978-03-01", "1978-03-16", "1978-04-01", "1978-04-16"), "semimonth"),
        (days("1978-03-18"), [date(1978, 4, 20), *(date(1978, 5, 18) + timedelta(days=28 * k) for k in range(11))], "4 weeks"),
        (days("2013-02-01"), [date(2013, 3, 1) + timedelta(days=28 * k) for k in range(6)], "4 weeks"),
        (days("2026-01-01"), [date(2026, 1, 11) + timedelta(days=10 * k) for k in range(6)], "10 days"),
        (days("2026-01-15"), monthly("2026-04-15", 8, 3), "3 months"),
        (days("2026-01-15"), monthly("2027-01-15", 4, 12), "year"),
        (days("2026-01-15"), monthly("2028-01-15", 4, 24), "year"),  # common, but longer than a year
        (days("2026-01-15", "2026-02-15", "2026-03-15"), days("2027-01-15"), "month"),  # between advances
        (days("2026-01-01"), days("2026-02-01", "2026-03-01", "2026-03-15", "2026-03-29"), "2 weeks"),  # two of each: the smaller
        (days("2026-01-01"), days("2026-02-10", "2026-04-11"), "7 weeks"),  # 40 and 60 days: on average nearest to 49
        (days("1978-01-03"), days("1978-09-15"), "255 days"),
        (days("2026-01-15"), days("2026-07-15"), "6 months"),
        (days("2026-01-15"), days("2027-01-15"), "year"),
        (days("2026-01-15"), days("2028-06-15"), "year"),
        (days("2026-01-15"), days("2026-01-15", "2026-07-15"), "6 months"),  # what is paid at once makes no period
    ],
)
def test_the_unit_period_is_the_common_period_or_the_term(draws: list[date], payments: list[date], unit: str) -> None:
    assert str(regz_unit_period(draws=draws, payments=payments)) == unit


@pytest.mark.parametrize(
    ("unit", "drawn", "paid", "whole", "fraction"),
    [
        ("month", "1978-01-10", "1978-02-10", 1, Fraction(0)),
        ("month", "1978-02-10", "1978-04-01", 1, Fraction(19, 30)),
        ("month", "2026-01-01", "2026-01-31", 1, Fraction(0)),  # 30 / 30
        ("semimonth", "1978-02-23", "1978-03-01", 0, Fraction(6, 15)),
        ("semimonth", "1978-02-23", "1978-04-01", 2, Fraction(6, 15)),
        ("4 weeks", "1978-03-18", "1978-04-20", 1, Fraction(5, 28)),
        ("2 weeks", "1978-04-03", "1979-01-02", 19, Fraction(8, 14)),
        ("3 months", "2026-01-10", "2026-05-25", 1, Fraction(45, 90)),
        ("day", "2026-01-10", "2026-01-25", 15, Fraction(0)),
        ("10 days", "2026-01-10", "2026-01-25", 1, Fraction(1, 2)),
        ("year", "2026-01-15", "2028-06-15", 2, Fraction(5, 12)),
        ("year", "2026-01-15", "2028-06-20", 2, Fraction(156, 365)),
    ],
)
def test_unit_periods_between_two_days(unit: str, drawn: str, paid: str, whole: int, fraction: Fraction) -> None:
    _, times = regz_times(days(drawn), days(paid), unit=unit_period_from_text(unit))
    assert times == [UnitTime(whole, fraction)]


def test_odd_days_bear_simple_interest() -> None:
    cost = cost_by_law(
        draws=usd((date(1978, 2, 10), 600_000)), payments=usd(*((on, 20_000) for on in monthly("1978-04-01", 36))), law=Law.US
    )
    assert (cost.text(), str(cost.unit_period)) == ("11.82", "month")
    rate = float(cost.pct) / 1200
    assert sum(20_000 / ((1 + 19 / 30 * rate) * (1 + rate) ** t) for t in range(1, 37)) == pytest.approx(600_000, rel=1e-9)


def test_a_single_payment_is_simple_interest_over_its_term_and_compound_by_the_year_beyond() -> None:
    short = cost_by_law(draws=usd((date(1978, 1, 3), 100_000)), payments=usd((date(1978, 9, 15), 108_000)), law=Law.US)
    assert (short.text(), str(short.unit_period)) == ("11.45", "255 days")
    half = cost_by_law(draws=usd((LENT_ON, 100_000)), payments=usd((add_months(LENT_ON, 6), 104_400)), law=Law.US)
    assert (half.text(), str(half.unit_period)) == ("8.80", "6 months")
    long = cost_by_law(draws=usd((LENT_ON, 100_000)), payments=usd((add_months(LENT_ON, 29), 124_025)), law=Law.US)
    rate = float(long.pct) / 100
    assert (1 + 5 / 12 * rate) * (1 + rate) ** 2 == pytest.approx(1.24025, rel=1e-9)


def test_the_search_goes_far_without_an_overflow() -> None:
    draws, payments = usd((LENT_ON, 10_000)), usd((add_months(LENT_ON, 1), 500_000), (add_months(LENT_ON, 360), 1))
    assert cost_by_law(draws=draws, payments=payments, law=Law.US, unit_period=UnitPeriod("month")).text() == "58800.00"


def test_a_unit_period_may_be_given() -> None:
    draws, payments = usd((LENT_ON, 100_000)), usd(*((on, 9_000) for on in monthly("2026-02-15", 12)))
    found = cost_by_law(draws=draws, payments=payments, law=Law.US)
    assert cost_by_law(draws=draws, payments=payments, law=Law.US, unit_period=UnitPeriod("month")) == found
    by_quarters = cost_by_law(draws=draws, payments=payments, law=Law.US, unit_period=UnitPeriod("month", 3))
    assert found.pct < by_quarters.pct < found.pct + 1


def test_unit_periods_are_written_and_read_in_one_way() -> None:
    for text in ("day", "255 days", "week", "4 weeks", "semimonth", "month", "6 months", "year"):
        unit = unit_period_from_text(text)
        assert str(unit) == text
        assert unit_period_of(unit.per_year).per_year == unit.per_year
    assert unit_period_from_text("12 months") == unit_period_from_text("1 year") == UnitPeriod("year")
    for text in ("", "decade", "13 months", "0 days", "2 years", "-1 day", "53 weeks"):
        with pytest.raises(PlanError, match="is no unit-period"):
            unit_period_from_text(text)
    for per_year in (Fraction(0), Fraction(-12), Fraction(7, 3)):
        with pytest.raises(PlanError) as caught:
            unit_period_of(per_year)
        assert caught.value.code == "unit_period_unknown"


# -------------------------------------------------------------------------------------------------------------------------------- China


def test_china_states_the_compound_rate_and_the_simple_one_each_under_its_name() -> None:
    draws = usd((LENT_ON, 10_000_000))
    payments = usd((LENT_ON, 100_000), *((on, 883_330) for on in monthly("2026-02-15", 12)))
    cost = cost_by_law(draws=draws, payments=payments, law=Law.CN)
    assert [(figure.measure, figure.text()) for figure in cost.figures] == [("compound_irr", "13.58"), ("simple_irr", "12.80")]
    assert cost.pct == annual_cost(draws=draws, payments=payments).compound_pct


# ------------------------------------------------------------------------------------------------------------------ one solution of several


@pytest.mark.parametrize("law", list(Law))
def test_a_fee_before_the_first_draw_has_the_solution_nearest_to_zero(law: Law) -> None:
    payments = usd((add_months(LENT_ON, -12), 15_000), (LENT_ON, 45_000), *((on, 35_611) for on in monthly("2026-02-15", 120)))
    found = cost_by_law(draws=usd((LENT_ON, 3_000_000)), payments=payments, law=law)
    assert found.text() == {"eu": "8.3", "us": "7.97", "cn": "8.27"}[law]


def test_two_solutions_closer_together_than_a_step_of_the_search_are_both_seen() -> None:
    # 1,000.00 drawn, 2,230.00 paid after a year, 1,243.20 drawn after two: x = 11 % and x = 12 %.
    flows = [YearFlow(Fraction(0), 100_000), YearFlow(Fraction(2), 124_320)], [YearFlow(Fraction(1), 223_000)]
    assert cost_in_years(draws=flows[0], payments=flows[1], law=Law.EU).pct == 11
    units = [UnitFlow(UnitTime(int(flow.t)), flow.minor) for flow in (*flows[0], *flows[1])]
    assert regz_cost(draws=units[:2], payments=units[2:], unit_period=UnitPeriod("year")).pct == 11
    roots = [
        root_nearest_zero(lambda u, c=c: (u - c) * (u - c - 0.01), lowest=-4, highest=13, slope=lambda u, c=c: 2 * (u - c) - 0.01)
        for c in (0.21, 7.31, -2.33)
    ]
    assert roots == pytest.approx([0.21, 7.31, -2.32], abs=1e-12)
    assert root_nearest_zero(lambda u: u * u + 1, lowest=-4, highest=13, slope=lambda u: 2 * u) is None
    assert root_nearest_zero(lambda u: u - log1p(1e9), lowest=-4, highest=30) == pytest.approx(log1p(1e9), rel=1e-14)


@pytest.mark.parametrize("law", list(Law))
@pytest.mark.parametrize(
    ("draws", "payments", "code"),
    [
        ([], [(LENT_ON, 1)], "flows_missing"),
        ([(LENT_ON, 1)], [], "flows_missing"),
        ([(LENT_ON, 0)], [(LENT_ON, 1)], "flow_not_positive"),
        ([(LENT_ON, 5)], [(LENT_ON, 4)], "no_annual_cost"),
        ([(LENT_ON, 5)], [(date(2200, 1, 1), 4)], "flow_too_far"),
        ([(LENT_ON, 10**6)], [(add_months(LENT_ON, 12), 1)], "no_annual_cost"),
    ],
)
def test_flows_that_make_no_loan_are_refused_by_a_code(
    law: Law, draws: list[tuple[date, int]], payments: list[tuple[date, int]], code: str
) -> None:
    with pytest.raises(AnnualCostError) as caught:
        cost_by_law(draws=usd(*draws), payments=usd(*payments), law=law)
    assert caught.value.code == code


def test_one_currency_at_a_time() -> None:
    for law in Law:
        with pytest.raises(AnnualCostError) as caught:
            cost_by_law(draws=usd((LENT_ON, 1)), payments=[DatedFlow(LENT_ON, Money(1, "EUR"))], law=law)
        assert caught.value.code == "currencies_mixed"


def test_a_negative_cost_is_told_by_every_law() -> None:
    costs = [cost_by_law(draws=usd((LENT_ON, 10_000)), payments=usd((add_months(LENT_ON, 12), 9_000)), law=law).text() for law in Law]
    assert costs == ["-10.0", "-10.00", "-10.00"]


def test_a_row_of_nothing_is_no_flow() -> None:
    rows = [
        Instalment(k, add_months(LENT_ON, k), Money(minor, "USD"), Money(0, "USD")) for k, minor in enumerate((0, 5_100, 5_100), start=1)
    ]
    expected = cost_by_law(draws=usd((LENT_ON, 10_000)), payments=usd(*((row.due_on, 5_100) for row in rows[1:])), law=Law.EU)
    assert cost_of_schedule(draws=usd((LENT_ON, 10_000)), rows=rows, law=Law.EU) == expected


# ----------------------------------------------------------------------------------------------------------------------------- properties

LAWS = st.sampled_from(list(Law))
FIRST_DUE = st.dates(date(2023, 1, 2), date(2029, 12, 31))


@given(LAWS, FIRST_DUE, st.integers(1, 45), st.lists(st.integers(1, 10**7), min_size=1, max_size=24))
def test_a_loan_that_costs_nothing_costs_exactly_nothing(law: Law, first: date, gap: int, paid: list[int]) -> None:
    payments = usd(*((add_months(first, k), minor) for k, minor in enumerate(paid)))
    cost = cost_by_law(draws=usd((first - timedelta(days=gap), sum(paid))), payments=payments, law=law)
    assert [figure.pct for figure in cost.figures] == [Decimal(0)] * len(cost.figures)


@given(LAWS, FIRST_DUE, st.integers(15, 45), st.integers(10_000, 10**8), st.integers(1, 24), st.integers(1, 60), st.integers(2, 1000))
def test_the_cost_does_not_depend_on_the_size_of_the_unit(
    law: Law, first: date, gap: int, lent: int, count: int, dearer_pct: int, scale: int
) -> None:
    each = -(-lent * (100 + dearer_pct) // (100 * count))

    def cost(times: int) -> Decimal:
        payments = usd(*((add_months(first, k), each * times) for k in range(count)))
        return cost_by_law(draws=usd((first - timedelta(days=gap), lent * times)), payments=payments, law=law).pct

    assert abs(cost(scale) - cost(1)) <= Decimal("1e-8") * max(1, abs(cost(1)) / 1000)


@given(
    LAWS,
    st.dates(date(2024, 1, 1), date(2028, 12, 31)),
    st.integers(1, 28),
    st.integers(50_000, 10**8),
    st.integers(2, 36),
    st.integers(0, 36),
)
def test_the_printed_schedule_alone_gives_the_cost_at_which_it_is_worth_what_was_lent(
    law: Law, on: date, due_day: int, principal: int, periods: int, annual_pct: int
) -> None:
    first = add_months(on, 1, due_day)
    terms = Terms(Money(principal, "USD"), periods, Rate.parse_percent(str(annual_pct)), DayCount.ACT_365, on, first, due_day)
    rows = schedule(terms)
    cost = cost_of_schedule(draws=usd((on, principal)), rows=rows, law=law)
    paid = [row.due_on for row in rows]
    owed = [row.total.minor for row in rows]
    rate = float(cost.pct) / 100
    if law is Law.US:
        unit = float(cost.unit_period.per_year)
        times = regz_times([on], paid, unit=cost.unit_period)[1]
        worth = sum(m / ((1 + float(t.fraction) * rate / unit) * (1 + rate / unit) ** t.whole) for m, t in zip(owed, times, strict=True))
    elif law is Law.EU:
        weekly = cost.unit_period == UnitPeriod("week")
        worth = sum(m / (1 + rate) ** float(t) for m, t in zip(owed, eu_years([on], paid, weekly=weekly)[1], strict=True))
    else:
        assert cost.pct == annual_cost(draws=usd((on, principal)), payments=[DatedFlow(row.due_on, row.total) for row in rows]).compound_pct
        return
    assert worth == pytest.approx(principal, rel=1e-8)
