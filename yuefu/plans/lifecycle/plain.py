"""Terms, events and states as plain values of JSON, there and back: what a loan book keeps.

Every field is written, also where it has its default, so that a default of tomorrow changes no loan of today. A field that a value was written
without, because there was none yet, is read as its default: which therefore has to say what the rules did before.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, fields, replace
from datetime import date
from enum import Enum
from functools import cache
from operator import attrgetter
from types import NoneType, UnionType
from typing import Any, Final, Union, cast, get_args, get_origin

from yuefu.dates.calendars import Calendar
from yuefu.money.amounts import Money
from yuefu.money.rates import Rate
from yuefu.plans.faults import PlanError
from yuefu.plans.lifecycle.events import Event, Undone
from yuefu.plans.lifecycle.kinds import declared_of
from yuefu.plans.lifecycle.rows import COLUMNS
from yuefu.plans.lifecycle.terms import LoanTerms, Part
from yuefu.plans.lifecycle.work import LoanState

NOT_READABLE: Final = "not_readable"  # a stored value is not of the form it is written in
CALENDAR_UNKNOWN: Final = "calendar_unknown"  # the calendar that the terms name was not given

STATE_FORMAT: Final = 1  # a checkpoint of another format is made anew from the events
_SCALARS: Final = tuple(field.name for field in fields(LoanState) if field.name not in {"terms", "columns", "seen_on"})
_scalars_of: Final = attrgetter(*_SCALARS)
_KNOWN: Final = frozenset(_SCALARS)
_INTS: Final = frozenset(name for name in _SCALARS if declared_of(LoanState)[name] is int)


class PlainError(PlanError):
    """A plain value that cannot be read; `field` is the path to what is wrong in it."""


def written(value: Any) -> Any:
    """A value of terms or events in JSON: dataclasses as objects, amounts as {minor, currency}, rates as {ppm}, days in ISO 8601, words as
    their values, a calendar by its name and version."""
    kind = type(value)
    if value is None or kind is int or kind is str or kind is bool:
        return value
    if kind is Money:
        return {"minor": value.minor, "currency": value.currency}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, tuple):
        return [written(one) for one in value]
    if isinstance(value, Calendar):
        return {"calendar": value.name, "version": value.version}
    return {name: written(getattr(value, name)) for name in value.__slots__}


def written_event(entry: Event | Undone) -> dict[str, Any]:
    """An event, or that one was undone, with its `kind`."""
    return {"kind": kind_of(entry), **written(entry)}


def kind_of(entry: Event | Undone) -> str:
    """The word for a kind of event: `paid_off` for PaidOff."""
    return _KIND_OF[type(entry)]


def read_terms(plain: object, calendars: Mapping[tuple[str, str], Calendar] | None = None) -> LoanTerms:
    """Terms as they were written, with the calendar they name out of `calendars` (by name and version). Raises PlainError where they are of
    another form, and TermsError as the terms themselves do."""
    return cast(LoanTerms, _Reader(calendars or {}).value(LoanTerms, plain, ""))


def written_sheet(terms: LoanTerms) -> dict[str, Any]:
    """What terms have in common with those of other loans of a product, as `written` has it: all but the loan's own, principal and days."""
    return {name: written(getattr(terms, name)) for name in _SHARED}


def sheet_texts(agreed: Sequence[LoanTerms], dumps: Callable[[dict[str, Any]], str]) -> list[str]:
    """`written_sheet` of each of many terms, as text. What is the same in many is written once."""
    texts: dict[tuple[Any, ...], str] = {}
    found = []
    for terms in agreed:
        shared = _shared_of(terms)
        text = texts.get(shared)
        if text is None:
            text = texts[shared] = dumps(written_sheet(terms))
        found.append(text)
    return found


def read_sheet(plain: object, own: LoanTerms | Mapping[str, Any]) -> LoanTerms:
    """Terms of a sheet as it was written, for one loan: `own` has its principal and days. Raises as `read_terms`."""
    if not isinstance(plain, Mapping):
        raise PlainError(NOT_READABLE, "A sheet of terms is an object.", "")
    values = own if isinstance(own, Mapping) else {name: getattr(own, name) for name in _OWN}
    return read_terms({**plain, **{name: written(values[name]) for name in _OWN}})


def on_sheet(
    model: LoanTerms, *, principal: Money, disbursed_on: date, first_due_on: date | None, due_days: tuple[date, ...] | None
) -> LoanTerms:
    """The terms of another loan of the same sheet, which were checked when they were agreed and are not again."""
    new = object.__new__(LoanTerms)
    for put, value in zip(_PUT_SHARED, _shared_of(model), strict=True):
        put(new, value)
    for put, value in zip(_PUT_OWN, (principal, disbursed_on, first_due_on, due_days), strict=True):
        put(new, value)
    return new


