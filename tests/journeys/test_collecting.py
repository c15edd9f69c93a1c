"""Arrears beyond what is told: the whole way from late to cured, and from late to written off and recovered."""

from __future__ import annotations

from datetime import date, timedelta
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.journeys.arrears import ALICE, BOB, Town, codes
from tests.journeys.test_events import wrong_in
from tests.notices.conftest import SENDER, Post
from tests.plans.lifecycle.small_loans import fen
from yuefu.access import commands as access
from yuefu.access.commands import Grant, NewUser
from yuefu.collecting import commands as cases
from yuefu.collecting import queries as case_book
from yuefu.collecting.commands import Assign, Looked, NewMeasure, NewPromise, Outcome, Restrict
from yuefu.collecting.rules.policy import DEFAULT_POLICY, POLICY
from yuefu.credit import queries as accounts
from yuefu.errors import Refused, RefusedError
from yuefu.journeys import collecting, dunning, jobs, repayment, sending, set_aside, stopping
from yuefu.journeys import settings as book_settings
from yuefu.journeys.collecting import RecoverRequest, Recovery
from yuefu.journeys.desk import open_day
from yuefu.journeys.reminders import Planned
from yuefu.journeys.sending import Carriers, Round
from yuefu.ledger import queries as ledger
from yuefu.loans.commands import late, telling
from yuefu.loans.commands.trying import Trial
from yuefu.loans.queries import keeping
from yuefu.money.rates import Rate
from yuefu.notices import commands as notices
from yuefu.notices import queries as outbound
from yuefu.notices.commands import NewContact as NoticeContact
from yuefu.notices.rules.policy import SENDER as SENDER_SETTING
from yuefu.payments import queries as payment_book
from yuefu.plans.lifecycle import events as e
from yuefu.plans.lifecycle import terms as t
from yuefu.plans.lifecycle.events import Undone
from yuefu.runtime import approvals, policies, quarantine, sql
from yuefu.runtime.stops import NewStop


@pytest.fixture
def town(shop) -> Town:
    return Town(shop)


def test_from_late_by_way_of_a_case_a_contact_a_broken_promise_and_a_re_age_to_cured(town):
    person = town.shop.consumer()
    loan = town.lend(person)
    assert town.look() == Looked(opened=1)
    assert town.look() == Looked(), "a case is opened once"
    case = town.case(person)
    assert (case.state, case.late_since) == ("open", town.ago(5))
    contact = town.contact(case, outcome="promised", note="pays on Wednesday")
    promise = town.promise(case, 200_00, town.on + timedelta(days=1))
    town.check()
    assert codes([contact, promise, town.contact(case)]) == ["done", "done", "promise_runs"]
    town.let_days_pass(2)
    assert town.look() == Looked(), "the day of grace is waited for"
    town.let_days_pass(1)
    assert town.look() == Looked(broken=1)
    assert town.promise_state(promise) == "broken"
    town.check()
    proposed = town.propose(loan, e.Reaged(town.on, town.on + timedelta(days=20), 6))
    assert town.measure(proposed).state == "waiting"
    assert town.status(loan) == "active"
    assert town.decide(proposed) == proposed
    assert town.measure(proposed).state == "entered"
    town.check()
    assert town.look() == Looked(), "interest and the late fee stay overdue"
    town.pay(loan, 30_00)
    town.check()
    assert town.look() == Looked(closed=1)
    closed = town.case(person)
    assert (closed.state, closed.closed_reason, closed.closed_on) == ("closed", "cured", town.on)
    town.let_days_pass(1)
    town.check()


def test_from_late_by_way_of_charge_off_and_write_off_to_a_recovery(town):
    person = town.shop.consumer()
    loan = town.lend(person, first_due_on=town.ago(100))
    town.look()
    town.check()
    town.done(loan, e.ChargedOff(town.on))
    town.check()
    assert town.look().closed == 0, "what is charged off stays owed"
    town.let_days_pass(1)
    town.check()
    town.done(loan, e.WrittenOff(town.on))
    assert town.status(loan) == "written_off"
    town.check()
    assert town.look().closed == 1
    assert town.case(person).closed_reason == "written_off"
    (refused,) = town.try_enter(loan, e.Paid(town.on, fen(1_00)))
    assert isinstance(refused, Refused)
    assert refused.code == "loan_written_off"
    request = RecoverRequest("back", loan, fen(300_00), "card:1:ok")
    recovered = collecting.recover(desk=town.desk, now=town.at(12), requests=[request])
    assert isinstance(recovered[0], Recovery)
    assert (recovered[0].state, recovered[0].amount) == ("succeeded", fen(300_00))
    town.check()
    assert collecting.recover(desk=town.desk, now=town.at(13), requests=[request]) == recovered, "the same key collects once"
    town.check()
    town.let_days_pass(1)
    town.check()


def test_more_than_was_given_up_is_not_recovered_and_goes_back(town):
    loan = town.lend(town.shop.consumer(), first_due_on=town.ago(100))
    town.done(loan, e.WrittenOff(town.on))
    requests = [RecoverRequest(key, loan, fen(1000_00), "card:1:ok") for key in ("first", "second")]
    for request in requests:
        (done,) = collecting.recover(desk=town.desk, now=town.at(12), requests=[request])
        assert isinstance(done, Recovery)
        assert done.state == "succeeded"
        town.check()
    totals = {code: sum(ledger.totals(town.book_id, [code]).values()) for code in ("recovery_income", "credit_loss", "consumer_balance")}
    assert 1200_00 < -totals["recovery_income"] == totals["credit_loss"] < 1300_00
    assert totals["consumer_balance"] == 0, "the rest is on its way back"
    given = payment_book.not_failed(book_id=town.book_id, loan_ids=[loan])
    assert given == {loan: 2000_00 - totals["credit_loss"]}
    town.let_days_pass(1)
    town.check()


