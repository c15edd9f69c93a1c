"""Cases of annual cost: flows, a law, and what its figures should be, recomputed by the rules that price our own loans.

A case is a line of JSON: `method` (eu, regz or cn), `flows` of `kind` draw or pay with an `amount` (or a list), repeated `n` times every `step`, at `t`
years, at `t_whole` unit-periods and `t_frac` of one, or on a `date`; and what is expected. Where it gives both a time and a date, the time is used
and the date must lead to it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from math import expm1, log1p
from typing import Any, Final

from yuefu.plans.annual_cost import YearFlow, annual_cost_in_years, years_between
from yuefu.plans.faults import PlanError
from yuefu.plans.laws import UnitFlow, counted_in_weeks, eu_years, regz_cost, regz_times
from yuefu.plans.unit_periods import UnitPeriod, UnitTime, regz_unit_period
from yuefu.proofs.apr_cases import INFORMATION, Flow, all_days, first_draw, number_of, read_flows, read_unit_period, with_case_dates
from yuefu.proofs.cases import Case, Difference, Report, Unsupported, judge

EU, REGZ, CN = "eu", "regz", "cn"
_METHODS: Final = {"eu": EU, "uk": EU, "regz": REGZ, "us": REGZ, "cn": CN}
_DECIMALS: Final = {EU: 1, REGZ: 2, CN: 2}

_OF_ALL: Final = frozenset({"method", "flows", "dates", "precision_dp", "x_abs_tol_pct"})
_OF_REGZ: Final = frozenset({"w", "unit_period"})
_YEARS_OF_1998: Final = (Fraction(365), Fraction("365.25"), Fraction(366))
_CLOSE: Final = Decimal("0.000001")
_YEAR_OF = re.compile(r"\b(3[56][0-9](?:\.[0-9]{1,4})?)-day year\b")

Progress = Callable[[int, int], None]


def run(lines: Iterable[str], *, progress: Progress | None = None) -> Report:
    """Recomputes the case of each line."""
    return judge(lines, play, progress=progress)


def play(case: Case) -> list[Difference]:
    """Where the figures of a case are not what it expects, in its order. Raises Unsupported for a key that is not understood, or has no sound value."""
    method = _METHODS.get(str(case.content.get("method")))
    if method is None:
        raise Unsupported("method")
    _understood(case.content, method)
    flows = with_case_dates(read_flows(case.content), case.content.get("dates", {}))
    wanted = [key for key in case.content if key.startswith(("expected_", "recomputed_"))]
    if not wanted:
        raise Unsupported("expected_apr_pct (nothing is expected)")
    unit = read_unit_period(case.content, flows) if method == REGZ else None
    try:
        differs = _by_dates(case.content, method, flows, unit)
        figures = _figures(case.content, method, flows, unit)
    except PlanError as error:
        return [Difference(wanted[0], _shown(case.content[wanted[0]]), f"refused: {error.code}")]
    return differs + [found for key in wanted if (found := _compared(case.content, method, key, figures))]


# ------------------------------------------------------------------------------------------------------------------------------ reading


def _understood(content: Mapping[str, Any], method: str) -> None:
    known = INFORMATION | _OF_ALL | (_OF_REGZ if method == REGZ else frozenset())
    unknown = [key for key in content if key not in known and _figure_name(key) not in _FIGURES[method]]
    if unknown:
        raise Unsupported(*unknown)


def _figure_name(key: str) -> str:
    return (
        key.removeprefix("expected_")
        if key.startswith("expected_")
        else key.removeprefix("recomputed_")
        if key.startswith("recomputed_")
        else ""
    )


# ----------------------------------------------------------------------------------------------------------------------- times and dates


def _by_dates(content: Mapping[str, Any], method: str, flows: Sequence[Flow], unit: UnitPeriod | None) -> list[Difference]:
    """Where a day that is given beside a time does not lead to it."""
    dated = [flow for flow in flows if flow.timed and flow.known_days()]
    start = first_draw(flows)
    if start is None or not dated:
        return []
    if method == REGZ:
        return _regz_by_dates(flows, dated, unit)
    told = [(at, _years_of(flow, number), day, flow) for flow in dated for at, number, day in flow.known_days()]
    rules = _day_rules(content, method, [(day, flow.draws) for _, _, day, flow in told])
    wrong = [[(at, time, got) for (at, time, _, _), got in zip(told, rule, strict=True) if time != got] for rule in rules]
    if not all(wrong):
        return []
    return [Difference(at, str(time), str(got)) for at, time, got in wrong[0]]


def _years_of(flow: Flow, number: int) -> Fraction:
    if flow.years is None:
        raise Unsupported(f"{flow.at}.t_whole")
    return flow.years + number * _step_in_years(flow.step)


def _step_in_years(step: Fraction | UnitPeriod | None) -> Fraction:
    return 1 / step.per_year if isinstance(step, UnitPeriod) else step or Fraction(0)


def _day_rules(content: Mapping[str, Any], method: str, days: Sequence[tuple[date, bool]]) -> list[list[Fraction]]:
    """The times of days by each rule that a case may go by: months or weeks of today's directive; calendar days over a year of 365, 365.25 or 366
    days, as Directive 98/7, Annex III, let them be counted; over the year that its note names.
    """
    draws, payments = [day for day, draw in days if draw], [day for day, draw in days if not draw]
    start = min(draws, default=min(day for day, _ in days))
    if method == CN:
        return [[years_between(start, day) for day, _ in days]]
    lengths = [*_YEARS_OF_1998, *([named] if (named := _named_year(content)) else [])]
    found = []
    for weekly in (False, True):
        drawn, paid = eu_years(draws or [start], payments, weekly=weekly)
        times = {True: iter(drawn), False: iter(paid)}
        found.append([next(times[draw]) for _, draw in days])
    return found + [[(day - start).days / length for day, _ in days] for length in lengths]


def _named_year(content: Mapping[str, Any]) -> Fraction | None:
    """The length of another year than the law's, where the note or source of a case says that it uses one."""
    match = _YEAR_OF.search(f"{content.get('note', '')} {content.get('source', '')}")
    return Fraction(match[1]) if match else None


