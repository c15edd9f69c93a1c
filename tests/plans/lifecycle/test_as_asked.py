"""A payment of just what an instalment asks is told without opening the loan, to the last figure as it is told by opening it."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from tests.plans.lifecycle.lives import MANY, lives, possible, yuan
from yuefu.money.amounts import Money
from yuefu.money.rates import Rate
from yuefu.plans.lifecycle import terms as t
from yuefu.plans.lifecycle.as_asked import paid_as_asked
from yuefu.plans.lifecycle.events import Disbursed, Event, LoanError, Paid
from yuefu.plans.lifecycle.fold import apply, as_of, replay
from yuefu.plans.lifecycle.terms import LoanTerms
from yuefu.plans.lifecycle.work import LoanState, Outcome

LENT = date(2026, 1, 31)
PLAIN = {"interest_on_overdue": True, "overdue_to_due_day": False, "grace_principal": 0, "grace_interest": 0}


@st.composite
def plain_lives(draw: Any) -> tuple[LoanTerms, list[Event]]:
    """Lives of any shape, most of them of terms by which a payment may be told so."""
    terms, happened = draw(lives())
    if draw(st.integers(0, 9)):
        terms = replace(terms, **PLAIN)
    return terms, possible(terms, happened[: draw(st.integers(1, 4))])


def as_asked(state: LoanState, *, early: int = 0, more: int = 0) -> Paid | None:
    """What is paid of the oldest instalment to come, on its due day or some days before; a little more or less than it asks."""
    rows = state.rows()
    due = min((day for k, day in enumerate(rows.due) if day >= state.last_on and rows.unpaid(k)), default=0)
    if not due or not state.lent or state.written_off_on:
        return None
    on = date.fromordinal(max(due - early, state.last_on))
    seen = as_of(state, on).rows()
    asked = sum(seen.unpaid(k) for k in range(len(seen)) if seen.due[k] <= due) + more
    return Paid(on, Money(asked, state.terms.currency)) if asked > 0 else None


def same(found: tuple[LoanState, Outcome], opened: tuple[LoanState, Outcome]) -> None:
    for name in LoanState.__slots__:
        assert getattr(found[0], name) == getattr(opened[0], name), name
    assert found[1] == opened[1]


@MANY
@given(plain_lives(), st.lists(st.tuples(st.sampled_from([0, 0, 0, 0, 3]), st.sampled_from([0] * 9 + [-1, 1])), min_size=1, max_size=12))
def test_it_is_what_opening_the_loan_gives(life: tuple[LoanTerms, list[Event]], payments: list[tuple[int, int]]) -> None:
    state, told = replay(*life)[0], 0
    for early, more in payments:
        paid = as_asked(state, early=early, more=more)
        if paid is None:
            break
        found = paid_as_asked(state, paid)
        try:
            opened = apply(state, paid)
        except LoanError:
            assert found is None
            break
        if found is not None:
            same(found, opened)
            told += 1
        state = opened[0]
    event("told" if told else "not told")


SERVICE = t.Fee("service", t.FeeWhen.EACH_PERIOD, rate=Rate(3_000))


def ordinary(**shape: Any) -> LoanTerms:
    """What is lent every day: 9,999.99 in twelve months."""
    return LoanTerms(**{"principal": yuan(9_999_99), "periods": 12, "annual_rate": Rate(149_900), "disbursed_on": LENT, **shape})


@pytest.mark.parametrize(
    "shape",
    [
        {},
        {"recalculate": False},
        {"annual_rate": Rate(0)},
        {"fees": (SERVICE,)},
        {"method": t.Method.EQUAL_PRINCIPAL},
        {"method": t.Method.FLAT, "recalculate": False},
        {"multiple": yuan(100)},
        {"round_each_stretch": True},
    ],
    ids=str,
)
def test_of_what_is_lent_every_day_each_payment_is_told_so(shape: dict[str, Any]) -> None:
    terms = ordinary(**shape)
    state, paid, count = replay(terms, [Disbursed(LENT, terms.principal)])[0], None, 0
    while paid := as_asked(state):
        found = paid_as_asked(state, paid)
        assert found is not None, f"payment {count + 1}"
        same(found, apply(state, paid))
        state, count = found[0], count + 1
    assert (count, state.status) == (12, "closed")
