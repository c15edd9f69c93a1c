"""Exact checks of balances: an equation, several sources of one figure, a rate. Pure.

What is missing is never taken for zero: a check without all of its figures has failed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from yuefu.money.amounts import Money, total
from yuefu.money.currencies import EXPONENTS

SOURCE_MISSING: Final = "source_missing"  # a figure is not there
BEYOND_TOLERANCE: Final = "beyond_tolerance"  # the figures are there and do not agree
BASE_BALANCE_ZERO: Final = "base_balance_zero"  # there is no rate of nothing
_BASIS_POINTS: Final = 10_000


@dataclass(frozen=True, slots=True)
class Check:
    """Whether figures agree, else the code of the reason. `off` is by how much they do not (None where a figure is missing)."""

    passed: bool
    reason: str
    off: Money | None
    missing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Term:
    """A figure of an equation, with 1 where it is added and −1 where it is taken off; `amount` is None where its source gave none."""

    name: str
    amount: Money | None
    sign: int


def balance(terms: Sequence[Term], tolerance: Money) -> Check:
    """Whether the signed terms add up to zero within `tolerance`, which is inclusive; `off` is their sum. All in one currency."""
    missing = tuple(term.name for term in terms if term.amount is None)
    if missing or not terms:
        return Check(False, SOURCE_MISSING, None, missing)
    parts = [term.amount if term.sign > 0 else -term.amount for term in terms if term.amount is not None]
    return _within(total(parts, tolerance.currency), tolerance)


def consensus(sources: Mapping[str, Money | None], tolerance: Money) -> Check:
    """Whether all sources give one figure: the largest less the smallest is at most `tolerance`, and none of them is missing."""
    missing = tuple(name for name, amount in sources.items() if amount is None)
    given = [amount for amount in sources.values() if amount is not None]
    if missing or not given:
        return Check(False, SOURCE_MISSING, None, missing)
    return _within(max(given) - min(given), tolerance)


def _within(off: Money, tolerance: Money) -> Check:
    passed = -tolerance <= off <= tolerance
    return Check(passed, "" if passed else BEYOND_TOLERANCE, off)


@dataclass(frozen=True, slots=True)
class RateCheck:
    """Whether two balances stand at a rate. `observed` is quote per base in whole units, None of an empty base; `bounds` are inclusive."""

    passed: bool
    reason: str
    observed: Fraction | None
    bounds: tuple[Fraction, Fraction]


def rate(*, base: Money, quote: Money, target: Fraction, tolerance_bps: int) -> RateCheck:
    """Whether `quote` ÷ `base` lies within `tolerance_bps` basis points of `target`. An empty base has failed the check, with its reason."""
    spread = target * Fraction(tolerance_bps, _BASIS_POINTS)
    bounds = (target - spread, target + spread)
    if not base:
        return RateCheck(False, BASE_BALANCE_ZERO, None, bounds)
    observed = _units(quote) / _units(base)
    passed = bounds[0] <= observed <= bounds[1]
    return RateCheck(passed, "" if passed else BEYOND_TOLERANCE, observed, bounds)


def _units(money: Money) -> Fraction:
    return Fraction(money.minor, 10 ** EXPONENTS[money.currency])
