"""The tables of docs/algorithms/portfolio.md, recomputed."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np

from yuefu.money.amounts import Money
from yuefu.money.rates import Rate, Rounding, divide
from yuefu.plans import portfolio
from yuefu.plans.lifecycle.factors import SCALE
from yuefu.plans.lifecycle.schedule import schedule
from yuefu.plans.lifecycle.terms import LoanTerms
from yuefu.plans.portfolio_rows import settled

PAGE = Path(__file__).parents[2] / "docs" / "algorithms" / "portfolio.md"


def table(first_heading: str) -> list[list[str]]:
    """The cells of the table whose first column is headed so."""
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    begin = next(at for at, line in enumerate(lines) if line.startswith(f"| {first_heading} |")) + 2
    end = next((at for at in range(begin, len(lines)) if not lines[at].startswith("|")), len(lines))
    return [[cell.strip().replace(",", "") for cell in line.strip("|").split("|")] for line in lines[begin:end]]


def test_interest_of_the_page_is_what_a_float_says_and_what_the_second_look_makes_of_it():
    rows = table("balance")
    assert len(rows) == 7
    for balance, factor, by_float, twice, rest, interest in rows:
        exact, scaled = int(balance) * int(factor), float(factor) * 1e-12
        product = float(balance) * scaled
        near = round(product)
        assert (str(near), str(exact - near * SCALE)) == (by_float, rest)
        assert ("yes" if abs(product - near) > 0.5 - 4 * 2.0**-53 * product else "no") == twice
        again = settled(np.array([float(balance)]), np.array([scaled]), np.array([float(near)]))
        assert again.tolist() == [divide(exact, SCALE, Rounding.HALF_EVEN)] == [int(interest)]
    assert [row[2] != row[5] for row in rows] == [False] * 3 + [True] * 4


def test_the_loan_of_the_page_is_the_same_at_once_and_alone():
    terms = LoanTerms(principal=Money(199_900, "CNY"), periods=3, annual_rate=Rate(146_000), disbursed_on=date(2026, 1, 31))
    (group,) = portfolio.schedules_of([terms]).groups
    shown = [(date.fromisoformat(day), int(principal), int(interest)) for day, principal, interest in table("due on")]
    assert shown == [(row.due_on, row.principal.minor, row.interest.minor) for row in schedule(terms)]
    assert shown == list(zip(group.due_on[0].tolist(), group.principal_minor[0].tolist(), group.interest_minor[0].tolist(), strict=True))
