"""Payments of which only the flows are known, parted at their annual cost."""

from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from yuefu.money.amounts import Money, total
from yuefu.money.rates import Rate
from yuefu.plans.annual_cost import DatedFlow
from yuefu.plans.lifecycle.schedule import schedule
from yuefu.plans.lifecycle.terms import InterestBy, LoanTerms
from yuefu.plans.offer.at_cost import most_owed, parted_at_cost

LENT = date(2026, 1, 15)


def flow(after: int, minor: int) -> DatedFlow:
    return DatedFlow(LENT + timedelta(days=after), Money(minor, "CNY"))


@given(st.integers(1_000, 10**9), st.integers(1, 60), st.integers(0, 360_000))
def test_payments_of_a_loan_by_the_month_part_as_its_schedule_has_them(principal: int, periods: int, ppm: int) -> None:
    terms = LoanTerms(
        principal=Money(principal, "CNY"), periods=periods, annual_rate=Rate(ppm), disbursed_on=LENT, interest_by=InterestBy.PERIOD
    )
    rows = schedule(terms)
    payments = [DatedFlow(row.due_on, row.total) for row in rows if row.total]
    _, dues = parted_at_cost(draws=[DatedFlow(LENT, terms.principal)], payments=payments)
    assert [due.amount for due in dues] == [payment.amount for payment in payments]
    assert all(due.principal + due.interest == due.amount for due in dues)
    assert abs(total((due.principal for due in dues), "CNY").minor - principal) <= len(dues)
    assert abs(dues[-1].owed.minor) <= 1
    assert abs(total((due.interest for due in dues), "CNY").minor - total((row.interest for row in rows), "CNY").minor) <= len(dues)


def test_more_than_one_draw_and_payments_on_one_day() -> None:
    draws, payments = [flow(0, 100_00), flow(100, 100_00)], [flow(50, 30_00), flow(150, 40_00), flow(150, 41_00), flow(365, 110_00)]
    cost, dues = parted_at_cost(draws=draws, payments=payments)
    assert cost.compound_pct > 0
    assert [(due.no, due.amount.minor) for due in dues] == [(1, 30_00), (2, 81_00), (3, 110_00)]
    assert (sum(due.principal.minor for due in dues), dues[-1].owed.minor) == (200_00, 0)
    assert most_owed(draws=draws, payments=payments) == Money(170_00, "CNY")


def test_a_negative_cost_leaves_payments_that_are_principal_alone() -> None:
    cost, dues = parted_at_cost(draws=[flow(0, 100_00)], payments=[flow(180, 40_00), flow(365, 50_00)])
    assert cost.compound_pct < 0
    assert [(due.principal.minor, due.interest.minor) for due in dues] == [(40_00, 0), (50_00, 0)]
    assert dues[-1].owed.minor == 0
