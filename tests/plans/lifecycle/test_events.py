"""What each event does to a loan, told in tables."""

from dataclasses import replace
from datetime import date, datetime
from typing import Any

import pytest

from yuefu.money.amounts import Money
from yuefu.money.rates import Rate
from yuefu.plans.lifecycle import events as e
from yuefu.plans.lifecycle import terms as t
from yuefu.plans.lifecycle.events import Event, LoanError, Undone
from yuefu.plans.lifecycle.fold import apply, as_of, replay, start
from yuefu.plans.lifecycle.quotes import buy_down_earned, interest_earned, payoff
from yuefu.plans.lifecycle.terms import Excess, LoanTerms, PaidBy, Part
from yuefu.plans.lifecycle.work import LoanState

LENT = date(2024, 1, 1)
FEB, MAR, APR, MAY = date(2024, 2, 1), date(2024, 3, 1), date(2024, 4, 1), date(2024, 5, 1)


def cny(text: str) -> Money:
    return Money.parse(text, "CNY")


FREE = LoanTerms(principal=cny("400.00"), periods=4, annual_rate=Rate(0), disbursed_on=LENT)
DEAR = LoanTerms(principal=cny("400.00"), periods=4, annual_rate=Rate(120_000), disbursed_on=LENT, interest_by=t.InterestBy.PERIOD)


def after(terms: LoanTerms, *entries: Event | Undone) -> LoanState:
    return replay(terms, [e.Disbursed(LENT, terms.principal), *entries])[0]


def unpaid(state: LoanState) -> list[str]:
    """What each instalment still asks."""
    rows = state.rows()
    return [Money(rows.unpaid(k), "CNY").decimal_text() for k in range(len(rows))]


@pytest.mark.parametrize(
    ("excess", "left"),
    [
        (Excess.NEXT, ["0.00", "0.00", "50.00", "100.00"]),
        (Excess.LAST, ["0.00", "100.00", "50.00", "0.00"]),
        (Excess.REAMORTISE, ["0.00", "50.00", "50.00", "50.00"]),
        (Excess.SMALLER, ["0.00", "50.00", "50.00", "50.00"]),
        (Excess.SHORTER, ["0.00", "100.00", "50.00"]),
        (Excess.LESS_NEXT, ["0.00", "0.00", "50.00", "100.00"]),
        (Excess.KEEP, ["0.00", "100.00", "100.00", "100.00"]),
    ],
)
@pytest.mark.parametrize("recalculate", [True, False])
def test_the_payer_chooses_where_money_beyond_what_is_due_goes(excess: Excess, left: list[str], recalculate: bool) -> None:
    state = after(replace(FREE, recalculate=recalculate), e.Paid(FEB, cny("250.00"), excess=excess))
    assert unpaid(state) == left
    assert state.credit_balance == (cny("150.00") if excess is Excess.KEEP else cny("0.00"))


def test_smaller_instalments_after_an_early_payment_in_the_middle_of_a_month() -> None:
    state = after(DEAR, e.Paid(date(2024, 1, 16), cny("202.51"), excess=Excess.SMALLER))
    rows = state.rows()
    assert rows.interest_paid[0] == 194, "interest of 15 of 31 days: 400 × 1 % × 15 / 31"
    assert len({rows.emi[k] for k in (1, 2)}) == 1
    assert rows.emi[1] < 10252 - 3000
    assert sum(rows.principal) == 40_000


