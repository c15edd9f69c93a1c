"""The return file of a bank for debits (代扣回盘文件): 商户流水号 (our number), 交易金额, 处理状态, 返回码, 处理日期, 银行流水号, in any order and
among others, and where the bank tells them 币种, 手续费 and 返回信息. See `bank_csv`.

处理状态 is 成功, 失败 or 处理中, or what banks write for these; 返回码 and 返回信息 say why a debit failed. Days are YYYY-MM-DD or YYYYMMDD. A last
line that begins with 合计 has the number of lines and, of those that succeeded, number and sum.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from yuefu.errors import Refused
from yuefu.money.amounts import Money, MoneyError
from yuefu.payments.gateways.bank_csv import BAD_LINE, Row, amount_of, rows_of
from yuefu.payments.rules import ChannelResult
from yuefu.payments.rules.asked import Settled

SUMMARY_DIFFERS = "summary_differs"  # the file says of itself what its lines do not say: ask the bank for it again

COLUMNS: Final = ("商户流水号", "交易金额", "处理状态", "返回码", "处理日期", "银行流水号")
_SUMMARY: Final = "合计"
_OUTCOMES: Final[Mapping[str, Settled]] = {
    "成功": "succeeded", "扣款成功": "succeeded", "交易成功": "succeeded", "S": "succeeded", "SUCCESS": "succeeded",
    "失败": "failed", "扣款失败": "failed", "交易失败": "failed", "F": "failed", "FAIL": "failed",
    "处理中": "unknown", "待处理": "unknown", "未知": "unknown", "P": "unknown", "PROCESSING": "unknown",
}  # fmt: skip
_CODES: Final = {
    "51": "insufficient_funds",
    "61": "day_limit_exceeded",
    "14": "account_closed",
    "42": "account_closed",
    "62": "account_frozen",
    "41": "account_frozen",
    "91": "system_error",
    "96": "system_error",
    "98": "system_error",
}
"""The codes that banks share (银联应答码), as our policy of retries knows them; another one stays the bank's own."""
_WORDS: Final = {"余额不足": "insufficient_funds", "销户": "account_closed", "解约": "mandate_ended", "协议不存在": "mandate_ended"}
_LONGEST: Final = 64


@dataclass(frozen=True, slots=True)
class DebitLine:
    """A line of the file: its number from 1 on, its text, and what it says or why that cannot be read."""

    no: int
    text: str
    result: ChannelResult | Refused


def read_debits(data: bytes) -> list[DebitLine] | Refused:
    """All lines of a file; Refused with bad_file where it is none. A summary that agrees with the lines is no line of its own."""
    rows = rows_of(data, COLUMNS)
    if isinstance(rows, Refused):
        return rows
    lines: list[DebitLine] = []
    for row in rows:
        if row.text.lstrip('\ufeff \t`"').startswith(_SUMMARY):
            if refused := _summary(row, lines):
                lines.append(DebitLine(row.no, row.text, refused))
            continue
        lines.append(DebitLine(row.no, row.text, row.cells if isinstance(row.cells, Refused) else _read(row.cells)))
    return lines


def _summary(row: Row, lines: Sequence[DebitLine]) -> Refused | None:
    told = [cell.strip().strip('\t`"') for cell in row.text.split(",")][1:4]
    done = [line.result.amount for line in lines if isinstance(line.result, ChannelResult) and line.result.outcome == "succeeded"]
    sums = sum(amount.minor for amount in done)
    ours = [str(len(lines)), str(len(done)), Money(sums, done[0].currency if done else "CNY").decimal_text()]
    if told == ours:
        return None
    return Refused(SUMMARY_DIFFERS, f"the file says {', '.join(told)[:80]} of itself, its lines say {', '.join(ours)}", "line")


def _read(given: Mapping[str, str]) -> ChannelResult | Refused:
    reference, outcome = given["商户流水号"], _OUTCOMES.get(given["处理状态"].upper())
    if not 0 < len(reference) <= _LONGEST:
        return Refused(BAD_LINE, f"商户流水号 has 1 to {_LONGEST} characters", "line")
    if outcome is None:
        return Refused(BAD_LINE, f"处理状态 is none of 成功, 失败, 处理中: {given['处理状态'][:40]!r}", "line")
    currency = given.get("币种", "")
    try:
        amount, fee = amount_of(given["交易金额"], currency), amount_of(given.get("手续费") or "0", currency)
    except MoneyError as error:
        return Refused(BAD_LINE, f"交易金额, 手续费 or 币种: {error}", "line")
    if amount.minor <= 0 or not 0 <= fee.minor <= amount.minor:
        return Refused(BAD_LINE, "交易金额 is above zero, and 手续费 not above it", "line")
    on = _day(given["处理日期"])
    if on is None and outcome == "succeeded":
        return Refused(BAD_LINE, f"处理日期 is not YYYY-MM-DD: {given['处理日期'][:40]!r}", "line")
    zero = Money.zero(amount.currency)
    if outcome == "succeeded":
        return ChannelResult(reference, outcome, amount, fee, given["银行流水号"], on)
    return ChannelResult(reference, outcome, amount, zero, given["银行流水号"], None, _why(given) if outcome == "failed" else "no_answer")


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _why(given: Mapping[str, str]) -> str:
    code, said = given["返回码"], given.get("返回信息", "")
    known = _CODES.get(code) or next((ours for word, ours in _WORDS.items() if word in said), None)
    return known or (f"bank_{code.lower()}"[:_LONGEST] if code else "bank_refused")
