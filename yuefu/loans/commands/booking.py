"""Booking: one loan for each capture."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from yuefu.ledger import commands as ledger
from yuefu.ledger.rules import Posted
from yuefu.loans import entries
from yuefu.loans.commands import storing
from yuefu.loans.rules import Dimensions
from yuefu.money.amounts import Money
from yuefu.plans import loan as fold
from yuefu.plans.loan import Disbursed, LoanState
from yuefu.plans.terms import Terms
from yuefu.runtime import audit, outbox, sql
from yuefu.runtime.outbox import Event
from yuefu.runtime.values import UnitOfWork

_LOAN = {
    "id": "uuid",
    "book_id": "uuid",
    "capture_id": "uuid",
    "order_id": "uuid",
    "merchant_id": "uuid",
    "consumer_id": "uuid",
    "credit_account_id": "uuid",
    "funder_id": "uuid",
    "product": "text",
    "currency": "text",
    "principal_minor": "bigint",
    "periods": "smallint",
    "annual_rate_ppm": "integer",
    "day_count": "text",
    "disbursed_on": "date",
    "first_due_on": "date",
    "due_day": "smallint",
    "rule_version": "text",
    "ceilings": "bigint[]",
    "booked_at": "timestamptz",
    "state": "text",
    "refunded_principal_minor": "bigint",
    "excess_minor": "bigint",
    "last_event_on": "date",
    "seq": "integer",
    "discount_minor": "bigint",
    "discount_earned_minor": "bigint",
}


@dataclass(frozen=True, slots=True)
class Acceptance:
    """Which cost table a consumer accepted, and when; `shown_at` is None where nobody knows since when it was seen."""

    disclosure_id: UUID
    hash: bytes
    version: str
    shown_at: datetime | None
    at: datetime


@dataclass(frozen=True, slots=True)
class NewLoan:
    """A loan for a capture, on the terms fixed by the journey. `discount` is what the merchant pays for it to be interest-free; `accepted` what
    the consumer agreed to, which a loan of rule version 2026-2 keeps."""

    dims: Dimensions
    capture_id: UUID
    hold_id: UUID
    terms: Terms
    discount: Money
    accepted: Acceptance | None = None


@dataclass(frozen=True, slots=True)
class Booked:
    loan_id: UUID
    state: LoanState


def book_loans(*, work: UnitOfWork, loans: Sequence[NewLoan]) -> list[Booked]:
    """Books loans and posts them, each taking its order's hold. The caller has locked and checked the orders, so none is refused."""
    states = [fold.start(Disbursed(new.terms.disbursed_on, new.terms)) for new in loans]
    _insert(work, loans)
    storing.insert_instalments(work, [(new.dims, state) for new, state in zip(loans, states, strict=True)])
    _insert_events(work, loans)
    bearing = [
        (n.dims.loan_id, work.book.id, 0, storing.interest_total(s)) for n, s in zip(loans, states, strict=True) if n.terms.annual_rate.ppm
    ]
    sql.insert("loans_accrual", {"loan_id": "uuid", "book_id": "uuid", "accrued_minor": "bigint", "total_minor": "bigint"}, bearing)
    posted = ledger.post(work=work, entries=[entries.booked(n.dims, n.terms.principal, n.capture_id, n.hold_id) for n in loans])
    for outcome in posted:
        assert isinstance(outcome, Posted), f"a checked capture is always booked: {outcome}"
    outbox.emit(work=work, events=[_event(new, state) for new, state in zip(loans, states, strict=True)])
    audit.record(
        work=work,
        action="loan.book",
        object_kind="loan",
        object_ids=[n.dims.loan_id for n in loans],
        causes=[n.capture_id for n in loans],
    )
    return [Booked(new.dims.loan_id, state) for new, state in zip(loans, states, strict=True)]


def _event(new: NewLoan, state: LoanState) -> Event:
    now = storing.snapshot(new.dims, state, None)
    rows = ((row.no, row.due_on, row.principal, row.interest) for row in state.rows)
    return storing.event(new.dims, "booked", 1, now, told_terms(new.terms, rows), before=None, cause=new.capture_id)


def told_terms(terms: Terms, rows: Iterable[tuple[int, date, int, int]]) -> dict[str, Any]:
    """The terms and the final schedule: what was agreed at the consent, as it came to be at capture; rows as (number, due day, principal, interest).

    Amounts are written as Money is, by hand: two dozen values a loan would cost more than all else that is told of it.
    """
    currency = terms.principal.currency
    return {
        "disbursed_on": terms.disbursed_on,
        "first_due_on": terms.first_due_on,
        "periods": terms.periods,
        "instalments": [
            {
                "no": no,
                "due_on": due_on,
                "principal": {"minor": principal, "currency": currency},
                "interest": {"minor": interest, "currency": currency},
            }
            for no, due_on, principal, interest in rows
        ],
    }


def _insert(work: UnitOfWork, loans: Sequence[NewLoan]) -> None:
    values = [
        (
            n.dims.loan_id,
            work.book.id,
            n.capture_id,
            n.dims.order_id,
            n.dims.merchant_id,
            n.dims.consumer_id,
            n.dims.credit_account_id,
            n.dims.funder_id,
            n.dims.product,
            n.dims.currency,
            n.terms.principal.minor,
            n.terms.periods,
            n.terms.annual_rate.ppm,
            n.terms.day_count.value,
            n.terms.disbursed_on,
            n.terms.first_due_on,
            n.terms.due_day,
            n.terms.rule_version,
            _array(n.terms.ceilings),
            work.now,
            "active",
            0,
            0,
            n.terms.disbursed_on,
            1,
            n.discount.minor,
            0,
        )
        for n in loans
    ]
    sql.insert("loans_loan", _LOAN, values)


def _array(ceilings: tuple[int, ...] | None) -> str | None:
    return None if ceilings is None else sql.array(ceilings, "bigint")


def _insert_events(work: UnitOfWork, loans: Sequence[NewLoan]) -> None:
    new = work.ids.many(work.now, len(loans))
    values = [
        (
            i,
            work.book.id,
            n.dims.loan_id,
            1,
            "disbursed",
            n.terms.disbursed_on,
            n.terms.principal.minor,
            n.capture_id,
            0,
            0,
            0,
            work.now,
            work.day.on,
        )
        for i, n in zip(new, loans, strict=True)
    ]
    sql.insert("loans_event", storing.EVENT_COLUMNS, values)