def test_horizontal_pays_an_instalment_whole_vertical_one_part_of_all() -> None:
    order = t.buckets((Part.INTEREST, Part.PRINCIPAL, Part.FEE, Part.PENALTY))
    overdue = e.Paid(date(2024, 3, 15), cny("110.00"))
    flat = replace(DEAR, method=t.Method.FLAT, recalculate=False)
    horizontal = after(replace(flat, waterfall=t.Waterfall(order)), overdue).rows()
    vertical = after(replace(flat, waterfall=t.Waterfall(order, t.Processing.VERTICAL)), overdue).rows()
    assert [(horizontal.interest_paid[k], horizontal.principal_paid[k]) for k in (0, 1)] == [(400, 10_000), (400, 200)]
    assert [(vertical.interest_paid[k], vertical.principal_paid[k]) for k in (0, 1)] == [(400, 10_000), (400, 200)]
    principal_first = t.buckets((Part.PRINCIPAL, Part.INTEREST, Part.FEE, Part.PENALTY))
    horizontal = after(replace(flat, waterfall=t.Waterfall(principal_first)), overdue).rows()
    vertical = after(replace(flat, waterfall=t.Waterfall(principal_first, t.Processing.VERTICAL)), overdue).rows()
    assert [(horizontal.interest_paid[k], horizontal.principal_paid[k]) for k in (0, 1)] == [(400, 10_000), (0, 600)]
    assert [(vertical.interest_paid[k], vertical.principal_paid[k]) for k in (0, 1)] == [(0, 10_000), (0, 1000)]


def test_the_next_instalments_ask_less_by_what_came_early() -> None:
    """After 300.00 at once the next one asks interest alone, the third the rest of its principal: the last stays as it was."""
    state = after(DEAR, e.Paid(date(2024, 1, 16), cny("202.51"), excess=Excess.LESS_NEXT))
    rows = state.rows()
    assert (rows.principal_paid[0], rows.interest_paid[0]) == (200_57, 1_94)
    assert rows.emi[1] - rows.interest[1] == rows.principal[1] == 0
    assert sum(rows.principal) == 400_00
    assert state.balance == 400_00 - rows.principal_paid[0]


@pytest.mark.parametrize(("on_its_day", "parts"), [(True, ("9.00", "41.00")), (False, ("0.00", "50.00"))])
def test_a_charge_may_be_due_on_its_own_day(on_its_day: bool, parts: tuple[str, str]) -> None:
    orders = t.buckets((Part.PENALTY, Part.FEE, Part.INTEREST, Part.PRINCIPAL), (Part.PRINCIPAL, Part.PENALTY, Part.FEE, Part.INTEREST))
    terms = replace(FREE, waterfall=t.Waterfall(orders, charges_on_their_day=on_its_day))
    charged = after(terms, e.Charged(date(2024, 1, 15), "nsf", Part.PENALTY, cny("9.00"), date(2024, 1, 15)))
    later, _ = apply(charged, e.Charged(date(2024, 1, 15), "post", Part.FEE, cny("5.00"), date(2024, 1, 20)))
    _, did = apply(later, e.Paid(date(2024, 1, 15), cny("50.00")))
    assert (did.penalties, did.principal, did.fees) == (cny(parts[0]), cny(parts[1]), cny("0.00"))


def test_each_kind_of_money_may_have_a_waterfall_of_its_own() -> None:
    terms = replace(
        FREE,
        waterfalls=((PaidBy.MERCHANT_REFUND, t.Waterfall(excess=Excess.REAMORTISE)), (PaidBy.GOODWILL, t.Waterfall(excess=Excess.LAST))),
    )
    early = date(2024, 1, 10)
    assert unpaid(after(terms, e.Paid(early, cny("80.00"), PaidBy.MERCHANT_REFUND))) == ["80.00"] * 4
    assert unpaid(after(terms, e.Paid(early, cny("80.00"), PaidBy.GOODWILL))) == ["100.00", "100.00", "100.00", "20.00"]
    assert unpaid(after(terms, e.Paid(early, cny("80.00")))) == ["20.00", "100.00", "100.00", "100.00"]


def test_a_full_refund_leaves_nothing_owed_and_what_was_paid_is_a_credit_balance() -> None:
    paid = e.Paid(FEB, cny("100.00"))
    state = after(FREE, paid, e.Paid(date(2024, 2, 10), cny("400.00"), PaidBy.MERCHANT_REFUND))
    assert (state.outstanding, state.credit_balance, state.status) == (cny("0.00"), cny("100.00"), "overpaid")
    state, _ = apply(state, e.CreditRefunded(date(2024, 2, 11), cny("100.00")))
    assert (state.credit_balance, state.status) == (cny("0.00"), "closed")


