"""Reading Adyen's settlement details: rows that are right in themselves, batches that add up to nothing with their payout."""

import json
from datetime import date
from pathlib import Path

import pytest

from yuefu.money.amounts import Money
from yuefu.reconciliation.gateways.reading import read
from yuefu.reconciliation.rules.bills import BillError

DATA = Path(__file__).parents[1] / "data"
BATCH = (DATA / "bills" / "adyen_settlement_details_batch_42.csv").read_text("utf-8")
VECTORS = {case["id"]: case for line in (DATA / "payments_vectors.jsonl").read_text("utf-8").splitlines() for case in [json.loads(line)]}
# The published rows have no batch number and name the variant of the payment method.
HEADER = BATCH.splitlines()[0].replace("Batch Number", "Payment Method Variant,Batch Number")


def row(type_: str, debit: str, credit: str, currency: str = "EUR") -> str:
    return f"Co,Shop,,,,2013-06-04 00:00:00,CET,{type_},T-{type_},,,,,{currency},{debit},{credit},,,,,,7"


def published(name: str) -> str:
    return VECTORS[name]["given"]["csv"].replace("TestCompany,TestMerchant", "Co,Shop") + ",7"


def file(*rows: str) -> bytes:
    return "\r\n".join((HEADER, *rows)).encode()


def refusal(data: bytes, currency: str | None = None) -> BillError:
    with pytest.raises(BillError) as caught:
        read(data, currency=currency)
    assert caught.value.detail.endswith(".")
    return caught.value


def test_a_settled_row_is_its_gross_amount_less_its_fees_ady_row_01() -> None:
    (bill,) = read(file(published("ady-row-01"), row("MerchantPayout", "4.88", "", "GBP")))
    line = bill.lines[0]
    assert (line.kind, line.reference, line.business_id, line.provider_id) == ("payment", "3vpzf7", "1813702551707653", "1713702551795048")
    assert (line.amount, line.fee) == (Money.parse("5.00", "GBP"), Money.parse("0.12", "GBP"))


def test_a_chargeback_costs_its_commission_besides_ady_row_02() -> None:
    (bill,) = read(file(published("ady-row-02"), row("BalanceTransfer", "", "357.49")))
    assert (bill.lines[0].kind, bill.lines[0].amount.decimal_text(), bill.lines[0].fee.decimal_text()) == ("chargeback", "-349.99", "7.50")


def test_a_payout_closes_its_batch_ady_batch_01() -> None:
    rows = [row("BalanceTransfer", "", "400.00"), published("ady-row-01").replace("GBP", "EUR"), published("ady-row-02")]
    (bill,) = read(file(*rows, row("MerchantPayout", "47.39", "")))
    assert bill.totals["payouts"] == 4739
    assert refusal(file(*rows)).code == "summary_mismatch"
    assert refusal(file(*rows, row("MerchantPayout", "47.38", ""))).code == "summary_mismatch"


def test_the_sample_is_read_as_printed() -> None:
    (bill,) = read(BATCH.encode())
    assert (bill.layout, bill.account, bill.currency, bill.since, bill.on) == (
        *("adyen.batch", "Shop", "EUR"),
        *(date(2026, 10, 1), date(2026, 10, 5)),
    )
    table = [(x.kind, x.reference, x.amount.decimal_text(), x.fee.decimal_text()) for x in bill.lines]
    assert table == [
        ("payment", "AO-1", "150.00", "4.60"),
        ("payment", "AO-2", "80.00", "3.60"),
        ("refund", "AO-1", "-30.00", "0.00"),
        ("chargeback", "AO-0", "-20.00", "0.00"),
        ("fee", "", "-1.80", "0.00"),
        ("payout", "", "-170.00", "0.00"),
    ]
    assert dict(bill.totals) == {"lines": 6, "payments": 23000, "refunds": 3000, "fees": 1000, "chargebacks": 2000, "payouts": 17000}


def test_columns_may_be_more_and_stand_elsewhere() -> None:
    lines = [line.replace("42, Co", "42 Co").replace('"', "").split(",") for line in BATCH.splitlines()]
    turned = "\n".join(",".join([*reversed(line), "Reserved4" if place == 0 else ""]) for place, line in enumerate(lines))
    assert read(turned.encode())[0].totals == read(BATCH.encode())[0].totals


def test_a_batch_in_two_currencies_is_two_bills() -> None:
    bills = read(
        file(
            *(
                row(type_, *sums, currency)
                for currency in ("EUR", "JPY")
                for type_, *sums in (("Fee", "5", ""), ("BalanceTransfer", "", "5"))
            )
        )
    )
    assert [(bill.currency, bill.totals["fees"]) for bill in bills] == [("EUR", 500), ("JPY", 5)]


def test_an_amount_in_another_currency_is_told_by_what_is_left_of_it() -> None:
    (bill,) = read(BATCH.replace("EUR,,150.00,1,", "USD,,176.00,0.8523,").encode())
    assert (bill.lines[0].amount, bill.lines[0].fee) == (Money.parse("150.00", "EUR"), Money.parse("4.60", "EUR"))


def test_fees_finer_than_a_cent_are_what_lies_between_gross_and_net() -> None:
    fine = published("ady-row-01").replace("0.04,0.01,0.07", "0.04125,0.01,0.07")
    assert read(file(fine, row("MerchantPayout", "4.88", "", "GBP")))[0].lines[0].fee.minor == 12


@pytest.mark.parametrize(
    ("code", "old", "new"),
    [
        ("summary_mismatch", "145.40", "145.41"),
        ("summary_mismatch", "170.00", "170.01"),
        ("summary_mismatch", ",30.00,,1,EUR,30.00,", ",30.00,,1,EUR,31.00,"),
        ("summary_mismatch", BATCH.splitlines(keepends=True)[2], ""),
        ("bad_amount", ",150.00,", ",1.5e2,"),
        ("bad_amount", ",150.00,", ",-150.00,"),
        ("bad_amount", ",145.40,", ",145.404,"),
        ("bad_amount", "EUR,,145.40", "EUR,1.00,145.40"),
        ("missing_column", "Net Credit (NC)", "Net Credit"),
        ("missing_column", "Commission (NC)", "Comission (NC)"),
        ("missing_column", "Exchange Rate", "Rate of Exchange"),
        ("unknown_layout", "TimeZone", "Type"),
        ("bad_time", "2026-10-01 09:00:00", "2026-10-01"),
        ("doubled_line", "170.00,,,,,,42\n", "170.00,,,,,,42\n" + BATCH.partition("\n")[2]),
        ("row_width", "TX1 batch 42, Co", 'TX1 batch" 42, Co'),
        ("other_currency", "EUR,,145.40", "EUS,,145.40"),
        ("other_currency", "EUR,,150.00", "EUS,,150.00"),
    ],
)
def test_a_batch_that_contradicts_itself_is_refused(code: str, old: str, new: str) -> None:
    assert old in BATCH
    assert refusal(BATCH.replace(old, new, 1).encode()).code == code


def test_the_currency_asked_for_must_be_that_of_the_batch() -> None:
    assert refusal(BATCH.encode(), "CNY").code == "other_currency"
    assert refusal(HEADER.encode()).code == "truncated"
