"""Statements of merchants as files: CSV, XLSX and PDF, in Chinese or English. None is made of a statement that did not prove itself.

CSV and XLSX are written line by line, however many there are. What somebody else wrote, such as the reference of an order, is text in all of them:
no program for tables takes it for a formula, and the typesetter takes it for no markup.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from datetime import date
from typing import IO, TYPE_CHECKING, Any, Final, Literal

from yuefu import ids
from yuefu.journeys import statements
from yuefu.journeys.statement_words import COLUMNS, Language, kind, state, steps, sum_note, text
from yuefu.journeys.statements import Line, Part, Proven, Statement
from yuefu.ledger.rules.gl import decimal_text
from yuefu.money.amounts import Money
from yuefu.papers.rules.setting import figure, row, section, typeset

if TYPE_CHECKING:
    from yuefu.settlement.queries.papers import DaySum

Form = Literal["csv", "xlsx", "pdf"]
FORMS: Final[tuple[Form, ...]] = ("csv", "xlsx", "pdf")
CONTENT_TYPES: Final = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "pdf": "application/pdf",
}

MOST_LINES_SET: Final = 5_000
"""A PDF of more lines has them by day: to set 10,000 takes some three seconds and a gigabyte."""
MOST_LINES_TAGGED: Final = 500
_FORMULAS: Final = frozenset("=+-@\t\r\n＝＋－＠")
_AMOUNTS: Final = ("gross", "fee", "vat", "discount", "net")

Row = tuple[date, str, date, str, str, str, Money | None, Money | None, Money | None, Money | None, Money, str, int | None]


def write(*, proven: Proven, form: Form, language: Language, lender: str, to: IO[bytes]) -> None:
    """Writes a statement as a file, read as whoever it is for."""
    if form == "pdf":
        to.write(pdf(proven.statement, language, lender))
    else:
        WRITERS[form](proven.statement, language, to)


def _rows(statement: Statement, language: Language) -> Iterator[Row]:
    """Of each batch its lines, then what of it is paid and what is carried on, with the sign turned round: its net is nothing in sum."""
    for part in statement.parts:
        for chunk in statements.lines(part):
            yield from (_row(part, line, language) for line in chunk)
        yield from _ends(part, language)


def _row(part: Part, line: Line, language: Language) -> Row:
    item = line.item
    head = (part.batch.pay_on, ids.text("batch", part.batch.id), item.earned_on, kind(item.kind, language))
    order = ids.text("order", item.order_id) if item.order_id else ""
    return (
        *head,
        order,
        line.reference,
        item.gross,
        item.fee,
        item.vat,
        item.discount,
        item.net,
        item.net.currency,
        item.contract_version or None,
    )


def _ends(part: Part, language: Language) -> Iterator[Row]:
    batch, reference = part.batch, part.payouts[-1].reference if part.payouts else ""
    withheld = batch.totals.payout - batch.pays
    for code, amount, named in (("payout", batch.pays, reference), ("withheld", withheld, ""), ("next", batch.totals.carried, "")):
        if amount:
            head = (batch.pay_on, ids.text("batch", batch.id), batch.pay_on, kind(code, language))
            yield (*head, "", named, None, None, None, None, -amount, amount.currency, None)


# ---------------------------------------------------------------------------------------------------------------- CSV


def write_csv(statement: Statement, language: Language, to: IO[bytes]) -> None:
    """With the mark by which programs for tables know UTF-8."""
    to.write(b"\xef\xbb\xbf")
    wrapped = io.TextIOWrapper(to, encoding="utf-8", newline="", write_through=True)
    rows = csv.writer(wrapped, lineterminator="\r\n")
    rows.writerow(COLUMNS[language])
    rows.writerows([plain(cell) for cell in one] for one in _rows(statement, language))
    wrapped.detach()


def plain(cell: object) -> str:
    """A cell as text, and a text that no program for tables takes for a formula."""
    if isinstance(cell, Money):
        return decimal_text(cell.minor, cell.currency)
    if isinstance(cell, str):
        return f"'{cell}" if cell[:1] in _FORMULAS else cell
    return "" if cell is None else str(cell)


# --------------------------------------------------------------------------------------------------------------- XLSX


def write_xlsx(statement: Statement, language: Language, to: IO[bytes]) -> None:
    """A sheet of sums and one of lines."""
    from yuefu.journeys.statement_sheets import Sheets

    book = Sheets(statement.currency)
    book.sheet(text("sums", language), widths=(32, 28, 16, 16, 16, 16, 16), rows=_sums(statement, language))
    book.table(text("lines", language), COLUMNS_SHOWN, [text(name, language) for name in COLUMNS_SHOWN], _rows(statement, language))
    book.save(to)


WRITERS: Final = {"csv": write_csv, "xlsx": write_xlsx}
COLUMNS_SHOWN: Final = ("pay_on", "batch", "date", "kind", "order", "reference", *_AMOUNTS, "currency", "contract")


def _sums(statement: Statement, language: Language) -> Iterator[list[Any]]:
    """The head, how the net comes about, and each batch."""
    yield [text("statement_of_month" if statement.month else "statement_of_batch", language)]
    for name, value in _head(statement, language):
        yield [name, value]
    yield []
    for name, amount in steps(statement.totals):
        yield [text(name, language), amount]
    for name in ("net", "payout", "carried"):
        yield [text(name, language), getattr(statement.totals, name)]
    yield []
    yield [text(name, language) for name in ("pay_on", "batch", "state", "line_count", "net", "payout", "carried")]
    for part in statement.parts:
        batch = part.batch
        told = (batch.pay_on, ids.text("batch", batch.id), state(batch.state, language), batch.line_count)
        yield [*told, batch.totals.net, batch.totals.payout, batch.totals.carried]
    yield []
    yield [sum_note(language)]


def _head(statement: Statement, language: Language) -> Iterator[tuple[str, Any]]:
    who = statement.merchant
    yield text("merchant", language), who.name_zh if language == "zh" else who.name_en
    yield text("code", language), who.code
    yield text("uscc", language), who.uscc
    yield text("account", language), who.settlement_account_masked
    if statement.month:
        yield text("month", language), f"{statement.month:%Y-%m}"
        yield text("batches", language), len(statement.parts)
    else:
        (part,) = statement.parts
        yield text("batch", language), ids.text("batch", part.batch.id)
        yield text("pay_on", language), part.batch.pay_on
        yield text("state", language), state(part.batch.state, language)
        if part.payouts:
            yield text("payout_reference", language), part.payouts[-1].reference
        if part.payouts and part.payouts[-1].paid_on:
            yield text("paid_on", language), part.payouts[-1].paid_on
    yield text("line_count", language), statement.line_count
    yield text("currency", language), statement.currency


# ---------------------------------------------------------------------------------------------------------------- PDF


def pdf(statement: Statement, language: Language, lender: str) -> bytes:
    """The paper: the same bytes for the same statement. Of more than MOST_LINES_SET lines it has sums by day."""
    columns = [{"name": "", "number": False, "wide": False}, {"name": statement.currency, "number": True, "wide": False}]
    sums = [row("sum" if name == "net" else "plain", [text(name, language), figure(amount)]) for name, amount in _steps(statement)]
    sections = [section(text("sums", language), [], columns, sums)]
    short = statement.line_count <= MOST_LINES_SET
    sections += [_of_batch(statement, part, language, short=short) for part in statement.parts]
    notes = [sum_note(language)]
    if not short:
        notes.append(text("too_long", language, count=f"{statement.line_count:,}", most=f"{MOST_LINES_SET:,}"))
    return typeset(
        language,
        title=text("statement_of_month" if statement.month else "statement_of_batch", language),
        lender=lender,
        fields=[[name, str(value)] for name, value in _head(statement, language)],
        body=[] if statement.parts else [text("none", language)],
        sections=sections,
        notes=notes,
        footer=statement.name,
        wide=True,
        tagged=statement.line_count <= MOST_LINES_TAGGED,
    )


def _steps(statement: Statement) -> list[tuple[str, Money]]:
    return [*steps(statement.totals), *((name, getattr(statement.totals, name)) for name in ("net", "payout", "carried"))]


def _of_batch(statement: Statement, part: Part, language: Language, *, short: bool) -> dict[str, Any]:
    number = ids.text("batch", part.batch.id)
    heading = f"{text('batch', language)} {number} · {part.batch.pay_on} · {state(part.batch.state, language)}" if statement.month else ""
    names = ("date", "kind", "reference", *_AMOUNTS, "contract") if short else ("date", "kind", "count", *_AMOUNTS)
    columns = [
        {
            "name": text(name, language),
            "number": name in _AMOUNTS or name == "count",
            "wide": name in ("reference", "kind" if not short else ""),
        }
        for name in names
    ]
    rows = [*_set_lines(part, language)] if short else [_set_day(one, language) for one in statements.by_day(part)]
    rows += [_set_end(one, language, short=short) for one in _ends(part, language)]
    return section(heading, [], columns, rows)


def _set_lines(part: Part, language: Language) -> Iterator[dict[str, Any]]:
    for chunk in statements.lines(part):
        for line in chunk:
            item, amounts = line.item, [figure(getattr(line.item, name)) for name in _AMOUNTS]
            yield row("plain", [str(item.earned_on), kind(item.kind, language), line.reference, *amounts, str(item.contract_version or "")])


def _set_day(one: DaySum, language: Language) -> dict[str, Any]:
    amounts = [figure(one.vat if name == "vat" else getattr(one.sum, name)) for name in _AMOUNTS]
    return row("plain", [str(one.on), kind(one.sum.kind, language), f"{one.sum.count:,}", *amounts])


def _set_end(one: Row, language: Language, *, short: bool) -> dict[str, Any]:
    del language
    cells = [str(one[2]), one[3], one[5], "", "", "", "", figure(one[10])]
    return row("sum", [*cells, *([""] if short else [])])
