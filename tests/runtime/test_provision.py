"""Set-up of a database, and its next life after a logical restore."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import psycopg
import pytest
from django.db import connections
from psycopg import sql as pgsql

from yuefu.ledger import commands as ledger
from yuefu.ledger import queries
from yuefu.ledger.rules import AccountKey, Entry, Line
from yuefu.money.amounts import Money
from yuefu.runtime import books, cluster, days, outbox, provision, sql
from yuefu.runtime.databases import DatabaseError, derived_password, ensure_roles
from yuefu.runtime.values import UnitOfWork


@pytest.fixture
def scratch(work: UnitOfWork) -> Iterator[str]:
    """The owner's address of an own copy of the template; the writer works there meanwhile."""
    template, name = os.environ["YUEFU_TEST_TEMPLATE"], f"scratch_{uuid4().hex[:12]}"
    url = urlunsplit(urlsplit(template)._replace(path=f"/{name}"))
    before = connections["default"].settings_dict["NAME"]
    connections.close_all()
    with psycopg.connect(**connections["owner"].get_connection_params() | {"cursor_factory": psycopg.Cursor}, autocommit=True) as owner:
        source = pgsql.Identifier(urlsplit(template).path.lstrip("/"))
        owner.execute(pgsql.SQL("CREATE DATABASE {} TEMPLATE {}").format(pgsql.Identifier(name), source))
        connections["default"].settings_dict["NAME"] = name
        try:
            yield url
        finally:
            connections["default"].close()
            connections["default"].settings_dict["NAME"] = before
            owner.execute(pgsql.SQL("DROP DATABASE {}").format(pgsql.Identifier(name)))  # waits for sessions that are ending


def until(is_so: Callable[[], bool]) -> None:
    end = time.monotonic() + 10
    while not is_so():
        assert time.monotonic() < end, "it did not come about within ten seconds"
        time.sleep(0.02)


def test_commit_order_goes_on_across_a_logical_restore(scratch: str, work: UnitOfWork) -> None:
    with sql.transacting():
        book = books.create(code="epochs", legal_entity="E", mode="test", now=work.now, ids=work.ids)
        days.open_first(book=book, on=work.day.on, now=work.now)
        ledger.make_partitions(first=work.day.on, months=1)
    here = replace(work, book=book, day=replace(work.day, book_id=book.id))
    made: list[Any] = []
    taken: list[Any] = []

    def post(key: str) -> None:
        lines = (Line(AccountKey("bank_cash"), Money(10, "CNY")), Line(AccountKey("funder_capital"), Money(-10, "CNY")))
        with sql.transacting():
            made.extend(outcome.entry_id for outcome in ledger.post(work=here, entries=[Entry(key, "t", lines)]))  # type: ignore[union-attr]
            outbox.emit(work=here, events=[outbox.Event("t", "entry", made[-1], 1, {})])

    def follow() -> int:
        with sql.transacting():
            ledger.roll_up(work=here)
            sealed, _ = ledger.seal(work=here, limit=9)
            taken.extend(event.object_id for event in outbox.take(reader="epochs", limit=9, now=here.now))
        return sealed

    post("a")
    until(lambda: follow() == 1)
    post("b")
    with psycopg.connect(scratch) as owner:
        # As a restore into a younger cluster leaves it: the rows carry transaction ids far above the ones to come.
        for table in ("ledger_entry", "ledger_line", "runtime_outbox"):
            owner.execute(
                f"UPDATE {table} SET xid = (xid::text::bigint + 1000000)::text::xid8 WHERE xid::text::bigint > %s", [_xid(made[0])]
            )
        owner.execute("UPDATE runtime_epoch SET system_identifier = 'another cluster'")
        assert owner.execute("SELECT runtime_begin_epoch()").fetchone() == (2,)
    post("c")
    until(lambda: follow() == 3)
    assert taken == made
    assert [row[0] for row in sql.rows("SELECT entry_id FROM ledger_seal ORDER BY number")] == made
    assert queries.verify(book.id).intact
    assert queries.balances(book.id, [AccountKey("bank_cash")], "CNY")[AccountKey("bank_cash")].minor == 30
    assert sql.rows("SELECT DISTINCT epoch FROM ledger_line WHERE entry_id = %s", [made[2]]) == [(2,)]


def _xid(entry_id: Any) -> int:
    return int(sql.value("SELECT xid::text FROM ledger_entry WHERE id = %s", [entry_id]))


def test_set_ups_of_several_databases_at_once_do_not_trip_over_the_logins(scratch: str) -> None:
    """The logins belong to the server, so the same rows of its catalogue are written from every database."""
    template = os.environ["YUEFU_TEST_TEMPLATE"]
    here = urlunsplit(urlsplit(template)._replace(path=f"/{connections['owner'].settings_dict['NAME']}"))

    def set_up(url: str) -> None:
        for _ in range(5):
            with psycopg.connect(url, autocommit=True) as owner:
                ensure_roles(owner, owner.info.password, {})

    with ThreadPoolExecutor(4) as pool:
        for done in [pool.submit(set_up, url) for url in (scratch, here, scratch, here)]:
            done.result(timeout=30)
    assert sql.value("SELECT current_user") == "yuefu_writer"


def test_migrating_again_applies_nothing() -> None:
    assert provision.migrate(os.environ["DATABASE_URL"], say=lambda text: None) == 0
    assert sql.value("SELECT runtime_epoch()") == 1


def test_a_database_that_cannot_be_reached_is_one_clear_sentence() -> None:
    with pytest.raises(DatabaseError, match=r"cannot connect to the database at 127\.0\.0\.1 as its owner") as error:
        provision.connect_owner("postgresql://u:hunter2@127.0.0.1:1/none")
    assert "hunter2" not in str(error.value)
    assert "\n" not in str(error.value)


def test_the_derived_passwords_differ_by_login_and_owner() -> None:
    assert len({derived_password(owner, role) for owner in ("a", "b") for role in ("yuefu_writer", "yuefu_reader")}) == 4


def test_a_database_is_dropped_although_a_session_there_is_not_ours_to_end() -> None:
    """Autovacuum works as a superuser, whose sessions an owner may not end. It ends by itself."""
    with cluster.temporary(say=lambda text: None) as running:
        url = provision.prepare_cluster(running.address, database="doomed")
        address = running.address
        superuser = psycopg.connect(address.dsn(user=address.superuser, password=address.password, database="doomed"))
        ending = threading.Timer(1.0, superuser.close)
        with psycopg.connect(url.replace("/doomed", "/postgres"), autocommit=True) as owner:
            ending.start()
            provision.drop_database(owner, "doomed")
            assert owner.execute("SELECT count(*) FROM pg_database WHERE datname = 'doomed'").fetchone() == (0,)
            provision.drop_database(owner, "doomed")
        ending.join()


def test_nobody_makes_temporary_tables_in_a_migrated_database(scratch: str) -> None:
    """One could stand before a real table in whatever does not name its schema."""
    provision.migrate(scratch, say=lambda text: None)
    with psycopg.connect(scratch) as owner:
        found = owner.execute("SELECT r, has_database_privilege(r, current_database(), 'TEMP') FROM unnest(%s::text[]) AS r", [list(ROLES)])
        assert dict(found.fetchall()) == dict.fromkeys(ROLES, False)


ROLES = ("yuefu_writer", "yuefu_reader", "yuefu_staff")
