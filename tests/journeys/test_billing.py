"""One bill a month over all loans, and one payment over several: early, in part, too much, unanswered, sent again, undone, reconciled."""

from dataclasses import replace
from datetime import date, timedelta
from uuid import UUID

import pytest

from tests.journeys.conftest import shop_opened
from yuefu import ids
from yuefu.billing import queries as bill_book
from yuefu.credit import commands as credit
from yuefu.credit import queries as accounts
from yuefu.credit.commands import ChangeDays
from yuefu.errors import Refused, one
from yuefu.journeys import billing, reconciliation, refund, repayment, undoing
from yuefu.journeys import debits as journeys_debits
from yuefu.journeys.billing import GivenBack, Made, PayRequest
from yuefu.journeys.desk import open_day
from yuefu.journeys.repayment import RepaidTogether, RepayRequest
from yuefu.journeys.trace import trace, traced_orders
from yuefu.journeys.undoing import UndoRequest
from yuefu.ledger import queries as ledger
from yuefu.loans import queries as loan_book
from yuefu.money.amounts import Money
from yuefu.payments import queries as payments
from yuefu.payments.commands import Closing
from yuefu.runtime import sql

OPENED, BILL_DAY, DUE = date(2026, 10, 14), date(2026, 10, 15), date(2026, 10, 25)
"""Of a consumer of the shop, who comes on 12 October."""


def yuan(text):
    return Money.parse(text, "CNY")


def control(shop, code):
    return sum(ledger.totals(shop.book_id, [code]).values())


def loan(shop, consumer_id, amount, *, merchant=0, product="free"):
    return shop.capture(shop.buy(consumer_id, amount, merchant=merchant, product=product).order_id)


def account_of(shop, consumer_id):
    return accounts.accounts_of(consumer_ids=[consumer_id], currency="CNY", book_id=shop.book_id)[consumer_id]


def make(shop):
    return billing.make(desk=shop.desk, now=shop.now(6))


def bills(shop, consumer_id):
    """Oldest first."""
    return bill_book.bills_of(account_id=account_of(shop, consumer_id).id, limit=99)[::-1]


def asking(shop, consumer_id, key="b", card="card:1:ok", **given):
    amount = given.pop("amount", None)
    return PayRequest(key, consumer_id, card, amount=yuan(amount) if amount else None, **given)


def pay(shop, consumer_id, key="b", card="card:1:ok", *, hour=14, **given):
    return billing.pay(desk=shop.desk, now=shop.now(hour), requests=[asking(shop, consumer_id, key, card, **given)])[0]


def paid(outcome):
    """State and, for each part: loan, amount, what its loan took, what comes back, and for which day it waits."""
    assert isinstance(outcome, RepaidTogether), outcome
    zero = yuan("0.00")
    return outcome.state, {
        (p.loan_id, p.waits_for): (str(p.amount.minor), str((p.principal + p.interest).minor), str(p.excess.minor))
        for p in outcome.parts
        if p.amount != zero
    }


def live_until(shop, on):
    """With what is owed to the merchants settled each day."""
    while shop.on < on:
        shop.next_day()
        shop.settle()


@pytest.fixture
def shop(vault, ids):
    return shop_opened(vault, ids, OPENED, version="2026-2")


def seen(shop, loan_id):
    return loan_book.on_book([loan_id], shop.on, book_id=shop.book_id)[loan_id]


def row(shop, loan_id, no=1):
    return seen(shop, loan_id).rows[no - 1]


def debits(shop):
    found = sql.rows(
        "SELECT amount_minor FROM payments_sandbox_trade WHERE book_id = %s AND kind = 'payment' AND status = 'SUCCESS' ORDER BY at, reference",
        [shop.book_id],
    )
    return [minor for (minor,) in found]


@pytest.fixture
def two(shop):
    """A consumer with loans of 300 and 150 a month at two merchants, whose first bill is made, on its day."""
    consumer_id = shop.consumer()
    first, second = loan(shop, consumer_id, "900.00"), loan(shop, consumer_id, "450.00", merchant=1)
    live_until(shop, BILL_DAY)
    (made,) = make(shop)
    assert isinstance(made, Made)
    return consumer_id, first, second, made.bill.bill_id


# ------------------------------------------------------------------------------------------------------------------------------- bills


