"""Whether the disk has room for a world, asked before it is played: a server that runs out of it takes the world along."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from itertools import pairwise
from pathlib import Path
from typing import Final

from yuefu.cli.faults import fail
from yuefu.runtime.cluster_home import FREE_BYTES_TO_CREATE

DISK_FULL: Final = "disk_full"
MB: Final = 1024**2

MEASURED_MB: Final = ((0, 75), (2, 76), (15, 212), (45, 836), (90, 2448), (120, 3360), (546, 6500))
"""Days of a world, and what its database takes on disk at most: tables, and the log of changes, which ends to grow at `max_wal_size`.
Measured, but for the whole purchase log, which is reckoned from its orders."""
RESERVE: Final = 1.1
LEAST_MB: Final = FREE_BYTES_TO_CREATE // MB
TO_OPEN_MB: Final = 50


def needed_mb(days: int) -> int:
    """What a world of so many days takes at most, with a reserve."""
    for (fewer, less), (more, most) in pairwise(MEASURED_MB):
        if days <= more:
            return max(LEAST_MB, round(RESERVE * (less + (most - less) * (days - fewer) / (more - fewer))))
    return needed_mb(MEASURED_MB[-1][0])


def to_play(days: int, *, home: Path) -> None:
    """Fails with one sentence where the disk of our own database below `home` has no room for a world of so many days."""
    free = _free_mb(home) + _held_mb(home / "data")  # what is there already is made anew
    _refuse_unless(free, needed_mb(days), days, home, "YUEFU_HOME")


def to_throw_away(days: int) -> None:
    """The same for a world that is played in the directory of temporary files."""
    place = Path(tempfile.gettempdir())
    _refuse_unless(_free_mb(place), needed_mb(days), days, place, "TMPDIR")


def to_open(home: Path) -> None:
    """The same for a world that is only shown."""
    free = _free_mb(home)
    if free < TO_OPEN_MB:
        fail(DISK_FULL, f"The disk that holds {home} has {free} MB free, and showing a world takes {TO_OPEN_MB}; make room on it.")


def _refuse_unless(free: int, needed: int, days: int, place: Path, variable: str) -> None:
    if free >= needed:
        return
    fits = next((fewer for fewer in range(days - 1, 0, -1) if needed_mb(fewer) <= free), 0)
    fewer = f"ask for fewer days (--days {fits} has room), " if fits else ""
    fail(
        DISK_FULL,
        f"A world of {days} days takes about {needed} MB, and the disk that holds {place} has {free} MB for it: make room on it, {fewer}"
        f"or set {variable} to a directory on another disk.",
    )


def _free_mb(place: Path) -> int:
    there = next((each for each in (place, *place.parents) if each.exists()), Path("/"))
    return shutil.disk_usage(there).free // MB


def _held_mb(data: Path) -> int:
    held = 0
    for file in data.rglob("*"):
        with contextlib.suppress(OSError):  # a server that runs makes and removes files
            held += file.lstat().st_blocks * 512
    return held // MB
