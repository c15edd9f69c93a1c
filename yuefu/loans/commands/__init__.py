"""Writes of loans, over many."""

from yuefu.loans.commands.applying import ALREADY_APPLIED, Applied, GoodsRefund, Repayment
from yuefu.loans.commands.booking import Acceptance, Booked, NewLoan
from yuefu.loans.commands.by_version import apply_refunds, apply_repayments, book_loans, reverse_repayments
from yuefu.loans.commands.charging_back import ChargeBack, OwedAgain, charge_back
from yuefu.loans.commands.day import accrue_interest, fall_due, mark_arrears
from yuefu.loans.commands.moving_in import Import, Newcomer, move_in
from yuefu.loans.commands.moving_in import begin as begin_import
from yuefu.loans.commands.pausing import Pause, pause
from yuefu.loans.commands.rebuilding import Rebuilt, rebuild_loans
from yuefu.loans.commands.reversing import Reversal, Reversed
from yuefu.loans.commands.serving import release_credit

__all__ = [
    "ALREADY_APPLIED",
    "Acceptance",
    "Applied",
    "Booked",
    "ChargeBack",
    "GoodsRefund",
    "Import",
    "NewLoan",
    "Newcomer",
    "OwedAgain",
    "Pause",
    "Rebuilt",
    "Repayment",
    "Reversal",
    "Reversed",
    "accrue_interest",
    "apply_refunds",
    "apply_repayments",
    "begin_import",
    "book_loans",
    "charge_back",
    "fall_due",
    "mark_arrears",
    "move_in",
    "pause",
    "rebuild_loans",
    "release_credit",
    "reverse_repayments",
]
