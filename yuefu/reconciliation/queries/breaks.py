"""Reads of breaks, set-based: as they stand, and what became of each of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from yuefu.money.amounts import Money
from yuefu.runtime import sql


@dataclass(frozen=True, slots=True)
class Break:
    """A difference. `line` is the amount in the bill, `movement` ours; `age_days` counts from `opened_on` to its end or the day asked."""

    id: UUID
    source: str
    cls: str
    kind: str
    reference: str
    line: Money | None
    movement: Money | None
    order_id: UUID | None
    owner_role: str
    owner_id: UUID | None
    state: str
    reason: str
    opened_on: date
    due_on: date
    closed_on: date | None
    fix_id: UUID | None = None

    def age_days(self, on: date) -> int:
        return ((self.closed_on or on) - self.opened_on).days


_BREAK = (
    "SELECT id, source, cls, kind, reference, line_minor, movement_minor, order_id, owner_role, owner_id, state, reason, opened_on,"
    " due_on, closed_on, fix_id, currency FROM reconciliation_break"
)


def _break(*row: Any) -> Break:
    *head, line, movement, order, role, owner, state, reason, opened, due, closed, fix, currency = row
    amounts = (None if minor is None else Money(minor, currency) for minor in (line, movement))
    return Break(*[*head, *amounts, order, role, owner, state, reason, opened, due, closed, fix])


def found_by_class(*, book_id: UUID) -> dict[str, list[str]]:
    """References of all breaks by class, sorted, each once: several lines of one business (payment and fee) tell of one break."""
    found = sql.rows("SELECT DISTINCT cls, reference FROM reconciliation_break WHERE book_id = %s ORDER BY 1, 2", [book_id])
    by_class: dict[str, list[str]] = defaultdict(list)
    for cls, reference in found:
        by_class[cls].append(reference)
    return dict(by_class)


def breaks(*, book_id: UUID, state: str | None = "open", limit: int = 1_000) -> list[Break]:
    """Breaks, the oldest first, of one state or of all."""
    where = " WHERE book_id = %s AND (%s::text IS NULL OR state = %s) ORDER BY opened_on, id LIMIT %s"
    return sql.rows_as(_break, _BREAK + where, [book_id, state, state, limit])


def breaks_by_id(*, book_id: UUID, ids: Sequence[UUID], lock: bool = False) -> dict[UUID, Break]:
    ending = " ORDER BY id FOR UPDATE" if lock else ""
    found = sql.rows_as(_break, _BREAK + " WHERE book_id = %s AND id = ANY(%s)" + ending, [book_id, list(ids)])
    return {found_break.id: found_break for found_break in found}


def breaks_of_items(*, book_id: UUID, item_ids: Sequence[UUID]) -> dict[UUID, Break]:
    """Breaks by id, of the items that they began with."""
    where = " WHERE book_id = %s AND item_id = ANY(%s) ORDER BY id FOR UPDATE"
    return {found.id: found for found in sql.rows_as(_break, _BREAK + where, [book_id, list(item_ids)])}


def breaks_of_orders(*, order_ids: Sequence[UUID]) -> dict[UUID, list[Break]]:
    """Breaks of orders, oldest first."""
    by_order: dict[UUID, list[Break]] = defaultdict(list)
    for found in sql.rows_as(_break, _BREAK + " WHERE order_id = ANY(%s) ORDER BY opened_on, id", [list(order_ids)]):
        assert found.order_id is not None
        by_order[found.order_id].append(found)
    return dict(by_order)


def breaks_open(*, book_id: UUID) -> int:
    """How many breaks nobody has explained yet."""
    count: int = sql.value("SELECT count(*) FROM reconciliation_break WHERE book_id = %s AND state = 'open'", [book_id])
    return count


def breaks_waiting_for(*, book_id: UUID, source: str, reference: str) -> list[Break]:
    """The breaks of a line that is not booked, and of all lines of the channel that are of the same payment; locked."""
    channel = source.startswith("channel_")
    where = (
        " WHERE book_id = %s AND source = ANY(%s) AND reference = %s AND cls = 'missing_here' AND kind IN ('payment', 'fee', 'receipt')"
        " ORDER BY id FOR UPDATE"
    )
    return sql.rows_as(_break, _BREAK + where, [book_id, ["channel_trade", "channel_fund"] if channel else [source], reference])
