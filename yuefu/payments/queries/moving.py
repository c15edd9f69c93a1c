"""Reads of accounts, collections, refunds, payouts and transfers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, TypeVar
from uuid import UUID

from yuefu.money.amounts import Money
from yuefu.payments.rules import TRANSFER_ENDS, ChannelRefund, Collection, MoneyAccount, Transfer
from yuefu.runtime import sql

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class OrderPayments:
    """What was collected for an order and given back, oldest first."""

    collections: tuple[Collection, ...]
    refunds: tuple[ChannelRefund, ...]


@dataclass(frozen=True, slots=True)
class TradeMovement:
    """What the channel's trade bill should show: gross, + collected, − given back. `on` is the business day it was booked on."""

    id: UUID
    reference: str
    kind: str
    amount: Money
    status: str
    on: date


_COLLECTION = (
    "SELECT c.id, c.reference, c.money_account_id, c.consumer_id, c.loan_id, c.order_id, c.funder_id, c.amount_minor, c.fee_minor,"
    " c.instrument, c.provider_id, c.state, c.failure_code, c.attempted_at, c.settled_on, c.posted_on, c.refunded_minor, c.currency,"
    " c.part_of_id, c.parts, c.waits_for, c.released_on, c.ahead, c.channel"
    " FROM payments_collection AS c"
)
_REFUND = (
    "SELECT r.id, r.reference, r.money_account_id, r.collection_id, c.reference, r.consumer_id, c.loan_id, c.order_id, c.funder_id,"
    " r.amount_minor, r.fee_returned_minor, r.provider_id, r.state, r.failure_code, r.attempted_at, r.settled_on, r.posted_on, r.currency,"
    " r.channel"
    " FROM payments_channel_refund AS r JOIN payments_collection AS c ON c.id = r.collection_id"
)
_TRANSFER = (
    "SELECT t.id, t.reference, t.kind, t.from_account_id, t.to_account_id, t.amount_minor, t.funder_id, t.provider_id, t.state,"
    " t.failure_code, t.ordered_at, t.moved_on, t.currency FROM payments_transfer AS t"
)
_MONEY_ACCOUNT = (
    "SELECT id, code, kind, purpose, provider, number, currency, name_zh, name_en, opened_at, closed_at FROM payments_money_account"
)


def _collection(*row: Any) -> Collection:
    currency = row[17]
    amounts, back = (Money(row[7], currency), Money(row[8], currency)), Money(row[16], currency)
    return Collection(*[*row[:7], *amounts, *row[9:16], back, *row[18:]])


def _refund(*row: Any) -> ChannelRefund:
    *head, amount, fee, provider, state, failure, at, settled, posted, currency, channel = row
    return ChannelRefund(*[*head, Money(amount, currency), Money(fee, currency), provider, state, failure, at, settled, posted, channel])


def _transfer(*row: Any) -> Transfer:
    row_id, reference, kind, origin, target, amount, *rest, currency = row
    return Transfer(row_id, reference, kind, origin, target, Money(amount, currency), *rest)


def money_accounts(*, book_id: UUID) -> dict[str, MoneyAccount]:
    """The accounts of money of a book, closed ones too, by code, in the order in which they were opened."""
    found = sql.rows_as(MoneyAccount, _MONEY_ACCOUNT + " WHERE book_id = %s ORDER BY opened_at, kind DESC, purpose DESC, id", [book_id])
    return {account.code: account for account in found}


# ------------------------------------------------------------------------------------------------------------------- by id, by reference


def collections(*, book_id: UUID, ids: Sequence[UUID], lock: bool = False) -> dict[UUID, Collection]:
    """Collections by id; with `lock`, for update until the transaction ends, ids ascending."""
    return {c.id: c for c in chosen(_collection, _COLLECTION, "c", "id", "uuid", book_id, ids, lock=lock)}


