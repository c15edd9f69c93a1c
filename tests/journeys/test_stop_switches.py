"""Stop switches: what is stopped is not done and says so, what was agreed before goes on, and all of it goes on when the stop is over."""

from __future__ import annotations

import threading
from datetime import date, timedelta

import pytest
from prometheus_client import REGISTRY

from yuefu.errors import Refused
from yuefu.journeys import checkout, close_of_day, jobs, reconciliation, refund, repayment, settlement, stopping, undoing
from yuefu.journeys.checkout import Authorised, Purchase, Wish
from yuefu.journeys.close_of_day import Closed
from yuefu.journeys.desk import open_day
from yuefu.journeys.repayment import RepayRequest
from yuefu.journeys.stopping import NEW_CREDIT, PAYOUTS
from yuefu.journeys.undoing import UndoRequest
from yuefu.ledger import queries as ledger
from yuefu.loans import commands as loans
from yuefu.money.amounts import Money
from yuefu.orders.commands import CaptureRequest, RefundRequest, VoidRequest
from yuefu.payments import queries as payments
from yuefu.payments.gateways.sandbox import SandboxBank, SandboxChannel
from yuefu.reconciliation.commands import FileIn
from yuefu.risk import queries as decisions
from yuefu.runtime import quarantine, runs, sql, stops
from yuefu.runtime.stops import READ_ONLY, Lift, NewStop, Stop

DUE = date(2026, 10, 25)


def stop(shop, action, dimension="", value="", *, key=None, until=None, hour=10) -> Stop:
    wanted = NewStop(key or f"s-{action}-{dimension}-{value}", action, dimension, str(value), "a reason", until)
    (made,) = stopping.impose(desk=shop.desk, now=shop.now(hour), wanted=[wanted]).outcomes
    assert isinstance(made, Stop), made
    return made


def lift(shop, made, hour=12):
    (done,) = stopping.lift(desk=shop.desk, now=shop.now(hour), lifts=[Lift(made.id, "over")])
    assert isinstance(done, Stop), done


def purchase(shop, key, *, product="free", merchant=0, channel="online", consumer=None):
    person = consumer or shop.consumer()
    wish = Wish(shop.merchants[merchant], person, product, Money.parse("300.00", "CNY"), 3)
    (quoted,) = checkout.quote(desk=shop.desk, now=shop.now(), wishes=[wish])
    assert not isinstance(quoted, Refused), quoted
    return Purchase(key, wish.merchant_id, f"R-{key}", person, quoted.quote_id, channel)


def decided(shop, *purchases, at=None):
    outcomes = checkout.authorise(desk=shop.desk, now=at or shop.now(), purchases=purchases)
    assert all(isinstance(one, Authorised) for one in outcomes), outcomes
    return [one.reasons for one in outcomes]


def counts(shop):
    """How much there is of everything that a command could write in this book."""
    tables = [
        row[0]
        for row in sql.rows("SELECT table_name FROM information_schema.columns WHERE column_name = 'book_id' AND table_schema = 'public'")
    ]
    base = {t for t in tables if not t.startswith(("ledger_entry_p", "ledger_line_p", "runtime_stop"))}
    found = {}
    for table in sorted(base):
        try:
            with sql.reading(book_id=shop.book_id):
                found[table] = sql.value(f"SELECT count(*) FROM {table} WHERE book_id = %s", [shop.book_id])
        except Exception:  # noqa: BLE001 - a partition, which nobody reads by its name
            continue
    assert len(found) > 30
    return found


TARGETS = {
    "product": lambda shop: "free",
    "funder": lambda shop: shop.book_id,
    "merchant": lambda shop: shop.merchants[0],
    "channel": lambda shop: "live",
}


@pytest.mark.parametrize("dimension", TARGETS)
def test_new_credit_is_stopped_for_one_value_and_says_so_in_reasons_and_features(shop, dimension):
    hit = purchase(shop, "hit", channel="live")
    miss = purchase(shop, "miss", product="flex", merchant=1)
    made = stop(shop, NEW_CREDIT, dimension, TARGETS[dimension](shop))
    outcomes = checkout.authorise(desk=shop.desk, now=shop.now(), purchases=[hit, miss])
    reason = f"{dimension}_stopped"
    assert [one.reasons for one in outcomes] == [(reason,), (reason,) if dimension == "funder" else ()]
    stored = decisions.of_orders(order_ids=[outcomes[0].order_id])[outcomes[0].order_id]
    assert stored.decision.reasons == (reason,)
    assert {name: told for name, told in stored.features.items() if name.endswith("_stopped") and told} == {reason: True}
    lift(shop, made)
    assert decided(shop, purchase(shop, "again", channel="live")) == [()]
    shop.prove()


