"""The balance of one account with very many postings: it must not matter how many there are."""

from __future__ import annotations

import os
import random
import statistics
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

import psycopg
from psycopg import sql as pgsql

from yuefu.ids import IdSource
from yuefu.journeys import founding
from yuefu.journeys.founding import Founded, NewBook
from yuefu.ledger import commands as ledger
from yuefu.ledger import queries
from yuefu.ledger.rules import AccountKey, Entry, Line
from yuefu.money.amounts import Money
from yuefu.runtime import days, sql
from yuefu.runtime.clock import stopwatch
from yuefu.runtime.values import Book, UnitOfWork, system_actor

LINES: Final = "YUEFU_BENCH_LINES"
"""How many postings; a million unless given, and ten million in the long proofs."""

ON: Final = date(2026, 10, 28)
DAYS: Final = 28
AN_ENTRY: Final = 100
A_TIME: Final = 1_000_000
TAIL: Final = 2_000
HOT, OTHER = AccountKey("fee_income"), AccountKey("suspense")
GUARDED: Final = ("ledger_entry", "ledger_line", "runtime_business_day")


def measure(say: Callable[[str], None]) -> dict[str, Any]:
    """Fills one control account as fast as its owner can, rolls it up, posts a tail as everybody does, and asks for its balance."""
    count = int(os.environ.get(LINES, "1000000")) // AN_ENTRY * AN_ENTRY
    source = IdSource(random.Random("big").getrandbits)
    now = datetime.combine(ON, time(12), ZoneInfo("Asia/Shanghai"))
    new = NewBook(f"big-{os.getpid()}", "Bench", "test", ON)
    made = founding.found(new=new, now=now, by=system_actor("bench"), ids=source, months=2)
    assert isinstance(made, Founded), made
    work = _work(made.book, now, source)
    _post(work, 1)  # so that both accounts are there
    say(f"writing {count} postings")
    began = stopwatch()
    _fill(made.book, count)
    filled = stopwatch() - began
    say("rolling them up")
    began = stopwatch()
    with sql.transacting():
        rolled = ledger.roll_up(work=work)
    rolled_up = stopwatch() - began
    for n in range(TAIL // 100):
        _post(work, 100, first=n * 100 + 1)
    expected = Money(-(count + TAIL + 1), "CNY")
    half = ON - timedelta(days=DAYS // 2)
    return {
        "ledger_lines": count,
        "ledger_fill_s": round(filled, 1),
        "ledger_roll_up_s": round(rolled_up, 1),
        "ledger_rolled_up_lines": rolled,
        "balance_ms": _median(lambda: queries.balance_now(made.book.id, HOT, "CNY"), expected),
        "balance_by_day_ms": _median(lambda: queries.balance(made.book.id, HOT, "CNY", posted_until=half), None),
    }


def _work(book: Book, now: datetime, source: IdSource) -> UnitOfWork:
    with sql.transacting():
        working = days.working(book=book, now=now, by=system_actor("bench"), ids=source)
    assert isinstance(working, UnitOfWork), working
    return working


def _post(work: UnitOfWork, many: int, *, first: int = 0) -> None:
    lines = (Line(OTHER, Money(1, "CNY")), Line(HOT, Money(-1, "CNY")))
    with sql.transacting():
        ledger.post(work=work, entries=[Entry(f"bench:{n}", "bench", lines) for n in range(first, first + many)])


def _fill(book: Book, count: int) -> None:
    """Entries of a hundred lines on the account and one opposite, over four weeks; a million lines a transaction. The owner writes them with the
    triggers off, because what they check is not what is measured here."""
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as owner:
        for table in GUARDED:
            owner.execute(pgsql.SQL("ALTER TABLE {} DISABLE TRIGGER USER").format(pgsql.Identifier(table)))
        try:
            owner.execute(
                "INSERT INTO runtime_business_day (book_id, on_date, state, opened_at, closing_at, closed_at)"
                " SELECT %(book)s, %(on)s::date - n, 'closed', now(), now(), now() FROM generate_series(1, %(days)s) AS n",
                {"book": book.id, "on": ON, "days": DAYS - 1},
            )
            for start in range(0, count, A_TIME):
                _fill_some(owner, book.id, min(A_TIME, count - start) // AN_ENTRY)
        finally:
            for table in GUARDED:
                owner.execute(pgsql.SQL("ALTER TABLE {} ENABLE TRIGGER USER").format(pgsql.Identifier(table)))
        owner.execute("ANALYZE ledger_line, ledger_entry, ledger_account")


def _fill_some(owner: psycopg.Connection[Any], book_id: UUID, entries: int) -> None:
    owner.execute(
        """
        WITH accounts AS (
            SELECT (SELECT id FROM ledger_account WHERE book_id = %(book)s AND code = 'fee_income') AS hot,
                (SELECT id FROM ledger_account WHERE book_id = %(book)s AND code = 'suspense') AS other
        ), heads AS (
            INSERT INTO ledger_entry (id, book_id, posted_on, effective_on, recorded_at, kind, line_count, actor, request_id)
            SELECT gen_random_uuid(), %(book)s, %(on)s::date - n %% %(days)s, %(on)s::date - n %% %(days)s, now(), 'bench', %(each)s + 1,
                'system:bench', '' FROM generate_series(1, %(entries)s) AS n
            RETURNING id, posted_on
        )
        INSERT INTO ledger_line (posted_on, entry_id, line_no, book_id, account_id, amount_minor, currency, funder_id)
        SELECT posted_on, id, n, %(book)s, CASE WHEN n <= %(each)s THEN hot ELSE other END, CASE WHEN n <= %(each)s THEN -1 ELSE %(each)s END, 'CNY',
            %(book)s FROM heads CROSS JOIN accounts CROSS JOIN generate_series(1, %(each)s + 1) AS n
        """,
        {"book": book_id, "on": ON, "days": DAYS, "each": AN_ENTRY, "entries": entries},
    )


def _median(ask: Callable[[], Money], expected: Money | None) -> float:
    """Milliseconds, the median of fifty; each answer is the right one."""
    took = []
    for _ in range(50):
        began = stopwatch()
        found = ask()
        took.append((stopwatch() - began) * 1000)
        assert expected in (None, found), found
    return round(statistics.median(took), 2)