def read_event(plain: object) -> Event | Undone:
    """An event as it was written. Raises PlainError where it is of another form, and LoanError as the event itself does."""
    kind = plain.get("kind") if isinstance(plain, Mapping) else None
    if not isinstance(plain, Mapping) or not isinstance(kind, str) or kind not in _OF_KIND:
        raise PlainError(NOT_READABLE, f"An event is an object whose kind is one of {', '.join(sorted(_OF_KIND))}.", "kind")
    rest = {name: value for name, value in plain.items() if name != "kind"}
    return cast(Event | Undone, _Reader({}).value(_OF_KIND[kind], rest, ""))


def recalled_event(plain: Mapping[str, Any]) -> Event | Undone:
    """An event out of a loan book of our own, which checked it when it was entered: as `read_event` reads it, in a tenth of the time."""
    try:
        kind = _OF_KIND[plain["kind"]]
        takes = _RECALLED[kind]
        if len(plain) == len(takes) + 1:
            new = object.__new__(kind)
            for name, put, take in takes:
                put(new, take(plain[name]))
            return cast(Event | Undone, new)
    except (KeyError, TypeError, ValueError, AttributeError):
        pass
    return read_event(plain)  # of an older form, or wrong: it says what


def written_state(state: LoanState) -> dict[str, Any]:
    """A checkpoint of a loan without its terms: what is nothing in all rows is left out. Raises ValueError for a state that was only looked at."""
    if state.seen_on:
        raise ValueError("A view of a loan on a later day is no checkpoint.")
    nothing = _nothing_in(len(state.columns[0]))
    columns = {name: values for name, values in zip(COLUMNS, state.columns, strict=True) if values is not nothing and any(values)}
    scalars = {name: value for name, value in zip(_SCALARS, _scalars_of(state), strict=True) if value}
    if state.written_off_on:
        scalars["given_up"] = state.given_up  # also where that is nothing: a checkpoint without it is of an older form
    begun = state.terms.disbursed_on.isoformat()  # which the first disbursement may have moved
    return {
        "format": STATE_FORMAT,
        "disbursed_on": begun,
        "rows": len(state.columns[0]),
        **scalars,
        "columns": columns,
    }


def read_state(terms: LoanTerms, plain: Mapping[str, Any]) -> LoanState | None:
    """The checkpoint of a loan of `terms`, as they were agreed; None where it is of another format, or does not say what a write-off gave up, as none
    did at first, and the loan has to be replayed."""
    if plain.get("format") != STATE_FORMAT or ("written_off_on" in plain and "given_up" not in plain):
        return None
    nothing, given = _nothing_in(plain["rows"]), plain["columns"].get
    columns = tuple([tuple(given(name, nothing)) for name in COLUMNS])  # of a tuple, the tuple itself
    scalars: dict[str, Any] = {name: value if name in _INTS else _read_list(name, value) for name, value in plain.items() if name in _KNOWN}
    begun = date.fromisoformat(plain["disbursed_on"])
    return LoanState(terms if begun == terms.disbursed_on else replace(terms, disbursed_on=begun), columns, **scalars)


@cache
def _nothing_in(rows: int) -> tuple[int, ...]:
    """A column in which is nothing, one for all states."""
    return (0,) * rows


def _read_list(name: str, plain: Any) -> tuple[Any, ...]:
    """A list of a state: entries of whole numbers, and of the word for a part in each charge."""
    if name == "charges":
        return tuple((on, Part(part), minor) for on, part, minor in plain)
    return tuple(map(tuple, plain))


_OWN: Final = ("principal", "disbursed_on", "first_due_on", "due_days")
_SHARED: Final = tuple(field.name for field in fields(LoanTerms) if field.name not in _OWN)
_SLOTS: Final[Mapping[str, Any]] = LoanTerms.__dict__  # their members know their place, whatever `frozen` says
_shared_of: Final = attrgetter(*_SHARED)
_PUT_SHARED: Final = tuple(_SLOTS[name].__set__ for name in _SHARED)
_PUT_OWN: Final = tuple(_SLOTS[name].__set__ for name in _OWN)

_KIND_OF: Final = {kind: re.sub(r"(?<!^)(?=[A-Z])", "_", kind.__name__).lower() for kind in (*get_args(Event), Undone)}
_OF_KIND: Final = {word: kind for kind, word in _KIND_OF.items()}
KINDS: Final = frozenset(_OF_KIND)
"""The words for all kinds of facts."""


