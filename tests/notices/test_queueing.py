"""Messages queued, contacts and choices: once an occasion, nobody else's consumer, nothing in the clear."""

from dataclasses import replace
from datetime import date, timedelta

import pytest
from stdnum.cn import ric

from yuefu.consumers import commands as consumers
from yuefu.consumers.commands import NewConsumer
from yuefu.errors import Refused, one
from yuefu.money.amounts import Money
from yuefu.notices import commands as notices
from yuefu.notices import queries
from yuefu.notices.commands import Choice, NewContact, NewMessage, Queued
from yuefu.runtime import sql

DUE = {"amount": Money(666_34, "CNY"), "loans": 2, "due_on": date(2026, 10, 4)}


def person(work, vault, number=1, phone="13912345678", name="欧阳无双"):
    body = f"11010119731129{number:03d}"
    with sql.transacting():
        new = NewConsumer(f"k{number}", f"c-{number}", name, phone, body + ric.calc_check_digit(body + "0"))
        return one(consumers.register(work=work, vault=vault, consumers=[new]))


@pytest.fixture
def consumer(work, vault):
    return person(work, vault)


def message(work, consumer_id, kind="due_in_3_days", occasion="2026-10-04", **changes):
    given = NewMessage(consumer_id, kind, occasion, DUE, work.now, work.now + timedelta(hours=14))
    return replace(given, **changes)


def queue(work, *messages):
    with sql.transacting():
        return notices.queue(work=work, messages=list(messages))


def codes(outcomes):
    return [outcome.code if isinstance(outcome, Refused) else "ok" for outcome in outcomes]


def test_an_occasion_is_told_once_however_often_it_is_asked_for(work, consumer):
    first, twin = queue(work, message(work, consumer), message(work, consumer, params=DUE | {"loans": 3}))
    assert (first.again, twin) == (False, Queued(first.id, again=True))
    assert queue(work, message(work, consumer)) == [Queued(first.id, again=True)]
    others = queue(work, message(work, consumer, kind="due_tomorrow"), message(work, consumer, occasion="2026-11-04"))
    assert len({first.id, *(other.id for other in others)}) == 3
    stored = queries.messages(book_id=work.book.id, message_ids=[first.id])[first.id]
    assert (stored.state, stored.params["loans"], stored.tries, stored.channel) == ("queued", 2, 0, None)


def test_what_cannot_be_told_is_refused_and_disturbs_nobody(work, consumer, ids):
    outcomes = queue(
        work,
        message(work, ids.new(work.now)),
        message(work, consumer, kind="win_a_prize"),
        message(work, consumer, occasion=""),
        message(work, consumer, params={"amount": 1}),
        message(work, consumer, expires_at=work.now),
        message(work, consumer),
    )
    assert codes(outcomes) == ["unknown_consumer", "unknown_kind", "occasion_invalid", "params_invalid", "expired", "ok"]


def test_the_consumer_of_another_book_is_nobody_here(work, vault, consumer, other_book):
    assert codes(queue(other_book, message(other_book, consumer))) == ["unknown_consumer"]
    with sql.transacting():
        assert codes(notices.set_contacts(work=other_book, vault=vault, contacts=[NewContact(consumer)])) == ["unknown_consumer"]
        assert codes(notices.choose(work=other_book, choices=[Choice(consumer, "due_today", False)])) == ["unknown_consumer"]
        assert codes(notices.forget(work=other_book, consumer_ids=[consumer])) == ["unknown_consumer"]


