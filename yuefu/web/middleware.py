"""Every request: an id, one line in the log, its figures, and the headers that keep a browser safe."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable
from typing import Final

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from structlog.contextvars import bind_contextvars, clear_contextvars

from yuefu.runtime import metrics
from yuefu.runtime.clock import stopwatch
from yuefu.runtime.logs import logger

GetResponse = Callable[[HttpRequest], HttpResponse]

_log = logger(__name__)
_SANE_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self';"
        " form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    # Pages show money and people: no cache, neither of a proxy nor of the next user of this browser, may keep one.
    "Cache-Control": "no-store",
}


def observe(get_response: GetResponse) -> GetResponse:
    """Answers with `Request-Id`, which also stands in every log line and on every error page. Logs neither query nor body."""

    def observed(request: HttpRequest) -> HttpResponse:
        began = stopwatch()
        request_id = _request_id(request.headers.get("X-Request-Id", ""))
        # Threads are used again: what an earlier request bound must not stand in the lines of this one.
        clear_contextvars()
        bind_contextvars(request_id=request_id)
        try:
            response = get_response(request)
            response["Request-Id"] = request_id
            for name, value in HEADERS.items():
                response.headers.setdefault(name, value)
            _record(request, response.status_code, stopwatch() - began)
        finally:
            clear_contextvars()
        return response

    return observed


def _request_id(given: str) -> str:
    return given if _SANE_ID.fullmatch(given) else f"req_{secrets.token_hex(13)}"


def _record(request: HttpRequest, status: int, seconds: float) -> None:
    method = request.method if request.method in _METHODS else "OTHER"
    route = _route(request)
    metrics.REQUESTS.labels(method=method, route=route, status=str(status)).inc()
    metrics.REQUEST_SECONDS.labels(route=route).observe(seconds)
    _log.info("request", method=method, route=route, status=status, ms=round(seconds * 1000, 1))


def _route(request: HttpRequest) -> str:
    """The pattern of the address, never the address itself: that may name a person, and makes a figure of every visitor."""
    if request.resolver_match is not None:
        return f"/{request.resolver_match.route}"
    return "static" if settings.STATIC_URL and request.path.startswith(settings.STATIC_URL) else "unmatched"
