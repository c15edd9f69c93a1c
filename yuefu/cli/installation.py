"""Where state is kept and which database a command works on: the home directory, our own PostgreSQL or one that was given, schema, logs and keys."""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
import tempfile
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit, urlunsplit

from yuefu.cli.faults import fail
from yuefu.cli.output import current, say

if TYPE_CHECKING:
    import psycopg

    from yuefu.runtime.cluster import Running

METRICS: Final = "PROMETHEUS_MULTIPROC_DIR"
NOT_MIGRATED: Final = "not_migrated"
NEWER_SCHEMA: Final = "newer_schema"
ELSE_ANEW: Final = "or begin anew (a demo: `yuefu demo --fresh`)"

OWN_CLUSTER: Final = "YUEFU_OWN_CLUSTER"
ADDRESSES: Final = ("DATABASE_URL", "DATABASE_WRITER_URL", "DATABASE_READER_URL", "DATABASE_STAFF_URL")
APPS_WITH_TABLES: Final = ("django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions", "procrastinate.contrib.django")


# ------------------------------------------------------------------------------------------------------------------------------- home


def home() -> Path:
    """Where state is kept: --home, else YUEFU_HOME, else a place of the user's own (root's home is closed to the database's user)."""
    asked = current().home
    if asked is not None:
        return asked.absolute()
    from yuefu.runtime.home import default_home

    return default_home()


def secret(at: Path) -> str:
    """The secret of sessions and signed links, made on first use and readable by its owner only."""
    path = at / "secret"
    with _set_up_lock(at):
        if not path.exists():
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                file.write(secrets.token_urlsafe(48))
    found = path.read_text().strip()
    if len(found) < 40:
        fail("secret_unfit", f"{path} holds no secret; remove it and a new one is made.")
    return found


@contextlib.contextmanager
def _set_up_lock(at: Path) -> Iterator[None]:
    """One process at a time makes what an installation needs once."""
    at.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (at / "setup.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


# --------------------------------------------------------------------------------------------------------------------------- database


@contextlib.contextmanager
def installed(*, migrate: bool = False, counted: bool = False) -> Iterator[None]:
    """The database of this installation, up to date and set up for Django: that of DATABASE_URL, else our own below `home`.

    Our own is migrated when it is behind; one that was given is only migrated where `migrate` says so. Raises ClusterError and
    DatabaseError, each one sentence. With `counted`, this process counts into the metrics of the installation.
    """
    at = home()
    with contextlib.ExitStack() as stack:
        running = None if os.environ.get("DATABASE_URL") else stack.enter_context(_own_cluster(at))
        keys_file = os.environ.get("YUEFU_KEYS_FILE") or str(at / "keys.json")
        stack.enter_context(_environment({"YUEFU_HOME": str(at), "YUEFU_KEYS_FILE": keys_file}))
        if counted:
            stack.enter_context(_environment({METRICS: str(_shared_metrics(at))}))
        with _set_up_lock(at):  # logins are made for the whole server: two set-ups at once would meet on them
            if running is not None:
                from yuefu.runtime import provision

                stack.enter_context(_environment({"DATABASE_URL": provision.prepare_cluster(running.address), OWN_CLUSTER: "1"}))
            _bring_up(migrate=migrate or running is not None, always=migrate)
        stack.callback(_close_connections)
        yield


@contextlib.contextmanager
def _own_cluster(at: Path) -> Iterator[Running]:
    """Our own server below `at`, in use until the end of the block. What fails in the block because the disk is full says so."""
    from yuefu.runtime import cluster, full_disk

    try:  # around the start too: an interrupt may come before it can say what it joined
        running = cluster.start(at, say=say)
        with full_disk.named(at):
            yield running
    finally:
        cluster.let_go(at)


@contextlib.contextmanager
def own_database() -> Iterator[str]:
    """The address of our own database as its owner, with the schema as it was left, whichever release made it."""
    from yuefu.runtime import provision

    at = home()
    with _own_cluster(at) as running:
        with _set_up_lock(at):
            url = provision.prepare_cluster(running.address)
        yield url


@contextlib.contextmanager
def scratch(*, settings: dict[str, str] | None = None) -> Iterator[None]:
    """A database for this command alone: a throw-away cluster, or a scratch database on the server of DATABASE_URL. Gone at the end."""
    with contextlib.ExitStack() as stack:
        at = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="yuefu-scratch-")))
        if os.environ.get("DATABASE_URL"):
            addresses = stack.enter_context(_scratch_database())
        else:
            from yuefu.runtime import cluster, full_disk, provision

            temporary = stack.enter_context(cluster.temporary(say=say, settings=settings or {}))
            stack.enter_context(full_disk.named(temporary.home))
            addresses = {"DATABASE_URL": provision.prepare_cluster(temporary.address)}
        stack.enter_context(_environment({**addresses, "YUEFU_HOME": str(at), "YUEFU_KEYS_FILE": str(at / "keys.json")}))
        _bring_up(migrate=True, always=True)
        stack.callback(_close_connections)
        yield


