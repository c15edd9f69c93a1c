"""Random loans and what happens to them, for property tests."""

import os
from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from yuefu.money.amounts import Money
from yuefu.money.rates import Rate, Rounding
from yuefu.plans.lifecycle import events as e
from yuefu.plans.lifecycle import terms as t
from yuefu.plans.lifecycle.events import Event, LoanError
from yuefu.plans.lifecycle.fold import apply, start
from yuefu.plans.lifecycle.terms import LoanTerms

CURRENCY = "CNY"
LIVES = int(os.environ.get("YUEFU_LIVES", "30"))
"""How many lives a property is tried on: `yuefu prove loans` says more."""
MANY = settings(
    max_examples=LIVES,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


def yuan(minor: int) -> Money:
    return Money(minor, CURRENCY)


DAYS = st.dates(date(2023, 1, 1), date(2026, 12, 31))
RATES = st.one_of(st.just(Rate(0)), st.integers(1, 400_000).map(Rate), st.integers(0, 9_990_000).map(Rate))
PRINCIPALS = st.one_of(st.integers(1, 100), st.integers(1, 5_000_000), st.integers(1, 10**11))
ORDERS = st.permutations(list(t.Part)).map(tuple)
WATERFALLS = st.builds(
    t.Waterfall,
    order=st.builds(t.buckets, ORDERS, st.none() | ORDERS),
    processing=st.sampled_from(t.Processing),
    excess=st.sampled_from(t.Excess),
    charges_on_their_day=st.booleans(),
)


@st.composite
def loan_terms(draw: Any) -> LoanTerms:
    """Terms of every shape."""
    periods, principal, lent_on = draw(st.integers(1, 24)), draw(PRINCIPALS), draw(DAYS)
    down = draw(st.none() | st.integers(1, 500_000).map(Rate) | st.integers(0, principal - 1).map(yuan))
    return LoanTerms(
        principal=yuan(principal),
        periods=periods,
        annual_rate=draw(RATES),
        disbursed_on=lent_on,
        method=draw(st.sampled_from(t.Method)),
        interest_by=draw(st.sampled_from(t.InterestBy)),
        frequency=draw(st.sampled_from(t.Frequency)),
        every=draw(st.integers(1, 15)),
        first_due_on=draw(st.none() | st.integers(1, 90).map(lambda days: lent_on + timedelta(days=days))),
        day_count=draw(st.builds(t.DayCount, st.sampled_from(t.YearBasis), st.sampled_from(t.MonthBasis), st.sampled_from(t.LeapYears))),
        month_end=draw(st.sampled_from(t.MonthEnd)),
        rounding=draw(st.sampled_from(Rounding)),
        decimals=draw(st.none() | st.integers(0, 2)),
        multiple=draw(st.none() | st.sampled_from([yuan(whole) for whole in (100, 1000) if whole * periods <= 2 * principal] or [None])),
        remainder=draw(st.sampled_from(t.Remainder)),
        instalment_rate=draw(st.sampled_from(t.InstalmentRate)),
        even_out=draw(st.booleans()),
        down_payment=down,
        down_payment_auto=draw(st.booleans()),
        grace_principal=draw(st.integers(0, periods - 1)),
        grace_interest=draw(st.integers(0, periods - 1)),
        interest_free=draw(st.integers(0, periods)),
        balloon=draw(st.none() | st.integers(0, principal).map(yuan)),
        fees=draw(
            st.just(())
            | st.just((t.Fee("service", t.FeeWhen.EACH_PERIOD, rate=Rate(6000)), t.Fee("opening", t.FeeWhen.UPFRONT, amount=yuan(99))))
        ),
        tranches=draw(st.sampled_from(t.Tranches)),
        recalculate=draw(st.booleans()),
        interest_on_overdue=draw(st.booleans()),
        overdue_to_due_day=draw(st.booleans()),
        round_each_stretch=draw(st.booleans()),
        waterfall=draw(WATERFALLS),
        waterfalls=draw(st.just(()) | WATERFALLS.map(lambda own: ((t.PaidBy.MERCHANT_REFUND, own),))),
        chargeback_order=draw(ORDERS | st.just((t.Part.PRINCIPAL,))),
        late=draw(
            st.builds(
                t.LateTerms, st.none() | st.just(yuan(500)), RATES, interest=RATES, grace_days=st.integers(0, 5), cap=st.none() | RATES
            )
        ),
        payoff_to_rest_date=draw(st.booleans()),
    )


@st.composite
def events(draw: Any, terms: LoanTerms) -> Event:
    """Something that may happen to a loan of these terms."""
    on = terms.disbursed_on + timedelta(days=draw(st.integers(0, 500)))
    later = on + timedelta(days=draw(st.integers(1, 120)))
    amount = yuan(draw(st.integers(1, max(2 * terms.principal.minor, 10)) | st.integers(1, max(terms.principal.minor // terms.periods, 1))))
    kinds = [
        st.just(e.Paid(on, amount)),
        st.builds(e.Paid, st.just(on), st.just(amount), st.sampled_from(t.PaidBy), st.none() | st.sampled_from(t.Excess)),
        st.builds(
            e.Paid, st.just(on), st.just(amount), st.sampled_from(sorted(e.REFUNDS)), st.none() | st.sampled_from(t.Excess), st.booleans()
        ),
        st.just(e.PaidBack(on, amount)),
        st.builds(e.PaidOff, st.just(on), st.none() | st.just(amount)),
        st.builds(e.Charged, st.just(on), st.just("fee"), st.sampled_from([t.Part.FEE, t.Part.PENALTY]), st.just(amount), st.just(later)),
        st.just(e.ChargedEachInstalment(on, "fee", Rate(15_000))),
        st.builds(e.Waived, st.just(on), st.sampled_from([t.Part.INTEREST, t.Part.FEE, t.Part.PENALTY]), st.integers(1, 1000).map(yuan)),
        st.just(e.ChargedBack(on, amount)),
        st.just(e.CreditRefunded(on, amount)),
        st.builds(e.Reaged, st.just(on), st.just(later), st.integers(1, 6), st.sampled_from(t.Frequency), st.integers(1, 3)),
        st.just(e.Reamortised(on)),
        st.builds(
            e.Rescheduled, st.just(on), st.just(later), st.none() | st.just(later + timedelta(days=9)), st.integers(0, 3), st.none() | RATES,
            st.integers(0, 2), st.integers(0, 2),
        ),
        st.just(e.InterestPaused(on, later)),
        st.just(e.ArrearsPaused(on, later)),
        st.builds(e.ChargedOff, st.just(on), st.booleans()),
        st.just(e.WrittenOff(on)),
        st.builds(e.Recovered, st.just(on), st.just(amount), st.none() | st.just(amount)),
        st.builds(
            e.Recovered, st.just(on), st.just(amount), by=st.sampled_from([t.PaidBy.REPAYMENT, t.PaidBy.MERCHANT_REFUND]), capped=st.just(True)
        ),
        st.just(e.BoughtDown(on, amount)),
        st.just(e.Disbursed(on, amount)),
    ]  # fmt: skip
    return draw(st.one_of(kinds))


@st.composite
def lives(draw: Any) -> tuple[LoanTerms, list[Event]]:
    """Terms and events that can follow each other in the order of their days; the first is the disbursement of all or half of it."""
    terms = draw(loan_terms())
    whole = draw(st.booleans()) or terms.principal.minor < 2
    lent = terms.principal.minor if whole else terms.principal.minor // 2
    happened: list[Event] = [e.Disbursed(terms.disbursed_on, yuan(lent))]
    wanted = draw(st.lists(events(terms), max_size=7))
    return terms, possible(terms, happened + wanted)


def possible(terms: LoanTerms, wanted: Sequence[Event]) -> list[Event]:
    """Those of the events, in the order of their days, that the loan does not refuse."""
    from yuefu.plans.lifecycle.fold import in_order

    state, kept = start(terms), []
    for _, event in in_order(list(wanted)):
        try:
            state, _ = apply(state, event)
        except LoanError:
            continue
        kept.append(event)
    return kept
