"""The rows of Alipay's bills: each read to a line, and the sums that the totals below them are checked against."""

import re
from collections.abc import Mapping, Sequence
from typing import ClassVar

from yuefu.money.amounts import Money
from yuefu.reconciliation.gateways.cells import agree, places_of, plain_text, read_count, read_fee, read_minor, read_moment, read_total
from yuefu.reconciliation.gateways.tables import Found, places_of_columns
from yuefu.reconciliation.rules.bills import UNEXPLAINED, BillError, BillLine

_RENAMED = {"商户实收": "商家实收", "商户优惠": "商家优惠"}
_GIVEN = ("商家优惠", "券核销金额", "商家红包消费金额", "卡消费金额")
_COUNT = re.compile(r"([0-9][0-9.]*)\s*笔")
_SUM = re.compile(r"([^，,：:]*)共\s*([^元，,]*)元")
_KINDS = {
    "在线支付": "payment",
    "交易付款": "payment",
    "收费": "fee",
    "服务费": "fee",
    "退费": "fee",
    "交易退款": "refund",
    "退款": "refund",
    "提现": "withdrawal",
    "充值": "funding",
    "交易分账": "share",
}


class Rows:
    """The rows of one layout: its columns, those that are needed and those that are not; `footers` names the totals that must stand below."""

    layout: ClassVar[str]
    required: ClassVar[tuple[str, ...]]
    others: ClassVar[tuple[str, ...]]
    footers: ClassVar[tuple[str, ...]]

    def __init__(self, found: Found, currency: str) -> None:
        usual = (*self.required, *self.others)
        if "交易门店" in found.names:
            # The old layout has one column for number and name of the shop, and none for some others.
            usual = (*(name for name in usual if name in found.names), "交易门店")
        self.at = places_of_columns(found, _RENAMED, self.required, usual)
        self.currency = currency
        self.places = places_of(currency)
        self.totals: dict[str, int] = {"lines": 0}
        self.ended = False
        self._seen: set[str] = set()

    def read(self, line_no: int, values: Sequence[str]) -> BillLine | None:
        raise NotImplementedError

    def check(self, name: str, text: str, line_no: int) -> None:
        """The total `name`, printed as `text`: "交易合计：2笔，商家实收共1229.90元"."""
        if name in self._seen:
            raise BillError("after_summary", f"Line {line_no} prints {name} a second time.", line_no)
        self._seen.add(name)
        count, sums = _COUNT.search(text), _SUM.findall(text)
        if count is None or not sums:
            raise BillError("summary_missing", f"Line {line_no} prints {name} without a number of lines or a sum.", line_no)
        agree(name, count[1], read_count(count[1], line_no), self._counted(name), 0, line_no)
        for label, printed in sums:
            total = self._summed(name, label.strip())
            if total is not None:
                value = abs(read_total(printed.strip(), self.places, line_no))
                agree(f"{name} {label.strip()}", printed, value, total, self.places, line_no)

    def missing(self) -> list[str]:
        return [name for name in self.footers if name not in self._seen]

    def finish(self) -> None:
        """What can be said only after the last row."""

    def _counted(self, name: str) -> int:
        raise NotImplementedError

    def _summed(self, name: str, label: str) -> int | None:
        raise NotImplementedError

    def _minor(self, values: Sequence[str], column: str, line_no: int) -> int:
        """The amount in a column, 0 where the layout has not got it or the row leaves it empty."""
        place = self.at.get(column)
        text = "" if place is None else values[place]
        return read_minor(text, self.places, line_no) if text or column in self.required else 0


