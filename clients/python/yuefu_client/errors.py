"""Why something was not done. Catch ProblemError for whatever the API answered, or one of its classes for what you can do something about."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any


class YuefuError(Exception):
    """All errors of this package."""


class ConnectionFailed(YuefuError):
    """No answer came, as often as the request was sent. Whether it was carried out is unknown: send it again with the same
    `idempotency_key`, and it is carried out once.
    """

    def __init__(self, detail: str, idempotency_key: str | None = None) -> None:
        super().__init__(detail)
        self.idempotency_key = idempotency_key


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong: where it stands in the body (a JSON pointer), or which parameter of the address it is."""

    detail: str
    pointer: str | None = None
    parameter: str | None = None


class ProblemError(YuefuError):
    """A problem that the API answered (RFC 9457). `code` is stable and has a page of its own, /errors/CODE; `detail` is for people. `retryable` says
    whether the same request with the same key may succeed later by itself. `problem` has all members, `retry_after` the seconds to wait.
    """

    def __init__(
        self,
        problem: Mapping[str, Any],
        *,
        status: int,
        request_id: str = "",
        retry_after: float | None = None,
        idempotency_key: str | None = None,
    ) -> None:
        self.problem: Mapping[str, Any] = problem
        self.status = status
        self.code = str(problem.get("code") or f"http_{status}")
        self.title = str(problem.get("title") or _phrase(status))
        self.detail = str(problem.get("detail") or self.title)
        self.request_id = str(problem.get("request_id") or request_id)
        self.retryable = problem.get("retryable") is True
        self.errors = tuple(_fault(one) for one in problem.get("errors") or ())
        self.retry_after = retry_after
        self.idempotency_key = idempotency_key
        super().__init__(f"{self.code} ({status}): {self.detail} [{self.request_id or 'no request id'}]")


class AuthenticationError(ProblemError):
    """401: the API key is missing, unknown, expired or revoked."""


class Declined(ProblemError):
    """402: a decision, or a payment channel, said no. It stays so for this key; `reasons` say why."""

    @property
    def reasons(self) -> tuple[str, ...]:
        """Codes, for you and not for the consumer."""
        return tuple(str(one) for one in self.problem.get("reasons") or ())


class PermissionDenied(ProblemError):
    """403: the API key may not do this, or not from here."""


class NotFound(ProblemError):
    """404: there is no such thing, or it is another merchant's."""


class Conflict(ProblemError):
    """409: not in the state that things are in."""


class InvalidRequest(ProblemError):
    """400 and the like: the request has to be changed; `errors` say where."""


class RateLimited(ProblemError):
    """429: too many requests; wait `retry_after` seconds."""


class ServerError(ProblemError):
    """5xx: not your fault. Where `retryable`, send the same again with the same key."""

    @classmethod
    def unreadable(cls, status: int, request_id: str) -> ServerError:
        """An answer that says it is one and is none."""
        told = {"code": "unreadable_answer", "title": "The answer cannot be read", "detail": "The answer is no JSON object."}
        return cls(told, status=status, request_id=request_id)


_CLASSES: dict[int, type[ProblemError]] = {
    401: AuthenticationError,
    402: Declined,
    403: PermissionDenied,
    404: NotFound,
    409: Conflict,
    429: RateLimited,
}


def class_of(status: int) -> type[ProblemError]:
    """The class for a status that is no success."""
    if status >= 500 or status < 400:  # A redirect is not followed: whoever sends one is not the API.
        return ServerError
    return _CLASSES.get(status, InvalidRequest)


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Unknown"


def _fault(raw: Mapping[str, Any]) -> Fault:
    return Fault(str(raw.get("detail", "")), raw.get("pointer"), raw.get("parameter"))
