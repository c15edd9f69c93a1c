"""How many requests a key may send in a minute: counted in each process, told by the RateLimit headers of every answer.

The form is that of draft-ietf-httpapi-ratelimit-headers: the policy with its quota and window, and what is left of it until when. Test and
live have limits of their own. What a flood may hold of the queue besides is the counter's (`runtime.batch`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from uuid import UUID

from django.conf import settings

from yuefu.api.problems import Problem
from yuefu.runtime.clock import stopwatch

WINDOW_S: Final = 60
_MOST_KEPT: Final = 10_000


@dataclass(slots=True)
class _Window:
    ends: float
    sent: int = 0


class Rates:
    """The windows of the keys that asked lately. `quota` is a number for each mode; tests give their own."""

    def __init__(self, quota: dict[str, int] | None = None) -> None:
        self._quota = quota or {"live": settings.YUEFU_API_RATE_LIVE, "test": settings.YUEFU_API_RATE_TEST}
        self._windows: dict[UUID, _Window] = {}

    def count(self, key_id: UUID, mode: str) -> dict[str, str]:
        """Counts a request and returns the headers of its answer. Raises Problem with 429 where nothing is left."""
        now = stopwatch()
        window = self._windows.get(key_id)
        if window is None or window.ends <= now:
            window = self._windows[key_id] = _Window(now + WINDOW_S)
            if len(self._windows) > _MOST_KEPT:
                self._windows = {key: one for key, one in self._windows.items() if one.ends > now}
        window.sent += 1
        quota = self._quota[mode]
        seconds = max(1, min(WINDOW_S, int(window.ends - now) + 1))
        headers = headers_of(quota, WINDOW_S, max(0, quota - window.sent), seconds)
        if window.sent > quota:
            raise Problem("rate_limited", headers={**headers, "Retry-After": str(seconds)})
        return headers


def headers_of(quota: int, window_s: int, left: int, seconds: int) -> dict[str, str]:
    """The two headers: a quota of requests in a window, and how many are left for how many seconds."""
    return {"RateLimit-Policy": f'"default";q={quota};w={window_s}', "RateLimit": f'"default";r={left};t={seconds}'}
