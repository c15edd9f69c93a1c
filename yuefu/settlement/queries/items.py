"""Reads of settlement, set-based. Values, never rows of the tables."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any
from uuid import UUID

from yuefu.money.amounts import Money
from yuefu.runtime import sql
from yuefu.settlement.rules import GivenBack, Item, Sum, Totals, totals


@dataclass(frozen=True, slots=True)
class Batch:
    """What a merchant gets on a pay day. `version` counts its states from 1. `reason`: why it is not paid, where it is held or its payout came back;
    `withheld` is what was frozen of its payout after it was built."""

    id: UUID
    merchant_id: UUID
    pay_on: date
    line_count: int
    totals: Totals
    state: str
    version: int
    payout_id: UUID | None
    built_at: datetime
    reason: str = ""
    withheld: Money | None = None

    @property
    def pays(self) -> Money:
        """What goes to the merchant of it: its payout but for what was frozen of it later."""
        return self.totals.payout - self.withheld if self.withheld else self.totals.payout


@dataclass(frozen=True, slots=True)
class Statement:
    """A batch with its lines; `adds_up` is computed from them anew."""

    batch: Batch
    items: tuple[Item, ...]
    adds_up: bool


@dataclass(frozen=True, slots=True)
class SettledItem:
    """An item of an order and the batch it went into, if it did."""

    item: Item
    batch_id: UUID | None
    pay_on: date | None
    batch_state: str | None
    payout_id: UUID | None


_ITEM = (
    "i.id, i.merchant_id, i.kind, i.order_id, i.source_id, i.capture_id, i.loan_id, i.funder_id, i.product, i.gross_minor, i.fee_minor,"
    " i.discount_minor, i.net_minor, i.vat_minor, i.contract_version, i.fee_on_refund, i.earned_on, i.settles_on, i.lived, i.event, i.due_on,"
    " i.settle_from, i.settle_days, i.currency"
)
_ITEM_WIDTH = 24
_BATCH = (
    "SELECT id, merchant_id, pay_on, line_count, captures_minor, fees_minor, discounts_minor, refunds_minor, opening_minor, reserved_minor,"
    " released_minor, adjusted_minor, net_minor, payout_minor, carried_minor, state, version, payout_id, built_at, reason, withheld_minor, currency"
    " FROM settlement_batch"
)


def _item(*row: Any) -> Item:
    *head, gross, fee, discount, net, vat, version, rule, earned, settles, lived, event, due, since, days, currency = row
    figures = (Money(minor, currency) for minor in (gross, fee, discount, net, vat))
    return Item(*[*head, *figures, version, rule, earned, settles, lived, event, due, since, days])


def _batch(*row: Any) -> Batch:
    batch_id, merchant, pay_on, count, *minors, state, version, payout, built, reason, withheld, currency = row
    figures = Totals(*(Money(minor, currency) for minor in minors))
    return Batch(batch_id, merchant, pay_on, count, figures, state, version, payout, built, reason, Money(withheld, currency))


def items_of_sources(*, book_id: UUID, sources: Sequence[tuple[str, UUID]]) -> dict[tuple[str, UUID], Item]:
    """Items by kind and capture or refund."""
    if not sources:
        return {}
    named, params = sql.unnest({"kind": "text", "source_id": "uuid"}, sources)
    found = sql.rows_as(
        _item,
        # By a comparison of the book that no index serves: whatever the statistics say, the way in is by the sources.
        f"SELECT {_ITEM} FROM {named} AS g JOIN settlement_item AS i ON i.kind = g.kind AND i.source_id = g.source_id"
        " WHERE i.book_id IS NOT DISTINCT FROM %s",
        [*params, book_id],
    )
    return {(item.kind, item.source_id): item for item in found}


def given_back(*, book_id: UUID, capture_ids: Sequence[UUID]) -> dict[UUID, GivenBack]:
    """What was given back so far of each capture that has refunds."""
    found = sql.rows(
        "SELECT capture_id, currency, -sum(gross_minor)::bigint, -sum(fee_minor)::bigint, -sum(discount_minor)::bigint FROM settlement_item"
        " WHERE book_id IS NOT DISTINCT FROM %s AND kind = 'refund' AND capture_id = ANY(%s) GROUP BY capture_id, currency",
        [book_id, list(capture_ids)],
    )
    return {capture_id: GivenBack(*(Money(minor, currency) for minor in minors)) for capture_id, currency, *minors in found}


def sold(*, book_id: UUID, merchant_ids: Sequence[UUID], since: date, until: date) -> dict[UUID, int]:
    """Minor units that merchants captured on these days; one that sold nothing is absent."""
    return dict(
        sql.rows(
            "SELECT merchant_id, sum(gross_minor)::bigint FROM settlement_item WHERE book_id IS NOT DISTINCT FROM %s AND merchant_id = ANY(%s)"
            " AND kind = 'capture' AND earned_on BETWEEN %s AND %s GROUP BY merchant_id",
            [book_id, list(merchant_ids), since, until],
        )
    )


def captures(*, book_id: UUID, merchant_id: UUID, since: date, until: date, after: UUID | None, limit: int) -> list[Item]:
    """What a merchant captured on these days, ids ascending and above `after`."""
    return sql.rows_as(
        _item,
        f"SELECT {_ITEM} FROM settlement_item AS i WHERE i.book_id IS NOT DISTINCT FROM %s AND i.merchant_id = %s AND i.kind = 'capture'"
        " AND i.earned_on BETWEEN %s AND %s AND (%s::uuid IS NULL OR i.id > %s) ORDER BY i.id LIMIT %s",
        [book_id, merchant_id, since, until, after, after, limit],
    )


def served(*, book_id: UUID, pay_on: date, merchant_ids: Sequence[UUID]) -> set[UUID]:
    """Which of these merchants have their batch of a pay day."""
    found = sql.rows(
        "SELECT merchant_id FROM settlement_batch WHERE book_id = %s AND merchant_id = ANY(%s) AND pay_on = %s",
        [book_id, list(merchant_ids), pay_on],
    )
    return {row[0] for row in found}


@dataclass(frozen=True, slots=True)
class Due:
    """What a merchant is to get on a pay day: sums of its items, the ids of these as the text of an array, and what of its captures settles by
    period."""

    sums: tuple[Sum, ...]
    item_ids: str
    by_period: Money


def due_merchants(*, book_id: UUID, on: date, after: UUID | None, limit: int) -> list[UUID]:
    """The next merchants, ids ascending and above `after`, with something in no batch that settles by a day."""
    found = sql.rows(
        "SELECT merchant_id FROM settlement_waiting WHERE book_id = %s AND (%s::uuid IS NULL OR merchant_id > %s) AND settles_on <= %s"
        " GROUP BY merchant_id ORDER BY merchant_id LIMIT %s",
        [book_id, after, after, on, limit],
    )
    return [row[0] for row in found]


def due(*, book_id: UUID, on: date, merchant_ids: Sequence[UUID], currency: str) -> dict[UUID, Due]:
    """What waits of merchants and settles by a day."""
    found = sql.rows(
        "SELECT i.merchant_id, i.kind, i.funder_id, count(*), sum(i.gross_minor)::bigint, sum(i.fee_minor)::bigint,"
        " sum(i.discount_minor)::bigint, sum(i.net_minor)::bigint, array_agg(i.id)::text,"
        " coalesce(sum(i.gross_minor) FILTER (WHERE i.kind = 'capture' AND i.settle_from = 'collection'), 0)::bigint"
        " FROM settlement_waiting AS w JOIN settlement_item AS i ON i.id = w.item_id"
        " WHERE w.book_id = %s AND w.merchant_id = ANY(%s) AND w.settles_on <= %s GROUP BY 1, 2, 3 ORDER BY 1, 2, 3",
        [book_id, list(merchant_ids), on],
    )
    by_merchant: dict[UUID, list[tuple[Sum, str, int]]] = defaultdict(list)
    for merchant_id, kind, funder_id, count, gross, fee, discount, net, ids, by_period in found:
        figures = (Money(minor, currency) for minor in (gross, fee, discount, net))
        by_merchant[merchant_id].append((Sum(kind, funder_id, count, *figures), ids, by_period))
    return {
        merchant_id: Due(
            tuple(one for one, _, _ in parts),
            "{" + ",".join(ids[1:-1] for _, ids, _ in parts) + "}",
            Money(sum(by_period for _, _, by_period in parts), currency),
        )
        for merchant_id, parts in by_merchant.items()
    }


def batches_on(*, book_id: UUID, pay_on: date) -> list[Batch]:
    """The batches of a pay day, by merchant."""
    return sql.rows_as(_batch, _BATCH + " WHERE book_id = %s AND pay_on = %s ORDER BY merchant_id", [book_id, pay_on])


def batches_by_id(*, book_id: UUID, ids: Sequence[UUID], lock: bool = False) -> dict[UUID, Batch]:
    ending = " ORDER BY id FOR UPDATE" if lock else ""
    found = sql.rows_as(_batch, _BATCH + " WHERE book_id = %s AND id = ANY(%s)" + ending, [book_id, list(ids)])
    return {batch.id: batch for batch in found}


def batches_between(*, merchant_id: UUID, since: date, until: date) -> list[UUID]:
    """The batches of a merchant of the pay days from one to another, by pay day."""
    found = sql.rows(
        "SELECT id FROM settlement_batch WHERE merchant_id = %s AND pay_on BETWEEN %s AND %s ORDER BY pay_on", [merchant_id, since, until]
    )
    return [row[0] for row in found]


def statement(*, batch_id: UUID) -> Statement | None:
    """A batch, its lines by age, and whether they add up to it."""
    found = statements(batch_ids=[batch_id])
    return found[0] if found else None


def statements(*, batch_ids: Sequence[UUID]) -> list[Statement]:
    """Batches by pay day, each with its lines by age, and whether they add up to it."""
    found = sql.rows_as(_batch, _BATCH + " WHERE id = ANY(%s) ORDER BY pay_on, id", [list(batch_ids)])
    lines: dict[UUID, list[Item]] = defaultdict(list)
    for batch_id, *row in sql.rows(
        f"SELECT l.batch_id, {_ITEM} FROM settlement_batch_line AS l JOIN settlement_item AS i ON i.id = l.item_id"
        " WHERE l.batch_id = ANY(%s) ORDER BY i.earned_on, i.recorded_at, i.kind, i.id",
        [[batch.id for batch in found]],
    ):
        lines[batch_id].append(_item(*row))
    return [Statement(batch, tuple(lines[batch.id]), _adds_up(batch, lines[batch.id])) for batch in found]


def _adds_up(batch: Batch, lines: Sequence[Item]) -> bool:
    """What of the net is paid depends on the contract of that day; that it is all of it, the table says."""
    summed = totals(lines, batch.totals.net.currency)
    return len(lines) == batch.line_count and replace(summed, payout=batch.totals.payout, carried=batch.totals.carried) == batch.totals


def of_orders(*, order_ids: Sequence[UUID]) -> dict[UUID, list[SettledItem]]:
    """Items of orders with their batches, oldest first; an order without items is absent. One that settles from an event has the day that followed from it."""
    found = sql.rows(
        f"SELECT {_ITEM}, b.id, b.pay_on, b.state, b.payout_id, e.settles_on FROM settlement_item AS i"
        " LEFT JOIN settlement_evidence AS e ON e.item_id = i.id"
        " LEFT JOIN settlement_batch_line AS l ON l.item_id = i.id LEFT JOIN settlement_batch AS b ON b.id = l.batch_id"
        " WHERE i.order_id = ANY(%s) ORDER BY i.earned_on, i.recorded_at, i.kind, i.id",
        [list(order_ids)],
    )
    by_order: dict[UUID, list[SettledItem]] = defaultdict(list)
    for *row, from_event in found:
        item = _item(*row[:_ITEM_WIDTH])
        item = item if item.settles_on or from_event is None else replace(item, settles_on=from_event)
        assert item.order_id is not None
        by_order[item.order_id].append(SettledItem(item, *row[_ITEM_WIDTH:]))
    return dict(by_order)


def unsettled(*, book_id: UUID, currency: str) -> Money:
    """The net of all items in no batch, but for what is kept back or was frozen. The ledger's merchant_pending has the same as a credit balance."""
    return waiting(book_id, currency, "i.kind NOT IN ('released', 'thawed')")


