"""Loans of both rule versions by one name: each is dealt with by the commands of its own, in the order in which they were asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar
from uuid import UUID

from yuefu.errors import Refused
from yuefu.loans.commands import applying, booking, lending, reversing, serving
from yuefu.loans.commands.applying import Applied, GoodsRefund, Repayment
from yuefu.loans.commands.booking import NewLoan
from yuefu.loans.commands.reversing import Reversal, Reversed
from yuefu.loans.queries import served
from yuefu.plans.terms import LIVED
from yuefu.runtime.values import UnitOfWork

R = TypeVar("R")
O = TypeVar("O")


def book_loans(*, work: UnitOfWork, loans: Sequence[NewLoan]) -> None:
    """Books loans and posts them, each taking its order's hold. The caller has locked and checked the orders, so none is refused."""
    booking.book_loans(work=work, loans=[new for new in loans if new.terms.rule_version != LIVED])
    lending.book(work=work, loans=[new for new in loans if new.terms.rule_version == LIVED])


def apply_repayments(*, work: UnitOfWork, repayments: Sequence[Repayment]) -> list[Applied | Refused]:
    """Applies received repayments to what is due, each seeing those before it.

    One outcome a repayment, in order. What exceeds everything due is owed back to the consumer. Refused with unknown_loan,
    already_applied, before_disbursement or future_dated. Posts one entry each.
    """
    return _each(
        repayments,
        served.which([repayment.loan_id for repayment in repayments]),
        lambda asked: applying.apply_repayments(work=work, repayments=asked),
        lambda asked: serving.apply(work=work, kind="repaid", requests=asked),
    )


def apply_refunds(*, work: UnitOfWork, refunds: Sequence[GoodsRefund]) -> list[Applied | Refused]:
    """Credits goods refunds to their loans: what is due first, then the principal ahead, whose instalments are computed anew."""
    return _each(
        refunds,
        served.which([refund.loan_id for refund in refunds]),
        lambda asked: applying.apply_refunds(work=work, refunds=asked),
        lambda asked: serving.apply(work=work, kind="refunded", requests=asked),
    )


def _each(
    asked: Sequence[R], lived: Sequence[bool], of_first: Callable[[Sequence[R]], list[O]], of_second: Callable[[Sequence[R]], list[O]]
) -> list[O]:
    """Outcomes in the order of what was asked, by two ways to deal with it."""
    if not any(lived):
        return of_first(asked)
    if all(lived):
        return of_second(asked)
    first = iter(of_first([one for one, other in zip(asked, lived, strict=True) if not other]))
    second = iter(of_second([one for one, other in zip(asked, lived, strict=True) if other]))
    return [next(second) if other else next(first) for other in lived]


def reverse_repayments(
    *, work: UnitOfWork, reversals: Sequence[Reversal], given_back: Mapping[UUID, int] | None = None
) -> list[Reversed | Refused]:
    """Makes each loan what it would be had the repayment never been, each reversal seeing those before it; posts one entry each.

    `given_back` is what of each loan went back to its consumer or is on its way, in minor units; what a reversal owes back is taken to go
    as well. One outcome a reversal, in order. Refused with unknown_repayment or already_reversed; with excess_gone where a loan would pay
    with money that is given back; with the ledger's limit_exceeded or account_closed where the credit line cannot take what is owed again.
    Whether money of the very collection was given back is for the caller.
    """
    lived = served.which_applied([reversal.source_id for reversal in reversals])
    return _each(
        reversals,
        lived,
        lambda asked: reversing.reverse_repayments(work=work, reversals=asked, given_back=given_back),
        lambda asked: serving.reverse(work=work, reversals=asked),
    )
