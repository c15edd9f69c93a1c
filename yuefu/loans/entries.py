"""Accounting policy of loans, on one page. Pure; debit +, credit −.

booked     Dr loan_principal, Cr purchase_clearing · Dr credit_line, Cr credit_line_contra (taken from the order's hold)
repaid     Dr collections_clearing, Cr loan_principal, Cr loan_interest, Cr consumer_balance (excess) · credit line restored
refunded   Dr purchase_clearing, Cr loan_principal, Cr loan_interest, Cr consumer_balance (excess) · credit line restored
           · Dr unearned_discount, Cr discount_income where the refund ends or shortens what is left to earn
reversed   Dr loan_principal, Dr loan_interest, Cr consumer_balance · credit line drawn again · Dr discount_income, Cr unearned_discount
           where the loan was closed by it: a repayment taken off its loan; no money moves but what is then given back
accrued    Dr loan_interest, Cr interest_income: the day's difference of rounded cumulative interest, one entry a product
earned     Dr unearned_discount, Cr discount_income: as instalments fall due, one entry a product
"""

from __future__ import annotations

from datetime import date
from uuid import UUID

from yuefu.credit.entries import draw_lines, restore_lines
from yuefu.ledger.rules import AccountKey, Entry, HoldUse, Line
from yuefu.loans.rules import Dimensions, Effect
from yuefu.money.amounts import Money


def _line(dims: Dimensions, code: str, minor: int, *, dimensioned: bool) -> Line:
    key = AccountKey(code, None, dims.funder_id, dims.product) if dimensioned else AccountKey(code)
    return Line(key, Money(minor, dims.currency), dims.order_id, dims.loan_id, dims.merchant_id, dims.funder_id)


def _credit_line(dims: Dimensions, drawn: int) -> tuple[Line, ...]:
    """The credit line beside the money: drawn, or with a negative figure restored."""
    if not drawn:
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


def _daily(kind: str, on: date, debit: str, credit: str, funder_id: UUID, product: str, amount: Money) -> Entry:
    lines = (
        Line(AccountKey(debit, None, funder_id, product), amount, funder_id=funder_id),
        Line(AccountKey(credit, None, funder_id, product), -amount, funder_id=funder_id),
    )
    return Entry(f"{kind}:{on}:{funder_id}:{product}:{amount.currency}", kind, lines)
