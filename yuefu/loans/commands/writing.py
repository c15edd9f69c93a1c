"""How loans of rule version 2026-2 are written: facts, what they came to be, and what falls due of them, by one statement a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from operator import attrgetter
from typing import Any, Final
from uuid import UUID

from yuefu.loans.queries.keeping import ACCOUNTS, CHECKPOINT, DUE, FACT, LATENESS, LINES, NEVER, STRETCH, Kept, Running, Unread
from yuefu.loans.rules import ASKED, PARTS, Columns, columns_among, columns_of, due_row, settled_of
from yuefu.plans.lifecycle.arrears import Overdue
from yuefu.plans.lifecycle.events import Event, Undone
from yuefu.plans.lifecycle.fold import looked_at
from yuefu.plans.lifecycle.plain import kind_of, written_state
from yuefu.plans.lifecycle.rows import Rows
from yuefu.runtime import sql
from yuefu.runtime.jsontext import dumps
from yuefu.runtime.values import UnitOfWork

LENT: Final = ("loan_principal", "purchase_clearing", "unearned_discount")
_OF_POSITION: Final = attrgetter(*ACCOUNTS)
_OF_BEGUN: Final = tuple(name for name in STRETCH if name not in {"loan_id", "portfolio_no", *LENT})
_COPIED: Final = ("book_id", "due_told_on", *(name for name in STRETCH if name not in {"loan_id", "replaced_on", "behind"}))
_OF_UNPAID: Final = ("kind", "fees_minor", "penalties_minor", *(f"{part}_settled_minor" for part in PARTS))
"""What is the same of loans that begin on a day, and of what they will ask."""
_DUE_CHANGES: Final = ", ".join(f"{name} = excluded.{name}" for name in list(DUE)[2:])


def insert_facts(work: UnitOfWork, entered: Sequence[tuple[UUID, int, UUID, Event | Undone, Mapping[str, Any]]]) -> None:
    """Facts as (loan, number, source, what happened, that as it is written)."""
    values = [
        (
            new,
            loan_id,
            no,
            kind_of(entry),
            None if isinstance(entry, Undone) else entry.on,
            entry.entry if isinstance(entry, Undone) else None,
            dumps(plain),
            source_id,
        )
        for new, (loan_id, no, source_id, entry, plain) in zip(work.ids.many(work.now, len(entered)), entered, strict=True)
    ]
    sql.insert(
        "loans_fact",
        FACT,
        values,
        same=_same(work) | {"recorded_at": ("timestamptz", work.now), "recorded_on": ("date", work.day.on)},
        often_same=("kind", "effective_on", "undoes_no"),
    )


def insert_new(work: UnitOfWork, kept: Sequence[Kept]) -> None:
    """The first checkpoint and stretch of loans that are agreed, and of orders lent too."""
    lives = [checkpoint_values(one) for one in kept]
    stretches = [stretch_values(one.party.loan_id, one.running) for one in kept]
    sql.insert("loans_checkpoint", CHECKPOINT, lives, same=_same(work), often_same=("waits_for", "status"))
    sql.insert("loans_stretch", STRETCH, stretches, same=_same(work), often_same=_OF_BEGUN)


def insert_dues(work: UnitOfWork, kept: Sequence[Kept]) -> None:
    """What falls due of loans that are new."""
    rows = [(one.party.loan_id, no, *due_row(columns, no)) for one in kept for columns in (_seen(one),) for no in range(len(columns[0]))]
    sql.insert("loans_due", DUE, rows, same=_same(work), often_same=_OF_UNPAID)


def insert_lateness(work: UnitOfWork, kept: Sequence[Kept]) -> None:
    """How late loans are that are new here; one that is not is not told."""
    _insert_lateness(work, [(one.party.loan_id, one.running.late) for one in kept if one.running.late.since is not None])


def update(
    work: UnitOfWork,
    changed: Sequence[tuple[Kept, Kept]],
    *,
    closing: bool,
    late_before: Mapping[UUID, Overdue] | None = None,
    before_last: Mapping[UUID, Kept] | None = None,
) -> None:
    """Writes what loans came to be, as (before, after): checkpoints whose facts are others, stretches, how late they are, and rows of what falls due.

    `closing`: a day before that of `work` is not closed yet, and has to find the stretch that ended. How late loans will be by the close of that
    is in `late_before`, which is not written yet. The checkpoint of one that is behind (`Running.behind`) is of the loan before its last fact, as
    `before_last` has it.
    """
    was_late, before_last = late_before or {}, before_last or {}
    lives = []
    for before, after in changed:
        known = before_last[after.party.loan_id] if after.running.behind else after
        if known.life is not before.life or before.running.behind:
            lives.append(checkpoint_values(known))
    sql.update("loans_checkpoint", "loan_id", CHECKPOINT, lives)
    _update_stretches(work, changed, closing=closing)
    late = [
        (after.party.loan_id, after.running.late)
        for before, after in changed
        if after.running.late is not (was := was_late.get(after.party.loan_id, before.running.late)) and after.running.late != was
    ]
    _insert_lateness(work, late)
    _update_dues(work, changed)


_OF_TOUCHED: Final = ("replaced_on", "since", "until", "stuck", "behind", *LINES)
"""What of the stretches of loans that were touched on a day is the same, for that ends with the day."""


def _update_stretches(work: UnitOfWork, changed: Sequence[tuple[Kept, Kept]], *, closing: bool) -> None:
    """The row of today, by which a loan is locked, is written over; where it tells of days which are closing, a copy of it stays, replaced as of
    today."""
    apart = {
        before.party.loan_id
        for before, after in changed
        if closing and before.running.since < after.running.since and not before.running.stuck
    }
    if apart:
        copied = ", ".join(["loan_id", *_COPIED])
        sql.run(
            f"INSERT INTO loans_stretch ({copied}, replaced_on, behind) SELECT {copied}, %s, false FROM loans_stretch"
            " WHERE loan_id = ANY(%s) AND replaced_on = %s",
            [work.day.on, sorted(apart), NEVER],
        )
    if changed:
        written = [stretch_values(after.party.loan_id, after.running) for _, after in changed]
        source, params = sql.unnest(STRETCH, written, often_same=_OF_TOUCHED)
        changes = ", ".join(f"{name} = given.{name}" for name in STRETCH if name not in {"loan_id", "replaced_on", "portfolio_no"})
        sql.run(
            f"UPDATE loans_stretch AS target SET {changes} FROM {source} AS given"
            " WHERE target.loan_id = given.loan_id AND target.replaced_on = given.replaced_on",
            params,
        )


def stick(stuck: Sequence[Unread]) -> None:
    """Says of stretches that nobody could go on from them; they stay as they are. Of one that was replaced, it was left to the close to say how
    late the loan was: nobody will, so that is said from the day on which it was."""
    if stuck:
        source, params = sql.unnest({"loan_id": "uuid", "replaced_on": "date"}, [(one.loan_id, one.running.replaced_on) for one in stuck])
        sql.run(
            f"UPDATE loans_stretch AS target SET stuck = true FROM {source} AS given"
            " WHERE target.loan_id = given.loan_id AND target.replaced_on = given.replaced_on",
            params,
        )
        late = ", ".join(name if name == "bucket" or name == "late_since" else f"late_{name}" for name in list(LATENESS)[1:])
        sql.run(
            f'INSERT INTO loans_lateness (loan_id, book_id, "on", {", ".join(list(LATENESS)[1:])})'
            f" SELECT given.loan_id, next.book_id, given.replaced_on, {late} FROM {source} AS given CROSS JOIN LATERAL"
            " (SELECT * FROM loans_stretch s WHERE s.loan_id = given.loan_id AND s.replaced_on > given.replaced_on"
            ' ORDER BY s.replaced_on LIMIT 1) AS next ON CONFLICT (loan_id, "on") DO NOTHING',
            params,
        )


def _insert_lateness(work: UnitOfWork, late: Sequence[tuple[UUID, Overdue]]) -> None:
    rows = [(loan_id, *lateness_values(one)) for loan_id, one in late]
    changes = ", ".join(f"{name} = excluded.{name}" for name in LATENESS if name != "loan_id")
    suffix = f'ON CONFLICT (loan_id, "on") DO UPDATE SET {changes}'
    sql.insert("loans_lateness", LATENESS, rows, same=_same(work) | {'"on"': ("date", work.day.on)}, suffix=suffix)


def _update_dues(work: UnitOfWork, changed: Sequence[tuple[Kept, Kept]]) -> None:
    rows, settled, shorter = [], [], []
    for before, after in changed:
        if after.running.replaced_on != NEVER:
            continue
        if before.life.state is after.life.state and not (
            after.life.state.overpaid or after.running.late.since or before.running.late.since
        ):
            continue  # only a day has passed, nothing is overdue and no credit pays: what rows ask is the same
        was, now, loan_id = _seen(before), _seen(after), after.party.loan_id
        asked, paid = _differing(was, now)
        rows += [(loan_id, no, *due_row(now, no)) for no in asked]
        settled += [(loan_id, no, *settled_of(now, no)) for no in paid]
        if len(now[0]) < len(was[0]):
            shorter.append((loan_id, len(now[0])))
    _settle_dues(settled)
    sql.insert("loans_due", DUE, rows, same=_same(work), suffix=f"ON CONFLICT (loan_id, no) DO UPDATE SET {_DUE_CHANGES}")
    _drop_dues(shorter)


_SETTLED: Final = {name: kind for name, kind in DUE.items() if name in {"loan_id", "no"} or name.endswith("_settled_minor")}


def _settle_dues(settled: Sequence[tuple[Any, ...]]) -> None:
    """Writes what of rows is settled that ask what they did: of most payments that is all, and less than half of the row."""
    if settled:
        source, params = sql.unnest(_SETTLED, settled, often_same=("fees_settled_minor", "penalties_settled_minor"))
        changes = ", ".join(f"{name} = given.{name}" for name in _SETTLED if name not in {"loan_id", "no"})
        sql.run(
            f"UPDATE loans_due AS target SET {changes} FROM {source} AS given"
            " WHERE target.loan_id = given.loan_id AND target.no = given.no",
            params,
        )


def _seen(one: Kept) -> Columns:
    """The columns of what falls due of a loan, as seen on the day of its stretch."""
    state, running = one.life.state, one.running
    if one.seen is not None:
        return columns_of(one.seen) if isinstance(one.seen, Rows) else columns_among(one.seen)
    if not state.lent:
        return columns_of(Rows())
    if running.late.since is None and not state.overpaid and not state.terms.overdue_to_due_day:
        return columns_among(state.columns)  # nothing is overdue: a later day sees what the last event left
    return columns_of(looked_at(state, max(running.since, date.fromordinal(state.last_on))).rows)


def _differing(was: Columns, now: Columns) -> tuple[list[int], list[int]]:
    """The numbers of rows that are new or ask otherwise than before, and of those that ask the same and were settled otherwise."""
    common = min(len(was[0]), len(now[0]))
    asked, paid = set(range(common, len(now[0]))), set[int]()
    for place, (old, new) in enumerate(zip(was, now, strict=True)):
        if old is not new and old != new:
            (asked if place < ASKED else paid).update([k for k in range(common) if old[k] != new[k]])
    return sorted(asked), sorted(paid - asked)


def rewrite_dues(work: UnitOfWork, rows: Mapping[UUID, Sequence[tuple[Any, ...]]]) -> None:
    """Writes all that falls due of loans, as `rules.due_rows` has it, whatever is there."""
    given = [(loan_id, no, *row) for loan_id, each in rows.items() for no, row in enumerate(each)]
    sql.insert("loans_due", DUE, given, same=_same(work), suffix=f"ON CONFLICT (loan_id, no) DO UPDATE SET {_DUE_CHANGES}")
    _drop_dues([(loan_id, len(each)) for loan_id, each in rows.items()])


def _drop_dues(shorter: Sequence[tuple[UUID, int]]) -> None:
    """Rows of loans beyond so many."""
    if shorter:
        source, params = sql.unnest({"loan_id": "uuid", "rows": "smallint"}, shorter)
        sql.run(f"DELETE FROM loans_due AS d USING {source} AS given WHERE d.loan_id = given.loan_id AND d.no >= given.rows", params)


def _same(work: UnitOfWork) -> dict[str, tuple[str, Any]]:
    return {"book_id": ("uuid", work.book.id)}


def lateness_values(late: Overdue) -> tuple[Any, ...]:
    """How late a loan is, as columns: since when, bucket, and what is overdue of each part."""
    return late.since, late.bucket, late.principal, late.interest, late.fees, late.penalties


def checkpoint_values(one: Kept) -> tuple[Any, ...]:
    """What a loan came to be, as columns of its checkpoint."""
    life = one.life
    return one.party.loan_id, life.seq, life.waits_for, life.status, dumps(written_state(life.state)), dumps(life.tally.told())


def stretch_values(loan_id: UUID, running: Running) -> tuple[Any, ...]:
    """Where a loan stands and how it goes on, as columns of its stretch."""
    s, late, position, day = running.stretch, running.late, running.position, date.fromordinal
    lines = (
        day(max(s.begin, 1)),
        s.bearing,
        s.nightly,
        s.whole,
        s.rest,
        s.floor,
        s.discount,
        day(max(s.discount_begin, 1)),
        s.discount_days,
    )
    return (
        loan_id,
        running.replaced_on,
        running.portfolio_no,
        running.since,
        day(s.until),
        running.stuck,
        running.told,
        running.behind,
        *lines,
        late.since,
        late.bucket,
        late.principal,
        late.interest,
        late.fees,
        late.penalties,
        *_OF_POSITION(position),
    )
