"""Reads the bills of WeChat Pay, and the files of banks that use the same layout.

Layouts: the trade bill in its types ALL, SUCCESS and REFUND, with the present and both earlier sets of column names, and the fund-flow bill
with half- or full-width parentheses. Source: the public documentation of WeChat Pay API v2 and v3 (tradebill, fundflowbill). A file is
read line by line as a stream, its columns by header name; every value starts with a backtick, so that a value may hold a comma.
"""

import gzip
import io
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType
from typing import Protocol

from yuefu.money.amounts import Money
from yuefu.reconciliation.gateways.cells import AMOUNT_LIMIT, places_of, plain_text, read_count, read_minor, read_moment, read_total
from yuefu.reconciliation.gateways.streams import Source, text_lines
from yuefu.reconciliation.rules.bills import Bill, BillError, BillLine

_HEADER_LIMIT = 1 << 16
# Fees are printed with three more decimals than the currency has.
_FEE_SCALE = 1000

_COLUMN_NAMES = {
    "子商户号": "特约商户号",
    "总金额": "应结订单金额",
    "代金券或立减优惠金额": "代金券金额",
    "企业红包金额": "代金券金额",
    "代金券或立减优惠退款金额": "充值券退款金额",
    "企业红包退款金额": "充值券退款金额",
    "总交易额": "应结订单总金额",
    "总退款金额": "退款总金额",
    "总代金券或立减优惠退款金额": "充值券退款总金额",
    "总企业红包退款金额": "充值券退款总金额",
}
_TRADE_COLUMNS = ("交易时间", "商户号", "微信订单号", "商户订单号", "交易状态", "货币种类", "应结订单金额", "手续费")
_REFUND_COLUMNS = ("微信退款单号", "商户退款单号", "退款金额", "退款状态")
_REFUND_TIME_COLUMNS = ("退款申请时间", "退款成功时间")
_GLOBAL_COLUMNS = ("标价币种", "结算币种", "退款结算币种")
_FUND_COLUMNS = ("记账时间", "微信支付业务单号", "资金流水单号", "业务类型", "收支类型", "收支金额(元)", "账户结余(元)", "业务凭证号")
_FUND_KINDS = {
    "交易": "payment",
    "扣除交易手续费": "fee",
    "退款": "refund",
    "提现": "withdrawal",
    "渠道提现到账": "withdrawal",
    "代付": "payout",
    "代付退回": "payout_returned",
    "资金划入": "funding",
    "来账": "receipt",
    "客户资金划拨": "safeguarding",
    "客户资金退拨": "release",
}


def read_bill(data: bytes, *, currency: str = "CNY") -> Bill:
    """Read a whole WeChat Pay bill, plain or gzipped, in UTF-8 (with or without BOM) or GB18030, or raise BillError: nothing is half-read.

    Checked: every header, row, amount and time; one day, one account, `currency` only; the number of lines and each total the summary
    prints; in a fund flow the running balance. A bill without lines is a Bill with `on` None; the older interface's answer that there is
    none is BillError no_bill. The codes are named at BillError. Line numbers count from 1, the header's. A `currency` that does not exist
    is a MoneyError, the caller's mistake.
    """
    source = Source(data)
    try:
        return _read(io.BufferedReader(source, 1 << 16), source, currency)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise BillError("truncated", "The gzip file is cut short or damaged.") from error


def _read(stream: io.BufferedReader, source: Source, currency: str) -> Bill:
    encoding, names = _header(stream)
    header = _Header.of(names)
    rows: _Rows = _FundRows(header, currency) if header.is_fund_flow else _TradeRows(header, currency)
    lines = _body(text_lines(stream, encoding), header, rows)
    return Bill(
        layout=header.layout,
        account=rows.account,
        on=lines[0].occurred_on if lines else None,
        currency=currency,
        lines=tuple(lines),
        sha256=source.sha256(),
        totals=MappingProxyType(rows.totals()),
    )


def _header(stream: io.BufferedReader) -> tuple[str, list[str]]:
    """The encoding, decided by the header line alone (it is Chinese in every layout), and the column names.

    A file that changes its encoding on the way is broken; trying the other one for the whole file would hide where.
    """
    raw = stream.readline(_HEADER_LIMIT).removeprefix(b"\xef\xbb\xbf")
    if not raw.strip():
        raise BillError("truncated", "The file is empty or does not begin with a header.", 1)
    if raw.lstrip().startswith(b"<"):
        raise _answer_instead(raw + stream.read(_HEADER_LIMIT))
    for encoding in ("utf-8", "gb18030"):
        try:
            cells = _cells_of_header(raw.decode(encoding).rstrip("\r\n"))
        except UnicodeDecodeError:
            continue
        # Broken UTF-8 often decodes as GB18030, to characters nobody wrote: only a known column shows that it is.
        if encoding == "utf-8" or any(_COLUMN_NAMES.get(cell, cell) in (*_TRADE_COLUMNS, *_FUND_COLUMNS) for cell in cells):
            return encoding, cells
    raise BillError("bad_encoding", "The header is neither UTF-8 nor GB18030.", 1)


