"""How loans of rule version 2026-2 are kept: their tables' columns, and how they are read and locked."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from contextlib import nullcontext, suppress
from dataclasses import dataclass, fields, replace
from datetime import date
from operator import attrgetter
from typing import Any, Final
from uuid import UUID

from yuefu.frozen import made_quickly
from yuefu.loans.entries import Position
from yuefu.loans.rules import PARTS, Life, Party, retold_life, went_on
from yuefu.money.amounts import Money
from yuefu.plans.lifecycle.arrears import NOT_OVERDUE, Overdue
from yuefu.plans.lifecycle.events import Event, Undone
from yuefu.plans.lifecycle.plain import (
    on_sheet,
    read_sheet,
    read_state,
    recalled_event,
)
from yuefu.plans.lifecycle.rows import Rows
from yuefu.plans.lifecycle.stretches import Stretch
from yuefu.plans.lifecycle.tally import Tally
from yuefu.plans.lifecycle.terms import LoanTerms
from yuefu.runtime import sql
from yuefu.runtime.jsontext import loads

BY_NUMBER: Final = attrgetter("int")
"""By which ids are sorted as they are by themselves: compared one with another they ask Python each time."""

NEVER: Final = date.max
"""Until when the stretch of today is replaced."""

ACCOUNTS: Final = tuple(field.name for field in fields(Position))
LINES: Final = ("begin", "bearing", "nightly", "whole", "rest", "floor", "discount", "discount_begin", "discount_days")
_LATE: Final = ("late_since", "bucket", "late_principal_minor", "late_interest_minor", "late_fees_minor", "late_penalties_minor")
_PARTY: Final = "a.id, a.order_id, a.merchant_id, a.consumer_id, a.credit_account_id, a.funder_id, a.product, a.currency, a.origin"
_OWN: Final = "a.sheet_id, a.principal_minor, a.disbursed_on, a.first_due_on, a.due_days"
CHECKPOINT: Final = {"loan_id": "uuid", "seq": "integer", "waits_for": "date", "status": "text", "state": "json", "tally": "json"}
STRETCH: Final = {
    "loan_id": "uuid",
    "replaced_on": "date",
    "portfolio_no": "integer",
    "since": "date",
    "until": "date",
    "stuck": "boolean",
    "told": "integer",
    "behind": "boolean",
    **{name: "date" if name.endswith("begin") else "integer" if name == "discount_days" else "bigint" for name in LINES},
    **{name: {"late_since": "date", "bucket": "text"}.get(name, "bigint") for name in _LATE},
    **dict.fromkeys(ACCOUNTS, "bigint"),
}
_RUNNING: Final = ", ".join(f"s.{name}" for name in STRETCH if name != "loan_id")
FACT: Final = {
    "id": "uuid",
    "loan_id": "uuid",
    "no": "integer",
    "kind": "text",
    "effective_on": "date",
    "undoes_no": "integer",
    "body": "json",
    "source_id": "uuid",
}
DUE: Final = {
    "loan_id": "uuid",
    "no": "smallint",
    "kind": "smallint",
    "start_on": "date",
    "due_on": "date",
    **{f"{part}_minor": "bigint" for part in PARTS},
    **{f"{part}_settled_minor": "bigint" for part in PARTS},
}
LATENESS: Final = {"loan_id": "uuid", "late_since": "date", "bucket": "text", **{f"{part}_minor": "bigint" for part in PARTS}}


@made_quickly
@dataclass(frozen=True, slots=True)
class Running:
    """Where a loan was posted to stand by the end of `since`, and how it goes on by itself; `told` events of it were emitted. `behind`: the checkpoint
    is of all facts but the last, with which the loan simply went on."""

    replaced_on: date
    portfolio_no: int
    since: date
    stretch: Stretch
    stuck: bool
    told: int
    late: Overdue
    position: Position
    behind: bool = False


@made_quickly
@dataclass(frozen=True, slots=True)
class Kept:
    """A loan as it was read: whose it is, what it came to be, and where it stands. `seen` are its rows on the day of its stretch, or
    their columns, for who has them at hand."""

    party: Party
    life: Life
    running: Running
    seen: Rows | tuple[tuple[int, ...], ...] | None = None


def lock(book_id: UUID, loan_ids: Iterable[UUID], *, as_written: bool = False) -> dict[UUID, Kept]:
    """Loans with their checkpoints and the stretch of today, locked in ascending order of id until the transaction ends. A checkpoint of another
    format is made anew from the facts; where the loan stands stays as it was posted.

    Locked is the stretch of today, the one row that whatever happens to a loan writes. Raises where the last fact of one that is behind is not there,
    or cannot follow its checkpoint; `as_written`: such a loan is as its checkpoint has it, for whoever compares them."""
    wanted = sorted(set(loan_ids), key=BY_NUMBER)
    # They are read by a statement of its own: one that waited for a lock would see the checkpoint as it was before.
    _, found = sql.together(
        lambda: lock_only(book_id, wanted),
        lambda: _read("c.book_id = %s AND c.loan_id = ANY(%s) AND s.replaced_on = %s", [book_id, wanted, NEVER]),
    )
    return kept_of(book_id, found, as_written=as_written)


def lock_only(book_id: UUID | None, loan_ids: Sequence[UUID]) -> None:
    """Locks loans of a book, or whosever they are, without reading them, in ascending order of id."""
    of_book, values = ("", []) if book_id is None else (" AND book_id = %s", [book_id])
    sql.rows(
        f"SELECT FROM loans_stretch WHERE loan_id = ANY(%s) AND replaced_on = %s{of_book} ORDER BY loan_id FOR NO KEY UPDATE",
        [list(loan_ids), NEVER, *values],
    )


def read(book_id: UUID, loan_ids: Iterable[UUID], *, as_written: bool = False) -> dict[UUID, Kept]:
    """Loans with their checkpoints and the stretch of today, without locks; otherwise as `lock`."""
    wanted = sorted(set(loan_ids), key=BY_NUMBER)
    found = _read("c.book_id = %s AND c.loan_id = ANY(%s) AND s.replaced_on = %s", [book_id, wanted, NEVER])
    return kept_of(book_id, found, as_written=as_written)


def read_on(book_id: UUID, loan_ids: Iterable[UUID], on: date) -> dict[UUID, Kept]:
    """`read`, with what was entered ahead and has come true by a day."""
    kept = read(book_id, loan_ids)
    waiting = [i for i, one in kept.items() if one.life.waits_for is not None and one.life.waits_for <= on]
    told = facts(waiting) if waiting else {}
    for loan_id in waiting:
        one = kept[loan_id]
        kept[loan_id] = replace(one, life=retold_life(one.life.terms, told[loan_id], on))
    return kept


def read_apart(book_id: UUID, loan_ids: Iterable[UUID], on: date) -> tuple[dict[UUID, Kept], list[UUID]]:
    """`read_on`, and the ids of those that cannot be read, for whoever shows many: one of them holds up no other."""
    found = _read("c.book_id = %s AND c.loan_id = ANY(%s) AND s.replaced_on = %s", [book_id, sorted(set(loan_ids)), NEVER])
    try:
        made, unread = _made(book_id, found), list[Unread]()
    except Exception:  # noqa: BLE001 - one of them cannot be read: each by itself, to find out which
        made, unread = _one_by_one(book_id, found)
    kept = {one.party.loan_id: one for one in made}
    waiting = [i for i, one in kept.items() if one.life.waits_for is not None and one.life.waits_for <= on]
    left = [one.loan_id for one in unread]
    for loan_id, written in facts_written(waiting).items():
        try:
            kept[loan_id] = replace(kept[loan_id], life=retold_life(kept[loan_id].life.terms, read_facts(written), on))
        except Exception:  # noqa: BLE001 - as above
            del kept[loan_id]
            left.append(loan_id)
    return kept, left


def _read(where: str, params: Sequence[Any]) -> list[tuple[Any, ...]]:
    return sql.rows(
        f"SELECT {_PARTY}, {_OWN}, c.seq, c.waits_for, c.status, c.state::text, c.tally::text, {_RUNNING} FROM loans_checkpoint c"
        " JOIN loans_agreement a ON a.id = c.loan_id JOIN loans_stretch s ON s.loan_id = c.loan_id"
        f" WHERE {where}",
        params,
    )


@dataclass(frozen=True, slots=True)
class Bare:
    """What is kept of a loan beside what it came to be: whose it is, its terms, and what the columns of its rows say."""

    party: Party
    terms: LoanTerms
    status: str
    seq: int
    bucket: str


def bare(book_id: UUID, loan_ids: Iterable[UUID]) -> list[Bare]:
    """Loans that cannot be opened, without locks."""
    found = _read("c.book_id = %s AND c.loan_id = ANY(%s) AND s.replaced_on = %s", [book_id, sorted(set(loan_ids)), NEVER])
    return [
        Bare(Party(*row[:9]), terms, row[16], row[14] + running.behind, running.late.bucket)
        for row, terms in zip(found, _terms(book_id, found), strict=True)
        for running in (_running(row[19:]),)
    ]


def lock_for_close(book_id: UUID, on: date, first: UUID, last: UUID) -> None:
    """Locks those loans of a range of ids that the close of a day writes, in ascending order of id: all at once, so that who enters facts of
    several loans and the close never wait for each other."""
    sql.run(
        "SELECT FROM loans_stretch WHERE replaced_on = %(never)s AND loan_id IN"
        f" (SELECT s.loan_id FROM loans_stretch s WHERE s.book_id = %(book)s AND {_AWAKE} AND s.replaced_on = %(never)s"
        " UNION SELECT d.loan_id FROM loans_due d WHERE d.book_id = %(book)s AND d.due_on = %(on)s AND d.loan_id BETWEEN %(first)s AND %(last)s)"
        " ORDER BY loan_id FOR NO KEY UPDATE",
        {"book": book_id, "on": on, "first": first, "last": last, "never": NEVER},
    )


_AWAKE: Final = "s.loan_id BETWEEN %(first)s AND %(last)s AND s.replaced_on > %(on)s AND s.since < %(on)s AND s.until < %(on)s"


@dataclass(frozen=True, slots=True)
class Unread:
    """A loan that could not be gone on with: where it stands, and what was raised."""

    loan_id: UUID
    running: Running
    error: str


def awake(book_id: UUID, on: date, first: UUID, last: UUID) -> tuple[list[Kept], list[Unread]]:
    """Loans of a range of ids whose stretch ended before a day that closes, by ascending id; those that were replaced since as they were. Those that
    cannot be read apart."""
    found = sql.rows(
        f"SELECT {_PARTY}, {_OWN}, c.seq, c.waits_for, c.status, c.state::text, c.tally::text, {_RUNNING} FROM loans_stretch s"
        " JOIN loans_checkpoint c ON c.loan_id = s.loan_id JOIN loans_agreement a ON a.id = s.loan_id"
        f" WHERE s.book_id = %(book)s AND {_AWAKE} ORDER BY s.loan_id",
        {"book": book_id, "on": on, "first": first, "last": last},
    )
    try:
        return _made(book_id, found), []
    except Exception:  # noqa: BLE001 - one of them cannot be read: each by itself, to find out which
        return _one_by_one(book_id, found)


def _one_by_one(book_id: UUID, found: Sequence[tuple[Any, ...]]) -> tuple[list[Kept], list[Unread]]:
    made: list[Kept] = []
    unread: list[Unread] = []
    for row in found:
        try:
            made += _made(book_id, [row])
        except Exception as error:  # noqa: BLE001 - whatever is wrong with it, the others go on
            unread.append(Unread(row[0], _running(row[19:]), repr(error)))
    return made, unread


def kept_of(book_id: UUID, found: Sequence[tuple[Any, ...]], *, as_written: bool = False) -> dict[UUID, Kept]:
    """Rows of a loan each, by its id."""
    return {one.party.loan_id: one for one in _made(book_id, found, as_written=as_written)}


def _made(book_id: UUID, found: Sequence[tuple[Any, ...]], *, as_written: bool = False) -> list[Kept]:
    terms = _terms(book_id, found)
    read = [read_state(agreed, loads(row[17])) for agreed, row in zip(terms, found, strict=True)]
    running = [_running(row[19:]) for row in found]
    old = [row[0] for row, state in zip(found, read, strict=True) if state is None]
    told = facts(old) if old else {}
    last = _last_facts([(row[0], row[14] + 1) for row, one in zip(found, running, strict=True) if one.behind])
    made = []
    for row, agreed, state, one in zip(found, terms, read, running, strict=True):
        if state is None:
            life = retold_life(agreed, told[row[0]], one.since)
        else:
            life = Life(agreed, state, Tally(**loads(row[18])), row[14], row[15], row[16])
            if one.behind:
                with suppress(Exception) if as_written else nullcontext():  # whatever is wrong with what was written, it is to be told
                    life = replace(went_on(life, recalled_event(loads(last[row[0]])))[0], status=row[16])
        made.append(Kept(Party(*row[:9]), life, one))
    return made


def _last_facts(wanted: Sequence[tuple[UUID, int]]) -> dict[UUID, str]:
    """Of each loan the fact of a number, as it was written."""
    if not wanted:
        return {}
    source, params = sql.unnest({"loan_id": "uuid", "no": "integer"}, wanted)
    return dict(sql.rows(f"SELECT f.loan_id, f.body::text FROM {source} AS given JOIN loans_fact f USING (loan_id, no)", params))


def _running(row: Sequence[Any]) -> Running:
    replaced_on, portfolio_no, since, until, stuck, told, behind, *lines = row[:16]
    begin, bearing, nightly, whole, rest, floor, discount, first, days = lines
    stretch = Stretch(until.toordinal(), begin.toordinal(), bearing, nightly, whole, rest, floor, discount, first.toordinal(), days)
    late = Overdue(*row[16:22]) if row[16] else NOT_OVERDUE
    return Running(replaced_on, portfolio_no, since, stretch, stuck, told, late, Position(*row[22:]), behind)


_MOST_SHEETS: Final = 10_000
_sheets: dict[UUID, LoanTerms] = {}
"""Terms of some loan of each sheet that was read, and so checked, by this process. A sheet never changes."""


def _terms(book_id: UUID, found: Sequence[tuple[Any, ...]]) -> list[LoanTerms]:
    unread = {row[9] for row in found} - _sheets.keys()
    if unread:
        if len(_sheets) > _MOST_SHEETS:
            _sheets.clear()
            unread = {row[9] for row in found}
        own = {row[9]: _own(row) for row in found}
        for sheet_id, text in sql.rows(
            "SELECT id, terms::text FROM loans_sheet WHERE book_id = %s AND id = ANY(%s)", [book_id, list(unread)]
        ):
            _sheets[sheet_id] = read_sheet(loads(text), own[sheet_id])
    return [on_sheet(_sheets[row[9]], **_own(row)) for row in found]


def _own(row: tuple[Any, ...]) -> dict[str, Any]:
    return {
        "principal": Money(row[10], row[7]),
        "disbursed_on": row[11],
        "first_due_on": row[12],
        "due_days": tuple(row[13]) if row[13] is not None else None,
    }


def facts(loan_ids: Sequence[UUID]) -> dict[UUID, list[Event | Undone]]:
    """All that was entered of loans, in the order in which it was; a loan of which nothing was has an empty list."""
    found: dict[UUID, list[Event | Undone]] = defaultdict(list)
    found.update((loan_id, read_facts(texts)) for loan_id, texts in facts_written(loan_ids).items())
    return found


def read_facts(texts: Sequence[str]) -> list[Event | Undone]:
    """What was entered, as it was written."""
    return [recalled_event(loads(text)) for text in texts]


def facts_written(loan_ids: Sequence[UUID], *, until: date | None = None) -> dict[UUID, list[str]]:
    """`facts`, or those entered by a day, to be read by `read_facts` loan by loan: one of them that cannot be holds up no other."""
    found: dict[UUID, list[str]] = defaultdict(list)
    if not loan_ids:
        return found
    for loan_id, body in sql.rows(
        "SELECT loan_id, body::text FROM loans_fact WHERE loan_id = ANY(%s) AND (%s::date IS NULL OR recorded_on <= %s) ORDER BY loan_id, no",
        [list(loan_ids), until, until],
    ):
        found[loan_id].append(body)
    return found


def known_sources(source_ids: Sequence[UUID]) -> set[UUID]:
    """Those of the sources of which something was entered before."""
    return {row[0] for row in sql.rows("SELECT source_id FROM loans_fact WHERE source_id = ANY(%s)", [list(source_ids)])}


def dues(loan_ids: Sequence[UUID]) -> dict[UUID, list[tuple[Any, ...]]]:
    """What is kept of what falls due of loans, as (number, *`rules.due_rows`), by number; a loan without any is absent."""
    columns = ", ".join(name for name in DUE if name != "loan_id")
    found: dict[UUID, list[tuple[Any, ...]]] = defaultdict(list)
    for loan_id, *row in sql.rows(
        f"SELECT loan_id, {columns} FROM loans_due WHERE loan_id = ANY(%s) ORDER BY loan_id, no", [list(loan_ids)]
    ):
        found[loan_id].append(tuple(row))
    return dict(found)
