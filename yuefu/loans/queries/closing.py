"""What the close of a day reads of loans, and what it brought them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from yuefu.loans.entries import STANDING
from yuefu.money.amounts import Money
from yuefu.runtime import sql


def accruing(book_id: UUID, on: date, *, after: UUID | None, limit: int) -> list[tuple[Any, ...]]:
    """Loans whose interest is not all posted: (loan, funder, product, currency, posted so far, interest of passed rows, interest,
    start and due day of the current row), by ascending id."""
    return sql.rows(
        "SELECT a.loan_id, l.funder_id, l.product, l.currency, a.accrued_minor,"
        " coalesce(sum(i.interest_minor) FILTER (WHERE i.due_on <= %(on)s), 0)::bigint, coalesce(max(i.interest_minor) FILTER (WHERE i.due_on > %(on)s), 0),"
        " coalesce(max(i.start_on) FILTER (WHERE i.due_on > %(on)s), %(on)s::date - 1), coalesce(max(i.due_on) FILTER (WHERE i.due_on > %(on)s), %(on)s::date)"
        " FROM loans_accrual a JOIN loans_loan l ON l.id = a.loan_id JOIN loans_instalment i ON i.loan_id = a.loan_id AND i.start_on <= %(on)s"
        " WHERE a.book_id = %(book)s AND a.accrued_minor <> a.total_minor AND (%(after)s::uuid IS NULL OR a.loan_id > %(after)s)"
        " GROUP BY a.loan_id, l.funder_id, l.product, l.currency, a.accrued_minor ORDER BY a.loan_id LIMIT %(limit)s",
        {"book": book_id, "on": on, "after": after, "limit": limit},
    )


def earning(book_id: UUID, on: date, *, after: UUID | None, limit: int) -> list[tuple[Any, ...]]:
    """Loans with an instalment due on a day: (loan, order, funder, product, currency, discount, earned, rows passed, rows, unpaid due)."""
    return sql.rows(
        "SELECT l.id, l.order_id, l.funder_id, l.product, l.currency, l.discount_minor, l.discount_earned_minor,"
        " (SELECT count(*) FROM loans_instalment p WHERE p.loan_id = l.id AND p.due_on <= %(on)s), l.periods,"
        " sum(i.principal_minor + i.interest_minor - i.principal_paid_minor - i.interest_paid_minor)::bigint, l.state, l.seq"
        " FROM loans_instalment i JOIN loans_loan l ON l.id = i.loan_id"
        " WHERE i.book_id = %(book)s AND i.due_on = %(on)s AND (%(after)s::uuid IS NULL OR l.id > %(after)s)"
        " GROUP BY l.id ORDER BY l.id LIMIT %(limit)s",
        {"book": book_id, "on": on, "after": after, "limit": limit},
    )


def falling_behind(book_id: UUID, on: date, *, limit: int) -> list[tuple[UUID, date]]:
    """Active loans not marked in arrears with something unpaid of what fell due on `on`: (loan, that day). Days close in order, so
    what fell due earlier was marked when its own day closed."""
    found = sql.rows(
        "SELECT l.id, min(i.due_on) FROM loans_instalment i JOIN loans_loan l ON l.id = i.loan_id"
        " WHERE i.book_id = %s AND i.due_on = %s AND l.state = 'active' AND l.arrears_since IS NULL"
        " AND i.principal_minor + i.interest_minor > i.principal_paid_minor + i.interest_paid_minor GROUP BY l.id ORDER BY l.id LIMIT %s",
        [book_id, on, limit],
    )
    return [(row[0], row[1]) for row in found]


def portfolios(book_id: UUID) -> set[tuple[UUID, str, str]]:
    """Funder, product and currency of each portfolio of a book."""
    return {tuple(row) for row in sql.rows("SELECT funder_id, product, currency FROM loans_portfolio WHERE book_id = %s", [book_id])}


def stands(book_id: UUID, on: date) -> dict[tuple[UUID, str, str], dict[str, int]]:
    """Where the loans of each portfolio, by funder, product and currency, stood by the end of a day that was closed: by account, in minor units."""
    sums = ", ".join(f"sum(s.{name})::bigint" for name in STANDING)
    found = sql.rows(
        f"SELECT p.funder_id, p.product, p.currency, {sums} FROM loans_stand s JOIN loans_portfolio p ON p.book_id = s.book_id"
        ' AND p.no = s.portfolio_no WHERE s.book_id = %s AND s."on" = %s GROUP BY p.funder_id, p.product, p.currency',
        [book_id, on],
    )
    return {(row[0], row[1], row[2]): dict(zip(STANDING, row[3:], strict=True)) for row in found}


def credit_kept(book_id: UUID) -> int:
    """What loans keep of their consumers' money, in minor units, whatever the currency: it is owed to them and stays with the loan."""
    kept: int = sql.value(
        "SELECT coalesce(-sum(consumer_balance), 0)::bigint FROM loans_stretch WHERE book_id = %s AND replaced_on = %s AND consumer_balance <> 0",
        [book_id, date.max],
    )
    return kept


