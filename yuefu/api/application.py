"""The ASGI application of /v1: reads a request, finds its route and key, answers, and turns whatever goes wrong into a problem."""

from __future__ import annotations

import asyncio
import os
import secrets
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote

import orjson
from django.conf import settings
from prometheus_client import Counter as Count
from prometheus_client import Histogram

from yuefu.access.rules import versions
from yuefu.api import expanding, openapi, reading, routes
from yuefu.api.auth import Doors
from yuefu.api.bodies import Nothing
from yuefu.api.calls import Call
from yuefu.api.counter import PATIENCE_S, Counter
from yuefu.api.problems import Problem
from yuefu.api.rates import Rates
from yuefu.api.route import Download, Route
from yuefu.runtime import metrics
from yuefu.runtime.clock import stopwatch
from yuefu.runtime.logs import logger

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

DESCRIPTION: Final = "/v1/openapi.json"
BODY_WITHIN_S: Final = 15.0
_PART: Final = 64 * 1024
_LATE: Final = "the body is late"
_JSON, _PROBLEM = b"application/json", b"application/problem+json"
_TO_BROWSERS: Final = {"Access-Control-Allow-Origin": "*"}
_PREFLIGHT: Final = {
    **_TO_BROWSERS,
    "Access-Control-Allow-Methods": "GET",
    "Access-Control-Allow-Headers": "Authorization, Api-Version",
    "Access-Control-Max-Age": "86400",
}
_ALWAYS: Final = ((b"cache-control", b"no-store"), (b"x-content-type-options", b"nosniff"))

log = logger(__name__)


@dataclass(slots=True)
class Answer:
    status: int
    body: dict[str, Any] | Download
    headers: Mapping[str, str] = field(default_factory=dict)
    replayed: bool = False


class Api:
    """`async with` or the lifespan of the server begins and ends it; its arguments are those of the counter."""

    def __init__(
        self, *, patience_s: float = PATIENCE_S, waiting: int = 4_000, share: int = 1_000, rates: dict[str, int] | None = None
    ) -> None:
        self._bounds = {"waiting": waiting, "share": share}
        self._patience_s = patience_s
        self._counter: Counter | None = None
        self._doors: Doors | None = None
        self._rates = Rates(rates)

    def begin(self) -> None:
        """Opens the counter in the event loop that runs."""
        self._counter = Counter(patience_s=self._patience_s, **self._bounds)
        self._doors = Doors(self._counter)

    async def end(self) -> None:
        """Finishes what waits."""
        if self._counter is not None:
            await asyncio.to_thread(self._counter.stop)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        began = stopwatch()
        request_id = f"req_{secrets.token_hex(13)}"
        place = _Place(_address(scope))
        answer = await self._answer(scope, receive, request_id, place)
        await _send(send, answer, request_id, bodiless=scope["method"] == "HEAD")
        _record(scope["method"], place.route, answer, request_id, stopwatch() - began)

    async def _answer(self, scope: Scope, receive: Receive, request_id: str, place: _Place) -> Answer:
        call: Call | None = None
        told: dict[str, str] = {}
        try:
            route, params = _route(scope["method"], place)
            if route is None:
                return Answer(200, openapi.description())
            if route.public:
                told.update(_TO_BROWSERS)
            if scope["method"] == "OPTIONS":
                return Answer(204, {}, _PREFLIGHT)
            assert self._counter, "the counter is open while requests come"
            assert self._doors
            headers = scope["headers"]
            sender = reading.sender(scope.get("client"), headers, settings.YUEFU_PROXIES)
            holder = await self._doors.open_to(headers, route.scope, sender, agents=route.agents)
            told.update(self._rates.count(holder.key.id, holder.book.mode))
            version = reading.api_version(headers, holder.key.api_version)
            told["Api-Version"] = version
            key = reading.idempotency_key(headers, required=route.keyed) if route.method == "POST" else ""
            body = await _body(route, headers, receive, version)
            call = Call(
                request_id, place.path, scope["query_string"], params, self._counter, holder, key, body, version, bool(route.expands)
            )
            if route.method != "GET":
                call.query_of()
            return Answer(route.status, await _carried_out(route, call), told, replayed=call.first is not None)
        except Problem as problem:
            first = call.first if call else None
            members = problem.body(request_id=first or request_id, instance=place.shown)
            if call and call.version != versions.CURRENT:
                members = _as_sent(members, type(call.body).__name__, call.version)
            return Answer(problem.kind.status, members, {**told, **problem.all_headers()}, replayed=first is not None)
        except asyncio.CancelledError:
            raise
        except Exception as error:
            log.exception("request failed", request_id=request_id, error=type(error).__name__)
            return Answer(500, Problem("internal_error").body(request_id=request_id, instance=place.shown), told)


