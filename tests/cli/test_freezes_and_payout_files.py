"""Freezes, clearing by hand and payouts by file from the command line; each of them by the people it takes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from lxml import etree

from tests.cli.conftest import Command, Town, a_town
from tests.cli.samples import contract
from yuefu.runtime.vault import Vault


@pytest.fixture(scope="module")
def town(keys: Vault) -> Town:
    """A book of its own, for its days go by."""
    return a_town(keys)


@pytest.fixture
def decide(cli: Command, person: Callable[..., str]) -> Callable[[Any], Any]:
    def act(asked: Any, said: str = "--approve") -> Any:
        assert asked.status == 0, asked.out
        return cli("approval", "decide", asked.last["approval"], said, "--reason", "looked at it", "--as", person("compliance"))

    return act


def test_a_freeze_is_asked_for_approved_seen_and_ended(
    cli: Command, authorised: Callable[..., dict[str, Any]], decide: Callable[..., Any], person: Callable[..., str]
) -> None:
    risk = person("risk")
    words = ("settlement", "freeze", "record-house", "--amount", "50.00", "--until", "2027-03-01", "--reason", "abnormal", "--as", risk)
    asked = cli(*words)
    again = cli(*words)
    assert (again.last["approval"], again.last["again"]) == (asked.last["approval"], True), again.out
    assert cli("settlement", "freezes").last["freezes"] == []
    assert decide(asked).status == 0
    order = authorised(amount="200.00")
    assert cli("order", "capture", order["order"]).status == 0
    assert cli("close-day").status == 0
    assert cli("settle").status == 0
    (batch,) = cli("settlement", "list", "--merchant", "record-house").last["batches"]
    assert batch["payout"]["minor"] < 200_00 - 50_00
    (freeze,) = cli("settlement", "freezes", "--merchant", "record-house").last["freezes"]
    assert (freeze["asked"]["minor"], freeze["kept"]["minor"], freeze["state"], freeze["reason"]) == (
        50_00,
        50_00,
        "open",
        "abnormal",
    )
    ending = cli("settlement", "unfreeze", freeze["freeze"], "--reason", "explained", "--as", risk)
    again = cli("settlement", "unfreeze", freeze["freeze"], "--reason", "explained", "--as", risk)
    assert (again.last["approval"], again.last["again"]) == (ending.last["approval"], True)
    assert decide(ending).status == 0
    (ended,) = cli("settlement", "freezes", "--all").last["freezes"]
    assert (ended["state"], cli("settlement", "freezes").last["freezes"]) == ("ended", [])
    assert cli("close-day").status == 0
    assert cli("settle").status == 0
    later, _ = cli("settlement", "list", "--merchant", "record-house").last["batches"]
    assert later["payout"]["minor"] == 50_00


def test_a_held_batch_is_cleared_by_two_people(
    cli: Command, authorised: Callable[..., dict[str, Any]], decide: Callable[..., Any], person: Callable[..., str]
) -> None:
    order = authorised(amount="30.00", merchant="disc-city")
    assert cli("order", "capture", order["order"]).status == 0
    assert cli("merchant", "state", "disc-city", "suspended", "--reason", "review").status == 0
    assert cli("close-day").status == 0
    assert cli("settle").status == 0
    (held,) = cli("settlement", "held", "--merchant", "disc-city").last["batches"]
    assert (held["state"], held["reason"], held["pays"]) == ("held", "merchant_not_active", held["payout"])
    finance = person("finance")
    assert cli("settlement", "clear", held["batch"], "--reason", "due", "--paid-outside", "X-1", "--as", finance).code == "paid_on_invalid"
    asked, again = (cli("settlement", "clear", held["batch"], "--reason", "the court said so", "--as", finance) for _ in range(2))
    assert (again.last["approval"], again.last["again"], asked.last["again"]) == (asked.last["approval"], True, False), again.out
    assert cli("approval", "decide", asked.last["approval"], "--approve", "--reason", "x", "--as", finance).code == "same_person"
    assert decide(asked).status == 0
    assert cli("settle").status == 0
    assert cli("settlement", "held", "--merchant", "disc-city").last["batches"] == []
    (shown,) = cli("settlement", "list", "--merchant", "disc-city").last["batches"]
    assert shown["state"] == "paid"
    assert cli("merchant", "state", "disc-city", "active", "--reason", "reviewed").status == 0


def test_payouts_are_exported_once_written_again_and_answered(
    cli: Command, authorised: Callable[..., dict[str, Any]], decide: Callable[..., Any], person: Callable[..., str], tmp_path: Path
) -> None:
    value = {"by": "file", "debtor": "示例小额贷款有限公司", "debtor_bank": "ICBKCNBJ"}
    asked = cli("setting", "propose", "payments.payouts", json.dumps(value, ensure_ascii=False), "--reason", "the bank takes files")
    assert decide(asked).status == 0
    order = authorised(amount="200.00")
    assert cli("order", "capture", order["order"]).status == 0
    assert cli("close-day").status == 0
    assert cli("settle").status == 0
    finance, file = person("finance"), tmp_path / "payouts.xml"
    assert cli("payout", "export", "--out", str(tmp_path / "no" / "such.xml"), "--as", finance).code == "not_written"
    (made,) = cli("payout", "files").last["files"]
    assert (made["count"], made["states"]) == (1, {"sent": 1})
    assert cli("payout", "export", "--out", str(file), "--as", finance).code == "nothing_to_export"
    again = cli("payout", "export", "--again", made["file"], "--out", str(file), "--as", finance)
    assert (again.status, again.last["sha256"]) == (0, hashlib.sha256(file.read_bytes()).hexdigest())
    assert cli("payout", "export", "--again", made["file"], "--out", str(file)).code == "file_exists"
    sent = etree.fromstring(file.read_bytes())
    reference = sent.findtext(".//{*}EndToEndId")
    answer = tmp_path / "answer.xml"
    answer.write_text(
        '<Document xmlns="urn:iso:std:iso:20022:tech:xsd:pain.002.001.03"><CstmrPmtStsRpt><GrpHdr><MsgId>B-1</MsgId>'
        f"<CreDtTm>2026-10-20T09:00:00</CreDtTm></GrpHdr><OrgnlGrpInfAndSts><OrgnlMsgId>{made['file']}</OrgnlMsgId></OrgnlGrpInfAndSts>"
        f"<OrgnlPmtInfAndSts><TxInfAndSts><OrgnlEndToEndId>{reference}</OrgnlEndToEndId><TxSts>ACSC</TxSts></TxInfAndSts></OrgnlPmtInfAndSts>"
        "</CstmrPmtStsRpt></Document>"
    )
    booked = cli("payout", "answer", str(answer), "--as", finance)
    assert (booked.status, booked.last["paid"]) == (0, 1), booked.out
    assert cli("payout", "answer", str(answer), "--as", finance).code == "answer_taken"
    assert cli("payout", "cancel", made["file"], "--reason", "too late", "--as", finance).code == "file_answered"
    amount = made["total"]["amount"] if "amount" in made["total"] else f"{made['total']['minor'] / 100:.2f}"
    returned = ("payout", "returned", reference, "--amount", amount, "--reason", "account_closed", "--as", finance)
    assert cli(*returned, "--on", "2027-01-01").code == "returned_on_invalid"
    back = cli(*returned, "--on", made["made_at"][:10])
    assert (back.status, back.last["state"]) == (0, "returned"), back.out
    (flagged,) = cli("merchant", "account", "record-house").last["accounts"]
    assert flagged["fault"] == "account_closed"
    assert cli("settlement", "held").last["batches"][0]["reason"] == "account_closed"
    assert cli("payout", "export", "--out", str(tmp_path / "b.xml"), "--as", person("support")).code == "not_allowed"


def test_money_waits_for_evidence_that_the_shop_gives(
    cli: Command, authorised: Callable[..., dict[str, Any]], decide: Callable[..., Any], person: Callable[..., str], tmp_path: Path
) -> None:
    owner = person("merchant_owner", "disc-city")
    before = authorised(amount="30.00", merchant="disc-city")
    assert cli("order", "capture", before["order"]).status == 0
    assert cli("order", "delivered", before["order"], "--reference", "SF1", "--as", owner).code == "no_evidence_needed"
    (tmp_path / "terms.json").write_text(json.dumps(contract(valid_from="2026-10-20", holds={"evidence_days": 30})))
    assert decide(cli("merchant", "amend", "disc-city", "--file", str(tmp_path / "terms.json"), "--reason", "vouchers")).status == 0
    (tmp_path / "receipt.json").write_text(json.dumps(contract(valid_from="2026-10-20", settle_from="receipt")))
    assert decide(cli("merchant", "amend", "record-house", "--file", str(tmp_path / "receipt.json"), "--reason", "new shop")).status == 0
    while cli("close-day").last["on"] < "2026-10-19":
        pass
    new = authorised(amount="30.00")
    assert cli("order", "capture", new["order"]).status == 0
    waits = cli("merchant", "stress", "record-house").last["waiting"]["minor"]
    assert waits > 0
    stages = {one["code"]: one["state"] for one in cli("trace", new["order"]).last["stages"]}
    assert (stages["settlement"], cli("settlement", "month", "record-house", "2026-10").last["waiting"]["minor"]) == ("waiting", waits)
    receipt = ("order", "received", new["order"], "--reference", "R1")
    assert cli("order", "delivered", new["order"], "--reference", "SF1").code == "other_event"
    assert cli(*receipt, "--by", "carrier").code == "unknown_choice"
    received = [cli(*receipt, "--by", "consumer").last for _ in range(2)]
    assert [(one["due"]["minor"], one["settles_on"], one["again"]) for one in received] == [
        (waits, "2026-10-21", False),
        (waits, "2026-10-21", True),
    ]
    assert cli(*receipt, "--by", "merchant").code == "evidence_differs"
    assert cli("merchant", "stress", "record-house").last["waiting"]["minor"] == 0
    order = authorised(amount="30.00", merchant="disc-city")
    assert cli("order", "capture", order["order"]).status == 0
    told = [cli("order", "delivered", order["order"], "--reference", "SF2", "--as", owner).last for _ in range(2)]
    assert [(one["items"], one["again"]) for one in told] == [(1, False), (1, True)]
