"""A book is made once, whoever asks and how many at once."""

from __future__ import annotations

import secrets
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime, time
from zoneinfo import ZoneInfo

from django.db import connections

from yuefu.ids import IdSource
from yuefu.journeys import founding
from yuefu.journeys.founding import Founded, NewBook
from yuefu.runtime import sql
from yuefu.runtime.values import system_actor

NOW = datetime.combine(date(2026, 10, 12), time(9), ZoneInfo("Asia/Shanghai"))


def test_of_many_who_make_a_book_of_one_code_one_makes_it_and_the_others_find_it() -> None:
    new = NewBook(f"race-{secrets.token_hex(5)}", "Example Lending Ltd", "test", date(2026, 10, 12))

    def make(_: int) -> object:
        try:
            return founding.found(new=new, now=NOW, by=system_actor("test"), ids=IdSource(secrets.randbits))
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as pool:
        made = [one for one in pool.map(make, range(4)) if isinstance(one, Founded)]
    assert sorted(one.again for one in made) == [False, True, True, True]
    assert len({one.book.id for one in made}) == 1
    assert sql.value("SELECT count(*) FROM runtime_setting WHERE book_id = %s", [made[0].book.id]) == len(founding.CHINA)
