"""Interest against a count of its own, night by night in fractions, that shares no code with the engine but what each payment repaid."""

from __future__ import annotations

import os
from calendar import isleap
from collections.abc import Sequence
from datetime import date, timedelta
from fractions import Fraction
from itertools import pairwise
from typing import Any

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from yuefu.money.amounts import Money
from yuefu.money.rates import Rate
from yuefu.plans.lifecycle import events as e
from yuefu.plans.lifecycle import terms as t
from yuefu.plans.lifecycle.events import Event, LoanError
from yuefu.plans.lifecycle.fold import apply, as_of, start
from yuefu.plans.lifecycle.quotes import payoff
from yuefu.plans.lifecycle.rows import EXTRA, NORMAL
from yuefu.plans.lifecycle.terms import LoanTerms
from yuefu.plans.lifecycle.work import LoanState

ONE_DAY = timedelta(days=1)
NEVER_KEPT = [excess for excess in t.Excess if excess is not t.Excess.KEEP]


def yuan(minor: int) -> Money:
    return Money(minor, "CNY")


@st.composite
def lives(draw: Any) -> tuple[LoanTerms, list[Event]]:
    periods, lent_on = draw(st.integers(1, 12)), draw(st.dates(date(2023, 1, 1), date(2024, 12, 28)))
    principal = draw(st.integers(100, 99_999) | st.integers(10_000, 10**7))
    terms = LoanTerms(
        principal=yuan(principal),
        periods=periods,
        annual_rate=Rate(draw(st.sampled_from([0, 36_000, 120_000, 240_000]) | st.integers(1, 990_000))),
        disbursed_on=lent_on,
        method=draw(st.sampled_from([t.Method.EQUAL_INSTALMENTS, t.Method.EQUAL_PRINCIPAL])),
        frequency=draw(st.sampled_from(t.Frequency)),
        every=draw(st.just(1) | st.integers(1, 20)),
        first_due_on=draw(st.none() | st.integers(1, 80).map(lambda days: lent_on + timedelta(days=days))),
        day_count=t.DayCount(draw(st.sampled_from(t.YearBasis))),
        month_end=draw(st.sampled_from(t.MonthEnd)),
        grace_principal=draw(st.just(0) | st.integers(0, periods - 1)),
        grace_interest=draw(st.just(0) | st.integers(0, periods - 1)),
        interest_free=draw(st.just(0) | st.integers(0, periods)),
        waterfall=t.Waterfall(processing=draw(st.sampled_from(t.Processing)), excess=draw(st.sampled_from(NEVER_KEPT))),
        remainder=draw(st.sampled_from(t.Remainder)),
        down_payment=draw(st.none() | st.just(Rate(200_000))),
        chargeback_order=(t.Part.PRINCIPAL, t.Part.INTEREST, t.Part.FEE, t.Part.PENALTY),
    )
    tranche = yuan(principal // draw(st.sampled_from([1, 1, 1, 2, 3])))
    day, events = lent_on, list[Event]([e.Disbursed(lent_on, tranche)])
    for _ in range(draw(st.integers(0, 6))):
        day += timedelta(days=draw(st.integers(0, 70)))
        later = timedelta(days=draw(st.integers(1, 40)))
        some, any_part = (st.integers(1, max(2, most)).map(yuan) for most in (2 * principal // periods, principal))
        repaid = st.builds(e.Paid, st.just(day), some, excess=st.none() | st.sampled_from(NEVER_KEPT))
        refunded = st.builds(e.Paid, st.just(day), any_part, st.just(t.PaidBy.MERCHANT_REFUND))
        moved = st.builds(e.Rescheduled, st.just(day), st.just(day), st.just(day + later), grace_principal=st.integers(0, 1))
        longer = st.builds(e.Rescheduled, st.just(day), st.just(day), st.none(), st.integers(0, 2), grace_interest=st.integers(0, 1))
        reaged = st.builds(e.Reaged, st.just(day), st.just(day + later), st.integers(1, 6), st.sampled_from(t.Frequency), st.integers(1, 3))
        paused = st.just(e.InterestPaused(day + ONE_DAY, day + later))
        dearer = st.builds(e.Rescheduled, st.just(day), st.just(day), annual_rate=st.integers(1, 990_000).map(Rate))
        anew = [longer] if terms.interest_free else [reaged, dearer]
        changed = st.one_of(paused, st.just(e.Reamortised(day)), moved, longer, *anew)
        more = st.just(e.Disbursed(day, tranche)) | st.builds(e.CreditRefunded, st.just(day), some)
        back = st.builds(e.ChargedBack, st.just(day), some) | st.builds(e.PaidBack, st.just(day), some)
        less = st.builds(e.Waived, st.just(day), st.just(t.Part.INTEREST), some) | st.just(e.PaidOff(day))
        events.append(draw(st.one_of(repaid, repaid, repaid, refunded, refunded, changed, changed, more | back | less)))
    return terms, events


def share_of_year(terms: LoanTerms, day: date) -> Fraction:
    if terms.day_count.year is t.YearBasis.ACTUAL:
        return Fraction(1, 366 if isleap(day.year) else 365)
    return Fraction(1, int(terms.day_count.year))


def borne(terms: LoanTerms, until: date, balances: dict[date, int], rates: Sequence[tuple[date, date, int]], paused: set[date]) -> Fraction:
    """Interest of every night up to `until`: each on the principal owed at the evening before, at the rate of the period it lies in."""
    found, owed = Fraction(0), 0
    day = terms.disbursed_on
    while day < until:
        owed, day = balances.get(day, owed), day + ONE_DAY
        rate = next((ppm for begin, end, ppm in rates if begin < day <= end), 0)
        if rate and day not in paused:
            found += owed * Fraction(rate, 10**6) * share_of_year(terms, day)
    return found


def last_due(state: LoanState) -> date:
    rows = state.rows()
    return date.fromordinal(max(rows.due[k] for k in range(len(rows)) if rows.kind[k] == NORMAL))


def interest_due(state: LoanState, day: date) -> int:
    rows = as_of(state, day).rows()
    due = [k for k in range(len(rows)) if rows.due[k] <= day.toordinal()]
    return sum(rows.interest[k] - rows.interest_paid[k] - rows.interest_off[k] for k in due)


@settings(max_examples=int(os.environ.get("YUEFU_LIVES", "80")))
@given(lives(), st.sampled_from([0, 1, 13, 45, 200]))
def test_what_is_paid_and_what_a_payoff_asks_is_the_interest_that_was_borne(life: tuple[LoanTerms, list[Event]], after: int) -> None:
    terms, events = life
    state, balances, paused = start(terms), dict[date, int](), set[date]()
    rates = [(terms.disbursed_on, terms.annual_rate.ppm)]
    for event in events:
        ended = state.lent > 0 and last_due(state) < event.on
        if ended and isinstance(event, e.Reaged | e.Rescheduled | e.Disbursed):
            continue  # after the last due day nothing bears interest, until it is agreed anew
        if isinstance(event, e.Waived) and event.amount.minor > interest_due(state, event.on):
            continue  # of interest that is still to come, nobody knows yet whether it ever will
        try:
            state, _ = apply(state, event)
        except LoanError:
            continue
        balances[event.on] = state.balance
        if isinstance(event, e.InterestPaused):
            paused |= {event.first + timedelta(days=n) for n in range((event.last - event.first).days + 1)}
        elif isinstance(event, e.Rescheduled) and event.annual_rate is not None:
            rates.append((event.on, event.annual_rate.ppm))
    assert not state.overpaid or not state.outstanding.minor, "a credit balance stands beside a debt"
    rows = state.rows()
    assume(not any(rows.kind[k] == EXTRA and rows.unpaid_principal(k) for k in range(len(rows))))  # due after the end, free of interest
    assume(date.fromordinal(state.last_on) <= last_due(state))
    day = date.fromordinal(state.last_on) + timedelta(days=after)
    rows = as_of(state, day).rows()
    settled = sum(rows.interest_paid) + sum(rows.interest_off)
    asked = payoff(state, day).interest.minor if as_of(state, day).outstanding else 0
    spans = [(begin, end, ppm) for (begin, ppm), (end, _) in pairwise([*rates, (last_due(state), 0)])]
    if terms.interest_free:
        spans = [(date.fromordinal(rows.start[k]), date.fromordinal(rows.due[k]), rows.ppm[k]) for k in range(len(rows))]
    rounding = Fraction(len(rows) + len(events), 2) + 1 + Fraction(terms.principal.minor, 10**9)
    assert abs(settled + asked - borne(terms, day, balances, spans, paused)) <= rounding
