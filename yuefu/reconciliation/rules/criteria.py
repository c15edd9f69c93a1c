"""Rules by which an operator has candidates suggested for a break: by amount, day and text. A suggestion is looked at and never booked.

A rule fits where all its criteria do; the first rule that fits is taken. No rules, or a rule without criteria, fit nothing, and nothing
fits what is in another currency. All is exact: a drift is a fraction of the amount in our books.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from fractions import Fraction
from itertools import groupby

from yuefu.reconciliation.rules.bills import BillLine
from yuefu.reconciliation.rules.matching import Movement


class Comparison(StrEnum):
    """How references are compared, whatever their case."""

    EQUALS = "equals"
    CONTAINS = "contains"


@dataclass(frozen=True, slots=True)
class Compared:
    """One side of a comparison: a line of a bill, or one movement or several. `amount` is signed, in minor units, which may be parts of one.

    Several movements have several references, each of which may be the one that is meant.
    """

    amount: Fraction
    currency: str
    at: datetime
    references: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Amount:
    """Off by at most `drift`, a fraction of the amount in our books: 0.01 is one percent, 0 the same amount."""

    drift: Fraction

    def fits(self, there: Compared, here: Compared) -> bool:
        return abs(there.amount - here.amount) <= abs(here.amount) * self.drift


@dataclass(frozen=True, slots=True)
class When:
    """Apart by at most `drift`, before or after."""

    drift: timedelta

    def fits(self, there: Compared, here: Compared) -> bool:
        return abs(there.at - here.at) <= self.drift


@dataclass(frozen=True, slots=True)
class Reference:
    """One of the references of one side is one of the other's, or contains it or is contained in it. An empty one fits none."""

    comparison: Comparison

    def fits(self, there: Compared, here: Compared) -> bool:
        pairs = [(a.casefold(), b.casefold()) for a in there.references for b in here.references if a and b]
        if self.comparison is Comparison.EQUALS:
            return any(a == b for a, b in pairs)
        return any(a in b or b in a for a, b in pairs)


Criterion = Amount | When | Reference


@dataclass(frozen=True, slots=True)
class Rule:
    """All `criteria` must fit. With `together`, the movements of one kind and day may be meant as a whole."""

    name: str
    criteria: tuple[Criterion, ...]
    together: bool = False


@dataclass(frozen=True, slots=True)
class Suggestion:
    """What a line may belong to, and the rule by which. `off` is by how many minor units the line is more."""

    rule: str
    movements: tuple[Movement, ...]
    off: int
    apart_days: int


def fitting(there: Compared, here: Compared, rules: Sequence[Rule]) -> Rule | None:
    """The first rule that fits, if any does."""
    if there.currency != here.currency:
        return None
    return next((rule for rule in rules if rule.criteria and all(criterion.fits(there, here) for criterion in rule.criteria)), None)


def of_line(line: BillLine) -> Compared:
    """A line by its day: the moment in a bill is the channel's, movements have none."""
    return Compared(Fraction(line.amount.minor), line.amount.currency, _day(line.occurred_on), (line.reference,))


def of_movements(movements: Sequence[Movement]) -> Compared | None:
    """Movements as a whole, as of the latest of them; None where there are none, or they are in several currencies."""
    currencies = {movement.amount.currency for movement in movements}
    if len(currencies) != 1:
        return None
    amount = sum(movement.amount.minor for movement in movements)
    references = tuple(movement.reference for movement in movements)
    return Compared(Fraction(amount), currencies.pop(), _day(max(movement.on for movement in movements)), references)


def suggest(line: BillLine, movements: Sequence[Movement], rules: Sequence[Rule]) -> tuple[Suggestion, ...]:
    """What the line may belong to, the best first: by the order of rules, then by how far off the amount and the day are, then the fewest.

    A movement alone is tried with every rule, those of a kind and day with the rules that take them together.
    """
    alone = [((movement,), rules) for movement in movements]
    jointly = [rule for rule in rules if rule.together]
    tried = alone + [(group, jointly) for group in _groups(movements) if jointly]
    found = []
    for candidates, usable in tried:
        suggestion = _suggested(line, candidates, usable)
        if suggestion is not None:
            found.append(suggestion)
    places = {rule.name: place for place, rule in reversed(list(enumerate(rules)))}
    return tuple(sorted(found, key=lambda one: (places[one.rule], abs(one.off), one.apart_days, len(one.movements))))


def _suggested(line: BillLine, movements: tuple[Movement, ...], rules: Sequence[Rule]) -> Suggestion | None:
    here = of_movements(movements)
    rule = None if here is None else fitting(of_line(line), here, rules)
    if here is None or rule is None:
        return None
    off = line.amount.minor - sum(movement.amount.minor for movement in movements)
    return Suggestion(rule.name, movements, off, abs(of_line(line).at - here.at).days)


def _groups(movements: Sequence[Movement]) -> list[tuple[Movement, ...]]:
    """The movements of each kind, day and currency, where there are several."""

    def together(movement: Movement) -> tuple[str, date, str]:
        return movement.kind, movement.on, movement.amount.currency

    groups = (tuple(group) for _, group in groupby(sorted(movements, key=together), key=together))
    return [group for group in groups if len(group) > 1]


def _day(on: date) -> datetime:
    return datetime.combine(on, time(), UTC)
