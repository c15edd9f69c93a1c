"""Legal caps on the annual cost: a dated table, by jurisdiction, each cap with the measure it is in. Pure.

`24 %` means nothing without its measure: 2 % a month is 24.00 % simple and 26.82 % compound.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from yuefu.errors import Refused
from yuefu.plans.annual_cost import AnnualCost, DatedFlow
from yuefu.plans.laws import COMPOUND, EU_APR, REGZ_NOMINAL, SIMPLE, Law, cost_by_law

NO_CAP_KNOWN: Final = "no_cap_known"  # without a cap in force nothing can be said to be within it

MEASURES: Final = (COMPOUND, SIMPLE, EU_APR, REGZ_NOMINAL)
_HIGHEST_PCT: Final = 1_000


@dataclass(frozen=True, slots=True)
class Cap:
    """At most `max_pct` a year by `measure`, from a day on."""

    valid_from: date
    measure: str
    max_pct: Decimal

    def of(self, *, draws: Sequence[DatedFlow], payments: Sequence[DatedFlow], known: AnnualCost | None = None) -> Decimal:
        """The figure of a loan that this cap speaks of, per cent; `known` saves computing that cost again. Raises AnnualCostError as `cost_by_law`."""
        if self.measure in (EU_APR, REGZ_NOMINAL):
            return cost_by_law(draws=draws, payments=payments, law=Law.EU if self.measure == EU_APR else Law.US).pct
        if known is not None:
            return known.compound_pct if self.measure == COMPOUND else known.simple_pct
        compound, simple = cost_by_law(draws=draws, payments=payments, law=Law.CN).figures
        return compound.pct if self.measure == COMPOUND else simple.pct

    def allows(self, pct: Decimal) -> bool:
        """Whether a figure by this measure is within the cap; the cap itself is."""
        return pct <= self.max_pct


def checked(table: Mapping[str, Sequence[Mapping[str, Any]]]) -> dict[str, list[Cap]]:
    """The caps of a table by jurisdiction. Raises ValueError, saying what is wrong, for a table that is none."""
    if not isinstance(table, Mapping):
        raise ValueError("caps are a table: jurisdiction → list of {from, measure, max_pct}")
    return {jurisdiction: [_cap(jurisdiction, row) for row in rows] for jurisdiction, rows in table.items()}


def _cap(jurisdiction: str, row: Any) -> Cap:
    if not isinstance(row, Mapping) or set(row) != {"from", "measure", "max_pct"}:
        raise ValueError(f"a cap of {jurisdiction} has from, measure and max_pct")
    if row["measure"] not in MEASURES:
        raise ValueError(f"a cap is measured as {', '.join(MEASURES[:-1])} or {MEASURES[-1]}, not {row['measure']!r}")
    try:
        cap = Cap(date.fromisoformat(row["from"]), row["measure"], Decimal(row["max_pct"]))
    except (TypeError, ValueError, InvalidOperation) as error:
        raise ValueError(
            f"a cap of {jurisdiction} has a day and a decimal text, not {row['from']!r:.20} and {row['max_pct']!r:.20}"
        ) from error
    if not isinstance(row["max_pct"], str) or not cap.max_pct.is_finite() or not 0 < cap.max_pct <= _HIGHEST_PCT:
        raise ValueError(f"a cap of {jurisdiction} is a decimal text above 0 and at most {_HIGHEST_PCT}, not {row['max_pct']!r:.20}")
    return cap


def cap_in_force(table: Mapping[str, Sequence[Mapping[str, Any]]], *, jurisdiction: str, on: date) -> Cap | Refused:
    """The cap of a jurisdiction on a day, else Refused with NO_CAP_KNOWN. Raises ValueError for a table that is none."""
    begun = [cap for cap in checked(table).get(jurisdiction, ()) if cap.valid_from <= on]
    if not begun:
        return Refused(NO_CAP_KNOWN, f"there is no cap of {jurisdiction} in force on {on}", "jurisdiction")
    return max(begun, key=lambda cap: cap.valid_from)