def test_a_stop_of_all_new_credit_stands_before_all_other_reasons(shop):
    ready = purchase(shop, "p")
    for dimension, value in TARGETS.items():
        stop(shop, NEW_CREDIT, dimension, value(shop))
    stop(shop, NEW_CREDIT)
    assert decided(shop, ready) == [("new_credit_stopped", "product_stopped", "funder_stopped", "merchant_stopped")]


def test_new_credit_goes_on_at_the_very_second_a_stop_ends_without_anybody_lifting_it(shop):
    first, second = purchase(shop, "a"), purchase(shop, "b")
    ends = shop.now(11)
    stop(shop, NEW_CREDIT, until=ends)
    assert decided(shop, first, at=ends - timedelta(microseconds=1)) == [("new_credit_stopped",)]
    assert decided(shop, second, at=ends) == [()]


def test_what_was_authorised_before_is_captured_refunded_and_repaid(shop):
    order = shop.buy(shop.consumer(), "600.00")
    stop(shop, NEW_CREDIT)
    got = shop.capture(order.order_id)
    shop.refund(got.order_id, "100.00")
    shop.repay(got.loan_id, "100.00")
    shop.prove()


def test_a_decision_that_was_made_is_repeated_as_it_was(shop):
    ready = purchase(shop, "p")
    assert decided(shop, ready) == [()]
    made = stop(shop, NEW_CREDIT)
    assert decided(shop, ready) == [()]
    late = purchase(shop, "q")
    assert decided(shop, late) == [("new_credit_stopped",)]
    lift(shop, made)
    assert decided(shop, late) == [("new_credit_stopped",)]


def test_a_plan_is_shown_while_credit_is_stopped_and_bought_when_that_is_over(shop):
    made = stop(shop, NEW_CREDIT)
    ready = purchase(shop, "p")
    lift(shop, made)
    assert decided(shop, ready) == [()]


def test_nobody_is_at_work_who_has_not_seen_a_stop_when_it_was_imposed(shop):
    """A batch in flight ends as it began; whoever imposes waits for it, and no batch after that is without the stop."""
    ready, begun, go_on, imposed = purchase(shop, "p"), threading.Event(), threading.Event(), threading.Event()
    told = []

    def in_flight():
        with open_day(shop.desk, shop.now()) as work:
            assert not isinstance(work, Refused)
            begun.set()
            assert go_on.wait(20)
            told.append(imposed.is_set())

    def impose():
        assert begun.wait(20)
        stop(shop, NEW_CREDIT)
        imposed.set()

    def look():
        assert begun.wait(20)
        while not stops.in_force(book_id=shop.book_id, now=shop.now()):  # in force at once, though one is still at work
            threading.Event().wait(0.01)
        assert not imposed.wait(0.3)
        go_on.set()

    outcomes = shop.at_once(in_flight, impose, look)
    assert outcomes == [None, None, None]
    assert told == [False]
    assert decided(shop, ready) == [("new_credit_stopped",)]


@pytest.mark.parametrize(
    ("wanted", "code", "field"),
    [
        (("tea_breaks", "", ""), "unknown_action", "action"),
        ((NEW_CREDIT, "weather", "rain"), "not_stopped_by_it", "dimension"),
        ((NEW_CREDIT, "", "free"), "not_stopped_by_it", "dimension"),
        ((PAYOUTS, "product", "free"), "not_stopped_by_it", "dimension"),
        ((READ_ONLY, "merchant", "x"), "not_stopped_by_it", "dimension"),
        ((NEW_CREDIT, "product", "none"), "unknown_target", "value"),
        ((NEW_CREDIT, "merchant", "019a3f00-0000-7000-8000-000000000000"), "unknown_target", "value"),
        ((NEW_CREDIT, "merchant", "' OR true --"), "unknown_target", "value"),
        ((NEW_CREDIT, "funder", "019a3f00-0000-7000-8000-000000000000"), "unknown_target", "value"),
        ((NEW_CREDIT, "channel", "pigeon"), "unknown_target", "value"),
    ],
)
def test_what_cannot_be_stopped_is_refused_and_its_neighbours_are_not(shop, wanted, code, field):
    good = NewStop("good", PAYOUTS, "", "", "r")
    refused, made = stopping.impose(desk=shop.desk, now=shop.now(), wanted=[NewStop("bad", *wanted, "r"), good]).outcomes
    assert (refused.code, refused.field) == (code, field)
    assert isinstance(made, Stop)


