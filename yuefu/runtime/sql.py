"""Set-based SQL on the connection of the role in force.

Commands run as the writer. Reads for people run inside `reading(...)`, which switches to a role that PostgreSQL itself
confines by row-level security: to one book (staff) or to one merchant or consumer (reader). Query functions are written
once and see whatever the role in force may see.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC
from typing import Any, Final, TypeVar, cast
from uuid import UUID
from weakref import WeakKeyDictionary

import psycopg
from django.db import connections, transaction
from numpy.typing import NDArray
from psycopg.abc import Loader
from psycopg.pq import Format
from psycopg.rows import args_row, tuple_row
from psycopg.types.json import JsonbLoader

from yuefu.runtime import arrays
from yuefu.runtime.clock import stopwatch

T = TypeVar("T")

WRITER, STAFF, READER, OWNER = "default", "staff", "reader", "owner"

_JSONB, _TIMESTAMPTZ = 3802, 1184
"""Type oids, fixed by PostgreSQL."""

_DRIVERS_OWN: Any = psycopg.adapters.get_loader(_TIMESTAMPTZ, Format.TEXT)


class _Moments:
    """Makes the driver's own loader, in C. Django, which shares the connection, asks the class that makes loaders of moments for its zone."""

    timezone, format = UTC, Format.TEXT

    def __new__(cls, oid: int, context: Any = None) -> Any:
        return _DRIVERS_OWN(oid, context)


_role: ContextVar[str] = ContextVar("yuefu_role", default=WRITER)

# Values of these types travel as text and are cast inside the statement: an array of arrays would be flattened by unnest.
_CAST = frozenset({"jsonb", "text[]", "uuid[]", "bigint[]", "date[]"})


def connection() -> psycopg.Connection[Any]:
    """The psycopg connection of the role in force (opened if need be)."""
    wrapper = connections[_role.get()]
    if wrapper.connection is None or not wrapper.in_atomic_block:
        # A connection that the server ended stays broken until it is dropped; outside a transaction nothing is lost with it.
        if wrapper.connection is not None and wrapper.connection.closed:
            wrapper.close()
        wrapper.close_if_health_check_failed()
        wrapper.ensure_connection()
    opened = cast("psycopg.Connection[Any]", wrapper.connection)
    if opened.prepare_threshold != _NEVER:
        # Django leaves jsonb as text for its own fields to decode, and reads moments by a class in Python; here there are no fields.
        opened.adapters.register_loader("jsonb", JsonbLoader)
        opened.adapters.register_loader("timestamptz", cast("type[Loader]", _Moments))
        arrays.register(opened.adapters)
        opened.prepare_threshold, opened.prepared_max = _NEVER, _MOST_PLANS
    return opened


Params = arrays.Params
array = arrays.array


class _Asked(BaseException):
    """What a read asks first. Not an Exception, so that nobody on the way takes it for one."""

    def __init__(self, query: str, params: Params) -> None:
        super().__init__(query)
        self.query, self.params = query, params


_kept: ContextVar[bool] = ContextVar("yuefu_kept", default=False)
"""Whether statements are prepared, and their plans kept by the connection."""

_NEVER, _MOST_PLANS, _PLANS_KEPT_S = 1 << 30, 400, 10.0
"""A statement is prepared where that is asked for and nowhere else, however often it comes; of so many is the plan kept."""

_LISTENING: Final = object()
_heard: ContextVar[Any] = ContextVar("yuefu_heard", default=None)
"""While reads are heard together: first that somebody listens, then the cursor with the answer to the one that goes on."""


def _executed(query: str, params: Params) -> psycopg.Cursor[Any]:
    """A cursor that executed a statement, now or before (see `together`)."""
    heard = _heard.get()
    if heard is _LISTENING:
        raise _Asked(query, params)
    if heard is not None:
        _heard.set(None)
        return cast("psycopg.Cursor[Any]", heard)
    opened = connection()
    return _cursor(opened).execute(query, arrays.ready(params), prepare=_kept.get())


_idle: WeakKeyDictionary[psycopg.Connection[Any], list[psycopg.Cursor[Any]]] = WeakKeyDictionary()
"""Cursors to be used again. A new one looks up anew how each type is written and read, which takes as long as a short statement."""

