"""Agents, hosts and their shares from the command line."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Answer, Command, Town, a_town
from tests.cli.samples import contract
from tests.settlement.sharing import new_payee
from yuefu.runtime.vault import Vault

Given = Callable[..., Answer]


@pytest.fixture(scope="module")
def town(keys: Vault) -> Town:
    """A book of its own, for its days go by."""
    return a_town(keys)


@pytest.fixture
def given(cli: Command, tmp_path: Path) -> Given:
    def run(content: Any, *words: str) -> Answer:
        (tmp_path / "given.json").write_text(json.dumps(content))
        return cli(*words, "--file", str(tmp_path / "given.json"))

    return run


def payee(code: str, kind: str = "agent", **changes: Any) -> dict[str, Any]:
    one = new_payee(code, kind)
    names = ("code", "kind", "form", "name_zh", "name_en", "identity", "account", "account_kind")
    return {name: getattr(one, name) for name in names} | changes


SHARES: dict[str, Any] = {
    "receivers": [
        {"party": "host", "rate": "5.00", "cap": "80.00"},
        {"party": "agent", "rate": "1.00", "fixed": "0.50", "on_default": "50.00", "on_refund": "kept"},
    ],
    "agent": "harbour",
    "early_default": {"periods": 2, "days": 30},
}


@pytest.fixture
def shared(cli: Command, given: Given, person: Callable[..., str], town: Town, shown: Callable[..., str]) -> dict[str, Any]:
    """A shop whose contract shares, and an order of 100.00 that a host sold live; settled and closed. Once a town."""
    if found := cli("share", "list").last["batches"]:
        return {"batches": found}
    made = given([payee("north"), payee("harbour", parent="north"), payee("lin", "host")], "payee", "register", "--key", "ours")
    assert made.status == 0, made.out
    asked = given(
        contract(valid_from="2026-10-12", fee_rate="9.00", profit_share=SHARES), "merchant", "amend", "record-house", "--reason", "live"
    )
    assert asked.status == 0, asked.out
    assert cli("approval", "decide", asked.last["approval"], "--approve", "--reason", "read", "--as", person("compliance")).status == 0
    quote = shown(amount="100.00")
    words = (
        "order",
        "authorise",
        "--quote",
        quote,
        "--consumer",
        town.buyer,
        "--reference",
        "L-1",
        "--merchant",
        "record-house",
        "--channel",
        "live",
    )
    assert cli(*words, "--host", "nobody").code == "unknown_host"
    ordered = cli(*words, "--host", "lin")
    assert ordered.status == 0, ordered.out
    assert cli("order", "capture", ordered.last["order"]).status == 0
    assert cli("close-day").status == 0
    assert cli("settle").status == 0
    return {"order": ordered.last["order"], "batches": cli("share", "list").last["batches"]}


def test_shares_are_listed_shown_and_paid_by_two(cli: Command, shared: dict[str, Any], person: Callable[..., str]) -> None:
    host, agent = sorted(shared["batches"], key=lambda one: one["party"] != "host")
    assert (host["payee"], host["due"]["minor"], agent["payee"], agent["due"]["minor"]) == ("lin", 500, "harbour", 150)
    shown = cli("share", "show", host["batch"]).last
    assert [(one["kind"], one["order"], one["amount"]["minor"]) for one in shown["lines"]] == [("earned", shared["order"], 500)]
    released = cli("share", "release", agent["batch"], "--reason", "pay day")
    assert (released.status, released.last["total"]["minor"], released.last["batches"]) == (0, 150, [agent["batch"]]), released.out
    rest = cli("share", "release", "--reason", "pay day").last
    assert (rest["batches"], rest["left_out"]) == ([host["batch"]], [{"batch": agent["batch"], "reason": "waits_for_approval"}])
    assert cli("share", "release", host["batch"], "--pay-day", "2026-10-13", "--reason", "r").code == "bad_arguments"
    assert cli("approval", "decide", rest["approval"], "--reject", "--reason", "by hand", "--as", person("finance")).status == 0
    assert cli("approval", "decide", released.last["approval"], "--approve", "--reason", "seen", "--as", person("finance")).status == 0
    assert cli("settle").status == 0
    assert cli("share", "list", "--payee", "harbour", "--state", "paid").last["batches"][0]["payout"].startswith("po_")
    asked = cli("share", "pay", host["batch"], "--reference", "BK-1", "--reason", "transferred")
    assert (asked.status, asked.last["state"], asked.last["again"]) == (0, "waiting", False), asked.out
    assert cli("share", "pay", host["batch"], "--reference", "BK-1", "--reason", "transferred").last["again"]
    assert cli("approval", "decide", asked.last["approval"], "--approve", "--reason", "seen", "--as", person("finance")).status == 0
    assert cli("share", "list", "--payee", "lin", "--state", "paid").last["batches"][0]["reference"] == "BK-1"
    assert cli("share", "pay", host["batch"], "--reference", "BK-2", "--reason", "again").code == "not_due"
    proven = cli("close-day")
    assert proven.status == 0, proven.out
    first = cli("share", "list", "--limit", "1").last
    second = cli("share", "list", "--limit", "1", "--after", first["next"]).last
    assert {one["batch"] for one in first["batches"] + second["batches"]} == {host["batch"], agent["batch"]}
    assert second["next"] is None


def test_another_account_of_a_payee_takes_two(cli: Command, given: Given, shared: dict[str, Any], person: Callable[..., str]) -> None:
    wanted = {"account": "6217000000000042", "account_kind": "personal", "bank_code": "102100099996"}
    for wrong, code in (
        ({"account_kind": "corporate"}, "payee_account_invalid"),
        ({"holder": "x"}, "holder_differs"),
        ({"bank_code": "1"}, "bank_code_invalid"),
    ):
        assert given(wanted | wrong, "payee", "change-account", "lin", "--reason", "r").code == code
    assert given(wanted, "payee", "change-account", "nobody", "--reason", "r").code == "unknown_payee"
    asked = given(wanted, "payee", "change-account", "lin", "--reason", "called")
    assert asked.status == 0, asked.out
    waiting = cli("approval", "list").out
    assert "6217000000000042" not in waiting
    assert cli("approval", "decide", asked.last["approval"], "--approve", "--reason", "seen", "--as", person("compliance")).status == 0
    found = cli("payee", "account", "lin").last["accounts"]
    assert [(one["version"], one["account"][-4:], one["bank_code"]) for one in found][1:] == [(2, "0042", "102100099996")]
    funder = "fnd_01m4psz9m0egnsh56jknyf32m3"
    assert cli("payee", "account", funder).last["accounts"] == []
    body = {"account": "6217000000000043", "account_kind": "corporate", "holder": "某资金方"}
    assert given(body | {"holder": ""}, "payee", "change-account", funder, "--reason", "r").code == "holder_differs"
    asked = given(body, "payee", "change-account", funder, "--reason", "agreed")
    assert cli("approval", "decide", asked.last["approval"], "--approve", "--reason", "seen", "--as", person("compliance")).status == 0
    assert cli("payee", "account", funder).last["accounts"][0]["holder"] == "某资金方"


def test_a_proposed_contract_is_tried_on_what_was_sold(cli: Command, given: Given, shared: dict[str, Any]) -> None:
    assert shared["batches"]
    dearer = contract(fee_rate="10.00", vat="6.00", profit_share={"receivers": [{"party": "host", "rate": "6.00"}]})
    tried = given(dearer, "share", "dry-run", "record-house", "--since", "2026-10-12", "--until", "2026-10-12")
    assert tried.status == 0, tried.out
    was, would_be = (
        {name: one["minor"] if isinstance(one, dict) else one for name, one in tried.last[of].items()} for of in ("was", "would_be")
    )
    assert (was["sold"], was["host: lin"], was["agent 1: harbour"], was["platform"], was["tax"]) == (100_00, 500, 150, 250, 0)
    assert (would_be["host: lin"], would_be["tax"], would_be["platform"]) == (600, 57, 343)
    for split in (was, would_be):
        assert split.pop("orders") == 1
        assert split.pop("sold") == sum(split.values())
    empty = given(dearer, "share", "dry-run", "disc-city", "--since", "2026-10-12", "--until", "2026-10-12").last
    assert empty["was"]["orders"] == empty["would_be"]["orders"] == 0


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"fee_rate": "16.00"}, "profit_share_outside_band"),
        ({"profit_share": {"receivers": [{"party": "host", "rate": "20.00"}]}}, "profit_share_invalid"),
        ({"profit_share": {"receivers": [{"party": "agent", "rate": "1.00"}], "agent": "nobody"}}, "unknown_payee"),
        ({"profit_share": {"receivers": [{"party": "host", "rate": 5}]}}, "wrong_type"),
        ({"profit_share": {"receivers": {}}}, "wrong_type"),
        ({"profit_share": {}}, "missing_field"),
        ({"fee_on": {"refund": "kept"}}, "unknown_field"),
        ({"vat": "100.00"}, "vat_invalid"),
    ],
)
def test_a_contract_that_could_not_be_proposed_is_not_tried(given: Given, changed: dict[str, Any], code: str) -> None:
    wanted = contract(**{"fee_rate": "9.00", "profit_share": {"receivers": [{"party": "host", "rate": "5.00"}]}, **changed})
    refused = given(wanted, "share", "dry-run", "record-house", "--since", "2026-10-12")
    assert (refused.status, refused.code) == (1, code), refused.out


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("share", "show", "shb_01m4psz9m0egnsh56jknyf32m3"), "unknown_batch"),
        (("share", "show", "stl_01m4psz9m0egnsh56jknyf32m3"), "bad_id"),
        (("share", "list", "--payee", "nobody"), "unknown_payee"),
        (("payee", "end", "nobody", "--reason", "left"), "unknown_payee"),
    ],
)
def test_what_is_not_there_is_named(cli: Command, words: tuple[str, ...], code: str) -> None:
    assert cli(*words).code == code


def test_an_agent_may_act_for_a_merchant_until_that_is_ended(cli: Command, given: Given, town: Town) -> None:
    code = f"acts-{secrets.token_hex(3)}"
    assert given(payee(code), "payee", "register").status == 0
    assert cli("payee", "act", code, "--merchant", "record-house").last["acts"] is True
    issued = cli("key", "issue", "--agent", code, "--scope", "order.read").last
    assert (issued["agent"], issued["secret"][:8]) == (code, "sk_test_")
    assert cli("key", "issue", "--agent", code, "--scope", "api_key.manage").code == "unknown_scope"
    assert cli("key", "issue", "--scope", "order.read").code == "merchant_or_agent"
    assert cli("payee", "act", code, "--merchant", "record-house", "--end").last["acts"] is False
    assert cli("payee", "act", code, "--merchant", "record-house", "--end").code == "not_acting"
    assert cli("payee", "act", "nobody", "--merchant", "record-house").code == "unknown_payee"


def test_payees_are_listed_and_ended(cli: Command, given: Given, raw: Command, town: Town) -> None:
    code = f"h{secrets.token_hex(4)}"
    new = payee(code, "host")
    assert given(new, "payee", "register").status == 0
    assert new["account"] not in raw("payee", "list", "--book", town.book).out
    ended = cli("payee", "end", code, "--reason", "contract_ended").last
    assert (ended["state"], ended["again"]) == ("ended", False)
    assert cli("payee", "end", code, "--reason", "contract_ended").last["again"]
    (found,) = [one for one in cli("payee", "list").last["payees"] if one["code"] == code]
    assert (found["state"], found["account"]) == ("ended", f"{'*' * (len(new['account']) - 4)}{new['account'][-4:]}")


def test_who_may_not_settle_may_not_pay(cli: Command, shared: dict[str, Any], person: Callable[..., str]) -> None:
    words = ("share", "pay", shared["batches"][0]["batch"], "--reference", "x", "--reason", "y")
    assert cli(*words, "--as", person("support")).code == "not_allowed"
    assert cli("share", "list", "--as", person("merchant_owner", "record-house")).code == "not_allowed"
