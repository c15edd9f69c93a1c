"""Evidence that what was captured was delivered, activated or redeemed: its money need not wait any longer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final
from uuid import UUID

from yuefu.errors import Refused
from yuefu.money.amounts import Money
from yuefu.runtime import audit, sql
from yuefu.runtime.values import UnitOfWork
from yuefu.settlement import queries, rules

KINDS: Final = ("delivered", "activated", "redeemed")
_LONGEST: Final = 64


@dataclass(frozen=True, slots=True)
class NewEvidence:
    """That all captures of an order so far reached who bought: of a `kind`, by the `reference` of a carrier or a voucher, on a day."""

    order_id: UUID
    merchant_id: UUID
    kind: str
    reference: str
    proven_on: date


@dataclass(frozen=True, slots=True)
class Proven:
    """What evidence came to: so many captures and refunds of them are due now, of so much together; what was proven before stays as it was."""

    order_id: UUID
    items: int
    net: Money


def record_evidence(*, work: UnitOfWork, given: Sequence[NewEvidence]) -> list[Proven | Refused]:
    """Records evidence, one outcome each, in order; the first of a capture stays. What it is for settles on the day it would have without waiting, or
    with the next batch where that has passed.

    Refused with EVIDENCE_INVALID, or NO_EVIDENCE_NEEDED where no capture of the order waits for any.
    """
    known = queries.waits_for_evidence(book_id=work.book.id, order_ids=[one.order_id for one in given], lock=True)
    outcomes: list[Proven | Refused] = []
    fresh: dict[UUID, NewEvidence] = {}
    for one in given:
        waiting = [item for item in known if (item.order_id, item.merchant_id) == (one.order_id, one.merchant_id)]
        refused = _fault(work, one) or (
            None if waiting else Refused(rules.NO_EVIDENCE_NEEDED, "no capture of this order waits for evidence", "order_id")
        )
        new = [] if refused else [item for item in waiting if item.proven_on is None and item.item_id not in fresh]
        fresh.update({item.item_id: one for item in new})
        net = sum((item.net for item in new), Money.zero(work.book.currency))
        outcomes.append(refused or Proven(one.order_id, len(new), net))
    _store(work, fresh)
    return outcomes


def _store(work: UnitOfWork, fresh: dict[UUID, NewEvidence]) -> None:
    if not fresh:
        return
    new = work.ids.many(work.now, len(fresh))
    rows = [(i, item, e.merchant_id, e.kind, e.reference, e.proven_on) for i, (item, e) in zip(new, fresh.items(), strict=True)]
    columns = {"id": "uuid", "item_id": "uuid", "merchant_id": "uuid", "kind": "text", "reference": "text", "proven_on": "date"}
    same: sql.Same = {
        "book_id": ("uuid", work.book.id),
        "recorded_by": ("text", work.by.label),
        "recorded_at": ("timestamptz", work.now),
    }
    sql.insert("settlement_evidence", columns, rows, same=same)
    sql.run(
        "UPDATE settlement_waiting AS w SET settles_on = greatest(i.due_on, %s) FROM settlement_item AS i"
        " WHERE i.id = w.item_id AND w.item_id = ANY(%s) AND w.settles_on > greatest(i.due_on, %s)",
        [work.day.on, list(fresh), work.day.on],
    )
    audit.record(work=work, action="settlement.record_evidence", object_kind="settlement_item", object_ids=list(fresh))


def _fault(work: UnitOfWork, one: NewEvidence) -> Refused | None:
    if one.kind not in KINDS:
        return Refused(rules.EVIDENCE_INVALID, f"evidence is {', '.join(KINDS)}", "kind")
    if not 0 < len(one.reference) <= _LONGEST or not one.reference.isprintable():
        return Refused(rules.EVIDENCE_INVALID, f"a reference has 1 to {_LONGEST} characters", "reference")
    if one.proven_on > work.day.on:
        return Refused(rules.EVIDENCE_INVALID, "what was delivered was delivered today or before", "proven_on")
    return None