def test_a_refund_gives_back_the_interest_that_its_principal_bore() -> None:
    """50 of 1,000 at 10 % for 14 of 31 days: 50 × 10 % / 12 × 14 / 31 = 0.19 (Fineract C3843)."""
    days = t.DayCount(t.YearBasis.D360, t.MonthBasis.D30)
    terms = LoanTerms(principal=cny("1000.00"), periods=3, annual_rate=Rate(100_000), disbursed_on=date(2024, 7, 1), day_count=days)
    state, _ = replay(terms, [e.Disbursed(date(2024, 7, 1), cny("1000.00")), e.Paid(date(2024, 7, 10), cny("338.90"))])
    refund = e.Paid(date(2024, 7, 15), cny("50.00"), PaidBy.MERCHANT_REFUND, Excess.LAST, interest_refund=True)
    _, outcome = apply(state, refund)
    assert outcome.principal == cny("50.00")
    assert outcome.interest_refund is not None
    assert outcome.interest_refund.interest == cny("0.19")


def test_what_is_charged_back_is_owed_again_where_its_day_lies() -> None:
    paid = [e.Paid(day, cny("100.00")) for day in (FEB, MAR, APR, MAY)]
    assert unpaid(after(FREE, *paid[:2], e.ChargedBack(date(2024, 3, 10), cny("40.00")))) == ["0.00", "0.00", "140.00", "100.00"]
    late = after(FREE, *paid, e.ChargedBack(date(2024, 5, 9), cny("40.00")))
    assert unpaid(late) == ["0.00", "0.00", "0.00", "0.00", "40.00"]
    assert late.status == "active"
    assert date.fromordinal(late.rows().due[-1]) == date(2024, 5, 9)


def test_a_charge_back_takes_back_the_parts_of_the_payment_in_the_agreed_order() -> None:
    terms = replace(FREE, chargeback_order=(Part.PENALTY, Part.FEE, Part.INTEREST, Part.PRINCIPAL))
    fee = e.Charged(date(2024, 1, 20), "service", Part.FEE, cny("4.00"), FEB)
    state = after(terms, fee, e.Paid(FEB, cny("104.00")), e.ChargedBack(date(2024, 2, 5), cny("50.00")))
    rows = state.rows()
    assert (rows.fees[1], rows.credited[1], rows.principal[1]) == (400, 4600, 14_600)


def test_a_credit_balance_pays_what_is_charged_later() -> None:
    state = after(FREE, e.Paid(FEB, cny("420.00")), e.Charged(date(2024, 2, 10), "snooze", Part.FEE, cny("15.00"), date(2024, 2, 20)))
    assert (state.outstanding, state.credit_balance) == (cny("0.00"), cny("5.00"))


def test_money_given_back_to_who_paid_it_is_owed_again_from_behind() -> None:
    state = after(FREE, e.Paid(FEB, cny("250.00")), e.PaidBack(date(2024, 2, 2), cny("120.00")))
    assert unpaid(state) == ["0.00", "70.00", "100.00", "100.00"]
    with pytest.raises(LoanError, match="Less than"):
        apply(state, e.PaidBack(date(2024, 2, 3), cny("130.01")))


def test_a_late_fee_is_charged_once_after_the_days_of_grace_and_never_above_the_cap() -> None:
    late = t.LateTerms(fee=cny("5.00"), grace_days=3, cap=Rate(20_000))
    state = after(replace(FREE, late=late))
    owed = {day: as_of(state, date(2024, 2, day)).outstanding.minor for day in (1, 4, 5, 28)}
    assert owed == {1: 40_000, 4: 40_000, 5: 40_500, 28: 40_500}
    assert as_of(state, date(2024, 12, 31)).outstanding.minor == 40_800, "2 % of 400.00, not 20.00"
    in_grace = after(replace(FREE, late=late), e.Paid(date(2024, 2, 4), cny("100.00")))
    assert as_of(in_grace, date(2024, 2, 29)).outstanding.minor == 30_000


