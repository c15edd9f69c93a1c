"""What falls due is taken by mandate: announced the day before, taken once, tried again by policy, and nothing is lost or doubled."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, time, timedelta

import pytest

from yuefu.errors import Refused
from yuefu.journeys import billing, debits, jobs, mandates, repayment, settings
from yuefu.journeys.billing import PayRequest
from yuefu.journeys.desk import open_day
from yuefu.journeys.repayment import RepaidTogether
from yuefu.ledger import queries as ledger
from yuefu.loans import queries as loan_book
from yuefu.money.amounts import Money
from yuefu.payments import queries as payments
from yuefu.payments.commands import Closing, NewMandate, Revocation
from yuefu.payments.gateways.sandbox import SandboxChannel
from yuefu.payments.rules import DEBIT_POLICY, DEFAULT_POLICY, ChannelResult, Mandate
from yuefu.runtime import books, policies, sql

DUE = date(2026, 10, 25)  # a Sunday
EVE = DUE - timedelta(days=1)
EARLIEST = DUE - timedelta(days=4)  # on which nothing is planned yet
LIMIT = Money(100_000_00, "CNY")
NOTHING = debits.Ran(*[0] * 8)


class Stopped(Exception):
    """The process dies here."""


def at(shop, clock):
    """A moment of the shop's day."""
    return datetime.combine(shop.on, time.fromisoformat(clock), shop.desk.book.tz)


def signed(shop, consumer_id, instrument="wallet:1:ok", *, kind="wallet", limit=LIMIT, key="m", until=None):
    (mandate,) = mandates.sign(desk=shop.desk, now=shop.now(11), requests=[NewMandate(key, consumer_id, kind, instrument, limit, until)])
    assert isinstance(mandate, Mandate), mandate
    return mandate


def bought(shop, instrument="wallet:1:ok", *, kind="wallet", amount="1200.00", limit=LIMIT, until=None):
    """A consumer with a loan of three instalments and a mandate."""
    consumer = shop.consumer()
    got = shop.capture(shop.buy(consumer, amount, product="flex").order_id)
    return got.loan_id, signed(shop, consumer, instrument, kind=kind, limit=limit, until=until)


def run(shop, clock="10:00"):
    return debits.run(desk=shop.desk, now=at(shop, clock))


def lived(shop, until, *clocks):
    """Days pass, and at some times of each on which there may be something to do the debits are run."""
    while shop.on < until:
        shop.next_day()
        for clock in clocks or ("10:00", "14:00") if shop.on >= EARLIEST else ():
            run(shop, clock)


def tries(shop, loan_id):
    """Every try of a loan: (due day, debit day, state, code, minor units)."""
    listed = payments.debits_listed(book_id=shop.book_id, loan_id=loan_id)
    found = payments.tries_of(book_id=shop.book_id, debit_ids=[one.debit.id for one in listed])
    return [(t.debit.due_on, t.latest.debit_on, t.state, t.latest.code, t.latest.amount.minor) for t in found]


def states(shop, loan_id):
    return [(day, state, code) for _, day, state, code, _ in tries(shop, loan_id)]


def debit(shop, loan_id):
    (found,) = payments.debits_listed(book_id=shop.book_id, loan_id=loan_id)
    return found.debit


def taken(shop, loan_id):
    """What the channel took for a loan by its own books, in minor units, oldest first."""
    found = sql.rows(
        "SELECT t.amount_minor FROM payments_sandbox_trade t JOIN payments_collection c ON c.reference = t.reference"
        " WHERE c.loan_id = %s AND c.book_id = t.book_id AND t.kind = 'payment' AND t.status = 'SUCCESS' ORDER BY t.at",
        [loan_id],
    )
    return [row[0] for row in found]


@pytest.fixture
def shop(late_shop):
    return late_shop


def seen(shop, loan_id):
    return loan_book.on_book([loan_id], shop.on, book_id=shop.book_id)[loan_id]


def first_row(shop, loan_id):
    return seen(shop, loan_id).rows[0]


def due(shop, loan_id):
    return first_row(shop, loan_id).asked


def told(shop, kind):
    """Events of a kind, oldest first: the snapshots."""
    return [
        row[0]
        for row in sql.rows(
            "SELECT snapshot FROM runtime_outbox WHERE book_id = %s AND type = %s ORDER BY epoch, xid, id", [shop.book_id, kind]
        )
    ]


def shop_events(shop):
    """Everything that was told, oldest first: (type, kind, object, number, snapshot, old values)."""
    return sql.rows(
        "SELECT type, object_kind, object_id, seq, snapshot, changed FROM runtime_outbox WHERE book_id = %s ORDER BY epoch, xid, id",
        [shop.book_id],
    )


def test_a_wallet_is_announced_the_day_before_and_debited_on_the_due_day(shop):
    loan_id, _ = bought(shop)
    shop.until(EARLIEST)
    assert run(shop) == NOTHING
    shop.next_day()
    assert run(shop).planned == 1
    assert states(shop, loan_id) == [(DUE, "planned", "")]
    (notice,) = told(shop, "debit.planned")
    assert (notice["debit_on"], notice["takes"]["minor"], notice["due_on"]) == ("2026-10-25", due(shop, loan_id), "2026-10-25")
    shop.until(EVE)
    assert run(shop).announced == 1
    assert states(shop, loan_id) == [(DUE, "announced", "")]
    assert run(shop, "11:00").sent == 0
    shop.until(DUE)
    asked = due(shop, loan_id)
    assert run(shop).sent == 1
    assert states(shop, loan_id) == [(DUE, "succeeded", "")]
    assert taken(shop, loan_id) == [asked]
    assert debit(shop, loan_id).state == "collected"
    assert first_row(shop, loan_id).unpaid == 0
    assert run(shop, "11:00") == NOTHING
    shop.next_day()
    shop.prove()


# ----------------------------------------------------------------------------------------------------------------- windows and cut-offs


