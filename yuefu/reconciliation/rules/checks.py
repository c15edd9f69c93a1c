"""Checks of balances that an operator sets: an equation, several figures that must be one, a rate. Evaluated by the end of a day. Pure.

A figure is `ledger:CODE`, the balance of a chart account (debits less credits), or `bill:SOURCE`, what the bill of the day says lies in the
account; in the currency of the book, else as `ledger:CODE/EUR`. A figure that is not there makes its check fail; it is never zero.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Final

from yuefu.ledger.rules.chart import CHART
from yuefu.money.amounts import Money
from yuefu.money.currencies import EXPONENTS
from yuefu.reconciliation.rules.balances import SOURCE_MISSING, Check, RateCheck, Term, balance, consensus, rate
from yuefu.reconciliation.rules.judgement import Verdict
from yuefu.reconciliation.rules.matching import SOURCES

_FIGURE: Final = re.compile(r"ledger:(?P<code>[a-z_]{1,40})(?:/(?P<currency>[A-Z]{3}))?|bill:(?:" + "|".join(SOURCES) + ")")
_POSITIVE: Final = re.compile(r"[0-9]{1,9}(?:\.[0-9]{1,9})?")
_MOST_BPS: Final = 10_000
_MOST_FIGURES: Final = 20


@dataclass(frozen=True, slots=True)
class Equation:
    """The signed figures add up to zero, within a tolerance in minor units."""

    name: str
    terms: tuple[tuple[str, int], ...]
    tolerance_minor: int


@dataclass(frozen=True, slots=True)
class Agreement:
    """The figures are one, within a tolerance in minor units."""

    name: str
    figures: tuple[str, ...]
    tolerance_minor: int


@dataclass(frozen=True, slots=True)
class Rate:
    """`quote` is worth `target` times `base`, within basis points."""

    name: str
    base: str
    quote: str
    target: Fraction
    tolerance_bps: int


SetCheck = Equation | Agreement | Rate


@dataclass(frozen=True, slots=True)
class Checked:
    """A check with what came of it."""

    name: str
    outcome: Check | RateCheck

    @property
    def missing(self) -> tuple[str, ...]:
        return self.outcome.missing if isinstance(self.outcome, Check) else ()

    @property
    def verdict(self) -> Verdict:
        """A check that has failed is a warning, one without all of its figures leaves the day incomplete."""
        if self.outcome.passed:
            return Verdict.RECONCILED
        return Verdict.INCOMPLETE if self.outcome.reason == SOURCE_MISSING else Verdict.WARNINGS


def evaluate(check: SetCheck, figures: Mapping[str, Money], currency: str) -> Checked:
    """What comes of a check; `currency` is that of the book."""
    if isinstance(check, Equation):
        tolerance = Money(check.tolerance_minor, _currency([name for name, _ in check.terms], currency))
        return Checked(check.name, balance([Term(name, figures.get(name), sign) for name, sign in check.terms], tolerance))
    if isinstance(check, Agreement):
        tolerance = Money(check.tolerance_minor, _currency(check.figures, currency))
        return Checked(check.name, consensus({name: figures.get(name) for name in check.figures}, tolerance))
    base, quote = figures.get(check.base), figures.get(check.quote)
    if base is None or quote is None:
        missing = tuple(name for name, figure in ((check.base, base), (check.quote, quote)) if figure is None)
        return Checked(check.name, Check(False, SOURCE_MISSING, None, missing))
    return Checked(check.name, rate(base=base, quote=quote, target=check.target, tolerance_bps=check.tolerance_bps))


def check_set(given: Any) -> SetCheck:
    """A check as the setting has it: a `name` and `zero` {figure: 1 or -1}, `same` [figures] or `rate` {base, quote, target, bps}.

    Raises ValueError for anything else.
    """
    if not isinstance(given, dict) or not isinstance(given.get("name"), str) or not given["name"].isidentifier():
        raise ValueError("a check has a name of letters, digits and underscores")
    name, kinds = given["name"], set(given) - {"name", "tolerance_minor"}
    if kinds not in ({"zero"}, {"same"}, {"rate"}):
        raise ValueError(f"the check {name} has one of zero, same, rate, and nothing else but tolerance_minor")
    if kinds == {"rate"}:
        return _rate(name, given)
    tolerance = given.get("tolerance_minor", 0)
    if type(tolerance) is not int or tolerance < 0:
        raise ValueError("tolerance_minor is a whole number from 0")
    if kinds == {"same"}:
        return Agreement(name, _figures(name, given["same"]), tolerance)
    terms = given["zero"]
    if not isinstance(terms, dict) or not all(type(sign) is int and sign in {1, -1} for sign in terms.values()):
        raise ValueError(f"zero of {name} gives each figure 1 or -1")
    return Equation(name, tuple(zip(_figures(name, list(terms)), terms.values(), strict=True)), tolerance)


def _rate(name: str, given: Mapping[str, Any]) -> Rate:
    value = given["rate"]
    if not isinstance(value, dict) or set(value) != {"base", "quote", "target", "bps"} or "tolerance_minor" in given:
        raise ValueError(f"rate of {name} has base, quote, target and bps")
    target, bps = value["target"], value["bps"]
    if not isinstance(target, str) or not _POSITIVE.fullmatch(target) or not Fraction(target):
        raise ValueError("target is a decimal text above 0")
    if type(bps) is not int or not 0 <= bps <= _MOST_BPS:
        raise ValueError(f"bps is a whole number from 0 to {_MOST_BPS}")
    return Rate(name, _figure(value["base"]), _figure(value["quote"]), Fraction(target), bps)


def _figures(name: str, given: Any) -> tuple[str, ...]:
    if not isinstance(given, list) or not 2 <= len(given) <= _MOST_FIGURES:
        raise ValueError(f"{name} has from 2 to {_MOST_FIGURES} figures")
    figures = tuple(_figure(one) for one in given)
    if len(set(figures)) < len(figures):
        raise ValueError(f"{name} has a figure twice")
    if len({_own_currency(figure) for figure in figures}) > 1:
        raise ValueError(f"the figures of {name} are in one currency")
    return figures


def _figure(given: Any) -> str:
    found = _FIGURE.fullmatch(given) if isinstance(given, str) else None
    known = found is not None and found["code"] in {None, *CHART} and found["currency"] in {None, *EXPONENTS}
    if found is None or not known:
        raise ValueError(f"a figure is ledger:CODE, ledger:CODE/CURRENCY or bill:SOURCE, not {given!r:.60}")
    return found.group(0)


def _own_currency(figure: str) -> str:
    return figure.partition("/")[2]


def _currency(figures: tuple[str, ...] | list[str], of_book: str) -> str:
    return _own_currency(figures[0]) or of_book
