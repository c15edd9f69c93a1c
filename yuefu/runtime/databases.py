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
from urllib.parse import parse_qsl, unquote, urlsplit

import psycopg
from psycopg import sql as pgsql

ROLES: Final = {"default": "yuefu_writer", "reader": "yuefu_reader", "staff": "yuefu_staff"}
_GIVEN: Final = {"default": "DATABASE_WRITER_URL", "reader": "DATABASE_READER_URL", "staff": "DATABASE_STAFF_URL"}
_ABSENT: Final = "postgresql://yuefu_owner:absent@127.0.0.1:1/yuefu"


class DatabaseError(Exception):
    """The database is not as Yuefu needs it; one clear sentence."""


def _parts(url: str) -> dict[str, Any]:
    split = urlsplit(url)
    if split.scheme not in {"postgresql", "postgres"}:
        raise DatabaseError("DATABASE_URL must begin with postgresql://")
    query = dict(parse_qsl(split.query))
    return {
        "NAME": unquote(split.path.lstrip("/")),
        "USER": unquote(split.username or query.pop("user", "")),
        "PASSWORD": unquote(split.password or ""),
        "HOST": query.pop("host", "") or (split.hostname or ""),
        "PORT": str(query.pop("port", "") or split.port or ""),
        "OPTIONS": query,
    }


def derived_password(owner_password: str, role: str) -> str:
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
        "OPTIONS": {"application_name": "yuefu", **parts["OPTIONS"]},
        "TEST": {"MIRROR": None},
    }


def ensure_roles(owner: psycopg.Connection[Any], owner_password: str, environ: Mapping[str, str] = os.environ) -> None:
    """Makes the runtime logins, with the passwords that `django_databases` derives, and lets nobody else into the schema.

    A login that is given by its own address is left alone; an owner that may not make roles is told which ones it needs.
    """
    for alias, role in ROLES.items():
        if environ.get(_GIVEN[alias]):
            continue
        known = owner.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role]).fetchone()
        verb = "ALTER" if known else "CREATE"
        statement = pgsql.SQL(verb + " ROLE {} LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE PASSWORD {}").format(
            pgsql.Identifier(role), pgsql.Literal(derived_password(owner_password, role))
        )
        try:
            with owner.transaction():
                # Parallel set-ups on one server would otherwise race on the same catalogue row.
                owner.execute("SELECT pg_advisory_xact_lock(7041776)")
                owner.execute(statement)
        except psycopg.errors.InsufficientPrivilege as error:
            raise DatabaseError(
                f"the owner may not make the role {role}: create it as a login without superuser and BYPASSRLS, and set {_GIVEN[alias]}"
            ) from error
    with owner.transaction():
        owner.execute("REVOKE ALL ON SCHEMA public FROM PUBLIC")
        for role in ROLES.values():
            owner.execute(pgsql.SQL("GRANT USAGE ON SCHEMA public TO {}").format(pgsql.Identifier(role)))