def test_the_bill_of_the_bill_day_holds_what_falls_due_by_its_repayment_day_over_all_loans(shop, two):
    consumer_id, first, second, bill_id = two
    (bill,) = bills(shop, consumer_id)
    assert (bill.id, bill.no, bill.first_on, bill.bill_on, bill.due_on) == (bill_id, 1, OPENED, BILL_DAY, DUE)
    assert (bill.total, bill.carried, bill.minimum, bill.to_pay, bill.state(shop.on)) == (*map(yuan, ("450", "0", "450", "450")), "open")
    assert {(line.loan_id, line.due_on, line.amount.minor) for line in bill.lines} == {
        (first.loan_id, DUE, 300_00), (second.loan_id, DUE, 150_00),
    }  # fmt: skip
    ((kind, snapshot),) = sql.rows("SELECT type, snapshot FROM runtime_outbox WHERE object_id = %s", [bill_id])
    assert kind == "bill.issued"
    assert snapshot["minimum"] == {"minor": 450_00, "currency": "CNY"}
    shop.prove()


def test_bills_are_made_once_however_often_they_are_asked_for(shop, two):
    assert make(shop) == []
    assert make(shop) == []
    assert len(bills(shop, two[0])) == 1


def test_two_who_make_bills_at_once_make_each_once(shop):
    consumers = [shop.consumer() for _ in range(6)]
    for consumer_id in consumers:
        loan(shop, consumer_id, "300.00")
    shop.until(BILL_DAY)
    found = shop.at_once(lambda: make(shop), lambda: make(shop))
    assert all(isinstance(one, list) for one in found), found
    assert sum(len(one) for one in found) == 6
    assert [len(bills(shop, consumer_id)) for consumer_id in consumers] == [1] * 6


def test_there_is_no_bill_where_nothing_is_to_be_paid_and_the_cycle_ends_all_the_same(shop):
    consumer_id = shop.consumer()
    shop.until(BILL_DAY)
    (made,) = make(shop)
    assert made == Made(account_of(shop, consumer_id).id, None)
    assert bills(shop, consumer_id) == []
    assert make(shop) == []


def test_days_that_were_missed_are_made_up_for_with_the_bill_of_each(shop):
    consumer_id = shop.consumer()
    got = loan(shop, consumer_id, "900.00")
    shop.until(date(2026, 12, 16))
    assert [type(made) for made in make(shop)] == [Made] * 3
    first, second, third = bills(shop, consumer_id)
    assert [bill.bill_on for bill in (first, second, third)] == [date(2026, month, 15) for month in (10, 11, 12)]
    assert [[(line.loan_id, line.due_on.month) for line in bill.lines] for bill in (first, second, third)] == [
        [(got.loan_id, n)] for n in (10, 11, 12)
    ]
    assert [bill.state(shop.on) for bill in (first, second, third)] == ["overdue", "overdue", "open"]
    assert [bill.minimum for bill in (first, second, third)] == [*map(yuan, ("300", "600", "900"))], "with what those before still ask"
    shop.prove()


def test_what_fell_due_and_was_paid_before_its_bill_is_on_it_and_asked_for_no_more(shop):
    consumer_id = shop.consumer()
    shop.until(BILL_DAY)
    make(shop)
    got = loan(shop, consumer_id, "900.00", product="flex")
    shop.until(DUE)
    assert row(shop, got.loan_id).due_on == DUE, "the shop's plans may begin ten days after"
    shop.repay(got.loan_id)
    shop.until(date(2026, 11, 15))
    make(shop)
    (bill,) = bills(shop, consumer_id)
    one, two = bill.lines
    assert (one.due_on, one.left, two.due_on, two.left) == (DUE, yuan("0.00"), date(2026, 11, 25), two.amount)
    assert (bill.total, bill.paid, bill.minimum, bill.to_pay) == (one.amount + two.amount, one.amount, two.amount, two.amount)


def test_an_account_that_breaks_is_set_aside_and_the_others_get_their_bills(shop, monkeypatch):
    consumers = [shop.consumer() for _ in range(3)]
    for consumer_id in consumers:
        loan(shop, consumer_id, "300.00")
    shop.until(BILL_DAY)
    broken = account_of(shop, consumers[1]).id
    original = billing.billing.issue

    def issue(*, work, ended):
        assert broken not in {one.account_id for one in ended}, "no"
        return original(work=work, ended=ended)

    with monkeypatch.context() as breaking:
        breaking.setattr(billing.billing, "issue", issue)
        make(shop)
    assert [len(bills(shop, consumer_id)) for consumer_id in consumers] == [1, 0, 1]
    make(shop)
    assert [len(bills(shop, consumer_id)) for consumer_id in consumers] == [1, 1, 1]


