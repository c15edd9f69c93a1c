"""Three levels of a day: each has its own verdict, none is green without its sources, and what was said is kept whenever it changes."""

from __future__ import annotations

import psycopg
import pytest

from tests.journeys.test_breaks import spoilt
from tests.journeys.test_carried import yuan
from tests.journeys.test_reconciliation import DUE, paid_day, sent
from yuefu.journeys import jobs, levels, reconciliation, trends
from yuefu.reconciliation import queries as found
from yuefu.reconciliation.rules.judgement import Verdict
from yuefu.reconciliation.rules.levels import Account, balance, cash
from yuefu.runtime import sql
from yuefu.sim import faults


def said(shop, on=DUE):
    with sql.reading(book_id=shop.book_id):
        return {one.name: (str(one.verdict), one.missing) for one in levels.of_day(book_id=shop.book_id, on=on)}


def kept(shop, on=DUE):
    return {one.name: (one.no, str(one.verdict)) for one in found.levels_kept(book_id=shop.book_id, on=on)}


def test_each_level_waits_for_its_own_sources_and_is_kept_as_they_arrive(shop, as_role):
    paid_day(shop)
    files = reconciliation.fetch(desk=shop.desk, on=DUE)
    assert said(shop) == {
        "transaction": ("incomplete", ("channel_trade", "channel_fund")),
        "cash": ("incomplete", ("bank", "bank_client")),
        "balance": ("reconciled", ()),
    }
    assert kept(shop) == {}
    sent(shop, {"channel_trade": files["channel_trade"], "channel_fund": files["channel_fund"]})
    assert kept(shop) == {"transaction": (1, "reconciled"), "cash": (1, "incomplete"), "balance": (1, "reconciled")}
    sent(shop, {"bank": files["bank"]})
    assert said(shop)["cash"] == ("incomplete", ("bank_client",))
    sent(shop, {"bank_client": files["bank_client"]})
    assert kept(shop) == {"transaction": (1, "reconciled"), "cash": (3, "reconciled"), "balance": (1, "reconciled")}
    jobs.reconcile(shop.desk, shop.now(18))
    assert kept(shop)["cash"] == (4, "reconciled"), "by the files of earlier days it is known what lay in the bank"
    jobs.reconcile(shop.desk, shop.now(19))
    assert kept(shop)["cash"] == (4, "reconciled"), "what says the same is not kept again"
    told = trends.trends(book_id=shop.book_id, on=shop.on, days=3)
    assert told.levels[DUE] == dict.fromkeys(("transaction", "cash", "balance"), Verdict.RECONCILED)
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        as_role("default").execute("UPDATE reconciliation_level SET verdict = 'reconciled'")


def test_a_day_that_is_not_closed_proves_nothing_of_its_balances(shop):
    shop.next_day(close=False)
    assert said(shop, shop.on)["balance"] == ("incomplete", ("close_of_day",))


def test_what_a_bank_shows_otherwise_is_a_matter_of_cash_alone(shop):
    shop.bought("600.00")
    on = shop.on
    shop.next_day()
    bad, _, _ = spoilt(shop, "bank", faults.AMOUNT_DIFFERS, on=on)
    sent(shop, bad, on)
    assert {name: verdict for name, (verdict, _) in said(shop, on).items()} == {
        "transaction": "reconciled",
        "cash": "breaks",
        "balance": "reconciled",
    }
    with sql.reading(book_id=shop.book_id):
        _, money, _ = levels.of_day(book_id=shop.book_id, on=on)
    figures = money.figures["bank"]
    assert (figures["carried_on"], figures["unexplained"]) == (yuan("3.00"), yuan("0.00"))
    assert figures["printed"] - figures["ledger"] == yuan("3.00")


def test_a_balance_that_nothing_explains_warns_and_a_clearing_account_that_is_not_empty_is_a_break():
    good, nothing = Account(yuan(10), yuan(7), yuan(3)), {"collections_clearing": yuan(0)}
    accounts = {"bank": (Verdict.RECONCILED, good), "bank_client": (Verdict.RECONCILED, Account(None, yuan(1), yuan(0)))}
    assert cash(accounts, nothing).verdict == "reconciled"
    assert cash({**accounts, "bank": (Verdict.PENDING, Account(yuan(11), yuan(7), yuan(3)))}, nothing).verdict == "warnings"
    assert cash(accounts, {"collections_clearing": yuan(1)}).verdict == "breaks"
    lacking = cash({**accounts, "bank": (Verdict.INCOMPLETE, None)}, nothing)
    assert (lacking.verdict, lacking.missing) == ("incomplete", ("bank",))
    assert balance(closed=False, failed=("client_money",), proofs=("client_money", "statements_add_up")).verdict == "breaks"
