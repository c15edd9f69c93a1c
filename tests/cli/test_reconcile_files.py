"""Bills from files: read and checked without a database, stored and reconciled with one."""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import FIRST_DAY, Command, Town
from tests.reconciliation.test_read_wechat_global import STATEMENT
from yuefu.payments.gateways.sandbox import SandboxBank
from yuefu.payments.rules import OPERATING_NUMBER
from yuefu.runtime import books

BILLS = Path(__file__).parent.parent / "data" / "bills"
TRADE = BILLS / "wechat_tradebill_ALL_20261001.csv"
FUND = BILLS / "wechat_fundflow_BASIC_20261001.csv"


def test_the_sample_bills_are_read_and_agree_without_a_database(raw: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://nobody:x@127.0.0.1:1/none")
    answer = raw("reconcile", *map(str, sorted(BILLS.glob("wechat_*.csv"))), "--json")
    assert answer.status == 0
    assert [file["lines"] for file in answer.last["files"]] == [7, 1, 5, 0, 2, 2, 3]
    (pair,) = answer.last["pairs"]
    assert (pair["on"], pair["agrees"]) == ("2026-10-01", True)
    assert [d["kind"] for d in pair["differences"]] == ["timing"]


def test_the_sample_day_is_pending_without_a_break(raw: Command) -> None:
    answer = raw("reconcile", str(TRADE), str(FUND), "--json")
    assert (answer.status, answer.last["verdict"], answer.last["breaks"]) == (0, "pending", [])
    assert [one["reference"] for one in answer.last["pending"]] == ["RF20261001-0002"]
    assert [(file["name"], file["layout"], file["accepted"], file["error"], file["rows"]) for file in answer.last["files"]] == [
        (TRADE.name, "wechat.trade.ALL", True, None, 5),
        (FUND.name, "wechat.fundflow.BASIC", True, None, 7),
    ]
    assert answer.last["files"][0]["totals"]["payments"] == 135901


def test_files_of_every_channel_are_read_at_once(raw: Command) -> None:
    names = [
        "alipay_20880000000000010156_20261001.zip",
        "alipay_account_detail_20261001.gbk.csv",
        "klarna_transactions.json",
        "klarna_payouts.json",
    ]
    names += [
        "adyen_settlement_details_batch_42.csv",
        "bank_camt053_20261001.xml",
        "bank_mt940_20261001.sta",
        "affirm_settlement_events.json",
    ]
    answer = raw("reconcile", *(str(BILLS / name) for name in names), "--json")
    assert [(file["layout"], file["rows"]) for file in answer.last["files"]] == [
        ("alipay.trade", 3),
        ("alipay.account", 6),
        ("klarna.transactions", 6),
        ("klarna.payouts", 1),
        ("adyen.batch", 6),
        ("bank.camt.053.001.08", 3),
        ("bank.mt940", 3),
        ("affirm.events", 2),
    ]
    assert [bill["layout"] for bill in answer.last["files"][0]["bills"]] == ["alipay.summary", "alipay.trade"]
    assert [pair["agrees"] for pair in answer.last["pairs"]] == [True, True]
    assert (answer.status, answer.last["verdict"], answer.last["breaks"]) == (0, "warnings", [])


def test_a_break_has_a_class_a_reference_and_an_amount(raw: Command, tmp_path: Path) -> None:
    less = tmp_path / "klarna.json"
    less.write_text((BILLS / "klarna_transactions.json").read_text().replace('"amount": 10000', '"amount": 9900'))
    answer = raw("reconcile", str(less), str(BILLS / "klarna_payouts.json"), "--json")
    assert (answer.status, answer.last["verdict"]) == (1, "breaks")
    assert answer.last["breaks"] == [
        {"class": "amount_differs", "kind": "payment", "reference": "XISA93DJ", "amount": {"minor": 100, "currency": "EUR"}}
    ]


def test_a_file_that_comes_twice_counts_once(raw: Command, tmp_path: Path) -> None:
    twin = tmp_path / "again.csv.gz"
    twin.write_bytes(gzip.compress(TRADE.read_bytes()))
    answer = raw("reconcile", str(TRADE), str(FUND), str(twin), "--json")
    assert [file["again"] for file in answer.last["files"]] == [False, False, True]
    assert (answer.status, answer.last["verdict"], answer.last["breaks"]) == (0, "warnings", [])


def test_two_versions_of_a_day_are_never_green(raw: Command, tmp_path: Path) -> None:
    other = tmp_path / "other.csv"
    other.write_bytes(TRADE.read_bytes().replace(b"`PROCESSING", b"`CLOSED"))
    answer = raw("reconcile", str(TRADE), str(FUND), str(other), "--json")
    assert (answer.status, answer.code, answer.last["verdict"]) == (1, "other_version", "incomplete")
    assert [file["accepted"] for file in answer.last["files"]] == [True, True, False]


def test_the_checksum_beside_a_bill_is_looked_at(raw: Command, tmp_path: Path) -> None:
    answer = json.loads((BILLS / "wechat_tradebill_ALL_20261001.apply.json").read_bytes())
    beside = tmp_path / "day.apply.json"
    beside.write_text(json.dumps(answer))
    for name, content in (("day.csv", TRADE.read_bytes()), ("day.csv.gz", gzip.compress(TRADE.read_bytes()))):
        (tmp_path / name).write_bytes(content)
        assert raw("reconcile", str(tmp_path / name), "--json").last["files"][0]["accepted"]
    (tmp_path / "day.csv").write_bytes(TRADE.read_bytes().replace("手机".encode(), "手表".encode()))
    assert raw("reconcile", str(tmp_path / "day.csv"), "--json").code == "checksum_mismatch"
    for spoilt in (b"{", b"[]", json.dumps(answer | {"hash_type": "MD5"}).encode()):
        beside.write_bytes(spoilt)
        assert raw("reconcile", str(tmp_path / "day.csv.gz"), "--json").code == "checksum_mismatch"
    assert raw("reconcile", str(TRADE), "--sha1", answer["hash_value"], "--json").status == 0
    assert raw("reconcile", str(TRADE), "--sha1", "0" * 40, "--json").code == "checksum_mismatch"
    assert raw("reconcile", str(TRADE), "--sha1", "0", "--json").code == "bad_checksum"


def test_a_file_of_two_gigabytes_is_refused_unread(raw: Command, tmp_path: Path) -> None:
    large = tmp_path / "large.csv"
    with large.open("wb") as file:
        file.truncate(2 << 30)
    answer = raw("reconcile", str(TRADE), str(large), "--json")
    assert (answer.status, answer.code, answer.last["verdict"]) == (1, "too_large", "incomplete")
    assert [file["accepted"] for file in answer.last["files"]] == [True, False]


def test_what_cannot_be_received_is_said_before_anything_is_stored(cli: Command, tmp_path: Path) -> None:
    abroad = tmp_path / "abroad.csv"
    abroad.write_text(STATEMENT, "utf-8")
    answer = cli("reconcile", "--store", str(TRADE), str(abroad))
    assert (answer.status, answer.code) == (1, "wrong_source")
    assert cli("reconcile", "--store", str(BILLS / "affirm_settlement_events.json")).code == "other_currency"


def test_a_settlement_of_several_days_is_stored_day_by_day(cli: Command, tmp_path: Path) -> None:
    events = tmp_path / "events.json"
    events.write_bytes((BILLS / "affirm_settlement_events.json").read_bytes().replace(b"USD", b"CNY"))
    stored = cli("reconcile", "--store", str(events))
    assert stored.status == 0, stored.out
    (file,) = stored.last["files"]
    assert [(day["on"], day["breaks_opened"], day["state"]) for day in file["days"]] == [
        *(("2026-10-02", 1, "done"), ("2026-10-03", 0, "done"), ("2026-10-04", 1, "done")),
    ]
    assert (file["source"], file["again"], file["breaks_opened"]) == ("channel_fund", False, 2)
    assert cli("reconcile", "--store", str(events)).last["files"][0]["again"] is True


def test_a_trade_bill_and_fund_flow_that_differ_fail(raw: Command, tmp_path: Path) -> None:
    spoilt = tmp_path / "trade.csv"
    lines = TRADE.read_text("utf-8").splitlines(keepends=True)
    spoilt.write_text("".join([lines[0], *lines[2:]]), "utf-8")
    answer = raw("reconcile", str(spoilt), str(FUND), "--json")
    assert answer.status == 1
    assert answer.code == "summary_mismatch"


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (("--source", "bank"), "source_differs"),
        (("--source", "channel_fund"), "source_differs"),
        (("--on", "2020-01-01"), "day_differs"),
        (("--source", "channel_trade", "--on", "2026-10-01"), None),
        (("--source", "nobody"), "unknown_source"),
    ],
)
def test_what_the_options_say_of_a_file_must_be_so(raw: Command, options: tuple[str, ...], code: str | None) -> None:
    answer = raw("reconcile", str(TRADE), *options, "--json")
    assert (answer.status == 0) == (code is None)
    assert code is None or answer.code == code


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "truncated"),
        (b"\xff\xff\x00", "bad_encoding"),
        (b"a,b,c\n1,2,3\n", "unknown_layout"),
        (b"<xml>No Bill Exist</xml>", "no_bill"),
        (b"\x1f\x8b\x08broken", "truncated"),
    ],
)
def test_a_file_that_is_no_bill_is_named_with_its_fault(raw: Command, tmp_path: Path, content: bytes, code: str) -> None:
    broken = tmp_path / "broken.csv"
    broken.write_bytes(content)
    answer = raw("reconcile", str(TRADE), str(broken), "--json")
    assert (answer.status, answer.code) == (1, code)
    assert str(broken) in answer.last["error"]["detail"]
    assert [file["accepted"] for file in answer.last["files"]] == [True, False]
    assert (answer.last["files"][1]["error"]["code"], answer.last["verdict"]) == (code, "incomplete")