def in_reserve(*, book_id: UUID, currency: str) -> Money:
    """What is kept back of merchants and not released yet. The ledger's merchant_reserve has the same as a credit balance."""
    return waiting(book_id, currency, "i.kind = 'released'")


def waiting(book_id: UUID, currency: str, where: str) -> Money:
    """The net of items that pass a test and are in no batch."""
    minor = sql.value(
        "SELECT coalesce(sum(i.net_minor), 0)::bigint FROM settlement_waiting AS w JOIN settlement_item AS i ON i.id = w.item_id"
        f" WHERE w.book_id = %s AND i.currency = %s AND {where}",
        [book_id, currency],
    )
    return Money(minor, currency)


def kept_available(*, book_id: UUID, currency: str) -> Money:
    """What held and returned batches would pay out. The ledger's merchant_available accounts have the same as credit balances."""
    minor = sql.value(
        "SELECT coalesce(sum(payout_minor - withheld_minor), 0)::bigint FROM settlement_batch WHERE book_id = %s AND currency = %s"
        " AND state IN ('held', 'returned')",
        [book_id, currency],
    )
    return Money(minor, currency)


def not_adding_up(*, book_id: UUID, since: date | None = None) -> list[UUID]:
    """Batches, of pay days from `since` on, whose lines do not add up to their figures; there are none, or PostgreSQL did not keep its
    promise."""
    found = sql.rows(
        "SELECT b.id FROM settlement_batch AS b LEFT JOIN LATERAL ("
        " SELECT count(*) AS n, sum(i.net_minor) AS net, sum(i.gross_minor) FILTER (WHERE i.kind = 'capture') AS captures,"
        " sum(i.fee_minor) FILTER (WHERE i.kind = 'capture') AS fees, sum(i.discount_minor) FILTER (WHERE i.kind = 'capture') AS discounts"
        " FROM settlement_batch_line AS l JOIN settlement_item AS i ON i.id = l.item_id WHERE l.batch_id = b.id) AS s ON true"
        " WHERE b.book_id = %s AND (%s::date IS NULL OR b.pay_on >= %s)"
        " AND (s.n, s.net, coalesce(s.captures, 0), coalesce(s.fees, 0), coalesce(s.discounts, 0))"
        " IS DISTINCT FROM (b.line_count::bigint, b.net_minor::numeric, b.captures_minor, b.fees_minor, b.discounts_minor)",
        [book_id, since, since],
    )
    return [row[0] for row in found]


