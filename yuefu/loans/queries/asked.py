"""What loans ask: of whom, by when, and what of it is unpaid."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final
from uuid import UUID

from yuefu.money.amounts import Money, total
from yuefu.runtime import sql


@dataclass(frozen=True, slots=True)
class Arrears:
    """What a consumer owes that was due before a day."""

    overdue: Money
    days: int


@dataclass(frozen=True, slots=True)
class Due:
    """What a loan asks on or before a day and has not got."""

    loan_id: UUID
    order_id: UUID
    consumer_id: UUID
    amount: Money
    oldest_due_on: date


def arrears(book_id: UUID, consumer_ids: Sequence[UUID], on: date, currency: str) -> dict[UUID, Arrears]:
    """Consumers who owe something that was due before `on`; others are absent."""
    found = sql.rows(
        "SELECT i.consumer_id, sum(i.principal_minor + i.interest_minor - i.principal_paid_minor - i.interest_paid_minor)::bigint,"
        " min(i.due_on) FROM loans_loan l JOIN loans_instalment i ON i.loan_id = l.id"
        " WHERE l.book_id IS NOT DISTINCT FROM %s AND l.consumer_id = ANY(%s) AND l.state = 'active' AND l.currency = %s AND i.due_on < %s"
        " AND i.principal_minor + i.interest_minor > i.principal_paid_minor + i.interest_paid_minor GROUP BY i.consumer_id",
        [book_id, list(consumer_ids), currency, on],
    )
    return {row[0]: Arrears(Money(row[1], currency), (on - row[2]).days) for row in found}


def due(
    book_id: UUID, until: date, *, after: UUID | None = None, limit: int = 100_000, loan_ids: Sequence[UUID] | None = None
) -> list[Due]:
    """Loans that ask something due on or before `until`, by ascending id, in pages."""
    found = sql.rows(
        "SELECT i.loan_id, l.order_id, l.consumer_id, sum(i.principal_minor + i.interest_minor - i.principal_paid_minor - i.interest_paid_minor)::bigint,"
        " l.currency, min(i.due_on) FROM loans_instalment i JOIN loans_loan l ON l.id = i.loan_id"
        " WHERE i.book_id = %(book)s AND l.state = 'active' AND i.due_on <= %(until)s AND (%(after)s::uuid IS NULL OR i.loan_id > %(after)s)"
        " AND (%(loans)s::uuid[] IS NULL OR i.loan_id = ANY(%(loans)s))"
        " AND i.principal_minor + i.interest_minor > i.principal_paid_minor + i.interest_paid_minor"
        " GROUP BY i.loan_id, l.order_id, l.consumer_id, l.currency ORDER BY i.loan_id LIMIT %(limit)s",
        {"book": book_id, "until": until, "after": after, "limit": limit, "loans": list(loan_ids) if loan_ids is not None else None},
    )
    return [Due(row[0], row[1], row[2], Money(row[3], row[4]), row[5]) for row in found]


@dataclass(frozen=True, slots=True)
class FallingDue:
    """What a consumer has still to pay of what falls due on one day, by loan; of one at least."""

    consumer_id: UUID
    of_loans: Mapping[UUID, Money]

    @property
    def amount(self) -> Money:
        amounts = list(self.of_loans.values())
        return total(amounts, amounts[0].currency)

    @property
    def loans(self) -> int:
        return len(self.of_loans)


def falling_due(
    book_id: UUID, on: date, currency: str, *, after: UUID | None = None, limit: int = 5_000, consumer_ids: Sequence[UUID] | None = None
) -> list[FallingDue]:
    """Consumers with something unpaid of what falls due on a day, each once, by ascending id: in pages, or of those that are named."""
    unsettled = " + ".join(f"d.{part}_minor - d.{part}_settled_minor" for part in ("principal", "interest", "fees", "penalties"))
    found = sql.rows(
        "SELECT consumer_id, array_agg(loan_id ORDER BY loan_id), array_agg(minor ORDER BY loan_id) FROM ("
        "SELECT consumer_id, loan_id, sum(minor)::bigint AS minor FROM ("
        "SELECT i.consumer_id, i.loan_id, i.principal_minor + i.interest_minor - i.principal_paid_minor - i.interest_paid_minor AS minor"
        " FROM loans_instalment i JOIN loans_loan l ON l.id = i.loan_id"
        " WHERE i.book_id = %(book)s AND i.due_on = %(on)s AND l.state = 'active' AND l.currency = %(currency)s"
        f" UNION ALL SELECT a.consumer_id, d.loan_id, {unsettled} FROM loans_due d JOIN loans_agreement a ON a.id = d.loan_id"
        " WHERE d.book_id = %(book)s AND d.due_on = %(on)s AND a.currency = %(currency)s) AS due"
        " WHERE minor > 0 AND (%(after)s::uuid IS NULL OR consumer_id > %(after)s)"
        " AND (%(consumers)s::uuid[] IS NULL OR consumer_id = ANY(%(consumers)s)) GROUP BY consumer_id, loan_id) AS of_loan"
        " GROUP BY consumer_id ORDER BY consumer_id LIMIT %(limit)s",
        {
            "book": book_id, "on": on, "currency": currency, "after": after, "limit": limit,
            "consumers": None if consumer_ids is None else list(consumer_ids),
        },
    )  # fmt: skip
    return [
        FallingDue(consumer, {loan_id: Money(minor, currency) for loan_id, minor in zip(loan_ids, minors, strict=True)})
        for consumer, loan_ids, minors in found
    ]


@dataclass(frozen=True, slots=True)
class Falling:
    """What a loan still asks of what falls due on one day."""

    loan_id: UUID
    consumer_id: UUID
    due_on: date
    amount: Money


def still_asked(book_id: UUID, consumer_ids: Sequence[UUID], since: date, until: date) -> list[Falling]:
    """What active loans of some consumers still ask, by loan and due day from `since` to `until`, in their order."""
    found = sql.rows(
        "SELECT i.loan_id, i.consumer_id, i.due_on, sum(i.principal_minor + i.interest_minor - i.principal_paid_minor - i.interest_paid_minor)::bigint,"
        " l.currency FROM loans_loan l JOIN loans_instalment i ON i.loan_id = l.id"
        " WHERE l.book_id = %s AND l.consumer_id = ANY(%s::uuid[]) AND l.state = 'active' AND i.due_on BETWEEN %s AND %s"
        " AND i.principal_minor + i.interest_minor > i.principal_paid_minor + i.interest_paid_minor"
        " GROUP BY i.loan_id, i.consumer_id, i.due_on, l.currency ORDER BY i.loan_id, i.due_on",
        [book_id, list(consumer_ids), since, until],
    )
    return [Falling(loan, consumer, on, Money(minor, currency)) for loan, consumer, on, minor, currency in found]


@dataclass(frozen=True, slots=True)
class OfAccount:
    """What an instalment of a loan of a credit account asks, due or not, and what of it is unpaid, in minor units of the loan's currency."""

    account_id: UUID
    loan_id: UUID
    no: int
    due_on: date
    asked: int
    unpaid: int


