"""What a loan is between two commands, and what an event changes. Pure; the arithmetic is `plans.loan`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from uuid import UUID

from yuefu.money.rates import Rounding, divide
from yuefu.plans import loan as fold
from yuefu.plans.loan import Disbursed, LoanState, Refunded, Repaid
from yuefu.plans.terms import Terms

UNKNOWN_LOAN = "unknown_loan"
BEFORE_DISBURSEMENT = "before_disbursement"  # effective earlier than the loan exists
FUTURE_DATED = "future_dated"  # effective later than the business day
UNKNOWN_REPAYMENT = "unknown_repayment"  # no such collection was applied to a loan of this book
ALREADY_REVERSED = "already_reversed"  # a repayment is taken off once


@dataclass(frozen=True, slots=True)
class Dimensions:
    """What every ledger line of a loan carries."""

    loan_id: UUID
    order_id: UUID
    merchant_id: UUID
    consumer_id: UUID
    credit_account_id: UUID
    funder_id: UUID
    product: str
    currency: str


@dataclass(frozen=True, slots=True)
class Held:
    """A loan as read and locked: its dimensions, its state, what is earned of its discount."""

    dims: Dimensions
    state: LoanState
    seq: int
    discount: int
    discount_earned: int
    closed_on: date | None
    arrears_since: date | None


@dataclass(frozen=True, slots=True)
class Effect:
    """What one event changed, in minor units: all three are differences of the whole loan before and after, so that a
    back-dated event, which re-orders later ones, posts exactly what it changed."""

    principal: int
    interest: int
    excess: int

    @property
    def moves(self) -> bool:
        """Whether there is anything to post."""
        return bool(self.principal or self.interest or self.excess)


def progress(state: LoanState) -> tuple[int, int, int]:
    """Principal settled (paid or refunded), interest paid, excess."""
    principal = sum(row.principal_paid for row in state.rows) + state.refunded_principal
    return principal, sum(row.interest_paid for row in state.rows), state.excess


def after(state: LoanState, event: Repaid | Refunded, history: Sequence[Disbursed | Repaid | Refunded] | None) -> tuple[LoanState, Effect]:
    """The state after an event; `history` (all earlier events) is needed where the event is older than the last one."""
    if event.on >= state.last_event_on:
        following, _ = fold.apply(state, event)
    else:
        assert history is not None, "a back-dated event replays the whole loan"
        following = fold.replay(fold.insert(history, event))
    effect = _difference(state, following)
    assert effect.principal + effect.interest + effect.excess == event.amount.minor, "an event is applied to the cent"
    return following, effect


def without(state: LoanState, history: Sequence[Disbursed | Repaid | Refunded], at: int) -> tuple[LoanState, Effect]:
    """The state as if the repayment `history[at]` had never been, and what that changes: no money moves, so the parts sum to 0.

    What it had paid is owed again, unless a later repayment that was too much now pays it; the rest of it is owed back.
    """
    event = history[at]
    assert isinstance(event, Repaid), f"a {type(event).__name__} is not undone"
    assert not event.undone, "a repayment is undone once"
    following = fold.replay([*history[:at], replace(event, undone=True), *history[at + 1 :]])
    effect = _difference(state, following)
    assert effect.principal + effect.interest + effect.excess == 0, "what is undone moves no money"
    return following, effect


def _difference(before: LoanState, after: LoanState) -> Effect:
    return Effect(*(new - old for new, old in zip(progress(after), progress(before), strict=True)))


def earned(discount: int, state: LoanState, until: date) -> int:
    """The part of an interest-free discount that is earned: in step with the instalments that have fallen due before or on
    `until`, all of it once the loan is closed."""
    if state.is_closed:
        return discount
    passed = sum(row.due_on <= until for row in state.rows)
    return divide(discount * passed, len(state.rows), Rounding.HALF_UP)


def arrears_since(state: LoanState, on: date) -> date | None:
    """Due day of the oldest instalment that was due before `on` and is not paid."""
    return next((row.due_on for row in state.rows if row.unpaid and row.due_on < on), None)


def asked_by(terms: Terms) -> tuple[int, ...]:
    """What each instalment of a loan of these terms asks by its schedule, in minor units."""
    return tuple(row.principal + row.interest for row in fold.start(Disbursed(terms.disbursed_on, terms)).rows)