def test_a_file_that_cannot_be_read_is_a_clear_error(raw: Command, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert raw("reconcile", str(tmp_path / "none"), "--json").code == "no_such_file"
    assert raw("reconcile", str(tmp_path), "--json").code == "not_a_file"
    assert raw("reconcile", str(tmp_path / "pipe"), "--json").code == "not_a_file"
    assert raw("reconcile", str(TRADE), "--currency", "USD", "--json").code == "other_currency"
    assert raw("reconcile", str(TRADE), "--currency", "ABC", "--json").code == "currency_unknown"
    assert raw("reconcile", str(TRADE), "--source", "aliens", "--json").code == "unknown_source"


def test_a_stored_bill_is_reconciled_once_and_a_second_version_is_refused(
    cli: Command, town: Town, tmp_path: Path, authorised: Callable[..., object]
) -> None:
    book = books.by_code(town.book)
    assert book is not None
    assert cli("close-day").status == 0, "a day that still takes entries is not reconciled"
    statement = tmp_path / "bank.csv"
    statement.write_bytes(SandboxBank(book).statement(account=OPERATING_NUMBER, on=FIRST_DAY))
    words = ("reconcile", "--store", str(statement), "--source", "bank", "--on", str(FIRST_DAY))
    first = cli(*words)
    assert first.status == 0, first.out
    (file,) = first.last["files"]
    assert (file["again"], file["residual"]) == (False, {"minor": 0, "currency": "CNY"})
    assert cli(*words).last["files"][0]["again"] is True
    other = cli("reconcile", "--store", str(FUND), "--source", "bank", "--on", str(FIRST_DAY))
    assert other.status == 1
    assert other.code in {"other_day", "day_already_has_a_file"}


def test_a_bill_of_another_merchant_number_is_refused(cli: Command) -> None:
    legacy = cli("reconcile", "--store", str(BILLS / "wechat_tradebill_ALL_legacy24col.csv"))
    assert (legacy.status, legacy.code) == (1, "foreign_account")


def test_breaks_are_listed_assigned_and_ended(cli: Command) -> None:
    stored = cli("reconcile", "--store", str(TRADE))
    assert stored.status == 0, stored.out
    assert stored.last["files"][0]["breaks_opened"] > 0
    assert (stored.last["verdict"], stored.last["breaks"]) == ("pending", []), "they may still come"
    found, *_, large = sorted(cli("break", "list").last["breaks"], key=lambda one: abs(one["difference"]["minor"]))
    assert cli("break", "assign", found["break"], "--role", "finance").last["owner"] == "finance"
    assert cli("break", "assign", found["break"], "--role", "emperor").code == "unknown_role"
    ended = cli("break", "resolve", found["break"], "--state", "explained", "--reason", "sample_file")
    assert ended.last["state"] == "explained"
    assert cli("break", "resolve", large["break"], "--state", "explained", "--reason", "sample_file").last["state"] == "waiting"
    assert cli("break", "resolve", found["break"], "--state", "sideways", "--reason", "x").code == "not_possible"
    assert found["break"] not in [one["break"] for one in cli("break", "list").last["breaks"]]
    assert cli("break", "list", "--state", "sideways").code == "unknown_state"
