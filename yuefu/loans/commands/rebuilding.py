"""Rebuilding what is stored of a loan besides its terms and events: a cache, written anew from a replay of both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from yuefu.errors import Refused
from yuefu.loans import rules
from yuefu.loans.commands import storing
from yuefu.loans.commands.stepping import update_loans
from yuefu.loans.queries import keeping, levelled
from yuefu.loans.rules import NOT_REBUILDABLE, UNKNOWN_LOAN, Held
from yuefu.runtime import audit, sql
from yuefu.runtime.values import UnitOfWork


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """A loan written anew; `changed` says whether anything was otherwise."""

    loan_id: UUID
    changed: bool


def rebuild_loans(*, work: UnitOfWork, loan_ids: Sequence[UUID]) -> list[Rebuilt | Refused]:
    """Writes instalments and progress of loans as a replay of their terms and events has them. Posts nothing: the ledger knows better,
    and so the discount that is earned stays as it is.

    One outcome a loan, in order. Refused with unknown_loan, or not_rebuildable where it is of rule version 2026-2, or the cache has other
    days or more rows than the terms, or a later last event: what was agreed, and time, are not for the writer to change.
    """
    held = levelled.lock(work.book.id, loan_ids)
    told = levelled.facts(sorted(held), {i: one.state.terms for i, one in held.items()})
    after = {loan_id: _retold(work, one, told.get(loan_id, ())) for loan_id, one in held.items()}
    sound = {loan_id: new for loan_id, new in after.items() if isinstance(new, Held)}
    _write(work, held, sound)
    audit.record(work=work, action="loan.rebuild", object_kind="loan", object_ids=sorted(sound))
    outcomes: dict[UUID, Rebuilt | Refused] = {i: Rebuilt(i, sound[i] != held[i]) for i in sound}
    outcomes |= {i: new for i, new in after.items() if isinstance(new, Refused)}
    lived = keeping.read(work.book.id, (i for i in loan_ids if i not in held))
    outcomes |= {
        i: Refused(NOT_REBUILDABLE, "only loans of rule version 2026-1 are rebuilt; this one is of 2026-2", "loan_id") for i in lived
    }
    return [outcomes.get(i) or Refused(UNKNOWN_LOAN, "there is no such loan in this book", "loan_id") for i in loan_ids]


def _retold(work: UnitOfWork, one: Held, facts: Sequence[rules.Fact]) -> Held | Refused:
    if not facts:
        return Refused(NOT_REBUILDABLE, "nothing is recorded of this loan", "loan_id")
    state, closed_on = rules.retold(facts)
    agreed = {row.no: (row.start_on, row.due_on) for row in state.rows}
    if any(agreed.get(row.no) != (row.start_on, row.due_on) for row in one.state.rows):
        return Refused(NOT_REBUILDABLE, "its instalments are not on the days that its terms say", "loan_id")
    if state.last_event_on < one.state.last_event_on:
        return Refused(
            NOT_REBUILDABLE, f"it says that something happened after {state.last_event_on}, and a loan never goes back", "loan_id"
        )
    since = rules.arrears_since(state, work.day.on)
    return replace(one, state=replace(state, seq=one.seq), closed_on=closed_on, arrears_since=since)


def _write(work: UnitOfWork, before: dict[UUID, Held], after: dict[UUID, Held]) -> None:
    there = {i: {row.no for row in before[i].state.rows} for i in after}
    lost = [(new.dims, replace(new.state, rows=tuple(r for r in new.state.rows if r.no not in there[i]))) for i, new in after.items()]
    storing.insert_instalments(work, lost)
    kept = {i: replace(new.state, rows=tuple(r for r in new.state.rows if r.no in there[i])) for i, new in after.items()}
    storing.update_instalments({i: (before[i].state, state) for i, state in kept.items()})
    update_loans(list(after.values()))
    totals = [(i, storing.interest_total(new.state)) for i, new in sorted(after.items())]
    sql.update("loans_accrual", "loan_id", {"loan_id": "uuid", "total_minor": "bigint"}, totals)
