"""A merchant by the client alone, in small, and that its books can differ; the whole of it is `yuefu prove merchant`."""

from __future__ import annotations

import random
from typing import Any

import pytest

from tests import homes
from yuefu.proofs.merchant import books, running


@pytest.mark.slow
def test_the_books_of_a_merchant_from_webhooks_and_from_lists_are_ours_though_its_receiver_fails_and_dies() -> None:
    found = running.run(orders=8, say=lambda _: None, furnish=homes.furnish)
    assert found["ok"], found
    assert (found["differing"], found["wrong"], found["receiver_deaths"]) == ([], [], 1)
    assert found["delivered"] == found["events"] > 20
    assert found["failed_tries"] > 1
    assert {"order", "capture", "refund", "release", "void", "extend", "accept", "answer", "session"} <= set(found["actions"])
    assert all(found["books"].values()), found["books"]


def told(event: str, kind: str, state: str, *, order: str = "o", **members: Any) -> dict[str, Any]:
    """An event of an order with its sums, or of a payout."""
    sums = dict.fromkeys(books.SUMS, 0) | {"merchant_reference": "A", "amount": 90, "expires_at": "2026-10-20", "captures": []}
    own = sums if kind == "order" else {"amount": 90, "settlement": "s"}
    return {
        "id": event,
        "type": members.pop("type", ""),
        "data": {"object": {"object": kind, "id": order, "state": state, **own, **members}},
    }


def test_books_are_the_same_in_whatever_order_and_however_often_events_come() -> None:
    events = [
        told("1", "order", "authorised"),
        told("2", "order", "part_captured", amount_captured=30, captures=[{"id": "c", "amount": 30, "amount_refunded": 0}]),
        told("3", "order", "part_refunded", amount_captured=30, amount_refunded=10, type="refund.created"),
        told("4", "payout", "scheduled", order="p"),
        told("5", "payout", "paid", order="p"),
    ]
    expected = books.of_events(events)
    assert expected[books.ORDERS]["o"]["state"] == "part_refunded"
    assert expected[books.REFUNDS] == {"o": {"count": 1, "amount": 10}}
    assert expected[books.PAYOUTS]["p"]["state"] == "paid"
    for seed in range(20):
        mixed = random.Random(seed).sample([*events, *events], 10)
        assert books.of_events(mixed) == expected


def test_what_differs_is_named_from_either_side() -> None:
    one, other = books.blank(), books.blank()
    one[books.PAYOUTS] = {"p": 1, "q": 2}
    other[books.PAYOUTS] = {"p": 1, "r": 3}
    assert books.differing(one, other, names=("webhooks", "lists")) == [
        "payouts q: webhooks 2, lists None",
        "payouts r: webhooks None, lists 3",
    ]
