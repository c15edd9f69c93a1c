"""What may become of a break, who looks at it first and until when, and how long breaks have been waiting. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final

from yuefu.money.amounts import Money
from yuefu.reconciliation.rules.matching import Outcome

RESOLVE: Final = "break.resolve"
"""The action of the approval that ending a break by hand needs above the limit; its object is the break."""
STATES: Final = ("open", "explained", "corrected", "closed")
ENDED: Final = frozenset(STATES) - {"open"}
TRANSITIONS: Final = frozenset(
    {
        ("open", "explained"),
        ("open", "corrected"),
        ("open", "closed"),
        ("explained", "closed"),
        ("explained", "open"),
        ("corrected", "closed"),
        ("corrected", "open"),
        ("closed", "open"),
    }
)

# Money that is wrong or unknown is for finance; what only came late or is said differently is for operators.
FIRST_OWNER: Final = {
    Outcome.AMOUNT_DIFFERS: "finance",
    Outcome.MISSING_HERE: "finance",
    Outcome.MISSING_THERE: "finance",
    Outcome.DUPLICATE: "finance",
    Outcome.STATUS_DIFFERS: "operator",
    Outcome.OTHER_DAY: "operator",
}
URGENCY: Final = {
    Outcome.MISSING_THERE: 1,
    Outcome.AMOUNT_DIFFERS: 2,
    Outcome.STATUS_DIFFERS: 2,
    Outcome.DUPLICATE: 2,
    Outcome.MISSING_HERE: 3,
    Outcome.OTHER_DAY: 3,
}
"""How urgent a break is when it is found, 1 to 3: money that is booked and not there goes first."""

WORKING: Final = "reconciliation.breaks"
"""The setting of a book by which breaks are worked."""
DEFAULT_WORKING: Final[Mapping[str, Any]] = {
    "due_days": [1, 3, 5],
    "chase_days": 3,
    "alone_minor": 100_00,
    "write_off_minor": 1_000_00,
}
_MOST_DAYS: Final = 365
_MOST_MINOR: Final = 10**15


@dataclass(frozen=True, slots=True)
class Working:
    """How breaks of a book are worked. `due_days` are those after a break was found, by urgency; `chase_days` those that a provider has for its
    answer. What a fix moves is done alone up to `alone_minor`; nothing above `write_off_minor` is written off at all.
    """

    due_days: tuple[int, ...]
    chase_days: int
    alone_minor: int
    write_off_minor: int

    def due_on(self, outcome: Outcome, opened_on: date) -> date:
        """By when a break that is of `opened_on` is dealt with: its bill comes on the day after."""
        return opened_on + timedelta(days=1 + self.due_days[URGENCY[outcome] - 1])

    def needs_second(self, amount: Money) -> bool:
        return abs(amount.minor) > self.alone_minor


def working(value: Mapping[str, Any]) -> Working:
    """Raises ValueError for what is no such setting."""
    if set(value) != set(DEFAULT_WORKING):
        raise ValueError(f"it has {', '.join(DEFAULT_WORKING)} and nothing else")
    due = value["due_days"]
    if not isinstance(due, list) or len(due) != len(set(URGENCY.values())):
        raise ValueError("due_days are three numbers of days, for what is most urgent first")
    numbers = [*due, value["chase_days"]]
    if any(type(days) is not int or not 0 <= days <= _MOST_DAYS for days in numbers):
        raise ValueError(f"days are whole numbers from 0 to {_MOST_DAYS}")
    amounts = (value["alone_minor"], value["write_off_minor"])
    if any(type(minor) is not int or not 0 <= minor <= _MOST_MINOR for minor in amounts):
        raise ValueError("alone_minor and write_off_minor are amounts in minor units, 0 or more")
    return Working(tuple(due), value["chase_days"], *amounts)


@dataclass(frozen=True, slots=True)
class Aged:
    """Open breaks of a class that have been waiting for `since` days or more, and no more than `until` (None: any number)."""

    cls: str
    since: int
    until: int | None
    count: int
    amount: Money


BUCKETS: Final = ((0, 1), (2, 3), (4, 7), (8, 30), (31, None))
"""Ages of open breaks, in days since the day of their bill."""


def ageing(open_breaks: Iterable[tuple[str, int, int, int]], currency: str) -> tuple[Aged, ...]:
    """Open breaks by class and age, from (class, age in days, how many, minor units of their differences without sign); what is empty is left out."""
    sums: dict[tuple[str, int], list[int]] = {}
    for cls, age, count, minor in open_breaks:
        place = next(n for n, (_, until) in enumerate(BUCKETS) if until is None or age <= until)
        found = sums.setdefault((cls, place), [0, 0])
        found[0] += count
        found[1] += minor
    return tuple(
        Aged(cls, BUCKETS[place][0], BUCKETS[place][1], count, Money(minor, currency))
        for (cls, place), (count, minor) in sorted(sums.items())
    )


@dataclass(frozen=True, slots=True)
class Stood:
    """How a break stood by an event of its history: `by_itself` where its other half ended it and no person."""

    on: date
    state: str
    by_itself: bool = False


def by_then(history: Sequence[Stood], on: date) -> Stood | None:
    """How a break stood by the end of a day; None while nothing had become of it, for it was open then. `history` is in order."""
    return next((stood for stood in reversed(history) if stood.on <= on), None)
