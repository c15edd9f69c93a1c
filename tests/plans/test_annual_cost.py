import json
import pickle
from datetime import date
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yuefu.dates.daycount import DayCount
from yuefu.dates.periods import add_months
from yuefu.money.amounts import Money
from yuefu.money.rates import Rate
from yuefu.plans.annual_cost import AnnualCost, AnnualCostError, DatedFlow, YearFlow, annual_cost, annual_cost_in_years
from yuefu.plans.schedule import schedule
from yuefu.plans.terms import Terms

EXAMPLES = [json.loads(line) for line in (Path(__file__).parents[1] / "data" / "apr_vectors.jsonl").read_text("utf-8").splitlines()]
VECTORS = [vector for vector in EXAMPLES if vector["method"] in ("eu", "cn")]
LENT_ON = date(2026, 1, 15)


def minor(amount: float | int) -> int:
    return int(Decimal(str(amount)) * 100)


def year_flows(vector: dict[str, Any], kind: str) -> list[YearFlow]:
    """The flows of one kind, repeated ones written out; `amount` is one figure or a list of them."""
    flows = []
    for flow in vector["flows"]:
        if flow["kind"] == kind:
            amounts = flow["amount"] if isinstance(flow["amount"], list) else [flow["amount"]] * flow.get("n", 1)
            step = Fraction(flow.get("step", "0"))
            flows += [YearFlow(Fraction(flow["t"]) + k * step, minor(amount)) for k, amount in enumerate(amounts)]
    return flows


def cny_flows(*flows: tuple[date, int]) -> list[DatedFlow]:
    return [DatedFlow(on, Money(amount, "CNY")) for on, amount in flows]


@pytest.mark.parametrize("vector", VECTORS, ids=[vector["id"] for vector in VECTORS])
def test_the_annual_cost_is_that_of_the_published_example(vector: dict[str, Any]) -> None:
    cost = annual_cost_in_years(draws=year_flows(vector, "draw"), payments=year_flows(vector, "pay"))
    places = Decimal(1).scaleb(-vector["precision_dp"])
    expected = vector.get("expected_apr_pct", vector.get("expected_irr_compound_pct"))
    assert cost.compound_pct.quantize(places) == Decimal(str(expected)).quantize(places)
    if "expected_x_pct" in vector:
        assert abs(cost.compound_pct - Decimal(str(vector["expected_x_pct"]))) <= Decimal(str(vector["x_abs_tol_pct"]))
    if "expected_simple_pct" in vector:
        assert Decimal(cost.simple_text()) == Decimal(str(vector["expected_simple_pct"]))
        assert abs(cost.simple_pct - Decimal(str(vector["recomputed_simple_pct"]))) <= Decimal("0.000001")


def test_the_examples_are_all_there() -> None:
    assert sum(vector["method"] == "cn" for vector in VECTORS) == 4
    assert sum(vector["method"] == "eu" for vector in VECTORS) == 29


def test_a_plan_without_interest_costs_nothing_to_the_last_digit() -> None:
    terms = Terms(Money(199900, "CNY"), 3, Rate(0), DayCount.ACT_365, LENT_ON, date(2026, 2, 15), 15)
    cost = annual_cost(
        draws=cny_flows((LENT_ON, 199900)),
        payments=[DatedFlow(instalment.due_on, instalment.total) for instalment in schedule(terms)],
    )
    assert (cost.compound_pct, cost.simple_pct) == (Decimal(0), Decimal(0))
    assert (cost.compound_text(), cost.simple_text()) == ("0.00", "0.00")


def test_a_loan_at_one_per_cent_a_month_costs_12_a_year_simple_and_12_68_compound() -> None:
    terms = Terms(Money(10_000_000, "CNY"), 12, Rate.parse_percent("12"), DayCount.THIRTY_360, LENT_ON, date(2026, 2, 15), 15)
    cost = annual_cost(
        draws=cny_flows((LENT_ON, 10_000_000)),
        payments=[DatedFlow(instalment.due_on, instalment.total) for instalment in schedule(terms)],
    )
    assert (cost.compound_text(), cost.simple_text()) == ("12.68", "12.00")


def test_a_fee_taken_at_the_start_makes_the_same_instalments_dearer() -> None:
    payments = cny_flows(*((add_months(LENT_ON, k), 10_000) for k in range(1, 13)))
    free = annual_cost(draws=cny_flows((LENT_ON, 120_000)), payments=payments)
    with_fee = annual_cost(draws=cny_flows((LENT_ON, 120_000)), payments=[*cny_flows((LENT_ON, 1_000)), *payments])
    assert free.compound_pct == 0
    assert with_fee.compound_text() == "1.56"


def test_whole_months_count_as_twelfths_and_days_as_365ths() -> None:
    for paid_on, t in ((date(2027, 1, 15), Fraction(1)), (date(2026, 2, 25), Fraction(1, 12) + Fraction(10, 365))):
        dated = annual_cost(draws=cny_flows((LENT_ON, 10_000)), payments=cny_flows((paid_on, 11_000)))
        assert dated == annual_cost_in_years(draws=[YearFlow(Fraction(0), 10_000)], payments=[YearFlow(t, 11_000)])


