"""How loans of rule version 2026-2 are kept: read and locked, and written by one statement a table."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any, Final
from uuid import UUID

from yuefu.loans.entries import Position
from yuefu.loans.rules import Life, Party, retold_life
from yuefu.plans.lifecycle.events import Event, Undone
from yuefu.plans.lifecycle.fold import as_of
from yuefu.plans.lifecycle.plain import kind_of, read_event, read_state, read_terms, written_event, written_state
from yuefu.plans.lifecycle.rows import Rows
from yuefu.plans.lifecycle.tally import Tally
from yuefu.plans.lifecycle.terms import LoanTerms
from yuefu.runtime import sql
from yuefu.runtime.jsontext import dumps
from yuefu.runtime.values import UnitOfWork

_PARTY: Final = "a.id, a.order_id, a.merchant_id, a.consumer_id, a.credit_account_id, a.funder_id, a.product, a.currency, a.origin"
_PARTS: Final = ("principal", "interest", "fees", "penalties")
_CHECKPOINT: Final = {
    "loan_id": "uuid",
    "seq": "integer",
    "seen_on": "date",
    "waits_for": "date",
    "status": "text",
    "state": "json",
    "tally": "json",
    "position": "json",
}
_FACT: Final = {
    "id": "uuid",
    "book_id": "uuid",
    "loan_id": "uuid",
    "no": "integer",
    "kind": "text",
    "effective_on": "date",
    "undoes_no": "integer",
    "body": "json",
    "source_id": "uuid",
    "recorded_at": "timestamptz",
    "recorded_on": "date",
}
_DUE: Final = {
    "loan_id": "uuid",
    "no": "smallint",
    "book_id": "uuid",
    "kind": "smallint",
    "start_on": "date",
    "due_on": "date",
    **{f"{part}_minor": "bigint" for part in _PARTS},
    **{f"{part}_settled_minor": "bigint" for part in _PARTS},
}


@dataclass(frozen=True, slots=True)
class Kept:
    """A loan as it was read: whose it is, what it came to be, and where it was last posted to stand."""

    party: Party
    life: Life
    position: Position


def lock(book_id: UUID, loan_ids: Sequence[UUID]) -> dict[UUID, Kept]:
    """Loans with their checkpoints, locked in ascending order of id until the transaction ends. A checkpoint of another format is made anew
    from the facts, and the position stays as it was posted."""
    found = sql.rows(
        f"SELECT {_PARTY}, a.terms::text, c.seq, c.seen_on, c.waits_for, c.state::text, c.tally::text, c.position::text"
        " FROM loans_checkpoint c JOIN loans_agreement a ON a.id = c.loan_id WHERE c.book_id = %s AND c.loan_id = ANY(%s)"
        " ORDER BY c.loan_id FOR NO KEY UPDATE OF c",
        [book_id, list(set(loan_ids))],
    )
    terms = {row[0]: read_terms(json.loads(row[9])) for row in found}
    states = {row[0]: read_state(terms[row[0]], json.loads(row[13])) for row in found}
    old = [loan_id for loan_id, state in states.items() if state is None]
    told = facts(old) if old else {}
    kept: dict[UUID, Kept] = {}
    for row in found:
        loan_id, state = row[0], states[row[0]]
        if state is None:
            life = retold_life(terms[loan_id], told[loan_id], row[11])
        else:
            life = Life(terms[loan_id], state, Tally(**json.loads(row[14])), row[10], row[11], row[12])
        kept[loan_id] = Kept(Party(*row[:9]), life, Position(**json.loads(row[15])))
    return kept


def facts(loan_ids: Sequence[UUID]) -> dict[UUID, list[Event | Undone]]:
    """All that was entered of loans, in the order in which it was; a loan of which nothing was has an empty list."""
    found: dict[UUID, list[Event | Undone]] = defaultdict(list)
    for loan_id, body in sql.rows(
        "SELECT loan_id, body::text FROM loans_fact WHERE loan_id = ANY(%s) ORDER BY loan_id, no", [list(loan_ids)]
    ):
        found[loan_id].append(read_event(json.loads(body)))
    return found


def known_sources(source_ids: Sequence[UUID]) -> set[UUID]:
    """Those of the sources of which something was entered before."""
    return {row[0] for row in sql.rows("SELECT source_id FROM loans_fact WHERE source_id = ANY(%s)", [list(source_ids)])}


def insert_facts(work: UnitOfWork, entered: Sequence[tuple[UUID, int, UUID, Event | Undone]]) -> None:
    """Facts as (loan, number, source, what happened)."""
    values = [
        (
            new,
            work.book.id,
            loan_id,
            no,
            kind_of(entry),
            None if isinstance(entry, Undone) else entry.on,
            entry.entry if isinstance(entry, Undone) else None,
            dumps(written_event(entry)),
            source_id,
            work.now,
            work.day.on,
        )
        for new, (loan_id, no, source_id, entry) in zip(work.ids.many(work.now, len(entered)), entered, strict=True)
    ]
    sql.insert("loans_fact", _FACT, values)


def insert_checkpoints(work: UnitOfWork, lives: Mapping[UUID, Life]) -> None:
    """The first checkpoint of each loan, where nothing has happened."""
    rows = [(*_checkpoint(loan_id, life, Position()), work.book.id) for loan_id, life in sorted(lives.items())]
    sql.insert("loans_checkpoint", _CHECKPOINT | {"book_id": "uuid"}, rows)


def update(work: UnitOfWork, kept: Mapping[UUID, Kept]) -> None:
    """Writes what loans came to be: their checkpoints, and the rows of what falls due anew."""
    if not kept:
        return
    sql.update("loans_checkpoint", "loan_id", _CHECKPOINT, [_checkpoint(i, one.life, one.position) for i, one in sorted(kept.items())])
    sql.run("DELETE FROM loans_due WHERE loan_id = ANY(%s)", [sorted(kept)])
    sql.insert("loans_due", _DUE, [row for i, one in sorted(kept.items()) for row in _dues(work.book.id, i, one.life)])


def _checkpoint(loan_id: UUID, life: Life, position: Position) -> tuple[Any, ...]:
    state, tally, stands = dumps(written_state(life.state)), dumps(asdict(life.tally)), dumps(asdict(position))
    return (loan_id, life.seq, life.seen_on, life.waits_for, life.state.status, state, tally, stands)


def _dues(book_id: UUID, loan_id: UUID, life: Life) -> list[tuple[Any, ...]]:
    if not life.state.lent:
        return []
    rows = as_of(life.state, life.seen_on).rows()
    return [(loan_id, k, book_id, *_due(rows, k)) for k in range(len(rows))]


def _due(rows: Rows, k: int) -> tuple[Any, ...]:
    asked = [getattr(rows, part)[k] for part in _PARTS]
    settled = [getattr(rows, f"{part}_paid")[k] + getattr(rows, f"{part}_off")[k] for part in _PARTS]
    return (rows.kind[k], date.fromordinal(rows.start[k]), date.fromordinal(rows.due[k]), *asked, *settled)


def insert_agreements(work: UnitOfWork, agreed: Sequence[tuple[Party, LoanTerms, str]]) -> None:
    """Agreements as (party, terms, the terms as they are kept)."""
    columns = {
        "id": "uuid",
        "order_id": "uuid",
        "merchant_id": "uuid",
        "consumer_id": "uuid",
        "credit_account_id": "uuid",
        "funder_id": "uuid",
        "product": "text",
        "currency": "text",
        "origin": "text",
        "principal_minor": "bigint",
        "terms": "json",
        "book_id": "uuid",
        "agreed_at": "timestamptz",
        "agreed_on": "date",
    }
    sql.insert(
        "loans_agreement",
        columns,
        [
            (
                party.loan_id,
                party.order_id,
                party.merchant_id,
                party.consumer_id,
                party.credit_account_id,
                party.funder_id,
                party.product,
                party.currency,
                party.origin,
                terms.principal.minor,
                text,
                work.book.id,
                work.now,
                work.day.on,
            )
            for party, terms, text in agreed
        ],
    )
