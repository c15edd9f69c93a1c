"""What nights bring many loans at once that go on by themselves: `lifecycle.stretches` over columns, the same cents, loan by loan. Pure."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from yuefu.plans.lifecycle.factors import SCALE
from yuefu.plans.lifecycle.stretches import Stretch
from yuefu.plans.portfolio_rows import Ints

_HALF: Final = SCALE // 2
_MILLION: Final = 10**6


@dataclass(frozen=True, slots=True)
class Stretches:
    """Columns of int64, one entry a loan, each as the field of `Stretch` of its name; days as ordinals."""

    begin: Ints
    bearing: Ints
    nightly: Ints
    whole: Ints
    rest: Ints
    floor: Ints
    discount: Ints
    discount_begin: Ints
    discount_days: Ints

    @classmethod
    def of(cls, given: list[Stretch]) -> Self:
        """The columns of stretches."""
        return cls(*(np.array([getattr(one, field.name) for one in given], np.int64) for field in fields(cls)))


def interest_many(of: Stretches, day: Ints) -> Ints:
    """`Stretch.interest` of each loan by the end of a day, one a loan, in minor units.

    Products are of at most 63 bits: a factor is taken apart into millions and the rest, so that bearing × each fits (`stretch_of` lets no
    larger ones in).
    """
    whole, nights = np.maximum(of.whole, 1), day - of.begin
    by_night = of.nightly > 0
    high, low = np.divmod(_half_even(of.nightly * nights, whole), _MILLION)
    units, left = np.divmod(of.bearing * high, _MILLION)
    units += _half_even_of(units, left * _MILLION + of.bearing * low + of.rest)
    straight = _half_even(of.bearing * np.where(by_night, 0, nights), whole)
    found = np.where(by_night, np.maximum(units, of.floor), straight)
    return np.where(of.whole > 0, found, 0)


def discounted_many(of: Stretches, day: Ints) -> Ints:
    """`Stretch.discounted` of each loan by the end of a day, one a loan, in minor units."""
    passed = np.minimum(day + 1 - of.discount_begin, of.discount_days)
    return _half_even(of.discount * passed, np.maximum(of.discount_days, 1))


def _half_even_of(units: Ints, rest: Ints) -> Ints:
    """Whole units in `rest` parts of 10**-12, rounded so that a tie leaves the sum with `units` even."""
    more, left = np.divmod(rest, SCALE)
    up: Ints = more + ((left > _HALF) | ((left == _HALF) & ((units + more) % 2 == 1)))
    return up


def _half_even(dividend: Ints, divisor: Ints) -> Ints:
    whole, rest = np.divmod(dividend, divisor)
    beyond: NDArray[np.int64] = 2 * rest - divisor
    whole += (beyond > 0) | ((beyond == 0) & (whole % 2 == 1))
    return whole
