"""What merchants have of instalments that were collected, where their contract settles by period."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final
from uuid import UUID

from yuefu.money.amounts import Money
from yuefu.runtime import audit, locks
from yuefu.runtime.values import UnitOfWork
from yuefu.settlement import queries
from yuefu.settlement.commands.accrual import insert_items
from yuefu.settlement.commands.due_days import DueDays
from yuefu.settlement.commands.evidence import Told, day_of, store_told
from yuefu.settlement.queries import Event
from yuefu.settlement.rules import Item
from yuefu.settlement.rules.parts import COLLECTION, InParts

_COLLECTED: Final = "all_collected"


@dataclass(frozen=True, slots=True)
class Collected:
    """What of the principal of a capture's loan is still to be paid, and when that changed last."""

    principal: Money
    changed_on: date | None


def settle_parts(*, work: UnitOfWork, collected: Mapping[UUID, Collected]) -> list[Item]:
    """Makes a part of what was collected since, by capture, and lets the rest settle when all is paid or given up. Returns the parts.

    A part is a pair of items that come to nothing: one that settles T+N business days after the last collection, or taking off, and one that
    waits with the rest of the sale and is deducted from it; the ledger owes the sum all the while. Told again of the same it finds nothing.
    """
    locks.wait_for_each(locks.CAPTURE, list(collected))
    days = DueDays(work.book)
    parts: list[Item] = []
    ended: list[Told] = []
    for one in queries.in_parts(book_id=work.book.id, capture_ids=list(collected)):
        of_it = collected[one.capture_id]
        since = max(of_it.changed_on or work.day.on, one.changed_on)
        if of_it.principal.minor <= 0:
            event = Event("collected", _COLLECTED, since, day_of(work, days, since, one.settle_days))
            ended += [(item_id, None, one.merchant_id, event) for item_id in one.waiting]
        elif part := one.rest - one.still_to_come(of_it.principal.minor):
            parts += _pair(work, one, part, since, day_of(work, days, since, one.settle_days))
    insert_items(work, parts)
    store_told(work, ended)
    audit.record(work=work, action="settlement.settle_parts", object_kind="settlement_item", object_ids=[item.id for item in parts])
    return [item for item in parts if item.kind == "part"]


def _pair(work: UnitOfWork, of: InParts, part: Money, earned_on: date, settles_on: date) -> Sequence[Item]:
    source_id = work.ids.new(work.now)
    return (_item(work, of, source_id, "part", part, earned_on, settles_on), _item(work, of, source_id, "parted", -part, earned_on, None))


def _item(work: UnitOfWork, of: InParts, source_id: UUID, kind: str, net: Money, earned_on: date, settles_on: date | None) -> Item:
    nothing = Money.zero(net.currency)
    return Item(
        id=work.ids.new(work.now),
        merchant_id=of.merchant_id,
        kind=kind,
        order_id=None,
        source_id=source_id,
        capture_id=of.capture_id,
        loan_id=None,
        funder_id=of.funder_id,
        product=of.product,
        gross=net,
        fee=nothing,
        discount=nothing,
        net=net,
        vat=nothing,
        contract_version=of.version,
        fee_on_refund="",
        earned_on=earned_on,
        settles_on=settles_on,
        settle_from="" if settles_on else COLLECTION,
        settle_days=0 if settles_on else of.settle_days,
    )
