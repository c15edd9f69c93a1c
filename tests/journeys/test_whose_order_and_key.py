"""A key belongs to whoever sends it, and an order to its merchant: for any other there is no such order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date

import pytest

from yuefu.errors import Refused
from yuefu.journeys import checkout, refund, repayment
from yuefu.journeys.checkout import Captured, Released
from yuefu.journeys.refund import Refunded
from yuefu.journeys.repayment import Repaid, RepayRequest
from yuefu.money.amounts import Money
from yuefu.orders import queries as order_book
from yuefu.orders.commands import CaptureRequest, RefundRequest, VoidRequest
from yuefu.runtime import keys, sql

DUE = date(2026, 10, 25)


def yuan(text):
    return Money.parse(text, "CNY")


@dataclass(frozen=True)
class Verb:
    """One thing a merchant does to an order, and what becomes of it."""

    ask: Callable[..., object]
    act: Callable[..., list]
    done: type
    begun: Callable[..., object]

    def __call__(self, shop, *requests):
        return self.act(desk=shop.desk, now=shop.now(13), requests=list(requests))


def ordered(shop, merchant=0):
    return shop.buy(shop.consumer(), "600.00", merchant=merchant).order_id


def delivered(shop, merchant=0):
    return shop.bought("600.00", merchant=merchant).order_id


VERBS = {
    "capture": Verb(CaptureRequest, checkout.capture, Captured, ordered),
    "void": Verb(VoidRequest, checkout.void, Released, ordered),
    "refund": Verb(RefundRequest, refund.refund, Refunded, delivered),
}
verbs = pytest.mark.parametrize("verb", VERBS.values(), ids=VERBS.keys())
of_an_amount = pytest.mark.parametrize("verb", [VERBS["capture"], VERBS["refund"]], ids=["capture", "refund"])


def order(shop, order_id):
    return order_book.orders([order_id])[order_id]


def told(shop, order_id):
    """All that was ever told or kept of an order."""
    return sql.rows("SELECT type, seq FROM runtime_outbox WHERE book_id = %s AND object_id = %s ORDER BY seq", [shop.book_id, order_id])


# ----------------------------------------------------------------------------------------------------------------------------- its key


@verbs
@pytest.mark.parametrize("together", [True, False], ids=["in one batch", "one after the other"])
def test_the_same_key_of_two_merchants_serves_both(shop, verb, together):
    requests = [verb.ask("inv-1", shop.merchants[n], verb.begun(shop, n)) for n in (0, 1)]
    outcomes = verb(shop, *requests) if together else [verb(shop, request)[0] for request in requests]
    assert [(type(o), o.order_id) for o in outcomes] == [(verb.done, r.order_id) for r in requests]
    assert verb(shop, *reversed(requests)) == outcomes[::-1]
    shop.prove()


@verbs
def test_a_key_sent_again_says_what_it_said_first(shop, verb):
    request = verb.ask("k", shop.merchants[0], verb.begun(shop))
    (first,) = verb(shop, request)
    after = order(shop, request.order_id)
    shop.next_day()
    assert verb(shop, request, request) == [first, first]
    assert order(shop, request.order_id) == after
    shop.prove()


@of_an_amount
def test_a_key_with_another_amount_is_refused_and_the_field_is_named(shop, verb):
    request = verb.ask("k", shop.merchants[0], verb.begun(shop), yuan("100.00"))
    assert isinstance(verb(shop, request)[0], verb.done)
    after = order(shop, request.order_id)
    other, rest = verb(shop, replace(request, amount=yuan("100.01")), replace(request, amount=None))
    assert [(o.code, o.field) for o in (other, rest)] == [("key_reused", "amount")] * 2
    assert order(shop, request.order_id) == after


@verbs
def test_a_key_with_another_order_is_refused_and_the_first_outcome_stays(shop, verb):
    request = verb.ask("k", shop.merchants[0], verb.begun(shop))
    (first,) = verb(shop, request)
    theirs = verb.begun(shop, 1)
    again, other = verb(shop, request, replace(request, order_id=theirs))
    assert again == first, "and not what it could be told of the order it names now"
    assert (other.code, other.field) == ("key_reused", "order_id")


@pytest.mark.parametrize("amount", [None, "150.00"], ids=["all that is due", "a part"])
@pytest.mark.parametrize("together", [True, False], ids=["in one batch", "one after the other"])
def test_the_same_key_of_two_consumers_collects_from_both(shop, amount, together):
    loans = [shop.bought("600.00").loan_id, shop.bought("900.00").loan_id]
    shop.until(DUE)
    requests = [RepayRequest("october", loan, yuan(amount) if amount else None, f"card:{n}:ok") for n, loan in enumerate(loans)]

    def repaid(*given):
        return repayment.repay(desk=shop.desk, now=shop.now(14), requests=given)

    outcomes = repaid(*requests) if together else [*repaid(requests[0]), *repaid(requests[1])]
    assert all(isinstance(o, Repaid) and o.state == "succeeded" for o in outcomes), outcomes
    assert [o.loan_id for o in outcomes] == loans
    assert [o.amount for o in outcomes] == ([yuan(amount)] * 2 if amount else [yuan("200.00"), yuan("300.00")])
    assert repaid(*reversed(requests)) == outcomes[::-1], "though nothing may be due any more"
    (other,) = repaid(replace(requests[0], amount=yuan("1.00")))
    assert (other.code, other.field) == ("key_reused", "amount")
    shop.prove()


def test_a_key_of_a_consumer_for_another_loan_of_theirs_is_refused(shop):
    consumer = shop.consumer()
    one, two = (shop.capture(shop.buy(consumer, "600.00").order_id).loan_id for _ in range(2))
    requests = [RepayRequest("october", loan, yuan("100.00"), "card:1:ok") for loan in (one, two)]
    paid, other = repayment.repay(desk=shop.desk, now=shop.now(14), requests=requests)
    assert isinstance(paid, Repaid)
    assert (other.code, other.field) == ("key_reused", "loan_id")


# --------------------------------------------------------------------------------------------------------------------------- its order


@verbs
def test_the_order_of_another_merchant_is_refused_like_one_that_does_not_exist_and_nothing_changes(shop, verb):
    theirs, nobodys = verb.begun(shop), shop.merchants[0]
    before, events = order(shop, theirs), told(shop, theirs)
    stranger = shop.merchants[1]
    foreign, unknown = verb(shop, verb.ask("k1", stranger, theirs), verb.ask("k2", stranger, nobodys))
    assert foreign == unknown == Refused("unknown_order", "there is no such order of this merchant", "order_id")
    assert verb(shop, verb.ask("k1", stranger, theirs)) == [foreign]
    assert (order(shop, theirs), told(shop, theirs)) == (before, events)
    (own,) = verb(shop, verb.ask("k1", shop.merchants[0], theirs))
    assert isinstance(own, verb.done), "the stranger's key took nothing from the merchant whose order it is"
    shop.prove()


@verbs
def test_in_one_batch_everybody_gets_only_what_is_theirs(shop, verb):
    theirs = verb.begun(shop)
    requests = [verb.ask(f"k{n}", merchant, theirs) for n, merchant in enumerate([*shop.merchants, shop.merchants[1]])]
    outcomes = verb(shop, requests[1], requests[0], requests[2])
    assert [getattr(o, "code", type(o)) for o in outcomes] == ["unknown_order", verb.done, "unknown_order"]
    shop.prove()


@verbs
def test_at_the_same_moment_too_only_the_merchant_of_an_order_gets_it(shop, verb):
    for n in range(3):
        theirs = verb.begun(shop)
        asked = [verb.ask(f"k{n}", merchant, theirs) for merchant in (*shop.merchants, shop.merchants[1])]
        outcomes = shop.at_once(*(lambda one=one: verb(shop, one)[0] for one in asked))
        assert [getattr(o, "code", type(o)) for o in outcomes] == [verb.done, "unknown_order", "unknown_order"], outcomes
    shop.prove()


@verbs
def test_who_asks_for_the_order_of_another_neither_waits_for_it_nor_holds_it(shop, verb):
    theirs = verb.begun(shop)
    with sql.transacting():
        order_book.of_merchants(shop.book_id, [(shop.merchants[0], theirs)], lock=True)

        (foreign,) = shop.at_once(lambda: verb(shop, verb.ask("k", shop.merchants[1], theirs))[0])
    assert getattr(foreign, "code", foreign) == "unknown_order"
    with sql.transacting():
        assert order_book.of_merchants(shop.book_id, [(shop.merchants[1], theirs)], lock=True) == {}
        (own,) = shop.at_once(lambda: verb(shop, verb.ask("k", shop.merchants[0], theirs))[0])
    assert isinstance(own, verb.done), own


def test_the_scopes_of_two_senders_are_two_and_a_sub_merchant_would_have_its_own(shop):
    ours, theirs = shop.merchants
    scopes = {keys.scope_of("order.capture", *senders) for senders in ((), (ours,), (theirs,), (ours, theirs), (theirs, ours))}
    assert len(scopes) == 5
    assert keys.scope_of("order.capture", ours) != keys.scope_of("order.void", ours)
