"""Where a loan stands in the books, whatever happened to it."""

from __future__ import annotations

from datetime import date, timedelta
from random import Random
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.plans.lifecycle.lives import MANY, lives
from tests.plans.lifecycle.small_loans import APR, FEB, LENT, MAR, REFUND, fen, terms
from yuefu.ledger.rules import CHART
from yuefu.loans import entries
from yuefu.loans.entries import Position
from yuefu.loans.rules import Dimensions
from yuefu.money.rates import Rate
from yuefu.plans.lifecycle import events as e
from yuefu.plans.lifecycle import terms as t
from yuefu.plans.lifecycle.events import Event, LoanError, Undone
from yuefu.plans.lifecycle.fold import as_of, in_order
from yuefu.plans.lifecycle.tally import told
from yuefu.plans.lifecycle.terms import LoanTerms, Part

DIMS = Dimensions(*(UUID(int=n) for n in range(1, 7)), "flex", "CNY")
SOURCE = UUID(int=9)


def position(agreed: LoanTerms, happened: list[Event], day: date) -> Position:
    state, tally = told(agreed, happened)
    return entries.position(state, tally, day)


def after(*happened: Event, day: date, **agreed: object) -> dict[str, int]:
    """What is not nothing of a loan of 1200.00 in three months."""
    stands = position(terms(**agreed), [e.Disbursed(LENT, fen(1200_00)), *happened], day)
    return {name: value for name in Position.__slots__ if (value := getattr(stands, name))}


# --- whatever happens ---


@MANY
@given(lives(), st.integers(0, 400))
def test_the_accounts_of_a_loan_add_up_to_nothing(life: tuple[LoanTerms, list[Event]], days: int) -> None:
    agreed, happened = life
    state, tally = told(agreed, happened)
    stands = entries.position(state, tally, date.fromordinal(state.last_on) + timedelta(days=days))
    assert sum(getattr(stands, name) for name in Position.__slots__) == 0
    assert (tally.given_up, tally.recovered) == (state.given_up, state.recovered)


@MANY
@given(lives(), st.integers(0, 400))
def test_what_the_books_have_is_what_the_loan_says(life: tuple[LoanTerms, list[Event]], days: int) -> None:
    agreed, happened = life
    state, tally = told(agreed, happened)
    day = date.fromordinal(state.last_on) + timedelta(days=days)
    seen, stands = as_of(state, day), entries.position(state, tally, day)
    assert (stands.loan_principal, -stands.consumer_balance) == (seen.balance, seen.overpaid)
    owed = [stands.loan_interest, stands.loan_fees, stands.loan_penalties]
    if not seen.outstanding or (state.written_off_on and not seen.balance):
        assert owed == [0, 0, 0], "a loan that has ended is asked nothing"
    if state.charged_off_on and not state.written_off_on:
        assert stands.loan_allowance == -max(seen.balance + sum(owed), 0)
    else:
        assert stands.loan_allowance == 0


@MANY
@given(lives(), st.randoms(use_true_random=False))
def test_any_order_of_entry_leads_to_the_same_books(life: tuple[LoanTerms, list[Event]], random: Random) -> None:
    agreed, happened = life
    day = max(event.on for event in happened) + timedelta(days=40)
    days: dict[date, list[Event]] = {}
    for _, event in in_order(happened):
        days.setdefault(event.on, []).append(event)
    shuffled = list(days.values())
    random.shuffle(shuffled)
    assert position(agreed, [event for of_day in shuffled for event in of_day], day) == position(agreed, happened, day)


@MANY
@given(lives(), st.data())
def test_what_is_undone_leaves_no_trace_in_the_books(life: tuple[LoanTerms, list[Event]], data: st.DataObject) -> None:
    agreed, happened = life
    if len(happened) < 2:
        return
    victim = data.draw(st.integers(2, len(happened)))
    without = [event for number, event in enumerate(happened, start=1) if number != victim]
    day = max(event.on for event in happened) + timedelta(days=1)
    try:
        expected = position(agreed, without, day)
    except LoanError:
        return
    assert position(agreed, [*happened, Undone(victim)], day) == expected