def payout_states(shop):
    return sorted(sql.rows("SELECT merchant_id, state FROM payments_payout WHERE book_id = %s", [shop.book_id]))


@pytest.mark.parametrize("whole", [True, False])
def test_payouts_that_are_stopped_are_built_wait_and_go_out_by_the_next_run(shop, whole):
    shop.bought("600.00")
    shop.bought("700.00", merchant=1)
    made = stop(shop, PAYOUTS) if whole else stop(shop, PAYOUTS, "merchant", shop.merchants[0])
    shop.next_day()
    shop.settle()
    states = dict(payout_states(shop))
    assert len(states) == 2
    assert states[shop.merchants[0]] == "scheduled"
    assert states[shop.merchants[1]] == ("scheduled" if whole else "paid")
    jobs.poll(shop.desk, shop.now(10))
    assert dict(payout_states(shop)) == states
    shop.next_day()  # the close is none the worse for it
    lift(shop, made, hour=9)
    jobs.poll(shop.desk, shop.now(10))
    assert set(dict(payout_states(shop)).values()) <= {"paid", "returned"}  # the bank of the sandbox sends some back days later
    shop.prove()


@pytest.mark.parametrize("action", [PAYOUTS, READ_ONLY])
def test_a_payout_that_the_bank_never_heard_of_is_not_sent_while_payouts_are_stopped(shop, monkeypatch, action):
    shop.bought("600.00")
    shop.next_day()
    paid = []
    original = SandboxBank.pay
    with monkeypatch.context() as broken:
        broken.setattr(SandboxBank, "pay", lambda self, **given: [])  # it went down before it took anything
        shop.settle()
    monkeypatch.setattr(SandboxBank, "pay", lambda self, **given: paid.extend(given["orders"]) or original(self, **given))
    made = stop(shop, action)
    jobs.poll(shop.desk, shop.now(11))
    assert paid == []
    lift(shop, made)
    jobs.poll(shop.desk, shop.now(13))
    assert len(paid) == 1
    assert [state for _, state in payout_states(shop)] == ["paid"]


def test_payouts_are_looked_at_again_under_the_lock_of_the_day(shop, monkeypatch):
    """A stop that comes after the payouts were read and before they are marked as sent is seen."""
    shop.bought("600.00")
    shop.next_day()
    original = settlement.payouts_waiting

    def late(**given):
        found = original(**given)
        stop(shop, PAYOUTS, hour=9)
        return found

    monkeypatch.setattr(settlement, "payouts_waiting", late)
    shop.settle()
    assert [state for _, state in payout_states(shop)] == ["scheduled"]


def test_nothing_is_written_in_a_read_only_book_whoever_asks(shop):
    order = shop.buy(shop.consumer(), "300.00")
    got = shop.bought("600.00")
    ready = purchase(shop, "p")
    shop.until(DUE)
    collected = shop.repay(got.loan_id).collection_id
    made = stop(shop, READ_ONLY)
    before, seller, now = counts(shop), shop.seller(got.order_id), shop.now(15)
    desk = shop.desk
    refusals = [
        *checkout.quote(desk=desk, now=now, wishes=[Wish(seller, None, "free", Money.parse("9.00", "CNY"), 3)]),
        *checkout.authorise(desk=desk, now=now, purchases=[ready]),
        *checkout.capture(desk=desk, now=now, requests=[CaptureRequest("c", seller, order.order_id)]),
        *checkout.void(desk=desk, now=now, requests=[VoidRequest("v", seller, order.order_id)]),
        *refund.refund(desk=desk, now=now, requests=[RefundRequest("r", seller, got.order_id)]),
        *repayment.repay(desk=desk, now=now, requests=[RepayRequest("y", got.loan_id, Money.parse("1.00", "CNY"), "card:1:ok")]),
        *undoing.undo(desk=desk, now=now, requests=[UndoRequest("u", collected, "because")]),
        settlement.settle(desk=desk, now=now),
        settlement.fund(desk=desk, now=now, key="f", amount=Money.parse("5.00", "CNY")),
        settlement.withdraw(desk=desk, now=now, key="w"),
        close_of_day.close_day(desk=desk, now=now),
        close_of_day.post_day(desk=desk, now=now),
        close_of_day.roll_over(desk=desk, now=now + timedelta(days=1)),
        *[one.received for one in reconciliation.reconcile(desk=desk, now=now, files=[FileIn("bank", b"", shop.on)], accounts={})],
    ]
    assert [one.code for one in refusals if isinstance(one, Refused)] == ["read_only"] * 14
    assert checkout.expire(desk=desk, now=now + timedelta(days=90)) == 0
    jobs.poll(desk, now)
    jobs.close(desk, now + timedelta(days=1))
    jobs.keep(desk, now)
    assert reconciliation.catch_up(desk=desk, now=now) == []
    assert counts(shop) == before
    assert quarantine.waiting(book_id=shop.book_id) == []
    lift(shop, made, hour=16)
    assert decided(shop, purchase(shop, "later")) == [()]
    shop.prove()


