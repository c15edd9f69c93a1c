"""Lists of the API: cursor pages, newest first, and filters, each of which is described, read strictly, and handed on as a value."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any, Final, Generic, TypeVar
from uuid import UUID
from zoneinfo import ZoneInfo

from pydantic import BaseModel

from yuefu import ids
from yuefu.api.bodies import id_text
from yuefu.api.calls import Call
from yuefu.api.problems import Problem
from yuefu.api.route import Parameter
from yuefu.money.amounts import LARGEST_MINOR
from yuefu.runtime.paging import Span

T = TypeVar("T")
M = TypeVar("M", bound=BaseModel)

MOST: Final = 100
USUAL: Final = 10
_LONGEST: Final = 200


class Page(BaseModel, Generic[M]):
    """A page of a list, newest first. Without a total: counting millions would cost more than showing ten."""

    object: str
    url: str
    has_more: bool
    data: list[M]


@dataclass(frozen=True, slots=True)
class Filter:
    """A parameter by which a list is narrowed. `read` makes its value from the text, in the zone of the book; it raises ValueError with a
    sentence that says what the text should be..
    """

    name: str
    schema: dict[str, Any]
    told: str
    read: Callable[[str, ZoneInfo], Any]


def an_id(name: str, kind: str, told: str) -> Filter:
    """Those that name one object. The id of nothing finds nothing."""

    def read(text: str, zone: ZoneInfo) -> UUID:
        del zone
        try:
            return ids.parse(kind, text)
        except ids.BadId as error:
            raise ValueError(f"the id of a {kind.replace('_', ' ')}, {ids.PREFIXES[kind]}_ and 26 characters") from error

    return Filter(name, id_text(kind), told, read)


def one_of(name: str, values: Sequence[str], told: str) -> Filter:
    """Those that have one of a few values."""

    def read(text: str, zone: ZoneInfo) -> str:
        del zone
        if text not in values:
            raise ValueError(f"one of {', '.join(values)}")
        return text

    return Filter(name, {"type": "string", "enum": list(values)}, told, read)


def text_of(name: str, told: str, *, longest: int = 64) -> Filter:
    """Those that have exactly this text."""

    def read(text: str, zone: ZoneInfo) -> str:
        del zone
        if not (0 < len(text) <= longest and text.isprintable()):
            raise ValueError(f"1 to {longest} printable characters")
        return text

    return Filter(name, {"type": "string", "minLength": 1, "maxLength": longest, "pattern": "^[ -~]+$"}, told, read)


def amount_of(name: str, told: str) -> Filter:
    """Those of an amount in minor units."""

    def read(text: str, zone: ZoneInfo) -> int:
        del zone
        if not (text.isascii() and text.isdigit() and len(text) <= 16 and int(text) <= LARGEST_MINOR):
            raise ValueError(f"a whole number of minor units up to {LARGEST_MINOR}")
        return int(text)

    return Filter(name, {"type": "integer", "minimum": 0, "maximum": LARGEST_MINOR}, told, read)


_MOMENT: Final = {"type": "string", "pattern": r"^20[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])$", "examples": ["2026-09-01"]}


def a_moment(name: str, told: str) -> Filter:
    """Those of a time: a moment with its zone, or a day, which begins at midnight where the book is."""

    def read(text: str, zone: ZoneInfo) -> datetime:
        try:
            if len(text) == len("2026-09-01"):
                found = datetime.combine(date.fromisoformat(text), time(), zone)
            else:
                found = datetime.fromisoformat(text.replace(" ", "+"))  # A + that was not written as %2B.
            if found.tzinfo is None or not 1970 < found.year < 9000:
                raise ValueError(text)
            return found.astimezone(UTC)
        except (ValueError, OverflowError) as error:
            raise ValueError("a day such as 2026-09-01, or a moment with its zone such as 2026-09-01T08:00:00+08:00") from error

    return Filter(name, _MOMENT, told, read)


def a_day(name: str, told: str) -> Filter:
    """Those of a business day."""

    def read(text: str, zone: ZoneInfo) -> date:
        del zone
        try:
            if len(text) != len("2026-09-01"):
                raise ValueError(text)
            return date.fromisoformat(text)
        except ValueError as error:
            raise ValueError("a day such as 2026-09-01") from error

    return Filter(name, _MOMENT, told, read)


CREATED: Final = (
    a_moment("created_from", "Only those made then or later: a day of the book, or a moment with its zone."),
    a_moment("created_before", "Only those made before."),
)


@dataclass(frozen=True, slots=True)
class Listing:
    """A list of one kind of object at an address."""

    kind: str
    url: str
    filters: tuple[Filter, ...] = ()

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """What the address of the list takes."""
        name = self.kind.replace("_", " ")
        article = "an" if name[0] in "aeiou" else "a"
        pages: tuple[Parameter, ...] = (
            ("limit", {"type": "integer", "minimum": 1, "maximum": MOST, "default": USUAL}, "How many at most."),
            ("starting_after", id_text(self.kind), f"The id of {article} {name}: only older ones."),
            ("ending_before", id_text(self.kind), f"The id of {article} {name}: only newer ones, those next to it."),
        )
        return pages + tuple((one.name, one.schema, one.told) for one in self.filters)


Read = Callable[[Mapping[str, Any], Span], list[dict[str, Any]] | None]
"""Reads a page: the filters that were given, by name, and where it lies. Objects as they are shown; None where the span begins nowhere."""


async def page(call: Call, listing: Listing, read: Read) -> dict[str, Any]:
    """The page that was asked for, read as the merchant."""
    asked = call.query_of("limit", "starting_after", "ending_before", *(one.name for one in listing.filters))
    if "starting_after" in asked and "ending_before" in asked:
        raise Problem("invalid_parameter", "Give starting_after or ending_before, not both.")
    limit = _limit(asked.get("limit"))
    after, before = (_cursor(listing.kind, name, asked.get(name)) for name in ("starting_after", "ending_before"))
    zone = call.holder.book.tz
    where = {one.name: _value(one, asked[one.name], zone) for one in listing.filters if one.name in asked}
    found = await call.look(lambda: read(where, Span(limit + 1, after, before)))
    if found is None:
        name = "starting_after" if after else "ending_before"
        raise Problem("invalid_parameter", f"{name} names no {listing.kind.replace('_', ' ')} of yours.")
    more = len(found) > limit
    kept = found[-limit:] if before and more else found[:limit]
    return {"object": "list", "url": listing.url, "has_more": more, "data": kept}


def _value(one: Filter, text: str, zone: ZoneInfo) -> Any:
    if len(text) > _LONGEST:
        raise Problem("invalid_parameter", f"{one.name} is too long.")
    try:
        return one.read(text, zone)
    except ValueError as error:
        raise Problem("invalid_parameter", f"{one.name} is {error}.") from error


def _limit(text: str | None) -> int:
    if text is None:
        return USUAL
    if not (text.isascii() and text.isdigit() and len(text) <= 3 and 1 <= int(text) <= MOST):
        raise Problem("invalid_parameter", f"limit is a whole number from 1 to {MOST}.")
    return int(text)


def _cursor(kind: str, name: str, text: str | None) -> UUID | None:
    if text is None:
        return None
    try:
        return ids.parse(kind, text)
    except ids.BadId as error:
        raise Problem("invalid_parameter", f"{name} is the id of what the list holds, {ids.PREFIXES[kind]}_ and 26 characters.") from error
