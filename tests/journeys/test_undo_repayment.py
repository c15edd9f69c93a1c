"""A repayment taken off its loan: paid twice, paid for the wrong loan, after it closed the loan, after more was bought, again and at once."""

from __future__ import annotations

from datetime import date

import pytest

from tests.journeys.conftest import LATE_DAY, shop_opened
from yuefu.errors import Refused
from yuefu.journeys import undoing
from yuefu.journeys.desk import open_day
from yuefu.journeys.trace import trace, traced_orders
from yuefu.journeys.undoing import Undone, UndoRequest
from yuefu.ledger import queries as ledger
from yuefu.loans import commands as loans
from yuefu.loans import queries as loan_book
from yuefu.loans.commands import Reversal
from yuefu.loans.queries import levelled
from yuefu.money.amounts import Money
from yuefu.payments import queries as payments
from yuefu.runtime import sql

DUE = date(2026, 10, 25)


@pytest.fixture
def shop(vault, ids):
    return shop_opened(vault, ids, LATE_DAY)


def yuan(text):
    return Money.parse(text, "CNY")


def undone(shop, *collections, key="u"):
    requests = [UndoRequest(f"{key}{n}", collection, "paid twice") for n, collection in enumerate(collections)]
    return undoing.undo(desk=shop.desk, now=shop.now(16), requests=requests)


def held(shop, loan_id):
    return loan_book.loans([loan_id])[loan_id]


def control(code, shop):
    return sum(ledger.totals(shop.book_id, [code]).values())


def line(shop, loan_id):
    """What is drawn of the credit line behind a loan."""
    return sql.value(
        "SELECT l.posted_minor FROM ledger_limit l JOIN ledger_account a ON a.id = l.account_id WHERE a.owner_id = %s",
        [held(shop, loan_id).dims.credit_account_id],
    )


@pytest.mark.parametrize("product", ["free", "flex"])
def test_an_undone_repayment_leaves_the_loan_as_if_it_had_never_been_and_the_money_goes_back(shop, product):
    got = shop.bought("1200.00", product=product)
    shop.until(DUE)
    before, drawn, interest = held(shop, got.loan_id), line(shop, got.loan_id), control("loan_interest", shop)
    paid = shop.repay(got.loan_id)
    (done,) = undone(shop, paid.collection_id)
    assert done == Undone(done.reversal_id, paid.collection_id, got.loan_id, paid.amount, paid.amount)
    after = held(shop, got.loan_id)
    assert after.state.rows == before.state.rows
    assert (after.state.excess, after.closed_on, after.arrears_since) == (paid.amount.minor, None, None)
    assert (line(shop, got.loan_id), control("loan_interest", shop)) == (drawn, interest)
    (collection,) = payments.collections(book_id=shop.book_id, ids=[paid.collection_id]).values()
    assert collection.left == yuan("0.00")
    assert control("consumer_balance", shop) == 0, "it went back at once"
    shop.prove()
    shop.next_day()
    assert held(shop, got.loan_id).arrears_since == DUE, "what is owed again and was due is late after the close"
    shop.prove()


def test_what_was_paid_twice_goes_back_from_the_collection_that_is_named(shop):
    got = shop.bought("600.00")
    shop.until(DUE)
    first, second = shop.repay(got.loan_id, "100.00"), shop.repay(got.loan_id, "100.00")
    (done,) = undone(shop, first.collection_id)
    assert done.owed_back == yuan("100.00")
    left = payments.collections(book_id=shop.book_id, ids=[first.collection_id, second.collection_id])
    assert [left[one.collection_id].left for one in (first, second)] == [yuan("0.00"), yuan("100.00")]
    assert [row.principal_paid for row in held(shop, got.loan_id).state.rows] == [100_00, 0, 0]
    shop.prove()


def test_a_later_repayment_that_was_too_much_takes_the_place_of_the_undone_one_and_nothing_is_owed_back(shop):
    got = shop.bought("600.00")
    shop.until(DUE)
    first, second = shop.repay(got.loan_id, "200.00"), shop.repay(got.loan_id, "200.00")
    assert second.excess == yuan("200.00")
    (done,) = undone(shop, first.collection_id)
    assert done.owed_back == yuan("0.00")
    assert [row.principal_paid for row in held(shop, got.loan_id).state.rows] == [200_00, 0, 0]
    shop.prove()
    assert "posting" not in {stage.code for stage in trace_of(shop, got).stages if stage.state == "overdue"}
    assert [stage for _, stage in traced_orders(book_id=shop.book_id, as_of=shop.on).missing] == ["settlement"], "which was not run here"


