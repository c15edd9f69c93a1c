"""What falls due of a loan of rule version 2026-2, as it is kept: a row for each instalment, with what is asked of each part and what of it is settled."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from operator import add, attrgetter, itemgetter
from typing import Any, Final

from yuefu.plans.lifecycle.rows import COLUMNS, Rows

PARTS: Final = ("principal", "interest", "fees", "penalties")
_COLUMNS: Final = ("kind", "start", "due", *PARTS, *(f"{part}_paid" for part in PARTS), *(f"{part}_off" for part in PARTS))
_OF_ROWS: Final = attrgetter(*_COLUMNS)
_OF_COLUMNS: Final = itemgetter(*(COLUMNS.index(name) for name in _COLUMNS))

Columns = Sequence[tuple[int, ...]]
"""Those columns of the rows of a loan that are kept of what falls due."""


def columns_of(rows: Rows) -> Columns:
    """The columns of rows that are open."""
    return tuple(map(tuple, _OF_ROWS(rows)))


def columns_among(all_of_them: Columns) -> Columns:
    """The columns among those of a state."""
    return _OF_COLUMNS(all_of_them)  # type: ignore[no-any-return]


def due_rows(rows: Rows) -> list[tuple[Any, ...]]:
    """Kind, days, what is asked of each part and what of it is settled, a row each."""
    columns = columns_of(rows)
    return [due_row(columns, k) for k in range(len(rows))]


def due_row(columns: Columns, k: int) -> tuple[Any, ...]:
    """Row `k` of `due_rows`."""
    kind, start, due, *amounts = [column[k] for column in columns]
    parts = len(PARTS)
    asked, paid, off = amounts[:parts], amounts[parts : 2 * parts], amounts[2 * parts :]
    return kind, date.fromordinal(start), date.fromordinal(due), *asked, *map(add, paid, off)