# --- cases ---


def test_a_case_is_of_a_person_over_all_loans_and_waits_for_the_days_of_the_policy(town):
    early, late, both, fine = (town.shop.consumer() for _ in range(4))
    town.lend(early, first_due_on=town.ago(2))
    town.lend(late, first_due_on=town.ago(3))
    town.lend(both, first_due_on=town.ago(4))
    town.lend(both, first_due_on=town.ago(40), principal=600_00)
    town.lend(fine, first_due_on=town.on)
    assert town.look().opened == 2
    listed = case_book.worklist(book_id=town.book_id)
    assert [(case.consumer_id, case.late_since) for case in listed] == [(both, town.ago(40)), (late, town.ago(3))]
    assert [case.consumer_id for case in case_book.worklist(book_id=town.book_id, after=listed[0])] == [late]
    assert not case_book.worklist(book_id=town.book_id, after=listed[1])


def test_the_oldest_paid_moves_a_case_down_and_a_new_case_is_opened_after_a_cure(town):
    person = town.shop.consumer()
    old, new = town.lend(person, first_due_on=town.ago(20)), town.lend(person, first_due_on=town.ago(4))
    town.look()
    town.enter(old, e.PaidOff(town.on))
    town.look()
    first = town.case(person)
    assert first.late_since == town.ago(4)
    town.enter(new, e.PaidOff(town.on))
    assert town.look() == Looked(closed=1)
    again = town.lend(person, first_due_on=town.ago(9))
    assert town.look() == Looked(opened=1)
    assert town.case(person).id != first.id
    assert again


def test_whoever_came_with_loans_from_elsewhere_and_is_not_known_here_has_no_case(town):
    town.lend(uuid4())
    assert town.look() == Looked(strangers=1)


def test_two_who_look_at_once_open_a_case_once(town):
    people = [town.shop.consumer() for _ in range(5)]
    for person in people:
        town.lend(person)
    outcomes = town.shop.at_once(*[town.look] * 3)
    assert sum(one.opened for one in outcomes if isinstance(one, Looked)) == 5, outcomes
    assert len(case_book.worklist(book_id=town.book_id)) == 5


def test_a_look_goes_on_by_itself_after_it_was_killed_between_two_chunks(town, monkeypatch):
    for _ in range(5):
        town.lend(town.shop.consumer())
    monkeypatch.setattr(collecting, "CHUNK", 2)
    with pytest.raises(KeyboardInterrupt):
        collecting.run(desk=town.desk, now=town.at(9), watch=lambda done, total: (_ for _ in ()).throw(KeyboardInterrupt))
    assert len(case_book.worklist(book_id=town.book_id)) == 2
    heard = []
    collecting.run(desk=town.desk, now=town.at(9), watch=lambda done, total: heard.append((done, total)))
    assert heard == [(2, 5), (4, 5), (5, 5)]
    assert len(case_book.worklist(book_id=town.book_id)) == 5


def test_somebody_of_whom_something_breaks_is_set_aside_and_holds_up_no_other(town, monkeypatch):
    people = [town.shop.consumer() for _ in range(5)]
    for person in people:
        town.lend(person)
    whole = cases.look

    def breaks(*, work, policy, consumer_ids):
        if people[2] in consumer_ids:
            raise ValueError("of this one nothing can be said")
        return whole(work=work, policy=policy, consumer_ids=consumer_ids)

    monkeypatch.setattr("yuefu.collecting.commands.look", breaks)
    assert town.look() == Looked(opened=4, set_aside=1)
    (aside,) = quarantine.listed(book_id=town.book_id, state="waiting", limit=10)
    monkeypatch.undo()
    (again,) = set_aside.retry(desk=town.desk, now=town.at(9), quarantine_ids=[aside.id])
    assert again.outcome == Looked(opened=1)


def test_in_a_read_only_book_nobody_is_looked_at(town):
    town.lend(town.shop.consumer())
    stopping.impose(desk=town.desk, now=town.at(9), wanted=[NewStop("stop", "read_only", "", "", "we look at something")])
    refused = collecting.run(desk=town.desk, now=town.at(9))
    assert isinstance(refused, Refused)
    assert refused.code == "read_only"


def test_a_book_may_be_stricter_and_never_looser(town):
    def proposed(**given):
        with open_day(town.desk_of(ALICE), town.at(9)) as work:
            value = {**DEFAULT_POLICY, **given}
            return book_settings.propose(work=work, name=POLICY, value=value, valid_from=work.day.on, reason="as the law is")

    assert codes([proposed(contact_until="23:00"), proposed(most_a_day=4)]) == ["setting_invalid"] * 2
    strict = proposed(open_after_days=10, contact_from="10:00", most_a_day=1)
    with open_day(town.desk_of(BOB), town.at(9)) as work:
        assert policies.decide(work=work, approval_id=strict, approve=True, reason="read") == 2
    early, person = town.shop.consumer(), town.shop.consumer()
    town.lend(early, first_due_on=town.ago(9))
    town.lend(person, first_due_on=town.ago(10))
    assert town.look() == Looked(opened=1)
    assert codes([town.contact(town.case(person), hour=hour) for hour in (9, 10, 11)]) == ["quiet_hours", "done", "too_often_a_day"]