def test_a_request_refused_by_a_read_only_book_is_carried_out_under_the_same_key_later(shop):
    ready = purchase(shop, "p")
    made = stop(shop, READ_ONLY)
    (refused,) = checkout.authorise(desk=shop.desk, now=shop.now(), purchases=[ready])
    assert refused.code == "read_only"
    lift(shop, made)
    assert decided(shop, ready) == [()]


def test_another_stop_can_be_imposed_in_a_read_only_book(shop):
    stop(shop, READ_ONLY)
    stop(shop, PAYOUTS)
    assert [one.action for one in stops.in_force(book_id=shop.book_id, now=shop.now())] == [READ_ONLY, PAYOUTS]


@pytest.mark.parametrize("verb", ["collect", "refund", "pay", "move"])
def test_what_was_sent_before_a_book_became_read_only_is_booked_once_when_that_is_over(shop, monkeypatch, verb):
    got = shop.bought("600.00")
    if verb in {"collect", "refund"}:
        shop.until(DUE)
        if verb == "refund":
            shop.repay(got.loan_id)
    else:
        shop.next_day()
    gateway = SandboxChannel if verb in {"collect", "refund"} else SandboxBank
    original, made = getattr(gateway, verb), []

    def stopping_after(self, **given):
        done = original(self, **given)
        made[:] = made or [stop(shop, READ_ONLY)]
        return done

    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(gateway, verb, stopping_after)
        if verb == "collect":
            (told,) = repayment.repay(desk=shop.desk, now=shop.now(14), requests=[RepayRequest("y", got.loan_id, None, "card:1:ok")])
            assert told.state == "attempted"
        elif verb == "refund":
            shop.refund(got.order_id)
        else:
            settlement.settle(desk=shop.desk, now=shop.now(14))
    assert made, "the gateway was called"
    before = counts(shop)
    jobs.poll(shop.desk, shop.now(15))
    assert counts(shop) == before
    lift(shop, made[0], hour=16)
    jobs.poll(shop.desk, shop.now(17))
    settlement.settle(desk=shop.desk, now=shop.now(18))
    assert payments.in_transit(book_id=shop.book_id) == 0
    assert sum(ledger.totals(shop.book_id, ["collections_clearing"]).values()) == 0
    assert quarantine.waiting(book_id=shop.book_id) == []
    states = {row[0] for table in ("collection", "channel_refund", "payout", "transfer")
              for row in sql.rows(f"SELECT state FROM payments_{table} WHERE book_id = %s", [shop.book_id])}  # fmt: skip
    assert states <= {"succeeded", "paid", "done"}
    shop.prove()


def test_a_close_that_a_read_only_book_interrupts_goes_on_where_it_stood(shop, monkeypatch):
    shop.bought("600.00", product="flex")
    shop.until(DUE - timedelta(days=1))
    shop.on += timedelta(days=1)
    original, made = loans.accrue_interest, []

    def accrue(**given):
        made[:] = made or shop.at_once(lambda: stop(shop, READ_ONLY, hour=1))  # while its first chunk is at work
        return original(**given)

    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(close_of_day.loans, "accrue_interest", accrue)
        refused = close_of_day.close_day(desk=shop.desk, now=shop.now(1))
    assert isinstance(refused, Refused)
    assert refused.code == "read_only"
    run_id = sql.value("SELECT id FROM runtime_run WHERE book_id = %s AND state <> 'done'", [shop.book_id])
    assert [step.state for step in runs.steps(run_id)] == ["done", "running", *["waiting"] * 4]  # its chunk was ended
    before = counts(shop)
    assert close_of_day.close_day(desk=shop.desk, now=shop.now(1)).code == "read_only"
    assert counts(shop) == before
    lift(shop, made[0], hour=2)
    assert isinstance(close_of_day.close_day(desk=shop.desk, now=shop.now(3)), Closed)
    shop.prove()


