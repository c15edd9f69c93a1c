"""Bills of one channel and day are held against each other: the verdict, and each break by class, reference and amount."""

import gzip
import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from yuefu.reconciliation.gateways.reading import read
from yuefu.reconciliation.rules.holding import Held, hold

BILLS = Path(__file__).parents[1] / "data" / "bills"


def sample(name: str) -> str:
    return (BILLS / name).read_bytes().decode()


TRADE, FUND = sample("wechat_tradebill_ALL_20261001.csv"), sample("wechat_fundflow_BASIC_20261001.csv")
SUCCESS, REFUND = sample("wechat_tradebill_SUCCESS_20261001.csv"), sample("wechat_tradebill_REFUND_20261001.csv")
EMPTY = sample("wechat_tradebill_ALL_empty.csv")
EMPTY_FUND = FUND.split("\r\n")[0] + "\r\n资金流水总笔数,收入笔数,收入金额,支出笔数,支出金额\r\n`0,`0,`0.00,`0,`0.00\r\n"
ALIPAY, ACCOUNT = sample("alipay_trade_detail_20261001.utf8.csv"), sample("alipay_account_detail_20261001.utf8.csv")
TRANSACTIONS, PAYOUTS = sample("klarna_transactions.json"), sample("klarna_payouts.json")


def changed(text: str, *pairs: tuple[str, str]) -> str:
    for old, new in pairs:
        assert old in text, f"{old} is not in the sample"
        text = text.replace(old, new, 1)
    return text


def held(*files: str | bytes, on: date | None = None) -> Held:
    return hold([bill for file in files for bill in read(file if isinstance(file, bytes) else file.encode())], on)


def breaks(*files: str) -> list[tuple[str, str, str, str]]:
    return [(one.klass, one.kind, one.reference, one.amount.decimal_text()) for one in held(*files).breaks]


@pytest.mark.parametrize(
    ("verdict", "files"),
    [
        ("pending", [TRADE, FUND]),
        ("pending", [FUND, TRADE]),
        ("pending", [SUCCESS, REFUND, FUND]),
        ("pending", [TRADE, SUCCESS, REFUND, FUND]),
        ("reconciled", [changed(TRADE, ("`PROCESSING", "`CLOSED")), FUND]),
        ("reconciled", [ALIPAY, ACCOUNT]),
        ("reconciled", [TRANSACTIONS, PAYOUTS]),
        ("reconciled", [sample("adyen_settlement_details_batch_42.csv")]),
        ("warnings", [TRADE, FUND, TRADE]),
        ("warnings", [TRADE, FUND, gzip.compress(TRADE.encode())]),
        ("warnings", [ALIPAY, ACCOUNT, ALIPAY.encode("gbk")]),
        ("warnings", [changed(TRADE, ("`PROCESSING", "`CLOSED"), ("`MICROPAY,`SUCCESS", "`MICROPAY,`NEVER_HEARD")), FUND]),
        ("warnings", [sample("bank_mt940_20261001.sta")]),
        ("warnings", [changed(sample("adyen_settlement_details_batch_42.csv"), (",Fee,", ",Feast,"))]),
        ("incomplete", [TRADE]),
        ("incomplete", [FUND]),
        ("incomplete", [SUCCESS, FUND]),
        ("incomplete", [REFUND, FUND]),
        ("incomplete", [ALIPAY]),
        ("incomplete", [ACCOUNT, TRADE, FUND]),
        ("incomplete", [PAYOUTS]),
        ("incomplete", [TRANSACTIONS]),
        ("incomplete", [EMPTY]),
        ("incomplete", [ALIPAY, changed(ACCOUNT, ("010156]", "010157]"))]),
        ("incomplete", [TRADE, FUND.replace("2026-10-01", "2026-10-02")]),
        ("reconciled", [EMPTY, EMPTY_FUND]),
    ],
)
def test_the_verdict_is_the_first_that_holds(verdict: str, files: list[str | bytes]) -> None:
    found = held(*files)
    assert (found.verdict(), found.breaks) == (verdict, []), found


