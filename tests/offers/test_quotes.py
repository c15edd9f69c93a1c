"""What a plan costs, and the cost table that says so."""

from dataclasses import replace
from datetime import date
from hashlib import sha256
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from yuefu.dates.daycount import DayCount
from yuefu.errors import Refused
from yuefu.money.amounts import Money
from yuefu.money.rates import Rate
from yuefu.offers.rules import wording
from yuefu.offers.rules.disclosure import faults
from yuefu.offers.rules.product import Product, ProductTerms
from yuefu.offers.rules.quote import Quote, QuoteRequest, quote, quote_many
from yuefu.plans.label import render_price_label

FREE = Product(
    UUID(int=1),
    1,
    "published",
    ProductTerms(
        code="free",
        name_zh="免息分期",
        name_en="Interest-free",
        payer="merchant",
        annual_rate=Rate(0),
        periods=(3, 6, 12),
        minimum=Money(1_000, "CNY"),
        maximum=Money(5_000_000, "CNY"),
        day_count=DayCount.ACT_365,
        min_gap_days=15,
        rule_version="2026-1",
        jurisdiction="CN",
        lender_zh="示范消费金融",
        lender_en="Example Consumer Finance",
        lender_licence="L0001",
    ),
)
PAID = Product(UUID(int=2), 1, "published", replace(FREE.terms, code="paid", payer="consumer", annual_rate=Rate.parse_percent("14.4")))
ON = date(2026, 10, 1)
PRICE = Money.parse("1999.00", "CNY")


def ask(product=FREE, amount=PRICE, periods=3, **changes):
    return quote(**({"product": product, "amount": amount, "periods": periods, "on": ON, "discount_rate": Rate(18_000)} | changes))


def test_a_free_plan_costs_the_consumer_its_price_and_the_merchant_a_discount():
    found = ask()
    assert render_price_label(found.label) == "¥666.33 × 2 + ¥666.34 = ¥1,999.00"
    assert (found.cost.compound_text(), found.cost.simple_text(), found.discount) == ("0.00", "0.00", Money.parse("35.98", "CNY"))
    assert [row.due_on for row in found.instalments] == [date(2026, 11, 1), date(2026, 12, 1), date(2027, 1, 1)]


def test_a_paid_plan_costs_the_consumer_interest_and_the_merchant_nothing():
    found = ask(PAID, periods=12, discount_rate=None)
    assert found.total > PRICE
    assert found.discount == Money.zero("CNY")
    # 14.4 % nominal, paid monthly: (1 + 0.144 / 12) ** 12 - 1 = 15.39 %, up to the unequal months of a real calendar.
    assert 15.2 < float(found.cost.compound_pct) < 15.6
    assert 14.2 < float(found.cost.simple_pct) < 14.6


@pytest.mark.parametrize(
    ("repayment_day", "first_due_on"),
    [(None, date(2026, 11, 1)), (10, date(2026, 11, 10)), (16, date(2026, 10, 16)), (15, date(2026, 11, 15))],
)
def test_the_first_instalment_is_due_on_the_chosen_day_and_not_too_soon(repayment_day, first_due_on):
    assert ask(repayment_day=repayment_day).first_due_on == first_due_on


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"product": replace(FREE, state="draft")}, "not_published"),
        ({"product": replace(FREE, state="retired")}, "not_published"),
        ({"amount": Money(199_900, "USD")}, "currency_differs"),
        ({"amount": Money(999, "CNY")}, "below_minimum"),
        ({"amount": Money(0, "CNY")}, "below_minimum"),
        ({"amount": Money(-199_900, "CNY")}, "below_minimum"),
        ({"amount": Money(5_000_001, "CNY")}, "above_maximum"),
        ({"periods": 4}, "periods_not_offered"),
        ({"periods": 0}, "periods_not_offered"),
        ({"discount_rate": None}, "no_discount_agreed"),
    ],
)
def test_a_price_outside_the_product_is_refused(changes, code):
    assert ask(**changes).code == code


