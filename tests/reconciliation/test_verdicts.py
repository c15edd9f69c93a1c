"""The verdict of a day, and the checks behind it: nothing that is missing passes for zero."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.published import published
from yuefu.money.amounts import Money
from yuefu.reconciliation.rules.balances import RateCheck, Term, balance, consensus, rate
from yuefu.reconciliation.rules.judgement import Verdict, together, verdict


def cny(minor: int) -> Money:
    return Money(minor, "CNY")


@pytest.mark.parametrize(
    ("found", "said"),
    [
        ({"missing": ["bank"], "breaks": 1, "warnings": 1, "pending": 1}, "incomplete"),
        ({"missing": ["bank"]}, "incomplete"),
        ({"breaks": 1, "warnings": 1, "pending": 1}, "breaks"),
        ({"warnings": 1, "pending": 1}, "warnings"),
        ({"pending": 1}, "pending"),
        ({}, "reconciled"),
    ],
)
def test_the_worst_that_holds_is_said(found: dict[str, int], said: str) -> None:
    assert verdict(**found) == said  # type: ignore[arg-type]


def test_several_sources_are_as_good_as_the_worst_of_them_and_none_at_all_is_incomplete() -> None:
    assert together([Verdict.RECONCILED, Verdict.PENDING, Verdict.WARNINGS]) is Verdict.WARNINGS
    assert together([Verdict.BREAKS, Verdict.INCOMPLETE]) is Verdict.INCOMPLETE
    assert together([Verdict.RECONCILED]) is Verdict.RECONCILED
    assert together([]) is Verdict.INCOMPLETE


def test_an_equation_holds_within_its_tolerance_fr_eq_02() -> None:
    given_, expected = published("fr-eq-02")
    terms = [Term(name, cny(int(amount)), sign) for name, amount, sign in given_["terms"]]
    found = balance(terms, cny(int(given_["tolerance"])))
    assert (found.off, found.passed) == (cny(int(expected["residual"])), expected["passed"])
    one_less = balance(terms, cny(int(given_["tolerance"]) - 1))
    assert (one_less.passed, one_less.reason, one_less.off) == (False, "beyond_tolerance", found.off)


def test_an_equation_without_one_of_its_figures_has_failed() -> None:
    found = balance([Term("bill", cny(0), 1), Term("books", None, -1)], cny(0))
    assert (found.passed, found.reason, found.missing) == (False, "source_missing", ("books",))
    assert not balance([], cny(0)).passed


def test_sources_agree_only_where_all_of_them_are_there_fr_consensus_01() -> None:
    given_, expected = published("fr-consensus-01")
    sources = {name: None if amount is None else cny(int(amount)) for name, amount in given_["sources"].items()}
    found = consensus(sources, cny(int(given_["tolerance"])))
    assert (found.passed, list(found.missing)) == (expected["passed"], expected["missing"])
    whole = sources | {"bank": cny(10_100)}
    assert consensus(whole, cny(100)).passed
    assert (consensus(whole, cny(99)).reason, consensus(whole, cny(99)).off) == ("beyond_tolerance", cny(100))
    assert not consensus({}, cny(0)).passed


def checked(given_: dict[str, list[str]], target: str, bps: int) -> RateCheck:
    base, quote = (Money(int(minor), currency) for currency, _, minor in (given_["base"], given_["quote"]))
    return rate(base=base, quote=quote, target=Fraction(target), tolerance_bps=bps)


def test_a_rate_is_exact_and_lies_within_its_bounds_fr_fx_01() -> None:
    given_, expected = published("fr-fx-01")
    found = checked(given_, given_["target"], given_["tolerance_bps"])
    assert (found.observed, found.passed) == (Fraction(expected["observed"]), expected["passed"])
    assert found.bounds == tuple(Fraction(bound) for bound in expected["bounds"])
    at_the_bound = Money(10_972_50, "USD")
    assert rate(base=Money(10_000_00, "EUR"), quote=at_the_bound, target=Fraction("1.10"), tolerance_bps=25).passed
    beyond = rate(base=Money(10_000_00, "EUR"), quote=at_the_bound - Money(1, "USD"), target=Fraction("1.10"), tolerance_bps=25)
    assert (beyond.passed, beyond.reason) == (False, "beyond_tolerance")


def test_a_rate_counts_in_whole_units_whatever_the_decimals_of_a_currency() -> None:
    found = rate(base=Money(1_00, "EUR"), quote=Money(160, "JPY"), target=Fraction(160), tolerance_bps=0)
    assert (found.observed, found.passed) == (Fraction(160), True)


def test_an_empty_base_is_a_failed_check_and_no_error_fr_fx_03() -> None:
    given_, expected = published("fr-fx-03")
    found = checked(given_, "1.10", 25)
    assert (found.passed, found.reason, found.observed) == (expected["passed"], expected["reason"], None)


@given(st.lists(st.integers(-(10**12), 10**12), min_size=1, max_size=8))
def test_sources_that_agree_are_an_equation_that_holds_pair_by_pair(minors: list[int]) -> None:
    sources = {str(place): cny(minor) for place, minor in enumerate(minors)}
    agree = consensus(sources, cny(0)).passed
    assert agree == all(balance([Term("a", cny(minors[0]), 1), Term("b", cny(minor), -1)], cny(0)).passed for minor in minors)
