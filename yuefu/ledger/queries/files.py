"""The journal as it leaves: limited accounts and entries as the lines of a file, a chunk at a time and in commit order; and its lines as a table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType
from typing import Any, Final
from uuid import UUID

from yuefu.runtime import sql

_OWN = "CASE WHEN {0} = %(book)s THEN 'own' ELSE {0}::text END"
_ACCOUNT = f"""
    json_build_object('account', json_build_object('code', a.code, 'owner', a.owner_id, 'funder', {_OWN.format("a.funder_id")}, 'product', a.product,
        'currency', a.currency, 'limit', t.limit_minor, 'side', t.side, 'merchant', a.merchant_id, 'consumer', a.consumer_id))::text
"""
_ENTRY = f"""
    json_build_object('entry', json_build_object('id', e.id, 'kind', e.kind, 'posted_on', e.posted_on, 'effective_on', e.effective_on,
        'recorded_at', to_char(e.recorded_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), 'actor', e.actor, 'request', e.request_id,
        'lines', (SELECT json_agg(json_build_array(a.code, a.owner_id, {_OWN.format("a.funder_id")}, a.product, l.amount_minor, l.currency,
            l.order_id, l.loan_id, l.merchant_id, {_OWN.format("coalesce(l.funder_id, l.book_id)")}, l.movement, l.reference) ORDER BY l.line_no)
            FROM ledger_line l JOIN ledger_account a ON a.id = l.account_id WHERE l.posted_on = e.posted_on AND l.entry_id = e.id)))::text
