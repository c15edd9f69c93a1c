"""Repayment through the channel: partial, late, too much, back-dated, failed, unanswered, and sent again."""

from __future__ import annotations

import random
from contextlib import suppress
from dataclasses import replace
from datetime import date, timedelta

import pytest

from tests.journeys.conftest import LATE_DAY, shop_opened
from yuefu.errors import Refused
from yuefu.ids import IdSource
from yuefu.journeys import desk, refund, repayment
from yuefu.journeys.desk import open_day
from yuefu.journeys.repayment import RepayRequest
from yuefu.ledger import queries as ledger
from yuefu.loans import commands as loans
from yuefu.loans import queries as loan_book
from yuefu.loans.commands import Repayment
from yuefu.money.amounts import Money
from yuefu.orders.commands import RefundRequest
from yuefu.payments import queries as payments
from yuefu.payments.gateways.sandbox import SandboxChannel
from yuefu.runtime import sql
from yuefu.runtime.batch import Quarantined

DUE = date(2026, 10, 25)


@pytest.fixture
def shop(vault, ids):
    return shop_opened(vault, ids, LATE_DAY)


def yuan(text):
    return Money.parse(text, "CNY")


def repaid(shop, loan_id, key="y", amount=None, card="card:1:ok", *, hour=14):
    request = RepayRequest(key, loan_id, yuan(amount) if amount else None, card)
    return repayment.repay(desk=shop.desk, now=shop.now(hour), requests=[request])[0]


def control(shop, code):
    return sum(ledger.totals(shop.book_id, [code]).values())


def state_of(shop, loan_id):
    return loan_book.loans([loan_id])[loan_id].state


def debits(shop, order_id):
    """What the channel took for an order, by its own books."""
    found = sql.rows(
        "SELECT t.amount_minor FROM payments_sandbox_trade t JOIN payments_collection c ON c.reference = t.reference"
        " WHERE c.order_id = %s AND t.status = 'SUCCESS' ORDER BY t.at",
        [order_id],
    )
    return [row[0] for row in found]


class LineCut(Exception):
    pass


class CutChannel(SandboxChannel):
    """A channel whose line breaks: before a call arrives, or after it was carried out and before its answer comes back."""

    def __init__(self, book, *, arrives):
        super().__init__(book)
        self.arrives = arrives

    def collect(self, *, orders, now):
        if self.arrives:
            super().collect(orders=orders, now=now)
        raise LineCut

    def refund(self, *, orders, now):
        if self.arrives:
            super().refund(orders=orders, now=now)
        raise LineCut


def cut(shop, act, *, arrives):
    """`act` on a desk whose line to the channel breaks."""
    whole, shop.desk = shop.desk, replace(shop.desk, channel=CutChannel(shop.desk.book, arrives=arrives))
    try:
        act()
    except LineCut:
        return
    finally:
        shop.desk = whole
    raise AssertionError("the line did not break")


def test_all_that_is_due_is_collected_interest_first(shop):
    got = shop.bought("1200.00", product="flex")
    shop.until(DUE)
    row = state_of(shop, got.loan_id).rows[0]
    paid = repaid(shop, got.loan_id)
    assert (paid.state, paid.principal.minor, paid.interest.minor, paid.excess.minor) == ("succeeded", row.principal, row.interest, 0)
    assert control(shop, "collections_clearing") == 0
    assert repaid(shop, got.loan_id, "y2").code == "nothing_due"
    shop.next_day()
    assert control(shop, "loan_interest") == 0
    shop.prove()


def test_a_part_payment_goes_to_interest_and_leaves_the_rest_overdue_until_it_is_paid(shop):
    got = shop.bought("1200.00", product="flex")
    shop.until(DUE)
    row = state_of(shop, got.loan_id).rows[0]
    first = repaid(shop, got.loan_id, "y1", "100.00")
    assert (first.interest.minor, first.principal.minor) == (row.interest, 100_00 - row.interest)
    shop.next_day()
    assert loan_book.loans([got.loan_id])[got.loan_id].arrears_since == DUE
    second = repaid(shop, got.loan_id, "y2")
    assert (second.interest.minor, second.principal.minor) == (0, row.principal - first.principal.minor)
    assert loan_book.loans([got.loan_id])[got.loan_id].arrears_since is None
    shop.next_day()
    shop.prove()


