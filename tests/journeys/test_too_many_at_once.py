"""However many are asked for in one call: beyond what one transaction should hold, all are refused and nothing is done."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from tests.journeys.conftest import Shop
from yuefu.errors import Refused
from yuefu.journeys import checkout, desk, refund, repayment, undoing
from yuefu.journeys.checkout import Captured, Purchase, Wish
from yuefu.journeys.repayment import RepayRequest
from yuefu.journeys.undoing import UndoRequest
from yuefu.money.amounts import Money
from yuefu.orders.commands import CaptureRequest, RefundRequest, VoidRequest
from yuefu.runtime import sql

MILLION = 1_000_000


def asked(shop: Shop, order: Captured) -> dict[str, tuple[Callable[[Sequence[Any]], Sequence[Any]], Any]]:
    """Each verb of money with a request that would be carried out."""
    where: dict[str, Any] = {"desk": shop.desk, "now": shop.now(12)}
    seller, buyer = shop.merchants[0], shop.consumer()
    wish = Wish(seller, buyer, "free", Money.parse("300.00", "CNY"), 3)
    (quoted,) = checkout.quote(**where, wishes=[wish])
    assert not isinstance(quoted, Refused)
    return {
        "quote": (lambda given: checkout.quote(**where, wishes=given), wish),
        "authorise": (lambda given: checkout.authorise(**where, purchases=given), Purchase("K", seller, "M", buyer, quoted.quote_id)),
        "capture": (lambda given: checkout.capture(**where, requests=given), CaptureRequest("K", seller, order.order_id, None)),
        "void": (lambda given: checkout.void(**where, requests=given), VoidRequest("K", seller, order.order_id)),
        "refund": (lambda given: refund.refund(**where, requests=given), RefundRequest("K", seller, order.order_id, None)),
        "repay": (lambda given: repayment.repay(**where, requests=given), RepayRequest("K", order.loan_id, Money(100, "CNY"), "card:1:ok")),
        "undo": (lambda given: undoing.undo(**where, requests=given), UndoRequest("K", order.loan_id, "by mistake")),
        "expire": (lambda given: checkout.expire_orders(**where, order_ids=given), order.order_id),
        "retry": (lambda given: refund.retry_loans(**where, loan_ids=given), order.loan_id),
    }


def written() -> list[Any]:
    """How much of everything there is."""
    tables = ("runtime_key", "runtime_outbox", "runtime_quarantine", "ledger_entry", "offers_quote", "orders_order", "payments_collection")
    return [sql.value(f"SELECT count(*) FROM {table}") for table in tables]


@pytest.mark.parametrize("verb", ["quote", "authorise", "capture", "void", "refund", "repay", "undo", "expire", "retry"])
def test_a_million_in_one_call_are_refused_and_nothing_is_done(shop: Shop, verb: str) -> None:
    call, request = asked(shop, shop.bought())[verb]
    before = written()
    outcomes = call([request] * MILLION)
    assert len(outcomes) == MILLION
    (refused,) = set(outcomes)
    assert isinstance(refused, Refused)
    assert (refused.code, refused.detail) == (
        desk.TOO_MANY_AT_ONCE,
        "one call takes at most 50000 requests, not 1000000: send them in several",
    )
    assert written() == before


@pytest.mark.parametrize("verb", ["quote", "authorise", "refund", "repay"])
def test_as_many_as_may_be_are_carried_out(shop: Shop, monkeypatch: pytest.MonkeyPatch, verb: str) -> None:
    monkeypatch.setattr(desk, "MOST_AT_ONCE", 3)
    call, request = asked(shop, shop.bought())[verb]
    assert [getattr(outcome, "code", "") for outcome in call([request] * 4)] == ["too_many_at_once"] * 4
    assert not any(isinstance(outcome, Refused) for outcome in call([request] * 3))


def test_refunds_that_failed_are_all_tried_again_however_many_they_are(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(desk, "MOST_AT_ONCE", 2)
    monkeypatch.setattr(refund, "MOST_AT_ONCE", 2)
    for _ in range(5):
        got = shop.bought("300.00")
        shop.repay(got.loan_id, "300.00", card="card:1:refund_fails_once")
        shop.refund(got.order_id)
    shop.next_day()
    # The close tried them again: the channel gave all five back.
    found = sql.rows("SELECT state, count(*) FROM payments_channel_refund WHERE book_id = %s GROUP BY 1 ORDER BY 1", [shop.book_id])
    assert found == [("failed", 5), ("succeeded", 5)]