def _regz_by_dates(flows: Sequence[Flow], dated: Sequence[Flow], unit: UnitPeriod | None) -> list[Difference]:
    assert unit is not None, "flows with times have a unit-period"
    draws = [flow.day for flow in dated if flow.draws and flow.day]
    told = [(at, _units_of(flow, number, unit), day, flow.draws) for flow in dated for at, number, day in flow.known_days()]
    differs = []
    for at, time, day, draw in told:
        counted = regz_times([*draws, day] if draw else draws, [day], unit=unit)[1][0]
        if counted.whole + counted.fraction != time:
            differs.append(Difference(at, str(time), str(counted.whole + counted.fraction)))
    if differs or not all(flow.day and flow.steps_on_days for flow in flows):
        return differs
    days = {kind: [day for flow in flows if flow.draws is kind for day in all_days(flow, unit)] for kind in (True, False)}
    found = regz_unit_period(draws=days[True], payments=days[False])
    return [] if found.per_year == unit.per_year else [Difference("unit_period", str(unit), str(found))]


def _units_of(flow: Flow, number: int, unit: UnitPeriod) -> Fraction:
    """Unit-periods of an amount of a flow with a time: a step is of unit-periods where the time is, else of years."""
    if flow.units is None:
        return _years_of(flow, number) * unit.per_year
    step = unit.per_year / flow.step.per_year if isinstance(flow.step, UnitPeriod) else flow.step or Fraction(0)
    return flow.units + number * step


# ------------------------------------------------------------------------------------------------------------------------------ figures


def _figures(content: Mapping[str, Any], method: str, flows: Sequence[Flow], unit: UnitPeriod | None) -> dict[str, Decimal | str]:
    """Every figure that a case may ask for, per cent to 8 decimals."""
    if method == REGZ:
        return _regz_figures(flows, unit)
    times = [_times_in_years(content, method, flow, flows) for flow in flows]
    sides: dict[bool, list[YearFlow]] = {True: [], False: []}
    for flow, moments, whole in zip(flows, times, _whole_amounts(flows), strict=True):
        sides[flow.draws] += [YearFlow(t, minor) for t, minor in zip(moments, whole, strict=True) if minor]
    cost = annual_cost_in_years(draws=sides[True], payments=sides[False])
    return _all_rates(cost.compound_pct, cost.compound_pct, cost.simple_pct)


def _all_rates(known_by: Decimal, compound: Decimal, simple: Decimal) -> dict[str, Decimal | str]:
    return {
        "apr_pct": known_by,
        "x_pct": known_by,
        "irr_compound_pct": compound,
        "compound_pct": compound,
        "simple_pct": simple,
        "monthly_irr_pct": simple / 12,
    }


_FIGURES: Final[dict[str, frozenset[str]]] = {
    method: frozenset(_all_rates(Decimal(0), Decimal(0), Decimal(0))) | ({"unit_period", "w", "unit_rate_pct"} if method == REGZ else set())
    for method in (EU, REGZ, CN)
}


def _whole_amounts(flows: Sequence[Flow]) -> list[list[int]]:
    """The amounts as whole numbers of the finest decimal that is written, so that none is rounded."""
    exponents = [amount.as_tuple().exponent for flow in flows for amount in flow.amounts]
    finest = min(0, *(each for each in exponents if isinstance(each, int)))
    return [[int(amount.scaleb(-finest)) for amount in flow.amounts] for flow in flows]