def test_a_loan_that_was_closed_by_it_is_open_again_with_its_discount_unearned(shop):
    got = shop.bought("600.00")
    shop.until(date(2026, 12, 25))
    paid = shop.repay(got.loan_id)
    closed = held(shop, got.loan_id)
    assert (closed.closed_on, closed.discount_earned) == (shop.on, closed.discount)
    shop.prove()
    (done,) = undone(shop, paid.collection_id)
    opened = held(shop, got.loan_id)
    assert done.owed_back == yuan("600.00")
    assert (opened.closed_on, opened.arrears_since) == (None, DUE)
    assert 0 < opened.discount_earned < opened.discount
    shop.prove()
    again = shop.repay(got.loan_id)
    assert (again.principal, held(shop, got.loan_id).closed_on) == (yuan("600.00"), shop.on)
    shop.prove()


def test_it_is_refused_where_the_credit_line_has_no_room_for_it_and_nothing_has_happened(shop):
    consumer = shop.consumer(limit="1000.00")
    got = shop.capture(shop.buy(consumer, "900.00").order_id)
    shop.until(DUE)
    paid = shop.repay(got.loan_id)
    shop.buy(consumer, "350.00")
    before = held(shop, got.loan_id)
    (refused,) = undone(shop, paid.collection_id)
    assert isinstance(refused, Refused)
    assert (refused.code, refused.detail.split(":")[0]) == ("limit_exceeded", "the credit line cannot take what would be owed again")
    assert held(shop, got.loan_id) == before
    assert control("consumer_balance", shop) == 0
    shop.prove()


def test_it_is_refused_where_there_is_nothing_to_take_off_or_a_part_went_back(shop):
    got = shop.bought("600.00")
    shop.until(DUE)
    paid, over = shop.repay(got.loan_id), shop.repay(got.loan_id, "1.00")
    assert over.excess == yuan("1.00")
    nobody = shop.desk.ids.new(shop.now())
    codes = [one.code if isinstance(one, Refused) else "done" for one in undone(shop, nobody, over.collection_id, paid.collection_id)]
    assert codes == ["unknown_repayment", "collection_refunded", "done"]
    (again,) = undone(shop, paid.collection_id, key="v")
    assert again.code == "already_reversed"
    shop.prove()


def test_the_same_key_gives_the_first_outcome_again_and_money_goes_back_once(shop):
    got = shop.bought("600.00")
    shop.until(DUE)
    paid = shop.repay(got.loan_id)
    request = UndoRequest("k", paid.collection_id, "paid twice")
    first, twin = undoing.undo(desk=shop.desk, now=shop.now(16), requests=[request, request])
    (later,) = undoing.undo(desk=shop.desk, now=shop.now(17), requests=[request])
    assert first == twin == later
    (other,) = undoing.undo(desk=shop.desk, now=shop.now(17), requests=[UndoRequest("k", paid.collection_id, "another reason")])
    assert (other.code, other.field) == ("key_reused", "reason")
    assert sum(r.amount.minor for p in payments.of_orders(order_ids=[got.order_id]).values() for r in p.refunds) == 200_00
    shop.prove()


def test_two_who_undo_the_same_repayment_at_the_same_time_undo_it_once(shop):
    got = shop.bought("600.00")
    shop.until(DUE)
    paid = shop.repay(got.loan_id)
    found = shop.at_once(lambda: undone(shop, paid.collection_id, key="a"), lambda: undone(shop, paid.collection_id, key="b"))
    assert sorted(one.code if isinstance(one, Refused) else "done" for (one,) in found) == ["already_reversed", "done"]
    shop.prove()


def test_several_of_one_loan_and_of_others_are_undone_in_one_batch(shop):
    one, other = shop.bought("600.00"), shop.bought("300.00")
    shop.until(DUE)
    paid = [shop.repay(one.loan_id, "50.00"), shop.repay(other.loan_id), shop.repay(one.loan_id, "60.00"), shop.repay(one.loan_id)]
    ids = [p.collection_id for p in paid]
    with open_day(shop.desk, shop.now(16)) as work:
        reversals = [Reversal(work.ids.new(work.now), i) for i in [*ids[:3], ids[0]]]
        done = loans.reverse_repayments(work=work, reversals=reversals)
        assert [d.code if isinstance(d, Refused) else d.excess for d in done] == [
            yuan("50.00"), yuan("100.00"), yuan("60.00"), "already_reversed",
        ]  # fmt: skip
        assert [row.principal_paid for row in held(shop, one.loan_id).state.rows] == [90_00, 0, 0]
    assert not held(shop, other.loan_id).state.rows[0].principal_paid


