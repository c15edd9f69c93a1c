"""What holds for every loan, whatever its terms and whatever happens to it."""

from datetime import date, timedelta
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.plans.lifecycle.lives import MANY, lives, loan_terms
from yuefu.plans.lifecycle import events as e
from yuefu.plans.lifecycle.events import Event, LoanError, Undone
from yuefu.plans.lifecycle.fold import apply, as_of, in_order, looked_at, opened, replay, run, start
from yuefu.plans.lifecycle.quotes import payoff
from yuefu.plans.lifecycle.schedule import schedule
from yuefu.plans.lifecycle.terms import LoanTerms
from yuefu.plans.lifecycle.work import LoanState, Outcome


@MANY
@given(loan_terms())
def test_a_schedule_repays_exactly_what_was_lent(terms: LoanTerms) -> None:
    rows = schedule(terms)
    assert sum(row.principal.minor for row in rows) == terms.principal.minor
    assert all(row.principal.minor >= 0 and row.interest.minor >= 0 for row in rows)
    assert len(rows) == terms.periods + (rows[0].no == 0)


@MANY
@given(lives())
def test_after_every_event_the_parts_add_up(life: tuple[LoanTerms, list[Event]]) -> None:
    terms, happened = life
    state, paid_in = start(terms), 0
    for event in happened:
        state, outcome = apply(state, event)
        if isinstance(event, e.Paid):
            parts = (outcome.principal, outcome.interest, outcome.fees, outcome.penalties, outcome.credit)
            assert sum(part.minor for part in parts) == event.amount.minor
            paid_in += event.amount.minor
        rows = state.rows()
        assert sum(rows.principal) == state.lent + state.lent_again
        for k in range(len(rows)):
            assert 0 <= rows.principal_paid[k] + rows.principal_off[k] <= rows.principal[k]
            assert 0 <= rows.interest_paid[k] + rows.interest_off[k] <= rows.interest[k]
            assert 0 <= rows.fees_paid[k] + rows.fees_off[k] <= rows.fees[k]
            assert 0 <= rows.penalties_paid[k] + rows.penalties_off[k] <= rows.penalties[k]
            assert rows.start[k] <= rows.due[k]
        assert state.overpaid >= 0
        assert state.balance == sum(rows.unpaid_principal(k) for k in range(len(rows))) >= 0


@MANY
@given(lives(), st.randoms(use_true_random=False))
def test_any_order_of_entry_leads_to_the_same_state(life: tuple[LoanTerms, list[Event]], random: Random) -> None:
    """Events of one day and rank keep the order in which they were entered; all others may be entered in any."""
    terms, happened = life
    state, _ = replay(terms, happened)
    days: dict[tuple[date, int], list[Event]] = {}
    for _, event in in_order(happened):
        days.setdefault((event.on, 0), []).append(event)
    shuffled = list(days.values())
    random.shuffle(shuffled)
    assert replay(terms, [event for day in shuffled for event in day])[0] == state


@MANY
@given(lives(), st.data())
def test_an_event_undone_leaves_no_trace(life: tuple[LoanTerms, list[Event]], data: st.DataObject) -> None:
    terms, happened = life
    if len(happened) < 2:
        return
    victim = data.draw(st.integers(2, len(happened)))
    without = [event for number, event in enumerate(happened, start=1) if number != victim]
    try:
        expected, _ = replay(terms, without)
    except LoanError:
        return
    assert replay(terms, [*happened, Undone(victim)])[0] == expected


@MANY
@given(lives(), st.integers(0, 7))
def test_a_checkpoint_goes_on_as_a_replay_would(life: tuple[LoanTerms, list[Event]], cut: int) -> None:
    terms, happened = life
    state: LoanState = replay(terms, happened[:cut])[0] if cut else start(terms)
    for event in happened[cut:]:
        state, _ = apply(state, event)
    assert state == replay(terms, happened)[0]


@MANY
@given(lives(), st.integers(0, 400))
def test_looking_on_changes_nothing_and_adds_up(life: tuple[LoanTerms, list[Event]], days: int) -> None:
    terms, happened = life
    state, _ = replay(terms, happened)
    day = date.fromordinal(state.last_on) + timedelta(days=days)
    seen = as_of(state, day)
    assert as_of(state, day) == seen
    from_credit = state.overpaid - seen.overpaid  # which pays what falls due meanwhile, where it is kept for that
    assert 0 <= state.balance - seen.balance <= from_credit
    if days == 0:
        assert seen.columns == as_of(seen, day).columns


@MANY
@given(lives(), st.integers(0, 200))
def test_a_payoff_ends_the_loan(life: tuple[LoanTerms, list[Event]], days: int) -> None:
    terms, happened = life
    state, _ = replay(terms, happened)
    day = date.fromordinal(state.last_on) + timedelta(days=days)
    if as_of(state, day).outstanding.minor == 0 or state.written_off_on:
        with pytest.raises(LoanError, match=r"owed|written off"):
            payoff(state, day)
        return
    quote = payoff(state, day)
    after, _ = apply(state, e.PaidOff(day))
    assert after.outstanding.minor == 0
    if quote.total:
        assert apply(state, e.PaidOff(day, quote.total))[0] == after, "what a payoff asks ends the loan just so"
    parts = (quote.principal, quote.interest, quote.fees, quote.penalties)
    assert quote.total.minor + quote.from_credit.minor == sum(part.minor for part in parts)
    rows = after.rows()
    assert all(rows.unpaid(k) == 0 for k in range(len(rows)))
    assert as_of(after, day + timedelta(days=100)).outstanding.minor == 0, "nothing grows on a loan that has ended"


@MANY
@given(lives())
def test_a_loan_that_stays_open_between_events_comes_to_the_same(life: tuple[LoanTerms, list[Event]]) -> None:
    agreed, happened = life
    one_by_one, outcomes = replay(agreed, happened)
    heard: list[Outcome] = []
    at_once = run(start(agreed), [event for _, event in in_order(happened)], lambda _, outcome, __, ___: heard.append(outcome))
    assert at_once == one_by_one
    assert heard == [outcomes[number] for number, _ in in_order(happened)]


@MANY
@given(lives())
def test_an_event_leaves_a_loan_as_its_day_sees_it(life: tuple[LoanTerms, list[Event]]) -> None:
    state, _ = replay(*life)
    day = date.fromordinal(state.last_on)
    assert looked_at(state, day).rows.frozen() == opened(state, state.last_on).rows.frozen()
