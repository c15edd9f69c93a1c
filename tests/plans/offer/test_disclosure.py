"""The table of all costs: made from the schedule alone, recomputed from the printed table alone, known by its hash."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from datetime import date
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given, reject
from hypothesis import strategies as st

from tests.plans.offer import samples
from tests.plans.offer.samples import LENT_ON, fee, terms_of
from yuefu.dates.calendars import Calendar
from yuefu.money.amounts import Money
from yuefu.money.rates import Rate
from yuefu.plans.lifecycle.events import Disbursed
from yuefu.plans.lifecycle.fold import apply, start
from yuefu.plans.lifecycle.quotes import payoff
from yuefu.plans.lifecycle.terms import Adjust, LateTerms, LoanTerms, Method, Payer
from yuefu.plans.offer import wording
from yuefu.plans.offer.disclosure import CostTable, Party, cost_table, sealed
from yuefu.plans.offer.offered import OfferError, offer
from yuefu.plans.offer.recount import faults

LENDER = Party("lender", "示例小贷", "Example Lending", "DEMO-1")
RICH = terms_of(
    periods=3,
    percent="14.4",
    down_payment=Rate(250_000),
    fees=(
        fee("service_fee", percent="0.6", payee="platform"),
        fee("entry", minor=500, upfront=True),
        fee("subsidy", percent="1", payer=Payer.MERCHANT),
    ),
    late=LateTerms(fee_rate=Rate(50_000), interest=Rate(180_000), grace_days=3, cap=Rate(100_000)),
)
# Numbers that are agreed and not computed: nothing in the table could contradict them, but the hash tells.
AGREED = {"rate_ppm", "grace_days", "interest_free", "unit_minor"}


def table_of(terms: LoanTerms, **other: Any) -> CostTable:
    return cost_table(offer(terms, **other), parties=[LENDER])


def test_a_table_has_every_item_with_payee_payer_charging_basis_amount_and_annualised_value() -> None:
    content = table_of(RICH).content
    found = [[item[name] for name in ("code", "payer", "payee", "charged", "amount_minor", "annualised_pct")] for item in content["items"]]
    assert found == [
        ["interest", "consumer", "lender", "each_period", 3_642, "15.52"],
        ["service_fee", "consumer", "platform", "each_period", 3_597, "15.25"],
        ["entry", "consumer", "lender", "once", 500, "2.02"],
    ]
    assert content["items"][1]["basis"] == {"code": "share_of_principal", "rate_ppm": 6_000, "each_minor": 1_199, "times": 3}
    assert (content["items_total_minor"], content["paid_total_minor"]) == (7_739, 207_639)
    assert content["net_received_minor"] == 199_900 - 49_975 - 500
    assert [(item["code"], item["payer"], item["amount_minor"]) for item in content["paid_by_others"]] == [("subsidy", "merchant", 5_997)]
    assert content["annual_cost"] == {"compound_pct": "35.56", "simple_pct": "30.81"}
    assert (content["template"], content["rule_version"]) == ("cost-table-2", "2026-2")


def test_what_being_late_or_early_costs_is_told_with_its_cap() -> None:
    found = {cost["code"]: cost["basis"] for cost in table_of(RICH).content["contingent"]}
    assert found == {
        "late_fee": {"code": "share_of_overdue", "rate_ppm": 50_000, "of": ["principal", "interest"], "grace_days": 3},
        "penalty_interest": {"code": "annual_rate_on_overdue_principal", "rate_ppm": 180_000, "grace_days": 3},
        "late_cap": {"code": "share_of_principal", "rate_ppm": 100_000, "amount_minor": 19_990},
        "early_repayment": {"code": "no_charge", "interest_until": "day_of_payment", "later_fees": "not_asked"},
    }
    nothing = table_of(terms_of(recalculate=False, late=LateTerms(cap=Rate(100_000)))).content["contingent"]
    assert [cost["basis"]["code"] for cost in nothing] == ["no_late_charge", "no_charge"]
    assert nothing[1]["basis"] == {"code": "no_charge", "interest_until": "as_scheduled", "later_fees": "none"}
    fixed = table_of(terms_of(late=LateTerms(fee=Money(2_000, "CNY")), payoff_to_rest_date=True)).content["contingent"]
    assert fixed[0]["basis"] == {"code": "fixed_once_an_instalment", "amount_minor": 2_000, "grace_days": 0}
    assert fixed[1]["basis"]["interest_until"] == "next_due_day"


@pytest.mark.parametrize(
    ("other", "on", "until", "interest"),
    [
        ({}, date(2026, 10, 22), "day_of_payment", 789),  # ten days on 1999.00 at 14.4 % over 365
        ({"payoff_to_rest_date": True}, date(2026, 10, 22), "next_due_day", 2_445),
        ({"recalculate": False}, date(2026, 10, 22), "as_scheduled", 4_857),
        ({"method": Method.FLAT}, date(2026, 10, 22), "day_of_payment", 789),
    ],
)
def test_what_is_told_of_paying_early_is_what_the_loan_then_asks(other: dict[str, Any], on: date, until: str, interest: int) -> None:
    terms = terms_of(percent="14.4", fees=(fee("service_fee", minor=100),), **other)
    told = table_of(terms).content["contingent"][-1]["basis"]
    assert (told["interest_until"], told["later_fees"]) == (until, "not_asked")
    state, _ = apply(start(terms), Disbursed(LENT_ON, terms.principal))
    asked = payoff(state, on)
    assert (asked.interest.minor, asked.fees.minor) == (interest, 100)  # the fee of the period that runs


def test_interest_of_a_merchant_is_shown_and_is_no_cost_of_the_consumer() -> None:
    content = table_of(terms_of(percent="14.4", interest_payer=Payer.MERCHANT)).content
    assert [(item["code"], item["amount_minor"], item["basis"]["code"]) for item in content["items"]] == [
        ("interest", 0, "paid_by_another")
    ]
    assert [(item["code"], item["payer"], item["amount_minor"]) for item in content["paid_by_others"]] == [("interest", "merchant", 4_837)]
    assert content["annual_cost"]["compound_pct"] == "0.00"
    assert faults(content) == []


def test_a_principal_above_the_cash_price_is_an_item_of_its_own() -> None:
    content = table_of(terms_of(), cash_price=Money(189_900, "CNY")).content
    item = content["items"][-1]
    assert (item["code"], item["payee"], item["amount_minor"]) == ("above_cash_price", "merchant", 10_000)
    assert item["annualised_pct"] == content["annual_cost"]["compound_pct"]
    assert content["net_received_minor"] == 189_900
    assert faults(content) == []


def test_a_table_says_when_due_days_may_still_move() -> None:
    calendar = Calendar("CN", "1", frozenset(), frozenset(), date(2026, 12, 31), date(2027, 12, 31))
    content = table_of(terms_of(adjust=Adjust.FOLLOWING, calendar=calendar)).content
    assert content["term"]["provisional_after"] == 2026
    assert faults(content) == []
    lines = [[shown.label for shown in wording.lines(content, language)] for language in wording.LANGUAGES]
    assert "2026 年以后的节假日安排尚未公布，其后的还款日可能变动。" in lines[0]
    assert "The holidays of the years after 2026 have not been announced: due days beyond it may still move." in lines[1]
    assert "provisional_after" not in table_of(terms_of()).content["term"]


@pytest.mark.parametrize("code", ["licence", "term", "sum_annual", "payee"])
def test_a_fee_may_be_called_like_a_sentence_of_the_table_and_keeps_its_name(code: str) -> None:
    content = table_of(terms_of(fees=(fee(code, minor=500),))).content
    for language in wording.LANGUAGES:
        assert code in [shown.label for shown in wording.lines(content, language)]


@given(samples.terms, st.none() | st.integers(80, 120))
def test_the_items_add_up_to_what_is_paid_beyond_what_was_received_and_the_printed_table_proves_it(
    terms: LoanTerms, percent: int | None
) -> None:
    price = None if percent is None else Money(terms.principal.minor * percent // 100, "CNY")
    try:
        found = offer(terms, cash_price=price)
    except OfferError:  # a fifth of the principal for a week is no rate that is ever shown
        reject()
    content = cost_table(found).content
    assert faults(content) == []
    assert (
        sum(item["amount_minor"] for item in content["items"])
        == found.charge.minor
        == found.paid.minor - terms.principal.minor + found.excess.minor
    )
    assert content["annual_cost"]["compound_pct"] == found.cost.compound_text()
    assert all(shown.label for language in wording.LANGUAGES for shown in wording.lines(content, language))


@given(samples.terms)
def test_the_same_offer_gives_the_same_text_and_the_hash_is_of_that_text(terms: LoanTerms) -> None:
    table, again = cost_table(offer(terms)), cost_table(offer(terms))
    assert (table.text, table.hash) == (again.text, again.hash)
    assert table.hash == sha256(table.text.encode()).digest() == sealed(json.loads(table.text)).hash


def test_the_hash_does_not_depend_on_the_order_in_which_names_were_put_in() -> None:
    table = table_of(RICH)
    backwards = dict(reversed(table.content.items()))
    assert list(backwards) != list(table.content)
    assert sealed(backwards) == table


def places(content: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path to each number in a table, be it printed as a text."""
    for key, value in content.items() if isinstance(content, dict) else enumerate(content):
        if isinstance(value, dict | list):
            yield from places(value, (*path, key))
        elif isinstance(value, int) or (isinstance(value, str) and value.replace(".", "", 1).isdigit()):
            yield (*path, key)


