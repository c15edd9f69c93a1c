import pickle
import random
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import date, timedelta
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from yuefu.dates.daycount import DayCount
from yuefu.dates.periods import next_due_day
from yuefu.money.amounts import Money
from yuefu.money.rates import Rate
from yuefu.plans.loan import (
    Applied,
    Disbursed,
    LoanError,
    LoanState,
    Refunded,
    Repaid,
    accrued_many,
    apply,
    insert,
    replay,
    resume,
    start,
)
from yuefu.plans.terms import Terms

LENT_ON = date(2026, 1, 15)
FREE = Disbursed(LENT_ON, Terms(Money(199900, "CNY"), 3, Rate(0), DayCount.ACT_365, LENT_ON, date(2026, 2, 15), due_day=15))
# One per cent a month.
DEAR = Disbursed(
    LENT_ON,
    Terms(Money(120000, "CNY"), 3, Rate.parse_percent("12"), DayCount.THIRTY_360, LENT_ON, date(2026, 2, 15), due_day=15),
)

KINDS: list[type[Repaid] | type[Refunded]] = [Repaid, Refunded]
type_of_event = {Repaid: "repaid", Refunded: "refunded"}


def repaid(month: int, day: int, text: str) -> Repaid:
    return Repaid(date(2026, month, day), Money.parse(text, "CNY"))


def refunded(month: int, day: int, text: str) -> Refunded:
    return Refunded(date(2026, month, day), Money.parse(text, "CNY"))


def yuan(minor: int) -> str:
    return Money(minor, "CNY").decimal_text()


def table(state: LoanState) -> str:
    """Due day: principal (paid), interest (paid); one instalment a line."""
    return "\n".join(
        f"{row.due_on}: {yuan(row.principal)} ({yuan(row.principal_paid)}) + {yuan(row.interest)} ({yuan(row.interest_paid)})"
        for row in state.rows
    )


def story(disbursed: Disbursed, events: Iterable[Repaid | Refunded]) -> str:
    """The whole life as text: the schedule, then each event, what became of its amount, and the schedule after it."""
    state = start(disbursed)
    parts = [table(state)]
    for event in events:
        state, applied = apply(state, event)
        parts.append(
            f"{event.on} {type_of_event[type(event)]} {event.amount.decimal_text()} = principal {applied.principal.decimal_text()}"
            f" + interest {applied.interest.decimal_text()} + excess {applied.excess.decimal_text()}"
        )
        parts.append(table(state))
    return "\n".join([*parts, "closed" if state.is_closed else f"outstanding {state.outstanding_principal.decimal_text()}"])


def lines(text: str) -> str:
    return "\n".join(line.strip() for line in text.strip().splitlines() if line.strip())


def test_an_interest_free_loan_is_paid_late_partly_refunded_and_closed() -> None:
    events: list[Repaid | Refunded] = [repaid(2, 15, "666.33"), repaid(3, 15, "300.00"), refunded(3, 20, "500.00"), repaid(4, 15, "600.00")]
    assert story(FREE, events) == lines("""
        2026-02-15: 666.33 (0.00) + 0.00 (0.00)
        2026-03-15: 666.33 (0.00) + 0.00 (0.00)
        2026-04-15: 666.34 (0.00) + 0.00 (0.00)

        2026-02-15 repaid 666.33 = principal 666.33 + interest 0.00 + excess 0.00
        2026-02-15: 666.33 (666.33) + 0.00 (0.00)
        2026-03-15: 666.33 (0.00) + 0.00 (0.00)
        2026-04-15: 666.34 (0.00) + 0.00 (0.00)

        2026-03-15 repaid 300.00 = principal 300.00 + interest 0.00 + excess 0.00
        2026-02-15: 666.33 (666.33) + 0.00 (0.00)
        2026-03-15: 666.33 (300.00) + 0.00 (0.00)
        2026-04-15: 666.34 (0.00) + 0.00 (0.00)

        2026-03-20 refunded 500.00 = principal 500.00 + interest 0.00 + excess 0.00
        2026-02-15: 666.33 (666.33) + 0.00 (0.00)
        2026-03-15: 666.33 (666.33) + 0.00 (0.00)
        2026-04-15: 532.67 (0.00) + 0.00 (0.00)

        2026-04-15 repaid 600.00 = principal 532.67 + interest 0.00 + excess 67.33
        2026-02-15: 666.33 (666.33) + 0.00 (0.00)
        2026-03-15: 666.33 (666.33) + 0.00 (0.00)
        2026-04-15: 532.67 (532.67) + 0.00 (0.00)
        closed
    """)