_MOST_IDLE, _MOST_ROWS_KEPT = 16, 2_000


def _cursor(opened: psycopg.Connection[Any]) -> psycopg.Cursor[Any]:
    idle = _idle.get(opened)
    return idle.pop() if idle else psycopg.Cursor(opened)


def _done(cursor: psycopg.Cursor[Any]) -> None:
    """Puts a cursor back that was read to its end; one that holds many rows is let go, and they with it."""
    idle = _idle.setdefault(cursor.connection, [])
    if len(idle) < _MOST_IDLE and cursor.rowcount <= _MOST_ROWS_KEPT:
        idle.append(cursor)


def rows(query: str, params: Params = ()) -> list[tuple[Any, ...]]:
    """All rows of a query."""
    cursor = _executed(query, params)
    found = cursor.fetchall()
    _done(cursor)
    return found


def rows_as(make: Callable[..., T], query: str, params: Params = ()) -> list[T]:
    """All rows, each made into a value from its columns in order."""
    cursor = _executed(query, params)
    cursor.row_factory = args_row(make)
    found = cast("list[T]", cursor.fetchall())
    cursor.row_factory = tuple_row
    _done(cursor)
    return found


def together(*reads: Callable[[], Any]) -> list[Any]:
    """What each read returns, as if called one after the other; but the first statement of each travels with those of the others, there
    and back once. Each is called twice, to hear what it asks and to be given the answer, so before it asks it does nothing but that.

    A read that asks nothing, or a second time, is as ever. Each statement sees what those before it did, locks that they waited for
    included, as if they had been sent one by one.
    """
    found: dict[int, Any] = {}
    asked: dict[int, tuple[str, Params]] = {}
    for index, read in enumerate(reads):
        token = _heard.set(_LISTENING)
        try:
            found[index] = read()
        except _Asked as ask:
            asked[index] = ask.query, ask.params  # not the exception: with its traceback it would keep all that is read alive
        finally:
            _heard.reset(token)
    opened = connection()
    with opened.pipeline():
        answers = {i: _cursor(opened).execute(query, arrays.ready(params), prepare=_kept.get()) for i, (query, params) in asked.items()}
    for index, answer in answers.items():
        token = _heard.set(answer)
        try:
            found[index] = reads[index]()
        finally:
            _heard.reset(token)
    return [found[index] for index in range(len(reads))]


@contextmanager
def without_waiting() -> Iterator[None]:
    """Statements inside that return no rows are sent without waiting for the one before; what one of them raises is raised at the end, or
    by the next that returns rows. How many rows they touched is not known: `run`, `insert` and `update` return −1.
    """
    with connection().pipeline():
        yield


def value(query: str, params: Params = ()) -> Any:
    """The first column of the first row, or None where there is no row."""
    found = rows(query, params)
    return found[0][0] if found else None


def run(query: str, params: Params = ()) -> int:
    """Executes a statement and returns how many rows it touched."""
    cursor = _executed(query, params)
    count = cursor.rowcount
    if count >= 0:  # else its result is still on the way
        _done(cursor)
    return count


Same = Mapping[str, tuple[str, Any]]
"""Columns that are the same in all rows of a statement: name → (PostgreSQL type, value). They travel once."""


def unnest(
    columns: Mapping[str, str], values: Sequence[Sequence[Any]], *, same: Same | None = None, often_same: Sequence[str] = ()
) -> tuple[str, list[Any]]:
    """`(SELECT … FROM unnest(…))` over row tuples, and its parameters: one array a column, so one statement for any number of rows. The
    columns of `same`, and of `often_same` (see `insert`) where all rows agree, come after the others.
    """
    return _source(columns, *_parted(columns, values, same, often_same))


def _parted(
    columns: Mapping[str, str], values: Sequence[Sequence[Any]], same: Same | None, often_same: Sequence[str]
) -> tuple[dict[str, Sequence[Any]], dict[str, tuple[str, Any]]]:
    """Columns that travel as arrays, and those that travel once."""
    by_name: dict[str, Sequence[Any]] = dict(zip(columns, zip(*values, strict=True), strict=True))
    once = dict(same or {})
    if often_same and all(by_name[name].count(by_name[name][0]) == len(values) for name in often_same):
        once |= {name: (columns[name], by_name.pop(name)[0]) for name in often_same}
    return by_name, once


