"""A bill that is damaged, incomplete or contradicts itself is refused with a code and a sentence; nothing is half-read."""

import gzip
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from yuefu.reconciliation.gateways import streams
from yuefu.reconciliation.gateways.wechat import read_bill
from yuefu.reconciliation.rules.bills import Bill, BillError

BILLS = Path(__file__).parents[1] / "data" / "bills"
TRADE = (BILLS / "wechat_tradebill_ALL_20261001.csv").read_bytes()
SUCCESS = (BILLS / "wechat_tradebill_SUCCESS_20261001.csv").read_bytes()
FUND = (BILLS / "wechat_fundflow_BASIC_20261001.csv").read_bytes()


def refusal(data: bytes, currency: str = "CNY") -> BillError:
    with pytest.raises(BillError) as caught:
        read_bill(data, currency=currency)
    assert caught.value.detail.endswith(".")
    assert str(caught.value) == caught.value.detail
    return caught.value


def changed(data: bytes, *pairs: tuple[str, str]) -> bytes:
    text = data.decode()
    for old, new in pairs:
        assert old in text, f"{old} is not in the sample"
        text = text.replace(old, new, 1)
    return text.encode()


@pytest.mark.parametrize(
    ("code", "line_no", "data"),
    [
        ("bad_encoding", 1, b"\xff\xff\xff\xff,\xff\n"),
        ("bad_encoding", 1, TRADE[:3] + b"\xff" + TRADE[3:]),
        ("bad_encoding", 1, "Débit,Numéro\r\n".encode("latin-1")),  # decodes as GB18030 too
        ("bad_encoding", None, TRADE.replace("口红".encode(), b"\xff\xfe")),
        ("bad_encoding", None, TRADE.replace("口红".encode(), "口红".encode("gbk"))),
        ("bad_encoding", None, TRADE.decode().encode("gbk").replace("口红".encode("gbk"), b"\xff\xff")),
        ("truncated", 1, b""),
        ("truncated", 1, b"\r\n"),
        ("truncated", None, gzip.compress(TRADE, mtime=0)[:-20]),
        ("truncated", None, gzip.compress(TRADE, mtime=0)[:40]),
        ("truncated", None, gzip.compress(TRADE, mtime=0)[:-8] + b"\0\0\0\0\0\0\0\0"),
        ("truncated", None, TRADE[: TRADE.index("口红".encode()) + 1]),
        ("truncated", None, (gbk := TRADE.decode().encode("gbk"))[: gbk.index("口红".encode("gbk")) + 1]),
        ("unknown_layout", 1, b"date,amount\r\n2026-10-01,1.00\r\n"),
        ("unknown_layout", 1, b"<xml><return_code>FAIL</return_code><error_code>20001</error_code></xml>"),
        ("unknown_layout", 1, changed(TRADE, ("设备号", "商户号"))),
        ("no_bill", None, (BILLS / "wechat_v2_no_bill.xml").read_bytes()),
        ("missing_column", 1, changed(TRADE, ("商户退款单号", "别的单号"))),
        ("missing_column", 1, changed(TRADE, ("手续费,", "费用,"))),
        ("missing_column", 1, changed(FUND, ("业务凭证号", "凭证"))),
        ("missing_column", 1, changed(FUND, ("备注", "说明"))),
        ("missing_column", 1, changed(TRADE, ("费率备注", "费率说明"))),
        ("missing_column", 1, changed(SUCCESS, ("商品名称", "商品"))),
        ("summary_missing", 0, changed(TRADE, (",订单总金额", ",订单金额合计"))),
        ("missing_column", 6, changed(SUCCESS, ("`0.00,`0.00,`8.15000", "`5.00,`0.00,`8.15000"))),
        ("missing_column", 2, changed(SUCCESS, ("`SUCCESS", "`REFUND"))),
        ("row_width", 3, changed(TRADE, ("口红,套装A,,", "口红,`套装A,,"))),
        ("row_width", 3, changed(TRADE, (",`NATIVE", ""))),
        ("row_width", 3, changed(TRADE, ("口红,", "口\r\n红,"))),
        ("row_width", 2, changed(TRADE, ("`2026-10-01 09:15:02", "2026-10-01 09:15:02"))),
        ("row_width", 8, changed(TRADE, (",`1359.01,`349.00\r\n", ",`1359.01\r\n"))),
        ("bad_time", 2, changed(TRADE, ("2026-10-01 09:15:02", "2026-10-01 09:15"))),
        ("bad_time", 2, changed(TRADE, ("2026-10-01 09:15:02", "2026-10-01 09:15+08"))),
        ("bad_time", 2, changed(TRADE, ("2026-10-01 09:15:02", "2026-02-30 09:15:02"))),
        ("bad_time", 2, changed(FUND, ("2026-10-01 09:15:02", ""))),
        ("other_currency", 2, changed(TRADE, ("`CNY", "`USD"))),
        ("bad_amount", 3, changed(TRADE, ("`60.00,`0.00,`0,", "`60.00,`0.00,`5,"))),  # a refund number would make a refund of a payment
        ("summary_missing", None, TRADE[: TRADE.index("总交易单数".encode())]),
        ("summary_missing", None, TRADE[: TRADE.index(b"`5,`1359.01")]),
        ("summary_missing", None, changed(TRADE, ("手续费总金额", "费用总金额"))),
        ("summary_missing", None, TRADE.split(b"\r\n")[0]),
        ("summary_mismatch", 8, changed(TRADE, ("`5,`1359.01", "`6,`1359.01"))),
        ("summary_mismatch", 8, changed(TRADE, ("`5,`1359.01", "`5,`1359.02"))),
        ("summary_mismatch", 8, changed(TRADE, ("`6.06000", "`6.06001"))),
        ("summary_mismatch", 8, changed(TRADE, ("`6.06000", "`10.24000"))),
        ("summary_mismatch", 8, changed(TRADE, ("`1359.01,`349.00\r\n", "`1359.01,`50.00\r\n"))),
        ("summary_mismatch", 10, changed(FUND, ("`7,`3", "`7,`4"))),
        ("summary_mismatch", 10, changed(FUND, ("`1057.85", "`1057.84"))),
        ("balance_break", 5, changed(FUND, ("`1850.85", "`1850.84"))),
        ("several_accounts", 3, changed(TRADE, ("11:42:40,`wx0000000000000001,`1900000001", "11:42:40,`wx0000000000000001,`1900000002"))),
        ("several_days", 4, changed(TRADE, ("2026-10-01 21:05:09", "2026-10-02 00:00:00"))),
        ("after_summary", 9, TRADE + TRADE),
        ("after_summary", 11, FUND + b"`1,`2\r\n"),
    ],
)
def test_a_damaged_bill_is_refused_with_its_code_and_line(code: str, line_no: int | None, data: bytes) -> None:
    error = refusal(data)
    assert (error.code, error.line_no) == (code, line_no), error.detail


