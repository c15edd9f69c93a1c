"""Reads of reconciliation, set-based. Values, never rows of the tables."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from yuefu.ledger import queries as ledger
from yuefu.money.amounts import Money
from yuefu.payments import queries as payments
from yuefu.payments.entries import COMPONENTS
from yuefu.payments.rules import CHANNEL, CLIENT, OPERATING, MoneyAccount
from yuefu.reconciliation.rules.bills import BillLine
from yuefu.reconciliation.rules.matching import SOURCES, Key, Movement, OpenItem, Outcome, Seen
from yuefu.reconciliation.rules.naming import GivenBack, refunds_named
from yuefu.runtime import sql

MONEY_ACCOUNT: Final = {"channel_fund": CHANNEL, "bank": OPERATING, "bank_client": CLIENT}
"""The account of money, by its code, whose lines a source shows."""


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
_LINE = (
    "l.line_no, l.kind, l.reference, l.provider_id, l.business_id, l.occurred_at, l.on_date, l.amount_minor, l.fee_minor, l.status,"
    " l.balance_minor, l.currency"
)
_LINE_WIDTH = 12


def _line(*row: Any) -> BillLine:
    line_no, kind, reference, provider, business, at, on, amount, fee, status, balance, currency = row
    left = None if balance is None else Money(balance, currency)
    # A bill's time is local to the channel and has no zone; it is kept as if in UTC and given back as it came.
    naive = at.replace(tzinfo=None)
    return BillLine(line_no, kind, reference, provider, business, naive, on, Money(amount, currency), Money(fee, currency), status, left)


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


def payouts_of_klarna(*, book_id: UUID, named: Sequence[tuple[str, str]]) -> dict[tuple[str, str], tuple[int, bool]]:
    """What lines of earlier files make of some payouts, by source and payout, in minor units, and whether these are their totals."""
    wanting = [one for one in named if one[1]]
    if not wanting:
        return {}
    wanted, params = sql.unnest({"source": "text", "payout": "text"}, wanting)
    found = sql.rows(
        "SELECT l.source, l.business_id, sum(l.amount_minor)::bigint, bool_or(l.reference = l.business_id) FROM reconciliation_line AS l"
        f" JOIN reconciliation_file AS f ON f.id = l.file_id AND f.book_id = l.book_id AND f.layout LIKE 'klarna.%%' JOIN {wanted} AS w ON w.source = l.source"
        " AND w.payout = l.business_id WHERE l.book_id = %s AND l.kind NOT IN ('withdrawal', 'debt') GROUP BY 1, 2",
        [*params, book_id],
    )
    return {(source, payout): (minor, totals) for source, payout, minor, totals in found}


def content(*, file_id: UUID) -> bytes | None:
    """The bytes of a file as they are kept: gzip; of all days that it is of."""
    found: bytes | None = sql.value(
        "SELECT coalesce(f.content, w.content) FROM reconciliation_file AS f LEFT JOIN reconciliation_file AS w ON w.id = f.whole_id"
        " WHERE f.id = %s",
        [file_id],
    )
    return found


def lines_of_file(*, file_id: UUID) -> list[BillLine]:
    """The lines of a file in its order."""
    return sql.rows_as(_line, f"SELECT {_LINE} FROM reconciliation_line AS l WHERE l.file_id = %s ORDER BY l.line_no", [file_id])


def lines_told(*, book_id: UUID, file_id: UUID) -> list[BillLine]:
    """The lines of a file, what went back under the reference of our refund also where the channel has that of its payment."""
    lines = lines_of_file(file_id=file_id)
    paid = sorted({line.reference for line in lines if line.kind == "refund" and line.reference})
    known = payments.refunds_of_payments(book_id=book_id, references=paid)
    given_back = [GivenBack(one.reference, one.original_reference, one.amount.minor, (one.amount - one.fee).minor) for one in known]
    return refunds_named(lines, given_back) if given_back else lines


def lines_of_files(*, file_ids: Sequence[UUID]) -> dict[UUID, list[BillLine]]:
    """The lines of some files, each in its order."""
    if not file_ids:
        return {}
    by_file: dict[UUID, list[BillLine]] = defaultdict(list)
    for file_id, *row in sql.rows(
        f"SELECT l.file_id, {_LINE} FROM reconciliation_line AS l WHERE l.file_id = ANY(%s) ORDER BY l.file_id, l.line_no", [list(file_ids)]
    ):
        by_file[file_id].append(_line(*row))
    return dict(by_file)


def movements(*, book_id: UUID, source: str, on: date) -> list[Movement]:
    """What we recorded on a business day and the bills of a source should show."""
    if source == "channel_trade":
        trades = payments.trade_movements(book_id=book_id, on=on)
        return [Movement(t.id, t.reference, t.kind, t.amount, t.status, t.on) for t in trades]
    return _shown(payments.money_accounts(book_id=book_id)[MONEY_ACCOUNT[source]], book_id, on)


def _shown(account: MoneyAccount, book_id: UUID, on: date) -> list[Movement]:
    # Several lines of one entry differ in kind (payment, fee), so the entry's id and the kind name a movement.
    found = ledger.movements(book_id, COMPONENTS[account.kind, account.purpose], on, owner_id=account.id)
    return [Movement(m.entry_id, m.reference, m.movement or "other", m.amount, "", m.on) for m in found]


def open_items(*, book_id: UUID, source: str, before: date) -> list[OpenItem]:
    """The halves of breaks of earlier days that wait for the other half: of open ones, and of those that were corrected by a repayment posted late,
    whose movement is still to come.
    """
    found = sql.rows(
        "WITH waiting AS (SELECT id, item_id, cls, EXISTS (SELECT 1 FROM reconciliation_fix AS f WHERE f.break_id = b.id"
        " AND f.kind = 'chase_provider' AND f.state = 'done') OR (b.kind = 'refund' AND EXISTS (SELECT 1 FROM reconciliation_break AS o"
        " JOIN reconciliation_fix AS f ON f.break_id = o.id AND f.kind = 'send_refund_again' AND f.state = 'done' WHERE o.book_id = b.book_id"
        " AND o.source IN ('channel_trade', 'channel_fund') AND o.reference = b.reference)) AS awaited FROM reconciliation_break AS b"
        " WHERE b.book_id = %s AND b.source = %s AND b.state = 'open' AND b.cls IN ('missing_here', 'missing_there')"
        " UNION ALL SELECT b.id, b.item_id, b.cls, true FROM reconciliation_fix AS f JOIN reconciliation_break AS b ON b.fix_id = f.id"
        " WHERE f.book_id = %s AND f.kind = 'post_repayment' AND f.state = 'done' AND b.source = %s AND b.state <> 'open'"
        " AND b.resolved_by_item_id IS NULL AND b.cls = 'missing_here')"
        " SELECT i.id, i.on_date, b.cls, i.kind, i.reference, i.movement_id, i.movement_minor, i.movement_status, i.currency, b.awaited,"
        f" l.file_id, {_LINE} FROM waiting AS b JOIN reconciliation_item AS i ON i.id = b.item_id"
        " LEFT JOIN reconciliation_line AS l ON l.file_id = i.file_id AND l.line_no = i.line_no"
        " WHERE i.on_date < %s ORDER BY i.on_date, i.place",
        [book_id, source, book_id, source, before],
    )
    return [_open_item(*row) for row in found]


def _open_item(item_id: UUID, on: date, cls: str, kind: str, reference: str, movement_id: UUID | None, *rest: Any) -> OpenItem:
    minor, status, currency, awaited, file_id, *line = rest
    movement = None if movement_id is None else Movement(movement_id, reference, kind, Money(minor, currency), status, on)
    return OpenItem(item_id, on, Outcome(cls), _line(*line) if file_id else None, movement, awaited)


def seen(*, book_id: UUID, source: str, before: date, file_id: UUID) -> dict[Key, Seen]:
    """Lines of earlier days with a key or provider number of this file, except those still open as missing here."""
    found = sql.rows(
        "SELECT DISTINCT e.kind, e.reference, e.on_date, e.provider_id FROM reconciliation_line AS e"
        " JOIN reconciliation_line AS t ON t.file_id = %s AND (t.reference = e.reference AND t.kind = e.kind AND t.reference <> '')"
        " WHERE e.book_id = %s AND e.source = %s AND e.on_date < %s" + _NOT_OPEN + " UNION"
        " SELECT DISTINCT e.kind, e.reference, e.on_date, e.provider_id FROM reconciliation_line AS e"
        " JOIN reconciliation_line AS t ON t.file_id = %s AND t.provider_id = e.provider_id AND t.provider_id <> ''"
        " WHERE e.book_id = %s AND e.source = %s AND e.on_date < %s" + _NOT_OPEN + " ORDER BY 3, 4",
        [file_id, book_id, source, before] * 2,
    )
    by_key: dict[Key, Seen] = {}
    for kind, reference, on, provider in found:
        key = (kind, reference)
        # A number of the channel counts even where its line has no reference, or shares one: under a key that no reference can have.
        by_key[key if reference and key not in by_key else (kind, f"\0{provider}")] = Seen(on, provider)
    return by_key


_NOT_OPEN = (
    " AND NOT EXISTS (SELECT 1 FROM reconciliation_item AS i JOIN reconciliation_break AS b ON b.item_id = i.id"
    " WHERE i.file_id = e.file_id AND i.line_no = e.line_no AND b.state = 'open' AND b.cls = 'missing_here')"
)


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
