"""A step: one event and the loan after it. How steps are decided differs, how they are written does not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any, Literal
from uuid import UUID

from yuefu.ledger.rules import Entry
from yuefu.loans import rules
from yuefu.loans.commands import storing
from yuefu.loans.rules import Effect, Held
from yuefu.money.amounts import Money
from yuefu.plans.loan import LoanState
from yuefu.runtime import audit, outbox, sql
from yuefu.runtime.outbox import Event
from yuefu.runtime.values import UnitOfWork


@dataclass(frozen=True, slots=True)
class Step:
    """An event of `amount` and what it changed. `reverses_no` names the event it takes off, `told` is what the outbox says besides."""

    held: Held
    source_id: UUID
    kind: Literal["repaid", "refunded", "reversed"]
    on: date
    amount: int
    effect: Effect
    entry: Entry
    reverses_no: int | None = None
    told: Mapping[str, Any] = field(default_factory=dict)


def held_after(work: UnitOfWork, one: Held, state: LoanState, discount: int) -> Held:
    """The loan after an event: its state with what follows from it for discount, arrears and closing."""
    closed_on = (one.closed_on or work.day.on) if state.is_closed else None
    # Instalments due today are earned by today's close, not by an event before it.
    earned = rules.earned(discount, state, date.fromordinal(work.day.on.toordinal() - 1))
    since = rules.arrears_since(state, work.day.on)
    return replace(one, state=state, seq=one.seq + 1, discount=discount, discount_earned=earned, closed_on=closed_on, arrears_since=since)


def write(work: UnitOfWork, before: Mapping[UUID, Held], steps: Sequence[Step]) -> None:
    """Writes steps of one kind: the rows that differ between the loans `before` and after, the events, what they tell the outbox."""
    if not steps:
        return
    after = {step.held.dims.loan_id: step.held for step in steps}
    touched = sorted(after)
    storing.update_instalments({i: (before[i].state, after[i].state) for i in touched})
    update_loans([after[i] for i in touched])
    _insert_events(work, steps)
    sql.update(
        "loans_accrual",
        "loan_id",
        {"loan_id": "uuid", "total_minor": "bigint"},
        [(i, storing.interest_total(after[i].state)) for i in touched],
    )
    outbox.emit(work=work, events=_events(before, steps))
    audit.record(work=work, action=f"loan.{steps[0].kind}", object_kind="loan", object_ids=touched)


def _events(before: Mapping[UUID, Held], steps: Sequence[Step]) -> list[Event]:
    seen = {loan_id: _snapshot(held) for loan_id, held in before.items()}
    events = []
    for step in steps:
        dims, now = step.held.dims, _snapshot(step.held)
        events.append(storing.event(dims, step.kind, step.held.seq, now, _told(step), before=seen[dims.loan_id], cause=step.source_id))
        seen[dims.loan_id] = now
    return events


def _snapshot(held: Held) -> dict[str, Any]:
    return storing.snapshot(held.dims, held.state, held.arrears_since)


def _told(step: Step) -> dict[str, Any]:
    """What this step did, beside what the loan is after it."""
    amounts = {
        "amount": step.amount,
        "principal_settled": step.effect.principal,
        "interest_settled": step.effect.interest,
        "excess_added": step.effect.excess,
    }
    currency = step.held.dims.currency
    return {**{name: Money(minor, currency) for name, minor in amounts.items()}, "effective_on": step.on, **step.told}


def update_loans(loans: Sequence[Held]) -> None:
    """Writes the progress of loans by one statement."""
    columns = {
        "id": "uuid",
        "state": "text",
        "refunded_principal_minor": "bigint",
        "excess_minor": "bigint",
        "last_event_on": "date",
        "seq": "integer",
        "discount_minor": "bigint",
        "discount_earned_minor": "bigint",
        "arrears_since": "date",
        "closed_on": "date",
    }
    values = [
        (
            h.dims.loan_id,
            "closed" if h.state.is_closed else "active",
            h.state.refunded_principal,
            h.state.excess,
            h.state.last_event_on,
            h.seq,
            h.discount,
            h.discount_earned,
            h.arrears_since,
            h.closed_on,
        )
        for h in loans
    ]
    sql.update("loans_loan", "id", columns, values)


def _insert_events(work: UnitOfWork, steps: Sequence[Step]) -> None:
    new = work.ids.many(work.now, len(steps))
    values = [
        (
            i,
            work.book.id,
            s.held.dims.loan_id,
            s.held.seq,
            s.kind,
            s.on,
            s.amount,
            s.source_id,
            s.effect.principal,
            s.effect.interest,
            s.effect.excess,
            work.now,
            work.day.on,
            s.reverses_no,
        )
        for i, s in zip(new, steps, strict=True)
    ]
    sql.insert("loans_event", storing.EVENT_COLUMNS | {"reverses_no": "integer"}, values)
