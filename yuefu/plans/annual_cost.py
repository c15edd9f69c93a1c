"""The annual cost of credit, as the internal rate of return of its flows.

Compound: the X that solves sum(draws / (1+X)**t) = sum(payments / (1+X)**t), t in years (Directive 2008/48/EC, Annex I).
Simple: 12 * ((1+X)**(1/12) - 1), the form in which PBoC Announcement [2021] No. 3 lets a lender state an annualised rate.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal
from fractions import Fraction
from math import exp, expm1, log1p
from typing import Final

from yuefu.dates.periods import months_and_days_between
from yuefu.money.amounts import Money
from yuefu.plans.faults import PlanError
from yuefu.plans.roots import root_nearest_zero

FLOWS_MISSING: Final = "flows_missing"
FLOW_NOT_POSITIVE: Final = "flow_not_positive"
CURRENCIES_MIXED: Final = "currencies_mixed"
FLOW_TOO_FAR: Final = "flow_too_far"
NO_ANNUAL_COST: Final = "no_annual_cost"

# The search runs over u = ln(1 + X), in which the steps are even and no X of -1 can be met.
LOWEST = log1p(-0.99) - 1e-12  # so that -99 % itself is found despite the rounding of floats
HIGHEST = log1p(1e6)
# Beyond these years a power of (1 + X) no longer fits a float at the ends of the search.
EARLIEST_YEAR, LATEST_YEAR = -20, 100
_EIGHT_PLACES = Decimal("0.00000001")
_TWO_PLACES = Decimal("0.01")


class AnnualCostError(PlanError):
    """Flows that have no annual cost."""


@dataclass(frozen=True, slots=True)
class DatedFlow:
    """A positive amount that changes hands on a day; which way is said by the list it is in."""

    on: date
    amount: Money


@dataclass(frozen=True, slots=True)
class YearFlow:
    """A positive number of minor units that changes hands `t` years after the first draw (before it when negative)."""

    t: Fraction
    minor: int


@dataclass(frozen=True, slots=True)
class AnnualCost:
    """Per cent a year, to 8 decimals: `compound_pct` (effective, IRR) and `simple_pct` (12 times the monthly rate)."""

    compound_pct: Decimal
    simple_pct: Decimal

    def compound_text(self) -> str:
        """The compound rate at two decimals, half up: "13.58"."""
        return str(self.compound_pct.quantize(_TWO_PLACES, ROUND_HALF_UP))

    def simple_text(self) -> str:
        """The simple rate at two decimals, half up: "12.80"."""
        return str(self.simple_pct.quantize(_TWO_PLACES, ROUND_HALF_UP))


_NOTHING: Final = AnnualCost(Decimal(0).quantize(_EIGHT_PLACES), Decimal(0).quantize(_EIGHT_PLACES))


def annual_cost(*, draws: Sequence[DatedFlow], payments: Sequence[DatedFlow]) -> AnnualCost:
    """The annual cost of dated flows: `draws` are what the consumer receives, `payments` what the consumer pays, fees included.

    Time is whole months / 12 plus remaining days / 365, from the first draw. Raises AnnualCostError as annual_cost_in_years,
    and for flows of more than one currency.
    """
    if not draws or not payments:
        raise AnnualCostError(FLOWS_MISSING, "An annual cost needs at least one draw and one payment.")
    currencies = sorted({flow.amount.currency for flow in (*draws, *payments)})
    if len(currencies) > 1:
        raise AnnualCostError(CURRENCIES_MIXED, f"The flows are in {' and '.join(currencies)}.")
    start = min(flow.on for flow in draws)
    if _costs_nothing(draws, payments):  # Most plans on offer: no time has to be measured for them.
        return _NOTHING
    return annual_cost_in_years(
        draws=[YearFlow(years_between(start, flow.on), flow.amount.minor) for flow in draws],
        payments=[YearFlow(years_between(start, flow.on), flow.amount.minor) for flow in payments],
    )


def _costs_nothing(draws: Sequence[DatedFlow], payments: Sequence[DatedFlow]) -> bool:
    """Whether exactly what is drawn is paid, by flows that are sound without a closer look: positive, within 19 years."""
    flows = (*draws, *payments)
    days = [flow.on for flow in flows]
    sound = min(flow.amount.minor for flow in flows) > 0 and (max(days) - min(days)).days < 19 * 365
    return sound and sum(flow.amount.minor for flow in draws) == sum(flow.amount.minor for flow in payments)


def annual_cost_in_years(*, draws: Sequence[YearFlow], payments: Sequence[YearFlow]) -> AnnualCost:
    """The annual cost of flows given in years: the solution nearest to 0, between -99 % and 10**8 %.

    Exactly 0 when as much is paid as was drawn. Raises AnnualCostError when either side is empty, an amount is not positive, a
    flow is more than 20 years before or 100 years after the first draw, or no rate balances the flows.
    """
    if not draws or not payments:
        raise AnnualCostError(FLOWS_MISSING, "An annual cost needs at least one draw and one payment.")
    if any(flow.minor <= 0 for flow in (*draws, *payments)):
        raise AnnualCostError(FLOW_NOT_POSITIVE, "Each draw and each payment must be positive.")
    if any(not EARLIEST_YEAR <= flow.t <= LATEST_YEAR for flow in (*draws, *payments)):
        raise AnnualCostError(FLOW_TOO_FAR, f"Each flow must lie {EARLIEST_YEAR} to {LATEST_YEAR} years from the first draw.")
    if sum(flow.minor for flow in draws) == sum(flow.minor for flow in payments):
        return _NOTHING
    net = [(float(flow.t), float(flow.minor)) for flow in draws] + [(float(flow.t), -float(flow.minor)) for flow in payments]
    # A rate is a ratio, not an amount: binary floats are good to 12 digits here, of which 8 decimals are kept and 2 are shown.
    u = root_nearest_zero(
        lambda u: sum(minor * exp(-t * u) for t, minor in net),
        lowest=LOWEST,
        highest=HIGHEST,
        slope=None if _lent_before_paid(draws, payments) else lambda u: sum(-t * minor * exp(-t * u) for t, minor in net),
    )
    if u is None:
        raise AnnualCostError(NO_ANNUAL_COST, "No annual rate between -99 % and 10**8 % balances these flows.")
    return AnnualCost(pct(expm1(u)), pct(12 * expm1(u / 12)))


def _lent_before_paid(draws: Sequence[YearFlow], payments: Sequence[YearFlow]) -> bool:
    """Whether everything is lent before anything is paid: such flows have one solution at most, so nobody has to look for a second."""
    return max(flow.t for flow in draws) <= min(flow.t for flow in payments)


def years_between(start: date, day: date) -> Fraction:
    """Years from `start` to `day` as `annual_cost` counts them; a fee paid before the first draw has a negative time."""
    months, rest = months_and_days_between(min(start, day), max(start, day))
    years = Fraction(months, 12) + Fraction(rest, 365)
    return years if day >= start else -years


def pct(rate: float) -> Decimal:
    """A rate as per cent, to 8 decimals."""
    return (Decimal(rate) * 100).quantize(_EIGHT_PLACES, ROUND_HALF_EVEN)
