"""All loans of a book added up."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from uuid import UUID

from yuefu.runtime import sql


@dataclass(frozen=True, slots=True)
class Position:
    """All loans of a product and funder added up, in minor units: what the control accounts must equal."""

    principal: int
    interest: int
    unearned_discount: int


def positions(book_id: UUID) -> dict[tuple[UUID, str, str], Position]:
    """Sub-ledger totals by (funder, product, currency)."""
    found = sql.rows(
        "SELECT l.funder_id, l.product, l.currency, sum(i.principal)::bigint, sum(coalesce(a.accrued_minor, 0) - i.interest_paid)::bigint,"
        " sum(l.discount_minor - l.discount_earned_minor)::bigint FROM loans_loan l"
        " JOIN (SELECT loan_id, sum(principal_minor - principal_paid_minor) AS principal, sum(interest_paid_minor) AS interest_paid"
        "       FROM loans_instalment WHERE book_id = %(book)s GROUP BY loan_id) AS i ON i.loan_id = l.id"
        " LEFT JOIN loans_accrual a ON a.loan_id = l.id WHERE l.book_id = %(book)s GROUP BY l.funder_id, l.product, l.currency",
        {"book": book_id},
    )
    return {(funder, product, currency): Position(*rest) for funder, product, currency, *rest in found}


def totals(book_id: UUID) -> tuple[int, int, int, int, int]:
    """Loans, loans active, loans in arrears, repayments applied, principal outstanding in minor units."""
    loans_row = sql.rows(
        "SELECT count(*), count(*) FILTER (WHERE state = 'active'), count(*) FILTER (WHERE arrears_since IS NOT NULL) FROM loans_loan WHERE book_id = %s",
        [book_id],
    )[0]
    repaid: int = sql.value("SELECT count(*) FROM loans_event WHERE book_id = %s AND kind = 'repaid'", [book_id])
    principal: int = sql.value(
        "SELECT coalesce(sum(principal_minor - principal_paid_minor), 0)::bigint FROM loans_instalment WHERE book_id = %s", [book_id]
    )
    return loans_row[0], loans_row[1], loans_row[2], repaid, principal


def repaid_by_day(book_id: UUID, since: date) -> dict[date, int]:
    found = sql.rows(
        "SELECT recorded_on, sum(amount_minor)::bigint FROM loans_event WHERE book_id = %s AND kind = 'repaid' AND recorded_on >= %s GROUP BY 1",
        [book_id, since],
    )
    return {row[0]: row[1] for row in found}
