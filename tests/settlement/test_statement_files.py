"""Statements as files: what they say adds up and is right in the ledger, or there is no file; nothing in them is taken for a formula."""

from __future__ import annotations

import csv
import io
from dataclasses import fields
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from openpyxl import load_workbook
from pypdf import PdfReader

from tests.settlement.conftest import MakeMerchant
from tests.settlement.scene import PAY_DAY, accrue, capture, refund, settle
from yuefu.errors import Refused
from yuefu.journeys import statement_files, statement_sheets, statement_words, statements
from yuefu.journeys.statement_files import Form
from yuefu.journeys.statement_sheets import Sheets, amount_format
from yuefu.journeys.statement_words import LANGUAGES, Language
from yuefu.journeys.statements import Proven, Statement
from yuefu.runtime import sql
from yuefu.runtime.values import UnitOfWork
from yuefu.settlement.rules import Totals

LENDER = "Example Lending Ltd"


@pytest.fixture
def sold(work: UnitOfWork, make_merchant: MakeMerchant) -> tuple[UUID, UUID]:
    """A merchant that keeps a tenth back, three sales, of which one came back in part, in a batch; merchant and batch."""
    merchant_id = make_merchant(reserve_ppm=100_000, reserve_days=30, vat_ppm=60_000)
    first = capture(work, merchant_id)
    accrue(work, first, capture(work, merchant_id, minor=1_000_000), refund(work, first, 60_000), capture(work, merchant_id, minor=5))
    (batch,) = settle(work)
    return merchant_id, batch.id


def proven(work: UnitOfWork, batch_id: UUID) -> Proven | Refused:
    return statements.prove(book_id=work.book.id, statement=statement(work, batch_id))


def statement(work: UnitOfWork, batch_id: UUID) -> Statement:
    with sql.reading(book_id=work.book.id):
        found = statements.of_batch(batch_id=batch_id)
    assert found is not None
    return found


def file(work: UnitOfWork, of: Proven | Refused, form: Form, language: Language = "en") -> bytes:
    assert isinstance(of, Proven), of
    made = io.BytesIO()
    with sql.reading(book_id=work.book.id):
        statement_files.write(proven=of, form=form, language=language, lender=LENDER, to=made)
    return made.getvalue()


def sheets(content: bytes) -> dict[str, list[list[Any]]]:
    book = load_workbook(io.BytesIO(content))
    return {sheet.title: [[cell.value for cell in row] for row in sheet.iter_rows()] for sheet in book.worksheets}


