"""The changes of one batch while it is decided: post what they mean, keep those that could be posted, tell of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Generic, Protocol, TypeVar
from uuid import UUID

from yuefu.errors import Refused
from yuefu.ledger import commands as ledger
from yuefu.ledger.rules import Entry
from yuefu.runtime import audit, outbox
from yuefu.runtime.outbox import Event
from yuefu.runtime.values import UnitOfWork


class _Stateful(Protocol):
    @property
    def id(self) -> UUID: ...
    @property
    def state(self) -> str: ...


T = TypeVar("T", bound=_Stateful)
R = TypeVar("R")


@dataclass(slots=True)
class Changes(Generic[T]):
    """Outcomes in the order of the requests, and the objects as they were and as they will be stored."""

    outcomes: list[T | Refused] = field(default_factory=list)
    before: dict[UUID, T] = field(default_factory=dict)
    changed: dict[UUID, T] = field(default_factory=dict)
    entries: dict[UUID, list[Entry]] = field(default_factory=dict)


def decide(
    results: Sequence[R],
    known: Mapping[str, T],
    reference: Callable[[R], str],
    apply: Callable[[T | None, R], T | Refused],
    entries_of: Callable[[T, T], Sequence[Entry]],
) -> Changes[T]:
    """Applies results in order; a later result of the same object sees the effect of an earlier one."""
    changes: Changes[T] = Changes()
    for result in results:
        before = known.get(reference(result))
        current = changes.changed.get(before.id, before) if before else None
        outcome = apply(current, result)
        changes.outcomes.append(outcome)
        if current is not None and not isinstance(outcome, Refused) and outcome is not current:
            changes.before.setdefault(outcome.id, current)
            changes.changed[outcome.id] = outcome
            changes.entries.setdefault(outcome.id, []).extend(entries_of(current, outcome))
    return changes


def post(work: UnitOfWork, changes: Changes[T]) -> None:
    """Posts the entries of the changes. What the ledger refuses is not changed, and its outcome is the refusal."""
    flat = [(object_id, entry) for object_id, entries in changes.entries.items() for entry in entries]
    if not flat:
        return
    posted = ledger.post_once(work=work, entries=[by_today(work, entry) for _, entry in flat])  # the step of a locked row is taken once
    refused = {object_id: outcome for (object_id, _), outcome in zip(flat, posted, strict=True) if isinstance(outcome, Refused)}
    if refused:
        partly = [
            object_id
            for (object_id, _), outcome in zip(flat, posted, strict=True)
            if object_id in refused and not isinstance(outcome, Refused)
        ]
        assert not partly, "the entries of one object are posted together or not at all"
        changes.outcomes = [refused.get(o.id, o) if not isinstance(o, Refused) else o for o in changes.outcomes]
        changes.changed = {object_id: thing for object_id, thing in changes.changed.items() if object_id not in refused}


def by_today(work: UnitOfWork, entry: Entry) -> Entry:
    """An entry as it is posted.

    Between midnight and the roll-over the other side is a day ahead of the open day: what it did today is true today at the latest.
    """
    later = entry.effective_on is not None and entry.effective_on > work.day.on
    return replace(entry, effective_on=work.day.on) if later else entry


def tell(
    work: UnitOfWork,
    *,
    action: str,
    kind: str,
    things: Sequence[T],
    before: Mapping[UUID, T],
    seq: Mapping[tuple[str, str], int],
    snapshot: Callable[[T], Mapping[str, Any]],
) -> None:
    """One audit row for the batch, and an event for each thing that took a step of which events tell.

    `seq` numbers the event of each step (state before, "" where the thing is new, and state now) in the life of the thing.
    """
    audit.record(work=work, action=action, object_kind=kind, object_ids=[thing.id for thing in things])
    events = []
    for thing in things:
        earlier = before.get(thing.id)
        number = seq.get((earlier.state if earlier else "", thing.state))
        if number is None:
            continue
        now = {"id": thing.id, **snapshot(thing)}
        changed = outbox.changes(snapshot(earlier), now) if earlier else None
        events.append(Event(f"{kind}.{thing.state}", kind, thing.id, number, now, changed))
    outbox.emit(work=work, events=events)