@pytest.mark.parametrize(("clock", "announced"), [("07:59:59", 0), ("08:00:00", 1), ("19:30:00", 1), ("19:30:01", 0)])
def test_notices_are_given_inside_the_window_only(shop, clock, announced):
    loan_id, _ = bought(shop)
    shop.until(EVE - timedelta(days=1))
    run(shop)
    shop.until(EVE)
    ran = run(shop, clock)
    assert ran.announced == announced
    assert ran.missed == (clock == "19:30:01")
    expected = (DUE, "announced", "") if announced else (DUE, "planned", "") if clock < "08" else (DUE + timedelta(days=1), "planned", "")
    assert states(shop, loan_id)[-1] == expected


def test_the_window_is_that_of_the_clock_where_the_book_is(shop):
    loan_id, _ = bought(shop)
    shop.until(EVE - timedelta(days=1))
    run(shop)
    shop.until(EVE)
    abroad = replace(shop.desk, book=replace(shop.desk.book, zone="Asia/Kolkata"))  # two hours and a half behind
    abroad = replace(abroad, channel=SandboxChannel(abroad.book))
    assert debits.announce(desk=abroad, now=at(shop, "10:29:59")) == 0
    assert debits.announce(desk=abroad, now=at(shop, "22:00:01")) == 0
    assert debits.announce(desk=abroad, now=at(shop, "10:30:00")) == 1
    assert states(shop, loan_id) == [(DUE, "announced", "")]


def test_a_debit_that_is_planned_after_the_last_notice_is_taken_a_day_later(shop):
    shop.until(EVE)
    consumer = shop.consumer(repayment_day=25)
    got = shop.capture(shop.buy(consumer, "1200.00", product="flex").order_id)
    row = first_row(shop, got.loan_id)
    shop.until(row.due_on - timedelta(days=1))
    signed(shop, consumer)
    assert run(shop, "19:30:01").planned == 1
    assert states(shop, got.loan_id) == [(row.due_on + timedelta(days=1), "planned", "")]
    lived(shop, row.due_on + timedelta(days=1))
    assert taken(shop, got.loan_id) == [row.principal + row.interest]
    shop.prove()


def test_what_was_announced_and_not_sent_in_its_day_is_announced_anew(shop):
    loan_id, _ = bought(shop)
    lived(shop, EVE)
    shop.next_day()
    shop.next_day()
    ran = run(shop)
    assert (ran.missed, ran.tried_again, ran.sent, ran.announced) == (1, 1, 0, 1)
    assert states(shop, loan_id) == [(DUE, "dropped", "missed"), (DUE + timedelta(days=2), "announced", "")]
    lived(shop, DUE + timedelta(days=2))
    assert len(taken(shop, loan_id)) == 1
    shop.prove()


@pytest.mark.parametrize(("clock", "sent"), [("07:59:59", 0), ("08:00:00", 1), ("16:00:00", 1), ("16:00:01", 0)])
def test_a_bank_is_debited_on_a_business_day_by_its_cut_off(shop, clock, sent):
    loan_id, _ = bought(shop, "bank:6222:ok", kind="bank")
    lived(shop, DUE)
    assert states(shop, loan_id) == [(date(2026, 10, 26), "planned", "")], "the due day is a Sunday"
    shop.next_day()
    assert run(shop, clock).sent == sent
    last = (date(2026, 10, 26), "succeeded", "") if sent else (date(2026, 10, 26 if clock < "08" else 27), "planned", "")
    assert states(shop, loan_id)[-1] == last
    assert len(taken(shop, loan_id)) == sent


# --------------------------------------------------------------------------------------------------------------- failures and further tries


def test_insufficient_funds_are_tried_again_by_policy_and_then_given_up(shop):
    loan_id, mandate = bought(shop, "wallet:1:insufficient_funds")
    lived(shop, date(2026, 11, 11))
    failed = "insufficient_funds"
    days = [DUE, date(2026, 10, 26), date(2026, 10, 29), date(2026, 11, 10)]
    assert states(shop, loan_id) == [(day, "failed", failed) for day in days], "a day, three days, the next payday"
    assert (debit(shop, loan_id).state, debit(shop, loan_id).code) == ("given_up", failed)
    assert payments.mandates(book_id=shop.book_id, ids=[mandate.id])[mandate.id].state == "active"
    assert len(told(shop, "debit.failed")) == 4
    assert [one["code"] for one in told(shop, "debit.given_up")] == [failed]
    assert taken(shop, loan_id) == []
    shop.prove()


def test_what_succeeds_the_second_time_is_collected(shop):
    loan_id, _ = bought(shop, "wallet:1:funds_at_second")
    asked = due(shop, loan_id)
    lived(shop, DUE + timedelta(days=2))
    assert states(shop, loan_id) == [(DUE, "failed", "insufficient_funds"), (DUE + timedelta(days=1), "succeeded", "")]
    assert (debit(shop, loan_id).state, taken(shop, loan_id)) == ("collected", [asked])
    shop.prove()


@pytest.mark.parametrize(
    ("instrument", "code", "sent"), [("wallet:1:account_closed", "account_closed", 1), ("wallet:1:mandate_lost", "mandate_ended", 0)]
)
def test_a_mandate_that_the_channel_ended_is_lost_and_nothing_is_tried_again(shop, instrument, code, sent):
    loan_id, mandate = bought(shop, instrument)
    lived(shop, DUE + timedelta(days=5))
    assert states(shop, loan_id) == [(DUE, "failed", code)]
    assert (debit(shop, loan_id).state, debit(shop, loan_id).code) == ("cancelled", "mandate_lost")
    (lost,) = told(shop, "mandate.lost")
    assert (lost["code"], lost["consumer_id"]) == (code, str(mandate.consumer_id))
    assert len(told(shop, "debit.announced")) == sent
    (again,) = mandates.sign(
        desk=shop.desk, now=at(shop, "15:00"), requests=[NewMandate("m2", mandate.consumer_id, "wallet", "wallet:2:ok", LIMIT)]
    )
    assert again.state == "active", "a new one takes its place"
    lived(shop, DUE + timedelta(days=9))
    assert taken(shop, loan_id) == [], "what fell due before it was signed is not its to take"
    shop.prove()


