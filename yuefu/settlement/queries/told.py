"""What a merchant reads of its money: its items as balance transactions, its batches, and where its balance stands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

from yuefu.money.amounts import Money
from yuefu.runtime import paging, sql
from yuefu.runtime.paging import Span
from yuefu.settlement.queries.items import _BATCH, Batch, _batch
from yuefu.settlement.rules import CATEGORIES


@dataclass(frozen=True, slots=True)
class Transaction:
    """An item as its merchant reads it. `type` is its kind, or which way back it was; `available_on` the pay day it is in or will be in, None where that
    hangs on an event which has not come. `payout_id` is the payout of its batch that was ordered last."""

    id: UUID
    type: str
    gross: Money
    fee: Money
    vat: Money
    discount: Money
    net: Money
    order_id: UUID | None
    capture_id: UUID | None
    loan_id: UUID | None
    source_id: UUID
    earned_on: date
    available_on: date | None
    batch_id: UUID | None
    payout_id: UUID | None
    recorded_at: datetime

    @property
    def category(self) -> str:
        """What it is for whoever keeps books by it."""
        return CATEGORIES[self.type]


@dataclass(frozen=True, slots=True)
class Balance:
    """What a merchant has here: `pending` is in no batch yet, `available` in one that is not paid, `in_transit` on its way. `reserved` and `frozen` are
    kept back, and in none of the others."""

    pending: Money
    available: Money
    in_transit: Money
    reserved: Money
    frozen: Money


# What is of no order by itself, a part of a sale, is of the order of its capture.
_ORDER: Final = (
    "coalesce(i.order_id, (SELECT c.order_id FROM settlement_item AS c WHERE c.kind = 'capture' AND c.source_id = i.capture_id OFFSET 0))"
)
_TYPE: Final = "CASE WHEN i.event <> '' THEN i.event ELSE i.kind END"
_AVAILABLE: Final = "coalesce(b.pay_on, w.settles_on)"
_TRANSACTION: Final = (
    f"i.id, {_TYPE}, i.gross_minor, i.fee_minor, i.vat_minor, i.discount_minor, i.net_minor, {_ORDER}, i.capture_id, i.loan_id, i.source_id,"
    f" i.earned_on, {_AVAILABLE}, b.id, b.payout_id, i.recorded_at, i.currency"
)
_TRANSACTIONS: Final = (
    "settlement_item AS i LEFT JOIN settlement_batch_line AS l ON l.item_id = i.id LEFT JOIN settlement_batch AS b ON b.id = l.batch_id"
    " LEFT JOIN settlement_waiting AS w ON w.item_id = i.id"
)
_FILTERS: Final = {
    "order": f"{_ORDER} = %(order)s",
    "sources": "i.source_id = ANY(%(sources)s)",
    "settlement": "l.batch_id = %(settlement)s",
    "type": f"{_TYPE} = %(type)s",
    "created_from": "i.recorded_at >= %(created_from)s",
    "created_before": "i.recorded_at < %(created_before)s",
    "available_from": f"{_AVAILABLE} >= %(available_from)s",
    "available_until": f"{_AVAILABLE} <= %(available_until)s",
}
_BATCH_COLUMNS: Final = _BATCH.removeprefix("SELECT ").partition(" FROM ")[0]
_BATCH_FILTERS: Final = {"state": "state = %(state)s", "pay_from": "pay_on >= %(pay_from)s", "pay_until": "pay_on <= %(pay_until)s"}


def transactions(*, merchant_id: UUID, where: Mapping[str, Any], span: Span) -> list[Transaction] | None:
    """Balance transactions of a merchant, newest first: of an `order`, of `sources`, of a `settlement`, of a `type`, made at a time, or available from
    one day to another. None where the span begins at none of them."""
    owner = {"i.merchant_id": merchant_id}
    return paging.page(
        _transaction, columns=_TRANSACTION, table=_TRANSACTIONS, owner=owner, conditions=_FILTERS, where=where, span=span, key="i.id"
    )


def transactions_by_id(*, item_ids: Sequence[UUID]) -> dict[UUID, Transaction]:
    """Balance transactions as far as this scope sees them."""
    found = sql.rows_as(_transaction, f"SELECT {_TRANSACTION} FROM {_TRANSACTIONS} WHERE i.id = ANY(%s)", [list(item_ids)])
    return {one.id: one for one in found}


def balance(*, merchant_id: UUID, currency: str) -> Balance:
    """Where a merchant's money stands."""
    (waiting,) = sql.rows(
        "SELECT coalesce(sum(i.net_minor) FILTER (WHERE i.kind NOT IN ('released', 'thawed')), 0)::bigint,"
        " coalesce(sum(i.net_minor) FILTER (WHERE i.kind = 'released'), 0)::bigint,"
        " coalesce(sum(i.net_minor) FILTER (WHERE i.kind = 'thawed'), 0)::bigint"
        " FROM settlement_waiting AS w JOIN settlement_item AS i ON i.id = w.item_id WHERE w.merchant_id = %s AND i.currency = %s",
        [merchant_id, currency],
    )
    (batched,) = sql.rows(
        "SELECT coalesce(sum(payout_minor - withheld_minor) FILTER (WHERE state IN ('held', 'returned')), 0)::bigint,"
        " coalesce(sum(payout_minor - withheld_minor) FILTER (WHERE state = 'scheduled'), 0)::bigint"
        " FROM settlement_batch WHERE merchant_id = %s AND currency = %s",
        [merchant_id, currency],
    )
    kept: int = sql.value(
        "SELECT coalesce(sum(kept_minor), 0)::bigint FROM settlement_freeze WHERE merchant_id = %s AND currency = %s AND state = 'open'",
        [merchant_id, currency],
    )
    pending, reserved, thawed = waiting
    return Balance(*(Money(minor, currency) for minor in (pending, *batched, reserved, thawed + kept)))


def batches(*, merchant_id: UUID, where: Mapping[str, Any], span: Span) -> list[Batch] | None:
    """Batches of a merchant, newest first, in a `state` or of the pay days from one to another; None where the span begins at none of them."""
    return paging.page(
        _batch,
        columns=_BATCH_COLUMNS,
        table="settlement_batch",
        owner={"merchant_id": merchant_id},
        conditions=_BATCH_FILTERS,
        where=where,
        span=span,
    )


def months(*, merchant_id: UUID) -> list[date]:
    """The first days of the months in which a merchant has pay days, the latest first."""
    found = sql.rows(
        "SELECT DISTINCT date_trunc('month', pay_on)::date FROM settlement_batch WHERE merchant_id = %s ORDER BY 1 DESC", [merchant_id]
    )
    return [row[0] for row in found]


def _transaction(*row: Any) -> Transaction:
    item_id, kind, *minors = row[:7]
    currency = row[-1]
    figures: Sequence[Money] = [Money(minor, currency) for minor in minors]
    gross, fee, vat, discount, net = figures
    return Transaction(item_id, kind, gross, fee, vat, discount, net, *row[7:-1])
