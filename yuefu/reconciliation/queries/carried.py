"""What the statement of a day is made of: what both sides said of its breaks, and the balances that bills print."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from uuid import UUID

from yuefu.money.amounts import Money
from yuefu.reconciliation.queries.asked import LINE, line_of
from yuefu.reconciliation.queries.working import stood
from yuefu.reconciliation.rules.bills import BillLine
from yuefu.reconciliation.rules.breaks import Stood, by_then
from yuefu.reconciliation.rules.matching import Movement
from yuefu.reconciliation.rules.references import Told, Touch, halves, rewind
from yuefu.runtime import sql


@dataclass(frozen=True, slots=True)
class ToldOfBreaks:
    """What both sides said of breaks up to a day. The key is the id of the break: `ended` is how a person ended those of that day, `reopened` are
    those that had ended before and are told of again. A break that explained itself, by its other half, is not ended by a person.
    """

    said: list[Told]
    ended: dict[str, str]
    reopened: frozenset[str]


def told(*, book_id: UUID, source: str, on: date) -> ToldOfBreaks:
    """Of all breaks that were open at the beginning of a day or by its end, as they stood then: what became of one later says nothing of the day."""
    found = sql.rows(
        "SELECT b.id, i.kind, i.reference, i.on_date, i.line_minor, l.status, i.movement_minor, i.movement_status, i.currency,"
        " i.outcome = 'duplicate' FROM reconciliation_break AS b"
        " CROSS JOIN LATERAL (SELECT unnest(ARRAY[b.item_id, b.resolved_by_item_id]) AS id"
        "  UNION ALL SELECT c.id FROM reconciliation_item AS c WHERE c.break_id = b.id) AS half"
        " JOIN reconciliation_item AS i ON i.id = half.id"
        " LEFT JOIN reconciliation_line AS l ON l.file_id = i.file_id AND l.line_no = i.line_no"
        " WHERE b.book_id = %s AND b.source = %s AND b.opened_on <= %s AND (b.closed_on IS NULL OR b.closed_on >= %s) AND i.on_date <= %s"
        " ORDER BY b.id, i.on_date",
        [book_id, source, on, on, on],
    )
    histories = stood(book_id=book_id, break_ids=list({row[0] for row in found}))
    nothing: list[Stood] = []
    spans = {row[0]: _span(histories.get(row[0], nothing), on) for row in found}
    # A half of the day counts in its sums, also where its break had ended before and was open again when it came.
    of_day = {row[0] for row in found if row[3] == on}
    told_of = {i for i, (before, after) in spans.items() if _is_open(before) or _is_open(after) or i in of_day}
    ended = {
        str(i): after.state for i, (_, after) in spans.items() if i in told_of and after and not _is_open(after) and not after.by_itself
    }
    reopened = frozenset(str(i) for i, (before, _) in spans.items() if i in told_of and not _is_open(before))
    return ToldOfBreaks([one for row in found if row[0] in told_of for one in _told(row)], ended, reopened)


def _span(history: list[Stood], on: date) -> tuple[Stood | None, Stood | None]:
    return by_then(history, on - timedelta(days=1)), by_then(history, on)


def _is_open(stands: Stood | None) -> bool:
    return stands is None or stands.state == "open"


def _told(row: Any) -> list[Told]:
    break_id, kind, reference, on, line, line_status, movement, movement_status, currency, duplicate = row
    return halves(
        key=str(break_id),
        kind=kind,
        reference=reference,
        on=on,
        line=None if line is None else (Money(line, currency), line_status or ""),
        movement=None if movement is None else (Money(movement, currency), movement_status),
        duplicate=duplicate,
    )


@dataclass(frozen=True, slots=True)
class Balances:
    """What the lines of a day's bill say lay in the account: before the first, after the last; `before` after the last of an earlier day."""

    before: Money | None
    opening: Money
    closing: Money


def last_day(*, book_id: UUID) -> date | None:
    """The last day of which there is a file of any source."""
    found: date | None = sql.value("SELECT max(on_date) FROM reconciliation_day WHERE book_id = %s", [book_id])
    return found