def test_a_fee_before_the_first_draw_lies_at_a_negative_time() -> None:
    dated = annual_cost(draws=cny_flows((LENT_ON, 10_000)), payments=cny_flows((date(2025, 12, 15), 100), (date(2027, 1, 15), 10_000)))
    in_years = annual_cost_in_years(
        draws=[YearFlow(Fraction(0), 10_000)], payments=[YearFlow(Fraction(-1, 12), 100), YearFlow(Fraction(1), 10_000)]
    )
    assert dated == in_years
    assert dated.compound_pct > 1


def test_less_paid_than_drawn_is_a_negative_cost_down_to_minus_99_per_cent() -> None:
    for paid, text in ((9_000, "-10.00"), (5_000, "-50.00"), (101, "-98.99"), (100, "-99.00")):
        cost = annual_cost_in_years(draws=[YearFlow(Fraction(0), 10_000)], payments=[YearFlow(Fraction(1), paid)])
        assert cost.compound_text() == text
    with pytest.raises(AnnualCostError) as caught:
        annual_cost_in_years(draws=[YearFlow(Fraction(0), 10_000)], payments=[YearFlow(Fraction(1), 50)])
    assert caught.value.code == "no_annual_cost"


def test_of_two_solutions_the_one_nearer_to_zero_is_taken() -> None:
    # 1,000.00 drawn, 2,300.00 paid after one year, 1,320.00 drawn after two: x = 10 % and x = 20 %.
    cost = annual_cost_in_years(
        draws=[YearFlow(Fraction(0), 100_000), YearFlow(Fraction(2), 132_000)], payments=[YearFlow(Fraction(1), 230_000)]
    )
    assert cost.compound_text() == "10.00"
    # 1,000.00 drawn, 2,040.00 paid after one year, 1,034.00 drawn after two: x = 10 % and x = -6 %.
    cost = annual_cost_in_years(
        draws=[YearFlow(Fraction(0), 100_000), YearFlow(Fraction(2), 103_400)], payments=[YearFlow(Fraction(1), 204_000)]
    )
    assert cost.compound_text() == "-6.00"


def test_a_percentage_is_shown_at_two_decimals_rounded_half_up() -> None:
    cost = AnnualCost(compound_pct=Decimal("12.68500000"), simple_pct=Decimal("12.00500000"))
    assert (cost.compound_text(), cost.simple_text()) == ("12.69", "12.01")


def test_flows_that_no_rate_balances_have_no_annual_cost() -> None:
    with pytest.raises(AnnualCostError) as caught:
        annual_cost_in_years(draws=[YearFlow(Fraction(0), 100)], payments=[YearFlow(Fraction(0), 90)])
    assert caught.value.code == "no_annual_cost"


@pytest.mark.parametrize(
    ("draws", "payments", "code"),
    [
        ([], [YearFlow(Fraction(0), 1)], "flows_missing"),
        ([YearFlow(Fraction(0), 1)], [], "flows_missing"),
        ([YearFlow(Fraction(0), 0)], [YearFlow(Fraction(1), 1)], "flow_not_positive"),
        ([YearFlow(Fraction(0), 10)], [YearFlow(Fraction(1), -5)], "flow_not_positive"),
        ([YearFlow(Fraction(0), 10)], [YearFlow(Fraction(1000), 11)], "flow_too_far"),
        ([YearFlow(Fraction(0), 10)], [YearFlow(Fraction(-21), 11)], "flow_too_far"),
    ],
)
def test_flows_that_make_no_loan_are_refused(draws: list[YearFlow], payments: list[YearFlow], code: str) -> None:
    with pytest.raises(AnnualCostError) as caught:
        annual_cost_in_years(draws=draws, payments=payments)
    assert pickle.loads(pickle.dumps(caught.value)).code == code


def test_dated_flows_need_both_sides_and_one_currency() -> None:
    for draws, payments, code in (
        ([], cny_flows((LENT_ON, 1)), "flows_missing"),
        (cny_flows((LENT_ON, 1)), [], "flows_missing"),
        (cny_flows((LENT_ON, 1)), [DatedFlow(LENT_ON, Money(1, "USD"))], "currencies_mixed"),
    ):
        with pytest.raises(AnnualCostError) as caught:
            annual_cost(draws=draws, payments=payments)
        assert caught.value.code == code


@given(st.integers(10_000, 10**9), st.integers(1, 300), st.integers(1, 60))
def test_a_single_repayment_gives_back_the_rate_it_was_made_with(lent: int, pct: int, months: int) -> None:
    owed = int(lent * (1 + pct / 100) ** (months / 12))
    if owed > lent:
        cost = annual_cost_in_years(draws=[YearFlow(Fraction(0), lent)], payments=[YearFlow(Fraction(months, 12), owed)])
        assert abs(float(cost.compound_pct) / 100 - ((owed / lent) ** (12 / months) - 1)) < 1e-9
