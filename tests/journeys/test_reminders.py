"""Reminders of what falls due: planned once, looked at again when they go, to the borrower and nobody else."""

from __future__ import annotations

from collections import Counter
from datetime import date, datetime, time, timedelta

import pytest

from tests.notices.conftest import SENDER, Post
from yuefu.consumers import commands as consumers
from yuefu.consumers.commands import NewConsumer
from yuefu.errors import Refused, one
from yuefu.journeys import reminders, sending, stopping
from yuefu.journeys.desk import open_day
from yuefu.journeys.reminders import Planned
from yuefu.journeys.sending import Carriers, Round
from yuefu.money.amounts import Money
from yuefu.notices import commands as notices
from yuefu.notices import queries as outbound
from yuefu.notices.commands import Choice, NewContact, NewMessage
from yuefu.notices.rules.policy import SENDER as SENDER_SETTING
from yuefu.runtime import policies, sql
from yuefu.runtime.stops import NewStop

DUE = date(2026, 10, 22)
"""Of whoever buys on the first day (2026-10-12) with the 22nd as day of repayment."""


@pytest.fixture
def town(shop):
    with open_day(shop.desk, shop.now()) as work:
        policies.establish(work=work, name=SENDER_SETTING, value=SENDER, valid_from=work.day.on)
    return shop


def go_to(shop, on):
    while shop.on < on:
        shop.next_day(close=False)


def plan(shop, hour=9):
    planned = reminders.plan(desk=shop.desk, now=shop.now(hour))
    assert isinstance(planned, Planned), planned
    return planned


def send(shop, post, hour=12):
    sent = sending.send(desk=shop.desk, carriers=Carriers(post, post), now=shop.now(hour))
    assert isinstance(sent, Round), sent
    return dict(sent.became)


def bought(shop, consumer, amount="1999.00"):
    return shop.capture(shop.buy(consumer, amount).order_id)


def states(shop):
    found = outbound.listed(book_id=shop.book_id, limit=1_000)
    return Counter((message.kind, message.state, message.reason) for message in found)


def test_a_person_is_told_three_days_before_the_day_before_and_on_the_day_of_all_loans_at_once(town):
    consumer, post = town.consumer(repayment_day=22), Post()
    bought(town, consumer, "300.00")
    bought(town, consumer, "600.00")
    texts = {}
    while town.on <= DUE + timedelta(days=1):
        planned = plan(town)
        send(town, post)
        texts[town.on] = [one.text for one in post.sent]
        assert sum(planned.planned.values()) == len(post.sent)
        post.sent.clear()
        town.next_day(close=False)
    assert {on: len(told) for on, told in texts.items() if told} == {DUE - timedelta(days=3): 1, DUE - timedelta(days=1): 1, DUE: 1}
    assert texts[DUE - timedelta(days=3)] == [
        "【月付】您2笔分期共¥300.00，3天后（10月22日 周四）到期。还款：yuefu.cn/pay 停发：400-000-0000"
    ]
    assert "明天（10月22日 周四）" in texts[DUE - timedelta(days=1)][0]
    assert "今天（10月22日 周四）" in texts[DUE][0]


def test_a_day_is_planned_once_however_often_and_by_whomever(town):
    for _ in range(3):
        bought(town, town.consumer(repayment_day=22))
    go_to(town, DUE - timedelta(days=3))
    outcomes = town.at_once(*[lambda: reminders.plan(desk=town.desk, now=town.now(9))] * 2)
    assert sum(sum(planned.planned.values()) for planned in outcomes) == 3
    again = plan(town)
    assert (again.again, sum(again.planned.values())) == (True, 0)
    assert states(town) == {("due_in_3_days", "queued", ""): 3}


def test_a_plan_that_was_killed_goes_on_where_it_stood(town, monkeypatch):
    for _ in range(5):
        bought(town, town.consumer(repayment_day=22))
    go_to(town, DUE)
    monkeypatch.setattr(reminders, "CHUNK", 2)
    done = []

    def dies(count):
        done.append(count)
        if len(done) == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        reminders.plan(desk=town.desk, now=town.now(9), watch=dies)
    assert 0 < sum(states(town).values()) < 5
    plan(town)
    assert states(town) == {("due_today", "queued", ""): 5}