def test_penalty_interest_counts_each_day_once_however_many_events_there_are() -> None:
    """100.00 overdue at 36.5 % for 29 days is 2.90; 0.10 a day."""
    terms = replace(FREE, late=t.LateTerms(interest=Rate(365_000)))
    quiet = as_of(after(terms), date(2024, 3, 1))
    noisy = after(terms, *[e.BoughtDown(date(2024, 2, day), cny("1.00")) for day in range(2, 29)])
    assert sum(quiet.rows().penalties) == sum(as_of(noisy, date(2024, 3, 1)).rows().penalties) == 290
    paid = after(terms, e.Paid(date(2024, 2, 11), cny("101.00")))
    assert sum(as_of(paid, date(2024, 3, 1)).rows().penalties) == 100


def test_what_is_waived_does_not_come_back() -> None:
    terms = replace(FREE, late=t.LateTerms(fee=cny("5.00")))
    state = after(terms, e.Waived(date(2024, 2, 10), Part.PENALTY, cny("5.00")))
    assert as_of(state, date(2024, 2, 28)).outstanding == cny("400.00")
    waived = after(DEAR, e.Waived(date(2024, 2, 10), Part.INTEREST, cny("3.00")))
    assert as_of(waived, date(2024, 2, 20)).rows().unpaid(0) == waived.rows().unpaid(0)
    with pytest.raises(LoanError, match="less than"):
        apply(state, e.Waived(date(2024, 2, 11), Part.FEE, cny("0.01")))


def test_disbursed_in_parts_the_instalments_to_come_share_the_new_part() -> None:
    terms = replace(FREE, principal=cny("700.00"))
    entries = [e.Disbursed(LENT, cny("400.00")), e.Disbursed(date(2024, 2, 10), cny("300.00"))]
    assert unpaid(replay(terms, entries)[0]) == ["100.00", "200.00", "200.00", "200.00"]
    with pytest.raises(LoanError, match="are agreed"):
        replay(terms, [*entries, e.Disbursed(date(2024, 2, 11), cny("0.01"))])


def test_a_down_payment_is_asked_of_each_part_and_may_pay_itself() -> None:
    terms = replace(FREE, down_payment=Rate(250_000), principal=cny("400.00"))
    assert unpaid(after(terms)) == ["100.00", "75.00", "75.00", "75.00", "75.00"]
    assert unpaid(after(replace(terms, down_payment_auto=True))) == ["0.00", "75.00", "75.00", "75.00", "75.00"]


def test_unpaid_principal_moves_into_later_instalments() -> None:
    state = after(FREE, e.Reamortised(date(2024, 2, 10)))
    assert unpaid(state) == ["0.00", "133.33", "133.33", "133.34"]
    aged = after(FREE, e.Paid(FEB, cny("100.00")), e.Reaged(date(2024, 3, 10), date(2024, 6, 15), 3))
    assert unpaid(aged) == ["0.00", "0.00", "100.00", "100.00", "100.00"]
    assert [date.fromordinal(day) for day in aged.rows().due[2:]] == [date(2024, 6, 15), date(2024, 7, 15), date(2024, 8, 15)]


def test_a_reschedule_changes_days_number_rate_and_grace_from_one_instalment_on() -> None:
    moved = after(FREE, e.Rescheduled(date(2024, 1, 5), MAR, date(2024, 3, 20), extra_periods=1))
    assert [date.fromordinal(day) for day in moved.rows().due] == [FEB, *(date(2024, month, 20) for month in (3, 4, 5, 6))]
    assert unpaid(moved) == ["100.00", "75.00", "75.00", "75.00", "75.00"]
    flat = replace(DEAR, method=t.Method.FLAT, recalculate=False)
    cheaper = after(flat, e.Rescheduled(date(2024, 1, 5), MAR, annual_rate=Rate(60_000)))
    assert cheaper.rows().interest == [400, 200, 200, 200]
    rest = after(FREE, e.Rescheduled(date(2024, 1, 5), MAR, grace_principal=1))
    assert unpaid(rest) == ["100.00", "0.00", "100.00", "100.00", "100.00"]


def test_interest_pauses_with_both_ends_and_stops_where_a_charge_off_says_so() -> None:
    whole = after(replace(DEAR, interest_by=t.InterestBy.DAYS, day_count=t.DayCount(t.YearBasis.D360)))
    paused = after(whole.terms, e.InterestPaused(date(2024, 1, 11), date(2024, 1, 20)))
    assert whole.rows().interest[0] - paused.rows().interest[0] == 133, "10 of 360 days at 12 % on 400"
    stopped = after(DEAR, e.ChargedOff(FEB, stops_interest=True))
    assert as_of(stopped, MAY).rows().interest[1:] == [0, 0, 0]
    assert stopped.status == "active"