def test_a_notice_that_is_refused_counts_as_a_try(shop):
    loan_id, _ = bought(shop, "wallet:1:notice_refused")
    lived(shop, date(2026, 11, 12))
    code = "day_limit_exceeded"
    assert states(shop, loan_id) == [(DUE, "failed", code), (DUE + timedelta(days=1), "failed", code), (date(2026, 11, 10), "failed", code)]
    assert debit(shop, loan_id).state == "given_up"
    assert told(shop, "debit.attempted") == []


def test_a_notice_without_an_answer_is_given_again_under_the_same_number(shop):
    loan_id, _ = bought(shop, "wallet:1:notice_unknown")
    lived(shop, EVE - timedelta(days=1))
    shop.next_day()
    assert run(shop, "09:00").announced == 0
    assert states(shop, loan_id) == [(DUE, "planned", "")]
    assert run(shop, "09:01").announced == 1
    assert sql.value("SELECT count(*) FROM payments_sandbox_notice WHERE book_id = %s", [shop.book_id]) == 1
    lived(shop, DUE)
    assert len(taken(shop, loan_id)) == 1


def test_the_policy_in_force_says_how_often(shop):
    loan_id, _ = bought(shop, "wallet:1:insufficient_funds")
    none = {**DEFAULT_POLICY, "retries": [{"codes": ["system_error"], "after": [1]}]}
    with open_day(shop.desk, shop.now()) as work:
        policies.establish(work=work, name=DEBIT_POLICY, value=none, valid_from=shop.on)
    lived(shop, DUE + timedelta(days=2))
    assert states(shop, loan_id) == [(DUE, "failed", "insufficient_funds")]
    assert (debit(shop, loan_id).state, debit(shop, loan_id).policy_version) == ("given_up", 1)


def test_a_policy_that_cannot_be_is_refused_before_anybody_is_asked(shop):
    with open_day(shop.desk, shop.now()) as work:
        wrong = {**DEFAULT_POLICY, "retries": [{"codes": ["account_closed"], "after": [1]}]}
        refused = settings.propose(work=work, name=DEBIT_POLICY, value=wrong, valid_from=shop.on, reason="more")
        assert (refused.code, "never tried again" in refused.detail) == ("setting_invalid", True)
        assert not isinstance(
            settings.propose(work=work, name=DEBIT_POLICY, value=DEFAULT_POLICY, valid_from=shop.on, reason="as it was"), Refused
        ), "a book from before gets the first version when another is asked for"


# ------------------------------------------------------------------------------------------------------- no answer, late, twice, against itself


@pytest.mark.parametrize(("rule", "state"), [("unknown_then_success", "succeeded"), ("unknown_then_failure", "failed")])
def test_an_unknown_outcome_is_asked_for_and_nothing_is_sent_meanwhile(shop, rule, state):
    loan_id, _ = bought(shop, f"wallet:1:{rule}")
    lived(shop, EVE)
    shop.next_day()
    assert run(shop, "10:00").sent == 1
    assert states(shop, loan_id) == [(DUE, "unknown", "")]
    assert run(shop, "11:00") == NOTHING
    jobs.poll(shop.desk, at(shop, "12:00"))
    run(shop, "12:01")
    assert states(shop, loan_id)[0] == (DUE, state, "" if state == "succeeded" else "system_error")
    assert (debit(shop, loan_id).state, len(taken(shop, loan_id))) == (("collected", 1) if state == "succeeded" else ("open", 0))
    shop.next_day()
    shop.prove()


def test_a_late_answer_is_booked_once_however_often_it_comes(shop):
    loan_id, _ = bought(shop, "wallet:1:late_success")
    asked = due(shop, loan_id)
    lived(shop, DUE)
    jobs.poll(shop.desk, at(shop, "20:00"))
    assert states(shop, loan_id) == [(DUE, "unknown", "")]
    shop.next_day()
    (one,) = payments.collections_to_poll(book_id=shop.book_id, before=at(shop, "09:00"), limit=10)
    late = shop.desk.channel.query(references=[one.reference], now=at(shop, "09:00"))[one.reference]
    assert (late.outcome, late.on) == ("succeeded", DUE)
    first, second = repayment.book(desk=shop.desk, now=at(shop, "09:01"), results=[late, late])
    (third,) = repayment.book(desk=shop.desk, now=at(shop, "09:02"), results=[late])
    assert first == second == third
    jobs.poll(shop.desk, at(shop, "10:00"))
    run(shop, "10:01")
    run(shop, "10:02")
    assert (states(shop, loan_id), debit(shop, loan_id).state) == ([(DUE, "succeeded", "")], "collected")
    assert (taken(shop, loan_id), first_row(shop, loan_id).unpaid) == ([asked], 0)
    assert payments.contradictions_listed(book_id=shop.book_id) == []
    shop.prove()


def contradicted(shop):
    """A debit of which the channel said that it failed, and when it was asked again that the money had moved."""
    loan_id, _ = bought(shop, "wallet:1:failed_then_success")
    lived(shop, DUE)
    assert states(shop, loan_id)[0] == (DUE, "failed", "system_error")
    (found,) = payments.contradictions_listed(book_id=shop.book_id)
    return loan_id, found


def closed(shop, found, clock="15:00", *, accept=True, reason="seen in the bill"):
    return debits.close(desk=shop.desk, now=at(shop, clock), closings=[Closing(found.id, accept, reason)])[0]


def test_a_success_after_a_failure_is_kept_for_a_person_and_nothing_more_is_taken(shop):
    loan_id, found = contradicted(shop)
    assert (found.stood, found.said, found.said_amount.minor, found.said_on) == ("failed", "succeeded", due(shop, loan_id), DUE)
    assert [one["loan_id"] for one in told(shop, "contradiction.found")] == [str(loan_id)]
    lived(shop, DUE + timedelta(days=4))
    assert len(taken(shop, loan_id)) == 1, "in doubt, nobody is debited again"
    assert first_row(shop, loan_id).unpaid > 0, "and nothing is booked on the channel's word alone"
    assert len(payments.contradictions_listed(book_id=shop.book_id)) == 1, "asked again it says the same, which is kept once"
    shop.prove()


