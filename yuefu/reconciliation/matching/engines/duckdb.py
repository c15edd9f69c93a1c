"""DuckDB: in this process, on all processors it is given; what does not fit into memory goes to disk."""

from __future__ import annotations

from glob import escape
from itertools import count
from pathlib import Path
from typing import Any

import duckdb
import narwhals as nw

from yuefu.reconciliation.matching.expression import Frame


class DuckDB:
    """An adapter."""

    errors: tuple[type[Exception], ...] = (duckdb.Error,)

    def __init__(self, *, memory_mb: int, threads: int, aside: Path) -> None:
        held: dict[str, str | bool | int | float | list[str]] = {
            "memory_limit": f"{memory_mb}MiB",
            "threads": threads,
            "temp_directory": str(aside),
            "preserve_insertion_order": False,
        }
        self._db = duckdb.connect(config=held)
        self._db.execute("SET enable_progress_bar = false")  # it would draw on standard output
        self._names = map("kept_{}".format, count())

    def read(self, path: str) -> Frame:
        # A file whose name has * or ? in it is that file, not all that are named like it.
        named = escape(path)
        return nw.from_native(self._db.read_parquet(f"{named}/*.parquet" if Path(path).is_dir() else named))

    def keep(self, frame: Frame) -> Frame:
        name = next(self._names)
        frame.to_native().create(name)
        return nw.from_native(self._db.table(name))

    def write(self, frame: Frame, path: str) -> None:
        frame.to_native().write_parquet(path)

    def rows(self, frame: Frame) -> list[tuple[Any, ...]]:
        found: list[tuple[Any, ...]] = frame.to_native().fetchall()
        return found

    def close(self) -> None:
        self._db.close()
