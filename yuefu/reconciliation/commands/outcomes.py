"""What became of the lines and movements of a day, written: items, a break for what differs, the other halves of earlier breaks. A chunk at a time, so
that a day of any size is written in the memory of one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Final, NamedTuple
from uuid import UUID

from yuefu.payments import queries as payments
from yuefu.reconciliation import queries
from yuefu.reconciliation.commands.events import Became, tell_breaks
from yuefu.reconciliation.commands.history import Happened, tell
from yuefu.reconciliation.rules.breaks import FIRST_OWNER, Working
from yuefu.reconciliation.rules.matching import DayResult, Item, Movement, Outcome
from yuefu.runtime import sql
from yuefu.runtime.values import UnitOfWork

CHUNK: Final = 10_000
_SETTLED: Final = (Outcome.MATCHED, Outcome.CORRECTION)


class Found(NamedTuple):
    """An item of a day, as it is kept. `resolves` is the item of an earlier day whose other half it is."""

    outcome: str
    kind: str
    reference: str
    line_no: int | None
    line_minor: int | None
    movement_id: UUID | str | None
    movement_minor: int | None
    movement_status: str
    resolves: UUID | str | None = None

    @property
    def difference(self) -> int:
        """What it adds to the bridge of its day."""
        return (self.line_minor or 0) - (self.movement_minor or 0)


@dataclass(frozen=True, slots=True)
class Place:
    """Where the items of a day belong. `corrects` has the break that each correction of the day belongs to, by its reference."""

    source: str
    on: date
    day_id: UUID
    file_id: UUID
    corrects: Mapping[str, UUID]


@dataclass(slots=True)
class Written:
    """What was written of a day: counts, and sums in minor units."""

    items: int = 0
    opened: int = 0
    resolved: int = 0
    lines: int = 0
    movements: int = 0
    bill_minor: int = 0
    ledger_minor: int = 0
    differences: Counter[str] = field(default_factory=Counter)

    def count(self, items: Sequence[Found]) -> None:
        self.items += len(items)
        for item in items:
            self.lines += item.line_minor is not None
            self.movements += item.movement_minor is not None
            self.bill_minor += item.line_minor or 0
            self.ledger_minor += item.movement_minor or 0
            self.differences[item.outcome] += item.difference


def plainly(result: DayResult) -> Iterable[list[Found]]:
    """What this process found."""
    resolves = {id(one.counterpart): one.open_item_id for one in result.resolutions}
    for start in range(0, len(result.items), CHUNK):
        yield [_kept(item, resolves.get(id(item))) for item in result.items[start : start + CHUNK]]


def _kept(item: Item, resolves: UUID | None) -> Found:
    line, movement = item.line, item.movement
    return Found(
        outcome=item.outcome.value,
        kind=item.kind,
        reference=item.reference,
        line_no=line.line_no if line else None,
        line_minor=line.amount.minor if line else None,
        movement_id=movement.movement_id if movement else None,
        movement_minor=movement.amount.minor if movement else None,
        movement_status=movement.status if movement else "",
        resolves=resolves,
    )


def corrected(corrections: Sequence[Movement]) -> Iterable[list[Found]]:
    """Entries that correct breaks, as items of their own."""
    word = Outcome.CORRECTION.value
    yield [Found(word, x.kind, x.reference, None, None, x.movement_id, x.amount.minor, x.status) for x in corrections]


def write(work: UnitOfWork, place: Place, chunks: Iterable[Sequence[Found]], by: Working) -> Written:
    """Writes all items in the order given, with breaks and what they resolve."""
    written = Written()
    for items in filter(None, chunks):
        ids = work.ids.many(work.now, len(items))
        _insert_items(work, place, written.items, ids, items)
        written.opened += _open_breaks(work, place, ids, items, by)
        written.resolved += _resolve(work, place.on, ids, items)
        written.count(items)
    return written


def _insert_items(work: UnitOfWork, place: Place, before: int, ids: Sequence[UUID], items: Sequence[Found]) -> None:
    columns = {
        "id": "uuid",
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
        "break_id": "uuid",
    }
    same = {
        "book_id": ("uuid", work.book.id),
        "source": ("text", place.source),
        "on_date": ("date", place.on),
        "day_id": ("uuid", place.day_id),
        "currency": ("text", work.book.currency),
    }
    values = [
        (
            *(new_id, number, item.outcome, item.kind, item.reference, None if item.line_no is None else place.file_id, item.line_no),
            *(item.movement_id, item.line_minor, item.movement_minor, item.movement_status, item.difference),
            place.corrects[item.reference] if item.outcome == Outcome.CORRECTION else None,
        )
        for number, (new_id, item) in enumerate(zip(ids, items, strict=True), before)
    ]
    sql.insert("reconciliation_item", columns, values, same=same)


def _open_breaks(work: UnitOfWork, place: Place, ids: Sequence[UUID], items: Sequence[Found], by: Working) -> int:
    """A break for every item that differs, except the later half of a pair over two days: its earlier half has the break."""
    differing = [
        (item_id, item) for item_id, item in zip(ids, items, strict=True) if item.outcome not in _SETTLED and item.resolves is None
    ]
    if not differing:
        return 0
    new_ids = work.ids.many(work.now, len(differing))
    orders = payments.orders_of_references(book_id=work.book.id, references=[item.reference for _, item in differing])
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
            *(new_id, work.book.id, place.source, item_id, item.outcome, item.kind, item.reference, item.line_minor, item.movement_minor),
            *(work.book.currency, orders.get(item.reference), FIRST_OWNER[Outcome(item.outcome)], "open", "", place.on),
            by.due_on(Outcome(item.outcome), place.on),
        )
        for new_id, (item_id, item) in zip(new_ids, differing, strict=True)
    ]
    opened = sql.insert("reconciliation_break", columns, values)
    found = queries.breaks_by_id(book_id=work.book.id, ids=new_ids)
    tell_breaks(work=work, became=[Became(None, found[new_id]) for new_id in new_ids])
    return opened


def _resolve(work: UnitOfWork, on: date, ids: Sequence[UUID], items: Sequence[Found]) -> int:
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
    for item_id, item in zip(ids, items, strict=True):
        if item.resolves is not None:
            ending = ("explained", "came_on_another_day", on) if item.outcome == Outcome.OTHER_DAY else ("open", "", None)
            owner = FIRST_OWNER[Outcome(item.outcome)]
            values.append((item.resolves, item.outcome, item.line_minor, item.movement_minor, item_id, owner, *ending))
    if not values:
        return 0
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
    return len(values)
