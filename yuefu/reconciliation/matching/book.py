"""The day of a source in a book, carried out by an engine: from four files to one."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import narwhals as nw

from yuefu.reconciliation.matching.day import LINES, MOVEMENTS, SEEN, WAITING, found_of_day
from yuefu.reconciliation.matching.engines.opening import Engine

COLUMNS: Final = {"lines": LINES, "movements": MOVEMENTS, "waiting": WAITING, "seen": SEEN}
"""Of the files that a day is made of."""

_IN_SQL: Final = {nw.String: "VARCHAR", nw.Int64: "BIGINT", nw.Boolean: "BOOLEAN"}


def types(name: str) -> dict[str, str]:
    """The columns of one of the files, with the types that SQL has for them."""
    return {column: _IN_SQL[kind] for column, kind in COLUMNS[name].items()}


def match(engine: Engine, at: Path, *, unnamed: bool) -> Path:
    """Matches the files `at`/lines.parquet, movements, waiting and seen; writes the items of the day and returns where they are."""
    sides = {name: engine.read(str(at / f"{name}.parquet")).select(*columns) for name, columns in COLUMNS.items()}
    into = at / "found.parquet"
    engine.write(found_of_day(**sides, keep=engine.keep, unnamed=unnamed), str(into))
    return into
