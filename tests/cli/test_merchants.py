"""Merchants and their contracts from the command line."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from tests.cli.conftest import Answer, Command, Town
from tests.cli.samples import contract, merchant

Given = Callable[..., Answer]


@pytest.fixture
def given(cli: Command, tmp_path: Path) -> Given:
    def run(content: Any, *words: str) -> Answer:
        (tmp_path / "given.json").write_text(json.dumps(content))
        return cli(*words, "--file", str(tmp_path / "given.json"))

    return run


@pytest.fixture
def shop(given: Given) -> str:
    made = given(merchant(), "merchant", "onboard")
    assert made.status == 0, made.out
    return str(made.last["merchants"][0]["code"])


def test_a_batch_is_taken_on_once_and_its_accounts_are_masked(given: Given, cli: Command) -> None:
    new, key = [merchant(), merchant(key=f"own-{secrets.token_hex(4)}")], secrets.token_hex(6)
    first = given(new, "merchant", "onboard", "--key", key)
    assert (first.status, [one["again"] for one in first.last["merchants"]]) == (0, [False, False]), first.out
    assert len(first.out.splitlines()) == 1
    assert new[0]["settlement_account"] not in first.out + first.err
    again = given(new, "merchant", "onboard", "--key", key)
    assert again.last["merchants"] == [{**one, "again": True} for one in first.last["merchants"]]
    grown = given([*new, merchant()], "merchant", "onboard", "--key", key)
    assert [one["again"] for one in grown.last["merchants"]] == [True, True, False]
    assert {one["code"] for one in new} <= {one["code"] for one in cli("merchant", "list").last["merchants"]}


def test_a_key_with_other_content_is_refused_and_names_what_differs(given: Given) -> None:
    new, key = merchant(), secrets.token_hex(6)
    assert given(new, "merchant", "onboard", "--key", key).status == 0
    other = given({**new, "contract": contract(fee_rate="0.70")}, "merchant", "onboard", "--key", key)
    assert (other.status, other.code, other.last["error"]["detail"].split(":")[0]) == (1, "key_reused", "contract")


def test_a_contract_changes_when_a_second_person_approves_and_asking_twice_asks_once(
    given: Given, cli: Command, shop: str, person: Callable[..., str]
) -> None:
    new = contract(valid_from="2026-12-01", fee_rate="0.80")
    asked = given(new, "merchant", "amend", shop, "--reason", "more volume")
    assert (asked.status, asked.last["state"], asked.last["again"]) == (0, "waiting", False), asked.out
    again = given(new, "merchant", "amend", shop, "--reason", "more volume")
    assert again.last == {**asked.last, "again": True}
    approval = asked.last["approval"]
    assert cli("approval", "decide", approval, "--approve", "--reason", "fine").code == "person_needed"
    decided = cli("approval", "decide", approval, "--approve", "--reason", "fine", "--as", person("finance"))
    assert decided.last["state"] == "approved"
    after = given(new, "merchant", "amend", shop, "--reason", "once more")
    assert after.last["approval"] != approval


@pytest.mark.parametrize(
    ("content", "code", "path"),
    [
        (contract(valid_from="2026-10-01"), "backdated", "valid_from"),
        (contract(valid_from="2026-12-01", fee_rate="100"), "fee_rate_invalid", "fee_rate"),
        (contract(valid_from="2026-12-01", fee="1"), "unknown_field", "fee"),
        (contract(valid_from="2026-12-01", currency="USD"), "currency_differs", "currency"),
        ([contract()], "wrong_type", "An amendment is one contract"),
    ],
)
def test_an_amendment_that_cannot_be_is_refused(given: Given, cli: Command, shop: str, content: Any, code: str, path: str) -> None:
    before = len(cli("approval", "list", "--limit", "1000").last["approvals"])
    answer = given(content, "merchant", "amend", shop, "--reason", "why not")
    assert (answer.status, answer.code) == (1, code), answer.out
    assert answer.last["error"]["detail"].split(":")[0] == path
    assert len(cli("approval", "list", "--limit", "1000").last["approvals"]) == before


def test_a_contract_may_have_fees_of_their_own_and_a_least_payout(given: Given, cli: Command, shop: str) -> None:
    fees = [
        {"rate": "0.38", "fixed": "0.10", "channel": "store", "fewest_periods": 3, "most_periods": 6},
        {"rate": "0.55", "product": "free", "tiers": [{"volume": "1000000.00", "rate": "0.45"}]},
    ]
    asked = given(
        contract(
            valid_from="2026-12-01",
            fees=fees,
            minimum_payout="100.00",
            reserve={"rate": "5.00", "days": 90},
            holds={"evidence_days": 14, "tier": "high", "more_days": 5},
        ),
        "merchant",
        "amend",
        shop,
        "--reason",
        "volume",
    )
    assert asked.status == 0, asked.out
    (waiting,) = [one for one in cli("approval", "list", "--limit", "1000").last["approvals"] if one["approval"] == asked.last["approval"]]
    assert waiting["content"]["minimum_payout_minor"] == 100_00
    assert (waiting["content"]["reserve_ppm"], waiting["content"]["reserve_days"]) == (50_000, 90)
    assert waiting["content"]["more"]["holds"] == {"evidence_days": 14, "tier": "high", "more_days": 5}
    assert waiting["content"]["fees"] == [
        {"rate_ppm": 3_800, "fixed_minor": 10, "product": "", "channel": "store", "periods": [3, 6], "tiers": []},
        {"rate_ppm": 5_500, "fixed_minor": 0, "product": "free", "channel": "", "periods": [2, 36], "tiers": [[1_000_000_00, 4_500]]},
    ]
    for wrong, code, path in (
        ({"fees": [{"rate": 0.38}]}, "wrong_type", "fees[0].rate"),
        ({"fees": [{"rate": "0.38", "tiers": [{"volume": "1"}]}]}, "missing_field", "fees[0].tiers[0].rate"),
        ({"fees": [{"rate": "0.38", "channel": "fax"}]}, "fees_invalid", "fees"),
        ({"minimum_payout": "-1.00"}, "minimum_payout_invalid", "minimum_payout"),
        ({"reserve": {"rate": "5.00"}}, "missing_field", "reserve.days"),
        ({"reserve": {"rate": "5.00", "days": 0}}, "reserve_invalid", "reserve"),
        ({"holds": {"more_days": 5}}, "holds_invalid", "holds"),
        ({"holds": {"evidence": 5}}, "unknown_field", "holds.evidence"),
        ({"settle_from": "shipping"}, "settle_from_invalid", "settle_from"),
        ({"settle_from": 5}, "wrong_type", "settle_from"),
        ({"settle_by": "period", "settle_from": "receipt"}, "settle_by_invalid", "settle_by"),
    ):
        answer = given(contract(valid_from="2026-12-01", **wrong), "merchant", "amend", shop, "--reason", "volume")
        assert (answer.status, answer.code, answer.last["error"]["detail"].split(":")[0]) == (1, code, path), answer.out


def test_an_amendment_needs_a_reason_and_a_merchant(given: Given, shop: str) -> None:
    assert given(contract(), "merchant", "amend", shop, "--reason", "\udcff").code == "reason_invalid"
    assert given(contract(), "merchant", "amend", "nobody", "--reason", "x").code == "unknown_merchant"
    assert given(contract(), "merchant", "amend", "\udcff", "--reason", "x").code == "unknown_merchant"


def test_a_merchant_is_suspended_activated_and_closed(cli: Command, shop: str) -> None:
    for to, again in (("suspended", False), ("suspended", True), ("active", False), ("closed", False), ("closed", True)):
        changed = cli("merchant", "state", shop, to, "--reason", "fraud_suspected")
        assert (changed.status, changed.last["state"], changed.last["again"]) == (0, to, again), changed.out
    assert cli("merchant", "state", shop, "active", "--reason", "regret").code == "not_allowed_from_state"
    listed = {one["code"]: one["state"] for one in cli("merchant", "list").last["merchants"]}
    assert listed[shop] == "closed"


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("nobody", "active", "--reason", "x"), "unknown_merchant"),
        (("SHOP", "asleep", "--reason", "x"), "unknown_state"),
        (("SHOP", "suspended", "--reason", "Bad words!"), "reason_invalid"),
        (("SHOP", "suspended", "--reason", ""), "reason_invalid"),
        (("SHOP", "suspended"), "usage"),
    ],
)
def test_a_state_that_cannot_be_is_refused(cli: Command, shop: str, words: tuple[str, ...], code: str) -> None:
    assert cli("merchant", "state", *(shop if word == "SHOP" else word for word in words)).code == code


def test_who_may_not_is_told_so(given: Given, cli: Command, shop: str, person: Callable[..., str]) -> None:
    support, owner = person("support"), person("merchant_owner", "record-house")
    for login in (support, owner):
        assert given(merchant(), "merchant", "onboard", "--as", login).code == "not_allowed"
        assert given(contract(), "merchant", "amend", shop, "--reason", "x", "--as", login).code == "not_allowed"
        assert cli("merchant", "state", shop, "suspended", "--reason", "x", "--as", login).code == "not_allowed"
    assert cli("merchant", "state", shop, "suspended", "--reason", "x", "--as", person("compliance")).status == 0


def minors(told: dict[str, Any]) -> dict[str, int]:
    return {name: amount["minor"] for name, amount in told.items()}


def test_what_a_contract_brings_is_told_before_it_is_signed(given: Given) -> None:
    terms = contract(
        valid_from="2026-09-30",
        settlement_days=1,
        fees=[{"rate": "0.60", "fixed": "1.00", "tiers": [{"volume": "100000.00", "rate": "0.40"}]}],
        reserve={"rate": "5.00", "days": 90},
    )
    asked = ("merchant", "income", "--amount", "1999.00", "--periods", "3", "--orders", "100", "--interest-free", "--cost-of-money", "7.30")
    told = given(terms, *asked).last
    # T+1 from the day before the holidays is eight days later; 5 % come 90 days after that.
    assert (told["sold_on"], told["paid_on"], told["kept_back_days"]) == ("2026-09-30", "2026-10-08", 90)
    net = 1999_00 - 12_99 - 35_98
    waiting = round((net * 8 + 99_95 * 90) * 0.073 / 365)
    assert minors(told["first_month"]) == {
        "fee": 12_99, "discount": 35_98, "net": net, "kept_back": 99_95, "waiting_costs": waiting, "income": net - waiting,
        "month": (net - waiting) * 100,
    }  # fmt: skip
    assert minors(told["later_months"])["fee"] == 9_00  # 199,900.00 were sold in the month before
    by_period = {name: value for name, value in terms.items() if name != "reserve"} | {"settle_by": "period"}
    # Collected on the 30th of October and November and of December: T+1 is 33, 62 and 92 days later.
    parts = given(by_period, *asked).last
    assert (parts["settle_by"], parts["paid_on"], parts["waits_days"]) == ("period", "2026-12-31", 62)
    assert given({**terms, "discounts": []}, *asked).code == "no_such_plan"
    assert given({**terms, "fee_rate": "100"}, *asked).code == "fee_rate_invalid"


def test_what_a_contract_brings_is_a_table_of_amounts(raw: Command, town: Town, tmp_path: Path) -> None:
    (tmp_path / "terms.json").write_text(json.dumps(contract(fees=[])))
    asked = ("merchant", "income", "--file", str(tmp_path / "terms.json"), "--amount", "1000.00", "--periods", "3")
    told = raw(*asked, "--book", town.book)
    assert (told.status, " CNY" in told.out, "{" in told.out) == (0, True, False), told.out


@pytest.mark.parametrize(
    ("language", "words"),
    [("zh", ["净收入", "服务费", "贴息", "资金占用成本", "首月"]), ("en", ["is left", "Fee", "Subsidy", "First month"])],
)
def test_what_a_contract_brings_is_drawn_and_is_the_same_each_time(given: Given, tmp_path: Path, language: str, words: list[str]) -> None:
    terms = contract(settlement_days=1, fees=[{"rate": "0.60", "tiers": [{"volume": "100000.00", "rate": "0.40"}]}])
    files = [tmp_path / "one.svg", tmp_path / "two.svg"]
    asked = (
        "--amount",
        "1999.00",
        "--periods",
        "3",
        "--orders",
        "100",
        "--interest-free",
        "--cost-of-money",
        "7.30",
        "--language",
        language,
    )
    for file in files:
        told = given(terms, "merchant", "income", *asked, "--chart", str(file)).last
        assert told["chart"] == str(file)
    drawn = files[0].read_text()
    assert files[1].read_text() == drawn
    texts = ["".join(node.itertext()) for node in ET.fromstring(drawn).iter() if node.tag.endswith("text")]
    for text in (*words, *(f"¥{one['income']['minor'] / 100:,.2f}" for one in (told["first_month"], told["later_months"]))):
        assert any(text in one for one in texts), text
    assert given(terms, "merchant", "income", *asked, "--chart", str(tmp_path / "one.pdf")).code == "chart_format"


def test_what_the_contract_in_force_brings_is_told_too(cli: Command, shop: str, given: Given) -> None:
    asked = ("merchant", "income", "--amount", "100.00", "--periods", "6")
    told = cli(*asked, "--merchant", shop).last
    assert told["first_month"] == told["later_months"]
    assert told["first_month"]["month"] == told["first_month"]["income"]
    assert cli(*asked).code == "contract_needed"
    assert given(contract(), *asked, "--merchant", shop).code == "contract_needed"
    assert cli(*asked, "--merchant", "nobody").code == "unknown_merchant"
    assert cli(*asked, "--merchant", shop, "--on", "2020-01-01").code == "no_contract"
    assert cli(*asked, "--merchant", shop, "--cost-of-money", "much").code == "percent_invalid"
    assert cli("merchant", "income", "--amount", "0", "--periods", "6", "--merchant", shop).code == "amount_not_positive"


def test_another_account_is_asked_for_approved_and_the_first_one_stays_to_be_seen(
    given: Given, cli: Command, shop: str, person: Callable[..., str]
) -> None:
    wanted = {"settlement_account": "622200001234567", "settlement_account_kind": "corporate", "settlement_bank_code": "ICBKCNBJ"}
    personal = given({**wanted, "settlement_account_kind": "personal"}, "merchant", "change-account", shop, "--reason", "moved")
    assert (personal.status, personal.code) == (1, "account_not_corporate")
    asked = given(wanted, "merchant", "change-account", shop, "--reason", "moved")
    assert asked.status == 0, asked.out
    listed = cli("approval", "list", "--limit", "1000")
    (waiting,) = [one for one in listed.last["approvals"] if one["approval"] == asked.last["approval"]]
    assert set(waiting["content"]) == {"version", "kind", "holder", "bank_code", "masked"}
    assert wanted["settlement_account"] not in listed.out
    assert cli("approval", "decide", asked.last["approval"], "--approve", "--reason", "called", "--as", person("compliance")).status == 0
    first, second = cli("merchant", "account", shop).last["accounts"]
    assert (first["version"], second["version"], second["bank_code"], second["account"][-4:]) == (1, 2, "ICBKCNBJ", "4567")
