"""Closing, settling, sealing and looking at the books."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.cli.conftest import Command, Town
from yuefu.runtime import books, sql


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


def test_a_day_that_never_was_cannot_be_closed(cli: Command) -> None:
    assert cli("close-day", "2001-01-01").code == "unknown_day"


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
