from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from tests.people import person
from yuefu.errors import Refused
from yuefu.runtime import approvals, policies, sql
from yuefu.runtime.values import UnitOfWork

ALICE, BOB = person("alice"), person("bob")


@pytest.fixture
def asked(make_work: Any) -> UUID:
    """`rate` is 5 from the 1st; alice asks for 7 from the 10th."""
    work = make_work(by=ALICE)
    with sql.transacting():
        policies.establish(work=work, name="rate", value={"pct": 5}, valid_from=date(2026, 10, 1))
        proposal = policies.propose(work=work, name="rate", value={"pct": 7}, valid_from=date(2026, 10, 10), reason="market")
    assert isinstance(proposal, UUID)
    return proposal


def decide(work: UnitOfWork, approval_id: UUID, *, approve: bool = True) -> Any:
    with sql.transacting():
        return policies.decide(work=work, approval_id=approval_id, approve=approve, reason="seen")


def test_a_change_is_in_force_from_its_date_once_a_second_person_approved(make_work: Any, asked: UUID) -> None:
    work = make_work(by=BOB)

    def on(day: int) -> Any:
        return policies.in_force(book_id=work.book.id, name="rate", on=date(2026, 10, day))

    assert on(30) == (1, {"pct": 5})
    assert decide(work, asked) == 2
    assert (on(9), on(10)) == ((1, {"pct": 5}), (2, {"pct": 7}))
    with pytest.raises(policies.MissingSetting):
        policies.in_force(book_id=work.book.id, name="rate", on=date(2026, 9, 30))


def test_no_version_begins_in_the_past(make_work: Any, asked: UUID) -> None:
    later = make_work(by=BOB)
    later = replace(later, day=replace(later.day, on=date(2026, 10, 11)))
    with sql.transacting():
        refused = policies.propose(work=replace(later, by=ALICE), name="rate", value=1, valid_from=date(2026, 10, 10), reason="")
    assert isinstance(refused, Refused)
    assert refused.code == "valid_from_passed"
    assert decide(later, asked).code == "valid_from_passed"
    assert decide(later, asked, approve=False) == 1


def test_who_asked_never_decides(make_work: Any, asked: UUID) -> None:
    assert decide(make_work(by=ALICE), asked).code == "same_person"
    assert decide(make_work(by=BOB), asked, approve=False) == 1
    assert decide(make_work(by=BOB), asked).code == "already_decided"


def test_an_approval_of_something_else_is_none_for_a_setting(make_work: Any) -> None:
    with sql.transacting():
        other = approvals.request(
            work=make_work(by=ALICE), action="refund", object_kind="order", object_id=None, content={"name": "rate"}, reason=""
        )
        found = policies.decide(work=make_work(by=BOB), approval_id=other, approve=True, reason="")
        unknown = policies.decide(work=make_work(by=BOB), approval_id=uuid4(), approve=True, reason="")
    assert isinstance(found, Refused)
    assert isinstance(unknown, Refused)
    assert (found.code, unknown.code) == ("unknown_approval", "unknown_approval")
    assert sql.value("SELECT state FROM runtime_approval WHERE id = %s", [other]) == "waiting"


def test_a_setting_that_was_never_given_cannot_be_changed(make_work: Any) -> None:
    with sql.transacting():
        refused = policies.propose(work=make_work(), name="none", value=1, valid_from=date(2026, 10, 1), reason="")
    assert isinstance(refused, Refused)
    assert refused.code == "unknown_setting"


NEW = (
    "INSERT INTO runtime_setting (id, book_id, name, version, value, valid_from, approval_id, recorded_at)"
    " VALUES (gen_random_uuid(), %(book)s, 'rate', %(version)s, %(value)s, '2026-10-10', %(approval)s, now())"
)


@pytest.mark.parametrize(
    ("version", "value", "approved", "named"),
    [
        (2, '{"pct": 7}', True, False),
        (2, '{"pct": 7}', False, True),
        (2, '{"pct": 99}', True, True),
        (3, '{"pct": 7}', True, True),
        (1, '{"pct": 7}', True, True),
    ],
)
def test_no_raw_sql_changes_a_setting_otherwise_than_approved(
    as_role: Any, make_work: Any, asked: UUID, version: int, value: str, approved: bool, named: bool
) -> None:
    work = make_work(by=BOB)
    if approved:
        with sql.transacting():
            approvals.decide(work=work, approval_id=asked, approve=True, reason="")
    with pytest.raises((psycopg.errors.CheckViolation, psycopg.errors.UniqueViolation)):
        as_role("default").execute(NEW, {"book": work.book.id, "version": version, "value": value, "approval": asked if named else None})


def test_one_approval_changes_a_setting_once(as_role: Any, make_work: Any, asked: UUID) -> None:
    work = make_work(by=BOB)
    decide(work, asked)
    with pytest.raises(psycopg.errors.UniqueViolation):
        as_role("default").execute(NEW, {"book": work.book.id, "version": 3, "value": '{"pct": 7}', "approval": asked})
