"""Meetings that are more than two verbs on one object (`test_every_pair_of_verbs`): late answers, whole days, references used twice."""

from __future__ import annotations

from datetime import date

import pytest

from yuefu.journeys import checkout, close_of_day, refund, repayment, settlement
from yuefu.journeys.checkout import Authorised, Purchase, Quoted, Wish
from yuefu.journeys.close_of_day import Closed
from yuefu.journeys.refund import Refunded
from yuefu.journeys.repayment import RepayRequest
from yuefu.ledger import queries as ledger
from yuefu.loans import queries as loan_book
from yuefu.money.amounts import Money
from yuefu.orders import queries as order_book
from yuefu.orders.commands import RefundRequest
from yuefu.payments import queries as payments
from yuefu.runtime import sql

DUE = date(2026, 10, 25)
ROUNDS = 3


def yuan(text):
    return Money.parse(text, "CNY")


def sent(shop, consumer_id, amount, key, reference):
    """A purchase that is quoted and ready to be sent."""
    (quoted,) = checkout.quote(desk=shop.desk, now=shop.now(), wishes=[Wish(shop.merchants[0], consumer_id, "free", yuan(amount), 3)])
    assert isinstance(quoted, Quoted)
    return Purchase(key, shop.merchants[0], reference, consumer_id, quoted.quote_id)


def authorising(shop, purchase):
    return lambda: checkout.authorise(desk=shop.desk, now=shop.now(), purchases=[purchase])[0]


def refunding(shop, order_id, key, amount=None):
    request = RefundRequest(key, shop.seller(order_id), order_id, yuan(amount) if amount else None)
    return lambda: refund.refund(desk=shop.desk, now=shop.now(13), requests=[request])[0]


def repaying(shop, loan_id, key, amount=None, card="card:1:ok"):
    request = RepayRequest(key, loan_id, yuan(amount) if amount else None, card)
    return lambda: repayment.repay(desk=shop.desk, now=shop.now(14), requests=[request])[0]


def of(kind, outcomes):
    assert not [o for o in outcomes if isinstance(o, BaseException)], outcomes
    return [o for o in outcomes if isinstance(o, kind)]


def order(shop, order_id):
    return order_book.orders([order_id])[order_id]


def line_of(shop, order_id):
    account = order(shop, order_id).credit_account_id
    return ledger.limited(shop.book_id, "credit_line", [account])[account]


def debits(shop, loan_id):
    """How often and how much the channel took for a loan, by its own books."""
    return sql.rows(
        "SELECT count(*), coalesce(sum(t.amount_minor), 0) FROM payments_sandbox_trade t JOIN payments_collection c ON c.reference = t.reference"
        " WHERE c.loan_id = %s AND t.kind = 'payment' AND t.status = 'SUCCESS'",
        [loan_id],
    )[0]


def test_a_merchant_reference_sent_twice_with_two_keys_is_one_order_and_one_duplicate(shop):
    for n in range(ROUNDS):
        consumer = shop.consumer()
        both = [sent(shop, consumer, "600.00", f"w{n}-{i}", f"W{n}") for i in range(2)]
        made = of(Authorised, shop.at_once(*(authorising(shop, one) for one in both)))
        assert sorted(o.reasons for o in made) == [(), ("duplicate",)]
        assert line_of(shop, made[0].order_id if made[0].approved else made[1].order_id).held == yuan("600.00")
    shop.prove()


def test_an_answer_that_comes_late_and_a_refund_of_the_goods_take_their_locks_in_one_order(shop):
    """The answer is of a collection, the refund of a loan and then of its collections: each would wait for what the other has."""
    bought = [shop.bought("600.00") for _ in range(ROUNDS)]
    shop.until(DUE)
    for n, got in enumerate(bought):
        assert shop.repay(got.loan_id, "200.00", card="card:1:unknown_then_success").state == "unknown"
        asked = shop.at_once(lambda: repayment.poll(desk=shop.desk, now=shop.now(16)), refunding(shop, got.order_id, f"late{n}"))
        (back,) = of(Refunded, asked)
        assert back.amount == yuan("600.00")
        assert loan_book.loans([got.loan_id])[got.loan_id].state.is_closed
        assert debits(shop, got.loan_id) == (1, 200_00)
        given = payments.of_orders(order_ids=[got.order_id])[got.order_id].refunds
        assert [(r.state, r.amount) for r in given] == [("succeeded", yuan("200.00"))]
    shop.prove()


def test_a_refund_while_its_capture_is_settled_counts_now_or_in_the_next_batch(shop):
    bought = [shop.bought("600.00") for _ in range(ROUNDS)]
    shop.next_day()
    outcomes = shop.at_once(
        lambda: settlement.settle(desk=shop.desk, now=shop.now(9)),
        *(refunding(shop, got.order_id, f"r{n}") for n, got in enumerate(bought)),
    )
    assert len(of(Refunded, outcomes)) == ROUNDS
    again = shop.at_once(*[lambda: settlement.settle(desk=shop.desk, now=shop.now(9))] * 2)
    assert again[0] == again[1]
    assert len(again[0]) == 1
    batch = again[0][0]
    assert batch.totals.net == batch.totals.captures - batch.totals.fees - batch.totals.discounts - batch.totals.refunds
    assert sql.rows("SELECT count(*) FROM payments_payout WHERE batch_id = %s", [batch.id]) == [(1,)]
    shop.prove()


@pytest.mark.parametrize("product", ["free", "flex"])
def test_a_day_closes_while_people_already_pay_on_the_next(shop, product):
    bought = [shop.bought("600.00", product=product) for _ in range(4)]
    shop.until(DUE)
    shop.next_day(close=False)
    outcomes = shop.at_once(
        lambda: close_of_day.close_day(desk=shop.desk, now=shop.now(1), on=DUE),
        *(repaying(shop, got.loan_id, f"y{n}") for n, got in enumerate(bought[:2])),
        *(refunding(shop, got.order_id, f"r{n}") for n, got in enumerate(bought[2:])),
    )
    assert not [o for o in outcomes if isinstance(o, BaseException)], outcomes
    assert isinstance(outcomes[0], Closed), outcomes[0]
    for held in loan_book.loans([got.loan_id for got in bought]).values():
        assert held.arrears_since is None or held.state.days_past_due(shop.on)
    shop.prove()
    assert shop.next_day() is None
    shop.prove()


def test_two_who_close_a_day_close_it_once(shop):
    bought = [shop.bought("600.00", product=product) for product in ("free", "flex")]
    shop.until(DUE)
    shop.next_day(close=False)
    closing = [lambda: close_of_day.close_day(desk=shop.desk, now=shop.now(1), on=DUE)] * 3
    closed = of(Closed, shop.at_once(*closing))
    assert len({(c.on, c.run_id) for c in closed}) == 1
    assert len(closed) == 3
    assert [c.proofs for c in closed] == [closed[0].proofs] * 3
    for got in bought:
        told = sql.rows("SELECT count(*) FROM runtime_outbox WHERE object_id = %s AND type = 'instalment.due'", [got.loan_id])
        assert told == [(1,)]
    assert close_of_day.close_day(desk=shop.desk, now=shop.now(1), on=DUE).again
    shop.prove()
