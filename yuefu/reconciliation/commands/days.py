"""Reconciling one source and day: its lines against our movements, breaks for what differs, the bridge between both sums."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from yuefu import ids
from yuefu.errors import Refused
from yuefu.payments import queries as payments
from yuefu.reconciliation import queries
from yuefu.reconciliation.commands.events import Became, tell_breaks
from yuefu.reconciliation.commands.history import Happened, tell
from yuefu.reconciliation.queries import DayBridge
from yuefu.reconciliation.rules.breaks import DEFAULT_WORKING, FIRST_OWNER, Working, working
from yuefu.reconciliation.rules.correcting import set_apart, with_corrections
from yuefu.reconciliation.rules.fixes import CORRECTION
from yuefu.reconciliation.rules.matching import DEFAULT_WINDOW_DAYS, DayResult, Item, Movement, Outcome, Resolution, match_day
from yuefu.reconciliation.rules.naming import named
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


@dataclass(frozen=True, slots=True)
class _Stored:
    """The day's row, its file, and the items with their new ids."""

    day_id: UUID
    file_id: UUID
    ids: dict[int, UUID]
    """By identity of the item: equal items may stand in a day twice."""
    corrects: dict[str, UUID]
    """The break that each correction of the day belongs to, by its reference."""


_BY_DEFAULT = working(DEFAULT_WORKING)


def reconcile_day(
    *, work: UnitOfWork, source: str, on: date, window_days: int = DEFAULT_WINDOW_DAYS, by: Working = _BY_DEFAULT
) -> DayOutcome | Refused:
    """Matches the bill of a source and day with what was booked on that business day, in one transaction.

    A day that is done is not run again; its outcome is returned. Refused with NO_FILE, DAY_STILL_OPEN or EARLIER_DAY_WAITS. A line that
    comes within `window_days` after its movement, or before it, makes both halves "other day". What corrects a break is an item of its own. `by`
    says until when breaks are to be dealt with.
    """
    found = sql.rows(
        "SELECT id, file_id, state FROM reconciliation_day WHERE book_id = %s AND source = %s AND on_date = %s FOR UPDATE",
        [work.book.id, source, on],
    )
    if not found:
        return Refused(NO_FILE, f"there is no file of {source} of {on}", "on")
    day_id, file_id, state = found[0]
    if state == "done":
        return DayOutcome(_bridge(work, source, on), 0, 0, True)
    if on >= work.day.on:
        return Refused(DAY_STILL_OPEN, f"{on} still takes entries; its bill is reconciled on the day after", "on")
    if _earlier_waits(work, source, on):
        return Refused(EARLIER_DAY_WAITS, f"a day before {on} is not reconciled yet", "on")
    movements = queries.movements(book_id=work.book.id, source=source, on=on)
    corrects = _corrected(work, movements)
    shown, corrections = set_apart(movements, corrects)
    open_items = queries.open_items(book_id=work.book.id, source=source, before=on)
    seen = queries.seen(book_id=work.book.id, source=source, before=on, file_id=file_id)
    lines, seen = named(queries.lines_told(book_id=work.book.id, file_id=file_id), shown, open_items, seen)
    result = match_day(
        on=on,
        lines=lines,
        movements=shown,
        open_items=open_items,
        seen=seen,
        currency=work.book.currency,
        window_days=window_days,
    )
    result = with_corrections(result, lines=lines, movements=shown, corrections=corrections, currency=work.book.currency)
    assert not result.bridge.residual, f"every line and movement of {source} of {on} is in exactly one item"
    stored = _Stored(day_id, file_id, dict(zip(map(id, result.items), work.ids.many(work.now, len(result.items)), strict=True)), corrects)
    _insert_items(work, source, on, stored, result.items)
    opened = _open_breaks(work, source, on, stored, result, by)
    _resolve(work, on, stored, result.resolutions)
    _finish(work, stored, result, movements)
    _tell(work, source, on, stored, result, opened)
    return DayOutcome(_bridge(work, source, on), opened, len(result.resolutions), False)


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


def _insert_items(work: UnitOfWork, source: str, on: date, stored: _Stored, items: Sequence[Item]) -> None:
    columns = {
        "id": "uuid",
        "book_id": "uuid",
        "source": "text",
        "on_date": "date",
        "day_id": "uuid",
        "place": "integer",
        "outcome": "text",
        "kind": "text",
        "reference": "text",
        "file_id": "uuid",
        "line_no": "integer",
        "movement_id": "uuid",
        "line_minor": "bigint",
        "movement_minor": "bigint",
        "movement_status": "text",
        "difference_minor": "bigint",
        "currency": "text",
        "break_id": "uuid",
    }
    values = [
        (
            *(stored.ids[id(item)], work.book.id, source, on, stored.day_id, place, item.outcome.value, item.kind, item.reference),
            *((stored.file_id, item.line.line_no) if item.line else (None, None)),
            *(item.movement.movement_id if item.movement else None, item.line.amount.minor if item.line else None),
            *((item.movement.amount.minor, item.movement.status) if item.movement else (None, "")),
            *(item.difference.minor, item.difference.currency),
            stored.corrects[item.reference] if item.outcome is Outcome.CORRECTION else None,
        )
        for place, item in enumerate(items)
    ]
    sql.insert("reconciliation_item", columns, values)


