"""One owner address, four logins: owner (migrations), writer (commands), reader (merchants, consumers), staff (one book).

`DATABASE_URL` is the owner. The other logins are derived from it — same server and database, their own names, passwords by
HMAC of the owner's password — or given as DATABASE_WRITER_URL, DATABASE_READER_URL, DATABASE_STAFF_URL.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from hashlib import sha256
from hmac import new as hmac_new
from typing import Any, Final

import psycopg
from psycopg import sql as pgsql
from psycopg.conninfo import conninfo_to_dict

ROLES: Final = {"default": "yuefu_writer", "reader": "yuefu_reader", "staff": "yuefu_staff"}
_GIVEN: Final = {"default": "DATABASE_WRITER_URL", "reader": "DATABASE_READER_URL", "staff": "DATABASE_STAFF_URL"}
_ABSENT: Final = "postgresql://yuefu_owner:absent@127.0.0.1:1/yuefu"


class DatabaseError(Exception):
    """The database is not as Yuefu needs it; one clear sentence."""


def _parts(url: str) -> dict[str, Any]:
    if not url.startswith(("postgresql://", "postgres://")):
        raise DatabaseError("DATABASE_URL must begin with postgresql://")
    try:
        # libpq's own reading: percent-encoding, socket hosts, several hosts, IPv6, and every part given in the query instead.
        given = conninfo_to_dict(url)
    except psycopg.Error as error:
        raise DatabaseError("DATABASE_URL cannot be read as a PostgreSQL address") from error
    return {
        "NAME": given.pop("dbname", ""),
        "USER": given.pop("user", ""),
        "PASSWORD": given.pop("password", ""),
        "HOST": given.pop("host", ""),
        "PORT": str(given.pop("port", "")),
        "OPTIONS": given,
    }


def check_address(url: str) -> None:
    """Raises DatabaseError, one sentence, for what is no address of a PostgreSQL database."""
    _parts(url)


def derived_password(owner_password: str, role: str) -> str:
    """The password of a derived login; raises DatabaseError for an owner without one, whose logins anybody could work out."""
    if not owner_password:
        ways = ", ".join(_GIVEN.values())
        raise DatabaseError(f"DATABASE_URL holds no password to derive the login {role} from: add one, or give {ways}")
    return hmac_new(owner_password.encode(), f"yuefu login {role}".encode(), sha256).hexdigest()


def django_databases(environ: Mapping[str, str] = os.environ) -> dict[str, dict[str, Any]]:
    """DATABASES for Django: `owner`, `default` (the writer), `reader`, `staff`."""
    owner = _parts(environ.get("DATABASE_URL") or _ABSENT)
    databases = {"owner": _entry(owner)}
    for alias, role in ROLES.items():
        given = environ.get(_GIVEN[alias])
        parts = _parts(given) if given else {**owner, "USER": role, "PASSWORD": derived_password(owner["PASSWORD"], role)}
        databases[alias] = _entry(parts)
    return databases


def _entry(parts: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "ENGINE": "django.db.backends.postgresql",
        **parts,
        "CONN_MAX_AGE": None,
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": {"application_name": "yuefu", "connect_timeout": "10", **parts["OPTIONS"]},
        "TEST": {"MIRROR": None},
    }


def ensure_roles(owner: psycopg.Connection[Any], owner_password: str, environ: Mapping[str, str] = os.environ) -> None:
    """Makes the runtime logins, with the passwords that `django_databases` derives, and lets nobody else into the schema.

    A login that is given by its own address is left alone; an owner that may not make roles is told which ones it needs.
    """
    for alias, role in ROLES.items():
        if environ.get(_GIVEN[alias]):
            continue
        try:
            _make_login(owner, role, derived_password(owner_password, role))
        except psycopg.errors.InsufficientPrivilege as error:
            raise DatabaseError(
                f"the owner may not make the role {role}: create it as a login without superuser and BYPASSRLS, and set {_GIVEN[alias]}"
            ) from error
    with owner.transaction():
        # Parallel set-ups of one database would otherwise race on the catalogue row of its schema.
        owner.execute("SELECT pg_advisory_xact_lock(7041776)")
        owner.execute("REVOKE ALL ON SCHEMA public FROM PUBLIC")
        for role in ROLES.values():
            owner.execute(pgsql.SQL("GRANT USAGE ON SCHEMA public TO {}").format(pgsql.Identifier(role)))


def _make_login(owner: psycopg.Connection[Any], role: str, password: str) -> None:
    # Roles belong to the server, locks to a database: set-ups of two databases meet on one catalogue row, and the later one tries again.
    for attempt in range(10):
        known = owner.execute("SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = %s", [role]).fetchone()
        if known and known[0]:
            raise DatabaseError(f"the role {role} is a superuser or has BYPASSRLS: row-level security would not bind it")
        # Only a superuser may name those attributes of a role that is there already, even to say that it lacks them.
        statement = pgsql.SQL(
            "ALTER ROLE {} LOGIN PASSWORD {}"
            if known
            else "CREATE ROLE {} LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE PASSWORD {}"
        )
        try:
            with owner.transaction():
                owner.execute(statement.format(pgsql.Identifier(role), pgsql.Literal(password)))
        except (psycopg.errors.DuplicateObject, psycopg.errors.UniqueViolation, psycopg.errors.InternalError_):
            if attempt == 9:
                raise
        else:
            return
