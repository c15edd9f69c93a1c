"""The statement of a day from the command line, and what may belong to a break."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from uuid import UUID

import pytest

from tests.cli.conftest import Command, Town, a_town
from yuefu import ids
from yuefu.runtime.vault import Vault

TRADE = Path(__file__).parent.parent / "data" / "bills" / "wechat_tradebill_ALL_20261001.csv"
DAY = ("--on", "2026-10-01")


@pytest.fixture(scope="module")
def town(keys: Vault) -> Town:
    """A book of their own: no other test sends it bills."""
    return a_town(keys)


def test_the_statement_of_a_day_is_told_with_what_may_belong_to_a_break(
    cli: Command, raw: Command, town: Town, person: Callable[..., str]
) -> None:
    assert cli("recon", "day").code == "no_files"
    assert cli("reconcile", "--store", str(TRADE)).status == 0
    assert cli("recon", "day", "--as", person("support")).code == "not_allowed"
    found = cli("recon", "day").last
    assert cli("recon", "day", *DAY, "--as", person("finance")).last == found
    assert (found["on"], found["verdict"]) == ("2026-10-01", "incomplete"), "of the other sources there is no file"
    assert [(one["level"], one["verdict"], one["missing"]) for one in found["levels"]] == [
        ("transaction", "incomplete", ["channel_fund"]),
        ("cash", "incomplete", ["bank", "bank_client"]),
        ("balance", "incomplete", ["close_of_day"]),
    ]
    trade, *others = found["sources"]
    assert [(one["state"], one["verdict"]) for one in others] == [("missing", "incomplete")] * 3
    assert (trade["source"], trade["state"], trade["opening"]["minor"], trade["balances"]) == ("channel_trade", "done", 0, None)
    assert trade["bill"] == trade["net"] == trade["closing"]
    assert sum(line["amount"]["minor"] for line in trade["lines"]) == trade["net"]["minor"]
    assert sum(item["difference"]["minor"] for item in trade["items"]) == trade["closing"]["minor"]
    assert (trade["residual"]["minor"], trade["continuity"]["minor"]) == (0, 0)
    first = next(item for item in trade["items"] if item["result"] == "pending")
    assert (first["class"], first["lifecycle"], first["first_seen"], first["break_on"]) == (
        "unapplied_payment",
        "",
        "2026-10-01",
        "2026-10-02",
    )

    said = raw("recon", "day", *DAY, "--book", town.book).out
    assert {"2026-10-01: incomplete", f"channel_trade: {trade['verdict']} (done)", "bank: incomplete (missing)"} <= set(said.splitlines())
    assert first["break"] in said
    assert "unexplained" in said

    trend = cli("recon", "trend", "--days", "30").last
    assert {one["source"] for one in trend["breaks"]} == {"channel_trade"}
    assert (
        sum(one["count"] for one in trend["breaks"])
        == sum(one["count"] for one in trend["ageing"])
        == len(cli("break", "list").last["breaks"])
    )
    assert trend["days"] == [{"on": "2026-10-01", "balance": "incomplete", "cash": "incomplete", "transaction": "incomplete"}]
    assert "8 to 30" in raw("recon", "trend", "--book", town.book).out
    assert cli("recon", "trend", "--days", "3").last["breaks"] == []

    missing = [one for one in cli("break", "list").last["breaks"] if one["class"] == "missing_here"]
    waiting = min(missing, key=lambda one: abs(one["difference"]["minor"]))  # little enough to be ended by one person
    assert cli("recon", "suggest", waiting["break"]).last == {"break": waiting["break"], "candidates": []}
    assert cli("recon", "suggest", ids.text("break", UUID(int=7))).code == "unknown_break"
    ended = ("break", "resolve", waiting["break"], "--state", "explained", "--reason", "sample_file")
    assert cli(*ended).status == 0
    assert cli("recon", "suggest", waiting["break"]).code == "not_waiting"
