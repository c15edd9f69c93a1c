"""What the worker does by itself, in every book in turn."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import replace
from datetime import date, timedelta

import pytest
from django.conf import settings as django_settings
from django.test import override_settings

from tests.notices.conftest import SENDER as SPEAKER
from yuefu.insight import queries as reports
from yuefu.journeys import events, jobs, reconciliation, settlement
from yuefu.journeys.desk import open_day
from yuefu.ledger import queries as ledger
from yuefu.money.amounts import Money
from yuefu.notices.gateways.http_sms import HttpTexter
from yuefu.notices.gateways.letterbox import Letterbox
from yuefu.notices.gateways.ports import GatewayUnfit
from yuefu.notices.gateways.smtp import SmtpMailer
from yuefu.notices.rules.policy import SENDER
from yuefu.payments import queries as payments
from yuefu.payments.gateways.sandbox import SandboxBank, SandboxChannel
from yuefu.reconciliation import queries as bills
from yuefu.runtime import days, policies, sql
from yuefu.settlement import queries as statements

DUE = date(2026, 10, 25)


class Lost(Exception):
    """The line went dead after the other side had acted."""


@pytest.mark.parametrize("kind", ["withdrawal", "funding"])
@pytest.mark.parametrize("moved", [True, False])
def test_a_transfer_that_broke_off_is_carried_out_once(shop, monkeypatch, kind, moved):
    got = shop.bought("600.00")
    shop.until(DUE)
    shop.repay(got.loan_id)
    gateway, verb = {"withdrawal": (SandboxChannel, "withdraw"), "funding": (SandboxBank, "receive")}[kind]
    original = getattr(gateway, verb)

    def breaking(self, **given):
        if moved:
            original(self, **given)
        raise Lost

    with monkeypatch.context() as broken, suppress(Lost):
        broken.setattr(gateway, verb, breaking)
        if kind == "withdrawal":
            settlement.withdraw(desk=shop.desk, now=shop.now(20), key="w")
        else:
            settlement.fund(desk=shop.desk, now=shop.now(20), key="f", amount=Money(500_00, "CNY"))
    (waiting,) = payments.transfers_open(book_id=shop.book_id)
    jobs.poll(shop.desk, shop.now(21))
    assert payments.transfers_open(book_id=shop.book_id) == []
    entries = ledger.entries_posted(shop.book_id)
    jobs.poll(shop.desk, shop.now(22))
    assert ledger.entries_posted(shop.book_id) == entries
    done = payments.transfers(book_id=shop.book_id, ids=[waiting.id])[waiting.id]
    assert (done.state, done.amount) == ("done", waiting.amount)
    trades = sql.value(
        "SELECT count(*) FROM payments_sandbox_trade WHERE book_id = %s AND reference = %s", [shop.book_id, waiting.reference]
    )
    assert trades == 1
    shop.prove()


class DownChannel(SandboxChannel):
    """A channel that does not answer what it is asked."""

    def query(self, *, references, now):
        raise Lost


class DownBank(SandboxBank):
    """A bank that does what it is told, and whose answers are all lost."""

    def pay(self, *, account, orders, now):
        super().pay(account=account, orders=orders, now=now)
        raise Lost

    def query(self, *, account, references, now):
        raise Lost


def test_a_channel_that_is_down_holds_up_nothing_at_the_bank_and_the_other_way_round(shop):
    got = shop.bought("600.00")
    shop.until(DUE + timedelta(days=1))  # a Monday: nothing is settled on a Sunday
    whole, shop.desk = shop.desk, replace(shop.desk, bank=DownBank(shop.desk.book))
    shop.settle()
    shop.desk = replace(whole, channel=DownChannel(shop.desk.book))
    with pytest.raises(Lost):
        jobs.poll(shop.desk, shop.now(12))
    assert {p.state for p in payments.payouts_of_book(book_id=shop.book_id).values()} == {"paid"}
    shop.desk = whole
    shop.bought("600.00")
    shop.next_day()
    whole, shop.desk = shop.desk, replace(shop.desk, bank=DownBank(shop.desk.book))
    shop.settle()
    asked = shop.repay(got.loan_id, card="card:1:unknown_then_success")
    with pytest.raises(Lost):
        jobs.poll(shop.desk, shop.now(23))
    assert payments.collections(book_id=shop.book_id, ids=[asked.collection_id])[asked.collection_id].state == "succeeded"
    shop.desk = replace(shop.desk, channel=DownChannel(shop.desk.book))
    with pytest.raises(ExceptionGroup) as told:
        jobs.poll(shop.desk, shop.now(23))
    assert [type(error) for error in told.value.exceptions] == [Lost, Lost]
    shop.desk = whole
    jobs.poll(shop.desk, shop.now(23))
    shop.prove()


def test_days_that_are_over_are_reconciled_once_and_an_open_one_is_not(shop):
    got = shop.bought("600.00")
    shop.until(DUE)
    shop.repay(got.loan_id)
    assert [o for o in reconciliation.catch_up(desk=shop.desk, now=shop.now(23)) if o.on == DUE] == []
    shop.next_day()
    outcomes = reconciliation.catch_up(desk=shop.desk, now=shop.now(9))
    assert [(o.on, o.source) for o in outcomes] == [(DUE, source) for source in reconciliation.SOURCES]
    assert all(o.outcome.bridge.state == "done" for o in outcomes)
    assert reconciliation.catch_up(desk=shop.desk, now=shop.now(10)) == []
    bridges = bills.day_bridges(book_id=shop.book_id, since=shop.on - timedelta(days=10))
    assert {b.state for b in bridges} == {"done"}
    assert {b.residual.minor for b in bridges} == {0}


def test_a_day_that_was_stopped_half_way_is_caught_up(shop, monkeypatch):
    shop.next_day()
    original = SandboxBank.statement

    def silent(self, *, account, on):
        raise Lost

    monkeypatch.setattr(SandboxBank, "statement", silent)
    with pytest.raises(ExceptionGroup) as both:
        reconciliation.catch_up(desk=shop.desk, now=shop.now(9))
    assert [type(error) for error in both.value.exceptions] == [Lost, Lost]
    assert {b.source for b in bills.day_bridges(book_id=shop.book_id)} == {"channel_trade", "channel_fund"}, (
        "the channel has nothing to do with it"
    )
    monkeypatch.setattr(SandboxBank, "statement", original)
    shop.reconcile(without=["bank"])
    assert [o.source for o in reconciliation.catch_up(desk=shop.desk, now=shop.now(10))] == ["bank"]


def test_merchants_are_settled_on_their_pay_day_once(shop, monkeypatch):
    shop.bought("600.00")
    shop.next_day()
    monkeypatch.setattr(jobs.books, "all_books", lambda: [shop.desk.book])
    monkeypatch.setattr(jobs, "desk_of", lambda book, name: shop.desk)
    jobs.settle_merchants(timestamp=0)
    assert statements.batch_count(book_id=shop.book_id) == 1
    jobs.settle_merchants(timestamp=0)
    assert statements.batch_count(book_id=shop.book_id) == 1
    shop.prove()


def test_a_job_that_fails_in_one_book_goes_on_in_the_next(shop, monkeypatch):
    seen = []

    def desk_of(book, name):
        seen.append((book, name))
        if len(seen) == 1:
            raise Lost
        return shop.desk

    monkeypatch.setattr(jobs.books, "all_books", lambda: [shop.desk.book, shop.desk.book])
    monkeypatch.setattr(jobs, "desk_of", desk_of)
    failed = jobs.JOBS.labels(task="expire_authorisations", outcome="failed")
    before = failed._value.get()
    jobs.expire_authorisations(timestamp=0)
    assert len(seen) == 2
    assert failed._value.get() == before + 1


def test_a_day_past_its_cut_off_is_closed_by_the_worker(shop):
    first = shop.on
    shop.next_day(close=False)
    jobs.close(shop.desk, shop.now(1))
    assert days.state_of(shop.book_id, first) == "closed"
    assert jobs.DAYS_CLOSING.labels(book=shop.desk.book.code)._value.get() == 0


def test_events_are_handed_out_in_commit_order_and_again_after_a_crash(shop, monkeypatch):
    _dispatch_until(shop, lambda: sql.value("SELECT count(*) FROM runtime_outbox") == _handed_out())
    shop.bought("600.00")
    expected = sql.rows(
        "SELECT o.type FROM runtime_outbox o, runtime_cursor c WHERE c.name = %s AND (o.epoch, o.xid, o.id) > (c.epoch, c.xid::xid8, c.row_id)"
        " ORDER BY o.epoch, o.xid, o.id",
        [events.READER],
    )
    assert ("loan.booked",) in expected
    counted = []
    monkeypatch.setattr(events, "EVENTS", Counting(counted, after=1))
    with pytest.raises(Lost):
        _dispatch_until(shop, lambda: False)
    assert len(counted) == 1
    counted.clear()
    monkeypatch.setattr(events, "EVENTS", Counting(counted))
    _dispatch_until(shop, lambda: len(counted) >= len(expected))
    assert counted == [row[0] for row in expected]
    assert events.dispatch(shop.now()) == 0


def _dispatch_until(shop, is_so):
    """A transaction that is open anywhere on the server holds events back for a moment."""
    until = time.monotonic() + 20
    while not is_so():
        assert time.monotonic() < until
        events.dispatch(shop.now())


def _handed_out():
    return sql.value(
        "SELECT count(*) FROM runtime_outbox o, runtime_cursor c WHERE c.name = %s AND (o.epoch, o.xid, o.id) <= (c.epoch, c.xid::xid8, c.row_id)",
        [events.READER],
    )


class Counting:
    """A counter that writes down what it counts, and may break."""

    def __init__(self, counted, after=None):
        self.counted, self.after = counted, after

    def labels(self, *, type):  # noqa: A002 - the name the real one has
        self.type = type
        return self

    def inc(self):
        if self.after is not None and len(self.counted) >= self.after:
            raise Lost
        self.counted.append(self.type)


def test_reminders_are_planned_and_sent_by_the_worker_into_the_letterbox_of_a_test_book(shop, tmp_path, settings_of_django):
    settings_of_django.YUEFU_HOME = tmp_path
    with open_day(shop.desk, shop.now()) as work:
        policies.establish(work=work, name=SENDER, value=SPEAKER, valid_from=work.day.on)
    shop.capture(shop.buy(shop.consumer(repayment_day=22), "300.00").order_id)
    while shop.on < date(2026, 10, 22):
        shop.next_day(close=False)
    for _ in range(2):
        jobs.remind(shop.desk, shop.now(9))
        jobs.send(shop.desk, shop.now(10))
    (kept,) = jobs.letterbox_of(shop.desk.book).kept(limit=10)
    assert (kept.to, kept.channel) == ("+8613800138000", "sms")
    assert "¥100.00" in kept.text


def test_why_people_are_told_nothing_is_said_once_and_not_every_minute(shop, capsys, caplog):
    for _ in range(3):
        jobs.remind(shop.desk, shop.now(9))
        jobs.send(shop.desk, shop.now(9))
    said = capsys.readouterr()
    assert (said.out + said.err + caplog.text).count("people are told nothing") == 2


def test_messages_of_a_live_book_go_to_whom_the_settings_name_and_of_a_test_book_never(shop, settings_of_django):
    live = replace(shop.desk.book, mode="live")
    assert jobs.carriers_of(live).channels == frozenset()
    settings_of_django.YUEFU_SMTP_URL, settings_of_django.YUEFU_MAIL_FROM = "smtps://mail.example.com", "notices@example.com"
    settings_of_django.YUEFU_SMS_URL, settings_of_django.YUEFU_SMS_SECRET = "https://sms.example.com/v1", "whsec_" + "MDEy" * 8
    found = jobs.carriers_of(live)
    assert (type(found.mailer), type(found.texter)) == (SmtpMailer, HttpTexter)
    in_test = jobs.carriers_of(shop.desk.book)
    assert (type(in_test.mailer), type(in_test.texter)) == (Letterbox, Letterbox)
    settings_of_django.YUEFU_SMS_SECRET = "short"
    with pytest.raises(GatewayUnfit):
        jobs.carriers_of(live)


@pytest.fixture
def settings_of_django():
    """Django's settings, as they were after the test."""
    with override_settings():
        yield django_settings


def test_the_worker_gives_out_each_report_once(shop):
    shop.bought("600.00")
    shop.next_day()
    for _ in range(2):
        jobs.report(shop.desk, shop.now())
    assert [one.since for one in reports.kept_reports(book_id=shop.book_id, kind="day", limit=9)] == [shop.on - timedelta(days=1)]
