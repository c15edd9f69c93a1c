"""Closing, settling, sealing and looking at the books."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

from tests.cli.conftest import FIRST_DAY, Command, Town, a_town
from yuefu.runtime import books, sql
from yuefu.runtime.vault import Vault


def test_a_day_closes_the_clock_moves_and_the_next_day_settles(cli: Command, town: Town, authorised: Callable[..., dict[str, Any]]) -> None:
    assert cli("order", "capture", authorised(amount="300.00")["order"]).status == 0
    first = cli("close-day")
    assert first.status == 0, first.out
    assert first.last["again"] is False
    assert all(first.last["proofs"]) or first.last["proofs"]
    again = cli("close-day", first.last["on"])
    assert (again.last["again"], again.last["run"]) == (True, first.last["run"])
    settled = cli("settle")
    assert settled.status == 0
    # The other shop of the town may owe: it keeps the fee of what was refunded whole.
    assert max(batch["net"]["minor"] for batch in settled.last["batches"]) > 0
    assert cli("settle").last["batches"] == settled.last["batches"]
    assert cli("ledger", "trial-balance").last["zero"] is True


def test_a_day_on_which_nobody_is_paid_says_so(raw: Command, keys: Vault) -> None:
    assert raw("settle", "--book", a_town(keys).book).out == f"No merchant is paid on {FIRST_DAY}.\n"


def test_a_day_that_never_was_cannot_be_closed(cli: Command) -> None:
    assert cli("close-day", "2001-01-01").code == "unknown_day"


def test_a_line_of_heads_that_was_cut_off_is_told_and_a_changed_one_is_an_error(
    raw: Command, cli: Command, town: Town, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(settings, "YUEFU_HOME", tmp_path)
    file = tmp_path / "seals.jsonl"
    sealed = cli("seal").last
    assert sealed["head"] == json.loads(file.read_text())["head"]
    file.write_text(file.read_text()[:70])
    verdict = cli("ledger", "verify")
    assert (verdict.status, verdict.last["heads"]) == (0, {"kept": 0, "cut_off_lines": [1]})
    assert "Line 1 of" in (said := raw("ledger", "verify", "--book", town.book).out)
    assert "was cut off in the writing" in said
    assert cli("seal").last == sealed
    assert cli("ledger", "verify").last["heads"] == {"kept": 1, "cut_off_lines": [1]}
    file.write_text("nonsense\n")
    answer = cli("ledger", "verify")
    assert (answer.status, answer.code) == (1, "heads_broken")
    assert answer.last["error"]["detail"].startswith(f"Line 1 of {file} is no head")


def test_a_seal_holds_and_a_changed_entry_is_named(cli: Command, town: Town) -> None:
    sealed = cli("seal").last["sealed"]
    assert sealed > 0
    assert cli("ledger", "verify").last["sealed"] == sealed
    book = books.by_code(town.book)
    assert book is not None
    with sql.owning():
        sql.run("ALTER TABLE ledger_seal DISABLE TRIGGER USER")
        changed = sql.run(
            "UPDATE ledger_seal SET digest = decode(repeat('00', 32), 'hex') WHERE book_id = %s AND number = %s", [book.id, sealed]
        )
        sql.run("ALTER TABLE ledger_seal ENABLE TRIGGER USER")
    assert changed == 1
    verdict = cli("ledger", "verify")
    assert (verdict.status, verdict.last["intact"], verdict.last["first_bad"]) == (1, False, sealed)


def test_a_balance_is_shown_by_its_parts(cli: Command) -> None:
    cash = cli("ledger", "balance", "bank_cash").last
    assert cash["total_minor"]["CNY"] == sum(part["balance"]["minor"] for part in cash["parts"])
    assert cli("ledger", "balance", "piggy_bank").code == "unknown_account"


def test_people_read_tables_and_programs_read_json(raw: Command, town: Town) -> None:
    shown = raw("ledger", "trial-balance", "--book", town.book)
    assert "The trial balance is zero." in shown.out
    assert shown.err == ""
