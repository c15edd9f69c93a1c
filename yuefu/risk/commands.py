"""Writes of risk: recording decisions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal
from uuid import UUID

from yuefu.risk.rules.decision import Decision, Features
from yuefu.runtime import audit, sql
from yuefu.runtime.jsontext import dumps
from yuefu.runtime.values import UnitOfWork

_COLUMNS: Final = {
    "id": "uuid", "order_id": "uuid", "consumer_id": "uuid", "merchant_id": "uuid", "outcome": "text", "reasons": "jsonb",
    "features": "json", "policy_version": "integer",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Decided:
    """A decision on an order, with the id it shall have."""

    id: UUID
    order_id: UUID
    features: Features
    decision: Decision


@dataclass(frozen=True, slots=True)
class NewMark:
    """What was found about a consumer; `reason` is a code."""

    consumer_id: UUID
    kind: Literal["fraud", "review"]
    reason: str


def record(*, work: UnitOfWork, decisions: Sequence[Decided]) -> None:
    """Stores decisions by one statement. The order is new when it is decided, so its id is the key: a second decision of an order is a bug
    and the constraint says so. The trail is the row itself, which is append only; it is on the hot path and writes no other.
    """
    rows = [
        (
            d.id, d.order_id, d.features.consumer_id, d.features.merchant_id, d.decision.outcome, dumps(d.decision.reasons),
            _features_json(d.features), d.decision.policy_version,
        )
        for d in decisions
    ]  # fmt: skip
    same = {"book_id": ("uuid", work.book.id), "decided_at": ("timestamptz", work.now)}
    sql.insert("risk_decision", _COLUMNS, rows, same=same, often_same=("outcome", "reasons", "policy_version"))


def _features_json(f: Features) -> str:
    # Written out by hand: the general encoder would call back into Python for each amount of every order.
    return dumps(
        {
            "consumer_id": f.consumer_id,
            "merchant_id": f.merchant_id,
            "currency": f.amount.currency,
            "amount_minor": f.amount.minor,
            "periods": f.periods,
            "age_years": f.age_years,
            "is_student": f.is_student,
            "consumer_state": f.consumer_state,
            "credit_state": f.credit_state,
            "limit_minor": f.limit.minor,
            "exposure_minor": f.exposure.minor,
            "overdue_days": f.overdue_days,
            "overdue_minor": f.overdue.minor,
            "orders_1h": f.orders_1h,
            "orders_24h": f.orders_24h,
            "amount_24h_minor": f.amount_24h_minor,
            "duplicate_of": f.duplicate_of,
            "merchant_state": f.merchant_state,
            "product_state": f.product_state,
            "new_credit_stopped": f.new_credit_stopped,
            "product_stopped": f.product_stopped,
            "funder_stopped": f.funder_stopped,
            "merchant_stopped": f.merchant_stopped,
            "channel_stopped": f.channel_stopped,
            "suspected_fraud": f.suspected_fraud,
            "under_review": f.under_review,
        }
    )


def mark(*, work: UnitOfWork, marks: Sequence[NewMark]) -> None:
    """Marks consumers of the book, of whom no order is approved from now on. One who has the mark keeps the first."""
    ids = work.ids.many(work.now, len(marks))
    rows = sorted((one.consumer_id, one.kind, row, one.reason) for row, one in zip(ids, marks, strict=True))
    columns = {"consumer_id": "uuid", "kind": "text", "id": "uuid", "reason": "text"}
    same: dict[str, tuple[str, object]] = {
        "book_id": ("uuid", work.book.id), "marked_by": ("text", work.by.label), "marked_at": ("timestamptz", work.now),
    }  # fmt: skip
    sql.insert("risk_mark", columns, rows, same=same, suffix="ON CONFLICT DO NOTHING")
    audit.record(work=work, action="risk.mark", object_kind="consumer", object_ids=[one.consumer_id for one in marks])


def lift(*, work: UnitOfWork, consumer_ids: Sequence[UUID], kind: str) -> int:
    """Lifts a kind of mark of consumers of the book, where they have it; returns of how many."""
    lifted = sql.rows(
        "UPDATE risk_mark SET lifted_by = %s, lifted_at = %s WHERE book_id = %s AND consumer_id = ANY(%s) AND kind = %s"
        " AND lifted_at IS NULL RETURNING consumer_id",
        [work.by.label, work.now, work.book.id, list(consumer_ids), kind],
    )
    audit.record(work=work, action="risk.lift", object_kind="consumer", object_ids=sorted(row[0] for row in lifted), detail={"kind": kind})
    return len(lifted)
