"""A receiver of webhooks on an address that tests may call: keeps what came, and answers as its path says."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any, Self

from aiohttp import web

HOST = "127.0.0.2"
NETWORKS = f"{HOST}/32"


@dataclass(frozen=True)
class Seen:
    """A request as it came."""

    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Receiver:
    """`async with` opens it. `answers` are the statuses of /answers, one after the other, then 200."""

    answers: list[int] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)
    seen: list[Seen] = field(default_factory=list)
    port: int = 0
    came: asyncio.Event = field(default_factory=asyncio.Event)
    _runner: Any = None

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._answer)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, HOST, 0)
        await site.start()
        self.port = self._runner.addresses[0][1]
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    def url(self, path: str = "/answers") -> str:
        return f"http://{HOST}:{self.port}{path}"

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        self.seen.append(Seen(request.path, {name.lower(): value for name, value in request.headers.items()}, await request.read()))
        self.came.set()
        match request.path:
            case "/redirect":
                return web.Response(status=302, headers={"Location": request.query["to"]})
            case "/hang":
                await asyncio.sleep(60)
            case "/stream":
                return await self._stream(request, b"x" * 65_536, 0)
            case "/drip":
                return await self._stream(request, b"x", 0.05)
            case "/reset":
                assert request.transport is not None
                request.transport.abort()
        status = self.answers.pop(0) if request.path == "/answers" and self.answers else 200
        return web.Response(status=status, text=f"said {status}", headers=self.headers)

    async def _stream(self, request: web.Request, part: bytes, pause: float) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        try:
            while True:
                await response.write(part)
                await asyncio.sleep(pause)
        except (ConnectionError, OSError):
            return response
