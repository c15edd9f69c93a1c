"""Clearing by hand: two people pay a batch that is held or came back, or say that it was paid outside of the platform."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Final
from uuid import UUID

from yuefu.errors import Refused, RefusedError, one
from yuefu.payments import commands as payments
from yuefu.payments import queries as payment_book
from yuefu.payments.rules import PayResult
from yuefu.runtime import approvals
from yuefu.runtime.values import UnitOfWork
from yuefu.settlement import queries, rules
from yuefu.settlement.commands.following import mark_payouts, schedule
from yuefu.settlement.queries import Batch

CLEAR: Final = "settlement.clear"
"""The action of the approval that clearing needs; its object is the batch."""

_LONGEST: Final = 64


@dataclass(frozen=True, slots=True)
class Clearing:
    """Pay a batch now; or, with the `reference` of the bank's statement and the day, book that it was paid outside, out of the account of client
    money. `reason` is for the second person."""

    batch_id: UUID
    reason: str
    reference: str = ""
    paid_on: date | None = None


def propose_clearing(*, work: UnitOfWork, clearing: Clearing) -> UUID | Refused:
    """Asks for a clearing; nothing is paid until a second person decides with `decide_clearing`. Returns the approval.

    Refused with UNKNOWN_BATCH, NOT_POSSIBLE, NOTHING_TO_PAY, REFERENCE_INVALID, REFERENCE_REUSED or PAID_ON_INVALID.
    """
    batch = queries.batches_by_id(book_id=work.book.id, ids=[clearing.batch_id]).get(clearing.batch_id)
    if refused := _unfit(batch) or (_unfit_outside(work, clearing) if clearing.reference or clearing.paid_on else None):
        return refused
    assert batch is not None, "it is fit"
    content = clearing_content(clearing, batch)
    return approvals.request(work=work, action=CLEAR, object_kind="batch", object_id=batch.id, content=content, reason=clearing.reason)


def clearing_content(clearing: Clearing, batch: Batch) -> dict[str, Any]:
    """What the second person reads of a clearing of a batch as it is."""
    return {
        "how": "outside" if clearing.reference else "pay",
        "amount_minor": batch.pays.minor,
        "currency": batch.pays.currency,
        "version": batch.version,
        "reference": clearing.reference,
        "paid_on": clearing.paid_on.isoformat() if clearing.paid_on else None,
    }


def decide_clearing(*, work: UnitOfWork, approval_id: UUID, approve: bool, reason: str) -> UUID | Refused | None:
    """Approves a clearing, which orders the payout, or books it as paid; or rejects it. Returns the batch; None after a rejection.

    Refused as `approvals.decide`. Raises RefusedError where the batch is not as it was (CHANGED_SINCE), less is in the client account than was paid
    (NOT_COVERED), or as `schedule` refuses: the transaction rolls back and the request goes on waiting.
    """
    decided = approvals.decide(work=work, approval_id=approval_id, approve=approve, reason=reason, action=CLEAR)
    if isinstance(decided, Refused):
        return decided
    if not approve:
        return None
    assert decided.object_id is not None, "it is about a batch"
    content: Mapping[str, Any] = decided.content
    batch = queries.batches_by_id(book_id=work.book.id, ids=[decided.object_id], lock=True)[decided.object_id]
    ordered = one(schedule(work=work, batch_ids=[batch.id], by_hand=True, outside=content["reference"]))
    if (batch.version, ordered.pays.minor) != (content["version"], content["amount_minor"]):
        raise RefusedError(Refused(rules.CHANGED_SINCE, "the batch is not as it was: reject this and ask anew", "approval_id"))
    if content["how"] == "outside":
        _book_as_paid(work, ordered, date.fromisoformat(content["paid_on"]))
    return batch.id


def _book_as_paid(work: UnitOfWork, batch: Batch, on: date) -> None:
    assert batch.payout_id is not None, "it was ordered"
    payout = payment_book.payouts(book_id=work.book.id, ids=[batch.payout_id])[batch.payout_id]
    sent = one(payments.send_payouts(work=work, payouts=[payout]))
    paid = one(payments.settle_payouts(work=work, results=[PayResult(sent.reference, "paid", sent.amount, sent.reference, on)]))
    one(mark_payouts(work=work, payouts=[paid]))


def _unfit(batch: Batch | None) -> Refused | None:
    if batch is None:
        return Refused(rules.UNKNOWN_BATCH, "there is no such batch in this book", "batch_id")
    if (batch.state, "scheduled") not in rules.TRANSITIONS:
        return Refused(rules.NOT_POSSIBLE, f"the batch is {batch.state}: only what is held or came back is cleared by hand", "state")
    return None if batch.pays else Refused(rules.NOTHING_TO_PAY, "all that this batch would pay is frozen", "batch_id")


def _unfit_outside(work: UnitOfWork, clearing: Clearing) -> Refused | None:
    reference = clearing.reference
    if not 0 < len(reference) <= _LONGEST or not reference.isprintable() or reference != reference.strip():
        return Refused(rules.REFERENCE_INVALID, f"the bank's reference has 1 to {_LONGEST} characters and no blanks around it", "reference")
    if clearing.paid_on is None or clearing.paid_on > work.day.on:
        return Refused(rules.PAID_ON_INVALID, "what was paid outside was paid on a day, today at the latest", "paid_on")
    if payment_book.payouts_by_reference(book_id=work.book.id, references=[reference]):
        return Refused(rules.REFERENCE_REUSED, "another payout has this reference", "reference")
    return None
