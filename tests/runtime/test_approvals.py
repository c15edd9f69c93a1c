from __future__ import annotations

from typing import Any
from uuid import UUID

import psycopg
import pytest

from tests.people import person
from yuefu.runtime import approvals, sql
from yuefu.runtime.values import Actor

ALICE, BOB = person("alice"), person("bob")


@pytest.fixture
def asked(make_work: Any) -> UUID:
    with sql.transacting():
        return approvals.request(work=make_work(by=ALICE), action="a", object_kind="o", object_id=None, content={"amount": 5}, reason="why")


def test_a_second_person_decides_once(make_work: Any, asked: UUID) -> None:
    with sql.transacting():
        same = approvals.decide(work=make_work(by=ALICE), approval_id=asked, approve=True, reason="")
        decided = approvals.decide(work=make_work(by=BOB), approval_id=asked, approve=True, reason="fine")
        again = approvals.decide(work=make_work(by=BOB), approval_id=asked, approve=False, reason="")
    assert (same.code, again.code) == ("same_person", "already_decided")  # type: ignore[union-attr]
    assert (decided.state, decided.decided_by, decided.content) == ("approved", "user:bob", {"amount": 5})  # type: ignore[union-attr]


@pytest.mark.parametrize("again", [Actor("api_key", "key_1", ALICE.user_id), Actor("user", "alice-renamed", ALICE.user_id)])
def test_the_same_person_under_another_name_does_not_decide(make_work: Any, asked: UUID, again: Actor) -> None:
    with sql.transacting():
        found = approvals.decide(work=make_work(by=again), approval_id=asked, approve=True, reason="")
    assert found.code == "same_person"  # type: ignore[union-attr]


@pytest.mark.parametrize("nobody", [Actor("system", "cli"), Actor("system", "cli", BOB.user_id), Actor("api_key", "key_2")])
def test_a_decision_needs_a_person(make_work: Any, asked: UUID, nobody: Actor) -> None:
    with sql.transacting():
        found = approvals.decide(work=make_work(by=nobody), approval_id=asked, approve=True, reason="")
    assert found.code == "person_needed"  # type: ignore[union-attr]


def test_the_platform_may_ask_and_any_person_decides(make_work: Any) -> None:
    with sql.transacting():
        wanted = approvals.request(work=make_work(), action="a", object_kind="o", object_id=None, content={}, reason="")
        decided = approvals.decide(work=make_work(by=ALICE), approval_id=wanted, approve=True, reason="")
    assert (decided.requested_by_user, decided.decided_by_user) == (None, ALICE.user_id)  # type: ignore[union-attr]


@pytest.mark.parametrize("label", ["user:alice", "api_key:key_1"])
def test_no_raw_sql_asks_without_a_person(as_role: Any, make_work: Any, label: str) -> None:
    with pytest.raises(psycopg.errors.CheckViolation, match="which person"):
        as_role("default").execute(
            "INSERT INTO runtime_approval (id, book_id, action, object_kind, content, reason, requested_by, requested_at, state,"
            " decision_reason) VALUES (gen_random_uuid(), %s, 'a', 'o', '{}', '', %s, now(), 'waiting', '')",
            [make_work().book.id, label],
        )


def test_a_request_of_another_book_is_unknown(make_work: Any, asked: UUID) -> None:
    from dataclasses import replace
    from uuid import uuid4

    work = make_work(by=BOB)
    with sql.transacting():
        elsewhere = replace(work, book=replace(work.book, id=uuid4()))
        found = approvals.decide(work=elsewhere, approval_id=asked, approve=True, reason="")
    assert found.code == "unknown_approval"  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "change",
    [
        "state = 'approved', decided_by = requested_by",
        "state = 'approved'",
        "decided_by = 'user:bob'",
        "content = '{}'",
        "reason = 'another'",
        "requested_by = 'user:bob', state = 'approved', decided_by = 'user:alice'",
        "state = 'maybe', decided_by = 'user:bob'",
        # Under another label, without a person, as the platform, or as if somebody else had asked.
        "state = 'approved', decided_by = 'api_key:key_1', decided_by_user = requested_by_user",
        "state = 'approved', decided_by = 'user:bob'",
        "state = 'approved', decided_by = 'system:cli', decided_by_user = gen_random_uuid()",
        "state = 'approved', decided_by = 'user:bob', decided_by_user = requested_by_user, requested_by_user = gen_random_uuid()",
        "state = 'approved', decided_by = 'user:bob', decided_by_user = requested_by_user, requested_by_user = NULL",
        "requested_by_user = NULL",
        "decided_by_user = gen_random_uuid()",
    ],
)
def test_no_raw_sql_decides_alone_or_rewrites_a_request(as_role: Any, asked: UUID, change: str) -> None:
    with pytest.raises(psycopg.errors.CheckViolation):
        as_role("default").execute(f"UPDATE runtime_approval SET {change} WHERE id = %s", [asked])


def test_no_raw_sql_undoes_a_decision(as_role: Any, make_work: Any, asked: UUID) -> None:
    with sql.transacting():
        approvals.decide(work=make_work(by=BOB), approval_id=asked, approve=False, reason="")
    for change in ("state = 'approved'", "state = 'waiting', decided_by = NULL", "decided_by = 'user:carol'"):
        connection = as_role("default")
        with pytest.raises(psycopg.errors.CheckViolation):
            connection.execute(f"UPDATE runtime_approval SET {change} WHERE id = %s", [asked])


def test_no_approval_is_born_decided(as_role: Any, make_work: Any) -> None:
    with pytest.raises(psycopg.errors.CheckViolation):
        as_role("default").execute(
            "INSERT INTO runtime_approval (id, book_id, action, object_kind, content, reason, requested_by, requested_at, state,"
            " decided_by, decision_reason) VALUES (gen_random_uuid(), %s, 'a', 'o', '{}', '', 'user:a', now(), 'approved', 'user:b', '')",
            [make_work().book.id],
        )
