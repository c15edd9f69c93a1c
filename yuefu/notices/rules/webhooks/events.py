"""Events as merchants are told them. Pure.

Inside, an event has the snapshot of an object as the outbox keeps it. A merchant is told it under a public type, with those members of the
snapshot that are its business, in the form of the API: ids with their prefix, amounts in minor units beside one currency. What is not listed
here is told to nobody.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from yuefu import ids
from yuefu.access.rules import versions

TEST: Final = "webhook.test"
"""Sent to the endpoint that asked for it alone, whatever its filter."""

_OF_ORDER: Final[Mapping[str, tuple[str, ...]]] = {
    "order.authorised": ("payment.authorized", "credit.decision.approved"),
    "order.declined": ("credit.decision.declined", "payment.failed"),
    "order.voided": ("payment.voided",),
    "order.released": ("payment.voided",),
    "order.expired": ("payment.expired",),
    "order.extended": ("payment.extended",),
    "order.refunded": ("refund.created",),
}
_ONE_EACH: Final[Mapping[str, str]] = {
    "channel_refund.succeeded": "refund.succeeded",
    "channel_refund.failed": "refund.failed",
    "loan.booked": "loan.activated",
    "loan.written_off": "loan.written_off",
    "loan.charged_off": "loan.written_off",
    "loan.repaid": "loan.repaid",
    "loan.refunded": "loan.refunded",
    "loan.overdue": "instalment.overdue",
    "loan.cured": "loan.cured",
    "instalment.due": "instalment.due",
    "payout.scheduled": "payout.created",
    "payout.sent": "payout.in_transit",
    "payout.paid": "payout.paid",
    "payout.failed": "payout.failed",
    "payout.returned": "payout.failed",
    "settlement_batch.scheduled": "settlement.scheduled",
    "settlement_batch.held": "settlement.held",
    "settlement_batch.paid": "settlement.paid",
    "settlement_batch.returned": "settlement.returned",
    "aftersale.asked": "aftersale.asked",
    "aftersale.agreed": "aftersale.agreed",
    "aftersale.declined": "aftersale.declined",
    "aftersale.in_hand": "aftersale.goods_in_hand",
    "aftersale.done": "aftersale.done",
    "aftersale.cancelled": "aftersale.cancelled",
    "checkout.session.completed": "checkout.session.completed",
    "checkout.session.expired": "checkout.session.expired",
    "dispute.opened": "dispute.opened",
    "dispute.submitted": "dispute.submitted",
    "dispute.ruled": "dispute.ruled",
    "dispute.appealed": "dispute.appealed",
    "dispute.won": "dispute.won",
    "dispute.lost": "dispute.lost",
    "webhook_endpoint.tested": TEST,
}
_BY_STATE: Final = frozenset({"payment.captured", "payment.partially_captured", "loan.paid_off"})

TYPES: Final = frozenset(_ONE_EACH.values()) | {one for group in _OF_ORDER.values() for one in group} | _BY_STATE
"""All that an endpoint can be told of."""


@dataclass(frozen=True, slots=True)
class _Shape:
    """An object as it is told: its name, whose id it has, and its members, each with its name in the snapshot where that is another."""

    name: str
    kind: str
    members: Mapping[str, str]


def _shape(name: str, kind: str, *same: str, **other: str) -> _Shape:
    return _Shape(name, kind, {one: one for one in same} | other)


_SHAPES: Final[Mapping[str, _Shape]] = {
    "order": _shape(
        "order", "order", "state", "merchant_reference", "channel", "product", "periods", "amount", "expires_at", "captures",
        consumer="consumer_id", quote="quote_id", amount_authorised="authorised", amount_captured="captured", amount_released="released",
        amount_refunded="refunded",
    ),
    # That an instalment is late is told, for its merchant may have a part in it; how late, how much and what was paid is between the consumer
    # and who lends, and no login of a merchant reads it (`loans_seen_by_merchant`).
    "loan": _shape(
        "loan", "loan", "state", "product", "principal", "due_on", "amount", "first_due_on", "instalments", order="order_id",
        consumer="consumer_id",
    ),
    "channel_refund": _shape("consumer_refund", "channel_refund", "state", "amount", "failure_code", "settled_on", order="order_id"),
    "payout": _shape("payout", "payout", "state", "amount", "paid_on", "returned_on", settlement="batch_id"),
    "settlement_batch": _shape("settlement", "batch", "state", "pay_on", "line_count", "reason", "totals", "withheld", payout="payout_id"),
    "aftersale": _shape(
        "aftersale", "aftersale", "state", "kind", "asked_by", "amount", "price", "answer_by", "handed_on", "refunded", "paused_until",
        order="order_id", consumer="consumer_id", refund="refund_id",
    ),
    "checkout": _shape(
        "checkout.session", "checkout", "state", "merchant_reference", "amount", "channel", "expires_at", order="order_id",
        consumer="consumer_id",
    ),
    "dispute": _shape(
        "dispute", "dispute", "state", "reason", "amount", "answer_by", "appeal_by", "ruling", "outcome", "refunded", order="order_id",
        consumer="consumer_id", refund="refund_id",
    ),
    "webhook_endpoint": _shape("webhook_endpoint", "webhook_endpoint", "url"),
}  # fmt: skip

_KINDS: Final[Mapping[str, str]] = {
    "consumer_id": "consumer", "quote_id": "quote", "order_id": "order", "batch_id": "batch", "payout_id": "payout", "refund_id": "refund",
}  # fmt: skip
_INNER: Final[Mapping[str, tuple[str, Mapping[str, str]]]] = {
    "captures": ("capture", {"amount": "amount", "amount_refunded": "refunded"}),
    "instalments": ("", {"no": "no", "due_on": "due_on", "principal": "principal", "interest": "interest"}),
}
"""Members that are lists, each with whose ids its elements have."""


@dataclass(frozen=True, slots=True)
class PublicEvent:
    """An event of a merchant. `snapshot` and `changed` are as the outbox keeps them, without what is told to nobody."""

    id: UUID
    type: str
    object_kind: str
    object_id: UUID
    snapshot: Mapping[str, Any]
    changed: Mapping[str, Any]
    created_at: datetime
    request_id: str
    key: str


def public_types(kind: str, object_kind: str, snapshot: Mapping[str, Any], changed: Mapping[str, Any]) -> tuple[str, ...]:
    """The types under which a merchant is told an event; none where it is none of theirs."""
    shape, state = _SHAPES.get(object_kind), snapshot.get("state")
    if shape is None or shape.kind not in ids.PREFIXES or snapshot.get("party", "merchant") != "merchant":
        return ()
    if kind == "order.captured":
        return ("payment.partially_captured",) if state == "part_captured" else ("payment.captured",)
    found = _OF_ORDER.get(kind) or ((_ONE_EACH[kind],) if kind in _ONE_EACH else ())
    ended = object_kind == "loan" and "state" in changed and state in _ENDED and "loan.written_off" not in found
    return (*found, "loan.paid_off") if ended else found


_ENDED: Final = frozenset({"closed", "overpaid"})


def may_be_told(kind: str) -> bool:
    """Whether an event of a kind can be any merchant's business."""
    return kind == "order.captured" or kind in _OF_ORDER or kind in _ONE_EACH or kind.startswith("loan.")


