"""Writes of settlement: accrue what is earned, build batches of what is due, follow the payouts; freezes and clearing by hand."""

from yuefu.settlement.commands.accrual import CaptureAccrual, RefundAccrual, accrue
from yuefu.settlement.commands.adjusting import ADJUST, NewAdjustment, content_of, decide_adjustment, propose_adjustment
from yuefu.settlement.commands.batches import build
from yuefu.settlement.commands.clearing import CLEAR, Clearing, clearing_content, decide_clearing, propose_clearing
from yuefu.settlement.commands.evidence import NewEvidence, Proven, record_evidence
from yuefu.settlement.commands.following import mark_payouts, mark_reconciled, schedule
from yuefu.settlement.commands.freezes import (
    FREEZE,
    UNFREEZE,
    NewFreeze,
    decide_freeze,
    decide_unfreeze,
    freeze_content,
    keep_what_is_there,
    propose_freeze,
    propose_unfreeze,
)
from yuefu.settlement.commands.opening import Owed, bring_in
from yuefu.settlement.commands.parts import Collected, settle_parts
from yuefu.settlement.commands.share_batches import PAY, SharePayment, build_shares, decide_share_payment, propose_share_payments
from yuefu.settlement.commands.share_payouts import (
    RELEASE,
    ShareRelease,
    decide_share_release,
    follow_payouts,
    mark_share_payouts,
    mark_shares_reconciled,
    propose_share_release,
    releasable,
)
from yuefu.settlement.commands.shares import claw_back, out_of_risk

__all__ = [
    "ADJUST",
    "CLEAR",
    "FREEZE",
    "PAY",
    "RELEASE",
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
    "ShareRelease",
    "accrue",
    "bring_in",
    "build",
    "build_shares",
    "claw_back",
    "clearing_content",
    "content_of",
    "decide_adjustment",
    "decide_clearing",
    "decide_freeze",
    "decide_share_payment",
    "decide_share_release",
    "decide_unfreeze",
    "follow_payouts",
    "freeze_content",
    "keep_what_is_there",
    "mark_payouts",
    "mark_reconciled",
    "mark_share_payouts",
    "mark_shares_reconciled",
    "out_of_risk",
    "propose_adjustment",
    "propose_clearing",
    "propose_freeze",
    "propose_share_payments",
    "propose_share_release",
    "propose_unfreeze",
    "record_evidence",
    "releasable",
    "schedule",
    "settle_parts",
]