def test_a_repayment_and_a_refund_after_an_undo_find_the_loan_that_is_left(shop):
    got = shop.bought("1200.00", product="flex")
    shop.until(DUE)
    paid = shop.repay(got.loan_id)
    undone(shop, paid.collection_id)
    shop.next_day()
    shop.refund(got.order_id, "300.00")
    shop.until(date(2026, 11, 25))
    shop.repay(got.loan_id)
    terms = held(shop, got.loan_id).state.terms
    from_events = levelled.history([got.loan_id], {got.loan_id: terms})[got.loan_id]
    assert [getattr(event, "undone", False) for event in from_events] == [False, True, False, False]
    shop.prove()
    shop.refund(got.order_id)
    assert held(shop, got.loan_id).closed_on == shop.on
    shop.prove()


def trace_of(shop, got):
    with sql.reading(book_id=shop.book_id):
        return trace(order_id=got.order_id)


def test_the_trace_tells_of_it_with_its_entry_and_the_money_that_went_back(shop):
    got = shop.bought("600.00")
    shop.until(DUE)
    paid = shop.repay(got.loan_id)
    undone(shop, paid.collection_id)
    told = {each.kind: each for each in trace_of(shop, got).timeline}
    (entry,) = told["loan.reversed"].entries
    assert (entry.kind, told["loan.reversed"].amount) == ("loan.reversed", yuan("200.00"))
    assert {line.account for line in entry.lines} == {"loan_principal", "consumer_balance", "credit_line", "credit_line_contra"}
    assert told["channel.refunded"].amount == yuan("200.00")
    assert [stage for _, stage in traced_orders(book_id=shop.book_id, as_of=shop.on).missing] == ["settlement"], "which was not run here"


def paid_then_refunded_then_paid_too_much(shop, card):
    """A loan with interest whose first repayment, had it never been, would have let a refund of goods waive less interest."""
    got = shop.bought("3000.00", product="flex")
    shop.until(DUE)
    first = shop.repay(got.loan_id)
    shop.next_day()
    shop.refund(got.order_id, "1000.00")
    shop.until(date(2026, 12, 25))
    shop.repay(got.loan_id, "9000.00", card)
    return got, first


def test_an_undo_that_would_be_paid_with_money_that_went_back_is_refused(shop):
    got, first = paid_then_refunded_then_paid_too_much(shop, "card:1:ok")
    before = held(shop, got.loan_id)
    (outcome,) = undone(shop, first.collection_id)
    assert isinstance(outcome, Refused), outcome
    assert outcome.code == "excess_gone"
    assert held(shop, got.loan_id) == before
    shop.next_day()


def test_an_undo_that_is_paid_with_money_still_here_owes_nothing_back_and_the_rest_goes_back_later(shop):
    got, first = paid_then_refunded_then_paid_too_much(shop, "card:1:refund_fails_once")
    excess = held(shop, got.loan_id).state.excess
    (done,) = undone(shop, first.collection_id)
    assert isinstance(done, Undone), done
    assert done.owed_back.minor == 0
    assert 0 < held(shop, got.loan_id).state.excess < excess
    shop.next_day()
    shop.next_day()
    assert control("consumer_balance", shop) == 0
    shop.prove()


@pytest.mark.parametrize("reason", ["", " ", "a\x00b", "x" * 501, "two\nlines"])
def test_a_reason_that_nobody_could_read_uses_no_key(shop, reason):
    got = shop.bought("1200.00")
    shop.until(DUE)
    paid = shop.repay(got.loan_id)
    wrong, right = UndoRequest("k", paid.collection_id, reason), UndoRequest("k", paid.collection_id, "paid twice")
    (outcome,) = undoing.undo(desk=shop.desk, now=shop.now(16), requests=[wrong])
    assert isinstance(outcome, Refused), outcome
    assert outcome.code == "reason_invalid"
    assert isinstance(undoing.undo(desk=shop.desk, now=shop.now(16), requests=[right])[0], Undone)


def test_arrears_that_an_undo_brings_are_told(shop):
    got = shop.bought("1200.00")
    shop.until(DUE)
    paid = shop.repay(got.loan_id)
    shop.until(date(2026, 10, 28))
    undone(shop, paid.collection_id)
    told = sql.rows("SELECT snapshot, changed FROM runtime_outbox WHERE object_id = %s AND type = 'loan.reversed'", [got.loan_id])
    assert [(snapshot["arrears_since"], changed["arrears_since"]) for snapshot, changed in told] == [(DUE.isoformat(), None)]
