"""Limits and holds that were kept from before limits had a side: they count debits, as they always did."""

from __future__ import annotations

from uuid import uuid4

import psycopg
import pytest

from tests.kept import kept_database, migrate

BEFORE = [("ledger", "0008_nobody_borrows_a_trigger")]
AFTER = [("ledger", "0009_transfers")]

OPENED = (
    "INSERT INTO runtime_book (id, code, legal_entity, mode, currency, zone, calendar, cut_off, created_at)"
    " VALUES (%(book)s, 'kept', 'L', 'live', 'CNY', 'Asia/Shanghai', 'CN', '00:00', now())",
    "INSERT INTO ledger_account (id, book_id, code, kind, cls, currency, owner_id, product, opened_at)"
    " VALUES (%(account)s, %(book)s, 'credit_line', 'limited', 'memorandum', 'CNY', gen_random_uuid(), '', now())",
    "INSERT INTO ledger_limit (account_id, book_id, limit_minor) VALUES (%(account)s, %(book)s, 100)",
)
HOLD = (
    "INSERT INTO ledger_hold (id, book_id, account_id, amount_minor, placed_at, expires_at)"
    " VALUES (gen_random_uuid(), %(book)s, %(account)s, %(minor)s, now(), 'infinity')"
)


def test_what_was_held_of_a_limit_still_counts_on_the_side_of_debits() -> None:
    with kept_database(BEFORE) as owner:
        known = {"book": uuid4(), "account": uuid4(), "minor": 40}
        for statement in (*OPENED, HOLD, HOLD):
            owner.execute(statement, known)
        owner.execute("UPDATE ledger_account SET closed_at = now() WHERE id = %(account)s", known)
        migrate(AFTER)
        assert owner.execute("SELECT side, held_minor FROM ledger_limit").fetchall() == [(1, 80)]
        assert owner.execute("SELECT DISTINCT side, state FROM ledger_hold").fetchall() == [(1, "pending")]
        with pytest.raises(psycopg.errors.CheckViolation, match="would exceed its limit"):
            owner.execute(HOLD, known | {"minor": 21})
        owner.execute("UPDATE ledger_hold SET state = 'voided', released_minor = 40")
        assert owner.execute("SELECT held_minor FROM ledger_limit").fetchone() == (0,)
        with pytest.raises(psycopg.errors.CheckViolation, match="stays what it was"):
            owner.execute("UPDATE ledger_account SET closed_at = NULL")
