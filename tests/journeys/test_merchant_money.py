"""What a merchant sold, is owed and was paid, as its plan, its share of monthly payment and its liquidity take it."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest

from tests.journeys.conftest import FIRST_DAY, Shop
from yuefu.growth import commands as growth
from yuefu.growth.rules.concentration import lines
from yuefu.journeys import merchant_money
from yuefu.journeys.desk import open_day
from yuefu.journeys.merchant_money import Liquidity
from yuefu.money.amounts import Money
from yuefu.runtime import sql
from yuefu.runtime.values import BusinessDay, UnitOfWork

LATER = date(2026, 11, 5)


@pytest.mark.parametrize(
    ("revenue", "level"), [("3000.00", "ok"), ("2600.00", "watch"), ("2000.00", "alert"), ("1000.00", "more_than_all")]
)
def test_what_was_sold_in_a_month_is_held_against_what_was_taken(shop: Shop, revenue: str, level: str) -> None:
    order = shop.bought("1600.00").order_id
    shop.bought("400.00")
    shop.bought("900.00", merchant=1)
    shop.refund(order, "500.00")
    with open_day(shop.desk, shop.now()) as work:
        assert isinstance(work, UnitOfWork)
        then = replace(work, day=BusinessDay(shop.book_id, LATER, "open"))
        told = growth.tell_revenue(work=then, merchant_id=shop.merchants[0], month=FIRST_DAY, amount=Money.parse(revenue, "CNY"))
        assert told is None
    given = merchant_money.lines_of(book=shop.desk.book, on=LATER)
    assert given == lines({"watch_pct": 70, "alert_pct": 85})
    with sql.reading(merchant_id=shop.merchants[0]):
        (found,) = merchant_money.concentration(book=shop.desk.book, merchant_id=shop.merchants[0], today=LATER, lines=given, months=1)
    assert (found.month, found.sold.minor, found.level) == (date(2026, 10, 1), 2000_00, level)


def test_what_is_to_come_is_all_that_a_merchant_is_owed(shop: Shop) -> None:
    """Waiting, then on its way, then paid: of the bank's answer a payout is part of the envelopes, and no more of what is to come."""
    shop.bought("1999.00")
    merchant_id = shop.merchants[0]

    def liquid() -> Liquidity:
        with sql.reading(merchant_id=merchant_id):
            found = merchant_money.liquidity(
                book=shop.desk.book, merchant_id=merchant_id, today=shop.on, cash=Money(0, "CNY"), shift_days=3
            )
        assert isinstance(found, Liquidity)
        return found

    (waiting,) = liquid().coming
    assert (waiting.on, waiting.what, waiting.amount.minor) == (FIRST_DAY + timedelta(days=1), "sales", 1999_00 - 11_99 - 35_98)
    shop.next_day()
    shop.settle()
    assert liquid().coming == (), "the bank paid it at once"
    with sql.reading(merchant_id=merchant_id):
        found = merchant_money.funds(book=shop.desk.book, merchant_id=merchant_id, today=shop.on, since=FIRST_DAY, until=shop.on)
    (divided,) = found.divided
    assert divided.paid == waiting.amount
    assert sum(part.minor for part in divided.parts) == sum(total.minor for _, total in found.sums) == waiting.amount.minor
