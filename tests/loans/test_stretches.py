"""A loan on which nothing happens runs on along its stretch, to the cent of where it stands."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from tests.plans.lifecycle.lives import MANY, lives
from tests.plans.lifecycle.test_as_asked import SERVICE, as_asked, ordinary, plain_lives
from yuefu.loans import entries
from yuefu.money.amounts import Money
from yuefu.money.rates import Rate
from yuefu.plans.lifecycle.arrears import arrears
from yuefu.plans.lifecycle.as_asked import paid_as_asked
from yuefu.plans.lifecycle.events import BoughtDown, Disbursed, Event
from yuefu.plans.lifecycle.factors import SCALE
from yuefu.plans.lifecycle.fold import as_of, looked_at
from yuefu.plans.lifecycle.stretches import Stretch, stretch_of
from yuefu.plans.lifecycle.tally import told
from yuefu.plans.lifecycle.terms import LoanTerms, Method
from yuefu.plans.portfolio_stretches import Stretches, discounted_many, interest_many


@MANY
@given(lives(), st.integers(0, 200), st.lists(st.floats(0, 1), min_size=1, max_size=4))
def test_within_its_stretch_a_loan_stands_where_it_says(life: tuple[LoanTerms, list[Event]], days: int, parts: list[float]) -> None:
    agreed, happened = life
    state, tally = told(agreed, happened)
    day = date.fromordinal(state.last_on) + timedelta(days=days)
    work = looked_at(state, day)
    stretch, stands = stretch_of(work), entries.position_of(work, tally)
    today = day.toordinal()
    until = min(stretch.until, today + 800)
    moves = entries.run_on(stands, stretch, today, until) != stands
    event("of no day" if until == today else "moves" if moves else "stands still")
    for on in {today + round(part * (until - today)) for part in parts} | {until}:
        later = date.fromordinal(on)
        assert entries.run_on(stands, stretch, today, on) == entries.position(state, tally, later), (day, later)
        assert arrears(as_of(state, later), later).bucket == arrears(as_of(state, day), day).bucket


@MANY
@given(st.lists(st.tuples(lives(), st.integers(0, 200), st.integers(0, 40)), min_size=1, max_size=3))
def test_over_columns_it_is_the_same_cents(given_: list[tuple[tuple[LoanTerms, list[Event]], int, int]]) -> None:
    stretches, days = [], []
    for (agreed, happened), later, nights in given_:
        state, _ = told(agreed, happened)
        day = date.fromordinal(state.last_on) + timedelta(days=later)
        stretches.append(stretch_of(looked_at(state, day)))
        days.append(min(day.toordinal() + nights, max(stretches[-1].until, day.toordinal())))
    columns, on = Stretches.of(stretches), np.array(days, np.int64)
    assert interest_many(columns, on).tolist() == [one.interest(day) for one, day in zip(stretches, days, strict=True)]
    assert discounted_many(columns, on).tolist() == [one.discounted(day) for one, day in zip(stretches, days, strict=True)]


@given(
    st.builds(
        Stretch,
        until=st.just(200),
        begin=st.integers(0, 100),
        bearing=st.integers(1, 10**12) | st.integers(1, 9).map(lambda ones: ones * 10**11),
        nightly=st.integers(1, 10**13) | st.sampled_from([5 * 10**11, 365 * 10**6]),
        whole=st.sampled_from([1, 360, 365, 12, 372]),
        rest=st.integers(0, 2 * SCALE - 1) | st.sampled_from([0, SCALE // 2, SCALE, SCALE + SCALE // 2]),
        floor=st.integers(0, 10**6),
    ),
    st.integers(100, 200),
)
def test_ties_and_large_ones_over_columns(stretch: Stretch, day: int) -> None:
    if stretch.nightly * (day - stretch.begin) > stretch.whole * 8 * 10**12:
        return
    assert interest_many(Stretches.of([stretch]), np.array([day], np.int64)).tolist() == [stretch.interest(day)]


@MANY
@given(plain_lives(), st.integers(0, 12), st.floats(0, 1))
def test_a_payment_of_what_is_asked_moves_a_loan_from_its_line(life: tuple[LoanTerms, list[Event]], paid_before: int, part: float) -> None:
    agreed, happened = life
    state, tally = told(agreed, happened)
    for _ in range(paid_before):  # so that instalments in the middle come too
        earlier = as_asked(state)
        if earlier is None:
            break
        happened = [*happened, earlier]
        state, tally = told(agreed, happened)
    paid = as_asked(state)
    found = paid_as_asked(state, paid) if paid else None
    if paid is None or found is None:
        return
    due = paid.on.toordinal()
    since = state.last_on + round(part * (due - state.last_on))
    work = looked_at(state, date.fromordinal(since))
    position = entries.paid_on_due_day(entries.position_of(work, tally), stretch_of(work), since, due, found[1])
    event("not on its line" if position is None else "looked at that day" if since == due else "on its line")
    if position is not None:
        assert position == entries.position(*told(agreed, [*happened, paid]), paid.on)


@pytest.mark.parametrize(
    "shape", [{}, {"recalculate": False}, {"fees": (SERVICE,)}, {"annual_rate": Rate(0)}, {"method": Method.FLAT}], ids=str
)
@pytest.mark.parametrize("looked_at_on_due_day", [False, True])
def test_so_does_each_payment_of_what_is_lent_every_day(shape: dict[str, Any], looked_at_on_due_day: bool) -> None:
    terms = ordinary(**shape)
    happened: list[Event] = [Disbursed(terms.disbursed_on, terms.principal)]
    happened += [] if terms.annual_rate.ppm else [BoughtDown(terms.disbursed_on, Money(500_00, "CNY"))]
    for _ in range(terms.periods):
        state, tally = told(terms, happened)
        paid = as_asked(state)
        assert paid is not None
        found = paid_as_asked(state, paid)
        assert found is not None
        due = paid.on.toordinal()
        since = due if looked_at_on_due_day else state.last_on + 1
        work = looked_at(state, date.fromordinal(since))
        happened.append(paid)
        after = entries.paid_on_due_day(entries.position_of(work, tally), stretch_of(work), since, due, found[1])
        assert after == entries.position(*told(terms, happened), paid.on)
