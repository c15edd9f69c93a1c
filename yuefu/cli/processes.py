"""Child processes that live as long as this one: started, watched, and stopped together."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from yuefu.cli.faults import fail

PORT_TAKEN: Final = "port_taken"
SECONDS_TO_STOP: Final = 20.0
SECONDS_TO_START: Final = 60.0
SECONDS_TO_HEED = 25.0
"""How long a process whose parent is gone may take to end by itself: more than a server grants its last requests."""
WATCHED: Final = "YUEFU_ENDS_WITH_STDIN"


@dataclass(frozen=True, slots=True)
class Child:
    name: str
    process: subprocess.Popen[bytes]


@contextlib.contextmanager
def children() -> Iterator[list[Child]]:
    """Collects children; at the end all of them are told to stop, and killed if they will not."""
    started: list[Child] = []
    try:
        yield started
    finally:
        for child in reversed(started):
            with contextlib.suppress(ProcessLookupError):
                child.process.send_signal(signal.SIGTERM)
        until = time.monotonic() + SECONDS_TO_STOP
        for child in reversed(started):
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.process.wait(timeout=max(0.1, until - time.monotonic()))
            _clear(child)


def _clear(child: Child) -> None:
    """Ends whatever is left in the session of a child: it would hold the port, our output and the database."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.process.pid, signal.SIGKILL)
    child.process.wait()
    if child.process.stdin is not None:
        child.process.stdin.close()


def start(name: str, arguments: Sequence[str], environment: dict[str, str]) -> Child:
    """Another `yuefu` command in a session of its own, so that Ctrl-C reaches us alone. It ends when our end of its input is gone."""
    process = subprocess.Popen(
        [sys.executable, "-m", "yuefu.cli.main", *arguments],
        stdin=subprocess.PIPE,
        stdout=sys.stderr.fileno(),
        env={**os.environ, **environment, WATCHED: "1"},
        start_new_session=True,
    )
    return Child(name, process)


@contextlib.contextmanager
def until_interrupted() -> Iterator[None]:
    """Ctrl-C and SIGTERM are the way to end a server; they are no failure."""
    with contextlib.suppress(KeyboardInterrupt):
        yield


def ends_with_stdin() -> None:
    """In a child: ends this process once whoever started it is gone, however that happened: by SIGTERM, and where that was not heeded, for
    whatever reason, by SIGKILL a while later. It would else hold the database open for ever; nothing is lost by it, that is proven.
    """
    if os.environ.pop(WATCHED, "") != "1":
        return

    def watch() -> None:
        with contextlib.suppress(OSError):
            while os.read(0, 1024):
                pass
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(SECONDS_TO_HEED)
        os.kill(os.getpid(), signal.SIGKILL)

    threading.Thread(target=watch, name="parent", daemon=True).start()


def watch(started: Sequence[Child]) -> None:
    """Waits until a child ends, which it should not: raises with one sentence that says which."""
    while True:
        check(started)
        time.sleep(0.2)


def check(started: Sequence[Child]) -> None:
    for child in started:
        status = child.process.poll()
        if status is not None:
            fail("child_stopped", f"The {child.name} stopped (exit status {status}); everything else was stopped as well.")


def free_port(host: str, port: int) -> None:
    """Makes sure that nobody listens there yet."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except PermissionError:
            fail("port_not_allowed", f"This user may not listen on port {port}; choose one above 1023 with --port.")
        except socket.gaierror:
            fail("bad_host", f"{host!r:.60} is no address of this machine.")
        except OSError as error:
            fail(PORT_TAKEN, f"Port {port} of {host} cannot be used ({error.strerror}); choose another with --port.")


def await_listening(host: str, port: int, started: Sequence[Child]) -> None:
    """Waits until somebody answers there; a child that dies meanwhile ends the wait."""
    until = time.monotonic() + SECONDS_TO_START
    while time.monotonic() < until:
        check(started)
        with contextlib.suppress(OSError), socket.create_connection((host, port), timeout=1):
            return
        time.sleep(0.1)
    fail("not_listening", f"The web server does not answer on port {port} after {SECONDS_TO_START:.0f} seconds.")