def changed(content: dict[str, Any], path: tuple[Any, ...], by: int) -> dict[str, Any]:
    other = copy.deepcopy(content)
    holder: Any = other
    for key in path[:-1]:
        holder = holder[key]
    value = holder[path[-1]]
    holder[path[-1]] = value + by if isinstance(value, int) else f"{float(value) + by:.2f}"
    return other


@given(samples.terms, st.data())
def test_any_number_that_is_changed_changes_the_hash_and_any_computed_one_is_found_out(terms: LoanTerms, data: st.DataObject) -> None:
    table = cost_table(offer(terms))
    content = table.content
    path = data.draw(st.sampled_from(list(places(content))))
    other = changed(content, path, data.draw(st.integers(1, 1000)))
    assert sealed(other).hash != table.hash
    agreed = path[-1] in AGREED or path[0] in ("paid_by_others", "contingent") or path[-1] == "year"
    assert agreed or faults(other) != []


@pytest.mark.parametrize(
    ("path", "by", "name"),
    [
        (("principal_minor",), 1, "principal_of_instalments"),
        (("instalments", 1, "interest_minor"), 1, "each_instalment"),
        (("instalments", 1, "fees_minor", "service_fee"), 1, "each_item"),
        (("instalments", 2, "no"), 1, "term"),
        (("paid_total_minor",), -1, "paid_total"),
        (("net_received_minor",), 1, "net_received"),
        (("items", 1, "basis", "times"), 1, "basis"),
        (("items", 1, "basis", "rate_ppm"), 1_000, "basis"),
        (("items", 0, "annualised_pct"), 1, "annualised"),
        (("items_total_minor",), 1, "items_total"),
        (("annual_cost", "compound_pct"), 1, "annual_cost"),
        (("annual_cost", "simple_pct"), 1, "annual_cost"),
        (("contingent", 2, "basis", "amount_minor"), 1, "late_cap"),
        (("term", "periods"), 1, "term"),
    ],
)
def test_each_fault_has_its_name(path: tuple[Any, ...], by: int, name: str) -> None:
    assert name in faults(changed(table_of(RICH).content, path, by))


