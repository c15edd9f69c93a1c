"""Attacks by raw SQL, as the role concerned: code is bypassed, constraints are not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg import errors

from yuefu.ledger import commands as ledger
from yuefu.ledger.rules import AccountKey, Entry, Hold, HoldUse, LimitedAccount, Line, Release
from yuefu.money.amounts import Money
from yuefu.runtime import audit, books, days, outbox, policies, runs, sql
from yuefu.runtime.values import Book, UnitOfWork

FIRST = date(2026, 10, 1)
Connect = Callable[[str], psycopg.Connection[Any]]


@dataclass(frozen=True)
class Attacker:
    """The writer with psql in hand."""

    connection: psycopg.Connection[Any]
    book_id: UUID

    def head(
        self,
        *,
        entry_id: UUID | None = None,
        lines: int = 2,
        on: date = FIRST,
        run_id: UUID | None = None,
        book_id: UUID | None = None,
        effective_on: date | None = None,
    ) -> UUID:
        entry_id = entry_id or uuid4()
        self.connection.execute(
            "INSERT INTO ledger_entry (id, book_id, posted_on, effective_on, recorded_at, kind, line_count, actor, request_id, run_id)"
            " VALUES (%s, %s, %s, %s, now(), 'attack', %s, 'user:mallory', '', %s)",
            [entry_id, book_id or self.book_id, on, effective_on or on, lines, run_id],
        )
        return entry_id

    def lines(
        self,
        *rows: tuple[UUID, int, UUID, int],
        on: date = FIRST,
        currency: str = "CNY",
        book_id: UUID | None = None,
        hold_id: UUID | None = None,
    ) -> None:
        """Each (entry, number, account, amount), of own funds. The first line takes from `hold_id`."""
        self.connection.execute(
            "INSERT INTO ledger_line (posted_on, entry_id, line_no, book_id, account_id, amount_minor, currency, funder_id, hold_id) VALUES "
            + ", ".join(["(%s, %s, %s, %s, %s, %s, %s, %s, %s)"] * len(rows)),
            [
                value
                for e, n, a, m in rows
                for value in (on, e, n, book_id or self.book_id, a, m, currency, self.book_id, hold_id if n == 1 else None)
            ],
        )


@pytest.fixture
def attacker(as_role: Connect, work: UnitOfWork) -> Attacker:
    return Attacker(as_role("default"), work.book.id)


@pytest.fixture
def make_other_book(work: UnitOfWork) -> Callable[[], Book]:
    """A second book whose first day is the same."""

    def make() -> Book:
        with sql.transacting():
            made = books.create(code=f"other-{uuid4().hex}", legal_entity="Other", mode="test", now=work.now, ids=work.ids)
            days.open_first(book=made, on=FIRST, now=work.now)
        return made

    return make


@pytest.fixture
def pair(account_id: Callable[[str], UUID]) -> tuple[UUID, UUID]:
    return account_id("bank_cash"), account_id("funder_capital")


APPEND_ONLY = ["ledger_entry", "ledger_line", "ledger_seal", "runtime_outbox", "runtime_audit", "runtime_setting"]


@pytest.mark.parametrize("table", APPEND_ONLY)
@pytest.mark.parametrize(
    "statement", ["UPDATE {} SET book_id = book_id", "DELETE FROM {}", "TRUNCATE {}", "ALTER TABLE {} DISABLE TRIGGER USER"]
)
def test_the_writer_never_changes_what_is_append_only(attacker: Attacker, table: str, statement: str) -> None:
    with pytest.raises(errors.InsufficientPrivilege):
        attacker.connection.execute(statement.format(table))


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT 1 FROM ledger_entry_202610",
        "INSERT INTO ledger_line_202610 SELECT * FROM ledger_line LIMIT 0",
        "UPDATE ledger_line_202610 SET amount_minor = 1",
        "DELETE FROM ledger_entry_202610",
        "DROP TABLE ledger_line_202610",
        "ALTER TABLE ledger_line DETACH PARTITION ledger_line_202610",
        "CREATE TABLE ledger_line_204001 PARTITION OF ledger_line FOR VALUES FROM ('2040-01-01') TO ('2040-02-01')",
        "CREATE TABLE mine (a int)",
        "CREATE FUNCTION mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "DELETE FROM ledger_hold",
        "DELETE FROM ledger_limit",
        "DELETE FROM runtime_key",
        "DELETE FROM runtime_business_day",
        "DELETE FROM runtime_book",
        "INSERT INTO runtime_epoch (number, system_identifier, started_at) VALUES (99, 'x', now())",
        "UPDATE runtime_epoch SET number = number + 1",
        "SELECT runtime_begin_epoch()",
        "SET session_replication_role = replica",
        "SET ROLE yuefu_owner",
        "ALTER ROLE yuefu_writer SUPERUSER",
        "DROP POLICY writer_all ON ledger_entry",
        "ALTER TABLE ledger_line NO FORCE ROW LEVEL SECURITY",
    ],
)
def test_the_writer_has_no_right_to(attacker: Attacker, statement: str) -> None:
    with pytest.raises(psycopg.Error) as refused:
        attacker.connection.execute(statement)
    assert isinstance(refused.value, errors.InsufficientPrivilege)


@pytest.mark.parametrize(
    ("table", "column"),
    [(table, column) for table in ("ledger_entry", "ledger_line", "runtime_outbox", "runtime_audit") for column in ("xid", "epoch")]
    + [("runtime_key", "xid")],
)
def test_the_writer_cannot_choose_its_place_in_commit_order(attacker: Attacker, table: str, column: str) -> None:
    with pytest.raises(errors.InsufficientPrivilege):
        attacker.connection.execute(f"INSERT INTO {table} (book_id, {column}) VALUES (gen_random_uuid(), '1')")


def test_the_writer_cannot_reach_round_the_parent_by_copy(attacker: Attacker) -> None:
    with pytest.raises(errors.InsufficientPrivilege), attacker.connection.cursor().copy("COPY ledger_line (xid) FROM STDIN"):
        pass


def test_a_sound_entry_by_raw_sql_is_taken(attacker: Attacker, pair: tuple[UUID, UUID]) -> None:
    entry = attacker.head()
    attacker.lines((entry, 1, pair[0], 100), (entry, 2, pair[1], -100))
    attacker.connection.commit()
    assert sql.value("SELECT count(*) FROM ledger_line WHERE entry_id = %s", [entry]) == 2


def test_an_entry_that_is_true_after_its_day_is_refused(attacker: Attacker) -> None:
    with pytest.raises(errors.CheckViolation) as refused:
        attacker.head(effective_on=FIRST + timedelta(days=1))
    assert refused.value.diag.constraint_name == "ledger_entry_not_ahead"


def test_an_entry_of_a_run_of_another_book_is_refused(attacker: Attacker, make_other_book: Callable[[], Book]) -> None:
    """On an open day the trigger of the day asks for no run: the key alone holds it to its book."""
    foreign, run = make_other_book(), uuid4()
    attacker.connection.execute(
        "INSERT INTO runtime_run (id, book_id, kind, on_date, state, started_at, actor) VALUES (%s, %s, 'close', %s, 'running', now(), '')",
        [run, foreign.id, FIRST],
    )
    with pytest.raises(errors.ForeignKeyViolation, match="ledger_entry_book_id_run_id_fk"):
        attacker.head(run_id=run)


@pytest.mark.parametrize("of", ["nothing", "another book"])
def test_a_seal_of_no_entry_of_this_book_is_refused(
    attacker: Attacker, pair: tuple[UUID, UUID], make_other_book: Callable[[], Book], of: str
) -> None:
    entry = attacker.head()
    attacker.lines((entry, 1, pair[0], 100), (entry, 2, pair[1], -100))
    seal = "INSERT INTO ledger_seal (book_id, number, entry_id, posted_on, digest, sealed_at) VALUES (%s, 1, %s, %s, 'x', now())"
    attacker.connection.execute(seal, [attacker.book_id, entry, FIRST])
    book = make_other_book().id if of == "another book" else attacker.book_id
    with pytest.raises(errors.CheckViolation, match="to seal"):
        attacker.connection.execute(seal.replace("1,", "2,"), [book, entry if of == "another book" else uuid4(), FIRST])


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO ledger_account (id, book_id, code, kind, cls, currency, product, opened_at)"
        " VALUES (gen_random_uuid(), gen_random_uuid(), 'bank_cash', 'money', 'asset', 'CNY', '', now())",
        "SELECT ledger_roll_up(gen_random_uuid(), now())",
        "INSERT INTO runtime_approval (id, book_id, action, object_kind, content, reason, requested_by, requested_at, state, decision_reason)"
        " VALUES (gen_random_uuid(), gen_random_uuid(), 'x', 'y', '{}', '', 'system:mallory', now(), 'waiting', '')",
        "INSERT INTO runtime_quarantine (id, book_id, command, request, error, recorded_at, state)"
        " VALUES (gen_random_uuid(), gen_random_uuid(), '', '', '', now(), 'waiting')",
        "INSERT INTO access_api_key (id, book_id, merchant_id, scopes, prefix, secret_hash, last_four, created_by, created_at)"
        " VALUES (gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), '[]', 'sk_test_', 'no book', '', '', now())",
        "INSERT INTO payments_transfer (id, book_id, reference, kind, from_account_id, to_account_id, amount_minor, currency, provider_id,"
        " state, failure_code, ordered_at) VALUES (gen_random_uuid(), gen_random_uuid(), 'r', 'withdrawal', gen_random_uuid(), gen_random_uuid(),"
        " 1, 'CNY', '', 'ordered', '', now())",
        "INSERT INTO payments_money_account (id, book_id, code, kind, purpose, provider, number, currency, name_zh, name_en, opened_at)"
        " VALUES (gen_random_uuid(), gen_random_uuid(), 'x', 'bank', 'own', 'sandbox', '1', 'CNY', '', '', now())",
    ],
)
def test_what_is_of_no_book_is_refused(attacker: Attacker, statement: str) -> None:
    with pytest.raises(errors.ForeignKeyViolation, match="_book_id_fk"):
        attacker.connection.execute(statement)


def test_a_role_in_a_book_that_does_not_exist_is_refused(attacker: Attacker) -> None:
    attacker.connection.execute(
        "INSERT INTO access_user (id, login, display_name, password, is_active, created_at) VALUES (%s, %s, '', '', true, now())",
        [user := uuid4(), str(user)],
    )
    with pytest.raises(errors.ForeignKeyViolation, match="access_membership_book_id_fk"):
        attacker.connection.execute(
            "INSERT INTO access_membership (id, book_id, user_id, role, granted_by, granted_at)"
            " VALUES (gen_random_uuid(), gen_random_uuid(), %s, 'operator', '', now())",
            [user],
        )


def test_an_unbalanced_entry_is_refused(attacker: Attacker, pair: tuple[UUID, UUID]) -> None:
    entry = attacker.head()
    with pytest.raises(errors.CheckViolation, match="does not balance"):
        attacker.lines((entry, 1, pair[0], 100), (entry, 2, pair[1], -99))


def test_two_unbalanced_entries_that_cancel_out_are_refused(attacker: Attacker, pair: tuple[UUID, UUID]) -> None:
    one, other = attacker.head(), attacker.head()
    with pytest.raises(errors.CheckViolation, match="does not balance"):
        attacker.lines((one, 1, pair[0], 100), (one, 2, pair[1], -99), (other, 1, pair[0], 100), (other, 2, pair[1], -101))


def test_lines_in_two_currencies_that_cancel_out_as_numbers_are_refused(
    attacker: Attacker, work: UnitOfWork, pair: tuple[UUID, UUID]
) -> None:
    from yuefu.ledger.commands.accounts import ensure_control

    with sql.transacting():
        dollars = ensure_control(work=work, wanted=[(AccountKey("bank_cash"), "USD")])[AccountKey("bank_cash"), "USD"]
    entry = attacker.head()
    with pytest.raises(errors.CheckViolation, match="does not balance"):
        attacker.connection.execute(
            "INSERT INTO ledger_line (posted_on, entry_id, line_no, book_id, account_id, amount_minor, currency, funder_id)"
            " VALUES (%(on)s, %(e)s, 1, %(b)s, %(a)s, 100, 'CNY', %(b)s), (%(on)s, %(e)s, 2, %(b)s, %(d)s, -100, 'USD', %(b)s)",
            {"on": FIRST, "e": entry, "b": work.book.id, "a": pair[0], "d": dollars},
        )


def test_one_id_in_two_books_and_days_does_not_hide_that_neither_balances(
    attacker: Attacker, work: UnitOfWork, pair: tuple[UUID, UUID]
) -> None:
    """The partition key is part of what an entry is: the same id under another day is another entry."""
    from dataclasses import replace

    from yuefu.ledger.commands.accounts import ensure_control

    with sql.transacting():
        other = books.create(code=f"other-{uuid4().hex}", legal_entity="Other", mode="test", now=work.now, ids=work.ids)
        days.open_first(book=other, on=date(2026, 10, 2), now=work.now)
        there = ensure_control(work=replace(work, book=other), wanted=[(AccountKey("bank_cash"), "CNY")])[AccountKey("bank_cash"), "CNY"]
    entry = attacker.head()
    attacker.head(entry_id=entry, on=date(2026, 10, 2), book_id=other.id)
    with pytest.raises(errors.CheckViolation, match="does not balance"):
        attacker.connection.execute(
            "INSERT INTO ledger_line (posted_on, entry_id, line_no, book_id, account_id, amount_minor, currency, funder_id) VALUES"
            " ('2026-10-01', %(e)s, 1, %(a)s, %(x)s, 100, 'CNY', %(a)s), ('2026-10-01', %(e)s, 2, %(a)s, %(x)s, 50, 'CNY', %(a)s),"
            " ('2026-10-02', %(e)s, 1, %(b)s, %(y)s, -100, 'CNY', %(b)s), ('2026-10-02', %(e)s, 2, %(b)s, %(y)s, -50, 'CNY', %(b)s)",
            {"e": entry, "a": work.book.id, "b": other.id, "x": pair[0], "y": there},
        )


@pytest.mark.parametrize("numbers", [(1, 2), (3, 4)])
def test_lines_added_later_to_an_old_entry_are_refused(attacker: Attacker, pair: tuple[UUID, UUID], numbers: tuple[int, int]) -> None:
    entry = attacker.head()
    attacker.lines((entry, 1, pair[0], 100), (entry, 2, pair[1], -100))
    attacker.connection.commit()
    with pytest.raises((errors.CheckViolation, errors.UniqueViolation)):
        attacker.lines((entry, numbers[0], pair[0], 7), (entry, numbers[1], pair[1], -7))


def test_lines_added_by_a_second_statement_of_the_same_transaction_are_refused(attacker: Attacker, pair: tuple[UUID, UUID]) -> None:
    entry = attacker.head()
    attacker.lines((entry, 1, pair[0], 100), (entry, 2, pair[1], -100))
    with pytest.raises(errors.CheckViolation, match="not all of it"):
        attacker.lines((entry, 3, pair[0], 7), (entry, 4, pair[1], -7))


@pytest.mark.parametrize("count", [3, 4])
def test_an_entry_that_lacks_lines_is_refused(attacker: Attacker, pair: tuple[UUID, UUID], count: int) -> None:
    entry = attacker.head(lines=count)
    with pytest.raises(errors.CheckViolation, match="not all of it"):
        attacker.lines((entry, 1, pair[0], 100), (entry, 2, pair[1], -100))


def test_an_entry_without_any_line_is_refused_at_the_latest_when_it_commits(attacker: Attacker) -> None:
    attacker.head()
    with pytest.raises(errors.CheckViolation, match="has no lines"):
        attacker.connection.commit()


@pytest.mark.parametrize("count", [0, 1])
def test_an_entry_of_fewer_than_two_lines_is_refused(attacker: Attacker, count: int) -> None:
    with pytest.raises(errors.CheckViolation):
        attacker.head(lines=count)


@pytest.mark.parametrize("minor", [0, 10**15 + 1])
def test_a_line_of_nothing_or_of_too_much_is_refused(attacker: Attacker, pair: tuple[UUID, UUID], minor: int) -> None:
    entry = attacker.head()
    with pytest.raises(errors.CheckViolation):
        attacker.lines((entry, 1, pair[0], minor), (entry, 2, pair[1], -minor))


def test_lines_without_an_entry_are_refused(attacker: Attacker, pair: tuple[UUID, UUID]) -> None:
    stray = uuid4()
    with pytest.raises(errors.CheckViolation, match="not its own"):
        attacker.lines((stray, 1, pair[0], 1), (stray, 2, pair[1], -1))


def test_a_line_in_another_currency_than_its_account_is_refused(attacker: Attacker, pair: tuple[UUID, UUID]) -> None:
    entry = attacker.head()
    with pytest.raises(errors.CheckViolation, match="not an open one of this book and currency"):
        attacker.lines((entry, 1, pair[0], 100), (entry, 2, pair[1], -100), currency="USD")


def test_a_line_on_an_account_that_does_not_exist_is_refused(attacker: Attacker, pair: tuple[UUID, UUID]) -> None:
    entry = attacker.head()
    with pytest.raises(errors.CheckViolation, match="not an open one of this book and currency"):
        attacker.lines((entry, 1, uuid4(), 100), (entry, 2, pair[1], -100))


def test_no_line_joins_two_books(attacker: Attacker, work: UnitOfWork, pair: tuple[UUID, UUID]) -> None:
    with sql.transacting():
        other = books.create(code=f"other-{uuid4().hex}", legal_entity="Other", mode="test", now=work.now, ids=work.ids)
        days.open_first(book=other, on=FIRST, now=work.now)
    entry = attacker.head()
    with pytest.raises(errors.CheckViolation, match="not its own"):
        attacker.lines((entry, 1, pair[0], 100), (entry, 2, pair[1], -100), book_id=other.id)
    attacker.connection.rollback()
    entry = attacker.head(book_id=other.id)
    with pytest.raises(errors.CheckViolation, match="not an open one of this book and currency"):
        attacker.lines((entry, 1, pair[0], 100), (entry, 2, pair[1], -100), book_id=other.id)


def _start(work: UnitOfWork, on: date, kind: str) -> UUID:
    with sql.transacting():
        return runs.start(book_id=work.book.id, kind=kind, on=on, steps=["one"], now=work.now, ids=work.ids, actor="system:test").id


def test_a_day_that_was_never_opened_takes_no_entry(attacker: Attacker) -> None:
    with pytest.raises((errors.CheckViolation, errors.ForeignKeyViolation)):
        attacker.head(on=date(2026, 10, 2))


def test_a_closing_day_takes_entries_only_from_its_own_running_run(
    attacker: Attacker, work: UnitOfWork, next_day: Callable[[UnitOfWork], UnitOfWork]
) -> None:
    next_day(work)
    with pytest.raises(errors.CheckViolation, match="takes no entries"):
        attacker.head()
    attacker.connection.rollback()
    with pytest.raises(errors.CheckViolation, match="takes no entries"):
        attacker.head(run_id=_start(work, date(2026, 10, 2), "close_of_day"))
    attacker.connection.rollback()
    own = _start(work, FIRST, "close_of_day")
    attacker.head(run_id=own)
    attacker.connection.rollback()
    with sql.transacting():
        runs.finish(run_id=own, state="done", now=work.now)
    with pytest.raises(errors.CheckViolation, match="takes no entries"):
        attacker.head(run_id=own)


def test_a_closed_day_takes_nothing_even_from_a_running_run(
    attacker: Attacker, work: UnitOfWork, next_day: Callable[[UnitOfWork], UnitOfWork]
) -> None:
    next_day(work)
    own = _start(work, FIRST, "close_of_day")
    with sql.transacting():
        assert days.close(book_id=work.book.id, on=FIRST, now=work.now) is None
    with pytest.raises(errors.CheckViolation, match="takes no entries"):
        attacker.head(run_id=own)


def _limit_of(work: UnitOfWork, key: AccountKey) -> UUID:
    found: UUID = sql.value("SELECT id FROM ledger_account WHERE book_id = %s AND owner_id = %s", [work.book.id, key.owner_id])
    return found


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE ledger_limit SET posted_minor = 0 WHERE account_id = %(account)s",
        "UPDATE ledger_limit SET posted_minor = posted_minor - 1 WHERE account_id = %(account)s",
        "UPDATE ledger_limit SET held_minor = 0 WHERE account_id = %(account)s",
        "UPDATE ledger_limit SET merchant_id = gen_random_uuid() WHERE account_id = %(account)s",
        "UPDATE ledger_limit SET account_id = gen_random_uuid() WHERE account_id = %(account)s",
        "INSERT INTO ledger_limit (account_id, book_id, limit_minor, posted_minor) VALUES (gen_random_uuid(), %(book)s, 100, 0)",
        "INSERT INTO ledger_limit (account_id, book_id, limit_minor, held_minor) VALUES (gen_random_uuid(), %(book)s, 100, 0)",
        "INSERT INTO ledger_limit (account_id, book_id, limit_minor) VALUES (%(account)s, %(book)s, 100)"
        " ON CONFLICT (account_id) DO UPDATE SET posted_minor = 0",
        "UPDATE ledger_hold SET posted_minor = 40 WHERE id = %(hold)s",
        "UPDATE ledger_hold SET posted_minor = 40, state = 'posted' WHERE id = %(hold)s",
        "UPDATE ledger_hold SET account_id = %(elsewhere)s WHERE id = %(hold)s",
        "UPDATE ledger_hold SET amount_minor = 1 WHERE id = %(hold)s",
        "UPDATE ledger_hold SET placed_at = now(), expires_at = now(), order_id = NULL WHERE id = %(hold)s",
        "INSERT INTO ledger_hold (id, book_id, account_id, amount_minor, placed_at, expires_at, state)"
        " VALUES (gen_random_uuid(), %(book)s, %(account)s, 5, now(), 'infinity', 'pending')",
        "INSERT INTO ledger_hold (id, book_id, account_id, amount_minor, placed_at, expires_at, released_minor)"
        " VALUES (gen_random_uuid(), %(book)s, %(account)s, 5, now(), 'infinity', 0)",
        "INSERT INTO ledger_checkpoint (account_id, posted_on, book_id, debit_minor, credit_minor, line_count)"
        " VALUES (%(account)s, '2026-10-01', %(book)s, 5, 0, 1)",
        "UPDATE ledger_checkpoint SET debit_minor = debit_minor + 1",
        "INSERT INTO ledger_horizon (book_id, epoch, xid, moved_at) VALUES (%(book)s, 1, '1', now())",
        "UPDATE ledger_horizon SET xid = '999999999'",
    ],
)
def test_the_writer_never_writes_a_figure_that_the_database_adds_up(
    attacker: Attacker, work: UnitOfWork, credit_line: Callable[[int], AccountKey], statement: str
) -> None:
    line, hold = credit_line(100), uuid4()
    _place(work, line, hold, 40)
    given = {"account": _limit_of(work, line), "elsewhere": _limit_of(work, credit_line(100)), "book": work.book.id, "hold": hold}
    with pytest.raises(errors.InsufficientPrivilege):
        attacker.connection.execute(statement, given)


def _place(work: UnitOfWork, line: AccountKey, hold: UUID, minor: int) -> None:
    with sql.transacting():
        (placed,) = ledger.place_holds(work=work, holds=[Hold(hold, line, Money(minor, "CNY"), work.now.replace(year=2027))])
    assert hasattr(placed, "hold_id")


def _figures(connection: psycopg.Connection[Any], account: UUID) -> tuple[int, int]:
    """(posted, held) of a limited account, as this connection sees them."""
    return connection.execute("SELECT posted_minor, held_minor FROM ledger_limit WHERE account_id = %s", [account]).fetchone()  # type: ignore[return-value]


def _raw_hold(attacker: Attacker, account: UUID, minor: int, *, book_id: UUID | None = None, times: int = 1) -> UUID:
    """The last of so many holds made by one statement."""
    attacker.connection.execute(
        "INSERT INTO ledger_hold (id, book_id, account_id, amount_minor, placed_at, expires_at)"
        " SELECT unnest(%s::uuid[]), %s, %s, %s, now(), 'infinity'",
        [made := [uuid4() for _ in range(times)], book_id or attacker.book_id, account, minor],
    )
    return made[-1]


def _raw_draw(attacker: Attacker, account: UUID, contra: UUID, minor: int) -> None:
    entry = attacker.head()
    attacker.lines((entry, 1, account, minor), (entry, 2, contra, -minor))


def test_what_lines_and_holds_move_by_raw_sql_is_counted(
    attacker: Attacker, work: UnitOfWork, pair: tuple[UUID, UUID], credit_line: Callable[[int], AccountKey]
) -> None:
    """Lines that raise and lower one account in one statement, a hold taken in two parts, the rest released."""
    account = _limit_of(work, credit_line(100))
    hold = _raw_hold(attacker, account, 60)
    assert _figures(attacker.connection, account) == (0, 60)
    one, two = attacker.head(), attacker.head()
    attacker.lines((one, 1, account, 20), (one, 2, pair[1], -20), (two, 1, account, 15), (two, 2, account, -15), hold_id=hold)
    assert _figures(attacker.connection, account) == (20, 25)
    attacker.connection.execute("UPDATE ledger_hold SET state = 'voided', released_minor = 25 WHERE id = %s", [hold])
    assert _figures(attacker.connection, account) == (20, 0)
    back = attacker.head()
    attacker.lines((back, 1, account, -20), (back, 2, pair[1], 20))
    assert _figures(attacker.connection, account) == (0, 0)
    attacker.connection.commit()


@pytest.mark.parametrize(
    ("used", "attack"),
    [
        ("nothing", lambda attacker, account, contra: _raw_hold(attacker, account, 101)),
        ("nothing", lambda attacker, account, contra: _raw_hold(attacker, account, 51, times=2)),
        ("nothing", lambda attacker, account, contra: _raw_draw(attacker, account, contra, 101)),
        ("a hold", lambda attacker, account, contra: _raw_draw(attacker, account, contra, 41)),
        ("lines", lambda attacker, account, contra: _raw_hold(attacker, account, 41)),
    ],
    ids=["a hold", "two holds by one statement", "lines", "lines beside a hold", "a hold after lines"],
)
def test_no_way_lifts_an_exposure_above_its_limit(
    attacker: Attacker,
    work: UnitOfWork,
    pair: tuple[UUID, UUID],
    credit_line: Callable[[int], AccountKey],
    used: str,
    attack: Callable[..., None],
) -> None:
    account = _limit_of(work, credit_line(100))
    if used == "a hold":
        _raw_hold(attacker, account, 60)
    if used == "lines":
        _raw_draw(attacker, account, pair[1], 60)
    with pytest.raises(errors.CheckViolation, match="would exceed its limit"):
        attack(attacker, account, pair[1])


def test_a_capture_still_takes_its_hold_after_the_limit_was_cut_and_nothing_more(
    attacker: Attacker, work: UnitOfWork, pair: tuple[UUID, UUID], credit_line: Callable[[int], AccountKey]
) -> None:
    line, hold = credit_line(100), uuid4()
    account = _limit_of(work, line)
    _place(work, line, hold, 80)
    with sql.transacting():
        ledger.set_limits(work=work, limits=[(line, Money(10, "CNY"))])
    entry = attacker.head()
    attacker.lines((entry, 1, account, 50), (entry, 2, pair[1], -50), hold_id=hold)
    attacker.connection.commit()
    assert _figures(attacker.connection, account) == (50, 30)
    entry = attacker.head()
    with pytest.raises(errors.CheckViolation, match="would exceed its limit"):
        attacker.lines((entry, 1, account, 30), (entry, 2, pair[1], -30))
    attacker.connection.rollback()
    use = HoldUse(hold, Money(30, "CNY"))
    lines = (Line(line, Money(30, "CNY")), Line(AccountKey("credit_line_contra"), Money(-30, "CNY")))
    with sql.transacting():
        (posted,) = ledger.post(work=work, entries=[Entry("rest", "t", lines, uses_hold=use)])
    assert hasattr(posted, "entry_id")
    assert _figures(attacker.connection, account) == (80, 0)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ("no hold", "which is on another account"),
        ("another account", "which is on another account"),
        ("a credit", "which is on another account"),
        ("too much", "ledger_hold_not_overused"),
        ("a voided hold", "is voided, or was rewritten"),
    ],
)
def test_a_line_takes_only_from_a_pending_hold_of_its_account(
    attacker: Attacker, work: UnitOfWork, pair: tuple[UUID, UUID], credit_line: Callable[[int], AccountKey], wrong: str, told: str
) -> None:
    account, elsewhere = _limit_of(work, credit_line(100)), _limit_of(work, credit_line(100))
    hold = _raw_hold(attacker, account, 40)
    if wrong == "a voided hold":
        attacker.connection.execute("UPDATE ledger_hold SET state = 'voided', released_minor = 40 WHERE id = %s", [hold])
    minor = {"too much": 41, "a credit": -40}.get(wrong, 40)
    taker = elsewhere if wrong == "another account" else account
    entry = attacker.head()
    with pytest.raises(errors.CheckViolation, match=told):
        attacker.lines((entry, 1, taker, minor), (entry, 2, pair[1], -minor), hold_id=uuid4() if wrong == "no hold" else hold)


def test_a_limited_account_without_a_limit_takes_no_line_and_no_hold(attacker: Attacker, work: UnitOfWork, pair: tuple[UUID, UUID]) -> None:
    attacker.connection.execute(
        "INSERT INTO ledger_account (id, book_id, code, kind, cls, currency, owner_id, product, opened_at)"
        " VALUES (%s, %s, 'credit_line', 'limited', 'memorandum', 'CNY', gen_random_uuid(), '', now())",
        [account := uuid4(), work.book.id],
    )
    attacker.connection.commit()
    entry = attacker.head()
    with pytest.raises(errors.CheckViolation, match="has no limit"):
        attacker.lines((entry, 1, account, 5), (entry, 2, pair[1], -5))
    attacker.connection.rollback()
    with pytest.raises(errors.CheckViolation, match="has no limit"):
        _raw_hold(attacker, account, 5)


def test_a_control_account_has_no_limit_and_no_holds(attacker: Attacker, pair: tuple[UUID, UUID]) -> None:
    with pytest.raises(errors.CheckViolation, match="has no limit"):
        _raw_hold(attacker, pair[0], 5)
    attacker.connection.rollback()
    with pytest.raises(errors.CheckViolation, match="is not a limited one"):
        attacker.connection.execute(
            "INSERT INTO ledger_limit (account_id, book_id, limit_minor) VALUES (%s, %s, 100)", [pair[0], attacker.book_id]
        )


def test_a_hold_is_on_an_account_of_its_book(
    attacker: Attacker, work: UnitOfWork, credit_line: Callable[[int], AccountKey], make_other_book: Callable[[], Book]
) -> None:
    with pytest.raises(errors.ForeignKeyViolation):
        _raw_hold(attacker, _limit_of(work, credit_line(100)), 5, book_id=make_other_book().id)


def test_a_line_names_its_funder(attacker: Attacker, work: UnitOfWork, pair: tuple[UUID, UUID]) -> None:
    entry = attacker.head()
    with pytest.raises(errors.CheckViolation, match="ledger_line_has_a_funder"):
        attacker.connection.execute(
            "INSERT INTO ledger_line (posted_on, entry_id, line_no, book_id, account_id, amount_minor, currency)"
            " VALUES (%(on)s, %(e)s, 1, %(b)s, %(x)s, 5, 'CNY'), (%(on)s, %(e)s, 2, %(b)s, %(y)s, -5, 'CNY')",
            {"on": FIRST, "e": entry, "b": work.book.id, "x": pair[0], "y": pair[1]},
        )


def test_a_month_made_later_asks_for_the_funder_too(as_role: Connect, work: UnitOfWork) -> None:
    with sql.transacting():
        ledger.make_partitions(first=date(2032, 1, 1), months=1)
    asked = as_role("owner").execute(
        "SELECT count(*) FROM pg_inherits i WHERE i.inhparent = 'ledger_line'::regclass AND NOT EXISTS (SELECT 1 FROM pg_constraint c"
        " WHERE c.conrelid = i.inhrelid AND c.conname = 'ledger_line_has_a_funder' AND c.coninhcount = 1)"
    )
    assert asked.fetchone() == (0,)


@pytest.mark.parametrize(
    "change", ["code = 'fee_income'", "owner_id = gen_random_uuid()", "cls = 'income'", "kind = 'control'", "product = 'x'"]
)
def test_an_account_is_never_rewritten_under_its_lines(attacker: Attacker, pair: tuple[UUID, UUID], change: str) -> None:
    with pytest.raises(errors.CheckViolation):
        attacker.connection.execute(f"UPDATE ledger_account SET {change} WHERE id = %s", [pair[0]])


@pytest.mark.parametrize("change", ["state = 'pending'", "state = 'voided', released_minor = 0", "state = 'expired'", "state = 'posted'"])
def test_a_hold_that_ended_is_never_opened_again(
    attacker: Attacker, work: UnitOfWork, credit_line: Callable[[int], AccountKey], change: str
) -> None:
    line, hold = credit_line(100), uuid4()
    with sql.transacting():
        ledger.place_holds(work=work, holds=[Hold(hold, line, Money(40, "CNY"), work.now.replace(year=2027))])
        ledger.release_holds(work=work, releases=[Release(hold, "voided")])
    with pytest.raises(errors.CheckViolation):
        attacker.connection.execute(f"UPDATE ledger_hold SET {change} WHERE id = %s", [hold])


@pytest.mark.parametrize(
    "change",
    [
        "state = 'posted'",
        "state = 'posted', released_minor = 40",
        "state = 'voided', released_minor = 10",
        "released_minor = 41",
        "released_minor = -1",
    ],
)
def test_a_hold_is_not_ended_with_a_part_of_it_left_and_never_called_posted_by_hand(
    attacker: Attacker, work: UnitOfWork, credit_line: Callable[[int], AccountKey], change: str
) -> None:
    line, hold = credit_line(100), uuid4()
    with sql.transacting():
        ledger.place_holds(work=work, holds=[Hold(hold, line, Money(40, "CNY"), work.now.replace(year=2027))])
    with pytest.raises(errors.CheckViolation):
        attacker.connection.execute(f"UPDATE ledger_hold SET {change} WHERE id = %s", [hold])


# ------------------------------------------------------------------------------------------------------------ who sees what


@pytest.fixture
def two_merchants(work: UnitOfWork, entry: Callable[..., Entry]) -> tuple[UUID, UUID]:
    """An account, a limit and a line of each of two merchants; events, an audit row and a setting of the book."""
    mine, theirs = uuid4(), uuid4()
    with sql.transacting():
        for merchant in (mine, theirs):
            key = AccountKey("merchant_available", merchant)
            ledger.open_limited(work=work, accounts=[LimitedAccount(key, Money(0, "CNY"), merchant_id=merchant)])
            lines = (Line(AccountKey("merchant_pending"), Money(50, "CNY")), Line(key, Money(-50, "CNY"), merchant_id=merchant))
            (posted,) = ledger.post(work=work, entries=[Entry(f"settle:{merchant}", "settled", lines)])
            assert hasattr(posted, "entry_id")
        outbox.emit(work=work, events=[outbox.Event("merchant.created", "merchant", mine, 1, {})])
        audit.record(work=work, action="merchant.create", object_kind="merchant", object_ids=[mine])
        policies.establish(work=work, name="test.policy", value=1, valid_from=FIRST)
    return mine, theirs


def _readable(connection: psycopg.Connection[Any]) -> list[str]:
    return [
        row[0]
        for row in connection.execute(
            "SELECT c.relname FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm')"
            " AND has_any_column_privilege(c.oid, 'SELECT') ORDER BY 1"
        ).fetchall()
    ]


@pytest.mark.parametrize("role", ["reader", "staff"])
def test_without_a_scope_no_row_of_any_table_is_seen(as_role: Connect, two_merchants: tuple[UUID, UUID], role: str) -> None:
    connection = as_role(role)
    tables = _readable(connection)
    assert "ledger_line" in tables
    assert {table: connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in tables} == dict.fromkeys(tables, 0)  # type: ignore[index]


def test_the_reader_sees_its_own_merchant_only(as_role: Connect, two_merchants: tuple[UUID, UUID]) -> None:
    connection = as_role("reader")
    connection.execute("SELECT set_config('yuefu.merchant', %s, true)", [str(two_merchants[0])])
    for table in ("ledger_line", "ledger_account", "ledger_limit"):
        assert connection.execute(f"SELECT DISTINCT merchant_id FROM {table}").fetchall() == [(two_merchants[0],)], table


def test_a_scope_ends_with_its_transaction(as_role: Connect, two_merchants: tuple[UUID, UUID]) -> None:
    connection = as_role("reader")
    connection.execute("SELECT set_config('yuefu.merchant', %s, true)", [str(two_merchants[0])])
    connection.commit()
    assert connection.execute("SELECT count(*) FROM ledger_line").fetchone() == (0,)


def test_staff_see_their_book_only(as_role: Connect, work: UnitOfWork, two_merchants: tuple[UUID, UUID]) -> None:
    connection = as_role("staff")
    connection.execute("SELECT set_config('yuefu.book', %s, true)", [str(work.book.id)])
    for table in ("ledger_line", "ledger_entry", "ledger_account", "runtime_outbox", "runtime_audit", "runtime_setting", "runtime_key"):
        assert connection.execute(f"SELECT DISTINCT book_id FROM {table}").fetchall() == [(work.book.id,)], table


@pytest.mark.parametrize("role", ["reader", "staff"])
def test_who_reads_never_writes(as_role: Connect, role: str) -> None:
    connection = as_role(role)
    for table in _readable(connection):
        for statement in (f"INSERT INTO {table} DEFAULT VALUES", f"DELETE FROM {table}", f"TRUNCATE {table}"):
            # A view over several tables is no place to write to, whoever asks.
            with pytest.raises((errors.InsufficientPrivilege, errors.ObjectNotInPrerequisiteState, errors.WrongObjectType)):
                connection.execute(statement)
            connection.rollback()


def test_reads_inside_a_scope_use_the_role_that_is_confined(work: UnitOfWork, two_merchants: tuple[UUID, UUID]) -> None:
    with sql.reading(merchant_id=two_merchants[0]):
        assert sql.value("SELECT current_user") == "yuefu_reader"
        assert sql.value("SELECT count(*) FROM ledger_line") == 1
    with sql.reading():
        assert sql.value("SELECT count(*) FROM ledger_line") == 0
    assert sql.value("SELECT current_user") == "yuefu_writer"


# ------------------------------------------------------------------------------------------------------------ the catalogue

RUNTIME_ROLES = ["yuefu_writer", "yuefu_reader", "yuefu_staff"]
OURS = "c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND c.relname !~ '^(django|procrastinate|auth)_'"


def test_no_runtime_role_is_above_the_rules(as_role: Connect) -> None:
    owner = as_role("owner")
    found = owner.execute(
        "SELECT rolname FROM pg_roles WHERE rolname = ANY(%s) AND (rolsuper OR rolbypassrls OR rolcreaterole OR rolcreatedb"
        " OR rolreplication)",
        [RUNTIME_ROLES],
    ).fetchall()
    owned = owner.execute("SELECT relname FROM pg_class WHERE pg_get_userbyid(relowner) = ANY(%s)", [RUNTIME_ROLES]).fetchall()
    members = owner.execute(
        "SELECT 1 FROM pg_auth_members WHERE member IN (SELECT oid FROM pg_roles WHERE rolname = ANY(%s))", [RUNTIME_ROLES]
    ).fetchall()
    assert (found, owned, members) == ([], [], [])


def test_every_table_has_forced_row_level_security(as_role: Connect, work: UnitOfWork) -> None:
    """A partition is only ever read through its parent; forcing it too would hide its rows from the owner's own dump."""
    found = as_role("owner").execute(
        f"SELECT c.relname FROM pg_class c WHERE {OURS} AND NOT (c.relrowsecurity AND (c.relforcerowsecurity OR c.relispartition))"
    )
    assert found.fetchall() == []