"""
_BETWEEN = "AND (%(since)s::date IS NULL OR e.posted_on >= %(since)s) AND (%(until)s::date IS NULL OR e.posted_on <= %(until)s)"


@dataclass(frozen=True, slots=True)
class Extent:
    """How many entries there are between two days, and how far the seals of the book reach."""

    entries: int
    sealed: int
    head: bytes


def entry_ids(book_id: UUID, *, chunk: int) -> Iterator[list[UUID]]:
    """The ids of all entries, in commit order."""
    place: tuple[Any, ...] = (0, "0", UUID(int=0))
    while found := sql.rows(
        "SELECT e.epoch, e.xid::text, e.id FROM ledger_entry e WHERE e.book_id = %s"
        " AND (e.epoch, e.xid, e.id) > (%s::integer, %s::xid8, %s::uuid) ORDER BY e.epoch, e.xid, e.id LIMIT %s",
        [book_id, *place, chunk],
    ):
        place = found[-1]
        yield [row[2] for row in found]


def days(book_id: UUID) -> tuple[date, date] | None:
    """The first and the last day that entries were posted to; None where there are none."""
    found: tuple[date | None, date | None] = sql.rows(
        "SELECT min(posted_on), max(posted_on) FROM ledger_entry WHERE book_id = %s", [book_id]
    )[0]
    return (found[0], found[1]) if found[0] and found[1] else None


def extent(book_id: UUID, *, since: date | None, until: date | None) -> Extent:
    """What a file of these days will hold."""
    params = {"book": book_id, "since": since, "until": until}
    entries: int = sql.value(f"SELECT count(*) FROM ledger_entry e WHERE e.book_id = %(book)s {_BETWEEN}", params)
    seal = sql.rows("SELECT number, digest FROM ledger_seal WHERE book_id = %s ORDER BY number DESC LIMIT 1", [book_id])
    return Extent(entries, *((seal[0][0], bytes(seal[0][1])) if seal else (0, b"")))


def account_records(book_id: UUID, *, chunk: int) -> Iterator[list[str]]:
    """The limited accounts that have lines, as lines of a file, by id."""
    after = UUID(int=0)
    while found := sql.rows(
        f"SELECT a.id, {_ACCOUNT} FROM ledger_account a JOIN ledger_limit t ON t.account_id = a.id WHERE a.book_id = %(book)s"
        " AND a.id > %(after)s AND EXISTS (SELECT 1 FROM ledger_line l WHERE l.account_id = a.id) ORDER BY a.id LIMIT %(chunk)s",
        {"book": book_id, "after": after, "chunk": chunk},
    ):
        after = found[-1][0]
        yield [text for _, text in found]


def entry_records(book_id: UUID, *, since: date | None, until: date | None, chunk: int) -> Iterator[list[str]]:
    """The entries between two posting days, as lines of a file, in commit order. Each chunk enters the index where the last one ended."""
    place: tuple[Any, ...] = (0, "0", UUID(int=0))
    while found := sql.rows(
        f"SELECT e.epoch, e.xid::text, e.id, {_ENTRY} FROM ledger_entry e WHERE e.book_id = %(book)s {_BETWEEN}"
        " AND (e.epoch, e.xid, e.id) > (%(epoch)s::integer, %(xid)s::xid8, %(id)s::uuid) ORDER BY e.epoch, e.xid, e.id LIMIT %(chunk)s",
        {"book": book_id, "since": since, "until": until, "epoch": place[0], "xid": place[1], "id": place[2], "chunk": chunk},
    ):
        place = found[-1][:3]
        yield [row[3] for row in found]


LINE_COLUMNS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "id": "VARCHAR",
        "kind": "VARCHAR",
        "reference": "VARCHAR",
        "party": "VARCHAR",
        "amount_minor": "BIGINT",
        "currency": "VARCHAR",
        "on": "DATE",
        "status": "VARCHAR",
        "account": "VARCHAR",
        "owner_id": "VARCHAR",
        "funder_id": "VARCHAR",
        "product": "VARCHAR",
        "order_id": "VARCHAR",
        "loan_id": "VARCHAR",
        "entry_id": "VARCHAR",
        "line_no": "INTEGER",
        "entry_kind": "VARCHAR",
        "effective_on": "DATE",
        "recorded_at": "TIMESTAMP",
    }
)
"""Of a line of the journal as a row of a table, with types of SQL. The first eight are what matching asks of a side; `kind` is what moves to the outside,
`party` the merchant, `on` the posting day, `status` nothing. `funder_id` is null for own funds, `recorded_at` in UTC."""


def lines_asked(book_id: UUID, *, since: date | None, until: date | None, account: str | None = None) -> tuple[str, list[Any]]:
    """The query of the lines between two posting days (`LINE_COLUMNS`), of all accounts or those of one code, by day and entry."""
    return (
        "SELECT l.entry_id || ':' || l.line_no, coalesce(nullif(l.movement, ''), 'other'), nullif(l.reference, ''), l.merchant_id, l.amount_minor,"
        " l.currency, l.posted_on, NULL, a.code, a.owner_id, nullif(coalesce(l.funder_id, l.book_id), l.book_id), a.product, l.order_id, l.loan_id,"
        f" l.entry_id, l.line_no, e.kind, e.effective_on, e.recorded_at AT TIME ZONE 'UTC' {_LINES} ORDER BY l.posted_on, l.entry_id, l.line_no"
    ), _of_lines(book_id, since, until, account)


def lines_counted(book_id: UUID, *, since: date | None, until: date | None, account: str | None = None) -> int:
    """How many lines `lines_asked` is about."""
    found: int = sql.value(f"SELECT count(*) {_LINES}", _of_lines(book_id, since, until, account))
    return found


_LINES: Final = (
    "FROM ledger_line l JOIN ledger_entry e ON e.posted_on = l.posted_on AND e.id = l.entry_id JOIN ledger_account a ON a.id = l.account_id"
    " WHERE l.book_id = %s AND (%s::date IS NULL OR l.posted_on >= %s) AND (%s::date IS NULL OR l.posted_on <= %s)"
    " AND (%s::text IS NULL OR a.code = %s)"
)


def _of_lines(book_id: UUID, since: date | None, until: date | None, account: str | None) -> list[Any]:
    return [book_id, since, since, until, until, account, account]