def batch_count(*, book_id: UUID) -> int:
    """How many batches a book has."""
    count: int = sql.value("SELECT count(*) FROM settlement_batch WHERE book_id = %s", [book_id])
    return count


@dataclass(frozen=True, slots=True)
class Accrued:
    """An item of an order in a list of all: what it comes from, and the batch and payout it went into, if it did."""

    kind: str
    source_id: UUID
    order_id: UUID
    loan_id: UUID | None
    batch_id: UUID | None
    payout_id: UUID | None


def accrued(*, book_id: UUID) -> list[Accrued]:
    """Every item of an order in a book."""
    return sql.rows_as(
        Accrued,
        "SELECT i.kind, i.source_id, i.order_id, i.loan_id, b.id, b.payout_id FROM settlement_item AS i"
        " LEFT JOIN settlement_batch_line AS l ON l.item_id = i.id LEFT JOIN settlement_batch AS b ON b.id = l.batch_id"
        " WHERE i.book_id = %s AND i.order_id IS NOT NULL",
        [book_id],
    )


def left_out(*, book_id: UUID, on: date) -> list[UUID]:
    """Orders with an item that settles by a day, is in no batch, and was earned before that day, or was told of before it where it settles from an event.
    A part of a sale is of the order of its capture."""
    found = sql.rows(
        # Whether it waits or not: what was lost is in neither.
        "SELECT DISTINCT coalesce(i.order_id, (SELECT c.order_id FROM settlement_item AS c WHERE c.kind = 'capture' AND c.source_id = i.capture_id))"
        " FROM (SELECT i.id, i.order_id, i.capture_id FROM settlement_item AS i"
        " WHERE i.book_id = %s AND i.settles_on <= %s AND i.earned_on < %s"
        " UNION ALL SELECT i.id, i.order_id, i.capture_id FROM settlement_evidence AS e JOIN settlement_item AS i ON i.id = e.item_id"
        " WHERE e.book_id = %s AND e.settles_on <= %s AND e.told_on < %s) AS i"
        " WHERE coalesce(i.order_id, i.capture_id) IS NOT NULL AND NOT EXISTS (SELECT FROM settlement_batch_line AS l WHERE l.item_id = i.id)",
        [book_id, on, on] * 2,
    )
    return [row[0] for row in found]


def without_payout(*, book_id: UUID) -> list[UUID]:
    """Batches that pay something, are not held, and have no payout."""
    found = sql.rows(
        "SELECT id FROM settlement_batch WHERE book_id = %s AND payout_minor > 0 AND payout_id IS NULL AND state <> 'held'", [book_id]
    )
    return [row[0] for row in found]


def batches_unpaid(*, book_id: UUID, merchant_ids: Sequence[UUID] | None = None, lock: bool = False) -> list[Batch]:
    """Batches that are held or whose payout came back, of these merchants or of all, the oldest first; with `lock` in the order of ids, for update until the
    transaction ends."""
    ending = " ORDER BY id FOR UPDATE" if lock else " ORDER BY pay_on, id"
    where = " WHERE book_id = %s AND state IN ('held', 'returned') AND (%s::uuid[] IS NULL OR merchant_id = ANY(%s))"
    wanted = None if merchant_ids is None else list(merchant_ids)
    found = sql.rows_as(_batch, _BATCH + where + ending, [book_id, wanted, wanted])
    return sorted(found, key=lambda batch: (batch.pay_on, batch.id))
