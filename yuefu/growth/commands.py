"""Writes of what a merchant plans and tells: its own, so nobody approves it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final
from uuid import UUID

from yuefu.errors import Refused
from yuefu.growth import queries
from yuefu.growth.rules import plans as rules
from yuefu.growth.rules.plans import Envelope, Plan
from yuefu.money.amounts import Money
from yuefu.runtime import audit, locks, sql
from yuefu.runtime.jsontext import dumps
from yuefu.runtime.values import UnitOfWork

BACKDATED: Final = "backdated"  # what was divided stays divided
MONTH_NOT_OVER: Final = "month_not_over"
AMOUNT_INVALID: Final = "amount_invalid"
CURRENCY_DIFFERS: Final = "currency_differs"
NAME_INVALID: Final = "name_invalid"
KEY_REUSED: Final = "key_reused"  # this supplier has the number with another amount or day
UNKNOWN_PAYABLE: Final = "unknown_payable"
ENDED: Final = "ended"  # it was paid or withdrawn before

_PLAN: Final = {
    "id": "uuid",
    "book_id": "uuid",
    "merchant_id": "uuid",
    "version": "integer",
    "valid_from": "date",
    "envelopes": "jsonb",
    "recorded_by": "text",
    "recorded_at": "timestamptz",
}
_REVENUE: Final = {
    "merchant_id": "uuid",
    "month": "date",
    "version": "integer",
    "book_id": "uuid",
    "amount_minor": "bigint",
    "currency": "text",
    "recorded_by": "text",
    "recorded_at": "timestamptz",
}
_PAYABLE: Final = {
    "id": "uuid",
    "book_id": "uuid",
    "merchant_id": "uuid",
    "supplier": "text",
    "reference": "text",
    "amount_minor": "bigint",
    "currency": "text",
    "due_on": "date",
    "recorded_by": "text",
    "recorded_at": "timestamptz",
}
_END: Final = {
    "payable_id": "uuid",
    "book_id": "uuid",
    "merchant_id": "uuid",
    "how": "text",
    "ended_on": "date",
    "recorded_by": "text",
    "recorded_at": "timestamptz",
}


@dataclass(frozen=True, slots=True)
class Bill:
    """What a supplier asks of a merchant, under a number of the supplier's."""

    supplier: str
    reference: str
    amount: Money
    due_on: date


def change_plan(*, work: UnitOfWork, merchant_id: UUID, envelopes: Sequence[Envelope], valid_from: date) -> Plan | Refused:
    """A new version of the plan of a merchant; the same again is the one there is. Refused with envelopes_invalid or backdated."""
    if refused := rules.fault(envelopes):
        return refused
    if valid_from < work.day.on:
        return Refused(BACKDATED, f"a plan is in force from {work.day.on} on, or later", "valid_from")
    locks.wait_for_each(locks.FUND_PLAN, [merchant_id])
    known = queries.plans(merchant_id=merchant_id)
    if known and (known[-1].envelopes, known[-1].valid_from) == (tuple(envelopes), valid_from):
        return known[-1]
    new = Plan(merchant_id, len(known) + 1, valid_from, tuple(envelopes))
    row_id, plain = work.ids.new(work.now), dumps([[one.name, one.share] for one in envelopes])
    sql.insert("growth_plan", _PLAN, [(row_id, work.book.id, merchant_id, new.version, valid_from, plain, work.by.label, work.now)])
    audit.record(work=work, action="growth.change_plan", object_kind="merchant", object_ids=[merchant_id], detail={"version": new.version})
    return new


