from __future__ import annotations

from datetime import date
from typing import Any
from uuid import UUID

import psycopg
import pytest

from yuefu.runtime import runs, sql
from yuefu.runtime.runs import Run
from yuefu.runtime.values import UnitOfWork

FIRST = date(2026, 10, 1)


def start(work: UnitOfWork, *, on: date = FIRST, kind: str = "close_of_day") -> Run:
    with sql.transacting():
        return runs.start(book_id=work.book.id, kind=kind, on=on, steps=["due", "prove"], now=work.now, ids=work.ids, actor="system:test")


def test_a_run_that_stopped_goes_on_where_it_stood(work: UnitOfWork) -> None:
    run = start(work)
    with sql.transacting():
        runs.advance(run_id=run.id, name="due", cursor="17", now=work.now)
        runs.advance(run_id=run.id, name="due", cursor="34", now=work.now)
        runs.finish(run_id=run.id, state="failed", now=work.now)
    again = start(work)
    assert (again.id, again.state) == (run.id, "running")
    assert [(s.name, s.state, s.chunks_done, s.cursor) for s in runs.steps(run.id)] == [
        ("due", "running", 2, "34"),
        ("prove", "waiting", 0, ""),
    ]


def test_a_run_that_is_done_stays_done(work: UnitOfWork) -> None:
    run = start(work)
    with sql.transacting():
        for name in ("due", "prove"):
            runs.finish_step(run_id=run.id, name=name, state="done", detail={"n": 1}, now=work.now)
        runs.finish(run_id=run.id, state="done", now=work.now)
    assert start(work).state == "done"
    assert [s.detail for s in runs.steps(run.id)] == [{"n": 1}, {"n": 1}]
    assert runs.latest(book_id=work.book.id, kind="close_of_day", limit=5) == [(FIRST, "done")]


def test_a_chunk_that_is_rolled_back_was_not_done(work: UnitOfWork) -> None:
    run = start(work)
    with pytest.raises(ZeroDivisionError), sql.transacting():  # noqa: PT012 - the rollback of what went before is the point
        runs.advance(run_id=run.id, name="due", cursor="9", now=work.now)
        raise ZeroDivisionError
    assert runs.steps(run.id)[0].chunks_done == 0


def test_whoever_ends_a_chunk_is_told_whether_one_is_left_that_nobody_has_done(work: UnitOfWork, as_role: Any) -> None:
    run, ranges = start(work), [(UUID(int=n), UUID(int=n)) for n in range(3)]
    with sql.transacting():
        runs.make_chunks(book_id=work.book.id, run_id=run.id, name="due", ranges=ranges)
        assert runs.chunk_done(run_id=run.id, name="due", no=1)
    other = as_role("default")
    other.execute("UPDATE runtime_run_chunk SET done = true WHERE run_id = %s AND no = 2", [run.id])
    with sql.transacting(), sql.undone():
        assert runs.chunk_done(run_id=run.id, name="due", no=3)  # the other one may still break off
    other.commit()
    with sql.transacting():
        assert not runs.chunk_done(run_id=run.id, name="due", no=3)


def test_kinds_of_run_do_not_share_a_day(work: UnitOfWork) -> None:
    assert start(work).id != start(work, kind="settlement").id


def test_a_run_is_of_a_day_that_the_book_has(work: UnitOfWork) -> None:
    with pytest.raises(psycopg.errors.ForeignKeyViolation):
        start(work, on=date(2030, 1, 1))


@pytest.mark.parametrize("change", ["state = 'half'", "on_date = '2030-01-01'", "book_id = gen_random_uuid()"])
def test_no_raw_sql_gives_a_run_another_book_or_day(as_role: Any, work: UnitOfWork, change: str) -> None:
    run = start(work)
    connection = as_role("default")
    with pytest.raises((psycopg.errors.CheckViolation, psycopg.errors.ForeignKeyViolation)):
        connection.execute(f"UPDATE runtime_run SET {change} WHERE id = %s", [run.id])
