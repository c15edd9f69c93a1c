"""Invoices: requested for the fees of a month, issued by a number of the tax bureau, voided by a red one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Final
from uuid import UUID

from yuefu.errors import Refused
from yuefu.merchants import queries as merchants
from yuefu.merchants.rules import uscc_form
from yuefu.runtime import audit, locks, outbox, sql
from yuefu.runtime.outbox import Event
from yuefu.runtime.values import UnitOfWork
from yuefu.settlement.queries import invoices as queries
from yuefu.settlement.rules import invoices as rules
from yuefu.settlement.rules.invoices import Fees, Invoice

_INVOICE: Final = {
    "id": "uuid",
    "merchant_id": "uuid",
    "month": "date",
    "title": "text",
    "taxpayer_number": "text",
    "fees_minor": "bigint",
    "vat_minor": "bigint",
    "state": "text",
    "version": "integer",
    "requested_by": "text",
}
_STEP: Final = {
    "id": "uuid",
    "state": "text",
    "version": "integer",
    "number": "text",
    "issued_on": "date",
    "red_number": "text",
    "voided_on": "date",
    "reason": "text",
}


@dataclass(frozen=True, slots=True)
class Issue:
    """An invoice was made on the platform of the tax bureau, on a day and by a number."""

    invoice_id: UUID
    number: str
    on: date


@dataclass(frozen=True, slots=True)
class Void:
    """An invoice is not to be, and why; one that was issued was voided by a red invoice of a number."""

    invoice_id: UUID
    reason: str
    red_number: str
    on: date


def request(*, work: UnitOfWork, months: Sequence[tuple[UUID, date]]) -> list[Invoice | Refused]:
    """Requests an invoice for all fees of a merchant in a month, for each of some, in order. Of a month that has one which was not voided that one is
    returned, whatever came into the month since.

    Refused with UNKNOWN_MERCHANT, MONTH_NOT_OVER, TAXPAYER_NUMBER_INVALID or NOTHING_TO_INVOICE.
    """
    locks.wait(locks.INVOICES, work.book.id)
    who = merchants.shown(ids=sorted({merchant_id for merchant_id, _ in months}))
    ours = merchants.states(ids=list(who), book_id=work.book.id)
    known = queries.live(book_id=work.book.id, months=months)
    fees = queries.fees(book_id=work.book.id, months=months, currency=work.book.currency)
    outcomes: dict[tuple[UUID, date], Invoice | Refused] = dict(known)
    new = iter(work.ids.many(work.now, len(months)))
    for merchant_id, month in months:
        if (merchant_id, month) not in outcomes:
            shown = who.get(merchant_id) if merchant_id in ours else None
            outcomes[merchant_id, month] = _requested(work, next(new), shown, fees[merchant_id, month])
    made = [one for one in outcomes.values() if isinstance(one, Invoice) and one.version == 1 and one not in known.values()]
    _store(work, made)
    return [outcomes[one] for one in months]


def issue(*, work: UnitOfWork, issues: Sequence[Issue]) -> list[Invoice | Refused]:
    """Says by which numbers invoices were made. One that has this number already is returned.

    Refused with UNKNOWN_INVOICE, NOT_POSSIBLE, FEES_CHANGED, DAY_INVALID, NUMBER_INVALID or NUMBER_USED.
    """
    known, used = _locked(work, [one.invoice_id for one in issues], [one.number for one in issues])
    months = [(one.merchant_id, one.month) for one in known.values()]
    fees = queries.fees(book_id=work.book.id, months=months, currency=work.book.currency)

    def step(invoice: Invoice, one: Issue) -> Invoice | Refused:
        if invoice.state == "issued" and invoice.number == one.number:
            return invoice
        now = fees[invoice.merchant_id, invoice.month]
        fault = rules.issue_fault(invoice, now, number=one.number, on=one.on, today=work.day.on) or _used(used, one.number, "number")
        return fault or replace(invoice, state="issued", version=invoice.version + 1, number=one.number, issued_on=one.on)

    return _steps(work, "settlement.issue_invoice", known, used, [(one, one.number, step) for one in issues])


def void(*, work: UnitOfWork, voids: Sequence[Void]) -> list[Invoice | Refused]:
    """Voids invoices. One that was voided by this red invoice already is returned.

    Refused with UNKNOWN_INVOICE, NOT_POSSIBLE, REASON_NEEDED, DAY_INVALID, RED_NUMBER_NEEDED, RED_NUMBER_NOT_NEEDED, NUMBER_INVALID or NUMBER_USED.
    """
    known, used = _locked(work, [one.invoice_id for one in voids], [one.red_number for one in voids])

    def step(invoice: Invoice, one: Void) -> Invoice | Refused:
        if invoice.state == "voided" and (invoice.red_number, invoice.reason) == (one.red_number, one.reason):
            return invoice
        fault = rules.void_fault(invoice, reason=one.reason, red_number=one.red_number, on=one.on, today=work.day.on)
        fault = fault or _used(used, one.red_number, "red_number")
        done = replace(invoice, state="voided", version=invoice.version + 1, red_number=one.red_number, voided_on=one.on, reason=one.reason)
        return fault or done

    return _steps(work, "settlement.void_invoice", known, used, [(one, one.red_number, step) for one in voids])


def _requested(work: UnitOfWork, new: UUID, shown: merchants.Shown | None, fees: Fees) -> Invoice | Refused:
    if shown is None:
        return Refused(rules.UNKNOWN_MERCHANT, "there is no such merchant in this book", "merchant")
    taxpayer_number = uscc_form(shown.uscc)
    fault = rules.request_fault(fees, today=work.day.on, taxpayer_number=taxpayer_number)
    if fault or taxpayer_number is None:
        return fault or Refused(rules.TAXPAYER_NUMBER_INVALID, "", "merchant")
    return Invoice(
        id=new,
        merchant_id=shown.id,
        month=fees.month,
        title=shown.name_zh,
        taxpayer_number=taxpayer_number,
        fees=fees.fees,
        vat=fees.vat,
        state="requested",
        version=1,
        number="",
        issued_on=None,
        red_number="",
        voided_on=None,
        reason="",
        requested_at=work.now,
        requested_by=work.by.label,
    )


def _locked(work: UnitOfWork, ids: Sequence[UUID], numbers: Sequence[str]) -> tuple[dict[UUID, Invoice], dict[str, UUID]]:
    """Invoices, locked, and which of the numbers are used: nobody else gives one meanwhile."""
    locks.wait(locks.INVOICES, work.book.id)
    known = queries.invoices(ids=ids, book_id=work.book.id, lock=True)
    return known, queries.numbers_used(book_id=work.book.id, numbers=[number for number in numbers if number])


def _used(used: Mapping[str, UUID], number: str, field: str) -> Refused | None:
    return Refused(rules.NUMBER_USED, f"{number} is the number of another invoice", field) if number in used else None


def _steps(
    work: UnitOfWork, action: str, known: Mapping[UUID, Invoice], used: dict[str, UUID], asked: Sequence[tuple[Any, str, Any]]
) -> list[Invoice | Refused]:
    """Carries out steps in order, each seeing those before it, and stores what is new."""
    stand, outcomes, done = dict(known), [], []
    for one, number, step in asked:
        invoice = stand.get(one.invoice_id)
        outcome = step(invoice, one) if invoice else Refused(rules.UNKNOWN_INVOICE, "there is no such invoice in this book", "invoice")
        outcomes.append(outcome)
        if isinstance(outcome, Invoice) and outcome is not invoice:
            stand[outcome.id] = outcome
            used |= {number: outcome.id} if number else {}
            done.append(outcome)
    last = {one.id: one for one in done}
    values = [(i.id, i.state, i.version, i.number, i.issued_on, i.red_number, i.voided_on, i.reason) for i in last.values()]
    if values:
        sql.update("settlement_invoice", "id", _STEP, values)
    _tell(work, action, known, done)
    return outcomes


def _store(work: UnitOfWork, made: Sequence[Invoice]) -> None:
    values = [
        (i.id, i.merchant_id, i.month, i.title, i.taxpayer_number, i.fees.minor, i.vat.minor, i.state, i.version, i.requested_by)
        for i in made
    ]
    same = {
        "book_id": ("uuid", work.book.id),
        "currency": ("text", work.book.currency),
        "requested_at": ("timestamptz", work.now),
    }
    if values:
        sql.insert("settlement_invoice", _INVOICE, values, same=same)
    _tell(work, "settlement.request_invoice", {}, made)


def _tell(work: UnitOfWork, action: str, before: Mapping[UUID, Invoice], steps: Sequence[Invoice]) -> None:
    seen, events = dict(before), []
    for one in steps:
        snapshot, earlier = _snapshot(one), seen.get(one.id)
        changed = outbox.changes(_snapshot(earlier), snapshot) if earlier else None
        events.append(Event(f"settlement_invoice.{one.state}", "settlement_invoice", one.id, one.version, snapshot, changed))
        seen[one.id] = one
    outbox.emit(work=work, events=events)
    audit.record(work=work, action=action, object_kind="settlement_invoice", object_ids=[one.id for one in steps])


def _snapshot(one: Invoice) -> dict[str, Any]:
    return {
        "id": one.id,
        "merchant_id": one.merchant_id,
        "month": f"{one.month:%Y-%m}",
        "state": one.state,
        "fees": one.fees,
        "vat": one.vat,
        "number": one.number,
        "issued_on": one.issued_on,
        "red_number": one.red_number,
        "voided_on": one.voided_on,
    }
