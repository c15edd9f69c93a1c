"""Which engine, where it is and what it may use: as the settings say it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final, Protocol

from yuefu.reconciliation.matching.expression import Frame
from yuefu.reconciliation.rules.engines import DUCKDB, Choice


class Engine(Protocol):
    """What every adapter does. A path is that of a file, or of a directory with the parts of one. `errors` are those by which the engine says that it cannot
    do what was asked of it; anything else is a fault of the program.
    """

    errors: tuple[type[Exception], ...]

    def read(self, path: str) -> Frame: ...

    def keep(self, frame: Frame) -> Frame:
        """Computes the frame now, or on first use, once."""

    def write(self, frame: Frame, path: str) -> None: ...

    def rows(self, frame: Frame) -> list[tuple[Any, ...]]:
        """All rows of a frame that has few."""


class EngineUnavailable(Exception):
    """An engine that there is not, or whose package or Java is not installed."""

    def __init__(self, code: str, detail: str) -> None:
        self.code = code
        self.detail = detail
        super().__init__(detail)


def opened(choice: Choice) -> AbstractContextManager[Engine]:
    """The engine, ready; it is stopped afterwards. Raises EngineUnavailable."""
    if choice.name not in _OPENED:
        raise EngineUnavailable("unknown_engine", f"There is no engine {choice.name!r:.40}; there are {', '.join(sorted(_OPENED))}.")
    package, how, opening = _OPENED[choice.name]
    if find_spec(package) is None:
        raise EngineUnavailable("engine_missing", f"The engine {choice.name} is not installed; {how}.")
    return opening(choice)


@contextmanager
def _duckdb(choice: Choice) -> Iterator[Engine]:
    from yuefu.reconciliation.matching.engines.duckdb import DuckDB

    with TemporaryDirectory(prefix="yuefu-match-", dir=choice.directory) as aside:
        engine = DuckDB(memory_mb=choice.memory_mb, threads=choice.threads, aside=Path(aside))
        try:
            yield engine
        finally:
            engine.close()


@contextmanager
def _polars(choice: Choice) -> Iterator[Engine]:
    from yuefu.reconciliation.matching.engines.polars import Polars

    del choice
    yield Polars()


@contextmanager
def _spark(choice: Choice) -> Iterator[Engine]:
    from yuefu.reconciliation.matching.engines.spark import Spark

    with TemporaryDirectory(prefix="yuefu-match-", dir=choice.directory) as aside:
        engine = Spark(choice.address, aside=Path(aside))
        try:
            yield engine
        finally:
            engine.close()


_OPENED: Final[dict[str, tuple[str, str, Callable[[Choice], AbstractContextManager[Engine]]]]] = {
    DUCKDB: ("duckdb", "`make install` brings it", _duckdb),
    "polars": ("polars", "`make install-test` brings it", _polars),
    "spark": ("pyspark", "`make install-spark` brings it", _spark),
}
