"""Writes the daily files of the sandbox channel and the sandbox bank in the layouts of WeChat Pay.

The trade bill in its type ALL (27 columns) and the fund-flow bill (11 columns), as WeChat Pay API v3 documents them: UTF-8, CRLF, a
backtick before every value, the summary in the two last lines. Bytes only; nothing is read and no clock is looked at.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from yuefu.money.amounts import Money

_APP_ID = "wx0000000000000001"
_TIME = "%Y-%m-%d %H:%M:%S"
_TRADE_HEADER = (
    "交易时间,公众账号ID,商户号,特约商户号,设备号,微信订单号,商户订单号,用户标识,交易类型,交易状态,付款银行,货币种类,应结订单金额,代金券金额,"
    "微信退款单号,商户退款单号,退款金额,充值券退款金额,退款类型,退款状态,商品名称,商户数据包,手续费,费率,订单金额,申请退款金额,费率备注"
)
_TRADE_SUMMARY = "总交易单数,应结订单总金额,退款总金额,充值券退款总金额,手续费总金额,订单总金额,申请退款总金额"
_FUND_HEADER = (
    "记账时间,微信支付业务单号,资金流水单号,业务名称,业务类型,收支类型,收支金额(元),账户结余(元),资金变更提交申请人,备注,业务凭证号"
)
_FUND_SUMMARY = "资金流水总笔数,收入笔数,收入金额,支出笔数,支出金额"


@dataclass(frozen=True, slots=True)
class TradeRow:
    """One row of a trade bill: a payment, or a refund of one.

    `at` is naive, in the channel's local time. `amount` ≥ 0, whatever the kind. `fee` ≥ 0 for a payment, ≤ 0 for a refund (given back).
    `provider_id` and `reference` are the channel's and our number of this payment or refund; `original_…` those of the payment a refund
    belongs to ("" for a payment). `status` is the trade status of a payment (SUCCESS, REVOKED …; never REFUND, which marks refund rows)
    and the refund status of a refund (SUCCESS, PROCESSING, FAIL, CHANGE). `payer` and `description` may be any text; see `trade_bill`.
    """

    at: datetime
    account: str
    kind: str
    provider_id: str
    reference: str
    original_reference: str
    original_provider_id: str
    amount: Money
    fee: Money
    fee_rate_text: str
    status: str
    payer: str
    description: str


@dataclass(frozen=True, slots=True)
class FundRow:
    """One row of a fund flow. `at` is naive local time; `amount` is signed: + into the account, − out of it.

    `name` is 业务名称 (交易, 退款, 提现 …), `type` 业务类型: 交易, 扣除交易手续费, 退款, 提现; in a bank's file 代付 (payout),
    代付退回 (returned payout), 资金划入 (money of a funder), 渠道提现到账 (withdrawal from the channel arriving), 客户资金划拨 (own money
    that becomes client money), 客户资金退拨 (the reverse).
    `business_id` is the number of the business, `flow_id` of this row; `reference` is our number.
    """

    at: datetime
    business_id: str
    flow_id: str
    name: str
    type: str
    amount: Money
    submitted_by: str
    note: str
    reference: str


def trade_bill(rows: Sequence[TradeRow]) -> bytes:
    """The trade bill of `rows`, in their order, in layout ALL; without rows the header and a summary of zeros.

    Raises ValueError for a row that the layout cannot say: another kind, a sign that contradicts it, a payment with status REFUND, a
    refund without number, several currencies, or a number, account or status that holds a separator. Free text (payer, description,
    rate) is written without control characters, and a comma before a backtick gets a space after it, as the layout has no escape.
    """
    _require_one_currency([money for row in rows for money in (row.amount, row.fee)])
    lines = [_TRADE_HEADER, *(_trade_line(row) for row in rows), _TRADE_SUMMARY, _trade_summary(rows)]
    return _file(lines)


def fund_flow(rows: Sequence[FundRow], *, opening: Money) -> bytes:
    """The fund flow of `rows`, in their order, with the running balance that starts from `opening`, and its summary.

    Raises ValueError for several currencies and for a number that holds a separator; free text (name, note) as in `trade_bill`.
    """
    _require_one_currency([opening, *(row.amount for row in rows)])
    lines, balance = [_FUND_HEADER], opening
    for row in rows:
        balance += row.amount
        lines.append(_fund_line(row, balance))
    return _file([*lines, _FUND_SUMMARY, _fund_summary(rows, opening.currency)])


def trade_bill_apply(data: bytes) -> dict[str, str]:
    """The answer to the request for a bill: the hash over the plain (not gzipped) bytes."""
    return {"hash_type": "SHA1", "hash_value": hashlib.sha1(data, usedforsecurity=False).hexdigest()}


def _trade_line(row: TradeRow) -> str:
    _require_sayable(row)
    amount, nothing, fee = row.amount.decimal_text(), Money(0, row.amount.currency).decimal_text(), row.fee.decimal_text() + "000"
    start = (row.at.strftime(_TIME), _APP_ID, _exact(row.account), "0", "")
    goods, rate = _free(row.description), _free(row.fee_rate_text)
    if row.kind == "payment":
        ids = (_exact(row.provider_id), _exact(row.reference), _free(row.payer), "JSAPI", _exact(row.status), "OTHERS", row.amount.currency)
        return _line([*start, *ids, amount, nothing, "0", "0", nothing, nothing, "", "", goods, "", fee, rate, amount, nothing, ""])
    ids = (
        _exact(row.original_provider_id),
        _exact(row.original_reference),
        _free(row.payer),
        "JSAPI",
        "REFUND",
        "OTHERS",
        row.amount.currency,
    )
    refund = (_exact(row.provider_id), _exact(row.reference), amount, nothing, "ORIGINAL", _exact(row.status))
    return _line([*start, *ids, nothing, nothing, *refund, goods, "", fee, rate, nothing, amount, ""])


def _trade_summary(rows: Sequence[TradeRow]) -> str:
    currency = rows[0].amount.currency if rows else "CNY"
    paid = _sum((row.amount for row in rows if row.kind == "payment"), currency)
    refunded = _sum((row.amount for row in rows if row.kind == "refund"), currency)
    fees = _sum((row.fee for row in rows), currency) + "000"
    return _line([str(len(rows)), paid, refunded, _sum((), currency), fees, paid, refunded])


def _fund_line(row: FundRow, balance: Money) -> str:
    direction, size = ("支出", -row.amount) if row.amount.minor < 0 else ("收入", row.amount)
    ids = (row.at.strftime(_TIME), _exact(row.business_id), _exact(row.flow_id))
    words = (_free(row.name), _exact(row.type), direction, size.decimal_text(), balance.decimal_text())
    return _line([*ids, *words, _free(row.submitted_by), _free(row.note), _exact(row.reference)])


def _fund_summary(rows: Sequence[FundRow], currency: str) -> str:
    income = [row.amount for row in rows if row.amount.minor >= 0]
    expense = [-row.amount for row in rows if row.amount.minor < 0]
    return _line([str(len(rows)), str(len(income)), _sum(income, currency), str(len(expense)), _sum(expense, currency)])


def _require_sayable(row: TradeRow) -> None:
    if row.kind not in ("payment", "refund"):
        raise ValueError(f"A trade bill has payments and refunds, not {row.kind!r}.")
    if row.amount.minor < 0 or (row.fee.minor < 0 if row.kind == "payment" else row.fee.minor > 0):
        raise ValueError(f"Amount {row.amount} and fee {row.fee} of {row.reference} contradict its kind, {row.kind}.")
    if row.kind == "payment" and row.status == "REFUND":
        raise ValueError(f"Payment {row.reference} has the status REFUND, which marks a refund.")
    if row.kind == "refund" and row.provider_id in ("", "0"):
        raise ValueError(f"Refund {row.reference} has no number of the channel.")


def _require_one_currency(moneys: Sequence[Money]) -> None:
    currencies = sorted({money.currency for money in moneys})
    if len(currencies) > 1:
        raise ValueError(f"A bill has one currency, not {', '.join(currencies)}.")


def _exact(text: str) -> str:
    if text != text.strip() or "," in text or "`" in text or not text.isprintable():
        raise ValueError(f"A number or status in a bill holds no separator, space around it or control character: {text!r}.")
    return text


def _free(text: str) -> str:
    plain = "".join(character if character.isprintable() else " " for character in text)
    return plain.replace(",`", ", `")


def _sum(moneys: Iterable[Money], currency: str) -> str:
    return Money(sum(money.minor for money in moneys), currency).decimal_text()


def _line(values: Iterable[str]) -> str:
    return "`" + ",`".join(values)


def _file(lines: Sequence[str]) -> bytes:
    return "".join(line + "\r\n" for line in lines).encode()
