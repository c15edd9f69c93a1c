"""The server under a benchmark, and the load generator beside it, each in a process of its own."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from yuefu.proofs import load
from yuefu.runtime.clock import stopwatch

_MOST_SECONDS_TO_START: Final = 60


def sent(port: int, connections: int, requests: Sequence[bytes]) -> dict[str, Any]:
    """What the load generator measured (`load.measure`)."""
    with TemporaryDirectory() as directory:
        path = Path(directory) / "requests"
        load.write(path, requests)
        program = [sys.executable, "-m", "yuefu.proofs.load", "127.0.0.1", str(port), str(connections), str(path)]
        done = subprocess.run(program, capture_output=True, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@contextmanager
def served(keys_file: Path, **settings: str) -> Iterator[int]:
    """The port of `yuefu serve` on the database of the benchmark, with more settings of the environment."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = int(found.getsockname()[1])
    with TemporaryDirectory() as home:
        environment = {**os.environ, "YUEFU_HOME": home, "YUEFU_KEYS_FILE": str(keys_file), **settings}
        program = [str(Path(sys.executable).parent / "yuefu"), "serve", "--port", str(port)]
        log = Path(home) / "log"  # a pipe that nobody reads would fill up and stop the server
        with log.open("wb") as told:
            process = subprocess.Popen(program, env=environment, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=told)
        try:
            _wait_for(port, process, log)
            yield port
        finally:
            process.terminate()
            process.wait(timeout=_MOST_SECONDS_TO_START)


def _wait_for(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    began = stopwatch()
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            if process.poll() is not None or stopwatch() - began > _MOST_SECONDS_TO_START:
                raise RuntimeError(f"the server did not start: {log.read_text(errors='replace')[-1_000:]}") from None
            time.sleep(0.05)