def test_a_write_off_gives_up_what_is_unpaid_and_a_recovery_is_counted_apart() -> None:
    state = after(FREE, e.Paid(FEB, cny("100.00")), e.WrittenOff(APR), e.Recovered(MAY, cny("30.00")))
    assert (state.status, state.outstanding, state.balance, state.recovered) == ("written_off", cny("0.00"), 0, 3000)
    with pytest.raises(LoanError, match="recovery"):
        apply(state, e.Paid(date(2024, 6, 1), cny("1.00")))
    with pytest.raises(LoanError, match="before that it is a repayment"):
        apply(after(FREE), e.Recovered(FEB, cny("1.00")))


def test_what_comes_in_beyond_what_was_given_up_is_a_credit_balance_and_nothing_recovered() -> None:
    state = after(FREE, e.WrittenOff(APR), e.Recovered(MAY, cny("430.00"), beyond=cny("30.00")))
    assert (state.status, state.recovered, state.credit_balance) == ("written_off", 40000, cny("30.00"))
    assert (
        after(FREE, e.WrittenOff(APR), e.Recovered(MAY, cny("430.00"), beyond=cny("30.00")), e.CreditRefunded(MAY, cny("30.00"))).balance
        == 0
    )
    for beyond in (cny("430.01"), cny("0.00"), Money(1, "USD")):
        with pytest.raises(LoanError, match="beyond"):
            e.Recovered(MAY, cny("430.00"), beyond=beyond)


def test_a_capped_recovery_takes_no_more_than_is_given_up_whatever_is_entered_before_it_and_is_a_payment_without_a_write_off() -> None:
    came = e.Recovered(MAY, cny("350.00"), capped=True)
    state = after(FREE, e.WrittenOff(APR), came)
    assert (state.given_up, state.recovered, state.credit_balance) == (400_00, 350_00, cny("0.00"))
    state = after(FREE, e.Paid(FEB, cny("100.00")), e.WrittenOff(APR), came)
    assert (state.given_up, state.recovered, state.credit_balance) == (300_00, 300_00, cny("50.00"))
    state = after(FREE, e.WrittenOff(APR), came, e.Recovered(MAY, cny("80.00"), by=PaidBy.MERCHANT_REFUND, capped=True))
    assert (state.recovered, state.credit_balance) == (400_00, cny("30.00"))
    state = after(FREE, came)
    assert (state.status, state.recovered, state.balance) == ("active", 0, 50_00), "it pays what is to come as well"
    with pytest.raises(LoanError, match="told by the loan"):
        e.Recovered(MAY, cny("1.00"), cny("1.00"), capped=True)
    with pytest.raises(LoanError, match="from the consumer or from the merchant"):
        e.Recovered(MAY, cny("1.00"), by=PaidBy.GOODWILL)


def test_what_goes_out_after_a_write_off_is_given_up_again() -> None:
    events = [e.Paid(FEB, cny("100.00")), e.WrittenOff(APR), e.Recovered(MAY, cny("200.00"), capped=True)]
    state = after(FREE, *events, e.ChargedBack(MAY, cny("150.00"), MAY))
    assert (state.given_up, state.recovered, state.balance, state.outstanding) == (300_00, 50_00, 0, cny("0.00"))
    state = after(FREE, *events, e.ChargedBack(MAY, cny("60.00"), FEB))
    assert (state.given_up, state.recovered, state.balance, state.outstanding) == (360_00, 200_00, 0, cny("0.00"))
    assert state.status == "written_off"
    with pytest.raises(LoanError, match="has been paid"):
        after(FREE, *events, e.ChargedBack(MAY, cny("300.01")))
    beyond = [e.WrittenOff(APR), e.Recovered(MAY, cny("450.00"), capped=True), e.CreditRefunded(MAY, cny("50.00"))]
    state = after(FREE, *beyond)
    assert (state.given_up, state.recovered, state.overpaid) == (400_00, 400_00, 0)
    state = after(FREE, e.Charged(FEB, "post", Part.FEE, cny("20.00"), MAR), *beyond)
    assert (state.given_up, state.recovered, state.lent_again) == (440_00, 420_00, 20_00), "what had gone out is given up too"


