"""Logins, roles and who may do what."""

import psycopg
import pytest
from django.contrib.auth import authenticate
from django.test import override_settings

from yuefu.access import commands as access
from yuefu.access import queries, rules
from yuefu.access.commands import Grant, NewUser
from yuefu.config import settings as real
from yuefu.errors import Refused, one
from yuefu.runtime import sql

PASSWORD = "a-long-enough-passphrase"


def login_of(work, name):
    return f"{name}.{work.book.code}"


def make_user(work, name="alice"):
    with sql.transacting():
        return one(access.create_users(work=work, users=[NewUser(login_of(work, name), name.title(), PASSWORD)]))


def grant(work, *grants):
    with sql.transacting():
        return access.grant(work=work, memberships=list(grants))


def codes(outcomes):
    return [outcome.code if isinstance(outcome, Refused) else "ok" for outcome in outcomes]


def test_a_user_logs_in_with_django_in_whatever_case_the_login_is_typed(work):
    user_id = make_user(work)
    logged_in = authenticate(username=login_of(work, "ALICE").upper(), password=PASSWORD)
    assert logged_in is not None
    assert logged_in.pk == user_id
    assert authenticate(username=login_of(work, "alice"), password="wrong-passphrase") is None


def test_each_new_user_gets_an_answer_of_its_own(work):
    make_user(work, "taken")
    with sql.transacting():
        outcomes = access.create_users(
            work=work,
            users=[
                NewUser(login_of(work, "taken").upper(), "Again", PASSWORD),
                NewUser("two words", "Blank", PASSWORD),
                NewUser(login_of(work, "weak"), "Weak", "short"),
                NewUser(login_of(work, "bob"), "Bob", PASSWORD),
                NewUser(login_of(work, "Bob"), "Twin", PASSWORD),
            ],
        )
    assert codes(outcomes) == ["login_taken", "login_invalid", "password_weak", "ok", "login_taken"]
    assert queries.user_by_login(login=login_of(work, "BOB")).display_name == "Bob"


def test_a_password_is_kept_as_an_argon2_hash_and_never_printed(work):
    with override_settings(PASSWORD_HASHERS=real.PASSWORD_HASHERS):  # of a process that is no test
        user_id = make_user(work)
    assert sql.value("SELECT password FROM access_user WHERE id = %s", [user_id]).startswith("argon2$argon2id$v=19$m=102400,t=2,p=8$")
    assert PASSWORD not in repr(NewUser("alice", "Alice", PASSWORD))


def test_a_member_acts_in_the_book_with_the_role_and_in_no_other(work, ids):
    user_id = make_user(work)
    one(grant(work, Grant(user_id, "finance")))
    actor, membership = queries.actor_for_login(login=login_of(work, "alice"), book_id=work.book.id)
    assert (actor.label, actor.user_id, membership.role) == (f"user:{login_of(work, 'alice')}", user_id, "finance")
    assert rules.may(membership, "settlement.run")
    assert not rules.may(membership, "order.capture")
    assert queries.actor_for_login(login=login_of(work, "alice"), book_id=ids.new(work.now)).code == "no_membership"


def test_nobody_acts_under_an_unknown_or_switched_off_login(work):
    user_id = make_user(work)
    one(grant(work, Grant(user_id, "operator")))
    with sql.transacting():
        one(access.set_active(work=work, user_ids=[user_id], active=False))
    assert queries.actor_for_login(login=login_of(work, "alice"), book_id=work.book.id).code == "login_inactive"
    assert queries.actor_for_login(login="nobody", book_id=work.book.id).code == "unknown_login"
    assert authenticate(username=login_of(work, "alice"), password=PASSWORD) is None


def test_a_grant_is_refused_where_role_and_merchant_do_not_fit(work, ids):
    user_id, merchant = make_user(work), ids.new(work.now)
    outcomes = grant(
        work,
        Grant(user_id, "emperor"),
        Grant(user_id, "merchant_owner"),
        Grant(user_id, "operator", merchant),
        Grant(ids.new(work.now), "operator"),
        Grant(user_id, "merchant_owner", merchant),
        Grant(user_id, "risk"),
    )
    assert codes(outcomes) == ["unknown_role", "merchant_required", "merchant_not_allowed", "unknown_user", "ok", "already_a_member"]


def test_a_role_that_ended_makes_room_for_another(work):
    user_id = make_user(work)
    one(grant(work, Grant(user_id, "support")))
    with sql.transacting():
        one(access.end_memberships(work=work, user_ids=[user_id]))
        assert codes(access.end_memberships(work=work, user_ids=[user_id])) == ["not_a_member"]
    assert queries.actor_for_login(login=login_of(work, "alice"), book_id=work.book.id).code == "no_membership"
    one(grant(work, Grant(user_id, "risk")))
    assert [member.membership.role for member in queries.members(book_id=work.book.id)] == ["risk"]


@pytest.mark.parametrize(("role", "merchant"), [("merchant_owner", False), ("operator", True)])
def test_the_database_refuses_a_role_with_the_wrong_kind_of_merchant(work, ids, as_role, role, merchant):
    user_id = make_user(work)
    with pytest.raises(psycopg.errors.CheckViolation), as_role("default") as writer:
        writer.execute(
            "INSERT INTO access_membership (id, book_id, user_id, role, merchant_id, granted_by, granted_at)"
            " VALUES (%s, %s, %s, %s, %s, 'x', now())",
            [ids.new(work.now), work.book.id, user_id, role, ids.new(work.now) if merchant else None],
        )


@pytest.mark.parametrize("alias", ["reader", "staff"])
def test_people_who_only_read_never_see_the_users(work, as_role, alias):
    make_user(work)
    with pytest.raises(psycopg.errors.InsufficientPrivilege), as_role(alias) as connection:
        connection.execute("SELECT password FROM access_user")


def test_staff_see_the_members_of_their_own_book_only(work, as_role):
    one(grant(work, Grant(make_user(work), "operator")))
    with as_role("staff") as staff:
        assert staff.execute("SELECT count(*) FROM access_membership").fetchone() == (0,)
        staff.execute("SELECT set_config('yuefu.book', %s, true)", [str(work.book.id)])
        assert staff.execute("SELECT count(*) FROM access_membership").fetchone() == (1,)


def test_every_permission_of_a_role_is_known_and_programs_never_make_keys():
    assert all(granted <= rules.PERMISSIONS for granted in rules.ROLES.values())
    assert rules.ROLES["operator"] == rules.STAFF_PERMISSIONS
    assert "api_key.issue" not in rules.KEY_SCOPES
    assert not rules.ROLES["support"] & {"approve", "settlement.run", "close_day"}


def test_asking_for_an_unknown_permission_is_a_bug(ids, work):
    membership = rules.Membership(ids.new(work.now), work.book.id, ids.new(work.now), "operator", None)
    with pytest.raises(AssertionError):
        rules.may(membership, "order.captre")