def test_what_is_accepted_is_booked_and_applied_once(shop):
    loan_id, found = contradicted(shop)
    assert closed(shop, found).state == "accepted"
    assert (first_row(shop, loan_id).unpaid, debit(shop, loan_id).state) == (0, "collected")
    assert states(shop, loan_id)[0] == (DUE, "succeeded", "")
    entries = ledger.entries_posted(shop.book_id)
    assert closed(shop, found, "15:01").state == "accepted", "again, it stays so"
    assert ledger.entries_posted(shop.book_id) == entries
    refused = closed(shop, found, "15:02", accept=False)
    assert (refused.code, "seen in the bill" in refused.detail) == ("already_closed", True)
    lived(shop, DUE + timedelta(days=5))
    assert len(taken(shop, loan_id)) == 1
    shop.prove()


def test_what_was_accepted_and_not_booked_when_we_were_stopped_is_booked_by_the_next_run(shop, monkeypatch):
    """Of a card payment as well, after which nobody asks the channel."""
    got = shop.bought("1200.00", product="flex")
    shop.until(DUE)
    paid = shop.repay(got.loan_id, card="card:1:failed_then_success")
    assert paid.state == "failed"
    (reference,) = [c.reference for c in payments.collections(book_id=shop.book_id, ids=[paid.collection_id]).values()]
    late = shop.desk.channel.query(references=[reference], now=at(shop, "15:00"))
    assert repayment.book(desk=shop.desk, now=at(shop, "15:00"), results=list(late.values()))[0].code == "contradicts"
    (found,) = payments.contradictions_listed(book_id=shop.book_id)

    def stopped(**_):
        raise Stopped

    with monkeypatch.context() as broken:
        broken.setattr(repayment, "book", stopped)
        with pytest.raises(Stopped):
            closed(shop, found)
    assert first_row(shop, got.loan_id).unpaid > 0
    run(shop, "16:00")
    assert first_row(shop, got.loan_id).unpaid == 0
    entries = ledger.entries_posted(shop.book_id)
    run(shop, "16:01")
    assert ledger.entries_posted(shop.book_id) == entries
    shop.prove()


def test_before_a_debit_is_given_up_the_channel_is_asked(shop):
    loan_id, _ = bought(shop, "wallet:1:failed_then_success")
    with open_day(shop.desk, shop.now()) as work:
        never = {**DEFAULT_POLICY, "retries": [{"codes": ["insufficient_funds"], "after": [1]}]}
        policies.establish(work=work, name=DEBIT_POLICY, value=never, valid_from=shop.on)
    lived(shop, DUE + timedelta(days=1))
    assert (debit(shop, loan_id).state, len(payments.contradictions_listed(book_id=shop.book_id))) == ("open", 1)
    assert told(shop, "debit.given_up") == []


def test_a_debit_that_only_the_bill_shows_is_a_break_until_somebody_accepts_it(shop):
    loan_id, found = contradicted(shop)
    shop.next_day()
    shop.reconcile()
    assert breaks(shop) == {("channel_trade", "missing_here", "open"), ("channel_fund", "missing_here", "open")}
    closed(shop, found)
    shop.next_day()
    shop.reconcile()
    assert breaks(shop) == {("channel_trade", "other_day", "explained"), ("channel_fund", "other_day", "explained")}
    assert first_row(shop, loan_id).unpaid == 0
    shop.prove()


def breaks(shop):
    return set(sql.rows("SELECT source, cls, state FROM reconciliation_break WHERE book_id = %s", [shop.book_id]))


def test_after_it_was_dismissed_the_debit_goes_on(shop):
    loan_id, found = contradicted(shop)
    assert closed(shop, found, accept=False, reason="the channel took it back").state == "dismissed"
    lived(shop, DUE + timedelta(days=3))
    assert [state for _, state, _ in states(shop, loan_id)].count("failed") >= 2
    assert len(payments.contradictions_listed(book_id=shop.book_id, states=["open"])) >= 1, "the next try contradicts itself too"


class Forgetful(SandboxChannel):
    """A channel that does not find what it is asked for."""

    def query(self, *, references, now):
        return {}


def test_money_of_two_tries_that_both_came_after_all_goes_back_but_for_one(shop):
    loan_id, _ = bought(shop, "wallet:1:failed_then_success")
    asked = due(shop, loan_id)
    whole, shop.desk = shop.desk, replace(shop.desk, channel=Forgetful(shop.desk.book))
    lived(shop, DUE + timedelta(days=1))
    shop.desk = replace(whole, book=shop.desk.book)
    assert [state for _, state, _ in states(shop, loan_id)] == ["failed", "failed", "announced"]
    shop.next_day()
    assert run(shop).sent == 0, "asked again before the third try, the channel tells of the other two"
    kept = payments.contradictions_listed(book_id=shop.book_id)
    assert [(x.stood, x.said, x.said_amount.minor) for x in kept] == [("failed", "succeeded", asked)] * 2
    for one in reversed(kept):
        assert closed(shop, one, "17:00").state == "accepted"
    assert taken(shop, loan_id) == [asked, asked]
    assert loan_book.excesses(shop.book_id) == {loan_id: asked}, "what the loan had got already is owed back"
    assert payments.given_back(book_id=shop.book_id, failed_since=None)[loan_id].succeeded == asked
    assert (debit(shop, loan_id).state, first_row(shop, loan_id).unpaid) == ("collected", 0)
    assert [state for _, state, _ in states(shop, loan_id)] == ["succeeded", "succeeded", "dropped"]
    assert len(told(shop, "debit.collected")) == 1
    shop.next_day()
    shop.prove()


def test_a_success_after_the_debit_was_given_up_is_accepted_all_the_same(shop):
    loan_id, _ = bought(shop, "wallet:1:insufficient_funds")
    lived(shop, date(2026, 11, 11))
    assert debit(shop, loan_id).state == "given_up"
    first = payments.tries_of(book_id=shop.book_id, debit_ids=[debit(shop, loan_id).id])[0]
    said = ChannelResult(first.collection_reference, "succeeded", first.latest.amount, Money(0, "CNY"), "p-late", DUE)
    repayment.book(desk=shop.desk, now=at(shop, "16:00"), results=[said, said])
    (found,) = payments.contradictions_listed(book_id=shop.book_id)
    closed(shop, found, "17:00")
    assert (debit(shop, loan_id).state, first_row(shop, loan_id).unpaid) == ("collected", 0)


