"""Loans as the merchant of their orders sees them: what they are for, whether anything is still to be paid, and how their instalments were planned. What
consumers have paid, and how late, is none of a merchant's business: the view that is read here does not have it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
from yuefu.runtime import paging, sql
from yuefu.runtime.jsontext import loads
from yuefu.runtime.paging import Span


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

    @property
    def state(self) -> str:
        return "closed" if self.closed else "active"


_SEEN: Final = (
    "id, order_id, capture_id, product, disbursed_on, booked_at, closed, rule_version, currency, principal_minor, periods, annual_rate_ppm,"
    " day_count, first_due_on, due_day, ceilings, sheet, due_days"
)
_FILTERS: Final = {
    "order": "order_id = %(order)s",
    "capture": "capture_id = %(capture)s",
    "state": "closed = (%(state)s = 'closed')",
    "created_from": "booked_at >= %(created_from)s",
    "created_before": "booked_at < %(created_before)s",
}
STATES: Final = ("active", "closed")


def loans(*, merchant_id: UUID, where: Mapping[str, Any], span: Span) -> list[LoanTold] | None:
    """Loans of a merchant's orders, newest first, of an `order` or a `capture`, in a `state`, or lent at a time; None where the span begins at none of
    them."""
    return paging.page(
        _told,
        columns=_SEEN,
        table="loans_seen_by_merchant",
        owner={"merchant_id": merchant_id},
        conditions=_FILTERS,
        where=where,
        span=span,
    )


def loans_by_id(*, loan_ids: Sequence[UUID]) -> dict[UUID, LoanTold]:
    """Loans as far as this merchant sees them."""
    found = sql.rows_as(_told, f"SELECT {_SEEN} FROM loans_seen_by_merchant WHERE id = ANY(%s)", [list(loan_ids)])
    return {one.id: one for one in found}


def of_captures(*, capture_ids: Sequence[UUID]) -> dict[UUID, UUID]:
    """The loan of each capture that this merchant sees."""
    return dict(sql.rows("SELECT capture_id, id FROM loans_seen_by_merchant WHERE capture_id = ANY(%s)", [list(capture_ids)]))


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
