"""Writing the files of the sandbox channel and bank: the sample to the byte, and whatever is written is read back."""

import json
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from yuefu.money.amounts import Money
from yuefu.payments.gateways.wechat_layout import FundRow, TradeRow, fund_flow, trade_bill, trade_bill_apply
from yuefu.reconciliation.gateways.wechat import read_bill

BILLS = Path(__file__).parents[1] / "data" / "bills"


def cny(minor: int) -> Money:
    return Money(minor, "CNY")


def payment(**changes: object) -> TradeRow:
    values: dict[str, object] = {
        "at": datetime(2026, 10, 1, 9, 15, 2),
        "account": "1900000001",
        "kind": "payment",
        "provider_id": "4200001000000000000000000001",
        "reference": "PM20261001-0001",
        "original_reference": "",
        "original_provider_id": "",
        "amount": cny(129900),
        "fee": cny(779),
        "fee_rate_text": "0.60%",
        "status": "SUCCESS",
        "payer": "o_user_0001",
        "description": "手机 128G",
    }
    return TradeRow(**{**values, **changes})  # type: ignore[arg-type]


def refund(**changes: object) -> TradeRow:
    values: dict[str, object] = {
        "at": datetime(2026, 10, 1, 16, 47, 58),
        "kind": "refund",
        "provider_id": "50302701000000000000000000001",
        "reference": "RF20261001-0001",
        "original_reference": "PM20260928-0007",
        "original_provider_id": "4200001000000000000000000009",
        "amount": cny(5000),
        "fee": cny(-30),
        "payer": "o_user_0009",
        "description": "9月28日订单",
    }
    return payment(**{**values, **changes})


def fund(amount: int, **changes: object) -> FundRow:
    values: dict[str, object] = {
        "at": datetime(2026, 10, 1, 23),
        "business_id": "50100000000000000000000000001",
        "flow_id": "4200001000000000000000000007",
        "name": "提现",
        "type": "提现",
        "amount": cny(amount),
        "submitted_by": "system",
        "note": "自动提现",
        "reference": "WD20261001",
    }
    return FundRow(**{**values, **changes})  # type: ignore[arg-type]


def sample_lines(name: str) -> list[str]:
    return (BILLS / name).read_bytes().decode().split("\r\n")


def test_a_refund_row_is_written_as_in_the_sample() -> None:
    written, sample = trade_bill([refund()]).decode().split("\r\n"), sample_lines("wechat_tradebill_ALL_20261001.csv")
    assert (written[0], written[2]) == (sample[0], sample[6])
    assert written[1] == sample[4]
    assert written[3:] == ["`1,`0.00,`50.00,`0.00,`-0.30000,`0.00,`50.00", ""]


def test_a_payment_row_is_written_as_in_the_sample() -> None:
    sample = sample_lines("wechat_tradebill_ALL_20261001.csv")[2]
    row = payment(
        at=datetime(2026, 10, 1, 11, 42, 40),
        provider_id="4200001000000000000000000002",
        reference="PM20261001-0002",
        payer="o_user_0002",
        amount=cny(6000),
        fee=cny(36),
        description="口红,套装A,",
    )
    assert trade_bill([row]).decode().split("\r\n")[1] == sample.replace("NATIVE", "JSAPI").replace("`a,b,c,`", "`,`")


def test_a_bill_without_rows_is_the_empty_sample() -> None:
    assert trade_bill([]) == (BILLS / "wechat_tradebill_ALL_empty.csv").read_bytes()


def test_a_fund_flow_is_the_sample_to_the_byte() -> None:
    def row(time: str, business: str, flow: str, name: str, type_: str, minor: int, by: str, note: str, reference: str) -> FundRow:
        return FundRow(datetime.fromisoformat("2026-10-01 " + time), business, flow, name, type_, cny(minor), by, note, reference)

    pay, flow = "420000100000000000000000000", "420000100000000000000000000"
    notes = ("结算总金额1299.00元;含手续费7.79元", "结算总金额60.00元;含手续费0.36元", "结算总金额0.01元;含手续费0.00元")
    rows = [
        row("09:15:02", pay + "1", flow + "1", "交易", "交易", 129900, "system", notes[0], "PM20261001-0001"),
        row("09:15:02", pay + "1", flow + "2", "交易", "扣除交易手续费", -779, "system", notes[0], "PM20261001-0001"),
        row("11:42:40", pay + "2", flow + "3", "交易", "交易", 6000, "system", notes[1], "PM20261001-0002"),
        row("11:42:40", pay + "2", flow + "4", "交易", "扣除交易手续费", -36, "system", notes[1], "PM20261001-0002"),
        row(
            "16:48:03",
            "50302701000000000000000000001",
            flow + "5",
            "退款",
            "退款",
            -4970,
            "1900000001API",
            "退款总金额50.00元;含手续费0.30元",
            "RF20261001-0001",
        ),
        row("21:05:09", pay + "3", flow + "6", "交易", "交易", 1, "system", notes[2], "PM20261001-0003"),
        row("23:00:00", "50100000000000000000000000001", flow + "7", "提现", "提现", -100000, "system", "自动提现", "WD20261001"),
    ]
    assert fund_flow(rows, opening=cny(50000)) == (BILLS / "wechat_fundflow_BASIC_20261001.csv").read_bytes()


