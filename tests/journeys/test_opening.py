"""Opening balances: one entry, posted once, which balances and is what was declared; merchants are paid what they were owed."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.journeys.conftest import FIRST_DAY, Shop
from yuefu.errors import Refused
from yuefu.insight.rules.clearing import Report
from yuefu.journeys import opening, proving, reports
from yuefu.journeys.opening import COLUMNS, Opened, Wrong
from yuefu.ledger import queries as ledger
from yuefu.reconciliation import queries as reconciliation
from yuefu.runtime import sql
from yuefu.settlement import queries as settlement

AS_OF = FIRST_DAY - timedelta(days=1)
SOUND: list[Mapping[str, str]] = [
    {"component": "bank_cash", "owner": "operating", "debit": "5000.00"},
    {"component": "merchant_pending", "owner": "shop-1", "credit": "1200.00"},
    {"component": "merchant_pending", "owner": "shop-2", "debit": "80.00"},
    {"component": "merchant_reserve", "owner": "shop-1", "credit": "300.00", "due_on": "2026-10-14"},
    {"component": "interest_income", "credit": "700.50"},
    {"component": "funder_capital", "credit": "2879.50"},
]
TOTALS = {"rows": "6", "debit": "5080.00", "credit": "5080.00"}


def file_of(path: Path, *given: Mapping[str, str], footer: Mapping[str, str] | None = None) -> Path:
    text = io.StringIO()
    out = csv.DictWriter(text, COLUMNS, restval="")
    out.writeheader()
    for row in given:
        out.writerow({"currency": "CNY", **row})
    if footer:
        out.writerow(footer)
    path.write_text(text.getvalue(), encoding="utf-8-sig")
    return path


def opened(shop: Shop, path: Path, totals: Mapping[str, str] = TOTALS, **more: Any) -> Opened | Wrong | Refused:
    return opening.bring_in(desk=shop.desk, now=shop.now(), path=path, as_of=AS_OF, totals=totals, **more)


def test_merchants_are_paid_what_they_were_owed_and_every_proof_holds(shop: Shop, tmp_path: Path) -> None:
    path = file_of(tmp_path / "opening.csv", *SOUND)
    tried = opened(shop, path, dry_run=True)
    assert isinstance(tried, Opened)
    assert tried.entry_id is None
    found = opened(shop, path)
    assert isinstance(found, Opened), found
    again = opened(shop, path)
    assert isinstance(again, Opened)
    assert (again.entry_id, again.again, found.again) == (found.entry_id, True, False)
    other = opened(shop, file_of(tmp_path / "other.csv", *SOUND[:-1], {**SOUND[-1], "credit": "2879.50", "component": "fee_income"}))
    assert isinstance(other, Refused)
    assert other.code == "opened_already"
    assert len(ledger.written(shop.book_id, [found.entry_id])) == 1  # type: ignore[list-item]

    with sql.snapshot():
        proofs = proving.prove(book=shop.desk.book, since=FIRST_DAY)
    assert not {name: proof.detail for name, proof in proofs.items() if not proof.holds}
    shop.next_day()
    shop.settle()
    first = {batch.merchant_id: batch.totals for batch in settlement.batches_on(book_id=shop.book_id, pay_on=shop.on)}
    assert first[shop.merchants[0]].payout.minor == 1200_00
    assert shop.merchants[1] not in first, "what it owes waits for what it earns"
    shop.next_day()
    shop.settle()
    second = {batch.merchant_id: batch.totals for batch in settlement.batches_on(book_id=shop.book_id, pay_on=shop.on)}
    assert (second[shop.merchants[0]].payout.minor, second[shop.merchants[0]].released.minor) == (300_00, 300_00)
    shop.poll_payouts()
    shop.next_day()
    for on in range(3):
        day = FIRST_DAY + timedelta(days=on)
        made = reports.made(book=shop.desk.book, kind="day", since=day, until=day)
        assert isinstance(made, Report), made
    assert [m.kind for m in reconciliation.movements(book_id=shop.book_id, source="bank", on=FIRST_DAY)] == ["funding"], (
        "no bank shows an opening"
    )


@pytest.mark.parametrize(
    ("row", "column", "code"),
    [
        ({"component": "loan_principal", "debit": "1.00"}, "component", "not_opened_here"),
        ({"component": "suspense", "credit": "1.00"}, "component", "not_opened_here"),
        ({"component": "client_cash", "owner": "client", "debit": "1.00"}, "component", "not_opened_here"),
        ({"component": "gold", "debit": "1.00"}, "component", "unknown_component"),
        ({"component": "", "debit": "1.00"}, "component", "name_invalid"),
        ({"component": "bank_cash", "owner": "nowhere", "debit": "1.00"}, "owner", "unknown_owner"),
        ({"component": "merchant_pending", "owner": "shop-9", "credit": "1.00"}, "owner", "unknown_owner"),
        ({"component": "fee_income", "owner": "shop-1", "credit": "1.00"}, "owner", "unknown_owner"),
        ({"component": "fee_income", "debit": "1.00", "credit": "1.00"}, "debit", "one_side_needed"),
        ({"component": "fee_income"}, "debit", "one_side_needed"),
        ({"component": "fee_income", "credit": "-1.00"}, "debit", "one_side_needed"),
        ({"component": "fee_income", "credit": "1.0.0"}, "credit", "amount_separator"),
        ({"component": "fee_income", "credit": "99999999999999999"}, "credit", "amount_too_large"),
        ({"component": "fee_income", "credit": "1.00", "currency": "USD"}, "currency", "currency_differs"),
        ({"component": "fee_income", "credit": "1.00", "due_on": "2026-10-14"}, "due_on", "due_not_allowed"),
        ({"component": "merchant_reserve", "owner": "shop-1", "credit": "1.00"}, "due_on", "due_missing"),
        ({"component": "merchant_pending", "owner": "shop-1", "credit": "1.00", "due_on": "soon"}, "due_on", "bad_date"),
        ({"component": "interest_income", "credit": "1.00"}, "component", "twice"),
    ],
)
def test_what_cannot_be_opened_is_told_by_line(shop: Shop, tmp_path: Path, row: Mapping[str, str], column: str, code: str) -> None:
    found = opened(shop, file_of(tmp_path / "f.csv", *SOUND, row))
    assert isinstance(found, Wrong)
    assert [(fault.line_no, fault.column, fault.code) for fault in found.faults] == [(8, column, code)]


def test_what_does_not_balance_or_is_not_what_was_declared_is_not_posted(shop: Shop, tmp_path: Path) -> None:
    before = ledger.entries_posted(shop.book_id)
    sound = file_of(tmp_path / "f.csv", *SOUND)
    for path, totals, code in (
        (file_of(tmp_path / "g.csv", *SOUND[:-1]), TOTALS, "does_not_balance"),
        (file_of(tmp_path / "h.csv"), TOTALS, "rows_out_of_range"),
        (sound, {}, "totals_missing"),
        (sound, TOTALS | {"rows": "7"}, "total_differs"),
        (sound, TOTALS | {"debit": "a lot"}, "total_differs"),
        (sound, TOTALS | {"colour": "red"}, "total_unknown"),
        (
            file_of(tmp_path / "i.csv", *SOUND, footer={"component": "TOTAL", "owner": "5", "debit": "5080.00", "credit": "5080.00"}),
            {},
            "total_differs",
        ),
    ):
        found = opened(shop, path, totals)
        assert isinstance(found, Wrong), found
        assert {fault.code for fault in found.faults} == {code}
    early = opening.bring_in(desk=shop.desk, now=shop.now(), path=sound, as_of=FIRST_DAY, totals=TOTALS)
    assert isinstance(early, Refused)
    assert early.code == "day_invalid"
    assert ledger.entries_posted(shop.book_id) == before
    footer = {"component": "TOTAL", "owner": "6", "debit": "5080.00", "credit": "5080.00"}
    assert isinstance(opened(shop, file_of(tmp_path / "j.csv", *SOUND, footer=footer), {}), Opened)