def test_a_refund_within_a_period_waives_its_interest_since_the_period_began() -> None:
    # After the first instalment 803.97 is owed; 503.97 of it in two at 1 %: 503.97 * 1.01**2 / 2.01 = 255.77.
    events: list[Repaid | Refunded] = [repaid(2, 15, "408.03"), refunded(2, 20, "300.00"), repaid(3, 15, "255.77"), repaid(4, 15, "255.77")]
    assert story(DEAR, events) == lines("""
        2026-02-15: 396.03 (0.00) + 12.00 (0.00)
        2026-03-15: 399.99 (0.00) + 8.04 (0.00)
        2026-04-15: 403.98 (0.00) + 4.04 (0.00)

        2026-02-15 repaid 408.03 = principal 396.03 + interest 12.00 + excess 0.00
        2026-02-15: 396.03 (396.03) + 12.00 (12.00)
        2026-03-15: 399.99 (0.00) + 8.04 (0.00)
        2026-04-15: 403.98 (0.00) + 4.04 (0.00)

        2026-02-20 refunded 300.00 = principal 300.00 + interest 0.00 + excess 0.00
        2026-02-15: 396.03 (396.03) + 12.00 (12.00)
        2026-03-15: 250.73 (0.00) + 5.04 (0.00)
        2026-04-15: 253.24 (0.00) + 2.53 (0.00)

        2026-03-15 repaid 255.77 = principal 250.73 + interest 5.04 + excess 0.00
        2026-02-15: 396.03 (396.03) + 12.00 (12.00)
        2026-03-15: 250.73 (250.73) + 5.04 (5.04)
        2026-04-15: 253.24 (0.00) + 2.53 (0.00)

        2026-04-15 repaid 255.77 = principal 253.24 + interest 2.53 + excess 0.00
        2026-02-15: 396.03 (396.03) + 12.00 (12.00)
        2026-03-15: 250.73 (250.73) + 5.04 (5.04)
        2026-04-15: 253.24 (253.24) + 2.53 (2.53)
        closed
    """)


def test_arrears_are_paid_oldest_first_and_interest_before_principal() -> None:
    assert story(DEAR, [repaid(3, 20, "5.00"), repaid(3, 21, "411.00")]) == lines("""
        2026-02-15: 396.03 (0.00) + 12.00 (0.00)
        2026-03-15: 399.99 (0.00) + 8.04 (0.00)
        2026-04-15: 403.98 (0.00) + 4.04 (0.00)

        2026-03-20 repaid 5.00 = principal 0.00 + interest 5.00 + excess 0.00
        2026-02-15: 396.03 (0.00) + 12.00 (5.00)
        2026-03-15: 399.99 (0.00) + 8.04 (0.00)
        2026-04-15: 403.98 (0.00) + 4.04 (0.00)

        2026-03-21 repaid 411.00 = principal 396.03 + interest 14.97 + excess 0.00
        2026-02-15: 396.03 (396.03) + 12.00 (12.00)
        2026-03-15: 399.99 (0.00) + 8.04 (7.97)
        2026-04-15: 403.98 (0.00) + 4.04 (0.00)
        outstanding 803.97
    """)


