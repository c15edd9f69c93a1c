"""Giving out reports."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from typing import Final

from yuefu.insight.rules.clearing import Report
from yuefu.runtime import audit, jsontext, sql
from yuefu.runtime.values import UnitOfWork

_REPORT: Final = {
    "id": "uuid",
    "book_id": "uuid",
    "kind": "text",
    "since": "date",
    "until": "date",
    "content": "text",
    "sha256": "text",
    "made_at": "timestamptz",
    "made_by": "text",
}


def keep(*, work: UnitOfWork, reports: Sequence[Report]) -> int:
    """Keeps reports as they are; one that was given out before stays as it was. Returns how many are new."""
    texts = [jsontext.dumps(report) for report in reports]
    values = [
        (
            *(work.ids.new(work.now), work.book.id, report.kind, report.since, report.until),
            *(text, sha256(text.encode()).hexdigest(), work.now, work.by.label),
        )
        for report, text in zip(reports, texts, strict=True)
    ]
    new = sql.insert("insight_report", _REPORT, values, suffix="ON CONFLICT (book_id, kind, since) DO NOTHING")
    audit.record(
        work=work,
        action="report.keep",
        object_kind="report",
        object_ids=[value[0] for value in values],
        detail={"reports": [f"{report.kind} {report.since}" for report in reports]},
    )
    return new