def test_the_worker_looks_and_plans_what_people_are_told(speaking):
    town = speaking
    person = town.shop.consumer()
    town.lend(person)
    jobs.look(town.desk, town.at(9))
    jobs.remind(town.desk, town.at(9))
    assert town.case(person).state == "open"
    assert [message.kind for message in outbound.listed(book_id=town.book_id, state="queued")] == ["overdue"]


# --- contacts ---


@pytest.fixture
def late_case(town):
    person = town.shop.consumer()
    town.lend(person)
    town.look()
    return town.case(person)


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"hour": 7, "minute": 59}, "quiet_hours"),
        ({"hour": 8}, "done"),
        ({"hour": 21, "minute": 59}, "done"),
        ({"hour": 22}, "quiet_hours"),
        ({"whom": "employer"}, "third_party"),
        ({"whom": "mother", "inbound": True}, "third_party"),
        ({"channel": "visit"}, "channel_not_allowed"),
        ({"channel": "pigeon"}, "channel_unknown"),
        ({"outcome": "shouted"}, "outcome_unknown"),
        ({"note": "a note of nothing"}, "note_invalid"),
        ({"outcome": "reached", "note": "x" * 2_001}, "note_invalid"),
        ({"hour": 3, "inbound": True, "outcome": "hardship"}, "done"),
    ],
)
def test_a_person_is_contacted_by_day_themselves_and_by_what_the_book_allows(town, late_case, given, code):
    assert codes([town.contact(late_case, **given)]) == [code]


def test_a_person_is_contacted_three_times_a_day_and_seven_in_a_week_at_most_and_heard_always(town, late_case):
    told = []
    for _ in range(3):
        told.append(codes([town.contact(late_case, hour=hour) for hour in (9, 10, 11, 12)]))
        town.contact(late_case, hour=13, inbound=True)
        town.let_days_pass(1, close=False)
    assert told == [["done", "done", "done", "too_often_a_day"]] * 2 + [
        ["done", "too_often_a_week", "too_often_a_week", "too_often_a_week"]
    ]
    town.let_days_pass(5, close=False)
    assert codes([town.contact(late_case, hour=hour) for hour in (9, 10)]) == ["done", "done"], "the first day is out of the week"


def test_two_who_call_at_once_do_not_call_a_fourth_time(town, late_case):
    town.contact(late_case)
    outcomes = town.shop.at_once(*[lambda: town.contact(late_case, hour=11)] * 4)
    assert sorted(codes(outcomes)) == ["done", "done", "too_often_a_day", "too_often_a_day"]


def test_the_hours_are_those_of_where_the_person_is(town, late_case):
    with open_day(town.desk, town.at(9)) as work:
        contact = NoticeContact(late_case.consumer_id, "zh", "sms", "Asia/Urumqi", None)  # two hours behind
        notices.set_contacts(work=work, vault=town.desk.vault, contacts=[contact])
    assert codes([town.contact(late_case, hour=hour) for hour in (9, 10, 23)]) == ["quiet_hours", "done", "done"]


def test_whoever_is_not_to_be_contacted_is_not_until_they_say_so(town, late_case):
    def restrict(channel, is_set=True):
        with open_day(town.desk, town.at(9)) as work:
            asked = Restrict(late_case.consumer_id, channel, is_set, "asked_by_consumer")
            return cases.restrict(work=work, restrictions=[asked])

    assert codes(restrict("call") + restrict("call")) == ["done", "already_so"]
    assert codes([town.contact(late_case), town.contact(late_case, channel="sms")]) == ["do_not_contact", "done"]
    assert codes(restrict("all")) == ["done"]
    assert codes([town.contact(late_case, channel="sms"), town.contact(late_case, inbound=True)]) == ["do_not_contact", "done"]
    assert codes(restrict("all", False) + restrict("call", False)) == ["done", "done"]
    assert codes([town.contact(late_case)]) == ["done"]
    kept = [(one.channel, one.is_set) for one in case_book.restrictions(consumer_id=late_case.consumer_id)]
    assert kept == [("all", True), ("all", False), ("call", True), ("call", False)]


def test_nobody_is_asked_for_what_was_paid_meanwhile_nor_about_a_closed_case(town, late_case):
    for loan_id in town.lent:
        town.enter(loan_id, e.PaidOff(town.on))
    assert codes([town.contact(late_case)]) == ["nothing_overdue"]
    town.look()
    assert codes([town.contact(late_case), town.promise(late_case, 1_00, town.on)]) == ["case_closed", "case_closed"]


def test_what_came_of_a_contact_is_told_once_and_its_note_is_sealed(town, late_case):
    made = town.contact(late_case, key="one")
    assert town.contact(late_case, key="one") == made, "the same key is the same contact"

    def tell(outcome, note=""):
        with open_day(town.desk, town.at(11)) as work:
            return cases.tell_outcomes(work=work, vault=town.desk.vault, outcomes=[Outcome(made, outcome, note)])

    assert codes(tell("sung")) == ["outcome_unknown"]
    assert codes(tell("disputes", "says the parcel never came") + tell("reached")) == ["done", "outcome_told"]
    (kept,) = case_book.contacts(book_id=town.book_id, case_id=late_case.id, limit=10, vault=town.desk.vault)
    assert (kept.outcome, kept.note) == ("disputes", "says the parcel never came")
    assert "parcel" not in repr(kept)
    (sealed,) = sql.rows("SELECT note_sealed FROM collecting_contact WHERE id = %s", [made])[0]
    assert b"parcel" not in bytes(sealed)


