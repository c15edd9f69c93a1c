"""What becomes of breaks and their fixes, told outside as events, a statement for many (`runtime.outbox`)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from yuefu.reconciliation.queries import Break, Fix
from yuefu.reconciliation.rules.fixes import MOVES_MONEY
from yuefu.runtime import outbox, sql
from yuefu.runtime.outbox import Event
from yuefu.runtime.values import UnitOfWork


@dataclass(frozen=True, slots=True)
class Became:
    """A break before and after something; `before` is None where it was found. `what` names it where the states do not; `cause` is the fix by which."""

    before: Break | None
    after: Break
    what: str = ""
    cause: UUID | None = None

    @property
    def type(self) -> str:
        if self.before is None or self.what:
            return f"break.{self.what or 'found'}"
        if self.before.state == self.after.state:
            return "break.changed"
        if self.after.state == "open":
            return "break.reopened"
        return "break.resolved" if self.before.state == "open" else "break.closed"


def tell_breaks(*, work: UnitOfWork, became: Sequence[Became]) -> None:
    """Emits an event for each, numbered for each break behind what was told of it. The breaks are there, and locked by the caller."""
    if not became:
        return
    counts = Counter(one.after.id for one in became)
    given, params = sql.unnest({"id": "uuid", "count": "integer"}, sorted(counts.items()))
    numbers: dict[UUID, int] = dict(
        sql.rows(
            f"UPDATE reconciliation_break AS b SET told = b.told + g.count FROM {given} AS g WHERE b.id = g.id AND b.book_id = %s"
            " RETURNING b.id, b.told - g.count",
            [*params, work.book.id],
        )
    )
    events = []
    for one in became:
        numbers[one.after.id] += 1
        now = _break(one.after)
        changed = outbox.changes(_break(one.before), now) if one.before else None
        events.append(Event(one.type, "break", one.after.id, numbers[one.after.id], now, changed, one.cause))
    outbox.emit(work=work, events=events)


def tell_fixes(*, work: UnitOfWork, became: Sequence[tuple[Fix | None, Fix]]) -> None:
    """Emits an event for each fix that was proposed, decided, carried out or dropped: as it was and as it is."""
    outbox.emit(work=work, events=[_of_fix(before, after) for before, after in became])


def _of_fix(before: Fix | None, after: Fix) -> Event:
    if before is None:
        return Event("fix.proposed", "fix", after.id, 1, _fix(after))
    # Proposed, decided where a second person decides, ended.
    number = 3 if not after.alone and after.state in ("done", "dropped") else 2
    name = after.state if after.state != "done" else "booked" if after.kind in MOVES_MONEY else "done"
    return Event(f"fix.{name}", "fix", after.id, number, _fix(after), outbox.changes(_fix(before), _fix(after)))


def _break(one: Break) -> Mapping[str, Any]:
    return {
        "id": one.id,
        "source": one.source,
        "class": one.cls,
        "kind": one.kind,
        "reference": one.reference,
        "line": one.line,
        "movement": one.movement,
        "order_id": one.order_id,
        "owner_role": one.owner_role,
        "owner_id": one.owner_id,
        "state": one.state,
        "reason": one.reason,
        "opened_on": one.opened_on,
        "due_on": one.due_on,
        "closed_on": one.closed_on,
        "fix_id": one.fix_id,
    }


def _fix(one: Fix) -> Mapping[str, Any]:
    return {
        "id": one.id,
        "break_id": one.break_id,
        "source": one.source,
        "kind": one.kind.value,
        "amount": one.amount,
        "other_id": one.other_id,
        "until_on": one.until,
        "reason": one.reason,
        "alone": one.alone,
        "approval_id": one.approval_id,
        "state": one.state,
        "code": one.code,
        "entry_id": one.entry_id,
        "ended_on": one.ended_on,
    }
