"""A request that breaks whenever it is tried harms nobody but itself, is kept aside, and can be sent again; a commit that fails sends nothing."""

from __future__ import annotations

import json
from contextlib import contextmanager
from datetime import date

import pytest
from psycopg import errors

from yuefu.journeys import checkout, desk, refund, repayment
from yuefu.journeys.checkout import Authorised, Captured, Purchase, Wish, authorising, capturing
from yuefu.journeys.repayment import Repaid, RepayRequest
from yuefu.ledger import queries as ledger
from yuefu.loans.commands import applying
from yuefu.money.amounts import Money
from yuefu.orders.commands import CaptureRequest, RefundRequest
from yuefu.payments import queries as payments
from yuefu.runtime import quarantine, sql
from yuefu.runtime.batch import Quarantined

DUE = date(2026, 10, 25)


class Broken(Exception):
    """What a fault in the pure part looks like."""


def purchases(shop, amounts):
    wishes = [Wish(shop.merchants[0], shop.consumer(), "free", Money.parse(a, "CNY"), 3) for a in amounts]
    quoted = checkout.quote(desk=shop.desk, now=shop.now(), wishes=wishes)
    return [
        Purchase(f"q{n}", w.merchant_id, f"Q-{n}", w.consumer_id, q.quote_id) for n, (w, q) in enumerate(zip(wishes, quoted, strict=True))
    ]


def breaking(original, is_culprit):
    def act(*given, **named):
        if is_culprit(*given, **named):
            raise Broken("no")
        return original(*given, **named)

    return act


def test_one_purchase_that_breaks_leaves_its_neighbours_and_its_key_alone(shop, monkeypatch):
    batch = purchases(shop, ["300.00", "301.00", "302.00", "303.00", "304.00"])
    with monkeypatch.context() as broken:
        broken.setattr(authorising, "decide", breaking(authorising.decide, lambda features, policy: features.amount.minor == 302_00))
        outcomes = checkout.authorise(desk=shop.desk, now=shop.now(), purchases=batch)
    assert [type(o) for o in outcomes] == [Authorised, Authorised, Quarantined, Authorised, Authorised]
    (aside,) = quarantine.waiting(book_id=shop.book_id)
    assert (aside.command, aside.state, aside.error) == ("authorise", "waiting", "Broken: no")
    assert json.loads(aside.request)["key"] == "q2"
    again = checkout.authorise(desk=shop.desk, now=shop.now(), purchases=batch)
    assert [o.approved for o in again] == [True] * 5
    assert [a.order_id for i, a in enumerate(again) if i != 2] == [o.order_id for i, o in enumerate(outcomes) if i != 2]
    shop.prove()


def test_one_capture_that_breaks_leaves_its_neighbours_alone(shop, monkeypatch):
    orders = [shop.buy(shop.consumer(), amount).order_id for amount in ("300.00", "301.00", "302.00")]
    requests = [CaptureRequest(f"c{n}", order) for n, order in enumerate(orders)]
    with monkeypatch.context() as broken:
        broken.setattr(capturing, "terms_of", breaking(capturing.terms_of, lambda taken, on, spent: taken.amount.minor == 300_00))
        outcomes = checkout.capture(desk=shop.desk, now=shop.now(11), requests=requests)
    assert [type(o) for o in outcomes] == [Quarantined, Captured, Captured]
    assert [a.command for a in quarantine.waiting(book_id=shop.book_id)] == ["capture"]
    shop.prove()
    assert [type(o) for o in checkout.capture(desk=shop.desk, now=shop.now(11), requests=requests)] == [Captured] * 3
    shop.prove()


def test_a_repayment_that_cannot_be_booked_is_kept_and_booked_once_later(shop, monkeypatch):
    loans = [shop.bought(amount).loan_id for amount in ("600.00", "603.00", "606.00")]
    shop.until(DUE)
    requests = [RepayRequest(f"y{n}", loan, None, "card:1:ok") for n, loan in enumerate(loans)]
    with monkeypatch.context() as broken:
        after = applying.rules.after
        broken.setattr(applying.rules, "after", breaking(after, lambda state, event, history: event.amount.minor == 201_00))
        outcomes = repayment.repay(desk=shop.desk, now=shop.now(14), requests=requests)
    assert [type(o) for o in outcomes] == [Repaid, Quarantined, Repaid]
    assert [a.command for a in quarantine.waiting(book_id=shop.book_id)] == ["repay.book"]
    assert sum(ledger.totals(shop.book_id, ["collections_clearing"]).values()) == 0
    shop.prove()
    # The channel has taken the money; asked again, it says so, and now it is booked.
    assert repayment.poll(desk=shop.desk, now=shop.now(15)) == 1
    told = repayment.repay(desk=shop.desk, now=shop.now(16), requests=requests)
    assert [t.state for t in told] == ["succeeded"] * 3
    assert told[1].principal == Money.parse("201.00", "CNY")
    assert sql.value("SELECT count(*) FROM payments_sandbox_trade WHERE book_id = %s AND kind = 'payment'", [shop.book_id]) == 3
    shop.prove()


@pytest.mark.parametrize("culprit", ["refund", "repay"])
def test_what_was_rolled_back_is_never_sent_to_the_channel(shop, monkeypatch, culprit):
    """The attempt to give money back is stored with what makes it owed; a commit that fails takes both away, and the second try has its own."""
    got = shop.bought("600.00")
    shop.until(DUE)
    if culprit == "refund":
        shop.repay(got.loan_id, "150.00")
    original, opened, failed, sent = refund.attempt, desk.open_day, [], []

    def attempt(**given):
        done = original(**given)
        failed.extend(done if not failed else [])
        return done

    @contextmanager
    def opening(*given):
        before = len(failed)
        with opened(*given) as work:
            yield work
            if len(failed) > before:
                raise errors.DeadlockDetected("at the commit, after all was done")

    monkeypatch.setattr(desk, "open_day", opening)
    monkeypatch.setattr(repayment, "open_day", opening)
    send = type(shop.desk.channel).refund
    monkeypatch.setattr(
        type(shop.desk.channel), "refund", lambda self, *, orders, now: sent.extend(orders) or send(self, orders=orders, now=now)
    )
    monkeypatch.setattr(refund, "attempt", attempt)
    if culprit == "refund":
        refund.refund(desk=shop.desk, now=shop.now(15), requests=[RefundRequest("r", got.order_id)])
    else:
        shop.repay(got.loan_id, "700.00")
    assert failed
    stored = [r.reference for r in payments.of_orders(order_ids=[got.order_id])[got.order_id].refunds]
    assert [order.reference for order in sent] == stored
    assert len(stored) == 1
    shop.prove()