def test_answers_that_cannot_be_booked_are_kept_and_not_accepted(shop):
    loan_id, _ = bought(shop)
    lived(shop, DUE)
    (done,) = payments.tries_of(book_id=shop.book_id, debit_ids=[debit(shop, loan_id).id])
    amount = done.latest.amount
    failed = ChannelResult(done.collection_reference, "failed", amount, Money(0, "CNY"), "", None, "reversed")
    more = ChannelResult(done.collection_reference, "succeeded", amount + Money(1, "CNY"), Money(0, "CNY"), "p", DUE)
    codes = [one.code for one in repayment.book(desk=shop.desk, now=at(shop, "16:00"), results=[failed, more])]
    assert codes == ["contradicts", "amount_differs"]
    kept = payments.contradictions_listed(book_id=shop.book_id)
    assert {(x.stood, x.said, x.code) for x in kept} == {
        ("succeeded", "failed", "contradicts"),
        ("succeeded", "succeeded", "amount_differs"),
    }
    for one in kept:
        refused = closed(shop, one)
        assert (refused.code, "dismiss it" in refused.detail) == ("cannot_accept", True)
    assert closed(shop, kept[0], reason=" ").code == "reason_invalid"
    assert debits.close(desk=shop.desk, now=at(shop, "17:00"), closings=[Closing(loan_id, True, "x")])[0].code == "unknown_contradiction"
    assert first_row(shop, loan_id).unpaid == 0
    assert run(shop, "18:00").tried_again == 0
    shop.prove()


# ---------------------------------------------------------------------------------------------------------------------- the off switch


def revoke(shop, mandate, clock="12:00", **more):
    return mandates.revoke(desk=shop.desk, now=at(shop, clock), revocations=[Revocation(mandate.id, "asked for", **more)])[0]


def test_nothing_is_taken_by_a_mandate_that_was_revoked_after_its_notice(shop):
    loan_id, mandate = bought(shop)
    lived(shop, EVE)
    assert states(shop, loan_id) == [(DUE, "announced", "")]
    ended = revoke(shop, mandate, "20:00")
    assert (ended.state, ended.told_at is not None) == ("revoked", True)
    assert states(shop, loan_id) == [(DUE, "dropped", "mandate_revoked")]
    assert (debit(shop, loan_id).state, debit(shop, loan_id).code) == ("cancelled", "mandate_revoked")
    lived(shop, DUE + timedelta(days=5))
    assert taken(shop, loan_id) == []
    assert revoke(shop, mandate).ended_at == ended.ended_at, "again, it stays as it is"
    steps = payments.mandate_steps(mandate_ids=[mandate.id])
    assert [(s.no, s.state, s.reason) for s in steps] == [(1, "signing", ""), (2, "active", ""), (3, "revoked", "asked for")]
    assert {s.actor for s in steps} == {shop.desk.by.label}


class Dead(SandboxChannel):
    """A channel that does not answer some calls; what they ask for is done before the answer is lost, where `arrives`."""

    def __init__(self, book, calls, *, arrives=False):
        super().__init__(book)
        self.calls, self.arrives = calls, arrives

    def _lost(self, name, call, given):
        if name not in self.calls:
            return call(**given)
        if self.arrives:
            call(**given)
        raise Stopped

    def collect(self, **given):
        return self._lost("collect", super().collect, given)

    def announce(self, **given):
        return self._lost("announce", super().announce, given)

    def sign_mandates(self, **given):
        return self._lost("sign", super().sign_mandates, given)

    def revoke_mandates(self, **given):
        return self._lost("revoke", super().revoke_mandates, given)


def dying(shop, act, *calls, arrives=False):
    """`act` with a process that dies in one of the calls."""
    whole, shop.desk = shop.desk, replace(shop.desk, channel=Dead(shop.desk.book, calls, arrives=arrives))
    try:
        with pytest.raises(Stopped):
            act()
    finally:
        shop.desk = whole


def test_the_off_switch_works_while_the_channel_does_not(shop):
    loan_id, mandate = bought(shop)
    lived(shop, EVE)
    dying(shop, lambda: revoke(shop, mandate), "revoke")
    stands = payments.mandates(book_id=shop.book_id, ids=[mandate.id])[mandate.id]
    assert (stands.state, stands.told_at) == ("revoked", None)
    shop.next_day()
    assert run(shop).sent == 0
    jobs.poll(shop.desk, at(shop, "11:00"))
    assert payments.mandates(book_id=shop.book_id, ids=[mandate.id])[mandate.id].told_at == at(shop, "11:00")
    assert shop.desk.channel.query_mandates(references=[mandate.reference], now=at(shop, "12:00"))[mandate.reference].outcome == "ended"
    assert taken(shop, loan_id) == []


def test_what_was_sent_before_the_off_switch_ends_as_the_channel_says(shop):
    loan_id, mandate = bought(shop, "wallet:1:unknown_then_success")
    lived(shop, EVE)
    shop.next_day()
    run(shop)
    revoke(shop, mandate)
    assert debit(shop, loan_id).state == "open"
    jobs.poll(shop.desk, at(shop, "13:00"))
    run(shop, "13:01")
    assert (debit(shop, loan_id).state, first_row(shop, loan_id).unpaid) == ("collected", 0)
    shop.prove()


def test_what_failed_after_the_off_switch_is_not_tried_again(shop):
    loan_id, mandate = bought(shop, "wallet:1:unknown_then_failure")
    lived(shop, EVE)
    shop.next_day()
    run(shop)
    revoke(shop, mandate)
    jobs.poll(shop.desk, at(shop, "13:00"))
    run(shop, "13:01")
    assert (debit(shop, loan_id).state, debit(shop, loan_id).code) == ("cancelled", "mandate_revoked")
    assert len(tries(shop, loan_id)) == 1


