"""JSON text of frozen values: uuids, dates, money and tuples written plainly; and such values read back exactly."""

from __future__ import annotations

import json
import types
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import date, datetime, time
from decimal import Decimal
from enum import Enum
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints
from uuid import UUID

import orjson

T = TypeVar("T")


def dumps(value: Any) -> str:
    """Compact JSON. Raises TypeError for what has no JSON form."""
    try:
        return orjson.dumps(value, _plain).decode()
    except orjson.JSONEncodeError:
        # Integers beyond 64 bits and halves of surrogate pairs, which a person may have typed: slowly, but not refused.
        return _encode(value)


def _plain(value: Any) -> Any:
    """What an encoder does not know by itself. orjson does know uuids, dates, moments, enumerations and dataclasses."""
    if isinstance(value, UUID | Decimal):
        return str(value)
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, Enum):
        return value.value
    if is_dataclass(value) and not isinstance(value, type):
        return {f.name: getattr(value, f.name) for f in fields(value)}
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, set | frozenset):
        return sorted(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")


_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), default=_plain).encode


def read(kind: type[T], text: str) -> T:
    """The value of a kind (a uuid or a frozen dataclass of plain values) that `dumps` wrote. Raises ValueError for a text that is not exactly
    one: a field too many or too few, or of another type, as a value of an older shape has it.
    """
    found: T = _read(kind, json.loads(text))
    return found


def _read(kind: Any, given: Any) -> Any:
    if get_origin(kind) in (Union, types.UnionType):
        return _read_one_of(get_args(kind), given)
    if get_origin(kind) is Literal:
        if given not in get_args(kind):
            raise ValueError(f"{given!r:.60} is none of {get_args(kind)}")
        return given
    if is_dataclass(kind):
        return _read_fields(kind, given)
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


def _read_fields(kind: Any, given: Any) -> Any:
    wanted = {field.name for field in fields(kind)}
    if not isinstance(given, dict) or given.keys() != wanted:
        raise ValueError(f"a {kind.__name__} has the fields {', '.join(sorted(wanted))}")
    hints = get_type_hints(kind)
    return kind(**{name: _read(hints[name], value) for name, value in given.items()})
