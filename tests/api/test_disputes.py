"""A merchant answers what its customers contest over HTTP: with texts and files, in time, once."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

import pytest

from tests.api.conftest import Merchant, at_once, issue
from tests.api.things import FILE, contested
from yuefu import ids
from yuefu.aftersales.rules.files import LARGEST
from yuefu.api.disputes import DisputeList, DisputeShown, EvidenceAdded, StepTaken
from yuefu.api.files import FileShown
from yuefu.journeys import disputes
from yuefu.journeys.disputes import StepRequest


def sent(merchant: Merchant, content: bytes = b"signed", name: str = "waybill.txt", **more: Any) -> Any:
    return merchant.post("/v1/files", {**FILE, "name": name, "content": b64encode(content).decode()}, **more)


def test_a_dispute_is_answered_with_a_text_and_a_file_and_told_step_by_step(regular: Merchant) -> None:
    dispute = contested(regular)
    file = sent(regular)
    assert FileShown.model_validate(file.body, strict=False)
    path = f"/v1/disputes/{dispute}"
    added = regular.post(f"{path}/evidence", {"kind": "communication", "text": "line one\nline two", "file": file.body["id"]}, key="E")
    assert (added.status, EvidenceAdded.model_validate(added.body, strict=False).file) == (201, file.body["id"])
    taken = regular.post(f"{path}/submit", {"note": "it was signed for"}, key="S")
    assert (taken.status, StepTaken.model_validate(taken.body, strict=False).state) == (201, "representment")
    again = regular.post(f"{path}/submit", {"note": "it was signed for"}, key="S")
    assert (again.raw, again.replayed) == (taken.raw, True)
    assert regular.post(f"{path}/submit", {"note": "another"}, key="S").code == "idempotency_key_reused"
    assert regular.post(f"{path}/submit", {}).code == "dispute_step_not_possible"
    shown = regular.get(f"{path}?expand[]=order&expand[]=evidence.file").body
    assert DisputeShown.model_validate(shown, strict=False)
    assert (shown["order"]["object"], shown["evidence"][1]["file"]) == ("order", file.body)
    assert [(one["step"], one["state"]) for one in shown["steps"]] == [("open", "initiated"), ("submit", "representment")]
    assert "never" not in str(shown["steps"])


def test_a_dispute_that_is_accepted_is_refunded_once_and_told_as_a_charge_back(regular: Merchant) -> None:
    dispute = contested(regular)
    assert regular.post(f"/v1/disputes/{dispute}/accept", {}, key=None).code == "idempotency_key_missing"
    replies = at_once(*[lambda: regular.post(f"/v1/disputes/{dispute}/accept", {}, key="A") for _ in range(3)])
    assert {(one.status, one.raw) for one in replies} == {(201, replies[0].raw)}
    shown = regular.get(f"/v1/disputes/{dispute}").body
    assert (shown["state"], shown["outcome"], shown["amount_refunded"], shown["due_on"]) == ("closed", "lost", shown["amount"], None)
    refund = regular.get(f"/v1/refunds/{shown['refund']}").body
    assert (refund["reason"], refund["amount"], refund["state"]) == ("charge_back", shown["amount"], "succeeded")
    (item,) = regular.get(f"/v1/balance_transactions?source={shown['refund']}").body["data"]
    assert (item["type"], item["reporting_category"]) == ("charge_back", "dispute")


def test_disputes_are_listed_by_what_they_show(regular: Merchant) -> None:
    contested(regular)
    contested(regular, answered=True)
    every = regular.get("/v1/disputes?limit=100").body
    assert DisputeList.model_validate(every, strict=False)
    for name in ("order", "state", "reason", "outcome"):
        for told in {one[name] for one in every["data"] if one[name]}:
            found = regular.get(f"/v1/disputes?limit=100&{name}={told}").body["data"]
            assert found == [one for one in every["data"] if one[name] == told], (name, told)
    days = sorted({one["due_on"] for one in every["data"] if one["due_on"]})
    for day in days:
        found = regular.get(f"/v1/disputes?limit=100&due_until={day}").body["data"]
        assert found == [one for one in every["data"] if one["due_on"] and one["due_on"] <= day]
    neighbour = Merchant(regular.shop, regular.ask_with, merchant=1)
    assert neighbour.get("/v1/disputes").body["data"] == []


@pytest.fixture(scope="module")
def open_one(regular: Merchant) -> str:
    return contested(regular)


@pytest.mark.parametrize(
    ("body", "code", "pointer"),
    [
        ({"kind": "delivery"}, "invalid_request", "#"),
        ({"kind": "nonsense", "text": "x"}, "invalid_request", "#/kind"),
        ({"kind": "delivery", "text": "a\x00b"}, "invalid_request", "#/text"),
        ({"kind": "delivery", "text": "x" * 5001}, "invalid_request", "#/text"),
        ({"kind": "delivery", "file": "fil_01h455vb4pex5vsknk084sn02q"}, "evidence_file_unknown", None),
        ({"kind": "delivery", "file": "ord_01h455vb4pex5vsknk084sn02q"}, "invalid_request", "#/file"),
        ({"kind": "delivery", "text": "x", "more": 1}, "invalid_request", "#/more"),
    ],
)
def test_what_is_no_evidence_is_refused(regular: Merchant, open_one: str, body: Any, code: str, pointer: str | None) -> None:
    reply = regular.post(f"/v1/disputes/{open_one}/evidence", body)
    assert (reply.status, reply.code) == (422, code)
    assert pointer is None or pointer in reply.pointers


def test_a_file_comes_back_as_it_was_sent_and_to_its_merchant_alone(regular: Merchant) -> None:
    content = b"%PDF-1.7\n" + bytes(range(256)) * 400
    file = sent(regular, content, "签收单 №1.pdf", key="P")
    assert (file.status, file.body["content_type"], file.body["size"]) == (201, "application/pdf", len(content))
    assert (sent(regular, content, "签收单 №1.pdf", key="P").raw, sent(regular, b"%PDF-2", key="P").code) == (
        file.raw,
        "idempotency_key_reused",
    )
    path = f"/v1/files/{file.body['id']}"
    assert regular.get(path).body == file.body
    reply = regular.get(f"{path}/contents")
    assert (reply.raw, reply.headers["content-type"], reply.headers["x-content-type-options"]) == (content, "application/pdf", "nosniff")
    assert reply.headers["content-disposition"] == "attachment; filename*=UTF-8''%E7%AD%BE%E6%94%B6%E5%8D%95%20%E2%84%961.pdf"
    neighbour = Merchant(regular.shop, regular.ask_with, merchant=1)
    assert neighbour.get(path).code == neighbour.get(f"{path}/contents").code == "unknown_file"
    reader = issue(regular.shop, scopes=["dispute.read"]).secret
    assert regular.ask_with("GET", path, secret=reader).code == "scope_missing"


def test_what_is_no_file_is_refused(regular: Merchant) -> None:
    assert sent(regular, b"MZ\x90\x00").code == "file_kind_unknown"
    assert regular.post("/v1/files", {**FILE, "content": "no base64!"}).pointers == ["#/content"]
    assert sent(regular, name="../etc/passwd").code == "file_name_invalid"
    assert sent(regular, name="a\r\nSet-Cookie: b").pointers == ["#/name"]
    assert sent(regular, b"a" * (LARGEST + 1)).code == "file_too_large"
    assert sent(regular, b"a" * LARGEST).status == 201


def test_what_a_dispute_was_ruled_is_appealed_against_once(merchant: Merchant) -> None:
    dispute = contested(merchant, answered=True)
    path = f"/v1/disputes/{dispute}"
    assert merchant.get(path).body["ruling"] == "lost"
    assert merchant.post(f"{path}/evidence", {"kind": "identity", "text": "seen in the shop"}).status == 201
    assert merchant.post(f"{path}/appeal", {}).body["state"] == "arbitration"
    assert merchant.post(f"{path}/appeal", {}).code == "dispute_step_not_possible"
    shop, named = merchant.shop, ids.parse("dispute", dispute)
    disputes.take(desk=shop.desk, now=shop.now(), requests=[StepRequest("won", None, named, "rule_won")])
    assert merchant.get(path).body["outcome"] == "won"
    assert merchant.get(f"/v1/refunds?order={merchant.get(path).body['order']}").body["data"] == []
