"""The only place that reads the system clock. Everything below the edge receives `now`."""

from __future__ import annotations

import time
from datetime import UTC, datetime


def system_now() -> datetime:
    """The present moment, aware, in UTC."""
    return datetime.now(UTC)


def stopwatch() -> float:
    """Seconds of a monotonic clock, for durations only."""
    return time.perf_counter()
