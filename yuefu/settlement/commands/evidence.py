"""What is told of a capture: that what it was for was delivered or received. Its money need not wait any longer, or its days count from then on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Final
from uuid import UUID

from yuefu.errors import Refused
from yuefu.merchants import queries as merchants
from yuefu.merchants.rules import Contract
from yuefu.merchants.rules.cycle import CAPTURE, RECEIPT
from yuefu.money.amounts import Money
from yuefu.orders import queries as orders
from yuefu.runtime import audit, locks, sql
from yuefu.runtime.values import UnitOfWork
from yuefu.settlement import queries, rules
from yuefu.settlement.commands.due_days import DueDays
from yuefu.settlement.queries import Ahead, Event, Waits
from yuefu.settlement.rules import Item
from yuefu.settlement.rules.parts import COLLECTION

DELIVERIES: Final = ("delivered", "activated", "redeemed")
RECEIPTS: Final = ("received", "attested")
"""Confirmed by who bought, or by the merchant for them; what was received was delivered."""
KINDS: Final = (*DELIVERIES, *RECEIPTS)
_GIVEN_BACK: Final = "given_back"
_LONGEST: Final = 64

Told = tuple[UUID | None, UUID | None, UUID, Event]
"""Of an item or, ahead, of an order; whose it is; what is told."""


@dataclass(frozen=True, slots=True)
class NewEvidence:
    """That all captures of an order so far reached who bought: of a `kind`, by the `reference` of a carrier, a voucher or a confirmation, on a day;
    today, unless one is given."""

    order_id: UUID
    merchant_id: UUID
    kind: str
    reference: str
    proven_on: date | None = None


@dataclass(frozen=True, slots=True)
class Proven:
    """What evidence came to: so many captures and refunds of them settle, of so much together, on `settles_on` where their contract counts from it. `again`:
    it was told before. `ahead`: nothing of the order was captured yet, and the first capture will have it."""

    order_id: UUID
    items: int
    net: Money
    settles_on: date | None = None
    again: bool = False
    ahead: bool = False


@dataclass(slots=True)
class _Answered:
    """What is known under a reference of an order, and what it is told of: the net of each item and the day that followed."""

    event: Event
    items: list[tuple[Money, date | None]] = field(default_factory=list)
    ahead: bool = False


def record_evidence(*, work: UnitOfWork, given: Sequence[NewEvidence]) -> list[Proven | Refused]:
    """Records evidence, one outcome each, in order; the first of a capture stays, and told again it is the same answer. What waits for evidence settles on the
    day it would have without waiting; where the contract counts from the event, so many business days after it, or after its capture where that is
    later; in either case with the next batch where that day has passed. What went back of a capture settles with it.

    Refused with EVIDENCE_INVALID; EVIDENCE_DIFFERS where the reference was told with another kind or day, or all captures have evidence by another
    reference; OTHER_EVENT where the contract counts from another one; NO_EVIDENCE_NEEDED where no capture of the order waits, nor will.
    """
    state = _look(work, given)
    outcomes = [state.take(one) for one in given]
    state.store()
    return outcomes


def _look(work: UnitOfWork, given: Sequence[NewEvidence]) -> _State:
    """What is known of the orders. Whoever captures, gives back or tells of the same order waits."""
    asked = [one.order_id for one in given]
    found = orders.lock_any(work.book.id, asked)
    first = queries.waits_for_evidence(book_id=work.book.id, order_ids=asked)
    locks.wait_for_each(locks.CAPTURE, [item.capture_id for item in first])
    known = queries.waits_for_evidence(book_id=work.book.id, order_ids=asked, lock=True)
    whose = {order.id: order.merchant_id for order in found.values() if order.remaining > 0}
    coming = whose.keys() - queries.items_of_orders(order_ids=asked)
    now = merchants.contracts_in_force(merchant_ids=sorted({whose[i] for i in coming}), on=work.day.on) if coming else {}
    to_come = {i: now[whose[i]] for i in coming if whose[i] in now and now[whose[i]].terms.settle_from != CAPTURE}
    return _State(work, known, queries.ahead(order_ids=asked), to_come)


class _State:
    """What is known while evidence is taken; each sees what was told before it."""

    def __init__(
        self,
        work: UnitOfWork,
        known: Sequence[Waits],
        ahead: Mapping[UUID, Ahead],
        to_come: Mapping[UUID, Contract],
    ) -> None:
        self._work, self._to_come = work, to_come
        self._days = DueDays(work.book)
        self._open = {item.item_id: item for item in known if item.told is None}
        self._known = known
        self._told: dict[tuple[UUID, UUID, str], _Answered] = {
            (one.order_id, one.merchant_id, one.told.reference): _Answered(one.told, ahead=True) for one in ahead.values()
        }
        for item in known:
            if item.told:
                told = self._told.setdefault((item.order_id, item.merchant_id, item.told.reference), _Answered(item.told))
                told.items.append((item.net, item.told.settles_on))
        self._fresh: list[tuple[Waits, Event]] = []
        self._fresh_ahead: list[Ahead] = []

    def take(self, one: NewEvidence) -> Proven | Refused:
        if fault := _fault(self._work, one):
            return fault
        key = (one.order_id, one.merchant_id, one.reference)
        if told := self._told.get(key):
            return self._again(one, told)
        mine = [item for item in self._known if (item.order_id, item.merchant_id) == (one.order_id, one.merchant_id)]
        if not mine:
            return self._ahead(one)
        waiting = [item for item in mine if item.item_id in self._open]
        if not waiting:
            whole = all(item.told and item.told.kind == _GIVEN_BACK for item in mine)
            why = "all of it was given back" if whole else "all captures of this order have evidence by another reference"
            return Refused(rules.EVIDENCE_DIFFERS, why, "reference")
        fitting = [item for item in waiting if self._fits(one.kind, item)]
        if not fitting:
            return Refused(rules.OTHER_EVENT, "by its contract the order settles from another event", "kind")
        return self._prove(one, fitting)

    def _prove(self, one: NewEvidence, items: Sequence[Waits]) -> Proven:
        on = one.proven_on or self._work.day.on
        told = self._told[one.order_id, one.merchant_id, one.reference] = _Answered(Event(one.kind, one.reference, on))
        sold_on = {item.capture_id: item.earned_on for item in self._known if item.kind == "capture"}
        for item in items:
            event = Event(one.kind, one.reference, on, self._settles_on(item, max(on, sold_on[item.capture_id])))
            del self._open[item.item_id]
            self._fresh.append((item, event))
            told.items.append((item.net, event.settles_on))
        return self._answer(one, told)

    def _settles_on(self, item: Waits, since: date) -> date | None:
        if item.settles_on is not None:
            return None
        return day_of(self._work, self._days, since, item.settle_days)

    def _ahead(self, one: NewEvidence) -> Proven | Refused:
        contract = self._to_come.get(one.order_id)
        if contract is None or contract.merchant_id != one.merchant_id:
            return Refused(rules.NO_EVIDENCE_NEEDED, "no capture of this order waits for evidence", "order_id")
        if any(told.ahead for (order_id, _, _), told in self._told.items() if order_id == one.order_id):
            return Refused(rules.EVIDENCE_DIFFERS, "this order was told of before by another reference", "reference")
        if not fits(one.kind, contract.terms.settle_from):
            return Refused(rules.OTHER_EVENT, "by its contract the order settles from another event", "kind")
        event = Event(one.kind, one.reference, one.proven_on or self._work.day.on)
        told = self._told[one.order_id, one.merchant_id, one.reference] = _Answered(event, ahead=True)
        self._fresh_ahead.append(Ahead(one.order_id, one.merchant_id, event))
        return self._answer(one, told)

    def _fits(self, kind: str, item: Waits) -> bool:
        return fits(kind, item.settle_from)

    def _again(self, one: NewEvidence, told: _Answered) -> Proven | Refused:
        if (told.event.kind, told.event.proven_on) != (one.kind, one.proven_on or told.event.proven_on):
            detail = f"{one.reference} was told of this order as {told.event.kind} on {told.event.proven_on}"
            return Refused(rules.EVIDENCE_DIFFERS, detail, "kind" if told.event.kind != one.kind else "proven_on")
        return self._answer(one, told, again=True)

    def _answer(self, one: NewEvidence, told: _Answered, *, again: bool = False) -> Proven:
        net = sum((amount for amount, _ in told.items), Money.zero(self._work.book.currency))
        latest = max((on for _, on in told.items if on), default=None)
        return Proven(one.order_id, len(told.items), net, latest, again, ahead=told.ahead and not told.items)

    def store(self) -> None:
        """Writes what is new."""
        store_told(self._work, [(item.item_id, None, item.merchant_id, event) for item, event in self._fresh])
        store_told(self._work, [(None, one.order_id, one.merchant_id, one.told) for one in self._fresh_ahead])


def day_of(work: UnitOfWork, days: DueDays, since: date, after: int) -> date:
    """The day that follows from an event of a day, so many business days after it; today or later."""
    return max(days.after(since, after), days.after(work.day.on, 0))


def fits(kind: str, settle_from: str) -> bool:
    """Whether this is the event that is counted from, or, where nothing is, evidence that will do."""
    return settle_from != COLLECTION and (kind in RECEIPTS or settle_from != RECEIPT)


def told_ahead(*, work: UnitOfWork, days: DueDays, captures: Sequence[Item]) -> None:
    """The first capture of an order has as evidence what was told before it. The captures were written just now, and settle from an event."""
    found = queries.ahead(order_ids=[item.order_id for item in captures if item.order_id])
    if not found:
        return
    firsts: dict[UUID, Item] = {}
    for item in captures:
        if item.order_id in found:
            firsts.setdefault(item.order_id, item)
    known = queries.waits_for_evidence(book_id=work.book.id, order_ids=list(firsts))
    new = {item.id for item in captures}
    later = {one.order_id for one in known if one.item_id not in new and one.kind == "capture"}
    rows: list[Told] = []
    for order_id, item in firsts.items():
        told = found[order_id].told
        if order_id not in later and fits(told.kind, item.settle_from):
            settles_on = day_of(work, days, max(told.proven_on, item.earned_on), item.settle_days)
            of_it = [one.item_id for one in known if one.capture_id == item.capture_id]
            rows += [(one, None, item.merchant_id, replace(told, settles_on=settles_on)) for one in of_it]
    store_told(work, rows)


def give_back(*, work: UnitOfWork, whole: Mapping[UUID, tuple[UUID, date]]) -> None:
    """Of captures that went back whole nothing waits any more: they settle with what went back, on a day (capture → its last refund, the day)."""
    items = queries.without_a_day(book_id=work.book.id, capture_ids=list(whole))
    rows: list[Told] = []
    for item in items:
        refund_id, settles_on = whole[item.capture_id]
        event = Event(_GIVEN_BACK, str(refund_id), work.day.on, max(settles_on, work.day.on))
        rows.append((item.item_id, None, item.merchant_id, event))
    store_told(work, rows)


def store_told(work: UnitOfWork, told: Sequence[Told]) -> None:
    """Writes what is told of items, or of orders ahead, and lets the items settle; a statement each."""
    if not told:
        return
    new = work.ids.many(work.now, len(told))
    rows = [
        (i, item, order, merchant, e.kind, e.reference, e.proven_on, e.settles_on)
        for i, (item, order, merchant, e) in zip(new, told, strict=True)
    ]
    columns = {
        "id": "uuid", "item_id": "uuid", "order_id": "uuid", "merchant_id": "uuid", "kind": "text", "reference": "text", "proven_on": "date",
        "settles_on": "date",
    }  # fmt: skip
    same: sql.Same = {
        "book_id": ("uuid", work.book.id),
        "told_on": ("date", work.day.on),
        "recorded_by": ("text", work.by.label),
        "recorded_at": ("timestamptz", work.now),
    }
    sql.insert("settlement_evidence", columns, rows, same=same)
    items = [item for item, _, _, _ in told if item]
    sql.run(
        "UPDATE settlement_waiting AS w SET settles_on = coalesce(e.settles_on, greatest(i.due_on, %s))"
        " FROM settlement_item AS i JOIN settlement_evidence AS e ON e.item_id = i.id WHERE i.id = w.item_id AND w.item_id = ANY(%s)"
        " AND (w.settles_on IS NULL OR w.settles_on > greatest(i.due_on, %s))",
        [work.day.on, items, work.day.on],
    )
    audit.record(
        work=work,
        action="settlement.record_evidence",
        object_kind="settlement_item",
        object_ids=items or [order for _, order, _, _ in told if order],
    )


def _fault(work: UnitOfWork, one: NewEvidence) -> Refused | None:
    if one.kind not in KINDS:
        return Refused(rules.EVIDENCE_INVALID, f"evidence is {', '.join(KINDS)}", "kind")
    if not 0 < len(one.reference) <= _LONGEST or not one.reference.isprintable() or one.reference != one.reference.strip():
        return Refused(rules.EVIDENCE_INVALID, f"a reference has 1 to {_LONGEST} characters and no blanks around it", "reference")
    if one.proven_on and one.proven_on > work.day.on:
        return Refused(rules.EVIDENCE_INVALID, "what was delivered was delivered today or before", "proven_on")
    return None
