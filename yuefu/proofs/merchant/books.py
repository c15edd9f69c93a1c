"""The books of a merchant, kept from what it is told and from nothing else. Pure.

Webhooks come twice, late and in any order, and where a test clock stands still many of them have the same `created`. So each is taken once,
by its id, and of what is told of an object the furthest counts: amounts of orders only grow, states of payouts and disputes only go forward.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any, Final

Books = dict[str, dict[str, Any]]
"""Page → id → what stands there."""

ORDERS, CAPTURES, REFUNDS, LOANS, DISPUTES, PAYOUTS, SESSIONS = "orders", "captures", "refunds", "loans", "disputes", "payouts", "sessions"
PAGES: Final = (ORDERS, CAPTURES, REFUNDS, LOANS, DISPUTES, PAYOUTS, SESSIONS)
SUMS: Final = ("amount_captured", "amount_released", "amount_refunded")

_PAYOUT_STEPS: Final = ("scheduled", "sent", "paid", "returned")
_DISPUTE_STEPS: Final = ("initiated", "representment", "pre_arbitration", "arbitration", "closed")
_SESSION_STEPS: Final = ("open", "completed", "expired", "cancelled")


def blank() -> Books:
    return {page: {} for page in PAGES}


def of_events(events: Iterable[Mapping[str, Any]]) -> Books:
    """What a merchant knows that reads nothing but its webhooks."""
    books = blank()
    told: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    refunds: dict[str, int] = defaultdict(int)
    for event in {one["id"]: one for one in events}.values():
        it = event["data"]["object"]
        told[it["object"]].append(it)
        if event["type"] == "refund.created":
            refunds[it["id"]] += 1
    for order_id, it in _furthest(told["order"], _how_far_an_order).items():
        books[ORDERS][order_id] = order(it)
        for one in it["captures"]:
            books[CAPTURES][one["id"]] = {"order": order_id, "amount": one["amount"], "amount_refunded": one["amount_refunded"]}
        if refunds[order_id]:
            books[REFUNDS][order_id] = {"count": refunds[order_id], "amount": it["amount_refunded"]}
    for it in told["loan"]:
        page = books[LOANS].setdefault(it["id"], {"state": "active"})
        page |= {name: it[given] for name, given in (("order", "order"), ("amount", "principal")) if given in it}
        page |= {"state": "closed"} if it.get("state") == "closed" else {}
    for page, kind, shown, steps in (
        (DISPUTES, "dispute", dispute, _DISPUTE_STEPS),
        (PAYOUTS, "payout", payout, _PAYOUT_STEPS),
        (SESSIONS, "checkout.session", session, _SESSION_STEPS),
    ):
        found = _furthest(told[kind], lambda one, steps=steps: (steps.index(one["state"]),))
        books[page] = {one_id: shown(it) for one_id, it in found.items()}
    return books


def _furthest(told: Iterable[Mapping[str, Any]], far: Any) -> dict[str, Mapping[str, Any]]:
    found: dict[str, Mapping[str, Any]] = {}
    for it in told:
        before = found.get(it["id"])
        if before is None or far(it) > far(before):
            found[it["id"]] = it
    return found


def _how_far_an_order(it: Mapping[str, Any]) -> tuple[int, str]:
    return sum(it[name] for name in SUMS), str(it["expires_at"])


def order(it: Mapping[str, Any]) -> dict[str, Any]:
    return {name: it[name] for name in ("state", "merchant_reference", "amount", *SUMS)}


def dispute(it: Mapping[str, Any]) -> dict[str, Any]:
    refunded = it["amount_refunded"] if "amount_refunded" in it else it.get("refunded")
    return {
        "order": it["order"],
        "state": it["state"],
        "outcome": it.get("outcome") or None,
        "amount": it["amount"],
        "refunded": refunded or 0,
    }


def payout(it: Mapping[str, Any]) -> dict[str, Any]:
    return {"state": it["state"], "amount": it["amount"], "settlement": it["settlement"]}


def session(it: Mapping[str, Any]) -> dict[str, Any]:
    return {"state": it["state"], "merchant_reference": it["merchant_reference"], "amount": it["amount"], "order": it.get("order")}


def differing(first: Books, second: Books, *, names: tuple[str, str]) -> list[str]:
    """What stands otherwise in one than in the other."""
    return [
        f"{page} {object_id}: {names[0]} {first[page].get(object_id)}, {names[1]} {second[page].get(object_id)}"
        for page in sorted(first.keys() & second.keys())
        for object_id in sorted(first[page].keys() | second[page].keys())
        if first[page].get(object_id) != second[page].get(object_id)
    ]