def test_the_cost_table_has_every_field_the_law_asks_for():
    content = ask(PAID, periods=3).disclosure.content
    interest = content["items"][0]
    assert content["principal_minor"] == content["net_received_minor"] == 199_900
    assert content["paid_total_minor"] - content["principal_minor"] == content["items_total_minor"] == interest["amount_minor"] > 0
    assert (interest["payee"], interest["charged"], interest["basis"]["rate_ppm"]) == ("lender", "each_instalment", 144_000)
    assert content["annual_cost"]["compound_pct"] == interest["annualised_pct"]
    assert (content["statement"], content["contingent"]) == ("nothing_else_is_charged", "none")
    assert content["lender"]["licence"] == "L0001"
    assert [row["no"] for row in content["instalments"]] == [1, 2, 3]


@settings(max_examples=60, deadline=None)
@given(
    product=st.sampled_from([FREE, PAID]),
    minor=st.integers(1_000, 5_000_000),
    periods=st.sampled_from([3, 6, 12]),
    on=st.dates(date(2024, 1, 1), date(2028, 12, 31)),
    day=st.one_of(st.none(), st.integers(1, 28)),
)
def test_a_cost_table_is_true_when_recomputed_from_its_printed_schedule_alone(product, minor, periods, on, day):
    found = ask(product, Money(minor, "CNY"), periods, on=on, repayment_day=day)
    assert isinstance(found, Quote)
    assert faults(found.disclosure.content) == []
    assert found.disclosure.hash == sha256(found.disclosure.text.encode()).digest()
    assert sum(row.principal.minor for row in found.instalments) == minor


@pytest.mark.parametrize(
    ("path", "fault"),
    [
        (("principal_minor",), "principal_of_instalments"),
        (("paid_total_minor",), "paid_total"),
        (("items_total_minor",), "items_total"),
        (("net_received_minor",), "nothing_else"),
        (("instalments", 1, "interest_minor"), "each_instalment"),
        (("instalments", 0, "total_minor"), "paid_total"),
        (("items", 0, "amount_minor"), "items_total"),
        (("term", "periods"), "term"),
    ],
)
def test_any_changed_number_is_found_and_changes_the_hash(path, fault):
    content = ask(PAID).disclosure.content
    inner = content
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] += 1
    assert fault in faults(content)


def test_a_changed_annual_cost_or_an_upfront_deduction_is_found():
    content = ask(PAID).disclosure.content
    assert "annual_cost" in faults(content | {"annual_cost": {"compound_pct": "9.99", "simple_pct": "9.60"}})
    assert "annual_cost" in faults(content | {"net_received_minor": content["net_received_minor"] - 10_000})


def test_the_same_quote_has_the_same_hash_and_another_day_another():
    assert ask().disclosure == ask().disclosure
    assert len({ask().disclosure.hash, ask(on=date(2026, 10, 2)).disclosure.hash, ask(amount=Money(199_901, "CNY")).disclosure.hash}) == 3


def test_many_quotes_come_in_order_and_equal_requests_are_priced_once():
    requests = [QuoteRequest(FREE, Money(minor, "CNY"), 3, ON, None, Rate(1)) for minor in (5_000, 10, 5_000, 6_000)]
    outcomes = quote_many(requests)
    assert [o.code if isinstance(o, Refused) else o.total.minor for o in outcomes] == [5_000, "below_minimum", 5_000, 6_000]
    assert outcomes[0] is outcomes[2]
    assert outcomes[0] == ask(amount=Money(5_000, "CNY"), discount_rate=Rate(1))


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("product", [FREE, PAID])
def test_a_cost_table_reads_in_both_languages(product, language):
    shown = wording.lines(ask(product).disclosure.content, language)
    assert shown[1].label == {"zh": "贷款本金", "en": "Amount of credit"}[language]
    text = " ".join(f"{line.label} {line.value}" for line in shown)
    assert "{" not in text
    assert "1999.00 CNY" in text
    assert ("示范消费金融" in text) == (language == "zh")


def test_the_statement_of_the_law_stands_last_word_for_word():
    content = ask().disclosure.content
    assert wording.lines(content, "zh")[-1].label == "除已明示成本外不再收取其他贷款相关息费"
    assert "no interest or fee" in wording.lines(content, "en")[-1].label


def test_every_refusal_of_a_quote_has_a_text_in_both_languages():
    for code in ("not_published", "currency_differs", "below_minimum", "above_maximum", "periods_not_offered", "no_discount_agreed"):
        assert all(wording.TEXTS[code])