def test_every_grant_is_one_that_was_asked_for(as_role: Connect, work: UnitOfWork) -> None:
    granted = (
        as_role("owner")
        .execute(
            f"SELECT c.relname, coalesce(r.rolname, 'PUBLIC'), array_agg(DISTINCT g.privilege_type ORDER BY g.privilege_type)"
            f" FROM pg_class c CROSS JOIN LATERAL aclexplode(c.relacl) g LEFT JOIN pg_roles r ON r.oid = g.grantee"
            f" WHERE {OURS} AND g.grantee <> c.relowner GROUP BY 1, 2"
        )
        .fetchall()
    )
    allowed = {
        "yuefu_writer": [
            ["SELECT"],
            ["INSERT", "SELECT"],
            ["SELECT", "UPDATE"],
            ["INSERT", "SELECT", "UPDATE"],
            ["DELETE", "INSERT", "SELECT", "UPDATE"],
        ],
        "yuefu_reader": [["SELECT"]],
        "yuefu_staff": [["SELECT"]],
    }
    assert [row for row in granted if row[2] not in allowed.get(row[1], [])] == []
    assert {row[0] for row in granted if row[0].startswith(("ledger_entry_", "ledger_line_"))} == set()


def test_who_may_read_a_table_has_a_policy_there(as_role: Connect) -> None:
    naked = as_role("owner").execute(
        f"SELECT c.relname, r.rolname FROM pg_class c CROSS JOIN pg_roles r WHERE {OURS} AND r.rolname IN ('yuefu_reader', 'yuefu_staff')"
        " AND has_any_column_privilege(r.oid, c.oid, 'SELECT') AND NOT EXISTS (SELECT 1 FROM pg_policy p WHERE p.polrelid = c.oid"
        " AND p.polroles = ARRAY[r.oid] AND p.polcmd = 'r' AND pg_get_expr(p.polqual, c.oid) LIKE '%%current_setting%%')"
    )
    assert naked.fetchall() == []