def test_a_bill_without_lines_is_of_the_day_that_is_said_or_of_the_only_one() -> None:
    moved = FUND.split("\r\n")
    withdrawal = "\r\n".join([moved[0], moved[7], moved[8], "`1,`0,`0.00,`1,`1000.00"])
    assert held(EMPTY, withdrawal).verdict() == "reconciled"
    assert held(EMPTY, EMPTY_FUND, on=date(2026, 10, 1)).pairs[0].on == date(2026, 10, 1)
    assert held(EMPTY, TRADE, FUND, FUND.replace("2026-10-01", "2026-10-02")).verdict() == "incomplete"


def test_a_refund_in_process_is_pending_and_no_break() -> None:
    (waiting,) = held(TRADE, FUND).pending
    assert (waiting.reference, waiting.trade and waiting.trade.decimal_text()) == ("RF20261001-0002", "-297.21")


def without_payment() -> str:
    """The fund flow without the payment of 60.00 and its fee, as a channel would print it that never had them."""
    lines = FUND.split("\r\n")
    kept = [*lines[:3], *lines[5:]]
    text = "\r\n".join(kept)
    for old, new in (("1801.15", "1741.51"), ("1801.16", "1741.52"), ("801.16", "741.52")):
        text = text.replace(f"`{old}", f"`{new}")
    return changed(text, ("`7,`3,`1359.01,`4,`1057.85", "`5,`2,`1299.01,`3,`1057.49"))


def test_a_payment_without_cash_is_missing_there_with_its_fee() -> None:
    assert breaks(TRADE, without_payment()) == [
        ("missing_there", "payment", "PM20261001-0002", "60.00"),
        ("missing_there", "fee", "PM20261001-0002", "-0.36"),
    ]


def test_cash_without_a_payment_is_missing_here() -> None:
    lines = TRADE.split("\r\n")
    text = "\r\n".join([*lines[:2], *lines[3:]])
    text = changed(text, ("`5,`1359.01,`349.00,`0.00,`6.06000,`1359.01", "`4,`1299.01,`349.00,`0.00,`5.70000,`1299.01"))
    assert breaks(text, FUND) == [
        ("missing_here", "payment", "PM20261001-0002", "60.00"),
        ("missing_here", "fee", "PM20261001-0002", "-0.36"),
    ]


def test_another_amount_and_another_fee_are_told_apart() -> None:
    more = changed(TRADE, ("`CNY,`60.00", "`CNY,`61.00"), ("`0.60%,`60.00", "`0.60%,`61.00"), ("`0.36000", "`0.37000"))
    more = changed(more, ("`5,`1359.01,`349.00,`0.00,`6.06000,`1359.01", "`5,`1360.01,`349.00,`0.00,`6.07000,`1360.01"))
    assert breaks(more, FUND) == [
        ("amount_differs", "payment", "PM20261001-0002", "-1.00"),
        ("fee_differs", "fee", "PM20261001-0002", "0.01"),
    ]


def test_a_line_that_stands_twice_counts_once_and_is_a_duplicate() -> None:
    lines = TRADE.split("\r\n")
    text = "\r\n".join([*lines[:3], *lines[2:]])
    text = changed(text, ("`5,`1359.01,`349.00,`0.00,`6.06000,`1359.01", "`6,`1419.01,`349.00,`0.00,`6.42000,`1419.01"))
    assert breaks(text, FUND) == [("duplicate", "payment", "PM20261001-0002", "60.00")]


def test_cash_that_came_twice_is_a_duplicate() -> None:
    lines = FUND.split("\r\n")
    again = lines[6].replace("4200001000000000000000000006", "4200001000000000000000000016").replace("1801.16", "1801.17")
    text = "\r\n".join([*lines[:7], again, lines[7].replace("801.16", "801.17"), *lines[8:]])
    text = changed(text, ("`7,`3,`1359.01", "`8,`4,`1359.02"))
    assert breaks(TRADE, text) == [("duplicate", "payment", "PM20261001-0003", "0.01")]


def test_a_part_that_says_otherwise_than_the_whole_is_a_break() -> None:
    lines = SUCCESS.split("\r\n")
    text = changed(
        "\r\n".join([*lines[:2], *lines[3:]]),
        ("`3,`1359.01,`0.00,`0.00,`8.15000,`1359.01", "`2,`1299.01,`0.00,`0.00,`7.79000,`1299.01"),
    )
    assert breaks(TRADE, text, FUND) == [("missing_there", "payment", "PM20261001-0002", "60.00")]


