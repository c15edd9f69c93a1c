"""Writes of the sandbox: clocks and their advances, and who behaves how."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from yuefu import ids
from yuefu.errors import Refused
from yuefu.runtime import audit, keys, locks, outbox, sql
from yuefu.runtime.jsontext import dumps
from yuefu.runtime.outbox import Event
from yuefu.runtime.values import Actor, UnitOfWork
from yuefu.sandbox import queries
from yuefu.sandbox.rules import clocks as rules
from yuefu.sandbox.rules.clocks import Advance, TestClock
from yuefu.sandbox.rules.matrix import Cell, Outcome

_CREATE: Final = "sandbox.create_clock"
_ADVANCE: Final = "sandbox.advance_clock"


@dataclass(frozen=True, slots=True)
class NewClock:
    """A test clock that stands at `frozen_at`."""

    key: str
    merchant_id: UUID
    frozen_at: datetime
    name: str = ""
    by: Actor | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class AdvanceRequest:
    """Take a clock of a merchant forward to a moment."""

    key: str
    merchant_id: UUID
    clock_id: UUID
    to_at: datetime
    by: Actor | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Deletion:
    """Delete a clock, of a merchant where it is named."""

    clock_id: UUID
    merchant_id: UUID | None = None
    by: Actor | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Made:
    """What a clock has got: its book, the merchant in there, and the API key of that merchant."""

    clock_id: UUID
    clock_book_id: UUID
    shop_id: UUID
    key_id: UUID


@dataclass(frozen=True, slots=True)
class Registered:
    """Somebody of the sandbox who was registered as a consumer."""

    consumer_id: UUID
    merchant_id: UUID
    email: str
    behaviour: str


def create_clocks(*, work: UnitOfWork, requests: Sequence[NewClock], unfit: Mapping[int, Refused]) -> list[TestClock | Refused]:
    """Notes clocks that are to be made; a known key returns its clock as it stands. `unfit` are those, by place, that cannot be made for what stands in
    other packages. Refused with those, with TEST_MODE_ONLY, OWN_BOOK_ONLY, FROZEN_TIME_INVALID,
    NAME_INVALID or TOO_MANY_CLOCKS, none of which uses up the key, or with key_reused.
    """
    new_ids = work.ids.many(work.now, len(requests))
    locks.wait_for_each(locks.TEST_CLOCKS, [request.merchant_id for request in requests])
    left = {merchant: rules.MOST_CLOCKS - queries.kept_count(merchant_id=merchant) for merchant in {r.merchant_id for r in requests}}

    def validate(fresh: list[int]) -> dict[int, Refused]:
        faults: dict[int, Refused] = {}
        for i in fresh:
            fault = _fault(work, requests[i]) or unfit.get(i) or (_too_many() if left[requests[i].merchant_id] < 1 else None)
            if fault:
                faults[i] = fault
            else:
                left[requests[i].merchant_id] -= 1
        return faults

    def decide(fresh: list[int]) -> Mapping[int, TestClock | Refused]:
        _insert(work, [(new_ids[i], requests[i]) for i in fresh])
        made = queries.clocks(ids=[new_ids[i] for i in fresh])
        return {i: made[new_ids[i]] for i in fresh}

    return keys.answer(
        work=work,
        scope=[keys.scope_of(_CREATE, request.merchant_id) for request in requests],
        requests=requests,
        object_ids=new_ids,
        validate=validate,
        decide=decide,
        recall=lambda known: queries.clocks(ids=known),
    )


def _fault(work: UnitOfWork, new: NewClock) -> Refused | None:
    if work.book.mode != "test":
        return Refused(rules.TEST_MODE_ONLY, "a live book has no clock but the world's: use a test key")
    if work.book.of_clock:
        return Refused(rules.OWN_BOOK_ONLY, "this key is of a test clock: make another clock with the key of your own test book")
    return rules.name_fault(new.name) or rules.time_fault(new.frozen_at, work.now)


def _too_many() -> Refused:
    return Refused(rules.TOO_MANY_CLOCKS, f"a merchant keeps at most {rules.MOST_CLOCKS} test clocks: delete one that is not needed")


def _insert(work: UnitOfWork, fresh: Sequence[tuple[UUID, NewClock]]) -> None:
    columns = {
        "id": "uuid", "merchant_id": "uuid", "name": "text", "state": "text", "frozen_at": "timestamptz", "at": "timestamptz",
        "asker_id": "uuid", "revision": "integer",
    }  # fmt: skip
    rows = [(row, new.merchant_id, new.name, "making", new.frozen_at, new.frozen_at, _asker(new), 1) for row, new in fresh]
    sql.insert("sandbox_test_clock", columns, rows, same={"book_id": ("uuid", work.book.id)})
    audit.record(work=work, action="sandbox.create_clocks", object_kind="test_clock", object_ids=[row for row, _ in fresh])
    outbox.emit(work=work, events=[_event("created", clock) for clock in queries.clocks(ids=[row for row, _ in fresh]).values()])


def _asker(new: NewClock) -> UUID | None:
    return ids.parse("api_key", new.by.name) if new.by and new.by.kind == "api_key" else None


def _event(what: str, clock: TestClock, before: TestClock | None = None, **more: Any) -> Event:
    snapshot = {"id": clock.id, "merchant_id": clock.merchant_id, "name": clock.name, "state": clock.state, "at": clock.at}
    changed = outbox.changes({"state": before.state, "at": before.at}, snapshot) if before else None
    return Event(f"test_clock.{what}", "test_clock", clock.id, clock.revision, {**snapshot, **more}, changed=changed)


def clocks_made(*, work: UnitOfWork, made: Sequence[Made]) -> None:
    """making → ready. One that is ready already, or was deleted meanwhile, stays as it is."""
    standing = queries.clocks(ids=[one.clock_id for one in made], book_id=work.book.id, lock=True)
    fresh = [one for one in made if standing[one.clock_id].state == "making"]
    rows = [(one.clock_id, one.clock_book_id, one.shop_id, one.key_id, "ready") for one in fresh]
    columns = {"id": "uuid", "clock_book_id": "uuid", "shop_id": "uuid", "key_id": "uuid", "state": "text"}
    _change(work, "ready", columns, rows, [standing[one.clock_id] for one in fresh])


def advance_clocks(*, work: UnitOfWork, requests: Sequence[AdvanceRequest]) -> list[Advance | Refused]:
    """ready or failed → advancing. A known key returns its advance as it stands. Refused with UNKNOWN_CLOCK or the codes of `rules.advance_fault`, none
    of which uses up the key, or with key_reused.
    """
    new_ids = work.ids.many(work.now, len(requests))
    standing = queries.clocks(ids=[request.clock_id for request in requests], book_id=work.book.id, lock=True)

    def validate(fresh: list[int]) -> dict[int, Refused]:
        faults: dict[int, Refused] = {}
        taken: set[UUID] = set()
        for i in fresh:
            clock = standing.get(requests[i].clock_id)
            if clock is None or clock.merchant_id != requests[i].merchant_id:
                faults[i] = Refused(rules.UNKNOWN_CLOCK, "there is no such test clock", "clock_id")
                continue
            stands = replace(clock, state="advancing") if clock.id in taken else clock
            if fault := rules.advance_fault(stands, requests[i].to_at, work.now):
                faults[i] = fault
            else:
                taken.add(clock.id)
        return faults

    def decide(fresh: list[int]) -> Mapping[int, Advance | Refused]:
        _begin(work, [(new_ids[i], requests[i], standing[requests[i].clock_id]) for i in fresh])
        begun = queries.advances(ids=[new_ids[i] for i in fresh])
        return {i: begun[new_ids[i]] for i in fresh}

    return keys.answer(
        work=work,
        scope=[keys.scope_of(_ADVANCE, request.merchant_id) for request in requests],
        requests=requests,
        object_ids=new_ids,
        validate=validate,
        decide=decide,
        recall=lambda known: queries.advances(ids=known),
    )


def _begin(work: UnitOfWork, fresh: Sequence[tuple[UUID, AdvanceRequest, TestClock]]) -> None:
    columns = {
        "id": "uuid", "merchant_id": "uuid", "clock_id": "uuid", "from_at": "timestamptz", "to_at": "timestamptz", "state": "text",
        "reached_at": "timestamptz", "days": "integer", "days_done": "integer", "failure_code": "text", "failure_detail": "text",
    }  # fmt: skip
    tz = work.book.tz
    rows = [
        (
            row,
            asked.merchant_id,
            clock.id,
            clock.at,
            asked.to_at,
            "running",
            clock.at if clock.state == "failed" else None,
            rules.days_between(clock.at, asked.to_at, tz),
            0,
            "",
            "",
        )  # What failed at a moment is done again at that moment.
        for row, asked, clock in fresh
    ]
    sql.insert("sandbox_advance", columns, rows, same={"book_id": ("uuid", work.book.id)})
    standing = [clock for _, _, clock in fresh]
    _change(work, "advancing", {"id": "uuid", "state": "text"}, [(clock.id, "advancing") for clock in standing], standing, used=True)


def reach(*, advance: Advance, at: datetime, days_done: int) -> None:
    """Notes that the work of a moment begins, and that the clock stands there. Once a moment: it writes no trail, for what is done then does."""
    sql.run("UPDATE sandbox_advance SET reached_at = %s, days_done = %s WHERE id = %s", [at, days_done, advance.id])
    sql.run("UPDATE sandbox_test_clock SET at = greatest(at, %s) WHERE id = %s", [at, advance.clock_id])


def end_advance(*, work: UnitOfWork, advance: Advance, failure: Refused | None = None) -> None:
    """advancing → ready, at the time that was asked for; or failed, where it stands. Again, it changes nothing."""
    standing = queries.clocks(ids=[advance.clock_id], book_id=work.book.id, lock=True)[advance.clock_id]
    state = "failed" if failure else "done"
    code, detail = (failure.code, failure.detail) if failure else ("", "")
    days = advance.days_done if failure else advance.days
    ended = sql.run(
        "UPDATE sandbox_advance SET state = %s, days_done = %s, failure_code = %s, failure_detail = %s, ended_at = now(),"
        " reached_at = coalesce(%s, reached_at) WHERE id = %s AND state = 'running'",
        [state, days, code, detail, None if failure else advance.to_at, advance.id],
    )
    if ended and standing.state == "advancing":
        at = standing.at if failure else advance.to_at
        row = (standing.id, "failed" if failure else "ready", at)
        _change(work, row[1], {"id": "uuid", "state": "text", "at": "timestamptz"}, [row], [standing], used=True, failure_code=code)


def delete_clocks(*, work: UnitOfWork, deletions: Sequence[Deletion]) -> list[TestClock | Refused]:
    """→ deleted. Each as it stood before; again, it is deleted. Refused with UNKNOWN_CLOCK, or with CLOCK_BUSY where it advances."""
    standing = queries.clocks(ids=[one.clock_id for one in deletions], book_id=work.book.id, lock=True)
    outcomes: list[TestClock | Refused] = []
    for one in deletions:
        clock = standing.get(one.clock_id)
        if clock is None or one.merchant_id not in (None, clock.merchant_id):
            outcomes.append(Refused(rules.UNKNOWN_CLOCK, "there is no such test clock", "clock_id"))
        elif clock.state == "advancing":
            outcomes.append(Refused(rules.CLOCK_BUSY, "this test clock is advancing; wait until it is ready"))
        else:
            outcomes.append(clock)
    going = {one.id: one for one in outcomes if isinstance(one, TestClock) and one.state != "deleted"}
    rows = [(clock_id, "deleted", work.now) for clock_id in going]
    _change(work, "deleted", {"id": "uuid", "state": "text", "deleted_at": "timestamptz"}, rows, list(going.values()))
    return outcomes


def _change(
    work: UnitOfWork,
    what: str,
    columns: Mapping[str, str],
    rows: Sequence[tuple[Any, ...]],
    before: Sequence[TestClock],
    *,
    used: bool = False,
    **more: Any,
) -> None:
    """Writes what changed of clocks, counts it, and tells it."""
    given = [(*row, clock.revision + 1) for row, clock in zip(rows, before, strict=True)]
    sql.update("sandbox_test_clock", "id", {**columns, "revision": "integer"}, given)
    if used:
        sql.run("UPDATE sandbox_test_clock SET used_at = now() WHERE id = ANY(%s)", [[clock.id for clock in before]])
    now = queries.clocks(ids=[clock.id for clock in before])
    told = [_event(what, now[clock.id], clock, **more) for clock in before]
    outbox.emit(work=work, events=told)
    audit.record(work=work, action=f"sandbox.clock_{what}", object_kind="test_clock", object_ids=[clock.id for clock in before])


def remember_people(*, work: UnitOfWork, people: Sequence[Registered]) -> None:
    """Keeps how people behave, who were registered in this transaction; somebody who is known already stays as they are."""
    columns = {"consumer_id": "uuid", "merchant_id": "uuid", "email": "text", "behaviour": "text"}
    rows = sorted((one.consumer_id, one.merchant_id, one.email, one.behaviour) for one in people)
    same = {"book_id": ("uuid", work.book.id), "registered_at": ("timestamptz", work.now)}
    sql.insert("sandbox_person", columns, rows, same=same, suffix="ON CONFLICT DO NOTHING")
    audit.record(work=work, action="sandbox.register", object_kind="consumer", object_ids=[one.consumer_id for one in people])


def begin_run(*, work: UnitOfWork, merchant_id: UUID, through: str, cells: Sequence[Cell]) -> UUID:
    """A run of the matrix, all of whose combinations wait."""
    run_id = work.ids.new(work.now)
    sql.run(
        "INSERT INTO sandbox_matrix_run (id, book_id, merchant_id, through, state, cells) VALUES (%s, %s, %s, %s, 'running', %s)",
        [run_id, work.book.id, merchant_id, through, len(cells)],
    )
    columns = {
        "no": "integer", "product": "text", "periods": "integer", "amount_minor": "bigint", "currency": "text", "order_name": "text",
        "fault": "text",
    }  # fmt: skip
    same: dict[str, tuple[str, object]] = {
        "run_id": ("uuid", run_id), "book_id": ("uuid", work.book.id), "merchant_id": ("uuid", merchant_id),
    }  # fmt: skip
    sql.insert("sandbox_matrix_cell", columns, [(c.no, c.product, c.periods, c.amount_minor, c.currency, "", "") for c in cells], same=same)
    audit.record(work=work, action="sandbox.begin_run", object_kind="matrix_run", object_ids=[run_id], detail={"cells": len(cells)})
    return run_id


def note_cell(*, run_id: UUID, no: int, outcome: Outcome) -> None:
    """What was found of a combination; what was found before stays."""
    sql.run(
        "UPDATE sandbox_matrix_cell SET order_name = %s, fault = %s, figures = %s WHERE run_id = %s AND no = %s AND figures IS NULL",
        [outcome.order, outcome.fault, dumps(dict(outcome.figures)), run_id, no],
    )


def end_run(*, work: UnitOfWork, run_id: UUID, passed: bool) -> None:
    """running → passed or failed."""
    sql.run(
        "UPDATE sandbox_matrix_run SET state = %s, finished_at = now() WHERE id = %s AND state = 'running'",
        ["passed" if passed else "failed", run_id],
    )
    audit.record(work=work, action="sandbox.end_run", object_kind="matrix_run", object_ids=[run_id], detail={"passed": passed})
