"""The annual cost of credit, as the internal rate of return of its flows.

Compound: the X that solves sum(draws / (1+X)**t) = sum(payments / (1+X)**t), t in years (Directive 2008/48/EC, Annex I).
Simple: 12 * ((1+X)**(1/12) - 1), the form in which PBoC Announcement [2021] No. 3 lets a lender state an annualised rate.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal
from fractions import Fraction
from math import exp, expm1, log1p
from typing import Final

from yuefu.dates.periods import months_and_days_between
from yuefu.money.amounts import Money
from yuefu.plans.faults import PlanError

FLOWS_MISSING: Final = "flows_missing"
FLOW_NOT_POSITIVE: Final = "flow_not_positive"
CURRENCIES_MIXED: Final = "currencies_mixed"
FLOW_TOO_FAR: Final = "flow_too_far"
NO_ANNUAL_COST: Final = "no_annual_cost"

# The search runs over u = ln(1 + X), in which the steps are even and no X of -1 can be met.
_LOWEST = log1p(-0.99) - 1e-12  # so that -99 % itself is found despite the rounding of floats
_HIGHEST = log1p(1e6)
_STEP = 0.05
_BISECTIONS = 60
# Beyond these years a power of (1 + X) no longer fits a float at the ends of the search.
_EARLIEST_YEAR, _LATEST_YEAR = -20, 100
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
        draws=[YearFlow(_years(start, flow.on), flow.amount.minor) for flow in draws],
        payments=[YearFlow(_years(start, flow.on), flow.amount.minor) for flow in payments],
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
    if any(not _EARLIEST_YEAR <= flow.t <= _LATEST_YEAR for flow in (*draws, *payments)):
        raise AnnualCostError(FLOW_TOO_FAR, f"Each flow must lie {_EARLIEST_YEAR} to {_LATEST_YEAR} years from the first draw.")
    if sum(flow.minor for flow in draws) == sum(flow.minor for flow in payments):
        return _NOTHING
    net = [(float(flow.t), float(flow.minor)) for flow in draws] + [(float(flow.t), -float(flow.minor)) for flow in payments]
    # A rate is a ratio, not an amount: binary floats are good to 12 digits here, of which 8 decimals are kept and 2 are shown.
    u = _root_nearest_zero(lambda u: sum(minor * exp(-t * u) for t, minor in net))
    return AnnualCost(_pct(expm1(u)), _pct(12 * expm1(u / 12)))


def _years(start: date, day: date) -> Fraction:
    """Years from `start` to `day`; a fee paid before the first draw has a negative time."""
    months, rest = months_and_days_between(min(start, day), max(start, day))
    years = Fraction(months, 12) + Fraction(rest, 365)
    return years if day >= start else -years


def _root_nearest_zero(value: Callable[[float], float]) -> float:
    """The u nearest to X = 0 at which `value` changes its sign: rings of growing width around 0, then bisection."""
    up = down = value(0.0)
    ring = 0
    while ring * _STEP < _HIGHEST:
        inner, outer = ring * _STEP, (ring + 1) * _STEP
        up_next, down_next = value(outer), value(-outer) if -inner > _LOWEST else down
        roots = [_bisect(value, inner, outer)] if (up < 0) != (up_next < 0) else []
        roots += [_bisect(value, -inner, -outer)] if (down < 0) != (down_next < 0) else []
        found = [root for root in roots if _LOWEST <= root <= _HIGHEST]
        if found:
            return min(found, key=lambda u: abs(expm1(u)))
        up, down, ring = up_next, down_next, ring + 1
    raise AnnualCostError(NO_ANNUAL_COST, "No annual rate between -99 % and 10**8 % balances these flows.")


def _bisect(value: Callable[[float], float], near: float, far: float) -> float:
    """The point between `near` and `far`, which give different signs, where the sign changes."""
    near_is_negative = value(near) < 0
    for _ in range(_BISECTIONS):
        middle = (near + far) / 2
        if (value(middle) < 0) == near_is_negative:
            near = middle
        else:
            far = middle
    return (near + far) / 2


def _pct(rate: float) -> Decimal:
    return (Decimal(rate) * 100).quantize(_EIGHT_PLACES, ROUND_HALF_EVEN)
