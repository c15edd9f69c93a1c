"""What a merchant reads of its money over HTTP: shown alone as in a list, narrowed, expanded, as files that prove themselves; and of nobody else."""

from __future__ import annotations

import csv
import io
from decimal import Decimal
from typing import Any

import pytest

from tests.api.conftest import Merchant, Server, issue
from tests.journeys.told import world
from yuefu import ids
from yuefu.api import balance, captures, loans, payouts, refunds, settlements, statements
from yuefu.api.listing import Listing
from yuefu.journeys.statement_details import COLUMNS
from yuefu.runtime import sql
from yuefu.runtime.vault import Vault

LISTS: dict[str, tuple[Listing, Any]] = {
    "captures": (captures.LISTING, captures.CaptureShown),
    "refunds": (refunds.LISTING, refunds.RefundShown),
    "loans": (loans.LISTING, loans.LoanShown),
    "balance_transactions": (balance.LISTING, balance.TransactionShown),
    "payouts": (payouts.LISTING, payouts.PayoutShown),
    "settlements": (settlements.LISTING, settlements.SettlementShown),
}


@pytest.fixture(scope="module")
def mine(vault: Vault, server: Server) -> Merchant:
    return Merchant(world(vault), server.ask)


@pytest.fixture(scope="module")
def theirs(mine: Merchant) -> Merchant:
    return Merchant(mine.shop, mine.ask_with, merchant=1)


def every(merchant: Merchant, name: str, query: str = "") -> list[dict[str, Any]]:
    reply = merchant.get(f"/v1/{name}?limit=100{query}")
    assert (reply.status, reply.body["has_more"]) == (200, False), reply.raw
    found: list[dict[str, Any]] = reply.body["data"]
    return found


@pytest.mark.parametrize("name", LISTS)
def test_each_is_shown_alone_as_in_its_list_and_to_its_merchant_alone(mine: Merchant, theirs: Merchant, name: str) -> None:
    listing, shape = LISTS[name]
    found = every(mine, name)
    assert found
    for one in (found[0], found[-1]):
        assert shape.model_validate(one, strict=False)
        assert one.keys() == shape.model_fields.keys()
        path = f"{listing.url}/{one['id']}"
        assert mine.get(path).body == one
        foreign = theirs.get(path)
        assert (foreign.status, foreign.code) == (404, f"unknown_{listing.kind}")
        assert theirs.get(f"{listing.url}?starting_after={one['id']}").code == "invalid_parameter"
    assert mine.get(f"{listing.url}?limit=2&starting_after={found[0]['id']}").body["data"] == found[1:3]
    assert mine.get(f"{listing.url}/nonsense").code == f"unknown_{listing.kind}"