def test_functions_with_the_owners_rights_have_a_fixed_search_path(as_role: Connect) -> None:
    found = as_role("owner").execute(
        "SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace AND prosecdef"
        " AND NOT coalesce(array_to_string(proconfig, ',') LIKE '%search_path=public, pg_temp%', false)"
    )
    assert found.fetchall() == []


def test_all_our_functions_look_at_the_real_tables_first(as_role: Connect) -> None:
    """A temporary table of the same name would stand before them, in a function without a path of its own."""
    found = as_role("owner").execute(
        "SELECT p.proname FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang WHERE pronamespace = 'public'::regnamespace"
        " AND l.lanname IN ('plpgsql', 'sql') AND p.proname NOT LIKE 'procrastinate%'"
        " AND NOT coalesce(array_to_string(p.proconfig, ',') LIKE '%search_path=public, pg_temp%', false)"
    )
    assert found.fetchall() == []


@pytest.mark.parametrize("kind", ["coffee", "close_of_day"])
def test_only_the_close_of_a_day_posts_to_it_while_it_is_closing(
    attacker: Attacker, work: UnitOfWork, next_day: Callable[[UnitOfWork], UnitOfWork], kind: str
) -> None:
    next_day(work)
    run = _start(work, FIRST, kind)
    if kind == "close_of_day":
        attacker.head(run_id=run)
    else:
        with pytest.raises(errors.CheckViolation, match="takes no entries"):
            attacker.head(run_id=run)