def test_another_version_of_a_day_is_refused_and_nothing_is_green() -> None:
    found = held(TRADE, FUND, changed(TRADE, ("`PROCESSING", "`CLOSED")))
    assert ({place: error.code for place, error in found.refused.items()}, found.verdict()) == ({2: "other_version"}, "incomplete")


def test_trades_and_account_of_alipay_are_joined_by_the_number_of_the_trade() -> None:
    less = changed(ACCOUNT, ("29.90,0.00,6222.70", "29.80,0.00,6222.60"))
    for balance in ("6222.52", "6022.52", "6023.72"):
        less = less.replace(balance, f"{float(balance) - 0.1:.2f}")
    less = changed(less, ("1231.10", "1231.00"))
    assert breaks(ALIPAY, less) == [("amount_differs", "payment", "AL20261001-0002", "-0.10")]
    assert breaks(changed(ALIPAY, ("-7.20,0.00", "-7.30,0.00")), ACCOUNT) == [("fee_differs", "fee", "AL20261001-0001", "0.10")]
    lost = changed(ALIPAY, ("-200.00,-200.00", "0.00,0.00"), ("1笔，商家实收退款共-200.00", "1笔，商家实收退款共0.00"))
    assert breaks(lost, ACCOUNT) == [("amount_differs", "refund", "AR20261001-0001", "-200.00")]


def test_an_amount_of_an_order_that_its_row_does_not_explain_is_never_green() -> None:
    ordered = changed(ALIPAY, ("1200.00,1200.00", "1200.01,1200.00"))
    found = held(ordered, ACCOUNT)
    assert (found.verdict(), found.breaks, ["differ by 0.01 more" in one for one in found.warnings]) == ("warnings", [], [True])
    received = changed(ALIPAY, ("1200.00,1200.00", "1200.00,1200.01"), ("共1229.90", "共1229.91"))
    assert breaks(received, ACCOUNT) == [("amount_differs", "payment", "AL20261001-0001", "-0.01")]
    given = changed(
        ALIPAY, ("1200.00,1200.00,0.00,0.00,0.00,0.00", "1201.00,1200.00,0.00,0.00,0.00,1.00"), ("商家优惠共0.00", "商家优惠共1.00")
    )
    assert held(given, ACCOUNT).verdict() == "reconciled"


def with_(text: str, key: str, place: int, **values: Any) -> str:
    document = json.loads(text)
    document[key][place].update(values)
    return json.dumps(document)


def test_a_payout_is_the_sum_of_its_transactions() -> None:
    assert breaks(with_(TRANSACTIONS, "transactions", 0, amount=9900), PAYOUTS) == [("amount_differs", "payment", "XISA93DJ", "1.00")]
    assert breaks(with_(TRANSACTIONS, "transactions", 1, amount=-300), PAYOUTS) == [("fee_differs", "fee", "XISA93DJ", "0.10")]
    assert breaks(with_(TRANSACTIONS, "transactions", 1, vat_amount=-56), PAYOUTS) == [("fee_differs", "tax", "XISA93DJ", "0.01")]
    renamed = with_(PAYOUTS, "payouts", 0, payment_reference="XISA0000")
    assert breaks(TRANSACTIONS, renamed) == [
        ("missing_there", "payout", "XISA93DJ", "113.04"),
        ("missing_here", "payout", "XISA0000", "113.04"),
    ]


def test_a_transaction_that_is_in_no_payout_yet_is_pending() -> None:
    document = json.loads(TRANSACTIONS)
    sale = document["transactions"][0] | {"payment_reference": None, "capture_id": "c-9"}
    document |= {"transactions": [*document["transactions"], sale], "pagination": {"count": 7, "total": 7, "offset": 0}}
    assert held(json.dumps(document), PAYOUTS).verdict() == "pending"


def test_a_payout_that_is_settled_gross_is_a_warning() -> None:
    document = json.loads(PAYOUTS)
    document["payouts"][0]["merchant_settlement_type"] = "GROSS"
    document["payouts"][0]["totals"]["settlement_amount"] = 12000
    found = held(TRANSACTIONS, json.dumps(document))
    assert (found.verdict(), found.breaks, len(found.warnings)) == ("warnings", [], 1)


