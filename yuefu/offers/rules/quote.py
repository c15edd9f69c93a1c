"""What a plan costs: a quote is a pure function of product, amount, periods and dates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from yuefu.dates.periods import add_months, next_due_day
from yuefu.errors import Refused
from yuefu.money.amounts import Money
from yuefu.money.rates import Rate, Rounding
from yuefu.offers.rules.disclosure import Disclosure, disclose
from yuefu.offers.rules.product import MERCHANT, PUBLISHED, Product, ProductTerms
from yuefu.plans.annual_cost import AnnualCost, DatedFlow, annual_cost
from yuefu.plans.faults import PlanError
from yuefu.plans.label import PriceLabel, price_label
from yuefu.plans.schedule import Instalment, schedule
from yuefu.plans.terms import Terms

NOT_PUBLISHED: Final = "not_published"
PERIODS_NOT_OFFERED: Final = "periods_not_offered"
CURRENCY_DIFFERS: Final = "currency_differs"
BELOW_MINIMUM: Final = "below_minimum"
ABOVE_MAXIMUM: Final = "above_maximum"
NO_DISCOUNT_AGREED: Final = "no_discount_agreed"  # the merchant's contract has no interest-free plan of so many periods


@dataclass(frozen=True, slots=True)
class QuoteRequest:
    """`repayment_day` is that of the credit account; None: the first instalment is due a month after `on`.

    `discount_rate` is what the merchant's contract pays for an interest-free plan of so many periods.
    """

    product: Product
    amount: Money
    periods: int
    on: date
    repayment_day: int | None = None
    discount_rate: Rate | None = None


@dataclass(frozen=True, slots=True)
class Quote:
    """A price that may be shown: terms, schedule, label, annual cost, the cost table, and what the merchant pays."""

    product: Product
    terms: Terms
    instalments: tuple[Instalment, ...]
    label: PriceLabel
    cost: AnnualCost
    discount: Money
    disclosure: Disclosure

    @property
    def first_due_on(self) -> date:
        return self.terms.first_due_on

    @property
    def total(self) -> Money:
        """All that the consumer pays."""
        return self.label.total


def quote(
    *, product: Product, amount: Money, periods: int, on: date, repayment_day: int | None = None, discount_rate: Rate | None = None
) -> Quote | Refused:
    """The quote for one purchase on a day.

    Refused with NOT_PUBLISHED, CURRENCY_DIFFERS, BELOW_MINIMUM, ABOVE_MAXIMUM, PERIODS_NOT_OFFERED, NO_DISCOUNT_AGREED or a code of
    `plans.terms`.
    """
    return _quote(QuoteRequest(product, amount, periods, on, repayment_day, discount_rate))


def quote_many(requests: Sequence[QuoteRequest]) -> list[Quote | Refused]:
    """One quote a request, in order; equal requests are priced once."""
    priced: dict[QuoteRequest, Quote | Refused] = {}
    outcomes = []
    for request in requests:
        outcome = priced.get(request)
        if outcome is None:
            outcome = priced[request] = _quote(request)
        outcomes.append(outcome)
    return outcomes


def _quote(request: QuoteRequest) -> Quote | Refused:
    if request.product.state != PUBLISHED:
        return Refused(NOT_PUBLISHED, f"{request.product.terms.code} is {request.product.state}", "product")
    return _fault(request) or price(request)


def _fault(request: QuoteRequest) -> Refused | None:
    said, amount = request.product.terms, request.amount
    if amount.currency != said.currency:
        return Refused(CURRENCY_DIFFERS, f"{said.code} is in {said.currency}, not in {amount.currency}", "amount")
    if amount < said.minimum:
        return Refused(BELOW_MINIMUM, f"{said.code} begins at {said.minimum}", "amount")
    if amount > said.maximum:
        return Refused(ABOVE_MAXIMUM, f"{said.code} ends at {said.maximum}", "amount")
    if request.periods not in said.periods:
        return Refused(PERIODS_NOT_OFFERED, f"{said.code} has {', '.join(map(str, said.periods))} periods", "periods")
    if said.payer == MERCHANT and request.discount_rate is None:
        return Refused(NO_DISCOUNT_AGREED, f"the merchant pays for no plan of {request.periods} periods", "periods")
    return None


def price(request: QuoteRequest) -> Quote | Refused:
    """The quote without a look at the state and bounds of the product."""
    try:
        terms = planned(
            request.product.terms,
            amount=request.amount,
            periods=request.periods,
            on=request.on,
            repayment_day=request.repayment_day,
        )
        instalments = schedule(terms)
        payments = [DatedFlow(row.due_on, row.total) for row in instalments]
        cost = annual_cost(draws=[DatedFlow(terms.disbursed_on, terms.principal)], payments=payments)
    except PlanError as error:
        return Refused(error.code, error.detail, "amount")
    discount = Money.zero(terms.principal.currency)
    if request.product.terms.payer == MERCHANT and request.discount_rate is not None:
        discount = request.discount_rate.of(request.amount, rounding=Rounding.HALF_UP)
    disclosure = disclose(product=request.product, terms=terms, instalments=instalments, cost=cost)
    return Quote(request.product, terms, instalments, price_label(instalments), cost, discount, disclosure)


def calendar_from(on: date, repayment_day: int | None, min_gap_days: int) -> tuple[date, int]:
    """First due day and day of the month: that of the credit account, else a month after `on`."""
    if repayment_day is None:
        return add_months(on, 1), on.day
    return next_due_day(on, repayment_day, min_gap_days), repayment_day


def planned(said: ProductTerms, *, amount: Money, periods: int, on: date, repayment_day: int | None) -> Terms:
    """The terms of a loan of a product. Raises PlanError where they are none."""
    first_due_on, due_day = calendar_from(on, repayment_day, said.min_gap_days)
    return Terms(
        principal=amount,
        periods=periods,
        annual_rate=said.annual_rate,
        day_count=said.day_count,
        disbursed_on=on,
        first_due_on=first_due_on,
        due_day=due_day,
        rule_version=said.rule_version,
        late=said.late,
    )
