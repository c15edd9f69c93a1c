"""Loans of rule version 2026-2 told anew from their terms and facts: is what is kept of them besides still that?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any
from uuid import UUID

from yuefu.loans import entries, rules
from yuefu.loans.entries import Position
from yuefu.loans.queries import keeping
from yuefu.loans.queries.keeping import Kept
from yuefu.loans.rules import Life, due_rows
from yuefu.plans.lifecycle.events import Event, LoanError, Undone
from yuefu.plans.lifecycle.fold import looked_at


@dataclass(frozen=True, slots=True)
class Replayed:
    """A loan as a replay has it by the day of its stretch: its life, where it stands in the books, what falls due as `keeping.dues` has it; and in
    what it is kept otherwise. Where the close could not go on with it, where it stands and what falls due are not compared."""

    kept: Kept
    life: Life
    position: Position
    dues: list[tuple[Any, ...]]
    differs: tuple[str, ...]


def replayed(book_id: UUID, loan_ids: Sequence[UUID], *, closed: date, lock: bool = False) -> dict[UUID, Replayed | LoanError]:
    """Loans of a book, by id, or why what was entered of them cannot be told; others are absent. `closed` is the last day that closed."""
    kept = (keeping.lock if lock else keeping.read)(book_id, loan_ids, as_written=True)
    facts, dues = (keeping.facts(sorted(kept)), keeping.dues(sorted(kept))) if kept else ({}, {})
    return {i: _told(one, facts.get(i, ()), dues.get(i, []), closed) for i, one in kept.items()}


def _told(one: Kept, facts: Sequence[Event | Undone], dues: Sequence[tuple[Any, ...]], closed: date) -> Replayed | LoanError:
    since = one.running.since
    try:
        life = rules.retold_life(one.life.terms, facts, max(since, closed))
    except LoanError as error:
        return error
    position, rows = _seen(life, since)
    stored = one.life if one.life.waits_for is None else replace(one.life, waits_for=life.waits_for)
    differs = [name for name in ("state", "tally", "seq", "status") if getattr(life, name) != getattr(stored, name)]
    if not one.running.stuck:
        differs += ["instalments"] if rows != dues else []
        differs += ["position"] if position != one.running.position else []
    return Replayed(one, life, position, rows, tuple(differs))


def _seen(life: Life, since: date) -> tuple[Position, list[tuple[Any, ...]]]:
    if not life.state.lent:
        return Position(), []
    work = looked_at(life.state, max(since, date.fromordinal(life.state.last_on)))
    return entries.position_of(work, life.tally), [(no, *row) for no, row in enumerate(due_rows(work.rows))]