def test_the_hash_of_the_answer_is_the_samples() -> None:
    expected = json.loads((BILLS / "wechat_tradebill_ALL_20261001.apply.json").read_bytes())
    answer = trade_bill_apply((BILLS / "wechat_tradebill_ALL_20261001.csv").read_bytes())
    assert answer == {"hash_type": "SHA1", "hash_value": expected["hash_value"]}


def test_a_flow_without_rows_is_a_bill_without_lines() -> None:
    assert read_bill(fund_flow([], opening=cny(5))).lines == ()


@pytest.mark.parametrize(
    ("type_", "minor", "kind"),
    [
        ("代付", -500, "payout"),
        ("代付退回", 500, "payout_returned"),
        ("资金划入", 900, "funding"),
        ("渠道提现到账", 800, "withdrawal"),
        ("提现", -800, "withdrawal"),
    ],
)
def test_the_words_of_a_banks_file_are_read_as_their_kinds(type_: str, minor: int, kind: str) -> None:
    line = read_bill(fund_flow([fund(minor, type=type_)], opening=cny(0))).lines[0]
    assert (line.kind, line.amount, line.balance) == (kind, cny(minor), cny(minor))


def test_another_currency_is_written_with_its_own_decimals() -> None:
    data = trade_bill([payment(amount=Money(100, "JPY"), fee=Money(1, "JPY"))])
    assert read_bill(data, currency="JPY").lines[0].amount == Money(100, "JPY")


@pytest.mark.parametrize(
    "row",
    [
        payment(kind="fee"),
        payment(amount=cny(-1)),
        payment(fee=cny(-1)),
        refund(fee=cny(1)),
        refund(amount=cny(-1)),
        payment(status="REFUND"),
        refund(provider_id="0"),
        payment(fee=Money(1, "USD")),
        payment(reference="A,`B"),
        payment(reference="A\nB"),
        payment(reference=" A"),
        payment(account="19,00"),
    ],
)
def test_a_row_the_layout_cannot_say_is_refused(row: TradeRow) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        trade_bill([row])


def test_a_flow_of_two_currencies_or_with_a_separator_in_a_number_is_refused() -> None:
    with pytest.raises(ValueError, match="one currency"):
        fund_flow([fund(1)], opening=Money(0, "USD"))
    with pytest.raises(ValueError, match="separator"):
        fund_flow([fund(1, flow_id="1,2")], opening=cny(0))


def test_free_text_cannot_break_a_file() -> None:
    hostile = "a,`b\r\n`c,`总交易单数\u2028\x00`"
    lines = read_bill(trade_bill([payment(description=hostile, payer=hostile), refund(description=hostile)])).lines
    assert [x.reference for x in lines] == ["PM20261001-0001", "RF20261001-0001"]
    flow = read_bill(fund_flow([fund(5, note=hostile, name=hostile, submitted_by=hostile)], opening=cny(0)))
    assert flow.lines[0].reference == "WD20261001"


IDS = st.text("0123456789ABCDEFabcdef_-", min_size=2, max_size=32)
MINOR = st.integers(0, 10**11)
TIMES = st.builds(lambda s: datetime(2026, 10, 1, s // 3600, s // 60 % 60, s % 60), st.integers(0, 86399))
PAYMENTS = st.builds(
    payment, at=TIMES, provider_id=IDS, reference=IDS, amount=MINOR.map(cny), fee=MINOR.map(cny), payer=st.text(), description=st.text(),
    status=st.sampled_from(["SUCCESS", "REVOKED"]),
)  # fmt: skip
REFUNDS = st.builds(
    refund, at=TIMES, provider_id=IDS, reference=IDS, amount=MINOR.map(cny), fee=MINOR.map(lambda n: cny(-n)), payer=st.text(),
    description=st.text(), status=st.sampled_from(["SUCCESS", "PROCESSING", "FAIL", "CHANGE"]),
)  # fmt: skip


@settings(max_examples=80, deadline=None)
@given(st.lists(PAYMENTS | REFUNDS, max_size=12))
def test_a_trade_bill_read_back_gives_its_rows(rows: list[TradeRow]) -> None:
    bill = read_bill(trade_bill(rows))
    read = [(x.occurred_at, x.kind, x.provider_id, x.reference, x.amount, x.fee, x.status) for x in bill.lines]
    assert read == [
        (r.at, r.kind, r.provider_id, r.reference, r.amount if r.kind == "payment" else -r.amount, r.fee, r.status) for r in rows
    ]
    assert bill.account == ("1900000001" if rows else "")


FUNDS = st.builds(
    lambda at, minor, number, reference, note: fund(minor, at=at, flow_id=number, business_id=number, reference=reference, note=note),
    TIMES, st.integers(-(10**11), 10**11), IDS, IDS, st.text(),
)  # fmt: skip


@settings(max_examples=80, deadline=None)
@given(st.lists(FUNDS, max_size=12), st.integers(-(10**11), 10**11))
def test_a_fund_flow_read_back_gives_its_rows_and_ends_at_its_balance(rows: list[FundRow], opening: int) -> None:
    lines = read_bill(fund_flow(rows, opening=cny(opening))).lines
    read = [(x.occurred_at, x.provider_id, x.business_id, x.reference, x.amount) for x in lines]
    assert read == [(r.at, r.flow_id, r.business_id, r.reference, r.amount) for r in rows]
    assert not lines or lines[-1].balance == cny(opening + sum(r.amount.minor for r in rows))
