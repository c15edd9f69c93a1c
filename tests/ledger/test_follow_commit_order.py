"""A sequence number is not commit order: nothing that commits late may be skipped, and nothing counted twice."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any
from uuid import uuid4

import pytest
from django.db import connections

from yuefu.ledger import commands as ledger
from yuefu.ledger import queries
from yuefu.ledger.rules import AccountKey, Entry
from yuefu.runtime import outbox, sql
from yuefu.runtime.values import UnitOfWork

BANK = AccountKey("bank_cash")


def post(work: UnitOfWork, *entries: Entry) -> Any:
    with sql.transacting():
        return ledger.post(work=work, entries=entries)


def roll_up(work: UnitOfWork) -> int:
    with sql.transacting():
        return ledger.roll_up(work=work)


def balance(work: UnitOfWork) -> tuple[int, int]:
    """As checkpoints and tail say, and as the lines say."""
    plain = sql.value(
        "SELECT coalesce(sum(l.amount_minor), 0)::bigint FROM ledger_line l JOIN ledger_account a ON a.id = l.account_id"
        " WHERE a.book_id = %s AND a.code = 'bank_cash'",
        [work.book.id],
    )
    return queries.balances(work.book.id, [BANK], "CNY")[BANK].minor, plain


@pytest.fixture
def held_open(as_role: Callable[[str], Any], work: UnitOfWork, account_id: Callable[[str], Any]) -> Any:
    """An entry and an event written by a transaction that has not committed yet."""
    accounts = account_id("bank_cash"), account_id("funder_capital")
    connection, entry, event = as_role("default"), uuid4(), uuid4()
    connection.execute(
        "INSERT INTO ledger_entry (id, book_id, posted_on, effective_on, recorded_at, kind, line_count, actor, request_id)"
        " VALUES (%s, %s, '2026-10-01', '2026-10-01', %s, 'held', 2, 'a', '')",
        [entry, work.book.id, work.now],
    )
    connection.execute(
        "INSERT INTO ledger_line (posted_on, entry_id, line_no, book_id, account_id, amount_minor, currency, funder_id)"
        " VALUES ('2026-10-01', %(e)s, 1, %(b)s, %(x)s, 1000, 'CNY', %(b)s), ('2026-10-01', %(e)s, 2, %(b)s, %(y)s, -1000, 'CNY', %(b)s)",
        {"e": entry, "b": work.book.id, "x": accounts[0], "y": accounts[1]},
    )
    connection.execute(
        "INSERT INTO runtime_outbox (id, book_id, type, object_kind, object_id, seq, schema_version, snapshot, changed, request_id, key,"
        " recorded_at)"
        " VALUES (%s, %s, 'held', 'thing', %s, 1, 1, '{}', '{}', '', '', %s)",
        [event, work.book.id, event, work.now],
    )
    connection.entry, connection.event = entry, event  # type: ignore[attr-defined]
    return connection


def test_balances_are_whole_before_during_and_after_a_roll_up(work: UnitOfWork, entry: Any, held_open: Any, until: Any) -> None:
    post(work, entry("a", 7))
    roll_up(work)
    assert balance(work) == (7, 7)
    post(work, entry("b", 5))
    roll_up(work)
    assert balance(work) == (12, 12)
    held_open.commit()
    assert balance(work) == (1012, 1012)
    rolled = 0

    def all_rolled() -> bool:
        nonlocal rolled
        rolled += roll_up(work)
        assert balance(work) == (1012, 1012)
        return rolled == 6

    until(all_rolled)
    assert roll_up(work) == 0


def test_a_roll_up_that_waited_for_another_does_not_move_the_horizon_back(
    work: UnitOfWork, entry: Any, held_open: Any, background: Any, waits_for_a_lock: Any, until: Any, as_role: Any
) -> None:
    roll_up(work)
    post(work, entry("a", 7))
    other = as_role("owner")
    # Locked and not yet moved: only so is the lock itself waited for, and not the row that is there already.
    other.execute("SELECT 1 FROM ledger_horizon WHERE book_id = %s FOR UPDATE", [work.book.id])
    waiting = background(lambda: roll_up(work))  # its snapshot still sees `held_open` running
    waits_for_a_lock()
    held_open.commit()
    other.execute("SELECT ledger_roll_up(%s, now())", [work.book.id])
    reached = int(other.execute("SELECT xid FROM ledger_horizon WHERE book_id = %s", [work.book.id]).fetchone()[0])
    other.commit()
    waiting.result()
    assert int(sql.value("SELECT xid FROM ledger_horizon WHERE book_id = %s", [work.book.id])) >= reached
    until(lambda: bool(roll_up(work) or True) and balance(work) == (1007, 1007))
    roll_up(work)
    assert balance(work) == (1007, 1007)


def test_two_roll_ups_at_once_count_nothing_twice(work: UnitOfWork, entry: Any, background: Any, until: Any) -> None:
    for n in range(6):
        post(work, entry(f"{n}", 10))
        for done in [background(lambda: roll_up(work)) for _ in range(4)]:
            done.result()
        assert balance(work) == (10 * (n + 1), 10 * (n + 1))


def test_a_late_commit_is_sealed_and_verifies(work: UnitOfWork, entry: Any, held_open: Any, until: Any) -> None:
    post(work, entry("a", 7), entry("b", 8))

    def seal() -> int:
        with sql.transacting():
            return ledger.seal(work=work, limit=100)[0]

    seal()
    held_open.commit()
    until(lambda: seal() == 3)
    verdict = queries.verify(work.book.id)
    assert (verdict.intact, verdict.sealed, verdict.unsealed) == (True, 3, 0)


def test_a_late_event_is_taken_once_and_in_order(work: UnitOfWork, held_open: Any, until: Any) -> None:
    reader, mine = f"test-{uuid4().hex}", uuid4()
    with sql.transacting():
        outbox.emit(work=work, events=[outbox.Event("early", "thing", mine, n, {"n": n}) for n in (1, 2, 3)])
    taken: list[outbox.Stored] = []

    def take() -> int:
        with sql.transacting():
            taken.extend(e for e in outbox.take(reader=reader, limit=500, now=work.now) if e.book_id == work.book.id)
        return len(taken)

    take()
    assert held_open.event not in [e.id for e in taken]
    held_open.commit()
    until(lambda: take() == 4)
    assert take() == 4
    assert len({e.id for e in taken}) == 4
    assert [(e.epoch, int(e.xid), e.id) for e in taken] == sorted((e.epoch, int(e.xid), e.id) for e in taken)
    assert [e.seq for e in taken if e.object_id == mine] == [1, 2, 3] or {e.seq for e in taken if e.object_id == mine} == {1, 2, 3}


def test_what_was_not_certainly_committed_is_not_in_a_balance_as_recorded(work: UnitOfWork, entry: Any, held_open: Any, until: Any) -> None:
    post(work, entry("a", 7))
    assert queries.balance(work.book.id, BANK, "CNY", recorded_until=work.now).minor == 0
    held_open.commit()
    until(lambda: queries.balance(work.book.id, BANK, "CNY", recorded_until=work.now).minor == 1007)


# ------------------------------------------------------------------------------------------------------------------- seals


@pytest.fixture
def sealed(work: UnitOfWork, entry: Any, until: Any) -> list[Any]:
    """Four sealed entries; returns their ids in chain order."""
    post(work, *[entry(f"s{n}", 10 + n) for n in range(4)])

    def seal() -> bool:
        with sql.transacting():
            return ledger.seal(work=work, limit=2)[0] == 4

    until(seal)
    assert queries.verify(work.book.id, chunk=3).intact
    return [row[0] for row in sql.rows("SELECT entry_id FROM ledger_seal WHERE book_id = %s ORDER BY number", [work.book.id])]


CHANGES = [
    ("ledger_entry", "effective_on = effective_on - 1"),
    ("ledger_entry", "recorded_at = recorded_at + interval '1 microsecond'"),
    ("ledger_entry", "kind = kind || 'x'"),
    ("ledger_entry", "line_count = line_count + 1"),
    ("ledger_entry", "actor = 'user:other'"),
    ("ledger_entry", "kind = '', actor = kind || actor"),
    ("ledger_entry", "request_id = 'x'"),
    ("ledger_entry", "xid = (xid::text::bigint + 1)::text::xid8"),
    ("ledger_entry", "epoch = 0"),
    ("ledger_line", "amount_minor = amount_minor + 1"),
    ("ledger_line", "order_id = gen_random_uuid()"),
    ("ledger_line", "loan_id = gen_random_uuid()"),
    ("ledger_line", "merchant_id = gen_random_uuid()"),
    ("ledger_line", "funder_id = gen_random_uuid()"),
    ("ledger_line", "hold_id = gen_random_uuid()"),
    ("ledger_line", "movement = 'x'"),
    ("ledger_line", "reference = '0'"),
    ("ledger_line", "xid = (xid::text::bigint + 1)::text::xid8"),
    ("ledger_line", "epoch = 0"),
]


@pytest.mark.parametrize(("table", "change"), CHANGES)
def test_a_change_of_any_column_is_found_and_named(work: UnitOfWork, sealed: list[Any], as_role: Any, table: str, change: str) -> None:
    owner = as_role("owner")
    name = "id" if table == "ledger_entry" else "entry_id"
    owner.execute(f"UPDATE {table} SET {change} WHERE {name} = %s", [sealed[2]])
    owner.commit()
    verdict = queries.verify(work.book.id)
    assert (verdict.first_bad, verdict.bad_entry, verdict.sealed) == (3, sealed[2], 2)


@pytest.mark.parametrize(("before", "after"), [(("a|b", "c"), ("a", "b|c")), (("ab", "c"), ("a", "bc"))])
def test_text_moved_from_one_column_to_the_next_is_found(
    before: tuple[str, str], after: tuple[str, str], work: UnitOfWork, account_id: Any, entry: Any, until: Any, as_role: Any
) -> None:
    from dataclasses import replace

    made = entry("k", 5)
    lines = (replace(made.lines[0], movement=before[0], reference=before[1]), made.lines[1])
    (posted,) = post(work, replace(made, lines=lines))

    def seal() -> bool:
        with sql.transacting():
            return ledger.seal(work=work, limit=9)[0] == 1

    until(seal)
    owner = as_role("owner")
    owner.execute("UPDATE ledger_line SET movement = %s, reference = %s WHERE entry_id = %s AND line_no = 1", [*after, posted.entry_id])
    owner.commit()
    assert queries.verify(work.book.id).bad_entry == posted.entry_id


def test_the_chain_reads_the_same_in_any_session(work: UnitOfWork, sealed: list[Any]) -> None:
    sql.run("SET DateStyle = 'German'")
    sql.run("SET TimeZone = 'America/New_York'")
    try:
        assert queries.verify(work.book.id).intact
    finally:
        connections["default"].close()


def test_an_entry_that_is_gone_is_named(work: UnitOfWork, sealed: list[Any], as_role: Any) -> None:
    owner = as_role("owner")
    owner.execute("SET CONSTRAINTS ALL DEFERRED")
    owner.execute("DELETE FROM ledger_line WHERE entry_id = %s", [sealed[1]])
    owner.execute("DELETE FROM ledger_entry WHERE id = %s", [sealed[1]])
    owner.commit()
    verdict = queries.verify(work.book.id)
    assert (verdict.first_bad, verdict.bad_entry, verdict.reason) == (2, sealed[1], "the entry is gone")


def test_a_missing_link_is_found(work: UnitOfWork, sealed: list[Any], as_role: Any) -> None:
    owner = as_role("owner")
    owner.execute("DELETE FROM ledger_seal WHERE book_id = %s AND number = 2", [work.book.id])
    owner.commit()
    assert queries.verify(work.book.id).first_bad == 2


def test_a_chain_cut_off_or_rewritten_differs_from_the_head_kept_outside(work: UnitOfWork, sealed: list[Any], as_role: Any) -> None:
    head = bytes(sql.value("SELECT digest FROM ledger_seal WHERE book_id = %s AND number = 4", [work.book.id]))
    assert queries.verify(work.book.id, anchors={0: b"", 4: head}).intact
    assert queries.verify(work.book.id, anchors={3: head}).first_bad == 3
    owner = as_role("owner")
    owner.execute("DELETE FROM ledger_seal WHERE book_id = %s AND number > 2", [work.book.id])
    owner.commit()
    assert queries.verify(work.book.id).sealed == 2
    assert queries.verify(work.book.id, anchors={4: head}).first_bad == 3


def test_an_entry_slipped_in_before_the_last_seal_is_found(work: UnitOfWork, sealed: list[Any], entry: Any, as_role: Any) -> None:
    (stray,) = post(work, entry("stray", 99))
    owner = as_role("owner")
    owner.execute("UPDATE ledger_entry SET epoch = 0 WHERE id = %s", [stray.entry_id])
    owner.commit()
    verdict = queries.verify(work.book.id)
    assert (verdict.intact, verdict.bad_entry) == (False, stray.entry_id)


def test_the_head_of_an_empty_chain_is_no_accusation(work: UnitOfWork) -> None:
    with sql.transacting():
        number, digest = ledger.seal(work=work, limit=10)
    assert queries.verify(work.book.id, anchors={number: digest}).intact


def test_partitions_reach_as_far_as_asked(work: UnitOfWork) -> None:
    with sql.transacting():
        ledger.make_partitions(first=date(2026, 9, 1), months=6)
        assert ledger.make_partitions(first=date(2026, 9, 15), months=6) == 0
