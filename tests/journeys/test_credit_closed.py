"""When credit is closed to purchases, for what was missed in a row or given up, and when it is open again."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest

from tests.journeys.arrears import BOB, Town, codes
from tests.plans.lifecycle.small_loans import fen
from yuefu.collecting import queries as case_book
from yuefu.credit import commands as credit
from yuefu.credit import queries as accounts
from yuefu.credit.commands import ChangeLimit, StateChange
from yuefu.errors import Refused
from yuefu.journeys import collecting
from yuefu.journeys.desk import open_day
from yuefu.loans.commands import late, telling
from yuefu.plans.lifecycle import events as e
from yuefu.plans.lifecycle.events import Undone
from yuefu.runtime import sql


@pytest.fixture
def town(shop) -> Town:
    return Town(shop)


def state_of(town, person):
    return accounts.accounts_of(consumer_ids=[person], currency="CNY")[person].state


def test_three_missed_in_a_row_close_credit_and_only_a_person_opens_it_again(town):
    two, three = town.shop.consumer(), town.shop.consumer()
    town.lend(two, first_due_on=town.ago(40))
    town.lend(three, first_due_on=town.ago(75))
    assert town.look().frozen == 1
    assert (state_of(town, two), state_of(town, three)) == ("active", "frozen")
    told = sql.rows(
        "SELECT snapshot ->> 'reason' FROM runtime_outbox WHERE book_id = %s AND type = 'credit_account.state_changed'", [town.book_id]
    )
    assert told == [("instalments_missed_in_a_row",)]
    (closure,) = case_book.closures(book_id=town.book_id, consumer_ids=[three])
    assert closure.missed == 3
    assert codes([collecting.reinstate(desk=town.desk, now=town.at(9), consumer_id=three, reason="paid_a_part")]) == ["person_needed"]
    bob = town.desk_of(BOB)
    assert codes([collecting.reinstate(desk=bob, now=town.at(9), consumer_id=two, reason="x")]) == ["not_closed_for_arrears"]
    assert codes([collecting.reinstate(desk=bob, now=town.at(9), consumer_id=three, reason="spoke_to_them")]) == ["done"]
    assert town.look().frozen == 0, "what a person decided stands"
    assert state_of(town, three) == "active"


def test_one_more_that_is_missed_closes_credit_again_which_a_person_had_opened(town):
    person = town.shop.consumer()
    town.lend(person, first_due_on=town.ago(88))
    town.look()
    collecting.reinstate(desk=town.desk_of(BOB), now=town.at(9), consumer_id=person, reason="spoke_to_them")
    while len(late_rows(town)) < 4:
        assert state_of(town, person) == "active"
        town.let_days_pass(1)
        town.look()
    assert state_of(town, person) == "frozen"


def late_rows(town):
    (rows,) = late.fell_due(town.book_id, town.lent, town.on).values()
    return [row for row in rows if row.unpaid]


def test_what_was_missed_before_a_re_age_is_no_part_of_the_plan_any_more(town):
    person = town.shop.consumer()
    loan = town.lend(person, first_due_on=town.ago(75))
    town.done(loan, e.Reaged(town.on, town.on + timedelta(days=30), 12))
    (own,) = late.late_of(town.book_id, [person], "CNY", town.on).values()
    assert own[0].since == town.ago(75), "interest and late fees of three instalments are still overdue"
    assert town.look().frozen == 0
    assert state_of(town, person) == "active"


def test_whoever_has_a_loan_that_was_given_up_is_lent_no_more_before_a_person_says_so(town):
    person = town.shop.consumer()
    loan = town.lend(person)
    assert town.look().frozen == 0
    told = []
    for event in (e.ChargedOff(town.on), e.WrittenOff(town.on)):
        town.done(loan, event)
        assert state_of(town, person) == "frozen"
        told.append({one.reason for one in case_book.closures(book_id=town.book_id, consumer_ids=[person])})
        done = collecting.reinstate(desk=town.desk_of(BOB), now=town.at(9), consumer_id=person, reason="spoke_to_them")
        assert codes([done]) == ["done"]
        town.look()
        assert state_of(town, person) == "active"
    assert told == [{"loan_charged_off"}, {"loan_charged_off", "loan_written_off"}]
    town.done(town.lend(uuid4()), e.WrittenOff(town.on))  # of somebody who is not known here there is no account to close
    town.check()


def test_what_is_missed_while_arrears_are_paused_closes_nothing(town):
    person = town.shop.consumer()
    loan = town.lend(person, first_due_on=town.ago(75))
    town.propose(loan, e.ArrearsPaused(town.on, town.on + timedelta(days=3)))
    assert town.look().frozen == 0
    assert state_of(town, person) == "active"


def undo_write_off(town, loan):
    town.done(loan, Undone(telling.write_off_of(loan) or 0))


def test_credit_that_a_write_off_closed_is_open_again_when_that_is_undone_and_closed_by_the_next_one(town):
    person = town.shop.consumer()
    loan = town.lend(person)
    for _ in range(2):  # on one day: the second one is another, and closes too
        town.done(loan, e.WrittenOff(town.on))
        assert state_of(town, person) == "frozen"
        undo_write_off(town, loan)
        assert state_of(town, person) == "active"
    told = sql.rows(
        "SELECT snapshot ->> 'reason' FROM runtime_outbox WHERE book_id = %s AND type = 'credit_account.state_changed' ORDER BY seq",
        [town.book_id],
    )
    assert told == 2 * [("loan_written_off",), ("write_off_undone",)]
    closures = case_book.closures(book_id=town.book_id, consumer_ids=[person])
    assert [(one.reason, one.undone) for one in closures] == 2 * [("loan_written_off", True)]
    town.look()
    assert state_of(town, person) == "active"


def froze(town, person):
    (changed,) = change(town, person, credit.freeze, "fraud_suspected")
    assert not isinstance(changed, Refused)


def change(town, person, act, reason):
    account = accounts.accounts_of(consumer_ids=[person], currency="CNY")[person]
    with open_day(town.desk_of(BOB), town.at(9)) as work:
        return act(work=work, changes=[StateChange(account.id, reason)])


def test_credit_stays_closed_where_something_else_than_the_write_off_that_is_undone_keeps_it_so(town):
    people = {}

    def somebody(name, **given):
        people[name] = town.shop.consumer()
        return town.lend(people[name], **given)

    missed_before = somebody("had missed three", first_due_on=town.ago(75))
    town.look()
    frozen_before = somebody("was frozen by a person")
    froze(town, people["was frozen by a person"])
    two = somebody("has another loan given up")
    other = town.lend(people["has another loan given up"])
    charged_off = somebody("is charged off")
    town.done(charged_off, e.ChargedOff(town.on))
    opened = somebody("was opened by a person, and frozen")
    written_off = [missed_before, frozen_before, two, other, charged_off, opened]
    for loan in written_off:
        town.done(loan, e.WrittenOff(town.on))
    person = people["was opened by a person, and frozen"]
    assert codes([collecting.reinstate(desk=town.desk_of(BOB), now=town.at(9), consumer_id=person, reason="spoke_to_them")]) == ["done"]
    froze(town, person)
    for loan in (loan for loan in written_off if loan != other):
        undo_write_off(town, loan)
    assert {name: state_of(town, person) for name, person in people.items()} == dict.fromkeys(people, "frozen")
    undo_write_off(town, other)
    assert state_of(town, people["has another loan given up"]) == "active", "nothing of it is given up any more"


def test_credit_that_a_person_had_opened_before_a_write_off_is_open_after_it_is_undone(town):
    person = town.shop.consumer()
    loan = town.lend(person, first_due_on=town.ago(75))
    town.look()
    collecting.reinstate(desk=town.desk_of(BOB), now=town.at(9), consumer_id=person, reason="spoke_to_them")
    town.done(loan, e.WrittenOff(town.on))
    assert state_of(town, person) == "frozen"
    undo_write_off(town, loan)
    assert state_of(town, person) == "active", "what was missed before was known to the person who opened it"
    (limit,) = change_limit(town, person, 60_000_00)
    town.done(loan, e.WrittenOff(town.on))
    assert not isinstance(limit, Refused)
    undo_write_off(town, loan)
    assert state_of(town, person) == "active"


def test_credit_that_three_missed_closed_after_a_write_off_stays_closed_when_that_is_undone(town):
    person = town.shop.consumer()
    loan, late_one = town.lend(person), town.lend(person, first_due_on=town.ago(75))
    town.done(loan, e.WrittenOff(town.on))
    (limit,) = change_limit(town, person, 60_000_00)  # a change that is no change of its state
    assert not isinstance(limit, Refused)
    town.look()
    reasons = {one.loan_id: one.reason for one in case_book.closures(book_id=town.book_id, consumer_ids=[person])}
    assert reasons == {loan: "loan_written_off", late_one: "instalments_missed_in_a_row"}
    undo_write_off(town, loan)
    assert state_of(town, person) == "frozen"


def test_credit_that_was_closed_before_a_closure_kept_for_which_fact_stays_so_until_a_person_opens_it(town):
    person = town.shop.consumer()
    loan = town.lend(person)
    town.done(loan, e.WrittenOff(town.on))
    with sql.owning():
        assert sql.run("UPDATE collecting_closure SET fact_no = NULL, state_revision = NULL WHERE loan_id = %s", [loan]) == 1
    undo_write_off(town, loan)
    assert state_of(town, person) == "frozen"
    assert codes([collecting.reinstate(desk=town.desk_of(BOB), now=town.at(9), consumer_id=person, reason="spoke_to_them")]) == ["done"]


def change_limit(town, person, minor):
    account = accounts.accounts_of(consumer_ids=[person], currency="CNY")[person]
    with open_day(town.desk_of(BOB), town.at(9)) as work:
        return credit.change_limits(work=work, changes=[ChangeLimit(str(uuid4()), account.id, fen(minor), ("reviewed",))])
