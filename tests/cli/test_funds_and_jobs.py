"""Money between funder, channel and bank; and the jobs of the worker by hand."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from tests.cli.conftest import Command, Town
from yuefu.money.amounts import Money
from yuefu.payments.gateways.sandbox import SandboxChannel
from yuefu.payments.rules import CollectOrder
from yuefu.runtime import books, sql


def cash(cli: Command) -> int:
    return int(cli("ledger", "balance", "bank_cash").last["total_minor"]["CNY"])


def test_funds_arrive_once(cli: Command) -> None:
    before, key = cash(cli), secrets.token_hex(6)
    first = cli("fund", "--amount", "1000.00", "--key", key)
    assert (first.status, first.last["state"], first.last["again"]) == (0, "done", False), first.out
    assert cli("fund", "--amount", "1000.00", "--key", key).last == {**first.last, "again": True}
    assert cli("fund", "--amount", "1000.01", "--key", key).code == "key_reused"
    assert cash(cli) == before + 100_000


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("--amount", "0"), "amount_not_positive"),
        (("--amount", "-5"), "amount_not_positive"),
        (("--amount", "1.001"), "amount_too_many_decimals"),
        (("--amount", "9" * 40), "amount_too_large"),
        (("--amount", "5", "--currency", "USD"), "currency_differs"),
        (("--amount", "5", "--currency", "XXX"), "currency_unknown"),
        (("--amount", "5", "--key", " "), "key_invalid"),
        ((), "usage"),
    ],
)
def test_funds_that_cannot_be_are_refused(cli: Command, words: tuple[str, ...], code: str) -> None:
    before = cash(cli)
    assert cli("fund", *words).code == code
    assert cash(cli) == before


def test_what_the_channel_holds_is_moved_to_the_bank_once(cli: Command, town: Town) -> None:
    cli("withdraw")
    assert cli("withdraw").code == "nothing_to_withdraw"
    book = books.by_code(town.book)
    assert book is not None
    paid = CollectOrder(f"pay-{secrets.token_hex(6)}", "wallet:sandbox", Money(750, "CNY"))
    SandboxChannel(book).collect(orders=[paid], now=books.now_in(book))
    before, key = cash(cli), secrets.token_hex(6)
    moved = cli("withdraw", "--key", key)
    assert moved.status == 0, moved.out
    assert (moved.status, moved.last["kind"], moved.last["again"]) == (0, "withdrawal", False), moved.out
    assert cash(cli) == before + moved.last["amount"]["minor"] > before
    assert cli("withdraw", "--key", key).last == {**moved.last, "again": True}


def test_holds_whose_time_is_over_are_freed(cli: Command, town: Town, authorised: Callable[..., dict[str, Any]]) -> None:
    order = authorised()["order"]
    assert cli("expire").last["expired"] == 0
    book = books.by_code(town.book)
    assert book is not None
    with sql.transacting():
        books.move_clock(book=book, to=books.now_in(book) + timedelta(days=30))
    assert cli("expire").last["expired"] >= 1
    assert cli("expire").last["expired"] == 0
    assert cli("order", "capture", order).status == 1


def test_a_round_of_asking_is_made(cli: Command) -> None:
    asked = cli("poll")
    assert (asked.status, asked.last["polled"], asked.last["refunds_tried_again"]) == (0, True, 0), asked.out


def test_who_may_not_is_told_so(cli: Command, person: Callable[..., str]) -> None:
    for login in (person("support"), person("merchant_owner", "record-house")):
        for words in (("fund", "--amount", "1"), ("withdraw",), ("expire",), ("poll",)):
            assert cli(*words, "--as", login).code == "not_allowed", words
    assert cli("poll", "--as", person("finance")).status == 0


def test_the_accounts_of_a_book_are_listed_with_what_lies_there(cli: Command) -> None:
    cli("fund", "--amount", "10.00")
    found = cli("account", "list")
    assert found.status == 0, found.out
    shown = {one["code"]: one for one in found.last["accounts"]}
    assert [(one["kind"], one["purpose"], one["number"]) for one in shown.values()] == [
        ("channel", "own", "1900000001"),
        ("bank", "own", "6100000000000001"),
        ("bank", "client", "6100000000000002"),
    ]
    assert shown["operating"]["balance"]["minor"] == cash(cli) > 0
    assert (shown["client"]["name_zh"], shown["client"]["closed"]) == ("银行客户资金账户", False)
