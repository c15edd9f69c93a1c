"""Writes of reconciliation: receive files, reconcile a day of a source, work on breaks."""

from yuefu.reconciliation.commands.breaks import Assignment, Ending, assign_breaks, resolve_breaks
from yuefu.reconciliation.commands.days import DayOutcome, fail_day, reconcile_day
from yuefu.reconciliation.commands.files import FileIn, Received, receive_files

__all__ = [
    "Assignment",
    "DayOutcome",
    "Ending",
    "FileIn",
    "Received",
    "assign_breaks",
    "fail_day",
    "receive_files",
    "reconcile_day",
    "resolve_breaks",
]
