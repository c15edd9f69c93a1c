"""Rebuilding what is stored of a loan besides its terms and events: a cache, written anew from a replay of both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from uuid import UUID

from yuefu.errors import Refused
from yuefu.loans import rules
from yuefu.loans.commands import storing, writing
from yuefu.loans.commands.stepping import update_loans
from yuefu.loans.queries import keeping, levelled
from yuefu.loans.queries.replayed import Replayed, replayed
from yuefu.loans.rules import NOT_REBUILDABLE, UNKNOWN_LOAN, Held
from yuefu.plans.lifecycle.events import LoanError
from yuefu.runtime import audit, days, sql
from yuefu.runtime.values import UnitOfWork


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """A loan written anew; `changed` says whether anything was otherwise."""

    loan_id: UUID
    changed: bool


def rebuild_loans(*, work: UnitOfWork, loan_ids: Sequence[UUID]) -> list[Rebuilt | Refused]:
    """Writes instalments and progress of loans as a replay of their terms and events has them. Posts nothing: the ledger knows better,
    and so the discount that is earned, and where a loan with a life stands in the books, stay as they are.

    One outcome a loan, in order. Refused with unknown_loan, or not_rebuildable where the cache has other days or more rows than the terms, or a later
    last event: what was agreed, and time, are not for the writer to change. Of rule version 2026-2, where a replay has it stand otherwise in the
    books, more is said to have been entered than was, what was cannot be told, or the close could not go on with it.
    """
    held = levelled.lock(work.book.id, loan_ids)
    told = levelled.facts(sorted(held), {i: one.state.terms for i, one in held.items()})
    after = {loan_id: _retold(work, one, told.get(loan_id, ())) for loan_id, one in held.items()}
    sound = {loan_id: new for loan_id, new in after.items() if isinstance(new, Held)}
    _write(work, held, sound)
    outcomes: dict[UUID, Rebuilt | Refused] = {i: Rebuilt(i, sound[i] != held[i]) for i in sound}
    outcomes |= {i: new for i, new in after.items() if isinstance(new, Refused)}
    outcomes |= _rebuild_lived(work, [i for i in loan_ids if i not in held])
    audit.record(
        work=work, action="loan.rebuild", object_kind="loan", object_ids=sorted(i for i, o in outcomes.items() if isinstance(o, Rebuilt))
    )
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


def _rebuild_lived(work: UnitOfWork, loan_ids: Sequence[UUID]) -> dict[UUID, Rebuilt | Refused]:
    """The outcomes of those that are of rule version 2026-2."""
    closed = min([*days.waiting_to_close(work.book.id), work.day.on]) - timedelta(days=1)
    told = replayed(work.book.id, loan_ids, closed=closed, lock=True)
    faults = {i: Refused(NOT_REBUILDABLE, fault, "loan_id") for i, one in told.items() if (fault := _unsound(one))}
    sound = [one for i, one in told.items() if isinstance(one, Replayed) and one.differs and i not in faults]
    changed = {one.kept.party.loan_id for one in sound}
    lives = [writing.checkpoint_values(replace(one.kept, life=one.life)) for one in sound]
    sql.update("loans_checkpoint", "loan_id", keeping.CHECKPOINT, lives)
    sql.run("UPDATE loans_stretch SET behind = false WHERE loan_id = ANY(%s) AND behind", [sorted(changed)])
    writing.rewrite_dues(work, {one.kept.party.loan_id: [row[1:] for row in one.dues] for one in sound})
    return {i: faults.get(i) or Rebuilt(i, i in changed) for i in told}


def _unsound(told: Replayed | LoanError) -> str:
    """Why a loan is not for a rebuild to mend; empty where it is."""
    if isinstance(told, LoanError):
        return f"what was entered of it cannot be told: {told.detail}"
    if told.kept.running.stuck:
        return "the close could not go on with it: mend what it was set aside for"
    if told.life.seq < told.kept.life.seq:
        return f"it says that {told.kept.life.seq} facts were entered of it, {told.life.seq} are there, and a loan never goes back"
    if "position" in told.differs:
        return "it was posted to stand otherwise in the books than a replay has it: which is right is for people to find out"
    return ""