def test_a_bill_stays_as_it_was_shown_and_what_is_to_be_paid_of_it_follows_its_loans(shop, two):
    consumer_id, first, second, _ = two
    as_shown = bills(shop, consumer_id)[0].total
    shop.refund(first.order_id, "600.00")
    (bill,) = bills(shop, consumer_id)
    assert bill.total == as_shown
    assert bill.to_pay == yuan("250.00"), "a third of the first loan is left"
    shop.refund(second.order_id)
    shop.refund(first.order_id)
    (bill,) = bills(shop, consumer_id)
    assert (bill.total, bill.to_pay, bill.state(shop.on)) == (as_shown, yuan("0.00"), "paid")


def test_a_repayment_that_is_undone_opens_the_bill_again(shop, two):
    consumer_id, first, _, bill_id = two
    shop.until(DUE)
    outcome = pay(shop, consumer_id, bill_id=bill_id)
    assert bills(shop, consumer_id)[0].state(shop.on) == "paid"
    part = next(part for part in outcome.parts if part.loan_id == first.loan_id)
    (done,) = undoing.undo(desk=shop.desk, now=shop.now(16), requests=[UndoRequest("u", part.collection_id, "paid twice")])
    assert (done.loan_id, done.amount, done.owed_back) == (first.loan_id, yuan("300.00"), yuan("300.00"))
    assert bills(shop, consumer_id)[0].to_pay == yuan("300.00")
    shop.next_day()
    assert bills(shop, consumer_id)[0].state(shop.on) == "overdue"
    shop.prove()


def test_the_days_of_an_account_change_from_the_next_bill_on_and_every_instalment_is_billed_in_time(shop, two):
    consumer_id, first, second, _ = two
    account = account_of(shop, consumer_id)
    with open_day(shop.desk, shop.now()) as work:
        step = one(credit.change_days(work=work, changes=[ChangeDays("d", account.id, 25, 5, ("asked_by_consumer",))]))
    assert step.from_on == date(2026, 11, 15), "changed on the bill day itself"
    shop.until(date(2026, 12, 25))
    make(shop)
    found = [(str(b.bill_on), str(b.due_on), sorted(str(line.due_on) for line in b.lines)) for b in bills(shop, consumer_id)]
    assert found == [
        ("2026-10-15", "2026-10-25", ["2026-10-25"] * 2),
        # The bill after it comes on 25 December, too late for what falls due on that day: so this one has it.
        ("2026-11-15", "2026-11-25", ["2026-11-25", "2026-11-25", "2026-12-25", "2026-12-25"]),
    ]
    assert {first.loan_id, second.loan_id} == {line.loan_id for b in bills(shop, consumer_id) for line in b.lines}


# ----------------------------------------------------------------------------------------------------------------------------- payments


def test_the_bill_is_paid_by_one_payment_that_each_loan_has_its_part_of(shop, two):
    consumer_id, first, second, bill_id = two
    shop.until(DUE)
    outcome = pay(shop, consumer_id, bill_id=bill_id)
    assert paid(outcome) == (
        "succeeded", {(first.loan_id, None): ("30000", "30000", "0"), (second.loan_id, None): ("15000", "15000", "0")},
    )  # fmt: skip
    assert debits(shop) == [450_00], "the channel knows one payment"
    assert [row(shop, got.loan_id).unpaid for got in (first, second)] == [0, 0]
    assert bills(shop, consumer_id)[0].state(shop.on) == "paid"
    assert pay(shop, consumer_id, "again", bill_id=bill_id).code == "bill_paid"
    shop.prove()


