"""A day too large for one process: both sides leave the database for files, an engine matches them, and what it found comes back a chunk at a time."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final
from uuid import UUID

from yuefu.reconciliation import queries
from yuefu.reconciliation.commands.outcomes import Found
from yuefu.reconciliation.rules.engines import Choice
from yuefu.runtime import parquet
from yuefu.runtime.values import UnitOfWork

_FOUND: Final = (*("outcome", "kind", "reference", "line_no", "line_minor", "movement_id", "movement_minor", "movement_status", "item_id"),)
_ORDER: Final = "line_no IS NULL, line_no, place"
"""Items of lines in the order of the file, then those of movements alone."""


def matched(
    work: UnitOfWork, *, source: str, on: date, file_id: UUID, apart: Collection[str], unnamed: bool, window_days: int, choice: Choice
) -> Iterator[list[Found]]:
    """What becomes of the lines of a file and of the movements of its day, but for those that correct breaks (`apart`, by their references).

    What is read is over: a bill is whole once it is there, and no movement is booked on a day that is not open. Files lie in a directory of their own,
    which is gone at the end.
    """
    # Here, for most processes never match: this takes a quarter of a second to import.
    from yuefu.reconciliation.matching import book
    from yuefu.reconciliation.matching.engines.opening import opened

    book_id = work.book.id
    asked = {
        "lines": queries.lines_asked(file_id=file_id, told=queries.references_told(book_id=book_id, source=source, on=on, file_id=file_id)),
        "movements": queries.movements_asked(book_id=book_id, source=source, on=on, apart=apart),
        "waiting": queries.open_items_asked(book_id=book_id, source=source, before=on, window_days=window_days),
        "seen": queries.seen_asked(book_id=book_id, source=source, before=on, file_id=file_id),
    }
    with TemporaryDirectory(prefix="yuefu-match-", dir=choice.directory) as made:
        at = Path(made)
        for name, (query, params) in asked.items():
            parquet.write(at / f"{name}.parquet", query, params, book.types(name))
        with opened(replace(choice, directory=made)) as engine:
            found = book.match(engine, at, unnamed=unnamed)
        for rows in parquet.chunks(found, _FOUND, order=_ORDER):
            yield [
                Found(outcome, kind, reference or "", line_no, line, movement_id, movement, status or "", resolves)
                for outcome, kind, reference, line_no, line, movement_id, movement, status, resolves in rows
            ]
