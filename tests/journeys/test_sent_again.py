"""What timed out outside is sent again under the very reference of the first call, so that nobody pays or is paid twice."""

from __future__ import annotations

from contextlib import suppress
from datetime import date

import pytest

from yuefu.journeys import repayment
from yuefu.journeys.repayment import RepayRequest
from yuefu.money.amounts import Money
from yuefu.payments.gateways.sandbox import SandboxChannel
from yuefu.runtime import sql

DUE = date(2026, 10, 25)


class TimedOut(Exception):
    """The other side did not answer in time."""


@pytest.fixture
def first_call_times_out(monkeypatch):
    """`first_call_times_out("collect", acted=True)`: the references of each call of a verb; the first gets no answer, acted upon or not."""

    def arrange(verb, *, acted):
        called, original = [], getattr(SandboxChannel, verb)

        def call(self, *, orders, now):
            if not orders:
                return original(self, orders=orders, now=now)
            called.append([order.reference for order in orders])
            if len(called) == 1:
                if acted:
                    original(self, orders=orders, now=now)
                raise TimedOut
            return original(self, orders=orders, now=now)

        monkeypatch.setattr(SandboxChannel, verb, call)
        return called

    return arrange


def trades(shop, kind):
    return sql.value("SELECT count(*) FROM payments_sandbox_trade WHERE book_id = %s AND kind = %s", [shop.book_id, kind])


@pytest.mark.parametrize("acted", [True, False])
@pytest.mark.parametrize("again", ["the request", "the poll"])
def test_a_collection_that_timed_out_keeps_its_reference_reg_medusa_16292(shop, first_call_times_out, acted, again):
    got = shop.bought("600.00")
    shop.until(DUE)
    called = first_call_times_out("collect", acted=acted)
    request = RepayRequest("y", got.loan_id, Money(200_00, "CNY"), "card:1:ok")
    with suppress(TimedOut):
        repayment.repay(desk=shop.desk, now=shop.now(14), requests=[request])
    assert len(called) == 1
    if again == "the request":
        repayment.repay(desk=shop.desk, now=shop.now(15), requests=[request])
    repayment.poll(desk=shop.desk, now=shop.now(16))
    assert {tuple(references) for references in called} == {tuple(called[0])}
    assert (len(called) > 1) is not acted
    assert trades(shop, "payment") == 1
    (done,) = repayment.repay(desk=shop.desk, now=shop.now(17), requests=[request])
    assert (done.state, done.amount) == ("succeeded", Money(200_00, "CNY"))
    shop.prove()


@pytest.mark.parametrize("acted", [True, False])
def test_a_refund_that_timed_out_keeps_its_reference_reg_medusa_16681(shop, first_call_times_out, acted):
    got = shop.bought("600.00")
    shop.until(DUE)
    shop.repay(got.loan_id)
    called = first_call_times_out("refund", acted=acted)
    with suppress(TimedOut):
        shop.refund(got.order_id, "550.00")
    assert len(called) == 1
    repayment.poll(desk=shop.desk, now=shop.now(16))
    repayment.poll(desk=shop.desk, now=shop.now(17))
    assert {tuple(references) for references in called} == {tuple(called[0])}
    assert len(called) == (1 if acted else 2)
    assert trades(shop, "refund") == len(called[0])
    shop.prove()
