"""How loans, their instalments and events are written: set-based, by one statement a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, Final
from uuid import UUID

from yuefu.loans.rules import Dimensions
from yuefu.money.amounts import Money
from yuefu.plans.loan import LoanState
from yuefu.runtime import outbox, sql
from yuefu.runtime.outbox import Event
from yuefu.runtime.values import UnitOfWork

EVENT_COLUMNS: Final = {
    "id": "uuid",
    "book_id": "uuid",
    "loan_id": "uuid",
    "no": "integer",
    "kind": "text",
    "effective_on": "date",
    "amount_minor": "bigint",
    "source_id": "uuid",
    "principal_minor": "bigint",
    "interest_minor": "bigint",
    "excess_minor": "bigint",
    "recorded_at": "timestamptz",
    "recorded_on": "date",
}
_INSTALMENT: Final = {
    "loan_id": "uuid",
    "no": "smallint",
    "book_id": "uuid",
    "consumer_id": "uuid",
    "start_on": "date",
    "due_on": "date",
    "principal_minor": "bigint",
    "interest_minor": "bigint",
    "principal_paid_minor": "bigint",
    "interest_paid_minor": "bigint",
}


def interest_total(state: LoanState) -> int:
    return sum(row.interest for row in state.rows)


def insert_instalments(work: UnitOfWork, states: Sequence[tuple[Dimensions, LoanState]]) -> None:
    book = work.book.id
    sql.insert(
        "loans_instalment",
        _INSTALMENT,
        [
            (d.loan_id, r.no, book, d.consumer_id, r.start_on, r.due_on, r.principal, r.interest, r.principal_paid, r.interest_paid)
            for d, state in states
            for r in state.rows
        ],
    )


def update_instalments(changes: Mapping[UUID, tuple[LoanState, LoanState]]) -> None:
    """Writes only the rows that differ between the state read and the state reached."""
    values = [
        (loan_id, new.no, new.principal, new.interest, new.principal_paid, new.interest_paid)
        for loan_id, (before, now) in sorted(changes.items())
        for old, new in zip(before.rows, now.rows, strict=True)
        if old != new
    ]
    if not values:
        return
    columns = {"loan_id": "uuid", "no": "smallint", "p": "bigint", "i": "bigint", "pp": "bigint", "ip": "bigint"}
    source, params = sql.unnest(columns, values)
    sql.run(
        "UPDATE loans_instalment AS t SET principal_minor = g.p, interest_minor = g.i, principal_paid_minor = g.pp, interest_paid_minor = g.ip"
        f" FROM {source} AS g WHERE t.loan_id = g.loan_id AND t.no = g.no",
        params,
    )


def event(
    dims: Dimensions,
    kind: str,
    seq: int,
    now: Mapping[str, Any],
    extra: Mapping[str, Any],
    *,
    before: Mapping[str, Any] | None,
    cause: UUID,
) -> Event:
    """An outbox event with the snapshot of the loan as it stands `now` and what it was `before`; `cause` is the capture, collection or
    refund it comes from."""
    changed = outbox.changes(before, now) if before else None
    return Event(f"loan.{kind}", "loan", dims.loan_id, seq, {**now, **extra}, changed, cause)


def snapshot(dims: Dimensions, state: LoanState, arrears_since: date | None) -> dict[str, Any]:
    """What events tell of a loan, whatever happened to it. Arrears that a late fact brings or ends are told here; those that a day brings
    by `loan.overdue`."""
    currency = dims.currency
    return {
        "id": dims.loan_id,
        "order_id": dims.order_id,
        "merchant_id": dims.merchant_id,
        "consumer_id": dims.consumer_id,
        "funder_id": dims.funder_id,
        "product": dims.product,
        "state": "closed" if state.is_closed else "active",
        "principal": state.terms.principal,
        "outstanding_principal": state.outstanding_principal,
        "refunded_principal": Money(state.refunded_principal, currency),
        "excess": Money(state.excess, currency),
        "arrears_since": arrears_since,
    }
