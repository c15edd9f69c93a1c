"""The statement of WeChat Pay for merchants outside of the mainland: 38 columns, four currencies, of which the one of settlement counts."""

from datetime import date

import pytest

from yuefu.reconciliation.gateways.reading import read
from yuefu.reconciliation.rules.bills import BillError

HEADER = (
    "交易时间,公众账号ID,商户号,子商户号,设备号,微信订单号,商户订单号,用户标识,交易类型,交易状态,付款银行,充值券币种,充值券金额,优惠券币种,优惠券金额,"
    "微信退款单号,商户退款单号,退款类型,退款状态,商品名称,商户数据包,手续费,费率,标价币种,订单金额(标价币种),用户支付币种,用户支付金额,结算币种,应结订单金额,"
    "支付汇率,退款汇率,申请退款金额,用户退款币种,用户退款金额,退款结算币种,退款应结订单金额,充值券退款金额,优惠券退款金额"
)
PAYMENT = (
    '`2026-10-01 09:15:02,`wx1,`1900000109,`0,`,`4200001,`HK-1,`o1,`JSAPI,`SUCCESS,`OTHERS,`CNY,`0.00,`CNY,`0.00,`0,`0,`,`,`tea, green,`{"a":1,"b":2},'
    "`0.80000,`0.80%,`USD,`12.82,`CNY,`91.00,`HKD,`100.00,`709834000,`,`0.00,`,`0.00,`,`,`0.00,`0.00"
)
REFUND = (
    "`2026-10-01 18:00:00,`wx1,`1900000109,`0,`,`4200000,`HK-0,`o2,`JSAPI,`REFUND,`OTHERS,`CNY,`0.00,`CNY,`0.00,`503,`HK-R0,`ORIGINAL,`PROCESSING,`cup,`,"
    "`-0.16000,`0.80%,`USD,`0.00,`CNY,`0.00,`,`0.00,`,`709834000,`2.56,`CNY,`18.20,`HKD,`20.00,`0.00,`0.00"
)
SUMMARY = "总交易单数,应结订单总金额,退款总金额,充值券退款总金额,手续费总金额,订单总金额,申请退款总金额\r\n`2,`100.00,`20.00,`0.00,`0.64000,`12.82,`2.56"
STATEMENT = f"{HEADER}\r\n{PAYMENT}\r\n{REFUND}\r\n{SUMMARY}\r\n"


def test_what_is_settled_is_read_in_the_currency_of_settlement() -> None:
    (bill,) = read(STATEMENT.encode())
    assert HEADER.count(",") == 37
    assert (bill.layout, bill.account, bill.on, bill.currency) == ("wechat.trade.GLOBAL", "1900000109", date(2026, 10, 1), "HKD")
    table = [(x.kind, x.reference, x.provider_id, x.amount.decimal_text(), x.fee.decimal_text(), x.status) for x in bill.lines]
    assert table == [
        ("payment", "HK-1", "4200001", "100.00", "0.80", "SUCCESS"),
        ("refund", "HK-R0", "503", "-20.00", "-0.16", "PROCESSING"),
    ]
    assert dict(bill.totals) == {"lines": 2, "payments": 10000, "refunds": 2000, "fees": 64}


@pytest.mark.parametrize(
    ("code", "old", "new"),
    [
        ("summary_mismatch", "`HKD,`100.00", "`HKD,`100.01"),
        ("summary_mismatch", "`HKD,`20.00", "`HKD,`20.01"),
        ("summary_mismatch", "`0.80000", "`0.81000"),
        ("summary_mismatch", REFUND + "\r\n", ""),
        ("summary_missing", "手续费总金额", "费用总额"),
        ("missing_column", "退款结算币种", "退款币种"),
        ("other_currency", "`HKD,`20.00", "`MOP,`20.00"),
        ("other_currency", "`HKD", "`XYZ"),
        ("bad_amount", "`HKD,`100.00", "`HKD,`1e2"),
        ("row_width", "tea, green", "tea,`green"),
    ],
)
def test_a_statement_that_contradicts_itself_is_refused(code: str, old: str, new: str) -> None:
    assert old in STATEMENT
    with pytest.raises(BillError) as caught:
        read(STATEMENT.replace(old, new).encode())
    assert caught.value.code == code, caught.value.detail


def test_the_currency_asked_for_must_be_that_of_settlement() -> None:
    assert read(STATEMENT.encode(), currency="HKD") == read(STATEMENT.encode())
    with pytest.raises(BillError, match="HKD"):
        read(STATEMENT.encode(), currency="CNY")
