"""Loans of rule version 2026-2 that are for orders: how they came to be, what became of money that came for them, and which they are."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from yuefu.loans.queries import keeping
from yuefu.loans.queries.levelled import Repayment, Reversal
from yuefu.money.amounts import Money
from yuefu.runtime import sql


@dataclass(frozen=True, slots=True)
class BoughtDown:
    """The fact that tells what the merchant pays for a loan: its number, its day, and how much in minor units."""

    no: int
    on: date
    minor: int


def which(loan_ids: Sequence[UUID]) -> list[bool]:
    """Whether each loan is one of rule version 2026-2, in order."""
    found = {row[0] for row in sql.rows("SELECT id FROM loans_agreement WHERE id = ANY(%s)", [list(set(loan_ids))])}
    return [loan_id in found for loan_id in loan_ids]


def which_applied(source_ids: Sequence[UUID]) -> list[bool]:
    """Whether what came of each source went to a loan of rule version 2026-2, in order."""
    found = {row[0] for row in sql.rows("SELECT id FROM loans_applied WHERE id = ANY(%s)", [list(set(source_ids))])}
    return [source_id in found for source_id in source_ids]


def begun_on(loan_ids: Sequence[UUID]) -> dict[UUID, date]:
    """The day on which each loan was agreed to be lent."""
    return dict(sql.rows("SELECT id, disbursed_on FROM loans_agreement WHERE id = ANY(%s)", [list(loan_ids)]))


def locked_as_written_off(loan_ids: Sequence[UUID]) -> set[UUID]:
    """Which of some loans were written off; all of them are locked until the transaction ends, ids ascending."""
    if not loan_ids:
        return set()
    wanted = list(set(loan_ids))
    _, found = sql.together(
        lambda: keeping.lock_only(None, wanted),
        lambda: sql.rows("SELECT loan_id FROM loans_checkpoint WHERE loan_id = ANY(%s) AND status = 'written_off'", [wanted]),
    )
    return {row[0] for row in found}


def bought_down(loan_ids: Sequence[UUID]) -> dict[UUID, BoughtDown]:
    """What merchants pay for loans, as it counts now; a loan for which nothing is paid is absent."""
    if not loan_ids:
        return {}
    found = sql.rows(
        "SELECT f.loan_id, f.no, f.effective_on, (f.body -> 'amount' ->> 'minor')::bigint FROM loans_fact f"
        " WHERE f.loan_id = ANY(%s) AND f.kind = 'bought_down'"
        " AND NOT EXISTS (SELECT 1 FROM loans_fact u WHERE u.loan_id = f.loan_id AND u.undoes_no = f.no)",
        [list(loan_ids)],
    )
    return {row[0]: BoughtDown(*row[1:]) for row in found}


def overpaid(book_id: UUID, *, loan_ids: Sequence[UUID] | None = None) -> list[UUID]:
    """Loans of orders, of all or of some, that have ended and keep money of their consumers, by ascending id."""
    where, chosen = (" AND c.loan_id = ANY(%s)", [list(loan_ids)]) if loan_ids is not None else ("", [])
    found = sql.rows(
        "SELECT c.loan_id FROM loans_checkpoint c JOIN loans_agreement a ON a.id = c.loan_id"
        f" WHERE c.book_id = %s AND c.status = 'overpaid' AND a.order_id IS NOT NULL{where} ORDER BY c.loan_id",
        [book_id, *chosen],
    )
    return [row[0] for row in found]


@dataclass(frozen=True, slots=True)
class TakenOut:
    """The fact that tells of money that a loan could not take: its number, its day, and how much."""

    no: int
    on: date
    amount: Money


def taken_out(loan_ids: Sequence[UUID]) -> dict[UUID, list[TakenOut]]:
    """What left loans because they could not take it, as it counts now, the latest first."""
    found: dict[UUID, list[TakenOut]] = defaultdict(list)
    for loan_id, no, on, minor, currency in sql.rows(
        "SELECT f.loan_id, f.no, f.effective_on, (f.body -> 'amount' ->> 'minor')::bigint, f.body -> 'amount' ->> 'currency' FROM loans_fact f"
        " WHERE f.loan_id = ANY(%s) AND f.kind = 'credit_refunded'"
        " AND NOT EXISTS (SELECT 1 FROM loans_fact u WHERE u.loan_id = f.loan_id AND u.undoes_no = f.no) ORDER BY f.loan_id, f.no DESC",
        [list(loan_ids)],
    ):
        found[loan_id].append(TakenOut(no, on, Money(minor, currency)))
    return found


def repayments(book_id: UUID, source_ids: Sequence[UUID]) -> dict[UUID, Repayment]:
    """Applied repayments by the collection they came from; others are absent."""
    found = sql.rows(
        "SELECT a.id, a.loan_id, a.no, a.amount_minor, EXISTS (SELECT 1 FROM loans_applied r WHERE r.reverses = a.id), a.excess_minor"
        " FROM loans_applied a WHERE a.book_id = %s AND a.id = ANY(%s) AND a.kind = 'repaid'",
        [book_id, list(source_ids)],
    )
    return {row[0]: Repayment(*row[1:]) for row in found}


def reversals(reversal_ids: Sequence[UUID]) -> dict[UUID, Reversal]:
    """What was taken off, by the reversal that did."""
    found = sql.rows(
        "SELECT r.id, r.reverses, r.loan_id, r.amount_minor, r.excess_minor, a.currency FROM loans_applied r"
        " JOIN loans_agreement a ON a.id = r.loan_id WHERE r.id = ANY(%s) AND r.kind = 'reversed'",
        [list(reversal_ids)],
    )
    return {i: Reversal(i, source, loan, Money(amount, c), Money(excess, c)) for i, source, loan, amount, excess, c in found}


def excesses(book_id: UUID, *, loan_ids: Sequence[UUID] | None = None) -> dict[UUID, int]:
    """What loans could not take and consumers are owed back, given back or not, by loan in minor units: of all loans or of some."""
    where, chosen = (" AND loan_id = ANY(%s)", [list(loan_ids)]) if loan_ids is not None else ("", [])
    return dict(
        sql.rows(
            f"SELECT loan_id, sum(excess_minor)::bigint FROM loans_applied WHERE book_id = %s AND excess_minor > 0{where} GROUP BY loan_id",
            [book_id, *chosen],
        )
    )


def numbers_in_force(source_ids: Sequence[UUID]) -> dict[UUID, int]:
    """The number of the fact that was entered of each source and not undone; a source of which there is none is absent."""
    found = sql.rows(
        "SELECT f.source_id, f.no FROM loans_fact f WHERE f.source_id = ANY(%s)"
        " AND NOT EXISTS (SELECT 1 FROM loans_fact u WHERE u.loan_id = f.loan_id AND u.undoes_no = f.no)",
        [list(source_ids)],
    )
    return dict(found)
