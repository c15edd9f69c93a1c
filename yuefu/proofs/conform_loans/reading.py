"""The values of a case as what they should be: each that is of another kind is told with where it stands and what would do.

What is left out, or null, is absent; nothing else is: 0, an empty text and an empty list are values, and read as such.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final

from yuefu.money.amounts import Money
from yuefu.money.rates import Rate
from yuefu.proofs.cases import Unreadable, Unsupported

CURRENCY: Final = "USD"  # amounts of the cases are in no currency; they have two decimals

_SHOWN_AT_MOST: Final = 60
_MOST_DIGITS: Final = 9
_YEARS: Final = range(1900, 2200)
_MOST_PLACES: Final = 20
_PPM_IN_A_PERCENT: Final = 10_000


def unreadable(value: Any, at: str, wanted: str) -> Unreadable:
    """What is said of a value that is not what is `wanted`."""
    if value is None:
        return Unreadable(f"{at}: missing, it is {wanted}")
    return Unreadable(f"{at}: {shown(value)} is not {wanted}")


def shown(value: Any) -> str:
    """A value of a case as a short text."""
    text = str(value) if isinstance(value, Decimal) or (isinstance(value, str) and value) else json.dumps(value, default=str)
    return text if len(text) <= _SHOWN_AT_MOST else f"{text[:_SHOWN_AT_MOST]}…"


def money(value: Any, at: str) -> Money:
    """An exact amount; zeros beyond two decimals do no harm. Raises Unreadable."""
    whole, point, decimals = str(value).partition(".")
    try:
        if isinstance(value, bool) or not isinstance(value, int | Decimal | str):
            raise ValueError("no amount")
        return Money.parse(f"{whole}.{decimals[:2]}" + decimals[2:].rstrip("0") if point else whole, CURRENCY)
    except ValueError as error:
        raise unreadable(value, at, "an amount with two decimals") from error


def day(value: Any, at: str) -> date:
    """A day of these centuries, ISO or "05 July 2023". Raises Unreadable."""
    if isinstance(value, str):
        for read in (date.fromisoformat, lambda text: datetime.strptime(text, "%d %B %Y").date()):  # noqa: DTZ007 - a day has no zone
            try:
                found = read(value)
            except ValueError:
                continue
            if found.year in _YEARS:
                return found
    raise unreadable(value, at, f"a day (2023-07-05 or 05 July 2023) from {_YEARS[0]} to {_YEARS[-1]}")


def number(value: Any, at: str) -> Decimal:
    """An exact number that could be a rate or a factor. Raises Unreadable."""
    try:
        if isinstance(value, bool) or not isinstance(value, int | Decimal | str):
            raise ValueError("no number")
        said = Decimal(str(value))
        if not said.is_finite() or abs(said.adjusted()) > _MOST_PLACES:
            raise ValueError("no such number")
    except (ValueError, ArithmeticError) as error:
        raise unreadable(value, at, "a number") from error
    return said


def percent(value: Any, at: str) -> Rate:
    """A rate of so many per cent, at most four decimals. Raises Unreadable."""
    ppm = number(value, at) * _PPM_IN_A_PERCENT
    if ppm != int(ppm) or ppm < 0:
        raise unreadable(value, at, "a number of per cent with at most four decimals, not below zero")
    return Rate(int(ppm))


def count(value: Any, at: str) -> int:
    """A whole number from zero on, also as text. Raises Unreadable."""
    text = str(value)
    if isinstance(value, bool) or not isinstance(value, int | str) or not (text.isascii() and text.isdecimal()) or len(text) > _MOST_DIGITS:
        raise unreadable(value, at, "a whole number from 0 on")
    return int(text)


def flag(value: Any, at: str) -> bool:
    """true or false; false where it is absent. Raises Unreadable."""
    if value is not None and not isinstance(value, bool):
        raise unreadable(value, at, "true or false")
    return bool(value)


def word(value: Any, at: str) -> str:
    """A text that says something. Raises Unreadable."""
    if not isinstance(value, str) or not value.strip():
        raise unreadable(value, at, "a text")
    return value


def one_of(table: Mapping[str, Any], value: Any, at: str) -> Any:
    """What a table says of a word, whatever its case. Raises Unsupported for another word, Unreadable for what is none."""
    if word(value, at).upper() not in table:
        raise Unsupported(f"{at}: {shown(value)}")
    return table[value.upper()]


def mapping(value: Any, at: str) -> Mapping[str, Any]:
    """A JSON object; an empty one where it is absent. Raises Unreadable."""
    if value is not None and not isinstance(value, Mapping):
        raise unreadable(value, at, "an object")
    return value if isinstance(value, Mapping) else {}


def items(value: Any, at: str) -> Sequence[Any]:
    """A JSON list; an empty one where it is absent. Raises Unreadable."""
    if value is not None and not isinstance(value, list):
        raise unreadable(value, at, "a list")
    return value if isinstance(value, list) else []


def objects(value: Any, at: str) -> Sequence[Mapping[str, Any]]:
    """A list of JSON objects; an empty one where it is absent. Raises Unreadable."""
    found = items(value, at)
    for i, one in enumerate(found):
        if not isinstance(one, Mapping):
            raise unreadable(one, f"{at}[{i}]", "an object")
    return found


def only(values: Mapping[str, Any], known: frozenset[str] | set[str], at: str) -> None:
    """Raises Unsupported for each key that is not known."""
    unknown = [f"{at}.{key}" for key in values if key not in known]
    if unknown:
        raise Unsupported(*unknown)
