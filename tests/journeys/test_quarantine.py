"""A request that breaks whenever it is tried harms nobody but itself, is kept aside, and can be sent again; a commit that fails sends nothing."""

from __future__ import annotations

import ast
import inspect
import json
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, timedelta

import pytest
from psycopg import errors

from yuefu.errors import Refused
from yuefu.journeys import (
    aftersales,
    billing,
    checkout,
    close_of_day,
    collecting,
    debits,
    desk,
    disputes,
    ending,
    mandates,
    places,
    receipts,
    refund,
    repayment,
    set_aside,
    stopping,
    transfers,
    undoing,
)
from yuefu.journeys.charge_backs import entering, winning
from yuefu.journeys.checkout import Authorised, Captured, Purchase, Wish, authorising, capturing, extending, releasing, scanning, sessions
from yuefu.journeys.debits import rounds, taking
from yuefu.journeys.desk import open_day
from yuefu.journeys.repayment import Repaid, RepayRequest
from yuefu.journeys.undoing import UndoRequest
from yuefu.ledger import commands as ledger_commands
from yuefu.ledger import queries as ledger
from yuefu.ledger.rules import AccountKey, Transfer
from yuefu.loans.commands import applying, closing
from yuefu.merchants.commands.stores import Closing as ClosingPlace
from yuefu.merchants.commands.stores import NewStore, NewTerminal
from yuefu.money.amounts import Money
from yuefu.orders.commands import CaptureRequest, RefundRequest, ReleaseRequest, VoidRequest
from yuefu.orders.commands.extending import ExtendRequest
from yuefu.orders.rules.lines import Line
from yuefu.payments import queries as payments
from yuefu.payments.commands import Closing, NewMandate, ReturnOrder, Revocation
from yuefu.payments.rules import OPERATING_NUMBER, MandateResult
from yuefu.runtime import quarantine, sql
from yuefu.runtime.batch import Quarantined
from yuefu.runtime.jsontext import read
from yuefu.runtime.stops import Lift, NewStop
from yuefu.runtime.values import Actor

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
    requests = [CaptureRequest(f"c{n}", shop.seller(order), order) for n, order in enumerate(orders)]
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
    def opening(*given, **named):
        before = len(failed)
        with opened(*given, **named) as work:
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
        refund.refund(desk=shop.desk, now=shop.now(15), requests=[RefundRequest("r", shop.seller(got.order_id), got.order_id)])
    else:
        shop.repay(got.loan_id, "700.00")
    assert failed
    stored = [r.reference for r in payments.of_orders(order_ids=[got.order_id])[got.order_id].refunds]
    assert [order.reference for order in sent] == stored
    assert len(stored) == 1
    shop.prove()


BROKEN_BY = {
    "authorise": (authorising, "decide"),
    "capture": (capturing.orders, "capture"),
    "void": (releasing.orders, "void"),
    "release": (releasing.orders, "release"),
    "extend": (extending.extending, "extend"),
    "open_session": (sessions.commands, "open_sessions"),
    "expire_session": (sessions.commands, "end"),
    "lapse_session": (sessions.commands, "end"),
    "cancel_session": (sessions.commands, "end"),
    "consent": (sessions, "authorise_in"),
    "make_qr_code": (scanning.commands, "make"),
    "open_store": (places.stores, "open_stores"),
    "open_terminal": (places.stores, "open_terminals"),
    "close_place": (places.stores, "close"),
    "expire": (releasing.orders, "expire"),
    "refund": (refund.orders, "refund"),
    "refund.book": (refund.payments, "settle_refunds"),
    "refund.retry": (refund.payments, "attempt_refunds"),
    "repay": (repayment.payments, "attempt_collections"),
    "repay.book": (repayment.payments, "settle_collections"),
    "repayment.undo": (undoing.loans, "reverse_repayments"),
    "billing.make": (billing.billing, "issue"),
    "billing.pay": (billing.payments, "attempt_together"),
    "billing.release": (billing.payments, "release_parts"),
    "transfer": (transfers.ledger, "transfer"),
    "mandate.sign": (mandates.payments, "begin_mandates"),
    "mandate.revoke": (mandates.payments, "revoke_mandates"),
    "mandate.book": (mandates.payments, "settle_mandates"),
    "debit.plan": (taking.payments, "plan_debits"),
    "debit.notice": (taking.payments, "settle_notices"),
    "debit.send": (taking.payments, "begin_tries"),
    "debit.follow": (taking.payments, "follow_tries"),
    "debit.missed": (rounds.payments, "drop_tries"),
    "debit.again": (rounds.payments, "plan_again"),
    "contradiction.close": (rounds.payments, "close_contradictions"),
    "receipt.match": (receipts.payments, "match_receipts"),
    "receipt.return": (receipts.payments, "order_returns"),
    "receipt.return.book": (receipts.payments, "settle_returns"),
}
"""What breaks for each command, until somebody has mended it."""


