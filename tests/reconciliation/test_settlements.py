"""Settlements of channels abroad told as lines of an account of money, and placed on days."""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from yuefu.reconciliation.gateways.reading import read_one
from yuefu.reconciliation.rules.bills import Bill, BillError
from yuefu.reconciliation.rules.naming import GivenBack, refunds_named
from yuefu.reconciliation.rules.settlements import placed, told, without_totals

BILLS = Path(__file__).parents[1] / "data" / "bills"
ADYEN, AFFIRM, TRANSACTIONS, PAYOUTS = (
    (BILLS / name).read_bytes()
    for name in (
        "adyen_settlement_details_batch_42.csv",
        "affirm_settlement_events.json",
        "klarna_transactions.json",
        "klarna_payouts.json",
    )
)


def zipped(*members: bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as file:
        for number, data in enumerate(members):
            file.writestr(f"{number}.json", data)
    return packed.getvalue()


def table(bill: Bill) -> list[tuple[int, str, str, int]]:
    assert not any(line.fee for line in bill.lines), "a fee is a line of its own"
    return [(line.occurred_on.day, line.kind, line.reference, line.amount.minor) for line in bill.lines]


def test_a_batch_of_adyen_is_amounts_fees_and_what_left_for_the_bank() -> None:
    bill = told(read_one(ADYEN))
    assert table(bill) == [
        (1, "payment", "AO-1/MOD0000000000001", 15000),
        (1, "fee", "AO-1/MOD0000000000001", -460),
        (1, "payment", "AO-2/MOD0000000000002", 8000),
        (1, "fee", "AO-2/MOD0000000000002", -360),
        (3, "refund", "AO-1/MOD0000000000003", -3000),
        (3, "chargeback", "AO-0/MOD0000000000004", -2000),
        (4, "fee", "", -180),
        (5, "withdrawal", "", -17000),
    ]
    assert sum(line.amount.minor for line in bill.lines) == 0
    assert [line.line_no for line in bill.lines] == list(range(1, 9))


def test_fees_of_klarna_are_those_of_their_payment_added_up_and_their_tax_stands_beside() -> None:
    bill = told(read_one(TRANSACTIONS))
    assert table(bill) == [
        (2, "payment", "CAP-1/33db6f16-9f43-43fa-a587-cc51411c98e4", 10000),
        (2, "fee", "CAP-1/33db6f16-9f43-43fa-a587-cc51411c98e4", -390),
        (2, "tax", "CAP-1/33db6f16-9f43-43fa-a587-cc51411c98e4", -74),
        (3, "payment", "CAP-2/7a1d1111-0000-4000-8000-000000000002", 5000),
        (2, "fee", "CAP-2/7a1d1111-0000-4000-8000-000000000002", -195),
        (2, "tax", "CAP-2/7a1d1111-0000-4000-8000-000000000002", -37),
        (2, "refund", "REF-1/ef1baa1f-b42e-44be-b9e4-4b94510b53e5", -3000),
    ]


def test_payouts_of_klarna_are_their_totals_or_with_their_transactions_only_what_was_paid() -> None:
    alone = told(read_one(PAYOUTS))
    assert table(alone) == [
        *((5, kind, "XISA93DJ", minor) for kind, minor in (("payment", 15000), ("refund", -3000), ("fee", -585), ("tax", -111))),
        (5, "withdrawal", "XISA93DJ", -11304),
    ]
    assert [line.kind for line in without_totals(alone, {"XISA93DJ"}).lines] == ["withdrawal"]
    both = told(read_one(zipped(TRANSACTIONS, PAYOUTS)))
    assert (both.layout, both.account, both.since, both.on) == ("klarna.settlement", "K000001", date(2026, 10, 2), date(2026, 10, 5))
    assert sum(line.amount.minor for line in both.lines) == 0
    other = json.loads(TRANSACTIONS)
    other["transactions"][0]["amount"] += 1
    with pytest.raises(BillError, match="XISA93DJ") as caught:
        read_one(zipped(json.dumps(other).encode(), PAYOUTS))
    assert caught.value.code == "summary_mismatch"


def test_events_of_affirm_have_a_reference_each_and_one_of_ours_stays_as_it_is() -> None:
    assert table(told(read_one(AFFIRM))) == [(2, "payment", "TX-1/se_1", 94070), (4, "refund", "TX-1/se_2", -20000)]
    ours = "pay_01k6w3v7yqe5ma0ge3wjz6n2vd"
    assert [line.reference for line in told(read_one(AFFIRM.replace(b"TX-1", ours.encode()))).lines] == [ours, ours]
    fee = AFFIRM.replace(b'"amount": 94070', b'"amount": 94070, "fee": 1500').replace(b'"amount": -20000', b'"amount": -20000, "fee": -300')
    assert table(told(read_one(fee))) == [
        (2, "payment", "TX-1/se_1", 94070),
        (2, "fee", "TX-1/se_1", -1500),
        (4, "refund", "TX-1/se_2", -19700),
    ]


def test_a_line_counts_on_its_day_or_on_the_next_that_has_no_bill() -> None:
    bill = told(read_one(ADYEN))
    days = [date(2026, 10, day) for day in range(1, 6)]
    assert [(on.day, len(lines)) for on, lines in placed(bill, ()).items()] == [(1, 4), (2, 0), (3, 2), (4, 1), (5, 1)]
    shifted = placed(bill, days[:2])
    assert [(on.day, len(lines)) for on, lines in shifted.items()] == [(3, 6), (4, 1), (5, 1)]
    assert {line.occurred_on for line in shifted[days[2]]} == {days[2]}
    assert placed(bill, days[4:]) == placed(bill, days) == {}, "the last line finds no day"
    one = replace(bill, since=None, lines=bill.lines[-1:])
    assert placed(one, ()) == {days[4]: one.lines}


def test_a_refund_of_alipay_is_net_of_its_fee_and_is_named_by_the_refund_of_its_payment() -> None:
    bill = told(read_one((BILLS / "alipay_account_detail_20261001.gbk.csv").read_bytes()))
    assert [(line.kind, line.amount.minor) for line in bill.lines] == [
        *(("payment", 120000), ("fee", -720), ("payment", 2990), ("fee", -18), ("refund", -19880)),
    ]
    assert bill.lines[-1].balance == bill.lines[-2].balance + bill.lines[-1].amount  # type: ignore[operator]
    refund = bill.lines[-1]
    known = [GivenBack("crf_1", refund.reference, 100, 99), GivenBack("crf_2", refund.reference, 20000, 19880)]
    assert [line.reference for line in refunds_named([refund, refund, refund], known)] == ["crf_2", "crf_1", refund.reference]
    assert [line.reference for line in refunds_named([bill.lines[0]], known)] == [bill.lines[0].reference], "a payment is no refund"
    other = replace(refund, amount=refund.amount + refund.amount)
    assert [line.reference for line in refunds_named([other], known)] == [other.reference], "nobody chooses"
