"""A wire between a process and PostgreSQL that can be cut: each party has a port, and each transaction is known by what it wrote.

It reads along in the protocol of PostgreSQL as far as it must: where a message ends, the text of statements, COMMIT and the reply to it.
So it can strike at the moment that is hardest to be right at, between a COMMIT and its reply, without anything in the product knowing.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

Where = Literal["before_commit", "after_commit"]
BEFORE_COMMIT: Final[Where] = "before_commit"
AFTER_COMMIT: Final[Where] = "after_commit"

_WRITES: Final = re.compile(rb"(INSERT INTO|UPDATE) (\w+)")
_WANTS_SECRECY: Final = frozenset(
    {80877103, 80877104}
)  # SSLRequest, GSSENCRequest: a wire between two processes of one machine has neither
_CHUNK: Final = 65536

# The first that fits says what a transaction was for; further down stand statements that others make too.
VERBS: Final[Mapping[str, tuple[bytes, bytes]]] = {
    "authorise": (b"INSERT INTO", b"orders_order"),
    "capture": (b"INSERT INTO", b"orders_capture"),
    "refund": (b"INSERT INTO", b"orders_refund"),
    "void": (b"UPDATE", b"orders_order"),
    "attempt": (b"INSERT INTO", b"payments_collection"),
    "channel": (b"INSERT INTO", b"payments_sandbox_trade"),
    "book": (b"UPDATE", b"payments_collection"),
    "dispatch": (b"UPDATE", b"runtime_cursor"),
    "roll_over": (b"INSERT INTO", b"runtime_business_day"),
    "closed": (b"UPDATE", b"runtime_business_day"),
    "chunk": (b"UPDATE", b"runtime_run_step"),
}


@dataclass(frozen=True, slots=True)
class Point:
    """The `nth` commit of a `verb` by a `party`: before it reaches the database, or when it was done there and nobody knows yet."""

    party: str
    verb: str
    where: Where
    nth: int


@dataclass(frozen=True, slots=True)
class Statement:
    """What is known of a statement: how its text begins, and what it writes."""

    begins: bytes
    writes: frozenset[tuple[bytes, bytes]]

    @classmethod
    def of(cls, text: bytes) -> Statement:
        return cls(text[:8], frozenset(_WRITES.findall(text)))


@dataclass(slots=True)
class Wire:
    """One connection of a party. `client_port` tells whose it is."""

    party: str
    client_port: int
    client: asyncio.StreamWriter
    database: asyncio.StreamWriter
    written: set[tuple[bytes, bytes]] = field(default_factory=set)
    prepared: dict[bytes, Statement] = field(default_factory=dict)
    """By the names they are carried out under, also long after their text has passed; without a name it is the last that came so."""
    struck: bool = False
    """Its COMMIT is on its way, and what follows it is never told."""

    def verb(self) -> str:
        return next((name for name, mark in VERBS.items() if mark in self.written), "other")

    def begun(self, kind: bytes, message: bytes) -> Statement | None:
        """The statement that a message has carried out, where it is such a message: Query, or Bind of what Parse brought."""
        if kind == b"Q":
            return Statement.of(message[5:])
        if kind == b"P":
            name, text, _ = message[5:].split(b"\x00", 2)
            self.prepared[name] = Statement.of(text)
        elif kind == b"B":
            _, name, _ = message[5:].split(b"\x00", 2)
            return self.prepared.get(name)
        return None

    def cut(self) -> None:
        """Ends both ends at once: nothing that is under way arrives."""
        for end in (self.client, self.database):
            with contextlib.suppress(Exception):
                end.transport.abort()


Act = Callable[[Wire], None]
"""What is done at a point, before its wire is cut."""


class Proxy:
    """Runs in a thread of its own until `stop`. `socket` is the path of the database's socket; it may be moved while the database is down."""

    def __init__(self, socket: str, dice: random.Random) -> None:
        self.socket = socket
        self.delay_s = 0.0
        """The longest that a message is held up."""
        self._dice = dice
        self._open: dict[int, Wire] = {}
        self._servers: list[asyncio.Server] = []
        self._armed: tuple[Point, Act, threading.Event] | None = None
        self._passed = 0
        self._stalled: asyncio.Event | None = None
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy", daemon=True)
        self._thread.start()

    def listen(self, party: str) -> int:
        """Opens a port for a party."""

        async def begin() -> int:
            server = await asyncio.start_server(lambda r, w: self._serve(party, r, w), "127.0.0.1", 0)
            self._servers.append(server)
            port: int = server.sockets[0].getsockname()[1]
            return port

        return asyncio.run_coroutine_threadsafe(begin(), self._loop).result(10)

    def arm(self, point: Point, act: Act) -> threading.Event:
        """Does `act` at a point, once; the event tells that it came to it."""
        reached = threading.Event()

        def begin() -> None:
            self._passed, self._armed = 0, (point, act, reached)

        self._loop.call_soon_threadsafe(begin)
        return reached

    def disarm(self) -> None:
        self._loop.call_soon_threadsafe(setattr, self, "_armed", None)

    def cut(self, party: str) -> int:
        """Cuts all wires of a party, wherever they are. Returns how many there were."""

        async def act() -> int:
            mine = [wire for wire in self._open.values() if wire.party == party]
            for wire in mine:
                wire.cut()
            return len(mine)

        return asyncio.run_coroutine_threadsafe(act(), self._loop).result(10)

    @contextlib.contextmanager
    def stalled(self) -> Iterator[None]:
        """Nothing passes meanwhile, as if every packet were lost."""

        async def begin() -> None:
            self._stalled = asyncio.Event()

        asyncio.run_coroutine_threadsafe(begin(), self._loop).result(10)
        try:
            yield
        finally:
            self._loop.call_soon_threadsafe(self._go_on)

    def stop(self) -> None:
        """Cuts everything and ends the thread."""

        async def end() -> None:
            self._go_on()
            for server in self._servers:
                server.close()
            for wire in tuple(self._open.values()):
                wire.cut()
            if others := asyncio.all_tasks() - {asyncio.current_task()}:
                await asyncio.wait(others, timeout=5)
            self._loop.stop()

        asyncio.run_coroutine_threadsafe(end(), self._loop)
        self._thread.join(10)

    def _go_on(self) -> None:
        if self._stalled:
            self._stalled.set()
        self._stalled = None

    async def _serve(self, party: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            greeting = await _greeting(reader, writer)
            answers, database = await asyncio.open_unix_connection(self.socket)
        except (OSError, EOFError):  # the database is down, or nobody waits any more
            writer.transport.abort()
            return
        wire = Wire(party, writer.get_extra_info("peername")[1], writer, database)
        self._open[wire.client_port] = wire
        database.write(greeting)
        ways = [asyncio.create_task(self._ask(wire, reader)), asyncio.create_task(self._answer(wire, answers))]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            wire.cut()
            del self._open[wire.client_port]

    async def _ask(self, wire: Wire, reader: asyncio.StreamReader) -> None:
        messages = _Messages()
        while data := await reader.read(_CHUNK):
            await self._hold_up()
            for kind, message in messages.of(data):
                if self._is_point(wire, kind, message):
                    return
                wire.database.write(message)
            await wire.database.drain()

    async def _answer(self, wire: Wire, answers: asyncio.StreamReader) -> None:
        messages = _Messages()
        while data := await answers.read(_CHUNK):
            await self._hold_up()
            if not wire.struck:
                wire.client.write(b"".join(message for _, message in messages.of(data)))
                await wire.client.drain()
            elif any(_ends(kind, message) for kind, message in messages.of(data)):
                self._strike(wire)
                return

    async def _hold_up(self) -> None:
        if self.delay_s:
            await asyncio.sleep(self._dice.uniform(0, self.delay_s))
        if self._stalled:
            await self._stalled.wait()

    def _is_point(self, wire: Wire, kind: bytes, message: bytes) -> bool:
        """Reads along; whether this message must not go on to the database."""
        statement = wire.begun(kind, message)
        if statement is None:
            return False
        wire.written |= statement.writes
        if statement.begins.startswith((b"BEGIN", b"ROLLBACK")):
            wire.written.clear()
        if not statement.begins.startswith(b"COMMIT") or not self._armed:
            return False
        point = self._armed[0]
        if (wire.party, wire.verb()) != (point.party, point.verb):
            return False
        self._passed += 1
        if self._passed != point.nth:
            return False
        if point.where == AFTER_COMMIT:
            wire.struck = True
            return False
        self._strike(wire)
        return True

    def _strike(self, wire: Wire) -> None:
        assert self._armed is not None, "only an armed point is struck"
        _, act, reached = self._armed
        self._armed = None
        act(wire)
        wire.cut()
        reached.set()


def _ends(kind: bytes, message: bytes) -> bool:
    """Whether a message tells how a transaction ended. Replies to statements that were sent without waiting may come before it."""
    return kind == b"E" or (kind == b"C" and message[5:].startswith((b"COMMIT", b"ROLLBACK")))


async def _greeting(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
    """The first message of a client, which has no kind; wishes for secrecy are declined before."""
    while True:
        length = await reader.readexactly(4)
        rest = await reader.readexactly(int.from_bytes(length) - 4)
        if int.from_bytes(rest[:4]) not in _WANTS_SECRECY:
            return length + rest
        writer.write(b"N")


class _Messages:
    """Cuts a stream at the ends of its messages: a byte that says the kind, four for the length, the rest."""

    def __init__(self) -> None:
        self._left = b""

    def of(self, data: bytes) -> list[tuple[bytes, bytes]]:
        """The whole messages that are there now, as (kind, all of it)."""
        data, found, at = self._left + data, [], 0
        while at + 5 <= len(data):
            end = at + 1 + int.from_bytes(data[at + 1 : at + 5])
            if end > len(data):
                break
            found.append((data[at : at + 1], data[at:end]))
            at = end
        self._left = data[at:]
        return found
