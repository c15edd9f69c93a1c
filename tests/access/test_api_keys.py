"""Keys of programs: shown once, found by hash, rolled with overlap."""

import secrets
from dataclasses import replace
from datetime import timedelta

import psycopg
import pytest
from django.db import IntegrityError
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.people import person
from yuefu.access import commands as access
from yuefu.access import queries, rules
from yuefu.access.commands import NewApiKey, Roll
from yuefu.errors import Refused, one
from yuefu.ids import text
from yuefu.runtime import sql
from yuefu.runtime.values import Actor

SCOPES = ("order.authorise", "order.capture")


def user_of(work, name):
    """Somebody who logs in, with a login of this test."""
    login = f"{name}-{secrets.token_hex(4)}"
    with sql.transacting():
        user_id = one(access.create_users(work=work, users=[access.NewUser(login, name, secrets.token_urlsafe(16))]))
    return Actor("user", login, user_id)


def issue(work, merchant, scopes=SCOPES, expires_at=None):
    with sql.transacting():
        key = NewApiKey(merchant, scopes, expires_at)
        return one(access.issue_api_keys(work=work, api_keys=[key], random_bytes=secrets.token_bytes))


def roll(work, *rolls):
    with sql.transacting():
        return access.roll_api_keys(work=work, rolls=list(rolls), random_bytes=secrets.token_bytes)


def code(outcome):
    return outcome.code if isinstance(outcome, Refused) else "ok"


def test_a_key_opens_its_book_and_merchant_with_its_scopes(work, ids):
    merchant = ids.new(work.now)
    issued = issue(work, merchant)
    key = queries.key_by_secret(secret=issued.secret, now=work.now)
    assert (key.id, key.book_id, key.merchant_id, key.last_four) == (issued.id, work.book.id, merchant, issued.secret[-4:])
    assert issued.secret.startswith("sk_test_")
    assert rules.may(key, "order.capture")
    assert not rules.may(key, "order.refund")


def test_a_key_acts_for_the_person_who_made_it_and_after_a_roll_for_who_rolled_it(make_work, ids):
    alice, bob = (make_work(by=user_of(make_work(), name)) for name in ("alice", "bob"))
    made = issue(alice, ids.new(alice.now))
    key = queries.key_by_secret(secret=made.secret, now=alice.now)
    assert (key.made_by, queries.actor_for_key(key=key, request_id="r")) == (
        alice.by.user_id,
        Actor("api_key", text("api_key", made.id), alice.by.user_id, "r"),
    )
    rolled = queries.key_by_secret(secret=one(roll(bob, Roll(made.id))).secret, now=bob.now)
    assert rolled.made_by == bob.by.user_id
    unmanned = queries.key_by_secret(secret=issue(make_work(), ids.new(alice.now)).secret, now=alice.now)
    assert queries.actor_for_key(key=unmanned).user_id is None


def test_a_key_of_nobody_who_exists_is_refused(make_work, ids):
    work = make_work(by=person("mallory"))
    with pytest.raises(IntegrityError):
        issue(work, ids.new(work.now))


def test_the_secret_is_nowhere_in_the_database_nor_in_a_text_of_the_value(work, ids):
    issued = issue(work, ids.new(work.now))
    stored = sql.value("SELECT row_to_json(k)::text FROM access_api_key k WHERE id = %s", [issued.id])
    assert issued.secret not in stored
    assert issued.secret not in repr(issued)


def test_a_key_of_a_live_book_says_so(work, ids):
    live = replace(work, book=replace(work.book, mode="live"))
    assert issue(live, ids.new(work.now)).secret.startswith("sk_live_")


@pytest.mark.parametrize("scopes", [(), ("close_day",), ("api_key.issue",), ("order.read", "nonsense")])
def test_a_key_gets_known_scopes_only(work, ids, scopes):
    with sql.transacting():
        outcomes = access.issue_api_keys(work=work, api_keys=[NewApiKey(ids.new(work.now), scopes)], random_bytes=secrets.token_bytes)
    assert code(outcomes[0]) == "unknown_scope"


