"""Rows of the database to Parquet and rows of Parquet back, in order and in bounded memory: what is large goes over files, not through lists.

DuckDB writes and reads them. What comes back is inserted a chunk a statement: COPY into a table with row-level security is not possible.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryFile
from typing import TYPE_CHECKING, Any, Final

from yuefu.runtime import sql

if TYPE_CHECKING:
    import duckdb

CHUNK: Final = 10_000
MEMORY_MB: Final = 512
_TEXT: Final = "delim = ',', quote = '\"', escape = '\"', nullstr = '', allow_quoted_nulls = false, header = false, auto_detect = false, parallel = false"
"""As COPY writes it: what is null is empty, an empty text is quoted. A text may have line breaks, so nobody may begin in the middle."""


def _untold(rows: int) -> None:
    """Nobody watches."""
    del rows


def write(
    path: Path,
    query: str,
    params: Sequence[Any],
    columns: Mapping[str, str],
    *,
    memory_mb: int = MEMORY_MB,
    tell: Callable[[int], None] = _untold,
) -> None:
    """Writes the rows of a query, whose columns have these names and types of DuckDB, to a file; `tell` hears of each row that has left the database. A
    failure may leave half of it: write to a name that nobody reads yet. Raises OSError.
    """
    with TemporaryFile(dir=path.parent) as text:  # without a name: whoever is killed leaves nothing behind
        with sql.connection().cursor() as cursor, cursor.copy(f"COPY ({query}) TO STDOUT (FORMAT csv)", params) as copy:
            for rows, part in enumerate(copy, 1):  # each is a row
                text.write(part)
                tell(rows)
        text.flush()
        kinds = ", ".join([f"'{name}': '{kind}'" for name, kind in columns.items()])
        with _duckdb(path.parent, memory_mb) as db:
            db.execute(
                f"COPY (SELECT * FROM read_csv(?, columns = {{{kinds}}}, {_TEXT})) TO '{_quoted(path)}' (FORMAT parquet)",
                [f"/dev/fd/{text.fileno()}"],
            )


def chunks(path: Path, columns: Sequence[str], *, order: str, memory_mb: int = MEMORY_MB) -> Iterator[list[tuple[Any, ...]]]:
    """The rows of a file, or of a directory of parts, in an order, at most CHUNK at a time."""
    names = ", ".join([f'"{name}"' for name in columns])
    source = f"{path}/*.parquet" if path.is_dir() else str(path)
    with _duckdb(path.parent, memory_mb) as db:
        found = db.execute(f"SELECT {names} FROM read_parquet(?) ORDER BY {order}", [source])
        while rows := found.fetchmany(CHUNK):
            yield rows


def summed(path: Path, by: Sequence[str], minor: str) -> dict[tuple[Any, ...], tuple[int, int, int]]:
    """By the values of some columns: how many rows there are, what those above zero come to, and those below, without sign."""
    names = ", ".join([f'"{name}"' for name in by])
    sums = f"sum(greatest({minor}, 0)), sum(greatest(-{minor}, 0))"
    with _duckdb(path.parent, MEMORY_MB) as db:
        found = db.execute(f"SELECT {names}, count(*), {sums} FROM read_parquet(?) GROUP BY {names}", [str(path)]).fetchall()
    return {row[:-3]: (row[-3], int(row[-2]), int(row[-1])) for row in found}


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")


@contextmanager
def _duckdb(aside: Path, memory_mb: int) -> Iterator[duckdb.DuckDBPyConnection]:
    """What does not fit into memory goes beside the file. Imported here: most commands need none of it."""
    import duckdb

    with duckdb.connect(config={"memory_limit": f"{memory_mb}MiB", "threads": 1, "temp_directory": str(aside / ".duckdb")}) as db:
        db.execute("SET enable_progress_bar = false")
        try:
            yield db
        except duckdb.IOException as error:
            full = "No space left" in str(error)
            raise OSError(errno.ENOSPC if full else errno.EIO, str(error), str(aside)) from error
