"""Checks of balances as an operator sets them: what each says of its figures, and what is no check."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest

from yuefu.money.amounts import Money
from yuefu.reconciliation.rules.balances import RateCheck
from yuefu.reconciliation.rules.checks import Checked, check_set, evaluate

FIGURES = {
    "ledger:channel_cash": Money(10_000, "CNY"),
    "bill:channel_fund": Money(9_950, "CNY"),
    "ledger:bank_cash": Money(11_000, "CNY"),
    "ledger:bank_cash/EUR": Money(10_000, "EUR"),
    "ledger:client_cash/EUR": Money(0, "EUR"),
}


def checked(**given: Any) -> Checked:
    return evaluate(check_set({"name": "a", **given}), FIGURES, "CNY")


@pytest.mark.parametrize(
    ("given", "passed", "reason", "verdict"),
    [
        ({"zero": {"ledger:channel_cash": 1, "bill:channel_fund": -1}}, False, "beyond_tolerance", "warnings"),
        ({"zero": {"ledger:channel_cash": 1, "bill:channel_fund": -1}, "tolerance_minor": 50}, True, "", "reconciled"),
        (
            {"same": ["ledger:channel_cash", "bill:channel_fund", "bill:bank"], "tolerance_minor": 100},
            False,
            "source_missing",
            "incomplete",
        ),
        ({"same": ["ledger:channel_cash", "bill:channel_fund"], "tolerance_minor": 49}, False, "beyond_tolerance", "warnings"),
        ({"same": ["ledger:bank_cash/EUR", "ledger:client_cash/EUR"]}, False, "beyond_tolerance", "warnings"),
        ({"rate": {"base": "ledger:bank_cash/EUR", "quote": "ledger:bank_cash", "target": "1.10", "bps": 25}}, True, "", "reconciled"),
        (
            {"rate": {"base": "ledger:client_cash/EUR", "quote": "ledger:bank_cash", "target": "1", "bps": 0}},
            False,
            "base_balance_zero",
            "warnings",
        ),
        ({"rate": {"base": "bill:bank", "quote": "ledger:bank_cash", "target": "1", "bps": 0}}, False, "source_missing", "incomplete"),
    ],
)
def test_a_check_holds_does_not_or_lacks_a_figure(given: dict[str, Any], passed: bool, reason: str, verdict: str) -> None:
    found = checked(**given)
    assert (found.outcome.passed, found.outcome.reason, found.verdict) == (passed, reason, verdict)


def test_what_is_missing_is_named_and_a_rate_is_told_exactly() -> None:
    lacking = {"same": ["ledger:channel_cash", "bill:bank"]}
    assert checked(**lacking).missing == ("bill:bank",)
    rate = checked(rate={"base": "ledger:bank_cash/EUR", "quote": "ledger:bank_cash", "target": "1.10", "bps": 25}).outcome
    assert isinstance(rate, RateCheck)
    assert (rate.observed, rate.bounds) == (Fraction(11, 10), (Fraction("1.09725"), Fraction("1.10275")))


TWO = ["ledger:channel_cash", "bill:channel_fund"]


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ("channel", "name"),
        ({"name": "a b", "same": TWO}, "name"),
        ({"name": "a"}, "one of zero, same, rate"),
        ({"name": "a", "same": TWO, "zero": {}}, "one of zero, same, rate"),
        ({"name": "a", "same": TWO, "sql": ""}, "one of zero, same, rate"),
        ({"name": "a", "same": TWO[:1]}, "from 2"),
        ({"name": "a", "same": ["ledger:channel_cash", "ledger:gold"]}, "ledger:gold"),
        ({"name": "a", "same": ["ledger:channel_cash", "ledger:bank_cash/XXX"]}, "XXX"),
        ({"name": "a", "same": ["ledger:channel_cash", "bill:post"]}, "bill:post"),
        ({"name": "a", "same": ["ledger:channel_cash", "ledger:bank_cash/EUR"]}, "one currency"),
        ({"name": "a", "same": TWO, "tolerance_minor": 0.5}, "whole number"),
        ({"name": "a", "same": TWO, "tolerance_minor": -1}, "whole number"),
        ({"name": "a", "zero": TWO}, "1 or -1"),
        ({"name": "a", "zero": {TWO[0]: 2, TWO[1]: -1}}, "1 or -1"),
        ({"name": "a", "zero": {TWO[0]: True, TWO[1]: -1}}, "1 or -1"),
        ({"name": "a", "rate": {"base": TWO[0], "quote": TWO[1], "target": "1"}}, "base, quote, target and bps"),
        ({"name": "a", "rate": {"base": TWO[0], "quote": TWO[1], "target": "0", "bps": 1}}, "above 0"),
        ({"name": "a", "rate": {"base": TWO[0], "quote": TWO[1], "target": 1.1, "bps": 1}}, "decimal text"),
        ({"name": "a", "rate": {"base": TWO[0], "quote": TWO[1], "target": "1", "bps": 10_001}}, "bps"),
    ],
)
def test_what_is_no_check_is_refused_with_what_is_wrong(given: Any, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        check_set(given)