SOLD = {
    "release", "extend", "open_session", "expire_session", "lapse_session", "cancel_session", "consent", "make_qr_code", "open_store",
    "open_terminal", "close_place",
}  # fmt: skip


def sold_until(shop, command):
    """What a merchant does to sell, before and beside the order."""
    seller, at = shop.merchants[0], {"desk": shop.desk, "now": shop.now()}
    store = NewStore("k", seller, "road", "路店", "Road", "1")
    if command == "open_store":
        return lambda: places.open_stores(**at, requests=[store])
    (opened,) = places.open_stores(**at, requests=[store])
    if command in {"open_terminal", "close_place", "make_qr_code"}:
        return {
            "open_terminal": lambda: places.open_terminals(**at, requests=[NewTerminal("k", seller, opened.id, "till")]),
            "close_place": lambda: places.close(**at, requests=[ClosingPlace("k", seller, "store", opened.id)]),
            "make_qr_code": lambda: scanning.make(**at, requests=[scanning.NewQrCode("k", seller, store_id=opened.id)]),
        }[command]
    lines = (Line("Phone", 2, 150_00, serial_number=""),)
    buyer = shop.consumer()
    new = sessions.NewSession(
        "k", seller, "S", Money(300_00, "CNY"), lines=lines, periods=(3,), expires_in_s=300 if command == "lapse_session" else 86_400
    )
    if command == "open_session":
        return lambda: sessions.open_sessions(**at, requests=[new])
    if command in {"release", "extend"}:
        order = shop.buy(buyer, "300.00").order_id
        shop.capture(order, "100.00")
        later = at | {"now": shop.now(14)}
        return {
            "release": lambda: checkout.release(**later, requests=[ReleaseRequest("k", seller, order)]),
            "extend": lambda: checkout.extend(**later, requests=[ExtendRequest("k", seller, order)]),
        }[command]
    (made,) = sessions.open_sessions(**at, requests=[new])
    (quoted,) = checkout.quote(**at, wishes=[Wish(seller, buyer, "free", new.amount, 3)])
    return {
        "expire_session": lambda: sessions.expire_sessions(**at, requests=[sessions.EndSession("k", seller, made.session.id)]),
        "lapse_session": lambda: sessions.lapse(desk=shop.desk, now=shop.now(14)),
        "cancel_session": lambda: sessions.cancel(**at, checkout_ids=[made.session.id]),
        "consent": lambda: sessions.consent(**at, consents=[sessions.Consent(made.session.id, buyer, quoted.quote_id)]),
    }[command]


def billed_until(shop, command):
    payer = shop.consumer()
    shop.capture(shop.buy(payer, "600.00").order_id)
    shop.until(DUE - timedelta(days=10))
    asked = [billing.PayRequest("k", payer, "card:1:ok")]
    if command == "billing.make":
        return lambda: billing.make(desk=shop.desk, now=shop.now(14))
    billing.make(desk=shop.desk, now=shop.now(14))
    if command == "billing.pay":
        return lambda: billing.pay(desk=shop.desk, now=shop.now(14), requests=asked)
    billing.pay(desk=shop.desk, now=shop.now(14), requests=asked)
    return lambda: billing.release(desk=shop.desk, now=shop.now(14), until=DUE)


def received_until(shop, command):
    payer = shop.consumer()
    shop.capture(shop.buy(payer, "600.00").order_id)
    paid = {"account": OPERATING_NUMBER, "payer_account": "6217", "payer_name": "x", "amount": Money(600_00, "CNY"), "text": "", "key": "d"}
    shop.desk.bank.deposit(**paid, now=shop.now(13))
    receipts.poll(desk=shop.desk, now=shop.now(14))
    (found,) = payments.in_suspense(book_id=shop.book_id, after=None, limit=9)
    if command == "receipt.match":
        asked = receipts.MatchRequest("k", found.id, "said so", consumer_id=payer)
        return lambda: receipts.match(desk=shop.desk, now=shop.now(15), requests=[asked])
    return lambda: receipts.give_back(desk=shop.desk, now=shop.now(15), orders=[ReturnOrder("k", found.id, None, "not ours")])


