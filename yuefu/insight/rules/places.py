"""The places where money can be: every component of the chart is in one of them. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

from yuefu.ledger.rules import CHART

Place = str

PLACES: Final[Mapping[Place, tuple[str, ...]]] = {
    "funders": ("funder_capital",),
    "channel": ("channel_cash",),
    "bank": ("bank_cash",),
    "client_bank": ("client_cash",),
    "loans": ("loan_principal", "loan_interest", "loan_fees", "loan_penalties", "loan_allowance"),
    "clearing": ("purchase_clearing", "collections_clearing"),
    "consumers": ("consumer_balance",),
    "suspense": ("suspense",),
    "merchants": ("merchant_pending", "merchant_available", "payouts_in_transit"),
    "reserve": ("merchant_reserve",),
    "frozen": ("merchant_frozen",),
    "shares": ("funder_share", "agent_share", "host_share"),
    "tax": ("vat_payable", "tax_withheld"),
    "unearned": ("unearned_discount",),
    "interest": ("interest_income", "interest_given_up", "discount_income"),
    "charges": ("loan_fee_income", "penalty_income", "fees_given_up"),
    "merchant_fees": ("fee_income", "merchant_penalty_income"),
    "losses": ("credit_loss", "recovery_income", "goodwill_expense", "merchant_subsidy_expense", "reconciliation_difference"),
    "channel_fees": ("channel_fee_expense",),
    "lines": ("credit_line", "credit_line_contra"),
}
"""In the order in which they are shown, and in which what an entry takes is matched with what it gives."""

OTHER: Final[Place] = "other"
ALL_PLACES: Final = (*PLACES, OTHER)
PLACE_OF: Final[Mapping[str, Place]] = {code: place for place, codes in PLACES.items() for code in codes} | {
    code: OTHER for code in CHART if not any(code in codes for codes in PLACES.values())
}

MONEY: Final = ("channel", "bank", "client_bank")
"""Where money lies outside: at a channel or bank."""

OWED: Final = ("merchants", "reserve", "frozen")
"""What merchants are owed, at once or later."""

BY_COMPONENT: Final = frozenset({"interest", "charges", "merchant_fees", "losses", "channel_fees"})
"""Of what is earned and spent one asks what it was, of all else how it came to move."""

_DEBIT: Final = frozenset({"asset", "expense", "memorandum"})


def sign_of(place: Place) -> Literal[1, -1]:
    """1 where a balance is shown debit positive, −1 where credit: what is owed, owned and earned is shown above zero."""
    codes = PLACES.get(place, ())
    return 1 if not codes or CHART[codes[0]].cls in _DEBIT else -1
