"""Transactions held open while checkpoints, seals and event cursors go on beside them.

Nothing is skipped, nothing is taken twice, and everything is in order.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from yuefu.ledger import commands as ledger
from yuefu.ledger import queries
from yuefu.ledger.rules import AccountKey, Entry
from yuefu.runtime import outbox, sql
from yuefu.runtime.values import UnitOfWork

Connection = psycopg.Connection[Any]
BANK = AccountKey("bank_cash")


def write(connection: Connection, work: UnitOfWork, accounts: tuple[UUID, UUID], minor: int) -> tuple[UUID, UUID]:
    """An entry and an event in the transaction of a connection; their ids."""
    entry, event = uuid4(), uuid4()
    connection.execute(
        "INSERT INTO ledger_entry (id, book_id, posted_on, effective_on, recorded_at, kind, line_count, actor, request_id)"
        " VALUES (%s, %s, '2026-10-01', '2026-10-01', %s, 'held', 2, 'a', '')",
        [entry, work.book.id, work.now],
    )
    connection.execute(
        "INSERT INTO ledger_line (posted_on, entry_id, line_no, book_id, account_id, amount_minor, currency, funder_id)"
        " VALUES ('2026-10-01', %(e)s, 1, %(b)s, %(x)s, %(m)s, 'CNY', %(b)s), ('2026-10-01', %(e)s, 2, %(b)s, %(y)s, -%(m)s, 'CNY', %(b)s)",
        {"e": entry, "b": work.book.id, "x": accounts[0], "y": accounts[1], "m": minor},
    )
    connection.execute(
        "INSERT INTO runtime_outbox (id, book_id, type, object_kind, object_id, seq, schema_version, snapshot, changed, request_id, key, recorded_at)"
        " VALUES (%s, %s, 'held', 'thing', %s, 1, 1, '{}', '{}', '', '', %s)",
        [event, work.book.id, event, work.now],
    )
    return entry, event


class Followers:
    """The three that follow commit order, each as its job runs it."""

    def __init__(self, work: UnitOfWork) -> None:
        self.work = work
        self.reader = f"held-{uuid4().hex}"
        self.rolled = 0
        self.taken: list[outbox.Stored] = []

    def step(self) -> None:
        with sql.transacting():
            self.rolled += ledger.roll_up(work=self.work)
        with sql.transacting():
            ledger.seal(work=self.work, limit=3)
        with sql.transacting():
            found = outbox.take(reader=self.reader, limit=500, now=self.work.now)
            self.taken += [one for one in found if one.book_id == self.work.book.id]

    def sealed(self) -> list[UUID]:
        return [row[0] for row in sql.rows("SELECT entry_id FROM ledger_seal WHERE book_id = %s ORDER BY number", [self.work.book.id])]


def commit_order(work: UnitOfWork) -> list[UUID]:
    return [row[0] for row in sql.rows("SELECT id FROM ledger_entry WHERE book_id = %s ORDER BY epoch, xid, id", [work.book.id])]


def plain(work: UnitOfWork) -> int:
    found: int = sql.value(
        "SELECT coalesce(sum(l.amount_minor), 0)::bigint FROM ledger_line l JOIN ledger_account a ON a.id = l.account_id"
        " WHERE a.book_id = %s AND a.code = 'bank_cash'",
        [work.book.id],
    )
    return found


@pytest.fixture
def accounts(account_id: Callable[[str], UUID]) -> tuple[UUID, UUID]:
    return account_id("bank_cash"), account_id("funder_capital")


def finish(followers: Followers, work: UnitOfWork, events: set[UUID], until: Any) -> None:
    """Everything committed has been followed, once and in order."""
    entries = commit_order(work)

    def followed() -> bool:
        followers.step()
        return followers.rolled == 2 * len(entries) and len(followers.sealed()) == len(entries) and len(followers.taken) >= len(events)

    until(followed)
    followers.step()
    assert followers.rolled == 2 * len(entries)
    assert followers.sealed() == entries
    assert queries.verify(work.book.id).intact
    assert queries.balance_now(work.book.id, BANK, "CNY").minor == plain(work)
    taken = [one.id for one in followers.taken]
    assert len(taken) == len(set(taken))
    assert set(taken) == events
    assert [(one.epoch, int(one.xid)) for one in followers.taken] == sorted((one.epoch, int(one.xid)) for one in followers.taken)


@settings(max_examples=7, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    script=st.lists(
        st.tuples(st.sampled_from(["open", "more", "commit", "rollback", "post", "step", "step"]), st.integers(0, 3)),
        min_size=8,
        max_size=30,
    )
)
def test_in_whatever_order_transactions_begin_and_end_nothing_is_skipped(
    work: UnitOfWork, make_work: Any, ids: Any, as_role: Any, until: Any, script: list[tuple[str, int]]
) -> None:
    from dataclasses import replace

    from yuefu.ledger.commands.accounts import ensure_control
    from yuefu.runtime import books, days

    with sql.transacting():
        book = books.create(code=f"h-{uuid4().hex}", legal_entity="H", mode="test", now=work.now, ids=ids)
        here = replace(work, book=book, day=days.open_first(book=book, on=work.day.on, now=work.now))
        found = ensure_control(work=here, wanted=[(BANK, "CNY"), (AccountKey("funder_capital"), "CNY")])
    pair = found[BANK, "CNY"], found[AccountKey("funder_capital"), "CNY"]
    followers, held, events = Followers(here), dict[int, tuple[Connection, list[UUID]]](), set[UUID]()
    for n, (act, who) in enumerate(script):
        if act == "open" and who not in held:
            held[who] = (as_role("default"), [])
            held[who][1].append(write(held[who][0], here, pair, n + 1)[1])
        elif act == "more" and who in held:
            held[who][1].append(write(held[who][0], here, pair, n + 1)[1])
        elif act in ("commit", "rollback") and who in held:
            connection, written = held.pop(who)
            getattr(connection, act)()
            events |= set(written) if act == "commit" else set()
            connection.close()
        elif act == "post":
            connection = as_role("default")
            events.add(write(connection, here, pair, n + 1)[1])
            connection.commit()
            connection.close()
        elif act == "step":
            followers.step()
            assert queries.balance_now(book.id, BANK, "CNY").minor == plain(here)
            assert followers.sealed() == commit_order(here)[: len(followers.sealed())], "what is sealed stands before all that is not"
    for connection, _ in held.values():
        connection.rollback()
        connection.close()
    finish(followers, here, events, until)


def test_two_that_end_in_the_other_order_than_they_began_are_both_followed(
    work: UnitOfWork, accounts: Any, as_role: Any, until: Any, entry: Callable[..., Entry]
) -> None:
    followers, first, second = Followers(work), as_role("default"), as_role("default")
    early = write(first, work, accounts, 1)
    late = write(second, work, accounts, 2)
    followers.step()
    second.commit()
    followers.step()
    assert followers.sealed() == [], "what committed first waits for what began first"
    first.commit()
    finish(followers, work, {early[1], late[1]}, until)
    assert commit_order(work) == [early[0], late[0]]


def test_one_that_is_rolled_back_holds_nothing_up_for_ever(work: UnitOfWork, accounts: Any, as_role: Any, until: Any) -> None:
    followers, lost, kept = Followers(work), as_role("default"), as_role("default")
    write(lost, work, accounts, 1)
    event = write(kept, work, accounts, 2)[1]
    kept.commit()
    followers.step()
    assert (followers.rolled, followers.sealed(), followers.taken) == (0, [], [])
    lost.rollback()
    finish(followers, work, {event}, until)


def test_what_a_savepoint_took_back_is_followed_by_nobody(work: UnitOfWork, accounts: Any, as_role: Any, until: Any) -> None:
    followers, held = Followers(work), as_role("default")
    kept = write(held, work, accounts, 1)[1]
    held.execute("SAVEPOINT s")
    write(held, work, accounts, 2)
    held.execute("ROLLBACK TO SAVEPOINT s")
    also = write(held, work, accounts, 3)[1]
    followers.step()
    held.commit()
    finish(followers, work, {kept, also}, until)
    assert plain(work) == 4


def test_followers_at_the_same_time_do_not_take_anything_twice(
    work: UnitOfWork, accounts: Any, as_role: Any, until: Any, background: Any, entry: Callable[..., Entry]
) -> None:
    """Three of each while one transaction is held and twenty commit beside it."""
    held, events = as_role("default"), set[UUID]()
    events.add(write(held, work, accounts, 1)[1])
    followers = [Followers(work) for _ in range(3)]
    for one in followers:
        one.reader = followers[0].reader
    running = [background(lambda one=one: [one.step() for _ in range(8)]) for one in followers]
    for n in range(20):
        connection = as_role("default")
        events.add(write(connection, work, accounts, n + 2)[1])
        connection.commit()
        connection.close()
    for done in running:
        done.result()
    held.commit()
    whole = Followers(work)
    whole.reader = followers[0].reader
    whole.rolled = sum(one.rolled for one in followers)
    whole.taken = sorted((x for one in followers for x in one.taken), key=lambda x: (x.epoch, int(x.xid), x.id))
    finish(whole, work, events, until)
