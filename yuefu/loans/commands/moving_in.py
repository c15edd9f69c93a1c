"""Loans that were served by another core and are from today on: agreed with their whole past, and posted as what they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Final
from uuid import UUID, uuid5

from yuefu.ledger import commands as ledger
from yuefu.ledger.rules import Entry, Posted
from yuefu.loans import entries, rules
from yuefu.loans.commands import agreeing, living, writing
from yuefu.loans.entries import Position
from yuefu.loans.queries.keeping import ACCOUNTS, Kept
from yuefu.loans.rules import Life, Party
from yuefu.plans.lifecycle.arrears import NOT_OVERDUE
from yuefu.plans.lifecycle.events import Event, Undone
from yuefu.plans.lifecycle.plain import written_event
from yuefu.runtime import audit, outbox, sql
from yuefu.runtime.jsontext import dumps
from yuefu.runtime.outbox import Event as OutboxEvent
from yuefu.runtime.values import UnitOfWork


@dataclass(frozen=True, slots=True)
class Import:
    """A file of loans that is sound: from which core, the hash of its bytes, by the end of which day its figures are true, and what they come to."""

    id: UUID
    origin: str
    sha256: str
    as_of: date
    loans: int
    totals: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Newcomer:
    """A loan under its name over there, with all that happened to it, in the order in which it was entered. `life` is told of that; `stood` is where it
    stood by the end of the day of the import."""

    reference: str
    line_no: int
    party: Party
    facts: tuple[Event | Undone, ...]
    life: Life
    stood: Position


_IMPORT: Final = {
    "id": "uuid",
    "book_id": "uuid",
    "origin": "text",
    "sha256": "text",
    "as_of": "date",
    "loans": "integer",
    "totals": "json",
    "begun_at": "timestamptz",
    "begun_by": "text",
}
_CHUNK: Final = {
    "import_id": "uuid",
    "no": "integer",
    "book_id": "uuid",
    "loans": "integer",
    "entry_ids": "uuid[]",
    "booked_at": "timestamptz",
}
_MOVED_IN: Final = {"loan_id": "uuid", "import_id": "uuid", "origin": "text", "reference": "text", "line_no": "integer"}


def begin(*, work: UnitOfWork, new: Import) -> None:
    """Keeps that an import has begun."""
    row = (new.id, work.book.id, new.origin, new.sha256, new.as_of, new.loans, dumps(dict(new.totals)), work.now, work.by.label)
    sql.insert("loans_import", _IMPORT, [row])
    audit.record(
        work=work, action="loan.import", object_kind="import", object_ids=[new.id], detail={"origin": new.origin, "sha256": new.sha256}
    )


def move_in(*, work: UnitOfWork, of: Import, no: int, newcomers: Sequence[Newcomer]) -> None:
    """Books the `no`-th chunk of an import: agreements, facts and what they came to, by one statement a table, and an entry or two a portfolio. The
    caller has proven each of them; a name that is here already breaks a key."""
    parties = [one.party for one in newcomers]
    agreeing.insert_agreements(work, [(one.party, one.life.terms) for one in newcomers])
    numbers = agreeing.portfolios(work, [(party.funder_id, party.product, party.currency) for party in parties])
    begun = {number: replace(living.agreed(number, work), told=0) for number in numbers.values()}
    kept = []
    for one in newcomers:
        running = begun[numbers[one.party.funder_id, one.party.product, one.party.currency]]
        kept.append(living.touched(Kept(one.party, rules.begun(one.life.terms), running), one.life, work.day.on))
    writing.insert_new(work, kept)
    writing.insert_dues(work, kept)
    writing.insert_lateness(work, kept)
    writing.insert_facts(work, [fact for one in newcomers for fact in _facts(one)])
    rows = [(one.party.loan_id, of.id, of.origin, one.reference, one.line_no) for one in newcomers]
    sql.insert("loans_moved_in", _MOVED_IN, rows, same={"book_id": ("uuid", work.book.id)}, often_same=("import_id", "origin"))
    posted = ledger.post(work=work, entries=_entries(of, no, newcomers, kept))
    for outcome in posted:
        assert isinstance(outcome, Posted), outcome
    ids = sql.array([str(one.entry_id) for one in posted if isinstance(one, Posted)], "uuid")
    sql.insert("loans_import_chunk", _CHUNK, [(of.id, no, work.book.id, len(newcomers), ids, work.now)])
    outbox.emit(work=work, events=[event for one in kept for event in _events(one)])
    audit.record(work=work, action="loan.move_in", object_kind="loan", object_ids=[party.loan_id for party in parties])


def _facts(one: Newcomer) -> list[tuple[UUID, int, UUID, Event | Undone, dict[str, Any]]]:
    loan_id = one.party.loan_id
    return [(loan_id, no, uuid5(loan_id, f"moved in: {no}"), fact, written_event(fact)) for no, fact in enumerate(one.facts, start=1)]


def _entries(of: Import, no: int, newcomers: Sequence[Newcomer], kept: Sequence[Kept]) -> list[Entry]:
    sums: dict[tuple[UUID, str, str], tuple[list[int], list[int]]] = {}
    for new, one in zip(newcomers, kept, strict=True):
        party = one.party
        stood, stands = sums.setdefault((party.funder_id, party.product, party.currency), ([0] * len(ACCOUNTS), [0] * len(ACCOUNTS)))
        for place, name in enumerate(ACCOUNTS):
            stood[place] += getattr(new.stood, name)
            stands[place] += getattr(one.running.position, name)
    return [
        entry
        for (funder, product, currency), (stood, stands) in sorted(sums.items(), key=lambda item: item[0])
        for entry in entries.moved_here(
            f"loan.import:{of.id}:{no}:{product}:{currency}:{funder}",
            funder,
            product,
            currency,
            Position(*stood),
            Position(*stands),
            of.as_of,
        )
    ]


def _events(one: Kept) -> list[OutboxEvent]:
    """That it is here, and how late it is where it is."""
    new = OutboxEvent("loan.moved_here", "loan", one.party.loan_id, 1, {**living.told_of(one), "origin": one.party.origin})
    before = replace(one, running=replace(one.running, late=NOT_OVERDUE))
    late = living.lateness_event(before, one)
    return [new, late] if late else [new]
