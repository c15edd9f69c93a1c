"""Files of items: one JSON object, or a list of them, read exactly. What is wrong is named by item and field: `[2].contract.fee_rate`.

No fault ever repeats what a field holds, because it may be personal data.
"""

from __future__ import annotations

import json
import sys
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Final, Generic, TypeVar

from yuefu.cli import inputs
from yuefu.cli.faults import CommandError, fail
from yuefu.money.amounts import Money, MoneyError
from yuefu.money.rates import Rate

T = TypeVar("T")

LARGEST: Final = 16 << 20
MOST_ITEMS: Final = 5_000
LONGEST_TEXT: Final = 1_000

_KINDS: Final = {
    dict: "an object",
    list: "a list",
    str: "a text",
    int: "a number",
    float: "a number",
    bool: "true or false",
    type(None): "null",
}
_NOTHING: Final = object()


class FieldFault(Exception):
    """What is wrong with an item, and where in the file."""

    def __init__(self, code: str, path: str, detail: str) -> None:
        super().__init__(f"{path}: {detail}")
        self.code = code
        self.path = path
        self.detail = detail


class _Object(dict[str, Any]):
    """A JSON object that remembers a name it was given twice."""

    twice: str | None = None


@dataclass(frozen=True, slots=True)
class Item(Generic[T]):
    """What one item asks for, or why it asks for nothing. `place` is `[2]`, or empty where the file is one object."""

    place: str
    request: T | FieldFault

    def path(self, field: str) -> str:
        return f"{self.place}.{field}".lstrip(".") if field else self.place or "the object"


class Fields:
    """The fields of one object. Each is taken by name with its type; `names` are all there may be, those with `?` may be left out."""

    def __init__(self, value: Any, path: str, names: str) -> None:
        self.path = path
        if not isinstance(value, _Object):
            raise FieldFault("wrong_type", path or "the file", f"this is {_KINDS[type(value)]}, not an object")
        allowed = names.split()
        if value.twice is not None:
            raise FieldFault("duplicate_field", self.at(_name(value.twice)), "this field is there twice")
        for name in value:
            if name not in allowed and f"{name}?" not in allowed:
                raise FieldFault("unknown_field", self.at(_name(name)), f"there is no such field; there are {names.replace('?', '')}")
        for name in allowed:
            if not name.endswith("?") and name not in value:
                raise FieldFault("missing_field", self.at(name), "this field is missing")
        self._value: Mapping[str, Any] = value

    def at(self, name: str) -> str:
        return f"{self.path}.{name}".lstrip(".")

    def has(self, name: str) -> bool:
        return name in self._value

    def _typed(self, name: str, kind: type, said: str) -> Any:
        found = self._value[name]
        if type(found) is not kind:
            raise FieldFault("wrong_type", self.at(name), f"this is {_KINDS.get(type(found), 'an object')}, not {said}")
        return found

    def text(self, name: str) -> str:
        """A text without control characters; JSON can write some that no database keeps."""
        found: str = self._typed(name, str, "a text")
        if len(found) > LONGEST_TEXT:
            raise FieldFault("text_invalid", self.at(name), f"a text has at most {LONGEST_TEXT} characters")
        if any(unicodedata.category(character) in {"Cc", "Cs"} for character in found):
            raise FieldFault("text_invalid", self.at(name), "there is a control character or half a character in this text")
        return found

    def whole(self, name: str) -> int:
        found: int = self._typed(name, int, "a whole number")
        if abs(found) >= 1 << 31:
            raise FieldFault("number_too_large", self.at(name), "this number is too large")
        return found

    def yes_no(self, name: str, *, default: bool) -> bool:
        return bool(self._typed(name, bool, "true or false")) if name in self._value else default

    def day(self, name: str) -> date:
        try:
            return inputs.day(self.text(name))
        except CommandError:
            raise FieldFault("bad_date", self.at(name), "this is not a day of the calendar, written YYYY-MM-DD") from None

    def percent(self, name: str) -> Rate:
        """A percentage as a text, "0.60": a JSON number may have been rounded by whoever wrote it."""
        try:
            return Rate.parse_percent(self.text(name))
        except ValueError:
            detail = 'this is not a percentage as a text like "0.60", at most 4 decimals and 100000'
            raise FieldFault("percent_invalid", self.at(name), detail) from None

    def currency(self, expected: str) -> str:
        """The field `currency`, which has to be that of the book."""
        if self.text("currency") != expected:
            raise FieldFault("currency_differs", self.at("currency"), f"the currency of this book is {expected}")
        return expected

    def money(self, name: str, currency: str) -> Money:
        """An amount as a text, "1999.00"."""
        try:
            return Money.parse(self.text(name), currency)
        except MoneyError as error:
            raise FieldFault(error.code, self.at(name), error.detail) from None

    def inside(self, name: str, names: str) -> Fields:
        return Fields(self._value[name], self.at(name), names)

    def each(self, name: str, names: str) -> list[Fields]:
        """The objects of a list; one that may be left out is then empty."""
        if name not in self._value:
            return []
        return [Fields(value, f"{self.at(name)}[{i}]", names) for i, value in enumerate(self._bounded(name))]

    def wholes(self, name: str) -> tuple[int, ...]:
        """A list of whole numbers."""
        found = self._bounded(name)
        for i, value in enumerate(found):
            if type(value) is not int or abs(value) >= 1 << 31:
                raise FieldFault("wrong_type", f"{self.at(name)}[{i}]", "this is not a whole number of a sensible size")
        return tuple(found)

    def _bounded(self, name: str) -> list[Any]:
        found: list[Any] = self._typed(name, list, "a list")
        if len(found) > LONGEST_TEXT:
            raise FieldFault("too_many", self.at(name), f"a list has at most {LONGEST_TEXT} elements")
        return found


