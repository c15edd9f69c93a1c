"""Whether a product stays within the legal cap on the annual cost. Pure; caps and their measures are `plans.caps`."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from functools import lru_cache
from typing import Final

from yuefu.errors import Refused
from yuefu.money.rates import Rate
from yuefu.offers.rules.product import Product
from yuefu.offers.rules.quote import Quote, QuoteRequest, price
from yuefu.plans.annual_cost import DatedFlow
from yuefu.plans.caps import Cap

ABOVE_CAP: Final = "above_cap"

_LATEST_REPAYMENT_DAY: Final = 28


@lru_cache(maxsize=64)
def worst_quote(product: Product, *, cap: Cap, on: date) -> Quote:
    """The dearest quote by the measure of the cap: smallest and largest amount, each number of periods, a first due day a month later
    and every repayment day. The rounding of a cent weighs most at the smallest amount; the distance of the first due day varies the rest.
    """
    quotes = [price(request) for request in _extremes(product, on)]
    priced = [each for each in quotes if isinstance(each, Quote)]
    assert len(priced) == len(quotes), "bounds of a product are checked when it is drafted"
    return max(priced, key=lambda each: _figure(each, cap))


def _figure(quote: Quote, cap: Cap) -> Decimal:
    """The figure of a quote that a cap speaks of, from its schedule."""
    return cap.of(
        draws=[DatedFlow(quote.terms.disbursed_on, quote.terms.principal)],
        payments=[DatedFlow(row.due_on, row.total) for row in quote.instalments],
        known=quote.cost,
    )


def _extremes(product: Product, on: date) -> list[QuoteRequest]:
    return [
        QuoteRequest(product, amount, periods, on, repayment_day, Rate(0))
        for amount in (product.terms.minimum, product.terms.maximum)
        for periods in product.terms.periods
        for repayment_day in (None, *range(1, _LATEST_REPAYMENT_DAY + 1))
    ]


def cap_fault(product: Product, *, cap: Cap, on: date) -> Refused | None:
    """Whether a product may not be published, with the quote that is too dear. Interest on what is overdue, which takes the place of that of the
    plan, is held to the same figure."""
    late = product.terms.late.interest
    if not cap.allows(Decimal(late.ppm) / 10_000):
        return Refused(ABOVE_CAP, f"overdue principal would cost {late.percent_text()} % a year, the cap is {cap.max_pct} %", "late")
    if product.terms.annual_rate.ppm == 0:
        return None
    worst = worst_quote(product, cap=cap, on=on)
    figure = _figure(worst, cap)
    if cap.allows(figure):
        return None
    terms = worst.terms
    plan = f"{terms.principal} in {terms.periods} periods from {terms.first_due_on}"
    detail = f"{plan} costs {figure:.4f} %, the cap ({cap.measure}) is {cap.max_pct} %"
    return Refused(ABOVE_CAP, detail, "annual_rate")
