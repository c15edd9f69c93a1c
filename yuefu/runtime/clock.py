"""The only place that reads the system clock. Everything below the edge receives `now`."""

from __future__ import annotations

import time
from datetime import UTC, datetime


def system_now() -> datetime:
    """The present moment, aware, in UTC."""
    return datetime.now(UTC)


def system_ticks() -> int:
    """Microseconds since 1970, for the order of what has the same moment."""
    return time.time_ns() // 1_000


def stopwatch() -> float:
    """Seconds of a monotonic clock, for durations only."""
    return time.perf_counter()
