"""The general ledger of the accountants: our components under their codes, and what a day moved of each. Pure.

The codes a book begins with follow the chart of 企业会计准则——应用指南 (科目编号), with a second level of our own; what stands off the balance
sheet has 9001 and 9002. Several components may have one code.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final
from uuid import UUID

from yuefu.ledger.rules.chart import CHART
from yuefu.money.currencies import EXPONENTS

GL_CODES: Final = "ledger.gl_codes"
"""The setting: {component: code}, every component of the chart."""

DEFAULT_CODES: Final[Mapping[str, str]] = {
    "bank_cash": "1002.01",
    "client_cash": "1002.02",
    "channel_cash": "1012.01",
    "loan_interest": "1132",
    "loan_principal": "1303",
    "loan_allowance": "1304",
    "loan_fees": "1221.01",
    "loan_penalties": "1221.02",
    "vat_payable": "2221.01",
    "tax_withheld": "2221.02",
    "merchant_available": "2241.01",
    "merchant_pending": "2241.02",
    "payouts_in_transit": "2241.03",
    "consumer_balance": "2241.04",
    "collections_clearing": "2241.05",
    "purchase_clearing": "2241.06",
    "merchant_reserve": "2241.07",
    "funder_share": "2241.08",
    "agent_share": "2241.09",
    "host_share": "2241.10",
    "merchant_frozen": "2241.11",
    "suspense": "2241.99",
    "unearned_discount": "2401",
    "funder_capital": "4001",
    "interest_income": "6011.01",
    "discount_income": "6011.02",
    "penalty_income": "6011.03",
    "interest_given_up": "6011.09",
    "loan_fee_income": "6021.02",
    "fees_given_up": "6021.09",
    "recovery_income": "6702.02",
    "credit_loss": "6702.01",
    "goodwill_expense": "6601",
    "fee_income": "6021",
    "merchant_penalty_income": "6301.01",
    "merchant_subsidy_expense": "6601.02",
    "channel_fee_expense": "6421",
    "reconciliation_difference": "6711",
    "credit_line": "9001",
    "credit_line_contra": "9002",
}
COLUMNS: Final = ("date", "gl_code", "component", "currency", "funder", "product", "debit", "credit", "opening", "closing")

_LONGEST_CODE = 20


@dataclass(frozen=True, slots=True)
class Moved:
    """What a day moved of a component × funder × product, in minor units; debit positive. Without a funder it is not told apart by one."""

    component: str
    currency: str
    funder_id: UUID | None
    product: str
    opening: int
    debit: int
    credit: int

    @property
    def closing(self) -> int:
        return self.opening + self.debit - self.credit


@dataclass(frozen=True, slots=True)
class Standing:
    """What a component held before some days and after them, in minor units, debit positive; an account of money by its owner."""

    code: str
    owner_id: UUID | None
    currency: str
    opening: int
    closing: int


def checked(value: Any) -> Mapping[str, str]:
    """The codes as given; raises ValueError or TypeError where they are not one for each component, 1 to 20 printable characters."""
    if not isinstance(value, dict):
        raise TypeError("it is an object of component and code")
    if unknown := sorted(value.keys() - CHART.keys()):
        raise ValueError(f"the chart has no component {unknown[0]!r:.60}")
    if missing := sorted(CHART.keys() - value.keys()):
        raise ValueError(f"{missing[0]} has no code")
    for component, code in value.items():
        if not isinstance(code, str) or not 1 <= len(code) <= _LONGEST_CODE or not code.isprintable() or code != code.strip():
            raise ValueError(f"the code of {component} has 1 to {_LONGEST_CODE} printable characters and no blanks around it")
    return value


def as_csv(on: date, moved: Sequence[Moved], codes: Mapping[str, str], funders: Mapping[UUID, str]) -> str:
    """The export of a day: a header, and a row each, by code and then component; the same text whenever it is made."""
    written = io.StringIO()
    rows = csv.writer(written, lineterminator="\n")
    rows.writerow(COLUMNS)
    rows.writerows(sorted(cells(on, one, codes, funders) for one in moved))
    return written.getvalue()


def cells(on: date, moved: Moved, codes: Mapping[str, str], funders: Mapping[UUID, str]) -> tuple[str, ...]:
    """One row, in the order of COLUMNS."""
    funder = funders.get(moved.funder_id, str(moved.funder_id)) if moved.funder_id else ""
    figures = (moved.debit, moved.credit, moved.opening, moved.closing)
    named = (on.isoformat(), codes[moved.component], moved.component, moved.currency, funder, moved.product)
    return (*named, *(decimal_text(minor, moved.currency) for minor in figures))


def decimal_text(minor: int, currency: str) -> str:
    """An exact decimal text of a sum, which may be beyond what one amount may be."""
    places = EXPONENTS[currency]
    digits = f"{abs(minor):0{places + 1}d}"
    sign = "-" if minor < 0 else ""
    return f"{sign}{digits[:-places]}.{digits[-places:]}" if places else f"{sign}{digits}"
