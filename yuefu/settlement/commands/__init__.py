"""Writes of settlement: accrue what is earned, build batches of what is due, follow the payouts."""

from yuefu.settlement.commands.accrual import CaptureAccrual, RefundAccrual, accrue
from yuefu.settlement.commands.batches import build, mark_payouts, mark_reconciled, schedule
from yuefu.settlement.commands.share_batches import PAY, SharePayment, build_shares, decide_share_payment, propose_share_payments
from yuefu.settlement.commands.shares import claw_back

__all__ = [
    "PAY",
    "CaptureAccrual",
    "RefundAccrual",
    "SharePayment",
    "accrue",
    "build",
    "build_shares",
    "claw_back",
    "decide_share_payment",
    "mark_payouts",
    "mark_reconciled",
    "propose_share_payments",
    "schedule",
]
