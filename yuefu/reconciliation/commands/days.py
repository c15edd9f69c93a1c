"""Reconciling one source and day: its lines against our movements, breaks for what differs, the bridge between both sums."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import chain
from uuid import UUID

from yuefu import ids
from yuefu.errors import Refused
from yuefu.money.amounts import Money
from yuefu.reconciliation import queries
from yuefu.reconciliation.commands import by_engine, outcomes
from yuefu.reconciliation.commands.outcomes import Found, Place, Written
from yuefu.reconciliation.queries import DayBridge
from yuefu.reconciliation.rules.breaks import DEFAULT_WORKING, Working, working
from yuefu.reconciliation.rules.correcting import set_apart, with_corrections
from yuefu.reconciliation.rules.engines import Choice, Matching
from yuefu.reconciliation.rules.fixes import CORRECTION
from yuefu.reconciliation.rules.matching import DEFAULT_WINDOW_DAYS, Movement, match_day
from yuefu.reconciliation.rules.naming import BANKS, named, waiting_named
from yuefu.runtime import audit, outbox, sql
from yuefu.runtime.jsontext import dumps
from yuefu.runtime.outbox import Event
from yuefu.runtime.values import UnitOfWork

NO_FILE = "no_file"  # the bill of this source and day is not there yet
DAY_STILL_OPEN = "day_still_open"  # we may still record something on this business day
EARLIER_DAY_WAITS = "earlier_day_waits"  # an earlier day of this source has its file and did not run: run it first


@dataclass(frozen=True, slots=True)
class DayOutcome:
    """What a day's reconciliation found."""

    bridge: DayBridge
    opened: int
    resolved: int
    again: bool


class DayDoesNotAddUp(Exception):
    """What was found of a day is not each of its lines and movements once. Nothing of it stays."""


@dataclass(frozen=True, slots=True)
class _Bill:
    """The file of a source and day: `line_count` is what it has."""

    source: str
    on: date
    file_id: UUID
    line_count: int


@dataclass(frozen=True, slots=True)
class _Sides:
    """How many lines and movements a day has and what they come to, in minor units, by sums of their own."""

    lines: int
    bill_minor: int
    movements: int
    ledger_minor: int


_Matched = tuple[_Sides, Mapping[str, UUID], Iterable[Sequence[Found]]]
"""Both sides, the break of each correction by its reference, and what became of lines and movements."""

_BY_DEFAULT = working(DEFAULT_WORKING)
_IN_PROPORTION = Matching()


def reconcile_day(
    *,
    work: UnitOfWork,
    source: str,
    on: date,
    window_days: int = DEFAULT_WINDOW_DAYS,
    by: Working = _BY_DEFAULT,
    matching: Matching = _IN_PROPORTION,
) -> DayOutcome | Refused:
    """Matches the bill of a source and day with what was booked on that business day, in one transaction.

    A day that is done is not run again; its outcome is returned. Refused with NO_FILE, DAY_STILL_OPEN or EARLIER_DAY_WAITS. A line that
    comes within `window_days` after its movement, or before it, makes both halves "other day". What corrects a break is an item of its own. `by`
    says until when breaks are to be dealt with, `matching` what matches a large day; whatever does, the same comes out. Raises DayDoesNotAddUp.
    """
    found = sql.rows(
        "SELECT id, file_id, state, line_count FROM reconciliation_day WHERE book_id = %s AND source = %s AND on_date = %s FOR UPDATE",
        [work.book.id, source, on],
    )
    if not found:
        return Refused(NO_FILE, f"there is no file of {source} of {on}", "on")
    day_id, file_id, state, line_count = found[0]
    if state == "done":
        return DayOutcome(_bridge(work, source, on), 0, 0, True)
    if on >= work.day.on:
        return Refused(DAY_STILL_OPEN, f"{on} still takes entries; its bill is reconciled on the day after", "on")
    if _earlier_waits(work, source, on):
        return Refused(EARLIER_DAY_WAITS, f"a day before {on} is not reconciled yet", "on")
    bill = _Bill(source, on, file_id, line_count)
    sides, corrects, chunks = _plainly(work, bill, window_days, matching.from_rows) or _by_engine(work, bill, window_days, matching.engine)
    written = outcomes.write(work, Place(source, on, day_id, file_id, corrects), chunks, by)
    residual = _proven(sides, written)
    _finish(work, day_id, sides, written, residual)
    _tell(work, source, on, day_id, written, residual)
    return DayOutcome(_bridge(work, source, on), written.opened, written.resolved, False)


def _plainly(work: UnitOfWork, bill: _Bill, window_days: int, from_rows: int) -> _Matched | None:
    """Matched in this process; None where there are `from_rows` or more of lines, movements and open items together."""
    book_id, source = work.book.id, bill.source
    room = from_rows - bill.line_count
    movements = queries.movements(book_id=book_id, source=source, on=bill.on, most=room) if room > 0 else []
    room -= len(movements)
    open_items = queries.open_items(book_id=book_id, source=source, before=bill.on, most=room) if room > 0 else []
    if room - len(open_items) <= 0:
        return None
    corrects = _corrected(work, movements)
    shown, corrections = set_apart(movements, corrects)
    open_items = waiting_named(shown, open_items)
    seen = queries.seen(book_id=book_id, source=source, before=bill.on, file_id=bill.file_id)
    lines, seen = named(queries.lines_told(book_id=book_id, source=source, on=bill.on, file_id=bill.file_id), shown, open_items, seen)
    currency = work.book.currency
    result = match_day(
        on=bill.on, lines=lines, movements=shown, open_items=open_items, seen=seen, currency=currency, window_days=window_days
    )
    result = with_corrections(result, lines=lines, movements=shown, corrections=corrections, currency=currency)
    sides = _Sides(len(lines), result.bridge.bill_total.minor, len(movements), result.bridge.ledger_total.minor)
    return sides, corrects, outcomes.plainly(result)


