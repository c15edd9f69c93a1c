"""A load generator for HTTP/1.1: connections that are kept open, each with one request under way at a time, in a process of its own.

`python -m yuefu.proofs.load HOST PORT CONNECTIONS FILE` sends each line of FILE, a whole request in base64, once, and prints what it
measured as one JSON object. It does as little as it can for a request, because it shares the processors with what it measures.
"""

from __future__ import annotations

import asyncio
import json
import sys
from base64 import b64decode, b64encode
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from yuefu.runtime.clock import stopwatch


def request(method: str, path: str, *, headers: Mapping[str, str], body: bytes = b"") -> bytes:
    """A whole request as it goes over the wire."""
    lines = [f"{method} {path} HTTP/1.1", "Host: bench", *(f"{name}: {value}" for name, value in headers.items())]
    if body:
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    return "\r\n".join([*lines, "", ""]).encode() + body


def write(path: Path, requests: Sequence[bytes]) -> None:
    """The file that the generator reads."""
    path.write_bytes(b"\n".join([b64encode(one) for one in requests]))


class _Connection(asyncio.Protocol):
    def __init__(self, waiting: Iterator[bytes], took: list[float], statuses: Counter[int], done: asyncio.Event) -> None:
        self._waiting, self._took, self._statuses, self._done = waiting, took, statuses, done
        self._buffer = b""
        self._began = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._next()

    def _next(self) -> None:
        following = next(self._waiting, None)
        if following is None:
            self._transport.close()
            return
        self._began = stopwatch()
        self._transport.write(following)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            return
        head = self._buffer[:end].lower()
        at = head.find(b"content-length:")
        length = int(head[at + 15 : (head.find(b"\r\n", at) + 1 or len(head) + 1) - 1]) if at >= 0 else 0
        if len(self._buffer) < end + 4 + length:
            return
        self._took.append(stopwatch() - self._began)
        self._statuses[int(head[9:12])] += 1
        self._buffer = self._buffer[end + 4 + length :]
        self._next()

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        self._done.set()


async def measure(host: str, port: int, connections: int, requests: Sequence[bytes]) -> dict[str, Any]:
    """Sends all requests. Returns {requests, seconds, per_s, statuses, p50_ms, p99_ms, max_ms}; what a broken connection left
    unanswered is missing in `statuses`.
    """
    waiting, took, statuses = iter(requests), list[float](), Counter[int]()
    loop = asyncio.get_running_loop()
    over = [asyncio.Event() for _ in range(connections)]
    began = stopwatch()
    for done in over:
        await loop.create_connection(lambda done=done: _Connection(waiting, took, statuses, done), host, port)  # type: ignore[misc]
    await asyncio.gather(*(done.wait() for done in over))
    seconds = stopwatch() - began
    took.sort()
    return {
        "requests": len(requests),
        "seconds": round(seconds, 3),
        "per_s": round(len(took) / seconds, 1),
        "statuses": dict(statuses),
        "p50_ms": _at(took, 0.50),
        "p99_ms": _at(took, 0.99),
        "max_ms": _at(took, 1.0),
    }


def _at(took: Sequence[float], share: float) -> float:
    """A percentile of sorted seconds, in milliseconds."""
    return round(took[min(int(len(took) * share), len(took) - 1)] * 1000, 1) if took else 0.0


def main(arguments: Sequence[str]) -> None:
    """The entry of the process."""
    host, port, connections, path = arguments
    requests = [b64decode(line) for line in Path(path).read_bytes().splitlines()]
    print(json.dumps(asyncio.run(measure(host, int(port), int(connections), requests))))


if __name__ == "__main__":
    main(sys.argv[1:])
