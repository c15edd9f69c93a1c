"""Reading the bills of WeChat Pay: each documented layout, and the quirks of real files."""

import gzip
import hashlib
import json
from datetime import date, datetime
from pathlib import Path

import pytest

from yuefu.money.amounts import Money
from yuefu.reconciliation.gateways.wechat import read_bill

BILLS = Path(__file__).parents[1] / "data" / "bills"


def sample(name: str) -> bytes:
    return (BILLS / name).read_bytes()


def cny(text: str) -> Money:
    return Money.parse(text, "CNY")


ALL = "wechat_tradebill_ALL_20261001.csv"
FUND = "wechat_fundflow_BASIC_20261001.csv"


def test_a_trade_bill_is_read_line_by_line_as_printed() -> None:
    bill = read_bill(sample(ALL))
    assert (bill.layout, bill.account, bill.on, bill.currency) == ("wechat.trade.ALL", "1900000001", date(2026, 10, 1), "CNY")
    table = [(x.line_no, x.kind, x.reference, x.amount.decimal_text(), x.fee.decimal_text(), x.status) for x in bill.lines]
    assert table == [
        (2, "payment", "PM20261001-0001", "1299.00", "7.79", "SUCCESS"),
        (3, "payment", "PM20261001-0002", "60.00", "0.36", "SUCCESS"),
        (4, "payment", "PM20261001-0003", "0.01", "0.00", "SUCCESS"),
        (5, "refund", "RF20261001-0001", "-50.00", "-0.30", "SUCCESS"),
        (6, "refund", "RF20261001-0002", "-299.00", "-1.79", "PROCESSING"),
    ]
    first, refund = bill.lines[0], bill.lines[3]
    assert first.occurred_at == datetime(2026, 10, 1, 9, 15, 2)
    assert first.occurred_on == date(2026, 10, 1)
    assert (first.provider_id, first.business_id, first.balance) == ("4200001000000000000000000001", "", None)
    assert refund.provider_id == "50302701000000000000000000001"
    assert dict(bill.totals) == {
        "lines": 5,
        "payments": 135901,
        "refunds": 34900,
        "coupon_refunds": 0,
        "orders": 135901,
        "refunds_requested": 34900,
        "fees": 606,
    }


def test_a_fund_flow_has_signed_amounts_and_the_running_balance() -> None:
    bill = read_bill(sample(FUND))
    assert (bill.layout, bill.account, bill.on) == ("wechat.fundflow.BASIC", "", date(2026, 10, 1))
    table = [(x.kind, x.reference, x.amount.decimal_text(), x.balance.decimal_text() if x.balance else "") for x in bill.lines]
    assert table == [
        ("payment", "PM20261001-0001", "1299.00", "1799.00"),
        ("fee", "PM20261001-0001", "-7.79", "1791.21"),
        ("payment", "PM20261001-0002", "60.00", "1851.21"),
        ("fee", "PM20261001-0002", "-0.36", "1850.85"),
        ("refund", "RF20261001-0001", "-49.70", "1801.15"),
        ("payment", "PM20261001-0003", "0.01", "1801.16"),
        ("withdrawal", "WD20261001", "-1000.00", "801.16"),
    ]
    assert bill.lines[1].business_id == "4200001000000000000000000001"
    assert bill.lines[1].provider_id == "4200001000000000000000000002"
    assert {x.status for x in bill.lines} == {""}
    assert {x.fee for x in bill.lines} == {cny("0.00")}


@pytest.mark.parametrize(
    ("name", "layout", "lines", "on"),
    [
        ("wechat_tradebill_SUCCESS_20261001.csv", "wechat.trade.SUCCESS", 3, date(2026, 10, 1)),
        ("wechat_tradebill_REFUND_20261001.csv", "wechat.trade.REFUND", 2, date(2026, 10, 1)),
        ("wechat_tradebill_ALL_legacy24col.csv", "wechat.trade.ALL.legacy", 2, date(2014, 11, 10)),
        ("wechat_tradebill_ALL_empty.csv", "wechat.trade.ALL", 0, None),
        ("wechat_fundflow_v2_fullwidth.csv", "wechat.fundflow.BASIC", 1, date(2018, 2, 1)),
    ],
)
def test_every_sample_is_read_and_its_summary_agrees(name: str, layout: str, lines: int, on: date | None) -> None:
    bill = read_bill(sample(name))
    assert (bill.layout, len(bill.lines), bill.on) == (layout, lines, on)


def test_the_success_and_refund_bills_hold_together_what_the_whole_bill_holds() -> None:
    parts = [
        *read_bill(sample("wechat_tradebill_SUCCESS_20261001.csv")).lines,
        *read_bill(sample("wechat_tradebill_REFUND_20261001.csv")).lines,
    ]
    whole = read_bill(sample(ALL)).lines
    seen = [(x.kind, x.reference, x.provider_id, x.amount, x.fee, x.status, x.occurred_at) for x in parts]
    assert seen == [(x.kind, x.reference, x.provider_id, x.amount, x.fee, x.status, x.occurred_at) for x in whole]


def test_a_legacy_bill_with_full_width_colons_and_bare_zeros_is_read() -> None:
    first = read_bill(sample("wechat_tradebill_ALL_legacy24col.csv")).lines[0]
    assert first.occurred_at == datetime(2014, 11, 10, 16, 33, 45)
    assert (first.kind, first.amount, first.fee) == ("payment", cny("0.01"), cny("0.00"))


