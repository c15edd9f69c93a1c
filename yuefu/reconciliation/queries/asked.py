"""What the day of a source is matched with: as values, and as queries whose rows are copied out where there are many."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Any, Final
from uuid import UUID

from yuefu.ledger import queries as ledger
from yuefu.money.amounts import Money
from yuefu.payments import queries as payments
from yuefu.payments.entries import COMPONENTS
from yuefu.payments.rules import CHANNEL, CLIENT, OPERATING
from yuefu.reconciliation.rules.bills import BillLine
from yuefu.reconciliation.rules.fixes import CORRECTION
from yuefu.reconciliation.rules.matching import Key, Movement, OpenItem, Outcome, Seen
from yuefu.reconciliation.rules.naming import GivenBack, refunds_named
from yuefu.runtime import sql

MONEY_ACCOUNT: Final = {"channel_fund": CHANNEL, "bank": OPERATING, "bank_client": CLIENT}
"""The account of money, by its code, whose lines a source shows."""

Asked = tuple[str, list[Any]]
"""A query and its parameters."""

LINE: Final = (
    "l.line_no, l.kind, l.reference, l.provider_id, l.business_id, l.occurred_at, l.on_date, l.amount_minor, l.fee_minor, l.status,"
    " l.balance_minor, l.currency"
)
"""Of a row of `reconciliation_line AS l`, what `line_of` takes."""


def line_of(*row: Any) -> BillLine:
    line_no, kind, reference, provider, business, at, on, amount, fee, status, balance, currency = row
    left = None if balance is None else Money(balance, currency)
    # A bill's time is local to the channel and has no zone; it is kept as if in UTC and given back as it came.
    naive = at.replace(tzinfo=None)
    return BillLine(line_no, kind, reference, provider, business, naive, on, Money(amount, currency), Money(fee, currency), status, left)


# ------------------------------------------------------------------------------------------------------------------------------- lines


def lines_of_file(*, file_id: UUID) -> list[BillLine]:
    """The lines of a file in its order."""
    return sql.rows_as(line_of, f"SELECT {LINE} FROM reconciliation_line AS l WHERE l.file_id = %s ORDER BY l.line_no", [file_id])


def lines_of_files(*, file_ids: Sequence[UUID]) -> dict[UUID, list[BillLine]]:
    """The lines of some files, each in its order."""
    if not file_ids:
        return {}
    by_file: dict[UUID, list[BillLine]] = defaultdict(list)
    for file_id, *row in sql.rows(
        f"SELECT l.file_id, {LINE} FROM reconciliation_line AS l WHERE l.file_id = ANY(%s) ORDER BY l.file_id, l.line_no", [list(file_ids)]
    ):
        by_file[file_id].append(line_of(*row))
    return dict(by_file)


def lines_told(*, book_id: UUID, source: str, on: date, file_id: UUID) -> list[BillLine]:
    """The lines of the file of a day, what went back under the reference of our refund also where the channel has that of its payment."""
    return _refunds_told(book_id, source, on, lines_of_file(file_id=file_id))


def references_told(*, book_id: UUID, source: str, on: date, file_id: UUID) -> dict[int, str]:
    """Of the lines that `lines_told` gives another reference than their file, that reference, by number. Only refunds are read."""
    query = (
        f"SELECT {LINE} FROM reconciliation_line AS l WHERE l.file_id = %s AND l.kind = 'refund' AND l.reference <> '' ORDER BY l.line_no"
    )
    given = sql.rows_as(line_of, query, [file_id])
    told = zip(given, _refunds_told(book_id, source, on, given), strict=True)
    return {line.line_no: ours.reference for line, ours in told if ours.reference != line.reference}


def _refunds_told(book_id: UUID, source: str, on: date, lines: list[BillLine]) -> list[BillLine]:
    """Told by the refunds that did not fail and have no line yet: first by those booked on the day, then by those booked before."""
    paid = sorted({line.reference for line in lines if line.kind == "refund" and line.reference})
    known = [one for one in payments.refunds_of_payments(book_id=book_id, references=paid) if one.state != "failed"]
    if not known:
        return lines
    shown = _refunds_shown(book_id, source, sorted({name for one in known for name in (one.reference, one.original_reference)}))
    left = sorted((one for one in known if one.reference not in shown), key=lambda one: _booked(one.posted_on, on))
    return refunds_named(
        lines, [GivenBack(one.reference, one.original_reference, one.amount.minor, (one.amount - one.fee).minor) for one in left]
    )


def _booked(posted_on: date | None, on: date) -> int:
    return 2 if posted_on is None or posted_on > on else int(posted_on < on)


def _refunds_shown(book_id: UUID, source: str, references: Sequence[str]) -> set[str]:
    """Under which references items have lines of what went back, of those that their bills call by some references."""
    found = sql.rows(
        "SELECT DISTINCT i.reference FROM reconciliation_line AS l JOIN reconciliation_item AS i ON i.file_id = l.file_id"
        " AND i.line_no = l.line_no WHERE l.book_id = %s AND l.source = %s AND l.kind = 'refund' AND l.reference = ANY(%s)",
        [book_id, source, list(references)],
    )
    return {row[0] for row in found}


def lines_asked(*, file_id: UUID, told: Mapping[int, str]) -> Asked:
    """line_no, kind, reference, amount_minor, status, provider_id; `told` gives lines another reference, by number."""
    return (
        "SELECT l.line_no, l.kind, nullif(coalesce(t.reference, l.reference), ''), l.amount_minor, l.status, nullif(l.provider_id, '')"
        " FROM reconciliation_line AS l LEFT JOIN unnest(%s::integer[], %s::text[]) AS t (line_no, reference) ON t.line_no = l.line_no"
        " WHERE l.file_id = %s",
        [list(told), list(told.values()), file_id],
    )


def lines_summed(*, file_id: UUID) -> dict[str, tuple[int, int]]:
    """How many lines a file has and what they come to, by currency."""
    query = "SELECT currency, count(*), sum(amount_minor)::bigint FROM reconciliation_line WHERE file_id = %s GROUP BY currency"
    return {currency: (count, minor) for currency, count, minor in sql.rows(query, [file_id])}


# --------------------------------------------------------------------------------------------------------------------------- movements


def movements(*, book_id: UUID, source: str, on: date, most: int | None = None) -> list[Movement]:
    """What we recorded on a business day and the bills of a source should show; with `most` only the first of it."""
    if source == "channel_trade":
        trades = payments.trade_movements(book_id=book_id, on=on, most=most)
        return [Movement(t.id, t.reference, t.kind, t.amount, t.status, t.on) for t in trades]
    account = payments.money_accounts(book_id=book_id)[MONEY_ACCOUNT[source]]
    # Several lines of one entry differ in kind (payment, fee), so the entry's id and the kind name a movement.
    found = ledger.movements(book_id, COMPONENTS[account.kind, account.purpose], on, owner_id=account.id, most=most)
    return [Movement(m.entry_id, m.reference, m.movement or "other", m.amount, "", m.on) for m in found]


def movements_asked(*, book_id: UUID, source: str, on: date, apart: Collection[str]) -> Asked:
    """place, kind, reference, amount_minor, status, movement_id of what `movements` are, but for those that correct breaks (`apart`)."""
    query, params = _recorded(book_id, source, on)
    return (
        "SELECT row_number() OVER (ORDER BY id, line_no) - 1, kind, nullif(reference, ''), amount_minor, status, id"
        f" FROM ({query}) AS m WHERE NOT (kind = '{CORRECTION}' AND reference = ANY(%s))"
    ), [*params, list(apart)]


def movements_summed(*, book_id: UUID, source: str, on: date) -> dict[str, tuple[int, int]]:
    """How many movements there are and what they come to, by currency."""
    query, params = _recorded(book_id, source, on)
    found = sql.rows(f"SELECT currency, count(*), sum(amount_minor)::bigint FROM ({query}) AS m GROUP BY currency", params)
    return {currency: (count, minor) for currency, count, minor in found}


def corrections(*, book_id: UUID, source: str, on: date) -> list[Movement]:
    """The movements of a day that say that they correct a break."""
    query, params = _recorded(book_id, source, on)
    found = sql.rows(
        f"SELECT id, reference, kind, amount_minor, currency, status FROM ({query}) AS m WHERE kind = %s ORDER BY id, line_no",
        [*params, CORRECTION],
    )
    return [Movement(i, reference, kind, Money(minor, currency), status, on) for i, reference, kind, minor, currency, status in found]


def _recorded(book_id: UUID, source: str, on: date) -> Asked:
    if source == "channel_trade":
        query, params = payments.trade_movements_asked(book_id=book_id, on=on)
        return f"SELECT id, kind, reference, amount_minor, status, currency, 0 AS line_no FROM ({query}) AS t", params
    account = payments.money_accounts(book_id=book_id)[MONEY_ACCOUNT[source]]
    query, params = ledger.movements_asked(book_id, COMPONENTS[account.kind, account.purpose], on, owner_id=account.id)
    kind = "coalesce(nullif(movement, ''), 'other') AS kind"
    return f"SELECT entry_id AS id, {kind}, reference, amount_minor, '' AS status, currency, line_no FROM ({query}) AS t", params


# ------------------------------------------------------------------------------------------------------------------------ earlier days


def open_items(*, book_id: UUID, source: str, before: date, most: int | None = None) -> list[OpenItem]:
    """The halves of breaks of earlier days that wait for the other half: of open ones, and of those that were corrected by a repayment posted late,
    whose movement is still to come. With `most` only the first of them.
    """
    query, params = _waiting(book_id, source, before)
    found = sql.rows(
        "SELECT i.id, i.on_date, b.cls, i.kind, i.reference, i.movement_id, i.movement_minor, i.movement_status, i.currency, b.awaited,"
        f" l.file_id, {LINE} {query} ORDER BY i.on_date, i.place LIMIT %s",
        [*params, most],
    )
    return [_open_item(*row) for row in found]


def open_items_asked(*, book_id: UUID, source: str, before: date, window_days: int) -> Asked:
    """no, kind, reference, amount_minor, status, provider_id, item_id, of_bill, in_window of what `open_items` are."""
    query, params = _waiting(book_id, source, before)

    def half(of_line: str, of_movement: str) -> str:
        return f"CASE WHEN b.cls = 'missing_here' THEN {of_line} ELSE {of_movement} END"

    kind, reference, amount = half("l.kind", "i.kind"), "i.reference", half("l.amount_minor", "i.movement_minor")
    status, number = half("l.status", "i.movement_status"), half("l.provider_id", "''")
    return (
        f"SELECT row_number() OVER (ORDER BY i.on_date, i.place) - 1, {kind}, nullif({reference}, ''), {amount}, {status}, nullif({number}, ''),"
        f" i.id, b.cls = 'missing_here', b.awaited OR i.on_date >= %s::date - %s::integer {query}"
    ), [before, window_days, *params]


def _waiting(book_id: UUID, source: str, before: date) -> Asked:
    return (
        "FROM (SELECT id, item_id, cls, EXISTS (SELECT 1 FROM reconciliation_fix AS f WHERE f.break_id = b.id"
        " AND f.kind = 'chase_provider' AND f.state = 'done') OR (b.kind = 'refund' AND EXISTS (SELECT 1 FROM reconciliation_break AS o"
        " JOIN reconciliation_fix AS f ON f.break_id = o.id AND f.kind = 'send_refund_again' AND f.state = 'done' WHERE o.book_id = b.book_id"
        " AND o.source IN ('channel_trade', 'channel_fund') AND o.reference = b.reference)) AS awaited FROM reconciliation_break AS b"
        " WHERE b.book_id = %s AND b.source = %s AND b.state = 'open' AND b.cls IN ('missing_here', 'missing_there')"
        " UNION ALL SELECT b.id, b.item_id, b.cls, true FROM reconciliation_fix AS f JOIN reconciliation_break AS b ON b.fix_id = f.id"
        " WHERE f.book_id = %s AND f.kind = 'post_repayment' AND f.state = 'done' AND b.source = %s AND b.state <> 'open'"
        " AND b.resolved_by_item_id IS NULL AND b.cls = 'missing_here') AS b JOIN reconciliation_item AS i ON i.id = b.item_id"
        " LEFT JOIN reconciliation_line AS l ON l.file_id = i.file_id AND l.line_no = i.line_no WHERE i.on_date < %s",
        [book_id, source, book_id, source, before],
    )


def _open_item(item_id: UUID, on: date, cls: str, kind: str, reference: str, movement_id: UUID | None, *rest: Any) -> OpenItem:
    minor, status, currency, awaited, file_id, *line = rest
    movement = None if movement_id is None else Movement(movement_id, reference, kind, Money(minor, currency), status, on)
    told = replace(line_of(*line), reference=reference) if file_id else None  # as on its own day: a refund may be called by its payment
    return OpenItem(item_id, on, Outcome(cls), told, movement, awaited)


def seen(*, book_id: UUID, source: str, before: date, file_id: UUID) -> dict[Key, Seen]:
    """Lines of earlier days with a key or provider number of this file, except those still open as missing here."""
    query, params = _seen(book_id, source, before, file_id)
    by_key: dict[Key, Seen] = {}
    for kind, reference, on, provider in sql.rows(f"{query} ORDER BY 3, 4", params):
        key = (kind, reference)
        # A number of the channel counts even where its line has no reference, or shares one: under a key that no reference can have.
        by_key[key if reference and key not in by_key else (kind, f"\0{provider}")] = Seen(on, provider)
    return by_key


def seen_asked(*, book_id: UUID, source: str, before: date, file_id: UUID) -> Asked:
    """kind, reference, provider_id of what `seen` is."""
    query, params = _seen(book_id, source, before, file_id)
    return f"SELECT kind, nullif(reference, ''), nullif(provider_id, '') FROM ({query}) AS s", params


def _seen(book_id: UUID, source: str, before: date, file_id: UUID) -> Asked:
    return (
        "SELECT DISTINCT e.kind, e.reference, e.on_date, e.provider_id FROM reconciliation_line AS e"
        " JOIN reconciliation_line AS t ON t.file_id = %s AND (t.reference = e.reference AND t.kind = e.kind AND t.reference <> '')"
        " WHERE e.book_id = %s AND e.source = %s AND e.on_date < %s" + _NOT_OPEN + " UNION"
        " SELECT DISTINCT e.kind, e.reference, e.on_date, e.provider_id FROM reconciliation_line AS e"
        " JOIN reconciliation_line AS t ON t.file_id = %s AND t.provider_id = e.provider_id AND t.provider_id <> ''"
        " WHERE e.book_id = %s AND e.source = %s AND e.on_date < %s" + _NOT_OPEN,
        [file_id, book_id, source, before] * 2,
    )


_NOT_OPEN = (
    " AND NOT EXISTS (SELECT 1 FROM reconciliation_item AS i JOIN reconciliation_break AS b ON b.item_id = i.id"
    " WHERE i.file_id = e.file_id AND i.line_no = e.line_no AND b.state = 'open' AND b.cls = 'missing_here')"
)