def test_what_is_paid_beyond_everything_due_goes_back_the_way_it_came(shop):
    got = shop.bought("600.00")
    shop.until(DUE)
    paid = repaid(shop, got.loan_id, "y1", "250.00")
    assert (paid.principal, paid.excess) == (yuan("200.00"), yuan("50.00"))
    found = payments.of_orders(order_ids=[got.order_id])[got.order_id]
    assert [(r.amount, r.state, r.collection_id) for r in found.refunds] == [(yuan("50.00"), "succeeded", paid.collection_id)]
    assert control(shop, "consumer_balance") == 0
    shop.prove()


def test_a_collection_that_fails_leaves_nothing_behind(shop):
    got = shop.bought("600.00")
    shop.until(DUE)
    before = state_of(shop, got.loan_id)
    failed = repaid(shop, got.loan_id, "y1", card="card:1:insufficient_funds")
    assert (failed.state, failed.failure_code, failed.principal) == ("failed", "insufficient_funds", yuan("0.00"))
    assert repaid(shop, got.loan_id, "y1", card="card:1:insufficient_funds") == failed
    assert state_of(shop, got.loan_id) == before
    assert debits(shop, got.order_id) == []
    assert control(shop, "channel_cash") == 0
    assert repaid(shop, got.loan_id, "y2").state == "succeeded"
    shop.prove()


def test_an_unknown_outcome_is_polled_and_the_consumer_is_debited_once(shop):
    got = shop.bought("600.00")
    shop.until(DUE)
    unknown = repaid(shop, got.loan_id, "y1", card="card:1:unknown_then_success")
    assert (unknown.state, unknown.principal) == ("unknown", yuan("0.00"))
    assert repaid(shop, got.loan_id, "y1", card="card:1:unknown_then_success").state == "unknown"
    assert repayment.poll(desk=shop.desk, now=shop.now(15)) == 1
    assert repayment.poll(desk=shop.desk, now=shop.now(16)) == 0
    told = repaid(shop, got.loan_id, "y1", card="card:1:unknown_then_success")
    assert (told.state, told.principal) == ("succeeded", yuan("200.00"))
    assert debits(shop, got.order_id) == [200_00]
    shop.prove()


def test_an_unknown_outcome_that_failed_leaves_nothing_behind(shop):
    got = shop.bought("600.00")
    shop.until(DUE)
    repaid(shop, got.loan_id, "y1", card="card:1:unknown_then_failure")
    repayment.poll(desk=shop.desk, now=shop.now(15))
    assert repaid(shop, got.loan_id, "y1", card="card:1:unknown_then_failure").state == "failed"
    assert debits(shop, got.order_id) == []
    shop.prove()


def test_a_line_that_breaks_is_mended_by_the_same_key_or_by_the_poll_and_debits_once(shop):
    for arrives in (False, True):
        for mended_by in ("key", "poll"):
            got = shop.bought("600.00")
            key, amount = f"{got.loan_id}", "10.00"
            cut(shop, lambda got=got, key=key, amount=amount: repaid(shop, got.loan_id, key, amount), arrives=arrives)
            assert len(debits(shop, got.order_id)) == arrives
            if mended_by == "poll":
                repayment.poll(desk=shop.desk, now=shop.now(15))
            again = repaid(shop, got.loan_id, key, amount, hour=16)
            assert again.state == "succeeded"
            assert debits(shop, got.order_id) == [10_00]
            assert repaid(shop, got.loan_id, key, amount, hour=17) == again
            shop.prove()


def test_a_credit_balance_whose_return_broke_off_is_returned_by_the_poll_once(shop):
    for arrives in (False, True):
        got = shop.bought("600.00")
        cut(shop, lambda got=got: repaid(shop, got.loan_id, f"{got.loan_id}", "70.00"), arrives=False)
        whole = shop.desk
        refuses = CutChannel(whole.book, arrives=arrives)
        refuses.collect = whole.channel.collect  # only the way back is broken
        shop.desk = replace(whole, channel=refuses)
        with suppress(LineCut):
            repaid(shop, got.loan_id, f"{got.loan_id}", "70.00", hour=15)
        shop.desk = whole
        assert control(shop, "consumer_balance") == -70_00
        repayment.poll(desk=shop.desk, now=shop.now(16))
        found = payments.of_orders(order_ids=[got.order_id])[got.order_id].refunds
        assert [(r.state, r.amount) for r in found] == [("succeeded", yuan("70.00"))]
        assert control(shop, "consumer_balance") == 0
        shop.prove()


