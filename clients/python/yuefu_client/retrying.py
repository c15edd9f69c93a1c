"""What is sent again, and when. Pure: it is told what became of each try and says how long to wait, and both transports ask it.

Nothing is sent again that was declined or refused: the answer would be the same. What is sent again has the key it had the first time.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from typing import Callable

import httpx

from yuefu_client.answers import about, json_of
from yuefu_client.errors import ConnectionFailed, ProblemError, class_of
from yuefu_client.requests import Request

_GATEWAYS = frozenset({502, 503, 504})
"""What something between us and the API may answer in its place."""


@dataclass(frozen=True)
class Retrying:
    """How often something is sent again, and how long is waited: from `first_s`, twice as long each time, up to `longest_s`, less up to half of it
    by chance, so that many who failed together do not come back together. Who asks for a wait longer than `patience_s` is not waited for.
    """

    most: int = 2
    first_s: float = 0.5
    longest_s: float = 8.0
    patience_s: float = 60.0

    def pause_s(self, tries: int, chance: float) -> float:
        """How long to wait after so many tries; `chance` is from 0 to 1."""
        return min(self.longest_s, self.first_s * 2.0 ** min(tries - 1, 30)) * (1.0 - chance / 2)


class Exchange:
    """A request, from the first time it is sent to its answer."""

    def __init__(self, request: Request, retrying: Retrying, chance: Callable[[], float]) -> None:
        self._request, self._retrying, self._chance = request, retrying, chance
        self._tries = 0

    def failed(self, error: Exception) -> float:
        """How long to wait where no answer came. Raises ConnectionFailed when it was the last try."""
        self._tries += 1
        if self._tries > self._retrying.most:
            raise ConnectionFailed(f"{type(error).__name__}: {error}", self._request.key) from error
        return self._pause()

    def answered(self, response: httpx.Response) -> float | None:
        """How long to wait before the next try, None where this is the answer. Raises ProblemError where it is one."""
        if response.is_success:
            return None
        self._tries += 1
        problem = self._problem(response)
        asked = problem.retry_after or 0.0
        if self._tries > self._retrying.most or not _may_help(problem) or asked > self._retrying.patience_s:
            raise problem
        return max(asked, self._pause())

    def _pause(self) -> float:
        return self._retrying.pause_s(self._tries, self._chance())

    def _problem(self, response: httpx.Response) -> ProblemError:
        return class_of(response.status_code)(
            json_of(response) or {},
            status=response.status_code,
            request_id=about(response).request_id,
            retry_after=retry_after(response),
            idempotency_key=self._request.key,
        )


def _may_help(problem: ProblemError) -> bool:
    """Whether the same request may be answered otherwise in a moment."""
    if problem.status == 409:
        return problem.code == "request_in_progress"
    if problem.status in _GATEWAYS and not problem.problem:
        return True
    return problem.status in (408, 429) or (problem.status >= 500 and problem.retryable)


def retry_after(response: httpx.Response) -> float | None:
    """The seconds that Retry-After asks for, as a number or as a date."""
    text = response.headers.get("Retry-After", "").strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        at = parsedate_to_datetime(text)
    except (TypeError, ValueError):
        return None
    at = at if at.tzinfo else at.replace(tzinfo=timezone.utc)
    return max(0.0, (at - datetime.now(timezone.utc)).total_seconds())