@MANY
@given(lives())
def test_what_is_posted_step_by_step_comes_to_where_the_loan_stands(life: tuple[LoanTerms, list[Event]]) -> None:
    agreed, happened = life
    day = max(event.on for event in happened)
    stood, booked = Position(), dict.fromkeys(Position.__slots__, 0)
    for n in range(1, len(happened) + 1):
        try:
            stands = position(agreed, happened[:n], day)
        except LoanError:  # entered before what it needs
            continue
        entry = entries.moved(DIMS, "changed", SOURCE, stood, stands)
        for line in entry.lines if entry else ():
            if line.account.code in booked:
                booked[line.account.code] += line.amount.minor
        stood = stands
    assert booked == {name: getattr(stood, name) for name in Position.__slots__}


def test_every_account_of_a_position_is_in_the_chart() -> None:
    assert set(Position.__slots__) <= set(CHART)


# --- one event each ---


def test_lent_and_accrued() -> None:
    assert after(day=FEB) == {"loan_principal": 1200_00, "loan_interest": 12_23, "purchase_clearing": -1200_00, "interest_income": -12_23}


def test_repaid() -> None:
    assert after(e.Paid(FEB, fen(407_92)), day=FEB) == {
        "loan_principal": 1200_00 - 395_69,
        "collections_clearing": 407_92,
        "purchase_clearing": -1200_00,
        "interest_income": -12_23,
    }


def test_too_much_is_owed_to_the_consumer_until_it_is_refunded() -> None:
    paid = after(e.Paid(LENT, fen(1300_00)), day=FEB)
    assert paid == {"consumer_balance": -100_00, "collections_clearing": 1300_00, "purchase_clearing": -1200_00}
    assert after(e.Paid(LENT, fen(1300_00)), e.CreditRefunded(FEB, fen(100_00)), day=FEB) == {
        "collections_clearing": 1200_00,
        "purchase_clearing": -1200_00,
    }


def test_a_merchant_refund_with_the_interest_of_the_refunded() -> None:
    assert after(e.Paid(FEB, fen(1200_00), REFUND, interest_refund=True), day=FEB) == {
        "interest_income": -12_23,
        "interest_given_up": 12_23,
    }


def test_fees_and_late_charges_are_income_when_they_fall_due_and_what_is_waived_is_told_apart() -> None:
    late = t.LateTerms(fee=fen(20_00))
    charged = [e.Charged(date(2025, 1, 5), "post", Part.FEE, fen(5_00), FEB)]
    before = after(*charged, day=date(2025, 1, 31), late=late)
    assert before.keys() == {"loan_principal", "loan_interest", "purchase_clearing", "interest_income"}
    due = after(*charged, day=date(2025, 2, 2), late=late)
    assert (due["loan_fees"], due["loan_fee_income"]) == (5_00, -5_00)
    assert (due["loan_penalties"], due["penalty_income"]) == (20_00, -20_00)
    waived = after(*charged, e.Waived(date(2025, 2, 2), Part.PENALTY, fen(15_00)), day=date(2025, 2, 2), late=late)
    assert (waived["loan_penalties"], waived["penalty_income"], waived["fees_given_up"]) == (5_00, -20_00, 15_00)


def test_a_charge_back_is_owed_again_and_no_income_twice() -> None:
    agreed = {"chargeback_order": (Part.INTEREST, Part.PRINCIPAL)}
    back = after(e.Paid(FEB, fen(407_92)), e.ChargedBack(date(2025, 2, 1), fen(407_92)), day=FEB, **agreed)
    assert back == {"loan_principal": 1200_00, "loan_interest": 12_23, "purchase_clearing": -1200_00, "interest_income": -12_23}


def test_a_fee_that_is_charged_back_is_owed_again_and_no_income_twice() -> None:
    agreed = {"chargeback_order": (Part.FEE, Part.PRINCIPAL)}
    charged, paid = e.Charged(LENT, "post", Part.FEE, fen(5_00), FEB), e.Paid(FEB, fen(412_92))
    back = after(charged, paid, e.ChargedBack(FEB, fen(5_00)), day=MAR, **agreed)
    assert (back["loan_fees"], back["loan_fee_income"], back["collections_clearing"]) == (5_00, -5_00, 407_92)


def test_credit_pays_its_part_before_a_write_off_loses_the_rest() -> None:
    kept = e.Paid(LENT, fen(100_00), excess=t.Excess.KEEP)
    assert after(kept, e.WrittenOff(date(2025, 1, 31)), day=APR) == {
        "collections_clearing": 100_00,
        "purchase_clearing": -1200_00,
        "interest_income": -11_84,
        "credit_loss": 1200_00 + 11_84 - 100_00,
    }