def test_what_is_of_another_book_is_unknown_here(town, late_case, other_shop):
    other = Town(other_shop)
    assert codes([other.contact(late_case), other.promise(late_case, 1_00, town.on)]) == ["unknown_case", "unknown_case"]
    assert codes([other.propose(town.lent[0], e.WrittenOff(town.on))]) == ["unknown_loan"]
    (refused,) = collecting.recover(desk=other.desk, now=other.at(9), requests=[RecoverRequest("k", town.lent[0], fen(1_00), "card:1:ok")])
    assert codes([refused]) == ["unknown_loan"]


def test_a_case_is_given_to_somebody_of_the_staff_of_the_book(town, late_case):
    with open_day(town.desk, town.at(9)) as work:
        (staff, stranger) = access.create_users(
            work=work, users=[NewUser(f"c{n}-{uuid4().hex[:8]}", "Carol", "a long pass phrase") for n in (1, 2)]
        )
        access.grant(work=work, memberships=[Grant(staff, "support")])

    def assign(user_id, case_id=late_case.id, reason="next in line"):
        with open_day(town.desk, town.at(9)) as work:
            return cases.assign(work=work, assignments=[Assign(case_id, user_id, reason)])

    assert codes(assign(staff) + assign(staff) + assign(stranger) + assign(None) + assign(None)) == [
        "done", "already_so", "not_a_member", "done", "already_so",
    ]  # fmt: skip
    assert codes(assign(staff, uuid4()) + assign(staff, reason="")) == ["unknown_case", "reason_invalid"]
    assert [one.assignee_id for one in case_book.assignments(case_id=late_case.id)] == [staff, None]
    assign(staff)
    assert [case.id for case in case_book.worklist(book_id=town.book_id, assignee_id=staff)] == [late_case.id]
    assert not case_book.worklist(book_id=town.book_id, unassigned=True)


# --- promises ---


def test_a_promise_is_kept_as_soon_as_it_was_paid_of_whichever_loan(town):
    person = town.shop.consumer()
    one, two = town.lend(person), town.lend(person, first_due_on=town.ago(40))
    town.look()
    town.pay(one, 50_00)
    promise = town.promise(town.case(person), 100_00, town.on + timedelta(days=2))
    town.pay(one, 60_00)
    assert town.look() == Looked()
    town.pay(two, 40_00)
    assert town.look() == Looked(kept=1)
    assert town.promise_state(promise) == "kept"
    assert codes([town.contact(town.case(person))]) == ["done"], "something is still overdue"


def test_money_of_the_promised_day_that_is_entered_a_day_later_keeps_the_promise_and_later_money_does_not(town):
    people = [town.shop.consumer() for _ in range(2)]
    loans = [town.lend(person, first_due_on=town.ago(40)) for person in people]
    town.look()
    due_on = town.on + timedelta(days=1)
    promises = [town.promise(town.case(person), 100_00, due_on) for person in people]
    town.let_days_pass(2)
    town.pay(loans[0], 100_00, due_on)
    town.pay(loans[1], 100_00, town.on)
    assert town.look().kept == 1
    town.let_days_pass(1)
    assert town.look().broken == 1
    assert [town.promise_state(promise) for promise in promises] == ["kept", "broken"]


def test_a_promise_that_was_made_while_somebody_looked_is_looked_at_the_next_time(town, monkeypatch):
    person = town.shop.consumer()
    loan = town.lend(person)
    town.look()
    case, whole = town.case(person), late.paid_in

    def meanwhile(*given):
        monkeypatch.undo()
        outcomes = town.shop.at_once(lambda: [town.promise(case, 50_00, town.on), town.enter(loan, e.PaidOff(town.on))])
        assert not isinstance(outcomes[0], Exception), outcomes
        return whole(*given)

    monkeypatch.setattr(late, "paid_in", meanwhile)
    assert town.look() == Looked()
    assert town.look() == Looked(closed=1, kept=1)


def test_a_payment_that_was_undone_keeps_no_promise(town):
    person = town.shop.consumer()
    loan = town.lend(person)
    town.look()
    promise = town.promise(town.case(person), 50_00, town.on)
    town.pay(loan, 50_00)
    town.enter(loan, Undone(2))
    assert town.look() == Looked()
    town.let_days_pass(2)
    town.look()
    assert town.promise_state(promise) == "broken"


def test_a_promise_is_released_where_nothing_is_overdue_for_another_reason(town):
    person = town.shop.consumer()
    loan = town.lend(person)
    town.look()
    promise = town.promise(town.case(person), 50_00, town.on)
    town.enter(loan, e.Paid(town.on, fen(1300_00), t.PaidBy.MERCHANT_REFUND))
    assert town.look() == Looked(closed=1, released=1)
    assert town.promise_state(promise) == "released"


@pytest.mark.parametrize(
    ("amount", "days", "code"),
    [
        (0, 1, "amount_not_positive"),
        (-1, 1, "amount_not_positive"),
        (1, -1, "day_out_of_range"),
        (1, 15, "day_out_of_range"),
        (1, 14, "done"),
    ],
)
def test_a_promise_is_of_something_and_soon(town, late_case, amount, days, code):
    assert codes([town.promise(late_case, amount, town.on + timedelta(days=days))]) == [code]


def test_of_a_case_one_promise_runs(town, late_case):
    outcomes = town.shop.at_once(*[lambda: town.promise(late_case, 10_00, town.on)] * 3)
    assert sorted(codes(outcomes)) == ["done", "promise_runs", "promise_runs"]


