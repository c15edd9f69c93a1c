"""JSON text of frozen values: uuids, dates, money and tuples written plainly; and such values read back exactly."""

from __future__ import annotations

import json
import types
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints
from uuid import UUID

import orjson


def dumps(value: Any) -> str:
    """Compact JSON. Raises TypeError for what has no JSON form."""
    try:
        return orjson.dumps(value, _plain).decode()
    except orjson.JSONEncodeError:
        # Integers beyond 64 bits and halves of surrogate pairs, which a person may have typed: slowly, but not refused.
        return _encode(value)


_TO_ZERO, _MAYBE_BEYOND_64_BITS = bytes.maketrans(b"123456789", b"000000000"), b"0" * 19


def loads(text: str) -> Any:
    """The value of JSON. Whole numbers stay whole, however large."""
    # A regular expression would look for so many digits for longer than it takes to read all of it.
    written = text.encode()
    return json.loads(text) if _MAYBE_BEYOND_64_BITS in written.translate(_TO_ZERO) else orjson.loads(written)


def _plain(value: Any) -> Any:
    """What an encoder does not know by itself. orjson does know uuids, dates, moments, enumerations and dataclasses."""
    if isinstance(value, UUID | Decimal):
        return str(value)
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value // timedelta(microseconds=1)
    if isinstance(value, Enum):
        return value.value
    if is_dataclass(value) and not isinstance(value, type):
        return {f.name: getattr(value, f.name) for f in fields(value)}
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, tuple):  # one with names, which orjson does not take for the tuple that it is
        return list(value)
    if isinstance(value, set | frozenset):
        return sorted(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")


_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), default=_plain).encode


def read(kind: Any, text: str) -> Any:
    """The value of a kind (a uuid, a frozen dataclass of plain values, or a tuple of such) that `dumps` wrote. Raises ValueError for a text that is not exactly
    one: a field too many or too few, or of another type, as a value of an older shape has it.
    """
    return _read(kind, json.loads(text))


def _read(kind: Any, given: Any) -> Any:
    if get_origin(kind) in (Union, types.UnionType):
        return _read_one_of(get_args(kind), given)
    if get_origin(kind) is Literal:
        if given not in get_args(kind):
            raise ValueError(f"{given!r:.60} is none of {get_args(kind)}")
        return given
    if get_origin(kind) is tuple:
        return _read_each(get_args(kind), given)
    if is_dataclass(kind):
        return _read_fields(kind, given)
    if isinstance(kind, type) and issubclass(kind, tuple):
        return _read_named(kind, given)
    if kind is timedelta and type(given) is int:
        return timedelta(microseconds=given)
    if kind in (UUID, date, datetime) and isinstance(given, str):
        return UUID(given) if kind is UUID else kind.fromisoformat(given)
    if kind in (str, int, bool, type(None)) and type(given) is kind:
        return given
    raise ValueError(f"{given!r:.60} is not of type {getattr(kind, '__name__', kind)}")


def _read_one_of(kinds: tuple[Any, ...], given: Any) -> Any:
    for kind in kinds:
        try:
            return _read(kind, given)
        except ValueError as error:
            reason = error
    raise reason


def _read_each(kinds: tuple[Any, ...], given: Any) -> tuple[Any, ...]:
    """A tuple of any length, `tuple[K, ...]`."""
    kind, rest = kinds
    assert rest is ..., "tuples of several kinds are read by nobody"
    if not isinstance(given, list):
        raise ValueError(f"{given!r:.60} is no list")
    return tuple(_read(kind, one) for one in given)


def _read_named(kind: Any, given: Any) -> Any:
    """A NamedTuple, which is written as a list."""
    hints = get_type_hints(kind)
    if not isinstance(given, list) or len(given) != len(hints):
        raise ValueError(f"a {kind.__name__} has {len(hints)} parts")
    return kind(*(_read(hint, value) for hint, value in zip(hints.values(), given, strict=True)))


def _read_fields(kind: Any, given: Any) -> Any:
    wanted = {field.name for field in fields(kind)}
    if not isinstance(given, dict) or given.keys() != wanted:
        raise ValueError(f"a {kind.__name__} has the fields {', '.join(sorted(wanted))}")
    hints = get_type_hints(kind)
    return kind(**{name: _read(hints[name], value) for name, value in given.items()})