def collections_by_reference(*, book_id: UUID, references: Sequence[str], lock: bool = False) -> dict[str, Collection]:
    """What the channel knows by these references: never the parts of a whole, which have its reference too."""
    found = chosen(_collection, _COLLECTION, "c", "reference", "text", book_id, references, lock=lock, only=" AND c.part_of_id IS NULL")
    return {c.reference: c for c in found}


def parts_of(*, book_id: UUID, whole_ids: Sequence[UUID], lock: bool = False) -> dict[UUID, list[Collection]]:
    """The parts of payments over several loans, by the whole, ids ascending; with `lock`, for update until the transaction ends."""
    found: dict[UUID, list[Collection]] = defaultdict(list)
    ending = " ORDER BY c.id" + (" FOR UPDATE OF c" if lock else "")
    where = " WHERE c.book_id = %s AND c.part_of_id = ANY(%s::uuid[])" + ending
    for part in sql.rows_as(_collection, _COLLECTION + where, [book_id, list(whole_ids)]):
        assert part.part_of is not None
        found[part.part_of].append(part)
    return dict(found)


def refunds(*, book_id: UUID, ids: Sequence[UUID]) -> dict[UUID, ChannelRefund]:
    return {r.id: r for r in chosen(_refund, _REFUND, "r", "id", "uuid", book_id, ids)}


def refunds_by_reference(*, book_id: UUID, references: Sequence[str], lock: bool = False) -> dict[str, ChannelRefund]:
    return {r.reference: r for r in chosen(_refund, _REFUND, "r", "reference", "text", book_id, references, lock=lock)}


def refunds_of_payments(*, book_id: UUID, references: Sequence[str]) -> list[ChannelRefund]:
    """What was given back of the collections of some references, the oldest first."""
    if not references:
        return []
    where = " WHERE c.book_id = %s AND c.reference = ANY(%s) AND r.book_id = c.book_id ORDER BY r.attempted_at, r.id"
    return sql.rows_as(_refund, _REFUND + where, [book_id, list(references)])


def transfers(*, book_id: UUID, ids: Sequence[UUID]) -> dict[UUID, Transfer]:
    return {t.id: t for t in chosen(_transfer, _TRANSFER, "t", "id", "uuid", book_id, ids)}


def transfers_by_reference(*, book_id: UUID, references: Sequence[str], lock: bool = False) -> dict[str, Transfer]:
    return {t.reference: t for t in chosen(_transfer, _TRANSFER, "t", "reference", "text", book_id, references, lock=lock)}


def chosen(
    make: Callable[..., T],
    query: str,
    alias: str,
    column: str,
    kind: str,
    book_id: UUID,
    wanted: Sequence[Any],
    *,
    lock: bool = False,
    only: str = "",
) -> list[T]:
    """Rows of a book by one column of theirs; with `lock`, for update until the transaction ends."""
    ending = f" ORDER BY {alias}.id FOR UPDATE OF {alias}" if lock else ""
    where = f" WHERE {alias}.book_id = %s AND {alias}.{column} = ANY(%s::{kind}[]){only}"
    return sql.rows_as(make, query + where + ending, [book_id, list(wanted)])


# ------------------------------------------------------------------------------------------------------------------- what waits for whom


def collections_to_poll(*, book_id: UUID, before: datetime, limit: int) -> list[Collection]:
    """Attempts without a final answer begun before a moment, oldest first: ask the channel for them, never send them blind. What came by bank
    transfer is here already, and no channel is asked for it.
    """
    where = (
        " WHERE c.book_id = %s AND c.state IN ('attempted', 'unknown') AND c.part_of_id IS NULL AND c.channel <> 'bank' AND c.attempted_at < %s"
        " ORDER BY c.attempted_at, c.id LIMIT %s"
    )
    return sql.rows_as(_collection, _COLLECTION + where, [book_id, before, limit])


