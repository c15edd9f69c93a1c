"""Whether the fields of a frozen value are of the kinds they are declared to be: terms and events are made from what people and programs say."""

from __future__ import annotations

from collections.abc import Collection, Hashable
from datetime import date
from enum import Enum
from functools import cache
from types import NoneType, UnionType
from typing import Any, Final, Union, cast, get_args, get_origin, get_type_hints

_DECLARED: Final[dict[type[Any], dict[str, Any]]] = {}


def declared_of(kind: type[Any]) -> dict[str, Any]:
    if kind not in _DECLARED:
        _DECLARED[kind] = get_type_hints(kind)
    return _DECLARED[kind]


def wrong_field(value: Any, *, but: Collection[str] = ()) -> tuple[str, str] | None:
    """The first field of another kind than declared, and what it should be: None where all are right. Fields named in `but` are not looked at.

    Exact where Python is lenient: true is no number, a moment is no day, a text is no member of a list of words.
    """
    for name, declared, exact in _quickly(cast(Hashable, type(value))):
        if type(given := getattr(value, name)) not in exact and name not in but and not _fits(given, declared):
            return name, f"{_said(declared)}, not {_shown(given)}"
    return None


@cache
def _quickly(kind: Hashable) -> tuple[tuple[str, Any, frozenset[type]], ...]:
    """Each field with what it is declared to be, and the types of which any value is that: thousands of events are made a second."""
    return tuple((name, declared, _types_of(declared)) for name, declared in declared_of(cast("type[Any]", kind)).items())


def _types_of(declared: Any) -> frozenset[type]:
    origin = get_origin(declared)
    if origin in {Union, UnionType}:
        return frozenset().union(*map(_types_of, get_args(declared)))
    return frozenset({declared}) if origin is None and isinstance(declared, type) else frozenset()


def _fits(value: Any, declared: Any) -> bool:
    origin = get_origin(declared)
    if origin in {Union, UnionType}:
        return any(_fits(value, one) for one in get_args(declared))
    if origin is tuple:
        members = get_args(declared)
        if members[-1] is Ellipsis:
            return isinstance(value, tuple) and all(_fits(one, members[0]) for one in value)
        return isinstance(value, tuple) and len(value) == len(members) and all(map(_fits, value, members))
    if declared in {int, bool, date, str}:
        return type(value) is declared
    return isinstance(value, declared)


def _said(declared: Any) -> str:
    """A kind in words."""
    origin = get_origin(declared)
    if origin in {Union, UnionType}:
        return " or ".join(_said(one) for one in get_args(declared))
    if origin is tuple:
        return "a tuple of " + ", ".join(dict.fromkeys(_said(one) for one in get_args(declared) if one is not Ellipsis))
    if isinstance(declared, type) and issubclass(declared, Enum):
        return f"a {declared.__name__} ({', '.join(str(one.value) for one in declared)})"
    words = {int: "a whole number", bool: "true or false", date: "a date", str: "a text", NoneType: "nothing"}
    return words.get(declared) or f"a {declared.__name__}"


def _shown(value: Any) -> str:
    return f"the {type(value).__name__} {value!r:.40}"
