"""Reading the bills of Alipay: trades, account and summary, in the encodings, signs and packages that occur; what contradicts itself is refused."""

import io
import zipfile
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from yuefu.reconciliation.gateways.reading import read
from yuefu.reconciliation.rules.bills import Bill, BillError

BILLS = Path(__file__).parents[1] / "data" / "bills"
TRADE = (BILLS / "alipay_trade_detail_20261001.utf8.csv").read_bytes().decode()
ACCOUNT = (BILLS / "alipay_account_detail_20261001.utf8.csv").read_bytes().decode()
ZIP = (BILLS / "alipay_20880000000000010156_20261001.zip").read_bytes()
SUMMARY = zipfile.ZipFile(io.BytesIO(ZIP)).read(zipfile.ZipFile(io.BytesIO(ZIP)).infolist()[0]).decode("gbk")


def only(text: str | bytes) -> Bill:
    (bill,) = read(text if isinstance(text, bytes) else text.encode())
    return bill


def changed(text: str, *pairs: tuple[str, str]) -> str:
    for old, new in pairs:
        assert old in text, f"{old} is not in the sample"
        text = text.replace(old, new, 1)
    return text


def refusal(text: str | bytes) -> BillError:
    with pytest.raises(BillError) as caught:
        only(text)
    assert caught.value.detail.endswith(".")
    return caught.value


def test_trades_are_read_line_by_line_as_printed() -> None:
    bill = only(TRADE)
    assert (bill.layout, bill.account, bill.on, bill.since, bill.currency) == (
        *("alipay.trade", "20880000000000010156", date(2026, 10, 1), None),
        "CNY",
    )
    table = [(x.line_no, x.kind, x.reference, x.provider_id, x.amount.decimal_text(), x.fee.decimal_text()) for x in bill.lines]
    one, two = "2026100122001400000000000001", "2026100122001400000000000002"
    assert table == [
        (6, "payment", "AL20261001-0001", one, "1200.00", "7.20"),
        (7, "payment", "AL20261001-0002", two, "29.90", "0.18"),
        (8, "refund", "AR20261001-0001", f"{one}/AR20261001-0001", "-200.00", "-1.20"),
    ]
    assert [x.business_id for x in bill.lines] == [one, two, one]
    assert dict(bill.totals) == {
        "lines": 3,
        "payments": 122990,
        "refunds": 20000,
        "orders": 102990,
        "fees": 618,
        "shares": 0,
        "payment_lines": 2,
        "refund_lines": 1,
        "discounts": 0,
        "discount_refunds": 0,
    }


def test_an_account_has_signed_amounts_and_the_running_balance() -> None:
    bill = only(ACCOUNT)
    assert (bill.layout, bill.account, bill.on) == ("alipay.account", "20880000000000010156", date(2026, 10, 1))
    table = [(x.kind, x.reference, x.amount.decimal_text(), x.balance.decimal_text() if x.balance else "") for x in bill.lines]
    assert table == [
        ("payment", "AL20261001-0001", "1200.00", "6200.00"),
        ("fee", "AL20261001-0001", "-7.20", "6192.80"),
        ("payment", "AL20261001-0002", "29.90", "6222.70"),
        ("fee", "AL20261001-0002", "-0.18", "6222.52"),
        ("refund", "AL20261001-0001", "-200.00", "6022.52"),
        ("fee", "AL20261001-0001", "1.20", "6023.72"),
    ]
    assert dict(bill.totals) == {"lines": 6, "income_lines": 3, "income": 123110, "expense_lines": 3, "expense": 20738}


def test_the_zip_file_holds_the_summary_and_the_trades_whatever_its_names_are_written_in() -> None:
    summary, trades = read(ZIP)
    assert (summary.layout, summary.on, summary.lines) == ("alipay.summary", date(2026, 10, 1), ())
    assert dict(summary.totals) == {
        "lines": 0,
        "payment_lines": 2,
        "refund_lines": 1,
        "orders": 102990,
        "received": 102990,
        "fees": 618,
        "shares": 0,
        "net": 102372,
    }
    assert trades.lines == only(TRADE).lines