class TradeRows(Rows):
    """Trades and refunds. What came in is 商家实收: the price without what the shop itself gave."""

    layout = "alipay.trade"
    required = ("支付宝交易号", "商户订单号", "业务类型", "完成时间", "订单金额", "商家实收", "服务费")
    others = (
        *("商品名称", "创建时间", "门店编号", "门店名称", "操作员", "终端号", "对方账户", "支付宝红包", "集分宝", "支付宝优惠", "商家优惠"),
        *("券核销金额", "券名称", "商家红包消费金额", "卡消费金额", "退款批次号/请求号", "分润", "备注"),
    )
    footers = ("交易合计", "退款合计")

    def __init__(self, found: Found, currency: str) -> None:
        super().__init__(found, currency)
        names = ("payments", "refunds", "orders", "fees", "shares", "payment_lines", "refund_lines", "discounts", "discount_refunds")
        self.totals |= dict.fromkeys(names, 0)

    def read(self, line_no: int, values: Sequence[str]) -> BillLine:
        at = self.at
        kind = self._kind(line_no, values[at["业务类型"]])
        sign = 1 if kind == "payment" else -1
        received, ordered, given = (self._size(values, name, line_no, kind) for name in ("商家实收", "订单金额", "商家优惠"))
        self._count_unexplained(values, line_no, ordered, received)
        fee = sign * abs(read_fee(values[at["服务费"]], self.places, line_no)[0])
        share = sign * abs(self._minor(values, "分润", line_no))
        for name, value in (
            (f"{kind}s", received),
            ("orders", sign * ordered),
            ("fees", fee),
            ("shares", share),
            (f"{kind}_lines", 1),
            ("lines", 1),
        ):
            self.totals[name] += value
        self.totals["discounts" if kind == "payment" else "discount_refunds"] += given
        occurred_at = read_moment(values[at["完成时间"]], line_no)
        trade, order, request = values[at["支付宝交易号"]], values[at["商户订单号"]], self._request(values)
        return BillLine(
            line_no=line_no,
            kind=kind,
            reference=order if kind == "payment" else request or order,
            provider_id=trade if kind == "payment" else f"{trade}/{request}",
            business_id=trade,
            occurred_at=occurred_at,
            occurred_on=occurred_at.date(),
            amount=Money(sign * received, self.currency),
            fee=Money(fee, self.currency),
            status="",
            balance=None,
        )

    def _kind(self, line_no: int, printed: str) -> str:
        if printed.startswith("退款"):
            return "refund"
        if printed != "交易":
            raise BillError("unknown_kind", f"Line {line_no} is neither 交易 nor 退款 but '{printed[:40]}'.", line_no)
        return "payment"

    def _size(self, values: Sequence[str], column: str, line_no: int, kind: str) -> int:
        minor = self._minor(values, column, line_no)
        if minor < 0 and kind == "payment":
            raise BillError("bad_amount", f"Line {line_no} is a trade with a negative {column}, {plain_text(minor, self.places)}.", line_no)
        return abs(minor)

    def _count_unexplained(self, values: Sequence[str], line_no: int, ordered: int, received: int) -> None:
        """What was ordered and not received is no more than what the shop gave; what Alipay gave was received. Which of its columns count is not
        documented for every shop, so that a row that says otherwise is told and not refused.
        """
        if any(name not in self.at for name in _GIVEN):
            return
        gap, most = ordered - received, sum(abs(self._minor(values, name, line_no)) for name in _GIVEN)
        if not 0 <= gap <= most:
            self.totals[UNEXPLAINED] = self.totals.get(UNEXPLAINED, 0) + (-gap if gap < 0 else gap - most)

    def _request(self, values: Sequence[str]) -> str:
        place = self.at.get("退款批次号/请求号")
        return "" if place is None else values[place]

    def _counted(self, name: str) -> int:
        return self.totals["payment_lines" if name == "交易合计" else "refund_lines"]

    def _summed(self, name: str, label: str) -> int | None:
        paid = name == "交易合计"
        if "实收" in label:
            return self.totals["payments" if paid else "refunds"]
        if "优惠" in label and "支付宝" not in label:
            return self.totals["discounts" if paid else "discount_refunds"]
        return None


