"""A merchant's receiver of webhooks, which behaves as it is told: a process to be killed.

`python -m yuefu.proofs.merchant.receiver DIRECTORY PORT` reads in DIRECTORY the `secret` and, for each message, how to behave (`mode`). What it
verified it keeps in `received.jsonl` before it answers; what it answered stands in `answers.log`, a word a line.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

HOST: Final = "127.0.0.1"
OK, FAIL, LATE, HOLD = "ok", "fail", "late", "hold"
"""Takes a message; answers 500 and keeps nothing; keeps it and answers later than anybody waits, the first time; keeps it and says nothing."""
TAKEN, FAILED, FORGED, TWICE = "taken", "failed", "forged", "twice"
LATE_S: Final = 16.5
HELD_S: Final = 60.0
RECEIVED, ANSWERS, MODE, SECRET = "received.jsonl", "answers.log", "mode", "secret"


class Kept:
    """What it has, in files that outlive it. A line that a kill cut off was never answered, and comes again."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._lock = threading.Lock()
        self._known = {one["id"] for one in received(directory)}
        with (directory / RECEIVED).open("a", encoding="utf-8") as file:
            file.write("\n")

    def keep(self, event: dict[str, Any]) -> bool:
        """Whether it is new."""
        with self._lock:
            if event["id"] in self._known:
                return False
            with (self.directory / RECEIVED).open("a", encoding="utf-8") as file:
                file.write(json.dumps(event) + "\n")
            self._known.add(event["id"])
            return True

    def say(self, word: str) -> None:
        with self._lock, (self.directory / ANSWERS).open("a", encoding="utf-8") as file:
            file.write(word + "\n")

    def word(self, name: str) -> str:
        return (self.directory / name).read_text(encoding="utf-8").strip()


def received(directory: Path) -> list[dict[str, Any]]:
    """What was kept, each message once."""
    path = directory / RECEIVED
    found = []
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else ():
        try:
            found.append(json.loads(line))
        except ValueError:
            continue
    return found


def answers(directory: Path) -> list[str]:
    path = directory / ANSWERS
    return path.read_text(encoding="utf-8").split() if path.exists() else []


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    kept: Kept

    def do_POST(self) -> None:
        from yuefu_client import webhooks

        body = self.rfile.read(int(self.headers["Content-Length"]))
        mode = self.kept.word(MODE)
        if mode == FAIL:
            self.kept.say(FAILED)
            return self._answer(500)
        try:
            event = webhooks.verify(body, self.headers, self.kept.word(SECRET))
        except webhooks.SignatureInvalid:
            self.kept.say(FORGED)
            return self._answer(400)
        is_new = self.kept.keep(event)
        self.kept.say((mode if mode != OK else TAKEN) if is_new else TWICE)
        if is_new and mode in (LATE, HOLD):
            time.sleep(LATE_S if mode == LATE else HELD_S)
        return self._answer(200)

    def _answer(self, status: int) -> None:
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Nothing: what it answered is in its own file."""


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, *_: Any) -> None:
        """Who does not wait for a late answer is gone when it comes."""


def _end_with_stdin() -> None:
    """Whoever started it is gone: nobody else would end it."""
    sys.stdin.read()
    os._exit(0)


def main() -> None:
    directory, port = Path(sys.argv[1]), int(sys.argv[2])
    threading.Thread(target=_end_with_stdin, daemon=True).start()
    Handler.kept = Kept(directory)
    with Server((HOST, port), Handler) as server:
        server.serve_forever()


if __name__ == "__main__":
    main()