def test_what_was_paid_between_plan_and_send_is_not_asked_for(town):
    whole, part, nothing = (bought(town, town.consumer(repayment_day=22), "300.00") for _ in range(3))
    go_to(town, DUE)
    plan(town)
    town.repay(whole.loan_id, "100.00", hour=10)
    town.repay(part.loan_id, "40.00", hour=10)
    post = Post()
    assert send(town, post) == {"sent": 2, "overtaken": 1}
    assert sorted(one.text[one.text.index("¥") : one.text.index("，")] for one in post.sent) == ["¥100.00", "¥60.00"]
    assert {message.params["amount"]["minor"] for message in outbound.listed(book_id=town.book_id, state="sent")} == {60_00, 100_00}
    assert nothing.loan_id


def test_what_was_refunded_or_is_not_due_is_not_asked_for(town):
    captured = bought(town, town.consumer(repayment_day=22), "300.00")
    bought(town, town.consumer(repayment_day=23), "300.00")
    go_to(town, DUE)
    town.refund(captured.order_id)
    assert plan(town).planned == {"due_in_3_days": 0, "due_tomorrow": 1, "due_today": 0}


def test_a_reminder_whose_day_is_over_is_not_sent(town):
    bought(town, town.consumer(repayment_day=22))
    go_to(town, DUE)
    plan(town)
    town.next_day(close=False)
    post = Post()
    assert send(town, post, hour=10) == {"too_late": 1}
    assert post.sent == []


def test_nobody_is_written_to_at_night_and_what_waits_for_the_morning_may_be_too_late(town):
    bought(town, town.consumer(repayment_day=22))
    go_to(town, DUE)
    plan(town, hour=22)
    post = Post()
    assert send(town, post, hour=22) == {"quiet_hours": 1}
    assert post.sent == []


def test_the_hours_are_those_of_the_person(town):
    consumer = town.consumer(repayment_day=22)
    bought(town, consumer)
    go_to(town, DUE)
    set_contact(town, NewContact(consumer, "en", zone="America/New_York"))
    plan(town)
    post = Post()
    assert send(town, post, hour=12) == {"queued": 1}  # midnight there
    assert send(town, post, hour=19) == {}
    assert send(town, post, hour=20) == {"sent": 1}  # eight in the morning there
    assert post.sent[0].text.startswith("Yuefu: 1 loan, ¥666.33 in all, due today (Thu 22 Oct).")


def set_contact(shop, contact):
    with open_day(shop.desk, shop.now(8)) as work:
        one(notices.set_contacts(work=work, vault=shop.desk.vault, contacts=[contact]))


def test_a_person_who_wants_mail_gets_mail_under_their_name(town):
    consumer = town.consumer(repayment_day=22)
    bought(town, consumer)
    set_contact(town, NewContact(consumer, "zh", "email", None, "zhang@example.com"))
    go_to(town, DUE)
    plan(town)
    post = Post()
    send(town, post)
    (mail,) = post.sent
    assert (mail.channel, mail.to, mail.name, mail.subject) == (
        "email",
        "zhang@example.com",
        "张三",
        "月付：¥666.33 今天到期（10月22日 周四）",
    )
    assert mail.text.startswith("张三，您好：")


def test_a_channel_without_a_carrier_is_not_used(town):
    consumer = town.consumer(repayment_day=22)
    bought(town, consumer)
    set_contact(town, NewContact(consumer, "zh", "email", None, "zhang@example.com"))
    go_to(town, DUE)
    plan(town)
    post = Post()
    sent = sending.send(desk=town.desk, carriers=Carriers(None, post), now=town.now(12))
    assert (dict(sent.became), [one.to for one in post.sent]) == ({"sent": 1}, ["+8613800138000"])
    refused = sending.send(desk=town.desk, carriers=Carriers(None, None), now=town.now(12))
    assert refused.code == "no_carrier"


def test_whoever_does_not_want_reminders_gets_none(town):
    consumer = town.consumer(repayment_day=22)
    bought(town, consumer)
    with open_day(town.desk, town.now()) as work:
        one(notices.choose(work=work, choices=[Choice(consumer, "due_today", False)]))
    go_to(town, DUE - timedelta(days=1))
    plan(town)
    post = Post()
    assert send(town, post) == {"sent": 1}
    town.next_day(close=False)
    plan(town)
    assert send(town, post) == {"opted_out": 1}