def _taker(declared: Any) -> Callable[[Any], Any]:
    """What makes the value of a field of an event out of its plain value."""
    kinds = [kind for kind in get_args(declared) if kind is not NoneType] if get_origin(declared) in {Union, UnionType} else [declared]
    optional, (kind,) = kinds != [declared], kinds
    if kind is date:
        take: Callable[[Any], Any] = date.fromisoformat
    elif kind is Money:
        take = lambda plain: Money(plain["minor"], plain["currency"])  # noqa: E731
    elif kind is Rate:
        take = lambda plain: Rate(plain["ppm"])  # noqa: E731
    elif kind in {int, bool, str}:
        take = lambda plain: plain  # noqa: E731
    else:
        take = {word.value: word for word in kind}.__getitem__
    return (lambda plain: None if plain is None else take(plain)) if optional else take


_RECALLED: Final = {
    kind: tuple((field.name, kind.__dict__[field.name].__set__, _taker(declared_of(kind)[field.name])) for field in fields(kind))
    for kind in _KIND_OF
}


class _Reader:
    """Reads plain values of a declared kind; `at` is the path to a value, for who has to find it."""

    def __init__(self, calendars: Mapping[tuple[str, str], Calendar]) -> None:
        self.calendars = calendars

    def value(self, declared: Any, plain: object, at: str) -> Any:
        origin = get_origin(declared)
        if origin in {Union, UnionType}:
            return self._one_of(get_args(declared), plain, at)
        if origin is tuple:
            return self._tuple(get_args(declared), plain, at)
        if declared is date:
            return self._day(plain, at)
        if declared in {int, bool, str}:
            if type(plain) is not declared:
                self._refuse(at, f"{declared.__name__}", plain)
            return plain
        if declared is NoneType:
            return None if plain is None else self._refuse(at, "null", plain)
        if issubclass(declared, Enum):
            return self._word(declared, plain, at)
        return self._object(declared, plain, at)

    def _one_of(self, kinds: tuple[Any, ...], plain: object, at: str) -> Any:
        """The first kind that the form of the value fits."""
        for kind in kinds:
            try:
                return self.value(kind, plain, at)
            except PlainError as error:
                if error.code != NOT_READABLE:
                    raise
        return self._refuse(at, " or ".join(getattr(kind, "__name__", str(kind)) for kind in kinds), plain)

    def _tuple(self, members: tuple[Any, ...], plain: object, at: str) -> Any:
        if not isinstance(plain, list):
            return self._refuse(at, "a list", plain)
        kinds = (members[0],) * len(plain) if members[-1] is Ellipsis else members
        if len(kinds) != len(plain):
            return self._refuse(at, f"a list of {len(kinds)}", plain)
        return tuple(self.value(kind, one, f"{at}[{n}]") for n, (kind, one) in enumerate(zip(kinds, plain, strict=True)))

    def _day(self, plain: object, at: str) -> Any:
        try:
            return date.fromisoformat(plain) if isinstance(plain, str) and len(plain) == 10 else self._refuse(at, "a day", plain)
        except ValueError:
            return self._refuse(at, "a day", plain)

    def _word(self, declared: type[Enum], plain: object, at: str) -> Any:
        return next((one for one in declared if one.value == plain), None) or self._refuse(at, f"a {declared.__name__}", plain)

    def _object(self, declared: type[Any], plain: object, at: str) -> Any:
        if not isinstance(plain, Mapping):
            return self._refuse(at, "an object", plain)
        if declared is Calendar:
            return self._calendar(plain, at)
        known = declared_of(declared)
        needed = {field.name for field in fields(declared) if field.default is MISSING and field.default_factory is MISSING}
        for name in plain:
            if name not in known:
                self._refuse(_path(at, name), "nothing", plain[name])
        missing = sorted(needed - set(plain))
        if missing:
            self._refuse(_path(at, missing[0]), "there", None)
        given = {name: self.value(known[name], one, _path(at, name)) for name, one in plain.items()}
        try:
            return declared(**given)
        except PlanError:
            raise
        except ValueError as error:  # an amount or a rate that cannot be
            raise PlainError(NOT_READABLE, str(error), at) from error

    def _calendar(self, plain: Mapping[str, Any], at: str) -> Calendar:
        key = (str(plain.get("calendar")), str(plain.get("version")))
        if key not in self.calendars:
            raise PlainError(CALENDAR_UNKNOWN, f"The calendar {key[0]} of version {key[1]} is not known here.", at)
        return self.calendars[key]

    def _refuse(self, at: str, wanted: str, plain: object) -> Any:
        raise PlainError(NOT_READABLE, f"{at or 'The value'} has to be {wanted}, not {plain!r:.60}.", at)


def _path(at: str, name: str) -> str:
    return f"{at}.{name}" if at else str(name)
