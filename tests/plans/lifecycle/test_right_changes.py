"""What a change of a running loan once got wrong: each by the smallest life that shows it."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from tests.plans.lifecycle.small_loans import FEB, LENT, MAR, REFUND, after, fen, interest, terms
from yuefu.money.rates import Rate, Rounding
from yuefu.plans.lifecycle import events as e
from yuefu.plans.lifecycle import terms as t
from yuefu.plans.lifecycle.events import Event
from yuefu.plans.lifecycle.fold import apply, as_of, start
from yuefu.plans.lifecycle.quotes import buy_down_earned, interest_borne, payoff
from yuefu.plans.lifecycle.terms import Excess, Part, Tranches
from yuefu.plans.lifecycle.work import LoanState


def due_days(state: LoanState) -> list[date]:
    return [date.fromordinal(day) for day in state.rows().due]


# --- other days ---


def test_a_charge_after_the_end_stays_due_on_its_day_when_instalments_move() -> None:
    charged = e.Charged(date(2025, 1, 5), "post", Part.FEE, fen(5_00), date(2025, 4, 10))
    state = after(terms(), charged, e.Rescheduled(date(2025, 1, 10), FEB, date(2025, 2, 15), extra_periods=1))
    rows = state.rows()
    assert due_days(state) == [date(2025, 2, 15), date(2025, 3, 15), date(2025, 4, 15), date(2025, 5, 15), date(2025, 4, 10)]
    assert rows.fees == [0, 0, 0, 0, 5_00]
    assert all(rows.start[k] < rows.due[k] for k in range(4))


def test_more_instalments_follow_the_last_one_where_it_has_been_moved_to() -> None:
    moved = e.Rescheduled(date(2025, 1, 10), FEB, date(2025, 2, 20))
    state = after(terms(), moved, e.Rescheduled(date(2025, 1, 11), date(2025, 2, 20), extra_periods=2))
    assert due_days(state) == [date(2025, month, 20) for month in (2, 3, 4, 5, 6)]


def test_more_instalments_keep_the_agreed_day_after_a_short_month() -> None:
    agreed = terms(periods=2, first_due_on=date(2025, 1, 31))
    state = after(agreed, e.Rescheduled(date(2025, 1, 10), date(2025, 1, 31), extra_periods=1))
    assert due_days(state) == [date(2025, 1, 31), date(2025, 2, 28), date(2025, 3, 31)]


@pytest.mark.parametrize(
    "before", [[], [e.Paid(date(2025, 1, 10), fen(450_00))], [e.Paid(date(2025, 1, 10), fen(450_00), excess=Excess.LAST)]]
)
@pytest.mark.parametrize("on", [date(2025, 1, 20), date(2025, 2, 10)])
def test_reageing_neither_loses_nor_doubles_interest_of_what_was_paid_ahead(before: list[Event], on: date) -> None:
    state = after(terms(), *before)
    untouched = payoff(state, date(2025, 2, 20)).total
    reaged, _ = apply(state, e.Reaged(on, date(2025, 3, 1), 4))
    assert abs(payoff(reaged, date(2025, 2, 20)).total.minor - untouched.minor) <= 1


def test_reageing_keeps_a_charge_that_is_owed_and_part_paid_beside_its_interest() -> None:
    charged = e.Charged(date(2025, 1, 5), "post", Part.FEE, fen(5_00), FEB)
    paid = e.Paid(date(2025, 1, 10), fen(3_00))
    state = after(terms(), charged, paid, e.Reaged(date(2025, 1, 20), MAR, 3))
    rows = state.rows()
    assert sum(rows.fees) - sum(rows.fees_paid) == 5_00 - sum(rows.fees_paid)
    assert payoff(state, date(2025, 1, 20)).total == fen(1200_00 + 7_50 + 5_00 - 3_00)


@pytest.mark.parametrize("changed", [{"annual_rate": Rate(240_000)}, {"new_due_on": MAR}, {"extra_periods": 2}])
def test_a_loan_that_has_been_paid_off_asks_nothing_on_other_terms(changed: dict[str, Any]) -> None:
    for recalculate in (True, False):
        state = after(terms(recalculate=recalculate), e.PaidOff(date(2025, 1, 10)), e.Rescheduled(date(2025, 1, 11), FEB, **changed))
        assert state.outstanding == fen(0)


# --- what is lent again ---


@pytest.mark.parametrize(
    "again",
    [
        e.ChargedBack(date(2025, 1, 30), fen(50_00), LENT),
        e.Disbursed(date(2025, 1, 30), fen(750_00)),
        e.CreditRefunded(date(2025, 1, 30), fen(50_00)),
    ],
)
def test_interest_paid_ahead_counts_when_more_is_lent(again: Event) -> None:
    agreed = terms(principal=fen(1500_00), periods=4, annual_rate=Rate(240_000), chargeback_order=(Part.PRINCIPAL,))
    state = apply(start(agreed), e.Disbursed(LENT, fen(750_00)))[0]
    for event in (e.Paid(LENT, fen(250_00)), e.Paid(date(2025, 1, 18), fen(330_00)), again):
        state, _ = apply(state, event)
    owed = 170_00 + sum(state.rows().interest_paid)  # before more was lent
    nights = 17 * 500_00 + 12 * owed
    for more in (0, 1, 2, 10):  # nights after 30 January
        asked = sum(state.rows().interest_paid) + payoff(state, date.fromordinal(state.last_on + more)).interest.minor
        assert abs(asked - (nights + more * state.balance) * 24 / 36500) <= 2


def test_interest_paid_with_an_instalment_to_come_goes_to_the_one_that_bore_it_after_grace_too() -> None:
    state = after(
        terms(principal=fen(104_41), periods=6, annual_rate=Rate(990_000), grace_interest=3),
        e.Paid(date(2025, 1, 27), fen(48_54), excess=Excess.LAST),
        e.Paid(date(2025, 3, 2), fen(17_32)),
        e.Paid(date(2025, 5, 20), fen(80_00), excess=Excess.LAST),
    )
    assert not state.outstanding
    longer, _ = apply(state, e.Rescheduled(date(2025, 5, 21), date(2025, 5, 21), extra_periods=1, grace_interest=1))
    assert interest(longer) == [0, 0, 0, 18_79, 1_99, 0, 0]  # with the one that bore it


# --- given back ---


@pytest.mark.parametrize("ppm", [0, 60_000, 240_000])
def test_interest_is_given_back_at_the_rate_that_held(ppm: int) -> None:
    cheaper = e.Rescheduled(date(2025, 1, 31), FEB, annual_rate=Rate(ppm))
    borne = interest_borne(after(terms(), cheaper), date(2025, 2, 20))
    state = after(terms(), cheaper, e.Paid(date(2025, 2, 20), fen(1200_00), REFUND, interest_refund=True))
    assert borne
    assert (state.outstanding, state.credit_balance) == (fen(0), fen(0))


@pytest.mark.parametrize(
    ("given", "on"), [({"recalculate": False}, date(2025, 1, 20)), ({"interest_on_overdue": False}, date(2025, 4, 20))]
)
def test_no_interest_is_given_back_that_was_never_asked(given: dict[str, bool], on: date) -> None:
    state = after(terms(**given), e.Paid(on, fen(1200_00), REFUND, interest_refund=True))
    assert (state.outstanding, state.credit_balance) == (fen(0), fen(0))


@pytest.mark.parametrize("month", range(2, 13))
def test_a_full_refund_leaves_no_cent(month: int) -> None:
    state = after(terms(periods=12), e.Paid(date(2025, month, 20), fen(1200_00), REFUND, interest_refund=True))
    assert (state.outstanding, state.credit_balance, state.status) == (fen(0), fen(0), "closed")


def test_a_full_refund_ends_a_loan_that_keeps_credit() -> None:
    agreed = terms(waterfall=t.Waterfall(excess=Excess.KEEP))
    state = after(agreed, e.Paid(date(2025, 1, 20), fen(1200_00), REFUND, interest_refund=True))
    assert (state.outstanding, state.credit_balance) == (fen(0), fen(0))


# --- before its time ---


def test_what_was_lent_again_is_no_instalment_that_an_early_payment_could_make_smaller() -> None:
    shorter = t.Waterfall(excess=Excess.SHORTER)
    agreed = terms(principal=fen(2000_00), periods=1, annual_rate=Rate(0), tranches=Tranches.ALL, waterfall=shorter)
    agreed = replace(agreed, down_payment=Rate(200_000), down_payment_auto=True)
    state = apply(start(agreed), e.Disbursed(LENT, fen(1000_00)))[0]
    for event in (
        e.Paid(date(2025, 1, 31), fen(2000_00), REFUND),
        e.CreditRefunded(date(2025, 3, 16), fen(1825_00)),
        e.Paid(date(2025, 4, 19), fen(945_00), excess=Excess.KEEP),
        e.Disbursed(date(2025, 5, 7), fen(1000_00)),
    ):
        state, _ = apply(state, event)
        assert not state.overpaid or not state.outstanding


def test_a_shorter_loan_keeps_an_instalment_that_something_was_paid_on() -> None:
    paid = e.Paid(LENT, fen(100_00), excess=Excess.LAST)
    state = after(terms(periods=5), paid, e.Paid(date(2025, 1, 8), fen(700_00), excess=Excess.SHORTER))
    rows = state.rows()
    plan = [k for k in range(len(rows)) if rows.kind[k] == 0]
    assert [rows.start[k] for k in plan[1:]] == [rows.due[k] for k in plan[:-1]]
    for day in (date(2025, 1, 8), MAR, date(2025, 5, 31)):
        assert abs(sum(rows.interest_paid) + payoff(state, day).interest.minor - interest_borne(state, day).minor) <= 1


def test_penalty_interest_of_a_day_is_rounded_once() -> None:
    agreed, day = terms(periods=1, rounding=Rounding.UP, late=t.LateTerms(interest=Rate(180_000))), date(2025, 2, 2)
    asked = as_of(after(agreed), day).rows().penalties
    assert asked == [60]
    assert after(agreed, e.BoughtDown(day, fen(1)), e.Paid(day, fen(10))).rows().penalties == asked


@pytest.mark.parametrize("periods", [1, 12])
def test_a_fee_of_the_merchant_is_earned_at_once_where_the_loan_ends_on_its_first_day(periods: int) -> None:
    state = after(terms(periods=periods), e.BoughtDown(LENT, fen(5_00)), e.Paid(LENT, fen(1200_00), excess=Excess.SHORTER))
    assert buy_down_earned(state, date(2025, 1, 2)) == fen(5_00)


def test_what_was_waived_too_much_of_one_instalment_counts_for_the_next() -> None:
    waived = e.Waived(LENT, Part.INTEREST, fen(12_23))
    state = after(terms(), waived, e.Paid(date(2025, 1, 10), fen(900_00), REFUND))
    day = date(2025, 2, 20)
    exact = payoff(after(terms(), e.Paid(date(2025, 1, 10), fen(900_00), REFUND)), day).interest.minor
    assert payoff(state, day).interest == fen(max(exact - 12_23, 0))