def test_a_bill_paid_before_its_day_waits_and_is_applied_on_it(shop, two):
    consumer_id, first, second, bill_id = two
    outcome = pay(shop, consumer_id, bill_id=bill_id)
    assert paid(outcome) == (
        "succeeded", {(first.loan_id, DUE): ("30000", "0", "0"), (second.loan_id, DUE): ("15000", "0", "0")},
    )  # fmt: skip
    (bill,) = bills(shop, consumer_id)
    assert (bill.state(shop.on), bill.to_pay, bill.lines[0].waiting) == ("paid", yuan("0.00"), bill.lines[0].left)
    assert control(shop, "consumer_balance") == -450_00, "until then it is the consumer's"
    assert row(shop, first.loan_id).unpaid == 300_00
    assert pay(shop, consumer_id, "again", bill_id=bill_id).code == "bill_paid"
    assert pay(shop, consumer_id, "all").code == "nothing_due"
    shop.prove()
    shop.until(DUE)
    assert billing.release(desk=shop.desk, now=shop.now(6)) == 2
    assert billing.release(desk=shop.desk, now=shop.now(6)) == 0
    assert [row(shop, got.loan_id).unpaid for got in (first, second)] == [0, 0]
    assert (control(shop, "consumer_balance"), control(shop, "collections_clearing")) == (0, 0)
    shop.prove()
    again = pay(shop, consumer_id, bill_id=bill_id)
    assert paid(again)[1] == {(first.loan_id, None): ("30000", "30000", "0"), (second.loan_id, None): ("15000", "15000", "0")}


def test_nobody_is_late_who_paid_before_the_day_though_nothing_ran_on_it_but_its_close(shop, two):
    consumer_id, first, second, bill_id = two
    pay(shop, consumer_id, bill_id=bill_id)
    shop.until(DUE + timedelta(days=2))
    for got in (first, second):
        held = seen(shop, got.loan_id)
        assert (held.rows[0].unpaid, held.late_since) == (0, None)
        (repaid,) = (one for one in loan_book.recorded([got.order_id])[got.order_id] if one.kind == "repaid")
        assert repaid.effective_on == DUE
    shop.prove()


def test_a_part_of_the_bill_pays_the_oldest_first(shop, two):
    consumer_id, first, second, bill_id = two
    shop.until(DUE)
    low, high = sorted((first, second), key=lambda got: got.loan_id)
    asked = {first.loan_id: 300_00, second.loan_id: 150_00}
    outcome = pay(shop, consumer_id, bill_id=bill_id, amount="310.00")
    to_low = min(asked[low.loan_id], 310_00)
    parts = {(low.loan_id, None): (str(to_low), str(to_low), "0"), (high.loan_id, None): (str(310_00 - to_low), str(310_00 - to_low), "0")}
    assert paid(outcome) == ("succeeded", parts)
    assert bills(shop, consumer_id)[0].to_pay == yuan("140.00")
    assert paid(pay(shop, consumer_id, "rest", bill_id=bill_id))[0] == "succeeded"
    assert bills(shop, consumer_id)[0].to_pay == yuan("0.00")
    shop.prove()


def test_one_loan_is_paid_by_itself(shop, two):
    consumer_id, first, second, _ = two
    outcome = pay(shop, consumer_id, loan_id=second.loan_id)
    assert paid(outcome) == ("succeeded", {(second.loan_id, DUE): ("15000", "0", "0")})
    assert bills(shop, consumer_id)[0].to_pay == yuan("300.00")
    shop.until(DUE)
    assert paid(pay(shop, consumer_id, "f", loan_id=first.loan_id))[1] == {(first.loan_id, None): ("30000", "30000", "0")}
    shop.prove()


def test_the_newest_bill_asks_for_what_those_before_still_ask_and_all_is_everything(shop, two):
    consumer_id, first, second, _ = two
    shop.until(date(2026, 11, 16))
    make(shop)
    old, new = bills(shop, consumer_id)
    assert (new.total, new.carried, old.state(shop.on)) == (yuan("450.00"), yuan("450.00"), "overdue")
    november = date(2026, 11, 25)
    outcome = pay(shop, consumer_id, bill_id=new.id)
    assert paid(outcome)[1] == {
        (first.loan_id, None): ("30000", "30000", "0"),
        (second.loan_id, None): ("15000", "15000", "0"),
        (first.loan_id, november): ("30000", "0", "0"),
        (second.loan_id, november): ("15000", "0", "0"),
    }
    assert [bill.state(shop.on) for bill in bills(shop, consumer_id)] == ["paid", "paid"]
    assert pay(shop, consumer_id, "all").code == "nothing_due", "what falls due in December is on no bill yet"
    ahead = pay(shop, consumer_id, "all", amount="100.00", ahead=True)
    assert {waits_for for _, waits_for in paid(ahead)[1]} == {date(2026, 12, 25)}
    shop.prove()