def tell_revenue(*, work: UnitOfWork, merchant_id: UUID, month: date, amount: Money) -> Refused | None:
    """What a merchant took in a month by all ways; said again, the last word counts. Refused with month_not_over, amount_invalid or currency_differs."""
    first = month.replace(day=1)
    if first >= work.day.on.replace(day=1):
        return Refused(MONTH_NOT_OVER, f"{first:%Y-%m} is not over", "month")
    if amount.currency != work.book.currency:
        return Refused(CURRENCY_DIFFERS, f"this book is kept in {work.book.currency}", "amount")
    if amount.minor < 0:
        return Refused(AMOUNT_INVALID, "nobody took less than nothing", "amount")
    locks.wait_for_each(locks.FUND_PLAN, [merchant_id])
    if queries.revenue(merchant_id=merchant_id, since=first, until=first).get(first) == amount:
        return None
    version = sql.value(
        "SELECT coalesce(max(version), 0) + 1 FROM growth_revenue WHERE merchant_id = %s AND month = %s", [merchant_id, first]
    )
    row = (merchant_id, first, version, work.book.id, amount.minor, amount.currency, work.by.label, work.now)
    sql.insert("growth_revenue", _REVENUE, [row])
    audit.record(work=work, action="growth.tell_revenue", object_kind="merchant", object_ids=[merchant_id], detail={"month": first})
    return None


def owe(*, work: UnitOfWork, merchant_id: UUID, bills: Sequence[Bill]) -> list[UUID | Refused]:
    """Keeps what a merchant owes its suppliers; one outcome each, in order. The same again is the one there is. Refused with name_invalid, amount_invalid,
    currency_differs or key_reused."""
    locks.wait_for_each(locks.FUND_PLAN, [merchant_id])
    known = {(one.supplier, one.reference): one for one in queries.payables(merchant_id=merchant_id, ended=True)}
    ids: dict[tuple[str, str], tuple[UUID, Bill]] = {
        key: (one.id, Bill(one.supplier, one.reference, one.amount, one.due_on)) for key, one in known.items()
    }
    outcomes: list[UUID | Refused] = []
    new: list[tuple[UUID, Bill]] = []
    for bill in bills:
        key = (bill.supplier, bill.reference)
        refused = _bill_fault(work, bill)
        if refused:
            outcomes.append(refused)
        elif key in ids:
            row_id, before = ids[key]
            other = Refused(KEY_REUSED, f"{bill.supplier} has {bill.reference} with another amount or due day", "reference")
            outcomes.append(row_id if before == bill else other)
        else:
            ids[key] = (work.ids.new(work.now), bill)
            new.append(ids[key])
            outcomes.append(ids[key][0])
    rows = [
        (row_id, work.book.id, merchant_id, b.supplier, b.reference, b.amount.minor, b.amount.currency, b.due_on, work.by.label, work.now)
        for row_id, b in new
    ]
    sql.insert("growth_payable", _PAYABLE, rows)
    audit.record(work=work, action="growth.owe", object_kind="payable", object_ids=[row_id for row_id, _ in new])
    return outcomes


def _bill_fault(work: UnitOfWork, bill: Bill) -> Refused | None:
    for name, text in (("supplier", bill.supplier), ("reference", bill.reference)):
        if not 1 <= len(text) <= 64 or not text.isprintable() or text != text.strip():
            return Refused(NAME_INVALID, "a name has 1 to 64 printable characters and no blanks around it", name)
    if bill.amount.currency != work.book.currency:
        return Refused(CURRENCY_DIFFERS, f"this book is kept in {work.book.currency}", "amount")
    return Refused(AMOUNT_INVALID, "an amount is above zero", "amount") if bill.amount.minor <= 0 else None


def end_payable(*, work: UnitOfWork, merchant_id: UUID, supplier: str, reference: str, how: str) -> UUID | Refused:
    """A payable was paid, or withdrawn. Refused with unknown_payable, or ended where it ended the other way."""
    assert how in {"paid", "withdrawn"}, how
    locks.wait_for_each(locks.FUND_PLAN, [merchant_id])
    found = [one for one in queries.payables(merchant_id=merchant_id, ended=True) if (one.supplier, one.reference) == (supplier, reference)]
    if not found:
        return Refused(UNKNOWN_PAYABLE, f"{supplier!r:.70} is owed nothing under {reference!r:.70}", "reference")
    (one,) = found
    if one.how is not None:
        return one.id if one.how == how else Refused(ENDED, f"it was {one.how} on {one.ended_on}", "reference")
    sql.insert("growth_payable_end", _END, [(one.id, work.book.id, merchant_id, how, work.day.on, work.by.label, work.now)])
    audit.record(work=work, action="growth.end_payable", object_kind="payable", object_ids=[one.id], detail={"how": how})
    return one.id
