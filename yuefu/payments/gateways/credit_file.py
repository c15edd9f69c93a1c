"""The file of a bank with what came into our accounts (账户明细), read line by line: a line that cannot be read loses no other.

CSV with one heading line, in UTF-8 or GB18030, as banks let their customers download it: 交易时间, 交易流水号, 收款账号, 对方账号, 对方户名, 币种, 收入金额,
附言, in any order and among others; with 支出金额 lines of what went out may stand between. Amounts are decimals with or without commas, times
YYYY-MM-DD HH:MM:SS; a tab or ` that keeps spreadsheets from making numbers of numbers is taken off.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from io import StringIO
from typing import Final

from yuefu.errors import Refused
from yuefu.money.amounts import Money, MoneyError
from yuefu.payments.rules import BankCredit

BAD_FILE = "bad_file"  # nothing of it can be read: its encoding or its heading
BAD_LINE = "bad_line"
WENT_OUT = "went_out"  # a line of money that went out, which is looked at by reconciliation

COLUMNS: Final = ("交易时间", "交易流水号", "收款账号", "对方账号", "对方户名", "币种", "收入金额", "附言")
_OUT: Final = "支出金额"
_CURRENCIES: Final = {"人民币": "CNY", "人民币元": "CNY", "RMB": "CNY", "156": "CNY", "": "CNY"}
_MOST_CELL: Final = 1_000
_IN_THOUSANDS = re.compile(r"[0-9]{1,3}(,[0-9]{3})+(\.[0-9]*)?")


@dataclass(frozen=True, slots=True)
class CreditLine:
    """A line of the file, by its number from 1 on, and what it says or why that cannot be read."""

    no: int
    credit: BankCredit | Refused


def read_credits(data: bytes) -> list[CreditLine] | Refused:
    """All lines of a file; Refused with BAD_FILE where it is none. Empty lines are left out."""
    text = _text(data)
    if text is None:
        return Refused(BAD_FILE, "the file is neither UTF-8 nor GB18030: save it again in one of them", "file")
    rows = _rows(text)
    try:
        _, heading = next(rows)
    except (StopIteration, csv.Error):
        return Refused(BAD_FILE, "the file is empty: it begins with a line of headings", "file")
    names = [_plain(cell) for cell in heading]
    if lacking := [name for name in COLUMNS if name not in names]:
        return Refused(BAD_FILE, f"the first line has no {', '.join(lacking)}: is this the bank's file of an account?", "file")
    return [CreditLine(no, _credit(names, cells)) for no, cells in _lines(rows)]


def _lines(rows: Iterator[tuple[int, list[str]]]) -> Iterator[tuple[int, list[str]]]:
    return ((no, cells) for no, cells in rows if any(_plain(cell) for cell in cells))


def _text(data: bytes) -> str | None:
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    return None


def _rows(text: str) -> Iterator[tuple[int, list[str]]]:
    """Line by line, so that a quote that is never closed spoils one line and not all that follow."""
    for no, line in enumerate(text.replace("\r\n", "\n").split("\n"), start=1):
        try:
            yield no, next(csv.reader(StringIO(line)), [])
        except csv.Error:
            yield no, [line[:_MOST_CELL]]


def _plain(cell: str) -> str:
    return cell.strip().strip("\t`").strip()


def _credit(names: list[str], cells: list[str]) -> BankCredit | Refused:
    if len(cells) != len(names):
        return Refused(BAD_LINE, f"the line has {len(cells)} cells, the heading {len(names)}", "line")
    given = {name: _plain(cell) for name, cell in zip(names, cells, strict=True)}
    if not given["收入金额"] and given.get(_OUT):
        return Refused(WENT_OUT, "money that went out", "line")
    return _read(given)


def _read(given: Mapping[str, str]) -> BankCredit | Refused:
    currency = _CURRENCIES.get(given["币种"].upper(), given["币种"].upper())
    told = given["收入金额"]
    try:
        amount = Money.parse(told.replace(",", "") if _IN_THOUSANDS.fullmatch(told) else told, currency)
    except MoneyError as error:
        return Refused(BAD_LINE, f"收入金额 or 币种: {error}", "line")
    try:
        at = datetime.strptime(given["交易时间"], "%Y-%m-%d %H:%M:%S")  # noqa: DTZ007 - the bank's local time has no zone
    except ValueError:
        return Refused(BAD_LINE, f"交易时间 is not YYYY-MM-DD HH:MM:SS: {given['交易时间'][:40]!r}", "line")
    return BankCredit(given["交易流水号"], given["收款账号"], amount, given["对方账号"], given["对方户名"], given["附言"], at)