@pytest.mark.parametrize("name", ["alipay_trade_detail_20261001", "alipay_account_detail_20261001"])
def test_a_bill_in_gbk_is_the_same_bill(name: str) -> None:
    assert only((BILLS / f"{name}.gbk.csv").read_bytes()).lines == only((BILLS / f"{name}.utf8.csv").read_bytes()).lines


def shuffled(text: str) -> str:
    """All columns turned round, header and rows alike."""
    lines = text.split("\r\n")
    return "\r\n".join(",".join(reversed(line.split(","))) if line.count(",") > 8 else line for line in lines)


@pytest.mark.parametrize("text", [TRADE, ACCOUNT, SUMMARY])
@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace("\r\n", "\n"),
        lambda text: text.replace("\r\n", "\r\n\r\n"),
        lambda text: "\ufeff" + text,
        lambda text: text.rstrip("\r\n"),
        lambda text: text.replace("（", "(").replace("）", ")"),
        lambda text: text.replace("\t", ""),
        lambda text: text.replace("#账号", "账号"),
        lambda text: text.replace("#", ""),
        lambda text: text.replace("：", ":").replace("，", ","),
        lambda text: text.replace("终止日期：[2026年10月02日 00:00:00]", "终止日期：[2026年10月01日 23:59:59]"),
        shuffled,
    ],
)
def test_what_varies_from_export_to_export_changes_nothing(text: str, change: Callable[[str], str]) -> None:
    was, now = only(text), only(change(text))
    assert [(x.kind, x.reference, x.amount, x.fee, x.balance) for x in now.lines] == [
        (x.kind, x.reference, x.amount, x.fee, x.balance) for x in was.lines
    ]
    assert (now.totals, now.account, now.on) == (was.totals, was.account, was.on)


def test_a_column_more_may_hold_commas_quotes_and_line_ends_in_quotes() -> None:
    """Layouts grow; what stands in quotes is one value."""
    lines = TRADE.split("\r\n")
    grown = [line + (",附言" if place == 4 else ',"了\r\n""好"", 再"' if 4 < place < 8 else "") for place, line in enumerate(lines)]
    bill = only("\r\n".join(grown))
    assert [line.line_no for line in bill.lines] == [6, 8, 10]
    assert bill.totals == only(TRADE).totals


def test_a_refund_is_the_same_with_either_sign() -> None:
    plain = changed(TRADE, ("-200.00,-200.00", "200.00,200.00"), ("退款共-200.00", "退款共200.00"), ("\t,1.20,", "\t,-1.20,"))
    assert only(plain).lines == only(TRADE).lines
    account = changed(ACCOUNT, ("-200.00,6022", "200.00,6022"), ("-7.20,", "7.20,"), ("共-207", "共207"))
    assert only(account).lines == only(ACCOUNT).lines


def test_the_old_layout_without_number_and_name_of_the_shop_is_read() -> None:
    gone = {"门店名称", "操作员", "终端号"}
    lines = TRADE.split("\r\n")
    places = [place for place, name in enumerate(lines[4].split(",")) if name not in gone]
    old = [",".join(line.split(",")[place] for place in places) if line.count(",") == 24 else line for line in lines]
    assert old[4].count(",") == 21
    assert only("\r\n".join(old).replace("门店编号", "交易门店")).lines == only(TRADE).lines


def test_a_fee_of_five_decimals_is_rounded_to_cents() -> None:
    assert only(changed(TRADE, ("-7.20,", "-7.19500,"))).totals["fees"] == 618


def test_a_bill_of_a_month_says_its_first_and_last_day() -> None:
    month = changed(
        ACCOUNT, ("终止日期：[2026年10月02日", "终止日期：[2026年11月01日"), ("10-01 20:11:02,\t,1.20", "10-05 20:11:02,\t,1.20")
    )
    assert (only(month).since, only(month).on) == (date(2026, 10, 1), date(2026, 10, 31))