async def _carried_out(route: Route, call: Call) -> dict[str, Any] | Download:
    """What the handler answers, with what was to be expanded in it, in the form of the version."""
    wanted = expanding.paths(call.expansions(), route.expands) if route.expands else ()
    body = await route.handler(call)
    if isinstance(body, Download):
        return body
    shown = body
    if wanted:
        kinds = routes.shown_to(call.holder.key.scopes)
        shown = await call.look(lambda: expanding.expand(body, wanted, kinds))
    return shown if call.version == versions.CURRENT else versions.given_out(shown, call.version)


def _as_sent(members: dict[str, Any], body: str, version: str) -> dict[str, Any]:
    """A problem whose pointers name the members as the client wrote them."""
    if "errors" not in members:
        return members
    faults = [
        {**one, "pointer": versions.pointer_as_sent(body, one["pointer"], version)} if "pointer" in one else one
        for one in members["errors"]
    ]
    return {**members, "errors": faults}


def _address(scope: Scope) -> str:
    """The path as it was sent. Decoded, a slash inside an id could not be told from one between two segments."""
    raw = scope.get("raw_path")
    return raw.decode("latin-1") if raw is not None else quote(scope["path"])


@dataclass(slots=True)
class _Place:
    """The address as it was sent, and the route there once it is known."""

    path: str
    route: str = "unmatched"

    @property
    def shown(self) -> str:
        return self.path[:200]


def _route(method: str, place: _Place) -> tuple[Route | None, dict[str, str]]:
    """The route of a request, None for the description of the API."""
    if place.path == DESCRIPTION:
        allowed: Iterable[str] = ("GET",)
        found, params = None, dict[str, str]()
    else:
        by_method, params = routes.at(place.path)
        if not by_method:
            raise Problem("not_found")
        allowed, found = by_method, by_method.get("GET" if method == "HEAD" else method)
        if method == "OPTIONS" and found is None:
            found = next((one for one in by_method.values() if one.public), None)
            allowed = {**by_method, "OPTIONS": found} if found else by_method
        place.route = next(iter(by_method.values())).path
    if method not in allowed and not (method == "HEAD" and "GET" in allowed):
        names = [*allowed, *(["HEAD"] if "GET" in allowed else [])]
        raise Problem("method_not_allowed", headers={"Allow": ", ".join(sorted(names))})
    return found, params


async def _body(route: Route, headers: reading.Headers, receive: Receive, version: str) -> Any:
    """The body of a request as its route has it."""
    if route.takes is None:
        return Nothing()
    raw = await _in_time(_read(headers, receive, route.largest))
    if not raw:  # Lost on the way, or swallowed by a proxy that read its length otherwise: a part would become the whole.
        raise Problem("body_missing")
    reading.content_type_is_json(headers)
    return reading.checked(route.takes, reading.json_object(raw), version)


