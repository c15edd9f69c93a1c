"""The loan of docs/algorithms/portfolio.md, computed at once and alone. The other table is read by `test_algorithm_pages`."""

from __future__ import annotations

from datetime import date

from tests.plans.test_algorithm_pages import table
from yuefu.money.amounts import Money
from yuefu.money.rates import Rate
from yuefu.plans import portfolio
from yuefu.plans.lifecycle.schedule import schedule
from yuefu.plans.lifecycle.terms import LoanTerms


def test_the_loan_of_the_page_is_the_same_at_once_and_alone():
    terms = LoanTerms(principal=Money(199_900, "CNY"), periods=3, annual_rate=Rate(146_000), disbursed_on=date(2026, 1, 31))
    (group,) = portfolio.schedules_of([terms]).groups
    rows = table("portfolio.md", "A worked table: a loan")
    shown = [(date.fromisoformat(row["due on"]), *(int(row[name].replace(",", "")) for name in ("principal", "interest"))) for row in rows]
    assert shown == [(row.due_on, row.principal.minor, row.interest.minor) for row in schedule(terms)]
    assert shown == list(zip(group.due_on[0].tolist(), group.principal_minor[0].tolist(), group.interest_minor[0].tolist(), strict=True))


def test_some_rows_of_the_page_are_wrong_in_a_float():
    rows = table("portfolio.md", "A worked table: interest")
    assert [row["by float"] != row["interest"] for row in rows] == [False] * 3 + [True] * 4
