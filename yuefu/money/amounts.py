"""`Money`: a whole number of minor units with its currency, and the exact reading and writing of decimal texts."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Self

from yuefu.money.currencies import EXPONENTS

LARGEST_MINOR: Final = 10**15

MINOR_NOT_INTEGER: Final = "minor_not_integer"
CURRENCY_UNKNOWN: Final = "currency_unknown"
AMOUNT_TOO_LARGE: Final = "amount_too_large"
AMOUNT_EMPTY: Final = "amount_empty"
AMOUNT_NOT_A_NUMBER: Final = "amount_not_a_number"
AMOUNT_EXPONENT: Final = "amount_exponent"
AMOUNT_SEPARATOR: Final = "amount_separator"
AMOUNT_FOREIGN_DIGITS: Final = "amount_foreign_digits"
AMOUNT_TOO_MANY_DECIMALS: Final = "amount_too_many_decimals"

_PLAIN = re.compile(r"(-?)([0-9]+)(?:\.([0-9]+))?")
_EXPONENT = re.compile(r"[-+]?[0-9.]+[eE][-+]?[0-9]+")
_SEPARATED = re.compile(r"[-+]?[0-9][0-9.,'_\s\u00a0\u202f\uff0c]*")
_LONGEST_TEXT = 40


class MoneyError(ValueError):
    """An amount that cannot be: `code` says why in a stable word, the message in a sentence."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail

    def __reduce__(self) -> tuple[type[Self], tuple[str, str]]:
        return type(self), (self.code, self.detail)


@dataclass(frozen=True, slots=True, init=False, repr=False)
class Money:
    """`minor` whole minor units (fen, cents) of `currency`; may be negative; |minor| is at most 10**15.

    Raises MoneyError for anything but a true int, an unknown or inactive ISO 4217 code, or an amount out of range.
    Sums and order comparisons need one currency and raise ValueError naming both codes otherwise; `==` across
    currencies is False, so that amounts can be keys of a dict.
    """

    minor: int
    currency: str

    def __init__(self, minor: int, currency: str) -> None:
        # Written by hand because millions are built in a day-end run: one type test, one range test, one dict look-up, and each value into its slot
        # without asking for that by its name.
        if type(minor) is not int:
            raise MoneyError(MINOR_NOT_INTEGER, f"Minor units must be an int, not {type(minor).__name__}.")
        if not -LARGEST_MINOR <= minor <= LARGEST_MINOR:
            raise MoneyError(AMOUNT_TOO_LARGE, "The amount is beyond 10**15 minor units.")
        if type(currency) is not str or currency not in EXPONENTS:
            raise MoneyError(CURRENCY_UNKNOWN, f"{currency!r:.40} is not an active ISO 4217 currency code.")
        _put_minor(self, minor)
        _put_currency(self, currency)

    def __repr__(self) -> str:
        return f"Money(minor={self.minor}, currency={self.currency!r})"

    @classmethod
    def zero(cls, currency: str) -> Self:
        """Nothing, in `currency`."""
        return cls(0, currency)

    @classmethod
    def parse(cls, text: str, currency: str) -> Self:
        """Read an exact decimal such as "1999.00" or "-0.5": ASCII digits, one point, no more decimals than the currency has.

        Raises MoneyError with the code of the fault; nothing is rounded, trimmed or guessed.
        """
        if currency not in EXPONENTS:
            raise MoneyError(CURRENCY_UNKNOWN, f"{currency!r:.40} is not an active ISO 4217 currency code.")
        match = _plain(text)
        if match is None:
            raise _why_not_plain(text)
        sign, whole, decimals = match.group(1), match.group(2), match.group(3) or ""
        exponent = EXPONENTS[currency]
        if len(decimals) > exponent:
            raise MoneyError(AMOUNT_TOO_MANY_DECIMALS, f"{currency} has {exponent} decimals, {text!r} has {len(decimals)}.")
        return cls(int(sign + whole + decimals.ljust(exponent, "0")), currency)

    def decimal_text(self) -> str:
        """The exact decimal with all decimals of the currency: "1999.00", "-0.05", and "1999" for a currency without any."""
        exponent = EXPONENTS[self.currency]
        digits = str(abs(self.minor)).rjust(exponent + 1, "0")
        sign = "-" if self.minor < 0 else ""
        return f"{sign}{digits[:-exponent]}.{digits[-exponent:]}" if exponent else f"{sign}{digits}"

    def __str__(self) -> str:
        return f"{self.decimal_text()} {self.currency}"

    def __bool__(self) -> bool:
        return self.minor != 0

    def __add__(self, other: "Money") -> "Money":
        if not isinstance(other, Money):
            return NotImplemented
        return Money(self.minor + _same_currency(self, other), self.currency)

    def __sub__(self, other: "Money") -> "Money":
        if not isinstance(other, Money):
            return NotImplemented
        return Money(self.minor - _same_currency(self, other), self.currency)

    def __neg__(self) -> "Money":
        return Money(-self.minor, self.currency)

    def __lt__(self, other: "Money") -> bool:
        if not isinstance(other, Money):
            return NotImplemented
        return self.minor < _same_currency(self, other)

    def __le__(self, other: "Money") -> bool:
        if not isinstance(other, Money):
            return NotImplemented
        return self.minor <= _same_currency(self, other)

    def __gt__(self, other: "Money") -> bool:
        if not isinstance(other, Money):
            return NotImplemented
        return self.minor > _same_currency(self, other)

    def __ge__(self, other: "Money") -> bool:
        if not isinstance(other, Money):
            return NotImplemented
        return self.minor >= _same_currency(self, other)


