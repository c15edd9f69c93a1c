"""Invoices 发票 for what merchants pay us: the fees of a month, what was requested and issued for them, and what came later."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final
from uuid import UUID

from yuefu import ids
from yuefu.errors import Refused
from yuefu.journeys.desk import Desk, on_open_day
from yuefu.journeys.statement_pages import CURSOR_MALFORMED
from yuefu.merchants import queries as merchants
from yuefu.merchants.queries import Shown
from yuefu.money.amounts import Money
from yuefu.money.rates import Rate
from yuefu.runtime.values import Book
from yuefu.settlement.commands import invoices
from yuefu.settlement.commands.invoices import Issue, Void
from yuefu.settlement.queries import invoices as invoice_book
from yuefu.settlement.rules.invoices import Fees, Invoice

PAGE: Final = 50


@dataclass(frozen=True, slots=True)
class RateFees:
    """The fees of a month that have one rate of tax in them: fees = without_tax + vat, and all of it is charged − given_back."""

    vat_ppm: int
    captures: int
    refunds: int
    charged: Money
    given_back: Money
    vat: Money

    @property
    def percent(self) -> str:
        return Rate(self.vat_ppm).percent_text()

    @property
    def fees(self) -> Money:
        return self.charged - self.given_back

    @property
    def without_tax(self) -> Money:
        return self.fees - self.vat


@dataclass(frozen=True, slots=True)
class FeeStatement:
    """What a merchant was charged in a month, by rate of tax, and the invoice for it, if one is in force. `later` is what came into the month since
    that was requested: nothing, or it has to be voided and requested again."""

    merchant: Shown
    fees: Fees
    rates: tuple[RateFees, ...]
    invoice: Invoice | None
    later: Money


@dataclass(frozen=True, slots=True)
class InvoiceRow:
    """An invoice in a list, whose it is, and what came into its month since it was requested; of one that was voided that is nothing."""

    invoice: Invoice
    merchant: Shown
    later: Money


@dataclass(frozen=True, slots=True)
class InvoiceList:
    """A page of invoices, the latest request first; `next_cursor` is "" on the last. What was asked for is a merchant's code, a state and a month; ""
    and None are for all. `unknown_merchant`: nobody has that code."""

    merchant: str
    state: str
    month: date | None
    rows: tuple[InvoiceRow, ...]
    next_cursor: str
    unknown_merchant: bool = False


def request(*, desk: Desk, now: datetime, months: Sequence[tuple[UUID, date]]) -> list[Invoice | Refused]:
    """Requests invoices for the fees of merchants in months. Refused as `invoices.request` refuses."""
    return on_open_day(desk, now, months, lambda work, given: invoices.request(work=work, months=given))


def issue(*, desk: Desk, now: datetime, issues: Sequence[Issue]) -> list[Invoice | Refused]:
    """Says by which numbers invoices were made. Refused as `invoices.issue` refuses."""
    return on_open_day(desk, now, issues, lambda work, given: invoices.issue(work=work, issues=given))


def void(*, desk: Desk, now: datetime, voids: Sequence[Void]) -> list[Invoice | Refused]:
    """Voids invoices. Refused as `invoices.void` refuses."""
    return on_open_day(desk, now, voids, lambda work, given: invoices.void(work=work, voids=given))


def fee_statement(*, book_id: UUID, merchant_id: UUID, month: date, currency: str) -> FeeStatement | None:
    """The fees of a merchant in the month that begins on a day; None where this scope sees no such merchant."""
    who = merchants.shown(ids=[merchant_id]).get(merchant_id)
    if who is None:
        return None
    place = (merchant_id, month)
    fees = invoice_book.fees(book_id=book_id, months=[place], currency=currency)[place]
    invoice = invoice_book.live(book_id=book_id, months=[place]).get(place)
    agreed = merchants.contracts_by_version(versions=[(merchant_id, part.contract_version) for part in fees.parts])
    tax = {version: contract.terms.vat_ppm for (_, version), contract in agreed.items()}
    return FeeStatement(who, fees, _by_rate(fees, tax, currency), invoice, _later(invoice, fees))


def listed(
    *, book: Book, merchant: str = "", state: str = "", month: date | None = None, cursor: str = "", limit: int | None = None
) -> InvoiceList | Refused:
    """Invoices that this scope sees, from behind `cursor` on. Refused with cursor_malformed."""
    most = limit or PAGE
    try:
        before = ids.parse("invoice", cursor) if cursor else None
    except ids.BadId:
        return Refused(CURSOR_MALFORMED, "this is not a place in the list", "after")
    merchant_id = merchants.by_codes(book_id=book.id, codes=[merchant]).get(merchant) if merchant else None
    if merchant and merchant_id is None:
        return InvoiceList(merchant, state, month, (), "", unknown_merchant=True)
    found = invoice_book.listed(book_id=book.id, merchant_id=merchant_id, state=state or None, month=month, before=before, limit=most + 1)
    rows = shown(book_id=book.id, found=found[:most], currency=book.currency)
    more = ids.text("invoice", found[most - 1].id) if len(found) > most else ""
    return InvoiceList(merchant, state, month, tuple(rows), more)


def shown(*, book_id: UUID, found: Sequence[Invoice], currency: str) -> list[InvoiceRow]:
    """Invoices with whose they are and what came later."""
    who = merchants.shown(ids=sorted({one.merchant_id for one in found}))
    fees = invoice_book.fees(book_id=book_id, months=[(one.merchant_id, one.month) for one in found], currency=currency)
    return [InvoiceRow(one, who[one.merchant_id], _later(one, fees[one.merchant_id, one.month])) for one in found]


def _later(invoice: Invoice | None, fees: Fees) -> Money:
    return fees.fees - invoice.fees if invoice and invoice.live else Money.zero(fees.fees.currency)


def _by_rate(fees: Fees, tax: Mapping[int, int], currency: str) -> tuple[RateFees, ...]:
    """The parts of a month put together by the rate of tax that their contracts say."""
    found: dict[int, list[int]] = {}
    for part in fees.parts:
        figures = (part.captures, part.refunds, part.charged.minor, part.given_back.minor, part.vat.minor)
        before = found.get(tax[part.contract_version], [0] * len(figures))
        found[tax[part.contract_version]] = [one + more for one, more in zip(before, figures, strict=True)]
    return tuple(
        RateFees(ppm, captures, refunds, *(Money(minor, currency) for minor in minors))
        for ppm, (captures, refunds, *minors) in sorted(found.items())
    )