def test_more_than_all_goes_back_to_the_consumer(shop, two):
    consumer_id, first, second, bill_id = two
    shop.until(DUE)
    outcome = pay(shop, consumer_id, bill_id=bill_id, amount="500.00")
    back = sum(part.excess.minor for part in outcome.parts)
    assert (outcome.state, back, debits(shop)) == ("succeeded", 50_00, [500_00])
    assert control(shop, "consumer_balance") == 0, "it went back at once"
    given = sql.rows("SELECT amount_minor, state FROM payments_channel_refund WHERE book_id = %s", [shop.book_id])
    assert given == [(50_00, "succeeded")]
    assert [row(shop, got.loan_id).unpaid for got in (first, second)] == [0, 0]
    shop.prove()


def test_more_than_all_before_the_day_goes_back_and_the_rest_waits(shop, two):
    consumer_id, _, _, bill_id = two
    outcome = pay(shop, consumer_id, bill_id=bill_id, amount="500.00")
    assert sum(part.excess.minor for part in outcome.parts) == 50_00
    assert control(shop, "consumer_balance") == -450_00
    shop.prove()
    shop.until(DUE + timedelta(days=1))
    assert bills(shop, consumer_id)[0].state(shop.on) == "paid"
    assert control(shop, "consumer_balance") == 0


def test_more_than_all_may_pay_the_next_bill_instead(shop, two):
    consumer_id, first, second, bill_id = two
    shop.until(DUE)
    outcome = pay(shop, consumer_id, bill_id=bill_id, amount="2000.00", ahead=True)
    assert sum(part.excess.minor for part in outcome.parts) == 650_00, "no loan can take more than all that it asks"
    assert bills(shop, consumer_id)[0].state(shop.on) == "paid"
    assert control(shop, "consumer_balance") == -900_00
    shop.prove()
    shop.until(date(2026, 11, 15))
    make(shop)
    new = bills(shop, consumer_id)[-1]
    assert (new.total, new.to_pay, new.state(shop.on)) == (yuan("450.00"), yuan("0.00"), "paid")
    shop.until(date(2026, 12, 26))
    assert {seen(shop, got.loan_id).ended for got in (first, second)} == {True}
    assert control(shop, "consumer_balance") == 0
    shop.prove()


def test_what_waits_is_given_back_when_the_consumer_wants_it(shop, two):
    consumer_id, _, _, bill_id = two
    outcome = pay(shop, consumer_id, bill_id=bill_id)

    def back(of=consumer_id, what=outcome.collection_id):
        return billing.give_back(desk=shop.desk, now=shop.now(15), consumer_id=of, collection_ids=[what])[0]

    assert back(shop.consumer()).code == "unknown_payment"
    assert back() == GivenBack(outcome.collection_id, yuan("450.00"))
    assert back().code == "nothing_waits"
    assert control(shop, "consumer_balance") == 0
    assert bills(shop, consumer_id)[0].to_pay == yuan("450.00")
    shop.prove()


def test_goods_that_come_back_while_money_waits_for_them_are_not_paid_for(shop, two):
    consumer_id, first, second, bill_id = two
    pay(shop, consumer_id, bill_id=bill_id)
    shop.refund(first.order_id)
    shop.prove()
    shop.until(DUE + timedelta(days=1))
    given = sql.rows("SELECT amount_minor, state FROM payments_channel_refund WHERE book_id = %s", [shop.book_id])
    assert given == [(300_00, "succeeded")]
    assert row(shop, second.loan_id).unpaid == 0
    shop.prove()


def test_what_a_loan_owes_back_is_taken_from_what_it_got_and_not_from_what_waits_for_it(shop, two):
    consumer_id, first, _, bill_id = two
    shop.until(DUE)
    pay(shop, consumer_id, bill_id=bill_id)
    pay(shop, consumer_id, "ahead", loan_id=first.loan_id, amount="100.00", ahead=True)
    shop.refund(first.order_id)

    def given():
        return sql.rows("SELECT amount_minor, state FROM payments_channel_refund WHERE book_id = %s ORDER BY attempted_at", [shop.book_id])

    assert given() == [(300_00, "succeeded")]
    assert payments.waiting_in_all(book_id=shop.book_id) == 100_00
    shop.prove()
    shop.until(date(2026, 11, 26))
    assert given() == [(300_00, "succeeded"), (100_00, "succeeded")]
    shop.prove()


def test_a_payment_over_several_loans_is_undone_part_by_part_and_says_by_which(shop, two):
    consumer_id, _, _, bill_id = two
    shop.until(DUE)
    outcome = pay(shop, consumer_id, bill_id=bill_id)
    (refused,) = undoing.undo(desk=shop.desk, now=shop.now(16), requests=[UndoRequest("u", outcome.collection_id, "paid twice")])
    assert refused.code == "unknown_repayment"
    assert all(ids.text("collection", part.collection_id) in refused.detail for part in outcome.parts)


