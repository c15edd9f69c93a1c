"""Exact division with a named rounding, and rates in parts per million."""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Self

from yuefu.money.amounts import Money

LARGEST_PPM: Final = 10**9
_PERCENT = re.compile(r"([0-9]{1,6})(?:\.([0-9]{1,4}))?")


class Rounding(StrEnum):
    """How a division ends. All five are symmetric about zero: UP is away from it, DOWN towards it."""

    HALF_UP = "half_up"
    HALF_DOWN = "half_down"
    HALF_EVEN = "half_even"
    UP = "up"
    DOWN = "down"


def divide(n: int, d: int, rounding: Rounding) -> int:
    """n / d as a whole number, exact up to the one rounding named. Raises ZeroDivisionError for d = 0."""
    if rounding is Rounding.HALF_EVEN and d > 0:  # as most are: what is even is so on both sides of zero, so nothing has to be turned round
        quotient, rest = divmod(n, d)
        return quotient + 1 if 2 * rest > d or (2 * rest == d and quotient & 1) else quotient
    quotient, rest = divmod(abs(n), abs(d))
    if rest and _rounds_away(quotient, 2 * rest - abs(d), rounding):
        quotient += 1
    return -quotient if (n < 0) != (d < 0) else quotient


def _rounds_away(quotient: int, beyond_half: int, rounding: Rounding) -> bool:
    """Whether a non-zero rest takes the quotient one further from zero; `beyond_half` has the sign of rest - half."""
    if rounding is Rounding.HALF_EVEN:
        return beyond_half > 0 or (beyond_half == 0 and quotient % 2 == 1)
    if rounding is Rounding.HALF_UP:
        return beyond_half >= 0
    if rounding is Rounding.HALF_DOWN:
        return beyond_half > 0
    if rounding is Rounding.UP:
        return True
    if rounding is Rounding.DOWN:
        return False
    raise ValueError(f"Unknown rounding {rounding!r}.")


@dataclass(frozen=True, slots=True, order=True)
class Rate:
    """A share in parts per million: 0.60 % is 6000 ppm, 100 % is 1,000,000. From 0 to 10**9 ppm; ValueError beyond."""

    ppm: int

    def __post_init__(self) -> None:
        if type(self.ppm) is not int:
            raise ValueError(f"A rate is an int of parts per million, not {type(self.ppm).__name__}.")
        if not 0 <= self.ppm <= LARGEST_PPM:
            raise ValueError(f"A rate is between 0 and {LARGEST_PPM} parts per million, not {self.ppm}.")

    @classmethod
    def parse_percent(cls, text: str) -> Self:
        """Read an exact percentage, "0.60" or "7.2"; at most 4 decimals, no sign and no % sign. Raises ValueError."""
        match = _PERCENT.fullmatch(text)
        if match is None:
            raise ValueError(f"{text!r:.40} is not a percentage with at most 4 decimals.")
        return cls(int(match.group(1) + (match.group(2) or "").ljust(4, "0")))

    def percent_text(self) -> str:
        """The exact percentage with at least two decimals: 6000 ppm is "0.60", 6001 ppm is "0.6001"."""
        whole, decimals = divmod(self.ppm, 10_000)
        text = f"{decimals:04d}"
        return f"{whole}.{text[:2]}{text[2:].rstrip('0')}"

    def of(self, money: Money, *, rounding: Rounding) -> Money:
        """This share of `money`, rounded once to the minor unit."""
        return Money(divide(money.minor * self.ppm, 1_000_000, rounding), money.currency)
