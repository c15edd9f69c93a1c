"""Writes of reconciliation: receive files, reconcile a day of a source, work on breaks and fix them."""

from yuefu.reconciliation.commands.breaks import (
    MOST_EVIDENCE,
    Assignment,
    Ending,
    Evidence,
    Note,
    assign_breaks,
    note_breaks,
    prove_breaks,
    resolve_breaks,
)
from yuefu.reconciliation.commands.days import DayOutcome, fail_day, reconcile_day
from yuefu.reconciliation.commands.endings import decide_ending, end_break
from yuefu.reconciliation.commands.files import FileIn, Received, receive_files
from yuefu.reconciliation.commands.fixes import FIX, NewFix, ask_fixes, decide_fix, finish_refund, finish_repayment
from yuefu.reconciliation.commands.levels import keep_levels

__all__ = [
    "FIX",
    "MOST_EVIDENCE",
    "Assignment",
    "DayOutcome",
    "Ending",
    "Evidence",
    "FileIn",
    "NewFix",
    "Note",
    "Received",
    "ask_fixes",
    "assign_breaks",
    "decide_ending",
    "decide_fix",
    "end_break",
    "fail_day",
    "finish_refund",
    "finish_repayment",
    "keep_levels",
    "note_breaks",
    "prove_breaks",
    "receive_files",
    "reconcile_day",
    "resolve_breaks",
]