def test_a_day_an_item_or_the_statement_that_is_taken_away_is_found_out() -> None:
    def without(**other: Any) -> list[str]:
        return faults({**table_of(RICH).content, **other})

    content = table_of(RICH).content
    assert "items_of_instalments" in without(items=content["items"][:1] + content["items"][2:])
    assert "nothing_else" in without(statement="")
    assert "annual_cost" in without(drawn_on="2026-09-12")
    late = copy.deepcopy(content["instalments"])
    late[2]["due_on"] = "2027-02-12"
    assert "term" in without(instalments=late)


@pytest.mark.parametrize(
    ("fees", "parties", "code"),
    [
        ((fee("interest", minor=1),), [], "fee_code_taken"),
        ((), [LENDER, LENDER], "party_twice"),
    ],
)
def test_two_costs_of_one_name_and_a_party_named_twice_are_refused(fees: Any, parties: list[Party], code: str) -> None:
    with pytest.raises(OfferError) as told:
        cost_table(offer(terms_of(fees=fees)), parties=parties)
    assert told.value.code == code


def test_a_table_is_told_in_both_languages() -> None:
    content = table_of(RICH).content
    english = [f"{one.label}: {one.value}" for one in wording.lines(content, "en")]
    chinese = [f"{one.label}：{one.value}" for one in wording.lines(content, "zh")]
    assert "The lender: Example Lending (licence DEMO-1)" in english
    assert (
        "Service fee: ¥35.97, paid to the platform, charged with each instalment, 0.60 % of the amount of credit, ¥11.99 each time, 15.25 % a year"
        in english
    )
    assert (
        "May arise: Late fee: paid to Example Lending, 5.00 % of the overdue principal and interest, once an instalment, after 3 days"
        in english
    )
    assert "贷款人：示例小贷（许可证号 DEMO-1）" in chinese
    assert "entry：¥5.00，收取方：示例小贷，放款时一次收取，固定金额，年化 2.02%" in chinese
    assert "除已明示成本外不再收取其他贷款相关息费：" in chinese
    assert len(english) == len(chinese)


@pytest.mark.parametrize("method", list(Method))
def test_every_method_and_way_of_counting_has_its_words(method: Method) -> None:
    for terms in (terms_of(percent="9", method=method), terms_of(percent="9", method=method, interest_free=1)):
        content = table_of(terms).content
        assert all(
            wording.text(method.value, one) in "".join(line.value for line in wording.lines(content, one)) for one in wording.LANGUAGES
        )
