"""What merchants are owed from before this book: items of no order, which the next batches take up like what an earlier batch carried."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final, Literal
from uuid import UUID

from yuefu.money.amounts import Money
from yuefu.runtime import audit
from yuefu.runtime.values import UnitOfWork
from yuefu.settlement.commands.accrual import insert_items
from yuefu.settlement.rules import Item

KINDS: Final = {"merchant_pending": "carried", "merchant_reserve": "released"}
"""The kind of an item by the component that owes it."""


@dataclass(frozen=True, slots=True)
class Owed:
    """What a merchant is owed (below zero: owes) by the end of `earned_on`, to be settled from a day on; a reserve is released then."""

    merchant_id: UUID
    component: Literal["merchant_pending", "merchant_reserve"]
    amount: Money
    earned_on: date
    settles_on: date


def bring_in(*, work: UnitOfWork, owed: Sequence[Owed], source_ids: Sequence[UUID]) -> None:
    """Keeps items for what is owed; the caller posts it. A source is used once."""
    nothing = Money.zero(work.book.currency)
    items = [
        Item(
            id=work.ids.new(work.now),
            merchant_id=one.merchant_id,
            kind=KINDS[one.component],
            order_id=None,
            source_id=source_id,
            capture_id=None,
            loan_id=None,
            funder_id=None,
            product="",
            gross=one.amount,
            fee=nothing,
            discount=nothing,
            net=one.amount,
            vat=nothing,
            contract_version=0,
            fee_on_refund="",
            earned_on=one.earned_on,
            settles_on=one.settles_on,
        )
        for one, source_id in zip(owed, source_ids, strict=True)
    ]
    insert_items(work, items)
    audit.record(work=work, action="settlement.open", object_kind="settlement_item", object_ids=[item.id for item in items])