def refunds_to_poll(*, book_id: UUID, before: datetime, limit: int) -> list[ChannelRefund]:
    where = " WHERE r.book_id = %s AND r.state IN ('attempted', 'unknown') AND r.attempted_at < %s ORDER BY r.attempted_at, r.id LIMIT %s"
    return sql.rows_as(_refund, _REFUND + where, [book_id, before, limit])


def transfers_open(*, book_id: UUID, kinds: Sequence[str] = tuple(TRANSFER_ENDS), lock: bool = False) -> list[Transfer]:
    """Transfers that were ordered and are neither done nor failed, oldest first; with `lock`, for update until the transaction ends."""
    ending = " FOR UPDATE" if lock else ""
    where = " WHERE t.book_id = %s AND t.state = 'ordered' AND t.kind = ANY(%s) ORDER BY t.ordered_at, t.id" + ending
    return sql.rows_as(_transfer, _TRANSFER + where, [book_id, list(kinds)])


def transfers_of_kind(*, book_id: UUID, kind: str) -> list[Transfer]:
    """Every transfer of a kind, oldest first."""
    where = " WHERE t.book_id = %s AND t.kind = %s ORDER BY t.ordered_at, t.id"
    return sql.rows_as(_transfer, _TRANSFER + where, [book_id, kind])


# ------------------------------------------------------------------------------------------------------------------- by what they are for


def of_orders(*, order_ids: Sequence[UUID]) -> dict[UUID, OrderPayments]:
    """What was collected and given back, by order; an order without either is absent."""
    wanted = [list(order_ids)]
    taken = sql.rows_as(_collection, _COLLECTION + " WHERE c.order_id = ANY(%s) ORDER BY c.attempted_at, c.id", wanted)
    given = sql.rows_as(_refund, _REFUND + " WHERE c.order_id = ANY(%s) ORDER BY r.attempted_at, r.id", wanted)
    by_order: dict[UUID, tuple[list[Collection], list[ChannelRefund]]] = defaultdict(lambda: ([], []))
    for collection in taken:
        assert collection.order_id is not None
        by_order[collection.order_id][0].append(collection)
    for refund in given:
        assert refund.order_id is not None
        by_order[refund.order_id][1].append(refund)
    return {order_id: OrderPayments(tuple(pair[0]), tuple(pair[1])) for order_id, pair in by_order.items()}


def refundable(*, loan_ids: Sequence[UUID]) -> dict[UUID, list[Collection]]:
    """Collections of a loan of which something is left to give back: those whose refunds failed least first, then the latest. What waits for
    its day is not the loan's yet."""
    where = (
        " WHERE c.loan_id = ANY(%s) AND c.state = 'succeeded' AND c.refunded_minor < c.amount_minor"
        " AND (c.waits_for IS NULL OR c.released_on IS NOT NULL)"
        " ORDER BY (SELECT count(*) FROM payments_channel_refund AS r WHERE r.collection_id = c.id AND r.state = 'failed'),"
        " c.attempted_at DESC, c.id DESC"
    )
    by_loan: dict[UUID, list[Collection]] = defaultdict(list)
    for collection in sql.rows_as(_collection, _COLLECTION + where, [list(loan_ids)]):
        assert collection.loan_id is not None
        by_loan[collection.loan_id].append(collection)
    return dict(by_loan)


def failing(*, book_id: UUID) -> list[UUID]:
    """Loans of which a refund failed, whatever became of it later, in the order of ids. The few that were not posted are an index away."""
    found = sql.rows(
        "SELECT DISTINCT c.loan_id FROM payments_channel_refund AS r JOIN payments_collection AS c ON c.id = r.collection_id"
        " WHERE r.book_id = %s AND r.posted_on IS NULL AND r.state = 'failed' AND c.loan_id IS NOT NULL ORDER BY 1",
        [book_id],
    )
    return [row[0] for row in found]


