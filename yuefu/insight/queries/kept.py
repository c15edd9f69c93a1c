"""Reports as they were given out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from yuefu.insight.rules.clearing import Kind, Report
from yuefu.runtime import jsontext, sql


@dataclass(frozen=True, slots=True)
class Kept:
    """A report with the hash of its text, and when it was given out, by whom."""

    id: UUID
    kind: Kind
    since: date
    until: date
    sha256: str
    made_at: datetime
    made_by: str


_KEPT = "SELECT id, kind, since, until, sha256, made_at, made_by FROM insight_report"


def kept(*, book_id: UUID, kind: Kind, since: date) -> tuple[Kept, Report] | None:
    """The report of the day or month that begins on a day, as it was given out."""
    for *head, content in sql.rows(
        f"{_KEPT.replace(' FROM', ', content FROM')} WHERE book_id = %s AND kind = %s AND since = %s", [book_id, kind, since]
    ):
        report: Report = jsontext.read(Report, content)
        return Kept(*head), report
    return None


def kept_reports(*, book_id: UUID, kind: Kind, before: date | None = None, limit: int) -> list[Kept]:
    """What was given out of a kind, the latest first."""
    return sql.rows_as(
        Kept,
        f"{_KEPT} WHERE book_id = %s AND kind = %s AND (%s::date IS NULL OR since < %s) ORDER BY since DESC LIMIT %s",
        [book_id, kind, before, before, limit],
    )


def reports_between(*, book_id: UUID, since: date, until: date) -> list[Report]:
    """The reports of the days between two, the oldest first."""
    found = sql.rows(
        "SELECT content FROM insight_report WHERE book_id = %s AND kind = 'day' AND since BETWEEN %s AND %s ORDER BY since",
        [book_id, since, until],
    )
    return [jsontext.read(Report, content) for (content,) in found]


def how_many_between(*, book_id: UUID, since: date, until: date) -> int:
    """How many days between two have a report."""
    found: int = sql.value(
        "SELECT count(*) FROM insight_report WHERE book_id = %s AND kind = 'day' AND since BETWEEN %s AND %s", [book_id, since, until]
    )
    return found


def latest_end(*, book_id: UUID, kind: Kind) -> date | None:
    """The last day that is in a report of a kind."""
    until: date | None = sql.value("SELECT max(until) FROM insight_report WHERE book_id = %s AND kind = %s", [book_id, kind])
    return until


def days_to_report(*, book_id: UUID, since: date, limit: int) -> Sequence[date]:
    """Closed days from `since` on without a report, the oldest first."""
    found = sql.rows(
        "SELECT d.on_date FROM runtime_business_day d WHERE d.book_id = %s AND d.state = 'closed' AND d.on_date >= %s"
        " AND NOT EXISTS (SELECT FROM insight_report r WHERE r.book_id = d.book_id AND r.kind = 'day' AND r.since = d.on_date)"
        " ORDER BY d.on_date LIMIT %s",
        [book_id, since, limit],
    )
    return [row[0] for row in found]
