"""Files as banks let their customers download them: CSV with one line of headings, in UTF-8 or GB18030, read line by line.

Amounts are decimals with or without commas between thousands; a tab or ` that keeps spreadsheets from making numbers of numbers is taken off. A
line that cannot be read loses no other, not even where it opens a quote and never closes it.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from io import StringIO
from typing import Final

from yuefu.errors import Refused
from yuefu.money.amounts import Money

BAD_FILE = "bad_file"  # nothing of it can be read: its encoding or its heading
BAD_LINE = "bad_line"

_CURRENCIES: Final = {"人民币": "CNY", "人民币元": "CNY", "RMB": "CNY", "156": "CNY", "": "CNY"}
_IN_THOUSANDS = re.compile(r"[0-9]{1,3}(,[0-9]{3})+(\.[0-9]*)?")


@dataclass(frozen=True, slots=True)
class Row:
    """A line of a file by its number from 1 on, as it stands there, and its cells by their headings, or why it has none."""

    no: int
    text: str
    cells: Mapping[str, str] | Refused


def rows_of(data: bytes, columns: Sequence[str]) -> list[Row] | Refused:
    """All lines of a file that have anything; Refused with BAD_FILE where it is none, or lacks one of some columns."""
    text = _text(data)
    if text is None:
        return Refused(BAD_FILE, "the file is neither UTF-8 nor GB18030: save it again in one of them", "file")
    lines = _lines(text)
    heading = next(lines, None)
    if heading is None:
        return Refused(BAD_FILE, "the file is empty: it begins with a line of headings", "file")
    names = heading[2]
    if lacking := [name for name in columns if name not in names]:
        return Refused(BAD_FILE, f"the first line has no {', '.join(lacking)}: is this the file that was meant?", "file")
    return [Row(no, line, _cells(names, cells)) for no, line, cells in lines]


def amount_of(text: str, currency: str) -> Money:
    """Raises MoneyError with what is wrong."""
    return Money.parse(
        text.replace(",", "") if _IN_THOUSANDS.fullmatch(text) else text, _CURRENCIES.get(currency.upper(), currency.upper())
    )


def _text(data: bytes) -> str | None:
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    return None


def _lines(text: str) -> Iterator[tuple[int, str, list[str]]]:
    for no, line in enumerate(text.replace("\r\n", "\n").split("\n"), start=1):
        try:
            cells = [_plain(cell) for cell in next(csv.reader(StringIO(line)), [])]
        except csv.Error:
            cells = [line]
        if any(cells):
            yield no, line, cells


def _cells(names: list[str], cells: list[str]) -> Mapping[str, str] | Refused:
    if len(cells) != len(names):
        return Refused(BAD_LINE, f"the line has {len(cells)} cells, the heading {len(names)}", "line")
    if any("\0" in cell for cell in cells):  # no text of a table
        return Refused(BAD_LINE, "the line has a NUL character", "line")
    return dict(zip(names, cells, strict=True))


def _plain(cell: str) -> str:
    return cell.strip().strip("\t`").strip()
