"""Webhooks by HTTP: many at once over connections that are kept (ADR 0052).

What a merchant gave us is called from inside our network, so nothing is taken on trust: each address that a name stands for is judged, and
judged once more as the socket to it is made, which is the one that is connected to; redirects are not followed, no proxy of the environment
is used, no cookie is kept, and no more of an answer is read than is shown in the log, however long it goes on or however slowly it drips.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from ipaddress import ip_address
from types import TracebackType
from typing import Any, Final, Self

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from yuefu.notices.rules.webhooks.targets import URL_ADDRESS, Network, Where, fault_of, is_callable, port_fault
from yuefu.notices.rules.webhooks.trying import ANSWER_BYTES, ANSWER_KEPT, TIMEOUT_S, Answer
from yuefu.runtime.clock import stopwatch

AGENT: Final = "Yuefu-Webhooks/1"
_BODY_WITHIN_S: Final = 2.0
"""For the body of an answer whose status is known: the status counts, the body is only kept to be looked at."""
_MOST, _MOST_EACH = 1_000, 100
_MOST_NAMES: Final = 64
"""Looked up at once. A name server that never answers holds up a thread for half a minute, and a merchant may have sixteen such names."""
_IDLE_S: Final = 15.0


class Forbidden(OSError):
    """None of the addresses of a name may be called."""


@dataclass(frozen=True, slots=True)
class Post:
    """A message in the form in which it goes."""

    url: str
    headers: Mapping[str, str]
    body: bytes
    where: Where


class WebhookSender:
    """`async with` opens and closes its connections. `networks` may be called though they are not public."""

    def __init__(self, networks: Sequence[Network] = (), *, timeout_s: float = TIMEOUT_S) -> None:
        self._where = Where(is_live=False, networks=tuple(networks))
        self._timeout_s = timeout_s
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        connector = aiohttp.TCPConnector(
            limit=_MOST,
            limit_per_host=_MOST_EACH,
            keepalive_timeout=_IDLE_S,
            resolver=_Judging(self._where),
            socket_factory=self._socket,
        )
        self._session = aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
            auto_decompress=False,
            timeout=aiohttp.ClientTimeout(total=self._timeout_s, ceil_threshold=self._timeout_s + 1),
            headers={"User-Agent": AGENT, "Accept-Encoding": "identity", "Accept": "*/*"},
        )
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None) -> None:
        assert self._session, "it was opened"
        await self._session.close()

    def _socket(self, address: Any) -> socket.socket:
        """The socket of a connection, if its address may be called: whatever resolved it, this is what is connected to."""
        family, kind, protocol, _, where = address
        host = ip_address(str(where[0]).partition("%")[0])
        if not is_callable(host, self._where) or port_fault(int(where[1]), host, self._where):
            raise Forbidden(f"{host} may not be called")
        return socket.socket(family, kind, protocol)

    async def post(self, post: Post) -> Answer:
        """What became of one try. Nothing is raised but the end of the task: whatever a receiver does is an answer."""
        assert self._session, "used inside `async with`"
        began = stopwatch()
        if fault := fault_of(post.url, post.where):
            return Answer(None, fault.code)
        try:
            async with self._session.post(post.url, data=post.body, headers=post.headers, allow_redirects=False) as response:
                status, retry_after = response.status, response.headers.get("Retry-After", "")
                text = await _beginning(response)
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError, asyncio.LimitOverrunError) as error:
            return Answer(None, _code(error), took_ms=_ms(began))
        return Answer(status, "" if status < 300 or status >= 400 else "redirect", text, retry_after[:100], _ms(began))


def _ms(began: float) -> int:
    return round((stopwatch() - began) * 1000)


async def _beginning(response: aiohttp.ClientResponse) -> str:
    """The first characters of a body, with nothing in them that PostgreSQL or a terminal would stumble over."""
    parts: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(_BODY_WITHIN_S):
            while size < ANSWER_BYTES and (part := await response.content.read(ANSWER_BYTES - size)):
                parts.append(part)
                size += len(part)
    except (aiohttp.ClientError, OSError, TimeoutError, ValueError):
        response.close()
    if not response.content.at_eof():
        response.close()  # what goes on is cut off, and its connection with it
    text = b"".join(parts).decode("utf-8", "replace")
    return "".join(c if c.isprintable() or c in "\n\t" else "�" for c in text[:ANSWER_KEPT])


def _code(error: BaseException) -> str:
    """The code of what kept an answer from coming."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, Forbidden) or "may not be called" in str(cause):
            return URL_ADDRESS
        cause = getattr(cause, "os_error", None) or cause.__cause__
    if isinstance(error, TimeoutError):
        return "timeout"
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return "name_not_found"
    if isinstance(error, aiohttp.ClientSSLError | ssl.SSLError):
        return "tls_failed"
    if isinstance(error, aiohttp.ClientConnectorError):
        return "connect_failed"
    if isinstance(error, aiohttp.ServerDisconnectedError | ConnectionError | aiohttp.ClientOSError):
        return "connection_reset"
    return "no_answer"


class _Judging(AbstractResolver):
    """Names as the system resolves them, without the addresses that may not be called."""

    def __init__(self, where: Where) -> None:
        self._where = where
        self._threads = ThreadPoolExecutor(_MOST_NAMES, "names")

    async def resolve(self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET) -> list[ResolveResult]:
        given = (host, port, family, socket.SOCK_STREAM, 0, socket.AI_ADDRCONFIG)
        found = await asyncio.get_running_loop().run_in_executor(self._threads, socket.getaddrinfo, *given)
        plain = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV
        may = [
            ResolveResult(hostname=host, host=str(where[0]), port=port, family=of, proto=protocol, flags=plain)
            for of, _, protocol, _, where in found
            if is_callable(ip_address(str(where[0]).partition("%")[0]), self._where)
        ]
        if not may:
            raise Forbidden(f"no address of {host} may be called")
        return may

    async def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)


async def name_fault(host: str, where: Where, *, within_s: float = 3.0) -> bool:
    """Whether a name stands for addresses that may not be called, and for no others; one that nobody knows yet is no fault."""
    try:
        async with asyncio.timeout(within_s):
            found = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, TimeoutError, UnicodeError):
        return False
    return bool(found) and not any(is_callable(ip_address(str(one[4][0]).partition("%")[0]), where) for one in found)
