"""However an order is captured, in one part or in five, now or later: all of it together costs no more than the consumer was shown."""

from __future__ import annotations

import random
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from yuefu.dates.daycount import DayCount
from yuefu.ids import IdSource
from yuefu.journeys.checkout import capturing
from yuefu.journeys.checkout.capturing import terms_of
from yuefu.loans import queries as loan_book
from yuefu.loans.rules import asked_by
from yuefu.money.amounts import Money
from yuefu.money.rates import Rate
from yuefu.orders import queries as order_book
from yuefu.orders import rules
from yuefu.orders.commands import CaptureRequest, Taken
from yuefu.orders.rules import Order
from yuefu.plans import loan as fold
from yuefu.plans.loan import Disbursed
from yuefu.plans.terms import Terms

ON = date(2026, 10, 12)
NOW = datetime(2026, 10, 12, 10, tzinfo=ZoneInfo("Asia/Shanghai"))
_ids = IdSource(random.Random(5).getrandbits)


def order_of(amount: int, periods: int, rate_ppm: int, due: date = date(2026, 11, 8)) -> Order:
    """As authorise makes it from the quote: total and largest instalment are those of one capture today."""
    terms = Terms(Money(amount, "CNY"), periods, Rate(rate_ppm), DayCount.ACT_365, ON, due, due.day)
    shown = asked_by(terms)
    new = [_ids.new(NOW) for _ in range(8)]
    return Order(
        id=new[0], merchant_id=new[1], consumer_id=new[2], credit_account_id=new[3], merchant_reference="R", product_id=new[4],
        product="flex", channel="online", currency="CNY", amount=amount, authorised=amount, captured=0, released=0, refunded=0,
        periods=periods, state="authorised", expires_at=NOW + timedelta(days=30), first_due_on=due, due_day=due.day,
        annual_rate_ppm=rate_ppm, day_count="act_365", rule_version="2026-1", shown_total=sum(shown), shown_instalment=max(shown),
        disclosure_id=new[5], quote_id=new[6], quote_shown_to=new[1], decision_id=new[7], seq=1, placed_on=ON,
    )  # fmt: skip


@st.composite
def plans(draw: st.DrawFn) -> tuple[Order, list[tuple[int, int]]]:
    """An order and its captures: (amount, days after the quote), of which the last takes what is left or leaves some for ever."""
    periods = draw(st.integers(2, 36))
    parts = [draw(st.integers(periods, 3_000_00) | st.integers(periods, 5_00)) for _ in range(draw(st.integers(1, 5)))]
    left = draw(st.sampled_from([0, 0, 1, 5_00]))
    days = [0] * len(parts) if draw(st.booleans()) else sorted(draw(st.integers(0, 6)) for _ in parts)
    rate = draw(st.sampled_from([0, 60_000, 144_000, 239_999, 1_000_000]))
    return order_of(sum(parts) + left, periods, rate), list(zip(parts, days, strict=True))


def shown_terms(order: Order) -> Terms:
    assert order.first_due_on is not None
    rate, count = Rate(order.annual_rate_ppm), DayCount(order.day_count)
    return Terms(Money(order.amount, "CNY"), order.periods, rate, count, order.placed_on, order.first_due_on, order.due_day)


@settings(max_examples=300)
@given(plans())
@example((order_of(1174_67, 12, 144_000), [(277_33, 0), (225_33, 0), (86_98, 0), (338_52, 0), (246_51, 0)]))  # alone, 9 cents too much
@example((order_of(36 * 5, 36, 144_000), [(36, 0)] * 5))
@example((order_of(99_99, 3, 0), [(33_34, 0), (33_34, 0), (33_31, 0)]))  # alone, 2 cents too much on the last due day
@example((order_of(99_99, 3, 0), [(99_98, 0)]))  # alone, 33.34 where 33.33 was shown
@example((order_of(599_19, 6, 144_000), [(599_19, 6)]))
def test_all_captures_together_ask_no_more_than_was_shown_on_any_day(plan: tuple[Order, list[tuple[int, int]]]) -> None:
    order, captures = plan
    shown, spent = asked_by(shown_terms(order)), []
    for minor, later in captures:
        on = ON + timedelta(days=later)
        done = rules.capture(order, Money(minor, "CNY"), _ids.new(NOW), NOW, on)
        assert isinstance(done, tuple), done
        order, made = done
        terms = terms_of(Taken(order, made), on, spent)
        assert terms.annual_rate.ppm <= order.annual_rate_ppm
        rows = fold.start(Disbursed(on, terms)).rows
        assert sum(row.principal for row in rows) == minor
        assert min(min(row.principal, row.interest) for row in rows) >= 0
        spent.append(asked_by(terms))
        assert all(sum(asked) <= most for most, *asked in zip(shown, *spent, strict=True)), "each due day asks what was shown at most"
        assert sum(map(sum, spent)) + order.remaining <= order.shown_total, "and what is left can be captured still"