@given(orders=st.permutations(range(4)), undone=st.booleans())
@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_in_whatever_order_payments_are_entered_a_promise_ends_the_same(shop, orders, undone):
    town = Town(shop)
    person = town.shop.consumer()
    loan = town.lend(person, first_due_on=town.ago(40))
    town.look()
    promise = town.promise(town.case(person), 60_00, town.on)
    paid = [(town.ago(3), 10_00), (town.ago(2), 20_00), (town.on, 20_00), (town.on, 9_99)]
    for n in orders:
        town.pay(loan, paid[n][1], paid[n][0])
    town.check()
    assert town.look().kept == 0, "a fen is missing"
    town.pay(loan, 1, town.ago(1))
    if undone:
        town.enter(loan, Undone(2 + list(orders).index(0)))
    town.look()
    assert town.promise_state(promise) == ("running" if undone else "kept")
    town.check()


# --- measures ---


def test_what_a_measure_would_change_is_shown_before_anybody_decides(town):
    loan = town.lend(town.shop.consumer())
    event = e.Reaged(town.on, town.on + timedelta(days=30), 12)
    with open_day(town.desk, town.at(9)) as work:
        trial = cases.try_out(work=work, loan_id=loan, event=event)
    assert isinstance(trial, Trial)
    assert (trial.before.past_due_days, trial.before.overdue.minor > 200_00) == (5, True)
    assert (len(trial.before.asked), len(trial.after.asked)) == (6, 13), "what was overdue of costs, and twelve new ones"
    assert trial.after.overdue < trial.before.overdue
    assert trial.after.asked[1].due_on == town.on + timedelta(days=30)
    assert town.status(loan) == "active"
    measure = town.measure(town.propose(loan, event))
    asked = approvals.by_id(book_id=town.book_id, approval_id=measure.approval_id)
    assert asked.content["after"]["overdue"]["minor"] == trial.after.overdue.minor
    assert len(asked.content["after"]["asked"]) == 13
    town.decide(measure.id)
    with sql.transacting():
        kept = keeping.lock(town.book_id, [loan])[loan]
    assert [
        (date.fromordinal(due), minor)
        for due, minor in zip(kept.life.state.rows().due, kept.life.state.rows().all_unpaid(), strict=True)
        if minor
    ] == [(one.due_on, one.amount.minor) for one in trial.after.asked]
    town.check()


def test_a_pause_that_is_entered_ahead_is_shown_as_of_its_day(town):
    loan = town.lend(town.shop.consumer(), first_due_on=town.on + timedelta(days=20))
    first, last = town.on + timedelta(days=1), town.on + timedelta(days=10)
    with open_day(town.desk, town.at(9)) as work:
        trial = cases.try_out(work=work, loan_id=loan, event=e.InterestPaused(first, last))
    assert isinstance(trial, Trial)
    assert trial.on == max(town.on, first - timedelta(days=1))
    assert trial.after.unpaid < trial.before.unpaid
    measure = town.propose(loan, e.InterestPaused(first, last))
    assert town.measure(measure).state == "waiting"
    town.decide(measure)
    town.let_days_pass(3)
    town.check()


def test_whoever_proposes_does_not_approve_and_what_was_rejected_changes_nothing(town):
    loan = town.lend(town.shop.consumer())
    measure = town.propose(loan, e.WrittenOff(town.on))
    assert codes([town.decide(measure, by=ALICE)]) == ["same_person"]
    assert codes([town.propose(loan, e.ChargedOff(town.on))]) == ["already_proposed"]
    assert town.decide(measure, approve=False) == measure
    assert (town.measure(measure).state, town.status(loan)) == ("rejected", "active")
    assert codes([town.decide(measure)]) == ["already_decided"]
    town.done(loan, e.WrittenOff(town.on))
    assert town.status(loan) == "written_off"


def test_a_write_off_that_was_a_mistake_is_undone_by_a_second_person_and_case_and_events_follow(town):
    person = town.shop.consumer()
    loan = town.lend(person, first_due_on=town.ago(100))
    town.look()
    town.done(loan, e.WrittenOff(town.on))
    assert town.look().closed == 1
    town.let_days_pass(1)
    (came,) = collecting.recover(desk=town.desk, now=town.at(12), requests=[RecoverRequest("back", loan, fen(300_00), "card:1:ok")])
    assert isinstance(came, Recovery)
    town.check()
    no = telling.write_off_of(loan)
    assert no is not None
    assert codes([town.propose(loan, Undone(no - 1)), town.propose(loan, Undone(no + 1))]) == ["not_written_off"] * 2
    measure = town.propose(loan, Undone(no))
    assert codes([town.decide(measure, by=ALICE)]) == ["same_person"]
    assert town.decide(measure) == measure
    assert (town.measure(measure).kind, town.measure(measure).state, town.status(loan)) == ("undone", "entered", "active")
    town.check()
    with sql.transacting():
        own = keeping.lock(town.book_id, [loan])[loan]
    assert (own.life.tally.recovered, own.life.tally.repaid, own.life.tally.given_up) == (0, 300_00, 0), "what came in pays the loan"
    kinds = [row[0] for row in sql.rows("SELECT type FROM runtime_outbox WHERE object_id = %s ORDER BY seq DESC LIMIT 2", [loan])]
    assert kinds == ["loan.overdue", "loan.undone"]
    assert accounts.accounts_of(consumer_ids=[person], currency="CNY")[person].state == "frozen", "three in a row were missed before"
    assert town.look() == Looked(opened=1)
    assert codes([town.propose(loan, Undone(no))]) == ["not_written_off"]
    town.enter(loan, e.PaidOff(town.on))
    assert town.look().closed == 1
    assert town.case(person).closed_reason == "cured"
    town.let_days_pass(1)
    town.check()


