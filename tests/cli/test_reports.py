"""Daily clearing, monthly settlement and the money flow from the command line."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Command, Town, a_town
from yuefu.runtime.vault import Vault


@pytest.fixture(scope="module")
def town(keys: Vault) -> Town:
    """A book of its own, for its days go by."""
    return a_town(keys)


def test_a_day_is_reported_shown_written_and_followed(
    cli: Command, raw: Command, town: Town, authorised: Callable[..., dict[str, Any]], person: Callable[..., str], tmp_path: Path
) -> None:
    assert cli("report", "day", "2026-10-12").code == "day_not_closed"
    assert cli("order", "capture", authorised(amount="30.00")["order"]).status == 0
    draft = cli("report", "day", "2026-10-12", "--draft").last
    assert (draft["draft"], draft["settlement"][0]["gross"]["minor"]) == (True, 30_00)
    assert cli("close-day").status == 0
    assert cli("report", "day").code == "not_given_out"
    made = cli("report", "make").last
    assert (made["made"], made["refused"]) == ([{"kind": "day", "since": "2026-10-12", "until": "2026-10-12"}], [])

    auditor, shop = person("compliance"), person("merchant_owner", "record-house")
    file = tmp_path / "day.csv"
    given = cli("report", "day", "--csv", str(file), "--as", auditor).last
    (listed,) = cli("report", "list", "--as", auditor).last["reports"]
    assert (given["sha256"], given["back_dated"], given["draft"]) == (listed["sha256"], [], False)
    (owed,) = given["owed"]
    assert (
        owed["opening"]["minor"] + owed["accrued"]["minor"] - owed["paid"]["minor"] + owed["other"]["minor"] == owed["closing"]["minor"] > 0
    )
    head, *rows = csv.reader(io.StringIO(file.read_bytes().decode("utf-8-sig"), newline=""))
    assert head == ["since", "until", "section", "currency", "row", "entries", "amount"]
    assert ["2026-10-12", "2026-10-12", "settlement", "CNY", "gross", "", "30.00"] in rows
    assert cli("report", "day", "--as", shop).code == "not_allowed"
    assert cli("report", "make", "--as", auditor).code == "not_allowed"

    (picture,) = cli("report", "flow").last["pictures"]
    flow = next(one for one in picture["flows"] if (one["from"], one["to"]) == ("merchants", "clearing"))
    assert flow["amount"] == owed["accrued"]
    (entry,) = cli("report", "flow", "--from", "merchants", "--to", "clearing").last["entries"]
    assert (entry["kind"], entry["amount"]) == ("settlement_capture", flow["amount"])
    assert cli("report", "flow", "--from", "merchants").code == "place_missing"
    assert cli("report", "flow", "--from", "moon", "--to", "bank").code == "unknown_place"

    month = cli("report", "month", "2026-10")
    assert month.code == "unknown_day"
    assert cli("report", "month", "2026-13").code == "bad_month"
    assert cli("report", "month", "Oct").code == "bad_month"
    said = raw("report", "day", "--book", town.book).out
    assert "Daily clearing of 2026-10-12" in said
    assert "settlement_capture" in said
    assert "merchants" in raw("report", "flow", "--book", town.book).out
