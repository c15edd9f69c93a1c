"""The repayment calendar 还款日历: what to pay on which day, what of it is what, what is owed afterwards, and what each year comes to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby

from yuefu.money.amounts import Money
from yuefu.plans.lifecycle.schedule import ScheduleRow
from yuefu.plans.offer.offered import Offer, sum_of


@dataclass(frozen=True, slots=True)
class Due:
    """One payment: `no` from 1, 0 on the day of lending; `weekday` 0 is Monday; `owed` is the principal still owed once it is paid."""

    no: int
    on: date
    weekday: int
    amount: Money
    principal: Money
    interest: Money
    fees: Money
    owed: Money


@dataclass(frozen=True, slots=True)
class Subtotal:
    """What is paid in a calendar year, or in all of them where `year` is None."""

    year: int | None
    amount: Money
    principal: Money
    interest: Money
    fees: Money


@dataclass(frozen=True, slots=True)
class RepaymentCalendar:
    """The payments in their order, a subtotal for each year that has one, and the total, which the years add up to."""

    dues: tuple[Due, ...]
    years: tuple[Subtotal, ...]
    total: Subtotal


def repayment_calendar(found: Offer) -> RepaymentCalendar:
    """The calendar of an offer; the last payment leaves nothing owed."""
    owed, dues, currency = found.terms.principal, [], found.terms.currency
    for row in found.rows:
        owed -= row.principal
        dues.append(Due(row.no, row.due_on, row.due_on.weekday(), row.total, row.principal, row.interest, row.fees, owed))
    assert not owed
    years = [(year, tuple(rows)) for year, rows in groupby(found.rows, key=lambda row: row.due_on.year)]
    return RepaymentCalendar(
        tuple(dues), tuple(_subtotal(year, rows, currency) for year, rows in years), _subtotal(None, found.rows, currency)
    )


def _subtotal(year: int | None, rows: Sequence[ScheduleRow], currency: str) -> Subtotal:
    amount, principal, interest, fees = (sum_of(tuple(rows), part, currency) for part in ("total", "principal", "interest", "fees"))
    return Subtotal(year, amount, principal, interest, fees)