def not_failed(*, book_id: UUID, loan_ids: Sequence[UUID]) -> dict[UUID, int]:
    """What refunds gave back of the collections of loans or may still give back, in minor units; a loan without any is absent."""
    found = sql.rows(
        "SELECT c.loan_id, sum(r.amount_minor)::bigint FROM payments_collection AS c JOIN payments_channel_refund AS r ON r.collection_id = c.id"
        " WHERE c.loan_id = ANY(%s) AND c.book_id = %s AND r.state <> 'failed' GROUP BY c.loan_id",
        [list(loan_ids), book_id],
    )
    return dict(found)


def days_failed(*, book_id: UUID, loan_ids: Sequence[UUID], zone: str) -> dict[UUID, int]:
    """On how many days, in a time zone, refunds of loans were attempted that failed."""
    found = sql.rows(
        "SELECT c.loan_id, count(DISTINCT (r.attempted_at AT TIME ZONE %s)::date) FROM payments_collection AS c"
        " JOIN payments_channel_refund AS r ON r.collection_id = c.id"
        " WHERE c.loan_id = ANY(%s) AND c.book_id = %s AND r.state = 'failed' GROUP BY c.loan_id ORDER BY c.loan_id",
        [zone, list(loan_ids), book_id],
    )
    return dict(found)


def orders_of_references(*, book_id: UUID, references: Sequence[str]) -> Mapping[str, UUID]:
    """The order behind a number in a bill, where it is the number of a collection or channel refund; of a payment over several, one of them."""
    found = sql.rows(
        "SELECT reference, order_id FROM payments_collection WHERE book_id = %s AND reference = ANY(%s) AND order_id IS NOT NULL"
        " UNION ALL SELECT r.reference, c.order_id FROM payments_channel_refund AS r"
        " JOIN payments_collection AS c ON c.id = r.collection_id"
        " WHERE r.book_id = %s AND r.reference = ANY(%s) AND c.order_id IS NOT NULL",
        [book_id, list(references), book_id, list(references)],
    )
    return dict(found)


def trade_movements(*, book_id: UUID, on: date, most: int | None = None) -> list[TradeMovement]:
    """What was booked on a business day and the channel's trade bill should show, in the order of ids; with `most` only the first of them."""
    query, params = trade_movements_asked(book_id=book_id, on=on)
    found = sql.rows(f"{query} LIMIT %s", [*params, most])
    return [TradeMovement(i, reference, kind, Money(minor, currency), status, on) for i, kind, reference, minor, status, currency in found]


def trade_movements_asked(*, book_id: UUID, on: date) -> tuple[str, list[Any]]:
    """The query of `trade_movements` and its parameters, for who copies them out: id, kind, reference, amount_minor, status, currency."""
    return (
        "SELECT id, 'payment' AS kind, reference, amount_minor, 'SUCCESS' AS status, currency FROM payments_collection"
        " WHERE book_id = %s AND posted_on = %s AND part_of_id IS NULL AND channel <> 'bank'"
        " UNION ALL SELECT id, 'refund', reference, -amount_minor, 'SUCCESS', currency FROM payments_channel_refund"
        " WHERE book_id = %s AND posted_on = %s AND channel <> 'bank'"
        " ORDER BY 1"
    ), [book_id, on, book_id, on]


_WAITING = "c.state = 'succeeded' AND c.waits_for IS NOT NULL AND c.released_on IS NULL"


def waiting(*, book_id: UUID, until: date, limit: int) -> list[Collection]:
    """Parts whose day came by `until` and that are not released to their loans, the oldest day first."""
    where = f" WHERE c.book_id = %s AND {_WAITING} AND c.waits_for <= %s ORDER BY c.waits_for, c.id LIMIT %s"
    return sql.rows_as(_collection, _COLLECTION + where, [book_id, until, limit])