def lived_until(shop, command):
    """A shop just before a command, and what carries that out."""
    if command == "authorise":
        batch = purchases(shop, ["300.00"])
        return lambda: checkout.authorise(desk=shop.desk, now=shop.now(), purchases=batch)
    if command == "transfer":
        left, right = AccountKey("suspense", shop.merchants[0]), AccountKey("suspense", shop.merchants[1])
        with open_day(shop.desk, shop.now()) as work:
            ledger_commands.open_control(work=work, accounts=[(left, "CNY"), (right, "CNY")])
        chain = [
            Transfer("t1", left, right, 7, "CNY", pending=True, timeout=timedelta(hours=5), linked=True),
            Transfer("t2", left, right, 5, "CNY"),
        ]
        return lambda: transfers.transfer(desk=shop.desk, now=shop.now(), transfers=chain)
    if command in SOLD:
        return sold_until(shop, command)
    if command in {"capture", "void", "expire"}:
        order = shop.buy(shop.consumer(), "300.00").order_id
        seller = shop.seller(order)
        return {
            "capture": lambda: checkout.capture(desk=shop.desk, now=shop.now(), requests=[CaptureRequest("k", seller, order)]),
            "void": lambda: checkout.void(desk=shop.desk, now=shop.now(), requests=[VoidRequest("k", seller, order)]),
            "expire": lambda: checkout.expire(desk=shop.desk, now=shop.now() + timedelta(days=40)),
        }[command]
    if command.startswith("billing."):
        return billed_until(shop, command)
    if command.startswith("receipt."):
        return received_until(shop, command)
    if command.startswith("mandate."):
        new = NewMandate("k", shop.consumer(), "wallet", "wallet:1:ok", Money(100_000, "CNY"))
        if command == "mandate.sign":
            return lambda: mandates.sign(desk=shop.desk, now=shop.now(), requests=[new])
        (made,) = mandates.sign(desk=shop.desk, now=shop.now(), requests=[new])
        return {
            "mandate.revoke": lambda: mandates.revoke(desk=shop.desk, now=shop.now(), revocations=[Revocation(made.id, "asked")]),
            "mandate.book": lambda: mandates.book(desk=shop.desk, now=shop.now(), results=[MandateResult(made.reference, "ended")]),
        }[command]
    if command.startswith("debit.") or command == "contradiction.close":
        return debited_until(shop, command)
    got = shop.bought("600.00")
    shop.until(DUE)
    if command.startswith("repay") and command != "repayment.undo":
        return lambda: repayment.repay(desk=shop.desk, now=shop.now(14), requests=[RepayRequest("k", got.loan_id, None, "card:1:ok")])
    paid = shop.repay(got.loan_id, card="card:1:refund_fails_once" if command == "refund.retry" else "card:1:ok")
    if command == "repayment.undo":
        return lambda: undoing.undo(desk=shop.desk, now=shop.now(15), requests=[UndoRequest("k", paid.collection_id, "by mistake")])
    giving_back = RefundRequest("k", shop.seller(got.order_id), got.order_id)
    if command == "refund.retry":
        refund.refund(desk=shop.desk, now=shop.now(15), requests=[giving_back])
        return lambda: refund.retry(desk=shop.desk, now=shop.now(15))
    return lambda: refund.refund(desk=shop.desk, now=shop.now(15), requests=[giving_back])


def debited_until(shop, command):
    rule = {"debit.again": "insufficient_funds", "contradiction.close": "failed_then_success"}.get(command, "ok")
    consumer = shop.consumer()
    shop.capture(shop.buy(consumer, "600.00").order_id)
    new = NewMandate("m", consumer, "wallet", f"wallet:1:{rule}", Money(100_000, "CNY"))
    mandates.sign(desk=shop.desk, now=shop.now(), requests=[new])
    shop.until(DUE - timedelta(days=2))

    def run(hour=10):
        return debits.run(desk=shop.desk, now=shop.now(hour))

    if command == "debit.plan":
        return run
    run()
    shop.next_day()
    if command == "debit.notice":
        return run
    if command != "debit.missed":
        run()
    shop.next_day()
    if command in {"debit.missed", "debit.send", "debit.follow"}:
        return run
    run()
    if command == "debit.again":
        return lambda: run(11)
    run(11)
    (found,) = payments.contradictions_listed(book_id=shop.book_id)
    return lambda: debits.close(desk=shop.desk, now=shop.now(12), closings=[Closing(found.id, True, "in the bill")])


