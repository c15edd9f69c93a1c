"""The ledger from the command line: entries by hand."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import duckdb
import pytest

from tests.cli.conftest import Command, Town
from yuefu.ledger import queries as ledger
from yuefu.ledger.rules import CHART


def test_an_entry_by_hand_goes_from_finance_to_a_second_person(raw: Command, cli: Command, person: Callable[..., str], town: Town) -> None:
    asker, other = person("finance"), person("finance")
    before = cli("ledger", "balance", "channel_fee_expense").last["total_minor"].get("CNY", 0)
    asked = cli(
        "journal", "propose", "--debit", "channel_fee_expense=12.30", "--credit", "bank_cash=12.30", "--movement", "fee", "--reference", "CHG-1",
        "--reason", "the bank's charge of September", "--effective", "2026-10-01", "--as", asker,
    )  # fmt: skip
    approval = asked.last["approval"]
    decide = ("approval", "decide", approval, "--approve", "--reason", "seen on the statement")
    assert cli(*decide, "--as", asker).code == "same_person"
    assert cli(*decide, "--as", other).last["state"] == "approved"
    (row,) = [one for one in cli("journal", "list", "--state", "approved", "--as", other).last["entries"] if one["approval"] == approval]
    assert row["entry"].startswith("ent_")
    assert (row["reason"], row["requested_by"], row["decided_by"]) == ("the bank's charge of September", f"user:{asker}", f"user:{other}")
    assert cli("ledger", "balance", "channel_fee_expense").last["total_minor"]["CNY"] == before + 1230
    assert "CHG-1" not in (shown := raw("journal", "list", "--book", town.book).out)
    assert "the bank's charge of September" in shown


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("--debit", "fee_income", "--credit", "suspense=1.00"), "bad_line"),
        (("--debit", "fee_income=0.00", "--credit", "suspense=1.00"), "amount_not_positive"),
        (("--debit", "fee_income=1.00", "--credit", "suspense=2.00"), "unbalanced"),
        (("--debit", "loan_principal=1.00", "--credit", "suspense=1.00"), "not_by_hand"),
        (("--debit", "bank_cash=1.00", "--credit", "suspense=1.00"), "movement_needed"),
        (("--debit", "bank_cash/nowhere=1.00", "--credit", "suspense=1.00"), "unknown_money_account"),
        (("--debit", "no_such=1.00", "--credit", "suspense=1.00"), "unknown_component"),
        (("--debit", "fee_income=1.00", "--credit", "suspense=1.00", "--effective", "2030-01-01"), "effective_in_future"),
        (("--debit", "fee_income=1.00", "--credit", "suspense=1.00", "--funder", "nobody"), "bad_id"),
    ],
)
def test_what_cannot_be_posted_is_not_even_asked_for(cli: Command, words: tuple[str, ...], code: str) -> None:
    before = cli("journal", "list").last
    answer = cli("journal", "propose", *words, "--reason", "why")
    assert (answer.status, answer.code) == (1, code)
    assert cli("journal", "list").last == before


def test_only_finance_and_operators_propose(cli: Command, person: Callable[..., str]) -> None:
    words = ("journal", "propose", "--debit", "fee_income=1.00", "--credit", "suspense=1.00", "--reason", "why")
    for role in ("risk", "support", "compliance"):
        assert cli(*words, "--as", person(role)).code == "not_allowed"
    assert cli("journal", "list", "--state", "nonsense").code == "unknown_state"


def test_the_chart_has_names_and_codes(raw: Command, cli: Command, town: Town) -> None:
    found = {row["component"]: row for row in cli("ledger", "chart").last["chart"]}
    assert found.keys() == CHART.keys()
    bank = found["bank_cash"]
    assert (bank["gl_code"], bank["class"], bank["kind"], bank["manual"], bank["name_zh"]) == (
        "1002.01",
        "asset",
        "money",
        True,
        "银行自有账户",
    )
    assert "银行自有账户" in raw("ledger", "chart", "--book", town.book).out


def test_a_day_goes_to_the_general_ledger_as_a_file(raw: Command, cli: Command, town: Town, tmp_path: Path) -> None:
    assert cli("ledger", "gl-export", "--on", "2001-01-01").code == "unknown_day"
    closed = cli("close-day").last["on"]
    file = tmp_path / "gl.csv"
    answer = cli("ledger", "gl-export", "--on", closed, "--out", str(file))
    assert answer.last["rows"] == len(file.read_text().splitlines()) - 1
    assert raw("ledger", "gl-export", "--on", closed, "--book", town.book).out == file.read_text()
    assert cli("ledger", "gl-export", "--on", closed, "--out", str(tmp_path / "no" / "gl.csv")).code == "file_error"
    assert [path.name for path in tmp_path.iterdir()] == ["gl.csv"]


def test_the_journal_goes_to_files_and_into_another_book(raw: Command, cli: Command, town: Town, tmp_path: Path) -> None:
    journal, beans = tmp_path / "journal.jsonl", tmp_path / "book.beancount"
    gone = cli("ledger", "export", str(journal)).last
    assert gone["entries"] == len(journal.read_text().splitlines()) - 2 - gone["accounts"] > 0
    assert cli("ledger", "beancount", str(beans)).last["entries"] == gone["entries"]
    checked = subprocess.run([str(Path(sys.executable).with_name("bean-check")), str(beans)], capture_output=True, text=True)
    assert (checked.returncode, checked.stdout + checked.stderr) == (0, "")
    assert cli("ledger", "import", str(journal)).code == "same_book"
    code = f"archive-{secrets.token_hex(4)}"
    assert raw("book", "create", code, "--entity", "Archive", "--mode", "test", "--first-day", "2027-10-12", "--json").status == 0
    come = raw("ledger", "import", str(journal), "--json", "--book", code).last
    assert (come["entries"], come["known"], come["source"]["code"]) == (gone["entries"], 0, town.book)
    assert raw("ledger", "trial-balance", "--json", "--book", code).last["zero"] is True
    assert raw("ledger", "import", str(journal), "--json", "--book", code).last["known"] == gone["entries"]


@pytest.mark.parametrize(
    ("content", "code", "says"),
    [
        (b"", "cut_off", "line 1: "),
        (b"\xff\xfe{}\n", "bad_encoding", "line 1: "),
        (b"{}\n", "bad_line", "line 1: "),
        (b'{"entry": {}}\n', "no_header", "line 1: "),
    ],
)
def test_a_broken_file_is_named_by_its_line(cli: Command, tmp_path: Path, content: bytes, code: str, says: str) -> None:
    path = tmp_path / "broken.jsonl"
    path.write_bytes(content)
    answer = cli("ledger", "import", str(path))
    assert (answer.status, answer.code) == (1, code)
    assert answer.last["error"]["detail"].startswith(says)


EXPORTS = (("export",), ("beancount",), ("gl-export", "--on", "2026-10-12", "--draft", "--out"))


@pytest.mark.parametrize("words", EXPORTS, ids=lambda words: words[0])
def test_a_file_that_cannot_be_written_is_told_by_the_name_that_was_given(cli: Command, tmp_path: Path, words: tuple[str, ...]) -> None:
    (tmp_path / "file").touch()
    none, below, long = tmp_path / "none" / "x.jsonl", tmp_path / "file" / "x.jsonl", tmp_path / ("x" * 300)
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    told = {path: cli("ledger", *words, str(path)) for path in (none, below, long, pipe, tmp_path, loop)}
    assert {path: (answer.status, answer.last["error"]) for path, answer in told.items()} == {
        none: (1, {"code": "file_error", "detail": f"{none} cannot be written, for there is no directory {none.parent}: make it, or choose another place."}),
        below: (1, {"code": "file_error", "detail": f"{below} cannot be written, for {below.parent} is no directory: choose another place."}),
        long: (1, {"code": "file_error", "detail": f"{long} cannot be written, for the name is too long: choose a shorter one."}),
        pipe: (1, {"code": "not_a_file", "detail": f"{pipe} is no regular file: give the name of a file."}),
        tmp_path: (1, {"code": "not_a_file", "detail": f"{tmp_path} is a directory: give the name of a file."}),
        loop: (1, {"code": "file_error", "detail": f"{loop} cannot be written, for it is a link that leads to itself: choose another place."}),
    }  # fmt: skip
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "loop", "pipe"]
    assert pipe.is_fifo()


@pytest.mark.parametrize("words", EXPORTS[:2], ids=lambda words: words[0])
def test_a_name_as_long_as_a_name_may_be_is_written_and_a_link_stays_a_link(cli: Command, tmp_path: Path, words: tuple[str, ...]) -> None:
    target, link = tmp_path / ("x" * 255), tmp_path / "link"
    link.symlink_to(target)
    assert cli("ledger", *words, str(link)).status == 0
    assert link.is_symlink()
    assert target.stat().st_size > 0
    assert len(list(tmp_path.iterdir())) == 2


def test_files_that_cannot_be_read_or_written(cli: Command, tmp_path: Path, person: Callable[..., str]) -> None:
    assert cli("ledger", "import", str(tmp_path / "none")).code == "no_such_file"
    assert cli("ledger", "import", str(tmp_path)).code == "not_a_file"
    assert cli("ledger", "export", str(tmp_path)).code == "not_a_file"
    assert cli("ledger", "export", str(tmp_path / "x"), "--from", "2026-10-02", "--to", "2026-10-01").code == "bad_period"
    assert cli("ledger", "beancount", str(tmp_path / "no" / "x")).code == "file_error"
    assert cli("ledger", "import", str(tmp_path / "none"), "--as", person("finance")).code == "not_allowed"
    assert list(tmp_path.iterdir()) == []


def test_the_lines_of_the_journal_go_to_parquet_and_come_to_what_the_balances_moved(raw: Command, cli: Command, tmp_path: Path) -> None:
    """For DuckDB as it is, and for `yuefu match`: one account of money against itself, the day before and after apart."""
    whole, cash = tmp_path / "lines.PARQUET", tmp_path / "cash.parquet"
    gone = cli("ledger", "export", str(whole)).last
    balances = {
        (r["account"], r["currency"]): (r["debit"]["minor"], r["credit"]["minor"]) for r in cli("ledger", "trial-balance").last["rows"]
    }
    assert {(m["account"], m["currency"]): (m["debit_minor"], m["credit_minor"]) for m in gone["moved"]} == balances
    rows = duckdb.sql(f'SELECT count(*), count(DISTINCT id), sum(amount_minor), min("on"), max("on") FROM \'{whole}\'').fetchall()
    count, ids, balance, first, last = rows[0]
    assert (count, ids, balance) == (gone["lines"], gone["lines"], 0)
    assert count > 0
    of_last = cli("ledger", "export", str(tmp_path / "last.parquet"), "--from", str(last), "--to", str(last)).last["lines"]
    before = cli("ledger", "export", str(tmp_path / "before.parquet"), "--to", str(last - timedelta(days=1))).last["lines"]
    assert (before + of_last, first <= last) == (count, True)
    (moved,) = cli("ledger", "export", str(cash), "--account", gone["moved"][0]["account"]).last["moved"]
    assert moved == gone["moved"][0]
    sums = raw("match", str(cash), str(cash), str(tmp_path / "found"), "--json").last["sums"]
    assert sum(one["rows"] for one in sums if one["side"] == "here") == duckdb.sql(f"SELECT count(*) FROM '{cash}'").fetchall()[0][0]


def test_a_table_that_does_not_add_up_is_not_there(cli: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "lines.parquet"
    assert cli("ledger", "export", str(out), "--account", "nothing").code == "unknown_account"
    assert cli("ledger", "export", str(tmp_path / "x.jsonl"), "--account", "channel_cash").code == "not_of_one_account"
    out.write_bytes(b"before")
    monkeypatch.setattr(ledger, "trial_balance", lambda book_id, **given: [])
    assert cli("ledger", "export", str(out)).code == "not_adding_up"
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("lines.parquet", b"before")]
