from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from threading import Event
from typing import Any
from zoneinfo import ZoneInfo

import psycopg
import pytest
from django.db import connections

from yuefu.errors import Refused
from yuefu.runtime import days, sql
from yuefu.runtime.values import UnitOfWork

FIRST = date(2026, 10, 1)
MIDNIGHT = datetime(2026, 10, 2, tzinfo=ZoneInfo("Asia/Shanghai"))


def roll(work: UnitOfWork, at: datetime = MIDNIGHT) -> Any:
    with sql.transacting():
        return days.roll_over(book=work.book, now=at)


def background(act: Any) -> Future[Any]:
    def run() -> Any:
        try:
            with sql.transacting():
                return act()
        finally:
            connections.close_all()

    return ThreadPoolExecutor(1).submit(run)


def is_waited_for(future: Future[Any]) -> None:
    with pytest.raises(TimeoutError):
        future.result(timeout=0.4)


@pytest.mark.parametrize(
    ("cut_off", "moment", "day"),
    [
        (time(0), datetime(2026, 10, 1, 15, 59, 59, tzinfo=UTC), FIRST),
        (time(0), datetime(2026, 10, 1, 16, tzinfo=UTC), date(2026, 10, 2)),
        (time(2, 30), datetime(2026, 10, 1, 18, 29, tzinfo=UTC), FIRST),
        (time(2, 30), datetime(2026, 10, 1, 18, 30, tzinfo=UTC), date(2026, 10, 2)),
    ],
)
def test_a_moment_belongs_to_a_day_by_zone_and_cut_off(work: UnitOfWork, cut_off: time, moment: datetime, day: date) -> None:
    assert days.business_date(replace(work.book, cut_off=cut_off), moment) == day


def test_a_day_does_not_end_before_its_cut_off(work: UnitOfWork) -> None:
    assert roll(work, MIDNIGHT - timedelta(seconds=1)).code == "before_cut_off"
    ending, following = roll(work)
    assert (ending, following.on, following.state) == (FIRST, date(2026, 10, 2), "open")
    assert days.state_of(work.book.id, FIRST) == "closing"


def test_days_close_in_order_and_once(work: UnitOfWork) -> None:
    roll(work)
    roll(work, MIDNIGHT + timedelta(days=1))
    assert days.waiting_to_close(work.book.id) == [FIRST, date(2026, 10, 2)]
    with sql.transacting():
        early = days.close(book_id=work.book.id, on=date(2026, 10, 2), now=work.now)
        assert early is not None
        assert early.code == "earlier_day_not_closed"
        assert days.close(book_id=work.book.id, on=FIRST, now=work.now) is None
        again = days.close(book_id=work.book.id, on=FIRST, now=work.now)
        assert again is not None
        assert again.code == "day_not_closing"
        assert days.close(book_id=work.book.id, on=date(2026, 10, 2), now=work.now) is None


def test_who_waited_for_the_roll_over_finds_the_day_that_opened(work: UnitOfWork) -> None:
    with sql.transacting():
        days.roll_over(book=work.book, now=MIDNIGHT)
        waiting = background(lambda: days.current(work.book.id))
        is_waited_for(waiting)
    assert waiting.result(10).on == date(2026, 10, 2)


def test_a_second_roll_over_at_the_same_moment_is_before_the_next_cut_off(work: UnitOfWork) -> None:
    with sql.transacting():
        days.roll_over(book=work.book, now=MIDNIGHT)
        second = background(lambda: days.roll_over(book=work.book, now=MIDNIGHT))
        is_waited_for(second)
    assert second.result(10).code == "before_cut_off"


def test_the_roll_over_waits_for_whoever_works_on_the_day(work: UnitOfWork) -> None:
    with sql.transacting():
        assert not isinstance(days.current(work.book.id), Refused)
        rolling = background(lambda: days.roll_over(book=work.book, now=MIDNIGHT))
        is_waited_for(rolling)
    assert rolling.result(10)[0] == FIRST


def test_two_workers_share_an_open_day(work: UnitOfWork) -> None:
    with sql.transacting():
        days.current(work.book.id)
        assert background(lambda: days.current(work.book.id)).result(10).on == FIRST


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE runtime_business_day SET state = 'closed' WHERE book_id = %s",
        "UPDATE runtime_business_day SET on_date = on_date - 1 WHERE book_id = %s",
        "UPDATE runtime_business_day SET state = 'open' WHERE book_id = %s",
        "INSERT INTO runtime_business_day (book_id, on_date, state, opened_at) VALUES (%s, '2026-10-02', 'open', now())",
        "INSERT INTO runtime_business_day (book_id, on_date, state, opened_at) VALUES (%s, '2026-10-02', 'closing', now())",
        "INSERT INTO runtime_business_day (book_id, on_date, state, opened_at) VALUES (%s, '2026-09-30', 'closed', now())",
        "WITH a AS (UPDATE runtime_business_day SET state = 'closing' WHERE book_id = %s RETURNING book_id)"
        " INSERT INTO runtime_business_day (book_id, on_date, state, opened_at) SELECT book_id, '2026-10-03', 'open', now() FROM a",
    ],
)
def test_no_raw_sql_moves_a_day_back_or_skips_one(as_role: Any, work: UnitOfWork, statement: str) -> None:
    with pytest.raises((psycopg.errors.CheckViolation, psycopg.errors.UniqueViolation)):
        as_role("default").execute(statement, [work.book.id])


def test_no_raw_sql_closes_a_day_before_an_earlier_one(as_role: Any, work: UnitOfWork) -> None:
    roll(work)
    roll(work, MIDNIGHT + timedelta(days=1))
    attack = "UPDATE runtime_business_day SET state = 'closed' WHERE book_id = %s AND on_date = '2026-10-02'"
    with pytest.raises(psycopg.errors.CheckViolation):
        as_role("default").execute(attack, [work.book.id])


def test_a_roll_over_gets_its_turn_however_many_work_on_the_day(work: UnitOfWork) -> None:
    """Sharers of a row let each other in past whoever waits for it alone; the roll-over would wait as long as there is any work."""
    stopped = Event()
    worked = []

    def labour() -> None:
        try:
            while not stopped.is_set():
                with sql.transacting():
                    days.current(work.book.id)
                    stopped.wait(0.05)
                    worked.append(1)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as pool:
        labourers = [pool.submit(labour) for _ in range(4)]
        try:
            while len(worked) < 4:
                stopped.wait(0.01)
            before = len(worked)
            rolled = background(lambda: days.roll_over(book=work.book, now=MIDNIGHT)).result(20)
            during = len(worked) - before
        finally:
            stopped.set()
        assert [labourer.result(10) for labourer in labourers] == [None] * 4
    assert rolled[0] == FIRST
    assert during <= 12  # those at work when it came, and at most a round or two while it was being noticed
