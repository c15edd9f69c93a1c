"""Writes of loans, over many."""

from yuefu.loans.commands.applying import ALREADY_APPLIED, Applied, GoodsRefund, Repayment
from yuefu.loans.commands.booking import Acceptance, Booked, NewLoan
from yuefu.loans.commands.by_version import apply_refunds, apply_repayments, book_loans, reverse_repayments
from yuefu.loans.commands.day import accrue_interest, fall_due, mark_arrears
from yuefu.loans.commands.rebuilding import Rebuilt, rebuild_loans
from yuefu.loans.commands.reversing import Reversal, Reversed

__all__ = [
    "ALREADY_APPLIED",
    "Acceptance",
    "Applied",
    "Booked",
    "GoodsRefund",
    "NewLoan",
    "Rebuilt",
    "Repayment",
    "Reversal",
    "Reversed",
    "accrue_interest",
    "apply_refunds",
    "apply_repayments",
    "book_loans",
    "fall_due",
    "mark_arrears",
    "rebuild_loans",
    "reverse_repayments",
]
