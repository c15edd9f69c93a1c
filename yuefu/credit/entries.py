"""Accounting policy of the credit line, a memorandum beside the money: what is drawn of a limit, and what is given back. Pure.

draw      Dr credit_line   Cr credit_line_contra     when a loan is booked (it takes the hold of the order)
restore   Dr credit_line_contra   Cr credit_line     when principal is repaid or refunded
"""

from __future__ import annotations

from typing import Final
from uuid import UUID

from yuefu.ledger.rules import AccountKey, Line
from yuefu.money.amounts import Money

CREDIT_LINE: Final = "credit_line"


def line_key(credit_account_id: UUID) -> AccountKey:
    """The limited account of a credit account."""
    return AccountKey(CREDIT_LINE, credit_account_id)


def draw_lines(
    credit_account_id: UUID,
    amount: Money,
    *,
    order_id: UUID | None = None,
    loan_id: UUID | None = None,
    merchant_id: UUID | None = None,
    funder_id: UUID | None = None,
) -> tuple[Line, Line]:
    """`amount` (positive) of the limit is taken."""
    assert amount.minor > 0, "a draw takes something"
    return _pair(credit_account_id, amount, order_id, loan_id, merchant_id, funder_id)


def restore_lines(
    credit_account_id: UUID,
    amount: Money,
    *,
    order_id: UUID | None = None,
    loan_id: UUID | None = None,
    merchant_id: UUID | None = None,
    funder_id: UUID | None = None,
) -> tuple[Line, Line]:
    """`amount` (positive) of the limit is free again."""
    assert amount.minor > 0, "a restoration gives something back"
    return _pair(credit_account_id, -amount, order_id, loan_id, merchant_id, funder_id)


def _pair(
    owner: UUID, debit: Money, order_id: UUID | None, loan_id: UUID | None, merchant_id: UUID | None, funder_id: UUID | None
) -> tuple[Line, Line]:
    return (
        Line(line_key(owner), debit, order_id, loan_id, merchant_id, funder_id),
        Line(AccountKey("credit_line_contra"), -debit, order_id, loan_id, merchant_id, funder_id),
    )
