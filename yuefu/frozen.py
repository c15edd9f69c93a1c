"""Frozen values that are made by the thousand a second."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import MISSING, fields
from typing import Any, TypeVar, cast

T = TypeVar("T")


def made_quickly(kind: type[T]) -> type[T]:
    """Gives a frozen slotted dataclass an `__init__` that puts each value into its slot. That of `dataclasses` asks `object.__setattr__`,
    which looks up the slot by its name each time: the features of a decision and its order, 55 fields, took a tenth of an order's time.

    Above `@dataclass(frozen=True, slots=True)`. Raises TypeError for a class without slots, and for fields that are made, left out or
    worked on afterwards.
    """
    given = fields(cast(Any, kind))
    if hasattr(kind, "__post_init__") or any(f.default_factory is not MISSING or not f.init or f.kw_only for f in given):
        raise TypeError(f"{kind.__name__} does more than to take its fields")
    names: dict[str, Any] = {f"put_{f.name}": _slot(kind, f.name) for f in given}
    names |= {f"default_{f.name}": f.default for f in given if f.default is not MISSING}
    taken = [f"{f.name}=default_{f.name}" if f.default is not MISSING else f.name for f in given]
    body = "; ".join(f"put_{f.name}(self, {f.name})" for f in given)
    exec(f"def __init__(self, {', '.join(taken)}): {body}", names)  # noqa: S102 - as dataclasses makes its own, of names that are fields
    kind.__init__ = names["__init__"]  # type: ignore[method-assign]
    return kind


def _slot(kind: type[object], name: str) -> Callable[[object, object], None]:
    if name not in getattr(kind, "__slots__", ()):
        raise TypeError(f"{kind.__name__} has no slot for {name}")
    put: Callable[[object, object], None] = kind.__dict__[name].__set__
    return put
