"""What loans ask: of whom, by when, and what of it is unpaid."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final
from uuid import UUID

from yuefu.money.amounts import Money, total
from yuefu.plans.lifecycle.rows import NORMAL
from yuefu.runtime import sql

_UNPAID: Final = "i.principal_minor + i.interest_minor - i.principal_paid_minor - i.interest_paid_minor"
_UNSETTLED: Final = " + ".join(f"d.{part}_minor - d.{part}_settled_minor" for part in ("principal", "interest", "fees", "penalties"))
"""What of an instalment is neither paid nor given up: of loans of 2026-1 and of 2026-2."""
_ASKED: Final = " + ".join(f"d.{part}_minor" for part in ("principal", "interest", "fees", "penalties"))
ENDED: Final = ("closed", "overpaid", "written_off")
"""States of loans of 2026-2 of which nothing is asked any more."""


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
        "SELECT consumer_id, sum(minor)::bigint, min(due_on) FROM ("
        f"SELECT i.consumer_id, {_UNPAID} AS minor, i.due_on FROM loans_loan l JOIN loans_instalment i ON i.loan_id = l.id"
        " WHERE l.book_id IS NOT DISTINCT FROM %(book)s AND l.consumer_id = ANY(%(consumers)s) AND l.state = 'active' AND l.currency = %(currency)s"
        f" AND i.due_on < %(on)s AND {_UNPAID} > 0"
        f" UNION ALL SELECT a.consumer_id, {_UNSETTLED}, d.due_on FROM loans_agreement a JOIN loans_due d ON d.loan_id = a.id"
        " WHERE a.book_id IS NOT DISTINCT FROM %(book)s AND a.consumer_id = ANY(%(consumers)s) AND a.currency = %(currency)s"
        f" AND d.due_on < %(on)s AND {_UNSETTLED} > 0) AS late GROUP BY consumer_id",
        {"book": book_id, "consumers": list(consumer_ids), "currency": currency, "on": on},
    )
    return {row[0]: Arrears(Money(row[1], currency), (on - row[2]).days) for row in found}


def missed_early(book_id: UUID, asked: Sequence[tuple[UUID, int, int]], on: date) -> set[UUID]:
    """Of loans, each with a number of instalments and of days, those that have one among the first so many unpaid so many days after it was due.
    What is due when money is lent, a down payment or a fee, is no instalment."""
    if not asked:
        return set()
    named, params = sql.unnest({"loan_id": "uuid", "periods": "integer", "days": "integer"}, asked)
    found = sql.rows(
        f"SELECT g.loan_id FROM {named} AS g WHERE EXISTS (SELECT FROM loans_instalment i JOIN loans_loan l ON l.id = i.loan_id"
        f" WHERE i.loan_id = g.loan_id AND i.book_id = %s AND l.state = 'active' AND i.no <= g.periods AND i.due_on <= %s - g.days AND {_UNPAID} > 0)"
        " OR EXISTS (SELECT FROM (SELECT * FROM loans_due f WHERE f.loan_id = g.loan_id AND f.book_id = %s AND f.kind = %s"
        f" ORDER BY f.no LIMIT g.periods) AS d WHERE d.due_on <= %s - g.days AND {_UNSETTLED} > 0)",
        [*params, book_id, on, book_id, NORMAL, on],
    )
    return {row[0] for row in found}


def due(
    book_id: UUID, until: date, *, after: UUID | None = None, limit: int = 100_000, loan_ids: Sequence[UUID] | None = None
) -> list[Due]:
    """Loans of orders that ask something due on or before `until`, by ascending id, in pages."""
    found = sql.rows(
        "SELECT loan_id, order_id, consumer_id, sum(minor)::bigint, currency, min(due_on) FROM ("
        f"SELECT i.loan_id, l.order_id, l.consumer_id, {_UNPAID} AS minor, l.currency, i.due_on"
        " FROM loans_instalment i JOIN loans_loan l ON l.id = i.loan_id"
        " WHERE i.book_id = %(book)s AND l.state = 'active' AND i.due_on <= %(until)s"
        f" UNION ALL SELECT d.loan_id, a.order_id, a.consumer_id, {_UNSETTLED}, a.currency, d.due_on"
        " FROM loans_due d JOIN loans_agreement a ON a.id = d.loan_id"
        " WHERE d.book_id = %(book)s AND a.order_id IS NOT NULL AND d.due_on <= %(until)s) AS asked"
        " WHERE minor > 0 AND (%(after)s::uuid IS NULL OR loan_id > %(after)s) AND (%(loans)s::uuid[] IS NULL OR loan_id = ANY(%(loans)s))"
        " GROUP BY loan_id, order_id, consumer_id, currency ORDER BY loan_id LIMIT %(limit)s",
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
    found = sql.rows(
        "SELECT consumer_id, array_agg(loan_id ORDER BY loan_id), array_agg(minor ORDER BY loan_id) FROM ("
        "SELECT consumer_id, loan_id, sum(minor)::bigint AS minor FROM ("
        "SELECT i.consumer_id, i.loan_id, " + _UNPAID + " AS minor"
        " FROM loans_instalment i JOIN loans_loan l ON l.id = i.loan_id"
        " WHERE i.book_id = %(book)s AND i.due_on = %(on)s AND l.state = 'active' AND l.currency = %(currency)s"
        f" UNION ALL SELECT a.consumer_id, d.loan_id, {_UNSETTLED} FROM loans_due d JOIN loans_agreement a ON a.id = d.loan_id"
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
    """What loans of orders of some consumers still ask, by loan and due day from `since` to `until`, in their order."""
    found = sql.rows(
        "SELECT loan_id, consumer_id, due_on, sum(minor)::bigint, currency FROM ("
        f"SELECT i.loan_id, i.consumer_id, i.due_on, {_UNPAID} AS minor, l.currency FROM loans_loan l JOIN loans_instalment i ON i.loan_id = l.id"
        " WHERE l.book_id = %(book)s AND l.consumer_id = ANY(%(consumers)s::uuid[]) AND l.state = 'active'"
        " AND i.due_on BETWEEN %(since)s AND %(until)s"
        f" UNION ALL SELECT a.id, a.consumer_id, d.due_on, {_UNSETTLED}, a.currency FROM loans_agreement a JOIN loans_due d ON d.loan_id = a.id"
        " WHERE a.book_id = %(book)s AND a.consumer_id = ANY(%(consumers)s::uuid[]) AND a.order_id IS NOT NULL"
        " AND d.due_on BETWEEN %(since)s AND %(until)s) AS asked"
        " WHERE minor > 0 GROUP BY loan_id, consumer_id, due_on, currency ORDER BY loan_id, due_on",
        {"book": book_id, "consumers": list(consumer_ids), "since": since, "until": until},
    )
    return [Falling(loan, consumer, on, Money(minor, currency)) for loan, consumer, on, minor, currency in found]


@dataclass(frozen=True, slots=True)
class OfAccount:
    """What an instalment of a loan of a credit account asks, due or not, and what of it is unpaid, in minor units of the loan's currency. That of a
    loan of rule version 2026-2 is numbered by its day, counted from that of the lending: rows may come and go before it."""

    account_id: UUID
    loan_id: UUID
    no: int
    due_on: date
    asked: int
    unpaid: int
    lived: bool


def of_consumers(*, book_id: UUID, consumer_ids: Sequence[UUID]) -> list[OfAccount]:
    """Every instalment of the active loans of consumers that asks anything, paid or not, by due day, loan and number."""
    return sql.rows_as(
        OfAccount,
        # One way into the keys for each, whatever the statistics say: a book grows from nothing, and is billed every day.
        "SELECT l.credit_account_id, l.id, i.no, i.due_on, i.asked, i.unpaid, false FROM unnest(%(consumers)s::uuid[]) AS g (consumer)"
        " CROSS JOIN LATERAL (SELECT credit_account_id, id FROM loans_loan AS l WHERE l.consumer_id = g.consumer AND l.state = 'active'"
        " AND l.book_id = %(book)s OFFSET 0) AS l"
        " CROSS JOIN LATERAL (SELECT i.no, i.due_on, i.principal_minor + i.interest_minor AS asked,"
        f" ({_UNPAID})::bigint AS unpaid FROM loans_instalment AS i WHERE i.loan_id = l.id OFFSET 0) AS i"
        " WHERE i.asked > 0"
        " UNION ALL SELECT l.credit_account_id, l.id, i.no, i.due_on, i.asked, i.unpaid, true FROM unnest(%(consumers)s::uuid[]) AS g (consumer)"
        " CROSS JOIN LATERAL (SELECT credit_account_id, id, disbursed_on FROM loans_agreement AS a WHERE a.consumer_id = g.consumer"
        " AND a.book_id = %(book)s AND a.order_id IS NOT NULL OFFSET 0) AS l"
        " JOIN loans_checkpoint c ON c.loan_id = l.id AND c.status <> ALL(%(ended)s)"
        f" CROSS JOIN LATERAL (SELECT (d.due_on - l.disbursed_on)::smallint AS no, d.due_on, sum({_ASKED})::bigint AS asked,"
        f" sum({_UNSETTLED})::bigint AS unpaid FROM loans_due AS d WHERE d.loan_id = l.id GROUP BY d.due_on OFFSET 0) AS i"
        " WHERE i.asked > 0 ORDER BY due_on, id, no",
        {"book": book_id, "consumers": list(consumer_ids), "ended": list(ENDED)},
    )


def unpaid(*, loan_ids: Sequence[UUID]) -> dict[tuple[UUID, int], int]:
    """What is unpaid of each instalment of loans, in minor units by (loan, number as in `of_consumers`); one that is paid is absent."""
    found = sql.rows(
        f"SELECT i.loan_id, i.no, ({_UNPAID})::bigint FROM loans_instalment AS i WHERE i.loan_id = ANY(%(loans)s) AND {_UNPAID} > 0"
        f" UNION ALL SELECT d.loan_id, (d.due_on - a.disbursed_on)::smallint, sum({_UNSETTLED})::bigint FROM loans_due AS d"
        f" JOIN loans_agreement a ON a.id = d.loan_id WHERE d.loan_id = ANY(%(loans)s) AND {_UNSETTLED} > 0 GROUP BY 1, 2",
        {"loans": list(loan_ids)},
    )
    return {(loan_id, no): minor for loan_id, no, minor in found}


def unmarked_arrears(book_id: UUID, before: date) -> list[UUID]:
    """Orders with an active loan that is not marked in arrears although something due before a day is not paid."""
    found = sql.rows(
        "SELECT l.order_id FROM loans_loan l JOIN loans_instalment i ON i.loan_id = l.id"
        " WHERE l.book_id = %(book)s AND l.state = 'active' AND l.arrears_since IS NULL AND i.book_id = l.book_id AND i.due_on < %(before)s"
        f" AND {_UNPAID} > 0"
        " UNION SELECT a.order_id FROM loans_agreement a JOIN loans_due d ON d.loan_id = a.id"
        " JOIN loans_stretch s ON s.loan_id = a.id AND s.replaced_on = %(never)s AND s.late_since IS NULL"
        f" WHERE a.book_id = %(book)s AND a.order_id IS NOT NULL AND d.due_on < %(before)s AND {_UNSETTLED} > 0",
        {"book": book_id, "before": before, "never": date.max},
    )
    return [row[0] for row in found]
