"""The real server over real HTTP: granian as `yuefu serve` starts it, on the database of these tests, and shops with keys."""

from __future__ import annotations

import asyncio
import http.client
import itertools
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any
from urllib.parse import unquote
from uuid import UUID

import pytest
from django.conf import settings

from tests.handed_out import tell_all
from tests.journeys.conftest import Shop, other_shop, shop, shop_opened
from tests.notices.receivers import NETWORKS
from yuefu import ids as public
from yuefu.access import commands as access
from yuefu.access.commands import IssuedKey, NewApiKey
from yuefu.access.rules import KEY_SCOPES
from yuefu.api.application import Api
from yuefu.errors import Refused, one
from yuefu.ids import IdSource
from yuefu.journeys.desk import open_day
from yuefu.runtime import sql
from yuefu.runtime import vault as vaults
from yuefu.runtime.clock import system_now
from yuefu.runtime.vault import Vault

FIRST_DUE = date(2026, 10, 25)
"""When the first instalment is due of what is bought on the first day of a shop."""

__all__ = ["other_shop", "shop"]

_numbers = itertools.count(1)


@dataclass(frozen=True)
class Reply:
    """What a request was answered. `body` is what was parsed, `raw` what was sent."""

    status: int
    headers: Mapping[str, str]
    raw: bytes

    @property
    def body(self) -> Any:
        return json.loads(self.raw)

    @property
    def code(self) -> str:
        assert self.headers["content-type"] == "application/problem+json", self.raw
        return str(self.body["code"])

    @property
    def replayed(self) -> bool:
        return self.headers.get("idempotent-replayed") == "true"

    @property
    def pointers(self) -> list[str | None]:
        return [one.get("pointer") for one in self.body["errors"]]


Ask = Callable[..., Reply]


