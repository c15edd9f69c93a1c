"""What a credit account may be, and its billing cycles. Pure.

A cycle is the half-open period from one bill day up to the next, the first one from the day on which the account was opened: cycles tile the
time of an account, whatever is changed. What is changed takes effect with the cycle that begins on the next bill day; a running one ends as
it was announced.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise
from typing import Final
from uuid import UUID

from yuefu.dates.periods import Period, next_due_day
from yuefu.errors import Refused
from yuefu.frozen import made_quickly
from yuefu.money.amounts import Money

DAY_INVALID: Final = "day_invalid"  # 1 to 28, so that every month has the day
LIMIT_INVALID: Final = "limit_invalid"
CURRENCY_DIFFERS: Final = "currency_differs"
REASONS_MISSING: Final = "reasons_missing"  # a change of limit or of days names its reasons
DAYS_UNCHANGED: Final = "days_unchanged"  # the next cycle has these days already

ACTIVE, FROZEN, CLOSED = "active", "frozen", "closed"
TRANSITIONS: Final = {(ACTIVE, FROZEN), (FROZEN, ACTIVE), (ACTIVE, CLOSED), (FROZEN, CLOSED)}
LATEST_DAY: Final = 28
LEAST_DAYS_TO_PAY: Final = 7
"""So many days are at least between a bill and its repayment day."""
SHORTEST_CYCLE: Final = 15
"""So many days has a cycle at least, but for the first: two bills never come close together because the bill day was changed."""
USUAL_DAYS_TO_PAY: Final = 10

_REASON = re.compile(r"[a-z][a-z0-9_]{0,63}")


@made_quickly
@dataclass(frozen=True, slots=True)
class CreditAccount:
    """A credit account as stored, in its state since the `state_revision`-th change of it. Drawn and held amounts are the ledger's."""

    id: UUID
    consumer_id: UUID
    limit: Money
    bill_day: int
    repayment_day: int
    state: str
    policy_version: int
    state_revision: int


def days_fault(bill_day: int, repayment_day: int) -> Refused | None:
    """Bill day and repayment day exist in every month."""
    for name, day in (("bill_day", bill_day), ("repayment_day", repayment_day)):
        if not 1 <= day <= LATEST_DAY:
            return Refused(DAY_INVALID, f"a day of the month is between 1 and {LATEST_DAY}", name)
    return None


def usual_bill_day(repayment_day: int) -> int:
    """The bill day that goes with a repayment day where nobody chose one: USUAL_DAYS_TO_PAY before it."""
    return (repayment_day - 1 - USUAL_DAYS_TO_PAY) % LATEST_DAY + 1


@dataclass(frozen=True, slots=True)
class DaysStep:
    """Bill day and repayment day that were chosen, from the cycle on that begins on `from_on`; of the first step that is the day on which the
    account was opened.
    """

    from_on: date
    bill_day: int
    repayment_day: int


@dataclass(frozen=True, slots=True)
class Cycle:
    """A period of an account and the bill that ends it, made on `bill_on`, the day after the last of the period: it is to be paid by `due_on`.

    It holds what falls due by `covers_until`: its own repayment day, or later where the next bill would come too late for it.
    """

    period: Period
    due_on: date
    covers_until: date

    @property
    def bill_on(self) -> date:
        return self.period.end


def cycles(steps: Sequence[DaysStep], since: date | None = None) -> Iterator[Cycle]:
    """The cycles of an account without end, from its first one, or from the one that begins on `since`. `steps` in the order of recording."""
    for running, following in pairwise(_spans(steps, since or steps[0].from_on)):
        period, step = running
        due_on = next_due_day(period.end, step.repayment_day, LEAST_DAYS_TO_PAY)
        in_time = following[0].end + timedelta(days=LEAST_DAYS_TO_PAY - 1)
        yield Cycle(period, due_on, max(due_on, in_time))


def _spans(steps: Sequence[DaysStep], start: date) -> Iterator[tuple[Period, DaysStep]]:
    while True:
        step = in_force(steps, start)
        end = next_due_day(start, step.bill_day, 1 if start == steps[0].from_on else SHORTEST_CYCLE)
        yield Period(start, end), step
        start = end


def in_force(steps: Sequence[DaysStep], on: date) -> DaysStep:
    """The days of the cycle that begins on a day: those chosen last, of all that take effect by then."""
    return next(step for step in reversed(steps) if step.from_on <= on)


def running(steps: Sequence[DaysStep], on: date, since: date | None = None) -> Cycle:
    """The cycle that a day is in; one may start to look at the cycle that begins on `since`."""
    return next(cycle for cycle in cycles(steps, since) if on in cycle.period)


def limit_fault(limit: Money, currency: str) -> Refused | None:
    """A limit is zero or more, in the currency of the account."""
    if limit.currency != currency:
        return Refused(CURRENCY_DIFFERS, f"the limit is in {limit.currency}, not in {currency}", "limit")
    return Refused(LIMIT_INVALID, "a limit is not negative", "limit") if limit.minor < 0 else None


def reasons_fault(reasons: Sequence[str]) -> Refused | None:
    """Reasons are codes; a page has their texts."""
    if not reasons or not all(_REASON.fullmatch(reason) for reason in reasons):
        return Refused(REASONS_MISSING, "a change names its reasons, each a code of a-z, 0-9 and _", "reasons")
    return None
