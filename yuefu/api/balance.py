"""A merchant's money line by line: balance transactions, each with what it comes from and the payout that it goes out with, and where all of it stands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any, Final, Literal
from uuid import UUID
from zoneinfo import ZoneInfo

from pydantic import BaseModel

from yuefu import ids
from yuefu.api import expanding, listing
from yuefu.api.bodies import Named, id_text
from yuefu.api.calls import Call
from yuefu.api.listing import CREATED, Filter, Listing, Page, a_day, an_id, one_of
from yuefu.api.route import gets
from yuefu.journeys import told
from yuefu.runtime.paging import Span
from yuefu.settlement.queries import told as settlement_told
from yuefu.settlement.queries.told import Balance
from yuefu.settlement.rules import CATEGORIES


class Sum(BaseModel):
    amount: int
    currency: str


class HeldSum(Sum):
    """`amount` is what is kept back as a reserve and what is frozen, together."""

    reserved: int
    frozen: int


class BalanceShown(BaseModel):
    """What you have here, by currency: `pending` is in no settlement yet, `available` in one that is not paid, `in_transit` on its way to you; `held` is
    kept back, and in none of the others.
    """

    object: Literal["balance"]
    pending: list[Sum]
    available: list[Sum]
    in_transit: list[Sum]
    held: list[HeldSum]


class FeeOf(BaseModel):
    """A part of the fee: the `service_fee` with the tax in it, or the `discount` that you pay for an interest-free plan."""

    type: Literal["service_fee", "discount"]
    amount: int
    tax: int


class TransactionShown(BaseModel):
    """Net = amount − fee, all below zero for what goes back. `available_on` is the pay day of its settlement, or the one that it waits for; null where that
    hangs on an event which has not come. What is in a settlement is `settled`. The net of all that is in the settlement of a payout is the
    payout and what was frozen of it afterwards.
    """

    object: Literal["balance_transaction"]
    id: str
    type: str
    reporting_category: str
    state: Literal["pending", "settled"]
    amount: int
    fee: int
    fee_details: list[FeeOf]
    net: int
    currency: str
    order: Named | None
    merchant_reference: str | None
    capture: Named | None
    loan: Named | None
    source: Named | None
    settlement: Named | None
    payout: Named | None
    earned_on: date
    available_on: date | None
    created_at: datetime


class TransactionList(Page[TransactionShown]):
    """A page of balance transactions, newest first."""


_SOURCES: Final = ("capture", "refund", "batch")


def _source(text: str, zone: ZoneInfo) -> tuple[str, UUID]:
    del zone
    for kind in _SOURCES:
        if text.startswith(f"{ids.PREFIXES[kind]}_"):
            try:
                return kind, ids.parse(kind, text)
            except ids.BadId:
                break
    raise ValueError("the id of a capture (cap_), a refund (rfnd_) or a settlement (stl_)")


LISTING: Final = Listing(
    "balance_transaction",
    "/v1/balance_transactions",
    (
        an_id("payout", "payout", "Only those that went out with this payout."),
        an_id("settlement", "batch", "Only those of this settlement."),
        one_of("type", sorted(CATEGORIES), "Only those of this type."),
        Filter("source", {"anyOf": [id_text(kind) for kind in _SOURCES]}, "Only those that come from this capture, refund or settlement.", _source),
        an_id("order", "order", "Only those of this order."),
        *CREATED,
        a_day("available_from", "Only those available on this day or later."),
        a_day("available_until", "Only those available on this day or before."),
    ),
)  # fmt: skip


async def show(call: Call) -> dict[str, Any]:
    """GET /v1/balance_transactions/{balance_transaction_id}"""
    return await call.shown("balance_transaction", read)


async def listed(call: Call) -> dict[str, Any]:
    """GET /v1/balance_transactions"""
    merchant_id = call.merchant_id

    def found(where: Mapping[str, Any], span: Span) -> list[dict[str, Any]] | None:
        page = told.entries(merchant_id=merchant_id, where=where, span=span)
        return None if page is None else [_shown(one) for one in page]

    return await listing.page(call, LISTING, found)


def read(item_ids: Sequence[UUID]) -> dict[UUID, dict[str, Any]]:
    """Balance transactions of the merchant who reads, as they are shown."""
    return {item_id: _shown(one) for item_id, one in told.entries_by_id(ids=item_ids).items()}


expanding.register("balance_transaction", read)


def _shown(one: told.Entry) -> dict[str, Any]:
    item = one.told
    named = {"order": item.order_id, "capture": item.capture_id, "loan": item.loan_id, "batch": item.batch_id, "payout": item.payout_id}
    shown = {kind: ids.text(kind, object_id) if object_id else None for kind, object_id in named.items()}
    fees = [{"type": "service_fee", "amount": item.fee.minor, "tax": item.vat.minor}] if item.fee else []
    fees += [{"type": "discount", "amount": item.discount.minor, "tax": 0}] if item.discount else []
    return {
        "object": "balance_transaction",
        "id": ids.text("balance_transaction", item.id),
        "type": item.type,
        "reporting_category": item.category,
        "state": "settled" if item.batch_id else "pending",
        "amount": item.gross.minor,
        "fee": (item.fee + item.discount).minor,
        "fee_details": fees,
        "net": item.net.minor,
        "currency": item.net.currency,
        "order": shown["order"],
        "merchant_reference": one.merchant_reference,
        "capture": shown["capture"],
        "loan": shown["loan"],
        "source": ids.text(*one.source) if one.source else None,
        "settlement": shown["batch"],
        "payout": shown["payout"],
        "earned_on": item.earned_on,
        "available_on": item.available_on,
        "created_at": item.recorded_at.astimezone(UTC),
    }


async def balance(call: Call) -> dict[str, Any]:
    """GET /v1/balance"""
    call.query_of()
    merchant_id, currency = call.merchant_id, call.holder.book.currency
    found: Balance = await call.look(lambda: settlement_told.balance(merchant_id=merchant_id, currency=currency))
    held = found.reserved + found.frozen
    return {
        "object": "balance",
        **{name: [{"amount": getattr(found, name).minor, "currency": currency}] for name in ("pending", "available", "in_transit")},
        "held": [{"amount": held.minor, "currency": currency, "reserved": found.reserved.minor, "frozen": found.frozen.minor}],
    }


_ONE: Final = "/v1/balance_transactions/{balance_transaction_id}"
_EXPANDS: Final = ("order", "capture", "loan", "source", "settlement", "payout")

ROUTES: Final = (
    gets("/v1/balance", "settlement.read", balance, BalanceShown, "Show where your money stands"),
    gets(
        "/v1/balance_transactions",
        "settlement.read",
        listed,
        TransactionList,
        "List balance transactions, newest first",
        LISTING.parameters,
        expands=tuple(f"data.{name}" for name in _EXPANDS),
    ),
    gets(_ONE, "settlement.read", show, TransactionShown, "Show a balance transaction", expands=_EXPANDS),
)