def _open_breaks(work: UnitOfWork, source: str, on: date, stored: _Stored, result: DayResult, by: Working) -> int:
    """A break for every item that differs, except the later half of a pair over two days: its earlier half has the break."""
    later_halves = {id(resolution.counterpart) for resolution in result.resolutions}
    settled = (Outcome.MATCHED, Outcome.CORRECTION)
    differing = [item for item in result.items if item.outcome not in settled and id(item) not in later_halves]
    if not differing:
        return 0
    new_ids = work.ids.many(work.now, len(differing))
    orders = payments.orders_of_references(book_id=work.book.id, references=[item.reference for item in differing])
    columns = {
        "id": "uuid",
        "book_id": "uuid",
        "source": "text",
        "item_id": "uuid",
        "cls": "text",
        "kind": "text",
        "reference": "text",
        "line_minor": "bigint",
        "movement_minor": "bigint",
        "currency": "text",
        "order_id": "uuid",
        "owner_role": "text",
        "state": "text",
        "reason": "text",
        "opened_on": "date",
        "due_on": "date",
    }
    values = [
        (
            *(new_id, work.book.id, source, stored.ids[id(item)], item.outcome.value, item.kind, item.reference),
            *(item.line.amount.minor if item.line else None, item.movement.amount.minor if item.movement else None),
            *(item.difference.currency, orders.get(item.reference), FIRST_OWNER[item.outcome], "open", "", on),
            by.due_on(item.outcome, on),
        )
        for new_id, item in zip(new_ids, differing, strict=True)
    ]
    opened = sql.insert("reconciliation_break", columns, values)
    found = queries.breaks_by_id(book_id=work.book.id, ids=new_ids)
    tell_breaks(work=work, became=[Became(None, found[new_id]) for new_id in new_ids])
    return opened


def _resolve(work: UnitOfWork, on: date, stored: _Stored, resolutions: Sequence[Resolution]) -> None:
    """The other half turned up: the break takes its class. One that was only late explains itself; any other stays open, or is opened again where it
    was taken for corrected.
    """
    columns = {
        "item_id": "uuid",
        "cls": "text",
        "other_line": "bigint",
        "other_movement": "bigint",
        "resolved_by_item_id": "uuid",
        "owner_role": "text",
        "state": "text",
        "reason": "text",
        "closed_on": "date",
    }
    values = []
    for r in resolutions:
        line, movement = r.counterpart.line, r.counterpart.movement
        amounts = (line.amount.minor if line else None, movement.amount.minor if movement else None)
        ending = ("explained", "came_on_another_day", on) if r.outcome is Outcome.OTHER_DAY else ("open", "", None)
        values.append((r.open_item_id, r.outcome.value, *amounts, stored.ids[id(r.counterpart)], FIRST_OWNER[r.outcome], *ending))
    if not values:
        return
    before = queries.breaks_of_items(book_id=work.book.id, item_ids=[value[0] for value in values])
    source, params = sql.unnest(columns, values)
    # A break that a fix ended stays as it was ended, where its other half is what was to come.
    found = sql.rows(
        "UPDATE reconciliation_break AS b SET cls = g.cls, line_minor = coalesce(b.line_minor, g.other_line),"
        " movement_minor = coalesce(b.movement_minor, g.other_movement), resolved_by_item_id = g.resolved_by_item_id,"
        " owner_role = g.owner_role, state = CASE WHEN w.keeps THEN b.state ELSE g.state END,"
        " reason = CASE WHEN w.keeps THEN b.reason ELSE g.reason END, closed_on = CASE WHEN w.keeps THEN b.closed_on ELSE g.closed_on END,"
        " fix_id = CASE WHEN w.keeps THEN b.fix_id END"
        f" FROM {source} AS g JOIN (SELECT o.item_id, o.state AS before, o.state <> 'open' AND p.cls = 'other_day' AS keeps"
        "  FROM reconciliation_break AS o JOIN (SELECT unnest(%s::uuid[]) AS item_id, unnest(%s::text[]) AS cls) AS p ON p.item_id = o.item_id)"
        " AS w ON w.item_id = g.item_id WHERE b.item_id = g.item_id AND b.book_id = %s RETURNING b.id, w.before, b.state",
        [*params, [value[0] for value in values], [value[1] for value in values], work.book.id],
    )
    happened = [Happened(i, "came" if state != "open" else "reopened", state, on=on) for i, before, state in found if before != state]
    tell(work=work, happened=happened)
    after = queries.breaks_by_id(book_id=work.book.id, ids=list(before))
    tell_breaks(work=work, became=[Became(was, after[break_id]) for break_id, was in before.items()])


def _finish(work: UnitOfWork, stored: _Stored, result: DayResult, movements: Sequence[Movement]) -> None:
    b = result.bridge
    differences = {outcome.value: money.minor for outcome, money in b.by_outcome.items() if money}
    sql.run(
        "UPDATE reconciliation_day SET state = %s, bill_total_minor = %s, ledger_total_minor = %s, differences = %s, residual_minor = %s,"
        " movement_count = %s, finished_at = %s WHERE id = %s",
        [
            *("done", b.bill_total.minor, b.ledger_total.minor, dumps(differences), b.residual.minor),
            *(len(movements), work.now, stored.day_id),
        ],
    )


def _tell(work: UnitOfWork, source: str, on: date, stored: _Stored, result: DayResult, opened: int) -> None:
    detail = {"source": source, "on": on, "opened": opened, "resolved": len(result.resolutions), "residual": result.bridge.residual}
    audit.record(
        work=work, action="reconciliation.reconcile_day", object_kind="reconciliation_day", object_ids=[stored.day_id], detail=detail
    )
    snapshot = {"id": stored.day_id, "state": "done", **detail}
    outbox.emit(work=work, events=[Event("reconciliation_day.done", "reconciliation_day", stored.day_id, 1, snapshot)])