@pytest.mark.parametrize("change", ["state = 'running'", "state = 'failed'", "kind = 'coffee'", "on_date = on_date + 1", "actor = 'x'"])
def test_a_run_that_is_done_stays_done(attacker: Attacker, work: UnitOfWork, change: str) -> None:
    own = _start(work, FIRST, "close_of_day")
    with sql.transacting():
        runs.finish(run_id=own, state="done", now=work.now)
    with pytest.raises(errors.CheckViolation, match="is done"):
        attacker.connection.execute(f"UPDATE runtime_run SET {change} WHERE id = %s", [own])


def test_a_closed_account_takes_no_line(
    attacker: Attacker, work: UnitOfWork, pair: tuple[UUID, UUID], credit_line: Callable[[int], AccountKey]
) -> None:
    key = credit_line(100)
    account = _limit_of(work, key)
    entry = attacker.head()
    attacker.lines((entry, 1, account, 5), (entry, 2, pair[1], -5))
    attacker.connection.rollback()
    with sql.transacting():
        ledger.close_accounts(work=work, keys=[(key, "CNY")])
    entry = attacker.head()
    with pytest.raises(errors.CheckViolation, match="not an open one"):
        attacker.lines((entry, 1, account, 5), (entry, 2, pair[1], -5))


def test_an_entry_whose_lines_are_rolled_back_has_none(attacker: Attacker, pair: tuple[UUID, UUID]) -> None:
    entry = attacker.head()
    attacker.connection.execute("SAVEPOINT s")
    attacker.lines((entry, 1, pair[0], 5), (entry, 2, pair[1], -5))
    attacker.connection.execute("SET CONSTRAINTS ALL IMMEDIATE")
    attacker.connection.execute("ROLLBACK TO s")
    with pytest.raises(errors.CheckViolation, match="has no lines"):
        attacker.connection.commit()


