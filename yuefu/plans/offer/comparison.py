"""Several ways to pay for one purchase, side by side; paying at once is one of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from yuefu.money.amounts import Money
from yuefu.plans.annual_cost import AnnualCost
from yuefu.plans.label import PriceLabel, label_of
from yuefu.plans.lifecycle.terms import LoanTerms
from yuefu.plans.offer.offered import Offer, OfferError, offer

NOTHING_TO_COMPARE: Final = "nothing_to_compare"
PRICES_DIFFER: Final = "prices_differ"
PRICE_NOT_COVERED: Final = "price_not_covered"


@dataclass(frozen=True, slots=True)
class Column:
    """One way to pay. Paying at once has no `offer`, no days and no annual cost. `more` is what it asks beyond the cheapest way."""

    offer: Offer | None
    periods: int
    label: PriceLabel
    paid_at_start: Money
    first_due_on: date | None
    last_due_on: date | None
    total: Money
    charge: Money
    cost: AnnualCost | None
    more: Money


@dataclass(frozen=True, slots=True)
class Comparison:
    """The cash price, and the ways to pay in the order they were given, paying at once before them."""

    price: Money
    columns: tuple[Column, ...]


def compare(several: Sequence[LoanTerms], *, cash_price: Money | None = None) -> Comparison:
    """`several` terms for one purchase, against its cash price: where none is named, the principal that all of them lend.

    Raises OfferError where there are no terms, where they lend different principals and no price is named, and where one lends less than the
    price (what is paid at once then belongs into its down payment, else its total could not be held against the others).
    """
    if not several:
        raise OfferError(NOTHING_TO_COMPARE, "A comparison needs terms.", "terms")
    price = cash_price or several[0].principal
    if cash_price is None and any(terms.principal != price for terms in several):
        raise OfferError(PRICES_DIFFER, "The terms lend different amounts: name the cash price of the purchase.", "cash_price")
    offers = [offer(terms, cash_price=price) for terms in several]
    if any(terms.principal < price for terms in several):
        detail = f"Each way must pay for all of {price}: lend that, and name what is paid at once as the down payment."
        raise OfferError(PRICE_NOT_COVERED, detail, "principal")
    cheapest = min(price, *(one.paid for one in offers))
    return Comparison(price, (_at_once(price, cheapest), *(_column(one, cheapest) for one in offers)))


def _at_once(price: Money, cheapest: Money) -> Column:
    nothing = Money.zero(price.currency)
    return Column(None, 0, label_of([price]), price, None, None, price, nothing, None, price - cheapest)


def _column(one: Offer, cheapest: Money) -> Column:
    first, last = one.instalments[0].due_on, one.instalments[-1].due_on
    more = one.paid - cheapest
    return Column(one, one.terms.periods, one.label, one.paid_at_start, first, last, one.paid, one.charge, one.cost, more)
