"""Background work for test clocks: what was asked for is carried out, what broke off is taken up, and what nobody uses goes.

A clock is looked after in the test book of its merchant, whatever that book's own clock says. Which worker takes which is decided by a lock
of its connection, so one that is killed leaves its clock to the next.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime
from functools import partial
from typing import Final
from uuid import UUID

from procrastinate.contrib.django import app
from procrastinate.exceptions import AlreadyEnqueued

from yuefu.errors import Refused
from yuefu.journeys import jobs, test_clocks
from yuefu.journeys.desk import Desk
from yuefu.journeys.test_clocks.making import NAME
from yuefu.runtime import books
from yuefu.runtime.batch import Quarantined
from yuefu.runtime.logs import logger
from yuefu.runtime.metrics import JOBS
from yuefu.sandbox import queries as practice
from yuefu.sandbox.commands import AdvanceRequest, Deletion
from yuefu.sandbox.rules.clocks import Advance

_TASK: Final = "advance_test_clock"
BEHIND: Final = -1
"""The priority of what is practised: a worker does one thing at a time, and books in which money moves have theirs done first."""
DAYS_AT_ONCE: Final = 7

log = logger(__name__)


@app.periodic(cron="* * * * *")
@app.task(queueing_lock="look_after_test_clocks", pass_context=False)
def look_after_test_clocks(timestamp: int) -> None:
    """Makes clocks whole whose making broke off, takes up advances, and deletes what nobody advanced for thirty days."""
    del timestamp
    for book_id, clock_id in practice.to_make():
        _do("make_test_clock", book_id, partial(_finish, clock_id))
    for book_id, clock_id in practice.to_advance():
        _wake(book_id, clock_id)
    for book_id, clock_id in practice.unused():
        _do("delete_test_clock", book_id, partial(_delete, clock_id))


def _finish(clock_id: UUID, desk: Desk, now: datetime) -> None:
    test_clocks.finish(desk=desk, now=now, clock_id=clock_id)


def _delete(clock_id: UUID, desk: Desk, now: datetime) -> None:
    test_clocks.delete(desk=desk, now=now, deletions=[Deletion(clock_id)])


@app.task(name=_TASK, pass_context=False, priority=BEHIND)
def advance_test_clock(book_id: str, clock_id: str) -> None:
    """Takes one clock on to where it was asked to go, a few days at a time: all other jobs come first, and then the other clocks."""
    _do(_TASK, UUID(book_id), partial(_advance, UUID(clock_id)))


def _advance(clock_id: UUID, desk: Desk, now: datetime) -> None:
    went = test_clocks.go_on(desk=desk, now=now, clock_id=clock_id, most_days=DAYS_AT_ONCE)
    if went and practice.clocks(ids=[clock_id])[clock_id].state == "advancing":
        _wake(desk.book.id, clock_id)


def advance(*, desk: Desk, now: datetime, requests: Sequence[AdvanceRequest]) -> list[Advance | Refused | Quarantined]:
    """`test_clocks.advance`, and a worker is told at once; where that fails, one looks within the minute."""
    outcomes = test_clocks.advance(desk=desk, now=now, requests=requests)
    for one in outcomes:
        if isinstance(one, Advance) and one.state == "running":
            try:
                _wake(desk.book.id, one.clock_id)
            except Exception as error:  # noqa: BLE001 - the advance is stored, and looked for every minute
                log.warning("no worker was told of a test clock", error=type(error).__name__)
    return outcomes


def _wake(book_id: UUID, clock_id: UUID) -> None:
    task = app.configure_task(_TASK, queueing_lock=f"{_TASK}:{clock_id}")
    with suppress(AlreadyEnqueued):
        task.defer(book_id=str(book_id), clock_id=str(clock_id))


def _do(name: str, book_id: UUID, act: Callable[[Desk, datetime], object]) -> None:
    book = books.by_id(book_id)
    assert book is not None, "a clock is of a book"
    try:
        act(jobs.desk_of(book, NAME), books.now_in(book))
        JOBS.labels(task=name, outcome="done").inc()
    except Exception as error:
        JOBS.labels(task=name, outcome="failed").inc()
        log.exception("job failed", task=name, book=book.code, error=type(error).__name__)
