"""The trade bill and the fund flow of one day reconcile to each other, and say where they do not."""

from dataclasses import replace
from pathlib import Path

import pytest

from yuefu.money.amounts import Money
from yuefu.reconciliation.gateways.wechat import read_bill
from yuefu.reconciliation.rules.bills import Bill, BillError
from yuefu.reconciliation.rules.pairs import verify_pair

BILLS = Path(__file__).parents[1] / "data" / "bills"


def text(name: str) -> str:
    return (BILLS / name).read_bytes().decode()


TRADE = text("wechat_tradebill_ALL_20261001.csv")
FUND = text("wechat_fundflow_BASIC_20261001.csv")


def bill(content: str) -> Bill:
    return read_bill(content.encode())


def kinds(trade: str, fund: str) -> list[tuple[str, str, str]]:
    return [(str(x.kind), x.line_kind, x.reference) for x in verify_pair(bill(trade), bill(fund))]


PENDING = ("timing", "refund", "RF20261001-0002")


def test_the_samples_of_one_day_differ_only_by_the_refund_still_in_process() -> None:
    (difference,) = verify_pair(bill(TRADE), bill(FUND))
    assert (difference.kind, difference.reference) == ("timing", "RF20261001-0002")
    assert (difference.trade, difference.fund) == (Money.parse("-297.21", "CNY"), None)


def test_a_payment_without_cash_is_missing_in_the_fund_flow_with_its_fee() -> None:
    lost = FUND.replace("`4200001000000000000000000002,`4200001000000000000000000003", "`X,`4200001000000000000000000003")
    assert kinds(TRADE, lost) == [
        ("missing_in_fund", "payment", "PM20261001-0002"),
        PENDING,
        ("missing_in_trade", "payment", "PM20261001-0002"),
    ]


def test_cash_of_another_amount_differs() -> None:
    other = FUND.replace("`60.00,`1851.21", "`61.00,`1852.21").replace("`0.36,`1850.85", "`1.36,`1850.85")
    other = other.replace("1359.01", "1360.01").replace("1057.85", "1058.85")
    assert kinds(TRADE, other) == [("amount_differs", "payment", "PM20261001-0002"), ("fee_differs", "fee", "PM20261001-0002"), PENDING]


def test_a_refund_is_expected_net_of_the_fee_given_back() -> None:
    gross = TRADE.replace("`-0.30000", "`-0.20000").replace("`6.06000", "`6.16000")
    assert kinds(gross, FUND) == [("amount_differs", "refund", "RF20261001-0001"), PENDING]


def test_a_refund_that_failed_expects_no_cash() -> None:
    assert kinds(TRADE.replace("`PROCESSING,", "`FAIL,"), FUND) == []


def test_a_refund_in_process_whose_cash_is_there_agrees() -> None:
    assert kinds(TRADE.replace("`9月28日订单", "`x").replace("`ORIGINAL,`SUCCESS", "`ORIGINAL,`PROCESSING"), FUND) == [PENDING]


def test_a_revoked_payment_expects_no_cash() -> None:
    revoked = TRADE.replace("`MICROPAY,`SUCCESS", "`MICROPAY,`REVOKED")
    assert kinds(revoked, FUND) == [PENDING, ("missing_in_trade", "payment", "PM20261001-0003")]


def test_bills_of_different_days_or_kinds_are_no_pair() -> None:
    for one, other in [(TRADE, text("wechat_fundflow_v2_fullwidth.csv")), (FUND, TRADE), (TRADE, TRADE)]:
        with pytest.raises(BillError) as caught:
            verify_pair(bill(one), bill(other))
        assert caught.value.code == "not_a_pair"


def test_an_empty_bill_pairs_with_a_flow_of_withdrawals_only() -> None:
    rows = FUND.split("\r\n")
    only = "\r\n".join([rows[0], rows[7], rows[8], "`1,`0,`0.00,`1,`1000.00"])
    assert kinds(text("wechat_tradebill_ALL_empty.csv"), only) == []


class Counted(str):
    """A reference that counts how often it is compared."""

    __slots__ = ()
    compared = 0
    __hash__ = str.__hash__

    def __eq__(self, other: object) -> bool:
        Counted.compared += 1
        return str.__eq__(self, other)


def test_many_lines_of_one_number_are_told_without_holding_each_against_each() -> None:
    trade, fund = bill(TRADE), bill(FUND)
    refund = next(line for line in trade.lines if line.kind == "refund")
    many = [replace(refund, reference=Counted(f"RF{number // 2}")) for number in range(400)]
    found = verify_pair(replace(trade, lines=tuple(many)), replace(fund, lines=()))
    assert [(one.kind, one.reference) for one in found] == [("missing_in_fund", f"RF{number}") for number in range(200)]
    assert Counted.compared < 20 * len(many)
