"""Payouts as the merchant that they go to lists them, newest first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final
from uuid import UUID

from yuefu.payments.queries.payouts import _PAYOUT, _payout
from yuefu.payments.rules import Payout
from yuefu.runtime import paging, sql
from yuefu.runtime.paging import Span

_COLUMNS: Final = _PAYOUT.removeprefix("SELECT ").partition(" FROM ")[0]
STATES: Final = ("scheduled", "sent", "paid", "returned")
_FILTERS: Final = {
    "state": "p.state = %(state)s",
    "settlement": "p.batch_id = %(settlement)s",
    "created_from": "p.ordered_at >= %(created_from)s",
    "created_before": "p.ordered_at < %(created_before)s",
    "paid_from": "p.paid_on >= %(paid_from)s",
    "paid_until": "p.paid_on <= %(paid_until)s",
}


def payouts(*, merchant_id: UUID, where: Mapping[str, Any], span: Span) -> list[Payout] | None:
    """Payouts to a merchant, newest first, in a `state`, of a `settlement`, ordered or paid at a time; None where the span begins at none of them."""
    owner = {"p.merchant_id": merchant_id}
    return paging.page(
        _payout, columns=_COLUMNS, table="payments_payout AS p", owner=owner, conditions=_FILTERS, where=where, span=span, key="p.id"
    )


def payouts_by_id(*, payout_ids: Sequence[UUID]) -> dict[UUID, Payout]:
    """Payouts as far as this scope sees them."""
    return {one.id: one for one in sql.rows_as(_payout, _PAYOUT + " WHERE p.id = ANY(%s)", [list(payout_ids)])}