AMOUNTS = [
    "",
    " 1.00",
    "+1.00",
    "1e3",
    "1,299.00",
    "１２.00",
    "²",
    "1_0.00",
    "NaN",
    "inf",
    "--1",
    "1.",
    ".5",
    "0.001",
    "-1299.00",
    "1" * 30,
    "9" * 5000,
]


@pytest.mark.parametrize("text", AMOUNTS)
def test_an_amount_that_is_not_a_plain_decimal_number_is_refused(text: str) -> None:
    assert refusal(changed(TRADE, ("`CNY,`1299.00", f"`CNY,`{text}"))).code == "bad_amount"
    assert refusal(changed(FUND, ("`收入,`1299.00", f"`收入,`{text}"))).code == "bad_amount"


def test_the_largest_amount_is_ten_to_the_fifteenth_minor_units() -> None:
    assert refusal(changed(TRADE, ("`CNY,`1299.00", "`CNY,`10000000000000.01"))).code == "bad_amount"
    assert refusal(changed(TRADE, ("`CNY,`1299.00", "`CNY,`10000000000000.00"))).code == "summary_mismatch"
    assert refusal(changed(TRADE, ("`7.79000", "`10000000000000.00001"))).code == "bad_amount"


def test_a_direction_that_is_neither_in_nor_out_is_refused() -> None:
    assert refusal(changed(FUND, ("`收入,", "`冻结,"))).code == "bad_amount"


def test_a_missing_column_is_named() -> None:
    assert "商户退款单号" in refusal(changed(TRADE, ("商户退款单号", "别的单号"))).detail
    assert "记账时间" in refusal(changed(FUND, ("记账时间", "时间"))).detail
    assert "微信订单号" in refusal(b"date,amount\r\n").detail


def test_a_summary_that_does_not_add_up_says_which_total_and_both_values() -> None:
    detail = refusal(changed(TRADE, ("`5,`1359.01,`349.00", "`5,`1359.01,`350.00"))).detail
    assert "退款总金额" in detail
    assert "350.00" in detail
    assert "349.00" in detail


def test_a_line_lost_from_the_file_is_noticed() -> None:
    lines = TRADE.split(b"\r\n")
    assert refusal(b"\r\n".join(lines[:2] + lines[3:])).code == "summary_mismatch"


def test_a_file_that_unpacks_far_beyond_its_size_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "_RATIO_FREE_SIZE", 1 << 20)
    bomb = gzip.compress(TRADE[: TRADE.index(b"\n") + 1] + b"\n" * (8 << 20))
    assert refusal(bomb).code == "too_large"


def test_a_file_beyond_the_size_limit_is_refused_packed_or_plain(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "_SIZE_LIMIT", 1500)
    assert refusal(TRADE).code == "too_large"
    assert refusal(gzip.compress(TRADE, mtime=0)).code == "too_large"


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_a_file_cut_anywhere_is_never_half_read(data: st.DataObject) -> None:
    whole = data.draw(st.sampled_from([TRADE, FUND]))
    full = read_bill(whole).lines
    try:
        bill: Bill | None = read_bill(whole[: data.draw(st.integers(0, len(whole)))])
    except BillError:
        bill = None
    assert bill is None or bill.lines == full


@settings(max_examples=150, deadline=None)
@given(at=st.integers(0, 1900), byte=st.integers(0, 255), packed=st.booleans())
def test_a_file_with_one_wrong_byte_is_read_or_refused_but_never_crashes(at: int, byte: int, packed: bool) -> None:
    data = bytearray(gzip.compress(TRADE, mtime=0) if packed else TRADE)
    data[at % len(data)] = byte
    try:
        bill = read_bill(bytes(data))
    except BillError:
        return
    assert len(bill.lines) == 5
