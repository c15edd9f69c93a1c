"""Whether a product stays within the legal cap on the annual cost. Pure; caps and their measures are `plans.caps`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import lru_cache
from typing import Final

from yuefu.errors import Refused
from yuefu.offers.rules.product import Product, ProductTerms
from yuefu.offers.rules.quote import planned
from yuefu.plans.annual_cost import AnnualCost, DatedFlow, annual_cost
from yuefu.plans.caps import Cap
from yuefu.plans.schedule import schedule
from yuefu.plans.terms import Terms

ABOVE_CAP: Final = "above_cap"

_LATEST_REPAYMENT_DAY: Final = 28


@dataclass(frozen=True, slots=True)
class Dearest:
    """The dearest plan of a product by the measure of a cap. `figure` is what the cap speaks of, per cent a year."""

    terms: Terms
    cost: AnnualCost
    figure: Decimal


@lru_cache(maxsize=64)
def dearest(said: ProductTerms, *, cap: Cap, on: date) -> Dearest:
    """Among: smallest and largest amount, each number of periods, a first due day a month later and every repayment day. The rounding of a
    cent weighs most at the smallest amount; the distance of the first due day varies the rest. Whoever asks for a publication and whoever
    decides about it look at the same plan, which is computed once.
    """
    return max((_costed(terms, cap) for terms in _extremes(said, on)), key=lambda each: each.figure)


def _costed(terms: Terms, cap: Cap) -> Dearest:
    draws = [DatedFlow(terms.disbursed_on, terms.principal)]
    payments = [DatedFlow(row.due_on, row.total) for row in schedule(terms)]
    cost = annual_cost(draws=draws, payments=payments)
    return Dearest(terms, cost, cap.of(draws=draws, payments=payments, known=cost))


def _extremes(said: ProductTerms, on: date) -> list[Terms]:
    return [
        planned(said, amount=amount, periods=periods, on=on, repayment_day=repayment_day)
        for amount in (said.minimum, said.maximum)
        for periods in said.periods
        for repayment_day in (None, *range(1, _LATEST_REPAYMENT_DAY + 1))
    ]


def cap_fault(product: Product, *, cap: Cap, on: date) -> Refused | None:
    """Whether a product may not be published, with the plan that is too dear. Interest on what is overdue, which takes the place of that of the
    plan, is held to the same figure."""
    late = product.terms.late.interest
    if not cap.allows(Decimal(late.ppm) / 10_000):
        return Refused(ABOVE_CAP, f"overdue principal would cost {late.percent_text()} % a year, the cap is {cap.max_pct} %", "late")
    if product.terms.annual_rate.ppm == 0:
        return None
    worst = dearest(product.terms, cap=cap, on=on)
    if cap.allows(worst.figure):
        return None
    plan = f"{worst.terms.principal} in {worst.terms.periods} periods from {worst.terms.first_due_on}"
    detail = f"{plan} costs {worst.figure:.4f} %, the cap ({cap.measure}) is {cap.max_pct} %"
    return Refused(ABOVE_CAP, detail, "annual_rate")