def waiting_of(*, loan_ids: Sequence[UUID]) -> dict[tuple[UUID, date], int]:
    """What waits for loans, in minor units by loan and the day it waits for."""
    found = sql.rows(
        f"SELECT c.loan_id, c.waits_for, sum(c.amount_minor)::bigint FROM payments_collection AS c WHERE c.loan_id = ANY(%s) AND {_WAITING}"
        " GROUP BY c.loan_id, c.waits_for",
        [list(loan_ids)],
    )
    return {(loan_id, until): minor for loan_id, until, minor in found}


# -------------------------------------------------------------------------------------------------------------------------- sums for proofs


def waiting_in_all(*, book_id: UUID) -> int:
    """Everything that came before its day and waits for it, in minor units: owed to consumers until then."""
    amount: int = sql.value(
        f"SELECT coalesce(sum(c.amount_minor), 0)::bigint FROM payments_collection AS c WHERE c.book_id = %s AND {_WAITING}", [book_id]
    )
    return amount


def safeguarding_under_way(*, book_id: UUID) -> int:
    """What is ordered into the account of client money and not done, less what is ordered out of it, in minor units."""
    amount: int = sql.value(
        "SELECT coalesce(sum(CASE kind WHEN 'safeguarding' THEN amount_minor ELSE -amount_minor END), 0)::bigint FROM payments_transfer"
        " WHERE book_id = %s AND state = 'ordered' AND kind IN ('safeguarding', 'release')",
        [book_id],
    )
    return amount


@dataclass(frozen=True, slots=True)
class GivenBack:
    """Refunds of one loan in minor units: what went back, what is under way, and whether one failed that was attempted lately."""

    succeeded: int
    under_way: int
    failed_lately: bool


def given_back(*, book_id: UUID, failed_since: datetime | None) -> dict[UUID, GivenBack]:
    """Channel refunds by loan; a failure is of late where it was attempted at or after `failed_since`, or at any time without it."""
    found = sql.rows(
        "SELECT c.loan_id, coalesce(sum(r.amount_minor) FILTER (WHERE r.state = 'succeeded'), 0)::bigint,"
        " coalesce(sum(r.amount_minor) FILTER (WHERE r.state IN ('attempted', 'unknown')), 0)::bigint,"
        " bool_or(r.state = 'failed' AND (%s::timestamptz IS NULL OR r.attempted_at >= %s))"
        " FROM payments_channel_refund AS r JOIN payments_collection AS c ON c.id = r.collection_id"
        " WHERE r.book_id = %s AND c.loan_id IS NOT NULL GROUP BY c.loan_id",
        [failed_since, failed_since, book_id],
    )
    return {loan_id: GivenBack(*rest) for loan_id, *rest in found}


@dataclass(frozen=True, slots=True)
class Moved:
    """Money that moved for an order, in a list of all: a collection (`payment`) or what was given back of one (`refund`). A part of a payment
    over several loans has the reference of the whole; `waits` until its day, or `released` by an entry of its own on it. `by_bank`: no bill of
    the channel shows it."""

    id: UUID
    kind: str
    reference: str
    order_id: UUID
    loan_id: UUID | None
    posted_on: date
    waits: bool
    released: bool
    by_bank: bool


def moved(*, book_id: UUID) -> list[Moved]:
    """Every collection and channel refund of an order that succeeded."""
    return sql.rows_as(
        Moved,
        "SELECT id, 'payment', reference, order_id, loan_id, posted_on, waits_for IS NOT NULL AND released_on IS NULL,"
        " coalesce(released_on IS NOT NULL AND posted_on < waits_for, false), channel = 'bank' FROM payments_collection"
        " WHERE book_id = %s AND state = 'succeeded' AND order_id IS NOT NULL"
        " UNION ALL SELECT r.id, 'refund', r.reference, c.order_id, c.loan_id, r.posted_on, false, false,"
        " r.channel = 'bank' FROM payments_channel_refund AS r"
        " JOIN payments_collection AS c ON c.id = r.collection_id"
        " WHERE r.book_id = %s AND r.state = 'succeeded' AND c.order_id IS NOT NULL",
        [book_id, book_id],
    )