def test_a_mandate_of_somebody_else_is_not_there(shop, other_shop):
    _, mandate = bought(shop)
    assert revoke(shop, mandate, consumer_id=shop.consumer()).code == "unknown_mandate"
    assert revoke(other_shop, mandate).code == "unknown_mandate"
    assert payments.mandates(book_id=shop.book_id, ids=[mandate.id])[mandate.id].state == "active"
    assert revoke(shop, mandate, consumer_id=mandate.consumer_id).state == "revoked"


def test_nobody_pays_by_the_mandate_of_another_consumer(shop):
    _, mandate = bought(shop)
    other = shop.capture(shop.buy(shop.consumer(), "600.00", product="flex").order_id)
    lived(shop, DUE - timedelta(days=3))
    request = repayment.RepayRequest("theirs", other.loan_id, Money(5_00, "CNY"), mandate.pays_by)
    (refused,) = repayment.repay(desk=shop.desk, now=shop.now(), requests=[request])
    assert (refused.code, refused.field) == ("instrument_invalid", "instrument")
    for payer, loan_id in ((seen(shop, other.loan_id).dims.consumer_id, other.loan_id), (mandate.consumer_id, None)):
        together = PayRequest("theirs", payer, mandate.pays_by, loan_id=loan_id, amount=Money(5_00, "CNY"), ahead=True)
        (refused,) = billing.pay(desk=shop.desk, now=shop.now(), requests=[together])
        assert (refused.code, refused.field) == ("instrument_invalid", "instrument")
    # The channel holds the same: the payer is not the one who signed.
    from yuefu.payments.rules import CollectOrder

    (told_,) = shop.desk.channel.collect(
        orders=[CollectOrder("pay_x", mandate.pays_by, Money(1, "CNY"), payer=str(shop.consumer()))], now=shop.now()
    )
    assert (told_.outcome, told_.failure_code) == ("failed", "mandate_ended")


def test_a_mandate_ends_after_its_last_day(shop):
    loan_id, mandate = bought(shop, until=EVE)
    lived(shop, DUE)
    assert payments.mandates(book_id=shop.book_id, ids=[mandate.id])[mandate.id].state == "expired"
    assert tries(shop, loan_id) == [], "what is due after the last day is not planned"
    jobs.poll(shop.desk, at(shop, "20:00"))
    assert payments.mandates(book_id=shop.book_id, ids=[mandate.id])[mandate.id].told_at is not None
    assert [one["code"] for one in told(shop, "mandate.expired")] == ["valid_until"]


# ------------------------------------------------------------------------------------------------------------------- stopped in between


@pytest.mark.parametrize("arrives", [False, True])
def test_a_debit_whose_call_broke_off_is_taken_once(shop, arrives):
    loan_id, _ = bought(shop)
    asked = due(shop, loan_id)
    lived(shop, EVE)
    shop.next_day()
    dying(shop, lambda: run(shop), "collect", arrives=arrives)
    assert states(shop, loan_id) == [(DUE, "attempted", "")], "what is sent is stored before"
    assert len(taken(shop, loan_id)) == int(arrives)
    run(shop, "10:30")
    assert states(shop, loan_id) == [(DUE, "attempted", "")], "it is not sent blind"
    jobs.poll(shop.desk, at(shop, "11:00"))
    run(shop, "11:01")
    assert (taken(shop, loan_id), states(shop, loan_id)) == ([asked], [(DUE, "succeeded", "")])
    shop.prove()


def test_a_debit_that_was_stored_and_never_sent_in_its_day_fails_and_is_tried_again(shop):
    loan_id, _ = bought(shop)
    lived(shop, EVE)
    shop.next_day()
    dying(shop, lambda: run(shop), "collect")
    shop.next_day()
    jobs.poll(shop.desk, at(shop, "09:00"))
    run(shop, "09:01")
    assert states(shop, loan_id) == [(DUE, "failed", "not_announced"), (DUE + timedelta(days=2), "announced", "")]
    lived(shop, DUE + timedelta(days=2))
    assert len(taken(shop, loan_id)) == 1
    shop.prove()


@pytest.mark.parametrize("arrives", [False, True])
def test_a_notice_whose_call_broke_off_is_given_once(shop, arrives):
    loan_id, _ = bought(shop)
    lived(shop, EVE - timedelta(days=1))
    shop.next_day()
    dying(shop, lambda: run(shop), "announce", arrives=arrives)
    assert states(shop, loan_id) == [(DUE, "planned", "")]
    assert run(shop, "11:00").announced == 1
    assert sql.value("SELECT count(*) FROM payments_sandbox_notice WHERE book_id = %s", [shop.book_id]) == 1


def test_a_channel_that_takes_no_notices_still_takes_debits(shop):
    loan_id, _ = bought(shop)
    consumer = shop.consumer(repayment_day=26)
    shop.capture(shop.buy(consumer, "900.00").order_id)
    signed(shop, consumer)
    lived(shop, EVE)
    shop.next_day()
    dying(shop, lambda: run(shop), "announce")
    assert states(shop, loan_id) == [(DUE, "succeeded", "")]


@pytest.mark.parametrize("arrives", [False, True])
def test_a_signing_whose_call_broke_off_is_one_mandate(shop, arrives):
    consumer = shop.consumer()
    dying(shop, lambda: signed(shop, consumer), "sign", arrives=arrives)
    (begun,) = payments.mandates_listed(book_id=shop.book_id)
    assert begun.state == "signing"
    (again,) = mandates.sign(desk=shop.desk, now=shop.now(12), requests=[NewMandate("m", consumer, "wallet", "wallet:1:ok", LIMIT)])
    assert (again.id, again.state) == (begun.id, "active")
    assert sql.value("SELECT count(*) FROM payments_sandbox_contract WHERE book_id = %s", [shop.book_id]) == 1