def _name(name: str) -> str:
    """A field's name as it may be printed."""
    return name if len(name) <= 40 and name.isprintable() else f"{name[:40]!a}…"


def read(file: str, names: str, build: Callable[[Fields, str], T], *, key: str | None = None) -> list[Item[T]]:
    """The items of a file (`-` is standard input), each built from its fields and its key.

    An item's key is its own field `key`; else it is made of `key` and its place in the file; else it is a new one.
    """
    whole = _parsed(_content(file), "standard input" if file == "-" else file)
    if isinstance(whole, _Object):
        return [_item(whole, "", names, build, key)]
    if not isinstance(whole, list):
        fail("wrong_type", f"A file holds an object or a list of objects, not {_KINDS[type(whole)]}.")
    if not whole:
        fail("nothing_given", "The list is empty.")
    if len(whole) > MOST_ITEMS:
        fail("too_many", f"A file has at most {MOST_ITEMS} items, not {len(whole)}.")
    base = None if key is None else inputs.key_or_new(key)
    return [_item(value, f"[{i}]", names, build, None if base is None else f"{base}:{i}") for i, value in enumerate(whole)]


def one(file: str, names: str, build: Callable[[Fields, str], T], *, what: str) -> T:
    """What a file that is about one thing asks for; a list is refused, and told that it is `what`: "An account is one object"."""
    given = read(file, names, build)
    if len(given) > 1 or given[0].place:
        fail("wrong_type", f"{what}, not a list.")
    asked = given[0].request
    if isinstance(asked, FieldFault):
        fail(asked.code, str(asked))
    return asked


def _item(value: Any, place: str, names: str, build: Callable[[Fields, str], T], key: str | None) -> Item[T]:
    try:
        fields = Fields(value, place, f"key? {names}")
        return Item(place, build(fields, _key(fields, key)))
    except FieldFault as fault:
        return Item(place, fault)


def _key(fields: Fields, given: str | None) -> str:
    wanted = fields.text("key") if fields.has("key") else given
    try:
        return inputs.key_or_new(wanted)
    except CommandError as error:
        raise FieldFault(error.fault.code, fields.at("key"), error.fault.detail) from None


def _content(file: str) -> bytes:
    if file != "-":
        path = Path(file)
        if path.is_file() and path.stat().st_size > LARGEST:
            fail("too_large", f"{file} is larger than {LARGEST >> 20} MiB.")
        return inputs.file_content(path)
    found = sys.stdin.buffer.read(LARGEST + 1)
    if len(found) > LARGEST:
        fail("too_large", f"Standard input is larger than {LARGEST >> 20} MiB.")
    return found


def _parsed(content: bytes, name: str) -> Any:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        fail("bad_encoding", f"{name} is not UTF-8: byte {error.start} of it is 0x{content[error.start]:02x}.")
    try:
        return json.loads(text, object_pairs_hook=_object, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        fail("bad_json", f"{name} is not JSON: {error.msg} in line {error.lineno}, column {error.colno}.")
    except (ValueError, RecursionError):
        fail("bad_json", f"{name} is not JSON that can be read: nested too deep, NaN, or a number of thousands of digits.")


def _object(pairs: list[tuple[str, Any]]) -> _Object:
    made = _Object()
    for name, value in pairs:
        if name in made and made.twice is None:
            made.twice = name
        made[name] = value
    return made


def _no_constant(name: str) -> None:
    raise ValueError(name)