def test_a_full_refund_before_anything_is_due_leaves_no_interest_and_closes_the_loan() -> None:
    assert story(DEAR, [refunded(1, 25, "1200.00")]) == lines("""
        2026-02-15: 396.03 (0.00) + 12.00 (0.00)
        2026-03-15: 399.99 (0.00) + 8.04 (0.00)
        2026-04-15: 403.98 (0.00) + 4.04 (0.00)

        2026-01-25 refunded 1200.00 = principal 1200.00 + interest 0.00 + excess 0.00
        2026-02-15: 0.00 (0.00) + 0.00 (0.00)
        2026-03-15: 0.00 (0.00) + 0.00 (0.00)
        2026-04-15: 0.00 (0.00) + 0.00 (0.00)
        closed
    """)


def test_a_refund_of_more_than_is_owed_returns_what_was_paid_already() -> None:
    state, (_, applied) = resume(start(FREE), [repaid(2, 15, "666.33"), refunded(2, 20, "1999.00")])
    assert applied == Applied(Money(133267, "CNY"), Money(0, "CNY"), Money(66633, "CNY"))
    assert state.is_closed
    assert state.excess == 66633


def test_a_payment_before_anything_is_due_is_all_excess_and_never_prepays() -> None:
    state, (applied,) = resume(start(FREE), [repaid(2, 14, "100.00")])
    assert applied == Applied(Money(0, "CNY"), Money(0, "CNY"), Money(10000, "CNY"))
    assert state.rows == start(FREE).rows


def test_a_refund_on_a_due_day_pays_that_instalment_and_leaves_its_interest_alone() -> None:
    state, (applied,) = resume(start(DEAR), [refunded(2, 15, "500.00")])
    assert (applied.principal.minor, applied.interest.minor) == (48800, 1200)
    assert state.rows[0].interest == 1200
    assert sum(row.principal for row in state.rows[1:]) == 80397 - 9197


def test_questions_about_what_is_due_are_answered_as_of_a_day() -> None:
    state, _ = resume(start(DEAR), [repaid(2, 15, "100.00")])
    assert start(DEAR).due(date(2026, 2, 14)) == (Money(0, "CNY"), Money(0, "CNY"))
    assert start(DEAR).due(date(2026, 2, 15)) == (Money(39603, "CNY"), Money(1200, "CNY"))
    assert state.due(date(2026, 3, 15)) == (Money(39603 - 8800 + 39999, "CNY"), Money(804, "CNY"))
    upcoming = state.next_due(date(2026, 2, 15))
    assert upcoming is not None
    assert (upcoming.no, upcoming.due_on, upcoming.total) == (2, date(2026, 3, 15), Money(40803, "CNY"))
    assert state.next_due(date(2026, 4, 15)) is None
    assert replay([DEAR, refunded(1, 20, "1200.00")]).next_due(LENT_ON) is None


@pytest.mark.parametrize(
    ("as_of", "days"),
    [(date(2026, 2, 14), 0), (date(2026, 2, 15), 0), (date(2026, 2, 16), 1), (date(2026, 3, 16), 29), (date(2026, 5, 15), 89)],
)
def test_the_due_day_is_not_past_due_and_the_day_after_is_day_one(as_of: date, days: int) -> None:
    assert start(FREE).days_past_due(as_of) == days


def test_days_past_due_count_from_the_oldest_unpaid_instalment() -> None:
    state = replay([FREE, repaid(3, 20, "666.33")])
    assert state.days_past_due(date(2026, 3, 20)) == 5
    assert replay([FREE, repaid(3, 20, "1332.66")]).days_past_due(date(2026, 3, 20)) == 0


def test_accrued_interest_grows_by_the_day_and_meets_each_instalment() -> None:
    state = start(DEAR)  # 12.00 in 31 days, 8.04 in 28, 4.04 in 31
    wanted = {
        date(2026, 1, 14): 0,
        date(2026, 1, 15): 0,
        date(2026, 1, 16): 39,  # 1200 / 31 = 38.7
        date(2026, 1, 17): 77,
        date(2026, 2, 15): 1200,
        date(2026, 3, 1): 1602,  # and half of 8.04
        date(2026, 3, 15): 2004,
        date(2026, 4, 15): 2408,
        date(2027, 1, 1): 2408,
    }
    assert {day: state.accrued_interest(day).minor for day in wanted} == wanted