def test_workers_at_the_same_moment_debit_once(shop):
    loans = [bought(shop)[0] for _ in range(4)]
    asked = [due(shop, loan_id) for loan_id in loans]
    shop.until(EVE - timedelta(days=1))
    shop.at_once(*[lambda: run(shop)] * 3)
    shop.until(EVE)
    shop.at_once(*[lambda: run(shop)] * 3)
    shop.until(DUE)
    outcomes = shop.at_once(*[lambda: run(shop)] * 3)
    assert not [one for one in outcomes if isinstance(one, Exception)], outcomes
    assert sum(one.sent for one in outcomes) == 4
    run(shop, "11:00")
    jobs.poll(shop.desk, at(shop, "12:00"))
    assert [taken(shop, loan_id) for loan_id in loans] == [[minor] for minor in asked]
    assert [len(tries(shop, loan_id)) for loan_id in loans] == [1] * 4
    shop.next_day()
    shop.prove()


@pytest.mark.parametrize("turn", range(4))
def test_the_off_switch_at_the_moment_of_the_debit_comes_before_it_or_after(shop, turn):
    loan_id, mandate = bought(shop)
    lived(shop, EVE)
    shop.next_day()
    acts = [lambda: run(shop), lambda: revoke(shop, mandate, "10:00")]
    outcomes = shop.at_once(*(acts if turn % 2 else acts[::-1]))
    assert not [one for one in outcomes if isinstance(one, Exception)], outcomes
    run(shop, "11:00")
    sent = taken(shop, loan_id)
    assert debit(shop, loan_id).state == ("collected" if sent else "cancelled")
    assert payments.mandates(book_id=shop.book_id, ids=[mandate.id])[mandate.id].state == "revoked"
    shop.next_day()
    shop.prove()


def test_who_sign_for_one_consumer_at_once_make_one_mandate(shop):
    for _ in range(5):
        consumer = shop.consumer()
        requests = [NewMandate(f"m{n}", consumer, "wallet", f"wallet:{n}:ok", LIMIT) for n in range(3)]
        acts = [lambda asked=asked: mandates.sign(desk=shop.desk, now=shop.now(), requests=[asked])[0] for asked in requests]
        outcomes = [getattr(one, "state", getattr(one, "code", repr(one))) for one in shop.at_once(*acts)]
        assert sorted(outcomes) == ["active", "mandate_exists", "mandate_exists"]


# ---------------------------------------------------------------------------------------------------------------- how much, and of which loan


def test_what_was_paid_by_hand_meanwhile_is_not_taken(shop):
    loan_id, _ = bought(shop)
    asked = due(shop, loan_id)
    lived(shop, EVE)
    shop.next_day()
    shop.repay(loan_id, hour=9)
    assert run(shop).sent == 0
    assert (debit(shop, loan_id).state, debit(shop, loan_id).code) == ("cancelled", "nothing_due")
    assert taken(shop, loan_id) == [asked]


@pytest.mark.parametrize("kind", ["wallet", "bank"])
def test_of_what_was_paid_in_part_the_rest_is_taken(shop, kind):
    loan_id, _ = bought(shop, f"{kind}:1:ok", kind=kind)
    asked = due(shop, loan_id)
    on = DUE if kind == "wallet" else DUE + timedelta(days=1)
    lived(shop, on - timedelta(days=1))
    shop.next_day()
    shop.repay(loan_id, "100.00", hour=9)
    assert run(shop).sent == (kind == "bank")
    if kind == "wallet":
        assert states(shop, loan_id) == [(DUE, "dropped", "amount_changed")], "a wallet takes the announced amount or nothing"
        lived(shop, on + timedelta(days=2))
    assert taken(shop, loan_id) == [100_00, asked - 100_00]
    assert (debit(shop, loan_id).state, first_row(shop, loan_id).unpaid) == ("collected", 0)
    shop.prove()


def test_while_another_payment_has_no_answer_nothing_is_taken(shop):
    loan_id, _ = bought(shop)
    lived(shop, EVE)
    shop.next_day()
    shop.repay(loan_id, card="card:1:unknown_then_success", hour=9)
    assert run(shop).sent == 0
    assert states(shop, loan_id) == [(DUE, "dropped", "under_way")]
    jobs.poll(shop.desk, at(shop, "11:00"))
    run(shop, "12:00")
    assert (debit(shop, loan_id).code, len(taken(shop, loan_id))) == ("nothing_due", 1)


def ahead(shop, loan_id, amount, key="ahead", card="card:1:ok", clock="10:00"):
    """Pays what falls due next of a loan: a payment of parts, of which those that come before their day wait for it."""
    consumer_id = seen(shop, loan_id).dims.consumer_id
    request = PayRequest(key, consumer_id, card, loan_id=loan_id, amount=Money(amount, "CNY"), ahead=True)
    (paid,) = billing.pay(desk=shop.desk, now=at(shop, clock), requests=[request])
    assert isinstance(paid, RepaidTogether), paid
    return paid


def test_what_was_paid_ahead_is_neither_announced_nor_taken(shop):
    loan_id, _ = bought(shop)
    ahead(shop, loan_id, due(shop, loan_id))
    lived(shop, DUE + timedelta(days=3))
    assert (tries(shop, loan_id), first_row(shop, loan_id).unpaid) == ([], 0)
    shop.prove()


@pytest.mark.parametrize("kind", ["wallet", "bank"])
def test_of_what_was_paid_ahead_in_part_the_rest_is_announced_and_taken(shop, kind):
    loan_id, _ = bought(shop, f"{kind}:1:ok", kind=kind)
    rest = due(shop, loan_id) - 100_00
    ahead(shop, loan_id, 100_00)
    lived(shop, DUE + timedelta(days=1))
    assert [(state, minor) for *_, state, _, minor in tries(shop, loan_id)] == [("succeeded", rest)]
    assert (debit(shop, loan_id).state, first_row(shop, loan_id).unpaid) == ("collected", 0)
    shop.next_day()
    shop.prove()