def test_a_key_sent_again_tells_the_first_outcome_although_less_is_due_now(shop):
    got = shop.bought("1200.00", product="flex")
    shop.until(DUE)
    first = repaid(shop, got.loan_id, "y1")
    assert repaid(shop, got.loan_id, "y1", hour=15) == first
    shop.next_day()
    assert repaid(shop, got.loan_id, "y1") == first
    other = repaid(shop, got.loan_id, "y1", "1.00")
    assert (other.code, other.field) == ("key_reused", "amount")
    assert debits(shop, got.order_id) == [first.amount.minor]
    shop.prove()


def test_requests_of_one_batch_each_get_their_own_outcome(shop):
    one, two = shop.bought("600.00"), shop.bought("900.00")
    shop.until(DUE)
    unknown = IdSource(random.Random(1).getrandbits).new(shop.now())
    requests = [
        RepayRequest("a", one.loan_id, None, "card:1:ok"),
        RepayRequest("b", unknown, None, "card:1:ok"),
        RepayRequest("c", two.loan_id, yuan("0.00"), "card:2:ok"),
        RepayRequest("d", two.loan_id, None, "card:2:insufficient_funds"),
        RepayRequest("e", two.loan_id, yuan("300.00"), "card:2:ok"),
        RepayRequest("a", one.loan_id, None, "card:1:ok"),
    ]
    found = repayment.repay(desk=shop.desk, now=shop.now(14), requests=requests)
    assert [getattr(o, "code", None) or o.state for o in found] == [
        "succeeded",
        "unknown_loan",
        "amount_not_positive",
        "failed",
        "succeeded",
        "succeeded",
    ]
    assert found[0] == found[5]
    assert debits(shop, one.order_id) == [200_00]
    shop.prove()


def _applied(shop, loan_id, *steps):
    """Applies (amount, effective day), each in a batch of its own, as if the channel had taken it on that day."""
    ids = IdSource(random.Random(repr(steps)).getrandbits)
    for amount, on in steps:
        with open_day(shop.desk, shop.now()) as work:
            (outcome,) = loans.apply_repayments(work=work, repayments=[Repayment(ids.new(shop.now()), loan_id, yuan(amount), on)])
            assert not hasattr(outcome, "code"), outcome


def test_a_back_dated_repayment_leaves_what_the_same_payments_in_order_leave(shop):
    in_order, late = shop.bought("1200.00", product="flex"), shop.bought("1200.00", product="flex")
    shop.until(date(2026, 11, 26))
    first, second = (("250.00", DUE), ("700.00", date(2026, 11, 25)))
    _applied(shop, in_order.loan_id, first, second)
    _applied(shop, late.loan_id, second, first)
    one, other = state_of(shop, in_order.loan_id), state_of(shop, late.loan_id)
    assert one.rows == other.rows
    assert (one.excess, one.outstanding_principal) == (other.excess, other.outstanding_principal)
    sums = [
        sql.rows(
            "SELECT a.code, sum(l.amount_minor)::bigint FROM ledger_line l JOIN ledger_account a ON a.id = l.account_id"
            " WHERE l.loan_id = %s GROUP BY 1 ORDER BY 1",
            [got.loan_id],
        )
        for got in (in_order, late)
    ]
    assert sums[0] == sums[1]


def test_payments_of_one_batch_may_come_in_any_order_of_their_days(shop):
    got = shop.bought("600.00")
    shop.until(date(2026, 11, 26))
    ids = IdSource(random.Random(7).getrandbits)
    given = [("200.00", date(2026, 11, 25)), ("200.00", DUE)]
    with open_day(shop.desk, shop.now()) as work:
        found = loans.apply_repayments(
            work=work, repayments=[Repayment(ids.new(shop.now()), got.loan_id, yuan(amount), on) for amount, on in given]
        )
    assert [o.principal for o in found] == [yuan("200.00"), yuan("200.00")]
    assert [row.principal_paid for row in state_of(shop, got.loan_id).rows] == [200_00, 200_00, 0]