def kept_of(object_kind: str, snapshot: Mapping[str, Any]) -> dict[str, Any]:
    """What of a snapshot is kept to be told."""
    wanted = set(_SHAPES[object_kind].members.values())
    return {name: value for name, value in snapshot.items() if name in wanted}


def render(event: PublicEvent, version: str, *, is_live: bool) -> dict[str, Any]:
    """An event as a client of a version of the API reads it."""
    return versions.given_out(told(event, version, is_live=is_live), version)


def told(event: PublicEvent, version: str, *, is_live: bool) -> dict[str, Any]:
    """An event in the newest form, which says for which version it is."""
    currency = _currency(event.snapshot)
    it = {**_named(event), **_members(event.object_kind, event.snapshot)}
    it |= {"currency": currency} if currency else {}
    return {
        "id": ids.text("event", event.id),
        "object": "event",
        "type": event.type,
        "api_version": version,
        "created": _moment(event.created_at),
        "livemode": is_live,
        "data": {"object": it, "previous_attributes": _members(event.object_kind, event.changed)},
        "request": {"id": event.request_id or None, "idempotency_key": event.key or None},
    }


def thin(event: PublicEvent) -> dict[str, Any]:
    """That something happened, and to what: the rest is asked for."""
    return {
        "id": ids.text("event", event.id),
        "type": event.type,
        "timestamp": _moment(event.created_at),
        "data": _named(event),
    }


def _named(event: PublicEvent) -> dict[str, Any]:
    shape = _SHAPES[event.object_kind]
    return {"object": shape.name, "id": ids.text(shape.kind, event.object_id)}


def _moment(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _members(object_kind: str, snapshot: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _value(source, snapshot[source]) for name, source in _SHAPES[object_kind].members.items() if source in snapshot}


def _value(name: str, value: Any) -> Any:
    if isinstance(value, Mapping):
        if value.keys() == {"minor", "currency"}:
            return value["minor"]
        return {one: _value(one, inner) for one, inner in value.items()}
    if name in _INNER and isinstance(value, Sequence) and not isinstance(value, str):
        return [_element(name, one) for one in value]
    return ids.text(_KINDS[name], UUID(value)) if name in _KINDS and value is not None else value


def _element(name: str, one: Mapping[str, Any]) -> dict[str, Any]:
    kind, members = _INNER[name]
    named = {"id": ids.text(kind, UUID(one["id"]))} if kind and "id" in one else {}
    return named | {member: _value(source, one[source]) for member, source in members.items() if source in one}


def _currency(value: Any) -> str | None:
    """The currency of the amounts of an object: it has one."""
    if isinstance(value, Mapping):
        if value.keys() == {"minor", "currency"}:
            return str(value["currency"])
        return next((found for inner in value.values() if (found := _currency(inner))), None)
    return None
