"""Loans of both rule versions by one name: what journeys ask of a loan, whatever it was agreed by."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from yuefu.loans.queries import keeping, levelled, replayed, served
from yuefu.loans.queries.keeping import Kept
from yuefu.loans.queries.levelled import Repayment, Reversal
from yuefu.loans.rules import Asks, Dimensions, Held, OnBook
from yuefu.money.amounts import Money
from yuefu.plans.lifecycle.arrears import overdue_of
from yuefu.plans.lifecycle.events import LoanError
from yuefu.plans.lifecycle.fold import looked_at
from yuefu.plans.lifecycle.quotes import payoff_amount
from yuefu.plans.lifecycle.rows import Rows
from yuefu.runtime import sql


@dataclass(frozen=True, slots=True)
class Recorded:
    """A dated fact of a loan, with what became of its amount when it was recorded. `charges` are fees and penalties."""

    loan_id: UUID
    kind: str
    effective_on: date
    amount: Money
    principal: Money
    interest: Money
    charges: Money
    excess: Money
    source_id: UUID
    recorded_at: datetime
    recorded_on: date
    reverses: UUID | None = None
    """The source of the repayment that it takes off."""


def lock(book_id: UUID, loan_ids: Sequence[UUID]) -> None:
    """Locks loans until the transaction ends, those of each rule version in ascending order of id."""
    wanted = sorted(set(loan_ids))
    sql.together(
        lambda: sql.rows("SELECT FROM loans_loan WHERE book_id = %s AND id = ANY(%s) ORDER BY id FOR NO KEY UPDATE", [book_id, wanted]),
        lambda: keeping.lock_only(book_id, wanted),
    )


def on_book(loan_ids: Sequence[UUID], on: date, *, book_id: UUID) -> dict[UUID, OnBook]:
    """Loans of orders of a book as they are seen from a day, without locks; others are absent."""
    found = {i: _levelled(held) for i, held in levelled.loans(loan_ids, book_id=book_id).items()}
    return found | _lived(book_id, [i for i in loan_ids if i not in found], on)


def on_book_of(order_ids: Sequence[UUID], on: date, *, book_id: UUID) -> dict[UUID, list[OnBook]]:
    """Loans by order as they are seen from a day, oldest first."""
    by_order: dict[UUID, list[OnBook]] = defaultdict(list)
    for order_id, held in levelled.loans_of(order_ids).items():
        by_order[order_id] += [_levelled(one) for one in held]
    ids = [
        row[0]
        for row in sql.rows(
            "SELECT id FROM loans_agreement WHERE book_id = %s AND order_id = ANY(%s) ORDER BY agreed_at, id", [book_id, list(order_ids)]
        )
    ]
    lived = _lived(book_id, ids, on)
    for loan_id in ids:
        by_order[lived[loan_id].dims.order_id].append(lived[loan_id])
    return by_order


def _levelled(held: Held) -> OnBook:
    rows = tuple(
        Asks(row.no, row.due_on, row.principal, row.interest, 0, row.principal_paid + row.interest_paid) for row in held.state.rows
    )
    return OnBook(held.dims, held.state.terms, rows, held.closed_on is not None, held.arrears_since)


def _lived(book_id: UUID, loan_ids: Sequence[UUID], on: date) -> dict[UUID, OnBook]:
    return {loan_id: _seen(one, on) for loan_id, one in _on(book_id, loan_ids, on).items()}


def _on(book_id: UUID, loan_ids: Sequence[UUID], on: date) -> dict[UUID, Kept]:
    """Loans of orders, with what was entered ahead and has come true by a day."""
    read = keeping.read_on(book_id, loan_ids, on) if loan_ids else {}
    return {i: one for i, one in read.items() if one.party.order_id is not None}


def payoffs(loan_ids: Sequence[UUID], on: date, *, book_id: UUID) -> dict[UUID, Money]:
    """What ends each loan on a day, nothing having happened to it until then; loans of 2026-1 are absent."""
    return {
        i: payoff_amount(one.life.state, max(on, date.fromordinal(one.life.state.last_on))) for i, one in _on(book_id, loan_ids, on).items()
    }


def _seen(one: Kept, on: date) -> OnBook:
    party, state = one.party, one.life.state
    assert party.order_id is not None and party.merchant_id is not None and party.credit_account_id is not None  # noqa: PT018
    dims = Dimensions(
        party.loan_id, party.order_id, party.merchant_id, party.consumer_id, party.credit_account_id, party.funder_id, party.product,
        party.currency,
    )  # fmt: skip
    work = looked_at(state, max(on, date.fromordinal(state.last_on)))
    rows = work.rows
    asks = tuple(
        Asks(
            no,
            date.fromordinal(rows.due[k]),
            rows.principal[k],
            rows.interest[k],
            rows.fees[k] + rows.penalties[k],
            _asked(rows, k) - rows.unpaid(k),
            rows.penalties[k],
        )
        for no, k in enumerate(range(len(rows)), start=1)
    )
    ended = one.life.status in {"closed", "overpaid", "written_off"}
    to_recover = max(state.given_up - state.recovered, 0) if state.written_off_on else 0
    return OnBook(dims, one.life.terms, asks, ended, overdue_of(work).since, to_recover)


def _asked(rows: Rows, k: int) -> int:
    return rows.principal[k] + rows.interest[k] + rows.fees[k] + rows.penalties[k]


def by_capture(capture_ids: Sequence[UUID]) -> dict[UUID, UUID]:
    """The loan of each capture."""
    found = sql.rows(
        "SELECT capture_id, id FROM loans_loan WHERE capture_id = ANY(%(ids)s)"
        " UNION ALL SELECT capture_id, id FROM loans_agreement WHERE capture_id = ANY(%(ids)s)",
        {"ids": list(capture_ids)},
    )
    return dict(found)


def recorded(order_ids: Sequence[UUID]) -> dict[UUID, list[Recorded]]:
    """What was recorded of loans by order, in the order of recording."""
    found: dict[UUID, list[Recorded]] = defaultdict(list)
    for order_id, loan_id, kind, on, currency, amount, principal, interest, charges, excess, *rest in sql.rows(
        f"{_OF_LEVELLED} UNION ALL {_LENT} UNION ALL {_OF_LIVED} ORDER BY recorded_at, loan_id, no", {"orders": list(order_ids)}
    ):
        money = [Money(minor, currency) for minor in (amount, principal, interest, charges, excess)]
        found[order_id].append(Recorded(loan_id, kind, on, money[0], money[1], money[2], money[3], money[4], *rest[:-1]))
    return found


_OF_LEVELLED = (
    "SELECT l.order_id, e.loan_id, e.kind, e.effective_on, l.currency, e.amount_minor, e.principal_minor, e.interest_minor, 0::bigint,"
    " e.excess_minor, e.source_id, e.recorded_at, e.recorded_on, r.source_id AS reverses, e.no FROM loans_event e"
    " JOIN loans_loan l ON l.id = e.loan_id LEFT JOIN loans_event r ON r.loan_id = e.loan_id AND r.no = e.reverses_no"
    " WHERE l.order_id = ANY(%(orders)s)"
)
_LENT = (
    "SELECT a.order_id, a.id, 'disbursed', a.disbursed_on, a.currency, a.principal_minor, 0::bigint, 0::bigint, 0::bigint, 0::bigint, a.capture_id,"
    " a.agreed_at, a.agreed_on, NULL::uuid, 1 FROM loans_agreement a WHERE a.order_id = ANY(%(orders)s) AND a.capture_id IS NOT NULL"
)
_OF_LIVED = (
    "SELECT a.order_id, p.loan_id, p.kind, p.effective_on, a.currency, p.amount_minor, p.principal_minor, p.interest_minor, p.charges_minor,"
    " p.excess_minor, p.id, p.recorded_at, p.recorded_on, p.reverses, p.no FROM loans_agreement a JOIN loans_applied p ON p.loan_id = a.id"
    " WHERE a.order_id = ANY(%(orders)s)"
)


def repayments(book_id: UUID, source_ids: Sequence[UUID]) -> dict[UUID, Repayment]:
    """Applied repayments by the collection they came from; others are absent."""
    return levelled.repayments(book_id, source_ids) | served.repayments(book_id, source_ids)


def reversals(reversal_ids: Sequence[UUID]) -> dict[UUID, Reversal]:
    """What was taken off, by the reversal that did."""
    return levelled.reversals(reversal_ids) | served.reversals(reversal_ids)


def excesses(book_id: UUID, *, loan_ids: Sequence[UUID] | None = None) -> dict[UUID, int]:
    """What loans could not take and consumers are owed back, given back or not, by loan in minor units: of all loans or of some."""
    return levelled.excesses(book_id, loan_ids=loan_ids) | served.excesses(book_id, loan_ids=loan_ids)


def booked(book_id: UUID) -> dict[UUID, tuple[UUID, UUID]]:
    """Every loan of a book by its capture: (loan, order)."""
    found = sql.rows(
        "SELECT capture_id, id, order_id FROM loans_loan WHERE book_id = %(book)s"
        " UNION ALL SELECT capture_id, id, order_id FROM loans_agreement WHERE book_id = %(book)s AND capture_id IS NOT NULL",
        {"book": book_id},
    )
    return {capture: (loan, order) for capture, loan, order in found}


def sources(book_id: UUID) -> list[tuple[str, UUID, UUID]]:
    """Every repayment and refund applied in a book, and every reversal that posted something: (kind, collection, refund share or
    reversal, loan)."""

    def each(*row: Any) -> tuple[str, UUID, UUID]:
        kind, source_id, loan_id = row
        return kind, source_id, loan_id

    return sql.rows_as(
        each,
        "SELECT kind, source_id, loan_id FROM loans_event WHERE book_id = %(book)s AND kind <> 'disbursed'"
        " AND NOT (kind = 'reversed' AND principal_minor = 0 AND interest_minor = 0 AND excess_minor = 0)"
        " UNION ALL SELECT kind, id, loan_id FROM loans_applied WHERE book_id = %(book)s AND kind <> 'credit_refunded'",
        {"book": book_id},
    )


def order_of(book_id: UUID, loan_id: UUID) -> UUID | None:
    """The order that a loan of the book was lent for; None where there is no such loan or it is of no order."""
    found = sql.rows(
        "SELECT order_id FROM loans_loan WHERE book_id = %(book)s AND id = %(loan)s"
        " UNION ALL SELECT order_id FROM loans_agreement WHERE book_id = %(book)s AND id = %(loan)s",
        {"book": book_id, "loan": loan_id},
    )
    return found[0][0] if found else None


def is_of_an_order(book_id: UUID, loan_id: UUID) -> bool:
    """Whether there is such a loan of an order of the book."""
    return bool(
        sql.rows(
            "SELECT FROM loans_loan WHERE book_id = %(book)s AND id = %(loan)s"
            " UNION ALL SELECT FROM loans_agreement WHERE book_id = %(book)s AND id = %(loan)s AND order_id IS NOT NULL",
            {"book": book_id, "loan": loan_id},
        )
    )


def all_ids(book_id: UUID) -> list[UUID]:
    """Every loan of a book, by ascending id."""
    found = sql.rows(
        "SELECT id FROM loans_loan WHERE book_id = %(book)s UNION ALL SELECT id FROM loans_agreement WHERE book_id = %(book)s ORDER BY 1",
        {"book": book_id},
    )
    return [row[0] for row in found]


def changed_on(book_id: UUID, on: date) -> list[UUID]:
    """Loans of which something was recorded on a business day, by ascending id."""
    found = sql.rows(
        "SELECT loan_id FROM loans_event WHERE book_id = %(book)s AND recorded_on = %(on)s"
        " UNION SELECT loan_id FROM loans_fact WHERE book_id = %(book)s AND recorded_on = %(on)s ORDER BY 1",
        {"book": book_id, "on": on},
    )
    return [row[0] for row in found]


def not_as_replayed(book_id: UUID, loan_ids: Sequence[UUID], *, closed: date, open_day: date) -> dict[UUID, tuple[str, ...]]:
    """Loans that are stored otherwise than a replay of their terms and what was recorded of them has them, and in what. For at most
    REPLAYED_AT_ONCE loans. `closed` is the last day that closed.
    """
    wrong = levelled.not_as_replayed(book_id, loan_ids, closed=closed, open_day=open_day)
    for loan_id, one in replayed.replayed(book_id, loan_ids, closed=closed).items():
        if names := ("facts",) if isinstance(one, LoanError) else one.differs:
            wrong[loan_id] = names
    return wrong
