"""Rows of the database to Parquet and rows of Parquet back, in order and in bounded memory: what is large goes over files, not through lists.

DuckDB writes and reads them. What comes back is inserted a chunk a statement: COPY into a table with row-level security is not possible.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import TYPE_CHECKING, Any, Final

from yuefu.runtime import sql

if TYPE_CHECKING:
    import duckdb

CHUNK: Final = 10_000
MEMORY_MB: Final = 512
_TEXT: Final = "delim = ',', quote = '\"', escape = '\"', nullstr = '', allow_quoted_nulls = false, header = false, auto_detect = false, parallel = false"
"""As COPY writes it: what is null is empty, an empty text is quoted. A text may have line breaks, so nobody may begin in the middle."""


def write(path: Path, query: str, params: Sequence[Any], columns: Mapping[str, str], *, memory_mb: int = MEMORY_MB) -> None:
    """Writes the rows of a query, whose columns have these names and types of DuckDB, to a file. A failure may leave half of it: write to a name that
    nobody reads yet.
    """
    with NamedTemporaryFile(prefix=".yuefu-", suffix=".csv", dir=path.parent) as text:
        with sql.connection().cursor() as cursor, cursor.copy(f"COPY ({query}) TO STDOUT (FORMAT csv)", params) as copy:
            for part in copy:
                text.write(part)
        text.flush()
        kinds = ", ".join([f"'{name}': '{kind}'" for name, kind in columns.items()])
        with _duckdb(path.parent, memory_mb) as db:
            db.execute(
                f"COPY (SELECT * FROM read_csv(?, columns = {{{kinds}}}, {_TEXT})) TO '{_quoted(path)}' (FORMAT parquet)", [text.name]
            )


def chunks(path: Path, columns: Sequence[str], *, order: str, memory_mb: int = MEMORY_MB) -> Iterator[list[tuple[Any, ...]]]:
    """The rows of a file, or of a directory of parts, in an order, at most CHUNK at a time."""
    names = ", ".join([f'"{name}"' for name in columns])
    source = f"{path}/*.parquet" if path.is_dir() else str(path)
    with _duckdb(path.parent, memory_mb) as db:
        found = db.execute(f"SELECT {names} FROM read_parquet(?) ORDER BY {order}", [source])
        while rows := found.fetchmany(CHUNK):
            yield rows


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")


@contextmanager
def _duckdb(aside: Path, memory_mb: int) -> Iterator[duckdb.DuckDBPyConnection]:
    """What does not fit into memory goes beside the file. Imported here: most commands need none of it."""
    import duckdb

    with duckdb.connect(config={"memory_limit": f"{memory_mb}MiB", "threads": 1, "temp_directory": str(aside / ".duckdb")}) as db:
        db.execute("SET enable_progress_bar = false")
        yield db
