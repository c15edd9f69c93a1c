"""Columns of values as they travel fastest: as arrays, in their text or in their binary form, and as rows of COPY."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from struct import pack
from typing import Any, Final
from uuid import UUID

import numpy as np
import orjson
from numpy.typing import NDArray
from psycopg.adapt import AdaptersMap, Dumper
from psycopg.pq import Format

Params = Sequence[Any] | Mapping[str, Any]
_ELEMENTS: Final = {UUID: "uuid", str: "text"}


def ready(params: Params) -> Params:
    """The parameters of a statement: lists of uuids and of texts as arrays; everything else as it is."""
    if isinstance(params, Mapping):
        return {name: _arrays(item) for name, item in params.items()}
    return [_arrays(item) for item in params]


def _arrays(item: Any) -> Any:
    if type(item) is not list or not item:
        return item
    kind = _ELEMENTS.get(type(item[0]))
    return column(item, kind) if kind else item


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


def register(adapters: AdaptersMap) -> None:
    """Lets a connection take the arrays that are written here."""
    adapters.register_dumper(_Uuids, _UuidsDumper)
    adapters.register_dumper(_Documents, _DocumentsDumper)


_NULL, _SIXTEEN = pack(">i", -1), pack(">i", 16)


def _head(oid: int, count: int, *, nulls: bool) -> bytes:
    """What a binary array begins with: one dimension, whether there are nulls, the type of the elements, how many, the first index
    (`array_recv` in PostgreSQL's arrayfuncs.c). Each follows with its length before it, −1 for a null.
    """
    return pack(">iiiii", 1, nulls, oid, count, 1)


def column(column: Sequence[Any], kind: str) -> str | _Written:
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


_SIGNATURE: Final = b"PGCOPY\n\xff\r\n\0"


def rows_of_copy(data: bytes, form: Sequence[tuple[str, str]]) -> NDArray[Any]:
    """What COPY wrote in its binary form, of columns that are all of a fixed width and never null: (name, numpy's kind, big-endian) each.

    The rows are then all alike: a count of fields, and each field after its length ("File Formats" of COPY in PostgreSQL's manual). Raises
    ValueError for rows of another form.
    """
    fields = [("count", ">i2"), *((part, kind) for name, of in form for part, kind in ((f"{name}\0", ">i4"), (name, of)))]
    row = np.dtype(fields)
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
