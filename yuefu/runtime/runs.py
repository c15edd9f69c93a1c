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
    (found,) = sql.rows_as(
        Run,
        "INSERT INTO runtime_run (id, book_id, kind, on_date, state, started_at, actor) VALUES (%s, %s, %s, %s, 'running', %s, %s)"
        " ON CONFLICT (book_id, kind, on_date) DO UPDATE SET state = CASE WHEN runtime_run.state = 'done' THEN 'done' ELSE 'running' END"
        " RETURNING id, book_id, kind, on_date, state",
        [ids.new(now), book_id, kind, on, now, actor],
    )
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
    return turn(run_id=run_id)[name]


def turn(*, run_id: UUID) -> dict[str, Step]:
    """All steps of a run as they stand, by name; as `take_turn`."""
    locks.wait(locks.RUN, run_id)
    return {step.name: step for step in steps(run_id)}


def advance(*, run_id: UUID, name: str, cursor: str, now: datetime) -> None:
    """Notes one more chunk of a step as done, in the transaction of the chunk."""
    sql.run(
        "UPDATE runtime_run_step SET state = 'running', chunks_done = chunks_done + 1, cursor = %s, started_at = coalesce(started_at, %s)"
        " WHERE run_id = %s AND name = %s",
        [cursor, now, run_id, name],
    )


@dataclass(frozen=True, slots=True)
class Chunk:
    """A part of a step: the rows whose ids lie from `first` to `last`."""

    no: int
    first: UUID
    last: UUID


def make_chunks(*, book_id: UUID, run_id: UUID, name: str, ranges: Sequence[tuple[UUID, UUID]]) -> None:
    """The chunks of a step, for any number of workers. Call it when it is our turn (`take_turn`) and there are none yet."""
    columns = {"no": "integer", "first_id": "uuid", "last_id": "uuid"}
    same = {"run_id": ("uuid", run_id), "book_id": ("uuid", book_id), "name": ("text", name), "done": ("boolean", False)}
    sql.insert("runtime_run_chunk", columns, [(no, first, last) for no, (first, last) in enumerate(ranges, start=1)], same=same)


def take_chunk(*, run_id: UUID, name: str, wait: bool) -> Chunk | None:
    """A chunk that nobody has done, locked until the transaction ends: one that nobody works on, or with `wait` one whose worker broke off while
    we waited for it. None where there is none left."""
    found = sql.rows_as(
        Chunk,
        "SELECT no, first_id, last_id FROM runtime_run_chunk WHERE run_id = %s AND name = %s AND NOT done ORDER BY no LIMIT 1 FOR NO KEY UPDATE"
        f"{'' if wait else ' SKIP LOCKED'}",
        [run_id, name],
    )
    return found[0] if found else None


def chunk_done(*, run_id: UUID, name: str, no: int) -> bool:
    """Notes a chunk as done, in its transaction. Whether there is one left that nobody has done, though somebody may be at work on it."""
    left: bool = sql.value(
        "UPDATE runtime_run_chunk SET done = true WHERE run_id = %(run)s AND name = %(name)s AND no = %(no)s RETURNING EXISTS"
        " (SELECT FROM runtime_run_chunk AS c WHERE c.run_id = %(run)s AND c.name = %(name)s AND c.no <> %(no)s AND NOT c.done)",
        {"run": run_id, "name": name, "no": no},
    )
    return left


def chunks_done(*, run_id: UUID, name: str) -> tuple[int, int]:
    """How many chunks of a step are done, and how many there are."""
    ((done, total),) = sql.rows(
        "SELECT count(*) FILTER (WHERE done), count(*) FROM runtime_run_chunk WHERE run_id = %s AND name = %s", [run_id, name]
    )
    return done, total


def finish_step(*, run_id: UUID, name: str, state: str, detail: Mapping[str, Any], now: datetime) -> None:
    """A step ends: `done`, or `failed` with what was found."""
    finish_steps(run_id=run_id, names=[name], state=state, detail=detail, now=now)


def finish_steps(*, run_id: UUID, names: Sequence[str], state: str, detail: Mapping[str, Any], now: datetime) -> None:
    """Several steps end alike."""
    sql.run(
        "UPDATE runtime_run_step SET state = %s, detail = %s, started_at = coalesce(started_at, %s), finished_at = %s"
        " WHERE run_id = %s AND name = ANY(%s)",
        [state, dumps(detail), now, now, run_id, list(names)],
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


@dataclass(frozen=True, slots=True)
class Seen:
    """A run as somebody sees who looks on. `took_s` are seconds of the machine since it began, or went on after it had failed, until it ended."""

    id: UUID
    on: date
    state: str
    actor: str
    started_at: datetime
    finished_at: datetime | None
    took_s: float | None


def seen(*, book_id: UUID, kind: str, limit: int) -> list[Seen]:
    """The latest runs of a kind, newest day first."""
    return sql.rows_as(
        Seen,
        "SELECT id, on_date, state, actor, started_at, finished_at,"
        " extract(epoch FROM coalesce(worked_until, clock_timestamp()) - worked_from)::float8 FROM runtime_run"
        " WHERE book_id = %s AND kind = %s ORDER BY on_date DESC LIMIT %s",
        [book_id, kind, limit],
    )


def latest(*, book_id: UUID, kind: str, limit: int) -> list[tuple[date, str]]:
    """Day and state of the latest runs of a kind, newest first."""
    found = sql.rows(
        "SELECT on_date, state FROM runtime_run WHERE book_id = %s AND kind = %s ORDER BY on_date DESC LIMIT %s", [book_id, kind, limit]
    )
    return [(row[0], row[1]) for row in found]


def on_day(*, book_id: UUID, kind: str, on: date) -> tuple[str, list[Step]] | None:
    """State and steps of the run of a day; None where nobody has begun it."""
    found = sql.rows("SELECT id, state FROM runtime_run WHERE book_id = %s AND kind = %s AND on_date = %s", [book_id, kind, on])
    return (found[0][1], steps(found[0][0])) if found else None