def test_no_table_holds_an_address_a_number_or_a_name(work, vault, consumer):
    with sql.transacting():
        notices.set_contacts(work=work, vault=vault, contacts=[NewContact(consumer, "zh", "email", None, "wushuang.ouyang@example.com")])
    queue(work, message(work, consumer))
    secrets = ["欧阳无双", "13912345678", "wushuang.ouyang"]
    for table in ("notices_contact", "notices_message", "notices_choice", "notices_attempt", "runtime_outbox", "runtime_audit"):
        stored = " ".join(row[0] for row in sql.rows(f"SELECT row_to_json(t)::text FROM {table} t WHERE book_id = %s", [work.book.id]))
        assert [secret for secret in secrets if secret in stored or secret.encode().hex() in stored] == [], table
    contact = queries.contacts(book_id=work.book.id, consumer_ids=[consumer], vault=vault)[consumer]
    assert (contact.email, contact.channel) == ("wushuang.ouyang@example.com", "email")
    assert "wushuang" not in repr(contact) + repr(NewContact(consumer, email="wushuang.ouyang@example.com"))


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"email": "no address"}, "email_invalid"),
        ({"email": "a@b.de\r\nBcc: c@d.de"}, "email_invalid"),
        ({"channel": "email"}, "email_missing"),
        ({"channel": "pigeon"}, "channel_unknown"),
        ({"language": "fr"}, "language_unknown"),
        ({"zone": "Mars/Olympus"}, "zone_unknown"),
    ],
)
def test_a_way_that_cannot_be_is_refused(work, vault, consumer, changes, code):
    with sql.transacting():
        assert codes(notices.set_contacts(work=work, vault=vault, contacts=[NewContact(consumer, **changes)])) == [code]


def test_a_contact_is_set_whole_and_the_later_of_two_counts(work, vault, consumer):
    with sql.transacting():
        notices.set_contacts(
            work=work, vault=vault, contacts=[NewContact(consumer, email="a@b.de"), NewContact(consumer, "en", zone="Europe/Berlin")]
        )
    contact = queries.contacts(book_id=work.book.id, consumer_ids=[consumer], vault=vault)[consumer]
    assert (contact.language, contact.channel, contact.zone, contact.email) == ("en", "sms", "Europe/Berlin", None)


def test_a_person_stops_what_is_a_service_and_not_what_is_owed_to_them(work, consumer):
    with sql.transacting():
        outcomes = notices.choose(
            work=work,
            choices=[
                Choice(consumer, "due_today", False),
                Choice(consumer, "due_today", False),
                Choice(consumer, "overdue", False),
                Choice(consumer, "debit_announced", False),
                Choice(consumer, "win_a_prize", False),
                Choice(consumer, "due_tomorrow", True),
            ],
        )
    assert outcomes[:2] == [True, False]
    assert codes(outcomes[2:]) == ["not_optional", "not_optional", "unknown_kind", "ok"]
    assert queries.unwanted(consumer_ids=[consumer]) == {consumer: frozenset({"due_today"})}
    with sql.transacting():
        assert notices.choose(work=work, choices=[Choice(consumer, "due_today", True)]) == [True]
    assert queries.unwanted(consumer_ids=[consumer]) == {consumer: frozenset()}
    assert sql.value("SELECT count(*) FROM notices_choice WHERE consumer_id = %s", [consumer]) == 2


def test_who_is_forgotten_has_no_address_left_nothing_waiting_and_stays_so(work, vault, consumer):
    with sql.transacting():
        notices.set_contacts(work=work, vault=vault, contacts=[NewContact(consumer, email="a@b.de")])
    (queued,) = queue(work, message(work, consumer))
    for _ in range(2):
        with sql.transacting():
            assert notices.forget(work=work, consumer_ids=[consumer]) == [consumer]
    stored = queries.messages(book_id=work.book.id, message_ids=[queued.id])[queued.id]
    assert (stored.state, stored.reason) == ("suppressed", "forgotten")
    contact = queries.contacts(book_id=work.book.id, consumer_ids=[consumer], vault=vault)[consumer]
    assert (contact.is_forgotten, contact.email) == (True, None)
    with sql.transacting():
        assert codes(notices.set_contacts(work=work, vault=vault, contacts=[NewContact(consumer, email="a@b.de")])) == [
            "consumer_forgotten"
        ]
        assert codes(notices.choose(work=work, choices=[Choice(consumer, "due_today", False)])) == ["consumer_forgotten"]


def test_a_message_tells_of_itself_as_events_without_a_gap(work, consumer):
    (queued,) = queue(work, message(work, consumer))
    with sql.transacting():
        notices.forget(work=work, consumer_ids=[consumer])
    told = sql.rows("SELECT type, seq, snapshot, changed FROM runtime_outbox WHERE object_id = %s ORDER BY seq", [queued.id])
    assert [row[:2] for row in told] == [("message.queued", 1), ("message.suppressed", 2)]
    assert told[1][3] == {"state": "queued", "reason": ""}
    assert all(set(row[2]) == {"id", "consumer_id", "kind", "occasion", "channel", "state", "reason"} for row in told)
