"""A channel refund that was refused: tried again each business day until the money is back, proven every night, and told."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from yuefu import ids
from yuefu.errors import Refused
from yuefu.journeys import close_of_day, jobs, proving, refund, trace
from yuefu.ledger import queries as ledger
from yuefu.money.amounts import Money
from yuefu.payments import queries as payments
from yuefu.runtime import days, metrics, sql

DUE = date(2026, 10, 25)
ONCE, ALWAYS = "card:1:refund_fails_once", "card:1:refund_fails"


def owed(shop):
    return -sum(ledger.totals(shop.book_id, ["consumer_balance"]).values())


def states(shop, got):
    return [r.state for r in payments.of_orders(order_ids=[got.order_id])[got.order_id].refunds]


def refused(shop, card):
    """An order whose first instalment was paid, all goods came back, and the channel refused to return the 200.00."""
    got = shop.bought("600.00")
    shop.until(DUE)
    shop.repay(got.loan_id, card=card)
    shop.refund(got.order_id)
    assert (states(shop, got), owed(shop)) == (["failed"], 200_00)
    return got


def unposted(shop, since):
    with sql.snapshot():
        return proving.prove(book=shop.desk.book, since=since)["nothing_unposted"]


def test_a_refused_refund_is_tried_again_the_same_day_under_a_new_reference_and_the_money_goes_back_once(shop):
    got = refused(shop, ONCE)
    shop.prove()
    assert jobs.poll(shop.desk, shop.now(15)) == 1
    first, second = payments.of_orders(order_ids=[got.order_id])[got.order_id].refunds
    assert (first.state, second.state, second.amount) == ("failed", "succeeded", Money(200_00, "CNY"))
    assert first.reference != second.reference
    assert owed(shop) == 0
    assert jobs.poll(shop.desk, shop.now(16)) == 0
    shop.next_day()
    assert jobs.poll(shop.desk, shop.now(10)) == 0
    assert states(shop, got) == ["failed", "succeeded"]
    shop.prove()


def test_a_loan_is_tried_once_a_business_day_also_by_the_close_and_its_day_closes(shop):
    got = refused(shop, ALWAYS)
    assert [jobs.poll(shop.desk, shop.now(hour)) for hour in (15, 16, 17)] == [1, 0, 0]
    shop.next_day()  # The close of the day tries it on the new one.
    assert jobs.poll(shop.desk, shop.now(10)) == 0
    assert states(shop, got) == ["failed"] * 3
    shop.next_day()
    assert (states(shop, got), owed(shop)) == (["failed"] * 4, 200_00)
    shop.prove()


def test_a_refund_that_fails_on_several_days_is_an_alarm_that_names_the_loan(shop, capsys, caplog):
    got = refused(shop, ALWAYS)
    before = metrics.REFUNDS_FAILING._value.get()
    jobs.poll(shop.desk, shop.now(15))
    assert metrics.REFUNDS_FAILING._value.get() == before
    assert "refund keeps failing" not in capsys.readouterr().out
    shop.next_day()
    assert metrics.REFUNDS_FAILING._value.get() == before + 1
    said = capsys.readouterr()  # Logs go to standard output, or where a process that ran other tests before has set them up to go.
    alarms = [line for line in (said.out + said.err + caplog.text).splitlines() if "refund keeps failing" in line]
    assert alarms
    assert all(ids.text("loan", got.loan_id) in alarm for alarm in alarms)


def test_another_collection_of_the_loan_is_taken_where_the_first_one_refuses(shop):
    got = shop.bought("600.00")
    shop.until(DUE)
    shop.repay(got.loan_id, "150.00", card="card:1:ok")
    shop.repay(got.loan_id, "50.00", card=ALWAYS, hour=15)
    shop.refund(got.order_id, "450.00")
    assert (states(shop, got), owed(shop)) == (["failed"], 50_00)
    assert jobs.poll(shop.desk, shop.now(16)) == 1
    assert (states(shop, got), owed(shop)) == (["failed", "succeeded"], 0)
    shop.prove()


def test_what_is_owed_from_several_refunds_is_tried_again_as_one_sum(shop):
    got = shop.bought("600.00")
    shop.until(DUE)
    shop.repay(got.loan_id, card=ALWAYS)
    for amount in ("450.00", "100.00"):
        shop.refund(got.order_id, amount)
    assert (states(shop, got), owed(shop)) == (["failed", "failed"], 150_00)
    (again,) = refund.retry(desk=shop.desk, now=shop.now(16))
    assert (again.amount, again.state) == (Money(150_00, "CNY"), "failed")
    shop.prove()


def test_two_who_try_again_at_once_send_the_money_once(shop):
    got = refused(shop, ONCE)
    tried = shop.at_once(*[lambda: refund.retry(desk=shop.desk, now=shop.now(15))] * 4)
    assert sorted(len(each) for each in tried) == [0, 0, 0, 1]
    assert (states(shop, got), owed(shop)) == (["failed", "succeeded"], 0)
    shop.prove()


def test_nothing_is_tried_again_that_was_not_refused(shop):
    got = shop.bought("600.00")
    shop.until(DUE)
    shop.repay(got.loan_id, card="card:1:refund_unknown")
    shop.refund(got.order_id)
    assert refund.retry(desk=shop.desk, now=shop.now(14)) == []
    assert states(shop, got) == ["unknown"]
    shop.prove()


@pytest.mark.parametrize("card", ["card:1:refund_unknown", ALWAYS])
def test_a_day_does_not_close_over_money_that_is_owed_and_has_no_attempt(shop, card):
    got = shop.bought("600.00")
    shop.until(DUE)
    shop.repay(got.loan_id, card=card)
    shop.refund(got.order_id)
    with sql.owning():
        taken = "DELETE FROM payments_channel_refund WHERE consumer_id = (SELECT consumer_id FROM loans_loan WHERE id = %s)"
        assert sql.run(taken, [got.loan_id]) == 1
    on = shop.on
    shop.next_day(close=False)
    closed = close_of_day.close_day(desk=shop.desk, now=shop.now(1))
    assert isinstance(closed, Refused)
    assert (closed.code, "nothing_unposted" in closed.detail) == ("proof_failed", True)
    assert days.state_of(shop.book_id, on) == "closing"
    proof = unposted(shop, on)
    assert proof.detail["consumer_balance"] == (0, 200_00)
    assert [detail for name, detail in proof.detail.items() if name.startswith("owed_back/loan_")] == [(200_00, 0)]


def test_a_failure_of_an_earlier_day_that_nobody_tried_again_fails_the_proof(shop):
    refused(shop, ALWAYS)
    assert unposted(shop, shop.on).holds
    found = unposted(shop, shop.on + timedelta(days=1))
    assert (found.holds, found.detail["consumer_balance"]) == (False, (0, 200_00))


def test_more_given_back_than_is_owed_fails_the_proof_even_where_the_sums_agree(shop):
    one, two = refused(shop, ONCE), shop.bought("600.00")
    jobs.poll(shop.desk, shop.now(15))
    shop.prove()
    with sql.owning():
        sql.run("UPDATE payments_collection SET loan_id = %s WHERE loan_id = %s", [two.loan_id, one.loan_id])
    found = unposted(shop, shop.on)
    assert sorted(found.detail.values()) == [(0, 200_00), (200_00, 0)]


def test_the_trace_shows_the_refusal_and_the_later_refund(shop):
    got = refused(shop, ONCE)
    jobs.poll(shop.desk, shop.now(15))
    found = trace.trace(order_id=got.order_id, book=shop.desk.book)
    assert not isinstance(found, Refused), found
    told = [(h.kind, h.amount, h.params.get("reason")) for h in found.timeline if h.kind.startswith("channel.")]
    amount = Money(200_00, "CNY")
    assert told == [("channel.refused", amount, "account_abnormal"), ("channel.refunded", amount, None)]
