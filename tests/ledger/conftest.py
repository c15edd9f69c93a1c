"""Short ways to say what the ledger tests say often."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar
from uuid import UUID

import pytest
from django.db import connections

from yuefu.ids import IdSource
from yuefu.ledger import commands as ledger
from yuefu.ledger.rules import AccountKey, Entry, LimitedAccount, Line
from yuefu.money.amounts import Money
from yuefu.runtime import sql
from yuefu.runtime.values import UnitOfWork

T = TypeVar("T")

MakeEntry = Callable[..., Entry]
Background = Callable[[Callable[[], T]], Future[T]]


@pytest.fixture
def entry() -> MakeEntry:
    """`entry(key, minor)`: debits `debit` and credits `credit`; control accounts unless told otherwise."""

    def make(
        key: str,
        minor: int,
        *,
        debit: AccountKey | str = "bank_cash",
        credit: AccountKey | str = "funder_capital",
        kind: str = "test",
        **rest: object,
    ) -> Entry:
        accounts = [AccountKey(side) if isinstance(side, str) else side for side in (debit, credit)]
        lines = (Line(accounts[0], Money(minor, "CNY")), Line(accounts[1], Money(-minor, "CNY")))
        return Entry(key, kind, lines, **rest)  # type: ignore[arg-type]

    return make


@pytest.fixture
def credit_line(work: UnitOfWork, ids: IdSource) -> Callable[[int], AccountKey]:
    """Opens a credit line with a limit and returns its key."""

    def make(limit: int, currency: str = "CNY") -> AccountKey:
        key = AccountKey("credit_line", ids.new(work.now))
        with sql.transacting():
            ledger.open_limited(work=work, accounts=[LimitedAccount(key, Money(limit, currency))])
        return key

    return make


@pytest.fixture
def account_id(work: UnitOfWork) -> Callable[[str], UUID]:
    """The id of the undimensioned account of a code, made if need be."""

    def find(code: str) -> UUID:
        from yuefu.ledger.commands.accounts import ensure_control

        key = AccountKey(code)
        with sql.transacting():
            return ensure_control(work=work, wanted=[(key, "CNY")])[key, "CNY"]

    return find


@pytest.fixture
def background() -> object:
    """Runs something in a thread with database connections of its own."""
    pool = ThreadPoolExecutor(8)

    def submit(act: Callable[[], T]) -> Future[T]:
        def run() -> T:
            try:
                return act()
            finally:
                connections.close_all()

        return pool.submit(run)

    yield submit
    pool.shutdown(wait=True)


@pytest.fixture
def until() -> Callable[[Callable[[], bool]], None]:
    """Waits, at most ten seconds, until something is so. Other tests share the server, and hold its oldest transaction back."""

    def wait(is_so: Callable[[], bool]) -> None:
        end = time.monotonic() + 10
        while not is_so():
            assert time.monotonic() < end, "it did not come about within ten seconds"
            time.sleep(0.02)

    return wait


@pytest.fixture
def waits_for_a_lock(until: Callable[[Callable[[], bool]], None]) -> Callable[[], None]:
    """Returns once a session of this database waits for a lock."""
    query = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"

    def waits() -> bool:
        sql.value("SELECT pg_stat_clear_snapshot()")  # a transaction would go on seeing what it saw first
        return bool(sql.value(query))

    return lambda: until(waits)