@pytest.mark.parametrize("command", BROKEN_BY)
def test_every_request_that_breaks_waits_whole_and_is_carried_out_once_when_sent_again(shop, monkeypatch, command):
    act = lived_until(shop, command)
    module, name = BROKEN_BY[command]
    later = shop.now(16) + timedelta(days=40 if command == "expire" else 0)
    with monkeypatch.context() as broken:
        broken.setattr(module, name, breaking(getattr(module, name), lambda *given, **named: True))
        act()
        (aside,) = quarantine.waiting(book_id=shop.book_id)
        assert (aside.command, aside.tries, aside.error) == (command, 1, "Broken: no")
        (again,) = set_aside.retry(desk=shop.desk, now=later, quarantine_ids=[aside.id])
        assert again.outcome == Quarantined("Broken: no")
        (still,) = quarantine.waiting(book_id=shop.book_id)
        assert (still.id, still.tries, still.tried_at) == (aside.id, 2, later)
    (done,) = set_aside.retry(desk=shop.desk, now=later, quarantine_ids=[aside.id])
    assert isinstance(done, set_aside.Retried)
    assert not isinstance(done.outcome, Refused | Quarantined)
    kept = quarantine.by_id(book_id=shop.book_id, quarantine_id=aside.id)
    assert (kept.state, kept.decided_by, kept.decided_at) == ("retried", shop.desk.by.label, later)
    assert json.loads(kept.outcome)["kind"] == type(done.outcome).__name__
    assert quarantine.how_many_wait(book_id=shop.book_id) == 0
    (twice,) = set_aside.retry(desk=shop.desk, now=later, quarantine_ids=[aside.id])
    assert twice.code == "already_dealt_with"
    shop.prove()


def test_every_command_that_sets_aside_has_a_kind_to_be_sent_again_by():
    """The names under which journeys set their requests aside, read from their source."""
    named = set()
    for module in (
        authorising,
        billing,
        capturing,
        releasing,
        extending,
        sessions,
        scanning,
        places,
        refund,
        repayment,
        undoing,
        transfers,
        mandates,
        taking,
        rounds,
        receipts,
        close_of_day,
        collecting,
        ending,
        aftersales,
        disputes,
        entering,
        winning,
    ):
        tree = ast.parse(inspect.getsource(module))
        for node in ast.walk(tree):
            called = getattr(node.func, "id", getattr(node.func, "attr", "")) if isinstance(node, ast.Call) else ""
            if called in {"in_batches", "giving_back", "_committed"} and (command := ast.unparse(node.args[2])) != "command":
                named.add(eval(command, vars(module)))
    of_cases = {"aftersale.open", "aftersale.step", "charge_back.enter", "charge_back.win"}  # test_aftersales, test_charge_backs
    of_cases |= {"dispute.open", "dispute.step", "dispute.evidence"}  # test_disputes
    elsewhere = {closing.LOOK_AT, "collect.look", "collect.recover", "paper.pay", *of_cases}  # test_close_of_any_loans, test_collecting
    assert named == set(set_aside.KINDS) == {*BROKEN_BY, *elsewhere}


def put(shop, monkeypatch, key="q0"):
    """A purchase that was set aside; its fault is mended."""
    (batch,) = (purchases(shop, ["300.00"]),)
    with monkeypatch.context() as broken:
        broken.setattr(authorising, "decide", breaking(authorising.decide, lambda features, policy: True))
        checkout.authorise(desk=shop.desk, now=shop.now(), purchases=batch)
    (aside,) = quarantine.waiting(book_id=shop.book_id)
    return batch, aside


