"""Early settlement by a quote: what it asks is collected by one payment, and its loans end; and what it is refused for."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from tests.journeys.conftest import Shop
from yuefu.errors import Refused
from yuefu.journeys import ending, papers, repayment, undoing
from yuefu.journeys.ending import PayQuote
from yuefu.journeys.repayment import RepaidTogether
from yuefu.journeys.undoing import UndoRequest
from yuefu.loans import queries as loan_book
from yuefu.papers import queries as paper_book
from yuefu.papers.commands import QuoteRequest
from yuefu.papers.rules.quotes import PayoffQuote

DUE = date(2026, 10, 25)


@pytest.fixture
def shop(lived_shop: Shop) -> Shop:
    return lived_shop


def quoted(shop: Shop, consumer_id, key: str = "q") -> PayoffQuote:
    (quote,) = papers.quote(desk=shop.desk, now=shop.now(13), requests=[QuoteRequest(key, consumer_id)])
    assert isinstance(quote, PayoffQuote), quote
    return quote


def pay(shop: Shop, consumer_id, quote_id, *, key: str = "p", card: str = "card:1:ok"):
    (outcome,) = ending.pay(desk=shop.desk, now=shop.now(14), requests=[PayQuote(key, consumer_id, quote_id, card)])
    return outcome


def two_loans(shop: Shop):
    consumer = shop.consumer()
    return consumer, [
        shop.capture(shop.buy(consumer, amount, product=which).order_id) for amount, which in (("900.00", "flex"), ("600.00", "free"))
    ]


def states(shop: Shop, got) -> list[bool]:
    found = loan_book.on_book([one.loan_id for one in got], shop.on, book_id=shop.book_id)
    return [found[one.loan_id].ended for one in got]


def test_one_payment_ends_all_loans_of_a_quote_to_the_cent(shop):
    consumer, got = two_loans(shop)
    shop.until(DUE + timedelta(days=3))
    quote = quoted(shop, consumer)
    done = pay(shop, consumer, quote.id)
    assert isinstance(done, RepaidTogether), done
    assert (done.state, done.amount) == ("succeeded", quote.total)
    assert not any(part.excess.minor for part in done.parts)
    assert states(shop, got) == [True, True]
    assert paper_book.quoted(shop.book_id, quote.id).used_for == done.collection_id
    assert pay(shop, consumer, quote.id) == done, "the same key gives the same answer"
    shop.next_day()
    shop.prove()
    (certificate, other) = papers.certify(desk=shop.desk, now=shop.now(10), loan_ids=[one.loan_id for one in got])
    assert not isinstance(certificate, Refused)
    assert not isinstance(other, Refused)
    part = next(part for part in done.parts if part.loan_id == got[0].loan_id)
    (undone,) = undoing.undo(desk=shop.desk, now=shop.now(15), requests=[UndoRequest("u", part.collection_id, "another loan was meant")])
    assert not isinstance(undone, Refused), undone
    held = paper_book.last_of_loans(book_id=shop.book_id, loan_ids=[got[0].loan_id, got[1].loan_id])
    assert held[got[0].loan_id][0].withdrawn_on == shop.on, "a loan that is open again has no certificate"
    assert held[got[1].loan_id][0].withdrawn_on is None
    shop.prove()


def test_a_quote_is_used_once_on_its_day_by_its_consumer_for_loans_as_they_were(shop):
    consumer, got = two_loans(shop)
    shop.until(DUE)
    quote = quoted(shop, consumer)
    assert pay(shop, shop.consumer(), quote.id).code == "unknown_quote"
    assert pay(shop, consumer, got[0].loan_id, key="unknown").code == "unknown_quote"
    assert pay(shop, consumer, quote.id, card="").code == "instrument_invalid"
    shop.repay(got[0].loan_id, "1.00", hour=13)
    assert pay(shop, consumer, quote.id, key="stale").code == "quote_stale"
    late = quoted(shop, consumer, "late")
    shop.next_day()
    assert pay(shop, consumer, late.id, key="expired").code == "quote_expired"
    now = quoted(shop, consumer, "now")
    failed = pay(shop, consumer, now.id, card="card:1:insufficient_funds")
    assert failed.state == "failed"
    assert pay(shop, consumer, now.id, key="other").code == "quote_used"
    assert states(shop, got) == [False, False]
    shop.prove()


def test_a_merchant_s_refund_before_the_answer_leaves_what_is_too_much_to_go_back(shop):
    consumer, got = two_loans(shop)
    shop.until(DUE)
    quote = quoted(shop, consumer)
    begun = pay(shop, consumer, quote.id, card="card:1:unknown_then_success")
    assert begun.state == "unknown"
    shop.refund(got[0].order_id)
    shop.next_day()
    repayment.poll(desk=shop.desk, now=shop.now(9))
    assert states(shop, got) == [True, True]
    assert sum(loan_book.excesses(shop.book_id).values()) == next(one.total.minor for one in quote.loans if one.loan_id == got[0].loan_id)
    shop.next_day()
    shop.prove()
