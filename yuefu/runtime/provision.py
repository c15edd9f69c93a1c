"""Making a database ready: owner and database on a cluster of our own, runtime logins, migrations, the epoch."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from typing import Any, Final
from urllib.parse import urlsplit

import psycopg
from psycopg import sql as pgsql

from yuefu.runtime.cluster import ClusterAddress
from yuefu.runtime.databases import ROLES, DatabaseError, check_address, derived_password, ensure_roles

OWNER: Final = "yuefu_owner"
DATABASE: Final = "yuefu"
MINIMUM_VERSION: Final = 170_000


def prepare_cluster(address: ClusterAddress, *, database: str = DATABASE) -> str:
    """Makes the owner and its database on a cluster we run, if they are not there. Returns the owner's DATABASE_URL."""
    password = derived_password(address.password, OWNER)
    superuser = address.dsn(user=address.superuser, password=address.password, database="postgres")
    with psycopg.connect(superuser, autocommit=True) as connection:
        verb = "ALTER" if connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [OWNER]).fetchone() else "CREATE"
        connection.execute(
            pgsql.SQL(verb + " ROLE {} LOGIN NOSUPERUSER NOBYPASSRLS CREATEDB CREATEROLE PASSWORD {}").format(
                pgsql.Identifier(OWNER), pgsql.Literal(password)
            )
        )
        if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [database]).fetchone():
            connection.execute(pgsql.SQL("CREATE DATABASE {} OWNER {}").format(pgsql.Identifier(database), pgsql.Identifier(OWNER)))
            connection.execute(pgsql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(pgsql.Identifier(database)))
    return address.dsn(user=OWNER, password=password, database=database)


def migrate(database_url: str, *, say: Callable[[str], None]) -> int:
    """Brings the schema up to date as the owner. Returns how many migrations were applied. Safe to repeat."""
    with connect_owner(database_url) as owner:
        if owner.info.server_version < MINIMUM_VERSION:
            raise DatabaseError(f"this is PostgreSQL {owner.info.server_version // 10_000}; Yuefu needs 17 or later")
        ensure_roles(owner, owner.info.password)
        for role in ("yuefu_writer", "yuefu_reader", "yuefu_staff"):
            owner.execute(
                pgsql.SQL("GRANT CONNECT ON DATABASE {} TO {}").format(pgsql.Identifier(owner.info.dbname), pgsql.Identifier(role))
            )
        # A temporary table could stand before a real one in whatever does not name its schema; nobody here needs any.
        owner.execute(pgsql.SQL("REVOKE TEMPORARY ON DATABASE {} FROM PUBLIC").format(pgsql.Identifier(owner.info.dbname)))
        _nobody_makes_temporary_tables(owner)
    applied = _run_migrations(say)
    with connect_owner(database_url) as owner:
        epoch = owner.execute(
            "SELECT runtime_begin_epoch() FROM pg_control_system() c WHERE c.system_identifier::text <>"
            " (SELECT system_identifier FROM runtime_epoch ORDER BY number DESC LIMIT 1)"
        ).fetchone()
        if epoch:
            say(f"the database was restored into another cluster: epoch {epoch[0]} begins")
    return applied


def _nobody_makes_temporary_tables(owner: psycopg.Connection[Any]) -> None:
    """Raises DatabaseError where a login of ours may: who does not own the database revokes nothing, and is only warned."""
    free = owner.execute(
        "SELECT r FROM unnest(%s::text[]) AS r WHERE has_database_privilege(r, current_database(), 'TEMPORARY')", [list(ROLES.values())]
    ).fetchall()
    if free:
        name = owner.info.dbname
        raise DatabaseError(
            f"{', '.join(role for (role,) in free)} may make temporary tables in {name}, which could stand before real ones:"
            f" as the owner of the database run REVOKE TEMPORARY ON DATABASE {name} FROM PUBLIC"
        )


def connect_owner(database_url: str) -> psycopg.Connection[tuple[object, ...]]:
    """Opens the owner's connection; raises DatabaseError in one sentence where that is not possible."""
    check_address(database_url)
    try:
        return psycopg.connect(database_url, autocommit=True, connect_timeout=10)
    except psycopg.OperationalError as error:
        host = urlsplit(database_url).hostname or "its socket"
        reason = str(error).strip().splitlines()[-1]
        raise DatabaseError(f"cannot connect to the database at {host} as its owner: {reason}") from error


def books_of(database_url: str) -> list[tuple[str, str, str]]:
    """Code, mode and id of each book of a database whose schema may be that of another release; none where it has no books yet."""
    with connect_owner(database_url) as owner:
        if owner.execute("SELECT to_regclass('runtime_book')").fetchone() == (None,):
            return []
        found = owner.execute("SELECT code, mode, id FROM runtime_book").fetchall()
    return [(str(code), str(mode), str(book)) for code, mode, book in found]


def drop_database(owner: psycopg.Connection[Any], name: str) -> None:
    """Ends the sessions of a database and drops it, if it is there. An owner may not end a superuser's session, and autovacuum works as
    one: the plain form asks it to stop and waits a few seconds for it. Raises ObjectInUse where somebody else stays.
    """
    drop = pgsql.SQL("DROP DATABASE IF EXISTS {}").format(pgsql.Identifier(name))
    try:
        owner.execute(drop + pgsql.SQL(" WITH (FORCE)"))
    except psycopg.errors.InsufficientPrivilege:
        for _ in range(3):
            with contextlib.suppress(psycopg.errors.ObjectInUse):
                owner.execute(drop)
                return
        owner.execute(drop)


def _run_migrations(say: Callable[[str], None]) -> int:
    # Django is set up only now: its settings read the address of the database when they are imported.
    import django
    from django.core.management import call_command
    from django.db import DataError, IntegrityError, InternalError, NotSupportedError, ProgrammingError, connections
    from django.db.migrations.exceptions import InconsistentMigrationHistory
    from django.db.migrations.executor import MigrationExecutor

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "yuefu.config.settings")
    django.setup()
    executor = MigrationExecutor(connections["owner"])
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if plan:
        say(f"applying {len(plan)} migrations")
        try:
            call_command("migrate", database="owner", verbosity=0, interactive=False)
        except (InconsistentMigrationHistory, ProgrammingError, IntegrityError, DataError, InternalError, NotSupportedError) as error:
            reason = str(error).strip().splitlines()[0].rstrip(".")
            raise DatabaseError(
                f"this database cannot be brought up to date ({reason}): use the release that made it, or begin"
                " anew in an empty one (a demo: `yuefu demo --fresh`)"
            ) from error
    connections["owner"].close()
    return len(plan)
