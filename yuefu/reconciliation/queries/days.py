"""Days and their files: what was received, what became of it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from yuefu.money.amounts import Money
from yuefu.payments import queries as payments
from yuefu.reconciliation.queries.asked import movements
from yuefu.reconciliation.rules.matching import SOURCES, Key
from yuefu.reconciliation.rules.settlements import Part
from yuefu.runtime import sql


@dataclass(frozen=True, slots=True)
class BillFile:
    """A bill that was received: of one day. `whole_id` is the file that keeps the bytes of one that is of several days, where it is not this one."""

    id: UUID
    source: str
    on: date
    sha256: str
    layout: str
    account: str
    currency: str
    line_count: int
    totals: Mapping[str, int]
    received_at: datetime
    whole_id: UUID | None


@dataclass(frozen=True, slots=True)
class DayBridge:
    """A source and day: bill_total = ledger_total + Σ differences + residual. Figures are None until it ran."""

    source: str
    on: date
    state: str
    bill_total: Money | None
    ledger_total: Money | None
    differences: Mapping[str, int]
    residual: Money | None
    line_count: int
    movement_count: int


@dataclass(frozen=True, slots=True)
class SeenLine:
    """A bill line by its reference, with the outcome of its item once the day ran."""

    source: str
    on: date
    line_no: int
    kind: str
    reference: str
    provider_id: str
    occurred_at: datetime
    amount: Money
    fee: Money
    status: str
    outcome: str | None


_FILE = "SELECT id, source, on_date, sha256, layout, account, currency, line_count, totals, received_at, whole_id FROM reconciliation_file"


def files_of_days(*, book_id: UUID, days: Sequence[tuple[str, date]]) -> dict[tuple[str, date], BillFile]:
    """Files by source and day."""
    found = sql.rows_as(BillFile, _FILE + " WHERE book_id = %s AND on_date = ANY(%s)", [book_id, [on for _, on in days]])
    wanted = set(days)
    return {(file.source, file.on): file for file in found if (file.source, file.on) in wanted}


def files_of_contents(*, book_id: UUID, contents: Sequence[tuple[str, str]]) -> dict[tuple[str, str], list[BillFile]]:
    """Files with lines by source and SHA-256: one of several days is several, in order."""
    if not contents:
        return {}
    found = sql.rows_as(
        BillFile,
        _FILE + " WHERE book_id = %s AND sha256 = ANY(%s) AND (line_count > 0 OR whole_id IS NOT NULL) ORDER BY on_date",
        [book_id, sorted({sha256 for _, sha256 in contents})],
    )
    by_content: dict[tuple[str, str], list[BillFile]] = defaultdict(list)
    for file in found:
        by_content[file.source, file.sha256].append(file)
    return dict(by_content)


def numbers_received(*, book_id: UUID, numbers: Sequence[tuple[str, str]]) -> set[tuple[str, str]]:
    """Which of some numbers of a channel, by source, lines of earlier files have."""
    if not numbers:
        return set()
    wanted, params = sql.unnest({"source": "text", "number": "text"}, numbers)
    found = sql.rows(
        f"SELECT DISTINCT w.source, w.number FROM {wanted} AS w JOIN reconciliation_line AS l ON l.source = w.source"
        " AND l.provider_id = w.number WHERE l.book_id = %s",
        [*params, book_id],
    )
    return {(source, number) for source, number in found}


def payouts_of_klarna(*, book_id: UUID, named: Sequence[tuple[str, str]]) -> dict[tuple[str, str], dict[Part, int]]:
    """The parts of some payouts, by source and payout, that lines of earlier files have, each once however often it was told, in minor units."""
    wanting = [one for one in named if one[1]]
    if not wanting:
        return {}
    wanted, params = sql.unnest({"source": "text", "payout": "text"}, wanting)
    found = sql.rows(
        "SELECT DISTINCT l.source, l.business_id, l.kind, l.reference, l.provider_id, l.occurred_at, l.amount_minor,"
        " CASE WHEN l.reference = '' AND l.provider_id = '' THEN l.file_id || '/' || l.line_no ELSE '' END FROM reconciliation_line AS l"
        f" JOIN reconciliation_file AS f ON f.id = l.file_id AND f.book_id = l.book_id AND f.layout LIKE 'klarna.%%' JOIN {wanted} AS w ON w.source = l.source"
        " AND w.payout = l.business_id WHERE l.book_id = %s AND l.kind NOT IN ('withdrawal', 'debt')",
        [*params, book_id],
    )
    by_payout: dict[tuple[str, str], dict[Part, int]] = defaultdict(dict)
    for source, payout, kind, reference, number, at, minor, alone in found:
        by_payout[source, payout][kind, reference, number, at.replace(tzinfo=None), minor, alone] = minor
    return dict(by_payout)


def content(*, file_id: UUID) -> bytes | None:
    """The bytes of a file as they are kept: gzip; of all days that it is of."""
    found: bytes | None = sql.value(
        "SELECT coalesce(f.content, w.content) FROM reconciliation_file AS f LEFT JOIN reconciliation_file AS w ON w.id = f.whole_id"
        " WHERE f.id = %s",
        [file_id],
    )
    return found


def day_bridges(*, book_id: UUID, source: str | None = None, since: date | None = None, until: date | None = None) -> list[DayBridge]:
    """Every source and day, in order; with `since` and `until` only from the one to the other."""
    found = sql.rows(
        "SELECT d.source, d.on_date, d.state, d.bill_total_minor, d.ledger_total_minor, d.differences, d.residual_minor, d.line_count,"
        " d.movement_count, f.currency FROM reconciliation_day AS d JOIN reconciliation_file AS f ON f.id = d.file_id"
        " WHERE d.book_id = %s AND (%s::text IS NULL OR d.source = %s) AND (%s::date IS NULL OR d.on_date >= %s)"
        " AND (%s::date IS NULL OR d.on_date <= %s) ORDER BY d.on_date, d.source",
        [book_id, source, source, since, since, until, until],
    )
    return [_bridge(*row) for row in found]


def _bridge(*row: Any) -> DayBridge:
    source, on, state, bill, ours, differences, residual, lines, movements_, currency = row
    bill_total, ledger_total, rest = (None if minor is None else Money(minor, currency) for minor in (bill, ours, residual))
    return DayBridge(source, on, state, bill_total, ledger_total, differences, rest, lines, movements_)


def lines_of_references(*, book_id: UUID, references: Sequence[str]) -> dict[str, list[SeenLine]]:
    """Bill lines that carry our numbers, in the order of days and lines."""
    found = sql.rows(
        "SELECT l.source, l.on_date, l.line_no, l.kind, l.reference, l.provider_id, l.occurred_at, l.amount_minor, l.fee_minor, l.status,"
        " i.outcome, l.currency FROM reconciliation_line AS l"
        " LEFT JOIN reconciliation_item AS i ON i.file_id = l.file_id AND i.line_no = l.line_no"
        " WHERE l.book_id = %s AND l.source = ANY(%s) AND l.reference = ANY(%s) ORDER BY l.on_date, l.source, l.line_no",
        [book_id, list(SOURCES), list(references)],
    )
    by_reference: dict[str, list[SeenLine]] = defaultdict(list)
    for *head, at, amount, fee, status, outcome, currency in found:
        line = SeenLine(*[*head, at.replace(tzinfo=None), Money(amount, currency), Money(fee, currency), status, outcome])
        by_reference[line.reference].append(line)
    return dict(by_reference)


def lines_of_orders(
    *, book_id: UUID, order_ids: Sequence[UUID], also: Mapping[UUID, Sequence[str]] | None = None
) -> dict[UUID, list[SeenLine]]:
    """Bill lines of the collections and refunds of orders, and of the references in `also` (the payouts of their settlement)."""
    wanted: dict[UUID, set[str]] = {order: set(references) for order, references in (also or {}).items()}
    for order, paid in payments.of_orders(order_ids=order_ids).items():
        numbers = [c.reference for c in paid.collections] + [r.reference for r in paid.refunds]
        wanted.setdefault(order, set()).update(numbers)
    found = lines_of_references(book_id=book_id, references=sorted(set().union(*wanted.values())) if wanted else [])
    return {
        order: sorted((line for r in references for line in found.get(r, ())), key=lambda x: (x.on, x.source, x.line_no))
        for order, references in wanted.items()
    }


def unclassified(*, book_id: UUID, through: date) -> tuple[int, int]:
    """How many bill lines, and how many movements since the first day with a file, up to a day are in no item.

    Both are 0 once every source of every day is done.
    """
    lines: int = sql.value(
        "SELECT count(*) FROM reconciliation_line AS l WHERE l.book_id = %s AND l.on_date <= %s AND NOT EXISTS"
        " (SELECT 1 FROM reconciliation_item AS i WHERE i.file_id = l.file_id AND i.line_no = l.line_no)",
        [book_id, through],
    )
    first = min((day.on for day in day_bridges(book_id=book_id) if day.on <= through), default=through)
    waiting = 0
    for n in range((through - first).days + 1):
        on = first + timedelta(days=n)
        for source in SOURCES:
            recorded = Counter((m.movement_id, m.kind) for m in movements(book_id=book_id, source=source, on=on))
            waiting += (recorded - _classified(book_id, source, on)).total()
    return lines, waiting


def _classified(book_id: UUID, source: str, on: date) -> Counter[tuple[UUID, str]]:
    """The movements of a day that are in an item of it, by id and kind."""
    found = sql.rows(
        "SELECT movement_id, kind FROM reconciliation_item WHERE book_id = %s AND source = %s AND on_date = %s AND movement_id IS NOT NULL",
        [book_id, source, on],
    )
    return Counter((movement, kind) for movement, kind in found)


def matched_references(*, book_id: UUID, source: str, on: date, kind: str) -> list[str]:
    """References of one kind that a day's bill shows exactly as they were booked, on that day or on another."""
    found = sql.rows(
        "SELECT reference FROM reconciliation_item WHERE book_id = %s AND source = %s AND on_date = %s AND kind = %s"
        " AND outcome IN ('matched', 'other_day')",
        [book_id, source, on, kind],
    )
    return [row[0] for row in found]