@pytest.mark.parametrize(
    ("card", "state"),
    [("card:1:insufficient_funds", "failed"), ("card:1:unknown_then_success", "unknown"), ("card:1:unknown_then_failure", "unknown")],
)
def test_what_the_channel_does_not_say_is_asked_for_and_all_parts_have_one_fate(shop, two, card, state):
    consumer_id, first, second, bill_id = two
    shop.until(DUE)
    outcome = pay(shop, consumer_id, card=card, bill_id=bill_id)
    assert (outcome.state, {part.state for part in outcome.parts}) == (state, {state})
    assert [row(shop, got.loan_id).unpaid for got in (first, second)] == [300_00, 150_00]
    shop.prove()
    repayment.poll(desk=shop.desk, now=shop.now(16))
    came = card.endswith("success")
    assert [row(shop, got.loan_id).unpaid for got in (first, second)] == ([0, 0] if came else [300_00, 150_00])
    told = pay(shop, consumer_id, card=card, bill_id=bill_id, hour=17)
    assert (told.collection_id, told.state) == (outcome.collection_id, "succeeded" if came else "failed")
    assert [sum((p.principal + p.interest).minor for p in told.parts)] == [450_00 if came else 0]
    shop.prove()


def contradicted(shop, two, *, on):
    """A payment of the bill of which the channel said that it failed, and when it was asked again that the money had moved."""
    consumer_id, _, _, bill_id = two
    shop.until(on)
    outcome = pay(shop, consumer_id, card="card:1:failed_then_success", bill_id=bill_id)
    assert (outcome.state, {part.state for part in outcome.parts}) == ("failed", {"failed"})
    (reference,) = [c.reference for c in payments.collections(book_id=shop.book_id, ids=[outcome.collection_id]).values()]
    late = shop.desk.channel.query(references=[reference], now=shop.now(15))
    (refused,) = repayment.book(desk=shop.desk, now=shop.now(15), results=list(late.values()))
    assert refused.code == "contradicts"
    (found,) = payments.contradictions_listed(book_id=shop.book_id)
    return outcome, found


def accept(shop, found, *, hour=16):
    (closed,) = journeys_debits.close(desk=shop.desk, now=shop.now(hour), closings=[Closing(found.id, True, "seen in the bill")])
    assert closed.state == "accepted"


def standing(shop, outcome):
    """State and day of release of the whole, then of its parts."""
    parts = payments.parts_of(book_id=shop.book_id, whole_ids=[outcome.collection_id])[outcome.collection_id]
    whole = payments.collections(book_id=shop.book_id, ids=[outcome.collection_id])[outcome.collection_id]
    return [(one.state, one.released_on) for one in (whole, *parts)]


def test_a_payment_over_several_loans_that_the_channel_contradicts_waits_for_a_person_with_all_its_parts(shop, two):
    _, first, second, _ = two
    outcome, found = contradicted(shop, two, on=DUE)
    assert (found.collection_id, found.loan_id, found.amount, found.said_amount) == (outcome.collection_id, None, *[yuan("450.00")] * 2)
    assert standing(shop, outcome) == [("failed", None)] * 3
    assert [row(shop, got.loan_id).unpaid for got in (first, second)] == [300_00, 150_00]
    shop.prove()
    accept(shop, found)
    assert standing(shop, outcome) == [("succeeded", None), ("succeeded", None), ("succeeded", None)]
    assert [row(shop, got.loan_id).unpaid for got in (first, second)] == [0, 0]
    accept(shop, found, hour=17)
    assert debits(shop) == [450_00]
    shop.next_day()
    shop.prove()


@pytest.mark.parametrize(("day", "waits"), [(BILL_DAY, 450_00), (DUE, 0), (DUE + timedelta(days=2), 0)])
def test_what_was_accepted_of_money_for_a_later_day_waits_for_it_if_it_is_still_to_come(shop, two, day, waits):
    _, first, second, _ = two
    _, found = contradicted(shop, two, on=BILL_DAY)
    shop.until(day)
    accept(shop, found)
    assert payments.waiting_in_all(book_id=shop.book_id) == waits
    assert [row(shop, got.loan_id).unpaid for got in (first, second)] == ([300_00, 150_00] if waits else [0, 0])
    shop.prove()
    shop.until(DUE + timedelta(days=3))
    assert [row(shop, got.loan_id).unpaid for got in (first, second)] == [0, 0]
    shop.prove()


