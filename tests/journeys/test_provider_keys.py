"""A call to the outside that timed out is made again under the reference it had: the attempt was stored before, and is never forgotten."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from yuefu.journeys import jobs, refund, repayment
from yuefu.journeys.refund import Refunded
from yuefu.journeys.repayment import Repaid, RepayRequest
from yuefu.money.amounts import Money
from yuefu.orders.commands import RefundRequest
from yuefu.payments import queries as payments
from yuefu.runtime import sql

DUE = date(2026, 10, 25)


class TimesOut:
    """A channel whose first call of a name comes to nothing, or is carried out and not answered; it keeps every reference it was given."""

    def __init__(self, real, name, *, carried_out):
        self._real, self._name, self._carried_out = real, name, carried_out
        self.references = []

    def __getattr__(self, name):
        real = getattr(self._real, name)
        return self._call if name == self._name else real

    def _call(self, *, orders, now):
        if not orders:
            return []
        self.references.append([order.reference for order in orders])
        first = len(self.references) == 1
        answer = getattr(self._real, self._name)(orders=orders, now=now) if self._carried_out or not first else None
        if first:
            raise TimeoutError("the provider did not answer")
        return answer


def trades(references):
    return sql.rows(
        "SELECT kind, status, amount_minor FROM payments_sandbox_trade WHERE reference = ANY(%s) ORDER BY kind, reference", [references]
    )


@pytest.mark.parametrize("carried_out", [False, True], ids=["nothing came of it", "it was carried out"])
def test_a_collection_that_timed_out_is_sent_again_under_the_same_reference_reg_medusa_16292(shop, carried_out):
    got = shop.bought("600.00")
    shop.until(DUE)
    channel = TimesOut(shop.desk.channel, "collect", carried_out=carried_out)
    desk = replace(shop.desk, channel=channel)
    request = RepayRequest("y1", got.loan_id, Money(200_00, "CNY"), "card:1:ok")
    with pytest.raises(TimeoutError):
        repayment.repay(desk=desk, now=shop.now(14), requests=[request])
    (attempt,) = payments.of_orders(order_ids=[got.order_id])[got.order_id].collections
    assert attempt.state == "attempted"
    (paid,) = repayment.repay(desk=desk, now=shop.now(15), requests=[request])
    assert isinstance(paid, Repaid)
    assert (paid.collection_id, paid.state, paid.principal) == (attempt.id, "succeeded", Money(200_00, "CNY"))
    # Where the channel says, when asked, that it carried the first call out, there is no second; else both were under one key.
    assert channel.references == [[attempt.reference]] * (1 if carried_out else 2)
    assert trades([attempt.reference]) == [("payment", "SUCCESS", 200_00)]
    assert sql.value("SELECT count(*) FROM payments_sandbox_trade WHERE payer = %s", [str(attempt.consumer_id)]) == 1
    shop.prove()


@pytest.mark.parametrize("carried_out", [False, True], ids=["nothing came of it", "it was carried out"])
def test_a_refund_that_timed_out_is_sent_again_under_the_same_reference_reg_medusa_16681(shop, carried_out):
    got = shop.bought("600.00")
    shop.until(DUE)
    shop.repay(got.loan_id, "200.00")
    channel = TimesOut(shop.desk.channel, "refund", carried_out=carried_out)
    desk = replace(shop.desk, channel=channel)
    request = RefundRequest("r1", shop.seller(got.order_id), got.order_id, None)
    with pytest.raises(TimeoutError):
        refund.refund(desk=desk, now=shop.now(15), requests=[request])
    (attempt,) = payments.of_orders(order_ids=[got.order_id])[got.order_id].refunds
    assert attempt.state == "attempted"
    (again,) = refund.refund(desk=desk, now=shop.now(16), requests=[request])
    assert isinstance(again, Refunded)
    assert again.owed_back == Money(200_00, "CNY")
    jobs.poll(desk, shop.now(17))
    assert channel.references == [[attempt.reference]] * (1 if carried_out else 2)
    (settled,) = payments.of_orders(order_ids=[got.order_id])[got.order_id].refunds
    assert (settled.id, settled.state) == (attempt.id, "succeeded")
    assert trades([attempt.reference]) == [("refund", "SUCCESS", 200_00)]
    shop.prove()
