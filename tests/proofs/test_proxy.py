"""The wire between a process and PostgreSQL: what passes it, and that it is cut where it was told to be."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from contextlib import nullcontext
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import psycopg
import pytest

from yuefu.proofs.proxy import AFTER_COMMIT, BEFORE_COMMIT, Point, Proxy, Wire, _Messages
from yuefu.runtime import sql

PARTY = "somebody"
WRITE = "INSERT INTO runtime_cursor (name, epoch, xid, moved_at) VALUES (%s, 0, '0', now())"
FINISH = "UPDATE runtime_cursor SET epoch = 0 WHERE name = %s"


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    query = parse_qs(urlsplit(os.environ["DATABASE_URL"]).query)
    if not query.get("host", [""])[0].startswith("/"):
        pytest.skip("the server of DATABASE_URL has no socket here")
    made = Proxy(f"{unquote(query['host'][0])}/.s.PGSQL.{query['port'][0]}", random.Random(1))
    yield made
    made.stop()


@pytest.fixture
def url(proxy: Proxy) -> str:
    parts = urlsplit(os.environ["DATABASE_URL"])
    return f"postgresql://{parts.netloc}127.0.0.1:{proxy.listen(PARTY)}{parts.path}"


def dispatched(url: str, name: str, *, pipelined: bool) -> None:
    """A transaction that the proxy takes for that of the dispatcher."""
    with psycopg.connect(url) as connection:
        if not pipelined:
            connection.execute(WRITE, [name])
            connection.execute(FINISH, [name])
            connection.commit()
            return
        with connection.pipeline():
            connection.execute(WRITE, [name])
            connection.execute(FINISH, [name])
            connection.commit()


def with_plans(connection: psycopg.Connection[Any], name: str, *, pipelined: bool) -> None:
    """The same, by statements whose plans the connection keeps."""
    with connection.pipeline() if pipelined else nullcontext():
        connection.execute(WRITE, [name], prepare=True)
        connection.execute(FINISH, [name], prepare=True)
        connection.commit()


def there(name: str) -> int:
    return int(sql.value("SELECT count(*) FROM runtime_cursor WHERE name = %s", [name]))


@pytest.fixture
def name() -> Iterator[str]:
    mine = f"proxy-{random.getrandbits(40)}"
    yield mine
    with sql.owning():
        sql.run("DELETE FROM runtime_cursor WHERE name = %s", [mine])


@pytest.mark.parametrize("pipelined", [False, True], ids=["one by one", "without waiting"])
def test_what_is_not_struck_passes(url: str, name: str, pipelined: bool):
    dispatched(url, name, pipelined=pipelined)
    assert there(name) == 1


@pytest.mark.parametrize("pipelined", [False, True], ids=["one by one", "without waiting"])
@pytest.mark.parametrize(("where", "count"), [(BEFORE_COMMIT, 0), (AFTER_COMMIT, 1)])
def test_a_wire_is_cut_before_the_commit_or_between_it_and_its_reply(
    proxy: Proxy, url: str, name: str, where: str, count: int, pipelined: bool
):
    struck: list[Wire] = []
    reached = proxy.arm(Point(PARTY, "dispatch", where, 1), struck.append)  # type: ignore[arg-type]
    with pytest.raises(psycopg.OperationalError):
        dispatched(url, name, pipelined=pipelined)
    assert reached.wait(5)
    assert there(name) == count
    assert [(wire.party, wire.verb()) for wire in struck] == [(PARTY, "dispatch")]


@pytest.mark.parametrize("pipelined", [False, True], ids=["one by one", "without waiting"])
def test_a_statement_whose_plan_was_kept_is_known_by_its_name(proxy: Proxy, url: str, name: str, pipelined: bool):
    with psycopg.connect(url) as connection:
        for n in range(2):  # The text passes with the first, the second is a name.
            with_plans(connection, f"{name}-{n}", pipelined=pipelined)
            connection.execute("DELETE FROM runtime_cursor WHERE name = %s", [f"{name}-{n}"])
            connection.commit()
        reached = proxy.arm(Point(PARTY, "dispatch", BEFORE_COMMIT, 1), lambda _: None)
        connection.execute("SELECT 1", prepare=True)
        connection.commit()
        assert not reached.is_set(), "what was written before is not written again"
        with pytest.raises(psycopg.OperationalError):
            with_plans(connection, name, pipelined=pipelined)
    assert reached.wait(5)
    assert there(name) == 0


def test_only_the_commit_that_was_named_is_struck(proxy: Proxy, url: str, name: str):
    reached = proxy.arm(Point(PARTY, "authorise", BEFORE_COMMIT, 1), lambda _: None)
    dispatched(url, name, pipelined=False)
    assert (there(name), reached.is_set()) == (1, False)
    proxy.disarm()


def test_a_wire_that_is_cut_is_noticed_and_a_new_one_can_be_had(proxy: Proxy, url: str):
    with psycopg.connect(url) as connection:
        assert proxy.cut("another") == 0
        assert connection.execute("SELECT 1").fetchone() == (1,)
        assert proxy.cut(PARTY) == 1
        with pytest.raises(psycopg.OperationalError):
            connection.execute("SELECT 1")
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


@pytest.mark.parametrize("size", [1, 3, 7, 100])
def test_messages_are_cut_at_their_ends_however_they_arrive(size: int):
    stream = b"Q\0\0\0\x0bCOMMIT\0" + b"Z\0\0\0\x05I" + b"X\0\0\0\x04"
    messages, found = _Messages(), []
    for at in range(0, len(stream), size):
        found += messages.of(stream[at : at + size])
    assert [kind for kind, _ in found] == [b"Q", b"Z", b"X"]
    assert b"".join(message for _, message in found) == stream
