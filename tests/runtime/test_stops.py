"""Stops: imposed by one person, in force until the very second they end, lifted once, and never rewritten, by raw SQL either."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from tests.people import person
from yuefu import ids as public
from yuefu.errors import Refused
from yuefu.ids import IdSource
from yuefu.runtime import days, sql, stops
from yuefu.runtime.stops import READ_ONLY, WHOLE_BOOK, Lift, NewStop, Stop
from yuefu.runtime.values import Book, UnitOfWork, system_actor

ALICE, BOB = person("alice"), person("bob")


def new(key: str = "k", action: str = "dance", dimension: str = "", value: str = "", **other: Any) -> NewStop:
    return NewStop(key, action, dimension, value, **{"reason": "too loud", **other})


def imposed(work: UnitOfWork, *wanted: NewStop) -> list[Stop]:
    with sql.transacting():
        outcomes = stops.impose(work=work, stops=wanted)
    assert all(isinstance(one, Stop) for one in outcomes), outcomes
    return [one for one in outcomes if isinstance(one, Stop)]


def lifted(work: UnitOfWork, stop_id: UUID, reason: str = "quiet again") -> Stop | Refused:
    with sql.transacting():
        return stops.lift(work=work, lifts=[Lift(stop_id, reason)])[0]


def working(book: Book, now: datetime, ids: IdSource) -> UnitOfWork | Refused:
    with sql.transacting():
        return days.working(book=book, now=now, by=system_actor("test"), ids=ids)


def told(book_id: UUID) -> list[tuple[Any, ...]]:
    return sql.rows("SELECT type, seq, snapshot, changed, key FROM runtime_outbox WHERE book_id = %s ORDER BY id", [book_id])


def test_a_stop_is_in_force_until_the_very_second_it_ends(make_work: Any) -> None:
    work = make_work(by=ALICE)
    ends = work.now + timedelta(hours=2)
    (stop,) = imposed(work, new(expires_at=ends))
    asked = [work.now, ends - timedelta(microseconds=1), ends, ends + timedelta(days=1)]
    assert [len(stops.in_force(book_id=work.book.id, now=now)) for now in asked] == [1, 1, 0, 0]
    assert [stop.in_force(now) for now in asked] == [True, True, False, False]
    (late,) = [lifted(replace(work, now=ends), stop.id)]
    assert late == Refused("already_over", late.detail, "stop_id")  # type: ignore[union-attr]


def test_a_stop_without_an_end_is_lifted_once_and_says_by_whom(make_work: Any) -> None:
    work = make_work(by=ALICE)
    (stop,) = imposed(work, new())
    later = make_work(by=BOB, at=(work.now + timedelta(hours=1)).time())
    done = lifted(later, stop.id)
    assert isinstance(done, Stop)
    assert (done.set_by, done.lifted_by, done.lifted_at, done.lift_reason) == ("user:alice", "user:bob", later.now, "quiet again")
    assert stops.in_force(book_id=work.book.id, now=later.now) == []
    assert lifted(later, stop.id).code == "already_lifted"  # type: ignore[union-attr]
    assert stops.listed(book_id=work.book.id) == [done]


def test_only_what_is_named_is_stopped_and_several_stops_stand_beside_each_other(make_work: Any) -> None:
    work = make_work(by=ALICE)
    first, *_ = imposed(
        work, new("a", dimension="hall", value="big"), new("b", dimension="hall", value="big"), new("c", dimension="hall", value="small"),
        new("d", action="sing"),
    )  # fmt: skip
    assert stops.targets(book_id=work.book.id, action="dance", now=work.now) == {("hall", "big"), ("hall", "small")}
    assert stops.targets(book_id=work.book.id, action="sing", now=work.now) == {WHOLE_BOOK}
    lifted(work, first.id)
    assert ("hall", "big") in stops.targets(book_id=work.book.id, action="dance", now=work.now)


def test_what_is_not_meant_so_is_refused_and_the_key_stays_free(make_work: Any) -> None:
    work = make_work(by=ALICE)
    with sql.transacting():
        outcomes = stops.impose(
            work=work,
            stops=[new("a", reason=" "), new("b", reason="x" * 501), new("c", expires_at=work.now), new("d"), new("d", action="sing")],
        )
    codes = [one.code if isinstance(one, Refused) else "" for one in outcomes]
    assert codes == ["reason_invalid", "reason_invalid", "expires_in_the_past", "", "key_reused"]
    (mended, again) = imposed(work, new("a"), new("d"))
    assert mended.reason == "too loud"
    assert again.id == outcomes[3].id  # type: ignore[union-attr]
    assert lifted(work, again.id, "\n").code == "reason_invalid"  # type: ignore[union-attr]
    assert lifted(work, uuid4()).code == "unknown_stop"  # type: ignore[union-attr]


def test_both_are_told_and_kept_in_the_trail(make_work: Any) -> None:
    work = make_work(by=ALICE)
    other = uuid4()
    (stop,) = imposed(work, new("once", dimension="hall", value=str(other)))
    lifted(work, stop.id)
    (begun, ended) = told(work.book.id)
    assert (begun[0], begun[1], begun[4]) == ("stop.set", 1, "once")
    assert (begun[2]["id"], begun[2]["value"], begun[2]["value_id"], begun[2]["reason"]) == (str(stop.id), "", str(other), "too loud")
    assert (ended[0], ended[1], ended[2]["lifted_by"]) == ("stop.lifted", 2, "user:alice")
    assert ended[3] == {"lifted_by": None, "lifted_at": None, "lift_reason": ""}
    trail = sql.rows(
        "SELECT actor, action, detail FROM runtime_audit WHERE book_id = %s AND object_kind = 'stop' ORDER BY id", [work.book.id]
    )
    assert trail == [("user:alice", "stop.set", {str(stop.id): "too loud"}), ("user:alice", "stop.lifted", {str(stop.id): "quiet again"})]


def test_nobody_works_in_a_read_only_book_until_the_very_second_it_ends(make_work: Any, book: Book, ids: IdSource) -> None:
    work = make_work(by=ALICE)
    ends = work.now + timedelta(minutes=30)
    (stop,) = imposed(work, new(action=READ_ONLY, reason="moving house", expires_at=ends))
    refused = working(book, ends - timedelta(microseconds=1), ids)
    assert isinstance(refused, Refused)
    assert refused.code == "read_only"
    assert public.text("stop", stop.id) in refused.detail
    assert "moving house" not in refused.detail, "merchants are told this as well"
    assert isinstance(working(book, ends, ids), UnitOfWork)


def test_another_stop_or_another_book_keeps_nobody_out(make_work: Any, book: Book, ids: IdSource) -> None:
    work = make_work(by=ALICE)
    imposed(work, new())
    assert isinstance(working(book, work.now, ids), UnitOfWork)
    imposed(work, new("r", action=READ_ONLY))
    with sql.transacting():
        assert days.working(book=replace(book, id=uuid4()), now=work.now, by=ALICE, ids=ids).code == "no_open_day"  # type: ignore[union-attr]
        assert isinstance(days.working(book=book, now=work.now, by=ALICE, ids=ids, though_read_only=True), UnitOfWork)


@pytest.mark.parametrize(
    "change",
    [
        "action = 'sing'", "dimension = 'hall', value = 'big'", "reason = 'other'", "expires_at = now()", "set_at = now()",
        "set_by = 'user:bob'", "set_by_user = gen_random_uuid()", "book_id = gen_random_uuid()", "id = gen_random_uuid()",
        "lifted_by = 'user:bob', lifted_by_user = gen_random_uuid(), lifted_at = set_at",  # without a reason
        "lifted_by = 'user:bob', lifted_at = set_at, lift_reason = 'r'",  # without a person
        "lifted_by = 'user:bob', lifted_by_user = gen_random_uuid(), lifted_at = set_at - interval '1 s', lift_reason = 'r'",
        "lifted_at = set_at, lift_reason = 'r'",
        "lifted_by = 'user:bob', lifted_by_user = gen_random_uuid(), lifted_at = set_at, lift_reason = 'r', reason = 'other'",
    ],
)  # fmt: skip
def test_no_raw_sql_rewrites_a_stop(as_role: Any, make_work: Any, change: str) -> None:
    (stop,) = imposed(make_work(by=ALICE), new())
    with pytest.raises((psycopg.errors.CheckViolation, psycopg.errors.ForeignKeyViolation)):
        as_role("default").execute(f"UPDATE runtime_stop SET {change} WHERE id = %s", [stop.id])


@pytest.mark.parametrize(
    "change", ["lifted_at = lifted_at + interval '1 s'", "lifted_by = NULL, lifted_by_user = NULL, lifted_at = NULL, lift_reason = ''"]
)
def test_no_raw_sql_brings_a_stop_back_or_lifts_it_twice(as_role: Any, make_work: Any, change: str) -> None:
    work = make_work(by=ALICE)
    (stop,) = imposed(work, new())
    lifted(work, stop.id)
    with pytest.raises(psycopg.errors.CheckViolation, match="lifted once"):
        as_role("default").execute(f"UPDATE runtime_stop SET {change} WHERE id = %s", [stop.id])


def test_no_raw_sql_lifts_what_is_over(as_role: Any, make_work: Any) -> None:
    work = make_work(by=ALICE)
    (stop,) = imposed(work, new(expires_at=work.now + timedelta(hours=1)))
    lift = "UPDATE runtime_stop SET lifted_by = 'system:x', lifted_at = expires_at, lift_reason = 'r' WHERE id = %s"
    with pytest.raises(psycopg.errors.CheckViolation, match="while it is in force"):
        as_role("default").execute(lift, [stop.id])


@pytest.mark.parametrize("statement", ["DELETE FROM runtime_stop", "TRUNCATE runtime_stop"])
@pytest.mark.parametrize("role", ["default", "staff", "reader"])
def test_no_login_removes_a_stop(as_role: Any, role: str, statement: str) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        as_role(role).execute(statement)


@pytest.mark.parametrize(
    ("columns", "values"),
    [
        ("lifted_by, lifted_at, lift_reason", "'system:x', now(), 'r'"),  # over before it began
        ("expires_at", "now() - interval '1 day'"),
        ("dimension", "'hall'"),
        ("value", "'big'"),
        ("action", "''"),
        ("reason", "''"),
        ("set_by", "'user:nobody'"),
    ],
)
def test_no_stop_is_born_in_another_way(as_role: Any, make_work: Any, columns: str, values: str) -> None:
    given = {"action": "'a'", "dimension": "''", "value": "''", "reason": "'r'", "set_by": "'system:x'"}
    given |= dict(zip(columns.split(", "), values.split(", "), strict=True))
    with pytest.raises(psycopg.errors.CheckViolation):
        as_role("default").execute(
            f"INSERT INTO runtime_stop (id, book_id, set_at, {', '.join(given)}) VALUES (gen_random_uuid(), %s, now(), {', '.join(given.values())})",
            [make_work().book.id],
        )


def test_a_stop_is_of_a_book_that_exists(as_role: Any) -> None:
    with pytest.raises(psycopg.errors.ForeignKeyViolation):
        as_role("default").execute(
            "INSERT INTO runtime_stop (id, book_id, action, dimension, value, reason, set_by, set_at)"
            " VALUES (gen_random_uuid(), gen_random_uuid(), 'a', '', '', 'r', 'system:x', now())"
        )


def test_staff_see_the_stops_of_their_book_only(make_work: Any) -> None:
    work = make_work(by=ALICE)
    (stop,) = imposed(work, new())
    with sql.reading(book_id=work.book.id):
        assert sql.rows("SELECT id FROM runtime_stop") == [(stop.id,)]
        assert stops.in_force(book_id=work.book.id, now=work.now) == [stop]
    with sql.reading(book_id=uuid4()):
        assert sql.rows("SELECT id FROM runtime_stop") == []
    with pytest.raises(psycopg.errors.InsufficientPrivilege), sql.reading(merchant_id=uuid4()):
        sql.rows("SELECT id FROM runtime_stop")
