"""What was asked twice, lost or asked without reason once: each by the smallest life that shows it."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest

from tests.plans.lifecycle.small_loans import APR, FEB, LENT, MAR, REFUND, after, fen, interest, terms
from yuefu.money.rates import Rate
from yuefu.plans.lifecycle import events as e
from yuefu.plans.lifecycle import terms as t
from yuefu.plans.lifecycle.arrears import arrears
from yuefu.plans.lifecycle.events import Event, LoanError
from yuefu.plans.lifecycle.fold import apply, as_of
from yuefu.plans.lifecycle.quotes import payoff, payoff_amount
from yuefu.plans.lifecycle.schedule import schedule
from yuefu.plans.lifecycle.terms import Excess, LoanTerms, PaidBy, Part
from yuefu.plans.lifecycle.work import LoanState

# --- interest is asked once ---


def test_overdue_interest_behind_an_instalment_paid_ahead_is_asked_with_the_last() -> None:
    state = after(terms(principal=fen(400_00), periods=2), e.Paid(LENT, fen(240_00), excess=Excess.LAST))
    late = date(2025, 3, 15)
    assert interest(as_of(state, late)) == [1_63, 1_47]
    assert payoff_amount(state, late) == payoff(state, late).total == fen(163_10)
    assert not apply(state, e.PaidOff(late))[0].outstanding


def test_interest_paid_with_a_later_instalment_is_not_asked_again_by_its_own() -> None:
    agreed = terms(periods=2, chargeback_order=(Part.PRINCIPAL,))
    state = after(agreed, e.Paid(LENT, fen(620_00)), e.PaidOff(date(2025, 1, 20)), e.ChargedBack(date(2025, 1, 20), fen(100_00)))
    assert payoff(state, date(2025, 1, 20)).interest == fen(0)


def test_interest_that_grace_put_off_survives_a_change_of_the_plan() -> None:
    agreed, on = terms(grace_interest=1), date(2025, 2, 5)
    untouched = payoff_amount(after(agreed), on)
    assert payoff_amount(after(agreed, e.Reamortised(on)), on) == untouched
    assert payoff_amount(after(agreed, e.Reaged(on, date(2025, 3, 5), 4)), on) == untouched


def test_grace_on_interest_of_the_last_instalment_loses_none() -> None:
    state = after(terms(periods=1), e.Rescheduled(date(2025, 1, 10), FEB, grace_interest=1))
    assert payoff(state, FEB).interest == fen(12_23)
    assert payoff(state, date(2025, 1, 31)).saved == fen(39)


def test_dropping_instalments_never_drops_days_between_others() -> None:
    agreed = terms(periods=10, grace_principal=4, waterfall=t.Waterfall(excess=Excess.SHORTER))
    state = after(agreed, e.Paid(date(2025, 2, 20), fen(300_00)))
    rows = state.rows()
    assert [rows.start[k] for k in range(1, len(rows))] == rows.due[:-1]


# --- refunds ---


def repaid_on_time() -> LoanState:
    return after(terms(), e.Paid(FEB, fen(407_92)), e.Paid(MAR, fen(407_92)), e.Paid(APR, fen(407_91)))


@pytest.mark.parametrize("parts", [1, 2, 3, 4])
def test_refunds_in_parts_give_back_the_interest_that_one_would(parts: int) -> None:
    state = repaid_on_time()
    for _ in range(parts):
        state, _ = apply(state, e.Paid(date(2025, 4, 2), fen(1200_00 // parts), REFUND, interest_refund=True))
    assert state.credit_balance == fen(1200_00 + 23_75)


def test_a_second_full_refund_gives_back_no_interest() -> None:
    full = e.Paid(date(2025, 4, 2), fen(1200_00), REFUND, interest_refund=True)
    once, _ = apply(repaid_on_time(), full)
    twice, did = apply(once, full)
    assert twice.credit_balance == fen(2 * 1200_00 + 23_75)
    assert did.interest_refund is None


@pytest.mark.parametrize(
    "before",
    [e.InterestPaused(date(2025, 1, 2), FEB), e.Waived(FEB, Part.INTEREST, fen(12_23))],
    ids=["paused", "waived"],
)
def test_interest_that_nobody_paid_or_owes_is_not_given_back(before: Event) -> None:
    state = after(terms(), before, e.Paid(FEB, fen(1200_00), REFUND, interest_refund=True))
    assert (state.credit_balance, state.outstanding) == (fen(0), fen(0))


def test_flat_interest_is_given_back_as_it_was_borne() -> None:
    agreed = terms(method=t.Method.FLAT)
    rows = schedule(agreed)
    paid = [e.Paid(row.due_on, row.total) for row in rows]
    state = after(agreed, *paid, e.Paid(date(2025, 4, 2), fen(1200_00), REFUND, interest_refund=True))
    assert abs(state.credit_balance.minor - 1200_00 - sum(row.interest.minor for row in rows)) <= 1


@pytest.mark.parametrize("on", [date(2025, 1, 2), FEB, date(2025, 2, 20)])
def test_a_full_refund_leaves_nothing_owed_where_interest_stays_as_scheduled(on: date) -> None:
    agreed = terms(recalculate=False)
    paid = [e.Paid(FEB, schedule(agreed)[0].total)] if on > FEB else []
    state = after(agreed, *paid, e.Paid(on, fen(1200_00), REFUND, interest_refund=True))
    assert state.outstanding == fen(0)


def test_interest_comes_back_with_refunds_only() -> None:
    with pytest.raises(LoanError) as refused:
        e.Paid(FEB, fen(1), PaidBy.REPAYMENT, interest_refund=True)
    assert (refused.value.code, refused.value.field) == ("no_refund", "interest_refund")


# --- credit balances ---


def test_no_credit_balance_stands_beside_a_debt_unless_it_was_to_be_kept() -> None:
    agreed = terms(periods=2)
    for excess in (Excess.SHORTER, Excess.SMALLER, Excess.NEXT):
        state = after(agreed, e.Paid(date(2025, 1, 10), fen(1150_00), REFUND), e.Paid(date(2025, 1, 20), fen(200_00), excess=excess))
        assert (state.outstanding, state.status) == (fen(0), "overpaid")


def test_credit_that_is_kept_pays_each_instalment_on_its_day_and_counts_in_a_payoff() -> None:
    agreed = terms(late=t.LateTerms(fee=fen(25_00)))
    kept = after(agreed, e.Paid(date(2025, 1, 10), fen(500_00), excess=Excess.KEEP))
    assert kept.credit_balance == fen(500_00)
    in_february = as_of(kept, date(2025, 2, 20))
    assert (in_february.credit_balance, in_february.rows().penalties[0]) == (fen(500_00 - 407_92), 0)
    quote = payoff(kept, date(2025, 1, 10))
    assert (quote.from_credit, quote.total) == (fen(500_00), fen(1200_00 + 3_55 - 500_00))
    assert quote.principal + quote.interest == quote.total + quote.from_credit
    assert apply(kept, e.PaidOff(date(2025, 1, 10)))[0].status == "closed"


def test_a_charge_does_not_use_kept_credit_before_it_is_due() -> None:
    kept = after(terms(), e.Paid(date(2025, 1, 10), fen(500_00), excess=Excess.KEEP))
    charged, _ = apply(kept, e.Charged(date(2025, 1, 15), "post", Part.FEE, fen(5_00), FEB))
    assert charged.credit_balance == fen(500_00)


def test_credit_pays_before_a_write_off_and_what_is_left_can_be_refunded() -> None:
    kept = after(terms(), e.Paid(date(2025, 1, 10), fen(500_00), excess=Excess.KEEP))
    state, did = apply(kept, e.WrittenOff(date(2025, 1, 11)))
    assert (state.credit_balance, state.outstanding) == (fen(0), fen(0))
    assert did.principal == fen(1200_00 - 500_00 + 3_95)
    over = after(terms(), e.Paid(date(2025, 1, 10), fen(2000_00)))
    gone, _ = apply(over, e.WrittenOff(date(2025, 1, 11)))
    assert apply(gone, e.CreditRefunded(date(2025, 1, 12), gone.credit_balance))[0].credit_balance == fen(0)


# --- who pays, and what is free ---


@pytest.mark.parametrize(
    "change",
    [
        e.Reaged(date(2025, 1, 10), date(2025, 2, 10), 6),
        e.Rescheduled(date(2025, 1, 10), FEB, extra_periods=3),
        e.Rescheduled(date(2025, 1, 10), FEB, annual_rate=Rate(60_000)),
    ],
    ids=["reaged", "longer", "other rate"],
)
def test_interest_of_a_merchant_is_never_asked_of_the_consumer(change: Event) -> None:
    assert sum(interest(after(terms(interest_payer=t.Payer.MERCHANT), change))) == 0


def test_days_agreed_to_be_free_stay_free() -> None:
    agreed = terms(periods=6, interest_free=3)
    assert interest(after(agreed, e.Rescheduled(date(2025, 1, 10), FEB, annual_rate=Rate(60_000))))[:3] == [0, 0, 0]
    reaged = after(agreed, e.Reaged(date(2025, 1, 10), date(2025, 2, 10), 6))
    assert interest(reaged)[:2] == [0, 0]
    assert 0 < interest(reaged)[2] < interest(reaged)[3]  # only the days from 1 April on


def test_a_new_rate_holds_from_its_day_on_where_interest_stays_as_scheduled() -> None:
    state = after(terms(recalculate=False), e.Rescheduled(date(2025, 1, 31), FEB, annual_rate=Rate(0)))
    assert interest(state) == [11_84, 0, 0]  # 30 of 31 nights at 12 %


@pytest.mark.parametrize("recalculate", [True, False])
def test_paused_and_charged_off_nights_bear_nothing(recalculate: bool) -> None:
    agreed = terms(recalculate=recalculate, late=t.LateTerms(interest=Rate(240_000)))
    assert sum(interest(as_of(after(agreed, e.InterestPaused(date(2025, 1, 2), date(2025, 12, 31))), date(2025, 6, 1)))) == 0
    off = after(agreed, e.ChargedOff(MAR, stops_interest=True))
    soon, later = (as_of(off, day).rows() for day in (date(2025, 3, 2), date(2026, 3, 2)))
    assert (soon.penalties[0], soon.interest) == (later.penalties[0], later.interest)
    assert soon.penalties[0] > 0


# --- being late ---


def test_money_given_back_makes_nothing_late_before_its_day() -> None:
    agreed = terms(annual_rate=Rate(0), periods=2, late=t.LateTerms(fee=fen(25_00), interest=Rate(240_000)))
    back = date(2026, 3, 1)
    state = after(agreed, e.Paid(FEB, fen(600_00)), e.Paid(MAR, fen(600_00)), e.PaidBack(back, fen(600_00)))
    assert sum(as_of(state, back + timedelta(days=1)).rows().penalties) == 39  # one night on 600.00


@pytest.mark.parametrize("looks", [0, 1, 299])
def test_penalty_interest_does_not_depend_on_how_often_the_loan_is_touched(looks: int) -> None:
    agreed = terms(principal=fen(30_00), periods=1, annual_rate=Rate(0), late=t.LateTerms(interest=Rate(60_000)))
    touched = [e.BoughtDown(FEB + timedelta(days=n), fen(1)) for n in range(1, looks + 1)]
    assert as_of(after(agreed, *touched), date(2026, 2, 1)).rows().penalties == [1_80]


def test_a_late_fee_is_counted_on_what_the_instalment_asks_in_the_end() -> None:
    agreed = terms(periods=12, method=t.Method.EQUAL_PRINCIPAL, annual_rate=Rate(360_000), late=t.LateTerms(fee_rate=Rate(50_000)))
    touched = [e.BoughtDown(LENT + timedelta(days=n), fen(1)) for n in range(200)]
    seen = date(2025, 7, 20)
    assert as_of(after(agreed), seen).rows().penalties == as_of(after(agreed, *touched), seen).rows().penalties


def test_no_late_fee_for_a_penalty_alone() -> None:
    agreed = terms(annual_rate=Rate(0), late=t.LateTerms(fee=fen(25_00)))
    state = after(agreed, e.Paid(FEB, fen(400_00)), e.Charged(date(2025, 2, 5), "nsf", Part.PENALTY, fen(1), date(2025, 1, 15)))
    assert as_of(state, date(2025, 2, 20)).rows().penalties[0] == 1


def test_a_charge_after_the_end_does_not_make_an_older_one_younger() -> None:
    state = after(terms(periods=1), e.PaidOff(FEB), e.ChargedBack(date(2025, 2, 10), fen(10_00)))
    day = date(2025, 6, 1)
    before = arrears(as_of(state, day), day).past_due_days
    charged, _ = apply(state, e.Charged(date(2025, 5, 1), "post", Part.FEE, fen(1), date(2026, 5, 1)))
    assert arrears(as_of(charged, day), day).past_due_days == before == 111


def test_a_pause_that_was_over_before_the_due_day_takes_no_days_off() -> None:
    state = after(terms(), e.ArrearsPaused(date(2025, 1, 2), date(2025, 1, 31)))
    assert arrears(as_of(state, MAR), MAR).days == 28


# --- charges and payments of one part ---


def test_charges_are_kept_when_instalments_are_dropped_or_made_anew() -> None:
    agreed, charged = terms(annual_rate=Rate(0)), e.Charged(date(2025, 1, 5), "nsf", Part.FEE, fen(9_99), APR)
    shorter = after(agreed, charged, e.Paid(date(2025, 1, 10), fen(800_00), excess=Excess.SHORTER))
    assert shorter.outstanding == fen(409_99)
    reaged = after(agreed, charged, e.Reaged(date(2025, 1, 10), date(2025, 2, 15), 2))
    assert (reaged.outstanding, reaged.rows().fees) == (fen(1209_99), [9_99, 0])


def test_a_loan_with_fees_each_period_or_paid_ahead_can_be_re_aged() -> None:
    fees = (t.Fee("service", t.FeeWhen.EACH_PERIOD, amount=fen(50)),)
    on = date(2025, 2, 10)
    reaged = after(terms(fees=fees), e.Reaged(on, date(2025, 3, 10), 4))
    assert sum(reaged.rows().fees) == 1_00  # of the two periods that had begun
    ahead = after(terms(), e.Paid(date(2025, 1, 10), fen(100_00), excess=Excess.LAST), e.Reaged(on, date(2025, 3, 10), 4))
    assert sum(ahead.rows().principal) == 1200_00
    assert ahead.balance == 1200_00 - sum(ahead.rows().principal_paid)


@pytest.mark.parametrize(
    ("agreed", "events"),
    [
        (terms(), [e.PaidInstalment(FEB, FEB, Part.FEE, fen(5_00))]),
        (terms(recalculate=False), [e.PaidInstalment(FEB, FEB, Part.PRINCIPAL, fen(1200_00))]),
        (terms(), [e.Waived(FEB, Part.INTEREST, fen(12_23)), e.PaidInstalment(FEB, FEB, Part.INTEREST, fen(10_00))]),
        (terms(), [e.ChargedBack(date(2025, 1, 5), fen(1))]),
    ],
    ids=["no fee", "more than the row", "waived", "never paid"],
)
def test_what_is_not_owed_or_was_never_paid_is_refused(agreed: LoanTerms, events: list[Event]) -> None:
    with pytest.raises(LoanError) as refused:
        after(agreed, *events)
    assert (refused.value.code, refused.value.field) == ("more_than_owed", "amount")


def test_a_charge_back_brings_interest_back_as_interest() -> None:
    paid = after(terms(), e.Paid(FEB, fen(412_00)))
    state, did = apply(paid, e.ChargedBack(FEB, fen(412_00)))
    assert (did.principal + did.interest, did.interest) == (fen(412_00), fen(12_23))
    assert state.balance == 1200_00


def test_a_charge_back_is_of_the_payment_it_names_and_takes_each_part_once() -> None:
    fee = e.Charged(date(2025, 1, 5), "post", Part.FEE, fen(30_00), FEB)
    third = date(2025, 2, 10)
    paid = after(terms(), fee, e.Paid(FEB, fen(437_92)), e.Paid(third, fen(200_00)))
    first, did = apply(paid, e.ChargedBack(third, fen(100_00), paid_on=FEB))
    assert (did.fees, did.interest) == (fen(30_00), fen(12_23))
    _, again = apply(first, e.ChargedBack(third, fen(100_00), paid_on=FEB))
    assert (again.fees, again.principal) == (fen(0), fen(100_00))
    _, latest = apply(paid, e.ChargedBack(third, fen(100_00)))
    assert latest.fees == fen(0)


def test_a_row_that_appears_while_overdue_principal_bears_nothing_is_no_error() -> None:
    agreed = terms(periods=1, interest_on_overdue=False)
    kept, charged = e.Paid(date(2025, 1, 20), fen(1000_00), excess=Excess.KEEP), e.Charged(MAR, "post", Part.FEE, fen(5_00), APR)
    assert after(agreed, kept, charged).outstanding.minor > 0


# --- counting ---


def test_months_of_thirty_days_are_whole_only_between_the_same_days_or_ends_of_months() -> None:
    thirty = terms(day_count=t.DayCount(t.YearBasis.D360, t.MonthBasis.D30))

    def first(begin: date, due: date) -> int:
        return schedule(replace(thirty, disbursed_on=begin, first_due_on=due))[0].interest.minor

    assert [first(LENT, FEB), first(date(2025, 1, 31), date(2025, 2, 28)), first(date(2025, 2, 28), date(2025, 3, 31))] == [12_00] * 3
    assert first(date(2025, 1, 4), FEB) == 10_84  # 28 of the 31 days to 4 February
    assert first(LENT, date(2025, 2, 4)) == 13_29  # one month and 3 of 28 days


@pytest.mark.parametrize(
    ("principal", "periods", "percent", "grace"), [(3000_00, 12, "14.4", 2), (5000_00, 12, "36", 6), (50000_00, 36, "24", 3)]
)
def test_instalments_are_equal_also_where_first_ones_ask_no_interest(principal: int, periods: int, percent: str, grace: int) -> None:
    rows = schedule(terms(principal=fen(principal), periods=periods, annual_rate=Rate.parse_percent(percent), grace_interest=grace))
    asked = [row.total.minor for row in rows]
    assert [row.interest.minor for row in rows[:grace]] == [0] * grace
    level = asked[0]
    assert asked[:grace] + asked[grace + 1 : -1] == [level] * (periods - 2)
    assert abs(asked[-1] - level) <= periods


def test_more_instalments_fall_on_business_days_too() -> None:
    class NoSaturday:
        def is_business_day(self, day: date) -> bool:
            return day.weekday() != 5

        def next_business_day(self, day: date) -> date:
            return day + timedelta(days=day.weekday() == 5)

    agreed = terms(adjust=t.Adjust.FOLLOWING, calendar=NoSaturday())
    rows = after(agreed, e.Rescheduled(date(2025, 1, 10), FEB, extra_periods=12)).rows()
    assert {date.fromordinal(day).weekday() for day in rows.due} <= {0, 1, 2, 3, 4, 6}