def days_to_run(*, book_id: UUID, before: date) -> list[tuple[date, str]]:
    """The days before one, and sources, that have their file and are not reconciled, the oldest first."""
    query = "SELECT on_date, source FROM reconciliation_day WHERE book_id = %s AND state <> 'done' AND on_date < %s ORDER BY 1, 2"
    return sql.rows(query, [book_id, before])


def days_done(*, book_id: UUID) -> set[tuple[str, date]]:
    """The sources and days that are reconciled."""
    found = sql.rows("SELECT source, on_date FROM reconciliation_day WHERE book_id = %s AND state = 'done'", [book_id])
    return {(source, on) for source, on in found}


def classified(*, book_id: UUID, movement_ids: Sequence[UUID]) -> set[tuple[str, UUID]]:
    """Which of our movements are in an item, by source."""
    found = sql.rows(
        "SELECT DISTINCT source, movement_id FROM reconciliation_item WHERE book_id = %s AND movement_id = ANY(%s)",
        [book_id, list(movement_ids)],
    )
    return {(source, movement) for source, movement in found}


def classified_keys(*, book_id: UUID) -> dict[str, set[Key]]:
    """(kind, reference) of all our movements that are in an item, by source."""
    by_source: dict[str, set[Key]] = {source: set() for source in SOURCES}
    for source, kind, reference in sql.rows(
        "SELECT source, kind, reference FROM reconciliation_item WHERE book_id = %s AND movement_id IS NOT NULL", [book_id]
    ):
        by_source[source].add((kind, reference))
    return by_source


def latest_bridges(*, book_id: UUID) -> list[DayBridge]:
    """The latest day of each source that has a file, in the order of sources."""
    found = sql.rows(
        "SELECT DISTINCT ON (d.source) d.source, d.on_date, d.state, d.bill_total_minor, d.ledger_total_minor, d.differences,"
        " d.residual_minor, d.line_count, d.movement_count, f.currency FROM reconciliation_day AS d"
        " JOIN reconciliation_file AS f ON f.id = d.file_id WHERE d.book_id = %s ORDER BY d.source, d.on_date DESC",
        [book_id],
    )
    return sorted((_bridge(*row) for row in found), key=lambda bridge: SOURCES.index(bridge.source))