def test_an_answer_that_comes_after_the_day_is_applied_at_once(shop, two):
    consumer_id, first, _, bill_id = two
    pay(shop, consumer_id, card="card:1:unknown_then_success", bill_id=bill_id)
    shop.until(DUE)
    repayment.poll(desk=shop.desk, now=shop.now(9))
    assert row(shop, first.loan_id).unpaid == 0
    assert payments.waiting_in_all(book_id=shop.book_id) == 0
    shop.prove()


def test_the_same_key_collects_once_and_another_content_under_it_is_refused(shop, two):
    consumer_id, _, _, bill_id = two
    first, twin = billing.pay(desk=shop.desk, now=shop.now(14), requests=[asking(shop, consumer_id, bill_id=bill_id)] * 2)
    assert first == twin
    assert pay(shop, consumer_id, bill_id=bill_id, hour=15) == first
    other = pay(shop, consumer_id, amount="1.00", bill_id=bill_id)
    assert (other.code, other.field) == ("key_reused", "amount")
    somebody = shop.consumer()
    loan(shop, somebody, "300.00")
    assert paid(pay(shop, somebody, ahead=True, amount="100.00"))[0] == "succeeded", "the key is the consumer's own"
    assert sorted(debits(shop)) == [100_00, 450_00]
    shop.prove()


def test_a_payment_that_broke_off_before_the_channel_answered_is_asked_for_and_not_taken_twice(shop, two, monkeypatch):
    consumer_id, _, _, bill_id = two
    taken = type(shop.desk.channel).collect

    def collect(self, *, orders, now):
        taken(self, orders=orders, now=now)
        raise ConnectionError("the line is cut after the money was taken")

    with monkeypatch.context() as cut:
        cut.setattr(type(shop.desk.channel), "collect", collect)
        with pytest.raises(ConnectionError):
            pay(shop, consumer_id, bill_id=bill_id)
    outcome = pay(shop, consumer_id, bill_id=bill_id, hour=15)
    assert outcome.state == "succeeded"
    assert debits(shop) == [450_00]
    shop.prove()


def test_what_cannot_be_paid_is_refused_before_anything_is_collected(shop, two, other_shop):
    consumer_id, first, _, bill_id = two
    stranger = shop.consumer()
    elsewhere = other_shop.bought("300.00")

    def code(who=consumer_id, key="b", card="card:1:ok", **given):
        outcome = pay(shop, who, key, card, **given)
        assert isinstance(outcome, Refused), outcome
        return outcome.code, outcome.field

    assert code(stranger, bill_id=bill_id) == ("unknown_bill", "bill_id")
    assert code(bill_id=UUID(int=7)) == ("unknown_bill", "bill_id")
    assert code(stranger, loan_id=first.loan_id) == ("unknown_loan", "loan_id")
    assert code(loan_id=elsewhere.loan_id) == ("unknown_loan", "loan_id")
    assert code(UUID(int=7)) == ("nothing_due", "amount")
    assert code(stranger) == ("nothing_due", "amount")
    assert code(stranger, amount="5.00", ahead=True) == ("nothing_due", "amount")
    assert code(bill_id=bill_id, loan_id=first.loan_id) == ("one_target", "loan_id")
    assert code(card="") == ("instrument_invalid", "instrument")
    request = PayRequest("b", consumer_id, "card:1:ok", bill_id=bill_id)
    for amount, name in (
        (Money(0, "CNY"), "amount_not_positive"),
        (Money(-1, "CNY"), "amount_not_positive"),
        (Money(1, "USD"), "currency_differs"),
    ):
        (outcome,) = billing.pay(desk=shop.desk, now=shop.now(), requests=[replace(request, amount=amount)])
        assert outcome.code == name
    assert debits(shop) == []
    assert pay(shop, consumer_id, bill_id=bill_id).state == "succeeded", "no key was used"


