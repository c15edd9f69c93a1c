"""Work on breaks: who looks at one, and how it ends."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from yuefu.errors import Refused
from yuefu.reconciliation import queries
from yuefu.reconciliation.queries import Break
from yuefu.reconciliation.rules.breaks import STATES, TRANSITIONS
from yuefu.runtime import audit, sql
from yuefu.runtime.values import UnitOfWork

UNKNOWN_BREAK = "unknown_break"
NOT_POSSIBLE = "not_possible"  # the state of the break does not allow this step
REASON_MISSING = "reason_missing"  # whoever ends a break says why


@dataclass(frozen=True, slots=True)
class Assignment:
    """`owner_id` is a person of the role, or None for whoever has it."""

    break_id: UUID
    owner_role: str
    owner_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Ending:
    """A new state with the code of its reason: explained, corrected (by an entry of the open day), closed, or open again."""

    break_id: UUID
    state: str
    reason: str


def assign_breaks(*, work: UnitOfWork, assignments: Sequence[Assignment]) -> list[Break | Refused]:
    """Gives breaks to a role or person, in order. Refused with UNKNOWN_BREAK, or NOT_POSSIBLE for one that is closed."""
    known = queries.breaks_by_id(book_id=work.book.id, ids=[a.break_id for a in assignments], lock=True)
    outcomes: list[Break | Refused] = []
    for assignment in assignments:
        current = known.get(assignment.break_id)
        if current is None:
            outcomes.append(_unknown())
        elif current.state == "closed":
            outcomes.append(Refused(NOT_POSSIBLE, "the break is closed", "break_id"))
        else:
            known[current.id] = replace(current, owner_role=assignment.owner_role, owner_id=assignment.owner_id)
            outcomes.append(known[current.id])
    _store(work, "reconciliation.assign_breaks", outcomes, known)
    return outcomes


def resolve_breaks(*, work: UnitOfWork, endings: Sequence[Ending]) -> list[Break | Refused]:
    """Moves breaks along, in order. Refused with UNKNOWN_BREAK, NOT_POSSIBLE or REASON_MISSING. Posts nothing."""
    known = queries.breaks_by_id(book_id=work.book.id, ids=[e.break_id for e in endings], lock=True)
    outcomes: list[Break | Refused] = []
    for ending in endings:
        outcome = _ended(known.get(ending.break_id), ending, work)
        outcomes.append(outcome)
        if isinstance(outcome, Break):
            known[outcome.id] = outcome
    _store(work, "reconciliation.resolve_breaks", outcomes, known)
    return outcomes


def _ended(current: Break | None, ending: Ending, work: UnitOfWork) -> Break | Refused:
    if current is None:
        return _unknown()
    if ending.state not in STATES or (current.state, ending.state) not in TRANSITIONS:
        return Refused(NOT_POSSIBLE, f"the break is {current.state} and cannot become {ending.state[:20]}", "state")
    if not ending.reason.strip():
        return Refused(REASON_MISSING, "say why", "reason")
    closed_on = None if ending.state == "open" else work.day.on
    return replace(current, state=ending.state, reason=ending.reason, closed_on=closed_on)


def _store(work: UnitOfWork, action: str, outcomes: Sequence[Break | Refused], known: dict[UUID, Break]) -> None:
    changed = [known[i] for i in dict.fromkeys(o.id for o in outcomes if isinstance(o, Break))]
    columns = {"id": "uuid", "owner_role": "text", "owner_id": "uuid", "state": "text", "reason": "text", "closed_on": "date"}
    sql.update("reconciliation_break", "id", columns, [(b.id, b.owner_role, b.owner_id, b.state, b.reason, b.closed_on) for b in changed])
    audit.record(work=work, action=action, object_kind="break", object_ids=[b.id for b in changed])


def _unknown() -> Refused:
    return Refused(UNKNOWN_BREAK, "there is no such break in this book", "break_id")
