"""The pages on algorithms say what the code does: each worked table is read from the page and recomputed.

A page is in WORKED with the heading of its table and what recomputes a row: the cells that must stand in it, from those that are given.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest

from yuefu.cli.plan_terms import Given
from yuefu.money.amounts import Money
from yuefu.money.rates import Rate, Rounding, divide
from yuefu.plans.flows import flows_from_text
from yuefu.plans.label import render_price_label
from yuefu.plans.laws import SIMPLE, Law, cost_by_law
from yuefu.plans.lifecycle import events as e
from yuefu.plans.lifecycle.arrears import arrears
from yuefu.plans.lifecycle.events import Event, Undone
from yuefu.plans.lifecycle.factors import SCALE
from yuefu.plans.lifecycle.fold import as_of, replay
from yuefu.plans.lifecycle.schedule import schedule
from yuefu.plans.lifecycle.terms import (
    ArrearsTerms,
    DayCount,
    Excess,
    Frequency,
    InterestBy,
    LoanTerms,
    Method,
    MonthBasis,
    MonthEnd,
    Remainder,
    YearBasis,
)
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


def first_and_last(row: Row) -> Row:
    """First and last instalment and the interest of the terms in a row."""
    rows = schedule(terms_of(row))
    total = Money(sum(each.interest.minor for each in rows), "USD")
    return {"first": rows[0].total.decimal_text(), "last": rows[-1].total.decimal_text(), "interest": total.decimal_text()}


def terms_of(row: Row) -> LoanTerms:
    every, frequency = row["every"].split()
    month, _, year = row["days"].partition("/")
    options: dict[str, Any] = dict(option.split("=") for option in row["options"].split(", ") if option)
    kinds = {"month_end": MonthEnd, "remainder": Remainder, "grace_principal": int, "even_out": "yes".__eq__, "multiple": usd}
    return LoanTerms(
        principal=usd(row["principal"]),
        periods=int(row["periods"]),
        annual_rate=Rate.parse_percent(row["rate, %"]),
        disbursed_on=date.fromisoformat(row["lent on"]),
        method=Method(row["method"]),
        frequency=Frequency(frequency),
        every=int(every),
        interest_by=InterestBy.DAYS if year else InterestBy.PERIOD,
        day_count=DayCount(YearBasis(year), MonthBasis(month)) if year else DayCount(),
        **{name: kinds[name](value) for name, value in options.items()},
    )


def usd(text: str) -> Money:
    return Money.parse(text, "USD")


def entries_of(text: str, lent: e.Disbursed) -> tuple[list[Event | Undone], date]:
    """The entries that a cell says, and the day from which the loan is seen."""
    entries: list[Event | Undone] = [lent]
    seen = lent.on
    for said in filter(None, text.split(", ")):
        words = said.split()
        if words[0] == "undo":
            entries.append(Undone(int(words[1])))
            continue
        on = date.fromisoformat(words[0])
        if words[1] == "to":
            first, last = on, date.fromisoformat(words[2])
            entries.append(e.ArrearsPaused(first, last) if words[3] == "arrears" else e.InterestPaused(first, last))
            continue
        seen = max(seen, on)
        if words[1] == "paid":
            entries.append(e.Paid(on, usd(words[2]), excess=Excess(words[3]) if words[3:] else None))
        elif words[1] == "payoff":
            entries.append(e.PaidOff(on))
        elif words[1] == "reage":
            entries.append(e.Reaged(on, date.fromisoformat(words[4]), int(words[2])))
        else:
            assert words[1] in {"lent", "seen"}, said
    return entries, seen


def asked_and_owed(row: Row) -> Row:
    """What each instalment asks and what is owed in all after the events of a row."""
    days = DayCount(YearBasis.D360, MonthBasis.D30)
    terms = LoanTerms(principal=usd("100.00"), periods=6, annual_rate=Rate(70_000), disbursed_on=date(2024, 1, 1), day_count=days)
    entries, seen = entries_of(row["what happens"], e.Disbursed(date(2024, 1, 1), usd("100.00")))
    state, _ = replay(terms, entries)
    state = as_of(state, max(seen, date.fromordinal(state.last_on)))
    rows = state.rows()
    asked = [f"{Money(rows.principal[k], 'USD').decimal_text()}+{Money(rows.interest[k], 'USD').decimal_text()}" for k in range(len(rows))]
    return {"asked": ", ".join(asked), "owed": state.outstanding.decimal_text()}


def how_late(row: Row) -> Row:
    """The arrears of the loan of the page on the day of a row."""
    buckets = (("RANGE_1", 1, 3), ("RANGE_3", 4, 30), ("RANGE_30", 31, 60), ("RANGE_60", 61, 90))
    terms = LoanTerms(
        principal=usd("1000.00"), periods=3, annual_rate=Rate(0), disbursed_on=date(2023, 10, 1), frequency=Frequency.DAYS, every=15,
        down_payment=Rate(250_000), arrears=ArrearsTerms(3, buckets),
    )  # fmt: skip
    entries, _ = entries_of(row["what happens"], e.Disbursed(date(2023, 10, 1), usd("1000.00")))
    day = date.fromisoformat(row["day"])
    late = arrears(as_of(replay(terms, entries)[0], day), day)
    return {
        "overdue": late.overdue.decimal_text(),
        "days past due": str(late.past_due_days),
        "days": str(late.days),
        "bucket": late.bucket,
        "by instalment": ", ".join(f"{bucket} {amount.decimal_text()}" for bucket, amount in late.by_bucket().items()),
    }


WORKED: Final[dict[str, tuple[str, Callable[[Row], Row]]]] = {
    "annual-cost.md": ("A worked table", annual_cost),
    "offers.md": ("A worked table", offered),
    "schedules.md": ("A worked table", first_and_last),
    "life-of-a-loan.md": ("A worked table", asked_and_owed),
    "arrears.md": ("A worked table", how_late),
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