_put_minor: Final = Money.__dict__["minor"].__set__
_put_currency: Final = Money.__dict__["currency"].__set__


def total(moneys: Iterable[Money], currency: str) -> Money:
    """The sum of `moneys`, all in `currency`; zero of it when there are none. Raises ValueError for another currency."""
    start = Money.zero(currency)
    return Money(sum(_same_currency(start, money) for money in moneys), currency)


def _same_currency(one: Money, other: Money) -> int:
    """The minor units of `other`, once it is certain that both are in one currency."""
    if one.currency != other.currency:
        raise ValueError(f"Amounts of different currencies do not mix: {one.currency} and {other.currency}.")
    return other.minor


def _plain(text: object) -> re.Match[str] | None:
    """The match of a plain decimal; None for anything else, be it no text at all (a float from a JSON file, say)."""
    return _PLAIN.fullmatch(text) if isinstance(text, str) and len(text) <= _LONGEST_TEXT else None


def _why_not_plain(text: object) -> MoneyError:
    """The most helpful refusal for a text that is not a plain decimal."""
    if not isinstance(text, str):
        return MoneyError(AMOUNT_NOT_A_NUMBER, f"An amount is read from text, not from {type(text).__name__}.")
    if not text.strip():
        return MoneyError(AMOUNT_EMPTY, "The amount is empty.")
    if len(text) > _LONGEST_TEXT:
        return MoneyError(AMOUNT_TOO_LARGE, f"The amount has more than {_LONGEST_TEXT} characters.")
    if any(char.isdigit() and not char.isascii() for char in text):
        return MoneyError(AMOUNT_FOREIGN_DIGITS, f"{text!r} has digits other than 0-9.")
    if _EXPONENT.fullmatch(text):
        return MoneyError(AMOUNT_EXPONENT, f"{text!r} is in exponent notation; write the amount out.")
    if _SEPARATED.fullmatch(text) and re.search(r"[^-+0-9.]|\..*\.", text):
        return MoneyError(AMOUNT_SEPARATOR, f"{text!r} has separators or spaces; write digits and at most one point.")
    return MoneyError(AMOUNT_NOT_A_NUMBER, f"{text!r} is not a plain decimal number.")
