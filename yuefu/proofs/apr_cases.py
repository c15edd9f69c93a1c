"""The flows of a case of annual cost as its line of JSON gives them: read strictly, and each named by where it stands when it cannot be."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any, Final

from yuefu.plans.faults import PlanError
from yuefu.plans.unit_periods import DAY, MONTH, WEEK, UnitPeriod, anchor_of, later, unit_period_from_text, unit_period_of
from yuefu.proofs.cases import Unreadable, Unsupported

# What is only told about a case. The currency is: amounts are made whole at the finest decimal that the case writes, whatever its currency has.
# fmt: off
INFORMATION: Final = frozenset({
    "id", "source", "note", "notes", "title", "name", "description", "tags", "authority", "confidence", "currency", "comment", "url", "licence",
    "license", "assumption", "assumptions",
})
# fmt: on
_OF_FLOW: Final = frozenset({"kind", "amount", "n", "step", "t", "t_whole", "t_frac", "date", "dates", "first_date", "last_date"})
_STARTS: Final = frozenset({"agreement", "drawdown", "first_drawdown", "first_draw"})

_MOST_REPEATS: Final = 10_000
_LARGEST: Final = Decimal(10) ** 15
_FINEST: Final = -12
_NUMBER = re.compile(r"-?[0-9]{1,30}(?:\.[0-9]{1,30})?(?:/[0-9]{1,30})?")
_UNIT = re.compile(r"(?:[0-9]{1,3}[ -])?[a-z]+(?:-[a-z]+)?")
_DAY_TEXT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


@dataclass(frozen=True, slots=True)
class Flow:
    """A flow of a case, as it is given: amounts in order, the time of the first (years, or unit-periods) or its day, and the days that are known."""

    at: str
    draws: bool
    amounts: tuple[Decimal, ...]
    step: Fraction | UnitPeriod | None
    years: Fraction | None
    units: Fraction | None
    day: date | None
    last_day: date | None
    days: tuple[date, ...]
    anchor: int | None = None

    @property
    def timed(self) -> bool:
        return self.years is not None or self.units is not None

    @property
    def counts_in_units(self) -> bool:
        """Whether it is repeated by a whole step, which for Regulation Z is one of unit-periods."""
        return len(self.amounts) > 1 and isinstance(self.step, Fraction) and self.step.denominator == 1

    @property
    def steps_on_days(self) -> bool:
        """Whether its steps lead from day to day; one of a part of a unit-period does not."""
        return len(self.amounts) == 1 or self.units is None or not isinstance(self.step, Fraction) or self.step.denominator == 1

    def known_days(self) -> list[tuple[str, int, date]]:
        """Where a day of it is said, of which of its amounts, and which day."""
        said = [(f"{self.at}.date", 0, self.day), (f"{self.at}.last_date", len(self.amounts) - 1, self.last_day)]
        said += [(f"{self.at}.dates[{number}]", number, day) for number, day in enumerate(self.days)]
        return [(at, number, day) for at, number, day in said if day is not None]


def read_flows(content: Mapping[str, Any]) -> list[Flow]:
    given = content.get("flows")
    if not isinstance(given, list) or not given:
        raise Unreadable("flows")
    return [_flow(one, f"flows[{number}]") for number, one in enumerate(given)]


def _flow(given: Any, at: str) -> Flow:
    if not isinstance(given, dict):
        raise Unreadable(at)
    unknown = [f"{at}.{key}" for key in given if key not in _OF_FLOW and key not in INFORMATION]
    if unknown:
        raise Unsupported(*unknown)
    if given.get("kind") not in ("draw", "pay"):
        raise Unreadable(f"{at}.kind")
    days = _days(given.get("dates"), f"{at}.dates")
    amounts = _amounts(given, at, len(days))
    if days and len(days) != len(amounts):
        raise Unreadable(f"{at}.dates")
    if "date" in given and "first_date" in given:
        raise Unreadable(f"{at}.first_date")
    first = _day(given.get("date", given.get("first_date")), f"{at}.date") or (days[0] if days else None)
    step = _step(given.get("step"), f"{at}.step")
    if len(amounts) > 1 and step is None and not days:
        raise Unreadable(f"{at}.step")
    units = None
    if "t_whole" in given or "t_frac" in given:
        units = number_of(given.get("t_whole", 0), f"{at}.t_whole") + number_of(given.get("t_frac", 0), f"{at}.t_frac")
    years = number_of(given["t"], f"{at}.t") if "t" in given else None
    if years is not None and units is not None:
        raise Unreadable(f"{at}.t")
    last = _day(given.get("last_date"), f"{at}.last_date")
    return Flow(at, given["kind"] == "draw", amounts, step, years, units, first, last, days)


def _amounts(given: Mapping[str, Any], at: str, days: int) -> tuple[Decimal, ...]:
    said = given.get("amount")
    count = given.get("n", len(said) if isinstance(said, list) else days or 1)
    if type(count) is not int or not 1 <= count <= _MOST_REPEATS:
        raise Unreadable(f"{at}.n")
    if not isinstance(said, list):
        return (_amount(said, f"{at}.amount"),) * count
    if len(said) != count:
        raise Unreadable(f"{at}.n")
    return tuple(_amount(one, f"{at}.amount[{number}]") for number, one in enumerate(said))


def _amount(value: Any, at: str) -> Decimal:
    exact = number_of(value, at)
    if exact.denominator > 10**-_FINEST or abs(exact) >= _LARGEST or 10**-_FINEST % exact.denominator:
        raise Unreadable(at)
    return Decimal(exact.numerator) / Decimal(exact.denominator)


def number_of(value: Any, at: str) -> Fraction:
    """An exact number of this world: an integer, a decimal, or either as text or as a fraction in text ("1/12")."""
    if isinstance(value, bool) or not isinstance(value, int | Decimal | str):
        raise Unreadable(at)
    text = value if isinstance(value, str) else _plain(value)
    if not _NUMBER.fullmatch(text):
        raise Unreadable(at)
    above, _, below = text.partition("/")
    if below and not int(below):
        raise Unreadable(at)
    return Fraction(above) / int(below or 1)


def _plain(number: int | Decimal) -> str:
    if isinstance(number, Decimal) and (not number.is_finite() or not -30 <= number.adjusted() <= 30):
        return ""
    return format(number, "f") if isinstance(number, Decimal) else str(number)


def _step(value: Any, at: str) -> Fraction | UnitPeriod | None:
    """A fraction of a year (or so many unit-periods), or a span in words: "1 month"."""
    if value is None:
        return None
    if isinstance(value, str) and value[-1:].isalpha():
        try:
            return unit_period_from_text(value)
        except PlanError as error:
            raise Unreadable(at) from error
    return number_of(value, at)


def _day(value: Any, at: str) -> date | None:
    if value is None:
        return None
    try:
        if not isinstance(value, str) or not _DAY_TEXT.fullmatch(value):
            raise Unreadable(at)
        return date.fromisoformat(value)
    except ValueError as error:
        raise Unreadable(at) from error


def _days(value: Any, at: str) -> tuple[date, ...]:
    if value is None:
        return ()
    if not isinstance(value, list) or not value:
        raise Unreadable(at)
    return tuple(day for number, one in enumerate(value) if (day := _day(one, f"{at}[{number}]")))


def with_case_dates(flows: list[Flow], dates: Any) -> list[Flow]:
    """The days that are said of the case as a whole, put to the flows they speak of: the agreement to the first draw, the payments to the first
    and last of what is paid after it.
    """
    if not isinstance(dates, dict):
        raise Unreadable("dates")
    found = {key: _day(value, f"dates.{key}") for key, value in dates.items() if key not in INFORMATION}
    unknown = [f"dates.{key}" for key in found if key not in _STARTS and key not in ("first_payment", "last_payment")]
    if unknown:
        raise Unsupported(*unknown)
    draw = next((n for n, flow in enumerate(flows) if flow.draws), None)
    paid = [n for n, flow in enumerate(flows) if not flow.draws and (flow.years is None or flow.years > 0) and flow.units != 0]
    for key, day in found.items():
        places = [draw] if key in _STARTS else paid
        number = places[0 if key != "last_payment" else -1] if places else None
        if number is None or day is None:
            raise Unreadable(f"dates.{key}")
        flows[number] = _dated(flows[number], day, last=key == "last_payment", at=f"dates.{key}")
    return _anchored(flows)


def _anchored(flows: list[Flow]) -> list[Flow]:
    """With the day of the month that steps go to: after a draw on the 31st, payments from 28 February on fall on the last of each month."""
    start = first_draw(flows)
    if start is None:
        return flows
    return [replace(flow, anchor=anchor_of(flow.day, series=[flow.day], start=start)) if flow.day else flow for flow in flows]


def first_draw(flows: Sequence[Flow]) -> date | None:
    """The day of the first draw that has one."""
    return min((flow.day for flow in flows if flow.draws and flow.day), default=None)


def _dated(flow: Flow, day: date, *, last: bool, at: str) -> Flow:
    known = flow.last_day if last else flow.day
    if known not in (None, day):
        raise Unreadable(at)
    return replace(flow, last_day=day) if last else replace(flow, day=day)


def read_unit_period(content: Mapping[str, Any], flows: Sequence[Flow]) -> UnitPeriod | None:
    """The unit-period as it is given, by name or by how many make a year, which must agree; None: to be found from the dates."""
    names, per_year = content.get("unit_period"), content.get("w")
    counted = None if per_year is None else _of_count(per_year)
    if names is None:
        if counted is None and any(flow.timed or flow.counts_in_units for flow in flows):
            raise Unsupported("unit_period (missing: times or steps count in it)")
        return counted
    said = _units_in(names) if isinstance(names, str) else []
    if not said:
        raise Unreadable("unit_period")
    fitting = said if counted is None else [unit for unit in said if unit.per_year == counted.per_year]
    if not fitting:
        raise Unsupported("w (is not that of unit_period)")
    return fitting[0]


def _of_count(per_year: Any) -> UnitPeriod:
    try:
        return unit_period_of(number_of(per_year, "w"))
    except PlanError as error:
        raise Unreadable("w") from error


def _units_in(text: str) -> list[UnitPeriod]:
    """The unit-periods that a text names: "4 weeks", "term of 6 months"."""
    found = []
    for name in _UNIT.findall(text.lower()):
        with contextlib.suppress(PlanError):
            found.append(unit_period_from_text(name))
    return found


# -------------------------------------------------------------------------------------------------------------------------------- days


def all_days(flow: Flow, unit: UnitPeriod | None) -> list[date]:
    """The day of each amount of a flow whose first is known."""
    if flow.days:
        return list(flow.days)
    if flow.day is None:
        raise Unsupported(f"{flow.at}.t (neither time nor date)")
    return [flow.day, *(_later(flow, flow.day, unit, count) for count in range(1, len(flow.amounts)))]


def _later(flow: Flow, first: date, unit: UnitPeriod | None, count: int) -> date:
    """`count` steps after the first day: a whole step is of unit-periods where there is one, any other of years."""
    try:
        if isinstance(flow.step, UnitPeriod):
            return later(first, flow.step, count, flow.anchor)
        if flow.step is None:
            raise Unreadable(f"{flow.at}.step")
        if unit is not None and flow.step.denominator == 1:
            return later(first, unit, int(flow.step) * count, flow.anchor)
        return later(first, _span(flow.step, flow.at), count, flow.anchor)
    except (ValueError, OverflowError) as error:
        raise Unreadable(f"{flow.at}.step") from error


def _span(years: Fraction, at: str) -> UnitPeriod:
    for whole, kind in ((12, MONTH), (52, WEEK), (365, DAY)):
        if (years * whole).denominator == 1 and years > 0:
            return UnitPeriod(kind, int(years * whole))
    raise Unreadable(f"{at}.step")