@contextlib.contextmanager
def _scratch_database() -> Iterator[dict[str, str]]:
    import psycopg
    from psycopg import sql as pgsql

    from yuefu.runtime.databases import DatabaseError
    from yuefu.runtime.provision import connect_owner, drop_database

    given = os.environ["DATABASE_URL"]
    name = f"yuefu_scratch_{secrets.token_hex(6)}"
    with connect_owner(given) as owner:
        try:
            owner.execute(pgsql.SQL("CREATE DATABASE {}").format(pgsql.Identifier(name)))
        except psycopg.errors.InsufficientPrivilege as error:
            raise DatabaseError("the owner of DATABASE_URL may not make a scratch database: give it CREATEDB") from error
    try:
        yield {variable: _with_database(os.environ[variable], name) for variable in ADDRESSES if os.environ.get(variable)}
    finally:
        with connect_owner(given) as owner:
            drop_database(owner, name)


def _with_database(url: str, name: str) -> str:
    parts = urlsplit(url)
    query = "&".join(part for part in parts.query.split("&") if part and not part.startswith("dbname="))
    return urlunsplit(parts._replace(path=f"/{name}", query=query))


def _shared_metrics(at: Path) -> Path:
    """Where all processes of an installation count, without those that are gone. Made before the counters are imported."""
    import psutil

    directory = Path(os.environ.get(METRICS) or at / "metrics")
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    for file in directory.glob("*.db"):
        pid = file.stem.rpartition("_")[2]
        if pid.isdigit() and not psutil.pid_exists(int(pid)):
            file.unlink(missing_ok=True)
    return directory


def _bring_up(*, migrate: bool, always: bool) -> None:
    """Schema, Django, logs, keys. `always` asks the migrations themselves whether they are applied; else their names are compared."""
    from yuefu.runtime import provision

    url = os.environ["DATABASE_URL"]
    os.environ["DJANGO_SETTINGS_MODULE"] = "yuefu.config.settings"
    with provision.connect_owner(url) as owner:
        missing, unknown = _compared_migrations(owner)
    if always and unknown:
        fail(
            NEWER_SCHEMA,
            f"A later release has changed this database ({unknown} migrations are not known here): use that release, {ELSE_ANEW}.",
        )
    if always or (missing and migrate):
        provision.migrate(url, say=say)
    elif missing:
        fail(NOT_MIGRATED, f"{missing} migrations are not applied to the database of DATABASE_URL; run `yuefu migrate`.")
    import django

    django.setup()
    configure_logs()
    _make_keys()


def _compared_migrations(owner: psycopg.Connection[Any]) -> tuple[int, int]:
    """How many migration files this database has not seen, and how many migrations of ours it has seen of which there is no file."""
    on_disk = _migrations_on_disk()
    if owner.execute("SELECT to_regclass('django_migrations')").fetchone() == (None,):
        return len(on_disk), 0
    applied = {(str(app), str(name)) for app, name in owner.execute("SELECT app, name FROM django_migrations").fetchall()}
    ours = {app for app, _ in _our_migrations()}
    return len(on_disk - applied), sum(app in ours for app, _ in applied - on_disk)


def _migrations_on_disk() -> set[tuple[str, str]]:
    """App label and name of every migration file, without importing any of them: it is asked at the start of each command."""
    found = _our_migrations()
    for app in APPS_WITH_TABLES:
        spec = find_spec(app)
        assert spec is not None, f"{app} is not installed"
        assert spec.origin is not None, f"{app} is a package"
        label = "procrastinate" if app.startswith("procrastinate") else app.rpartition(".")[2]
        found |= {(label, path.stem) for path in (Path(spec.origin).parent / "migrations").glob("[0-9]*.py")}
    return found


def _our_migrations() -> set[tuple[str, str]]:
    yuefu = Path(__file__).resolve().parent.parent
    return {(path.parent.parent.name, path.stem) for path in yuefu.glob("*/migrations/[0-9]*.py")}


def _make_keys() -> None:
    """Makes the key file on first use. Where a world exists its keys must too: new ones would open nothing that was sealed."""
    from yuefu.runtime import books, vault

    path = Path(os.environ["YUEFU_KEYS_FILE"])
    if path.exists():
        return
    if not books.all_books():
        vault.create(path)


def empty_own_database() -> None:
    """Drops the database on our own cluster with all that is in it, and makes it anew. Never used on a database that was given."""
    from yuefu.runtime import provision

    assert os.environ.get(OWN_CLUSTER) == "1", "only our own database is ever emptied"
    url = os.environ["DATABASE_URL"]
    _close_connections()
    drop_and_create(url)
    provision.migrate(url, say=say)


def drop_and_create(url: str) -> None:
    """Drops the database of our own cluster, whose owner's address this is, and makes an empty one without a schema."""
    import psycopg
    from psycopg import sql as pgsql

    from yuefu.runtime import provision

    with psycopg.connect(_with_database(url, "postgres"), autocommit=True) as owner:
        provision.drop_database(owner, provision.DATABASE)
        owner.execute(pgsql.SQL("CREATE DATABASE {}").format(pgsql.Identifier(provision.DATABASE)))
        owner.execute(pgsql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(pgsql.Identifier(provision.DATABASE)))


def _close_connections() -> None:
    from django.db import connections

    connections.close_all()


@contextlib.contextmanager
def _environment(values: dict[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def configure_logs() -> None:
    """Logs on standard error from YUEFU_LOG (WARNING unless given) upwards."""
    from yuefu.runtime import logs

    level = os.environ.get("YUEFU_LOG", "WARNING").upper()
    logs.configure(level=level if level in {"DEBUG", "INFO", "WARNING", "ERROR"} else "WARNING")