def _source(kinds: Mapping[str, str], columns: Mapping[str, Sequence[Any]], same: Same) -> tuple[str, list[Any]]:
    names = ", ".join(columns)
    chosen = [f"{name}::{kinds[name]}" if kinds[name] in _CAST else name for name in columns]
    chosen += [f"%s::{kind} AS {name}" for name, (kind, _) in same.items()]
    unnested = ", ".join([f"%s::{'text' if kinds[name] in _CAST else kinds[name]}[]" for name in columns])
    params = [arrays.column(column, kinds[name]) for name, column in columns.items()]
    return f"(SELECT {', '.join(chosen)} FROM unnest({unnested}) AS given({names}))", [*(value for _, value in same.values()), *params]


def copied(query: str, params: Sequence[Any], form: Sequence[tuple[str, str]]) -> NDArray[Any]:
    """The rows of a query whose columns are all of a fixed width and never null, as one structured array: (name, numpy's kind, big-endian) each.

    By COPY in its binary form: nothing is made of a value but its bytes, and a million rows take a second. Raises ValueError for rows of another form.
    """
    with connection().cursor() as cursor, cursor.copy(f"COPY ({query}) TO STDOUT (FORMAT BINARY)", params) as copy:
        data = b"".join([bytes(part) for part in copy])
    return arrays.rows_of_copy(data, form)


def insert(
    table: str,
    columns: Mapping[str, str],
    values: Sequence[Sequence[Any]],
    *,
    same: Same | None = None,
    often_same: Sequence[str] = (),
    suffix: str = "",
) -> int:
    """Inserts all rows by one statement. `columns` maps a name to its PostgreSQL type. Returns the number of rows written.

    Those of `often_same`, where all rows agree in each of them, travel once as well: an array is read element by element.
    """
    if not values:
        return 0
    statement, params = _inserting(Into(table, columns, values, same, often_same))
    return run(f"{statement} {suffix}", params)


@dataclass(frozen=True, slots=True)
class Into:
    """What `insert` is given of one table."""

    table: str
    columns: Mapping[str, str]
    values: Sequence[Sequence[Any]]
    same: Same | None = None
    often_same: Sequence[str] = ()


def insert_with(first: Into, then: Into) -> int:
    """Inserts rows of two tables by one statement, so that what is checked once a statement sees both. Returns how many were written of the second."""
    heads, of_heads = _inserting(first)
    statement, params = _inserting(then)
    return run(f"WITH first AS ({heads}) {statement}", [*of_heads, *params])


def _inserting(rows: Into) -> tuple[str, list[Any]]:
    by_name, once = _parted(rows.columns, rows.values, rows.same, rows.often_same)
    source, params = _source(rows.columns, by_name, once)
    return f"INSERT INTO {rows.table} ({', '.join([*by_name, *once])}) {source}", params


def update(
    table: str, key: str, columns: Mapping[str, str], values: Sequence[Sequence[Any]], *, where: str = "", often_same: Sequence[str] = ()
) -> int:
    """Sets columns of many rows by one statement; the first column of each value is the key. Returns the number of rows changed."""
    if not values:
        return 0
    source, params = unnest(columns, values, often_same=often_same)
    changes = ", ".join(f"{name} = given.{name}" for name in columns if name != key)
    extra = f" AND {where}" if where else ""
    return run(f"UPDATE {table} AS target SET {changes} FROM {source} AS given WHERE target.{key} = given.{key}{extra}", params)


_BY_KEYS: Final = ("enable_seqscan", "enable_hashjoin", "enable_mergejoin", "enable_material")


@contextmanager
def _keeping_plans(kept: bool) -> Iterator[None]:
    token = _kept.set(kept)
    try:
        yield
    finally:
        _kept.reset(token)


def _set(settings: Mapping[str, str]) -> None:
    """Settings of the transaction."""
    run(f"SELECT {', '.join(['set_config(%s, %s, true)'] * len(settings))}", [part for setting in settings.items() for part in setting])