def test_money_that_came_to_end_a_loan_stays_what_it_was_whatever_is_entered_before_it_later() -> None:
    ends = e.PaidOff(APR, payoff(after(DEAR, e.Paid(FEB, cny("102.51"))), APR).total)
    ended = after(DEAR, e.Paid(FEB, cny("102.51")), ends)
    assert (ended.status, ended.credit_balance) == ("closed", cny("0.00"))
    without = replay(DEAR, [e.Disbursed(LENT, DEAR.principal), e.Paid(FEB, cny("102.51")), ends, Undone(2)])[0]
    assert without.status == "active"
    assert cny("102.51") < as_of(without, APR).outstanding < cny("106.00"), "what was undone is owed, with its interest"
    more = after(DEAR, e.Paid(FEB, cny("102.51")), e.Paid(MAR, cny("50.00")), ends)
    assert more.status == "overpaid"
    assert cny("50.00") < more.credit_balance < cny("52.00"), "what came twice, and the interest it saved"
    assert after(DEAR, e.Paid(FEB, cny("500.00")), ends).outstanding == cny("0.00")


def test_a_payoff_costs_interest_for_the_days_only() -> None:
    quote = payoff(after(DEAR, e.Paid(FEB, cny("102.51"))), date(2024, 2, 15))
    assert quote.principal == cny("301.49")
    assert quote.interest == cny("1.46"), "301.49 × 1 % × 14 / 29"
    assert quote.total + quote.saved == after(DEAR, e.Paid(FEB, cny("102.51"))).outstanding
    flat = payoff(after(replace(DEAR, method=t.Method.FLAT)), date(2024, 1, 16))
    assert flat.interest == cny("1.94"), "400 × 1 % × 15 / 31, at a flat rate too"


@pytest.mark.parametrize("recalculate", [True, False])
def test_fees_of_periods_not_begun_are_not_asked_of_who_ends_the_loan(recalculate: bool) -> None:
    fees = (t.Fee("service", t.FeeWhen.EACH_PERIOD, amount=cny("1.00")), t.Fee("entry", t.FeeWhen.UPFRONT, amount=cny("5.00")))
    terms = replace(FREE, fees=fees, recalculate=recalculate)
    lent, on = after(terms), date(2024, 1, 16)
    quote = payoff(lent, on)
    assert (quote.total, quote.fees, quote.saved) == (cny("406.00"), cny("6.00"), cny("3.00"))
    assert payoff(lent, LENT).fees == cny("5.00")
    assert payoff(lent, FEB).fees == cny("6.00")
    assert payoff(lent, date(2024, 2, 2)).fees == cny("7.00")
    for ended in (e.PaidOff(on), e.Paid(on, cny("406.00")), e.Paid(on, cny("406.00"), excess=Excess.LAST)):
        assert apply(lent, ended)[0].status == "closed"
    assert apply(lent, e.Paid(on, cny("407.00")))[0].credit_balance == cny("1.00")
    assert sum(unpaid_minor(apply(lent, e.Paid(on, cny("405.99")))[0])) == 3_01
    refunded, _ = apply(lent, e.Paid(on, cny("400.00"), by=PaidBy.MERCHANT_REFUND))
    assert sum(unpaid_minor(refunded)) == 6_00
    apart, _ = apply(lent, e.Charged(on, "late", Part.FEE, cny("2.00"), MAR))
    assert payoff(apart, on).fees == cny("8.00")


def unpaid_minor(state: LoanState) -> list[int]:
    rows = state.rows()
    return [rows.unpaid(k) for k in range(len(rows))]


