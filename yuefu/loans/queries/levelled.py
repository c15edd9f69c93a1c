"""Loans of rule version 2026-1, as they are stored and as their events have them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final
from uuid import UUID

from yuefu.dates.daycount import DayCount
from yuefu.loans import rules
from yuefu.loans.rules import Dated, Dimensions, Fact, Held
from yuefu.money.amounts import Money
from yuefu.money.rates import Rate
from yuefu.plans.loan import Disbursed, LoanState, Refunded, Repaid, Row
from yuefu.plans.terms import Terms
from yuefu.runtime import sql

_LOAN = (
    "id, order_id, merchant_id, consumer_id, credit_account_id, funder_id, product, currency, principal_minor, periods,"
    " annual_rate_ppm, day_count, disbursed_on, first_due_on, due_day, rule_version, ceilings, refunded_principal_minor, excess_minor,"
    " last_event_on, seq, discount_minor, discount_earned_minor, closed_on, arrears_since"
)


REPLAYED_AT_ONCE: Final = 1_000
"""So many loans at most are told anew by one round of queries."""


@dataclass(frozen=True, slots=True)
class Repayment:
    """A repayment that was applied: the event `no` of its loan, its amount in minor units, whether it was taken off again, and what of it the loan
    could not take."""

    loan_id: UUID
    no: int
    amount: int
    reversed: bool
    excess: int


@dataclass(frozen=True, slots=True)
class Reversal:
    """A repayment taken off its loan. `excess` is what is owed back for it."""

    id: UUID
    source_id: UUID
    loan_id: UUID
    amount: Money
    excess: Money


def lock(book_id: UUID, loan_ids: Sequence[UUID]) -> dict[UUID, Held]:
    """Loans with their instalments, locked in ascending order of id until the transaction ends."""
    found = sql.rows(
        f"SELECT {_LOAN} FROM loans_loan WHERE book_id = %s AND id = ANY(%s) ORDER BY id FOR NO KEY UPDATE", [book_id, list(set(loan_ids))]
    )
    return _held(found)


def lock_due(book_id: UUID, on: date, *, after: UUID | None, limit: int) -> None:
    """Locks the loans of one chunk with an instalment due on a day, by ascending id: what is read of them next stays so."""
    sql.run(
        "SELECT id FROM loans_loan WHERE id IN (SELECT loan_id FROM loans_instalment WHERE book_id = %(book)s AND due_on = %(on)s"
        " AND (%(after)s::uuid IS NULL OR loan_id > %(after)s) ORDER BY loan_id LIMIT %(limit)s) ORDER BY id FOR NO KEY UPDATE",
        {"book": book_id, "on": on, "after": after, "limit": limit},
    )


def loans(loan_ids: Sequence[UUID], *, book_id: UUID | None = None) -> dict[UUID, Held]:
    """Loans with their instalments, without locks; with `book_id` only those of that book."""
    return _held(
        sql.rows(
            f"SELECT {_LOAN} FROM loans_loan WHERE id = ANY(%s) AND (%s::uuid IS NULL OR book_id = %s)", [list(loan_ids), book_id, book_id]
        )
    )


def loans_of(order_ids: Sequence[UUID]) -> dict[UUID, list[Held]]:
    """Loans by order, oldest first."""
    found = _held(sql.rows(f"SELECT {_LOAN} FROM loans_loan WHERE order_id = ANY(%s) ORDER BY booked_at, id", [list(order_ids)]))
    by_order: dict[UUID, list[Held]] = defaultdict(list)
    for held in found.values():
        by_order[held.dims.order_id].append(held)
    return by_order


def _held(found: Sequence[tuple[Any, ...]]) -> dict[UUID, Held]:
    rows: dict[UUID, list[Row]] = defaultdict(list)
    for loan_id, *row in sql.rows(
        "SELECT loan_id, no, start_on, due_on, principal_minor, interest_minor, principal_paid_minor, interest_paid_minor"
        " FROM loans_instalment WHERE loan_id = ANY(%s) ORDER BY loan_id, no",
        [[loan[0] for loan in found]],
    ):
        rows[loan_id].append(Row(*row))
    return {loan[0]: _one(loan, tuple(rows[loan[0]])) for loan in found}


def _one(loan: tuple[Any, ...], rows: tuple[Row, ...]) -> Held:
    dims = Dimensions(*loan[:8])
    principal, periods, rate, day_count, disbursed, first_due, due_day, version, ceilings, refunded, excess, last, seq = loan[8:21]
    amount, most = Money(principal, dims.currency), tuple(ceilings) if ceilings else None
    terms = Terms(amount, periods, Rate(rate), DayCount(day_count), disbursed, first_due, due_day, version, most)
    state = LoanState(terms=terms, rows=rows, last_event_on=last, seq=seq, refunded_principal=refunded, excess=excess)
    return Held(dims, state, seq, *loan[21:])


def history(loan_ids: Sequence[UUID], terms: Mapping[UUID, Terms]) -> dict[UUID, list[Dated]]:
    """All events of loans in the order of recording, as the fold takes them."""
    return {loan_id: list(rules.history_of(found).values()) for loan_id, found in facts(loan_ids, terms).items()}


def facts(loan_ids: Sequence[UUID], terms: Mapping[UUID, Terms]) -> dict[UUID, list[Fact]]:
    """All that was recorded of loans, in the order of recording."""
    found: dict[UUID, list[Fact]] = defaultdict(list)
    for loan_id, no, kind, on, amount, recorded_on, reverses_no in sql.rows(
        "SELECT loan_id, no, kind, effective_on, amount_minor, recorded_on, reverses_no FROM loans_event WHERE loan_id = ANY(%s)"
        " ORDER BY loan_id, no",
        [list(loan_ids)],
    ):
        found[loan_id].append(Fact(no, _dated(terms[loan_id], kind, on, amount), recorded_on, reverses_no))
    return dict(found)


def _dated(terms: Terms, kind: str, on: date, amount: int) -> Dated | None:
    match kind:
        case "disbursed":
            return Disbursed(on, terms)
        case "repaid":
            return Repaid(on, Money(amount, terms.principal.currency))
        case "refunded":
            return Refunded(on, Money(amount, terms.principal.currency))
    return None


def not_as_replayed(book_id: UUID, loan_ids: Sequence[UUID], *, closed: date, open_day: date) -> dict[UUID, tuple[str, ...]]:
    """Loans that are stored otherwise than a replay of their terms and events has them, and in what (`rules.differences`). Four queries,
    for at most REPLAYED_AT_ONCE loans. `closed` is the last day that closed.
    """
    assert len(loan_ids) <= REPLAYED_AT_ONCE, "the caller goes by chunks"
    held = loans(loan_ids, book_id=book_id)
    told = facts(list(held), {i: one.state.terms for i, one in held.items()})
    marked = dict(sql.rows("SELECT id, state = 'closed' FROM loans_loan WHERE id = ANY(%s)", [list(held)]))
    wrong: dict[UUID, tuple[str, ...]] = {}
    for loan_id, one in held.items():
        found = rules.differences(one, told[loan_id], closed=closed, open_day=open_day) if loan_id in told else ("events",)
        if marked[loan_id] != (one.closed_on is not None):
            found = (*found, "state")
        if found:
            wrong[loan_id] = found
    return wrong


def changed_on(book_id: UUID, on: date) -> list[UUID]:
    """Loans of which something was recorded on a business day, by ascending id."""
    found = sql.rows("SELECT DISTINCT loan_id FROM loans_event WHERE book_id = %s AND recorded_on = %s ORDER BY 1", [book_id, on])
    return [row[0] for row in found]


def repayments(book_id: UUID, source_ids: Sequence[UUID]) -> dict[UUID, Repayment]:
    """Applied repayments by the collection they came from; others are absent."""
    found = sql.rows(
        "SELECT e.source_id, e.loan_id, e.no, e.amount_minor, EXISTS (SELECT 1 FROM loans_event r WHERE r.loan_id = e.loan_id AND r.reverses_no = e.no),"
        " e.excess_minor FROM loans_event e WHERE e.book_id = %s AND e.source_id = ANY(%s) AND e.kind = 'repaid'",
        [book_id, list(source_ids)],
    )
    return {row[0]: Repayment(*row[1:]) for row in found}


def reversals(reversal_ids: Sequence[UUID]) -> dict[UUID, Reversal]:
    found = sql.rows(
        "SELECT r.source_id, e.source_id, r.loan_id, r.amount_minor, r.excess_minor, l.currency FROM loans_event r"
        " JOIN loans_event e ON e.loan_id = r.loan_id AND e.no = r.reverses_no JOIN loans_loan l ON l.id = r.loan_id"
        " WHERE r.source_id = ANY(%s)",
        [list(reversal_ids)],
    )
    return {i: Reversal(i, source, loan, Money(amount, c), Money(excess, c)) for i, source, loan, amount, excess, c in found}


def excesses(book_id: UUID, *, loan_ids: Sequence[UUID] | None = None) -> dict[UUID, int]:
    """What loans could not take and consumers are owed back, given back or not, by loan in minor units: of all loans or of some."""
    where, chosen = (" AND id = ANY(%s)", [list(loan_ids)]) if loan_ids is not None else ("", [])
    return dict(sql.rows(f"SELECT id, excess_minor FROM loans_loan WHERE book_id = %s AND excess_minor > 0{where}", [book_id, *chosen]))
