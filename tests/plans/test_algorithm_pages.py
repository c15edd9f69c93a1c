"""The pages on algorithms say what the code does: each worked table is read from the page and recomputed.

A page is in WORKED with the heading of its table and what recomputes a row: the cells that must stand in it, from those that are given.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Final

import numpy as np
import pytest

from yuefu.cli.plan_terms import Given
from yuefu.money.amounts import Money
from yuefu.money.rates import Rounding, divide
from yuefu.plans.flows import flows_from_text
from yuefu.plans.label import render_price_label
from yuefu.plans.laws import SIMPLE, Law, cost_by_law
from yuefu.plans.lifecycle.factors import SCALE
from yuefu.plans.offer.disclosure import cost_table
from yuefu.plans.offer.offered import offer
from yuefu.plans.portfolio_rows import settled

PAGES: Final = Path(__file__).parents[2] / "docs" / "algorithms"
Row = dict[str, str]


def annual_cost(row: Row) -> Row:
    """Unit-period and figures of the flows in a row."""
    sides = [[flow for text in row[name].split(", ") for flow in flows_from_text(text, "EUR")] for name in ("draws", "payments")]
    cost = cost_by_law(draws=sides[0], payments=sides[1], law=Law(row["law"]))
    named = [figure.text() + (" simple" if figure.measure == SIMPLE else " compound") for figure in cost.figures]
    return {"unit-period": str(cost.unit_period), "annual cost, %": ", ".join(named) if len(named) > 1 else cost.text()}


def offered(row: Row) -> Row:
    """What is shown of a plan as it is typed, against a cash price."""
    words = {"principal": ("1999.00",), "disbursed-on": ("2026-10-12",)}
    found = offer(Given(words, date(2026, 10, 12)).also(row["plan"]).terms(), cash_price=Money.parse(row["cash price"], "CNY"))
    return {
        "label": render_price_label(found.label),
        "received": Money(cost_table(found).content["net_received_minor"], "CNY").decimal_text(),
        "costs": found.charge.decimal_text(),
        "annual cost, %": found.cost.compound_text(),
    }


def interest_of_a_portfolio(row: Row) -> Row:
    """What a float makes of balance × factor, whether that is too near to a half to be trusted, and what comes out."""
    balance, factor = (int(row[name].replace(",", "")) for name in ("balance", "factor × 10^12"))
    scaled = factor * 1e-12
    product = balance * scaled
    near, bound = round(product), 0.5 - 4 * 2.0**-53 * product
    (found,) = settled(np.array([float(balance)]), np.array([scaled]), np.array([float(near)])).tolist()
    assert found == divide(balance * factor, SCALE, Rounding.HALF_EVEN)
    twice = "yes" if abs(product - near) > bound else "no"
    return {
        "by float": f"{near:,}",
        "looked at twice": twice,
        "rest × 10^12": f"{balance * factor - near * SCALE:,}",
        "interest": f"{found:,}",
    }


WORKED: Final[dict[str, tuple[str, Callable[[Row], Row]]]] = {
    "annual-cost.md": ("A worked table", annual_cost),
    "offers.md": ("A worked table", offered),
    "portfolio.md": ("A worked table: interest", interest_of_a_portfolio),
}


def table(page: str, heading: str) -> list[Row]:
    """The rows of the first table under a heading, each by its column names."""
    below = (PAGES / page).read_text("utf-8").split(f"\n## {heading}\n", 1)[1]
    lines = re.findall(r"^\|.*\|$", below.split("\n## ", 1)[0], re.MULTILINE)
    names, _, *rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return [dict(zip(names, row, strict=True)) for row in rows]


def worked_rows() -> Iterator[object]:
    for page, (heading, recompute) in WORKED.items():
        for number, row in enumerate(table(page, heading), start=1):
            yield pytest.param(row, recompute, id=f"{page}-{number}")


@pytest.mark.parametrize(("row", "recompute"), [*worked_rows()])
def test_a_row_of_the_page_is_what_the_code_computes(row: Row, recompute: Callable[[Row], Row]) -> None:
    found = recompute(row)
    assert {name: row[name] for name in found} == found


def test_every_page_has_a_worked_table() -> None:
    assert {page.name for page in PAGES.glob("*.md")} == WORKED.keys()
    assert min(len(table(page, heading)) for page, (heading, _) in WORKED.items()) >= 3