_UNPAID: Final = "i.principal_minor + i.interest_minor - i.principal_paid_minor - i.interest_paid_minor"


def of_consumers(*, book_id: UUID, consumer_ids: Sequence[UUID]) -> list[OfAccount]:
    """Every instalment of the active loans of consumers that asks anything, paid or not, by due day, loan and number."""
    return sql.rows_as(
        OfAccount,
        # One way into the keys for each, whatever the statistics say: a book grows from nothing, and is billed every day.
        "SELECT l.credit_account_id, l.id, i.no, i.due_on, i.asked, i.unpaid FROM unnest(%(consumers)s::uuid[]) AS g (consumer)"
        " CROSS JOIN LATERAL (SELECT credit_account_id, id FROM loans_loan AS l WHERE l.consumer_id = g.consumer AND l.state = 'active'"
        " AND l.book_id = %(book)s OFFSET 0) AS l"
        " CROSS JOIN LATERAL (SELECT i.no, i.due_on, i.principal_minor + i.interest_minor AS asked,"
        f" ({_UNPAID})::bigint AS unpaid FROM loans_instalment AS i WHERE i.loan_id = l.id OFFSET 0) AS i"
        " WHERE i.asked > 0 ORDER BY i.due_on, l.id, i.no",
        {"book": book_id, "consumers": list(consumer_ids)},
    )


def unpaid(*, loan_ids: Sequence[UUID]) -> dict[tuple[UUID, int], int]:
    """What is unpaid of each instalment of loans, in minor units by (loan, number); one that is paid is absent."""
    found = sql.rows(
        f"SELECT i.loan_id, i.no, ({_UNPAID})::bigint FROM loans_instalment AS i WHERE i.loan_id = ANY(%s) AND {_UNPAID} > 0",
        [list(loan_ids)],
    )
    return {(loan_id, no): minor for loan_id, no, minor in found}


def unmarked_arrears(book_id: UUID, before: date) -> list[UUID]:
    """Orders with an active loan that is not marked in arrears although something due before a day is not paid."""
    found = sql.rows(
        "SELECT DISTINCT l.order_id FROM loans_loan l JOIN loans_instalment i ON i.loan_id = l.id"
        " WHERE l.book_id = %s AND l.state = 'active' AND l.arrears_since IS NULL AND i.book_id = l.book_id AND i.due_on < %s"
        " AND i.principal_minor + i.interest_minor > i.principal_paid_minor + i.interest_paid_minor",
        [book_id, before],
    )
    return [row[0] for row in found]
