"""All loans of a book added up."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from uuid import UUID

from yuefu.loans.queries.asked import ENDED
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
    first = sql.rows(
        "SELECT count(*), count(*) FILTER (WHERE state = 'active'), count(*) FILTER (WHERE arrears_since IS NOT NULL),"
        " (SELECT count(*) FROM loans_event WHERE book_id = %(book)s AND kind = 'repaid'),"
        " (SELECT coalesce(sum(principal_minor - principal_paid_minor), 0)::bigint FROM loans_instalment WHERE book_id = %(book)s)"
        " FROM loans_loan WHERE book_id = %(book)s",
        {"book": book_id},
    )[0]
    second = sql.rows(
        "SELECT count(*), count(*) FILTER (WHERE c.status <> ALL(%(ended)s)), count(*) FILTER (WHERE s.late_since IS NOT NULL),"
        " (SELECT count(*) FROM loans_applied WHERE book_id = %(book)s AND kind = 'repaid'),"
        " coalesce(sum(s.loan_principal), 0)::bigint FROM loans_checkpoint c"
        " JOIN loans_stretch s ON s.loan_id = c.loan_id AND s.replaced_on = %(never)s WHERE c.book_id = %(book)s",
        {"book": book_id, "ended": list(ENDED), "never": date.max},
    )[0]
    loans, active, late, repaid, principal = (one + other for one, other in zip(first, second, strict=True))
    return loans, active, late, repaid, principal


def repaid_by_day(book_id: UUID, since: date) -> dict[date, int]:
    """What was applied to loans as repaid on each day, in minor units."""
    found = sql.rows(
        "SELECT recorded_on, sum(amount_minor)::bigint FROM (SELECT recorded_on, amount_minor FROM loans_event"
        " WHERE book_id = %(book)s AND kind = 'repaid' AND recorded_on >= %(since)s UNION ALL SELECT recorded_on, amount_minor FROM loans_applied"
        " WHERE book_id = %(book)s AND kind = 'repaid' AND recorded_on >= %(since)s) AS repaid GROUP BY 1",
        {"book": book_id, "since": since},
    )
    return {row[0]: row[1] for row in found}
