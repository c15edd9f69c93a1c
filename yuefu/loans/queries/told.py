"""Loans as the merchant of their orders sees them: what they are for, whether anything is still to be paid, and how their instalments were planned. What
consumers have paid, and how late, is none of a merchant's business: the view that is read here does not have it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

from yuefu.dates.daycount import DayCount
from yuefu.money.amounts import Money
from yuefu.money.rates import Rate
from yuefu.plans.lifecycle.plain import read_sheet
from yuefu.plans.lifecycle.schedule import schedule as lived_schedule
from yuefu.plans.schedule import schedule
from yuefu.plans.terms import LIVED, Terms
from yuefu.runtime import sql
from yuefu.runtime.jsontext import loads
from yuefu.runtime.pages import Page, given, page_of


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which loans: of an order, of a capture, closed or not, lent from one day to another; None is whatever it is."""

    order_id: UUID | None = None
    capture_id: UUID | None = None
    closed: bool | None = None
    since: date | None = None
    until: date | None = None


@dataclass(frozen=True, slots=True)
class Planned:
    """An instalment as it was planned when the loan was lent; 0 is what is due on that day."""

    no: int
    due_on: date
    principal: int
    interest: int
    fees: int


@dataclass(frozen=True, slots=True)
class LoanTold:
    """A loan of a merchant's order. `closed`: nothing of it is to be paid any more."""

    id: UUID
    order_id: UUID
    capture_id: UUID | None
    product: str
    principal: Money
    lent_on: date
    booked_at: datetime
    closed: bool
    instalments: tuple[Planned, ...]


_SEEN: Final = (
    "SELECT id, order_id, capture_id, product, disbursed_on, booked_at, closed, rule_version, currency, principal_minor, periods, annual_rate_ppm,"
    " day_count, first_due_on, due_day, ceilings, sheet, due_days FROM loans_seen_by_merchant"
)


def listed(*, merchant_id: UUID, wanted: Wanted, page: Page) -> list[LoanTold] | None:
    """Loans of a merchant's orders, newest first; None where the page begins beside what is none of this merchant."""
    if page.place and not sql.rows("SELECT FROM loans_seen_by_merchant WHERE id = %s AND merchant_id = %s", [page.place, merchant_id]):
        return None
    tests = given(
        {
            "merchant_id = %s": merchant_id,
            "order_id = %s": wanted.order_id,
            "capture_id = %s": wanted.capture_id,
            "closed = %s": wanted.closed,
            "disbursed_on >= %s": wanted.since,
            "disbursed_on <= %s": wanted.until,
        }
    )
    return page_of(_told, _SEEN, tests, page)


def loan(*, merchant_id: UUID, loan_id: UUID) -> LoanTold | None:
    """A loan of a merchant's order."""
    found = sql.rows_as(_told, f"{_SEEN} WHERE id = %s AND merchant_id = %s", [loan_id, merchant_id])
    return found[0] if found else None


def of_captures(*, merchant_id: UUID, capture_ids: Sequence[UUID]) -> dict[UUID, UUID]:
    """The loan of each capture of a merchant."""
    return dict(
        sql.rows(
            "SELECT capture_id, id FROM loans_seen_by_merchant WHERE merchant_id = %s AND capture_id = ANY(%s)",
            [merchant_id, list(capture_ids)],
        )
    )


def _told(*row: Any) -> LoanTold:
    loan_id, order_id, capture_id, product, lent_on, booked_at, closed, *terms = row
    principal = Money(terms[2], terms[1])
    return LoanTold(loan_id, order_id, capture_id, product, principal, lent_on, booked_at, closed, _planned(principal, lent_on, *terms))


def _planned(principal: Money, lent_on: date, version: str, currency: str, minor: int, *terms: Any) -> tuple[Planned, ...]:
    del currency, minor
    periods, rate_ppm, day_count, first_due_on, due_day, ceilings, sheet, due_days = terms
    if version == LIVED:
        days = tuple(due_days) if due_days is not None else None
        own: dict[str, Any] = {"principal": principal, "disbursed_on": lent_on, "first_due_on": first_due_on, "due_days": days}
        rows = lived_schedule(read_sheet(loads(sheet), own))
        return tuple([Planned(row.no, row.due_on, row.principal.minor, row.interest.minor, row.fees.minor) for row in rows])
    most = tuple(ceilings) if ceilings else None
    agreed = Terms(principal, periods, Rate(rate_ppm), DayCount(day_count), lent_on, first_due_on, due_day, version, most)
    return tuple([Planned(row.no, row.due_on, row.principal.minor, row.interest.minor, 0) for row in schedule(agreed)])
