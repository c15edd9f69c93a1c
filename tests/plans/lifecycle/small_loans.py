"""The smallest loans that tests of money tell their cases with."""

from datetime import date
from typing import Any

from yuefu.money.amounts import Money
from yuefu.money.rates import Rate
from yuefu.plans.lifecycle import events as e
from yuefu.plans.lifecycle.events import Event
from yuefu.plans.lifecycle.fold import replay
from yuefu.plans.lifecycle.terms import LoanTerms, PaidBy
from yuefu.plans.lifecycle.work import LoanState

LENT = date(2025, 1, 1)
FEB, MAR, APR = date(2025, 2, 1), date(2025, 3, 1), date(2025, 4, 1)
REFUND = PaidBy.MERCHANT_REFUND


def fen(minor: int) -> Money:
    return Money(minor, "CNY")


def terms(**given: Any) -> LoanTerms:
    """1200.00 at 12 % a year in 3 months."""
    return LoanTerms(**{"principal": fen(1200_00), "periods": 3, "annual_rate": Rate(120_000), "disbursed_on": LENT, **given})


def after(agreed: LoanTerms, *events: Event) -> LoanState:
    return replay(agreed, [e.Disbursed(LENT, agreed.principal), *events])[0]


def interest(state: LoanState) -> list[int]:
    return state.rows().interest
