"""The rows of WeChat Pay's bills: each read to a line, and the sums that the summary is checked against."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from yuefu.money.amounts import Money
from yuefu.reconciliation.gateways.cells import (
    FEE_PLACES,
    agree,
    places_of,
    places_of_stated,
    plain_text,
    read_count,
    read_fee,
    read_minor,
    read_moment,
    read_total,
)
from yuefu.reconciliation.gateways.wechat_columns import Header
from yuefu.reconciliation.rules.bills import BillError, BillLine

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


class Rows(Protocol):
    """The rows of one layout: reads each and keeps the sums the summary is checked against."""

    summary: Mapping[str, str]
    strict: bool  # the names of all totals are documented
    account: str
    currency: str | None

    def read(self, line_no: int, values: Sequence[str]) -> BillLine: ...

    def totals(self) -> dict[str, int]: ...

    def check(self, name: str, printed: str, line_no: int) -> None: ...


class TradeRows:
    """Rows of a trade bill. The summary counts a refund still in process, so the sums do too."""

    strict = True
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

    # The columns of what a payment is in, what a refund is in, and how much of it went back.
    _money_names = ("货币种类", "货币种类", "退款金额")

    def __init__(self, header: Header, currency: str | None) -> None:
        at = header.at
        payment_money, refund_money, refunded = self._money_names
        self.account = ""
        self.currency = currency
        self._at = at
        self._places = places_of(currency or "CNY")  # of a bill without lines, which states none
        self._time, self._merchant, self._payment_money = at["交易时间"], at["商户号"], at[payment_money]
        self._payment = (at["商户订单号"], at["微信订单号"], at["应结订单金额"])
        self._refund = (at["商户退款单号"], at["微信退款单号"], at[refunded]) if "微信退款单号" in at else None
        self._refund_money = at.get(refund_money, self._payment_money)
        self._trade_status, self._refund_status = at["交易状态"], at.get("退款状态", 0)
        self._fee = at["手续费"]
        self._summed = [(name, at[column]) for column, name in self._sums.values() if column in at]
        self._totals = dict.fromkeys(("lines", *(name for _, name in self._sums.values()), "fees"), 0)
        self._printed_fees = 0

    def read(self, line_no: int, values: Sequence[str]) -> BillLine:
        kind, status, (reference, number, column) = self._kind(line_no, values)
        currency = self._require_one_account(line_no, values, self._payment_money if kind == "payment" else self._refund_money)
        totals = self._totals
        for name, summed in self._summed:
            totals[name] += self._summand(values[summed], line_no)
        fee = self._fee_of(values[self._fee], line_no)
        occurred_at = read_moment(values[self._time], line_no)
        minor = read_minor(values[column], self._places, line_no)
        if minor < 0:
            raise BillError("bad_amount", f"Line {line_no} has a negative amount, {values[column]}; its kind gives it the sign.", line_no)
        self._require_one_kind(line_no, values, kind)
        totals["lines"] += 1
        return BillLine(
            line_no=line_no,
            kind=kind,
            reference=values[reference].strip(),
            provider_id=values[number].strip(),
            business_id="",
            occurred_at=occurred_at,
            occurred_on=occurred_at.date(),
            amount=Money(minor if kind == "payment" else -minor, currency),
            fee=Money(fee, currency),
            status=status,
            balance=None,
        )

    def _summand(self, text: str, line_no: int) -> int:
        return read_minor(text, self._places, line_no)

    def _require_one_kind(self, line_no: int, values: Sequence[str], kind: str) -> None:
        """What a line is not has no amount in it: the totals count the amounts of both columns."""
        if self._refund is not None:
            other = values[self._refund[2] if kind == "payment" else self._payment[2]]
            if other != "0.00" and self._summand(other, line_no):
                raise BillError("bad_amount", f"Line {line_no} is a {kind} and has the amount of the other kind too, {other}.", line_no)

    def _require_one_account(self, line_no: int, values: Sequence[str], money: int) -> str:
        """The currency of the line, which is that of all of them, as its merchant is."""
        merchant, currency = values[self._merchant].strip(), values[money].strip()
        if merchant != self.account:
            if self._totals["lines"]:
                raise BillError("several_accounts", f"Line {line_no} is of merchant {merchant}, the bill of {self.account}.", line_no)
            self.account = merchant
        if self.currency is None:
            self.currency, self._places = currency, places_of_stated(currency, line_no)
        if currency != self.currency:
            raise BillError("other_currency", f"Line {line_no} is in {currency[:40]}, the bill is read in {self.currency}.", line_no)
        return currency

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
        """The fee in minor units; its printed value goes into the total the summary is held against."""
        fee, printed = read_fee(text, self._places, line_no)
        self._printed_fees += printed
        self._totals["fees"] += fee
        return fee

    def totals(self) -> dict[str, int]:
        return dict(self._totals)

    def check(self, name: str, printed: str, line_no: int) -> None:
        if name == "总交易单数":
            agree(name, printed, read_count(printed, line_no), self._totals["lines"], 0, line_no)
        elif name == "手续费总金额":
            places = self._places + FEE_PLACES
            agree(name, printed, read_total(printed, places, line_no), self._printed_fees, places, line_no)
        else:
            column, total = self._sums[name]
            value = read_total(printed, self._places, line_no)
            if column not in self._at and value:
                raise BillError("missing_column", f"The summary prints {name} {printed}, the header lacks {column}.", line_no)
            agree(name, printed, value, self._totals[total], self._places, line_no)


class GlobalRows(TradeRows):
    """Rows of the statement of merchants outside of the mainland. Only what is settled is added up: prices and payments are in currencies of their own."""

    strict = False
    summary: Mapping[str, str] = {
        "总交易单数": "lines",
        "应结订单总金额": "payments",
        "手续费总金额": "fees",
        "退款总金额": "",
        "退款应结订单总金额": "",
    }
    _sums: Mapping[str, tuple[str, str]] = {
        "应结订单总金额": ("应结订单金额", "payments"),
        "退款总金额": ("退款应结订单金额", "refunds"),
        "退款应结订单总金额": ("退款应结订单金额", "refunds"),
    }
    _money_names = ("结算币种", "退款结算币种", "退款应结订单金额")

    def __init__(self, header: Header, currency: str | None) -> None:
        super().__init__(header, currency)
        self._summed = [("payments", header.at["应结订单金额"]), ("refunds", header.at["退款应结订单金额"])]

    def _summand(self, text: str, line_no: int) -> int:
        # A payment leaves the amount of a refund empty, and the other way round.
        return read_minor(text, self._places, line_no) if text.strip() else 0


class FundRows:
    """Rows of a fund flow: each balance is the one before it and the line's amount."""

    strict = True
    summary: Mapping[str, str] = {
        "资金流水总笔数": "lines",
        "收入笔数": "income_lines",
        "收入金额": "income",
        "支出笔数": "expense_lines",
        "支出金额": "expense",
    }

    def __init__(self, header: Header, currency: str) -> None:
        at = header.at
        self.account = ""
        self.currency: str | None = currency
        self._money = currency
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
            amount=Money(minor, self._money),
            fee=self._nothing,
            status="",
            balance=Money(balance, self._money),
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
            agree(name, printed, read_count(printed, line_no), computed, 0, line_no)
        else:
            agree(name, printed, read_total(printed, self._places, line_no), computed, self._places, line_no)