@pytest.mark.parametrize("name", LISTS)
def test_a_list_is_narrowed_by_what_its_objects_show(mine: Merchant, name: str) -> None:
    """That every filter finds what reading all would, is proven in `tests/journeys/test_told_to_merchants.py`; here they come in by their names."""
    found = every(mine, name)
    listing, _ = LISTS[name]
    for one in listing.filters:
        told = next((row[one.name] for row in found if row.get(one.name) is not None), None)
        if told is not None:
            assert every(mine, name, f"&{one.name}={told}") == [row for row in found if row[one.name] == told], one.name
    day = {"payouts": "paid_on", "settlements": "pay_on", "balance_transactions": "available_on"}.get(name)
    if day:
        first, last = (f"{day.removesuffix('_on')}_{end}" for end in ("from", "until"))
        on = sorted(row[day] for row in found if row[day])[len(found) // 3]
        assert every(mine, name, f"&{first}={on}&{last}={on}") == [row for row in found if row[day] == on]
    assert mine.get(f"{listing.url}?{listing.filters[0].name}=%20").code == "invalid_parameter"
    assert mine.get(f"{listing.url}?nonsense=1").code == "invalid_parameter"


def test_a_balance_transaction_is_found_by_what_it_comes_from_and_goes_out_with(mine: Merchant) -> None:
    found = every(mine, "balance_transactions")
    for name in ("source", "payout", "settlement"):
        for told in {row[name] for row in found if row[name]}:
            assert every(mine, "balance_transactions", f"&{name}={told}") == [row for row in found if row[name] == told], (name, told)
    for row in found:
        assert row["net"] == row["amount"] - row["fee"]
        assert sum(part["amount"] for part in row["fee_details"]) == row["fee"]
    paid = every(mine, "payouts")
    for payout in paid:
        settled = mine.get(f"/v1/settlements/{payout['settlement']}").body
        net = sum(row["net"] for row in every(mine, "balance_transactions", f"&payout={payout['id']}"))
        assert net == payout["amount"] + settled["amount_withheld"]
    other = next(row["settlement"] for row in found if row["settlement"] and row["settlement"] != paid[0]["settlement"])
    assert every(mine, "balance_transactions", f"&payout={paid[0]['id']}&settlement={other}") == []
    assert mine.get("/v1/balance_transactions?source=ord_01h455vb4pex5vsknk084sn02q").code == "invalid_parameter"


def test_what_is_named_is_shown_in_its_place(mine: Merchant) -> None:
    sale = next(row for row in every(mine, "balance_transactions", "&type=capture") if row["payout"])
    names = ("order", "capture", "loan", "source", "settlement", "payout")
    shown = mine.get(f"/v1/balance_transactions/{sale['id']}?" + "&".join(f"expand[]={name}" for name in names)).body
    assert {name: shown[name]["id"] for name in names} == {name: sale[name] for name in names}
    assert shown["loan"] == mine.get(f"/v1/loans/{sale['loan']}").body
    many = "&".join(["expand[]=data.order"] * 20)  # As many as are described, beside filters.
    assert mine.get(f"/v1/captures?limit=1&created_from=2026-10-01&{many}").body["data"][0]["order"]["object"] == "order"
    assert mine.get("/v1/payouts?expand[]=data.settlement").body["data"][0]["settlement"]["object"] == "settlement"


def test_a_key_is_shown_in_place_of_a_name_only_what_it_may_read(mine: Merchant) -> None:
    less = issue(mine.shop, scopes=["settlement.read"]).secret
    sale = next(row for row in every(mine, "balance_transactions", "&type=capture") if row["payout"])
    asked = "&".join(f"expand[]={name}" for name in ("order", "capture", "loan", "source", "payout"))
    shown = mine.ask_with("GET", f"/v1/balance_transactions/{sale['id']}?{asked}", secret=less).body
    assert [shown[name] for name in ("order", "capture", "loan", "source")] == [
        sale[name] for name in ("order", "capture", "loan", "source")
    ]
    assert shown["payout"]["id"] == sale["payout"]


def test_the_balance_is_what_the_ledger_owes(mine: Merchant) -> None:
    found = mine.get("/v1/balance").body
    assert balance.BalanceShown.model_validate(found, strict=False)
    assert found["held"][0]["amount"] == found["held"][0]["reserved"] + found["held"][0]["frozen"]
    waiting = sum(row["net"] for row in every(mine, "balance_transactions") if row["state"] == "pending")
    assert found["pending"] == [{"amount": waiting, "currency": "CNY"}]


def test_a_statement_is_given_out_as_files_in_either_language(mine: Merchant, theirs: Merchant) -> None:
    settlement = next(row for row in every(mine, "settlements") if row["payout"])
    path = f"/v1/settlements/{settlement['id']}/files"
    for form, begins in (("pdf", b"%PDF-"), ("xlsx", b"PK"), ("csv", b"\xef\xbb\xbf")):
        reply = mine.get(f"{path}/{form}?language=en")
        assert (reply.status, reply.raw[: len(begins)]) == (200, begins)
        assert reply.headers["content-disposition"] == f'attachment; filename="{settlement["id"]}.{form}"'
        assert int(reply.headers["content-length"]) == len(reply.raw)
    assert "结算日" in mine.get(f"{path}/csv").raw.decode("utf-8-sig")
    assert mine.ask_with("HEAD", f"{path}/csv", secret=mine.issued.secret).raw == b""
    assert theirs.get(f"{path}/csv").code == "unknown_batch"
    assert mine.get(f"{path}/doc").code == "not_found"
    assert mine.get(f"{path}/csv?language=fr").code == "invalid_parameter"


def test_the_details_of_a_statement_are_its_balance_transactions_and_sum_to_nothing(mine: Merchant) -> None:
    for settlement in every(mine, "settlements"):
        raw = mine.get(f"/v1/settlements/{settlement['id']}/files/details").raw.decode()
        rows = list(csv.DictReader(io.StringIO(raw)))
        assert tuple(rows[0]) == COLUMNS
        told = {row["id"]: row for row in every(mine, "balance_transactions", f"&settlement={settlement['id']}")}
        lines = [row for row in rows if row["balance_transaction"]]
        assert {row["balance_transaction"] for row in lines} == told.keys()
        for row in lines:
            one = told[row["balance_transaction"]]
            assert cents(row["net_credit"]) - cents(row["net_debit"]) == one["net"]
            assert (row["type"], row["reporting_category"]) == (one["type"], one["reporting_category"])
            assert row["merchant_reference"] == (one["merchant_reference"] or "")
            assert row["modification"] == (one["source"] if (one["source"] or "").startswith("rfnd_") else "")
        assert sum(cents(row["net_credit"]) - cents(row["net_debit"]) for row in rows) == 0
        ends = {row["type"]: cents(row["net_debit"]) for row in rows if not row["balance_transaction"]}
        assert ends.get("payout", 0) == settlement["amount"]


def cents(text: str) -> int:
    return int(Decimal(text or 0) * 100)


def test_the_statement_of_a_month_has_its_settlements_and_fees(mine: Merchant) -> None:
    (month,) = [row["id"] for row in mine.get("/v1/statements").body["data"]]
    found = mine.get(f"/v1/statements/{month}").body
    assert statements.StatementShown.model_validate(found, strict=False)
    assert set(found["settlements"]) == {row["id"] for row in every(mine, "settlements")}
    earned = [row for row in every(mine, "balance_transactions") if row["earned_on"].startswith(month)]
    assert found["fees"] == sum(part["amount"] for row in earned for part in row["fee_details"] if part["type"] == "service_fee")
    assert mine.get(f"/v1/statements/{month}/files/pdf").raw.startswith(b"%PDF-")
    assert mine.get("/v1/statements/2020-01").code == mine.get("/v1/statements/nonsense").code == "unknown_statement"
    assert every(mine, "invoices") == []


def test_a_statement_that_the_ledger_does_not_have_is_not_given_out(mine: Merchant) -> None:
    settlement = every(mine, "settlements")[-1]
    batch_id = ids.parse("batch", settlement["id"])
    wrong = "UPDATE settlement_batch SET {0} = {0} + %s, net_minor = net_minor - %s, {1} = {1} - %s WHERE id = %s"
    told = wrong.format("refunds_minor", "payout_minor")
    with sql.owning():
        sql.run("ALTER TABLE settlement_batch DISABLE TRIGGER USER")
        sql.run(told, [100, 100, 100, batch_id])
    try:
        assert mine.get(f"/v1/settlements/{settlement['id']}/files/csv").code == "statement_not_proven"
    finally:
        with sql.owning():
            sql.run(told, [-100, -100, -100, batch_id])
            sql.run("ALTER TABLE settlement_batch ENABLE TRIGGER USER")
