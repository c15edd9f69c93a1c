"""Accounts of money: opened once, and own money is never taken for that of clients, not even by raw SQL."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from typing import Any
from uuid import UUID

import psycopg
import pytest

from yuefu.errors import Refused, one
from yuefu.ledger import queries as ledger
from yuefu.money.amounts import Money
from yuefu.payments import commands as payments
from yuefu.payments import queries, rules
from yuefu.payments.commands import CollectionAttempt, TransferOrder
from yuefu.payments.entries import COMPONENTS
from yuefu.payments.rules import SANDBOX_ACCOUNTS, MoneyAccount, TransferResult
from yuefu.runtime import sql
from yuefu.runtime.values import UnitOfWork

DAY = date(2026, 10, 1)
Connect = Callable[[str], psycopg.Connection[Any]]


@pytest.fixture
def accounts(work: UnitOfWork) -> dict[str, MoneyAccount]:
    return queries.money_accounts(book_id=work.book.id)


def test_a_book_has_an_account_at_the_channel_one_for_own_and_one_for_client_money(accounts: dict[str, MoneyAccount]) -> None:
    assert [(a.code, a.kind, a.purpose, a.number, a.currency) for a in accounts.values()] == [
        ("channel", "channel", "own", "1900000001", "CNY"),
        ("operating", "bank", "own", "6100000000000001", "CNY"),
        ("client", "bank", "client", "6100000000000002", "CNY"),
    ]


def test_what_is_opened_again_is_the_same_account_and_another_of_its_code_or_number_is_refused(
    work: UnitOfWork, accounts: dict[str, MoneyAccount]
) -> None:
    client = SANDBOX_ACCOUNTS[2]
    wanted = [client, replace(client, purpose="own"), replace(client, code="second"), replace(client, code="second", number="7")]
    with sql.transacting():
        outcomes = payments.open_money_accounts(work=work, accounts=wanted)
    assert outcomes[0] == accounts["client"]
    assert [o.field for o in outcomes[1:2] if isinstance(o, Refused) and o.code == rules.ACCOUNT_DIFFERS] == ["code"]
    assert len(queries.money_accounts(book_id=work.book.id)) == 4


def test_each_account_of_money_has_its_own_account_in_the_ledger(work: UnitOfWork, accounts: dict[str, MoneyAccount]) -> None:
    orders = [
        TransferOrder("f", "funding", Money(900, "CNY"), work.book.id),
        TransferOrder("s", "safeguarding", Money(500, "CNY")),
        TransferOrder("r", "release", Money(200, "CNY")),
    ]
    with sql.transacting():
        made = [one([o]) for o in payments.order_transfers(work=work, orders=orders)]
        payments.settle_transfers(work=work, results=[TransferResult(t.reference, "done", t.amount, "n", DAY) for t in made])
    operating, client = accounts["operating"], accounts["client"]
    assert [(t.from_account_id, t.to_account_id) for t in made] == [
        (None, operating.id),
        (operating.id, client.id),
        (client.id, operating.id),
    ]
    held = ledger.money_balances(work.book.id)
    assert held == {("bank_cash", operating.id): 600, ("client_cash", client.id): 300}
    assert COMPONENTS["bank", "client"] == "client_cash"
    shown = {
        code: sorted((m.movement, m.amount.minor) for m in ledger.movements(work.book.id, code, DAY, owner_id=account.id))
        for code, account in (("bank_cash", operating), ("client_cash", client))
    }
    assert shown == {
        "bank_cash": [("funding", 900), ("release", 200), ("safeguarding", -500)],
        "client_cash": [("release", -200), ("safeguarding", 500)],
    }


@pytest.mark.parametrize(
    "change", ["purpose = 'own'", "kind = 'channel'", "number = '1'", "currency = 'USD'", "provider = 'x'", "code = 'x'"]
)
def test_what_an_account_is_never_changes(work: UnitOfWork, as_role: Connect, change: str) -> None:
    with as_role("default") as writer, pytest.raises(psycopg.errors.CheckViolation, match="stays what it was opened as"):
        writer.execute(f"UPDATE payments_money_account SET {change} WHERE book_id = %s AND code = 'client'", [work.book.id])  # type: ignore[arg-type]


def test_an_account_at_the_channel_is_for_own_money_only(work: UnitOfWork, as_role: Connect) -> None:
    with as_role("default") as writer, pytest.raises(psycopg.errors.CheckViolation, match="payments_money_account_role"):
        writer.execute(
            "INSERT INTO payments_money_account (id, book_id, code, kind, purpose, provider, number, currency, name_zh, name_en, opened_at)"
            " VALUES (gen_random_uuid(), %s, 'x', 'channel', 'client', 'sandbox', '1', 'CNY', '', '', now())",
            [work.book.id],
        )


PAYOUT = (
    "INSERT INTO payments_payout (id, book_id, reference, money_account_id, merchant_id, batch_id, amount_minor, currency, provider_id, state,"
    " failure_code, ordered_at) VALUES (gen_random_uuid(), %(book)s, 'x', %(account)s, %(merchant)s, gen_random_uuid(), 1, 'CNY', '', 'scheduled',"
    " '', now())"
)
COLLECTION = (
    "INSERT INTO payments_collection (id, book_id, reference, money_account_id, consumer_id, funder_id, amount_minor, fee_minor, refunded_minor,"
    " currency, channel, instrument, provider_id, state, failure_code, attempted_at) VALUES (gen_random_uuid(), %(book)s, 'x', %(account)s,"
    " %(consumer)s, %(book)s, 1, 0, 0, 'CNY', 'sandbox', '', '', 'attempted', '', now())"
)
TRANSFER = (
    "INSERT INTO payments_transfer (id, book_id, reference, kind, from_account_id, to_account_id, amount_minor, currency, funder_id, provider_id,"
    " state, failure_code, ordered_at) VALUES (gen_random_uuid(), %(book)s, 'x', %(kind)s, %(origin)s, %(target)s, 1, 'CNY', %(funder)s, '',"
    " 'ordered', '', now())"
)


def passes(writer: psycopg.Connection[Any], statement: str, **given: object) -> bool:
    try:
        with writer.transaction(force_rollback=True):
            writer.execute(statement, given)  # type: ignore[arg-type]
    except psycopg.errors.ForeignKeyViolation as refused:
        if "payments_money_account" in str(refused):
            return False
        raise
    return True


def test_a_payout_leaves_an_account_of_client_money_and_no_other(
    work: UnitOfWork, as_role: Connect, accounts: dict[str, MoneyAccount], merchant_id: UUID
) -> None:
    with as_role("default") as writer:
        found = {code: passes(writer, PAYOUT, book=work.book.id, account=a.id, merchant=merchant_id) for code, a in accounts.items()}
    assert found == {"channel": False, "operating": False, "client": True}


def test_a_collection_comes_into_an_account_at_the_channel_and_no_other(
    work: UnitOfWork, as_role: Connect, accounts: dict[str, MoneyAccount], consumer_id: UUID
) -> None:
    with as_role("default") as writer:
        found = {code: passes(writer, COLLECTION, book=work.book.id, account=a.id, consumer=consumer_id) for code, a in accounts.items()}
    assert found == {"channel": True, "operating": False, "client": False}


def test_what_moved_money_cannot_be_said_to_be_of_another_account(
    work: UnitOfWork, as_role: Connect, accounts: dict[str, MoneyAccount], consumer_id: UUID
) -> None:
    with sql.transacting():
        one(payments.attempt_collections(work=work, attempts=[CollectionAttempt("k", consumer_id, None, None, Money(5, "CNY"), "sandbox")]))
    with as_role("default") as writer:
        statement = "UPDATE payments_collection SET money_account_id = %s WHERE book_id = %s"
        with pytest.raises(psycopg.errors.InsufficientPrivilege), writer.transaction():
            writer.execute(statement, [accounts["client"].id, work.book.id])
        with pytest.raises(psycopg.errors.GeneratedAlways):
            writer.execute("UPDATE payments_collection SET money_role = 'bank/client' WHERE book_id = %s", [work.book.id])


def test_a_transfer_goes_between_the_accounts_that_its_kind_says(
    work: UnitOfWork, as_role: Connect, accounts: dict[str, MoneyAccount]
) -> None:
    right = set()
    with as_role("default") as writer:
        for kind in ("withdrawal", "safeguarding", "release"):
            for origin in accounts.values():
                for target in accounts.values():
                    given = {"kind": kind, "origin": origin.id, "target": target.id, "funder": None}
                    if passes(writer, TRANSFER, book=work.book.id, **given):
                        right.add((kind, origin.code, target.code))
        funded = {
            target.code
            for target in accounts.values()
            if passes(writer, TRANSFER, book=work.book.id, kind="funding", origin=None, target=target.id, funder=work.book.id)
        }
        with pytest.raises(psycopg.errors.CheckViolation, match="payments_transfer_funder"):
            passes(writer, TRANSFER, book=work.book.id, kind="safeguarding", origin=None, target=accounts["client"].id, funder=None)
    assert right == {("withdrawal", "channel", "operating"), ("safeguarding", "operating", "client"), ("release", "client", "operating")}
    assert funded == {"operating"}


def test_an_account_of_another_book_is_none_of_ours(work: UnitOfWork, as_role: Connect, merchant_id: UUID) -> None:
    with as_role("default") as writer:
        (foreign,) = writer.execute(
            "SELECT id FROM payments_money_account WHERE book_id <> %s AND code = 'client' LIMIT 1", [work.book.id]
        ).fetchone() or (None,)
        if foreign is not None:
            assert not passes(writer, PAYOUT, book=work.book.id, account=foreign, merchant=merchant_id)


def test_without_its_account_nothing_is_moved(work: UnitOfWork, consumer_id: UUID) -> None:
    with sql.transacting():
        sql.run("UPDATE payments_money_account SET closed_at = %s WHERE book_id = %s", [work.now, work.book.id])
        (collected,) = payments.attempt_collections(
            work=work, attempts=[CollectionAttempt("k", consumer_id, None, None, Money(5, "CNY"), "sandbox")]
        )
        (moved,) = payments.order_transfers(work=work, orders=[TransferOrder("s", "safeguarding", Money(5, "CNY"))])
    assert [o.code for o in (collected, moved) if isinstance(o, Refused)] == [rules.NO_MONEY_ACCOUNT] * 2
