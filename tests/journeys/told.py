"""A small world with everything that a merchant reads about its money: parts captured, goods given back in every way, money that came back, was frozen,
and is on its way."""

from __future__ import annotations

import secrets
from datetime import date

from tests.journeys.conftest import LATE_DAY, Shop, shop_opened
from tests.journeys.test_freezes import freeze
from yuefu.ids import IdSource
from yuefu.journeys import refund
from yuefu.money.amounts import Money
from yuefu.orders.commands import RefundRequest
from yuefu.runtime.vault import Vault

DUE = date(2026, 10, 25)


def world(vault: Vault) -> Shop:
    """The first merchant sells for some days, the bank of the second sends its money back. It ends on the day after instalments were due."""
    shop = shop_opened(vault, IdSource(secrets.randbits), LATE_DAY, version="2026-2")
    plain = shop.bought("600.00")
    refused = shop.bought("900.00")
    unknown = shop.bought("700.00")
    twice = shop.buy(shop.consumer(), "1200.00")
    shop.capture(twice.order_id, "500.00")
    shop.bought("300.00", merchant=1)
    shop.next_day()
    shop.settle()
    shop.capture(twice.order_id)
    rejected = shop.bought("240.00")
    _back(shop, rejected.order_id, "rejection", "40.00")
    shop.refund(shop.bought("150.00").order_id)  # whole on its day: a reversal
    shop.next_day()
    shop.settle()
    shop.poll_payouts()
    shop.refund(twice.order_id, "800.00")  # of both captures
    shop.until(DUE)
    shop.settle()
    for loan, card in ((plain, "ok"), (refused, "refund_fails"), (unknown, "refund_unknown")):
        shop.repay(loan.loan_id, card=f"card:1:{card}")
        shop.refund(loan.order_id)
    freeze(shop, Money.parse("50.00", "CNY"), days=1)
    for amount in ("1999.00", "640.00"):
        shop.bought(amount)
    shop.next_day(close=False)
    shop.settle()
    shop.bought("420.00")
    return shop


def _back(shop: Shop, order_id, event: str, amount: str) -> None:  # type: ignore[no-untyped-def]
    asked = RefundRequest(f"back-{order_id}", shop.seller(order_id), order_id, Money.parse(amount, "CNY"), event=event)
    (outcome,) = refund.refund(desk=shop.desk, now=shop.now(13), requests=[asked])
    assert isinstance(outcome, refund.Refunded), outcome
