"""One file matched against another, and the proof of what came out: no row and no cent of either side is lost or doubled."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import narwhals as nw
from narwhals.exceptions import NarwhalsError

from yuefu.money.amounts import LARGEST_MINOR
from yuefu.reconciliation.matching.classes import BALANCED, COLUMNS, NEVER_NULL, SIDES, Class
from yuefu.reconciliation.matching.engines.opening import Engine
from yuefu.reconciliation.matching.expression import DAYS_APART, Frame, matched

Say = Callable[[str], None]

_COUNTED = (nw.len().alias("rows"), nw.col("amount_minor").sum().alias("minor"))


def say_nothing(text: str) -> None:
    """Nobody watches."""
    del text


@dataclass(frozen=True, slots=True)
class Sum:
    """Rows of a side and class in one currency, and what they come to. `by_pass` is None where nothing was paired."""

    side: str
    found: Class
    by_pass: int | None
    currency: str
    rows: int
    minor: int


class NotAddingUp(Exception):
    """What was written does not hold the rows and sums of what was read: nobody may use it."""

    def __init__(self, detail: str) -> None:
        self.code = "not_adding_up"
        self.detail = detail
        super().__init__(detail)


class BadSide(Exception):
    """A file that cannot be read as one of the sides."""

    def __init__(self, detail: str) -> None:
        self.code = "bad_side"
        self.detail = detail
        super().__init__(detail)


class MatchFailed(Exception):
    """The engine could not carry it out."""

    def __init__(self, detail: str) -> None:
        self.code = "match_failed"
        self.detail = detail
        super().__init__(detail)


def match_files(
    engine: Engine, *, here: str, there: str, into: Sequence[str], days_apart: int = DAYS_APART, say: Say = say_nothing
) -> list[Sum]:
    """Matches `here` with `there`, writes what was found of each to the two paths of `into`, reads it again and proves that it adds up.

    Returns the sums by side, class, pass and currency. Raises BadSide for a file that is no such side, MatchFailed where the engine gives up, and
    NotAddingUp; what was written is of no use then.
    """
    paths = dict(zip(SIDES, (here, there), strict=True))
    given = {side: _given(engine, path) for side, path in paths.items()}
    totals = {side: _totals(engine, frame, paths[side]) for side, frame in given.items()}
    say("matching")
    with _engine_may_fail(engine, MatchFailed, "The engine cannot match the two sides"):
        for frame, path in zip(matched(*given.values(), keep=engine.keep, days_apart=days_apart), into, strict=True):
            say(f"writing {path}")
            engine.write(frame, path)
        say("proving")
        sums = [one for side, path in zip(SIDES, into, strict=True) for one in _sums(engine, side, engine.read(path))]
    try:
        prove(totals, sums)
    except NotAddingUp:
        for side, frame in given.items():
            _require_unique(engine, frame, paths[side])
        raise
    return sums


@contextmanager
def _engine_may_fail(engine: Engine, told: type[BadSide | MatchFailed], what: str) -> Iterator[None]:
    """What an engine says of a side that it cannot read to its end, or of a sum beyond its numbers. A fault of ours is told as what it is."""
    its_own: tuple[type[Exception], ...] = (*engine.errors, NarwhalsError)
    try:
        yield
    except its_own as error:
        raise told(f"{what}: {(str(error).strip().splitlines() or [type(error).__name__])[0]:.200}") from error


def _require_unique(engine: Engine, side: Frame, path: str) -> None:
    """Ids that stand twice make rows that are lost or doubled. To look for them always would take as long as to match."""
    with _engine_may_fail(engine, BadSide, f"{path} cannot be read"):
        twice = engine.rows(side.group_by("id").agg(nw.len().alias("rows")).filter(nw.col("rows") > 1).select("id", "rows").head(1))
    if twice:
        raise BadSide(f"{path}: the id {twice[0][0]!r:.60} is that of {twice[0][1]} rows; an id is of one row.")


def _given(engine: Engine, path: str) -> Frame:
    """A side, whose columns are looked at before anything is done: an amount that is no whole number would be matched wrongly, and silently."""
    with _engine_may_fail(engine, BadSide, f"{path} cannot be read as Parquet"):
        side = engine.read(path)
        found = side.collect_schema()
    wrong = [f"{name} is to be {kind}, not {found.get(name, 'missing')}" for name, kind in COLUMNS.items() if found.get(name) != kind]
    if wrong:
        raise BadSide(f"{path}: {'; '.join(wrong)}.")
    return side


def prove(totals: dict[str, dict[str, tuple[int, int]]], sums: Iterable[Sum]) -> None:
    """`totals` has by side and currency how many rows went in and their sum. Raises NotAddingUp unless what came out has the same, and what matched
    comes to the same on both sides.
    """
    sums = list(sums)
    for side, given in totals.items():
        rows, minor = _by_currency(one for one in sums if one.side == side)
        found = {currency: (rows[currency], minor[currency]) for currency in rows}
        if found != given:
            raise NotAddingUp(f"Rows and sums {side} are {given} in what was read, {found} in what was found.")
    for held in BALANCED:
        _, here = _by_currency(one for one in sums if one.found is held and one.side == "here")
        _, there = _by_currency(one for one in sums if one.found is held and one.side == "there")
        if here != there:
            raise NotAddingUp(f"What is {held} comes to {dict(here)} here and to {dict(there)} there.")


def _by_currency(sums: Iterable[Sum]) -> tuple[Counter[str], Counter[str]]:
    rows, minor = Counter[str](), Counter[str]()
    for one in sums:
        rows[one.currency] += one.rows
        minor[one.currency] += one.minor
    return rows, minor


def _totals(engine: Engine, side: Frame, path: str) -> dict[str, tuple[int, int]]:
    """Rows and their sum by currency. Raises BadSide where a value is null that may not be, or an amount beyond every limit."""
    asked = [name for name in NEVER_NULL if name != "currency"]
    nulls = [nw.col(name).is_null().cast(nw.Int64).sum().alias(f"without_{name}") for name in asked]
    beyond = (~nw.col("amount_minor").is_between(-LARGEST_MINOR, LARGEST_MINOR)).cast(nw.Int64).sum().alias("beyond")
    with _engine_may_fail(engine, BadSide, f"{path} cannot be read"):
        found = engine.rows(side.group_by("currency").agg(*_COUNTED, beyond, *nulls))
    if any(far for _, _, _, far, *_ in found):
        raise BadSide(f"{path}: an amount in it is beyond {LARGEST_MINOR} minor units, as none is.")
    empty = {name for _, _, _, _, *counts in found for name, count in zip(asked, counts, strict=True) if count}
    if any(currency is None for currency, *_ in found):
        empty.add("currency")
    if empty:
        raise BadSide(f"{path}: {', '.join(sorted(empty))} may not be null in any row.")
    return {currency: (rows, int(minor)) for currency, rows, minor, *_ in found}


def _sums(engine: Engine, side: str, found: Frame) -> list[Sum]:
    counted: list[tuple[Any, ...]] = engine.rows(found.group_by("class", "pass", "currency").agg(*_COUNTED))
    sums = [Sum(side, Class(word), by_pass, currency, rows, int(minor)) for word, by_pass, currency, rows, minor in counted]
    return sorted(sums, key=lambda one: (one.currency, one.found, one.by_pass or 0))
