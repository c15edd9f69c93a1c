"""Reads of what reports are made of, over the tables of any package, and of the reports that were given out."""

from yuefu.insight.queries.figures import BackDated, Coming, back_dated, coming, facts, moved, sold, sold_by_month
from yuefu.insight.queries.flows import entries_of, flows
from yuefu.insight.queries.kept import Kept, days_to_report, how_many_between, kept, kept_reports, latest_end, reports_between

__all__ = [
    "BackDated",
    "Coming",
    "Kept",
    "back_dated",
    "coming",
    "days_to_report",
    "entries_of",
    "facts",
    "flows",
    "how_many_between",
    "kept",
    "kept_reports",
    "latest_end",
    "moved",
    "reports_between",
    "sold",
    "sold_by_month",
]