@contextmanager
def transacting(*, lock_timeout_ms: int = 10_000, by_keys: bool = False) -> Iterator[None]:
    """One transaction of the writer, opened by a journey and by nothing below it.

    `by_keys` is for what only looks up, locks and writes rows by their keys, however many: its statements go into indexes, and the
    connection keeps their plans for a while.
    """
    with _keeping_plans(by_keys), transaction.atomic(using=WRITER, durable=True):
        _set({"lock_timeout": f"{lock_timeout_ms}ms"} | dict.fromkeys(_BY_KEYS if by_keys else (), "off"))
        if by_keys:
            _forget_old_plans()
        yield


_plans_until: WeakKeyDictionary[psycopg.Connection[Any], tuple[float, float]] = WeakKeyDictionary()
"""When a connection was first asked to keep plans, and until when it keeps those that it has."""


def _forget_old_plans() -> None:
    """Plans are made anew every ten seconds, and more often while a connection is young: which index is the right one is seen from how
    large the tables are, and a plan that was made for empty ones would go on reading them whole for as long as nobody analyses them.
    """
    opened, now = connection(), stopwatch()
    since, until = _plans_until.get(opened) or (now, now)
    if now >= until:
        run("DISCARD PLANS")
        _plans_until[opened] = (since, now + min(_PLANS_KEPT_S, (now - since) / 2))


@contextmanager
def attempting() -> Iterator[None]:
    """A part of a transaction that may fail by itself: where it raises, what it did is rolled back, and the transaction goes on."""
    with transaction.atomic(using=WRITER):
        yield


@contextmanager
def undone() -> Iterator[None]:
    """Whatever the writer does inside is rolled back at the end, locks included; what it did before, in the same transaction, stays."""
    with transaction.atomic(using=WRITER):
        yield
        transaction.set_rollback(True, using=WRITER)


@contextmanager
def snapshot(of: str | None = None) -> Iterator[None]:
    """One read-only snapshot of the writer's view: every query inside sees the same moment, and blocks nobody. `of`: the moment of another one,
    by its name (`shared_snapshot`), which must still be open."""
    with transaction.atomic(using=WRITER, durable=True):
        run("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        if of is not None:
            assert _SNAPSHOT.fullmatch(of), of  # it cannot be a parameter
            run(f"SET TRANSACTION SNAPSHOT '{of}'")
        yield


_SNAPSHOT: Final = re.compile(r"[0-9A-F-]+")


def shared_snapshot() -> str:
    """The name by which another connection sees what this snapshot sees, as long as it is open."""
    return str(value("SELECT pg_export_snapshot()"))


@contextmanager
def role(alias: str = WRITER) -> Iterator[None]:
    """Works in a role: as the platform itself, unless given, where an outside system is asked while somebody reads."""
    token = _role.set(alias)
    try:
        yield
    finally:
        _role.reset(token)


@contextmanager
def reading(
    *,
    book_id: UUID | None = None,
    merchant_id: UUID | None = None,
    consumer_id: UUID | None = None,
    at_one_moment: bool = False,
    by_keys: bool = False,
) -> Iterator[None]:
    """Reads as a person may: a merchant or consumer through the reader, else staff of one book. Without a scope, no rows. `at_one_moment`: every
    query sees the same, for figures that are held against each other. `by_keys`: as in `transacting`."""
    alias = READER if merchant_id or consumer_id else STAFF
    with role(alias), _keeping_plans(by_keys), transaction.atomic(using=alias):
        if at_one_moment:
            run("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        scope = {"yuefu.book": book_id, "yuefu.merchant": merchant_id, "yuefu.consumer": consumer_id}
        # All by one statement: one by one, they were as long on their way there and back as the read that follows.
        _set({name: str(given) if given else "" for name, given in scope.items()} | dict.fromkeys(_BY_KEYS if by_keys else (), "off"))
        if by_keys:
            _forget_old_plans()
        yield


def go_on_reading_as(merchant_id: UUID) -> None:
    """Inside of `reading` as a merchant: from here on as another one, in the same transaction. For who reads for many in turn."""
    _set({"yuefu.merchant": str(merchant_id)})


@contextmanager
def owning() -> Iterator[None]:
    """Works as the owner of the schema: roles, partitions, epochs. Never used to serve anybody."""
    with role(OWNER), transaction.atomic(using=OWNER):
        yield