def words(content: bytes) -> str:
    return "\n".join(page.extract_text() for page in PdfReader(io.BytesIO(content)).pages)


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_file_says_the_same_and_adds_up(
    work: UnitOfWork, sold: tuple[UUID, UUID], language: Language, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(statements, "CHUNK", 2)
    of = proven(work, sold[1])
    assert isinstance(of, Proven)
    batch = of.statement.parts[0].batch
    head, *rows = csv.reader(io.StringIO(file(work, of, "csv", language).decode("utf-8-sig"), newline=""))
    assert tuple(head) == statement_words.COLUMNS[language]
    kinds = ("capture", "capture", "refund", "capture", "reserved", "payout")
    assert [row[3] for row in rows] == [statement_words.kind(code, language) for code in kinds]
    assert sum(Decimal(row[10]) for row in rows) == 0
    assert rows[0][8] == "0.68", "the tax in 11.99, at 6 %"
    assert Decimal(rows[-1][10]) == -Decimal(batch.totals.payout.decimal_text())

    book = sheets(file(work, of, "xlsx", language))
    sums, (shown, *lines) = book.values()
    assert list(book) == [statement_words.text("sums", language), statement_words.text("lines", language)]
    assert shown == [statement_words.text(name, language) for name in statement_files.COLUMNS_SHOWN]
    assert [(row[3], row[5] or "", *(f"{one:.2f}" if one is not None else "" for one in row[6:11])) for row in lines] == [
        (row[3], row[5], *row[6:11]) for row in rows
    ]
    assert {type(one) for row in lines for one in row[6:11] if one is not None} <= {int, float}
    assert {row[0] for row in lines} == {datetime(PAY_DAY.year, PAY_DAY.month, PAY_DAY.day)}
    said = {row[0]: row[1] for row in sums if len(row) > 1 and isinstance(row[1], int | float)}
    net = said[statement_words.text("net", language)]
    steps = [said[statement_words.text(name, language)] for name, _ in statement_words.steps(batch.totals)]
    assert (
        round(sum(steps), 2)
        == round(said[statement_words.text("payout", language)] + said[statement_words.text("carried", language)], 2)
        == net
    )

    paper = words(file(work, of, "pdf", language))
    assert file(work, of, "pdf", language) == file(work, of, "pdf", language), "the same paper is the same bytes"
    for amount in (batch.totals.net, batch.totals.captures, batch.totals.reserved):
        assert f"{amount.minor // 100:,}.{amount.minor % 100:02d}" in paper
    assert LENDER in paper


def test_a_month_has_the_batches_of_its_pay_days(work: UnitOfWork, sold: tuple[UUID, UUID]) -> None:
    with sql.reading(book_id=work.book.id):
        month, other = (
            statements.of_month(book_id=work.book.id, merchant_id=sold[0], month=PAY_DAY.replace(month=number), currency="CNY")
            for number in (10, 11)
        )
    assert month is not None
    assert other is not None
    assert (month.totals, month.line_count) == (statement(work, sold[1]).totals, 5)
    of = statements.prove(book_id=work.book.id, statement=month)
    assert file(work, of, "csv") == file(work, proven(work, sold[1]), "csv")
    empty = statements.prove(book_id=work.book.id, statement=other)
    assert len(file(work, empty, "csv").splitlines()) == 1
    assert [len(rows) for rows in sheets(file(work, empty, "xlsx")).values()][1] == 1
    assert "Nothing was settled." in words(file(work, empty, "pdf"))


def test_a_month_carries_in_and_on_only_what_comes_from_another_month_or_goes_to_one(work: UnitOfWork, make_merchant: MakeMerchant) -> None:
    merchant_id = make_merchant()
    sold = capture(work, merchant_id)
    accrue(work, sold)
    settle(work)
    accrue(work, refund(work, sold, 60_000))
    (owing,) = settle(work, PAY_DAY + timedelta(days=1))
    with sql.reading(book_id=work.book.id):
        before = statements.of_month(book_id=work.book.id, merchant_id=merchant_id, month=PAY_DAY, currency="CNY")
    accrue(work, capture(work, merchant_id))
    settle(work, PAY_DAY + timedelta(days=4))
    with sql.reading(book_id=work.book.id):
        month = statements.of_month(book_id=work.book.id, merchant_id=merchant_id, month=PAY_DAY, currency="CNY")
    assert before is not None
    assert month is not None
    assert (before.totals.opening.minor, before.totals.carried) == (0, owing.totals.carried)
    assert owing.totals.carried.minor < 0
    assert (month.totals.opening.minor, month.totals.carried.minor) == (0, 0)
    assert month.totals.net == month.totals.payout == sum((part.batch.totals.payout for part in month.parts), owing.totals.payout)


def test_a_paper_of_too_many_lines_has_them_by_day(work: UnitOfWork, sold: tuple[UUID, UUID], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(statement_files, "MOST_LINES_SET", 4)
    paper = words(file(work, proven(work, sold[1]), "pdf"))
    assert "The 5 lines are more than the 4" in paper
    assert "11,999.05" in paper, "what was captured on the one day"


TABLES = ("settlement_item", "settlement_batch", "settlement_batch_line", "payments_payout", "ledger_line")
TAMPERED = {
    "a line": ("UPDATE settlement_item SET net_minor = net_minor + 1, fee_minor = fee_minor - 1 WHERE id = %(item)s", statements.DOES_NOT_ADD_UP),
    "a figure": (
        "UPDATE settlement_batch SET fees_minor = fees_minor + 1, net_minor = net_minor - 1, payout_minor = payout_minor - 1 WHERE id = %(batch)s",
        statements.DOES_NOT_ADD_UP,
    ),
    "a line that is gone": ("DELETE FROM settlement_batch_line WHERE item_id = %(item)s", statements.DOES_NOT_ADD_UP),
    "two lines that make up for each other": (
        "UPDATE settlement_item SET net_minor = net_minor + d, fee_minor = fee_minor - d FROM (VALUES (%(item)s::uuid, 1), (%(other)s, -1)) AS g (i, d)"
        " WHERE id = g.i", statements.LEDGER_DIFFERS,
    ),
    "a line and its batch": (
        "WITH i AS (UPDATE settlement_item SET net_minor = net_minor + 1, fee_minor = fee_minor - 1 WHERE id = %(item)s) UPDATE settlement_batch"
        " SET fees_minor = fees_minor - 1, net_minor = net_minor + 1, payout_minor = payout_minor + 1 WHERE id = %(batch)s", statements.LEDGER_DIFFERS,
    ),
    "the payout": ("UPDATE payments_payout SET amount_minor = amount_minor + 1 WHERE batch_id = %(batch)s", statements.PAYOUT_DIFFERS),
    "what the ledger has": (
        "UPDATE ledger_line SET amount_minor = amount_minor + 1 WHERE entry_id = (SELECT object_id FROM runtime_key WHERE key ="
        " 'settlement:capture:' || (SELECT source_id FROM settlement_item WHERE id = %(item)s)) AND account_id IN (SELECT id FROM ledger_account"
        " WHERE code = 'merchant_pending')", statements.LEDGER_DIFFERS,
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", TAMPERED)
def test_what_somebody_changed_behind_our_back_gets_no_file(work: UnitOfWork, sold: tuple[UUID, UUID], what: str) -> None:
    change, code = TAMPERED[what]
    with sql.reading(book_id=work.book.id):
        item, other = [line.item.id for chunk in statements.lines(statement(work, sold[1]).parts[0]) for line in chunk][:2]
    assert isinstance(proven(work, sold[1]), Proven)
    with sql.owning():
        for table in TABLES:
            sql.run(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        assert sql.run(change, {"item": item, "other": other, "batch": sold[1]})
        for table in TABLES:
            sql.run(f"ALTER TABLE {table} ENABLE TRIGGER USER")
    refused = proven(work, sold[1])
    assert isinstance(refused, Refused)
    assert refused.code == code


def test_a_merchant_reads_its_own_and_nobody_elses(work: UnitOfWork, sold: tuple[UUID, UUID], make_merchant: MakeMerchant) -> None:
    with sql.reading(merchant_id=sold[0]):
        own = statements.of_batch(batch_id=sold[1])
        assert own is not None
        assert [len(chunk) for chunk in statements.lines(own.parts[0])] == [5]
    assert statements.prove(book_id=work.book.id, statement=own) == proven(work, sold[1])
    with sql.reading(merchant_id=make_merchant()):
        assert statements.of_batch(batch_id=sold[1]) is None
        assert list(statements.lines(own.parts[0])) == []
        assert statements.of_month(book_id=work.book.id, merchant_id=sold[0], month=PAY_DAY, currency="CNY") is None


def test_the_identity_is_written_out_as_it_is_computed() -> None:
    assert statement_words.sum_note("en").startswith(
        "Net = Captured − Fees − Discounts − Refunds, after fees given back + Carried in − Kept back"
    )
    assert all(statement_words.text(name, "zh") in statement_words.sum_note("zh") for name, _ in statement_words.IDENTITY)


def test_each_figure_has_a_term_in_the_identity_and_a_name() -> None:
    named = [name for name, _ in statement_words.IDENTITY]
    assert [one.name for one in fields(Totals)] == [*named, "net", "payout", "carried"]
    assert all(text for name in (*named, "net", "payout", "carried") for text in statement_words.TEXTS[name])


FORMULAS = ["=1+1", "+1", "-1", "@x", "\tx", "\r=1", "＝1", "=cmd|' /C calc'!A0"]


@pytest.mark.parametrize("text", [*FORMULAS, "A=1", "甲-1", "a\x0bb", "0012", "'x"])
def test_no_text_is_a_formula_to_a_program_for_tables(text: str) -> None:
    assert statement_files.plain(text) == (f"'{text}" if text in FORMULAS else text)
    made, written = Sheets("CNY"), io.BytesIO()
    made.table("Lines", ["reference"], ["=head"], [[text]])
    made.save(written)
    sheet = load_workbook(io.BytesIO(written.getvalue()))["Lines"]
    for cell, given in ((sheet["A1"], "=head"), (sheet["A2"], text)):
        assert (cell.data_type, cell.value.replace("\r", "\n")) == ("s", given.replace("\x0b", "\ufffd").replace("\r", "\n"))
        assert cell.quotePrefix == given.startswith(("=", "+", "-", "@"))


def test_more_rows_than_a_sheet_has_room_for_go_on_in_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(statement_sheets, "MOST_ROWS", 3)
    made, written = Sheets("JPY"), io.BytesIO()
    made.table("Lines", ["n"], ["n"], ([n] for n in range(5)))
    made.save(written)
    assert sheets(written.getvalue()) == {"Lines": [["n"], [0], [1]], "Lines 2": [["n"], [2], [3]], "Lines 3": [["n"], [4]]}


def test_an_amount_has_the_form_of_its_currency() -> None:
    assert amount_format("CNY") == '"¥"#,##0.00;-"¥"#,##0.00'
    assert amount_format("JPY") == '"JP¥"#,##0;-"JP¥"#,##0'
    assert amount_format("KWD") == '"KWD "#,##0.000;-"KWD "#,##0.000'