def _times_in_years(content: Mapping[str, Any], method: str, flow: Flow, flows: Sequence[Flow]) -> list[Fraction]:
    if flow.units is not None:
        raise Unsupported(f"{flow.at}.t_whole")
    if flow.years is not None:
        return [_years_of(flow, number) for number in range(len(flow.amounts))]
    start = first_draw(flows)
    days = all_days(flow, None)
    if start is None:
        raise Unsupported(f"{flow.at}.date (no draw has a date)")
    if named := _named_year(content):
        return [(day - start).days / named for day in days]
    if method == CN:
        return [years_between(start, day) for day in days]
    paid = [day for other in flows if not other.draws and other.day for day in all_days(other, None)]
    weekly = counted_in_weeks([start], paid)
    return eu_years([start, *days], paid, weekly=weekly)[0][1:] if flow.draws else eu_years([start], days, weekly=weekly)[1]


def _regz_figures(flows: Sequence[Flow], unit: UnitPeriod | None) -> dict[str, Decimal | str]:
    if unit is None:
        days = {kind: [day for flow in flows if flow.draws is kind for day in all_days(flow, None)] for kind in (True, False)}
        if not days[True] or not days[False]:
            raise Unsupported("flows")
        unit = regz_unit_period(draws=days[True], payments=days[False])
    sides: dict[bool, list[UnitFlow]] = {True: [], False: []}
    for flow, whole in zip(flows, _whole_amounts(flows), strict=True):
        sides[flow.draws] += [UnitFlow(t, minor) for t, minor in zip(_times_in_units(flow, flows, unit), whole, strict=True) if minor]
    nominal = regz_cost(draws=sides[True], payments=sides[False], unit_period=unit).pct
    per_year = float(unit.per_year)
    log_rate = log1p(float(nominal) / 100 / per_year) * per_year
    simple, compound = (Decimal(100 * each) for each in (12 * expm1(log_rate / 12), expm1(log_rate)))
    return {
        **_all_rates(nominal, compound, simple),
        "unit_period": str(unit),
        "w": str(unit.per_year),
        "unit_rate_pct": nominal / unit.per_year.numerator * unit.per_year.denominator,
    }


def _times_in_units(flow: Flow, flows: Sequence[Flow], unit: UnitPeriod) -> list[UnitTime]:
    if flow.timed:
        units = [_units_of(flow, number, unit) for number in range(len(flow.amounts))]
        return [UnitTime(int(each // 1), each % 1) for each in units]
    draws = [day for other in flows if other.draws and other.day for day in all_days(other, unit)]
    payments = [day for other in flows if not other.draws and other.day for day in all_days(other, unit)]
    if not draws:
        raise Unsupported(f"{flow.at}.date (no draw has a date)")
    days = all_days(flow, unit)
    found = dict(zip(draws, regz_times(draws, payments or draws, unit=unit)[0], strict=True)) if flow.draws else {}
    found = found or dict(zip(payments, regz_times(draws, payments, unit=unit)[1], strict=True))
    return [found[day] for day in days]


# ---------------------------------------------------------------------------------------------------------------------------- comparing


def _compared(content: Mapping[str, Any], method: str, key: str, figures: Mapping[str, Decimal | str]) -> Difference | None:
    got, said = figures[_figure_name(key)], content[key]
    if isinstance(got, str):
        return None if _same_text(_figure_name(key), said, got, key) else Difference(key, _shown(said), got)
    expected = _decimal(said, key)
    if key.startswith("recomputed_") or key == "expected_x_pct":
        near = _decimal(content["x_abs_tol_pct"], "x_abs_tol_pct") if key == "expected_x_pct" and "x_abs_tol_pct" in content else _CLOSE
        return None if abs(got - expected) <= near else Difference(key, _shown(said), str(got.quantize(Decimal("1e-8"))))
    decimals = content.get("precision_dp", _DECIMALS[method])
    if type(decimals) is not int or not 0 <= decimals <= 8:
        raise Unsupported("precision_dp")
    place = Decimal(1).scaleb(-decimals)
    printed = got.quantize(place, ROUND_HALF_UP)
    return None if printed == expected.quantize(place, ROUND_HALF_UP) else Difference(key, _shown(said), str(printed))


def _same_text(name: str, said: Any, got: str, key: str) -> bool:
    if name == "w":
        return number_of(said, key) == Fraction(got)
    return str(said) == got


def _decimal(value: Any, at: str) -> Decimal:
    exact = number_of(value, at)
    return Decimal(exact.numerator) / Decimal(exact.denominator)


def _shown(value: Any) -> Any:
    return str(value) if isinstance(value, Decimal) else value
