"""A workbook that is written row by row: amounts are numbers in the form of their currency, days are days, text is text and never a formula."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from decimal import Decimal
from typing import IO, Any, Final

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE
from openpyxl.styles import Alignment, Font

from yuefu.money.amounts import Money
from yuefu.money.currencies import EXPONENTS
from yuefu.plans.label import SYMBOLS

MOST_ROWS: Final = 1_048_576
_LONGEST_TEXT: Final = 32_767
_FORMULAS: Final = ("=", "+", "-", "@")
_WIDTHS: Final = {"pay_on": 12, "batch": 32, "date": 12, "kind": 14, "order": 32, "reference": 28, "currency": 8, "contract": 9}
_BOLD: Final = Font(bold=True)


class Sheets:
    """Sheets in the order in which they are asked for."""

    def __init__(self, currency: str) -> None:
        self._book = Workbook(write_only=True)
        self._amount = amount_format(currency)

    def sheet(self, name: str, *, widths: Sequence[int], rows: Iterable[Sequence[Any]]) -> None:
        """A sheet of few rows of any form; the first is its title."""
        sheet = self._book.create_sheet(name)
        for index, width in enumerate(widths):
            sheet.column_dimensions[chr(ord("A") + index)].width = width
        cells = self._cells(sheet)
        for number, row in enumerate(rows):
            sheet.append([cells(value, bold=not number) for value in row])

    def table(self, name: str, columns: Sequence[str], heads: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
        """A sheet of any number of rows with a head that stays in sight; beyond what a sheet has room for it goes on in another one."""
        sheet, cells, left, number = None, None, 0, 0
        for row in rows:
            if not left:
                number, left = number + 1, MOST_ROWS - 1
                sheet, cells = self._opened(name if number == 1 else f"{name} {number}", columns, heads)
            assert sheet is not None
            assert cells is not None
            sheet.append([cells(value) for value in row])
            left -= 1
        if sheet is None:
            self._opened(name, columns, heads)

    def save(self, to: IO[bytes]) -> None:
        """The workbook; nothing can be written to it afterwards."""
        self._book.save(to)

    def _opened(self, name: str, columns: Sequence[str], heads: Sequence[str]) -> tuple[Any, Any]:
        sheet = self._book.create_sheet(name)
        sheet.freeze_panes = "A2"
        for index, column in enumerate(columns):
            sheet.column_dimensions[chr(ord("A") + index)].width = _WIDTHS.get(column, 16)
        cells = self._cells(sheet)
        sheet.append([cells(head, bold=True) for head in heads])
        return sheet, cells

    def _cells(self, sheet: Any) -> Any:
        """Makes cells of values. Those of one kind share their style, which is looked up once."""
        made: dict[str, Any] = {}

        def style(kind: str) -> Any:
            if kind not in made:
                made[kind] = cell = WriteOnlyCell(sheet)
                cell.number_format = {"amount": self._amount, "date": "yyyy-mm-dd", "count": "#,##0"}.get(kind, "@")
                if kind.startswith("bold"):
                    cell.font, cell.alignment = _BOLD, Alignment(vertical="top")
                if kind.endswith("quoted"):
                    cell.quotePrefix = True  # stays text when somebody goes into the cell and out of it again
            return made[kind]

        def cell_of(value: Any, *, bold: bool = False) -> Any:
            if value is None or value == "":
                return None
            kind, plain = _kind(value)
            found = WriteOnlyCell(sheet)
            found._style = style(f"bold{kind}" if bold else kind)._style  # noqa: SLF001 - there is no other way to share one
            found.value = plain
            if isinstance(plain, str):
                found.data_type = "s"
            return found

        return cell_of


def _kind(value: Any) -> tuple[str, Any]:
    if isinstance(value, Money):
        return "amount", Decimal(value.decimal_text())
    if isinstance(value, date):
        return "date", value
    if isinstance(value, int):
        return "count", value
    text = ILLEGAL_CHARACTERS_RE.sub("\ufffd", str(value))[:_LONGEST_TEXT]
    return ("quoted" if text.startswith(_FORMULAS) else "text"), text


def amount_format(currency: str) -> str:
    """How an amount of a currency is shown: with its symbol, grouped, with all its decimals."""
    places = EXPONENTS[currency]
    figures = "#,##0" + (f".{'0' * places}" if places else "")
    sign = f'"{SYMBOLS.get(currency, currency + " ")}"'
    return f"{sign}{figures};-{sign}{figures}"