def test_who_was_forgotten_or_erased_is_told_nothing_and_who_closed_the_account_still_owes(town):
    forgotten, erased, closed = (town.consumer(repayment_day=22) for _ in range(3))
    for consumer in (forgotten, erased, closed):
        bought(town, consumer)
    with open_day(town.desk, town.now()) as work:
        one(notices.forget(work=work, consumer_ids=[forgotten]))
        one(consumers.close(work=work, consumer_ids=[closed]))
        sql.run("UPDATE consumers_consumer SET name_sealed = '', phone_sealed = '' WHERE id = %s", [erased])
    go_to(town, DUE)
    plan(town)
    post = Post()
    assert send(town, post) == {"forgotten": 1, "no_address": 1, "sent": 1}
    (sent,) = outbound.listed(book_id=town.book_id, state="sent")
    assert sent.consumer_id == closed


def test_a_landline_gets_no_text(town):
    with open_day(town.desk, town.now()) as work:
        new = NewConsumer("land", "c-land", "张三", "010-62345678", "110101199003070417")
        landline = one(consumers.register(work=work, vault=town.desk.vault, consumers=[new]))
        due = {"amount": Money(5_00, "CNY"), "loans": 1, "days": 3}
        one(notices.queue(work=work, messages=[NewMessage(landline, "overdue", "x", due, town.now())]))
    assert send(town, Post()) == {"no_address": 1}


def test_a_book_of_others_is_not_touched(town, other_shop):
    bought(town, town.consumer(repayment_day=22))
    bought(other_shop, other_shop.consumer(repayment_day=22))
    go_to(town, DUE)
    plan(town)
    send(town, Post())
    assert states(town) == {("due_today", "sent", ""): 1}
    assert states(other_shop) == {}


def test_before_anybody_speaks_for_a_book_nothing_is_planned_or_sent(shop):
    bought(shop, shop.consumer(repayment_day=22))
    go_to(shop, DUE)
    assert reminders.plan(desk=shop.desk, now=shop.now(9)).code == "no_sender"
    assert sending.send(desk=shop.desk, carriers=Carriers(Post(), Post()), now=shop.now(9)).code == "no_sender"
    assert states(shop) == {}


def test_a_day_that_is_not_open_yet_is_not_planned(town):
    tomorrow = datetime.combine(town.on + timedelta(days=1), time(0, 1), town.desk.book.tz)
    assert reminders.plan(desk=town.desk, now=tomorrow).code == "day_not_open"


def test_a_read_only_book_plans_and_sends_nothing(town):
    stopping.impose(desk=town.desk, now=town.now(), wanted=[NewStop("s", "read_only", "", "", "a look", None)])
    for outcome in (
        reminders.plan(desk=town.desk, now=town.now(11)),
        sending.send(desk=town.desk, carriers=Carriers(Post(), Post()), now=town.now(11)),
    ):
        assert isinstance(outcome, Refused)
        assert outcome.code == "read_only"


def test_a_week_is_any_seven_days_and_what_is_not_counted_is_told_all_the_same(town):
    consumer, amount = town.consumer(), Money(5_00, "CNY")
    post = Post()
    for day in range(9):
        with open_day(town.desk, town.now()) as work:
            overdue = NewMessage(consumer, "overdue", f"day-{day}", {"amount": amount, "loans": 1, "days": day + 1}, town.now())
            receipt = NewMessage(consumer, "repaid_receipt", f"paid-{day}", {"amount": amount, "paid_on": town.on}, town.now())
            assert not [o for o in notices.queue(work=work, messages=[overdue, receipt]) if isinstance(o, Refused)]
        send(town, post)
        town.next_day(close=False)
    told = [outbound.listed(book_id=town.book_id, consumer_id=consumer, state=state, limit=100) for state in ("sent", "suppressed")]
    assert Counter(message.kind for message in told[0]) == {"repaid_receipt": 9, "overdue": 5}
    assert sorted(message.occasion for message in told[1]) == ["day-3", "day-4", "day-5", "day-6"]
    assert {message.reason for message in told[1]} == {"weekly_cap"}
