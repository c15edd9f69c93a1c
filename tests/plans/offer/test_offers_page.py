"""docs/algorithms/offers.md says what the code does: its worked table is read from the page and recomputed."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import pytest

from tests.plans.offer.samples import LENT_ON
from yuefu.cli.plan_terms import Given
from yuefu.money.amounts import Money
from yuefu.plans.label import render_price_label
from yuefu.plans.offer.disclosure import cost_table
from yuefu.plans.offer.offered import offer

PAGE: Final = Path(__file__).parents[3] / "docs" / "algorithms" / "offers.md"
Row = dict[str, str]


def offered(row: Row) -> Row:
    """The computed cells of a row, from its plan and cash price."""
    given = Given({"principal": ("1999.00",), "disbursed-on": (str(LENT_ON),)}, LENT_ON).also(row["plan"])
    found = offer(given.terms(), cash_price=Money.parse(row["cash price"], "CNY"))
    content = cost_table(found).content
    return {
        "label": render_price_label(found.label),
        "received": Money(content["net_received_minor"], "CNY").decimal_text(),
        "costs": found.charge.decimal_text(),
        "annual cost, %": found.cost.compound_text(),
    }


def worked_table() -> list[Row]:
    below = PAGE.read_text("utf-8").split("\n## A worked table\n", 1)[1]
    lines = re.findall(r"^\|.*\|$", below.split("\n## ", 1)[0], re.MULTILINE)
    names, _, *rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return [dict(zip(names, row, strict=True)) for row in rows]


@pytest.mark.parametrize("row", worked_table(), ids=lambda row: row["plan"])
def test_a_row_of_the_page_is_what_the_code_computes(row: Row) -> None:
    assert {name: row[name] for name in offered(row)} == offered(row)


def test_the_page_has_a_worked_table() -> None:
    assert len(worked_table()) >= 8
