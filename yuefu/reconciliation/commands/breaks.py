"""Work on breaks: who looks at one and until when, notes and evidence, and how it ends or is opened again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from hashlib import sha256
from typing import Final
from uuid import UUID

from yuefu.errors import Refused
from yuefu.reconciliation import queries
from yuefu.reconciliation.commands.events import Became, tell_breaks
from yuefu.reconciliation.commands.history import Happened, tell
from yuefu.reconciliation.queries import Break
from yuefu.reconciliation.rules.breaks import STATES, TRANSITIONS
from yuefu.runtime import audit, sql
from yuefu.runtime.values import UnitOfWork

UNKNOWN_BREAK = "unknown_break"
NOT_POSSIBLE = "not_possible"  # the state of the break does not allow this step
REASON_MISSING = "reason_missing"  # whoever ends a break says why
TEXT_INVALID = "text_invalid"  # a note and the name of evidence have 1 to 2,000 characters
EVIDENCE_TOO_LARGE = "evidence_too_large"
DUE_PASSED = "due_passed"  # a break is to be dealt with today or later

MOST_TEXT: Final = 2_000
MOST_EVIDENCE: Final = 8 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Assignment:
    """`owner_id` is a person of the role, or None for whoever has it. `due_on` is until when; as it was unless given."""

    break_id: UUID
    owner_role: str
    owner_id: UUID | None = None
    due_on: date | None = None


@dataclass(frozen=True, slots=True)
class Ending:
    """A new state with the code of its reason: explained, corrected (by an entry of the open day), closed, or open again."""

    break_id: UUID
    state: str
    reason: str


@dataclass(frozen=True, slots=True)
class Note:
    break_id: UUID
    text: str


@dataclass(frozen=True, slots=True)
class Evidence:
    """What proves something of a break: a file by its name and bytes, or a reference to what lies elsewhere, which has none."""

    break_id: UUID
    name: str
    content: bytes | None = None
    text: str = ""

    @property
    def sha256(self) -> str:
        """Of the bytes, or of the reference itself."""
        return sha256(self.name.encode() if self.content is None else self.content).hexdigest()


def assign_breaks(*, work: UnitOfWork, assignments: Sequence[Assignment]) -> list[Break | Refused]:
    """Gives breaks to a role or person, in order. Refused with UNKNOWN_BREAK, NOT_POSSIBLE for one that is closed, or DUE_PASSED where
    the day until which it is to be dealt with is another one than before and has passed."""
    known = _locked(work, [a.break_id for a in assignments])
    outcomes: list[Break | Refused] = []
    happened, became = [], []
    for given in assignments:
        current = known.get(given.break_id)
        if current is None:
            outcomes.append(_unknown())
        elif current.state == "closed":
            outcomes.append(Refused(NOT_POSSIBLE, "the break is closed", "break_id"))
        elif given.due_on and given.due_on < work.day.on and given.due_on != current.due_on:
            outcomes.append(Refused(DUE_PASSED, f"it is {work.day.on}: a break is dealt with today or later", "due_on"))
        else:
            changed = replace(current, owner_role=given.owner_role, owner_id=given.owner_id, due_on=given.due_on or current.due_on)
            known[current.id] = changed
            outcomes.append(changed)
            happened.append(Happened(current.id, "assigned", current.state, given.owner_role, until=changed.due_on))
            became.append(Became(current, changed, "assigned"))
    _store(work, "reconciliation.assign_breaks", outcomes, known)
    tell(work=work, happened=happened)
    tell_breaks(work=work, became=became)
    return outcomes


def resolve_breaks(*, work: UnitOfWork, endings: Sequence[Ending]) -> list[Break | Refused]:
    """Moves breaks along, in order. Refused with UNKNOWN_BREAK, NOT_POSSIBLE or REASON_MISSING. Posts nothing."""
    known = _locked(work, [e.break_id for e in endings])
    outcomes: list[Break | Refused] = []
    happened, became = [], []
    for ending in endings:
        outcome = _ended(known.get(ending.break_id), ending, work)
        outcomes.append(outcome)
        if isinstance(outcome, Break):
            became.append(Became(known[outcome.id], outcome))
            known[outcome.id] = outcome
            happened.append(Happened(outcome.id, "reopened" if outcome.state == "open" else "ended", outcome.state, ending.reason))
    _store(work, "reconciliation.resolve_breaks", outcomes, known)
    tell(work=work, happened=happened)
    tell_breaks(work=work, became=became)
    return outcomes


def note_breaks(*, work: UnitOfWork, notes: Sequence[Note]) -> list[Break | Refused]:
    """Writes notes into the history of breaks, in order; also of one that ended. Refused with UNKNOWN_BREAK or TEXT_INVALID."""
    known = _locked(work, [note.break_id for note in notes])
    outcomes = [_text_fault(note.text) or known.get(note.break_id) or _unknown() for note in notes]
    told = [(note, found) for note, found in zip(notes, outcomes, strict=True) if isinstance(found, Break)]
    tell(work=work, happened=[Happened(found.id, "noted", found.state, note.text.strip()) for note, found in told])
    tell_breaks(work=work, became=[Became(found, found, "noted") for _, found in told])
    return outcomes


def prove_breaks(*, work: UnitOfWork, evidence: Sequence[Evidence]) -> list[Break | Refused]:
    """Keeps evidence with breaks, in order, with the SHA-256 of it. Refused with UNKNOWN_BREAK, TEXT_INVALID or EVIDENCE_TOO_LARGE."""
    known = _locked(work, [one.break_id for one in evidence])
    outcomes = [
        _text_fault(one.name) or _about_fault(one.text) or _size_fault(one) or known.get(one.break_id) or _unknown() for one in evidence
    ]
    happened = []
    for one, found in zip(evidence, outcomes, strict=True):
        if isinstance(found, Break):
            told = Happened(found.id, "evidence", found.state, one.text)
            happened.append(replace(told, evidence_name=one.name.strip(), evidence_sha256=one.sha256, evidence=one.content))
    tell(work=work, happened=happened)
    tell_breaks(work=work, became=[Became(found, found, "evidence_kept") for found in outcomes if isinstance(found, Break)])
    return outcomes


def _locked(work: UnitOfWork, ids: Sequence[UUID]) -> dict[UUID, Break]:
    return queries.breaks_by_id(book_id=work.book.id, ids=ids, lock=True)


def _text_fault(text: str) -> Refused | None:
    if not 0 < len(text.strip()) <= MOST_TEXT:
        return Refused(TEXT_INVALID, f"it has 1 to {MOST_TEXT} characters", "text")
    return None


def _about_fault(text: str) -> Refused | None:
    """What is said of evidence may be nothing; too much of it is refused, not cut off."""
    return _text_fault(text) if text.strip() else None


def _size_fault(one: Evidence) -> Refused | None:
    if one.content is not None and len(one.content) > MOST_EVIDENCE:
        return Refused(EVIDENCE_TOO_LARGE, f"a file of evidence has at most {MOST_EVIDENCE} bytes", "content")
    return None


def ending_fault(current: Break, ending: Ending) -> Refused | None:
    """Why a break cannot be moved along so."""
    if ending.state not in STATES or (current.state, ending.state) not in TRANSITIONS:
        return Refused(NOT_POSSIBLE, f"the break is {current.state} and cannot become {ending.state[:20]}", "state")
    return None if ending.reason.strip() else Refused(REASON_MISSING, "say why", "reason")


def _ended(current: Break | None, ending: Ending, work: UnitOfWork) -> Break | Refused:
    if current is None:
        return _unknown()
    if fault := ending_fault(current, ending):
        return fault
    closed_on = None if ending.state == "open" else work.day.on
    fix_id = None if ending.state == "open" else current.fix_id
    return replace(current, state=ending.state, reason=ending.reason, closed_on=closed_on, fix_id=fix_id)


def _store(work: UnitOfWork, action: str, outcomes: Sequence[Break | Refused], known: Mapping[UUID, Break]) -> None:
    changed = [known[i] for i in dict.fromkeys(o.id for o in outcomes if isinstance(o, Break))]
    store(changed=changed)
    audit.record(work=work, action=action, object_kind="break", object_ids=[b.id for b in changed])


def store(*, changed: Sequence[Break]) -> None:
    """Writes how breaks stand, by whoever tells their history as well."""
    columns = {
        "id": "uuid",
        "owner_role": "text",
        "owner_id": "uuid",
        "state": "text",
        "reason": "text",
        "due_on": "date",
        "closed_on": "date",
    }
    columns |= {"fix_id": "uuid"}
    sql.update("reconciliation_break", "id", columns, [tuple(getattr(b, name) for name in columns) for b in changed])


def _unknown() -> Refused:
    return Refused(UNKNOWN_BREAK, "there is no such break in this book", "break_id")
