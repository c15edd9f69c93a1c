"""Writes of settlement: accrue what is earned, build batches of what is due, follow the payouts."""

from yuefu.settlement.commands.accrual import CaptureAccrual, RefundAccrual, accrue
from yuefu.settlement.commands.batches import build, mark_payouts, mark_reconciled, schedule
from yuefu.settlement.commands.opening import Owed, bring_in

__all__ = ["CaptureAccrual", "Owed", "RefundAccrual", "accrue", "bring_in", "build", "mark_payouts", "mark_reconciled", "schedule"]
