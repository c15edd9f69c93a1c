"""A database from before there were accounts of money gets them, and what its books say stays what it was."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from django.db import connections
from django.db.migrations.executor import MigrationExecutor
from psycopg import sql as pgsql
from stdnum.cn import uscc

from yuefu.errors import one
from yuefu.ledger import commands as ledger
from yuefu.ledger import queries
from yuefu.ledger.rules import AccountKey, LimitedAccount
from yuefu.merchants import commands as merchants
from yuefu.merchants import queries as merchant_book
from yuefu.merchants.commands import NewMerchant
from yuefu.merchants.rules import ContractTerms
from yuefu.money.amounts import Money
from yuefu.payments import commands
from yuefu.payments import queries as payments
from yuefu.payments.gateways.sandbox import SandboxBank
from yuefu.payments.rules import CLIENT_NUMBER, OPERATING_NUMBER, Payout, PayResult
from yuefu.runtime import books, days, sql
from yuefu.runtime.values import UnitOfWork
from yuefu.runtime.vault import Vault

BODY = "91110000MA0000001"
BEFORE = {
    "payments": "0002_promises", "reconciliation": "0002_promises", "ledger": "0005_figures_follow_lines", "settlement": "0013_adjustments",
    "aftersales": None,
}  # fmt: skip


def migrate(*, before: bool) -> None:
    executor = MigrationExecutor(connections["owner"])
    leaves = executor.loader.graph.leaf_nodes()
    executor.migrate([(app, BEFORE.get(app, name)) for app, name in leaves] if before else leaves)


@pytest.fixture
def from_before(work: UnitOfWork) -> Iterator[None]:
    """An empty database of the schema of before, in which owner and writer work meanwhile. The book of `work` is made before, elsewhere."""
    del work
    name = f"before_{uuid4().hex[:12]}"
    here = {alias: connections[alias].settings_dict["NAME"] for alias in ("owner", "default")}
    connections.close_all()
    with psycopg.connect(**connections["owner"].get_connection_params() | {"cursor_factory": psycopg.Cursor}, autocommit=True) as owner:
        owner.execute(pgsql.SQL("CREATE DATABASE {} TEMPLATE template0").format(pgsql.Identifier(name)))
        try:
            for alias in here:
                connections[alias].settings_dict["NAME"] = name
            migrate(before=True)
            yield
        finally:
            connections.close_all()
            for alias, database in here.items():
                connections[alias].settings_dict["NAME"] = database
            owner.execute(pgsql.SQL("DROP DATABASE {}").format(pgsql.Identifier(name)))


def _merchant(work: UnitOfWork, vault: Vault, monkeypatch: pytest.MonkeyPatch) -> UUID:
    """Without its account in the ledger, whose table is of before."""
    monkeypatch.setattr("yuefu.merchants.commands.onboarding.ledger.open_limited", lambda **_: None)
    terms = ContractTerms(work.day.on, 6_000, 1, "online", ((3, 18_000),), "returned", Money(0, "CNY"))
    new = NewMerchant(
        "m", "shop", "商店", "Shop", uscc=BODY + uscc.calc_check_digit(BODY), industry="media", settlement_account="622200009990003",
        settlement_account_kind="corporate", contract=terms,
    )  # fmt: skip
    return one(merchants.onboard(work=work, vault=vault, merchants=[new]))


CHART = {"bank_cash": ("money", "asset"), "channel_cash": ("money", "asset"), "suspense": ("control", "liability")}


def _post(work: UnitOfWork, *entries: dict[str, int]) -> None:
    """As the ledger of before posted: today's commands know columns that it did not have."""
    book, on, accounts = work.book.id, work.day.on, dict(zip(CHART, work.ids.many(work.now, len(CHART)), strict=True))
    columns = {"id": "uuid", "code": "text", "kind": "text", "cls": "text"}
    same: sql.Same = {
        "book_id": ("uuid", book),
        "currency": ("text", "CNY"),
        "product": ("text", ""),
        "opened_at": ("timestamptz", work.now),
    }
    sql.insert("ledger_account", columns, [(accounts[code], code, *kinds) for code, kinds in CHART.items()], same=same)
    for n, sides in enumerate(entries):
        entry = work.ids.new(work.now)
        sql.run(
            "INSERT INTO ledger_entry (id, book_id, posted_on, effective_on, recorded_at, kind, line_count, actor, request_id)"
            " VALUES (%s, %s, %s, %s, %s, 't', %s, 'system:test', '')",
            [entry, book, on, on, work.now, len(sides)],
        )
        lines = [(number, accounts[code], minor) for number, (code, minor) in enumerate(sides.items(), start=1)]
        of_entry: sql.Same = {
            "posted_on": ("date", on), "entry_id": ("uuid", entry), "book_id": ("uuid", book), "currency": ("text", "CNY"),
            "funder_id": ("uuid", book), "movement": ("text", "x"), "reference": ("text", str(n)),
        }  # fmt: skip
        sql.insert("ledger_line", {"line_no": "smallint", "account_id": "uuid", "amount_minor": "bigint"}, lines, same=of_entry)


