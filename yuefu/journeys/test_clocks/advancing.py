"""Taking a test clock forward: asked for at once, carried out by whoever has a hand free, moment by moment in the order of time.

At each moment the clock is moved and that is noted in one transaction; then what is done at that moment is done, by journeys that change nothing
when they are called again. So who comes after one that was killed begins with the last moment that was noted, and loses and doubles nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final
from uuid import UUID

from yuefu.errors import Refused
from yuefu.journeys.desk import Desk, in_batches, on_open_day, open_day
from yuefu.journeys.test_clocks.making import desk_in
from yuefu.journeys.test_clocks.moments import ACTS, Stopped
from yuefu.runtime import books, locks, sql
from yuefu.runtime.batch import HeldUp, Quarantined, is_held_up, is_outage
from yuefu.runtime.logs import logger
from yuefu.runtime.values import Book, UnitOfWork
from yuefu.sandbox import commands as sandbox
from yuefu.sandbox import queries as practice
from yuefu.sandbox.commands import AdvanceRequest
from yuefu.sandbox.rules import clocks as rules
from yuefu.sandbox.rules.clocks import Advance

FAILED: Final = "advance_failed"  # what happened stands in the log of the platform

Tell = Callable[[int, int], None]
"""Hears how many days are done, of how many."""

log = logger(__name__)


def advance(*, desk: Desk, now: datetime, requests: Sequence[AdvanceRequest]) -> list[Advance | Refused | Quarantined]:
    """Asks for advances, which begin as soon as a worker sees them. One outcome a request, in order; a known key has its advance as it stands.

    Refused as `sandbox.advance_clocks` refuses.
    """
    return in_batches(
        desk,
        now,
        "test_clock.advance",
        requests,
        lambda batch: on_open_day(desk, now, batch, lambda work, given: sandbox.advance_clocks(work=work, requests=given)),
    )


def go_on(*, desk: Desk, now: datetime, clock_id: UUID, tell: Tell | None = None, most_days: int | None = None) -> bool:
    """Carries out the advance of a clock of the book, from where it stands to its end, or `most_days` on: then it is still under way. False where it
    has none under way, or somebody else is at it.

    What cannot be done at its moment ends the advance as failed, at that moment: asked to advance again, it is tried again. Raises what a
    database that is gone raises: the advance is then still under way.
    """
    with locks.alone(locks.ADVANCING, clock_id) as ours:
        if not ours:
            return False
        clock = practice.clocks(ids=[clock_id], book_id=desk.book.id)[clock_id]
        way = practice.last_advances(clock_ids=[clock_id]).get(clock_id)
        if clock.state != "advancing" or way is None or clock.clock_book_id is None:
            return False
        arrived, failure = _carried_out(desk, clock.clock_book_id, way, tell, most_days)
        if not arrived:
            return True
        with open_day(desk, now) as work:
            assert isinstance(work, UnitOfWork), "the book of the merchant has an open day"
            sandbox.end_advance(work=work, advance=practice.advances(ids=[way.id])[way.id], failure=failure)
        log.info("test clock advanced", clock=str(clock_id), days=way.days, failed=failure.code if failure else "")
        return True


def _carried_out(desk: Desk, book_id: UUID, way: Advance, tell: Tell | None, most_days: int | None) -> tuple[bool, Refused | None]:
    """Whether the advance is over, and why it failed where it did."""
    book = books.by_id(book_id)
    assert book is not None, "a clock that was made has a book"
    begun = rules.days_done(way.from_at, way.reached_at or way.from_at, book.tz)
    for tick in rules.ticks(way.from_at, way.to_at, tz=book.tz, cut_off=book.cut_off, reached=way.reached_at):
        days_done = rules.days_done(way.from_at, tick.at, book.tz)
        if most_days is not None and days_done > begun + most_days:
            return False, None
        there = _at(desk_in(desk, book), tick.at, way, days_done)
        try:
            ACTS[tick.act](there, tick.at)
        except Stopped as stopped:
            return True, stopped.refused
        except Exception as error:
            if is_outage(error) or isinstance(error, HeldUp) or is_held_up(error):
                raise
            log.exception("test clock stopped", book=book.code, at=tick.at.isoformat(), act=tick.act, error=type(error).__name__)
            return True, Refused(
                FAILED, f"something went wrong at {tick.at.isoformat()} ({tick.act}); it is tried again when you advance again"
            )
        if tell:
            tell(days_done, way.days)
    _at(desk_in(desk, book), way.to_at, way, way.days)
    return True, None


def _at(desk: Desk, at: datetime, way: Advance, days_done: int) -> Desk:
    """The desk at a moment, to which the clock is moved; noted with it, so that a run that is killed goes on there."""
    with sql.transacting():
        moved = books.move_clock(book=desk.book, to=at)
        assert isinstance(moved, Book), moved
        sandbox.reach(advance=way, at=at, days_done=days_done)
    return replace(desk, book=moved)
