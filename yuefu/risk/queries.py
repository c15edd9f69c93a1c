"""Reads of risk; every answer is a frozen value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from yuefu.risk.rules.decision import Decision
from yuefu.runtime import sql


@dataclass(frozen=True, slots=True)
class StoredDecision:
    """A decision as made; `features` are the plain values it was made on."""

    id: UUID
    order_id: UUID
    decision: Decision
    features: Mapping[str, Any]
    decided_at: datetime


def of_orders(*, order_ids: Sequence[UUID]) -> dict[UUID, StoredDecision]:
    """Order → its decision; an order without one is left out."""
    found = sql.rows(
        "SELECT id, order_id, outcome, reasons, policy_version, features, decided_at FROM risk_decision WHERE order_id = ANY(%s)",
        [list(order_ids)],
    )
    return {
        order_id: StoredDecision(row_id, order_id, Decision(outcome, tuple(reasons), version), features, at)
        for row_id, order_id, outcome, reasons, version, features, at in found
    }


def marks(*, consumer_ids: Sequence[UUID]) -> dict[UUID, frozenset[str]]:
    """Consumer → the marks in force; who has none is left out."""
    found = sql.rows(
        # One way into the key for each, whatever the statistics say.
        "SELECT g.consumer, m.kind FROM unnest(%s::uuid[]) AS g (consumer) CROSS JOIN LATERAL"
        " (SELECT kind FROM risk_mark WHERE consumer_id = g.consumer AND lifted_at IS NULL OFFSET 0) AS m",
        [list(consumer_ids)],
    )
    return {consumer: frozenset(kind for one, kind in found if one == consumer) for consumer, _ in found}
