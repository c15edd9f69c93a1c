"""The annual cost of credit as each law states it, from the same flows. Pure; formulas, sources and a worked table: docs/algorithms/annual-cost.md.

eu: the effective rate of Directive 2008/48/EC, Annex I (2023/2225, Annex III; the UK's rule is the same), at one decimal.
us: the nominal rate of 12 CFR 1026, Appendix J: unit-period rate times unit-periods a year, odd days by simple interest, at two decimals.
cn: PBoC Announcement [2021] No. 3: the compound rate, and the simple one beside it, each under its name, at two decimals.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from enum import StrEnum
from fractions import Fraction
from math import exp, expm1
from typing import Protocol

from yuefu.money.amounts import Money
from yuefu.plans import annual_cost as rates
from yuefu.plans.annual_cost import AnnualCost, AnnualCostError, DatedFlow, YearFlow, annual_cost, annual_cost_in_years
from yuefu.plans.roots import root_nearest_zero
from yuefu.plans.unit_periods import (
    MONTH,
    WEEK,
    UnitPeriod,
    UnitTime,
    anchor_of,
    eu_by_months,
    eu_by_weeks,
    eu_counts_weeks,
    regz_time,
    regz_unit_period,
)

EU_APR, REGZ_NOMINAL, COMPOUND, SIMPLE = "eu_apr", "regz_nominal", "compound_irr", "simple_irr"


class Law(StrEnum):
    """Whose rule: that of the European Union and the United Kingdom, of the United States, of China."""

    EU = "eu"
    US = "us"
    CN = "cn"


@dataclass(frozen=True, slots=True)
class Figure:
    """`pct` per cent a year, to 8 decimals, by a measure; the law prints it at `decimals`, half up."""

    measure: str
    pct: Decimal
    decimals: int

    def text(self) -> str:
        return str(self.pct.quantize(Decimal(1).scaleb(-self.decimals), ROUND_HALF_UP))

    def exact_text(self) -> str:
        """All 8 decimals: "0.00000000" for nothing, which a Decimal alone writes as 0E-8."""
        return f"{self.pct:f}"


@dataclass(frozen=True, slots=True)
class LawCost:
    """The figures that a law asks for, first the one it is known by, and the unit-period that time was counted in."""

    law: Law
    figures: tuple[Figure, ...]
    unit_period: UnitPeriod

    @property
    def pct(self) -> Decimal:
        """The figure that the law is known by."""
        return self.figures[0].pct

    def text(self) -> str:
        return self.figures[0].text()


@dataclass(frozen=True, slots=True)
class UnitFlow:
    """A positive number of minor units that changes hands so many unit-periods after the beginning."""

    time: UnitTime
    minor: int


class Row(Protocol):
    """A line of a printed schedule: what is paid in all on a day."""

    @property
    def due_on(self) -> date: ...
    @property
    def total(self) -> Money: ...


def cost_by_law(*, draws: Sequence[DatedFlow], payments: Sequence[DatedFlow], law: Law, unit_period: UnitPeriod | None = None) -> LawCost:
    """What a loan costs a year by a law: `draws` are what the consumer receives, `payments` what the consumer pays, fees included.

    `unit_period` is for the us only: found from the dates unless given. Of several rates that balance the flows the one nearest 0; exactly 0
    where as much is paid as was drawn. Raises AnnualCostError as `annual_cost` does.
    """
    if law is Law.CN:
        return _of_china(annual_cost(draws=draws, payments=payments))
    _check(draws, payments)
    days = [flow.on for flow in draws], [flow.on for flow in payments]
    if law is Law.EU:
        weekly = counted_in_weeks(*days)
        times = eu_years(*days, weekly=weekly)
        in_years = [
            [YearFlow(t, flow.amount.minor) for t, flow in zip(*pair, strict=True)] for pair in zip(times, (draws, payments), strict=True)
        ]
        return _of_eu(annual_cost_in_years(draws=in_years[0], payments=in_years[1]), UnitPeriod(WEEK if weekly else MONTH))
    unit = unit_period or _unit_period(*days)
    counted = regz_times(*days, unit=unit)
    in_units = [
        [UnitFlow(t, flow.amount.minor) for t, flow in zip(*pair, strict=True)] for pair in zip(counted, (draws, payments), strict=True)
    ]
    return regz_cost(draws=in_units[0], payments=in_units[1], unit_period=unit)


def cost_of_schedule(*, draws: Sequence[DatedFlow], rows: Iterable[Row], law: Law) -> LawCost:
    """The cost by a law, from a printed schedule and nothing else. A row of nothing (a free month) is no flow."""
    return cost_by_law(draws=draws, payments=[DatedFlow(row.due_on, row.total) for row in rows if row.total], law=law)


def cost_in_years(*, draws: Sequence[YearFlow], payments: Sequence[YearFlow], law: Law) -> LawCost:
    """The cost by the law of eu or cn of flows whose times are known, in years. Raises AnnualCostError as `annual_cost_in_years`."""
    cost = annual_cost_in_years(draws=draws, payments=payments)
    if law is Law.US:
        raise ValueError("Appendix J counts in unit-periods: regz_cost.")
    return _of_china(cost) if law is Law.CN else _of_eu(cost, UnitPeriod(MONTH))


def _of_eu(cost: AnnualCost, unit: UnitPeriod) -> LawCost:
    return LawCost(Law.EU, (Figure(EU_APR, cost.compound_pct, 1),), unit)


def _of_china(cost: AnnualCost) -> LawCost:
    return LawCost(Law.CN, (Figure(COMPOUND, cost.compound_pct, 2), Figure(SIMPLE, cost.simple_pct, 2)), UnitPeriod(MONTH))


def _check(draws: Sequence[DatedFlow], payments: Sequence[DatedFlow]) -> None:
    if not draws or not payments:
        raise AnnualCostError(rates.FLOWS_MISSING, "An annual cost needs at least one draw and one payment.")
    currencies = sorted({flow.amount.currency for flow in (*draws, *payments)})
    if len(currencies) > 1:
        raise AnnualCostError(rates.CURRENCIES_MIXED, f"The flows are in {' and '.join(currencies)}.")


# --------------------------------------------------------------------------------------------------------------------------------- times


def counted_in_weeks(draws: Sequence[date], payments: Sequence[date]) -> bool:
    """Whether the law of the EU counts the time of these flows in weeks rather than months."""
    start = min(draws)
    return eu_counts_weeks(start, sorted({day for day in payments if day > start}))


def eu_years(draws: Sequence[date], payments: Sequence[date], *, weekly: bool) -> tuple[list[Fraction], list[Fraction]]:
    """Years from the first draw, of draws and of payments; negative before it."""
    start, count = min(draws), eu_by_weeks if weekly else eu_by_months

    def years(day: date, series: Sequence[date]) -> Fraction:
        early, late = min(start, day), max(start, day)
        found = count(early, late, anchor_of(late, series=series if late == day else draws, start=early))
        return found if day >= start else -found

    return [years(day, draws) for day in draws], [years(day, payments) for day in payments]


def regz_times(draws: Sequence[date], payments: Sequence[date], *, unit: UnitPeriod) -> tuple[list[UnitTime], list[UnitTime]]:
    """Unit-periods from the first flow, of draws and of payments."""
    start = min(*draws, *payments)
    return (
        [regz_time(unit, start, day, anchor_of(day, series=draws, start=start)) for day in draws],
        [regz_time(unit, start, day, anchor_of(day, series=payments, start=start)) for day in payments],
    )


def _unit_period(draws: Sequence[date], payments: Sequence[date]) -> UnitPeriod:
    """That of the dates; where all is on one day no rate but nothing can balance, and any unit-period does."""
    if len({*draws, *payments}) == 1:
        return UnitPeriod(MONTH)
    return regz_unit_period(draws=draws, payments=payments)


# ------------------------------------------------------------------------------------------------------------------------- Regulation Z


def regz_cost(*, draws: Sequence[UnitFlow], payments: Sequence[UnitFlow], unit_period: UnitPeriod) -> LawCost:
    """The nominal rate of flows in unit-periods: w * i, with sum A / ((1 + e*i) (1 + i)**q) = sum P / ((1 + f*i) (1 + i)**t).

    Raises AnnualCostError as `annual_cost_in_years`; rates from -99 % to 10**8 % a unit-period are looked at.
    """
    flows = (*draws, *payments)
    if not draws or not payments:
        raise AnnualCostError(rates.FLOWS_MISSING, "An annual cost needs at least one draw and one payment.")
    if any(flow.minor <= 0 for flow in flows):
        raise AnnualCostError(rates.FLOW_NOT_POSITIVE, "Each draw and each payment must be positive.")
    per_year = unit_period.per_year
    if any(not 0 <= flow.time.whole / per_year <= rates.LATEST_YEAR for flow in flows):
        raise AnnualCostError(rates.FLOW_TOO_FAR, f"Each flow must lie 0 to {rates.LATEST_YEAR} years from the first.")
    if sum(flow.minor for flow in draws) == sum(flow.minor for flow in payments):
        return LawCost(Law.US, (Figure(REGZ_NOMINAL, rates.pct(0.0), 2),), unit_period)
    rate = expm1(_unit_log_rate(draws, payments))
    return LawCost(Law.US, (Figure(REGZ_NOMINAL, rates.pct(float(per_year) * rate), 2),), unit_period)


def _unit_log_rate(draws: Sequence[UnitFlow], payments: Sequence[UnitFlow]) -> float:
    """ln(1 + i) of the unit-period rate i."""
    signed = [(flow, 1.0) for flow in draws] + [(flow, -1.0) for flow in payments]
    net = [(flow.time.whole, float(flow.time.fraction), sign * float(flow.minor)) for flow, sign in signed]
    last = max(whole for whole, _, _ in net)

    def discounts(u: float) -> Iterable[tuple[int, float, float, float]]:
        """Whole, fraction, its factor and the flow discounted, times whatever keeps all powers below 1."""
        rate, least = expm1(u), min(0.0, u * last)
        for whole, fraction, minor in net:
            odd = 1.0 + fraction * rate
            yield whole, fraction, odd, minor * exp(least - whole * u) / odd

    def value(u: float) -> float:
        return sum(worth for _, _, _, worth in discounts(u))

    def slope(u: float) -> float:
        return sum(-worth * (whole + fraction * exp(u) / odd) for whole, fraction, odd, worth in discounts(u))

    once = max(_moment(flow) for flow in draws) <= min(_moment(flow) for flow in payments)
    found = root_nearest_zero(value, lowest=rates.LOWEST, highest=rates.HIGHEST, slope=None if once else slope)
    if found is None:
        raise AnnualCostError(rates.NO_ANNUAL_COST, "No rate between -99 % and 10**8 % a unit-period balances these flows.")
    return found


def _moment(flow: UnitFlow) -> Fraction:
    return flow.time.whole + flow.time.fraction
