"""What a merchant reads of its money: its items as balance transactions, its batches, and where its balance stands."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

from yuefu.money.amounts import Money
from yuefu.runtime import sql
from yuefu.runtime.pages import Page, given, page_of
from yuefu.settlement.queries.items import _BATCH, Batch, _batch
from yuefu.settlement.rules import BACK, CATEGORIES


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which balance transactions: of an order, of one of several sources, of a batch, of a type (`Transaction.type`), written from one moment on and
    before another, available from one day to another; None is whatever it is."""

    order_id: UUID | None = None
    source_ids: Collection[UUID] | None = None
    batch_id: UUID | None = None
    type: str | None = None
    since: datetime | None = None
    before: datetime | None = None
    available_from: date | None = None
    available_until: date | None = None


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


@dataclass(frozen=True, slots=True)
class WantedBatches:
    """Which batches: in a state, of the pay days from one to another; None is whatever it is."""

    state: str | None = None
    since: date | None = None
    until: date | None = None


# What is of no order by itself, a part of a sale, is of the order of its capture.
_ORDER: Final = (
    "coalesce(i.order_id, (SELECT c.order_id FROM settlement_item AS c WHERE c.kind = 'capture' AND c.source_id = i.capture_id OFFSET 0))"
)
_TYPE: Final = "CASE WHEN i.event <> '' THEN i.event ELSE i.kind END"
_AVAILABLE: Final = "coalesce(b.pay_on, w.settles_on)"
_TRANSACTION: Final = (
    f"SELECT i.id, {_TYPE}, i.gross_minor, i.fee_minor, i.vat_minor, i.discount_minor, i.net_minor, {_ORDER}, i.capture_id, i.loan_id, i.source_id,"
    f" i.earned_on, {_AVAILABLE}, b.id, b.payout_id, i.recorded_at, i.currency FROM settlement_item AS i"
    " LEFT JOIN settlement_batch_line AS l ON l.item_id = i.id LEFT JOIN settlement_batch AS b ON b.id = l.batch_id"
    " LEFT JOIN settlement_waiting AS w ON w.item_id = i.id"
)


def transactions(*, merchant_id: UUID, wanted: Wanted, page: Page) -> list[Transaction] | None:
    """Balance transactions of a merchant; None where the page begins beside what is none of this merchant."""
    if page.place and not sql.rows("SELECT FROM settlement_item WHERE id = %s AND merchant_id = %s", [page.place, merchant_id]):
        return None
    tests = given(
        {
            "i.merchant_id = %s": merchant_id,
            f"{_ORDER} = %s": wanted.order_id,
            "i.source_id = ANY(%s)": None if wanted.source_ids is None else list(wanted.source_ids),
            "l.batch_id = %s": wanted.batch_id,
            "i.recorded_at >= %s": wanted.since,
            "i.recorded_at < %s": wanted.before,
            f"{_AVAILABLE} >= %s": wanted.available_from,
            f"{_AVAILABLE} <= %s": wanted.available_until,
        }
    )
    if wanted.type is not None:
        tests |= {"i.event = %s": (wanted.type,)} if wanted.type in BACK else {"i.event = '' AND i.kind = %s": (wanted.type,)}
    return page_of(_transaction, _TRANSACTION, tests, page, key="i.id")


def transaction(*, merchant_id: UUID, item_id: UUID) -> Transaction | None:
    """A balance transaction of a merchant."""
    found = sql.rows_as(_transaction, f"{_TRANSACTION} WHERE i.id = %s AND i.merchant_id = %s", [item_id, merchant_id])
    return found[0] if found else None


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


def batches(*, merchant_id: UUID, wanted: WantedBatches, page: Page) -> list[Batch] | None:
    """Batches of a merchant; None where the page begins beside what is none of this merchant."""
    if page.place and batch(merchant_id=merchant_id, batch_id=page.place) is None:
        return None
    tests = given({"merchant_id = %s": merchant_id, "state = %s": wanted.state, "pay_on >= %s": wanted.since, "pay_on <= %s": wanted.until})
    return page_of(_batch, _BATCH, tests, page)


def batch(*, merchant_id: UUID, batch_id: UUID) -> Batch | None:
    """A batch of a merchant."""
    found = sql.rows_as(_batch, f"{_BATCH} WHERE id = %s AND merchant_id = %s", [batch_id, merchant_id])
    return found[0] if found else None


def months(*, merchant_id: UUID, older_than: date | None, newer_than: date | None, limit: int) -> list[date]:
    """The first days of months in which a merchant has pay days, the latest first: those next below one, those next above one, or the latest."""
    tests = given({"merchant_id = %s": merchant_id, "pay_on < %s": older_than, "date_trunc('month', pay_on)::date > %s": newer_than})
    order = "ASC" if newer_than else "DESC"
    found = [
        row[0]
        for row in sql.rows(
            f"SELECT DISTINCT date_trunc('month', pay_on)::date AS first FROM settlement_batch WHERE {' AND '.join(tests)}"
            f" ORDER BY first {order} LIMIT %s",
            [*(value for values in tests.values() for value in values), limit],
        )
    ]
    return found[::-1] if newer_than else found


def _transaction(*row: Any) -> Transaction:
    item_id, kind, *minors = row[:7]
    currency = row[-1]
    figures: Sequence[Money] = [Money(minor, currency) for minor in minors]
    gross, fee, vat, discount, net = figures
    return Transaction(item_id, kind, gross, fee, vat, discount, net, *row[7:-1])
