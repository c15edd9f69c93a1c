"""`expand[]`: what an answer names by its id is shown in its place, so that one request brings what took several.

Each file of a resource registers how objects of its kind are read, many at once; an id tells its kind by its prefix. Four names deep at
most, and each step reads all objects of the answer together, whether that is one object or a page of a hundred.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from copy import deepcopy
from typing import Any, Final
from uuid import UUID

from yuefu import ids
from yuefu.api.problems import Problem

Reader = Callable[[Sequence[UUID]], Mapping[UUID, dict[str, Any]]]
"""Reads objects as the merchant and gives them as they are shown alone; those that are not the merchant's are absent."""

MOST: Final = 20

_readers: dict[str, Reader] = {}
_kinds: Final = {prefix: kind for kind, prefix in ids.PREFIXES.items()}


def register(kind: str, reader: Reader) -> None:
    """Makes objects of a kind expandable wherever their id stands."""
    assert kind in ids.PREFIXES, f"there is no prefix for {kind}"
    _readers[kind] = reader


def paths(asked: Sequence[str], known: Sequence[str]) -> tuple[tuple[str, ...], ...]:
    """The names of each path that was asked for, those of a route being `known`; a path goes through what is above it."""
    if len(asked) > MOST:
        raise Problem("invalid_parameter", f"expand[] is given at most {MOST} times.")
    strange = next((text for text in asked if text not in known), None)
    if strange is not None:
        raise Problem("invalid_parameter", f"expand[] is one of {', '.join(known)}.")
    return tuple(dict.fromkeys(tuple(text.split(".")) for text in asked))


def expand(body: dict[str, Any], wanted: Sequence[tuple[str, ...]], kinds: Container[str]) -> dict[str, Any]:
    """The answer with what was asked for in it, as far as it is of `kinds`, which the key may be shown. Reads as whoever is reading. The answer
    itself stays as it is: who asked for the same object at the same time was given the same one.
    """
    shown = deepcopy(body)
    for path in wanted:
        at: list[dict[str, Any]] = [shown]
        for name in path:
            at = _step(at, name, kinds)
    return shown


def _step(at: Sequence[dict[str, Any]], name: str, kinds: Container[str]) -> list[dict[str, Any]]:
    """What stands at a name of each object, ids being replaced by what they name. One that names nothing of the merchant's stays, and so does
    one of a kind that the key may not be shown.
    """
    places = [place for one in at for place in _places(one, name)]
    named = [(holder, key, *_named(holder[key])) for holder, key in places if isinstance(holder[key], str)]
    by_kind: dict[str, set[UUID]] = {}
    for _, _, kind, object_id in named:
        if kind in kinds:
            by_kind.setdefault(kind, set()).add(object_id)
    read = {kind: _readers[kind](sorted(found)) for kind, found in by_kind.items()}
    for holder, key, kind, object_id in named:
        holder[key] = dict(read.get(kind, {}).get(object_id) or {}) or holder[key]
    return [found for holder, key in places if isinstance(found := holder[key], dict)]


def _places(one: dict[str, Any], name: str) -> Iterator[tuple[Any, Any]]:
    """Where ids or objects stand: the member itself, or each place of the list that it is."""
    found = one.get(name)
    if isinstance(found, list):
        yield from ((found, index) for index in range(len(found)))
    elif name in one:
        yield one, name


def _named(text: str) -> tuple[str, UUID]:
    kind = _kinds[text.partition("_")[0]]
    return kind, ids.parse(kind, text)
