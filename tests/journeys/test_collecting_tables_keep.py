"""What the tables of collecting refuse, whoever writes to them: attacked by SQL as the writer."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import psycopg
import pytest
from psycopg import DatabaseError

from tests.journeys.arrears import BOB, Town
from yuefu.errors import Refused
from yuefu.journeys.desk import open_day
from yuefu.plans.lifecycle import events as e
from yuefu.runtime import approvals, sql
from yuefu.runtime.jsontext import dumps

REFUSED = (
    psycopg.errors.CheckViolation,
    psycopg.errors.UniqueViolation,
    psycopg.errors.ForeignKeyViolation,
    psycopg.errors.InsufficientPrivilege,
)


@pytest.fixture
def town(shop) -> Town:
    return Town(shop)


@pytest.fixture
def case(town):
    person = town.shop.consumer()
    town.lend(person)
    town.look()
    return town.case(person)


@pytest.fixture
def refused(as_role):
    """Runs a statement as the writer, who is to be refused."""

    def attack(query, *params):
        writer = as_role("default")
        with pytest.raises(REFUSED):
            writer.execute(query, params)
        writer.rollback()

    return attack


def insert_contact(town, case, **given):
    columns = {
        "id": uuid4(), "book_id": town.book_id, "case_id": case.id, "consumer_id": case.consumer_id, "channel": "call", "inbound": False,
        "local_on": town.on, "local_time": "12:00", "of_day": 1, "outcome": "", "recorded_by": "user:x", "made_at": town.at(12), **given,
    }  # fmt: skip
    return f"INSERT INTO collecting_contact ({', '.join(columns)}) VALUES ({', '.join(['%s'] * len(columns))})", list(columns.values())


@pytest.mark.parametrize(
    "given",
    [
        {"local_time": "22:00"},
        {"local_time": "07:59:59"},
        {"of_day": 4},
        {"of_day": 0},
        {"of_day": None},
        {"inbound": True},
        {"channel": "pigeon"},
        {"outcome": "reached"},
        {"note_sealed": b"x"},
        {"consumer_id": uuid4()},
        {"book_id": uuid4()},
    ],
)
def test_no_contact_is_kept_that_could_not_have_been_made(town, case, refused, given):
    query, params = insert_contact(town, case, **given)
    refused(query, *params)


def test_of_a_day_each_contact_is_counted_once(town, case, as_role):
    query, params = insert_contact(town, case)
    writer = as_role("default")
    writer.execute(query, params)  # whole as it is: nothing but what is attacked above is refused
    writer.rollback()
    town.contact(case)
    query, params = insert_contact(town, case)
    with pytest.raises(psycopg.errors.UniqueViolation):
        as_role("default").execute(query, params)


def test_what_was_made_promised_or_decided_is_never_rewritten(town, case, refused):
    contact = town.contact(case, outcome="reached")
    promise = town.promise(case, 10_00, town.on)
    measure = town.propose(town.lent[0], e.ArrearsPaused(town.on, town.on))
    refused("UPDATE collecting_contact SET outcome = 'refuses' WHERE id = %s", contact)
    refused("UPDATE collecting_contact SET made_at = now() WHERE id = %s", contact)
    refused("DELETE FROM collecting_contact WHERE id = %s", contact)
    refused("UPDATE collecting_promise SET amount_minor = 1 WHERE id = %s", promise)
    refused("UPDATE collecting_promise SET state = 'broken', ended_on = due_on, ended_at = now() WHERE id = %s", promise)
    refused("UPDATE collecting_measure SET state = 'rejected', fact_no = NULL WHERE id = %s", measure)
    refused("UPDATE collecting_measure SET body = '{}' WHERE id = %s", measure)
    refused("DELETE FROM collecting_case WHERE id = %s", case.id)
    town.pay(town.lent[0], 10_00)
    town.look()
    refused("UPDATE collecting_promise SET state = 'broken', ended_on = due_on + 1 WHERE id = %s", promise)


def test_a_case_that_was_closed_stays_so_and_a_person_has_one(town, case, refused):
    refused(
        "INSERT INTO collecting_case (id, book_id, consumer_id, state, late_since, opened_on, opened_at, closed_reason, seq)"
        " VALUES (gen_random_uuid(), %s, %s, 'open', %s, %s, now(), '', 1)",
        town.book_id, case.consumer_id, town.ago(5), town.on,
    )  # fmt: skip
    town.enter(town.lent[0], e.PaidOff(town.on))
    town.look()
    refused("UPDATE collecting_case SET state = 'open', closed_on = NULL, closed_at = NULL, closed_reason = '' WHERE id = %s", case.id)


def test_what_changes_money_is_entered_only_as_a_second_person_approved_it(town, case, refused):
    measure = town.measure(town.propose(town.lent[0], e.WrittenOff(town.on)))
    entered = "UPDATE collecting_measure SET state = 'entered', fact_no = 2, ended_on = %s, ended_at = now() WHERE id = %s"
    refused(entered, town.on, measure.id)
    refused("UPDATE collecting_measure SET state = 'rejected', ended_on = %s, ended_at = now() WHERE id = %s", town.on, measure.id)
    alone = (
        "INSERT INTO collecting_measure (id, book_id, loan_id, kind, body, loan_seq, alone, approval_id, state, reason, recorded_by, proposed_on,"
        " proposed_at) VALUES (gen_random_uuid(), %s, %s, 'written_off', '{}', 1, %s, %s, 'waiting', 'x', 'user:x', %s, now())"
    )
    other = town.lend(town.shop.consumer())
    refused(alone, town.book_id, other, True, None, town.on)
    refused(alone, town.book_id, other, False, None, town.on)
    refused(alone, town.book_id, other, False, measure.approval_id, town.on)
    assert town.status(town.lent[0]) == "active"


def test_an_approval_of_something_else_enters_nothing(town, case, as_role):
    """Whoever changes the words of what was approved is refused by the table."""
    measure = town.measure(town.propose(town.lent[0], e.ChargedOff(town.on)))
    owner = as_role("owner")
    owner.execute("ALTER TABLE collecting_measure DISABLE TRIGGER USER")
    owner.execute("UPDATE collecting_measure SET body = %s WHERE id = %s", [dumps({**measure.event, "stops_interest": True}), measure.id])
    owner.execute("ALTER TABLE collecting_measure ENABLE TRIGGER USER")
    owner.commit()
    with pytest.raises(DatabaseError, match="not decided by a second person"):
        town.decide(measure.id, by=BOB)
    assert town.status(town.lent[0]) == "active"


def test_a_measure_that_was_entered_names_its_fact_and_a_waiver_its_amount(town, case, refused):
    measure = town.measure(town.propose(town.lent[0], e.WrittenOff(town.on)))
    with open_day(town.desk_of(BOB), town.at(11)) as work:
        approvals.decide(work=work, approval_id=measure.approval_id, approve=True, reason="read")
    refused("UPDATE collecting_measure SET state = 'entered', ended_on = %s, ended_at = now() WHERE id = %s", town.on, measure.id)
    refused(
        "INSERT INTO collecting_measure (id, book_id, loan_id, kind, body, loan_seq, alone, state, reason, recorded_by, proposed_on, proposed_at)"
        " VALUES (gen_random_uuid(), %s, %s, 'waived', '{}', 1, true, 'waiting', 'x', 'user:x', %s, now())",
        town.book_id, town.lend(town.shop.consumer()), town.on,
    )  # fmt: skip


def test_a_promise_is_for_a_case_of_its_own_consumer_and_one_runs(town, case, refused):
    promise = (
        "INSERT INTO collecting_promise (id, book_id, case_id, consumer_id, amount_minor, currency, due_on, paid_before_minor, state, recorded_by,"
        " made_on, made_at) VALUES (gen_random_uuid(), %s, %s, %s, %s, 'CNY', %s, 0, %s, 'user:x', %s, now())"
    )
    own, today = (town.book_id, case.id, case.consumer_id), town.on
    refused(promise, town.book_id, case.id, town.shop.consumer(), 100, today, "running", today)
    refused(promise, *own, 0, today, "running", today)
    refused(promise, *own, 100, today - timedelta(days=1), "running", today)
    refused(promise, *own, 100, today, "kept", today)
    assert not isinstance(town.promise(case, 10_00, today), Refused)
    refused(promise, *own, 100, today, "running", today)


def test_each_instalment_closes_credit_once(town, refused):
    person = town.shop.consumer()
    town.lend(person, first_due_on=town.ago(75))
    town.look()
    refused(
        "INSERT INTO collecting_closure SELECT gen_random_uuid(), book_id, consumer_id, account_id, loan_id, reason, missed, latest_on, recorded_on,"
        " recorded_at FROM collecting_closure WHERE consumer_id = %s",
        person,
    )
    refused("UPDATE collecting_closure SET missed = 1 WHERE consumer_id = %s", person)
    assert sql.value("SELECT count(*) FROM collecting_closure WHERE consumer_id = %s", [person]) == 1