@dataclass
class Server:
    """`yuefu serve` in a process group of its own."""

    port: int
    process: subprocess.Popen[bytes]

    @classmethod
    def start(cls, *, workers: int = 2, port: int | None = None) -> Server:
        port = port or _free_port()
        program = [str(Path(sys.executable).parent / "yuefu"), "serve", "--port", str(port), "--workers", str(workers)]
        os.environ["YUEFU_WEBHOOK_NETWORKS"] = NETWORKS
        process = subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, start_new_session=True)
        server = cls(port, process)
        until = time.monotonic() + 60
        while True:
            try:
                if server.ask("GET", "/v1/openapi.json").status == 200:
                    return server
            except OSError:
                assert process.poll() is None, "the server ended by itself"
                assert time.monotonic() < until, "the server does not answer"
                time.sleep(0.05)

    def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        secret: str | None = None,
        key: str | None = None,
        headers: Sequence[tuple[str, str]] = (),
        raw: bytes | None = None,
    ) -> Reply:
        """One request on a connection of its own. `raw` is a body that is not made from JSON."""
        payload = raw if raw is not None else None if body is None else json.dumps(body).encode()
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.putrequest(method, path, skip_accept_encoding=True)
            if secret:
                connection.putheader("Authorization", f"Bearer {secret}")
            if key is not None:
                connection.putheader("Idempotency-Key", key)
            if payload is not None:
                connection.putheader("Content-Length", str(len(payload)))
                if not any(name.lower() == "content-type" for name, _ in headers):
                    connection.putheader("Content-Type", "application/json")
            for name, value in headers:
                connection.putheader(name, value)
            connection.endheaders(payload)
            answer = connection.getresponse()
            found = answer.read()
            return Reply(answer.status, {name.lower(): value for name, value in answer.getheaders()}, found)
        finally:
            connection.close()

    def kill(self) -> None:
        """As a power cut would: all processes at once."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(30)

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(30)


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@pytest.fixture(scope="session")
def vault() -> Vault:
    """The keys that the server reads."""
    return vaults.load(Path(settings.YUEFU_KEYS_FILE))


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    started = Server.start()
    yield started
    started.stop()


def issue(shop: Shop, *, merchant: int = 0, scopes: Sequence[str] = tuple(KEY_SCOPES), **more: Any) -> IssuedKey:
    """A key of a merchant of the shop."""
    with open_day(shop.desk, shop.now()) as work:
        assert not isinstance(work, Refused)
        new = NewApiKey(more.pop("merchant_id", shop.merchants[merchant]), tuple(scopes), **more)
        return one(access.issue_api_keys(work=work, api_keys=[new], random_bytes=secrets.token_bytes))


def revoke(shop: Shop, key_id: UUID) -> None:
    with open_day(shop.desk, shop.now()) as work:
        assert not isinstance(work, Refused)
        one(access.revoke_api_keys(work=work, key_ids=[key_id]))


@dataclass
class Merchant:
    """A merchant's program: asks with its key, and with a new Idempotency-Key unless told which."""

    shop: Shop
    ask_with: Callable[..., Reply]
    merchant: int = 0
    issued: IssuedKey = field(init=False)

    def __post_init__(self) -> None:
        self.issued = issue(self.shop, merchant=self.merchant)

    def get(self, path: str, **more: Any) -> Reply:
        return self.ask_with("GET", path, secret=self.issued.secret, **more)

    def post(self, path: str, body: Any = None, *, key: str | None = "new", **more: Any) -> Reply:
        name = f"k-{secrets.token_hex(8)}" if key == "new" else key
        return self.ask_with("POST", path, body, secret=self.issued.secret, key=name, **more)

    def quote(self, consumer: str, amount: int = 199_900, *, product: str = "free", periods: int = 3) -> str:
        wish = {"consumer": consumer, "product": product, "amount": amount, "currency": "CNY", "periods": periods}
        reply = self.post("/v1/quotes", wish, key=None)
        assert reply.status == 201, reply.raw
        return str(reply.body["id"])

    def consumer(self, *, limit: str = "20000.00") -> str:
        return public.text("consumer", self.shop.consumer(limit=limit))

    def order(self, consumer: str | None = None, amount: int = 199_900) -> dict[str, Any]:
        """The body of a new order of a consumer who was just shown what it costs."""
        buyer = consumer or self.consumer()
        return {"quote": self.quote(buyer, amount), "consumer": buyer, "merchant_reference": f"REF-{next(_numbers)}"}

    def placed(self, amount: int = 199_900) -> str:
        reply = self.post("/v1/orders", self.order(amount=amount))
        assert reply.status == 201, reply.raw
        return str(reply.body["id"])

    def placed_earlier(self) -> str:
        """An order that was placed a minute ago."""
        order = self.placed()
        sql.run("UPDATE runtime_book SET clock_at = clock_at + interval '1 minute' WHERE id = %s", [self.shop.book_id])
        return order

    def captured_in_part(self) -> str:
        order = self.placed()
        assert self.post(f"/v1/orders/{order}/capture", {"amount": 90_000}).status == 201
        return order

    def place(self) -> dict[str, Any]:
        """The body of a new store."""
        return {"code": f"store-{next(_numbers)}", "name_zh": "南京路店", "name_en": "Nanjing Road", "address": "南京东路 1 号"}

    def store(self) -> str:
        return str(self.post("/v1/stores", self.place()).body["id"])

    def terminal(self, store: str | None = None) -> str:
        reply = self.post("/v1/terminals", {"store": store or self.store(), "code": f"till-{next(_numbers)}"})
        assert reply.status == 201, reply.raw
        return str(reply.body["id"])

    def offer(self, amount: int = 199_900, **more: Any) -> dict[str, Any]:
        """The body of a new checkout session."""
        urls = {"success_url": "https://shop.example/thanks?cart=7", "cancel_url": "https://shop.example/cart"}
        return {"merchant_reference": f"REF-{next(_numbers)}", "amount": amount, "currency": "CNY", **urls, **more}

    def session(self, amount: int = 199_900, **more: Any) -> dict[str, Any]:
        """A checkout session that is open."""
        reply = self.post("/v1/checkout_sessions", self.offer(amount, **more))
        assert reply.status == 201, reply.raw
        return dict(reply.body)

    def captured(self, amount: int = 199_900) -> str:
        return self.sold(amount)[0]

    def sold(self, amount: int = 199_900) -> tuple[str, str]:
        """The order and the loan of goods that a consumer has got."""
        order = self.placed(amount)
        reply = self.post(f"/v1/orders/{order}/capture", {})
        assert reply.status == 201, reply.raw
        return order, str(reply.body["loan"])

    def endpoint(self, url: str = "https://93.184.216.34/hooks", *types: str, **more: Any) -> dict[str, Any]:
        """A webhook endpoint as it was made, with its secret."""
        place, body = "/v1/webhook_endpoints", {"url": url, "enabled_events": list(types or ("*",)), **more}
        reply = self.post(place, body)
        if reply.status == 409:  # there are as many as there may be
            for one in self.get(f"{place}?limit=100").body["data"]:
                self.ask_with("DELETE", f"{place}/{one['id']}", secret=self.issued.secret)
            reply = self.post(place, body)
        assert reply.status == 201, reply.raw
        return dict(reply.body)

    def told(self) -> list[str]:
        """The ids of the events of a sale, newest first."""
        order = self.placed()
        self.tell()
        return [event["id"] for event in self.get(f"/v1/events?object_id={order}").body["data"]]

    def tell(self) -> None:
        """Hands out what happened, as the worker does."""
        tell_all(now=system_now(), ids=IdSource(secrets.randbits))

    def due(self, amount: int = 199_900) -> tuple[str, str]:
        """The same, on the day on which the first instalment of the loan is due."""
        sold = self.sold(amount)
        self.shop.until(FIRST_DUE)
        return sold


