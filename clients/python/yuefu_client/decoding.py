"""What the API answers as values: each model is a frozen dataclass that is made from JSON and keeps all of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import date, datetime
from typing import Any, Callable, ClassVar, TypeVar

Parser = Callable[[Any], Any]
M = TypeVar("M", bound="Model")


@dataclass(frozen=True)
class Answer:
    """How something was answered: `request_id` is what to tell the platform when you ask about it. `replayed` says that the request had been
    carried out before, and this is what it was answered then. `remaining` is how many requests are left in this minute.
    """

    status: int
    request_id: str
    replayed: bool = False
    remaining: int | None = None


class Model:
    """Something that was answered. `raw` has all its members as they came, those too that this version does not know. `answer` is on what was
    answered itself, not on what stands inside it.

    A member is None where it was not sent, as an older version of the API may do.
    """

    raw: Mapping[str, Any] = {}
    answer: Answer | None = None
    _parsers: ClassVar[Mapping[str, Parser]] = {}
    _renamed: ClassVar[Mapping[str, str]] = {}

    @classmethod
    def of(cls: type[M], raw: Mapping[str, Any], answer: Answer | None = None) -> M:
        """What the members say."""
        made = cls(**{one.name: cls._member(one.name, raw) for one in fields(cls)})  # type: ignore[arg-type]
        object.__setattr__(made, "raw", raw)
        object.__setattr__(made, "answer", answer)
        return made

    @classmethod
    def _member(cls, name: str, raw: Mapping[str, Any]) -> Any:
        value = raw.get(cls._renamed.get(name, name))
        parse = cls._parsers.get(name)
        return value if value is None or parse is None else parse(value)


KINDS: dict[str, type[Model]] = {}
"""The models by the `object` that they say they are, as they are shown alone; filled by the generated models."""


def named(value: Any) -> Any:
    """An id, or the object of it where `expand` asked for that."""
    if not isinstance(value, dict):
        return value
    return KINDS.get(str(value.get("object")), Nameless).of(value)


@dataclass(frozen=True)
class Nameless(Model):
    """An object of a kind that this version does not know: see `raw`."""


def id_of(value: str | Model) -> str:
    """The id of what is named, whether it is expanded or not."""
    return value if isinstance(value, str) else str(value.raw["id"])


def day(value: str) -> date:
    """A day."""
    return date.fromisoformat(value)


def moment(value: str) -> datetime:
    """A moment with its zone. Python before 3.11 reads neither a Z nor any number of digits of a second."""
    text = value[:-1] + "+00:00" if value.endswith("Z") else value
    head, dot, rest = text.partition(".")
    if dot:
        digits = len(rest) - len(rest.lstrip("0123456789"))
        text = f"{head}.{rest[:digits][:6].ljust(6, '0')}{rest[digits:]}"
    return datetime.fromisoformat(text)


def many(parse: Parser) -> Parser:
    """Some in a row."""

    def parse_all(values: Any) -> tuple[Any, ...]:
        return tuple(parse(value) for value in values)

    return parse_all


def same(value: Any) -> Any:
    """What needs no reading."""
    return value
