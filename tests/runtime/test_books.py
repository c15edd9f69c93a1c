from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from yuefu.errors import Refused
from yuefu.runtime import books, sql
from yuefu.runtime.values import UnitOfWork


def test_a_test_clock_only_moves_forward(work: UnitOfWork) -> None:
    with sql.transacting():
        moved = books.move_clock(book=work.book, to=work.now + timedelta(days=3))
        assert not isinstance(moved, Refused)
        assert books.now_in(moved) == work.now + timedelta(days=3)
        back = books.move_clock(book=moved, to=work.now)
        assert isinstance(back, Refused)
        assert back.code == "clock_backwards"
    assert books.by_code(work.book.code) == books.by_id(work.book.id) == moved


def test_the_day_it_is_in_a_book_is_that_of_its_zone(work: UnitOfWork) -> None:
    """Two in the morning in Shanghai is the evening before in UTC, in which a moment comes out of the database."""
    night = datetime.combine(work.book.day_of(work.now) + timedelta(days=2), time(2), work.book.tz)
    with sql.transacting():
        books.move_clock(book=work.book, to=night)
    read = books.by_id(work.book.id)
    assert read is not None
    assert books.today_in(read) == night.date() == books.now_in(read).date() + timedelta(days=1)


def test_a_live_book_has_no_clock_of_its_own(work: UnitOfWork) -> None:
    with sql.transacting():
        live = books.create(code=f"live-{uuid4().hex}", legal_entity="L", mode="live", now=work.now, ids=work.ids)
        refused = books.move_clock(book=live, to=work.now)
    assert isinstance(refused, Refused)
    assert refused.code == "live_clock"
    with pytest.raises(psycopg.errors.CheckViolation), sql.transacting():
        books.create(code=f"live-{uuid4().hex}", legal_entity="L", mode="live", now=work.now, ids=work.ids, clock_at=work.now)


@pytest.mark.parametrize(
    "change",
    [
        "clock_at = clock_at - interval '1 second'",
        "clock_at = NULL",
        "mode = 'live', clock_at = NULL",
        "currency = 'USD'",
        "zone = 'UTC'",
        "calendar = 'NONE'",
        "cut_off = '02:00'",
        "legal_entity = 'other'",
    ],
)
def test_no_raw_sql_turns_a_clock_back_or_changes_what_a_book_is(as_role: Any, work: UnitOfWork, change: str) -> None:
    with pytest.raises(psycopg.errors.CheckViolation):
        as_role("default").execute(f"UPDATE runtime_book SET {change} WHERE id = %s", [work.book.id])