def _by_engine(work: UnitOfWork, bill: _Bill, window_days: int, choice: Choice) -> _Matched:
    book_id, source = work.book.id, bill.source
    lines = queries.lines_summed(file_id=bill.file_id)
    movements = queries.movements_summed(book_id=book_id, source=source, on=bill.on)
    if others := (lines.keys() | movements.keys()) - {work.book.currency}:
        raise ValueError(f"{source} of {bill.on} has lines or movements in {', '.join(sorted(others))}, not {work.book.currency}.")
    nothing = (0, 0)
    sides = _Sides(*lines.get(work.book.currency, nothing), *movements.get(work.book.currency, nothing))
    corrections = queries.corrections(book_id=book_id, source=source, on=bill.on)
    corrects = _corrected(work, corrections)
    _, apart = set_apart(corrections, corrects)
    chunks = by_engine.matched(
        work,
        source=source,
        on=bill.on,
        file_id=bill.file_id,
        apart=corrects,
        unnamed=source in BANKS,
        window_days=window_days,
        choice=choice,
    )
    return sides, corrects, chain(chunks, outcomes.corrected(apart))


def _proven(sides: _Sides, written: Written) -> int:
    """The residual, which is 0: what was written is what both sides have, each line and movement once. Raises DayDoesNotAddUp."""
    found = _Sides(written.lines, written.bill_minor, written.movements, written.ledger_minor)
    residual = sides.bill_minor - sides.ledger_minor - sum(written.differences.values())
    if found != sides or residual:
        raise DayDoesNotAddUp(f"the sides are {sides}, what was found {found}, residual {residual}")
    return residual


def fail_day(*, work: UnitOfWork, source: str, on: date, reason: str) -> None:
    """Notes that a day could not be reconciled, after its transaction was rolled back; it may be run again. A day done stays done."""
    changed = sql.run(
        "UPDATE reconciliation_day SET state = 'failed', finished_at = %s WHERE book_id = %s AND source = %s AND on_date = %s"
        " AND state <> 'done'",
        [work.now, work.book.id, source, on],
    )
    detail = {"source": source, "on": on, "reason": reason[:500], "changed": changed}
    audit.record(work=work, action="reconciliation.fail_day", object_kind="reconciliation_day", object_ids=[work.book.id], detail=detail)


def _earlier_waits(work: UnitOfWork, source: str, on: date) -> bool:
    query = "SELECT 1 FROM reconciliation_day WHERE book_id = %s AND source = %s AND on_date < %s AND state <> 'done' LIMIT 1"
    return bool(sql.rows(query, [work.book.id, source, on]))


def _corrected(work: UnitOfWork, movements: Sequence[Movement]) -> dict[str, UUID]:
    """The breaks that movements of the day correct, by the reference that such a movement has: the id of its fix."""
    named = {}
    for movement in movements:
        if movement.kind == CORRECTION:
            try:
                named[ids.parse("fix", movement.reference)] = movement.reference
            except ids.BadId:
                continue  # an entry by hand that only calls itself so
    known = queries.corrections_known(book_id=work.book.id, ids=list(named)) if named else {}
    return {named[fix_id]: break_id for fix_id, break_id in known.items()}


def _bridge(work: UnitOfWork, source: str, on: date) -> DayBridge:
    (found,) = [day for day in queries.day_bridges(book_id=work.book.id, source=source, since=on) if day.on == on]
    return found


def _finish(work: UnitOfWork, day_id: UUID, sides: _Sides, written: Written, residual: int) -> None:
    differences = {outcome: minor for outcome, minor in written.differences.items() if minor}
    sql.run(
        "UPDATE reconciliation_day SET state = %s, bill_total_minor = %s, ledger_total_minor = %s, differences = %s, residual_minor = %s,"
        " movement_count = %s, finished_at = %s WHERE id = %s",
        ["done", sides.bill_minor, sides.ledger_minor, dumps(differences), residual, sides.movements, work.now, day_id],
    )


def _tell(work: UnitOfWork, source: str, on: date, day_id: UUID, written: Written, residual: int) -> None:
    left = Money(residual, work.book.currency)
    detail = {"source": source, "on": on, "opened": written.opened, "resolved": written.resolved, "residual": left}
    audit.record(work=work, action="reconciliation.reconcile_day", object_kind="reconciliation_day", object_ids=[day_id], detail=detail)
    snapshot = {"id": day_id, "state": "done", **detail}
    outbox.emit(work=work, events=[Event("reconciliation_day.done", "reconciliation_day", day_id, 1, snapshot)])
