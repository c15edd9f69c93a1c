"""A book from elsewhere, from the command line: balances, and loans out of one book and into another."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Command, Town, a_town
from yuefu.journeys.loan_tape.rows import COLUMNS
from yuefu.runtime.vault import Vault


@pytest.fixture(scope="module")
def town(keys: Vault) -> Town:
    """A book of its own, for its days go by."""
    return a_town(keys)


def test_loans_go_out_and_come_into_another_book(
    cli: Command,
    raw: Command,
    keys: Vault,
    town: Town,
    authorised: Callable[..., dict[str, Any]],
    person: Callable[..., str],
    tmp_path: Path,
) -> None:
    assert cli("order", "capture", authorised(amount="300.00")["order"]).status == 0
    file = tmp_path / "loans.csv"
    assert cli("loan", "export", str(file), "--as-of", "2026-10-12").code == "day_not_closed"
    assert not file.exists()
    assert cli("close-day").status == 0
    gone = cli("loan", "export", str(file), "--as-of", "2026-10-12").last
    assert (gone["loans"], gone["totals"]["owed_principal"]["minor"]) == (1, 300_00)
    assert tuple(next(csv.reader(file.open(encoding="utf-8")))) == COLUMNS

    other = a_town(keys)
    words = ("import", "loans", str(file), "--from", "old core", "--as-of", "2026-10-12", "--json", "--book", other.book)
    assert raw(*words).code == "day_invalid"
    assert raw("close-day", "--json", "--book", other.book).status == 0
    assert raw(*words, "--as", "nobody").status != 0
    tried = raw(*words, "--dry-run").last
    assert (tried["loans"], tried["dry_run"]) == (1, True)
    done = raw(*words).last
    assert (done["new"], done["known"], done["posted"]["owed_principal"]["minor"]) == (1, 0, 300_00)
    again = raw(*words).last
    assert (again["new"], again["known"]) == (0, 1)
    wrong = raw(*words, "--total", "loans=2", "--total", "owed_principal=300.00", "--total", "owed_interest=0", "--total", "owed_fees=0")
    assert wrong.status == 1
    assert [fault["code"] for fault in wrong.last["faults"]] == ["total_differs"]
    assert raw(*words, "--total", "loans").code == "total_malformed"
    assert raw("import", "loans", str(tmp_path / "none.csv"), *words[3:]).code == "file_not_found"


def test_a_book_is_opened_once(cli: Command, raw: Command, keys: Vault, tmp_path: Path) -> None:
    town = a_town(keys)
    file = tmp_path / "opening.csv"
    file.write_text(
        "component,owner,currency,debit,credit,due_on\r\nbank_cash,operating,CNY,100.00,,\r\nfunder_capital,,CNY,,100.00,\r\nTOTAL,2,,100.00,100.00,\r\n"
    )
    words = ("import", "opening", str(file), "--as-of", "2026-10-11", "--json", "--book", town.book)
    posted = raw(*words).last
    assert (posted["rows"], posted["again"], posted["debit"]["minor"]) == (2, False, 100_00)
    assert raw(*words).last["again"]
    file.write_text(file.read_text().replace("funder_capital", "gold"))
    wrong = raw(*words)
    assert wrong.status == 1
    assert wrong.last["faults"][0] | {"detail": ""} == {"line": 3, "column": "component", "code": "unknown_component", "detail": ""}
    said = raw("import", "opening", str(file), "--as-of", "2026-10-11", "--book", town.book)
    assert "1 faults; nothing was booked." in said.out
