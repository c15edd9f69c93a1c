"""Writes of disputes: opened, stepped, answered with evidence. What a lost one costs is done before, by who calls."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from yuefu.aftersales.rules.disputes import Dispute, Evidence
from yuefu.runtime import audit, outbox, sql
from yuefu.runtime.outbox import Event
from yuefu.runtime.values import UnitOfWork

_NEW: Final = {
    "id": "uuid",
    "order_id": "uuid",
    "merchant_id": "uuid",
    "consumer_id": "uuid",
    "reason": "text",
    "claim": "text",
    "amount_minor": "bigint",
    "currency": "text",
    "answer_by": "date",
}
_CHANGED: Final = {
    "id": "uuid",
    "no": "smallint",
    "state": "text",
    "appeal_by": "date",
    "ruling": "text",
    "outcome": "text",
    "closed_by": "text",
    "closed_on": "date",
    "refund_id": "uuid",
    "refunded_minor": "bigint",
}
_STEP: Final = {
    "id": "uuid",
    "dispute_id": "uuid",
    "merchant_id": "uuid",
    "no": "smallint",
    "step": "text",
    "state": "text",
    "note": "text",
}
_TOLD: Final = {"representment": "submitted", "pre_arbitration": "ruled", "arbitration": "appealed"}
"""What an event calls the step that led to a state; of one that is closed, its outcome."""


@dataclass(frozen=True, slots=True)
class Stepped:
    """A step to be written: its own id, what it was, the dispute before and after it, and why."""

    id: UUID
    step: str
    before: Dispute
    after: Dispute
    note: str


def open_disputes(*, work: UnitOfWork, opened: Sequence[Dispute]) -> None:
    """Keeps disputes that `rules.disputes.fault_of_claim` found nothing against, of orders that are not contested."""
    if not opened:
        return
    rows = [
        (
            one.id,
            one.order_id,
            one.merchant_id,
            one.consumer_id,
            one.reason,
            one.claim,
            one.amount.minor,
            one.amount.currency,
            one.answer_by,
        )
        for one in opened
    ]
    same: sql.Same = {
        "book_id": ("uuid", work.book.id),
        "opened_on": ("date", work.day.on),
        "opened_at": ("timestamptz", work.now),
    }
    sql.insert("aftersales_dispute", _NEW, rows, same=same)
    _insert_steps(work, [(one.id, one, "open", one.claim) for one in opened])
    outbox.emit(work=work, events=[Event("dispute.opened", "dispute", one.id, 1, told(one)) for one in opened])
    audit.record(work=work, action="dispute.open", object_kind="dispute", object_ids=[one.id for one in opened])


def take_step(*, work: UnitOfWork, taken: Stepped) -> None:
    """Writes a step that `rules.disputes.take` allows. The dispute is locked."""
    before, after = taken.before, taken.after
    assert after.no == before.no + 1, "one step after the other"
    values = (
        *(after.id, after.no, after.state, after.appeal_by, after.ruling, after.outcome, after.closed_by, after.closed_on),
        *(after.refund_id, after.refunded.minor),
    )
    sql.update("aftersales_dispute", "id", _CHANGED, [values])
    _insert_steps(work, [(taken.id, after, taken.step, taken.note)])
    was, now = told(before), told(after)
    name = after.outcome if after.state == "closed" else _TOLD[after.state]
    outbox.emit(work=work, events=[Event(f"dispute.{name}", "dispute", after.id, after.no, now, outbox.changes(was, now), taken.id)])
    audit.record(work=work, action=f"dispute.{taken.step}", object_kind="dispute", object_ids=[after.id], causes=[taken.id])


def add_evidence(*, work: UnitOfWork, added: Sequence[tuple[UUID, Evidence]]) -> None:
    """Keeps evidence of merchants' disputes, which may still be added to."""
    if not added:
        return
    columns = {"id": "uuid", "dispute_id": "uuid", "merchant_id": "uuid", "kind": "text", "text": "text", "file_id": "uuid"}
    rows = [(one.id, one.dispute_id, merchant_id, one.kind, one.text, one.file_id) for merchant_id, one in added]
    same: sql.Same = {
        "book_id": ("uuid", work.book.id),
        "recorded_by": ("text", work.by.label),
        "recorded_at": ("timestamptz", work.now),
    }
    sql.insert("aftersales_dispute_evidence", columns, rows, same=same)
    about = {str(one.id): str(one.dispute_id) for _, one in added}
    audit.record(
        work=work, action="dispute.evidence", object_kind="dispute_evidence", object_ids=[one.id for _, one in added], detail=about
    )


def _insert_steps(work: UnitOfWork, rows: Sequence[tuple[UUID, Dispute, str, str]]) -> None:
    same: sql.Same = {
        "book_id": ("uuid", work.book.id),
        "actor": ("text", work.by.label),
        "taken_on": ("date", work.day.on),
        "taken_at": ("timestamptz", work.now),
    }
    written = [(step_id, one.id, one.merchant_id, one.no, step, one.state, note) for step_id, one, step, note in rows]
    sql.insert("aftersales_dispute_step", _STEP, written, same=same)


def told(one: Dispute) -> Mapping[str, Any]:
    """A dispute as events tell it."""
    return {
        "id": one.id,
        "order_id": one.order_id,
        "merchant_id": one.merchant_id,
        "consumer_id": one.consumer_id,
        "reason": one.reason,
        "amount": one.amount,
        "state": one.state,
        "answer_by": one.answer_by,
        "appeal_by": one.appeal_by,
        "ruling": one.ruling,
        "outcome": one.outcome,
        "refund_id": one.refund_id,
        "refunded": one.refunded,
    }
