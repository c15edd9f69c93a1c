"""Writes of settlement: accrue what is earned, build batches of what is due, follow the payouts; freezes and clearing by hand."""

from yuefu.settlement.commands.accrual import CaptureAccrual, RefundAccrual, accrue
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

__all__ = [
    "CLEAR",
    "FREEZE",
    "UNFREEZE",
    "CaptureAccrual",
    "Clearing",
    "NewEvidence",
    "NewFreeze",
    "Proven",
    "RefundAccrual",
    "accrue",
    "build",
    "decide_clearing",
    "decide_freeze",
    "decide_unfreeze",
    "keep_what_is_there",
    "mark_payouts",
    "mark_reconciled",
    "propose_clearing",
    "propose_freeze",
    "propose_unfreeze",
    "record_evidence",
    "schedule",
]
