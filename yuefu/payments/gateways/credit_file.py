"""The file of a bank with what came into our accounts (账户明细): 交易时间, 交易流水号, 收款账号, 对方账号, 对方户名, 币种, 收入金额, 附言, in any order and
among others. With 支出金额 lines of what went out may stand between. Times are YYYY-MM-DD HH:MM:SS; see `bank_csv`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from yuefu.errors import Refused
from yuefu.money.amounts import MoneyError
from yuefu.payments.gateways.bank_csv import BAD_LINE, amount_of, rows_of
from yuefu.payments.rules import BankCredit

WENT_OUT = "went_out"  # a line of money that went out, which is looked at by reconciliation

COLUMNS: Final = ("交易时间", "交易流水号", "收款账号", "对方账号", "对方户名", "币种", "收入金额", "附言")
_OUT: Final = "支出金额"


@dataclass(frozen=True, slots=True)
class CreditLine:
    """A line of the file, by its number from 1 on, and what it says or why that cannot be read."""

    no: int
    credit: BankCredit | Refused


def read_credits(data: bytes) -> list[CreditLine] | Refused:
    """All lines of a file; Refused with bad_file where it is none. Empty lines are left out."""
    rows = rows_of(data, COLUMNS)
    if isinstance(rows, Refused):
        return rows
    return [CreditLine(row.no, row.cells if isinstance(row.cells, Refused) else _read(row.cells)) for row in rows]


def _read(given: Mapping[str, str]) -> BankCredit | Refused:
    if not given["收入金额"] and given.get(_OUT):
        return Refused(WENT_OUT, "money that went out", "line")
    try:
        amount = amount_of(given["收入金额"], given["币种"])
    except MoneyError as error:
        return Refused(BAD_LINE, f"收入金额 or 币种: {error}", "line")
    try:
        at = datetime.strptime(given["交易时间"], "%Y-%m-%d %H:%M:%S")  # noqa: DTZ007 - the bank's local time has no zone
    except ValueError:
        return Refused(BAD_LINE, f"交易时间 is not YYYY-MM-DD HH:MM:SS: {given['交易时间'][:40]!r}", "line")
    return BankCredit(given["交易流水号"], given["收款账号"], amount, given["对方账号"], given["对方户名"], given["附言"], at)
