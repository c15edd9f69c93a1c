"""Runs: day work as a stored list of steps, each in chunks, each chunk one transaction. A stopped run goes on where it stood."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from yuefu.ids import IdSource
from yuefu.runtime import locks, sql
from yuefu.runtime.jsontext import dumps


@dataclass(frozen=True, slots=True)
class Step:
    name: str
    state: str
    chunks_done: int
    cursor: str
    detail: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Run:
    id: UUID
    book_id: UUID
    kind: str
    on: date
    state: str


def start(*, book_id: UUID, kind: str, on: date, steps: Sequence[str], now: datetime, ids: IdSource, actor: str) -> Run:
    """Begins the run of a kind and day, or finds the one begun before."""
    sql.run(
        "INSERT INTO runtime_run (id, book_id, kind, on_date, state, started_at, actor) VALUES (%s, %s, %s, %s, 'running', %s, %s)"
        " ON CONFLICT (book_id, kind, on_date) DO UPDATE SET state = CASE WHEN runtime_run.state = 'done' THEN 'done' ELSE 'running' END",
        [ids.new(now), book_id, kind, on, now, actor],
    )
    found = sql.rows_as(
        Run,
        "SELECT id, book_id, kind, on_date, state FROM runtime_run WHERE book_id = %s AND kind = %s AND on_date = %s",
        [book_id, kind, on],
    )[0]
    columns = {
        "run_id": "uuid",
        "book_id": "uuid",
        "seq": "smallint",
        "name": "text",
        "state": "text",
        "chunks_done": "integer",
        "cursor": "text",
        "detail": "jsonb",
    }
    values = [(found.id, book_id, seq, name, "waiting", 0, "", "{}") for seq, name in enumerate(steps, start=1)]
    sql.insert("runtime_run_step", columns, values, suffix="ON CONFLICT DO NOTHING")
    return found


def steps(run_id: UUID) -> list[Step]:
    return sql.rows_as(
        Step, "SELECT name, state, chunks_done, cursor, detail FROM runtime_run_step WHERE run_id = %s ORDER BY seq", [run_id]
    )


def take_turn(*, run_id: UUID, name: str) -> Step:
    """A step as it stands, in the transaction of its next chunk. Whoever works on the same run at the same time waits here, and goes on
    where we stop.
    """
    locks.wait(locks.RUN, run_id)
    return next(step for step in steps(run_id) if step.name == name)


def advance(*, run_id: UUID, name: str, cursor: str, now: datetime) -> None:
    """Notes one more chunk of a step as done, in the transaction of the chunk."""
    sql.run(
        "UPDATE runtime_run_step SET state = 'running', chunks_done = chunks_done + 1, cursor = %s, started_at = coalesce(started_at, %s)"
        " WHERE run_id = %s AND name = %s",
        [cursor, now, run_id, name],
    )


def finish_step(*, run_id: UUID, name: str, state: str, detail: Mapping[str, Any], now: datetime) -> None:
    """A step ends: `done`, or `failed` with what was found."""
    sql.run(
        "UPDATE runtime_run_step SET state = %s, detail = %s, started_at = coalesce(started_at, %s), finished_at = %s WHERE run_id = %s AND name = %s",
        [state, dumps(detail), now, now, run_id, name],
    )


def finish(*, run_id: UUID, state: str, now: datetime) -> None:
    sql.run("UPDATE runtime_run SET state = %s, finished_at = %s WHERE id = %s", [state, now, run_id])


def end_overtaken(*, book_id: UUID, kind: str, before: date, needs: str, now: datetime) -> int:
    """Ends the runs of a kind and earlier days that broke off and that nobody will go on with: `done` where their step `needs` is done,
    `failed` otherwise; their steps go on saying where they stood. Returns how many.
    """
    return sql.run(
        "UPDATE runtime_run AS r SET finished_at = %s, state = CASE WHEN EXISTS (SELECT FROM runtime_run_step AS s"
        " WHERE s.run_id = r.id AND s.name = %s AND s.state = 'done') THEN 'done' ELSE 'failed' END"
        " WHERE r.book_id = %s AND r.kind = %s AND r.on_date < %s AND r.state = 'running'",
        [now, needs, book_id, kind, before],
    )


def latest(*, book_id: UUID, kind: str, limit: int) -> list[tuple[date, str]]:
    """Day and state of the latest runs of a kind, newest first."""
    found = sql.rows(
        "SELECT on_date, state FROM runtime_run WHERE book_id = %s AND kind = %s ORDER BY on_date DESC LIMIT %s", [book_id, kind, limit]
    )
    return [(row[0], row[1]) for row in found]
