"""Stops: something is not done for a while, in a whole book or for one value of a dimension, from the second it is imposed until it
ends or is lifted. What an action and a dimension mean is for those above to say; one is known here: a read-only book.

A stop never changes but for being lifted, once. It ends by itself at the second of `expires_at`, at which it is no longer in force.
Whoever works on the open day of a read-only book is refused by `days.working`, in the statement that share-locks the day, so before
anything is claimed. The database keeps the stops themselves; that a book is left alone while it is read only is kept by this one door
of all journeys and not by the tables, which the login of the writer could still write to by hand: work that began before a stop must be
able to end, or it would be put aside as broken.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from yuefu import ids
from yuefu.errors import Refused
from yuefu.runtime import audit, keys, locks, outbox, sql
from yuefu.runtime.metrics import STOPS_IN_FORCE
from yuefu.runtime.outbox import Event
from yuefu.runtime.values import Book, UnitOfWork

READ_ONLY: Final = "read_only"  # an action, and the refusal of whoever would write to such a book
WHOLE_BOOK: Final = ("", "")
"""The dimension and the value of a stop for all of a book."""

UNKNOWN_STOP: Final = "unknown_stop"
ALREADY_LIFTED: Final = "already_lifted"
ALREADY_OVER: Final = "already_over"  # it ended by itself
REASON_INVALID: Final = "reason_invalid"
EXPIRES_IN_THE_PAST: Final = "expires_in_the_past"

LONGEST_REASON: Final = 500
_SCOPE: Final = "stop.set"


@dataclass(frozen=True, slots=True)
class NewStop:
    """`action` is not done: in the whole book where `dimension` and `value` are empty, until `expires_at` or, without one, until lifted."""

    key: str
    action: str
    dimension: str
    value: str
    reason: str
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Lift:
    """End a stop before its time; the reason is kept."""

    stop_id: UUID
    reason: str


@dataclass(frozen=True, slots=True)
class Stop:
    """A stop as stored: who imposed it, when and why, and the same of its lifting."""

    id: UUID
    action: str
    dimension: str
    value: str
    reason: str
    set_by: str
    set_at: datetime
    expires_at: datetime | None
    lifted_by: str | None
    lifted_at: datetime | None
    lift_reason: str

    @property
    def target(self) -> tuple[str, str]:
        return self.dimension, self.value

    def in_force(self, now: datetime) -> bool:
        """Whether it stops anything at a moment."""
        return self.lifted_at is None and (self.expires_at is None or now < self.expires_at)


_COLUMNS: Final = "id, action, dimension, value, reason, set_by, set_at, expires_at, lifted_by, lifted_at, lift_reason"
_IN_FORCE: Final = "lifted_at IS NULL AND (expires_at IS NULL OR expires_at > %s)"


def in_force(*, book_id: UUID, now: datetime) -> list[Stop]:
    """The stops of a book that are in force at a moment, the oldest first. One query, of an index that holds what was not lifted."""
    return sql.rows_as(Stop, f"SELECT {_COLUMNS} FROM runtime_stop WHERE book_id = %s AND {_IN_FORCE} ORDER BY set_at, id", [book_id, now])


def targets(*, book_id: UUID, action: str, now: datetime) -> frozenset[tuple[str, str]]:
    """(dimension, value) of all that an action is stopped for; WHOLE_BOOK among them where it is stopped altogether."""
    return targets_of(in_force(book_id=book_id, now=now), action)


def targets_of(in_force: Sequence[Stop], action: str) -> frozenset[tuple[str, str]]:
    """As `targets`, of stops that were read before."""
    return frozenset(stop.target for stop in in_force if stop.action == action)


def listed(*, book_id: UUID, limit: int = 100) -> list[Stop]:
    """All stops there ever were, the newest first."""
    return sql.rows_as(
        Stop, f"SELECT {_COLUMNS} FROM runtime_stop WHERE book_id = %s ORDER BY set_at DESC, id DESC LIMIT %s", [book_id, limit]
    )


def read_only(*, book_id: UUID, now: datetime) -> Refused | None:
    """Why nothing may be written in a book now, or None. Takes no lock: whoever writes is asked again, by `days.working`."""
    return read_only_of(in_force(book_id=book_id, now=now))


def read_only_of(in_force: Sequence[Stop]) -> Refused | None:
    """Why nothing may be written in a book with these stops, or None."""
    stop = next((stop for stop in in_force if stop.action == READ_ONLY), None)
    if stop is None:
        return None
    until = f" until {stop.expires_at.isoformat()}" if stop.expires_at else ""
    # Without the reason: this refusal goes to merchants as well.
    return Refused(READ_ONLY, f"this book is read only{until} ({ids.text('stop', stop.id)})")


def impose(*, work: UnitOfWork, stops: Sequence[NewStop]) -> list[Stop | Refused]:
    """Imposes stops; one outcome each, in order, and a known key gives the first one. One person is enough, for a stop must be quick.

    Refused, without the key being used, with reason_invalid or expires_in_the_past; with key_reused or key_invalid. In force for whoever
    begins after the commit: see `drain` for those who began before.
    """
    new = work.ids.many(work.now, len(stops))
    return keys.answer(
        work=work,
        scope=_SCOPE,
        requests=stops,
        object_ids=new,
        validate=lambda fresh: {i: refused for i in fresh if (refused := _unfit(stops[i].reason, stops[i].expires_at, work.now))},
        decide=lambda fresh: dict(zip(fresh, _store(work, {new[i]: stops[i] for i in fresh}), strict=True)),
        recall=lambda found: {stop.id: stop for stop in _by_ids(work.book.id, found)},
    )


def _unfit(reason: str, expires_at: datetime | None, now: datetime) -> Refused | None:
    if not 1 <= len(reason) <= LONGEST_REASON or not reason.isprintable() or not reason.strip():
        return Refused(REASON_INVALID, f"a reason has 1 to {LONGEST_REASON} printable characters", "reason")
    if expires_at is not None and expires_at <= now:
        return Refused(EXPIRES_IN_THE_PAST, f"it is {now.isoformat()}: a stop ends after that", "expires_at")
    return None


def _store(work: UnitOfWork, new: dict[UUID, NewStop]) -> list[Stop]:
    by, now = work.by, work.now
    made = [Stop(i, n.action, n.dimension, n.value, n.reason, by.label, now, n.expires_at, None, None, "") for i, n in new.items()]
    columns = {
        "id": "uuid", "book_id": "uuid", "action": "text", "dimension": "text", "value": "text", "reason": "text", "set_by": "text",
        "set_by_user": "uuid", "set_at": "timestamptz", "expires_at": "timestamptz",
    }  # fmt: skip
    rows = [(s.id, work.book.id, s.action, s.dimension, s.value, s.reason, s.set_by, by.user_id, s.set_at, s.expires_at) for s in made]
    sql.insert("runtime_stop", columns, rows)
    _tell(work, "stop.set", 1, made)
    return made


def lift(*, work: UnitOfWork, lifts: Sequence[Lift]) -> list[Stop | Refused]:
    """Ends stops before their time; one outcome each, in order. Refused with unknown_stop, already_lifted, already_over or reason_invalid.

    One person is enough here too: what is lifted gives back what the settings, contracts and limits allow anyway, each of which took two.
    """
    locked = {stop.id: stop for stop in _by_ids(work.book.id, sorted({lift.stop_id for lift in lifts}), lock=True)}
    before = dict(locked)
    outcomes: list[Stop | Refused] = []
    for one in lifts:
        done = _lifted(work, locked.get(one.stop_id), one.reason)
        if isinstance(done, Stop):
            locked[done.id] = done
        outcomes.append(done)
    lifted = [outcome for outcome in outcomes if isinstance(outcome, Stop)]
    columns = {"id": "uuid", "lifted_by": "text", "lifted_by_user": "uuid", "lifted_at": "timestamptz", "lift_reason": "text"}
    sql.update("runtime_stop", "id", columns, [(s.id, s.lifted_by, work.by.user_id, s.lifted_at, s.lift_reason) for s in lifted])
    _tell(work, "stop.lifted", 2, lifted, before)
    return outcomes


def _lifted(work: UnitOfWork, stop: Stop | None, reason: str) -> Stop | Refused:
    if stop is None:
        return Refused(UNKNOWN_STOP, "there is no such stop in this book", "stop_id")
    if stop.lifted_at is not None:
        return Refused(ALREADY_LIFTED, f"{stop.lifted_by} lifted it at {stop.lifted_at.isoformat()}", "stop_id")
    if not stop.in_force(work.now):
        return Refused(ALREADY_OVER, f"it ended by itself at {stop.expires_at}", "stop_id")
    if refused := _unfit(reason, None, work.now):
        return refused
    return replace(stop, lifted_by=work.by.label, lifted_at=work.now, lift_reason=reason)


def _by_ids(book_id: UUID, found: Sequence[UUID], *, lock: bool = False) -> list[Stop]:
    suffix = " ORDER BY id FOR UPDATE" if lock else ""
    return sql.rows_as(Stop, f"SELECT {_COLUMNS} FROM runtime_stop WHERE book_id = %s AND id = ANY(%s){suffix}", [book_id, list(found)])


def _tell(work: UnitOfWork, action: str, seq: int, stops: Sequence[Stop], before: dict[UUID, Stop] | None = None) -> None:
    """An event for each, and one line of the audit trail for all."""
    events = []
    for stop in stops:
        now = _snapshot(stop)
        changed = outbox.changes(_snapshot(before[stop.id]), now) if before else None
        events.append(Event(action, "stop", stop.id, seq, now, changed))
    outbox.emit(work=work, events=events)
    why = {str(stop.id): stop.lift_reason or stop.reason for stop in stops}
    audit.record(work=work, action=action, object_kind="stop", object_ids=[stop.id for stop in stops], detail=why)


def _snapshot(stop: Stop) -> dict[str, Any]:
    """In the form of all events: a value that is an id says so, and moments are of UTC."""
    names = ("set_at", "expires_at", "lifted_at")
    moments = {name: moment.astimezone(UTC).isoformat() if moment else None for name in names for moment in [getattr(stop, name)]}
    is_id = _is_uuid(stop.value)
    value = {"value": "" if is_id else stop.value, "value_id": stop.value if is_id else None}
    return {**asdict(stop), **value, "id": str(stop.id), **moments}


def _is_uuid(text: str) -> bool:
    try:
        return str(UUID(text)) == text
    except ValueError:
        return False


def drain(*, book_id: UUID) -> None:
    """Waits until whoever works on the open day has ended. After a stop was committed nobody is left who began without seeing it.

    Call it in a transaction of its own, which may be as short as this.
    """
    locks.wait(locks.DAY, book_id)


def gauge(*, book: Book, now: datetime, actions: Sequence[str]) -> None:
    """Says in the metrics how many stops of each action are in force. Nothing happens at the second one ends: tell it now and then."""
    counted = Counter(stop.action for stop in in_force(book_id=book.id, now=now))
    for action in actions:
        STOPS_IN_FORCE.labels(book=book.code, action=action).set(counted[action])
