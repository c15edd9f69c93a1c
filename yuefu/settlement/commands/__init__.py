"""Writes of settlement: accrue what is earned, settle what is due, follow the payouts."""

from yuefu.settlement.commands.accrual import CaptureAccrual, RefundAccrual, accrue
from yuefu.settlement.commands.batches import mark_payouts, mark_reconciled, schedule, settle

__all__ = ["CaptureAccrual", "RefundAccrual", "accrue", "mark_payouts", "mark_reconciled", "schedule", "settle"]