def test_a_charge_off_covers_what_is_owed_and_follows_it() -> None:
    off = e.ChargedOff(APR, stops_interest=True)
    owed = 1200_00 + after(off, day=APR)["loan_interest"]
    assert after(off, day=APR)["loan_allowance"] == -owed
    paid = after(off, e.Paid(date(2025, 5, 1), fen(200_00)), day=date(2025, 5, 1))
    assert (paid["loan_allowance"], paid["credit_loss"]) == (-(owed - 200_00), owed - 200_00)


@pytest.mark.parametrize("before", [[], [e.ChargedOff(MAR, stops_interest=True)]])
def test_a_write_off_loses_what_was_earned_and_never_what_was_to_come(before: list[Event]) -> None:
    earned = 23_28
    lost = after(*before, e.WrittenOff(MAR), day=date(2026, 1, 1))
    assert lost == {"purchase_clearing": -1200_00, "interest_income": -earned, "credit_loss": 1200_00 + earned}
    recovered = after(*before, e.WrittenOff(MAR), e.Recovered(APR, fen(300_00)), day=date(2026, 1, 1))
    assert (recovered["recovery_income"], recovered["collections_clearing"], recovered["credit_loss"]) == (
        -300_00,
        300_00,
        1200_00 + earned,
    )


def test_what_is_recovered_by_the_merchant_clears_purchases_and_what_a_bank_takes_back_is_recovered_no_more() -> None:
    events = [
        e.WrittenOff(MAR),
        e.Recovered(APR, fen(300_00), by=t.PaidBy.MERCHANT_REFUND, capped=True),
        e.Recovered(APR, fen(200_00), capped=True),
    ]
    stands = after(*events, day=date(2026, 1, 1))
    assert (stands["purchase_clearing"], stands["collections_clearing"], stands["recovery_income"]) == (300_00 - 1200_00, 200_00, -500_00)
    back = after(*events, e.ChargedBack(APR, fen(150_00), APR), day=date(2026, 1, 1))
    assert (back["collections_clearing"], back["recovery_income"], back["credit_loss"]) == (50_00, -350_00, stands["credit_loss"])
    before = after(e.Paid(FEB, fen(100_00)), *events, day=date(2026, 1, 1))
    lost = after(e.Paid(FEB, fen(100_00)), *events, e.ChargedBack(APR, fen(60_00), FEB), day=date(2026, 1, 1))
    assert lost == before | {
        "collections_clearing": before["collections_clearing"] - 60_00,
        "credit_loss": before["credit_loss"] + 60_00,
    }


def test_goodwill_is_the_lenders_expense() -> None:
    given = after(e.Paid(FEB, fen(12_23), t.PaidBy.GOODWILL), day=FEB)
    assert given == {"loan_principal": 1200_00, "purchase_clearing": -1200_00, "interest_income": -12_23, "goodwill_expense": 12_23}


def test_what_the_merchant_pays_for_a_lower_rate_is_earned_over_the_term() -> None:
    free = {"annual_rate": Rate(0)}
    assert after(e.BoughtDown(LENT, fen(90_00)), day=date(2025, 1, 30), **free) == {
        "loan_principal": 1200_00,
        "purchase_clearing": 90_00 - 1200_00,
        "unearned_discount": 30_00 - 90_00,
        "discount_income": -30_00,
    }


def test_the_credit_line_follows_the_principal() -> None:
    stood = position(terms(), [e.Disbursed(LENT, fen(1200_00))], FEB)
    stands = position(terms(), [e.Disbursed(LENT, fen(1200_00)), e.Paid(FEB, fen(407_92))], FEB)
    entry = entries.moved(DIMS, "repaid", SOURCE, stood, stands, FEB)
    assert entry is not None
    moved = {line.account.code: line.amount.minor for line in entry.lines}
    assert moved == {
        "loan_principal": -395_69,
        "loan_interest": -12_23,
        "collections_clearing": 407_92,
        "credit_line": -395_69,
        "credit_line_contra": 395_69,
    }
    assert (entry.key, entry.effective_on) == (f"loan.repaid:{SOURCE}", FEB)
    assert entries.moved(DIMS, "repaid", SOURCE, stood, stood) is None
