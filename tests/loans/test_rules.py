"""Rules of loans: what an event changes, what is earned of a discount, and that a later capture never costs more than was shown."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from yuefu.dates.daycount import DayCount
from yuefu.ids import IdSource
from yuefu.journeys.checkout.capturing import terms_of
from yuefu.loans import entries, rules
from yuefu.loans.rules import Dimensions, Effect
from yuefu.money.amounts import Money
from yuefu.money.rates import Rate
from yuefu.plans import loan as fold
from yuefu.plans.loan import Disbursed, Refunded, Repaid
from yuefu.plans.terms import Terms

START = date(2026, 10, 12)
_ids = IdSource(random.Random(5).getrandbits)


def yuan(minor):
    return Money(minor, "CNY")


def terms(principal=1200_00, periods=3, rate=144_000, on=START, first_due=date(2026, 10, 25)):
    return Terms(yuan(principal), periods, Rate(rate), DayCount.ACT_365, on, first_due, first_due.day, "2026-1")


def begun(**given_terms):
    made = terms(**given_terms)
    return fold.start(Disbursed(made.disbursed_on, made))


amounts = st.integers(100_00, 50_000_00)
days_later = st.integers(0, 9)


@settings(max_examples=200, deadline=None)
@given(amounts, st.sampled_from([2, 3, 6, 12, 24, 36]), st.integers(0, 240_000), st.integers(10, 40), days_later)
def test_a_later_capture_never_costs_more_than_was_shown(principal, periods, rate, gap, later):
    first_due = START + timedelta(days=gap)
    assume(later < gap)
    shown = begun(principal=principal, periods=periods, rate=rate, first_due=first_due)
    totals = [row.principal + row.interest for row in shown.rows]
    order = SimpleNamespace(
        amount=principal,
        placed_on=START,
        first_due_on=first_due,
        due_day=first_due.day,
        currency="CNY",
        shown_total=sum(totals),
        annual_rate_ppm=rate,
        day_count=DayCount.ACT_365.value,
        periods=periods,
        rule_version="2026-1",
        remaining=0,
    )
    fixed = terms_of(
        SimpleNamespace(order=order, amount=yuan(principal), capture=SimpleNamespace(amount=principal)), START + timedelta(days=later), []
    )
    rows = fold.start(Disbursed(fixed.disbursed_on, fixed)).rows
    assert [row.due_on for row in rows] == [row.due_on for row in shown.rows]
    assert sum(row.principal + row.interest for row in rows) <= sum(totals)
    assert all(row.principal + row.interest <= most for row, most in zip(rows, totals, strict=True))
    assert sum(row.principal for row in rows) == principal
    if later == 0:
        assert rows == shown.rows


events = st.lists(st.tuples(st.integers(0, 100), st.integers(1, 900_00), st.booleans()), min_size=1, max_size=6)


@settings(max_examples=100, deadline=None)
@given(events)
def test_events_in_any_order_of_recording_leave_the_same_loan_and_effects_that_add_up(given_events):
    state, history, effects = begun(), [Disbursed(START, terms())], []
    for day, minor, is_refund in given_events:
        event = (Refunded if is_refund else Repaid)(START + timedelta(days=day), yuan(minor))
        state, effect = rules.after(state, event, history)
        history.append(event)
        effects.append(effect)
    in_order = fold.replay(history)
    assert state.rows == in_order.rows
    assert (state.excess, state.refunded_principal) == (in_order.excess, in_order.refunded_principal)
    principal, interest, excess = rules.progress(in_order)
    assert sum(e.principal for e in effects) == principal
    assert sum(e.interest for e in effects) == interest
    assert sum(e.excess for e in effects) == excess


@settings(max_examples=100, deadline=None)
@given(events)
def test_what_an_event_gives_back_is_never_less_than_nothing(given_events):
    state, history = begun(), [Disbursed(START, terms())]
    for day, minor, is_refund in given_events:
        event = (Refunded if is_refund else Repaid)(START + timedelta(days=day), yuan(minor))
        state, effect = rules.after(state, event, history)
        history.append(event)
        assert effect.excess >= 0


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 10_000_00), st.integers(2, 36))
def test_a_discount_is_earned_by_instalments_and_whole_at_the_end(discount, periods):
    state = begun(principal=10_000_00, periods=periods, rate=0)
    earned = [rules.earned(discount, state, row.due_on) for row in state.rows]
    assert rules.earned(discount, state, state.rows[0].due_on - timedelta(days=1)) == 0
    assert earned == sorted(earned)
    assert earned[-1] == discount
    closed, _ = rules.after(state, Refunded(START, yuan(10_000_00)), None)
    assert rules.earned(discount, closed, START) == discount


def test_arrears_begin_the_day_after_an_instalment_was_due():
    state = begun()
    due = state.rows[0].due_on
    assert rules.arrears_since(state, due) is None
    assert rules.arrears_since(state, due + timedelta(days=1)) == due
    paid, _ = rules.after(state, Repaid(due, yuan(state.rows[0].unpaid)), None)
    assert rules.arrears_since(paid, due + timedelta(days=1)) is None


def dims():
    now = datetime(2026, 10, 12, tzinfo=UTC)
    return Dimensions(*_ids.many(now, 6), product="flex", currency="CNY")


@settings(max_examples=60, deadline=None)
@given(st.integers(-500_00, 500_00), st.integers(-50_00, 50_00), st.integers(-50_00, 500_00), st.integers(-9_00, 9_00), st.booleans())
def test_every_entry_balances_and_carries_no_empty_line(principal, interest, excess, earned_now, is_refund):
    effect, loan = Effect(principal, interest, excess), dims()
    source = _ids.new(datetime(2026, 10, 12, tzinfo=UTC))
    entry = entries.applied(loan, "refunded" if is_refund else "repaid", source, effect, START, earned_now)
    assert sum(line.amount.minor for line in entry.lines) == 0
    assert all(line.amount.minor for line in entry.lines)
    clearing = "purchase_clearing" if is_refund else "collections_clearing"
    assert {line.account.code for line in entry.lines} & {"purchase_clearing", "collections_clearing"} <= {clearing}
    assert all(line.funder_id == loan.funder_id for line in entry.lines)
    drawn = sum(line.amount.minor for line in entry.lines if line.account.code == "credit_line")
    assert drawn == -principal


def test_a_booked_loan_draws_the_credit_line_for_its_funder():
    loan, (capture, hold) = dims(), _ids.many(datetime(2026, 10, 12, tzinfo=UTC), 2)
    entry = entries.booked(loan, yuan(30_00), capture, hold)
    assert [(line.account.code, line.amount.minor, line.funder_id) for line in entry.lines] == [
        ("loan_principal", 30_00, loan.funder_id),
        ("purchase_clearing", -30_00, loan.funder_id),
        ("credit_line", 30_00, loan.funder_id),
        ("credit_line_contra", -30_00, loan.funder_id),
    ]
