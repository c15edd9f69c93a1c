"""`yuefu bench reconcile`: two sides of many rows, matched by `yuefu match` from files to files, held to what must come out and to SQL written by hand.

Each contestant is a process of its own on the same files, so starting is measured too; both take turns and the faster of their rounds counts. Machines
are shared: the seconds of processors say what each is worth where others work beside it. pandas does a million rows, where it is installed. No database
is needed.
"""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType
from typing import Any, Final, NamedTuple

import psutil

from yuefu.proofs import match_sides
from yuefu.proofs.match_sides import SIDES
from yuefu.runtime.clock import stopwatch

ROWS: Final = 1_000_000
OF_PANDAS: Final = 1_000_000
ROUNDS: Final = 2
MEMORY_MB: Final = 2_048
BAR_ROWS: Final = 10_000_000
MOST: Final = MappingProxyType({"seconds": 20.0, "peak_mb": 3_072.0, "duckdb_sql_ratio": 1.3})
"""What so many rows a side may take on two processors, the time also beside the SQL of the same run; of fewer, starting is too much a part."""

_SAMPLE_S: Final = 0.02

Say = Callable[[str], None]


class Took(NamedTuple):
    """What a process took until its end: seconds, those of processors, and the most megabytes that it and its own processes had together."""

    seconds: float
    cpu_seconds: float
    peak_mb: int


class Failed(Exception):
    """A contestant did not come to an end."""

    def __init__(self, what: str, status: int) -> None:
        self.code = "bench_failed"
        self.detail = f"{what} ended with status {status}; see above."
        super().__init__(self.detail)


def measure(say: Say, *, rows: int = ROWS, rounds: int = ROUNDS, of_pandas: int = OF_PANDAS) -> dict[str, Any]:
    """All figures. `pandas_seconds_1m` is of as many rows as there are, if that is fewer; None without pandas. Raises Failed."""
    with TemporaryDirectory(prefix="yuefu-bench-") as made:
        at = Path(made)
        say(f"making two sides of {rows:,} rows")
        counts = match_sides.make(rows, at, memory_mb=MEMORY_MB)
        found: dict[str, list[Took]] = {"match": [], "sql": []}
        for number in range(1, rounds + 1):
            for name, times in found.items():
                say(f"round {number} of {rounds}: {name}")
                times.append(timed(command(name, at), at / name))
        say("comparing each row with what it must be")
        right = {name: not sum(differing(at, at / name)) for name in found}
        ours, theirs = min(found["match"]), min(found["sql"])
        cpu, cpu_by_sql = (min(each.cpu_seconds for each in found[name]) for name in found)
        figures = {
            "rows": rows,
            **{f"rows_{side}": count for side, count in counts.items()},
            "seconds": ours.seconds,
            "peak_mb": max(each.peak_mb for each in found["match"]),
            "correct": right["match"],
            "duckdb_sql_seconds": theirs.seconds,
            "duckdb_sql_correct": right["sql"],
            "duckdb_sql_ratio": round(ours.seconds / theirs.seconds, 2),
            "cpu_seconds": cpu,
            "duckdb_sql_cpu_seconds": cpu_by_sql,
            "duckdb_sql_cpu_ratio": round(cpu / cpu_by_sql, 2),
            "rounds": {name: [each.seconds for each in times] for name, times in found.items()},
            "threads": _threads(),
            "memory_mb": MEMORY_MB,
            "ok": all(right.values()),
        }
    return {**figures, **_pandas(say, min(rows, of_pandas))}


def bars(figures: Mapping[str, Any]) -> list[tuple[str, float, bool]]:
    """Figure, what it may be at most, and whether it is; none of fewer than ten million rows."""
    if figures["rows"] < BAR_ROWS:
        return []
    return [(name, most, figures[name] <= most) for name, most in MOST.items()]


def command(name: str, at: Path) -> list[str]:
    """What matches the sides in `at` into a directory there named like it."""
    paths = [str(at / f"{side}.parquet") for side in SIDES] + [str(at / name)]
    if name == "match":
        return [sys.executable, "-m", "yuefu.cli.main", "match", *paths, "--json"]
    limits = [str(MEMORY_MB), str(_threads())] if name == "sql" else []
    return [sys.executable, "-m", f"yuefu.proofs.match_by_{name}", *paths, *limits]


def differing(at: Path, found: Path) -> list[int]:
    """By side, how many rows are not what they must be."""
    return [match_sides.differing(at / f"must_{side}.parquet", found / f"{side}.parquet", memory_mb=MEMORY_MB) for side in SIDES]


def timed(words: Sequence[str], into: Path, **environment: str) -> Took:
    """Runs a process that makes `into` anew. Raises Failed."""
    shutil.rmtree(into, ignore_errors=True)
    settings = {"YUEFU_MATCH_ENGINE": "duckdb", "YUEFU_MATCH_ADDRESS": "", "YUEFU_MATCH_MEMORY_MB": str(MEMORY_MB), **environment}
    begun, used, most = stopwatch(), _used(), 0
    with subprocess.Popen(words, env={**os.environ, **settings}, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as process:
        try:
            while True:
                most = max(most, _resident(process.pid))
                try:
                    status = process.wait(_SAMPLE_S)
                    break
                except subprocess.TimeoutExpired:
                    continue
        except BaseException:
            process.kill()
            raise
    if status:
        raise Failed(" ".join(words[1:4]), status)
    return Took(round(stopwatch() - begun, 2), round(_used() - used, 2), round(most / 2**20))


def _used() -> float:
    """Seconds that processors worked for processes of ours that have ended."""
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    return ended.ru_utime + ended.ru_stime


def _resident(pid: int) -> int:
    total = 0
    try:
        whole = psutil.Process(pid)
        for one in (whole, *whole.children(recursive=True)):
            total += one.memory_info().rss
    except psutil.Error:  # it, or one of its own, has ended meanwhile
        return total
    return total


def _threads() -> int:
    return len(os.sched_getaffinity(0))


def _pandas(say: Say, rows: int) -> dict[str, Any]:
    """A million rows or what there is of them."""
    missing = [package for package in ("pandas", "pyarrow") if find_spec(package) is None]
    if missing:
        say(f"`make install` brings what is measured beside: {', '.join(missing)}")
        return {"pandas_rows": rows, "pandas_seconds_1m": None, "pandas_correct": None}
    with TemporaryDirectory(prefix="yuefu-bench-") as made:
        at = Path(made)
        match_sides.make(rows, at, memory_mb=MEMORY_MB)
        say(f"pandas, {rows:,} rows")
        took = timed(command("pandas", at), at / "pandas")
        return {"pandas_rows": rows, "pandas_seconds_1m": took.seconds, "pandas_correct": not sum(differing(at, at / "pandas"))}
