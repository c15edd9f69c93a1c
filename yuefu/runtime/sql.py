"""Set-based SQL on the connection of the role in force.

Commands run as the writer. Reads for people run inside `reading(...)`, which switches to a role that PostgreSQL itself
confines by row-level security: to one book (staff) or to one merchant or consumer (reader). Query functions are written
once and see whatever the role in force may see.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from datetime import UTC
from struct import pack
from typing import Any, Final, TypeVar, cast
from uuid import UUID
from weakref import WeakKeyDictionary

import numpy as np
import orjson
import psycopg
from django.db import connections, transaction
from numpy.typing import NDArray
from psycopg.abc import Loader
from psycopg.adapt import Dumper
from psycopg.pq import Format
from psycopg.rows import args_row, tuple_row
from psycopg.types.json import JsonbLoader

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


_ELEMENTS: Final = {UUID: "uuid", str: "text"}


def connection() -> psycopg.Connection[Any]:
    """The psycopg connection of the role in force (opened if need be)."""
    wrapper = connections[_role.get()]
    # A connection that the server ended stays broken until it is dropped; outside a transaction nothing is lost with it.
    if wrapper.connection is not None and wrapper.connection.closed and not wrapper.in_atomic_block:
        wrapper.close()
    wrapper.close_if_health_check_failed()
    wrapper.ensure_connection()
    opened = cast("psycopg.Connection[Any]", wrapper.connection)
    if opened.adapters.get_loader(_JSONB, Format.TEXT) is not JsonbLoader:
        # Django leaves jsonb as text for its own fields to decode, and reads moments by a class in Python; here there are no fields.
        opened.adapters.register_loader("jsonb", JsonbLoader)
        opened.adapters.register_loader("timestamptz", cast("type[Loader]", _Moments))
        opened.adapters.register_dumper(_Uuids, _UuidsDumper)
        opened.adapters.register_dumper(_Documents, _DocumentsDumper)
        opened.prepare_threshold, opened.prepared_max = _NEVER, _MOST_PLANS
    return opened


def _ready(params: Params) -> Params:
    """Lists of uuids and of texts as the text of an array (see `array`); everything else as it is."""
    if isinstance(params, Mapping):
        return {name: _arrays(item) for name, item in params.items()}
    return [_arrays(item) for item in params]


def _arrays(item: Any) -> Any:
    if type(item) is not list or not item:
        return item
    kind = _ELEMENTS.get(type(item[0]))
    return _column(item, kind) if kind else item


Params = Sequence[Any] | Mapping[str, Any]


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
    return _cursor(opened).execute(query, _ready(params), prepare=_kept.get())


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
        answers = {i: _cursor(opened).execute(query, _ready(params), prepare=_kept.get()) for i, (query, params) in asked.items()}
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


def unnest(columns: Mapping[str, str], values: Sequence[Sequence[Any]], *, same: Same | None = None) -> tuple[str, list[Any]]:
    """`(SELECT … FROM unnest(…))` over row tuples, and its parameters: one array a column, so one statement for any number of rows. The
    columns of `same` come after the others.
    """
    return _source(columns, dict(zip(columns, zip(*values, strict=True), strict=True)), same or {})


def _source(kinds: Mapping[str, str], columns: Mapping[str, Sequence[Any]], same: Same) -> tuple[str, list[Any]]:
    names = ", ".join(columns)
    chosen = [f"{name}::{kinds[name]}" if kinds[name] in _CAST else name for name in columns]
    chosen += [f"%s::{kind} AS {name}" for name, (kind, _) in same.items()]
    arrays = ", ".join([f"%s::{'text' if kinds[name] in _CAST else kinds[name]}[]" for name in columns])
    params = [_column(column, kinds[name]) for name, column in columns.items()]
    return f"(SELECT {', '.join(chosen)} FROM unnest({arrays}) AS given({names}))", [*(value for _, value in same.values()), *params]


class _Written:
    """An array in its binary form, as it goes over the wire."""

    __slots__ = ("written",)

    def __init__(self, written: bytes) -> None:
        self.written = written


class _Uuids(_Written):
    """`uuid[]`: a third of the space of its text, and nothing to be read."""


class _Documents(_Written):
    """`json[]`: in its text each quote of JSON would be escaped, and found again one by one."""


class _UuidsDumper(Dumper):
    format, oid = Format.BINARY, 2951

    def dump(self, obj: _Written) -> bytes:
        return obj.written


class _DocumentsDumper(_UuidsDumper):
    oid = 199


_NULL, _SIXTEEN = pack(">i", -1), pack(">i", 16)


def _head(oid: int, count: int, *, nulls: bool) -> bytes:
    """What a binary array begins with: one dimension, whether there are nulls, the type of the elements, how many, the first index
    (`array_recv` in PostgreSQL's arrayfuncs.c). Each follows with its length before it, −1 for a null.
    """
    return pack(">iiiii", 1, nulls, oid, count, 1)


def _column(column: Sequence[Any], kind: str) -> str | _Written:
    """An array as it travels fastest."""
    if kind == "json":
        return _documents(column)
    if kind == "uuid":
        with suppress(AttributeError):  # texts are let in too
            return _uuids(column)
    return array(column, kind)


def _uuids(column: Sequence[UUID | None]) -> _Uuids:
    """Raises AttributeError where one is neither."""
    try:
        return _Uuids(_head(2950, len(column), nulls=False) + _SIXTEEN + _SIXTEEN.join([one.int.to_bytes(16) for one in column]))  # type: ignore[union-attr]
    except AttributeError:
        parts = [_NULL if one is None else _SIXTEEN + one.int.to_bytes(16) for one in column]
        return _Uuids(_head(2950, len(column), nulls=True) + b"".join(parts))


def _documents(column: Sequence[str | None]) -> _Documents:
    written = [None if text is None else text.encode() for text in column]
    parts = [_NULL if one is None else pack(">i", len(one)) + one for one in written]
    return _Documents(_head(114, len(column), nulls=None in written) + b"".join(parts))


_SIGNATURE: Final = b"PGCOPY\n\xff\r\n\0"


def copied(query: str, params: Sequence[Any], form: Sequence[tuple[str, str]]) -> NDArray[Any]:
    """The rows of a query whose columns are all of a fixed width and never null, as one structured array: (name, numpy's kind, big-endian) each.

    By COPY in its binary form, whose rows are then all alike: a count of fields, and each field after its length ("File Formats" of COPY in
    PostgreSQL's manual). Nothing is made of a value but its bytes: a million rows take a second. Raises ValueError for rows of another form.
    """
    fields = [("count", ">i2"), *((part, kind) for name, of in form for part, kind in ((f"{name}\0", ">i4"), (name, of)))]
    row = np.dtype(fields)
    with connection().cursor() as cursor, cursor.copy(f"COPY ({query}) TO STDOUT (FORMAT BINARY)", params) as copy:
        data = b"".join([bytes(part) for part in copy])
    head = len(_SIGNATURE) + 8
    if not data.startswith(_SIGNATURE) or (len(data) - head - 2) % row.itemsize:
        raise ValueError("The rows are not all of the form that was asked for.")
    found = np.frombuffer(data, row, offset=head, count=(len(data) - head - 2) // row.itemsize)
    widths = [np.dtype(kind).itemsize for _, kind in form]
    if len(found) and (
        (found["count"] != len(form)).any() or any((found[f"{n}\0"] != w).any() for (n, _), w in zip(form, widths, strict=True))
    ):
        raise ValueError("The rows are not all of the form that was asked for.")
    return found


_INEXACT: Final = frozenset({"numeric", "real", "double precision"})
"""JSON has no infinity: it would be written as null."""

_WITHOUT_TEXT: Final = frozenset({"bigint", "integer", "smallint", "boolean", "date", "uuid"})
"""Nothing in them is ever escaped."""

# JSON writes these characters in a way that a PostgreSQL array does not read.
_ESCAPED = re.compile(rb"\\[bfnrtu]")


def array(column: Sequence[Any], kind: str) -> str:
    """The text of a PostgreSQL array. The driver's own dumper asks a regular expression about each element, which took a quarter of
    a day's run. What JSON writes between its brackets is such a text already, but for bytea and for control characters.
    """
    if kind == "bytea":
        return "{" + ",".join(["NULL" if item is None else f'"\\\\x{bytes(item).hex()}"' for item in column]) + "}"
    if kind in _INEXACT:
        return _array_by_hand(column)
    try:
        written = orjson.dumps(column, default=str)
    except orjson.JSONEncodeError:  # beyond 64 bits, or half a surrogate pair: PostgreSQL and the driver have their own words for that
        return _array_by_hand(column)
    if kind not in _WITHOUT_TEXT and _ESCAPED.search(written):
        return _array_by_hand(column)
    return f"{{{written[1:-1].decode()}}}"


def _array_by_hand(column: Sequence[Any]) -> str:
    return "{" + ",".join(["NULL" if item is None else _quoted(item) for item in column]) + "}"


def _quoted(item: Any) -> str:
    text = str(item).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{text}"'


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
    by_name = dict(zip(columns, zip(*values, strict=True), strict=True))
    once = dict(same or {})
    if often_same and all(by_name[name].count(by_name[name][0]) == len(values) for name in often_same):
        once |= {name: (columns[name], by_name.pop(name)[0]) for name in often_same}
    source, params = _source(columns, by_name, once)
    return run(f"INSERT INTO {table} ({', '.join([*by_name, *once])}) {source} {suffix}", params)


def update(table: str, key: str, columns: Mapping[str, str], values: Sequence[Sequence[Any]], *, where: str = "") -> int:
    """Sets columns of many rows by one statement; the first column of each value is the key. Returns the number of rows changed."""
    if not values:
        return 0
    source, params = unnest(columns, values)
    changes = ", ".join(f"{name} = given.{name}" for name in columns if name != key)
    extra = f" AND {where}" if where else ""
    return run(f"UPDATE {table} AS target SET {changes} FROM {source} AS given WHERE target.{key} = given.{key}{extra}", params)


_BY_KEYS: Final = ("enable_seqscan", "enable_hashjoin", "enable_mergejoin")


@contextmanager
def transacting(*, lock_timeout_ms: int = 10_000, by_keys: bool = False) -> Iterator[None]:
    """One transaction of the writer, opened by a journey and by nothing below it.

    `by_keys` is for what only looks up, locks and writes rows by their keys, however many: its statements go into indexes, and the
    connection keeps their plans for a while.
    """
    token = _kept.set(by_keys)
    try:
        with transaction.atomic(using=WRITER, durable=True):
            given = {"lock_timeout": f"{lock_timeout_ms}ms"} | dict.fromkeys(_BY_KEYS if by_keys else (), "off")
            settings = ", ".join(["set_config(%s, %s, true)"] * len(given))
            run(f"SELECT {settings}", [part for setting in given.items() for part in setting])
            if by_keys:
                _forget_old_plans()
            yield
    finally:
        _kept.reset(token)


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
def snapshot() -> Iterator[None]:
    """One read-only snapshot of the writer's view: every query inside sees the same moment, and blocks nobody."""
    with transaction.atomic(using=WRITER, durable=True):
        run("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        yield


@contextmanager
def reading(*, book_id: UUID | None = None, merchant_id: UUID | None = None, consumer_id: UUID | None = None) -> Iterator[None]:
    """Reads as a person may: a merchant or consumer through the reader, else staff of one book. Without a scope, no rows."""
    alias = READER if merchant_id or consumer_id else STAFF
    token = _role.set(alias)
    try:
        with transaction.atomic(using=alias):
            scope = [("yuefu.book", book_id), ("yuefu.merchant", merchant_id), ("yuefu.consumer", consumer_id)]
            for name, given in scope:
                run("SELECT set_config(%s, %s, true)", [name, str(given) if given else ""])
            yield
    finally:
        _role.reset(token)


@contextmanager
def owning() -> Iterator[None]:
    """Works as the owner of the schema: roles, partitions, epochs. Never used to serve anybody."""
    token = _role.set(OWNER)
    try:
        with transaction.atomic(using=OWNER):
            yield
    finally:
        _role.reset(token)