async def _in_time(reading_body: Awaitable[bytes]) -> bytes:
    """`asyncio.timeout` by hand: nearly every body is there with its headers, and a timer should not cost more than reading it."""
    task = asyncio.current_task()
    assert task is not None, "a request is a task"
    late = asyncio.get_running_loop().call_later(BODY_WITHIN_S, task.cancel, _LATE)
    try:
        return await reading_body
    except asyncio.CancelledError as error:
        if error.args != (_LATE,):
            raise
        task.uncancel()
        raise Problem("request_timeout") from error
    finally:
        late.cancel()


async def _read(headers: reading.Headers, receive: Receive, largest: int) -> bytes:
    declared = reading.header(headers, b"content-length")
    if declared and declared[0].isdigit() and int(declared[0][:20]) > largest:
        raise Problem("body_too_large")
    parts: list[bytes] = []
    size, more = 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            # The client went away, or wrote something that the server could not read: who is still there is told.
            raise Problem("body_cut_off")
        part = message.get("body", b"")
        size += len(part)
        if size > largest:
            raise Problem("body_too_large")
        parts.append(part)
        more = message.get("more_body", False)
    return b"".join(parts)


async def _send(send: Send, answer: Answer, request_id: str, *, bodiless: bool) -> None:
    if isinstance(answer.body, Download):
        await _send_file(send, answer, answer.body, request_id, bodiless=bodiless)
        return
    body = b"" if answer.status == 204 else orjson.dumps(answer.body, option=orjson.OPT_UTC_Z)
    kind = _PROBLEM if answer.status >= 400 else _JSON
    await send({"type": "http.response.start", "status": answer.status, "headers": _headers(answer, request_id, kind, len(body))})
    await send({"type": "http.response.body", "body": b"" if bodiless else body})


def _headers(answer: Answer, request_id: str, content_type: bytes, length: int) -> list[tuple[bytes, bytes]]:
    headers = [
        (b"content-type", content_type),
        (b"content-length", str(length).encode()),
        (b"request-id", request_id.encode()),
        *_ALWAYS,
        *((name.lower().encode(), value.encode()) for name, value in answer.headers.items()),
    ]
    return [*headers, (b"idempotent-replayed", b"true")] if answer.replayed else headers


def _disposition(name: str) -> bytes:
    """A file that is saved under its name, never shown; by RFC 6266 where the name is not plain."""
    if name.isascii() and name.isprintable() and '"' not in name and "\\" not in name:
        return f'attachment; filename="{name}"'.encode()
    return f"attachment; filename*=UTF-8''{quote(name, safe='')}".encode()


async def _send_file(send: Send, answer: Answer, sent: Download, request_id: str, *, bodiless: bool) -> None:
    """In parts: however large a file is, little of it is in memory."""
    with sent.file as file:
        length = file.seek(0, os.SEEK_END)
        file.seek(0)
        headers = _headers(answer, request_id, sent.content_type.encode(), length)
        headers.append((b"content-disposition", _disposition(sent.name)))
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        while not bodiless and (part := file.read(_PART)):
            await send({"type": "http.response.body", "body": part, "more_body": True})
        await send({"type": "http.response.body", "body": b""})


_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_counts: dict[tuple[str, str, int], tuple[Count, Histogram]] = {}


def _record(method: str, route: str, answer: Answer, request_id: str, seconds: float) -> None:
    """Figures of every request. A line of the log only where it was not carried out: of the others the batch has one, and so have the
    events and the audit trail.
    """
    name = (method if method in _METHODS else "OTHER", route, answer.status)
    if name not in _counts:
        of_route = metrics.REQUESTS.labels(method=name[0], route=route, status=str(answer.status))
        _counts[name] = of_route, metrics.REQUEST_SECONDS.labels(route=route)
    _counts[name][0].inc()
    _counts[name][1].observe(seconds)
    if answer.status >= 400:
        assert isinstance(answer.body, dict), "a problem is no file"
        code = answer.body["code"]
        log.info(
            "request", method=name[0], route=route, status=answer.status, code=code, request_id=request_id, ms=round(seconds * 1000, 1)
        )