def test_an_answer_that_comes_days_later_counts_from_the_day_the_channel_took_the_money(shop):
    got = shop.bought("600.00")
    shop.until(DUE)
    assert repaid(shop, got.loan_id, "y1", card="card:1:unknown_then_success").state == "unknown"
    shop.next_day()
    assert loan_book.loans([got.loan_id])[got.loan_id].arrears_since == DUE
    second = repaid(shop, got.loan_id, "y2")
    assert second.principal == yuan("200.00")
    repayment.poll(desk=shop.desk, now=shop.now(15))
    events = {e.effective_on: e for e in loan_book.recorded([got.order_id])[got.order_id] if e.kind == "repaid"}
    assert set(events) == {DUE, shop.on}
    assert events[DUE].excess == yuan("200.00")
    assert control(shop, "consumer_balance") == 0
    assert debits(shop, got.order_id) == [200_00, 200_00]
    shop.prove()


@pytest.mark.parametrize("card", ["card:1:ok", "card:1:unknown_then_success"])
def test_what_is_paid_after_midnight_and_before_the_roll_over_is_applied(shop, card):
    """The channel is a day ahead of the open day then."""
    got = shop.bought("600.00")
    shop.until(DUE)
    late = shop.now(23) + timedelta(hours=1, minutes=1)
    assert late.date() == DUE + timedelta(days=1)
    (told,) = repayment.repay(desk=shop.desk, now=late, requests=[RepayRequest("late", got.loan_id, yuan("200.00"), card)])
    if told.state == "unknown":
        assert repayment.poll(desk=shop.desk, now=late + timedelta(minutes=2)) == 1
        (told,) = repayment.repay(desk=shop.desk, now=late, requests=[RepayRequest("late", got.loan_id, yuan("200.00"), card)])
    assert (told.state, told.principal) == ("succeeded", yuan("200.00"))
    assert control(shop, "collections_clearing") == 0
    assert sql.value("SELECT max(effective_on - posted_on) FROM ledger_entry WHERE book_id = %s", [shop.book_id]) == 0
    shop.next_day()
    shop.prove()


def test_what_cannot_be_applied_is_not_booked_either(shop, monkeypatch):
    got = shop.bought("600.00")
    shop.until(DUE)
    refused = [Refused("future_dated", "say")]
    with monkeypatch.context() as broken:
        broken.setattr(repayment.loans, "apply_repayments", lambda **given: refused)
        (told,) = repayment.repay(desk=shop.desk, now=shop.now(14), requests=[RepayRequest("y", got.loan_id, None, "card:1:ok")])
    assert isinstance(told, Quarantined)
    assert control(shop, "collections_clearing") == 0
    assert repayment.poll(desk=shop.desk, now=shop.now(15)) == 1
    assert repaid(shop, got.loan_id, "y").principal == yuan("200.00")
    shop.prove()


@pytest.mark.parametrize("instrument", ["", "a\0b", "x" * 129, "card\n"])
def test_an_instrument_that_is_none_is_refused_and_disturbs_nobody(shop, instrument):
    got, other = shop.bought("600.00"), shop.bought("600.00")
    shop.until(DUE)
    requests = [RepayRequest("bad", got.loan_id, None, instrument), RepayRequest("good", other.loan_id, None, "card:1:ok")]
    bad, good = repayment.repay(desk=shop.desk, now=shop.now(14), requests=requests)
    assert (bad.code, good.state) == ("instrument_invalid", "succeeded")