def test_a_loan_that_changed_since_is_proposed_for_anew(town):
    loan = town.lend(town.shop.consumer())
    measure = town.propose(loan, e.WrittenOff(town.on))
    town.pay(loan, 10_00)
    with pytest.raises(RefusedError, match="changed_since"):
        town.decide(measure)
    assert town.measure(measure).state == "waiting", "it goes on waiting"
    assert town.decide(measure, approve=False) == measure
    town.done(loan, e.WrittenOff(town.on))
    town.check()


def test_a_proposal_that_is_approved_days_later_is_true_from_its_own_day(town):
    loan = town.lend(town.shop.consumer(), first_due_on=town.ago(40))
    proposed_on = town.on
    measure = town.propose(loan, e.ChargedOff(town.on, stops_interest=True))
    town.let_days_pass(2)
    town.decide(measure)
    town.check()
    (effective,) = sql.rows("SELECT effective_on FROM loans_fact WHERE source_id = %s", [measure])[0]
    assert effective == proposed_on
    town.let_days_pass(1)
    town.check()


def test_waivers_within_the_limit_are_taken_alone_all_of_a_loan_together(town):
    loan = town.lend(town.shop.consumer(), late=t.LateTerms(fee=fen(100_00)))
    alone = [town.propose(loan, e.Waived(town.on, t.Part.PENALTY, fen(minor))) for minor in (30_00, 20_00)]
    assert [town.measure(one).state for one in alone] == ["entered", "entered"]
    above = town.propose(loan, e.Waived(town.on, t.Part.PENALTY, fen(1)))
    assert town.measure(above).state == "waiting"
    town.decide(above)
    assert town.measure(above).state == "entered"
    assert codes([town.propose(loan, e.Waived(town.on, t.Part.PENALTY, fen(50_00)))]) == ["more_than_owed"]
    town.check()


def test_days_that_do_not_count_are_taken_alone_and_stop_messages_and_closures(town):
    loan = town.lend(town.shop.consumer())
    measure = town.propose(loan, e.ArrearsPaused(town.on, town.on + timedelta(days=5)))
    assert town.measure(measure).state == "entered"
    (own,) = late.late_of(
        town.book_id, [row[0] for row in sql.rows("SELECT consumer_id FROM loans_agreement WHERE id = %s", [loan])], "CNY", town.on
    ).values()
    assert own[0].paused
    town.check()


@pytest.mark.parametrize(
    ("event", "code"),
    [
        (lambda on: e.Paid(on, fen(1)), "no_measure"),
        (lambda on: e.Recovered(on, fen(1)), "no_measure"),
        (lambda on: e.WrittenOff(on + timedelta(days=1)), "future_dated"),
        (lambda on: e.Waived(on, t.Part.INTEREST, fen(99_999_00)), "more_than_owed"),
        (lambda on: e.Rescheduled(on, on + timedelta(days=999)), "no_such_instalment"),
        (lambda on: e.WrittenOff(on - timedelta(days=400)), "not_disbursed"),
    ],
)
def test_what_cannot_be_is_not_proposed(town, event, code):
    loan = town.lend(town.shop.consumer())
    assert codes([town.propose(loan, event(town.on))]) == [code]
    assert not case_book.measures(book_id=town.book_id, loan_ids=[loan])


def test_nothing_is_done_twice_or_about_a_loan_that_has_ended(town):
    paid, gone = town.lend(town.shop.consumer()), town.lend(town.shop.consumer())
    town.enter(paid, e.PaidOff(town.on))
    assert codes([town.propose(paid, e.ChargedOff(town.on)), town.propose(uuid4(), e.ChargedOff(town.on))]) == [
        "nothing_owed",
        "unknown_loan",
    ]
    town.done(gone, e.ChargedOff(town.on))
    assert codes([town.propose(gone, e.ChargedOff(town.on))]) == ["already_charged_off"]
    town.done(gone, e.WrittenOff(town.on))
    assert (
        codes([town.propose(gone, e.WrittenOff(town.on)), town.propose(gone, e.Reaged(town.on, town.on + timedelta(days=9), 3))])
        == ["loan_written_off"] * 2
    )
    requests = [RecoverRequest(f"r{n}", loan, fen(1_00), "card:1:ok") for n, loan in enumerate((paid, gone))]
    assert codes(collecting.recover(desk=town.desk, now=town.at(9), requests=requests)) == ["not_written_off", "done"]
    refused = collecting.recover(desk=town.desk, now=town.at(9), requests=[RecoverRequest("bad", gone, fen(1_00), "contract:1")])
    assert codes(refused) == ["instrument_invalid"]
    town.check()


@pytest.mark.parametrize(
    ("module", "broken", "command"), [(collecting, "instrument_fault", "collect.recover"), (repayment, "apply_received", "repay.book")]
)
def test_a_recovery_that_breaks_is_set_aside_and_entered_once_when_it_is_sent_again(town, monkeypatch, module, broken, command):
    loan = town.lend(town.shop.consumer())
    town.done(loan, e.WrittenOff(town.on))
    requests = [RecoverRequest("one", loan, fen(40_00), "card:1:ok")]

    def breaks(*_):
        raise ValueError("nobody expected this")

    monkeypatch.setattr(module, broken, breaks)
    (outcome,) = collecting.recover(desk=town.desk, now=town.at(12), requests=requests)
    assert not (isinstance(outcome, Recovery) and outcome.state == "succeeded")
    monkeypatch.undo()
    (aside,) = quarantine.listed(book_id=town.book_id, state="waiting", limit=10)
    assert aside.command == command
    (again,) = set_aside.retry(desk=town.desk, now=town.at(13), quarantine_ids=[aside.id])
    assert isinstance(again, set_aside.Retried)
    assert again.outcome.state == "succeeded"
    (told,) = collecting.recover(desk=town.desk, now=town.at(14), requests=requests)
    assert isinstance(told, Recovery)
    assert told.state == "succeeded"
    assert sql.value("SELECT count(*) FROM loans_fact WHERE loan_id = %s AND kind = 'recovered'", [loan]) == 1
    town.check()