FACTS = (
    "INSERT INTO payments_transfer (id, book_id, reference, kind, amount_minor, currency, funder_id, provider_id, state, failure_code, ordered_at,"
    " moved_on) VALUES (gen_random_uuid(), %(book)s, 'f', 'funding', 900, 'CNY', %(book)s, '', 'done', '', now(), %(on)s),"
    " (gen_random_uuid(), %(book)s, 'w', 'withdrawal', 70, 'CNY', NULL, '', 'done', '', now(), %(on)s)",
    "INSERT INTO payments_payout (id, book_id, reference, merchant_id, batch_id, amount_minor, currency, provider_id, state, failure_code,"
    " ordered_at, paid_on) VALUES (gen_random_uuid(), %(book)s, 'p', %(merchant)s, gen_random_uuid(), 300, 'CNY', '', 'paid', '', now(), %(on)s)",
    "INSERT INTO payments_sandbox_trade (book_id, side, reference, kind, provider_id, amount_minor, fee_minor, currency, status, on_date, at,"
    " payer, description, original_reference, refunded_minor, failure_code, silent, outcome_rule) SELECT %(book)s, 'bank', r, k, 'n', m, 0, 'CNY',"
    " 'SUCCESS', %(on)s, now(), '', '', '', 0, '', false, '' FROM (VALUES ('f', 'funding', 900), ('p', 'payout', 300)) AS g (r, k, m)",
    "INSERT INTO payments_sandbox_flow (book_id, side, seq, reference, kind, business_id, amount_minor, balance_minor, currency, on_date, at,"
    " note) SELECT %(book)s, 'bank', n, r, k, 'n', m, b, 'CNY', %(on)s, now(), '' FROM (VALUES (1, 'f', 'funding', 900, 900),"
    " (2, 'w', 'withdrawal', 70, 970), (3, 'p', 'payout', -300, 670)) AS g (n, r, k, m, b)",
)


def test_a_book_from_before_has_its_accounts_and_the_balances_it_had(
    from_before: None, work: UnitOfWork, vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    with sql.transacting():
        book = books.create(code="before", legal_entity="B", mode="test", now=work.now, ids=work.ids)
        day = days.open_first(book=book, on=work.day.on, now=work.now)
        ledger.make_partitions(first=work.day.on, months=1)
        here = replace(work, book=book, day=day)
        merchant = _merchant(here, vault, monkeypatch)
        _post(here, {"bank_cash": 970, "channel_cash": 30, "suspense": -1_000}, {"suspense": 300, "bank_cash": -300})
        for fact in FACTS:
            sql.run(fact, {"book": book.id, "on": work.day.on, "merchant": merchant})

    migrate(before=False)

    accounts = payments.money_accounts(book_id=book.id)
    channel, operating, client = (accounts[code].id for code in ("channel", "operating", "client"))
    assert queries.money_balances(book.id) == {("channel_cash", channel): 30, ("bank_cash", operating): 670}
    assert queries.sums_now(book.id) == {"CNY": 0}
    ends: dict[str, Any] = {r: (a, b) for r, a, b in sql.rows("SELECT reference, from_account_id, to_account_id FROM payments_transfer")}
    assert ends == {"f": (None, operating), "w": (channel, operating)}
    assert sql.rows("SELECT money_account_id FROM payments_payout") == [(client,)]
    bank = SandboxBank(book)
    assert (bank.balance(account=OPERATING_NUMBER).minor, bank.balance(account=CLIENT_NUMBER).minor) == (670, 0)
    assert set(bank.query(account=CLIENT_NUMBER, references=["p", "f"], now=work.now)) == {"p"}
    assert sql.value("SELECT count(*) FROM pg_proc WHERE proname = 'ledger_give_owner'") == 0
    with pytest.raises(psycopg.errors.CheckViolation, match="stays what it was opened as"), sql.transacting():
        sql.run("UPDATE ledger_account SET owner_id = %s WHERE book_id = %s AND code = 'bank_cash'", [client, book.id])

    monkeypatch.undo()
    # What comes back of a payout from before went to the first account of its merchant, whatever it has since.
    with sql.transacting():
        ledger.open_limited(work=here, accounts=[LimitedAccount(AccountKey("merchant_available", merchant), Money(0, "CNY"), merchant)])
        (back,) = commands.settle_payouts(
            work=here, results=[PayResult("p", "returned", Money(300, "CNY"), "n", work.day.on, "account_closed")]
        )
    assert isinstance(back, Payout)
    assert back == payments.payouts_by_reference(book_id=book.id, references=["p"])["p"]
    assert back.account_id == merchant_book.account_versions(merchant_id=merchant)[0].id
