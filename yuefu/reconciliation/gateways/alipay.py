"""Reads Alipay's bills: the detail of trades 业务明细, their summary 业务汇总, and the detail of the account 账务明细.

Source: public documentation of the bill download (bill_type trade and signcustomer) and fixtures of public SDKs. Above the header stand
a title, the account and the period, below the rows the totals; these lines begin with `#` in most exports. Columns are read by name, and
what a row is is said by 业务类型: refunds are negative in some exports and positive in others.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from types import MappingProxyType

from yuefu.reconciliation.gateways.alipay_rows import AccountRows, Rows, SummaryRows, TradeRows
from yuefu.reconciliation.gateways.streams import Source
from yuefu.reconciliation.gateways.tables import Found, is_blank, require_width, rows_below
from yuefu.reconciliation.rules.bills import Bill, BillError, BillLine

KNOWN = frozenset(
    (*TradeRows.required, *AccountRows.required, *SummaryRows.required, "退款批次号/请求号", "对方账户", "门店编号", "门店名称")
)

_ACCOUNT = re.compile(r"账号\s*[：:]\s*\[?([0-9A-Za-z@._*-]+)\]?")
_PERIOD = re.compile(r"(起始|终止)日期\s*[：:]\s*\[?(\d{4})年(\d{2})月(\d{2})日\s*(\d{2}:\d{2}:\d{2})?")
_NOTES = ("导出时间", "列表结束")


@dataclass(frozen=True, slots=True)
class _Period:
    """The days, first and last, that a bill says to be of; None where it does not say."""

    first: date | None
    last: date | None

    def require(self, on: date, line_no: int) -> None:
        if self.first and self.last and not self.first <= on <= self.last:
            raise BillError("several_days", f"Line {line_no} is of {on}, the bill of {self.first} to {self.last}.", line_no)


def read_source(source: Source, currency: str | None, found: Found) -> list[Bill]:
    """One bill; checked are each row, the period, the totals below the rows, and in an account its running balance."""
    preface = "\n".join(found.preface)
    account, period = _ACCOUNT.search(preface), _period(preface)
    money = currency or "CNY"
    rows: Rows = _rows_of(found)(found, money)
    lines = _body(source, found, rows, period)
    days = [line.occurred_on for line in lines]
    first, last = period.first or min(days, default=None), period.last or max(days, default=None)
    return [
        Bill(
            layout=rows.layout,
            account=account[1] if account else "",
            on=last,
            currency=money,
            lines=tuple(lines),
            sha256=source.sha256(),
            totals=MappingProxyType(dict(rows.totals)),
            since=first if first != last else None,
        )
    ]


def _rows_of(found: Found) -> type[Rows]:
    """The layout that most of the required columns are of."""
    names = set(found.names)
    layouts: tuple[type[Rows], ...] = (TradeRows, AccountRows, SummaryRows)
    return max(layouts, key=lambda rows: len(names & set(rows.required)) / len(rows.required))


def _period(preface: str) -> _Period:
    days: dict[str, date] = {}
    for which, year, month, day, at in _PERIOD.findall(preface):
        try:
            moment = datetime.combine(date(int(year), int(month), int(day)), time.fromisoformat(at or "00:00:00"))
        except ValueError as error:
            raise BillError("bad_time", f"The bill is of a day that is not in the calendar: {year}-{month}-{day} {at}.") from error
        # The end of a day is written as midnight of the next, or as its last second.
        ends_before = which == "终止" and moment.time() == time.min and "起始" in days and moment.date() > days["起始"]
        days[which] = moment.date() - timedelta(days=1) if ends_before else moment.date()
    return _Period(days.get("起始"), days.get("终止"))


def _body(source: Source, found: Found, rows: Rows, period: _Period) -> list[BillLine]:
    """All rows up to the totals, which must all be there and agree; below them stand remarks only."""
    read: list[BillLine] = []
    ended = False
    for line_no, values in rows_below(source, found):
        text = ",".join(values).strip().lstrip("#").strip("- \t")
        name = next((name for name in rows.footers if text.startswith(name)), "")
        if name:
            rows.check(name, text, line_no)
            ended = True
        elif "列表结束" in text[:60] and len(values) < len(found.names):
            ended = rows.ended = True
        elif values[0].startswith("#") or text.startswith(_NOTES) or is_blank(values):
            continue
        elif ended:
            raise BillError("after_summary", f"The file goes on after its end, in line {line_no}.", line_no)
        else:
            _take(read, rows, line_no, values, len(found.names), period)
    missing = rows.missing()
    if missing:
        raise BillError("summary_missing", f"The file ends without {', '.join(missing)}, after {len(read)} lines: fetch it again.")
    rows.finish()
    return read


def _take(read: list[BillLine], rows: Rows, line_no: int, values: Sequence[str], width: int, period: _Period) -> None:
    require_width(values, width, line_no)
    line = rows.read(line_no, [value.strip() for value in values])
    if line is not None:
        period.require(line.occurred_on, line_no)
        read.append(line)