def test_of_one_batch_the_same_request_twice_is_one_and_another_for_the_same_loan_waits(town, late_case):
    (loan,) = town.lent
    event, other = e.ArrearsPaused(town.on, town.on), e.Reamortised(town.on)
    measures = [NewMeasure(key, loan, what, "hardship") for key, what in (("a", event), ("a", event), ("b", other))]
    one, two, refused = collecting.propose(desk=town.desk_of(ALICE), now=town.at(9), measures=measures)
    assert one == two
    assert codes([one, refused]) == ["done", "already_proposed"]
    promises = [NewPromise(key, late_case.id, fen(1_00), town.on) for key in ("a", "a", "b")]
    one, two, refused = collecting.promise(desk=town.desk, now=town.at(9), promises=promises)
    assert one == two
    assert codes([one, refused]) == ["done", "promise_runs"]


@pytest.mark.parametrize(
    ("word", "first", "then"),
    [
        ("ok", "succeeded", "succeeded"),
        ("insufficient_funds", "failed", "failed"),
        ("unknown_then_success", "unknown", "succeeded"),
        ("unknown_then_failure", "unknown", "failed"),
    ],
)
def test_a_recovery_is_what_the_channel_says_and_entered_once(town, word, first, then):
    loan = town.lend(town.shop.consumer())
    town.done(loan, e.WrittenOff(town.on))
    request = RecoverRequest("one", loan, fen(40_00), f"card:1:{word}")
    states = []
    for minute in range(3):
        (told,) = collecting.recover(desk=town.desk, now=town.at(12, minute), requests=[request])
        assert isinstance(told, Recovery), told
        states.append(told.state)
        town.check()
    assert states == [first, then, then]
    entered = sql.value("SELECT count(*) FROM loans_fact WHERE loan_id = %s AND kind = 'recovered'", [loan])
    assert entered == (then == "succeeded")


def test_the_same_key_is_the_same_measure(town):
    loan = town.lend(town.shop.consumer())
    event = e.ArrearsPaused(town.on, town.on)
    first = town.propose(loan, event, key="one")
    assert town.propose(loan, event, key="one") == first
    assert codes([town.propose(loan, e.WrittenOff(town.on), key="one")]) == ["key_reused"]
    assert len(case_book.measures(book_id=town.book_id, loan_ids=[loan])) == 1


ACTS = (
    *(
        "pay",
        "pay_late",
        "undo",
        "waive",
        "pause",
        "reage",
        "reamortise",
        "charge_off",
        "write_off",
        "undo_write_off",
        "recover",
        "promise",
    ),
    "reject",
)


@given(acts=st.lists(st.sampled_from(ACTS), min_size=3, max_size=8), minor=st.integers(1, 400_00))
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_in_whatever_order_things_are_done_the_books_are_what_the_loan_is_and_the_case_is_what_is_overdue(shop, acts, minor):
    town = Town(shop)
    person = town.shop.consumer()
    loan = town.lend(person, first_due_on=town.ago(40))
    amount, on = fen(minor), town.on
    steps = {
        "pay": lambda: town.try_enter(loan, e.Paid(on, amount)),
        "pay_late": lambda: town.try_enter(loan, e.Paid(town.ago(20), amount)),
        "undo": lambda: town.try_enter(loan, Undone(2)),
        "waive": lambda: town.propose(loan, e.Waived(on, t.Part.PENALTY, fen(minor % 10_00 + 1))),
        "pause": lambda: town.propose(loan, e.ArrearsPaused(on, on)),
        "reage": lambda: agree(town.propose(loan, e.Reaged(on, on + timedelta(days=9), 5))),
        "reamortise": lambda: agree(town.propose(loan, e.Reamortised(on))),
        "charge_off": lambda: agree(town.propose(loan, e.ChargedOff(on))),
        "write_off": lambda: agree(town.propose(loan, e.WrittenOff(on))),
        "undo_write_off": lambda: agree(town.propose(loan, Undone(telling.write_off_of(loan) or 0))),
        "recover": lambda: collecting.recover(
            desk=town.desk, now=town.at(9), requests=[RecoverRequest(str(uuid4()), loan, amount, "card:1:ok")]
        ),
        "promise": lambda: [town.promise(case, minor, on) for case in case_book.cases_of(book_id=town.book_id, consumer_id=person)[:1]],
        "reject": lambda: agree(town.propose(loan, e.Reaged(on, on + timedelta(days=3), 2)), approve=False),
    }

    def agree(measure, *, approve=True):
        return measure if isinstance(measure, Refused) else town.decide(measure, approve=approve)

    for act in acts:
        steps[act]()
        town.check()
        town.look()
        assert town.look() == Looked(), "looked at again, nothing changes"
        owed = late.late_of(town.book_id, [person], "CNY", on).get(person)
        due = bool(owed) and (on - owed[0].since).days >= 3
        open_ = case_book.open_of(book_id=town.book_id, consumer_ids=[person])
        assert bool(open_) >= due, (act, owed)
        assert bool(open_) <= bool(owed), (act, owed)
    town.check()


# --- what people are told ---


@pytest.fixture
def speaking(town):
    with open_day(town.desk, town.at(8)) as work:
        policies.establish(work=work, name=SENDER_SETTING, value=SENDER, valid_from=work.day.on)
    return town