def _answer_instead(xml: bytes) -> BillError:
    if b"<error_code><![CDATA[20002]]>" in xml or b"<error_code>20002<" in xml or b"No Bill Exist" in xml:
        return BillError("no_bill", "The channel answered that there is no bill for this day (20002 No Bill Exist).")
    return BillError("unknown_layout", "The file is an XML answer of the channel, not a bill.", 1)


def _cells_of_header(line: str) -> list[str]:
    cells = (cell.strip().removeprefix("`").replace("（", "(").replace("）", ")") for cell in line.split(","))
    return list(cells)


@dataclass(frozen=True, slots=True)
class _Header:
    """A header that is known: what layout it is and where each column stands, by its present-day name."""

    layout: str
    is_fund_flow: bool
    width: int
    at: Mapping[str, int]

    @classmethod
    def of(cls, names: Sequence[str]) -> "_Header":
        at = {_COLUMN_NAMES.get(name, name): index for index, name in enumerate(names)}
        if len(at) != len(names):
            raise BillError("unknown_layout", "The header names a column twice.", 1)
        is_fund_flow = "资金流水单号" in at or "记账时间" in at
        _require_columns(at, _FUND_COLUMNS if is_fund_flow else _trade_columns(at))
        layout = "wechat.fundflow.BASIC" if is_fund_flow else "wechat.trade." + _trade_layout(names)
        return cls(layout, is_fund_flow, len(names), at)


def _trade_columns(at: Mapping[str, int]) -> tuple[str, ...]:
    has_refunds = any(name in at for name in (*_REFUND_COLUMNS, *_REFUND_TIME_COLUMNS))
    return _TRADE_COLUMNS + (_REFUND_COLUMNS if has_refunds else ())


def _require_columns(at: Mapping[str, int], required: Sequence[str]) -> None:
    missing = [name for name in required if name not in at]
    if not missing:
        return
    listed = ", ".join(missing)
    if any(name in at for name in _GLOBAL_COLUMNS):
        raise BillError(
            "unknown_layout", f"This is a statement of the global (cross-border) layout, which is not read; it lacks {listed}.", 1
        )
    if 2 * len(missing) > len(required):
        raise BillError("unknown_layout", f"The header is not that of a known bill; it lacks {listed}.", 1)
    raise BillError("missing_column", f"The header lacks {listed}.", 1)


def _trade_layout(names: Sequence[str]) -> str:
    if any(name in names for name in _REFUND_TIME_COLUMNS):
        kind = "REFUND"
    else:
        kind = "ALL" if "微信退款单号" in names else "SUCCESS"
    if "企业红包金额" in names:
        return kind + ".older"
    return kind + ".legacy" if "总金额" in names else kind


class _Rows(Protocol):
    """The rows of one layout: reads each and keeps the sums the summary is checked against."""

    summary: Mapping[str, str]
    account: str

    def read(self, line_no: int, values: Sequence[str]) -> BillLine: ...

    def totals(self) -> dict[str, int]: ...

    def check(self, name: str, printed: str, line_no: int) -> None: ...


def _body(lines: Iterator[tuple[int, str]], header: _Header, rows: _Rows) -> list[BillLine]:
    """All rows up to the summary, which must be there, agree with them and be the end of the file."""
    read: list[BillLine] = []
    first_on: date | None = None
    width = header.width
    for line_no, text in lines:
        if text[0] != "`" and _is_summary_header(text, rows):
            _check_summary(lines, _cells_of_header(text), rows)
            return read
        values = _values(text)
        if len(values) != width or text[0] != "`":
            raise BillError("row_width", f"Line {line_no} has {len(values)} values, the header has {width}.", line_no)
        line = rows.read(line_no, values)
        first_on = first_on or line.occurred_on
        if line.occurred_on != first_on:
            raise BillError("several_days", f"Line {line_no} is of {line.occurred_on}, the bill of {first_on}.", line_no)
        read.append(line)
    raise BillError("summary_missing", f"The file ends without its summary, after {len(read)} lines.")


def _values(text: str) -> list[str]:
    # The separator is the comma with the backtick of the next value: a name of goods holds commas and backticks of its own.
    return text.removeprefix("`").split(",`")


def _is_summary_header(text: str, rows: _Rows) -> bool:
    return any(name in rows.summary for name in _summary_names(_cells_of_header(text)))


