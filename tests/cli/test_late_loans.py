"""How late loans are from the command line: as they stand today, by the end of days that were closed, as a file; the same wherever it is told."""

from __future__ import annotations

import csv
import json
import secrets
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Command, Town, a_town
from tests.cli.samples import consumer
from yuefu.cli.main import main
from yuefu.runtime.vault import Vault

PARTS = ("principal", "interest", "fees", "penalties")


@dataclass(frozen=True)
class Late(Town):
    """Two people with a loan each: the first fell due on 22 October and is overdue, the second falls due on the 26th, which is open."""

    first: tuple[str, str]
    second: tuple[str, str]


@pytest.fixture(scope="module")
def town(keys: Vault, tmp_path_factory: pytest.TempPathFactory) -> Late:
    """A book of their own, whose days go on."""
    made = a_town(keys)
    file = tmp_path_factory.mktemp("late") / "said"

    def said(*words: str) -> Any:
        with pytest.MonkeyPatch.context() as patch, file.open("w") as out:
            patch.setattr("sys.stdout", out)
            status = main([*words, "--json", "--book", made.book])
        assert status == 0, file.read_text()
        return json.loads(file.read_text().splitlines()[-1])

    def buyer(day: int) -> tuple[str, str]:
        given = file.with_name("consumer.json")
        given.write_text(json.dumps(consumer()))
        reference = str(said("consumer", "register", "--file", str(given))["consumers"][0]["external_ref"])
        said("credit", "open", reference, "--limit", "5000.00", "--repayment-day", str(day))
        shop = ("--consumer", reference, "--merchant", "record-house")
        quote = said("quote", "--amount", "1200.00", "--periods", "6", "--product", "flex", *shop)["quote"]
        order = said("order", "authorise", "--quote", quote, *shop, "--reference", f"R-{secrets.token_hex(5)}")
        assert order["decision"] == "approved", order
        return reference, str(said("order", "capture", order["order"])["loan"])

    people = buyer(22), buyer(26)
    while said("loan", "list")["on"] != "2026-10-26":
        said("close-day")
    return Late(made.book, made.buyer, *people)


def late(cli: Command, *words: str) -> dict[str, dict[str, Any]]:
    answer = cli("loan", "late", *words)
    assert answer.status == 0, answer.out
    return {one["loan"]: one for one in answer.last["loans"]}


def sums(rows: list[dict[str, Any]], part: str) -> int:
    return sum(row[part]["minor"] for row in rows)


def test_how_late_loans_are_is_told_of_today_of_closed_days_and_in_a_file(raw: Command, cli: Command, town: Late, tmp_path: Path) -> None:
    (debtor, first), (_, second) = town.first, town.second
    cli("collect", "look")
    before = late(cli)
    assert set(before) == {first}
    assert (before[first]["days_past_due"], before[first]["bucket"]) == (4, "M1")
    assert before[first]["penalties"]["minor"] > 500, "a late fee, and interest on what is overdue"
    yesterday = late(cli, "--on", "2026-10-25")
    assert yesterday[first]["days_past_due"] == 3
    assert yesterday[first]["penalties"]["minor"] < before[first]["penalties"]["minor"]
    assert late(cli, "--on", "2026-10-22") == {}, "on its day it is due, and not late"
    # The same everywhere, whatever was posted of it.
    shown = cli("loan", "show", first).last
    assert shown["past_due"] == {part: before[first][part] for part in PARTS}
    (owed,) = cli("consumer", "show", debtor).last["loans"]
    assert (owed["overdue"], owed["days_late"]) == (before[first]["overdue"], 4)
    (case,) = cli("collect", "list").last["cases"]
    assert (case["overdue"], case["days"]) == (before[first]["overdue"], 4)
    (of_case,) = cli("collect", "show", case["case"]).last["overdue_loans"]
    assert of_case["overdue"] == before[first]["overdue"]

    assert cli("close-day").status == 0
    now = late(cli)
    assert set(now) == {first, second}, "what was due yesterday is overdue today, though no close has said so"
    assert (now[second]["days_past_due"], now[first]["days_past_due"]) == (1, 5)
    assert now[first]["penalties"]["minor"] > before[first]["penalties"]["minor"], "a night more of interest"
    told = cli("loan", "late", "--on", "2026-10-26").last
    assert told["recorded"] is True
    assert told["loans"] == list(before.values()), "by its end they were as they were seen on it"
    file = tmp_path / "late.csv"
    whole = cli("loan", "late", "--csv", str(file), "--limit", "1").last
    assert (len(whole["loans"]), whole["rows"], whole["next"]) == (1, 2, f"{now[first]['overdue_since']}.{first}")
    assert set(late(cli, "--after", whole["next"])) == {second}
    rows = list(csv.DictReader(file.open()))
    assert [(row["loan"], row["days_past_due"], row["consumer"], row["merchant"]) for row in rows] == [
        (first, "5", debtor, "record-house"), (second, "1", town.second[0], "record-house"),
    ]  # fmt: skip
    *buckets, together = whole["sums"]
    assert together["loans"] == 2
    for part in (*PARTS, "overdue"):
        assert sums(buckets, part) == together[part]["minor"]
        assert sum(round(float(row[part]) * 100) for row in rows) == sums(list(now.values()), part)
    for part in ("principal", "interest", "fees"):  # the sums are as the close left them, a night of interest on what is overdue before
        assert together[part]["minor"] == sums(list(now.values()), part)
    assert together["penalties"]["minor"] == before[first]["penalties"]["minor"]
    assert cli("loan", "late", "--bucket", "M3").last["sums"] == []
    text = raw("loan", "late", "--book", town.book).out
    assert "which is open" in text
    assert "There are more" not in text

    # What is paid later changes nothing of what was recorded.
    assert cli("repay", first, "--amount", "50.00").last["state"] == "succeeded"
    assert cli("loan", "late", "--on", "2026-10-26").last["loans"] == list(before.values())
    assert late(cli)[first]["overdue"]["minor"] == now[first]["overdue"]["minor"] - 5000


def test_a_case_whose_debts_are_paid_is_shown_as_paid_before_anybody_looked(raw: Command, cli: Command, town: Late) -> None:
    cli("collect", "look")
    case = next(one for one in cli("collect", "list").last["cases"] if one["consumer"] == town.first[0])
    assert case["ends_as"] is None
    assert cli("repay", town.first[1]).last["state"] == "succeeded"
    paid = next(one for one in cli("collect", "list").last["cases"] if one["case"] == case["case"])
    assert (paid["ends_as"], paid["overdue"]["minor"], paid["loans"], paid["late_since"]) == ("cured", 0, 0, None)
    assert cli("collect", "show", case["case"]).last["ends_as"] == "cured"
    assert "cured" in raw("collect", "list", "--book", town.book).out
    assert cli("collect", "look").last["closed"] == 1
    assert case["case"] not in {one["case"] for one in cli("collect", "list").last["cases"]}


@pytest.mark.parametrize("on", [date(2026, 10, 11), date(2026, 10, 12)])
def test_before_anything_fell_due_nothing_was_late(cli: Command, town: Late, on: date) -> None:
    assert late(cli, "--on", str(on)) == {}