def test_what_the_sender_sent_again_meanwhile_is_not_done_twice(shop, monkeypatch):
    batch, aside = put(shop, monkeypatch)
    (first,) = checkout.authorise(desk=shop.desk, now=shop.now(), purchases=batch)
    (done,) = set_aside.retry(desk=shop.desk, now=shop.now(11), quarantine_ids=[aside.id])
    assert done.outcome == first
    assert sql.value("SELECT count(*) FROM orders_order WHERE book_id = %s", [shop.book_id]) == 1


def test_two_who_send_it_again_at_once_do_it_once(shop, monkeypatch):
    _, aside = put(shop, monkeypatch)
    outcomes = shop.at_once(*[lambda: set_aside.retry(desk=shop.desk, now=shop.now(11), quarantine_ids=[aside.id])] * 2)
    answers = {one.outcome.order_id for (one,) in outcomes if isinstance(one, set_aside.Retried)}
    assert len(answers) == 1
    assert sql.value("SELECT count(*) FROM orders_order WHERE book_id = %s", [shop.book_id]) == 1


def test_what_breaks_again_and_again_waits_once_and_is_counted(shop, monkeypatch):
    """Whoever sent it each time: a job that meets the same order each minute, or a program that tries again with another request id."""
    (one,) = purchases(shop, ["300.00"])
    with monkeypatch.context() as broken:
        for error in (Broken("first"), Broken("second"), Broken("third")):
            broken.setattr(authorising, "decide", raising(error))
            sent = replace(one, by=Actor("user", "alice", shop.book_id, f"req-{error}"))
            checkout.authorise(desk=shop.desk, now=shop.now(), purchases=[sent, sent])
    (aside,) = quarantine.waiting(book_id=shop.book_id)
    assert (aside.tries, aside.error) == (3, "Broken: third")
    assert json.loads(aside.request)["by"]["request_id"] == "req-first"


def raising(error):
    def act(*given, **named):
        raise error

    return act


def test_a_refusal_is_an_answer_too_and_what_was_not_tried_still_waits(shop, monkeypatch):
    _, aside = put(shop, monkeypatch)
    (made,) = stopping.impose(desk=shop.desk, now=shop.now(), wanted=[NewStop("s", "read_only", "", "", "moving")]).outcomes
    (refused,) = set_aside.retry(desk=shop.desk, now=shop.now(), quarantine_ids=[aside.id])
    assert refused.waits
    assert refused.outcome.code == "read_only"
    stopping.lift(desk=shop.desk, now=shop.now(), lifts=[Lift(made.id, "moved")])
    shop.next_day()
    (late,) = set_aside.retry(desk=shop.desk, now=shop.now(), quarantine_ids=[aside.id])
    assert (late.waits, late.outcome.code) == (False, "quote_outdated")
    assert quarantine.by_id(book_id=shop.book_id, quarantine_id=aside.id).state == "retried"


def test_a_request_is_dropped_once_and_with_a_reason(shop, monkeypatch):
    batch, aside = put(shop, monkeypatch)
    assert set_aside.drop(desk=shop.desk, now=shop.now(), quarantine_ids=[aside.id], reason=" ")[0].code == "reason_invalid"
    assert set_aside.drop(desk=shop.desk, now=shop.now(), quarantine_ids=[aside.id], reason="a test") == [aside.id]
    kept = quarantine.by_id(book_id=shop.book_id, quarantine_id=aside.id)
    assert (kept.state, kept.reason, kept.outcome) == ("dropped", "a test", "")
    again = set_aside.drop(desk=shop.desk, now=shop.now(), quarantine_ids=[aside.id, aside.id, shop.book_id], reason="a test")
    assert [one.code for one in again] == ["already_dealt_with", "already_dealt_with", "unknown_quarantine"]
    (tried,) = set_aside.retry(desk=shop.desk, now=shop.now(), quarantine_ids=[aside.id])
    assert tried.code == "already_dealt_with"
    trail = sql.rows("SELECT action, object_ids FROM runtime_audit WHERE book_id = %s AND object_kind = 'quarantine'", [shop.book_id])
    assert trail == [("quarantine.dropped", [str(aside.id)])]
    assert checkout.authorise(desk=shop.desk, now=shop.now(), purchases=batch)[0].approved  # its key was never used