def test_a_loan_paid_twice_at_once_by_its_merchant_and_by_the_bill_gives_the_second_back(shop, two):
    consumer_id, first, second, bill_id = two
    shop.until(DUE)
    asked = RepayRequest("m", first.loan_id, yuan("300.00"), "card:2:ok")
    found = shop.at_once(
        lambda: pay(shop, consumer_id, bill_id=bill_id), lambda: repayment.repay(desk=shop.desk, now=shop.now(14), requests=[asked])[0]
    )
    assert {outcome.state for outcome in found} == {"succeeded"}, found
    assert [row(shop, got.loan_id).unpaid for got in (first, second)] == [0, 0]
    assert sum(debits(shop)) - 450_00 == sql.value(
        "SELECT coalesce(sum(amount_minor), 0) FROM payments_channel_refund WHERE book_id = %s AND state = 'succeeded'", [shop.book_id]
    )
    shop.prove()


def test_a_refund_that_the_channel_refuses_of_a_part_is_tried_again(shop, two):
    consumer_id, _, _, bill_id = two
    shop.until(DUE)
    pay(shop, consumer_id, card="card:1:refund_fails_once", bill_id=bill_id, amount="460.00")
    assert control(shop, "consumer_balance") == -10_00
    shop.next_day()
    refund.retry(desk=shop.desk, now=shop.now(7))
    assert control(shop, "consumer_balance") == 0
    shop.prove()


def test_the_bills_of_the_channel_and_the_trace_of_each_order_have_the_one_payment(shop, two):
    consumer_id, first, second, bill_id = two
    reconciliation.catch_up(desk=shop.desk, now=shop.now(9))
    live_until(shop, DUE)
    pay(shop, consumer_id, bill_id=bill_id, amount="470.00")
    shop.next_day()
    shop.reconcile()
    settled = sql.rows("SELECT DISTINCT outcome FROM reconciliation_item WHERE book_id = %s AND on_date = %s", [shop.book_id, DUE])
    assert settled == [("matched",)]
    reference = sql.value("SELECT reference FROM payments_collection WHERE book_id = %s AND parts > 0", [shop.book_id])
    for got in (first, second):
        with sql.reading(book_id=shop.book_id):
            told = trace(order_id=got.order_id, book=shop.desk.book)
        (event,) = [happening for happening in told.timeline if happening.kind == "loan.repaid"]
        assert [entry.kind for entry in event.entries] == ["collection", "loan.repaid"]
        assert {line.reference for line in event.bills} == {reference}
        assert all(sum(((l.debit or yuan("0")) - (l.credit or yuan("0"))).minor for l in entry.lines) == 0 for entry in event.entries)
    followed = traced_orders(book_id=shop.book_id, as_of=shop.on)
    assert followed.complete == followed.total, followed
    live_until(shop, DUE + timedelta(days=3))
    reconciliation.catch_up(desk=shop.desk, now=shop.now(9))
    assert {stage(shop, got.order_id, "reconciliation").state for got in (first, second)} == {"partly"}, "found in the bills of its day"
    shop.prove()


def stage(shop, order_id, code):
    with sql.reading(book_id=shop.book_id):
        told = trace(order_id=order_id, book=shop.desk.book)
    return next(stage for stage in told.stages if stage.code == code)


def test_a_payment_for_several_instalments_of_a_loan_is_one_entry_that_is_told_once(shop, two):
    consumer_id, first, _, bill_id = two
    live_until(shop, DUE)
    pay(shop, consumer_id, bill_id=bill_id, amount="1350.00", ahead=True)
    live_until(shop, date(2026, 11, 25))
    billing.release(desk=shop.desk, now=shop.now(6))
    assert stage(shop, first.order_id, "posting").state == "done"
    with sql.reading(book_id=shop.book_id):
        told = trace(order_id=first.order_id, book=shop.desk.book)
    events = [[entry.kind for entry in happening.entries] for happening in told.timeline if happening.kind == "loan.repaid"]
    assert events == [["collection", "loan.repaid"], ["collection_released", "loan.repaid"]]


def test_money_that_waited_is_traced_from_the_payment_to_its_loan(shop, two):
    consumer_id, first, _, bill_id = two
    pay(shop, consumer_id, bill_id=bill_id)

    def followed():
        found = traced_orders(book_id=shop.book_id, as_of=shop.on)
        return found.total - found.complete

    assert followed() == 0
    live_until(shop, DUE)
    billing.release(desk=shop.desk, now=shop.now(6))
    assert followed() == 0
    with sql.reading(book_id=shop.book_id):
        told = trace(order_id=first.order_id, book=shop.desk.book)
    (event,) = [happening for happening in told.timeline if happening.kind == "loan.repaid"]
    assert sorted(entry.kind for entry in event.entries) == ["collection", "collection_released", "loan.repaid"]
    assert stage(shop, first.order_id, "posting").state == "done"