def taken(order: Order, minor: int, on: date = ON) -> Taken:
    done = rules.capture(order, Money(minor, "CNY"), _ids.new(NOW), NOW, on)
    assert isinstance(done, tuple)
    return Taken(*done)


def test_the_capture_of_a_whole_order_is_the_loan_that_was_shown() -> None:
    for rate in (0, 144_000):
        terms = terms_of(taken(order_of(1000_01, 12, rate), 1000_01), ON, [])
        assert (terms.ceilings, terms.annual_rate) == (None, Rate(rate))


def test_cents_of_rounding_cost_the_lender_no_interest_where_they_have_room_elsewhere() -> None:
    order = order_of(1174_67, 12, 144_000)
    spent: list[tuple[int, ...]] = []
    for minor in (277_33, 225_33, 86_98, 338_52, 246_51):
        made = taken(order, minor)
        terms = terms_of(made, ON, spent)
        order, spent = made.order, [*spent, asked_by(terms)]
        assert terms.annual_rate.ppm > 140_000


def test_no_search_for_a_rate_is_longer_than_its_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is left of the interest: the rate goes down to none, and not in 2,880 steps."""
    order = order_of(1_000_00, 12, 144_000)
    made = taken(order, 500_00)
    tried: list[Terms] = []

    def counted(terms: Terms) -> tuple[int, ...]:
        tried.append(terms)
        return asked_by(terms)

    monkeypatch.setattr(capturing.loan_rules, "asked_by", counted)
    interest = order.shown_total - 1_000_00
    terms = terms_of(made, ON, [(interest, *[0] * 11)])
    assert sum(asked_by(terms)) == 500_00
    assert len(tried) < 40
    with pytest.raises(AssertionError, match="cost more than was shown"):
        terms_of(made, ON, [(interest + 1, *[0] * 11)])


@pytest.mark.parametrize("together", [True, False], ids=["in one batch", "one after the other"])
@pytest.mark.parametrize("product", ["free", "flex"])
def test_an_order_captured_in_three_parts_costs_what_was_shown_at_most(shop, product, together):
    """Of these parts, each priced alone at the full rate, the instalments add up to 5 cents more than those of the whole."""
    order_id = shop.buy(shop.consumer(), "599.19", product=product, periods=6).order_id
    amounts = ["66.37", "285.95", None]
    if together:
        requests = [
            CaptureRequest(f"x{n}", shop.seller(order_id), order_id, Money.parse(a, "CNY") if a else None) for n, a in enumerate(amounts)
        ]
        capturing.capture(desk=shop.desk, now=shop.now(11), requests=requests)
    else:
        for amount in amounts:
            shop.capture(order_id, amount)
    loans = loan_book.loans_of([order_id])[order_id]
    order = order_book.orders([order_id])[order_id]
    assert len(loans) == 3
    asked = zip(*(asked_by(held.state.terms) for held in loans), strict=True)
    assert all(sum(each) <= most for each, most in zip(asked, asked_by(shown_terms(order)), strict=True))
    cost = sum(row.principal + row.interest for held in loans for row in held.state.rows)
    assert cost <= order.shown_total
    assert (cost > 599_19) == (product == "flex")
    shop.prove()


def test_an_interest_free_order_captured_in_parts_asks_on_each_due_day_what_was_shown_and_a_refund_of_a_cent_no_more(shop):
    """33.33 was shown three times; the parts alone would ask 33.35 on the last day, and the refund would have raised it again."""
    order_id = shop.buy(shop.consumer(), "999.99", periods=3).order_id
    for amount in ("333.34", "333.34", None):
        shop.capture(order_id, amount)
    rows = [held.state.rows for held in loan_book.loans_of([order_id])[order_id]]
    assert [sum(row.principal for row in day) for day in zip(*rows, strict=True)] == [333_33, 333_33, 333_33]
    assert any(held.state.terms.ceilings for held in loan_book.loans_of([order_id])[order_id])
    shop.refund(order_id, "0.01")
    rows = [held.state.rows for held in loan_book.loans_of([order_id])[order_id]]
    assert all(sum(row.principal for row in day) <= 333_33 for day in zip(*rows, strict=True))
    shop.prove()