def balances(*, book_id: UUID, source: str, on: date) -> Balances | None:
    """None where the day's bill has no lines, or its layout prints no balance."""
    found = sql.rows(
        "WITH f AS (SELECT id, on_date, currency FROM reconciliation_file WHERE book_id = %s AND source = %s AND on_date <= %s"
        " AND line_count > 0 ORDER BY on_date DESC LIMIT 2)"
        " SELECT f.on_date, f.currency, first.occurred_at, first.amount_minor, first.balance_minor, last.balance_minor FROM f"
        " CROSS JOIN LATERAL (SELECT occurred_at, amount_minor, balance_minor FROM reconciliation_line WHERE file_id = f.id"
        " ORDER BY line_no LIMIT 1) AS first CROSS JOIN LATERAL (SELECT balance_minor FROM reconciliation_line WHERE file_id = f.id"
        " ORDER BY line_no DESC LIMIT 1) AS last ORDER BY f.on_date DESC",
        [book_id, source, on],
    )
    if not found or found[0][0] != on or found[0][4] is None or found[0][5] is None:
        return None
    _, currency, at, amount, after_first, closing = found[0]
    first = Touch(source, at.replace(tzinfo=None), Money(amount, currency), Money(after_first, currency))
    midnight = datetime.combine(on, time()) - timedelta(microseconds=1)  # a line at midnight is of the day that begins
    opening = rewind({source: first.after}, [first], cutoff=midnight)[source]
    before = found[1][5] if len(found) > 1 else None
    return Balances(None if before is None else Money(before, currency), opening, Money(closing, currency))


def printed_balances(*, book_id: UUID, on: date) -> dict[str, Money]:
    """What lies in the accounts by the bills of a day, by source: also where nothing moved on it, then as the last line before it says."""
    found = sql.rows(
        "SELECT d.source, f.currency, last.balance_minor FROM reconciliation_file AS d CROSS JOIN LATERAL (SELECT id, currency"
        " FROM reconciliation_file WHERE book_id = d.book_id AND source = d.source AND on_date <= d.on_date AND line_count > 0"
        " ORDER BY on_date DESC LIMIT 1) AS f CROSS JOIN LATERAL (SELECT balance_minor FROM reconciliation_line WHERE file_id = f.id"
        " ORDER BY line_no DESC LIMIT 1) AS last WHERE d.book_id = %s AND d.on_date = %s AND last.balance_minor IS NOT NULL",
        [book_id, on],
    )
    return {source: Money(minor, currency) for source, currency, minor in found}


def open_halves(*, book_id: UUID, source: str, break_id: UUID, most: int) -> list[tuple[UUID, BillLine | Movement]]:
    """The halves of open breaks of a source that wait for another, each with its break: that of `break_id`, then the youngest, `most` in all."""
    found = sql.rows(
        "SELECT b.id, i.on_date, i.kind, i.reference, i.movement_id, i.movement_minor, i.movement_status, i.currency, l.file_id,"
        f" {LINE} FROM reconciliation_break AS b JOIN reconciliation_item AS i ON i.id = b.item_id"
        " LEFT JOIN reconciliation_line AS l ON l.file_id = i.file_id AND l.line_no = i.line_no"
        " WHERE b.book_id = %s AND b.source = %s AND b.state = 'open' AND b.cls IN ('missing_here', 'missing_there')"
        " ORDER BY b.id = %s DESC, i.on_date DESC, b.id LIMIT %s",
        [book_id, source, break_id, most],
    )
    return [_half(*row) for row in found]


def _half(break_id: UUID, on: date, kind: str, reference: str, movement_id: UUID | None, *rest: Any) -> tuple[UUID, BillLine | Movement]:
    minor, status, currency, file_id, *line = rest
    if file_id:
        return break_id, line_of(*line)
    assert movement_id is not None, "an item has a line or a movement"
    return break_id, Movement(movement_id, reference, kind, Money(minor, currency), status, on)
