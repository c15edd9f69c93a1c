"""What carries out the matching of large sides, and from which size on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

DUCKDB: Final = "duckdb"
MEMORY_MB: Final = 2_048
THREADS: Final = 2
FROM_ROWS: Final = 20_000


@dataclass(frozen=True, slots=True)
class Choice:
    """An engine: `address` is a master URL of Spark or one of Spark Connect (sc://…); `directory` is where it may put aside what it keeps or has no memory
    for, on a cluster one that all workers see. DuckDB is held to `memory_mb` and `threads`; Spark has settings of its own, Polars none.
    """

    name: str = DUCKDB
    address: str = ""
    memory_mb: int = MEMORY_MB
    threads: int = THREADS
    directory: str | None = None


@dataclass(frozen=True, slots=True)
class Matching:
    """How days of a book are matched: in this process while lines, movements and what waits are fewer than `from_rows`, for which an engine takes
    longer to start than the day to match; else by the engine. What comes out is the same.
    """

    engine: Choice = Choice()
    from_rows: int = FROM_ROWS
