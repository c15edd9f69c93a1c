"""Two verbs of money on one object at the same moment: whoever comes first, sums hold, nothing happens twice and the books add up."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from yuefu.errors import Refused
from yuefu.journeys import checkout, close_of_day, refund, repayment, settlement
from yuefu.journeys.checkout import Authorised, Captured, Purchase, Quoted, Released, Wish
from yuefu.journeys.close_of_day import Closed
from yuefu.journeys.refund import Refunded
from yuefu.journeys.repayment import Repaid, RepayRequest
from yuefu.ledger import queries as ledger
from yuefu.loans import queries as loan_book
from yuefu.money.amounts import Money
from yuefu.orders import queries as order_book
from yuefu.orders.commands import CaptureRequest, RefundRequest, VoidRequest
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


def capturing(shop, order_id, key, amount=None):
    request = CaptureRequest(key, shop.seller(order_id), order_id, yuan(amount) if amount else None)
    return lambda: checkout.capture(desk=shop.desk, now=shop.now(11), requests=[request])[0]


def voiding(shop, order_id, key):
    return lambda: checkout.void(desk=shop.desk, now=shop.now(11), requests=[VoidRequest(key, shop.seller(order_id), order_id)])[0]


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


def test_two_purchases_cannot_share_a_limit_that_is_enough_for_one(shop):
    for n in range(ROUNDS):
        consumer = shop.consumer(limit="1000.00")
        both = [sent(shop, consumer, "600.00", f"w{n}-{i}", f"W{n}-{i}") for i in range(2)]
        made = of(Authorised, shop.at_once(*(authorising(shop, one) for one in both)))
        assert sorted(o.approved for o in made) == [False, True]
        assert [o.reasons for o in made if not o.approved] == [("limit",)]
        approved = next(o for o in made if o.approved)
        assert (line_of(shop, approved.order_id).held, line_of(shop, approved.order_id).posted) == (yuan("600.00"), yuan("0.00"))
    shop.prove()


def test_a_purchase_sent_twice_with_its_key_is_one_order(shop):
    for n in range(ROUNDS):
        purchase = sent(shop, shop.consumer(), "600.00", f"w{n}", f"W{n}")
        first, second = of(Authorised, shop.at_once(authorising(shop, purchase), authorising(shop, purchase)))
        assert first == second
        assert first.approved
        assert line_of(shop, first.order_id).held == yuan("600.00")
    shop.prove()


def test_a_merchant_reference_sent_twice_with_two_keys_is_one_order_and_one_duplicate(shop):
    for n in range(ROUNDS):
        consumer = shop.consumer()
        both = [sent(shop, consumer, "600.00", f"w{n}-{i}", f"W{n}") for i in range(2)]
        made = of(Authorised, shop.at_once(*(authorising(shop, one) for one in both)))
        assert sorted(o.reasons for o in made) == [(), ("duplicate",)]
        assert line_of(shop, made[0].order_id if made[0].approved else made[1].order_id).held == yuan("600.00")
    shop.prove()


def test_two_whole_captures_take_the_goods_once(shop):
    for n in range(ROUNDS):
        order_id = shop.buy(shop.consumer(), "600.00").order_id
        outcomes = shop.at_once(capturing(shop, order_id, f"x{n}-1"), capturing(shop, order_id, f"x{n}-2"))
        assert [c.amount for c in of(Captured, outcomes)] == [yuan("600.00")]
        assert [r.code for r in of(Refused, outcomes)] == ["nothing_left_to_capture"]
        assert len(loan_book.loans_of([order_id])[order_id]) == 1
        assert (line_of(shop, order_id).posted, line_of(shop, order_id).held) == (yuan("600.00"), yuan("0.00"))
    shop.prove()


def test_one_capture_sent_twice_books_one_loan(shop):
    for n in range(ROUNDS):
        order_id = shop.buy(shop.consumer(), "600.00").order_id
        act = capturing(shop, order_id, f"x{n}", "250.00")
        first, second = of(Captured, shop.at_once(act, act))
        assert first == second
        assert order(shop, order_id).captured == 250_00
        assert len(loan_book.loans_of([order_id])[order_id]) == 1
    shop.prove()


def test_a_capture_and_a_void_share_what_was_authorised(shop):
    for n in range(ROUNDS):
        order_id = shop.buy(shop.consumer(), "600.00").order_id
        outcomes = shop.at_once(capturing(shop, order_id, f"x{n}", "250.00"), voiding(shop, order_id, f"v{n}"))
        after = order(shop, order_id)
        assert (after.captured, after.released) in ((250_00, 350_00), (0, 600_00))
        assert bool(after.captured) == bool(of(Captured, outcomes))
        assert [r.amount.minor for r in of(Released, outcomes)] == [after.released]
        line = line_of(shop, order_id)
        assert (line.posted.minor, line.held.minor) == (after.captured, 0)
    shop.prove()


def test_a_capture_and_the_expiry_of_its_hold_never_both_win(shop):
    orders = [shop.buy(shop.consumer(), "600.00").order_id for _ in range(ROUNDS)]
    shop.until(shop.on + timedelta(days=7))
    for n, order_id in enumerate(orders):
        # The capture still believes in the last minute before the end; the expiry comes right after it.
        capture = CaptureRequest(f"x{n}", shop.seller(order_id), order_id, None)
        outcomes = shop.at_once(
            lambda capture=capture: checkout.capture(desk=shop.desk, now=shop.now(9), requests=[capture])[0],
            lambda: checkout.expire(desk=shop.desk, now=shop.now(11)),
        )
        after = order(shop, order_id)
        assert not [o for o in outcomes if isinstance(o, BaseException)], outcomes
        assert sorted((after.captured, after.released)) == [0, 600_00]
        assert isinstance(outcomes[0], Captured) == bool(after.captured)
        assert line_of(shop, order_id).held == yuan("0.00")
        checkout.expire(desk=shop.desk, now=shop.now(11))
    shop.prove()


def test_a_void_and_the_expiry_free_a_hold_once(shop):
    orders = [shop.buy(shop.consumer(), "600.00").order_id for _ in range(ROUNDS)]
    shop.until(shop.on + timedelta(days=8))
    for n, order_id in enumerate(orders):
        outcomes = shop.at_once(voiding(shop, order_id, f"v{n}"), lambda: checkout.expire(desk=shop.desk, now=shop.now(11)))
        assert not [o for o in outcomes if isinstance(o, BaseException)], outcomes
        after = order(shop, order_id)
        assert (after.released, after.state) == (600_00, "voided" if isinstance(outcomes[0], Released) else "expired")
        assert line_of(shop, order_id).held == yuan("0.00")
    shop.prove()


def test_a_capture_and_a_refund_of_what_was_captured_before_both_count(shop):
    for n in range(ROUNDS):
        order_id = shop.buy(shop.consumer(), "600.00").order_id
        shop.capture(order_id, "200.00")
        outcomes = shop.at_once(capturing(shop, order_id, f"x{n}", "300.00"), refunding(shop, order_id, f"r{n}", "150.00"))
        assert len(of(Captured, outcomes)) == 1
        assert len(of(Refunded, outcomes)) == 1
        after = order(shop, order_id)
        assert (after.captured, after.refunded, sum(c.refunded for c in after.captures)) == (500_00, 150_00, 150_00)
        assert line_of(shop, order_id).posted == yuan("350.00")
    shop.prove()


def test_two_refunds_never_give_back_more_than_was_captured(shop):
    for n in range(ROUNDS):
        order_id = shop.bought("600.00").order_id
        outcomes = shop.at_once(refunding(shop, order_id, f"r{n}-1", "400.00"), refunding(shop, order_id, f"r{n}-2", "400.00"))
        assert [r.amount for r in of(Refunded, outcomes)] == [yuan("400.00")]
        assert [r.code for r in of(Refused, outcomes)] == ["refund_exceeds_captured"]
        act = refunding(shop, order_id, f"r{n}-3")
        first, second = of(Refunded, shop.at_once(act, act))
        assert first == second
        assert order(shop, order_id).refunded == 600_00
    shop.prove()


def test_one_repayment_sent_twice_debits_once_and_says_the_same_twice(shop):
    bought = [shop.bought("600.00", product="flex") for _ in range(ROUNDS)]
    shop.until(DUE)
    for n, got in enumerate(bought):
        act = repaying(shop, got.loan_id, f"y{n}")
        first, second = of(Repaid, shop.at_once(act, act))
        assert first == second
        assert first.state == "succeeded"
        assert first.principal + first.interest == first.amount
        assert first.principal > yuan("0.00")
        assert debits(shop, got.loan_id) == (1, first.amount.minor)
        assert repaying(shop, got.loan_id, f"y{n}")() == first
    shop.prove()


def test_two_repayments_of_one_loan_pay_what_is_due_and_the_rest_goes_back(shop):
    bought = [shop.bought("600.00") for _ in range(ROUNDS)]
    shop.until(DUE)
    for n, got in enumerate(bought):
        paid = of(Repaid, shop.at_once(repaying(shop, got.loan_id, f"y{n}-1", "200.00"), repaying(shop, got.loan_id, f"y{n}-2", "200.00")))
        assert sorted(p.principal.minor for p in paid) == [0, 200_00]
        assert sorted(p.excess.minor for p in paid) == [0, 200_00]
        assert debits(shop, got.loan_id) == (2, 400_00)
        given = payments.of_orders(order_ids=[got.order_id])[got.order_id].refunds
        assert [(r.state, r.amount) for r in given] == [("succeeded", yuan("200.00"))]
    shop.prove()


def test_a_repayment_and_a_refund_of_the_goods_settle_the_loan_together(shop):
    bought = [shop.bought("600.00") for _ in range(ROUNDS)]
    shop.until(DUE)
    for n, got in enumerate(bought):
        outcomes = shop.at_once(repaying(shop, got.loan_id, f"y{n}", "200.00"), refunding(shop, got.order_id, f"r{n}"))
        (paid,), (back,) = of(Repaid, outcomes), of(Refunded, outcomes)
        assert loan_book.loans([got.loan_id])[got.loan_id].state.is_closed
        assert (paid.excess.minor, back.owed_back.minor) in ((200_00, 0), (0, 200_00))
        given = payments.of_orders(order_ids=[got.order_id])[got.order_id].refunds
        assert [(r.state, r.amount) for r in given] == [("succeeded", yuan("200.00"))]
        assert line_of(shop, got.order_id).posted == yuan("0.00")
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
