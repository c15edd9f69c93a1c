"""A database that was kept from before: what migrations make of the rows that are in it."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID, uuid4

import psycopg
import pytest

from tests.kept import Owner, kept_database, migrate

BEFORE = [("runtime", "0004_promises"), ("access", "0002_promises")]
AFTER = [("runtime", "0005_approvals_by_person"), ("access", "0003_keys_act_for_people")]
ALICE, BOB = uuid4(), uuid4()


@pytest.fixture
def kept() -> Iterator[Owner]:
    """The owner, in a database as it was before approvals knew persons, with two users in it."""
    with kept_database(BEFORE) as owner:
        for user, login in ((ALICE, "alice"), (BOB, "bob")):
            owner.execute(
                "INSERT INTO access_user (id, login, display_name, password, is_active, created_at) VALUES (%s, %s, '', '', true, now())",
                [user, login],
            )
        yield owner


def book_in(owner):
    (book_id,) = owner.execute(
        "INSERT INTO runtime_book (id, code, legal_entity, mode, currency, zone, calendar, cut_off, created_at)"
        " VALUES (gen_random_uuid(), 'kept', 'L', 'live', 'CNY', 'Asia/Shanghai', 'CN', '00:00', now()) RETURNING id"
    ).fetchone()
    return book_id


def asked(owner, book: UUID, by: str, decided_by: str | None = None) -> UUID:
    (approval,) = owner.execute(
        "INSERT INTO runtime_approval (id, book_id, action, object_kind, content, reason, requested_by, requested_at, state, decision_reason)"
        " VALUES (gen_random_uuid(), %s, 'a', 'o', '{}', '', %s, now(), 'waiting', '') RETURNING id",
        [book, by],
    ).fetchone()
    if decided_by:
        owner.execute("UPDATE runtime_approval SET state = 'approved', decided_by = %s WHERE id = %s", [decided_by, approval])
    return approval


def persons(owner, approval):
    return owner.execute("SELECT requested_by_user, decided_by_user FROM runtime_approval WHERE id = %s", [approval]).fetchone()


def validated(owner):
    return owner.execute("SELECT convalidated FROM pg_constraint WHERE conname = 'runtime_approval_two_persons'").fetchone() == (True,)


def test_approvals_and_keys_of_before_get_the_persons_that_are_known(kept):
    book = book_in(kept)
    found = {
        name: asked(kept, book, *given)
        for name, given in {
            "waiting": ("user:alice",),
            "decided": ("user:alice", "user:bob"),
            "by the platform": ("system:cli", "user:bob"),
            "of a key": ("api_key:x",),
        }.items()
    }
    for maker in ("user:bob", "system:cli"):
        kept.execute(
            "INSERT INTO access_api_key (id, book_id, merchant_id, scopes, prefix, secret_hash, last_four, created_by, created_at)"
            " VALUES (gen_random_uuid(), %s, gen_random_uuid(), '[]', 'sk_test_', %s, '', %s, now())",
            [book, maker.encode(), maker],
        )
    migrate(AFTER)
    assert {name: persons(kept, approval) for name, approval in found.items()} == {
        "waiting": (ALICE, None),
        "decided": (ALICE, BOB),
        "by the platform": (None, BOB),
        "of a key": (None, None),
    }
    assert kept.execute("SELECT created_by, created_by_user_id FROM access_api_key ORDER BY 1").fetchall() == [
        ("system:cli", None),
        ("user:bob", BOB),
    ]
    assert validated(kept)
    with pytest.raises(psycopg.errors.CheckViolation):
        kept.execute("UPDATE runtime_approval SET reason = 'x' WHERE id = %s", [found["decided"]])


def test_what_nobody_known_decided_stays_valid_and_binds_nothing_but_itself(kept):
    book = book_in(kept)
    old = asked(kept, book, "user:product-author", "user:product-approver")
    migrate(AFTER)
    assert (persons(kept, old), validated(kept)) == ((None, None), False)
    assert kept.execute("SELECT state FROM runtime_approval WHERE id = %s", [old]).fetchone() == ("approved",)
    fresh = asked(kept, book, "system:cli")
    with pytest.raises(psycopg.errors.CheckViolation, match="two_persons"):
        kept.execute("UPDATE runtime_approval SET state = 'approved', decided_by = 'user:bob' WHERE id = %s", [fresh])
