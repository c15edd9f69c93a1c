"""Accounting policy of loans, on one page. Pure; debit +, credit −.

booked     Dr loan_principal, Cr purchase_clearing · Dr credit_line, Cr credit_line_contra (taken from the order's hold)
repaid     Dr collections_clearing, Cr loan_principal, Cr loan_interest, Cr consumer_balance (excess) · credit line restored
refunded   Dr purchase_clearing, Cr loan_principal, Cr loan_interest, Cr consumer_balance (excess) · credit line restored
           · Dr unearned_discount, Cr discount_income where the refund ends or shortens what is left to earn
reversed   Dr loan_principal, Dr loan_interest, Cr consumer_balance · credit line drawn again · Dr discount_income, Cr unearned_discount
           where the loan was closed by it: a repayment taken off its loan; no money moves but what is then given back
accrued    Dr loan_interest, Cr interest_income: the day's difference of rounded cumulative interest, one entry a product
earned     Dr unearned_discount, Cr discount_income: as instalments fall due, one entry a product

Loans of rule version 2026-2, whose events come in any order: `position` says where a loan stands in the books by a day, whatever happened to it,
and what is posted is the difference to where it stood (`moved`), so that a back-dated or undone event needs no entry of its own kind.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import date
from operator import attrgetter
from typing import Final
from uuid import UUID

from yuefu.credit.entries import draw_lines, restore_lines
from yuefu.frozen import made_quickly
from yuefu.ledger.rules import AccountKey, Entry, HoldUse, Line
from yuefu.loans.rules import Dimensions, Effect, Party
from yuefu.money.amounts import Money
from yuefu.plans.lifecycle.earning import earned_of
from yuefu.plans.lifecycle.fold import looked_at
from yuefu.plans.lifecycle.quotes import discount_earned
from yuefu.plans.lifecycle.stretches import Stretch
from yuefu.plans.lifecycle.tally import Tally
from yuefu.plans.lifecycle.work import LoanState as LifecycleState
from yuefu.plans.lifecycle.work import Outcome, Work


@made_quickly
@dataclass(frozen=True, slots=True)
class Position:
    """What one loan is of each account, in minor units, debit +, credit −: they add up to zero. The names are those of the chart."""

    loan_principal: int = 0
    loan_interest: int = 0
    loan_fees: int = 0
    loan_penalties: int = 0
    loan_allowance: int = 0
    consumer_balance: int = 0
    collections_clearing: int = 0
    purchase_clearing: int = 0
    unearned_discount: int = 0
    discount_income: int = 0
    interest_income: int = 0
    interest_given_up: int = 0
    loan_fee_income: int = 0
    penalty_income: int = 0
    fees_given_up: int = 0
    recovery_income: int = 0
    credit_loss: int = 0
    goodwill_expense: int = 0


def _line(dims: Dimensions | Party | _Portfolio, code: str, minor: int, *, dimensioned: bool) -> Line:
    key = AccountKey(code, None, dims.funder_id, dims.product) if dimensioned else AccountKey(code)
    return Line(key, Money(minor, dims.currency), dims.order_id, dims.loan_id, dims.merchant_id, dims.funder_id)


def _credit_line(dims: Dimensions | Party, drawn: int) -> tuple[Line, ...]:
    """The credit line beside the money: drawn, or with a negative figure restored."""
    if not drawn or dims.credit_account_id is None:
        return ()
    move = draw_lines if drawn > 0 else restore_lines
    return move(
        dims.credit_account_id,
        Money(abs(drawn), dims.currency),
        order_id=dims.order_id,
        loan_id=dims.loan_id,
        merchant_id=dims.merchant_id,
        funder_id=dims.funder_id,
    )


def booked(dims: Dimensions, amount: Money, capture_id: UUID, hold_id: UUID) -> Entry:
    lines = (
        _line(dims, "loan_principal", amount.minor, dimensioned=True),
        _line(dims, "purchase_clearing", -amount.minor, dimensioned=False),
        *_credit_line(dims, amount.minor),
    )
    return Entry(f"loan.book:{capture_id}", "loan.booked", lines, uses_hold=HoldUse(hold_id, amount), cause=capture_id)


def applied(dims: Dimensions, kind: str, source_id: UUID, effect: Effect, effective_on: date, earned_now: int) -> Entry:
    """A repayment (`repaid`), the loan's side of a goods refund (`refunded`), or a repayment taken off (`reversed`), whose parts sum to 0,
    so that it clears nothing. `earned_now` is the discount it lets earn, below 0 where it goes back."""
    clearing = "collections_clearing" if kind == "repaid" else "purchase_clearing"
    amount = effect.principal + effect.interest + effect.excess
    parts = [
        _line(dims, clearing, amount, dimensioned=False),
        _line(dims, "loan_principal", -effect.principal, dimensioned=True),
        _line(dims, "loan_interest", -effect.interest, dimensioned=True),
        _line(dims, "consumer_balance", -effect.excess, dimensioned=False),
        _line(dims, "unearned_discount", earned_now, dimensioned=True),
        _line(dims, "discount_income", -earned_now, dimensioned=True),
    ]
    lines = [*(line for line in parts if line.amount.minor), *_credit_line(dims, -effect.principal)]
    return Entry(f"loan.{kind}:{source_id}", f"loan.{kind}", tuple(lines), effective_on=effective_on, cause=source_id)


def accrued(on: date, funder_id: UUID, product: str, amount: Money) -> Entry:
    """The interest of a day for all loans of a product and funder; negative where refunds waived more than a day brought."""
    return _daily("loan.accrued", on, "loan_interest", "interest_income", funder_id, product, amount)


def earned(on: date, funder_id: UUID, product: str, amount: Money) -> Entry:
    """The discount earned by the instalments that fell due on a day."""
    return _daily("loan.discount_earned", on, "unearned_discount", "discount_income", funder_id, product, amount)


def position(state: LifecycleState, tally: Tally, day: date) -> Position:
    """Where a loan stands in the books at the end of a day not before its last event.

    Principal as lent and not repaid; interest, fees and late charges as earned and not settled, below 0 where they were paid ahead. A charge-off
    covers what is owed by an allowance that follows it; a write-off takes it out, and what had been earned of it is lost with the principal.
    What the merchant paid for a lower rate is earned straight over the term.
    """
    return position_of(looked_at(state, day), tally)


def position_of(work: Work, tally: Tally) -> Position:
    """`position` of a loan that was opened to be looked at."""
    rows, brought = work.rows, earned_of(work)
    interest_paid, fees_paid, penalties_paid = sum(rows.interest_paid), sum(rows.fees_paid), sum(rows.penalties_paid)
    written_off = bool(work.written_off_on)
    owed = [0, 0, 0]
    if not written_off:
        owed = [
            brought.interest - interest_paid - sum(rows.interest_off),
            brought.fees - fees_paid - sum(rows.fees_off),
            brought.penalties - penalties_paid - sum(rows.penalties_off),
        ]
    interest = owed[0] + interest_paid + tally.interest_waived + tally.interest_lost - tally.interest_again
    fees = owed[1] + fees_paid + tally.fees_waived + tally.fees_lost - tally.fees_again
    penalties = owed[2] + penalties_paid + tally.penalties_waived + tally.penalties_lost - tally.penalties_again
    covered = max(work.balance + sum(owed), 0) if work.charged_off_on and not written_off else 0
    lost = tally.principal_lost + tally.interest_lost + tally.fees_lost + tally.penalties_lost
    discount = discount_earned(work.terms, rows, work.bought_down, work.on)
    out = tally.paid_back + tally.charged_back + tally.credit_refunded
    return Position(
        loan_principal=work.balance,
        loan_interest=owed[0],
        loan_fees=owed[1],
        loan_penalties=owed[2],
        loan_allowance=-covered,
        consumer_balance=-work.overpaid,
        collections_clearing=tally.repaid + tally.recovered - tally.recovered_of_merchant - out,
        purchase_clearing=tally.refunded + tally.recovered_of_merchant + tally.payout_refunded + tally.bought_down - tally.lent,
        unearned_discount=discount - tally.bought_down,
        discount_income=-discount,
        interest_income=-interest,
        interest_given_up=tally.interest_waived + tally.interest_refunded,
        loan_fee_income=-fees,
        penalty_income=-penalties,
        fees_given_up=tally.fees_waived + tally.penalties_waived,
        recovery_income=-tally.recovered,
        credit_loss=covered + lost,
        goodwill_expense=tally.goodwill,
    )


def run_on(stands: Position, stretch: Stretch, since: int, day: int) -> Position:
    """Where a loan stands by the end of `day` that stood at `stands` by the end of `since` and had nothing happen to it, both days of its stretch
    as ordinals."""
    interest = stretch.interest(day) - stretch.interest(since)
    discount = stretch.discounted(day) - stretch.discounted(since)
    covered = interest if stands.loan_allowance else 0
    (
        principal, owed, fees, penalties, allowance, consumer, collections, purchases, unearned, earned, income,
        given_up, fee_income, penalty_income, fees_given_up, recovered, loss, goodwill,
    ) = _each(stands)  # fmt: skip
    return Position(
        principal, owed + interest, fees, penalties, allowance - covered, consumer, collections, purchases, unearned + discount,
        earned - discount, income - interest, given_up, fee_income, penalty_income, fees_given_up, recovered, loss + covered, goodwill,
    )  # fmt: skip


def paid_on_due_day(stands: Position, stretch: Stretch, since: int, day: int, paid: Outcome) -> Position | None:
    """Where a loan stands by the end of `day` that stood at `stands` by the end of `since` and was paid just what an instalment asks that falls due on
    `day`, nothing older being owed. None where its stretch does not say so: it must reach that day, or end on the one before because fees fall due."""
    fees = paid.fees.minor
    fall_due = fees if since < day else 0  # else it was looked at today, and they have
    if day > stretch.until and not (fall_due and since < stretch.until == day - 1):
        return None
    (
        principal, interest, owed_fees, penalties, allowance, consumer, collections, purchases, unearned, earned, income,
        given_up, fee_income, penalty_income, fees_given_up, recovered, loss, goodwill,
    ) = _each(run_on(stands, stretch, since, day) if since < day else stands)  # fmt: skip
    came = paid.principal.minor + paid.interest.minor + fees
    return Position(
        principal - paid.principal.minor, interest - paid.interest.minor, owed_fees + fall_due - fees, penalties, allowance, consumer,
        collections + came, purchases, unearned, earned, income, given_up, fee_income - fall_due, penalty_income, fees_given_up, recovered,
        loss, goodwill,
    )  # fmt: skip


_ACCOUNTS: Final = tuple(field.name for field in fields(Position))
_each: Final = attrgetter(*_ACCOUNTS)
BY_FUNDER: Final = frozenset(Position.__slots__) - {"consumer_balance", "collections_clearing", "purchase_clearing"}


def _is_credit(change: tuple[str, int]) -> bool:
    """Debits stand first in an entry, as people read it."""
    return change[1] < 0


def moved(
    dims: Dimensions | Party,
    kind: str,
    source_id: UUID,
    before: Position,
    after: Position,
    effective_on: date | None = None,
    *,
    owed_back: bool = False,
    uses_hold: HoldUse | None = None,
) -> Entry | None:
    """The entry that takes a loan from one position to another, its credit line with its principal; None where nothing moves. `owed_back`: what
    goes out through the clearing of collections has not gone yet, and is owed to the consumer."""
    changes = [(name, now - was) for name, was, now in zip(_ACCOUNTS, _each(before), _each(after), strict=True) if was != now]
    if owed_back:
        found = dict(changes)
        found["consumer_balance"] = found.get("consumer_balance", 0) + found.pop("collections_clearing", 0)
        changes = [(name, minor) for name, minor in found.items() if minor]
    changes.sort(key=_is_credit)
    lines = [_line(dims, name, minor, dimensioned=name in BY_FUNDER) for name, minor in changes]
    if not lines:
        return None
    lines += _credit_line(dims, after.loan_principal - before.loan_principal)
    return Entry(f"loan.{kind}:{source_id}", f"loan.{kind}", tuple(lines), uses_hold=uses_hold, effective_on=effective_on, cause=source_id)


EARNED: Final[Mapping[str, tuple[str, str]]] = {
    "interest": ("loan_interest", "interest_income"),
    "fees": ("loan_fees", "loan_fee_income"),
    "penalties": ("loan_penalties", "penalty_income"),
    "discount": ("unearned_discount", "discount_income"),
    "allowance": ("credit_loss", "loan_allowance"),
}
"""What a day brings a loan to which nothing happens: of each kind so much on the first account, and as much less on the second."""

STANDING: Final = (
    *("loan_principal", "loan_interest", "loan_fees", "loan_penalties", "loan_allowance", "consumer_balance", "unearned_discount"),
)
"""The accounts that say what is owed, either way, as long as a loan lives."""


def earned_between(before: Position, after: Position) -> dict[str, int] | None:
    """What was earned of each kind between two positions; None where something else moved too."""
    earned = {kind: getattr(after, debit) - getattr(before, debit) for kind, (debit, _) in EARNED.items()}
    moved_too = (
        getattr(after, debit) + getattr(after, credit) != getattr(before, debit) + getattr(before, credit)
        for debit, credit in EARNED.values()
    )
    others = any(getattr(after, name) != getattr(before, name) for name in Position.__slots__ if name not in _OF_EARNED)
    return None if others or any(moved_too) else earned


_OF_EARNED: Final = frozenset(name for pair in EARNED.values() for name in pair)


def brought(on: date, no: int, funder_id: UUID, product: str, currency: str, earned: Mapping[str, int]) -> Entry | None:
    """What a day brought the loans of one portfolio, by kind; None where that is nothing. Its lines are of no loan: `loans_brought` tells each."""
    sums: dict[str, int] = {}
    for kind, minor in earned.items():
        debit, credit = EARNED[kind]
        sums[debit] = sums.get(debit, 0) + minor
        sums[credit] = sums.get(credit, 0) - minor
    lines = tuple(
        Line(AccountKey(name, None, funder_id, product), Money(minor, currency), funder_id=funder_id)
        for name, minor in sums.items()
        if minor
    )
    return Entry(f"loan.brought:{on}:{no}", "loan.brought", lines) if lines else None


def moved_here(key: str, funder_id: UUID, product: str, currency: str, stood: Position, stands: Position, as_of: date) -> tuple[Entry, ...]:
    """What loans of one portfolio that come from another core are of the accounts that say what is owed: as they stood over there by the end of
    `as_of`, against the funds of their funder, which is where their past income is too; and what they brought since, as from any day."""
    dims = _Portfolio(funder_id, product, currency)
    owed = [_line(dims, name, getattr(stood, name), dimensioned=name in BY_FUNDER) for name in STANDING if getattr(stood, name)]
    funds = -sum(line.amount.minor for line in owed)
    if funds:
        owed.append(Line(AccountKey("funder_capital", None, funder_id), Money(funds, currency), funder_id=funder_id))
    since = [(name, now - was) for name, was, now in zip(_ACCOUNTS, _each(stood), _each(stands), strict=True) if now != was]
    brought_since = [_line(dims, name, minor, dimensioned=name in BY_FUNDER) for name, minor in sorted(since, key=_is_credit)]
    entries = []
    if owed:
        entries.append(Entry(f"{key}:stood", "loan.moved_here", tuple(sorted(owed, key=_is_credit_line)), effective_on=as_of))
    if brought_since:
        entries.append(Entry(f"{key}:since", "loan.brought_since", tuple(brought_since)))
    return tuple(entries)


@dataclass(frozen=True, slots=True)
class _Portfolio:
    """What lines of a whole portfolio carry."""

    funder_id: UUID
    product: str
    currency: str
    order_id: UUID | None = None
    loan_id: UUID | None = None
    merchant_id: UUID | None = None


def _is_credit_line(line: Line) -> bool:
    return line.amount.minor < 0


def _daily(kind: str, on: date, debit: str, credit: str, funder_id: UUID, product: str, amount: Money) -> Entry:
    lines = (
        Line(AccountKey(debit, None, funder_id, product), amount, funder_id=funder_id),
        Line(AccountKey(credit, None, funder_id, product), -amount, funder_id=funder_id),
    )
    return Entry(f"{kind}:{on}:{funder_id}:{product}:{amount.currency}", kind, lines)