def test_jobs_pass_over_a_read_only_book_say_so_once_and_tell_what_is_stopped(shop, monkeypatch):
    told, acted = [], []
    monkeypatch.setattr(jobs.books, "all_books", lambda: [shop.desk.book])
    monkeypatch.setattr(jobs, "desk_of", lambda book, name: shop.desk)
    monkeypatch.setattr(jobs.log, "warning", lambda text, **more: told.append((text, more["book"])))

    def skipped():
        return REGISTRY.get_sample_value("yuefu_jobs_total", {"task": "dusting", "outcome": "skipped"}) or 0

    def gauge(action):
        return REGISTRY.get_sample_value("yuefu_stops_in_force", {"book": shop.desk.book.code, "action": action})

    made, before = stop(shop, READ_ONLY), skipped()
    stop(shop, PAYOUTS, "merchant", shop.merchants[0])
    stop(shop, PAYOUTS, "merchant", shop.merchants[1], until=shop.now() + timedelta(seconds=1))
    for _ in range(3):
        jobs._each_book("dusting", lambda desk, now: acted.append(now))
    assert (acted, told) == ([], [("jobs pass over a book", shop.desk.book.code)])
    assert skipped() - before == 3
    assert (gauge("read_only"), gauge("payouts"), gauge("new_credit")) == (1, 2, 0)
    lift(shop, made)
    monkeypatch.setattr(jobs.books, "now_in", lambda book: shop.now(13))
    jobs._each_book("dusting", lambda desk, now: acted.append(now))
    assert (acted, gauge("read_only"), gauge("payouts")) == ([shop.now(13)], 0, 1)


@pytest.mark.parametrize("stopped", [0, 1])
def test_payouts_that_are_stopped_do_not_hold_up_those_behind_them(shop, stopped):
    shop.bought("600.00")
    shop.bought("700.00", merchant=1)
    stop(shop, PAYOUTS)
    shop.next_day()
    shop.settle()
    lift(shop, stops.in_force(book_id=shop.book_id, now=shop.now())[0], hour=9)
    stop(shop, PAYOUTS, "merchant", shop.merchants[stopped])
    (sent,) = settlement.send_payouts(desk=shop.desk, now=shop.now(11), limit=1)
    assert sent.merchant_id == shop.merchants[1 - stopped]


def test_nothing_that_broke_off_before_is_sent_out_from_a_read_only_book(shop, monkeypatch):
    """A collection, a transfer and a payout that never reached the outside."""
    got = shop.bought("600.00")
    shop.until(DUE + timedelta(days=1))  # a Monday: nothing is settled on a Sunday
    with monkeypatch.context() as broken:
        for gateway, verb in ((SandboxBank, "pay"), (SandboxBank, "move"), (SandboxChannel, "collect"), (SandboxChannel, "withdraw")):
            broken.setattr(gateway, verb, lambda self, **given: [])
        shop.repay(got.loan_id)
        settlement.settle(desk=shop.desk, now=shop.now(9))
    called = []
    for gateway in (SandboxBank, SandboxChannel):
        for verb in ("pay", "move", "receive", "collect", "refund", "withdraw"):
            if original := getattr(gateway, verb, None):
                monkeypatch.setattr(gateway, verb, calling(original, called, verb))
    made = stop(shop, READ_ONLY, hour=15)
    jobs.poll(shop.desk, shop.now(16))
    assert called == []
    lift(shop, made, hour=17)
    jobs.poll(shop.desk, shop.now(18))
    assert {"collect", "move"} <= set(called)
    shop.prove()


def calling(original, called, verb):
    def act(self, **given):
        if given.get("orders"):
            called.append(verb)
        return original(self, **given)

    return act


def test_whoever_stops_something_while_work_does_not_end_is_told_and_it_is_in_force(shop, monkeypatch):
    begun, go_on = threading.Event(), threading.Event()
    monkeypatch.setattr(stopping, "LOCK_TIMEOUT_MS", 200)

    def at_work():
        with open_day(shop.desk, shop.now()):
            begun.set()
            assert go_on.wait(20)

    def impose():
        assert begun.wait(20)
        wanted = [NewStop("s", NEW_CREDIT, "", "", "r")]
        told = [stopping.impose(desk=shop.desk, now=shop.now(), wanted=wanted).drained]
        go_on.set()
        return [*told, stopping.impose(desk=shop.desk, now=shop.now(), wanted=wanted).drained]

    assert shop.at_once(at_work, impose)[1][0] is False
    assert stopping.impose(desk=shop.desk, now=shop.now(), wanted=[]).drained
    assert len(stops.in_force(book_id=shop.book_id, now=shop.now())) == 1