@pytest.mark.parametrize(
    "request_text",
    ['{"key": "cut o', '{"key": "k"}', "[]", '"text"', "null", '{"key":"k","merchant_id":"x","order_id":"x","amount":null,"by":null}', ""],
)
@pytest.mark.parametrize("command", ["capture", "expire", "gone.command"])
def test_what_cannot_be_read_any_more_is_refused_and_can_be_dropped(shop, command, request_text):
    sql.run(
        "INSERT INTO runtime_quarantine (id, book_id, command, request, error, recorded_at, state)"
        " VALUES (gen_random_uuid(), %s, %s, %s, 'old', now(), 'waiting')",
        [shop.book_id, command, request_text],
    )
    (aside,) = quarantine.waiting(book_id=shop.book_id)
    (refused,) = set_aside.retry(desk=shop.desk, now=shop.now(), quarantine_ids=[aside.id])
    assert refused.code == "request_outdated"
    assert "drop it" in refused.detail
    assert set_aside.drop(desk=shop.desk, now=shop.now(), quarantine_ids=[aside.id], reason="too old") == [aside.id]


def test_a_long_request_is_kept_whole_and_odd_characters_do_not_hurt(shop, monkeypatch):
    order = shop.buy(shop.consumer(), "300.00").order_id
    requests = [CaptureRequest("k" * 20_000, shop.seller(order), order), CaptureRequest("half \ud800 pair", shop.seller(order), order)]
    with monkeypatch.context() as broken:
        broken.setattr(capturing.keys, "answer", raising(Broken("zero \0 and \udfff")))
        outcomes = checkout.capture(desk=shop.desk, now=shop.now(), requests=requests)
    assert [type(one) for one in outcomes] == [Quarantined, Quarantined]
    kept = quarantine.waiting(book_id=shop.book_id)
    assert sorted([read(CaptureRequest, aside.request) for aside in kept], key=lambda one: one.key) == sorted(
        requests, key=lambda one: one.key
    )


def test_an_error_of_the_database_says_which_rule_and_nothing_of_the_row(shop, monkeypatch):
    batch = purchases(shop, ["300.00"])
    breaks = (
        "INSERT INTO runtime_stop (id, book_id, action, dimension, value, reason, set_by, set_at)"
        " VALUES (gen_random_uuid(), %s, 'a', 'hall', '', %s, 'system:x', now())"
    )
    with monkeypatch.context() as broken:
        secret = "欧阳明月 11010519900307"
        broken.setattr(authorising, "decide", lambda *given: sql.run(breaks, [shop.book_id, secret]))
        checkout.authorise(desk=shop.desk, now=shop.now(), purchases=batch)
        broken.setattr(authorising, "decide", lambda *given: sql.run("SELECT %s::int", [secret]))
        (first,) = quarantine.waiting(book_id=shop.book_id)
        checkout.authorise(desk=shop.desk, now=shop.now(), purchases=batch)
    (second,) = quarantine.waiting(book_id=shop.book_id)
    assert "runtime_stop_has_a_whole_target" in first.error
    assert "22P02" in second.error
    for error in (first.error, second.error):
        assert "明月" not in error
        assert "1990" not in error


@pytest.mark.parametrize(
    "change",
    [
        "request = '{}'", "command = 'void'", "tries = 0", "digest = 'other'", "recorded_at = now()", "state = 'retried'",
        "state = 'dropped', decided_by = 'user:x', decided_at = now()", "decided_by = 'user:x', decided_at = now()", "state = 'lost'",
    ],
)  # fmt: skip
def test_no_raw_sql_rewrites_what_was_set_aside(shop, monkeypatch, as_role, change):
    _, aside = put(shop, monkeypatch)
    with pytest.raises(errors.CheckViolation):
        as_role("default").execute(f"UPDATE runtime_quarantine SET {change} WHERE id = %s", [aside.id])


def test_no_raw_sql_brings_back_what_was_dealt_with(shop, monkeypatch, as_role):
    _, aside = put(shop, monkeypatch)
    set_aside.drop(desk=shop.desk, now=shop.now(), quarantine_ids=[aside.id], reason="a test")
    for change in ("state = 'waiting', decided_by = NULL, decided_at = NULL", "reason = 'another'", "error = ''"):
        with pytest.raises(errors.CheckViolation, match="dealt with"):
            as_role("default").execute(f"UPDATE runtime_quarantine SET {change} WHERE id = %s", [aside.id])
    with pytest.raises(errors.InsufficientPrivilege):
        as_role("default").execute("DELETE FROM runtime_quarantine")
