"""The clients against the real server, and against one that fails on purpose."""

from __future__ import annotations

import asyncio
import json
import secrets
import threading
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, TypeVar

import pytest

from tests.api.conftest import Merchant, Server, regular, server, vault
from tests.clients.pages import aside
from tests.journeys.conftest import shop_opened
from yuefu.ids import IdSource
from yuefu.runtime.vault import Vault
from yuefu_client import AsyncYuefu, Retrying, Yuefu

__all__ = ["regular", "server", "vault"]

T = TypeVar("T")
AT_ONCE = Retrying(most=2, first_s=0.0)
KEY = "sk_test_of_a_server_that_fails"


@pytest.fixture(scope="module")
def seller(vault: Vault, server: Server) -> Merchant:
    """A merchant for the tests that drive a browser."""
    return aside(lambda: Merchant(shop_opened(vault, IdSource(secrets.randbits)), server.ask))


@pytest.fixture(scope="module")
def client(regular: Merchant, server: Server) -> Iterator[Yuefu]:
    """The program of a merchant whose book is left as it was."""
    with Yuefu(regular.issued.secret, f"http://127.0.0.1:{server.port}") as opened:
        yield opened


@pytest.fixture
def asynchronously(regular: Merchant, server: Server) -> Callable[[Callable[[AsyncYuefu], Awaitable[T]]], T]:
    """Runs what a program does in an event loop."""

    def run(act: Callable[[AsyncYuefu], Awaitable[T]]) -> T:
        async def opened() -> T:
            async with AsyncYuefu(regular.issued.secret, f"http://127.0.0.1:{server.port}") as client:
                return await act(client)

        return asyncio.run(opened())

    return run


@dataclass
class Failing:
    """A server that answers what was laid out for it, one after another: a status, headers and a body each, or None to hang up."""

    answers: list[tuple[int, dict[str, str], Any] | None] = field(default_factory=list)
    asked: list[tuple[str, str, dict[str, str], bytes]] = field(default_factory=list)
    port: int = 0

    def client(self, **more: Any) -> Yuefu:
        return Yuefu(KEY, f"http://127.0.0.1:{self.port}", **{"retries": AT_ONCE, **more})

    @property
    def keys(self) -> list[str | None]:
        return [headers.get("idempotency-key") for _, _, headers, _ in self.asked]


@pytest.fixture
def failing() -> Iterator[Failing]:
    told = Failing()

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            told.asked.append((self.command, self.path, {name.lower(): value for name, value in self.headers.items()}, body))
            answer = told.answers.pop(0)
            if answer is None:
                self.close_connection = True
                self.connection.close()
                return
            status, headers, members = answer
            raw = members if isinstance(members, bytes) else json.dumps(members).encode()
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)

        do_GET = do_POST = do_DELETE = answer  # noqa: N815 - named by http.server

        def log_message(self, *args: Any) -> None:
            pass

    opened = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    told.port = opened.server_port
    thread = threading.Thread(target=lambda: opened.serve_forever(poll_interval=0.02), daemon=True)
    thread.start()
    yield told
    opened.shutdown()
    opened.server_close()
    thread.join(10)