def planned(town, hour=9):
    outcome = dunning.plan(desk=town.desk, now=town.at(hour))
    assert isinstance(outcome, Planned), outcome
    return outcome.planned["overdue"]


def sent(town, hour=12):
    post = Post()
    outcome = sending.send(desk=town.desk, carriers=Carriers(post, post), now=town.at(hour))
    assert isinstance(outcome, Round), outcome
    return dict(outcome.became), [one.text for one in post.sent]


def test_a_person_is_told_of_all_that_is_overdue_once_a_stage_in_their_language(speaking):
    town = speaking
    zh, en = town.shop.consumer(), town.shop.consumer()
    with open_day(town.desk, town.at(8)) as work:
        notices.set_contacts(work=work, vault=town.desk.vault, contacts=[NoticeContact(en, "en", "sms", None, None)])
    for person in (zh, en):
        town.lend(person, first_due_on=town.ago(3), annual_rate=Rate(0))
        town.lend(person, first_due_on=town.ago(1), annual_rate=Rate(0), principal=600_00)
    assert (planned(town), planned(town, 10)) == (2, 0)
    became, texts = sent(town)
    assert became == {"sent": 2}
    assert sorted(texts) == [
        "Yuefu: 2 loans, ¥320.00 in all, overdue for 3 days. Pay at yuefu.cn/pay. If that is hard or wrong: 400-000-0000",
        "【月付】您2笔分期共¥320.00已逾期3天。还款：yuefu.cn/pay 有困难或疑问：400-000-0000",
    ]
    town.let_days_pass(1)
    assert planned(town) == 0, "the next stage is after seven days"
    town.let_days_pass(3)
    assert planned(town) == 2


def test_nobody_is_told_while_a_promise_or_a_pause_runs_or_who_is_not_to_be_contacted(speaking):
    town = speaking
    told, promised, paused, silent, called = (town.shop.consumer() for _ in range(5))
    loans = {person: town.lend(person) for person in (told, promised, paused, silent, called)}
    town.look()
    town.promise(town.case(promised), 10_00, town.on)
    town.propose(loans[paused], e.ArrearsPaused(town.on, town.on))
    with open_day(town.desk, town.at(9)) as work:
        cases.restrict(work=work, restrictions=[Restrict(silent, "all", True, "represented by a lawyer")])
    for hour in (9, 10, 11):
        assert codes([town.contact(town.case(called), hour=hour)]) == ["done"]
    assert planned(town) == 1
    (message,) = outbound.listed(book_id=town.book_id, state="queued")
    assert message.consumer_id == told


def test_what_was_paid_or_promised_between_plan_and_send_is_not_asked_for(speaking):
    town = speaking
    paid, part, promised = (town.shop.consumer() for _ in range(3))
    loans = {person: town.lend(person, annual_rate=Rate(0)) for person in (paid, part, promised)}
    town.look()
    assert planned(town) == 3
    town.enter(loans[paid], e.PaidOff(town.on))
    town.pay(loans[part], 110_00)
    town.promise(town.case(promised), 10_00, town.on)
    became, texts = sent(town)
    assert became == {"sent": 1, "overtaken": 2}
    assert "¥100.00" in texts[0]


def test_a_message_counts_as_a_contact_of_the_day(speaking):
    town = speaking
    person = town.shop.consumer()
    town.lend(person)
    town.look()
    planned(town)
    assert sent(town)[0] == {"sent": 1}
    assert codes([town.contact(town.case(person), hour=hour) for hour in (13, 14, 15)]) == ["done", "done", "too_often_a_day"]


def test_a_plan_that_was_killed_goes_on_where_it_stood(speaking, monkeypatch):
    town = speaking
    for _ in range(5):
        town.lend(town.shop.consumer())
    monkeypatch.setattr(dunning, "CHUNK", 2)

    def dies(count):
        if count >= 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        dunning.plan(desk=town.desk, now=town.at(9), watch=dies)
    assert planned(town) == 1
    assert len(outbound.listed(book_id=town.book_id, state="queued")) == 5


# --- events ---


def test_every_event_of_a_case_has_the_one_form_and_is_counted_without_a_gap(town):
    person = town.shop.consumer()
    loan = town.lend(person)
    town.look()
    case = town.case(person)
    made = town.contact(case)
    with open_day(town.desk, town.at(11)) as work:
        cases.tell_outcomes(work=work, vault=town.desk.vault, outcomes=[Outcome(made, "promised", "she said so")])
    town.promise(case, 10_00, town.on)
    town.propose(loan, e.ArrearsPaused(town.on, town.on))
    town.propose(loan, e.Waived(town.on, t.Part.PENALTY, fen(1)))
    town.enter(loan, e.PaidOff(town.on))
    town.look()
    found = sql.rows(
        "SELECT type, object_kind, object_id, seq, snapshot, changed FROM runtime_outbox WHERE book_id = %s"
        " AND object_kind IN ('case', 'contact', 'promise', 'measure') ORDER BY epoch, xid, id",
        [town.book_id],
    )
    assert [row[0] for row in found] == [
        "case.opened", "contact.made", "contact.outcome_told", "promise.made", "measure.proposed", "measure.entered", "measure.proposed",
        "measure.entered", "promise.kept", "case.closed",
    ]  # fmt: skip
    seen = {}
    for kind, object_kind, object_id, seq, snapshot, changed in found:
        assert seq == seen.get((object_kind, object_id), 0) + 1
        seen[object_kind, object_id] = seq
        assert snapshot["id"] == str(object_id)
        assert wrong_in(kind, snapshot) + wrong_in(kind, changed) == []
        assert all(snapshot[name] != old for name, old in changed.items())
        assert "she said so" not in str(snapshot)
