"""Bank transfers from the command line: the reference told, what came listed and shown, matched, undone, given back; a file line by line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Command, Town, a_town
from yuefu.payments.rules import OPERATING_NUMBER
from yuefu.runtime.vault import Vault

Make = Callable[..., dict[str, Any]]
HEAD = "交易时间,交易流水号,收款账号,对方账号,对方户名,币种,收入金额,支出金额,余额,附言"


@pytest.fixture(scope="module")
def town(keys: Vault) -> Town:
    """A book of their own: what is in suspense is listed."""
    return a_town(keys)


def line(number: str, amount: str, text: str, *, account: str = OPERATING_NUMBER, at: str = "2026-10-12 09:30:00", out: str = "") -> str:
    return f'{at},"\t{number}",{account},6217000010001234567,李四,人民币,{amount},{out},0.00,{text}'


def test_a_transfer_is_told_taken_matched_undone_and_given_back(
    cli: Command, town: Town, authorised: Make, person: Callable[..., str]
) -> None:
    loan = cli("order", "capture", authorised(amount="60.00")["order"]).last["loan"]
    told = cli("suspense", "reference", town.buyer).last
    assert told["account"] == OPERATING_NUMBER
    assert told["written"].replace(" ", "") == told["reference"]
    assert cli("suspense", "reference", town.buyer).last == told

    assert cli("suspense", "deposit", "20.00", "--text", f"还款 {told['written']}", "--key", "d1").status == 0
    assert cli("suspense", "receive").last["new"] == 1
    assert cli("suspense", "deposit", "70.00", "--text", "thank you", "--key", "d2").status == 0
    assert cli("suspense", "list").last == {"receipts": [], "next": None}
    assert [cli("suspense", "receive").last["new"], cli("suspense", "receive").last["new"]] == [1, 0]
    (waiting,) = cli("suspense", "list", "--as", person("support")).last["receipts"]
    assert (waiting["code"], waiting["left"], waiting["age_days"]) == ("no_reference", {"minor": 7_000, "currency": "CNY"}, 0)
    first = cli("suspense", "list", "--all", "--limit", "1").last
    rest = cli("suspense", "list", "--all", "--limit", "1", "--after", first["next"]).last
    assert rest["next"] is None
    found = {one["state"]: one["consumer"] for one in (*first["receipts"], *rest["receipts"])}
    assert found == {"explained": town.buyer, "open": None}

    receipt = waiting["receipt"]
    shown = cli("suspense", "show", receipt).last
    assert (shown["payer"], shown["matches"], shown["returns"]) == (
        {"account": "6217***********4567", "name": "李四", "text": "thank you"}, [], [],
    )  # fmt: skip
    assert shown["suggestions"] == [{"consumer": town.buyer, "why": "same_payer", "bill": None}]
    match = ("suspense", "match", receipt, "--reason", "called")
    assert cli(*match, "--consumer", town.buyer, "--as", person("support")).code == "not_allowed"
    assert cli(*match).code == cli(*match, "--consumer", town.buyer, "--loan", loan).code == "one_target"
    assert cli(*match, "--loan", loan, "--amount", "70.01").code == "more_than_left"
    done = cli(*match, "--loan", loan, "--amount", "30.00", "--key", "k1", "--as", person("finance"))
    assert (done.status, done.last["amount"]["minor"], done.last["left"]["minor"]) == (0, 3_000, 4_000), done.out
    assert cli(*match, "--loan", loan, "--amount", "30.00", "--key", "k1").last["match"] == done.last["match"]
    (kept,) = cli("suspense", "show", receipt).last["matches"]
    assert (kept["consumer"], kept["reason"], kept["by"][:5]) == (town.buyer, "called", "user:")

    undone = cli("suspense", "unmatch", done.last["match"], "--reason", "another loan")
    assert (undone.status, undone.last["back"]["minor"], undone.last["stays"]["minor"]) == (0, 3_000, 0), undone.out
    assert cli("suspense", "unmatch", done.last["match"], "--reason", "again").code == "already_undone"
    back = cli("suspense", "return", receipt, "--reason", "not ours", "--as", person("finance"))
    assert (back.last["state"], back.last["amount"]["minor"]) == ("paid", 7_000), back.out
    assert cli("suspense", "return", receipt, "--reason", "again").code == "nothing_left"
    assert cli("suspense", "list").last["receipts"] == []


def test_a_file_is_booked_line_by_line_and_again_is_nothing_new(cli: Command, town: Town, tmp_path: Path) -> None:
    lines = [
        HEAD,
        line("F-1", '"1,250.00"', "no idea"),
        line("F-2", '"12,5"', "a comma for a point"),
        line("F-3", "", "", out="5.00"),
        "",
        line("F-4", "5.00", "", at="yesterday"),
        line("F-5", "5.00", "", account="1"),
        "half a line",
        line("F-1", '"1,250.00"', "no idea"),
        line("F-1", '"1,251.00"', "no idea"),
        line("F-6", "0.01", '"an open quote'),
        line("F-7", "0.02", "the last"),
    ]
    file = tmp_path / "credits.csv"
    file.write_bytes("\r\n".join(lines).encode("gb18030"))
    told = cli("suspense", "receive", str(file)).last
    assert [(one["line"], one["outcome"], one["code"]) for one in told["lines"]] == [
        (2, "booked", "no_reference"),
        (3, "refused", "bad_line"),
        (4, "left_out", "went_out"),
        (6, "refused", "bad_line"),
        (7, "refused", "unknown_account"),
        (8, "refused", "bad_line"),
        (9, "known", "no_reference"),
        (10, "refused", "credit_differs"),
        (11, "booked", "no_reference"),
        (12, "booked", "no_reference"),
    ]
    assert (told["new"], told["refused"]) == (3, 5)
    assert cli("suspense", "receive", str(file)).last["new"] == 0


@pytest.mark.parametrize("content", [b"", b"\xff\xff\xff", "交易时间,金额\n2026-10-12,5".encode()])
def test_a_file_that_is_none_says_so(cli: Command, tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "credits.csv"
    file.write_bytes(content)
    assert cli("suspense", "receive", str(file)).code == "bad_file"


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("show", "rcpt_01m4nvbnz0e44r30qama92cgm4"), "unknown_receipt"),
        (("show", "ord_01m4nvbnz0e44r30qama92cgm4"), "bad_id"),
        (("return", "rcpt_01m4nvbnz0e44r30qama92cgm4", "--reason", "x"), "unknown_receipt"),
        (("unmatch", "mtc_01m4nvbnz0e44r30qama92cgm4", "--reason", "x"), "unknown_match"),
        (("reference", "nobody-at-all"), "unknown_consumer"),
        (("deposit", "0"), "amount_not_positive"),
        (("receive", "/nowhere.csv"), "no_such_file"),
    ],
)
def test_what_is_not_there_is_told_by_its_code(cli: Command, words: tuple[str, ...], code: str) -> None:
    assert cli("suspense", *words).code == code


def test_the_people_of_a_merchant_see_nothing_of_it(cli: Command, person: Callable[..., str]) -> None:
    owner = person("merchant_owner", "record-house")
    for words in (("list",), ("show", "rcpt_01m4nvbnz0e44r30qama92cgm4"), ("receive",)):
        assert cli("suspense", *words, "--as", owner).code == "not_allowed"