def test_the_oldest_names_are_read_by_their_red_packet_columns() -> None:
    text = sample("wechat_tradebill_ALL_legacy24col.csv").decode()
    text = text.replace("代金券或立减优惠金额", "企业红包金额").replace("总代金券或立减优惠退款金额", "总企业红包退款金额")
    bill = read_bill(text.replace("代金券或立减优惠退款金额", "企业红包退款金额").encode())
    assert (bill.layout, len(bill.lines), bill.totals["payments"]) == ("wechat.trade.ALL.older", 2, 2)


def test_a_legacy_refund_without_refund_status_keeps_the_trade_status() -> None:
    text = sample("wechat_tradebill_ALL_legacy24col.csv").decode()
    text = text.replace("`SUCCESS,`OTHERS,`CNY,`0.01,`0.0,`0,`0,`0,`0,", "`REFUND,`OTHERS,`CNY,`0.00,`0.0,`2000,`RF1,`0.01,`0,", 1)
    refund = read_bill(text.replace("`2,`0.02,`0.0,`0.0,`0", "`2,`0.01,`0.01,`0.0,`0").encode()).lines[0]
    assert (refund.kind, refund.reference, refund.provider_id, refund.amount, refund.status) == (
        "refund",
        "RF1",
        "2000",
        cny("-0.01"),
        "REFUND",
    )


def test_a_revoked_payment_without_refund_number_stays_a_payment() -> None:
    text = sample(ALL).decode().replace("`MICROPAY,`SUCCESS,`CFT", "`MICROPAY,`REVOKED,`CFT")
    line = read_bill(text.encode()).lines[2]
    assert (line.kind, line.status) == ("payment", "REVOKED")


def test_packed_and_plain_file_are_the_same_bill() -> None:
    assert read_bill(sample(ALL + ".gz")) == read_bill(sample(ALL))


def test_the_hash_is_over_the_plain_bytes() -> None:
    assert read_bill(sample(ALL + ".gz")).sha256 == hashlib.sha256(sample(ALL)).hexdigest()
    apply = json.loads(sample("wechat_tradebill_ALL_20261001.apply.json"))
    assert apply["hash_value"] == hashlib.sha1(gzip.decompress(sample(ALL + ".gz"))).hexdigest()


@pytest.mark.parametrize(
    ("how", "change"),
    [
        ("LF line ends", lambda data: data.replace(b"\r\n", b"\n")),
        ("no last line end", lambda data: data.rstrip(b"\r\n")),
        ("empty lines at the end", lambda data: data + b"\r\n\r\n"),
        ("a byte order mark", lambda data: b"\xef\xbb\xbf" + data),
        ("GBK", lambda data: data.decode().encode("gbk")),
        ("gzipped GBK", lambda data: gzip.compress(data.decode().encode("gb18030"))),
        ("full-width parentheses", lambda data: data.replace("(元)".encode(), "（元）".encode())),
    ],
)
@pytest.mark.parametrize("name", [ALL, FUND])
def test_other_line_ends_and_encodings_give_the_same_lines(name: str, how: str, change) -> None:  # type: ignore[no-untyped-def]
    assert read_bill(change(sample(name))).lines == read_bill(sample(name)).lines, how


def test_a_gbk_character_whose_second_byte_is_a_backtick_does_not_split_a_value() -> None:
    hazard = next(chr(c) for c in range(0x4E00, 0x9FFF) if len(b := chr(c).encode("gbk", "ignore")) == 2 and b[1] == 0x60)
    text = sample(ALL).decode().replace("口红,套装A,,", f"a,{hazard},")
    assert len(read_bill(text.encode("gbk")).lines) == 5


def test_columns_are_found_by_name_in_any_order_and_with_unknown_ones_between() -> None:
    rows = sample(FUND).decode().split("\r\n")
    header, body = rows[0].split(","), [row.removeprefix("`").split(",`") for row in rows[1:8]]
    turned = [",".join(["新列", *reversed(header)]), *("`" + ",`".join(["x", *reversed(values)]) for values in body), *rows[8:]]
    assert read_bill("\r\n".join(turned).encode()).lines == read_bill(sample(FUND)).lines


def test_counts_printed_with_a_decimal_are_counts() -> None:
    bill = read_bill(sample("wechat_fundflow_v2_fullwidth.csv"))
    assert bill.totals == {"lines": 1, "income_lines": 0, "income": 0, "expense_lines": 1, "expense": 2}


def test_a_fee_with_five_decimals_is_rounded_half_away_from_zero_while_the_total_stays_exact() -> None:
    text = sample(ALL).decode().replace("`7.79000,", "`7.78500,").replace("`-0.30000,", "`-0.30500,").replace("`6.06000,", "`6.05000,")
    bill = read_bill(text.encode())
    assert [x.fee.decimal_text() for x in bill.lines] == ["7.79", "0.36", "0.00", "-0.31", "-1.79"]


def test_another_currency_is_read_with_its_own_decimals() -> None:
    text = sample("wechat_tradebill_SUCCESS_20261001.csv").decode().replace("`CNY", "`JPY").replace("`0.01,", "`1.00,")
    bill = read_bill(text.replace("1359.01", "1360.00").encode(), currency="JPY")
    assert [x.amount for x in bill.lines] == [Money(1299, "JPY"), Money(60, "JPY"), Money(1, "JPY")]
    assert bill.lines[0].fee == Money(8, "JPY")


def test_a_word_of_the_fund_flow_that_is_not_known_is_other() -> None:
    text = sample(FUND).decode().replace("`提现,`提现,", "`其他,`充值,")
    assert read_bill(text.encode()).lines[-1].kind == "other"
