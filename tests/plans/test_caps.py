"""Caps: which is in force on a day, and whether a loan is within it, by the measure the cap names."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from yuefu.dates.periods import add_months
from yuefu.errors import Refused
from yuefu.money.amounts import Money
from yuefu.plans.annual_cost import DatedFlow, annual_cost
from yuefu.plans.caps import Cap, cap_in_force, checked

LENT_ON = date(2026, 1, 15)
# Two per cent a month on 10,000.00 in twelve instalments.
DRAWS = [DatedFlow(LENT_ON, Money(1_000_000, "CNY"))]
PAYMENTS = [DatedFlow(add_months(LENT_ON, k), Money(94_560, "CNY")) for k in range(1, 13)]


def cap(measure: str, pct: str = "24") -> Cap:
    return Cap(date(2020, 1, 1), measure, Decimal(pct))


@pytest.mark.parametrize(
    ("measure", "pct"), [("compound_irr", "26.83"), ("simple_irr", "24.00"), ("eu_apr", "26.83"), ("regz_nominal", "24.00")]
)
def test_the_figure_is_the_one_that_the_measure_names(measure: str, pct: str) -> None:
    figure = cap(measure).of(draws=DRAWS, payments=PAYMENTS)
    assert figure.quantize(Decimal("0.01")) == Decimal(pct)
    known = annual_cost(draws=DRAWS, payments=PAYMENTS)
    assert cap(measure).of(draws=DRAWS, payments=PAYMENTS, known=known) == figure
    assert cap(measure, str(figure)).allows(figure)
    assert not cap(measure, str(figure)).allows(figure + Decimal("0.00000001"))


def test_the_latest_cap_that_has_begun_is_in_force() -> None:
    table = {
        "CN": [
            {"from": "2026-01-01", "measure": "compound_irr", "max_pct": "24"},
            {"from": "2027-12-31", "measure": "simple_irr", "max_pct": "13.4"},
        ],
        "US-MIL": [{"from": "2015-10-03", "measure": "regz_nominal", "max_pct": "36"}],
    }
    assert [
        found.measure if isinstance(found := cap_in_force(table, jurisdiction=place, on=on), Cap) else found.code
        for place, on in (
            ("CN", date(2025, 12, 31)),
            ("CN", date(2026, 1, 1)),
            ("CN", date(2027, 12, 31)),
            ("US-MIL", date(2026, 1, 1)),
            ("EU", date(2026, 1, 1)),
        )
    ] == ["no_cap_known", "compound_irr", "simple_irr", "regz_nominal", "no_cap_known"]
    assert isinstance(cap_in_force({}, jurisdiction="CN", on=LENT_ON), Refused)


@pytest.mark.parametrize(
    "row",
    [
        {"from": "2026-01-01", "measure": "apr", "max_pct": "24"},
        {"from": "2026-01-01", "measure": ["eu_apr"], "max_pct": "24"},
        {"from": "x", "measure": "eu_apr", "max_pct": "24"},
        {"from": "2026-01-01", "measure": "eu_apr", "max_pct": 24},
        {"from": "2026-01-01", "measure": "eu_apr", "max_pct": "0"},
        {"from": "2026-01-01", "measure": "eu_apr", "max_pct": "NaN"},
        {"from": "2026-01-01", "measure": "eu_apr"},
        "24",
    ],
)
def test_a_table_that_is_none_is_told(row: Any) -> None:
    with pytest.raises(ValueError, match=r"cap(s)? "):
        checked({"CN": [row]})