def test_a_new_period_begins_on_the_due_day_and_the_last_one_stays_for_ever() -> None:
    state = start(DEAR)
    march, april = date(2026, 3, 15).toordinal(), date(2026, 4, 15).toordinal()
    assert state.accrual(date(2026, 3, 14)) == (1200, 804, date(2026, 2, 15).toordinal(), march)
    assert state.accrual(date(2026, 3, 15)) == (2004, 404, march, april)
    assert state.accrual(date(2030, 1, 1)) == (2004, 404, march, april)


def test_a_refund_lowers_what_accrued_in_the_current_period_and_nothing_before() -> None:
    before, after = replay([DEAR]), replay([DEAR, refunded(3, 1, "1200.00")])
    assert after.due(date(2026, 3, 1)) == (Money(0, "CNY"), Money(0, "CNY"))
    assert before.accrued_interest(date(2026, 2, 15)) == after.accrued_interest(date(2026, 2, 15)) == Money(1200, "CNY")
    assert before.accrued_interest(date(2026, 3, 1)) == Money(1602, "CNY")
    assert after.accrued_interest(date(2026, 3, 1)) == Money(1206, "CNY")  # 12.00 is left of the principal


def test_the_earned_fraction_runs_straight_from_the_disbursement_to_the_last_due_day() -> None:
    state = start(FREE)
    days = [date(2026, 1, 1), LENT_ON, date(2026, 1, 25), date(2026, 3, 1), date(2026, 4, 15), date(2026, 5, 1)]
    assert [state.earned_fraction(day) for day in days] == [0, 0, Fraction(10, 90), Fraction(1, 2), 1, 1]


def test_a_back_dated_payment_is_as_if_it_had_been_entered_in_time() -> None:
    events = (FREE, repaid(2, 15, "666.33"), refunded(3, 20, "500.00"))
    late = insert(events, repaid(3, 15, "300.00"))
    assert [event.on for event in late] == [LENT_ON, date(2026, 2, 15), date(2026, 3, 15), date(2026, 3, 20)]
    assert replay(late) == replay([FREE, repaid(2, 15, "666.33"), repaid(3, 15, "300.00"), refunded(3, 20, "500.00")])
    assert replay(late).outstanding_principal == Money(53267, "CNY")


def test_events_of_one_day_keep_the_order_in_which_they_were_entered() -> None:
    first, second = refunded(2, 15, "700.00"), repaid(2, 15, "666.33")
    assert insert((FREE, first), second) == (FREE, first, second)
    assert replay([FREE, first, second]).excess == 66633  # the refund paid the instalment, so the payment was not needed
    assert replay([FREE, second, first]).excess == 0


@pytest.mark.parametrize(
    ("event", "code"),
    [
        (repaid(2, 14, "1.00"), "event_out_of_order"),
        (Repaid(date(2026, 3, 1), Money(1, "USD")), "currency_mismatch"),
        (repaid(3, 1, "0.00"), "amount_not_positive"),
        (refunded(3, 1, "-1.00"), "amount_not_positive"),
    ],
)
def test_an_event_that_cannot_happen_is_refused_with_its_reason(event: Repaid | Refunded, code: str) -> None:
    state, _ = apply(start(FREE), repaid(2, 15, "1.00"))
    with pytest.raises(LoanError) as caught:
        apply(state, event)
    assert pickle.loads(pickle.dumps(caught.value)).code == code


@pytest.mark.parametrize("events", [[], [FREE, FREE], [repaid(2, 15, "1.00")]])
def test_a_loan_without_exactly_one_disbursement_is_refused(events: Sequence[Disbursed | Repaid]) -> None:
    with pytest.raises(LoanError) as caught:
        replay(events)
    assert caught.value.code == "disbursement_not_first"


