"""Legal caps on the annual cost: a dated table that names its measure. Pure.

`24 %` means nothing without its measure: 2 % a month is 24.00 % simple and 26.83 % compound.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Any, Final

from yuefu.errors import Refused
from yuefu.money.rates import Rate
from yuefu.offers.rules.product import Product
from yuefu.offers.rules.quote import Quote, QuoteRequest, price
from yuefu.plans.annual_cost import AnnualCost

NO_CAP_KNOWN: Final = "no_cap_known"  # without a cap in force nothing can be said to be within it
ABOVE_CAP: Final = "above_cap"

COMPOUND, SIMPLE = "compound_irr", "simple_irr"
_LATEST_REPAYMENT_DAY: Final = 28
_HIGHEST_PCT: Final = 1_000


@dataclass(frozen=True, slots=True)
class Cap:
    """At most `max_pct` a year by `measure`, from a day on."""

    valid_from: date
    measure: str
    max_pct: Decimal

    def of(self, cost: AnnualCost) -> Decimal:
        """The figure of a cost that this cap speaks of."""
        return cost.compound_pct if self.measure == COMPOUND else cost.simple_pct


def checked(table: Mapping[str, Sequence[Mapping[str, Any]]]) -> dict[str, list[Cap]]:
    """The caps of a table by jurisdiction. Raises ValueError, saying what is wrong, for a table that is none."""
    if not isinstance(table, Mapping):
        raise ValueError("caps are a table: jurisdiction → list of {from, measure, max_pct}")
    return {jurisdiction: [_cap(jurisdiction, row) for row in rows] for jurisdiction, rows in table.items()}


def _cap(jurisdiction: str, row: Any) -> Cap:
    if not isinstance(row, Mapping) or set(row) != {"from", "measure", "max_pct"}:
        raise ValueError(f"a cap of {jurisdiction} has from, measure and max_pct")
    if row["measure"] not in {COMPOUND, SIMPLE}:
        raise ValueError(f"a cap is measured as {COMPOUND} or {SIMPLE}, not {row['measure']!r}")
    try:
        cap = Cap(date.fromisoformat(row["from"]), row["measure"], Decimal(row["max_pct"]))
    except (TypeError, ValueError, InvalidOperation) as error:
        raise ValueError(
            f"a cap of {jurisdiction} has a day and a decimal text, not {row['from']!r:.20} and {row['max_pct']!r:.20}"
        ) from error
    if not isinstance(row["max_pct"], str) or not 0 < cap.max_pct <= _HIGHEST_PCT:
        raise ValueError(f"a cap of {jurisdiction} is a decimal text above 0 and at most {_HIGHEST_PCT}, not {row['max_pct']!r:.20}")
    return cap


def cap_in_force(table: Mapping[str, Sequence[Mapping[str, Any]]], *, jurisdiction: str, on: date) -> Cap | Refused:
    """The cap of a jurisdiction on a day. Raises ValueError for a table that is none."""
    begun = [cap for cap in checked(table).get(jurisdiction, ()) if cap.valid_from <= on]
    if not begun:
        return Refused(NO_CAP_KNOWN, f"there is no cap of {jurisdiction} in force on {on}", "jurisdiction")
    return max(begun, key=lambda cap: cap.valid_from)


@lru_cache(maxsize=64)
def worst_quote(product: Product, *, cap: Cap, on: date) -> Quote:
    """The dearest quote by the measure of the cap: smallest and largest amount, each number of periods, a first due day a month later
    and every repayment day. The rounding of a cent weighs most at the smallest amount; the distance of the first due day varies the rest.
    """
    quotes = [price(request) for request in _extremes(product, on)]
    priced = [each for each in quotes if isinstance(each, Quote)]
    assert len(priced) == len(quotes), "bounds of a product are checked when it is drafted"
    return max(priced, key=lambda each: cap.of(each.cost))


def _extremes(product: Product, on: date) -> list[QuoteRequest]:
    return [
        QuoteRequest(product, amount, periods, on, repayment_day, Rate(0))
        for amount in (product.terms.minimum, product.terms.maximum)
        for periods in product.terms.periods
        for repayment_day in (None, *range(1, _LATEST_REPAYMENT_DAY + 1))
    ]


def cap_fault(product: Product, *, cap: Cap, on: date) -> Refused | None:
    """Whether a product may not be published, with the quote that is too dear."""
    if product.terms.annual_rate.ppm == 0:
        return None
    worst = worst_quote(product, cap=cap, on=on)
    figure = cap.of(worst.cost)
    if figure <= cap.max_pct:
        return None
    terms = worst.terms
    plan = f"{terms.principal} in {terms.periods} periods from {terms.first_due_on}"
    detail = f"{plan} costs {figure:.4f} %, the cap ({cap.measure}) is {cap.max_pct} %"
    return Refused(ABOVE_CAP, detail, "annual_rate")
