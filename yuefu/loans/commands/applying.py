"""Applying what consumers pay and merchants take back, each to what is due by the rules of its loan."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Literal
from uuid import UUID

from yuefu.errors import Refused
from yuefu.ledger import commands as ledger
from yuefu.ledger.rules import Posted
from yuefu.loans import entries, rules
from yuefu.loans.commands.stepping import Step, held_after, write
from yuefu.loans.queries import levelled
from yuefu.loans.rules import BEFORE_DISBURSEMENT, FUTURE_DATED, UNKNOWN_LOAN, Held
from yuefu.money.amounts import Money
from yuefu.plans.lifecycle.choices import Excess
from yuefu.plans.loan import Refunded, Repaid
from yuefu.runtime import sql
from yuefu.runtime.values import UnitOfWork

ALREADY_APPLIED = "already_applied"  # this collection or refund share was applied before


@dataclass(frozen=True, slots=True)
class Repayment:
    """A received collection to apply to a loan. `effective_on` may be earlier than the business day. `ahead`: what is more than what is due pays
    what is to come, in this way, and does not go back; `ends`: it ends the loan, if it is what ends it that day. A loan of rule version 2026-1 takes
    nothing ahead."""

    source_id: UUID
    loan_id: UUID
    amount: Money
    effective_on: date
    ahead: Excess | None = None
    ends: bool = False


@dataclass(frozen=True, slots=True)
class GoodsRefund:
    """A share of a refund to credit to a loan; `discount_returned` is what the merchant gets back of its interest-free discount."""

    source_id: UUID
    loan_id: UUID
    amount: Money
    effective_on: date
    discount_returned: Money


@dataclass(frozen=True, slots=True)
class Applied:
    """What became of an amount: principal + interest + charges (fees and penalties) + excess. `excess` is owed to the consumer."""

    source_id: UUID
    loan_id: UUID
    principal: Money
    interest: Money
    excess: Money
    closed: bool
    charges: Money


def apply_repayments(*, work: UnitOfWork, repayments: Sequence[Repayment]) -> list[Applied | Refused]:
    """Applies received repayments to what is due, each seeing those before it.

    One outcome a repayment, in order. What exceeds everything due becomes the consumer's credit balance. Refused with unknown_loan,
    already_applied, before_disbursement or future_dated. Posts one entry each.
    """
    return _apply(work, "repaid", [(r, Money.zero(r.amount.currency)) for r in repayments])


def apply_refunds(*, work: UnitOfWork, refunds: Sequence[GoodsRefund]) -> list[Applied | Refused]:
    """Credits goods refunds to their loans: what is due first, then the principal ahead, whose instalments are computed anew."""
    return _apply(work, "refunded", [(r, r.discount_returned) for r in refunds])


def _apply(
    work: UnitOfWork, kind: Literal["repaid", "refunded"], requests: Sequence[tuple[Repayment | GoodsRefund, Money]]
) -> list[Applied | Refused]:
    before = levelled.lock(work.book.id, [request.loan_id for request, _ in requests])
    held = dict(before)
    known = _applied_before([request.source_id for request, _ in requests])
    late = _back_dated(held, [request for request, _ in requests])
    history = levelled.history(sorted(late), {i: held[i].state.terms for i in late}) if late else {}
    outcomes: list[Applied | Refused] = []
    steps: list[Step] = []
    for request, returned in requests:
        refused = _refusal(work, held.get(request.loan_id), request, known)
        if refused:
            outcomes.append(refused)
            continue
        known.add(request.source_id)
        one = held[request.loan_id]
        event = (Repaid if kind == "repaid" else Refunded)(request.effective_on, request.amount)
        state, effect = rules.after(one.state, event, history.get(request.loan_id))
        if request.loan_id in history:
            history[request.loan_id].append(event)
        after = held_after(work, one, replace(state, seq=one.seq + 1), one.discount - returned.minor)
        entry = entries.applied(
            one.dims, kind, request.source_id, effect, request.effective_on, after.discount_earned - one.discount_earned
        )
        steps.append(Step(after, request.source_id, kind, request.effective_on, request.amount.minor, effect, entry))
        held[request.loan_id] = after
        money = [Money(minor, one.dims.currency) for minor in (effect.principal, effect.interest, effect.excess)]
        outcomes.append(
            Applied(request.source_id, request.loan_id, money[0], money[1], money[2], after.state.is_closed, Money.zero(one.dims.currency))
        )
    write(work, before, steps)
    for posted in ledger.post(work=work, entries=[step.entry for step in steps]):
        assert isinstance(posted, Posted), f"what was received is always posted: {posted}"
    return outcomes


def _back_dated(held: Mapping[UUID, Held], requests: Sequence[Repayment | GoodsRefund]) -> set[UUID]:
    """Loans with an event older than the last one, or than one before it in the same batch: they are replayed."""
    latest = {loan_id: one.state.last_event_on for loan_id, one in held.items()}
    late = set()
    for request in requests:
        last = latest.get(request.loan_id)
        if last is not None and request.effective_on < last:
            late.add(request.loan_id)
        elif last is not None:
            latest[request.loan_id] = request.effective_on
    return late


def _applied_before(source_ids: Sequence[UUID]) -> set[UUID]:
    return {row[0] for row in sql.rows("SELECT source_id FROM loans_event WHERE source_id = ANY(%s)", [list(source_ids)])}


def _refusal(work: UnitOfWork, held: Held | None, request: Repayment | GoodsRefund, known: set[UUID]) -> Refused | None:
    if request.source_id in known:
        return Refused(ALREADY_APPLIED, "this was applied before", "source_id")
    if held is None:
        return Refused(UNKNOWN_LOAN, "there is no such loan in this book", "loan_id")
    if request.effective_on < held.state.terms.disbursed_on:
        return Refused(BEFORE_DISBURSEMENT, f"the loan began on {held.state.terms.disbursed_on}", "effective_on")
    if request.effective_on > work.day.on:
        return Refused(FUTURE_DATED, f"the business day is {work.day.on}", "effective_on")
    return None
