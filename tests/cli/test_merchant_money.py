"""A merchant's own plan, its share of monthly payment and its liquidity, from the command line; by itself, and nobody else's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from tests.cli.conftest import Command, Town, a_town
from yuefu.runtime.vault import Vault


@pytest.fixture(scope="module")
def town(keys: Vault) -> Town:
    """A book of its own, for its days go by."""
    return a_town(keys)


def test_what_was_paid_goes_into_the_envelopes_of_its_day(
    cli: Command, raw: Command, town: Town, authorised: Callable[..., dict[str, Any]], person: Callable[..., str]
) -> None:
    owner, other = person("merchant_owner", "record-house"), person("merchant_owner", "disc-city")
    shop = ("merchant", "plan", "record-house")
    first = cli(*shop, "--as", owner).last
    assert (first["version"], [one["percent"] for one in first["envelopes"]], first["paid"]) == (0, ["40.00", "30.00", "30.00"], [])
    for order in (authorised(amount="200.00"), authorised(amount="100.00", merchant="disc-city")):
        assert cli("order", "capture", order["order"]).status == 0
    coming = cli("merchant", "stress", "record-house", "--days", "3", "--as", owner).last
    assert [one["what"] for one in coming["coming"]] == ["sales"]
    assert cli("close-day").status == 0
    assert cli("settle").status == 0
    (paid,) = cli(*shop, "--as", owner).last["paid"]
    assert sum(part["minor"] for part in paid["parts"].values()) == paid["paid"]["minor"] > 0

    changed = cli(*shop, "--set", "stock=50", "--set", "tax=33.33", "--set", "rest=16.67", "--from", "2026-10-14", "--as", owner).last
    assert (changed["version"], changed["paid"][0]["parts"]) == (0, paid["parts"]), (
        "what was divided stays divided; the plan begins tomorrow"
    )
    assert cli("close-day").status == 0
    assert cli(*shop, "--as", owner).last["version"] == 1
    assert "stock 50.00 %" in raw(*shop, "--book", town.book).out

    assert cli(*shop, "--set", "a=50", "--as", owner).code == "envelopes_invalid"
    assert cli(*shop, "--set", "a=100", "--from", "2026-10-13", "--as", owner).code == "backdated"
    assert cli(*shop, "--set", "a=1.001", "--set", "b=98.999", "--as", owner).code == "percent_invalid"
    assert cli(*shop, "--set", "all", "--as", owner).code == "percent_invalid"
    assert cli(*shop, "--as", other).code == "unknown_merchant"
    assert cli(*shop, "--set", "a=100", "--as", person("support")).code == "not_allowed"


def test_the_share_of_monthly_payment(
    cli: Command, raw: Command, keys: Vault, authorised: Callable[..., dict[str, Any]], person: Callable[..., str]
) -> None:
    told = ("merchant", "revenue", "record-house", "2026-09", "1000.00")
    assert cli(*told).status == 0
    assert cli("merchant", "revenue", "record-house", "2026-10", "1.00").code == "month_not_over"
    assert cli("merchant", "revenue", "record-house", "2026-13", "1.00").code == "bad_month"
    assert cli("merchant", "revenue", "record-house", "2026-09", "1e3").code == "amount_exponent"
    assert cli("merchant", "revenue", "record-house", "2026-09", "900.00").status == 0
    owner = person("merchant_owner", "record-house")
    month, before = cli("merchant", "concentration", "record-house", "--months", "2", "--as", owner).last["months"]
    assert (month["month"], month["revenue"]["minor"], month["percent"], month["level"]) == ("2026-09", 900_00, "0.00", "ok")
    assert (before["month"], before["revenue"], before["level"]) == ("2026-08", None, "unknown")
    assert cli("merchant", "concentration", "record-house", "--as", person("merchant_owner", "disc-city")).code == "unknown_merchant"


def test_what_is_owed_to_suppliers_and_missing_under_stress(cli: Command, person: Callable[..., str], as_role: Any) -> None:
    owner = person("merchant_owner", "disc-city")
    base = ("merchant", "payable", "disc-city", "--supplier", "Press Ltd", "--reference", "R-1")
    assert cli(*base, "--amount", "50.00", "--due", "2026-10-20", "--as", owner).last["payables"][0]["amount"]["minor"] == 50_00
    assert len(cli(*base, "--amount", "50.00", "--due", "2026-10-20").last["payables"]) == 1
    assert cli(*base, "--amount", "51.00", "--due", "2026-10-20").code == "key_reused"
    assert cli(*base).code == "usage_payable"
    assert cli("merchant", "payable", "disc-city", "--paid").code == "usage_payable"
    found = cli("merchant", "stress", "disc-city", "--days", "3", "--cash", "20.00", "--as", owner).last
    assert (found["later"]["gap"]["minor"], found["later"]["short_on"], found["due"][0]["what"]) == (30_00, "2026-10-20", "Press Ltd")
    assert cli("merchant", "stress", "disc-city", "--days", "91").code == "shift_invalid"
    assert cli("merchant", "stress", "disc-city", "--horizon", "0").code == "horizon_invalid"
    assert cli(*base, "--withdrawn").last["payables"] == []
    assert cli(*base, "--paid").code == "ended"
    assert cli("merchant", "payable", "disc-city", "--supplier", "X", "--reference", "Y", "--paid").code == "unknown_payable"
    writer = as_role("default")
    for table in ("growth_plan", "growth_revenue", "growth_payable", "growth_payable_end"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            writer.execute(f"DELETE FROM {table}")
        writer.rollback()
