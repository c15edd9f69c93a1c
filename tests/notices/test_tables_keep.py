"""The tables keep what notices promise, whoever writes to them."""

from datetime import timedelta

import psycopg
import pytest

from tests.notices.test_queueing import message, person, queue
from yuefu.notices import commands as notices
from yuefu.notices.commands import Choice
from yuefu.runtime import sql


@pytest.fixture
def consumer(work, vault):
    return person(work, vault)


@pytest.fixture
def queued(work, consumer):
    (made,) = queue(work, message(work, consumer))
    return made.id


@pytest.fixture
def writer(as_role):
    return as_role("default")


SENDING = "state = 'sending', tries = tries + 1, claimed_at = queued_at, counted_at = queued_at, channel = 'sms', language = 'zh'"
SENT = "state = 'sent', claimed_at = NULL, ended_at = queued_at"


def became(writer, queued, *changes):
    """The message after changes, one statement each, as nobody but its commands should make them."""
    for change in changes:
        writer.execute(f"UPDATE notices_message SET {change} WHERE id = %s", [queued])
    writer.commit()


@pytest.mark.parametrize(
    "changes",
    [
        ["occasion = 'another'"],
        ["kind = 'overdue'"],
        ["expires_at = NULL"],
        ["counts_as = ''"],
        ["tries = 3"],
        ["seq = 0"],
        ["state = 'sent', ended_at = queued_at"],
        ["state = 'sent', ended_at = queued_at, counted_at = queued_at, channel = 'sms', language = 'zh', tries = 1"],
        ["state = 'sending', claimed_at = queued_at, counted_at = queued_at, channel = 'sms', language = 'zh'"],
        ["state = 'suppressed', ended_at = queued_at"],
        ["state = 'suppressed', ended_at = queued_at, reason = 'because'"],
        ["state = 'suppressed', reason = 'weekly_cap'"],
        ["state = 'failed', ended_at = queued_at, reason = 'weekly_cap'"],
        ["counted_at = queued_at"],
        [SENDING, "counted_at = NULL"],
        [SENDING, "params = '{}'"],
        [SENDING, "channel = 'email'"],
        [SENDING, SENT, "state = 'queued', ended_at = NULL, counted_at = NULL"],
        [SENDING, SENT, "state = 'failed', reason = 'outcome_unknown'"],
        ["state = 'suppressed', ended_at = queued_at, reason = 'weekly_cap'", "state = 'queued', ended_at = NULL, reason = ''"],
        [
            SENDING,
            "state = 'failed', claimed_at = NULL, ended_at = queued_at, counted_at = NULL, reason = 'address_refused'",
            "state = 'sent', reason = '', counted_at = queued_at",
        ],
    ],
)
def test_a_message_goes_its_way_and_no_other(writer, queued, changes):
    for change in changes[:-1]:
        became(writer, queued, change)
    with pytest.raises(psycopg.errors.CheckViolation):
        became(writer, queued, changes[-1])


def test_the_way_that_there_is_can_be_gone(writer, queued):
    became(writer, queued, SENDING, "state = 'queued', claimed_at = NULL, counted_at = NULL, not_before = queued_at + interval '1 hour'")
    became(writer, queued, SENDING, "state = 'failed', claimed_at = NULL, ended_at = queued_at, reason = 'outcome_unknown'")
    became(writer, queued, "state = 'sent', reason = ''")


def test_an_occasion_is_one_row_even_for_whoever_writes_it_by_hand(writer, queued):
    columns = "book_id, consumer_id, kind, occasion, counts_as, params, state, reason, queued_at, not_before, tries, seq"
    with pytest.raises(psycopg.errors.UniqueViolation):
        writer.execute(
            f"INSERT INTO notices_message (id, {columns}) SELECT gen_random_uuid(), {columns} FROM notices_message WHERE id = %s", [queued]
        )


@pytest.mark.parametrize("change", ["state = 'sent'", "tries = 1"])
def test_a_message_begins_queued(writer, queued, change):
    name, _, value = change.partition(" = ")
    columns = ["book_id", "consumer_id", "kind", "counts_as", "params", "reason", "queued_at", "not_before", "seq"]
    values = {"state": "'queued'", "tries": "0"} | {name: value}
    with pytest.raises(psycopg.errors.CheckViolation):
        writer.execute(
            f"INSERT INTO notices_message (id, occasion, state, tries, {', '.join(columns)})"
            f" SELECT gen_random_uuid(), 'x', {values['state']}, {values['tries']}, {', '.join(columns)} FROM notices_message WHERE id = %s",
            [queued],
        )


@pytest.mark.parametrize("table", ["notices_choice", "notices_attempt"])
@pytest.mark.parametrize("statement", ["UPDATE {} SET id = id", "DELETE FROM {}"])
def test_what_was_chosen_and_tried_is_never_rewritten(writer, table, statement):
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        writer.execute(statement.format(table))


def test_no_message_and_no_contact_is_ever_deleted(writer):
    for table in ("notices_message", "notices_contact"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            writer.execute(f"DELETE FROM {table}")
        writer.rollback()


def test_who_was_forgotten_stays_so(work, writer, consumer):
    with sql.transacting():
        notices.forget(work=work, consumer_ids=[consumer])
    for change in ("forgotten_at = NULL", "email_sealed = 'x'", "changed_at = now()"):
        with pytest.raises(psycopg.errors.CheckViolation):
            writer.execute(f"UPDATE notices_contact SET {change} WHERE id = %s", [consumer])
        writer.rollback()


def test_a_person_reads_their_own_messages_and_nobody_else_s(work, vault, as_role, consumer, queued):
    other = person(work, vault, 2, name="王小明")
    with sql.transacting():
        notices.choose(work=work, choices=[Choice(consumer, "due_today", False)])
    for who, count in ((consumer, 1), (other, 0)):
        with sql.reading(consumer_id=who):
            assert sql.value("SELECT count(*) FROM notices_message") == count
            assert sql.value("SELECT count(*) FROM notices_choice") == count
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        as_role("reader").execute("SELECT 1 FROM notices_attempt")
    assert as_role("staff").execute("SELECT count(*) FROM notices_message").fetchone() == (0,)


def test_no_message_is_of_another_book_than_its_consumer(writer, queued, other_book):
    columns = "consumer_id, kind, counts_as, params, state, reason, queued_at, not_before, tries, seq"
    with pytest.raises(psycopg.errors.ForeignKeyViolation):
        writer.execute(
            f"INSERT INTO notices_message (id, book_id, occasion, {columns})"
            f" SELECT gen_random_uuid(), %s, 'x', {columns} FROM notices_message WHERE id = %s",
            [other_book.book.id, queued],
        )


def test_a_message_that_is_over_before_it_is_queued_is_none(work, consumer):
    (refused,) = queue(work, message(work, consumer, expires_at=work.now - timedelta(seconds=1)))
    assert refused.code == "expired"
