"""The overview of a book: its days, its sums, what is open, its latest orders page by page."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from yuefu import ids
from yuefu.errors import Refused
from yuefu.journeys import reconciliation, stopping
from yuefu.journeys.overview import overview
from yuefu.journeys.views import Overview
from yuefu.merchants import queries as merchants
from yuefu.money.amounts import Money
from yuefu.reconciliation.commands import FileIn
from yuefu.runtime import quarantine, sql
from yuefu.runtime.batch import Quarantined
from yuefu.runtime.stops import NewStop


def yuan(text):
    return Money.parse(text, "CNY")


def seen(shop, **given) -> Overview:
    with sql.reading(book_id=shop.book_id):
        found = overview(book_id=shop.book_id, **given)
    assert isinstance(found, Overview), found
    return found


def refusal(shop, **given):
    with sql.reading(book_id=shop.book_id):
        found = overview(**({"book_id": shop.book_id} | given))
    assert isinstance(found, Refused)
    return found.code


def test_a_book_on_its_first_day_is_empty_and_adds_up(shop):
    found = seen(shop)
    assert (found.book_code, found.mode, found.legal_entity) == (shop.desk.book.code, "test", "Test Lender")
    assert found.days == (found.today,)
    assert (found.today.on, found.today.state, found.today.orders, found.today.captured) == (shop.on, "open", 0, yuan("0.00"))
    assert (found.last_closed_on, found.days_waiting_to_close) == (None, ())
    assert (found.orders, found.next_cursor, found.bridges, found.breaks_open) == ((), "", (), 0)
    assert found.trial_balance_zero
    assert found.owed_to_merchants == found.principal_outstanding == yuan("0.00")


def test_a_day_counts_what_was_ordered_captured_refunded_repaid_and_paid_out(shop):
    shop.buy(shop.consumer(limit="500.00"))
    shop.buy(shop.consumer())
    got = shop.bought()
    shop.refund(got.order_id, "100.00")
    first = seen(shop)
    assert (first.today.orders, first.today.approved, first.today.declined) == (3, 2, 1)
    assert (first.today.captured, first.today.refunded) == (yuan("1999.00"), yuan("100.00"))
    assert (first.loans_open, first.overdue_loans, first.principal_outstanding) == (1, 0, yuan("1899.00"))
    assert first.owed_to_merchants == yuan("1951.03") - yuan("97.60")
    shop.next_day()
    shop.settle()
    shop.until(date(2026, 10, 25))
    shop.repay(got.loan_id)
    later = seen(shop)
    assert later.days[0] == first.today.__class__(
        first.today.on, "closed", 3, 2, 1, yuan("1999.00"), yuan("100.00"), yuan("0.00"), yuan("0.00")
    )
    assert later.days[1].paid_out == first.owed_to_merchants
    assert later.today.repaid == first.principal_outstanding - later.principal_outstanding > yuan("600.00")
    assert later.owed_to_merchants == yuan("0.00")
    assert later.trial_balance_zero


def test_days_run_without_a_gap_from_the_first_one_to_today(shop):
    shop.until(shop.on + timedelta(days=4))
    found = seen(shop)
    assert [day.on for day in found.days] == [date(2026, 10, 12 + n) for n in range(5)]
    assert [day.state for day in found.days] == ["closed"] * 4 + ["open"]
    assert found.last_closed_on == date(2026, 10, 15)


def test_no_more_than_thirty_days_are_shown(shop):
    shop.until(shop.on + timedelta(days=33))
    found = seen(shop)
    assert len(found.days) == 30
    assert found.days[-1].on == found.today.on == shop.on


def test_days_that_wait_to_close_are_named(shop):
    shop.next_day()
    shop.next_day(close=False)
    shop.next_day(close=False)
    found = seen(shop)
    assert found.days_waiting_to_close == (date(2026, 10, 13), date(2026, 10, 14))
    assert (found.last_closed_on, found.today.on) == (date(2026, 10, 12), date(2026, 10, 15))
    assert [day.state for day in found.days] == ["closed", "closing", "closing", "open"]


def test_a_loan_not_paid_when_its_day_ended_is_overdue(shop):
    shop.bought()
    shop.next_day()
    shop.settle()
    shop.until(date(2026, 10, 26))
    assert seen(shop).overdue_loans == 1


def test_the_latest_bridge_of_each_source_and_the_open_breaks_are_shown(shop):
    got = shop.bought()
    shop.next_day()
    shop.settle()
    shop.repay(got.loan_id, "100.00", card="card:1:unknown_then_success")
    shop.reconcile()
    shop.next_day()
    shop.reconcile()
    found = seen(shop)
    assert [(bridge.source, bridge.on, bridge.state) for bridge in found.bridges] == [
        (source, date(2026, 10, 13), "done") for source in ("channel_trade", "channel_fund", "bank", "bank_client")
    ]
    trade, _, bank, client = found.bridges
    assert (trade.bill, trade.books, trade.differences, trade.residual) == (
        yuan("100.00"), yuan("0.00"), {"missing_here": yuan("100.00")}, yuan("0.00"),
    )  # fmt: skip
    assert bank.bill == bank.books == -yuan("1951.03")  # own money that became client money, and was paid out
    assert client.bill == client.books == yuan("0.00")
    assert found.breaks_open == 3


def test_a_bill_that_is_there_and_was_not_gone_through_has_its_state_and_no_figures(shop):
    files = reconciliation.fetch(desk=shop.desk, on=shop.on)
    reconciliation.reconcile(desk=shop.desk, now=shop.now(), files=[FileIn("bank", files["bank"], shop.on)])
    (bridge,) = seen(shop).bridges
    assert (bridge.state, bridge.bill, bridge.books, bridge.residual) == ("waiting", yuan("0.00"), yuan("0.00"), yuan("0.00"))


def test_orders_come_newest_first_page_by_page_each_once(shop):
    consumer = shop.consumer()
    for _ in range(5):
        shop.buy(consumer, "100.00")
    pages, cursor = [], ""
    while True:
        found = seen(shop, cursor=cursor, limit=2)
        pages.append([order.merchant_reference for order in found.orders])
        cursor = found.next_cursor
        if not cursor:
            break
    assert [len(page) for page in pages] == [2, 2, 1]
    assert sorted(reference for page in pages for reference in page) == [f"REF-{n:04d}" for n in range(1, 6)]
    order = seen(shop, limit=1).orders[0]
    assert (order.merchant_en, order.merchant_zh, order.amount, order.periods, order.state) == (
        "Shop 1", "1号店", yuan("100.00"), 3, "authorised",
    )  # fmt: skip


@pytest.mark.parametrize("cursor", ["x", "ord_", "loan_01h455vb4pex5vsknk084sn02q", "ord_01h455vb4pex5vsknk084sn02q"])
def test_a_cursor_that_is_no_order_of_this_book_is_refused(shop, cursor):
    assert refusal(shop, cursor=cursor) == "cursor_malformed"


@pytest.mark.parametrize("limit", [0, -1, 101])
def test_a_page_has_one_to_a_hundred_orders(shop, limit):
    assert refusal(shop, limit=limit) == "limit_invalid"


def test_the_book_of_somebody_else_does_not_exist(shop, book):
    assert refusal(shop, book_id=book.id) == "unknown_book"


def test_the_page_says_what_is_stopped_for_whom_and_how_much_was_set_aside(shop):
    assert (seen(shop).stops, seen(shop).set_aside) == ((), 0)
    ends = shop.now() + timedelta(hours=1)
    wanted = [
        NewStop("a", "payouts", "merchant", str(shop.merchants[0]), "a look at it", ends),
        NewStop("b", "new_credit", "funder", str(shop.book_id), "no money"),
        NewStop("c", "new_credit", "product", "free", "too many"),
        NewStop("d", "read_only", "", "", "moving"),
    ]
    made = stopping.impose(desk=shop.desk, now=shop.now(), wanted=wanted).outcomes
    with sql.transacting():
        quarantine.put_aside(
            book_id=shop.book_id, command="x", culprits=[(shop.book_id, Quarantined("e"))], now=shop.now(), ids=shop.desk.ids
        )
    found = seen(shop)
    name = merchants.shown(ids=[shop.merchants[0]])[shop.merchants[0]]
    assert found.set_aside == 1
    assert [(s.action, s.dimension, s.value_en, s.value_zh, s.reason, s.expires_at) for s in found.stops] == [
        ("payouts", "merchant", name.name_en, name.name_zh, "a look at it", ends),
        ("new_credit", "funder", "Test Lender", "Test Lender", "no money", None),
        ("new_credit", "product", "free", "free", "too many", None),
        ("read_only", "", "", "", "moving", None),
    ]
    assert found.stops[0].public_id == ids.text("stop", made[0].id)
