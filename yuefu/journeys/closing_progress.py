"""How far the close of a day is, for whoever looks on: its steps, who works on it, what is stuck, and how the last ones went. Reads only, inside the
caller's `sql.reading(book_id=…)`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final
from uuid import UUID

from yuefu import ids
from yuefu.journeys import closing_hands
from yuefu.journeys.close_of_day import KIND, STEPS
from yuefu.loans import queries as loans
from yuefu.loans.commands import closing
from yuefu.runtime import days, locks, quarantine, runs
from yuefu.runtime.jsontext import read
from yuefu.runtime.runs import Seen, Step

LAST_CLOSES: Final = 14
MOST_STUCK: Final = 100
_LONGEST_ERROR: Final = 300


@dataclass(frozen=True, slots=True)
class StepView:
    """A step and its state: waiting, running, done or failed. `done` chunks are done of `chunks`, 0 where nobody knows how many there will be;
    `wrong` names the proofs that did not hold.
    """

    name: str
    state: str
    done: int
    chunks: int
    wrong: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CloseView:
    """The close of one day: waiting (nobody has begun), running, failed or done. `workers` hold a chunk of it at this moment, `loans` were brought to
    the end of the day by now. `took_s` are seconds of the machine.
    """

    on: date
    state: str
    started_at: datetime | None
    took_s: float | None
    by: str
    workers: int
    loans: int
    steps: tuple[StepView, ...]


@dataclass(frozen=True, slots=True)
class StuckView:
    """A loan that the close could not go on with: what it raised last, how often, and since when."""

    quarantine: str
    loan: str
    error: str
    tries: int
    tried_at: datetime


@dataclass(frozen=True, slots=True)
class ProgressView:
    """`now` is the day that closes or waits to; none where all that are over are closed. With `more_stuck` there are more than are shown."""

    open_on: date | None
    waiting: tuple[date, ...]
    now: CloseView | None
    stuck: tuple[StuckView, ...]
    more_stuck: bool
    last: tuple[Seen, ...]

    @property
    def is_moving(self) -> bool:
        return self.now is not None and self.now.state == "running"


def progress(*, book_id: UUID, with_errors: bool) -> ProgressView:
    """How far the oldest day that waits to be closed is. What stuck loans raised may tell of people: it is there for those who may read what is set
    aside (`with_errors`).
    """
    waiting = days.waiting_to_close(book_id)
    seen = runs.seen(book_id=book_id, kind=KIND, limit=LAST_CLOSES + len(waiting))
    of_day = {run.on: run for run in seen}
    stuck = quarantine.waiting(book_id=book_id, command=closing.LOOK_AT, limit=MOST_STUCK + 1)
    shown = tuple(
        StuckView(
            ids.text("quarantine", aside.id),
            ids.text("loan", read(UUID, aside.request)),
            aside.error[:_LONGEST_ERROR] if with_errors else "",
            aside.tries,
            aside.tried_at,
        )
        for aside in stuck[:MOST_STUCK]
    )
    return ProgressView(
        open_on=days.open_date(book_id),
        waiting=tuple(waiting),
        now=_close(book_id, waiting[0], of_day.get(waiting[0])) if waiting else None,
        stuck=shown,
        more_stuck=len(stuck) > MOST_STUCK,
        last=tuple(run for run in seen if run.state == "done")[:LAST_CLOSES],
    )


def _close(book_id: UUID, on: date, run: Seen | None) -> CloseView:
    if run is None:
        steps = tuple(StepView(name, "waiting", 0, 0) for name in STEPS)
        return CloseView(on, "waiting", None, None, "", 0, 0, steps)
    advanced = runs.chunks_done(run_id=run.id, name=closing_hands.STEP)
    return CloseView(
        on=on,
        state=run.state,
        started_at=run.started_at,
        took_s=run.took_s,
        by=run.actor,
        workers=locks.holders(locks.HANDS, run.id),
        loans=loans.closing_counts(book_id, on)["loans"],
        steps=_steps(runs.steps(run.id), {closing_hands.STEP: advanced}, is_running=run.state == "running"),
    )


def _steps(found: Sequence[Step], chunks: Mapping[str, tuple[int, int]], *, is_running: bool) -> tuple[StepView, ...]:
    """The first step that is not done is the one that somebody works on, whether it has done a chunk yet or not."""
    views, reached = [], False
    for step in found:
        done, total = chunks.get(step.name, (step.chunks_done, 0))
        state = step.state
        if state in ("waiting", "running"):
            state = "running" if is_running and not reached else "waiting"
            reached = True
        wrong = tuple(step.detail.get("failed", ()))
        views.append(StepView(step.name, state, done, total, wrong))
    return tuple(views)