class AccountRows(Rows):
    """What moved an account: each balance is the one before it and the line's amount."""

    layout = "alipay.account"
    required = ("账务流水号", "业务流水号", "商户订单号", "发生时间", "收入金额", "支出金额", "账户余额", "业务类型")
    others = ("商品名称", "对方账号", "交易渠道", "备注")
    footers = ("支出合计", "收入合计")

    def __init__(self, found: Found, currency: str) -> None:
        super().__init__(found, currency)
        self.totals |= dict.fromkeys(("income_lines", "income", "expense_lines", "expense"), 0)
        self._last: int | None = None

    def read(self, line_no: int, values: Sequence[str]) -> BillLine:
        at = self.at
        minor = self._signed(line_no, values)
        balance = self._minor(values, "账户余额", line_no)
        if self._last is not None and self._last + minor != balance:
            printed, computed = plain_text(balance, self.places), plain_text(self._last + minor, self.places)
            raise BillError("balance_break", f"Line {line_no} prints the balance {printed}, computed is {computed}.", line_no)
        self._last = balance
        occurred_at = read_moment(values[at["发生时间"]], line_no)
        return BillLine(
            line_no=line_no,
            kind=_KINDS.get(values[at["业务类型"]], "other"),
            reference=values[at["商户订单号"]],
            provider_id=values[at["账务流水号"]],
            business_id=values[at["业务流水号"]],
            occurred_at=occurred_at,
            occurred_on=occurred_at.date(),
            amount=Money(minor, self.currency),
            fee=Money(0, self.currency),
            status="",
            balance=Money(balance, self.currency),
        )

    def _signed(self, line_no: int, values: Sequence[str]) -> int:
        # One of the two columns is empty or nothing. What goes out is printed with its sign in most exports and without it in some.
        income, expense = (read_minor(values[self.at[name]] or "0", self.places, line_no) for name in ("收入金额", "支出金额"))
        if income < 0 or (income and expense):
            raise BillError("bad_amount", f"Line {line_no} has both income and expense, or a negative income.", line_no)
        name, size = ("expense", abs(expense)) if expense else ("income", income)
        for total, value in (("lines", 1), (f"{name}_lines", 1), (name, size)):
            self.totals[total] += value
        return -size if name == "expense" else size

    def _counted(self, name: str) -> int:
        return self.totals["expense_lines" if name == "支出合计" else "income_lines"]

    def _summed(self, name: str, label: str) -> int | None:
        return self.totals["expense" if name == "支出合计" else "income"] if not label or label.endswith("笔") else None


class SummaryRows(Rows):
    """The summary of a day, a row a shop and one of all, which must be their sum. It has totals, no lines."""

    layout = "alipay.summary"
    required = ("交易订单总笔数", "退款订单总笔数", "订单金额", "商家实收", "服务费", "实收净额")
    others = ("门店编号", "门店名称", "支付宝优惠", "商家优惠", "卡消费金额", "分润")
    footers = ()
    _names: ClassVar[Mapping[str, str]] = {
        "交易订单总笔数": "payment_lines",
        "退款订单总笔数": "refund_lines",
        "订单金额": "orders",
        "商家实收": "received",
        "服务费": "fees",
        "分润": "shares",
        "实收净额": "net",
    }

    def __init__(self, found: Found, currency: str) -> None:
        super().__init__(found, currency)
        self._shops: dict[str, int] = dict.fromkeys(self._names.values(), 0)
        self._all: dict[str, int] | None = None
        self._rows = 0

    def read(self, line_no: int, values: Sequence[str]) -> None:
        found: dict[str, int] = {}
        for column, name in self._names.items():
            if name.endswith("_lines"):
                found[name] = read_count(values[self.at[column]], line_no)
            elif name == "fees":
                found[name] = -read_fee(values[self.at[column]], self.places, line_no)[0]
            else:
                found[name] = self._minor(values, column, line_no)
        if found["received"] - found["fees"] + found["shares"] != found["net"]:
            printed = plain_text(found["net"], self.places)
            raise BillError("summary_mismatch", f"Line {line_no} prints 实收净额 {printed}, which is not what its amounts make.", line_no)
        if any(value.startswith("合计") for value in values[:2]):
            if self._all is not None:
                raise BillError("after_summary", f"Line {line_no} prints 合计 a second time.", line_no)
            self._all = found
        else:
            self._rows += 1
            for name, value in found.items():
                self._shops[name] += value

    def check(self, name: str, text: str, line_no: int) -> None:
        raise NotImplementedError

    def missing(self) -> list[str]:
        # Nothing else says that the file is whole.
        return [] if self.ended else ["列表结束"]

    def finish(self) -> None:
        if self._all is not None and self._rows and self._all != self._shops:
            name = next(name for name in self._shops if self._all[name] != self._shops[name])
            raise BillError("summary_mismatch", f"The summary prints {name} {self._all[name]}, its shops add up to {self._shops[name]}.")
        self.totals |= self._shops if self._all is None else self._all