def test_a_rolled_key_works_until_the_overlap_ends_and_its_successor_goes_on(work, ids):
    old = issue(work, ids.new(work.now))
    new = one(roll(work, Roll(old.id, timedelta(hours=2))))
    for hours, expected in [(1, ("ok", "ok")), (2, ("key_expired", "ok")), (1000, ("key_expired", "ok"))]:
        moment = work.now + timedelta(hours=hours)
        assert tuple(code(queries.key_by_secret(secret=key.secret, now=moment)) for key in (old, new)) == expected
    assert queries.key_by_secret(secret=new.secret, now=work.now).scopes == tuple(sorted(SCOPES))


def test_rolling_never_makes_a_key_live_longer_than_it_would_have(work, ids):
    old = issue(work, ids.new(work.now), expires_at=work.now + timedelta(minutes=5))
    one(roll(work, Roll(old.id, timedelta(days=2))))
    assert code(queries.key_by_secret(secret=old.secret, now=work.now + timedelta(minutes=6))) == "key_expired"


def test_a_key_is_rolled_once_and_only_while_in_force(work, ids):
    key, revoked = issue(work, ids.new(work.now)), issue(work, ids.new(work.now))
    with sql.transacting():
        one(access.revoke_api_keys(work=work, key_ids=[revoked.id]))
    outcomes = roll(work, Roll(key.id), Roll(key.id), Roll(revoked.id), Roll(ids.new(work.now)), Roll(key.id, timedelta(days=31)))
    assert [code(outcome) for outcome in outcomes] == ["ok", "key_already_rolled", "key_not_in_force", "unknown_key", "overlap_invalid"]
    assert code(one([roll(work, Roll(key.id))])[0]) == "key_already_rolled"


def test_a_revoked_key_opens_nothing(work, ids):
    issued = issue(work, ids.new(work.now))
    with sql.transacting():
        assert [code(o) for o in access.revoke_api_keys(work=work, key_ids=[issued.id, ids.new(work.now)])] == ["ok", "unknown_key"]
    assert code(queries.key_by_secret(secret=issued.secret, now=work.now)) == "key_revoked"


def test_use_is_noted_at_most_once_a_minute(work, ids):
    issued = issue(work, ids.new(work.now))
    for seconds in (0, 30, 61):
        with sql.transacting():
            access.note_use(work=replace(work, now=work.now + timedelta(seconds=seconds)), key_ids=[issued.id])
        used = queries.key_by_secret(secret=issued.secret, now=work.now).last_used_at
        assert used == work.now + timedelta(seconds=61 if seconds == 61 else 0)


@settings(max_examples=50)
@given(st.binary(min_size=32, max_size=32), st.integers(0, 56), st.sampled_from("0Aaz_"))
def test_a_typing_error_is_seen_without_a_look_up(noise, position, other):
    secret = rules.make_secret(mode="test", noise=noise)
    assert rules.well_formed(secret)
    assert not rules.well_formed(secret[:-1])
    if secret[position] != other:
        assert not rules.well_formed(secret[:position] + other + secret[position + 1 :])


def test_an_unknown_secret_of_the_right_form_and_a_malformed_one_are_told_apart(work):
    assert code(queries.key_by_secret(secret=rules.make_secret(mode="test", noise=secrets.token_bytes(32)), now=work.now)) == "key_unknown"
    assert code(queries.key_by_secret(secret="sk_test_short", now=work.now)) == "key_malformed"


def test_the_database_lets_no_key_replace_one_of_another_book(work, ids, as_role):
    issued = issue(work, ids.new(work.now))
    with pytest.raises(psycopg.errors.ForeignKeyViolation), as_role("default") as writer:
        writer.execute(
            "INSERT INTO access_api_key (id, book_id, merchant_id, scopes, prefix, secret_hash, last_four, replaces_id, created_by,"
            " created_at)"
            " VALUES (%s, %s, %s, '[]', 'sk_test_', %s, 'abcd', %s, 'x', now())",
            [ids.new(work.now), ids.new(work.now), ids.new(work.now), secrets.token_bytes(32), issued.id],
        )
