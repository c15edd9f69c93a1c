"""What it costs to end a loan, and what of its income has been earned by a day."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from yuefu.money.amounts import Money
from yuefu.money.rates import Rounding, divide
from yuefu.plans.lifecycle import events as e
from yuefu.plans.lifecycle.earning import Earned, borne, earned_of, straight
from yuefu.plans.lifecycle.events import LoanError
from yuefu.plans.lifecycle.fold import apply, looked_at, opened
from yuefu.plans.lifecycle.paying import payoff_minor
from yuefu.plans.lifecycle.rows import NORMAL, Rows, until_today
from yuefu.plans.lifecycle.terms import LoanTerms
from yuefu.plans.lifecycle.waterfall import principal_target
from yuefu.plans.lifecycle.work import LoanState


@dataclass(frozen=True, slots=True)
class Payoff:
    """What has to be paid on `on` for the loan to end: its parts add up to `total` and what the credit balance pays, `from_credit`. `saved` is
    what staying to the end would cost more."""

    on: date
    total: Money
    principal: Money
    interest: Money
    fees: Money
    penalties: Money
    from_credit: Money
    saved: Money


def payoff(state: LoanState, on: date) -> Payoff:
    """The quote of a day not before the last event. Raises LoanError where nothing is owed, or as `apply` does."""
    after, outcome = apply(state, e.PaidOff(on))
    assert not after.balance
    assert after.status in {"closed", "overpaid"}
    work = opened(state, on.toordinal())
    parts = (outcome.principal, outcome.interest, outcome.fees, outcome.penalties)
    asked, credit = sum(part.minor for part in parts), -outcome.credit.minor
    stays = sum(work.rows.all_unpaid())
    total, from_credit, saved = (Money(minor, state.terms.currency) for minor in (asked - credit, credit, stays - asked))
    return Payoff(on, total, *parts, from_credit, saved)


def payoff_amount(state: LoanState, on: date) -> Money:
    """The total of `payoff` alone; zero where nothing is owed."""
    work = opened(state, on.toordinal())
    return Money(payoff_minor(work), state.terms.currency)


@dataclass(frozen=True, slots=True)
class InstalmentQuote:
    """What an instalment asks of one who pays it on a day: principal and interest, and the principal planned to be owed before it."""

    balance: Money
    principal: Money
    interest: Money


def instalment_quote(state: LoanState, due_on: date, on: date) -> InstalmentQuote:
    """The quote of the instalment due on `due_on`, paid on `on`, which may lie before the last event's day only if nothing changed since.
    Raises LoanError where there is no such instalment."""
    work = opened(state, on.toordinal())
    rows, due = work.rows, due_on.toordinal()
    k = next((k for k in range(len(rows)) if rows.kind[k] == NORMAL and rows.due[k] == due), -1)
    if k < 0:
        raise LoanError(e.NO_SUCH_INSTALMENT, f"No instalment is due on {due_on}.", "due_on")
    interest = rows.interest[k]
    if due > work.on and state.terms.recalculate:
        interest = until_today(rows, work.interest, balance=work.balance, since=work.since, on=work.on)[k]
    planned = work.balance - sum(rows.unpaid_principal(i) for i in range(k))
    principal = min(principal_target(state.terms, rows, k, interest) - rows.principal_paid[k] - rows.principal_off[k], planned)
    currency = state.terms.currency
    return InstalmentQuote(Money(planned, currency), Money(max(principal, 0), currency), Money(interest - rows.interest_paid[k], currency))


def interest_borne(state: LoanState, day: date) -> Money:
    """Interest of all nights up to `day`, paid or not, on what was really owed each night; the state has no event after `day`."""
    return Money(borne(opened(state, day.toordinal())), state.terms.currency)


def interest_earned(state: LoanState, day: date) -> Money:
    """Interest of all rows for the nights up to `day`, paid or not, of a loan on its schedule: straight over the days of each row, rounded
    half-even on the running sum, so that the differences of days add up to each row."""
    return Money(straight(state.rows(), day.toordinal()), state.terms.currency)


def earned(state: LoanState, day: date) -> Earned:
    """Interest of the nights up to `day`: on what was really owed, or straight over each period where it stays as scheduled; fees and penalties
    as they fall due, or are settled before. Of a loan that has ended all that it came to ask. Raises LoanError for a day before the last event."""
    return earned_of(looked_at(state, day))


def buy_down_earned(state: LoanState, day: date) -> Money:
    """What of the merchant's fee is income by the end of `day`: straight over all days from the disbursement to the last due day."""
    return Money(discount_earned(state.terms, state.rows(), state.bought_down, day.toordinal()), state.terms.currency)


def discount_earned(terms: LoanTerms, rows: Rows, bought_down: int, today: int) -> int:
    """`buy_down_earned` of rows that were opened, in minor units."""
    if not rows.due or not bought_down:
        return 0
    first, last = terms.disbursed_on.toordinal(), rows.due[-1]
    if last <= first:
        return bought_down
    passed = min(max(today + 1 - first, 0), last - first)
    return divide(bought_down * passed, last - first, Rounding.HALF_EVEN)
