"""Reading the settlements that come as JSON: Klarna's transactions and payouts, Affirm's events."""

import copy
import json
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from yuefu.reconciliation.gateways.reading import read
from yuefu.reconciliation.rules.bills import Bill, BillError

BILLS = Path(__file__).parents[1] / "data" / "bills"
TRANSACTIONS, PAYOUTS, EVENTS = (
    json.loads((BILLS / name).read_bytes()) for name in ("klarna_transactions.json", "klarna_payouts.json", "affirm_settlement_events.json")
)


def only(document: Any) -> Bill:
    (bill,) = read(json.dumps(document).encode())
    return bill


def refusal(data: bytes) -> BillError:
    with pytest.raises(BillError) as caught:
        read(data)
    assert caught.value.detail.endswith(".")
    return caught.value


def with_(document: Any, change: Callable[[Any], Any]) -> bytes:
    new = copy.deepcopy(document)
    change(new)
    return json.dumps(new).encode()


def test_transactions_are_read_with_the_payout_they_are_paid_in() -> None:
    bill = only(TRANSACTIONS)
    assert (bill.layout, bill.currency, bill.since, bill.on) == ("klarna.transactions", "EUR", date(2026, 10, 2), date(2026, 10, 3))
    table = [(x.kind, x.reference, x.amount.minor, x.fee.minor) for x in bill.lines]
    assert table == [
        ("payment", "CAP-1", 10000, 0),
        ("fee", "KO-1001", -290, 55),
        ("fee", "KO-1001", -100, 19),
        ("payment", "CAP-2", 5000, 0),
        ("fee", "KO-1001", -195, 37),
        ("refund", "REF-1", -3000, 0),
    ]
    assert {x.business_id for x in bill.lines} == {"XISA93DJ"}
    assert sum(x.amount.minor - x.fee.minor for x in bill.lines) == 11304
    assert dict(bill.totals) == {"lines": 6, "payments": 15000, "refunds": 3000, "fees": 696}


def test_a_payout_is_its_totals_and_what_was_paid() -> None:
    bill = only(PAYOUTS)
    assert (bill.layout, bill.account, bill.on) == ("klarna.payouts", "K000001", date(2026, 10, 5))
    assert [(x.kind, x.reference, x.amount.minor) for x in bill.lines] == [
        ("payment", "XISA93DJ", 15000),
        ("refund", "XISA93DJ", -3000),
        ("fee", "XISA93DJ", -585),
        ("tax", "XISA93DJ", -111),
        ("payout", "XISA93DJ", -11304),
    ]
    assert sum(x.amount.minor for x in bill.lines) == 0
    assert only(PAYOUTS["payouts"][0]).lines == bill.lines


def test_amounts_without_signs_are_signed_by_their_type() -> None:
    plain = copy.deepcopy(TRANSACTIONS)
    for one in plain["transactions"]:
        one["amount"], one["vat_amount"] = abs(one["amount"]), abs(one.get("vat_amount", 0))
    assert only(plain).lines == only(TRANSACTIONS).lines
    payouts = copy.deepcopy(PAYOUTS)
    payouts["payouts"][0]["totals"] = {name: abs(value) for name, value in payouts["payouts"][0]["totals"].items()}
    assert only(payouts).lines == only(PAYOUTS).lines


def in_debt(second_opening: int, sign: int) -> bytes:
    """Two payouts: returns only, which leaves a debt of 30.00; then the sample's, less the debt."""
    first, second = copy.deepcopy(PAYOUTS["payouts"][0]), copy.deepcopy(PAYOUTS["payouts"][0])
    first |= {"payment_reference": "XISA0001", "payout_date": "2026-10-04T07:00:00Z"}
    first["totals"] |= {
        "sale_amount": 0,
        "fee_amount": 0,
        "tax_amount": 0,
        "settlement_amount": 0,
        "closing_debt_balance_amount": sign * 3000,
    }
    second["totals"] |= {"settlement_amount": 8304, "opening_debt_balance_amount": sign * second_opening}
    return json.dumps({"payouts": [second, first]}).encode()


@pytest.mark.parametrize("sign", [1, -1])
def test_a_debt_rolls_over_from_payout_to_payout(sign: int) -> None:
    (bill,) = read(in_debt(3000, sign))
    assert (bill.totals["opening_debt"], bill.totals["closing_debt"]) == (0, 0)
    assert [x.amount.minor for x in bill.lines if x.kind == "debt"] == [3000, -3000]
    assert refusal(in_debt(2999, sign)).code in ("summary_mismatch", "balance_break")