def test_an_empty_day_is_a_bill_of_its_day() -> None:
    lines = [line for line in TRADE.split("\r\n") if not line.startswith("2026")]
    empty = changed(
        "\r\n".join(lines), ("2笔，商家实收共1229.90", "0笔，商家实收共0.00"), ("1笔，商家实收退款共-200.00", "0笔，商家实收退款共0.00")
    )
    assert (only(empty).lines, only(empty).on) == ((), date(2026, 10, 1))


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("summary_mismatch", changed(TRADE, ("1200.00,1200.00", "1200.00,1200.01"))),
        ("summary_mismatch", changed(TRADE, ("2笔", "3笔"))),
        ("summary_mismatch", changed(TRADE, ("-200.00,-200.00", "-200.00,-201.00"))),
        ("summary_mismatch", TRADE.replace(next(line for line in TRADE.split("\r\n") if "0002" in line) + "\r\n", "")),
        ("summary_missing", TRADE[: TRADE.index("#退款合计")]),
        ("summary_missing", TRADE[: TRADE.index("#-----------------------------------------业务明细列表结束")]),
        ("summary_missing", changed(TRADE, ("2笔，商家实收共1229.90元，商家优惠共0.00元", ""))),
        ("after_summary", TRADE + TRADE),
        ("after_summary", TRADE + TRADE.split("\r\n")[5] + "\r\n"),
        ("missing_column", changed(TRADE, ("商家实收", "商家收入"))),
        ("missing_column", changed(ACCOUNT, ("账户余额", "余额"))),
        ("missing_column", changed(ACCOUNT, ("交易渠道", "渠道"))),
        ("missing_column", changed(TRADE, ("商家优惠（元）", "商家优惠金额（元）"))),
        ("unknown_layout", changed(TRADE, ("门店编号", "门店名称"))),
        ("unknown_kind", changed(TRADE, ("退款\t", "返还\t"))),
        ("row_width", changed(TRADE, ("耳机 12期", "耳机, 12期"))),
        ("row_width", changed(TRADE, (",花呗分期12期", ""))),
        ("bad_amount", changed(TRADE, ("1200.00,1200.00", "1.2e3,1200.00"))),
        ("bad_amount", changed(TRADE, ("29.90,29.90", "29.90,-29.90"))),
        ("bad_amount", changed(TRADE, ("29.90,29.90", "29.90,29.905"))),
        ("bad_amount", changed(ACCOUNT, ("29.90,0.00", "29.90,-1.00"))),
        ("balance_break", changed(ACCOUNT, ("6222.52", "6222.53"))),
        ("balance_break", changed(ACCOUNT, ("0.00,-0.18", "0.00,-0.19"))),
        ("summary_mismatch", changed(ACCOUNT, ("共-207.38", "共-207.39"))),
        ("summary_missing", ACCOUNT[: ACCOUNT.index("#收入合计")]),
        ("several_days", changed(TRADE, ("2026-10-01 12:30:04", "2026-10-02 00:00:00"))),
        ("bad_time", changed(TRADE, ("2026-10-01 12:30:04", "12:30:04"))),
        ("bad_time", changed(TRADE, ("2026年10月01日", "2026年13月01日"))),
        ("summary_missing", SUMMARY[: SUMMARY.index("#-----------------------------------------业务汇总列表结束")]),
        ("summary_mismatch", changed(SUMMARY, ("1023.72", "1023.73"))),
        ("summary_mismatch", changed(SUMMARY, ("合计\t", "S1,店,1,1,1029.90,1029.90,0.00,0.00,0.00,-6.18,0.00,1023.72\r\n合计\t"))),
    ],
)
def test_a_bill_that_contradicts_itself_is_refused(code: str, text: str) -> None:
    error = refusal(text)
    assert error.code == code, error.detail


def test_a_summary_that_says_otherwise_than_the_trades_beside_it_is_refused() -> None:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        archive.writestr("1.csv", changed(SUMMARY, ("2,1,1029.90", "3,1,1029.90")).encode("gbk"))
        archive.writestr("2.csv", TRADE.encode("gbk"))
    assert "payment_lines 3" in refusal(held.getvalue()).detail