@pytest.fixture
def merchant(shop: Shop, server: Server) -> Merchant:
    return Merchant(shop, server.ask)


@pytest.fixture(scope="module")
def regular(vault: Vault, server: Server) -> Merchant:
    """A merchant for all tests of a file that leave it as it was."""
    return Merchant(shop_opened(vault, IdSource(secrets.randbits)), server.ask)


@pytest.fixture
def neighbour(shop: Shop, server: Server) -> Merchant:
    """Another merchant of the same book."""
    return Merchant(shop, server.ask, merchant=1)


def at_once(*acts: Callable[[], Reply]) -> list[Reply]:
    with ThreadPoolExecutor(len(acts)) as pool:
        return [future.result(90) for future in [pool.submit(act) for act in acts]]


class InProcess:
    """The same application without a server, in an event loop in a thread, for what has to be looked at or broken from inside."""

    def __init__(self, **bounds: Any) -> None:
        import threading

        self.api = Api(**bounds)
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self._thread.start()
        self.loop.call_soon_threadsafe(self.api.begin)

    def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        secret: str | None = None,
        key: str | None = None,
        headers: Sequence[tuple[str, str]] = (),
        gone: bool = False,
        slow: bool = False,
    ) -> Reply:
        """`gone`: the client goes away in the middle of its body; `slow`: the rest of it never comes."""
        payload = b"" if body is None else json.dumps(body).encode()
        given = [(b"content-type", b"application/json"), *((n.lower().encode(), v.encode()) for n, v in headers)]
        given += [(b"authorization", f"Bearer {secret}".encode())] if secret else []
        given += [(b"idempotency-key", key.encode())] if key else []
        target, _, query = path.partition("?")
        address = {"path": unquote(target), "raw_path": target.encode(), "query_string": query.encode()}
        scope = {"type": "http", "method": method, **address, "headers": given}
        messages = [{"type": "http.request", "body": payload, "more_body": gone or slow}, {"type": "http.disconnect"}]
        sent: list[Any] = []

        async def run() -> None:
            async def receive() -> Any:
                if slow and len(messages) == 1:
                    await asyncio.Event().wait()
                return messages.pop(0)

            async def send(message: Any) -> None:
                sent.append(message)

            await self.api(scope, receive, send)

        asyncio.run_coroutine_threadsafe(run(), self.loop).result(90)
        if not sent:
            return Reply(0, {}, b"")
        return Reply(sent[0]["status"], {n.decode(): v.decode() for n, v in sent[0]["headers"]}, sent[1]["body"])

    def end(self) -> None:
        asyncio.run_coroutine_threadsafe(self.api.end(), self.loop).result(60)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(30)


@pytest.fixture
def inside() -> Iterator[Callable[..., InProcess]]:
    opened: list[InProcess] = []

    def open_one(**bounds: Any) -> InProcess:
        opened.append(InProcess(**bounds))
        return opened[-1]

    yield open_one
    for one_of in opened:
        one_of.end()
