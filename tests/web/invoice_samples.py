"""Fees and invoices as the journeys would make them, for tests of how pages show them."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from uuid import UUID

from tests.web.samples import AS_OF, at, yuan
from tests.web.settlement_samples import LONG, OURS
from yuefu.journeys.invoices import FeeStatement, InvoiceList, InvoiceRow, RateFees
from yuefu.merchants.queries import Shown
from yuefu.settlement.rules.invoices import Fees, Invoice

SEPTEMBER = date(2026, 9, 1)
NUMBER, RED = "26119000000000000001", "110021113011-12345678"


def invoice(who: Shown = OURS) -> Invoice:
    """One that was requested."""
    return Invoice(
        UUID(int=21), who.id, SEPTEMBER, who.name_zh, who.uscc, yuan("1234567.89"), yuan("69881.20"), "requested", 1, "", None, "", None, "",
        at(AS_OF, 9), "user:support@demo",
    )  # fmt: skip


def issued(who: Shown = OURS) -> Invoice:
    return replace(invoice(who), state="issued", version=2, number=NUMBER, issued_on=AS_OF)


def invoices() -> InvoiceList:
    """One of each state; fees came later for the second."""
    voided = replace(issued(), state="voided", version=3, red_number=RED, voided_on=AS_OF, reason="wrong title")
    rows = ((invoice(), OURS, "0.00"), (issued(LONG), LONG, "-3.60"), (voided, OURS, "0.00"))
    return InvoiceList("", "", None, tuple(InvoiceRow(one, who, yuan(later)) for one, who, later in rows), "inv_x")


def no_invoice() -> InvoiceList:
    return InvoiceList("", "", None, (), "")


def fees(which: str) -> FeeStatement:
    """Of two rates of tax; with an invoice where there is one."""
    rates = (
        RateFees(0, 3, 0, yuan("3.00"), yuan("0.00"), yuan("0.00")),
        RateFees(60_000, 12_345, 67, yuan("1240000.00"), yuan("5435.11"), yuan("69881.20")),
    )
    found = Fees(OURS.id, SEPTEMBER, (), yuan("1234567.89"), yuan("69881.20"))
    made = {"none": None, "issued": issued()}.get(which, invoice())
    return FeeStatement(OURS, found, rates, made, yuan("0.00") if which != "issued" else yuan("12.00"))