def test_the_tax_on_fees_may_stand_in_lines_of_its_own() -> None:
    document = json.loads(TRANSACTIONS)
    tax = document["transactions"][1] | {"type": "TAX", "detailed_type": "TAX", "amount": -111, "vat_amount": 0}
    document |= {"transactions": [*document["transactions"], tax], "pagination": {"count": 7, "total": 7, "offset": 0}}
    assert held(json.dumps(document), PAYOUTS).verdict() == "reconciled"


def test_a_line_of_an_account_that_is_shown_again_is_a_duplicate_of_any_kind() -> None:
    lines = FUND.split("\r\n")
    paid_out = changed(
        "\r\n".join([*lines[:8], lines[7].replace("`801.16", "`-198.84"), *lines[8:]]),
        ("`7,`3,`1359.01,`4,`1057.85", "`8,`3,`1359.01,`5,`2057.85"),
    )
    assert breaks(TRADE, paid_out) == [("duplicate", "withdrawal", "WD20261001", "-1000.00")]


def account_with(*rows: str) -> str:
    """The account of Alipay with other rows: its balances and totals are those of the rows."""
    lines = ACCOUNT.split("\r\n")
    balance, told = 5000_00, []
    sizes: tuple[list[int], list[int]] = ([], [])
    for row in rows:
        values = row.split(",")
        into, out = (round(float(values[place]) * 100) for place in (6, 7))
        balance += into + out
        sizes[bool(out)].append(into or -out)
        told.append(",".join([*values[:8], f"{balance / 100:.2f}", *values[9:]]))
    income, expense = ((len(side), sum(side) / 100) for side in sizes)
    foot = [f"#支出合计：{expense[0]}笔，共-{expense[1]:.2f}元", f"#收入合计：{income[0]}笔，共{income[1]:.2f}元"]
    return "\r\n".join([*lines[:5], *told, lines[11], *foot, lines[14], ""])


ROWS = ACCOUNT.split("\r\n")[5:11]


@pytest.mark.parametrize(
    ("rows", "found"),
    [
        (ROWS, []),
        (ROWS[:1] + ROWS[2:], [("missing_there", "fee", "AL20261001-0001", "-7.20")]),
        (ROWS[:5], [("missing_there", "fee", "AR20261001-0001", "1.20")]),
        ([*ROWS[:2], ROWS[1].replace("540000000002", "540000000009"), *ROWS[2:]], [("duplicate", "fee", "AL20261001-0001", "-7.20")]),
    ],
)
def test_the_fee_that_was_taken_and_that_which_was_given_back_are_told_apart(
    rows: list[str], found: list[tuple[str, str, str, str]]
) -> None:
    assert breaks(ALIPAY, account_with(*rows)) == found


def test_of_two_refunds_of_a_payment_the_one_that_the_account_lacks_is_named() -> None:
    lines = ALIPAY.split("\r\n")
    second = (
        lines[7].replace("AR20261001-0001", "AR20261001-0002").replace("-200.00,-200.00", "-300.00,-300.00").replace(",1.20,", ",0.00,")
    )
    text = changed("\r\n".join([*lines[:8], second, *lines[8:]]), ("1笔，商家实收退款共-200.00", "2笔，商家实收退款共-500.00"))
    assert breaks(text, ACCOUNT) == [("missing_there", "refund", "AR20261001-0002", "-300.00")]


def test_a_payment_that_stands_twice_under_two_references_is_told_with_its_sign() -> None:
    lines = TRADE.split("\r\n")
    text = "\r\n".join([*lines[:4], lines[3].replace("PM20261001-0003", "PM-OTHER"), *lines[4:]])
    text = changed(text, ("`5,`1359.01,`349.00,`0.00,`6.06000,`1359.01", "`6,`1359.02,`349.00,`0.00,`6.06000,`1359.02"))
    assert breaks(text, FUND) == [("duplicate", "payment", "PM-OTHER", "0.01")]


def test_a_total_of_a_payout_without_transactions_is_missing_here_and_no_duplicate() -> None:
    document = json.loads(TRANSACTIONS)
    del document["transactions"][5], document["pagination"]
    assert breaks(json.dumps(document), PAYOUTS) == [("missing_here", "refund", "XISA93DJ", "-30.00")]