def test_interest_and_the_merchants_fee_are_earned_by_days_that_add_up() -> None:
    state = after(replace(DEAR, periods=3), e.BoughtDown(LENT, cny("50.00")))
    days = [date.fromordinal(LENT.toordinal() + k) for k in range(92)]
    assert buy_down_earned(state, date(2024, 1, 9)) == cny("4.95")
    assert buy_down_earned(state, date(2024, 1, 10)) == cny("5.49")
    assert buy_down_earned(state, date(2024, 3, 31)) == cny("50.00")
    earned = [interest_earned(state, day).minor for day in days]
    assert earned == sorted(earned)
    assert earned[-1] == sum(state.rows().interest)


@pytest.mark.parametrize(
    ("event", "code", "field"),
    [
        (e.Paid(date(2023, 12, 31), cny("1.00")), "event_out_of_order", "on"),
        (e.Paid(FEB, Money(100, "USD")), "currency_mismatch", "amount"),
        (e.Disbursed(FEB, cny("0.01")), "more_than_agreed", "amount"),
        (e.PaidInstalment(FEB, date(2024, 2, 2), Part.PRINCIPAL, cny("1.00")), "no_such_instalment", "due_on"),
        (e.PaidInstalment(FEB, FEB, Part.INTEREST, cny("1.00")), "more_than_owed", "amount"),
        (e.Rescheduled(FEB, date(2024, 6, 1)), "no_such_instalment", "from_due_on"),
        (e.Rescheduled(date(2024, 1, 2), MAR, date(2024, 1, 20)), "days_out_of_order", "new_due_on"),
        (e.Reamortised(date(2024, 1, 5)), "nothing_to_change", "on"),
        (e.Recovered(FEB, cny("1.00")), "not_written_off", "on"),
    ],
)
def test_an_event_that_cannot_be_is_refused_by_name(event: Event, code: str, field: str) -> None:
    with pytest.raises(LoanError) as refused:
        apply(after(FREE), event)
    assert (refused.value.code, refused.value.field) == (code, field)


@pytest.mark.parametrize(
    ("kind", "given", "field"),
    [
        (e.Paid, {"on": FEB, "amount": cny("0.00")}, "amount"),
        (e.Paid, {"on": FEB, "amount": 100}, "amount"),
        (e.Paid, {"on": "2024-02-01", "amount": cny("1.00")}, "on"),
        (e.Paid, {"on": datetime(2024, 2, 1), "amount": cny("1.00")}, "on"),
        (e.Charged, {"on": FEB, "code": "x", "part": Part.PRINCIPAL, "amount": cny("1.00"), "due_on": FEB}, "part"),
        (e.Waived, {"on": FEB, "part": Part.PRINCIPAL, "amount": cny("1.00")}, "part"),
        (e.Reaged, {"on": FEB, "first_due_on": FEB, "periods": 2}, "first_due_on"),
        (e.InterestPaused, {"first": FEB, "last": LENT}, "last"),
        (e.ArrearsPaused, {"first": FEB, "last": LENT}, "last"),
    ],
)
def test_an_event_that_makes_no_sense_cannot_be_made(kind: type[Any], given: dict[str, Any], field: str) -> None:
    with pytest.raises(LoanError) as refused:
        kind(**given)
    assert refused.value.field == field


def test_nothing_happens_before_the_money_is_lent_and_a_view_is_not_gone_on_from() -> None:
    with pytest.raises(LoanError, match="Nothing has been lent"):
        apply(start(FREE), e.Paid(FEB, cny("1.00")))
    with pytest.raises(LoanError, match="view"):
        apply(as_of(after(FREE), FEB), e.Paid(MAR, cny("1.00")))
    with pytest.raises(LoanError, match="replay it up to then"):
        as_of(after(FREE, e.Paid(FEB, cny("1.00"))), LENT)


@pytest.mark.parametrize("entry", [0, 2, 3, 99])
def test_an_undo_names_an_earlier_event(entry: int) -> None:
    with pytest.raises(LoanError, match="could be undone"):
        replay(FREE, [e.Disbursed(LENT, cny("400.00")), Undone(entry)])


def test_an_undo_of_the_disbursement_with_payments_after_it_is_refused() -> None:
    with pytest.raises(LoanError, match="Nothing has been lent"):
        replay(FREE, [e.Disbursed(LENT, cny("400.00")), e.Paid(FEB, cny("1.00")), Undone(1)])
