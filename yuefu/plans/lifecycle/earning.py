"""What a loan has brought by the day on which it was opened: what income is counted by, and what a write-off gives up."""

from __future__ import annotations

from dataclasses import dataclass

from yuefu.money.rates import Rounding, divide
from yuefu.plans.lifecycle.rows import Rows, until_today
from yuefu.plans.lifecycle.work import Work


@dataclass(frozen=True, slots=True)
class Earned:
    """What a loan has brought by a day beside its principal, paid or not, in minor units."""

    interest: int
    fees: int
    penalties: int


def earned_of(work: Work) -> Earned:
    """Interest of the nights up to the day of `work`: on what was really owed, or straight over each period where it stays as scheduled; fees and penalties
    as they fall due, or are settled before. Of a loan that has ended all that it came to ask."""
    rows, today = work.rows, work.on
    fees = _fallen_due(rows.fees, rows.fees_paid, rows.fees_off, rows.due, today)
    penalties = _fallen_due(rows.penalties, rows.penalties_paid, rows.penalties_off, rows.due, today)
    if not any(work.all_unpaid()):
        return Earned(sum(rows.interest), fees, penalties)
    return Earned(borne(work) if work.terms.recalculate else straight(rows, today), fees, penalties)


def _fallen_due(asked: list[int], paid: list[int], off: list[int], due: list[int], today: int) -> int:
    if not any(asked):
        return sum(paid) + sum(off)
    return sum([a if day <= today else p + o for a, p, o, day in zip(asked, paid, off, due, strict=True)])


def borne(work: Work) -> int:
    """Interest of all nights up to the day of `work`, paid or not, on what was really owed each night."""
    rows, today = work.rows, work.on
    until = until_today(rows, work.interest, balance=work.balance, since=work.since, on=today)
    return sum([asked if due <= today else found for asked, due, found in zip(rows.interest, rows.due, until, strict=True)])


def straight(rows: Rows, today: int) -> int:
    """Interest of all rows for the nights up to `today`, paid or not, straight over the days of each row."""
    earned = 0
    for interest, start, due in zip(rows.interest, rows.start, rows.due, strict=True):
        if interest and today > start and due > start:
            earned += interest if today >= due else divide(interest * (today - start), due - start, Rounding.HALF_EVEN)
    return earned
