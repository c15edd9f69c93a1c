"""The processes and locks around the PostgreSQL that Yuefu brings along: whose server runs, who may start or stop it, what one left behind.

Promises: a server is known by its process, never by its number alone, which after a crash may be that of a stranger; one process at a time
starts or stops the server of a home; no server starts beside children that a killed one left behind. `yuefu.runtime.cluster` builds on it.
"""

import contextlib
import fcntl
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

import psutil

from yuefu.runtime.cluster_home import Say, not_writable

SECONDS_FOR_LEFTOVERS: Final = 5.0


@dataclass(frozen=True, slots=True)
class Postmaster:
    """What the server writes about itself into postmaster.pid. The file grows line by line while it starts."""

    pid: int
    socket_dir: str
    port: int
    status: str


@contextlib.contextmanager
def one_at_a_time(home: Path, *, say: Say) -> Iterator[None]:
    """Starting and stopping is done by one process at a time; the others wait, since the outcome is theirs as well."""
    try:
        lock = (home / "starting").open("a")
    except OSError as error:
        raise not_writable(home, error.strerror) from error
    with lock:
        for _ in ticks(say=say, doing=f"waiting for another process that starts or stops the database in {home}"):
            if try_lock(lock, fcntl.LOCK_EX):
                break
        yield


def try_lock(file: IO[str], kind: int) -> bool:
    """Whether the lock is ours now; never waits."""
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def read_postmaster(home: Path) -> Postmaster | None:
    """What stands in postmaster.pid, whoever that process is now; None where there is no such file or not yet a number in it."""
    try:
        lines = (home / "data" / "postmaster.pid").read_text().splitlines()
    except OSError:
        return None
    if not lines or not lines[0].strip().isdigit():
        return None
    full = len(lines) >= 8
    return Postmaster(
        pid=int(lines[0]),
        socket_dir=lines[4] if full else "",
        port=int(lines[3]) if full else 0,
        status=lines[7].strip() if full else "starting",
    )


def live_postmaster(home: Path) -> Postmaster | None:
    """The server of `home`, if it lives. After a crash its number may be that of a stranger, so the process itself is looked at."""
    postmaster = read_postmaster(home)
    if postmaster is None or not alive(postmaster.pid):
        return None
    return postmaster if _is_server_of(psutil.Process(postmaster.pid), home / "data") else None


def _is_server_of(process: psutil.Process, data: Path) -> bool:
    try:
        return process.name().startswith("postgres") and Path(process.cwd()).resolve() == data.resolve()
    except (psutil.Error, OSError):
        return False


def alive(pid: int) -> bool:
    """Whether a process of this number runs; one that only waits to be reaped does not."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def clear_leftovers(home: Path, *, say: Say) -> None:
    """After a SIGKILL of the server alone its children may live on for a while with its shared memory; no new server may start beside them.

    They notice by themselves within moments, unless one is deep in a statement: that one is killed. Nothing is lost by it, since its parent
    is gone and recovery starts from the log.
    """
    postmaster = read_postmaster(home)
    if postmaster is None:
        return
    until = time.monotonic() + SECONDS_FOR_LEFTOVERS
    while leftovers := [process for process in psutil.process_iter() if _is_server_of(process, home / "data")]:
        if time.monotonic() > until:
            say(f"ending {len(leftovers)} processes that a killed database left behind")
            kill(leftovers)
            break
        time.sleep(0.1)
    if alive(postmaster.pid):
        # Its number went to a stranger, and PostgreSQL would take that for a living server. In every other case the file stays, because the
        # server reads in it which shared memory must be gone before it may start.
        (home / "data" / "postmaster.pid").unlink()


def kill(processes: list[psutil.Process]) -> None:
    """SIGKILL, in the order given, and a wait until they are gone."""
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(processes, timeout=SECONDS_FOR_LEFTOVERS)


def freeze_and_list(pid: int) -> list[psutil.Process]:
    """The server first, then its children; it is stopped before they are listed, so that it cannot start another meanwhile."""
    try:
        server = psutil.Process(pid)
        server.suspend()
        return [server, *server.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def watch_over(pid: int, home: Path) -> "subprocess.Popen[bytes]":
    """A shell that waits for us to be gone, however that happens (its standard input then ends), and clears the throw-away cluster."""
    script = 'read -r _; kill -QUIT "$0"; while kill -0 "$0" 2>/dev/null; do sleep 0.1; done; rm -rf "$1"'
    quiet = subprocess.DEVNULL
    return subprocess.Popen(
        ["sh", "-c", script, str(pid), str(home)], stdin=subprocess.PIPE, stdout=quiet, stderr=quiet, cwd="/", start_new_session=True
    )


def ticks(*, say: Say, doing: str) -> Iterator[None]:
    """A tick every 20 ms, and a word every two seconds."""
    began, next_word = time.monotonic(), 2
    while True:
        yield
        if time.monotonic() - began >= next_word:
            say(f"{doing}, {next_word} s")
            next_word += 2
        time.sleep(0.02)


def silent(_: str) -> None:
    """Nobody listens."""
