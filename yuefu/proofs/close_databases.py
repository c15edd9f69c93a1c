"""The databases of the crash proof of the close of a day: copies of one, where processes find them, and an eye on what stands in one."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit

import psycopg
from psycopg import sql as pgsql

from yuefu.runtime import provision
from yuefu.runtime.databases import django_databases

ADDRESSES: Final = ("DATABASE_URL", "DATABASE_WRITER_URL", "DATABASE_READER_URL", "DATABASE_STAFF_URL")

_STANDS: Final = (
    "WITH day AS (SELECT book_id, on_date FROM runtime_business_day WHERE state = 'closing' ORDER BY on_date LIMIT 1),"
    " run AS (SELECT r.id FROM runtime_run r JOIN day ON r.book_id = day.book_id AND r.on_date = day.on_date AND r.kind = 'close_of_day')"
    " SELECT (SELECT on_date FROM day),"
    " (SELECT s.name FROM runtime_run_step s JOIN run ON s.run_id = run.id WHERE s.state <> 'done' ORDER BY s.seq LIMIT 1),"
    " (SELECT count(*) FILTER (WHERE c.done) FROM runtime_run_chunk c JOIN run ON c.run_id = run.id)"
)
_FACTS: Final = "SELECT source_id::text, count(*) FROM loans_fact WHERE source_id = ANY(%s::uuid[]) GROUP BY source_id"
_TAKEN: Final = (
    "SELECT l.loan_id::text, array_agg(l.amount_minor) FROM ledger_line l JOIN ledger_account a ON a.id = l.account_id"
    " JOIN ledger_entry e ON e.posted_on = l.posted_on AND e.id = l.entry_id WHERE a.code = 'collections_clearing' AND e.kind = 'loan.paid'"
    " AND e.posted_on = %s GROUP BY l.loan_id"
)


@contextmanager
def copy(*, of: str, server: str) -> Iterator[str]:
    """The address of a copy of a database, which goes at the end."""
    source = urlsplit(of).path.lstrip("/")
    name = f"{urlsplit(server).path.lstrip('/')}_{os.urandom(4).hex()}"
    with provision.connect_owner(server) as owner:
        owner.execute(pgsql.SQL("CREATE DATABASE {} TEMPLATE {}").format(pgsql.Identifier(name), pgsql.Identifier(source)))
        # What a database lets whom do is not copied with it.
        owner.execute(pgsql.SQL("REVOKE TEMPORARY ON DATABASE {} FROM PUBLIC").format(pgsql.Identifier(name)))
    try:
        yield _named(server, name)
    finally:
        with provision.connect_owner(server) as owner:
            provision.drop_database(owner, name)


def _named(url: str, name: str) -> str:
    return urlunsplit(urlsplit(url)._replace(path=f"/{name}"))


def environment(url: str, name: str) -> dict[str, str]:
    """Where a process finds the database of a round; PostgreSQL knows it by its name."""
    database = urlsplit(url).path.lstrip("/")
    given = {variable: os.environ[variable] for variable in ADDRESSES if os.environ.get(variable)} | {"DATABASE_URL": url}
    named = {variable: _with_name(_named(address, database), name) for variable, address in given.items()}
    return {**os.environ, **named}


def _with_name(url: str, name: str) -> str:
    parts = urlsplit(url)
    return urlunsplit(parts._replace(query="&".join(filter(None, [parts.query, f"application_name={name}"]))))


def writer(url: str) -> psycopg.Connection[Any]:
    """A connection as the one who writes, who sees and may end what others do in that name."""
    entry = django_databases(environment(url, "prove-eye"))["default"]
    return psycopg.connect(
        dbname=entry["NAME"], user=entry["USER"], password=entry["PASSWORD"], host=entry["HOST"], port=entry["PORT"], autocommit=True,
        **entry["OPTIONS"],
    )  # fmt: skip


def stands(eye: psycopg.Connection[Any]) -> tuple[date | None, str | None, int]:
    """Of the oldest day that closes: which it is, the first step that is not done, and how many chunks are."""
    found = eye.execute(_STANDS).fetchone()
    assert found is not None
    return found[0], found[1], found[2]


def step(eye: psycopg.Connection[Any]) -> str:
    """Where the close stands: the first step that is not done of the oldest day that closes; `begin` before it has a run, `no_day` where none closes."""
    day, step, _ = stands(eye)
    return step or ("begin" if day else "no_day")


def end_backend(eye: psycopg.Connection[Any], name: str, dice: random.Random) -> bool:
    """Ends what works in PostgreSQL for a process of this name; whether there was one."""
    found = eye.execute("SELECT pid FROM pg_stat_activity WHERE application_name = %s AND datname = current_database()", [name]).fetchall()
    if not found:
        return False
    ended = eye.execute("SELECT pg_terminate_backend(%s)", [dice.choice(sorted(found))[0]]).fetchone()
    return bool(ended and ended[0])


def facts(eye: psycopg.Connection[Any], sources: Sequence[str]) -> dict[str, int]:
    """How many facts there are, by source."""
    return dict(eye.execute(_FACTS, [sources]).fetchall())


def taken(eye: psycopg.Connection[Any], on: date) -> dict[str, list[int]]:
    """The amounts that were taken for loans on a day, as the ledger has them, by loan in minor units."""
    return dict(eye.execute(_TAKEN, [on]).fetchall())
