"""Reads for whoever works breaks: lists, history, fixes, ages, and what a fix has to know of a break."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

from yuefu.money.amounts import Money
from yuefu.payments import queries as payments
from yuefu.reconciliation.queries.breaks import _BREAK, Break, _break
from yuefu.reconciliation.rules.breaks import RESOLVE, Aged, Stood, ageing
from yuefu.reconciliation.rules.fixes import Case, Kind
from yuefu.reconciliation.rules.judgement import Verdict
from yuefu.reconciliation.rules.matching import Outcome
from yuefu.runtime import approvals, sql
from yuefu.runtime.jsontext import loads

FIX_WAITING: Final = frozenset({"waiting", "approved"})


@dataclass(frozen=True, slots=True)
class Fix:
    """What somebody asked to have done about a break. `code` is why it was not done after all; `entry_id` what was posted by it."""

    id: UUID
    break_id: UUID
    source: str
    kind: Kind
    amount: Money
    other_id: UUID | None
    until: date | None
    reason: str
    alone: bool
    approval_id: UUID | None
    state: str
    asked_by: str
    asked_on: date
    asked_at: datetime
    code: str
    entry_id: UUID | None
    ended_on: date | None
    ended_at: datetime | None


@dataclass(frozen=True, slots=True)
class BreakEvent:
    """One thing that happened to a break; `has_content` where the bytes of its evidence are kept."""

    id: UUID
    break_id: UUID
    no: int
    on: date
    at: datetime
    actor: str
    action: str
    state: str
    text: str
    until: date | None
    fix_id: UUID | None
    evidence_name: str
    evidence_sha256: str
    has_content: bool


@dataclass(frozen=True, slots=True)
class Trend:
    """Breaks of a source and day by what became of them so far, and what their differences are without sign."""

    source: str
    on: date
    cls: str
    count: int
    open: int
    amount: Money


_FIX = (
    "SELECT id, break_id, source, kind, amount_minor, currency, other_id, until, reason, alone, approval_id, state, asked_by, asked_on,"
    " asked_at, code, entry_id, ended_on, ended_at FROM reconciliation_fix"
)
_STAKE = (
    "CASE WHEN b.cls = 'status_differs' THEN abs(coalesce(b.line_minor, b.movement_minor, 0))"
    " ELSE abs(coalesce(b.line_minor, 0) - coalesce(b.movement_minor, 0)) END"
)
"""What is in question of a break, in minor units, never below 0."""


def _fix(*row: Any) -> Fix:
    fix_id, break_id, source, kind, minor, currency, *rest = row
    return Fix(fix_id, break_id, source, Kind(kind), Money(minor, currency), *rest)


def fixes_by_id(*, book_id: UUID, ids: Sequence[UUID], lock: bool = False) -> dict[UUID, Fix]:
    ending = " ORDER BY id FOR UPDATE" if lock else ""
    return {fix.id: fix for fix in sql.rows_as(_fix, _FIX + " WHERE book_id = %s AND id = ANY(%s)" + ending, [book_id, list(ids)])}


def fix_of_approval(*, book_id: UUID, approval_id: UUID) -> Fix | None:
    found = sql.rows_as(_fix, _FIX + " WHERE book_id = %s AND approval_id = %s", [book_id, approval_id])
    return found[0] if found else None


def fixes_of(*, book_id: UUID, break_ids: Sequence[UUID]) -> dict[UUID, list[Fix]]:
    """Fixes by break, those asked for first first."""
    by_break: dict[UUID, list[Fix]] = defaultdict(list)
    for fix in sql.rows_as(_fix, _FIX + " WHERE book_id = %s AND break_id = ANY(%s) ORDER BY asked_at, id", [book_id, list(break_ids)]):
        by_break[fix.break_id].append(fix)
    return dict(by_break)


def stated(*, book_id: UUID, break_ids: Sequence[UUID]) -> dict[UUID, tuple[str, str]]:
    """What line and movement said became of the money when a break was found, in the words of bill and books; "" where one says nothing or is not there."""
    found = sql.rows(
        "SELECT b.id, coalesce(l.status, ''), i.movement_status FROM reconciliation_break AS b JOIN reconciliation_item AS i ON i.id = b.item_id"
        " LEFT JOIN reconciliation_line AS l ON l.file_id = i.file_id AND l.line_no = i.line_no WHERE b.book_id = %s AND b.id = ANY(%s)",
        [book_id, list(break_ids)],
    )
    return {break_id: (line, movement) for break_id, line, movement in found}


def fixes_to_carry_out(*, book_id: UUID, limit: int = 1_000) -> list[Fix]:
    """Those that are approved and were not carried out yet, the oldest first."""
    return sql.rows_as(_fix, _FIX + " WHERE book_id = %s AND state = 'approved' ORDER BY asked_at, id LIMIT %s", [book_id, limit])


def corrections_known(*, book_id: UUID, ids: Sequence[UUID]) -> dict[UUID, UUID]:
    """The break of each of some fixes that posted an entry."""
    return dict(
        sql.rows("SELECT id, break_id FROM reconciliation_fix WHERE book_id = %s AND id = ANY(%s) AND state = 'done'", [book_id, list(ids)])
    )


def history(*, book_id: UUID, break_ids: Sequence[UUID]) -> dict[UUID, list[BreakEvent]]:
    """What happened to breaks, in order."""
    found = sql.rows_as(
        BreakEvent,
        "SELECT id, break_id, no, on_date, at, actor, action, state, text, until, fix_id, evidence_name, evidence_sha256,"
        " evidence IS NOT NULL FROM reconciliation_breakevent WHERE book_id = %s AND break_id = ANY(%s) ORDER BY break_id, no",
        [book_id, list(break_ids)],
    )
    by_break: dict[UUID, list[BreakEvent]] = defaultdict(list)
    for event in found:
        by_break[event.break_id].append(event)
    return dict(by_break)


def evidence(*, book_id: UUID, break_id: UUID, no: int) -> tuple[str, bytes] | None:
    """Name and bytes of a piece of evidence; None where none are kept."""
    found = sql.rows(
        "SELECT evidence_name, evidence FROM reconciliation_breakevent WHERE book_id = %s AND break_id = %s AND no = %s"
        " AND evidence IS NOT NULL",
        [book_id, break_id, no],
    )
    return (found[0][0], bytes(found[0][1])) if found else None


def stood(*, book_id: UUID, break_ids: Sequence[UUID]) -> dict[UUID, list[Stood]]:
    """How breaks stood, by each event that ended one or opened it again; those of which there is none are absent."""
    by_break: dict[UUID, list[Stood]] = defaultdict(list)
    for break_id, on, state, action in sql.rows(
        "SELECT break_id, on_date, state, action FROM reconciliation_breakevent WHERE book_id = %s AND break_id = ANY(%s)"
        " AND action IN ('ended', 'fixed', 'reopened', 'came') ORDER BY break_id, no",
        [book_id, list(break_ids)],
    ):
        by_break[break_id].append(Stood(on, state, by_itself=action == "came"))
    return dict(by_break)


def breaks_listed(
    *,
    book_id: UUID,
    state: str | None = "open",
    source: str | None = None,
    cls: str | None = None,
    owner: str | None = None,
    overdue_on: date | None = None,
    waiting: bool = False,
    after: UUID | None = None,
    limit: int = 100,
) -> list[Break]:
    """Breaks, the oldest first, from behind one of them on; `overdue_on` leaves those that should have been dealt with before a day, `waiting` those of
    which something was asked for that a second person has to decide: a fix, or that it is ended by hand.
    """
    endings = approvals.waiting_for(book_id=book_id, action=RESOLVE) if waiting else ()
    return sql.rows_as(
        _break,
        _BREAK + " AS b WHERE book_id = %s AND (%s::text IS NULL OR state = %s) AND (%s::text IS NULL OR source = %s)"
        " AND (%s::text IS NULL OR cls = %s) AND (%s::text IS NULL OR owner_role = %s) AND (%s::date IS NULL OR due_on < %s)"
        " AND (NOT %s OR id = ANY(%s::uuid[])"
        " OR EXISTS (SELECT FROM reconciliation_fix AS f WHERE f.break_id = b.id AND f.state = 'waiting'))"
        " AND (%s::uuid IS NULL OR (opened_on, id) > (SELECT a.opened_on, a.id FROM reconciliation_break AS a WHERE a.id = %s"
        " AND a.book_id = %s)) ORDER BY opened_on, id LIMIT %s",
        [
            book_id,
            state,
            state,
            source,
            source,
            cls,
            cls,
            owner,
            owner,
            overdue_on,
            overdue_on,
            waiting,
            list(endings),
            after,
            after,
            book_id,
            limit,
        ],
    )


def ages(*, book_id: UUID, on: date, currency: str) -> tuple[Aged, ...]:
    """Open breaks by class and age on a day."""
    found = sql.rows(
        f"SELECT b.cls, greatest(%s::date - b.opened_on, 0), count(*)::integer, sum({_STAKE})::bigint FROM reconciliation_break AS b"
        " WHERE b.book_id = %s AND b.state = 'open' AND b.currency = %s GROUP BY 1, 2 ORDER BY 1, 2",
        [on, book_id, currency],
    )
    return ageing(found, currency)


def trend(*, book_id: UUID, since: date, until: date, currency: str) -> list[Trend]:
    """Breaks of each source and day by class; days without any are absent."""
    found = sql.rows(
        "SELECT b.source, b.opened_on, b.cls, count(*)::integer, (count(*) FILTER (WHERE b.state = 'open'))::integer,"
        f" sum({_STAKE})::bigint FROM reconciliation_break AS b WHERE b.book_id = %s AND b.opened_on BETWEEN %s AND %s AND b.currency = %s"
        " GROUP BY 1, 2, 3 ORDER BY 2, 1, 3",
        [book_id, since, until, currency],
    )
    return [Trend(source, on, cls, count, still, Money(minor, currency)) for source, on, cls, count, still, minor in found]


# ------------------------------------------------------------------------------------------------------------------- what a fix has to know


def cases(*, book_id: UUID, breaks: Sequence[Break], told: Mapping[UUID, str] | None = None) -> dict[UUID, Case]:
    """Breaks as a fix sees them. `told` is how a record outside of these tables stands, by break, where the caller asked for it."""
    if not breaks:
        return {}
    wanted = list(breaks)
    corrected, sent = _corrected(book_id, wanted), _sent(book_id, wanted)
    collections, ours = _ours(book_id, wanted)
    ours |= dict(told or {})
    confirmed = _confirmed(book_id, [b for b in wanted if b.source == "channel_trade"])
    fixes = fixes_of(book_id=book_id, break_ids=[b.id for b in wanted])
    differences = {b.id: difference(b, corrected.get(b.id, 0)) for b in wanted}
    opposites = opposite_breaks(book_id=book_id, breaks=[(b.id, b.source, differences[b.id]) for b in wanted])
    return {
        b.id: Case(
            source=b.source,
            cls=Outcome(b.cls),
            kind=b.kind,
            state=b.state,
            difference=differences[b.id],
            stake=_stake(b, differences[b.id]),
            has_line=b.line is not None,
            opened_on=b.opened_on,
            ours=ours.get(b.id, ""),
            confirmed=b.id in confirmed,
            opposite=b.id in opposites,
            chased_until=max((f.until for f in fixes.get(b.id, ()) if f.state == "done" and f.until), default=None),
            waits=any(f.state in FIX_WAITING for f in fixes.get(b.id, ())),
            asked_for=collections.get(b.id),
            sent=b.kind == "refund" and b.reference in sent,
        )
        for b in wanted
    }


def difference(found: Break, corrected_minor: int = 0) -> Money:
    """Bill − books, less what corrections posted of it."""
    line, movement = (0 if half is None else half.minor for half in (found.line, found.movement))
    currency = (found.line or found.movement or Money(0, "CNY")).currency
    return Money(line - movement - corrected_minor, currency)


def _stake(found: Break, left: Money) -> Money:
    """What is in question: the difference, or all of it where both sides only say otherwise what became of it."""
    whole = found.line or found.movement
    amount = whole if found.cls == Outcome.STATUS_DIFFERS and whole is not None else left
    return Money(abs(amount.minor), amount.currency)


def _corrected(book_id: UUID, wanted: Sequence[Break]) -> dict[UUID, int]:
    found = sql.rows(
        "SELECT break_id, sum(amount_minor)::bigint FROM reconciliation_fix WHERE book_id = %s AND break_id = ANY(%s)"
        " AND entry_id IS NOT NULL GROUP BY 1",
        [book_id, [b.id for b in wanted]],
    )
    return dict(found)


def _ours(book_id: UUID, wanted: Sequence[Break]) -> tuple[dict[UUID, Money], dict[UUID, str]]:
    """What our own collection of a reference is of, and how it or what we gave back stands, where there is one; what a bank took back we did not give."""
    of_channel = [b for b in wanted if b.source in ("channel_trade", "channel_fund")]
    asked = [b for b in of_channel if b.cls == Outcome.MISSING_HERE]
    known = payments.collections_by_reference(book_id=book_id, references=sorted({b.reference for b in asked})) if asked else {}
    given = [b for b in of_channel if b.cls == Outcome.MISSING_THERE and b.kind == "refund"]
    refunds = payments.refunds_by_reference(book_id=book_id, references=sorted({b.reference for b in given})) if given else {}
    states = {b.id: known[b.reference].state for b in asked if b.reference in known}
    states |= {b.id: refunds[b.reference].state for b in given if b.reference in refunds and refunds[b.reference].is_ordered}
    return {b.id: known[b.reference].amount for b in asked if b.reference in known}, states


def _sent(book_id: UUID, wanted: Sequence[Break]) -> set[str]:
    """The references of refunds that were sent again, for whichever of their breaks."""
    references = sorted({b.reference for b in wanted if b.kind == "refund"})
    if not references:
        return set()
    found = sql.rows(
        "SELECT DISTINCT b.reference FROM reconciliation_break AS b JOIN reconciliation_fix AS f ON f.break_id = b.id"
        " AND f.kind = 'send_refund_again' AND f.state = 'done' WHERE b.book_id = %s AND b.source = ANY(%s) AND b.reference = ANY(%s)",
        [book_id, ["channel_trade", "channel_fund"], references],
    )
    return {row[0] for row in found}


def _confirmed(book_id: UUID, wanted: Sequence[Break]) -> set[UUID]:
    """Those of the trade bill of which the fund flow shows what our books have: the money moved just where we booked that it did, or what of it was a
    break there has ended.
    """
    if not wanted:
        return set()
    found = sql.rows(
        "SELECT b.id FROM reconciliation_break AS b WHERE b.book_id = %s AND b.id = ANY(%s)"
        " AND EXISTS (SELECT 1 FROM reconciliation_day AS d WHERE d.book_id = b.book_id AND d.source = 'channel_fund'"
        "  AND d.on_date = b.opened_on AND d.state = 'done')"
        " AND NOT EXISTS (SELECT 1 FROM reconciliation_break AS m WHERE m.book_id = b.book_id AND m.source = 'channel_fund'"
        "  AND m.reference = b.reference AND m.state = 'open')"
        " AND (EXISTS (SELECT 1 FROM reconciliation_break AS m WHERE m.book_id = b.book_id AND m.source = 'channel_fund'"
        "  AND m.reference = b.reference AND m.kind = b.kind)"
        " OR EXISTS (SELECT 1 FROM reconciliation_line AS l WHERE l.book_id = b.book_id AND l.source = 'channel_fund'"
        "  AND l.reference = b.reference AND l.kind = b.kind) = (b.cls <> 'missing_here'))",
        [book_id, [b.id for b in wanted]],
    )
    return {row[0] for row in found}


def opposite_breaks(*, book_id: UUID, breaks: Sequence[tuple[UUID, str, Money]]) -> dict[UUID, UUID]:
    """For each of some breaks, by id, source and difference, the oldest other open break of the source with just the opposite difference."""
    wanted = [(i, source, -left.minor, left.currency) for i, source, left in breaks if left]
    if not wanted:
        return {}
    given, params = sql.unnest({"id": "uuid", "source": "text", "minor": "bigint", "currency": "text"}, wanted)
    found = sql.rows(
        "SELECT DISTINCT ON (g.id) g.id, b.id FROM reconciliation_break AS b"
        f" JOIN {given} AS g ON g.source = b.source AND g.currency = b.currency AND b.id <> g.id"
        " LEFT JOIN LATERAL (SELECT sum(f.amount_minor)::bigint AS minor FROM reconciliation_fix AS f WHERE f.break_id = b.id"
        "  AND f.entry_id IS NOT NULL) AS done ON true"
        " WHERE b.book_id = %s AND b.state = 'open' AND g.minor = coalesce(b.line_minor, 0)"
        " - coalesce(b.movement_minor, 0) - coalesce(done.minor, 0)"
        " ORDER BY g.id, b.opened_on, b.id",
        [*params, book_id],
    )
    return dict(found)


# ----------------------------------------------------------------------------------------------------------------------------- levels of days


@dataclass(frozen=True, slots=True)
class KeptLevel:
    """What was said of a day on a level, the `no`th time."""

    on: date
    name: str
    no: int
    at: datetime
    verdict: Verdict
    figures: Mapping[str, Any]
    missing: tuple[str, ...]


def levels_kept(*, book_id: UUID, on: date, until: date | None = None) -> list[KeptLevel]:
    """What was said last of a day, or of each day from one to another, on each level."""
    found = sql.rows(
        "SELECT DISTINCT ON (on_date, level) on_date, level, no, at, verdict, figures::text, missing FROM reconciliation_level"
        " WHERE book_id = %s AND on_date BETWEEN %s AND %s ORDER BY on_date, level, no DESC",
        [book_id, on, until or on],
    )
    return [
        KeptLevel(day, name, no, at, Verdict(verdict), loads(figures), tuple(missing))
        for day, name, no, at, verdict, figures, missing in found
    ]
