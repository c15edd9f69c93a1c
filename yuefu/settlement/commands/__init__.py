"""Writes of settlement: accrue what is earned, build batches of what is due, follow the payouts; freezes and clearing by hand."""

from yuefu.settlement.commands.accrual import CaptureAccrual, RefundAccrual, accrue
from yuefu.settlement.commands.adjusting import ADJUST, NewAdjustment, content_of, decide_adjustment, propose_adjustment
from yuefu.settlement.commands.batches import build
from yuefu.settlement.commands.clearing import CLEAR, Clearing, decide_clearing, propose_clearing
from yuefu.settlement.commands.evidence import NewEvidence, Proven, record_evidence
from yuefu.settlement.commands.following import mark_payouts, mark_reconciled, schedule
from yuefu.settlement.commands.freezes import (
    FREEZE,
    UNFREEZE,
    NewFreeze,
    decide_freeze,
    decide_unfreeze,
    keep_what_is_there,
    propose_freeze,
    propose_unfreeze,
)
from yuefu.settlement.commands.opening import Owed, bring_in
from yuefu.settlement.commands.parts import Collected, settle_parts
from yuefu.settlement.commands.share_batches import PAY, SharePayment, build_shares, decide_share_payment, propose_share_payments
from yuefu.settlement.commands.shares import claw_back

__all__ = [
    "ADJUST",
    "CLEAR",
    "FREEZE",
    "PAY",
    "UNFREEZE",
    "CaptureAccrual",
    "Clearing",
    "Collected",
    "NewAdjustment",
    "NewEvidence",
    "NewFreeze",
    "Owed",
    "Proven",
    "RefundAccrual",
    "SharePayment",
    "accrue",
    "bring_in",
    "build",
    "build_shares",
    "claw_back",
    "content_of",
    "decide_adjustment",
    "decide_clearing",
    "decide_freeze",
    "decide_share_payment",
    "decide_unfreeze",
    "keep_what_is_there",
    "mark_payouts",
    "mark_reconciled",
    "propose_adjustment",
    "propose_clearing",
    "propose_freeze",
    "propose_share_payments",
    "propose_unfreeze",
    "record_evidence",
    "schedule",
    "settle_parts",
]
