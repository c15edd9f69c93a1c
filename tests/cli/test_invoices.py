"""Invoices for the fees of a month from the command line: requested when it is over, issued by a number, voided by a red one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.cli.conftest import Command, Town, a_town
from yuefu.runtime.vault import Vault

NUMBER, RED = "26119" + "0" * 14 + "1", "1100211130-12345678"


@pytest.fixture(scope="module")
def town(keys: Vault) -> Town:
    """A book of its own, for its days go by."""
    return a_town(keys)


def test_the_fees_of_a_month_become_an_invoice(
    cli: Command, raw: Command, town: Town, authorised: Callable[..., dict[str, Any]], person: Callable[..., str]
) -> None:
    assert cli("order", "capture", authorised(amount="200.00")["order"]).status == 0
    fees = cli("invoice", "fees", "record-house", "2026-10").last
    assert (fees["fees"]["minor"] > 0, fees["invoice"], fees["later"]["minor"]) == (True, None, 0)
    assert (
        fees["fees"]["minor"] == fees["without_tax"]["minor"] + fees["vat"]["minor"] == sum(one["fees"]["minor"] for one in fees["rates"])
    )
    assert cli("invoice", "request", "record-house", "2026-10").code == "month_not_over"
    while cli("close-day").last["on"] < "2026-10-31":
        pass

    made = cli("invoice", "request", "record-house", "2026-10", "--as", person("support")).last
    assert (made["state"], made["fees"], made["number"]) == ("requested", fees["fees"], None)
    assert cli("invoice", "request", "record-house", "2026-10").last["invoice"] == made["invoice"]
    assert cli("invoice", "issue", made["invoice"], "--number", NUMBER, "--as", person("support")).code == "not_allowed"
    assert cli("invoice", "issue", made["invoice"], "--number", "12345").code == "invoice_number_invalid"
    issued = cli("invoice", "issue", made["invoice"], "--number", NUMBER, "--as", person("finance")).last
    assert (issued["state"], issued["number"]) == ("issued", NUMBER)

    owner, other = person("merchant_owner", "record-house"), person("merchant_owner", "disc-city")
    assert cli("invoice", "show", made["invoice"], "--as", owner).last == issued
    assert cli("invoice", "show", made["invoice"], "--as", other).code == "unknown_invoice"
    assert cli("invoice", "list", "--as", other).last == {"invoices": [], "next": None}
    assert cli("invoice", "fees", "record-house", "2026-10", "--as", owner).last["state"] == "issued"
    assert cli("invoice", "request", "record-house", "2026-10", "--as", owner).code == "not_allowed"

    assert cli("invoice", "void", made["invoice"], "--reason", "wrong title").code == "red_number_needed"
    voided = cli("invoice", "void", made["invoice"], "--reason", "wrong title", "--red-number", RED).last
    assert (voided["state"], voided["red_number"], voided["reason"]) == ("voided", RED, "wrong title")
    again = cli("invoice", "request", "record-house", "2026-10").last
    first = cli("invoice", "list", "--merchant", "record-house", "--limit", "1").last
    second = cli("invoice", "list", "--month", "2026-10", "--before", first["next"]).last
    # The clock of the book stands still meanwhile: what was requested at one moment is in no order.
    listed = [one["invoice"] for one in first["invoices"] + second["invoices"]]
    assert (sorted(listed), second["next"]) == (sorted([again["invoice"], made["invoice"]]), None)
    assert [one["state"] for one in cli("invoice", "list", "--state", "requested").last["invoices"]] == ["requested"]
    assert cli("invoice", "list", "--state", "lost").code == "unknown_state"
    said = raw("invoice", "show", made["invoice"], "--book", town.book).out
    assert f"voided on {voided['voided_on']} by {RED}: wrong title" in said
    assert "no invoice was requested" in raw("invoice", "fees", "disc-city", "2026-10", "--book", town.book).out
