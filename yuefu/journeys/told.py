"""What a merchant reads of its money, put together from the packages that keep it: captures with their loans, payouts with where they went, balance
transactions with what they come from. Whoever reads sees the rows of one merchant."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final
from uuid import UUID

from yuefu.loans.queries import told as loan_told
from yuefu.merchants import queries as merchants
from yuefu.merchants.queries import Account
from yuefu.orders.queries import told as order_told
from yuefu.orders.queries.told import CaptureTold
from yuefu.payments.queries import told as payout_told
from yuefu.payments.rules import Payout
from yuefu.runtime.paging import Span
from yuefu.settlement.queries import papers as paper_book
from yuefu.settlement.queries import told
from yuefu.settlement.queries.told import Transaction
from yuefu.settlement.rules import CATEGORIES

OF_BATCHES: Final = frozenset({"carried", "reserved", "released", "frozen"})
"""Types of balance transactions that a batch makes, and so come from one."""


@dataclass(frozen=True, slots=True)
class Capture:
    """A capture and the loan that was lent for it."""

    told: CaptureTold
    loan_id: UUID | None


@dataclass(frozen=True, slots=True)
class PaidOut:
    """A payout, the account that it went to, known from when it is sent, and the pay day of its batch."""

    payout: Payout
    account: Account | None
    pay_on: date


@dataclass(frozen=True, slots=True)
class Entry:
    """A balance transaction with the reference of its order and what it comes from: its kind and id, where that is a thing of its own."""

    told: Transaction
    merchant_reference: str | None
    source: tuple[str, UUID] | None


def captures(*, merchant_id: UUID, where: Mapping[str, Any], span: Span) -> list[Capture] | None:
    """As `orders.queries.told.captures`."""
    found = order_told.captures(merchant_id=merchant_id, where=where, span=span)
    return None if found is None else _with_loans(found)


def captures_by_id(*, ids: Sequence[UUID]) -> dict[UUID, Capture]:
    """Captures as far as this scope sees them."""
    return {one.told.id: one for one in _with_loans(order_told.captures_by_id(capture_ids=ids).values())}


def _with_loans(found: Iterable[CaptureTold]) -> list[Capture]:
    captured = list(found)
    lent = loan_told.of_captures(capture_ids=[one.id for one in captured])
    return [Capture(one, lent.get(one.id)) for one in captured]


def payouts(*, merchant_id: UUID, where: Mapping[str, Any], span: Span) -> list[PaidOut] | None:
    """As `payments.queries.told.payouts`."""
    found = payout_told.payouts(merchant_id=merchant_id, where=where, span=span)
    return None if found is None else _with_accounts(found)


def payouts_by_id(*, ids: Sequence[UUID]) -> dict[UUID, PaidOut]:
    """Payouts as far as this scope sees them."""
    return {one.payout.id: one for one in _with_accounts(payout_told.payouts_by_id(payout_ids=ids).values())}


def _with_accounts(found: Iterable[Payout]) -> list[PaidOut]:
    paid = list(found)
    accounts = merchants.accounts(ids=[one.account_id for one in paid if one.account_id])
    batches = {one.id: one for one in paper_book.seen(ids=[one.batch_id for one in paid])}
    return [PaidOut(one, accounts.get(one.account_id) if one.account_id else None, batches[one.batch_id].pay_on) for one in paid]


def entries(*, merchant_id: UUID, where: Mapping[str, Any], span: Span) -> list[Entry] | None:
    """Balance transactions as `settlement.queries.told.transactions` finds them; also of a `payout`, and of a `source`: a capture, a refund or a batch, by
    kind and id."""
    asked = dict(where)
    if (payout_id := asked.pop("payout", None)) is not None:
        paid = payout_told.payouts_by_id(payout_ids=[payout_id]).get(payout_id)
        batch_id = asked.setdefault("settlement", paid.batch_id if paid else None)
        if paid is None or batch_id != paid.batch_id:
            asked["sources"] = []  # Of nothing, or of two settlements: there is none.
    if (source := asked.pop("source", None)) is not None:
        asked["sources"] = [one for one in _named_by(*source) if "sources" not in asked or one in asked["sources"]]
    found = told.transactions(merchant_id=merchant_id, where=asked, span=span)
    return None if found is None else _with_sources(found)


def entries_by_id(*, ids: Sequence[UUID]) -> dict[UUID, Entry]:
    """Balance transactions as far as this scope sees them."""
    return {one.told.id: one for one in _with_sources(told.transactions_by_id(item_ids=ids).values())}


def _named_by(kind: str, object_id: UUID) -> list[UUID]:
    """What items name as their source: of a refund its shares."""
    if kind != "refund":
        return [object_id]
    refund = order_told.refunds_by_id(refund_ids=[object_id]).get(object_id)
    return [share.id for share in refund.shares] if refund else []


def _with_sources(found: Iterable[Transaction]) -> list[Entry]:
    items = list(found)
    references = order_told.references(order_ids=sorted({one.order_id for one in items if one.order_id}))
    shares = [one.source_id for one in items if CATEGORIES[one.type] in ("refund", "dispute")]
    refunds = order_told.refunds_of_shares(share_ids=shares)
    return [Entry(one, references.get(one.order_id) if one.order_id else None, _source(one, refunds)) for one in items]


def _source(one: Transaction, refunds: Mapping[UUID, UUID]) -> tuple[str, UUID] | None:
    if one.type == "capture":
        return "capture", one.source_id
    if one.source_id in refunds:
        return "refund", refunds[one.source_id]
    return ("batch", one.source_id) if one.type in OF_BATCHES else None