def test_one_answer_that_cannot_be_booked_does_not_stop_the_others(shop, monkeypatch):
    bought = [shop.bought("600.00") for _ in range(3)]
    shop.until(DUE)
    for n, got in enumerate(bought):
        assert repaid(shop, got.loan_id, f"y{n}", card="card:1:unknown_then_success").state == "unknown"
    query = type(shop.desk.channel).query

    def dear(self, *, references, now):
        answers = dict(query(self, references=references, now=now))
        if not answers:
            return answers
        worst = min(answers)
        return answers | {worst: replace(answers[worst], fee=answers[worst].amount + yuan("1.00"))}

    monkeypatch.setattr(type(shop.desk.channel), "query", dear)
    repayment.poll(desk=shop.desk, now=shop.now(16))
    states = sorted(c.state for got in bought for c in payments.of_orders(order_ids=[got.order_id])[got.order_id].collections)
    assert states == ["succeeded", "succeeded", "unknown"]
    monkeypatch.setattr(type(shop.desk.channel), "query", query)
    assert repayment.poll(desk=shop.desk, now=shop.now(17)) == 1
    shop.prove()


def test_what_is_too_much_goes_back_by_the_collection_it_came_by(shop):
    got = shop.bought("1200.00")
    shop.until(date(2026, 10, 25))
    shop.repay(got.loan_id)
    again = shop.repay(got.loan_id, "100.00")
    found = sql.rows("SELECT collection_id, amount_minor FROM payments_channel_refund WHERE book_id = %s", [shop.book_id])
    assert found == [(again.collection_id, 100_00)]


@pytest.mark.parametrize("others", [0, 2])
def test_money_that_came_is_not_lost_where_its_loan_is_held_up_and_holds_up_nobody_else(shop, as_role, monkeypatch, others):
    """The channel has taken it when the lock is met: nobody is told more than that it is not known yet."""
    monkeypatch.setattr(desk, "LOCK_TIMEOUT_MS", 200)
    got = [shop.bought("900.00") for _ in range(1 + others)]
    shop.until(DUE)
    requests = [RepayRequest(f"k{n}", one.loan_id, yuan("100.00"), "card:1:ok") for n, one in enumerate(got)]
    unknown = RepayRequest("u", got[0].order_id, yuan("100.00"), "card:1:ok")
    somebody = as_role("default")
    somebody.execute("SELECT FROM loans_loan WHERE id = %s FOR UPDATE", [got[0].loan_id])
    told = repayment.repay(desk=shop.desk, now=shop.now(14), requests=[unknown, *requests])
    somebody.rollback()
    assert [getattr(one, "state", None) or one.code for one in told] == ["unknown_loan", "attempted", *["succeeded"] * others]
    (again,) = repayment.repay(desk=shop.desk, now=shop.now(15), requests=requests[:1])
    assert (again.state, again.amount, again.collection_id) == ("succeeded", yuan("100.00"), told[1].collection_id)
    assert [debits(shop, one.order_id) for one in got] == [[100_00]] * len(got)
    assert control(shop, "channel_clearing") == 0
    shop.prove()


def test_a_refund_whose_answer_is_held_up_is_made_and_its_money_asked_for_later(shop, as_role, monkeypatch):
    monkeypatch.setattr(desk, "LOCK_TIMEOUT_MS", 200)
    got = [shop.bought("900.00") for _ in range(2)]
    shop.until(DUE)
    for one in got:
        shop.repay(one.loan_id)
    real, somebody = SandboxChannel.refund, as_role("default")

    def held_up_meanwhile(self, *, orders, now):
        results = real(self, orders=orders, now=now)
        somebody.execute("SELECT FROM payments_channel_refund WHERE reference = %s FOR UPDATE", [orders[0].reference])
        return results

    monkeypatch.setattr(SandboxChannel, "refund", held_up_meanwhile)
    requests = [RefundRequest(f"f{n}", shop.seller(one.order_id), one.order_id, None) for n, one in enumerate(got)]
    told = refund.refund(desk=shop.desk, now=shop.now(14), requests=requests)
    monkeypatch.setattr(SandboxChannel, "refund", real)
    somebody.rollback()
    assert [one.owed_back for one in told] == [yuan("300.00")] * 2
    assert states(shop) == ["attempted", "succeeded"]
    repayment.poll(desk=shop.desk, now=shop.now(15))
    assert states(shop) == ["succeeded", "succeeded"]
    shop.prove()


def states(shop):
    return [state for (state,) in sql.rows("SELECT state FROM payments_channel_refund WHERE book_id = %s ORDER BY state", [shop.book_id])]