def test_what_was_paid_ahead_after_its_notice_is_not_taken_though_it_still_waits(shop):
    loan_id, _ = bought(shop)
    lived(shop, EVE)
    ahead(shop, loan_id, due(shop, loan_id), clock="15:00")
    shop.next_day()
    assert first_row(shop, loan_id).unpaid > 0, "nothing has released it yet"
    assert run(shop).sent == 0
    assert (debit(shop, loan_id).state, debit(shop, loan_id).code) == ("cancelled", "nothing_due")
    shop.next_day()
    assert first_row(shop, loan_id).unpaid == 0
    shop.prove()


def test_what_was_paid_ahead_and_given_back_is_taken_after_all(shop):
    loan_id, mandate = bought(shop)
    paid = ahead(shop, loan_id, due(shop, loan_id))
    lived(shop, DUE - timedelta(days=2))
    assert tries(shop, loan_id) == []
    billing.give_back(desk=shop.desk, now=at(shop, "15:00"), consumer_id=mandate.consumer_id, collection_ids=[paid.collection_id])
    lived(shop, DUE)
    assert (debit(shop, loan_id).state, first_row(shop, loan_id).unpaid) == ("collected", 0)
    shop.prove()


def test_while_a_part_of_a_payment_over_several_has_no_answer_nothing_is_taken_for_its_day(shop):
    loan_id, _ = bought(shop)
    lived(shop, EVE)
    ahead(shop, loan_id, due(shop, loan_id), card="card:1:unknown_then_success", clock="15:00")
    shop.next_day()
    assert run(shop).sent == 0
    assert states(shop, loan_id) == [(DUE, "dropped", "under_way")]
    jobs.poll(shop.desk, at(shop, "11:00"))
    run(shop, "12:00")
    assert (debit(shop, loan_id).code, first_row(shop, loan_id).unpaid) == ("nothing_due", 0)


def test_a_part_without_an_answer_for_a_later_day_holds_up_no_debit(shop):
    loan_id, mandate = bought(shop)
    asked = due(shop, loan_id)
    lived(shop, EVE)
    first = ahead(shop, loan_id, asked, clock="15:00")
    ahead(shop, loan_id, 100_00, "second", "card:1:unknown_then_success", clock="15:01")
    billing.give_back(desk=shop.desk, now=at(shop, "15:02"), consumer_id=mandate.consumer_id, collection_ids=[first.collection_id])
    shop.next_day()
    assert run(shop).sent == 1
    assert (debit(shop, loan_id).state, first_row(shop, loan_id).unpaid) == ("collected", 0)
    jobs.poll(shop.desk, at(shop, "11:00"))
    assert payments.waiting_in_all(book_id=shop.book_id) == 100_00
    shop.prove()


def test_each_loan_of_a_consumer_is_debited_by_itself(shop):
    consumer = shop.consumer()
    loans = [shop.capture(shop.buy(consumer, amount, product="flex").order_id).loan_id for amount in ("900.00", "1500.00")]
    signed(shop, consumer)
    lived(shop, DUE)
    assert [sum(taken(shop, loan_id)) for loan_id in loans] == [due(shop, loan_id) for loan_id in loans]
    assert [first_row(shop, loan_id).unpaid for loan_id in loans] == [0, 0]
    shop.next_day()
    shop.prove()


def test_no_debit_takes_more_than_the_mandate_allows(shop):
    loan_id, _ = bought(shop, limit=Money(150_00, "CNY"))
    lived(shop, DUE)
    assert taken(shop, loan_id) == [150_00]
    assert first_row(shop, loan_id).unpaid == due(shop, loan_id) - 150_00


def test_every_instalment_is_taken_in_its_month(shop):
    loan_id, _ = bought(shop)
    lived(shop, date(2026, 12, 26), "10:00")
    assert seen(shop, loan_id).ended
    assert len(taken(shop, loan_id)) == 3
    assert [on for on, *_ in tries(shop, loan_id)] == [date(2026, 10, 25), date(2026, 11, 25), date(2026, 12, 25)]
    shop.prove()


def test_what_was_not_planned_for_days_is_caught_up(shop):
    loan_id, _ = bought(shop)
    shop.until(DUE + timedelta(days=3))
    assert run(shop).planned == 1
    assert states(shop, loan_id) == [(DUE + timedelta(days=4), "announced", "")]
    other, _ = bought(shop)
    del other
    lived(shop, DUE + timedelta(days=4))
    assert len(taken(shop, loan_id)) == 1


def test_in_a_read_only_book_nothing_is_done(shop):
    from yuefu.journeys import stopping
    from yuefu.runtime.stops import NewStop

    bought(shop)
    shop.until(EVE)
    stopping.impose(desk=shop.desk, now=shop.now(9), wanted=[NewStop("s", "read_only", "", "", "moving house")])
    assert run(shop) == NOTHING
    assert mandates.poll(desk=shop.desk, now=shop.now()) == 0


def test_the_worker_takes_debits_by_itself(shop, monkeypatch):
    monkeypatch.setattr(jobs.books, "all_books", lambda: [books.by_id(shop.book_id)])  # and not those of all tests before
    loan_id, _ = bought(shop)
    shop.until(EVE)
    jobs.take_debits(0)
    assert states(shop, loan_id) == []
    jobs.plan_debits(0)
    assert states(shop, loan_id) == [(DUE, "planned", "")]
    shop.desk = replace(shop.desk, book=moved(shop, "09:00"))
    jobs.take_debits(0)
    assert states(shop, loan_id) == [(DUE, "announced", "")]


def moved(shop, clock):
    """The book with its clock at a time of the day."""
    with sql.transacting():
        book = books.move_clock(book=shop.desk.book, to=at(shop, clock))
    assert not isinstance(book, Refused)
    return book


def test_without_an_account_at_the_channel_nothing_is_sent_and_it_is_tried_again(shop):
    loan_id, _ = bought(shop)
    lived(shop, EVE)
    with sql.owning():
        sql.run("UPDATE payments_money_account SET closed_at = opened_at WHERE book_id = %s AND code = 'channel'", [shop.book_id])
    shop.next_day()
    assert run(shop).sent == 0
    assert states(shop, loan_id) == [(DUE, "dropped", "no_money_account")]
    assert run(shop, "11:00").tried_again == 1
    assert taken(shop, loan_id) == []
