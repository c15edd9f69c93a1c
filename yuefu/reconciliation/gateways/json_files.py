"""Files of JSON, and the values in them: read exactly or refused with BillError."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NoReturn

from yuefu.money.amounts import Money
from yuefu.reconciliation.gateways.cells import AMOUNT_LIMIT, places_of_stated
from yuefu.reconciliation.gateways.streams import BOM, Source
from yuefu.reconciliation.rules.bills import BillError

# A document is in memory as a whole, a dozen times as large as its text.
_SIZE_LIMIT = 128 << 20


def load(source: Source) -> Mapping[str, Any]:
    """The object in a file. Names that stand twice, numbers that are none and depths without end are refused."""
    pieces, size = [], 0
    while piece := source.read(1 << 20):
        pieces.append(piece)
        size += len(piece)
        if size > _SIZE_LIMIT:
            raise BillError("too_large", f"The JSON file is larger than {_SIZE_LIMIT >> 20} MiB: fetch it in parts by date.")
    try:
        text = b"".join(pieces).removeprefix(BOM).decode()
        found = json.loads(text, object_pairs_hook=_object, parse_constant=_no_constant)
    except UnicodeDecodeError as error:
        raise BillError("bad_encoding", "The JSON file is not UTF-8.") from error
    except json.JSONDecodeError as error:
        raise BillError("truncated", f"The JSON file is cut short or damaged: {error.msg}.", error.lineno) from error
    except (ValueError, RecursionError) as error:
        raise BillError("truncated", "The JSON file has a number or a depth that no bill has.") from error
    if not isinstance(found, dict):
        raise BillError("unknown_layout", "The JSON file holds no object, so it is no bill that is known.", 1)
    return found


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise BillError("unknown_layout", "An object of the JSON file has one name twice.")
    return found


def _no_constant(name: str) -> NoReturn:
    raise BillError("bad_amount", f"The JSON file holds {name}, which is no amount.")


def objects(document: Mapping[str, Any], name: str) -> Sequence[Mapping[str, Any]]:
    """The objects in the list `name`. The number of one, from 1, stands for the line in what is said of its faults."""
    found = document.get(name)
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise BillError("unknown_layout", f"'{name}' in the JSON file is not a list of objects.")
    return found


def text_of(one: Mapping[str, Any], name: str, number: int, *, needed: bool = False) -> str:
    found = one.get(name)
    if found is None and not needed:
        return ""
    if not isinstance(found, str) or (needed and not found):
        raise BillError("missing_column" if found is None else "bad_text", f"Entry {number} has no text '{name}'.", number)
    return found


def minor_of(one: Mapping[str, Any], name: str, number: int, *, needed: bool = True) -> int:
    """An amount in whole minor units; a fraction, an exponent or a text is none."""
    found = one.get(name)
    if found is None and not needed:
        return 0
    if type(found) is not int or abs(found) > AMOUNT_LIMIT:
        code = "missing_column" if found is None else "bad_amount"
        raise BillError(code, f"Entry {number} has no '{name}' in whole minor units.", number)
    return found


def moment_of(one: Mapping[str, Any], name: str, number: int) -> datetime:
    """A moment in ISO 8601, without its zone: as UTC where it states one."""
    text = text_of(one, name, number, needed=True)
    try:
        found = datetime.fromisoformat(text)
        return found.astimezone(UTC).replace(tzinfo=None) if found.tzinfo else found
    except (ValueError, OverflowError) as error:
        raise BillError("bad_time", f"Entry {number} has a '{name}' that is no moment in ISO 8601: '{text[:40]}'.", number) from error


def currency_of(one: Mapping[str, Any], name: str, number: int, wanted: str | None) -> str:
    """The currency that an entry states, which must be the one that is wanted, if one is."""
    found = text_of(one, name, number, needed=True)
    places_of_stated(found, number)
    if wanted not in (None, found):
        raise BillError("other_currency", f"Entry {number} is in {found}, the file is read in {wanted}.", number)
    return found


def money_of(minor: int, currency: str, number: int) -> Money:
    if abs(minor) > AMOUNT_LIMIT:
        raise BillError("bad_amount", f"Entry {number} has an amount beyond every limit.", number)
    return Money(minor, currency)
