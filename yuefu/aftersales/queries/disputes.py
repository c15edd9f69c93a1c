"""Reads of disputes, their steps and evidence."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

from yuefu.aftersales.rules.disputes import DEFAULT_POLICY, POLICY, Dispute, Evidence, Policy, policy
from yuefu.money.amounts import Money
from yuefu.runtime import paging, policies, sql
from yuefu.runtime.paging import Span


@dataclass(frozen=True, slots=True)
class Step:
    """A step that a dispute took, the `no`-th."""

    id: UUID
    dispute_id: UUID
    no: int
    step: str
    state: str
    note: str
    taken_on: date
    taken_at: datetime


_COLUMNS: Final = (
    "id, no, order_id, merchant_id, consumer_id, reason, claim, amount_minor, currency, state, answer_by, appeal_by, ruling, outcome, closed_by,"
    " closed_on, opened_on, opened_at, refund_id, refunded_minor"
)
_DISPUTE: Final = f"SELECT {_COLUMNS} FROM aftersales_dispute"
_STEP: Final = "SELECT id, dispute_id, no, step, state, note, taken_on, taken_at FROM aftersales_dispute_step"
_EVIDENCE: Final = "SELECT id, dispute_id, kind, text, file_id, recorded_at FROM aftersales_dispute_evidence"
# What waits for the merchant: its answer, or its appeal against what was ruled.
_DUE: Final = "CASE WHEN state = 'initiated' THEN answer_by WHEN state = 'pre_arbitration' AND ruling = 'lost' THEN appeal_by END"
_FILTERS: Final = {
    "order": "order_id = %(order)s",
    "state": "state = %(state)s",
    "outcome": "outcome = %(outcome)s",
    "reason": "reason = %(reason)s",
    "created_from": "opened_at >= %(created_from)s",
    "created_before": "opened_at < %(created_before)s",
    "due_until": f"{_DUE} <= %(due_until)s",
}


def policy_of(book_id: UUID, on: date) -> Policy:
    """The days of disputes in a book; as by default where it has no such setting."""
    try:
        return policy(policies.in_force(book_id=book_id, name=POLICY, on=on)[1])
    except policies.MissingSetting:
        return policy(DEFAULT_POLICY)


def page(*, merchant_id: UUID, where: Mapping[str, Any], span: Span) -> list[Dispute] | None:
    """Disputes of a merchant, newest first: of an `order`, in a `state`, with an `outcome` or `reason`, opened at a time, or with something that is due by a
    day. None where the span begins at none of them."""
    return paging.page(
        _dispute,
        columns=_COLUMNS,
        table="aftersales_dispute",
        owner={"merchant_id": merchant_id},
        conditions=_FILTERS,
        where=where,
        span=span,
    )


def seen(*, ids: Sequence[UUID]) -> dict[UUID, Dispute]:
    """Disputes as far as this scope sees them."""
    return {one.id: one for one in sql.rows_as(_dispute, f"{_DISPUTE} WHERE id = ANY(%s)", [list(ids)])}


def disputes(*, book_id: UUID, ids: Sequence[UUID], lock: bool = False) -> dict[UUID, Dispute]:
    """Disputes of a book; with `lock`, for update until the transaction ends."""
    ending = " ORDER BY id FOR UPDATE" if lock else ""
    found = sql.rows_as(_dispute, f"{_DISPUTE} WHERE book_id = %s AND id = ANY(%s){ending}", [book_id, list(ids)])
    return {one.id: one for one in found}


def listed(*, book_id: UUID, state: str | None, limit: int) -> list[Dispute]:
    """Disputes of a book, newest first."""
    where = " WHERE book_id = %s AND (%s::text IS NULL OR state = %s) ORDER BY id DESC LIMIT %s"
    return sql.rows_as(_dispute, _DISPUTE + where, [book_id, state, state, limit])


def open_of(*, book_id: UUID, order_ids: Sequence[UUID]) -> set[UUID]:
    """Those of these orders that are contested."""
    found = sql.rows(
        "SELECT order_id FROM aftersales_dispute WHERE book_id = %s AND order_id = ANY(%s) AND state <> 'closed'",
        [book_id, list(order_ids)],
    )
    return {row[0] for row in found}


def passed(*, book_id: UUID, on: date, limit: int, after: UUID | None = None) -> list[UUID]:
    """Disputes that wait for somebody whose days are over by a day, the oldest first; those next `after` one."""
    found = sql.rows(
        "SELECT id FROM aftersales_dispute WHERE book_id = %s AND state IN ('initiated', 'pre_arbitration')"
        " AND CASE WHEN state = 'initiated' THEN answer_by ELSE appeal_by END < %s AND (%s::uuid IS NULL OR id > %s) ORDER BY id LIMIT %s",
        [book_id, on, after, after, limit],
    )
    return [row[0] for row in found]


def steps(*, dispute_ids: Sequence[UUID]) -> dict[UUID, list[Step]]:
    """The steps of disputes, in order, as far as this scope sees them."""
    by_dispute: dict[UUID, list[Step]] = defaultdict(list)
    for step in sql.rows_as(Step, f"{_STEP} WHERE dispute_id = ANY(%s) ORDER BY dispute_id, no", [list(dispute_ids)]):
        by_dispute[step.dispute_id].append(step)
    return dict(by_dispute)


def steps_by_id(*, ids: Sequence[UUID]) -> dict[UUID, Step]:
    return {step.id: step for step in sql.rows_as(Step, f"{_STEP} WHERE id = ANY(%s)", [list(ids)])}


def evidence(*, dispute_ids: Sequence[UUID]) -> dict[UUID, list[Evidence]]:
    """The evidence of disputes, in the order in which it came, as far as this scope sees it."""
    by_dispute: dict[UUID, list[Evidence]] = defaultdict(list)
    for one in sql.rows_as(Evidence, f"{_EVIDENCE} WHERE dispute_id = ANY(%s) ORDER BY dispute_id, id", [list(dispute_ids)]):
        by_dispute[one.dispute_id].append(one)
    return dict(by_dispute)


def evidence_by_id(*, ids: Sequence[UUID]) -> dict[UUID, Evidence]:
    return {one.id: one for one in sql.rows_as(Evidence, f"{_EVIDENCE} WHERE id = ANY(%s)", [list(ids)])}


def _dispute(*row: Any) -> Dispute:
    (
        *head,
        amount,
        currency,
        state,
        answer_by,
        appeal_by,
        ruling,
        outcome,
        closed_by,
        closed_on,
        opened_on,
        opened_at,
        refund_id,
        refunded,
    ) = row
    ends = (ruling, outcome, closed_by, closed_on, opened_on, opened_at, refund_id, Money(refunded, currency))
    return Dispute(*[*head, Money(amount, currency), state, answer_by, appeal_by, *ends])
