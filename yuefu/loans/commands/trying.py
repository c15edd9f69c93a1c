"""What an event would make of a loan, without anything being entered: to be looked at before somebody decides on it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from yuefu.errors import Refused
from yuefu.loans import rules
from yuefu.loans.queries.keeping import Kept
from yuefu.loans.rules import FUTURE_DATED, Life
from yuefu.money.amounts import Money
from yuefu.plans.lifecycle.arrears import arrears
from yuefu.plans.lifecycle.events import Event, LoanError, Undone
from yuefu.plans.lifecycle.fold import as_of


@dataclass(frozen=True, slots=True)
class Asked:
    """What a loan asks on one day and has not got."""

    due_on: date
    amount: Money


@dataclass(frozen=True, slots=True)
class Look:
    """A loan as it is seen on a day: its state, all that is unpaid, what of it is overdue and since how many days, and what is asked when."""

    status: str
    unpaid: Money
    overdue: Money
    past_due_days: int
    bucket: str
    asked: tuple[Asked, ...]


@dataclass(frozen=True, slots=True)
class Trial:
    """A loan on a day without an event and with it."""

    on: date
    before: Look
    after: Look


def tried(kept: Kept, facts: Sequence[Event | Undone], event: Event | Undone, today: date) -> Trial | Refused:
    """What an event makes of a loan of which `facts` are all that was entered; of one that is entered ahead, as seen when its day comes.

    Refused with future_dated, or with the code of the LoanError for what cannot happen to the loan.
    """
    begins = today if isinstance(event, Undone) else event.on
    if begins > today and not isinstance(event, rules.AHEAD):
        return Refused(FUTURE_DATED, f"It is {today}: what happens on {begins} can be entered then.", "on")
    on, terms = max(today, begins), kept.life.terms
    try:
        before, after = rules.retold_life(terms, facts, on), rules.retold_life(terms, [*facts, event], on)
    except LoanError as error:
        return Refused(error.code, error.detail, error.field)
    return Trial(on, _look(before, on), _look(after, on))


def _look(life: Life, on: date) -> Look:
    seen, currency = as_of(life.state, on), life.terms.currency
    rows, late = seen.rows(), arrears(seen, on)
    unpaid: dict[int, int] = {}
    for k, minor in enumerate(rows.all_unpaid()):
        if minor:
            unpaid[rows.due[k]] = unpaid.get(rows.due[k], 0) + minor
    asked = tuple(Asked(date.fromordinal(due), Money(minor, currency)) for due, minor in sorted(unpaid.items()))
    return Look(seen.status, seen.outstanding, late.overdue, late.past_due_days, late.bucket, asked)
