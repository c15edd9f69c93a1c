"""Callbacks of the channel: verified, kept as they came, booked once, and asked for where none came."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from django.conf import settings
from django.test import Client

from tests.journeys.conftest import Shop
from yuefu.errors import Refused
from yuefu.journeys import callbacks, repayment
from yuefu.journeys.callbacks import Received
from yuefu.money.amounts import Money
from yuefu.payments.gateways.callbacks import NotTrusted
from yuefu.payments.gateways.sandbox_callbacks import SandboxCallbacks
from yuefu.payments.queries import callbacks as kept
from yuefu.payments.rules import ChannelResult
from yuefu.runtime import sql
from yuefu.runtime import vault as vaults

UNKNOWN = "card:1:unknown_then_success"


def owing(shop: Shop) -> tuple[str, ChannelResult]:
    """A payment of which nobody knows what became, and what the channel knows."""
    loan = shop.bought().loan_id
    shop.until(date(2026, 10, 25))
    paid = shop.repay(loan, card=UNKNOWN)
    assert paid.state == "unknown"
    reference = sql.value("SELECT reference FROM payments_collection WHERE id = %s", [paid.collection_id])
    trade = sql.rows("SELECT amount_minor, fee_minor, provider_id, on_date FROM payments_sandbox_trade WHERE reference = %s", [reference])[
        0
    ]
    return reference, ChannelResult(reference, "succeeded", Money(trade[0], "CNY"), Money(trade[1], "CNY"), trade[2], trade[3])


def state(reference: str) -> str:
    return str(sql.value("SELECT state FROM payments_collection WHERE reference = %s", [reference]))


def test_a_callback_over_http_is_booked_once_however_often_it_comes(late_shop: Shop) -> None:
    shop, client = late_shop, Client(SERVER_NAME="127.0.0.1")
    reference, result = owing(shop)
    keys = vaults.load(Path(settings.YUEFU_KEYS_FILE))  # those of the door
    sandbox = SandboxCallbacks(keys)
    headers, body = sandbox.signed(book=shop.desk.book, number="cb-1", about="payment", result=result, now=datetime.now(UTC))

    def send(given: dict[str, str] = headers, data: bytes = body, channel: str = "sandbox"):
        names = {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in given.items() if name != "content-type"}
        return client.post(f"/callbacks/{channel}", data=data, content_type="application/json", **names)

    for wrong, code, status in (
        (send(data=body.replace(b"succeeded", b"failed")), "callback_not_trusted", 401),
        (send(headers | {"webhook-timestamp": str(int(headers["webhook-timestamp"]) - 400)}), "callback_not_trusted", 401),
        (send({}), "callback_not_trusted", 401),
        (send(channel="nobody"), "unknown_callback_channel", 404),
        (send(data=b"x" * 70_000), "body_too_large", 413),
    ):
        assert (wrong.status_code, wrong.json()["code"]) == (status, code)
    assert state(reference) == "unknown"
    assert kept.latest(book_id=shop.book_id, limit=10, vault=keys) == []
    assert client.get("/callbacks/sandbox").status_code == 405
    for _ in range(2):
        assert (send().status_code, send().json()) == (200, {"received": True})
    assert state(reference) == "succeeded"
    (one,) = kept.latest(book_id=shop.book_id, limit=10, vault=keys)
    assert (one.number, one.state, one.outcome, one.tries, one.body) == ("cb-1", "handled", "booked", 1, body)
    again = callbacks.handle(desk=replace(shop.desk, vault=keys), now=shop.now(15), readers={"sandbox": sandbox}, ids=[one.id])
    assert list(again.values()) == ["booked"], "played again it is nothing new"
    shop.prove()


def test_what_could_not_be_booked_waits_and_disturbs_no_other(late_shop: Shop) -> None:
    shop = late_shop
    reference, result = owing(shop)
    sandbox = SandboxCallbacks(shop.desk.vault)
    stranger = replace(result, reference="somebody-elses")
    for number, told in (("a", stranger), ("b", result)):
        headers, body = sandbox.signed(book=shop.desk.book, number=number, about="payment", result=told, now=datetime.now(UTC))
        got = callbacks.receive(desk=shop.desk, now=shop.now(15), channel="sandbox", number=number, headers=headers, body=body)
        assert isinstance(got, Received)
    broken = {"sandbox": Broken(sandbox, {"b"})}
    assert set(callbacks.handle(desk=shop.desk, now=shop.now(15), readers=broken).values()) == {"unknown_reference", "not_booked"}
    assert state(reference) == "unknown"
    assert list(callbacks.handle(desk=shop.desk, now=shop.now(15), readers={"sandbox": sandbox}).values()) == ["booked"]
    assert state(reference) == "succeeded"
    assert callbacks.handle(desk=shop.desk, now=shop.now(15), readers={"sandbox": sandbox}) == {}


class Broken:
    """A reader that raises for some."""

    def __init__(self, reader: SandboxCallbacks, numbers: set[str]) -> None:
        self._reader, self._numbers = reader, numbers

    def read(self, **given):
        said = self._reader.read(**given)
        if said.number in self._numbers:
            raise RuntimeError("broken")
        return said


def test_without_a_callback_the_channel_is_asked_and_a_late_one_is_nothing_new(late_shop: Shop) -> None:
    shop = late_shop
    reference, result = owing(shop)
    assert repayment.poll(desk=shop.desk, now=shop.now(15)) >= 1
    assert state(reference) == "succeeded"
    sandbox = SandboxCallbacks(shop.desk.vault)
    headers, body = sandbox.signed(book=shop.desk.book, number="late", about="payment", result=result, now=datetime.now(UTC))
    assert not isinstance(
        callbacks.receive(desk=shop.desk, now=shop.now(15), channel="sandbox", number="late", headers=headers, body=body), Refused
    )
    assert list(callbacks.handle(desk=shop.desk, now=shop.now(15), readers={"sandbox": sandbox}).values()) == ["booked"]
    shop.prove()


def test_bytes_and_headers_are_sealed_and_never_rewritten(late_shop: Shop, as_role) -> None:
    shop, sandbox = late_shop, SandboxCallbacks(late_shop.desk.vault)
    result = ChannelResult("ref", "failed", Money(1, "CNY"), Money(0, "CNY"), failure_code="no")
    headers, body = sandbox.signed(book=shop.desk.book, number="sealed", about="refund", result=result, now=datetime.now(UTC))
    with pytest.raises(NotTrusted):
        sandbox.read(headers=headers, body=body, now=datetime.now(UTC) + timedelta(minutes=6))
    assert not isinstance(
        callbacks.receive(desk=shop.desk, now=shop.now(), channel="sandbox", number="sealed", headers=headers, body=body), Refused
    )
    content = sql.value("SELECT content_sealed FROM payments_callback WHERE number = 'sealed' AND book_id = %s", [shop.book_id])
    assert b"ref" not in bytes(content)
    writer = as_role("default")
    with pytest.raises(Exception, match="stays what it is"):
        writer.execute("UPDATE payments_callback SET number = 'other' WHERE number = 'sealed'")