def test_nothing_can_happen_before_the_disbursement() -> None:
    with pytest.raises(LoanError) as caught:
        replay([FREE, repaid(1, 14, "1.00")])
    assert caught.value.code == "event_out_of_order"
    with pytest.raises(LoanError):
        Disbursed(date(2026, 1, 16), FREE.terms)


# ------------------------------------------------------------------------------------------------- any loan, any life


@st.composite
def lives(draw: st.DrawFn) -> tuple[Disbursed, list[Repaid | Refunded]]:
    """A loan and up to eight events on different days, most of them within its term."""
    periods, lent_on, due_day = draw(st.integers(2, 12)), draw(st.dates(date(2020, 1, 1), date(2030, 1, 1))), draw(st.integers(1, 31))
    principal = draw(st.integers(periods, 10**7))
    terms = Terms(
        principal=Money(principal, "CNY"),
        periods=periods,
        annual_rate=draw(st.just(Rate(0)) | st.builds(Rate, st.integers(0, 1_000_000))),
        day_count=draw(st.sampled_from(DayCount)),
        disbursed_on=lent_on,
        first_due_on=next_due_day(lent_on, due_day, draw(st.integers(1, 50))),
        due_day=due_day,
    )
    offsets = draw(st.lists(st.integers(0, 31 * periods + 60), unique=True, max_size=8))
    amounts = st.integers(1, principal * 2) | st.integers(1, principal // periods + 1)
    kinds = st.sampled_from(KINDS)
    return Disbursed(lent_on, terms), [draw(kinds)(lent_on + timedelta(days=offset), Money(draw(amounts), "CNY")) for offset in offsets]


def states(disbursed: Disbursed, events: Sequence[Repaid | Refunded]) -> list[tuple[LoanState, Applied | None]]:
    """The state at the start and after each event, with what became of the amount."""
    chain: list[tuple[LoanState, Applied | None]] = [(start(disbursed), None)]
    for event in sorted(events, key=lambda event: event.on):
        chain.append(apply(chain[-1][0], event))
    return chain


@given(lives())
@settings(max_examples=150)
def test_after_every_event_all_money_is_accounted_for(life: tuple[Disbursed, list[Repaid | Refunded]]) -> None:
    disbursed, events = life
    paid_in = 0
    for (state, applied), event in zip(states(*life)[1:], sorted(events, key=lambda event: event.on), strict=True):
        assert applied is not None
        assert applied.principal + applied.interest + applied.excess == event.amount
        assert min(applied.principal.minor, applied.interest.minor, applied.excess.minor) >= 0
        paid_in += event.amount.minor
        paid = sum(row.principal_paid + row.interest_paid for row in state.rows)
        assert paid + state.refunded_principal + state.excess == paid_in
        assert sum(row.principal for row in state.rows) + state.refunded_principal == disbursed.terms.principal.minor
        assert all(row.principal_paid == row.interest_paid == 0 for row in state.rows if row.due_on > event.on)


@given(lives())
@settings(max_examples=100)
def test_a_payment_leaves_the_schedule_alone_and_excess_means_that_nothing_due_is_left(
    life: tuple[Disbursed, list[Repaid | Refunded]],
) -> None:
    events = sorted(life[1], key=lambda event: event.on)
    chain = states(*life)
    for (before, _), (after, applied), event in zip(chain, chain[1:], events, strict=False):
        assert applied is not None
        if isinstance(event, Repaid):
            assert [(r.principal, r.interest) for r in before.rows] == [(r.principal, r.interest) for r in after.rows]
        elif applied.excess:
            assert after.is_closed
        if applied.excess:
            assert not any(after.due(event.on))


@given(lives())
@settings(max_examples=100)
def test_a_refund_makes_no_instalment_dearer(life: tuple[Disbursed, list[Repaid | Refunded]]) -> None:
    disbursed, events = life
    # In tiny loans the rounding of an instalment outweighs it.
    assume(disbursed.terms.principal.minor >= 10_000 and disbursed.terms.annual_rate.ppm <= 360_000)
    for (before, _), (after, _) in pairwise(states(disbursed, events)):
        assert after.outstanding_principal <= before.outstanding_principal
        assert sum(row.interest for row in after.rows) <= sum(row.interest for row in before.rows) + len(after.rows) ** 2


@given(lives(), st.randoms(use_true_random=False))
@settings(max_examples=100)
def test_the_order_of_entry_does_not_matter(life: tuple[Disbursed, list[Repaid | Refunded]], shuffled: random.Random) -> None:
    disbursed, events = life
    entered: list[Disbursed | Repaid | Refunded] = [disbursed, *events]
    shuffled.shuffle(entered)
    final = states(disbursed, events)[-1][0]
    assert replay(entered) == final
    one_by_one: tuple[Disbursed | Repaid | Refunded, ...] = (disbursed,)
    for event in entered:
        if not isinstance(event, Disbursed):
            one_by_one = insert(one_by_one, event)
    assert replay(one_by_one) == final
    assert [event.on for event in one_by_one] == sorted(event.on for event in one_by_one)


@given(lives(), st.integers(0, 500), st.integers(1, 10**6), st.sampled_from(KINDS))
@settings(max_examples=100)
def test_an_event_done_and_undone_leaves_no_trace(
    life: tuple[Disbursed, list[Repaid | Refunded]], offset: int, minor: int, kind: type[Repaid] | type[Refunded]
) -> None:
    disbursed, events = life
    extra = kind(disbursed.on + timedelta(days=offset), Money(minor, "CNY"))
    ordered = sorted(events, key=lambda event: event.on)
    done = list(insert((disbursed, *ordered), extra))
    replay(done)
    at = max(i for i, event in enumerate(done) if event is extra)
    assert replay(done[:at] + done[at + 1 :]) == replay([disbursed, *ordered])


@given(lives(), st.integers(0, 8))
@settings(max_examples=60)
def test_a_checkpoint_resumes_to_the_same_state(life: tuple[Disbursed, list[Repaid | Refunded]], cut: int) -> None:
    disbursed, events = life
    ordered = sorted(events, key=lambda event: event.on)
    checkpoint, first = resume(start(disbursed), ordered[:cut])
    resumed, second = resume(pickle.loads(pickle.dumps(checkpoint)), ordered[cut:])
    whole, outcomes = resume(start(disbursed), ordered)
    assert (resumed, first + second) == (whole, outcomes)
    assert whole.seq == 1 + len(ordered)


@given(lives())
@settings(max_examples=60)
def test_the_days_of_accrual_add_up_to_the_interest_and_never_go_back(life: tuple[Disbursed, list[Repaid | Refunded]]) -> None:
    state = states(*life)[-1][0]
    last = state.rows[-1].due_on
    days = [state.terms.disbursed_on + timedelta(days=n) for n in range((last - state.terms.disbursed_on).days + 1)]
    accrued = [state.accrued_interest(day).minor for day in days]
    assert accrued == sorted(accrued)
    assert accrued[0] == 0
    assert accrued[-1] == sum(row.interest for row in state.rows)
    for row in state.rows:
        assert state.accrued_interest(row.due_on).minor == sum(r.interest for r in state.rows if r.due_on <= row.due_on)


@given(st.lists(lives(), min_size=1, max_size=6), st.integers(-40, 400))
@settings(max_examples=60)
def test_many_loans_accrue_as_each_does_alone(loans: list[tuple[Disbursed, list[Repaid | Refunded]]], offset: int) -> None:
    as_of = loans[0][0].on + timedelta(days=offset)
    chain = [states(*life)[-1][0] for life in loans]
    columns = np.array([state.accrual(as_of) for state in chain], dtype=np.int64).T
    before, interest, starts, dues = columns
    accrued = accrued_many(before, interest, starts, dues, as_of.toordinal())
    assert accrued.dtype == np.int64
    assert accrued.tolist() == [state.accrued_interest(as_of).minor for state in chain]


def column(*values: int) -> NDArray[np.int64]:
    return np.array(values, dtype=np.int64)


def test_half_a_minor_unit_of_accrual_goes_to_the_even_one() -> None:
    # Interest of 1, 3, 5 and 7 over two days, after one: 0.5, 1.5, 2.5, 3.5.
    accrued = accrued_many(column(10, 10, 10, 10), column(1, 3, 5, 7), column(1, 1, 1, 1), column(3, 3, 3, 3), 2)
    assert accrued.tolist() == [10, 12, 12, 14]


def test_accrual_of_the_largest_amounts_is_exact() -> None:
    assert accrued_many(column(0), column(10**15), column(0), column(366), 365).tolist() == [round(Fraction(10**15 * 365, 366))]


def test_accrual_that_would_overflow_or_has_no_days_is_an_error_and_none_is_none() -> None:
    with pytest.raises(OverflowError):
        accrued_many(column(0), column(10**15), column(0), column(10_000), 5_000)
    with pytest.raises(ValueError, match="at least one day"):
        accrued_many(column(0), column(1), column(5), column(5), 5)
    with pytest.raises(ValueError, match="not negative"):
        accrued_many(column(0), column(-1), column(5), column(6), 5)
    assert accrued_many(column(), column(), column(), column(), 5).tolist() == []


def test_a_state_cannot_be_changed() -> None:
    state = start(FREE)
    with pytest.raises(AttributeError):
        state.excess = 1  # type: ignore[misc]
    assert replace(state) == state


def test_a_refund_of_one_cent_raises_no_instalment_by_two() -> None:
    state = start(Disbursed(LENT_ON, replace(FREE.terms, principal=Money(99_99, "CNY"))))
    state, _ = apply(state, refunded(1, 20, "0.01"))
    assert [row.principal for row in state.rows] == [33_32, 33_33, 33_33]


@given(
    st.integers(2, 36), st.integers(0, 1_000_000), st.lists(st.tuples(st.integers(0, 400), st.integers(1, 4_000)), max_size=5), st.data()
)
def test_a_refund_never_raises_an_instalment(periods: int, rate: int, refunds: list[tuple[int, int]], data: st.DataObject) -> None:
    principal = data.draw(st.integers(periods, 20_000) | st.integers(periods, 100 * periods))
    rate *= data.draw(st.sampled_from([0, 1]))
    terms = replace(FREE.terms, principal=Money(principal, "CNY"), periods=periods, annual_rate=Rate(rate))
    state = start(Disbursed(LENT_ON, terms))
    for later, minor in sorted(refunds):
        before = state.rows
        state, _ = apply(state, Refunded(LENT_ON + timedelta(days=later), Money(minor, "CNY")))
        assert all(now.principal + now.interest <= row.principal + row.interest for now, row in zip(state.rows, before, strict=True))


@given(
    st.lists(st.tuples(st.integers(0, 120), st.integers(1, 90_000), st.booleans()), min_size=1, max_size=7),
    st.integers(0, 6),
    st.sampled_from([FREE, DEAR]),
)
def test_a_loan_with_an_undone_repayment_is_the_loan_without_it_and_its_amount_is_owed_back(
    given_events: list[tuple[int, int, bool]], which: int, disbursed: Disbursed
) -> None:
    events = [KINDS[is_refund](LENT_ON + timedelta(days=later), Money(minor, "CNY")) for later, minor, is_refund in given_events]
    at = which % len(events)
    taken = events[at]
    assume(isinstance(taken, Repaid))
    with_it = replay([disbursed, *events[:at], replace(taken, undone=True), *events[at + 1 :]])
    without = replay([disbursed, *events[:at], *events[at + 1 :]])
    assert with_it.rows == without.rows
    assert with_it.refunded_principal == without.refunded_principal
    assert with_it.excess == without.excess + taken.amount.minor
