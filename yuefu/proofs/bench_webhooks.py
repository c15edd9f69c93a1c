"""Of `yuefu bench api`: how many events a second reach a receiver on this machine, each claimed, signed, sent, answered and settled.

The receiver is a process of its own, which reads each message whole and answers it with 200; it is the least that one can do, and it takes one
of the machine's processors.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from multiprocessing.connection import Connection
from typing import Any, Final

from yuefu.errors import one
from yuefu.ids import IdSource
from yuefu.journeys.webhooks import changing
from yuefu.journeys.webhooks.delivering import Deliverer
from yuefu.notices.commands import webhooks as notices
from yuefu.notices.commands.webhooks import CreateEndpoint, NewEvent
from yuefu.notices.rules.webhooks.targets import Where, networks_of
from yuefu.proofs import bench_world
from yuefu.proofs.bench_world import NOON, Stage
from yuefu.runtime import sql
from yuefu.runtime.clock import stopwatch, system_now

EVENTS: Final = 20_000
ENDPOINTS: Final = 10
HOST: Final = "127.0.0.2"
NETWORKS: Final = networks_of(f"{HOST}/32")
BAR: Final = 1_000
_AT_ONCE: Final = 5_000
_ANSWER: Final = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def measure(say: Callable[[str], None], *, events: int = EVENTS) -> dict[str, Any]:
    """Deliveries a second, from the first claim to the last that is settled. Raises AssertionError where one is missing or was sent in vain."""
    with bench_world.opened() as made, _receiver() as (port, received):
        ids = IdSource(secrets.randbits)
        say(f"{events:,} events for {ENDPOINTS} endpoints")
        _fill(made, port, events, ids)
        say("delivering")
        began = stopwatch()
        asyncio.run(_deliver(made))
        seconds = stopwatch() - began
        states = sql.rows("SELECT state, tries, count(*) FROM notices_delivery WHERE book_id = %s GROUP BY 1, 2", [made.desk.book.id])
        assert states == [("delivered", 1, events)], states
        assert received() == events, f"{received()} of {events} came"
    return {"webhooks": events, "webhooks_s": round(seconds, 2), "webhooks_per_s": round(events / seconds)}


def _fill(made: Stage, port: int, count: int, ids: IdSource) -> None:
    merchant = made.shops[0]
    requests = [
        CreateEndpoint(
            key=f"bench-{n}",
            merchant_id=merchant,
            url=f"http://{HOST}:{port}/{n}",
            enabled_events=("*",),
            description="",
            api_version="2026-11-28",
            payload="full",
            metadata=(),
            alert_email=None,
            where=Where(is_live=False, networks=NETWORKS),
        )
        for n in range(ENDPOINTS)
    ]
    for outcome in changing.create(desk=made.desk, now=NOON, requests=requests):
        one([outcome])
    for first in range(0, count // ENDPOINTS, _AT_ONCE):
        new = ids.many(system_now(), min(_AT_ONCE, count // ENDPOINTS - first))
        snapshot = {"state": "captured", "amount": {"minor": 19_900, "currency": "CNY"}, "merchant_reference": "A-1001", "captures": []}
        told = [
            NewEvent(i, made.desk.book.id, merchant, ("payment.captured",), "order", i, snapshot, {"state": "authorised"}, NOON, "", "")
            for i in new
        ]
        with sql.transacting():
            notices.tell(events=told, now=system_now() - timedelta(seconds=1), ids=ids)


async def _deliver(made: Stage) -> None:
    deliverer = Deliverer(vault=made.desk.vault, networks=NETWORKS)
    running = asyncio.create_task(deliverer.run())
    while await asyncio.to_thread(_waiting, made):  # noqa: ASYNC110 - it asks the database
        await asyncio.sleep(0.05)
    deliverer.stop()
    await running


def _waiting(made: Stage) -> bool:
    query = "SELECT EXISTS (SELECT 1 FROM notices_delivery WHERE book_id = %s AND state = 'waiting')"
    return bool(sql.value(query, [made.desk.book.id]))


@contextmanager
def _receiver() -> Iterator[tuple[int, Callable[[], int]]]:
    """The port of a receiver in a process of its own, and how many messages it has had."""
    ours, theirs = multiprocessing.get_context("spawn").Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_receive, args=(theirs,), daemon=True)
    process.start()
    try:
        yield ours.recv(), lambda: _asked(ours)
    finally:
        process.terminate()
        process.join()


def _asked(ours: Connection) -> int:
    ours.send("how many")
    found: int = ours.recv()
    return found


class _Sink(asyncio.Protocol):
    """Reads requests with a body of a declared length, on a connection that is kept."""

    count = 0

    def __init__(self) -> None:
        self._data = b""
        self._to: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._to = transport

    def data_received(self, data: bytes) -> None:
        self._data += data
        while (end := self._data.find(b"\r\n\r\n")) >= 0:
            head = self._data[:end].lower()
            length = int(head.partition(b"content-length:")[2].split(b"\r\n")[0])
            if len(self._data) < end + 4 + length:
                return
            self._data = self._data[end + 4 + length :]
            type(self).count += 1
            self._to.write(_ANSWER)


def _receive(to: Connection) -> None:
    async def serve() -> None:
        server = await asyncio.get_running_loop().create_server(_Sink, HOST, 0)
        to.send(server.sockets[0].getsockname()[1])
        while True:
            await asyncio.to_thread(to.recv)
            to.send(_Sink.count)

    asyncio.run(serve())
