"""Bills from the command line: made, shown, listed, paid early and in part, given back; and the days they come on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.cli.conftest import Command, Town, a_town
from yuefu import ids
from yuefu.runtime import sql
from yuefu.runtime.vault import Vault

Make = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def town(keys: Vault) -> Town:
    """A book of their own: others move the clock on."""
    return a_town(keys)


def begun_earlier(town: Town) -> None:
    """The clock of the town stands still: its bill day comes because the cycle of the buyer began a month before."""
    with sql.owning():
        sql.run(
            "UPDATE credit_days_change SET from_on = from_on - 40, recorded_on = recorded_on - 40 WHERE seq = 1 AND book_id ="
            " (SELECT id FROM runtime_book WHERE code = %s)",
            [town.book],
        )
        sql.run(
            "UPDATE credit_account SET cycle_from = cycle_from - 40, next_bill_on = (SELECT d.on_date FROM runtime_business_day d"
            " WHERE d.book_id = credit_account.book_id AND d.state = 'open') WHERE book_id = (SELECT id FROM runtime_book WHERE code = %s)",
            [town.book],
        )


def test_a_bill_is_made_shown_paid_and_told_apart_from_one_that_is_not_there(
    cli: Command, town: Town, authorised: Make, person: Callable[..., str]
) -> None:
    loans = [cli("order", "capture", authorised(amount=amount)["order"]).last["loan"] for amount in ("30.00", "60.00")]
    assert cli("bill", "make", "--as", person("support")).code == "not_allowed"
    begun_earlier(town)
    made = cli("bill", "make").last["bills"]
    assert [len(made), len(cli("bill", "make").last["bills"])] == [1, 0]
    (bill,) = [one["bill"] for one in made]
    shown = cli("bill", "show", bill, "--as", person("support")).last
    assert shown["state"] == "open"
    assert {line["loan"] for line in shown["lines"]} >= set(loans)
    assert {tuple(line) for line in shown["lines"]} == {("loan", "due_on", "amount", "to_pay", "waiting")}, (
        "by its day: a loan may ask more or fewer"
    )
    assert len({(line["loan"], line["due_on"]) for line in shown["lines"]}) == len(shown["lines"])
    assert shown["total"] == shown["minimum"] == shown["to_pay"]
    assert shown["quote_reference"] == cli("suspense", "reference", town.buyer).last["written"]
    assert [one["bill"] for one in cli("bill", "list", town.buyer).last["bills"]] == [bill]
    assert [one["bill"] for one in cli("bill", "list", "--on", shown["bill_on"]).last["bills"]] == [bill]
    assert cli("bill", "list", town.buyer, "--on", shown["bill_on"]).code == "one_target"
    assert cli("bill", "show", ids.text("bill", ids.parse("loan", loans[0]))).code == "unknown_bill"

    part = cli("bill", "pay", town.buyer, "--bill", bill, "--amount", "5.00", "--key", "bp1")
    assert (part.status, part.last["state"], part.last["amount"]) == (0, "succeeded", {"minor": 500, "currency": "CNY"}), part.out
    assert {row["waits_for"] is not None for row in part.last["parts"]} == {True}
    assert cli("bill", "pay", town.buyer, "--bill", bill, "--amount", "5.00", "--key", "bp1").last["payment"] == part.last["payment"]
    assert cli("bill", "pay", town.buyer, "--bill", bill, "--amount", "6.00", "--key", "bp1").code == "key_reused"
    assert cli("bill", "show", bill).last["to_pay"]["minor"] == shown["to_pay"]["minor"] - 500
    assert cli("bill", "give-back", town.buyer, part.last["payment"]).last["amount"] == {"minor": 500, "currency": "CNY"}
    assert cli("bill", "give-back", town.buyer, part.last["payment"]).code == "nothing_waits"
    assert cli("bill", "pay", town.buyer, "--loan", loans[0]).last["state"] == "succeeded"
    assert cli("bill", "pay", town.buyer).last["state"] == "succeeded"
    assert cli("bill", "show", bill).last["state"] == "paid"
    assert cli("bill", "pay", town.buyer, "--bill", bill).code == "bill_paid"
    assert cli("bill", "pay", town.buyer, "--amount", "0").code == "amount_not_positive"
    assert cli("bill", "pay", "nobody", "--bill", bill).code == "unknown_consumer"
    assert cli("bill", "pay", town.buyer, "--bill", bill, "--as", person("risk")).code == "not_allowed"


def test_without_json_a_bill_is_a_table_that_can_be_read(raw: Command, town: Town) -> None:
    told = raw("bill", "days", town.buyer, "--book", town.book)
    assert told.status == 0
    assert "repayment day" in told.out
    assert "account_opened" in told.out
    assert "bills were made" in raw("bill", "make", "--book", town.book).out


def test_the_days_of_an_account_are_changed_from_the_next_bill_on_and_both_are_told(
    cli: Command, town: Town, person: Callable[..., str]
) -> None:
    before = cli("bill", "days", town.buyer).last
    assert before["history"][0]["reasons"] == ["account_opened"]
    day = before["repayment_day"] % 28 + 1
    changed = cli("bill", "days", town.buyer, "--repayment-day", str(day), "--reason", "salary_day_moved", "--key", "d1")
    assert (changed.status, changed.last["again"]) == (0, False), changed.out
    assert changed.last["repayment_day"] == before["repayment_day"], "until the next bill day"
    last = changed.last["history"][-1]
    assert (last["repayment_day"], last["bill_day"], last["reasons"]) == (day, before["bill_day"], ["salary_day_moved"])
    assert cli("bill", "days", town.buyer, "--repayment-day", str(day)).code == "days_unchanged"
    assert cli("bill", "days", town.buyer, "--bill-day", "29").code == "day_invalid"
    assert cli("bill", "days", town.buyer, "--bill-day", "3", "--as", person("finance")).code == "not_allowed"
    assert cli("bill", "days", town.buyer, "--bill-day", "3", "--as", person("support")).status == 0
    assert cli("credit", "show", town.buyer).last["bill_day"] == before["bill_day"]
