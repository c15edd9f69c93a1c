"""The chain of seals against everybody: those who may not write, the writer who may, and the owner whom only `verify` finds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from hashlib import sha256
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg import errors

from yuefu.ledger import commands as ledger
from yuefu.ledger import queries
from yuefu.ledger.queries.seals import entry_contents
from yuefu.ledger.rules import Entry, Posted
from yuefu.runtime import books, days, runs, sql
from yuefu.runtime.values import UnitOfWork

Connect = Callable[[str], psycopg.Connection[Any]]


def post(work: UnitOfWork, *entries: Entry) -> list[UUID]:
    with sql.transacting():
        return [o.entry_id for o in ledger.post(work=work, entries=entries) if isinstance(o, Posted)]


def seal_all(work: UnitOfWork, until: Any, number: int) -> None:
    def sealed() -> bool:
        with sql.transacting():
            return ledger.seal(work=work, limit=100)[0] == number

    until(sealed)


@pytest.fixture
def chain(work: UnitOfWork, entry: Any, until: Any) -> list[UUID]:
    """Six sealed entries, each of a transaction of its own; their ids in chain order."""
    for n in range(6):
        post(work, replace(entry(f"s{n}", 10 + n), effective_on=date(2026, 8, 1)))
    seal_all(work, until, 6)
    assert queries.verify(work.book.id).intact
    return [row[0] for row in sql.rows("SELECT entry_id FROM ledger_seal WHERE book_id = %s ORDER BY number", [work.book.id])]


def head(work: UnitOfWork, number: int) -> bytes:
    return bytes(sql.value("SELECT digest FROM ledger_seal WHERE book_id = %s AND number = %s", [work.book.id, number]))


@pytest.fixture
def owner(as_role: Connect) -> psycopg.Connection[Any]:
    return as_role("owner")


def unguarded(owner: psycopg.Connection[Any], table: str, statement: str, params: list[Any]) -> None:
    """What the owner does to a table with its triggers out of the way."""
    owner.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
    owner.execute(statement, params)
    owner.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")
    owner.commit()


# ------------------------------------------------------------------------------------------------------- those who may not write

ATTACKS = [
    "UPDATE ledger_entry SET kind = 'x'",
    "UPDATE ledger_line SET amount_minor = 1",
    "UPDATE ledger_seal SET number = number + 1",
    "DELETE FROM ledger_entry",
    "DELETE FROM ledger_line",
    "DELETE FROM ledger_seal",
    "TRUNCATE ledger_seal",
    "TRUNCATE ledger_entry",
    "ALTER TABLE ledger_entry DISABLE TRIGGER USER",
    "DROP TRIGGER ledger_seal_of_an_entry ON ledger_seal",
    "UPDATE ledger_entry_202610 SET kind = 'x'",
    "DELETE FROM ledger_line_202610",
]


@pytest.mark.parametrize("statement", ATTACKS)
@pytest.mark.parametrize("role", ["default", "staff", "reader"])
def test_nobody_but_the_owner_changes_what_is_sealed(
    as_role: Connect, work: UnitOfWork, chain: list[UUID], role: str, statement: str
) -> None:
    connection = as_role(role)
    connection.execute("SELECT set_config('yuefu.book', %s, false)", [str(work.book.id)])
    with pytest.raises(errors.InsufficientPrivilege):
        connection.execute(statement)
    connection.rollback()
    assert queries.verify(work.book.id).intact


@pytest.mark.parametrize("role", ["staff", "reader"])
def test_who_reads_adds_no_link(as_role: Connect, work: UnitOfWork, chain: list[UUID], role: str) -> None:
    with pytest.raises(errors.InsufficientPrivilege):
        _link(as_role(role), work, 7, chain[0], b"x")


# ------------------------------------------------------------------------------------------------ the writer, who may add links


def _link(connection: psycopg.Connection[Any], work: UnitOfWork, number: int, entry: UUID, digest: bytes) -> None:
    connection.execute(
        "INSERT INTO ledger_seal (book_id, number, entry_id, posted_on, digest, sealed_at) VALUES (%s, %s, %s, '2026-10-01', %s, now())",
        [work.book.id, number, entry, digest],
    )
    connection.commit()


def _digest(work: UnitOfWork, before: bytes, entry: UUID) -> bytes:
    (found,) = [one for one in entry_contents(work.book.id, unsealed=True, limit=100) if one.entry_id == entry]
    return sha256(before + found.text.encode()).digest()


def test_a_link_with_a_digest_of_its_own_is_found(as_role: Connect, work: UnitOfWork, chain: list[UUID], entry: Any) -> None:
    (new,) = post(work, entry("new", 1))
    _link(as_role("default"), work, 7, new, b"\0" * 32)
    assert queries.verify(work.book.id).bad_entry == new


def test_a_link_that_leaves_a_number_out_is_found(as_role: Connect, work: UnitOfWork, chain: list[UUID], entry: Any, until: Any) -> None:
    (new,) = post(work, entry("new", 1))
    until(lambda: bool(entry_contents(work.book.id, unsealed=True, limit=9)))
    _link(as_role("default"), work, 8, new, _digest(work, head(work, 6), new))
    assert queries.verify(work.book.id).first_bad == 7


def test_an_entry_is_not_sealed_twice(as_role: Connect, work: UnitOfWork, chain: list[UUID]) -> None:
    with pytest.raises(errors.UniqueViolation):
        _link(as_role("default"), work, 7, chain[0], b"\0" * 32)


def test_links_of_another_order_than_the_commits_are_found(
    as_role: Connect, work: UnitOfWork, chain: list[UUID], entry: Any, until: Any
) -> None:
    """Each digest is right for the order that was chosen; the order is not."""
    (early,), (late,) = post(work, entry("early", 1)), post(work, entry("late", 2))
    until(lambda: len(entry_contents(work.book.id, unsealed=True, limit=9)) == 2)
    first = _digest(work, head(work, 6), late)
    second = _digest(work, first, early)
    writer = as_role("default")
    _link(writer, work, 7, late, first)
    left_out = queries.verify(work.book.id)
    assert (left_out.bad_entry, left_out.reason) == (early, "an entry stands before the last sealed one but was never sealed")
    _link(writer, work, 8, early, second)
    verdict = queries.verify(work.book.id)
    assert (verdict.first_bad, verdict.bad_entry) == (8, early)


# --------------------------------------------------------------------------------------------------- the owner, whom nothing stops

# What every column becomes; each is another value than the one it has.
OTHER = {
    "uuid": "gen_random_uuid()",
    "date": "{0} - 1",
    "timestamp with time zone": "{0} + interval '1 microsecond'",
    "text": "{0} || 'x'",
    "smallint": "{0} + 7",
    "integer": "{0} + 1",
    "bigint": "{0} + 1",
    "xid8": "({0}::text::bigint + 1)::text::xid8",
}
COLUMNS = {
    "ledger_entry": [
        "id", "book_id", "posted_on", "effective_on", "recorded_at", "kind", "line_count", "actor", "request_id", "run_id", "epoch", "xid",
    ],
    "ledger_line": [
        "posted_on", "entry_id", "line_no", "book_id", "account_id", "amount_minor", "currency", "order_id", "loan_id", "merchant_id",
        "funder_id", "movement", "reference", "hold_id", "epoch", "xid",
    ],
    "ledger_seal": ["number", "entry_id", "posted_on", "digest"],
}  # fmt: skip


def _columns(table: str) -> dict[str, str]:
    return dict(sql.rows("SELECT column_name, data_type FROM information_schema.columns WHERE table_name = %s", [table]))


def test_every_column_that_is_sealed_is_attacked() -> None:
    for table, columns in COLUMNS.items():
        left_out = {"book_id", "sealed_at"} if table == "ledger_seal" else set()
        assert set(columns) | left_out == set(_columns(table))


def _sound(work: UnitOfWork, owner: psycopg.Connection[Any], table: str, column: str) -> str | None:
    """Another value where a foreign key asks for one that is there."""
    if (table, column) == ("ledger_entry", "book_id"):
        with sql.transacting():
            other = books.create(code=f"o-{uuid4().hex}", legal_entity="O", mode="test", now=work.now, ids=work.ids)
            days.open_first(book=other, on=work.day.on, now=work.now)
        return f"'{other.id}'"
    if (table, column) == ("ledger_entry", "run_id"):
        with sql.transacting():
            run = runs.start(
                book_id=work.book.id, kind="close_of_day", on=work.day.on, steps=["one"], now=work.now, ids=work.ids, actor="system:test"
            )
        return f"'{run.id}'"
    if (table, column) == ("ledger_entry", "posted_on"):
        day = "INSERT INTO runtime_business_day (book_id, on_date, state, opened_at) VALUES (%s, '2026-09-30', 'closed', now())"
        unguarded(owner, "runtime_business_day", day, [work.book.id])
    return None


@pytest.mark.parametrize(("table", "column"), [(table, column) for table, columns in COLUMNS.items() for column in columns])
def test_a_change_of_any_column_is_found(work: UnitOfWork, chain: list[UUID], owner: Any, table: str, column: str) -> None:
    kind = _columns(table)[column]
    value = _sound(work, owner, table, column) or ("decode(repeat('00', 32), 'hex')" if kind == "bytea" else OTHER[kind].format(column))
    where = {"ledger_entry": "id = %s", "ledger_line": "entry_id = %s AND line_no = 1", "ledger_seal": "entry_id = %s"}[table]
    # A number that another link has already would not even be stored: the last link then.
    entry = chain[5] if (table, column) == ("ledger_seal", "number") else chain[2]
    assert owner.execute(f"UPDATE {table} SET {column} = {value} WHERE {where}", [entry]).rowcount == 1
    if (table, column) == ("ledger_entry", "posted_on"):  # an entry without its lines would not commit even so
        owner.execute(f"UPDATE ledger_line SET posted_on = {value} WHERE entry_id = %s", [entry])
    owner.commit()
    verdict = queries.verify(work.book.id)
    assert (verdict.intact, verdict.first_bad) == (False, 6 if entry == chain[5] else 3)


def test_two_links_that_were_exchanged_are_found(work: UnitOfWork, chain: list[UUID], owner: Any) -> None:
    owner.execute(
        "UPDATE ledger_seal SET entry_id = CASE entry_id WHEN %(a)s THEN %(x)s ELSE %(a)s END WHERE entry_id IN (%(a)s, %(b)s) AND entry_id = %(a)s",
        {"a": chain[2], "b": chain[3], "x": uuid4()},
    )
    stray = owner.execute("SELECT entry_id FROM ledger_seal WHERE book_id = %s AND number = 3", [work.book.id]).fetchone()[0]
    owner.execute("UPDATE ledger_seal SET entry_id = %s WHERE book_id = %s AND number = 4", [chain[2], work.book.id])
    owner.execute("UPDATE ledger_seal SET entry_id = %s WHERE entry_id = %s", [chain[3], stray])
    owner.commit()
    assert queries.verify(work.book.id).first_bad == 3


def test_a_chain_rewritten_in_another_order_is_found_without_any_head(work: UnitOfWork, chain: list[UUID], owner: Any) -> None:
    """All digests are recomputed, so that each follows from the one before."""
    contents = {one.entry_id: one for one in entry_contents(work.book.id, unsealed=False, limit=99)}
    digest = b""
    owner.execute("DELETE FROM ledger_seal WHERE book_id = %s", [work.book.id])
    for number, entry in enumerate([chain[0], chain[1], chain[3], chain[2], *chain[4:]], start=1):
        digest = sha256(digest + contents[entry].text.encode()).digest()
        owner.execute(
            "INSERT INTO ledger_seal (book_id, number, entry_id, posted_on, digest, sealed_at) VALUES (%s, %s, %s, '2026-10-01', %s, now())",
            [work.book.id, number, entry, digest],
        )
    owner.commit()
    verdict = queries.verify(work.book.id)
    assert (verdict.first_bad, verdict.bad_entry) == (4, chain[2])


@pytest.mark.parametrize("lines_only", [True, False])
@pytest.mark.parametrize("place", [0, 2, 5])
def test_what_was_removed_is_named(work: UnitOfWork, chain: list[UUID], owner: Any, place: int, lines_only: bool) -> None:
    owner.execute("DELETE FROM ledger_line WHERE entry_id = %s", [chain[place]])
    if not lines_only:
        owner.execute("DELETE FROM ledger_entry WHERE id = %s", [chain[place]])
    owner.commit()
    verdict = queries.verify(work.book.id)
    assert (verdict.first_bad, verdict.bad_entry) == (place + 1, chain[place])


def test_a_line_slipped_into_a_sealed_entry_is_found(work: UnitOfWork, chain: list[UUID], owner: Any) -> None:
    unguarded(
        owner,
        "ledger_line",
        "INSERT INTO ledger_line (posted_on, entry_id, line_no, book_id, account_id, amount_minor, currency, funder_id, epoch, xid)"
        " SELECT posted_on, entry_id, 3, book_id, account_id, 5, currency, funder_id, epoch, xid FROM ledger_line WHERE entry_id = %s AND line_no = 1",
        [chain[3]],
    )
    assert queries.verify(work.book.id).bad_entry == chain[3]


@pytest.mark.parametrize("place", ["before the first", "among them", "beside the last"])
def test_an_entry_slipped_in_is_found(work: UnitOfWork, chain: list[UUID], entry: Any, owner: Any, place: str) -> None:
    (stray,) = post(work, entry("stray", 99))
    like = {"before the first": chain[0], "among them": chain[3], "beside the last": chain[5]}[place]
    # Of two entries of one transaction the smaller id stands first.
    small = UUID(int=1 << 64 | stray.int % (1 << 60))
    owner.execute(
        "UPDATE ledger_entry SET id = %s, epoch = o.epoch, xid = o.xid FROM ledger_entry o WHERE ledger_entry.id = %s AND o.id = %s",
        [small, stray, like],
    )
    owner.execute("UPDATE ledger_line SET entry_id = %s WHERE entry_id = %s", [small, stray])
    owner.commit()
    verdict = queries.verify(work.book.id)
    assert (verdict.intact, verdict.bad_entry) == (False, small)


def test_a_tail_cut_off_with_its_links_is_told_by_the_head_outside(work: UnitOfWork, chain: list[UUID], owner: Any) -> None:
    anchor = head(work, 6)
    owner.execute("DELETE FROM ledger_line WHERE entry_id = ANY(%s)", [chain[4:]])
    owner.execute("DELETE FROM ledger_entry WHERE id = ANY(%s)", [chain[4:]])
    owner.execute("DELETE FROM ledger_seal WHERE book_id = %s AND number > 4", [work.book.id])
    owner.commit()
    assert queries.verify(work.book.id).sealed == 4, "from inside the database, nothing is missing: that is what the heads outside are for"
    verdict = queries.verify(work.book.id, anchors={6: anchor})
    assert (verdict.first_bad, verdict.sealed) == (5, 4)


def test_a_chain_cut_off_and_grown_again_is_told_by_the_head_outside(
    work: UnitOfWork, chain: list[UUID], owner: Any, entry: Any, until: Any
) -> None:
    anchor = head(work, 6)
    owner.execute("DELETE FROM ledger_seal WHERE book_id = %s AND number > 4", [work.book.id])
    owner.execute("DELETE FROM ledger_line WHERE entry_id = ANY(%s)", [chain[4:]])
    owner.execute("DELETE FROM ledger_entry WHERE id = ANY(%s)", [chain[4:]])
    owner.commit()
    post(work, entry("x", 1), entry("y", 2), entry("z", 3))
    seal_all(work, until, 7)
    assert queries.verify(work.book.id).intact
    assert queries.verify(work.book.id, anchors={6: anchor}).first_bad == 6
