"""Invoices 发票 for the fees of a merchant in a month: what one is for, which numbers there are, and what may become of it. Pure.

The invoice itself is made on the platform of the tax bureau; here is kept what it is for, and by which number it was made. What was made is never
changed: a wrong one is voided by a red invoice 红字发票, which has a number of its own, and the month is then requested again.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final, Literal
from uuid import UUID

from yuefu.errors import Refused
from yuefu.money.amounts import Money

UNKNOWN_INVOICE: Final = "unknown_invoice"
UNKNOWN_MERCHANT: Final = "unknown_merchant"
MONTH_NOT_OVER: Final = "month_not_over"  # fees may still come into it
NOTHING_TO_INVOICE: Final = "nothing_to_invoice"  # no fees, or more was given back than charged
FEES_CHANGED: Final = "fees_changed"  # the fees of the month are not those that were requested any more: void it and request it again
TAXPAYER_NUMBER_INVALID: Final = "taxpayer_number_invalid"
NUMBER_INVALID: Final = "invoice_number_invalid"
NUMBER_USED: Final = "invoice_number_used"
RED_NUMBER_NEEDED: Final = "red_number_needed"  # what was issued is voided by a red invoice
RED_NUMBER_NOT_NEEDED: Final = "red_number_not_needed"  # what was never issued has none
REASON_NEEDED: Final = "reason_needed"
DAY_INVALID: Final = "day_invalid"
NOT_POSSIBLE: Final = "not_possible"

State = Literal["requested", "issued", "voided"]
STATES: Final[tuple[State, ...]] = ("requested", "issued", "voided")
STEPS: Final = frozenset({("requested", "issued"), ("requested", "voided"), ("issued", "voided")})
NUMBER: Final = r"^(\d{20}|(\d{10}|\d{12})-\d{8})$"
LONGEST_REASON: Final = 500


@dataclass(frozen=True, slots=True)
class VersionFees:
    """What a merchant was charged in a month under one version of its contract: so many captures and refunds, the fees of the former, what of them
    was given back with the latter, and the tax in the difference."""

    contract_version: int
    captures: int
    refunds: int
    charged: Money
    given_back: Money
    vat: Money

    @property
    def fees(self) -> Money:
        """What is left to pay, tax included."""
        return self.charged - self.given_back


@dataclass(frozen=True, slots=True)
class Fees:
    """All fees of a merchant in a month. `fees` = `without_tax` + `vat`."""

    merchant_id: UUID
    month: date
    parts: tuple[VersionFees, ...]
    fees: Money
    vat: Money

    @property
    def without_tax(self) -> Money:
        return self.fees - self.vat


@dataclass(frozen=True, slots=True)
class Invoice:
    """An invoice that was requested for the fees of a month, whose first day is `month`: what it is for never changes. `number` is that of the
    invoice, `red_number` that of the one which voided it; both are "" until then."""

    id: UUID
    merchant_id: UUID
    month: date
    title: str
    taxpayer_number: str
    fees: Money
    vat: Money
    state: State
    version: int
    number: str
    issued_on: date | None
    red_number: str
    voided_on: date | None
    reason: str
    requested_at: datetime
    requested_by: str

    @property
    def without_tax(self) -> Money:
        return self.fees - self.vat

    @property
    def live(self) -> bool:
        return self.state != "voided"


def fees_of(merchant_id: UUID, month: date, parts: Sequence[VersionFees], currency: str) -> Fees:
    """The fees of a month together."""
    fees, vat = (sum(getattr(part, name).minor for part in parts) for name in ("fees", "vat"))
    return Fees(merchant_id, month, tuple(parts), Money(fees, currency), Money(vat, currency))


def last_of(month: date) -> date:
    """The last day of a month, of which the first one is given."""
    return (month + timedelta(days=31)).replace(day=1) - timedelta(days=1)


def request_fault(fees: Fees, *, today: date, taxpayer_number: str | None) -> Refused | None:
    """Why no invoice can be requested for a month."""
    if today <= last_of(fees.month):
        return Refused(MONTH_NOT_OVER, f"fees may come into {fees.month:%Y-%m} until {last_of(fees.month)}", "month")
    if taxpayer_number is None:
        return Refused(TAXPAYER_NUMBER_INVALID, "the taxpayer number of the merchant has a wrong form or check digit", "merchant")
    if fees.fees.minor <= 0:
        return Refused(NOTHING_TO_INVOICE, f"the fees of {fees.month:%Y-%m} come to {fees.fees}", "month")
    return None


def issue_fault(invoice: Invoice, fees: Fees, *, number: str, on: date, today: date) -> Refused | None:
    """Why an invoice cannot have been issued by a number on a day."""
    if (invoice.state, "issued") not in STEPS:
        return Refused(NOT_POSSIBLE, f"the invoice is {invoice.state} and cannot be issued", "state")
    if (fees.fees, fees.vat) != (invoice.fees, invoice.vat):
        detail = f"the fees of {invoice.month:%Y-%m} come to {fees.fees} by now, with {fees.vat} of tax, and {invoice.fees} was requested"
        return Refused(FEES_CHANGED, f"{detail}: void it and request it again", "invoice")
    if not last_of(invoice.month) < on <= today:
        return Refused(DAY_INVALID, f"it was issued after {last_of(invoice.month)} and until today", "on")
    return number_fault(number, on=on)


def void_fault(invoice: Invoice, *, reason: str, red_number: str, on: date, today: date) -> Refused | None:
    """Why an invoice cannot be voided: one that was issued needs a red invoice."""
    if (invoice.state, "voided") not in STEPS:
        return Refused(NOT_POSSIBLE, f"the invoice is {invoice.state} and cannot be voided", "state")
    if not reason.strip() or len(reason) > LONGEST_REASON:
        return Refused(REASON_NEEDED, f"a reason of 1 to {LONGEST_REASON} characters is needed", "reason")
    if not (invoice.issued_on or on) <= on <= today:
        return Refused(DAY_INVALID, "it was voided after it was issued and until today", "on")
    if invoice.state == "requested":
        return Refused(RED_NUMBER_NOT_NEEDED, "it was never issued: there is no red invoice of it", "red_number") if red_number else None
    if not red_number:
        return Refused(RED_NUMBER_NEEDED, "it was issued: give the number of the red invoice that voids it", "red_number")
    return number_fault(red_number, on=on, field="red_number")


def number_fault(number: str, *, on: date, field: str = "number") -> Refused | None:
    """Whether a number is one that the tax bureau gives: 20 digits of an e-invoice 数电票, of which the first two are the year, or of the older ones
    the code, a hyphen and the number."""
    if not re.fullmatch(NUMBER, number, re.ASCII):
        return Refused(NUMBER_INVALID, "a number has 20 digits, or a code of 10 or 12, a hyphen and 8", field)
    if "-" not in number and number[:2] != f"{on:%y}":
        return Refused(NUMBER_INVALID, f"a number of 20 digits of {on.year} begins with {on:%y}", field)
    return None