def drawn(book_id: UUID) -> int:
    """Principal of loans that draw on a credit account, in minor units."""
    principal: int = sql.value(
        "SELECT coalesce(sum(s.loan_principal), 0)::bigint FROM loans_agreement a JOIN loans_stretch s ON s.loan_id = a.id"
        " AND s.replaced_on = %s WHERE a.book_id = %s AND a.credit_account_id IS NOT NULL",
        [date.max, book_id],
    )
    return principal


def closing_counts(book_id: UUID, on: date) -> dict[str, int]:
    """How many loans the close of a day counted, and how many of the book it could not go on with."""
    loans_: int = sql.value('SELECT coalesce(sum(loans), 0)::bigint FROM loans_stand WHERE book_id = %s AND "on" = %s', [book_id, on])
    stuck: int = sql.value("SELECT count(*) FROM loans_stretch WHERE book_id = %s AND replaced_on = %s AND stuck", [book_id, date.max])
    return {"loans": loans_, "stuck": stuck}


@dataclass(frozen=True, slots=True)
class BroughtInAll:
    """What a day brought the loans of a portfolio, of one kind: the sum of its parts, which are of so many loans."""

    portfolio_no: int
    funder_id: UUID
    product: str
    kind: str
    amount: Money
    loans: int


def brought_in_all(book_id: UUID, on: date) -> list[BroughtInAll]:
    """What a day brought, by portfolio and kind: what was posted of it."""
    found = sql.rows(
        "SELECT p.no, p.funder_id, p.product, b.kind, sum(b.minor)::bigint, p.currency, sum(cardinality(b.loan_ids))::bigint"
        " FROM loans_brought b JOIN loans_portfolio p ON p.book_id = b.book_id AND p.no = b.portfolio_no"
        ' WHERE b.book_id = %s AND b."on" = %s GROUP BY p.no, p.funder_id, p.product, p.currency, b.kind ORDER BY p.no, b.kind',
        [book_id, on],
    )
    return [
        BroughtInAll(no, funder, product, kind, Money(minor, currency), loans_)
        for no, funder, product, kind, minor, currency, loans_ in found
    ]


@dataclass(frozen=True, slots=True)
class BroughtToLoan:
    """What a day brought one loan of a portfolio, of one kind, in minor units: a part of the entry of that day."""

    loan_id: UUID
    kind: str
    minor: int


def brought(
    book_id: UUID, on: date, *, portfolio_no: int | None = None, limit: int = 1_000, after: UUID | None = None
) -> list[BroughtToLoan]:
    """What a day brought loans, those after an id, by ascending id and kind: all of them add up to what was posted."""
    return sql.rows_as(
        BroughtToLoan,
        "SELECT part.loan_id, b.kind, part.minor FROM loans_brought b CROSS JOIN LATERAL unnest(b.loan_ids, b.minors) AS part (loan_id, minor)"
        ' WHERE b.book_id = %s AND b."on" = %s AND (%s::integer IS NULL OR b.portfolio_no = %s) AND (%s::uuid IS NULL OR part.loan_id > %s)'
        " ORDER BY part.loan_id, b.kind LIMIT %s",
        [book_id, on, portfolio_no, portfolio_no, after, after, limit],
    )