def test_a_debt_that_was_forgotten_is_noticed() -> None:
    payouts = json.loads(in_debt(3000, -1))
    payouts["payouts"][0]["totals"] |= {"opening_debt_balance_amount": 0, "settlement_amount": 11304}
    assert refusal(json.dumps(payouts).encode()).code == "balance_break"


def test_events_are_signed_by_their_type() -> None:
    bill = only(EVENTS)
    assert (bill.layout, bill.currency, bill.since, bill.on) == ("affirm.events", "USD", date(2026, 10, 2), date(2026, 10, 4))
    assert [(x.kind, x.reference, x.provider_id, x.amount.minor) for x in bill.lines] == [
        ("payment", "TX-1", "se_1", 94070),
        ("refund", "TX-1", "se_2", -20000),
    ]
    assert read(with_(EVENTS, lambda doc: doc["data"][1].update(amount=20000)))[0].lines == bill.lines
    assert read(b'{"data": [], "next_cursor": null}')[0].lines == ()


@pytest.mark.parametrize(
    ("code", "data"),
    [
        ("truncated", json.dumps(TRANSACTIONS).encode()[:-5]),
        ("truncated", b'{"transactions": [' + b"[" * 100_000),
        ("truncated", b'{"data": [' + b"9" * 5000 + b'], "next_cursor": null}'),
        ("bad_amount", b'{"data": [NaN], "next_cursor": null}'),
        ("bad_encoding", json.dumps(EVENTS).encode().replace(b"TX-1", b"TX-\xff")),
        ("unknown_layout", b"[]"),
        ("unknown_layout", b'{"transactions": {}}'),
        ("unknown_layout", b'{"transactions": [1]}'),
        ("unknown_layout", b'{"a": 1, "a": 2}'),
        ("unknown_layout", (BILLS / "wechat_tradebill_ALL_20261001.apply.json").read_bytes()),
        ("incomplete", with_(TRANSACTIONS, lambda doc: doc["pagination"].update(total=7))),
        ("incomplete", with_(TRANSACTIONS, lambda doc: doc["transactions"].pop())),
        ("incomplete", with_(PAYOUTS, lambda doc: doc["pagination"].update(offset=1))),
        ("incomplete", with_(EVENTS, lambda doc: doc.update(next_cursor="c2"))),
        ("incomplete", with_(EVENTS, lambda doc: doc.pop("next_cursor"))),
        ("bad_amount", with_(TRANSACTIONS, lambda doc: doc["transactions"][0].update(amount=1e4))),
        ("bad_amount", with_(TRANSACTIONS, lambda doc: doc["transactions"][0].update(amount="10000"))),
        ("bad_amount", with_(TRANSACTIONS, lambda doc: doc["transactions"][0].update(amount=True))),
        ("bad_amount", with_(TRANSACTIONS, lambda doc: doc["transactions"][0].update(amount=10**16))),
        ("bad_amount", with_(TRANSACTIONS, lambda doc: doc["transactions"][0].update(amount=-10000))),
        ("missing_column", with_(TRANSACTIONS, lambda doc: doc["transactions"][0].pop("amount"))),
        ("missing_column", json.dumps(TRANSACTIONS).replace("payment_reference", "payout_reference").encode()),
        ("missing_column", json.dumps(TRANSACTIONS).replace("refund_id", "return_id").encode()),
        ("unknown_kind", with_(TRANSACTIONS, lambda doc: doc["transactions"][0].update(type="GIFT"))),
        ("bad_time", with_(TRANSACTIONS, lambda doc: doc["transactions"][0].update(capture_date="yesterday"))),
        ("other_currency", with_(TRANSACTIONS, lambda doc: doc["transactions"][0].update(currency_code="EURO"))),
        ("summary_mismatch", with_(PAYOUTS, lambda doc: doc["payouts"][0]["totals"].update(sale_amount=15001))),
        ("missing_column", with_(PAYOUTS, lambda doc: doc["payouts"][0]["totals"].update(gift_amount=1))),
        ("missing_column", with_(PAYOUTS, lambda doc: doc["payouts"][0].pop("totals"))),
        ("doubled_line", json.dumps({"payouts": PAYOUTS["payouts"] * 2}).encode()),
        ("bad_amount", with_(EVENTS, lambda doc: doc["data"][0].update(amount=-1))),
    ],
)
def test_a_file_that_is_broken_or_not_whole_is_refused(code: str, data: bytes) -> None:
    error = refusal(data)
    assert error.code == code, error.detail