def test_head_and_lines_by_one_statement_are_taken_if_they_are_sound(attacker: Attacker, work: UnitOfWork, pair: tuple[UUID, UUID]) -> None:
    both = (
        "WITH head AS (INSERT INTO ledger_entry (id, book_id, posted_on, effective_on, recorded_at, kind, line_count, actor, request_id)"
        " VALUES (%(e)s, %(b)s, %(on)s, %(on)s, now(), 'attack', 2, 'user:mallory', ''))"
        " INSERT INTO ledger_line (posted_on, entry_id, line_no, book_id, account_id, amount_minor, currency, funder_id)"
        " VALUES (%(on)s, %(e)s, 1, %(b)s, %(x)s, 5, 'CNY', %(b)s), (%(on)s, %(e)s, 2, %(b)s, %(y)s, %(n)s, 'CNY', %(b)s)"
    )
    given = {"b": work.book.id, "on": FIRST, "x": pair[0], "y": pair[1]}
    attacker.connection.execute(both, {**given, "e": uuid4(), "n": -5})
    attacker.connection.commit()
    with pytest.raises(errors.CheckViolation, match="does not balance"):
        attacker.connection.execute(both, {**given, "e": uuid4(), "n": -6})


def test_a_line_that_a_conflict_hides_is_missed(attacker: Attacker, work: UnitOfWork, pair: tuple[UUID, UUID]) -> None:
    entry = attacker.head()
    with pytest.raises(errors.CheckViolation):
        attacker.connection.execute(
            "INSERT INTO ledger_line (posted_on, entry_id, line_no, book_id, account_id, amount_minor, currency, funder_id)"
            " VALUES (%(on)s, %(e)s, 1, %(b)s, %(x)s, 5, 'CNY', %(b)s), (%(on)s, %(e)s, 1, %(b)s, %(x)s, 6, 'CNY', %(b)s),"
            " (%(on)s, %(e)s, 2, %(b)s, %(y)s, -11, 'CNY', %(b)s) ON CONFLICT DO NOTHING",
            {"b": work.book.id, "on": FIRST, "e": entry, "x": pair[0], "y": pair[1]},
        )


def test_a_month_is_made_while_somebody_reads_the_ledger_and_others_post(
    as_role: Connect, attacker: Attacker, work: UnitOfWork, pair: tuple[UUID, UUID]
) -> None:
    report = as_role("default")
    report.execute("SELECT count(*) FROM ledger_line").fetchone()
    writing = attacker.head()
    attacker.lines((writing, 1, pair[0], 5), (writing, 2, pair[1], -5))
    month = date(2031, 1, 1)
    assert not ledger.has_partitions(first=month, months=2)
    with sql.transacting(lock_timeout_ms=2_000):
        assert ledger.make_partitions(first=month, months=2) == 4
    assert ledger.has_partitions(first=month, months=2)
    assert not ledger.has_partitions(first=month, months=3)
    attacker.connection.commit()
    report.execute("SELECT count(*) FROM ledger_line").fetchone()
    with pytest.raises(errors.InsufficientPrivilege):
        attacker.connection.execute("SELECT 1 FROM ledger_line_203101")
