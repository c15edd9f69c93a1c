"""Statements of months: what a merchant was paid on the pay days of a month and charged for it, with its files, and the invoices for the fees."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any, Final, Literal
from uuid import UUID
from zoneinfo import ZoneInfo

from pydantic import BaseModel

from yuefu import ids
from yuefu.api import downloads, expanding, listing
from yuefu.api.bodies import Named
from yuefu.api.calls import Call
from yuefu.api.downloads import FORM, LANGUAGE
from yuefu.api.listing import Filter, Listing, Page, one_of
from yuefu.api.problems import Problem
from yuefu.api.route import Download, Parameter, gets
from yuefu.api.settlements import Figures, figures
from yuefu.journeys import invoices, statements
from yuefu.journeys.invoices import FeeStatement
from yuefu.journeys.statements import Statement
from yuefu.runtime.paging import Span
from yuefu.runtime.values import Book
from yuefu.settlement.queries import invoices as invoice_book
from yuefu.settlement.queries import told
from yuefu.settlement.rules.invoices import STATES, Invoice


class FeesAtRate(BaseModel):
    """Fees of a month with one rate of tax in them: what was `charged`, less what was `given_back`."""

    tax_rate_pct: str
    captures: int
    refunds: int
    charged: int
    given_back: int
    tax: int


class StatementShown(BaseModel):
    """Your month: the settlements of its pay days in one, and the fees by the day on which they were earned, with the invoice that is in force for them."""

    object: Literal["statement"]
    id: str
    month: str
    currency: str
    settlements: list[Named]
    figures: Figures
    fees: int
    fees_tax: int
    fees_by_rate: list[FeesAtRate]
    invoice: Named | None


class MonthOf(BaseModel):
    """A month in which you have pay days."""

    object: Literal["statement"]
    id: str
    month: str


class MonthList(BaseModel):
    """The months in which you have pay days, the latest first: all of them."""

    object: Literal["list"]
    url: str
    has_more: Literal[False]
    data: list[MonthOf]


class InvoiceShown(BaseModel):
    """An invoice for the fees of a month. `number` is that of the tax bureau; one that was issued and is voided has a `red_number`, too."""

    object: Literal["invoice"]
    id: str
    month: str
    state: Literal["requested", "issued", "voided"]
    amount: int
    tax: int
    currency: str
    title: str
    taxpayer_number: str
    number: str | None
    issued_on: date | None
    red_number: str | None
    voided_on: date | None
    created_at: datetime


class InvoiceList(Page[InvoiceShown]):
    """A page of invoices, newest first."""


_MONTH: Final = r"^20\d{2}-(0[1-9]|1[0-2])$"
_SCHEMA: Final = {"type": "string", "pattern": "^20[0-9]{2}-(0[1-9]|1[0-2])$", "examples": ["2026-10"]}
MONTH: Final[Parameter] = ("statement_id", _SCHEMA, "A month, such as 2026-10.")


def _month(text: str, zone: ZoneInfo | None = None) -> date:
    del zone
    if not re.fullmatch(_MONTH, text, re.ASCII):
        raise ValueError("a month such as 2026-10")
    return date.fromisoformat(f"{text}-01")


def _named(call: Call) -> date:
    try:
        return _month(call.params["statement_id"])
    except ValueError as error:
        raise Problem("unknown_statement") from error


async def listed(call: Call) -> dict[str, Any]:
    """GET /v1/statements"""
    call.query_of()
    merchant_id = call.merchant_id
    found = await call.look(lambda: told.months(merchant_id=merchant_id))
    months = [f"{month:%Y-%m}" for month in found]
    data = [{"object": "statement", "id": month, "month": month} for month in months]
    return {"object": "list", "url": "/v1/statements", "has_more": False, "data": data}


async def show(call: Call) -> dict[str, Any]:
    """GET /v1/statements/{statement_id}"""
    month, merchant_id, book = _named(call), call.merchant_id, call.holder.book
    call.query_of()
    found = await call.look(lambda: _both(merchant_id, month, book))
    if found is None:
        raise Problem("unknown_statement")
    return _shown(*found)


async def file(call: Call) -> Download:
    """GET /v1/statements/{statement_id}/files/{form}"""
    month, merchant_id, book = _named(call), call.merchant_id, call.holder.book
    return await downloads.statement(call, "unknown_statement", lambda: _of_month(merchant_id, month, book))


def _of_month(merchant_id: UUID, month: date, book: Book) -> Statement | None:
    """The statement of a month; None where the merchant has no pay day in it."""
    found = statements.of_month(book_id=book.id, merchant_id=merchant_id, month=month, currency=book.currency)
    return found if found and found.parts else None


def _both(merchant_id: UUID, month: date, book: Book) -> tuple[Statement, FeeStatement] | None:
    statement = _of_month(merchant_id, month, book)
    fees = invoices.fee_statement(book_id=book.id, merchant_id=merchant_id, month=month, currency=book.currency)
    return (statement, fees) if statement and fees else None


def _shown(statement: Statement, fees: FeeStatement) -> dict[str, Any]:
    assert statement.month, "it is of a month"
    month = f"{statement.month:%Y-%m}"
    return {
        "object": "statement",
        "id": month,
        "month": month,
        "currency": statement.currency,
        "settlements": [ids.text("batch", part.batch.id) for part in statement.parts],
        "figures": figures(statement.totals),
        "fees": fees.fees.fees.minor,
        "fees_tax": sum(one.vat.minor for one in fees.rates),
        "fees_by_rate": [
            {
                "tax_rate_pct": one.percent,
                "captures": one.captures,
                "refunds": one.refunds,
                "charged": one.charged.minor,
                "given_back": one.given_back.minor,
                "tax": one.vat.minor,
            }
            for one in fees.rates
        ],
        "invoice": ids.text("invoice", fees.invoice.id) if fees.invoice else None,
    }


INVOICES: Final = Listing(
    "invoice",
    "/v1/invoices",
    (
        one_of("state", STATES, "Only those in this state."),
        Filter("month", _SCHEMA, "Only those for the fees of this month.", _month),
    ),
)


async def show_invoice(call: Call) -> dict[str, Any]:
    """GET /v1/invoices/{invoice_id}"""
    return await call.shown("invoice", read_invoices)


async def list_invoices(call: Call) -> dict[str, Any]:
    """GET /v1/invoices"""
    merchant_id = call.merchant_id

    def found(where: Mapping[str, Any], span: Span) -> list[dict[str, Any]] | None:
        page = invoice_book.page(merchant_id=merchant_id, where=where, span=span)
        return None if page is None else [_invoice(one) for one in page]

    return await listing.page(call, INVOICES, found)


def read_invoices(invoice_ids: Sequence[UUID]) -> dict[UUID, dict[str, Any]]:
    """Invoices of the merchant who reads, as they are shown."""
    return {invoice_id: _invoice(one) for invoice_id, one in invoice_book.invoices(ids=invoice_ids).items()}


expanding.register("invoice", read_invoices)


def _invoice(one: Invoice) -> dict[str, Any]:
    return {
        "object": "invoice",
        "id": ids.text("invoice", one.id),
        "month": f"{one.month:%Y-%m}",
        "state": one.state,
        "amount": one.fees.minor,
        "tax": one.vat.minor,
        "currency": one.fees.currency,
        "title": one.title,
        "taxpayer_number": one.taxpayer_number,
        "number": one.number or None,
        "issued_on": one.issued_on,
        "red_number": one.red_number or None,
        "voided_on": one.voided_on,
        "created_at": one.requested_at.astimezone(UTC),
    }


_ONE: Final = "/v1/statements/{statement_id}"

ROUTES: Final = (
    gets("/v1/statements", "settlement.read", listed, MonthList, "List the months that there are statements of"),
    gets(
        _ONE, "settlement.read", show, StatementShown, "Show the statement of a month", named=(MONTH,), expands=("settlements", "invoice")
    ),
    gets(
        f"{_ONE}/files/{{form}}",
        "settlement.read",
        file,
        None,
        "Download the statement of a month",
        (LANGUAGE,),
        named=(MONTH, FORM),
        files=downloads.KINDS,
    ),
    gets("/v1/invoices", "settlement.read", list_invoices, InvoiceList, "List invoices for fees, newest first", INVOICES.parameters),
    gets("/v1/invoices/{invoice_id}", "settlement.read", show_invoice, InvoiceShown, "Show an invoice for fees"),
)