def _summary_names(cells: Sequence[str]) -> list[str]:
    return [_COLUMN_NAMES.get(cell, cell) for cell in cells]


def _check_summary(lines: Iterator[tuple[int, str]], cells: Sequence[str], rows: _Rows) -> None:
    names = _summary_names(cells)
    missing = [name for name, needed in rows.summary.items() if needed and name not in names]
    if missing:
        raise BillError("summary_missing", f"The summary lacks {', '.join(missing)}.")
    line_no, text = next(lines, (0, ""))
    if not text:
        raise BillError("summary_missing", "The file ends after the header of its summary.")
    values = _values(text)
    if len(values) != len(names):
        raise BillError("row_width", f"Line {line_no} has {len(values)} values, the summary's header has {len(names)}.", line_no)
    for name, printed in zip(names, values, strict=True):
        if name in rows.summary:
            rows.check(name, printed.strip(), line_no)
    after = next(lines, None)
    if after:
        raise BillError("after_summary", f"The file goes on after its summary, in line {after[0]}.", after[0])


class _TradeRows:
    """Rows of a trade bill. The summary counts a refund still in process, so the sums do too."""

    # The printed name of a total, and the total's own name where every layout must print it.
    summary: Mapping[str, str] = {
        "总交易单数": "lines",
        "应结订单总金额": "payments",
        "退款总金额": "refunds",
        "手续费总金额": "fees",
        "充值券退款总金额": "",
        "订单总金额": "",
        "申请退款总金额": "",
    }
    _sums: Mapping[str, tuple[str, str]] = {
        "应结订单总金额": ("应结订单金额", "payments"),
        "退款总金额": ("退款金额", "refunds"),
        "充值券退款总金额": ("充值券退款金额", "coupon_refunds"),
        "订单总金额": ("订单金额", "orders"),
        "申请退款总金额": ("申请退款金额", "refunds_requested"),
    }

    def __init__(self, header: _Header, currency: str) -> None:
        at = header.at
        self.account = ""
        self._at = at
        self._currency = currency
        self._places = places_of(currency)
        self._time, self._merchant, self._money_kind = at["交易时间"], at["商户号"], at["货币种类"]
        self._payment = (at["商户订单号"], at["微信订单号"], at["应结订单金额"])
        self._refund = (at["商户退款单号"], at["微信退款单号"], at["退款金额"]) if "微信退款单号" in at else None
        self._trade_status, self._refund_status = at["交易状态"], at.get("退款状态", 0)
        self._fee = at["手续费"]
        self._summed = [(name, at[column]) for column, name in self._sums.values() if column in at]
        self._totals = dict.fromkeys(("lines", *(name for _, name in self._sums.values()), "fees"), 0)
        self._printed_fees = 0

    def read(self, line_no: int, values: Sequence[str]) -> BillLine:
        self._require_one_account(line_no, values)
        totals = self._totals
        for name, column in self._summed:
            totals[name] += read_minor(values[column], self._places, line_no)
        fee = self._fee_of(values[self._fee], line_no)
        occurred_at = read_moment(values[self._time], line_no)
        kind, status, (reference, number, column) = self._kind(line_no, values)
        minor = read_minor(values[column], self._places, line_no)
        if minor < 0:
            raise BillError("bad_amount", f"Line {line_no} has a negative amount, {values[column]}; its kind gives it the sign.", line_no)
        totals["lines"] += 1
        return BillLine(
            line_no=line_no,
            kind=kind,
            reference=values[reference].strip(),
            provider_id=values[number].strip(),
            business_id="",
            occurred_at=occurred_at,
            occurred_on=occurred_at.date(),
            amount=Money(minor if kind == "payment" else -minor, self._currency),
            fee=Money(fee, self._currency),
            status=status,
            balance=None,
        )

    def _require_one_account(self, line_no: int, values: Sequence[str]) -> None:
        merchant, currency = values[self._merchant].strip(), values[self._money_kind].strip()
        if merchant != self.account:
            if self._totals["lines"]:
                raise BillError("several_accounts", f"Line {line_no} is of merchant {merchant}, the bill of {self.account}.", line_no)
            self.account = merchant
        if currency != self._currency:
            raise BillError("other_currency", f"Line {line_no} is in {currency}, the bill is read in {self._currency}.", line_no)

    def _kind(self, line_no: int, values: Sequence[str]) -> tuple[str, str, tuple[int, int, int]]:
        """The kind, the status, and where reference, number and amount stand; a refund says so or carries a refund number."""
        trade_status = values[self._trade_status].strip()
        if self._refund is None:
            if trade_status == "REFUND":
                raise BillError("missing_column", f"Line {line_no} is a refund, the header has no columns for refunds.", line_no)
            return "payment", trade_status, self._payment
        if trade_status != "REFUND" and values[self._refund[1]].strip() in ("", "0"):
            return "payment", trade_status, self._payment
        return "refund", values[self._refund_status].strip() or trade_status, self._refund

    def _fee_of(self, text: str, line_no: int) -> int:
        """The fee in minor units, half a unit rounded away from zero; its printed value goes into the total the summary is held against."""
        printed = read_minor(text, self._places + 3, line_no, AMOUNT_LIMIT * _FEE_SCALE)
        whole = (abs(printed) + _FEE_SCALE // 2) // _FEE_SCALE
        fee = whole if printed >= 0 else -whole
        self._printed_fees += printed
        self._totals["fees"] += fee
        return fee

    def totals(self) -> dict[str, int]:
        return dict(self._totals)

    def check(self, name: str, printed: str, line_no: int) -> None:
        if name == "总交易单数":
            _agree(name, printed, read_count(printed, line_no), self._totals["lines"], 0, line_no)
        elif name == "手续费总金额":
            places = self._places + 3
            _agree(name, printed, read_total(printed, places, line_no), self._printed_fees, places, line_no)
        else:
            column, total = self._sums[name]
            value = read_total(printed, self._places, line_no)
            if column not in self._at and value:
                raise BillError("missing_column", f"The summary prints {name} {printed}, the header lacks {column}.", line_no)
            _agree(name, printed, value, self._totals[total], self._places, line_no)


class _FundRows:
    """Rows of a fund flow: each balance is the one before it and the line's amount."""

    summary: Mapping[str, str] = {
        "资金流水总笔数": "lines",
        "收入笔数": "income_lines",
        "收入金额": "income",
        "支出笔数": "expense_lines",
        "支出金额": "expense",
    }

    def __init__(self, header: _Header, currency: str) -> None:
        at = header.at
        self.account = ""
        self._currency = currency
        self._places = places_of(currency)
        self._nothing = Money(0, currency)
        self._time, self._type, self._direction = at["记账时间"], at["业务类型"], at["收支类型"]
        self._amount, self._balance = at["收支金额(元)"], at["账户结余(元)"]
        self._business, self._flow, self._reference = at["微信支付业务单号"], at["资金流水单号"], at["业务凭证号"]
        self._totals = dict.fromkeys(self.summary.values(), 0)
        self._last: int | None = None

    def read(self, line_no: int, values: Sequence[str]) -> BillLine:
        occurred_at = read_moment(values[self._time], line_no)
        minor = self._signed(line_no, values)
        balance = read_minor(values[self._balance], self._places, line_no)
        if self._last is not None and self._last + minor != balance:
            computed = plain_text(self._last + minor, self._places)
            raise BillError("balance_break", f"Line {line_no} prints the balance {values[self._balance]}, computed is {computed}.", line_no)
        self._last = balance
        return BillLine(
            line_no=line_no,
            kind=_FUND_KINDS.get(values[self._type].strip(), "other"),
            reference=values[self._reference].strip(),
            provider_id=values[self._flow].strip(),
            business_id=values[self._business].strip(),
            occurred_at=occurred_at,
            occurred_on=occurred_at.date(),
            amount=Money(minor, self._currency),
            fee=self._nothing,
            status="",
            balance=Money(balance, self._currency),
        )

    def _signed(self, line_no: int, values: Sequence[str]) -> int:
        direction = values[self._direction].strip()
        minor = read_minor(values[self._amount], self._places, line_no)
        if minor < 0:
            raise BillError(
                "bad_amount", f"Line {line_no} has a negative amount, {values[self._amount]}; 收支类型 gives it the sign.", line_no
            )
        if direction not in ("收入", "支出"):
            raise BillError("bad_amount", f"Line {line_no} is neither 收入 nor 支出 but '{direction}'.", line_no)
        name = "income" if direction == "收入" else "expense"
        self._totals["lines"] += 1
        self._totals[name + "_lines"] += 1
        self._totals[name] += minor
        return minor if direction == "收入" else -minor

    def totals(self) -> dict[str, int]:
        return dict(self._totals)

    def check(self, name: str, printed: str, line_no: int) -> None:
        computed = self._totals[self.summary[name]]
        if name.endswith("笔数"):
            _agree(name, printed, read_count(printed, line_no), computed, 0, line_no)
        else:
            _agree(name, printed, read_total(printed, self._places, line_no), computed, self._places, line_no)


def _agree(name: str, printed: str, value: int, computed: int, places: int, line_no: int) -> None:
    if value != computed:
        detail = f"The summary prints {name} {printed}, the lines add up to {plain_text(computed, places)}."
        raise BillError("summary_mismatch", detail, line_no)
