"""Writes of orders, over many. Keys are claimed by the journeys, because one request touches several packages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC
from operator import attrgetter
from typing import Any, Final, TypeVar
from uuid import UUID

from yuefu.errors import Refused
from yuefu.merchants.rules.metadata import Metadata
from yuefu.money.amounts import Money
from yuefu.orders import queries, rules
from yuefu.orders.commands.parts import Used, ship
from yuefu.orders.queries import OfMerchant
from yuefu.orders.rules import Capture, Order, Part, Way
from yuefu.orders.rules.parts import Pieces, Shipment, shipments_fault
from yuefu.runtime import audit, outbox, sql
from yuefu.runtime.outbox import Event
from yuefu.runtime.values import Actor, UnitOfWork

N = TypeVar("N", UUID, OfMerchant)
"""What an order is asked for by."""

_ORDER = {
    "id": "uuid",
    "merchant_id": "uuid",
    "consumer_id": "uuid",
    "credit_account_id": "uuid",
    "merchant_reference": "text",
    "product_id": "uuid",
    "product": "text",
    "channel": "text",
    "currency": "text",
    "amount_minor": "bigint",
    "authorised_minor": "bigint",
    "periods": "smallint",
    "state": "text",
    "created_on": "date",
    "expires_at": "timestamptz",
    "first_due_on": "date",
    "due_day": "smallint",
    "annual_rate_ppm": "integer",
    "day_count": "text",
    "rule_version": "text",
    "shown_total_minor": "bigint",
    "shown_instalment_minor": "bigint",
    "disclosure_id": "uuid",
    "quote_id": "uuid",
    "quote_shown_to": "uuid",
    "decision_id": "uuid",
    "host_id": "uuid",
    "category": "text",
    "store_id": "uuid",
    "terminal_id": "uuid",
}
_CALLED = {
    "amount_minor": "amount",
    "authorised_minor": "authorised",
    "created_on": "placed_on",
    "shown_total_minor": "shown_total",
    "shown_instalment_minor": "shown_instalment",
}
"""Columns that a decided order calls otherwise."""

_written = attrgetter(*[_CALLED.get(column, column) for column in _ORDER])


@dataclass(frozen=True, slots=True)
class CaptureRequest:
    """Capture `amount` of an order of the merchant, or the pieces of its `lines`, or all that is left; `shipping` says how the goods were sent."""

    key: str
    merchant_id: UUID
    order_id: UUID
    amount: Money | None = None
    by: Actor | None = field(default=None, compare=False)
    lines: tuple[Pieces, ...] = ()
    shipping: tuple[Shipment, ...] = ()

    @property
    def of_merchant(self) -> OfMerchant:
        return self.merchant_id, self.order_id


@dataclass(frozen=True, slots=True)
class VoidRequest:
    """Give back what is not captured of an order of the merchant."""

    key: str
    merchant_id: UUID
    order_id: UUID
    by: Actor | None = field(default=None, compare=False)

    @property
    def of_merchant(self) -> OfMerchant:
        return self.merchant_id, self.order_id


@dataclass(frozen=True, slots=True)
class ReleaseRequest(VoidRequest):
    """Give back the rest of an order of the merchant that was captured in part."""


@dataclass(frozen=True, slots=True)
class RefundRequest:
    """Refund `amount` of what was captured of an order of the merchant, or all of it. `event` is what way
    back it is: one of `rules.EVENTS`; `metadata` is what the merchant notes on the refund for itself. With `lines` it is of pieces of these."""

    key: str
    merchant_id: UUID
    order_id: UUID
    amount: Money | None = None
    by: Actor | None = field(default=None, compare=False)
    event: str = "refund"
    metadata: Metadata = ()
    lines: tuple[Pieces, ...] = ()

    @property
    def of_merchant(self) -> OfMerchant:
        return self.merchant_id, self.order_id


@dataclass(frozen=True, slots=True)
class Taken:
    """A capture that was made, with its order after it."""

    order: Order
    capture: Capture

    @property
    def amount(self) -> Money:
        return Money(self.capture.amount, self.order.currency)


@dataclass(frozen=True, slots=True)
class Freed:
    order: Order
    amount: Money


@dataclass(frozen=True, slots=True)
class TakenBack:
    """A refund that was made: its share of each capture, with the order after it."""

    refund_id: UUID
    order: Order
    parts: tuple[Part, ...]
    event: str = "refund"

    @property
    def amount(self) -> Money:
        return Money(sum(part.amount.minor for part in self.parts), self.order.currency)


def place(*, work: UnitOfWork, orders: Sequence[Order]) -> None:
    """Writes decided orders, authorised or declined, each with its first event. A declined one keeps its decision and nothing else."""
    same = {"book_id": ("uuid", work.book.id), "created_at": ("timestamptz", work.now), "seq": ("integer", 1)}
    same |= dict.fromkeys(("captured_minor", "released_minor", "refunded_minor"), ("bigint", 0))
    sql.insert(
        "orders_order",
        _ORDER,
        list(map(_written, orders)),
        same=same,
        often_same=("currency", "created_on", "expires_at", "day_count", "rule_version"),
    )
    outbox.emit(work=work, events=[event_of(o, "order.declined" if o.state == "declined" else "order.authorised") for o in orders])
    audit.record(work=work, action="order.authorise", object_kind="order", object_ids=[o.id for o in orders])


def capture(*, work: UnitOfWork, requests: Mapping[UUID, CaptureRequest]) -> dict[UUID, Taken | Refused]:
    """Captures by the id each capture is to have; decided in order, each sees those before it. Refusals: see `orders.rules`."""
    locked = queries.of_merchants(work.book.id, [request.of_merchant for request in requests.values()], lock=True)
    before = _by_id(locked)
    outcomes: dict[UUID, Taken | Refused] = {}
    used = Used.of("capture", list(requests.values()))
    for capture_id, request in requests.items():
        order = locked.get(request.of_merchant)
        amount = shipments_fault(request.shipping) or used.amount(order, request)
        done = amount if isinstance(amount, Refused) else rules.capture(order, amount, capture_id, work.now, work.day.on)
        if isinstance(done, Refused):
            outcomes[capture_id] = done
        else:
            locked[request.of_merchant], made = done
            outcomes[capture_id] = Taken(done[0], made)
            used.note(capture_id, done[0], request.lines)
    taken = [o for o in outcomes.values() if isinstance(o, Taken)]
    columns = {
        "id": "uuid",
        "book_id": "uuid",
        "order_id": "uuid",
        "merchant_id": "uuid",
        "number": "smallint",
        "amount_minor": "bigint",
        "refunded_minor": "bigint",
        "captured_on": "date",
        "captured_at": "timestamptz",
    }
    sql.insert(
        "orders_capture",
        columns,
        [
            (t.capture.id, work.book.id, t.order.id, t.order.merchant_id, t.capture.number, t.capture.amount, 0, work.day.on, work.now)
            for t in taken
        ],
    )
    used.write(work)
    ship(work=work, shipments=[(t.order, t.capture.id, one) for t in taken for one in requests[t.capture.id].shipping])
    _store(work, before, [(t.order, t.capture.id) for t in taken], "order.captured")
    _audit(work, "order.capture", [(t.order.id, t.capture.id) for t in taken])
    return outcomes


def void(*, work: UnitOfWork, requests: Mapping[UUID, VoidRequest]) -> dict[UUID, Freed | Refused]:
    """Gives back what merchants will not capture, by the cause that each request is; decided in order. Refusals: see `orders.rules`."""
    wanted = [request.of_merchant for request in requests.values()]
    locked = queries.of_merchants(work.book.id, wanted, lock=True)
    return dict(zip(requests, _release(work, locked, list(zip(wanted, requests, strict=True)), "voided"), strict=True))


def release(*, work: UnitOfWork, requests: Mapping[UUID, ReleaseRequest]) -> dict[UUID, Freed | Refused]:
    """Gives back the rest of what was captured in part, as `void` does."""
    wanted = [request.of_merchant for request in requests.values()]
    locked = queries.of_merchants(work.book.id, wanted, lock=True)
    return dict(zip(requests, _release(work, locked, list(zip(wanted, requests, strict=True)), "released"), strict=True))


def expire(*, work: UnitOfWork, order_ids: Sequence[UUID]) -> list[Freed | Refused]:
    """Gives back what was not captured in time, whose order it may be. Refusals: see `orders.rules`."""
    return _release(work, queries.lock_any(work.book.id, order_ids), [(i, i) for i in order_ids], "expired")


def _release(work: UnitOfWork, locked: dict[N, Order], asked: Sequence[tuple[N, UUID]], by: Way) -> list[Freed | Refused]:
    """`asked` are what each order is asked for by, and the cause of that."""
    before = _by_id(locked)
    outcomes: list[Freed | Refused] = []
    for name, _ in asked:
        done = rules.release(locked.get(name), by, work.now)
        if isinstance(done, Refused):
            outcomes.append(done)
        else:
            locked[name], freed = done
            outcomes.append(Freed(done[0], Money(freed, done[0].currency)))
    released = [(o.order, cause) for o, (_, cause) in zip(outcomes, asked, strict=True) if isinstance(o, Freed)]
    _store(work, before, released, f"order.{by}")
    _audit(work, f"order.{by}", [(order.id, cause) for order, cause in released])
    return outcomes


def refund(*, work: UnitOfWork, requests: Mapping[UUID, RefundRequest]) -> dict[UUID, TakenBack | Refused]:
    """Refunds by the id each refund is to have; decided in order. Refusals: see `orders.rules`."""
    locked = queries.of_merchants(work.book.id, [request.of_merchant for request in requests.values()], lock=True)
    before = _by_id(locked)
    outcomes: dict[UUID, TakenBack | Refused] = {}
    used = Used.of("refund", list(requests.values()))
    for refund_id, request in requests.items():
        order = locked.get(request.of_merchant)
        amount = used.amount(order, request)
        done = amount if isinstance(amount, Refused) else rules.refund(order, amount, request.event)
        if isinstance(done, Refused):
            outcomes[refund_id] = done
        else:
            locked[request.of_merchant], parts = done
            outcomes[refund_id] = TakenBack(refund_id, done[0], parts, request.event)
            used.note(refund_id, done[0], request.lines)
    made = [o for o in outcomes.values() if isinstance(o, TakenBack)]
    _write_shares(work, made)
    used.write(work)
    _store(work, before, [(m.order, m.refund_id) for m in made], "order.refunded")
    _audit(work, "order.refund", [(m.order.id, m.refund_id) for m in made])
    return outcomes


def _write_shares(work: UnitOfWork, made: Sequence[TakenBack]) -> None:
    columns = {
        "id": "uuid",
        "book_id": "uuid",
        "refund_id": "uuid",
        "order_id": "uuid",
        "merchant_id": "uuid",
        "capture_id": "uuid",
        "amount_minor": "bigint",
        "refunded_on": "date",
        "refunded_at": "timestamptz",
    }
    shares = [(m, part) for m in made for part in m.parts]
    new = work.ids.many(work.now, len(shares))
    sql.insert(
        "orders_refund",
        columns,
        [
            (i, work.book.id, m.refund_id, m.order.id, m.order.merchant_id, p.capture_id, p.amount.minor, work.day.on, work.now)
            for i, (m, p) in zip(new, shares, strict=True)
        ],
    )
    latest = {c.id: c.refunded for m in made for c in m.order.captures}
    sql.update("orders_capture", "id", {"id": "uuid", "refunded_minor": "bigint"}, sorted(latest.items()))


def _audit(work: UnitOfWork, action: str, done: Sequence[tuple[UUID, UUID]]) -> None:
    """One row for all: each order, and what the key of its request stands for."""
    audit.record(work=work, action=action, object_kind="order", object_ids=[o for o, _ in done], causes=[cause for _, cause in done])


def _by_id(found: Mapping[N, Order]) -> dict[UUID, Order]:
    return {order.id: order for order in found.values()}


def _store(work: UnitOfWork, before: Mapping[UUID, Order], steps: Sequence[tuple[Order, UUID]], event: str) -> None:
    """Writes the last state of each order and one event for each step (the order after it, and its cause), with the values before."""
    last = {order.id: order for order, _ in steps}
    columns = {
        "id": "uuid",
        "captured_minor": "bigint",
        "released_minor": "bigint",
        "refunded_minor": "bigint",
        "state": "text",
        "seq": "integer",
    }
    values = [(o.id, o.captured, o.released, o.refunded, o.state, o.seq) for _, o in sorted(last.items())]
    sql.update("orders_order", "id", columns, values)
    seen = dict(before)
    events = []
    for order, cause in steps:
        events.append(replace(event_of(order, event), changed=changes_of(seen[order.id], order), cause=cause))
        seen[order.id] = order
    outbox.emit(work=work, events=events)


_AMOUNTS: Final = ("authorised", "captured", "released", "refunded")


def changes_of(old: Order, new: Order) -> dict[str, Any]:
    """The old values of what an event tells, where they differ."""
    changed: dict[str, Any] = {"state": old.state} if old.state != new.state else {}
    if old.expires_at != new.expires_at:
        changed["expires_at"] = old.expires_at.astimezone(UTC)
    return changed | {n: _money(getattr(old, n), old.currency) for n in _AMOUNTS if getattr(old, n) != getattr(new, n)}


def _money(minor: int, currency: str) -> dict[str, Any]:
    """As Money is written, without making one: it has been checked, and there are seven in an event."""
    return {"minor": minor, "currency": currency}


def event_of(order: Order, kind: str) -> Event:
    """An event that tells an order whole."""
    currency = order.currency
    snapshot = {
        "id": order.id,
        "merchant_id": order.merchant_id,
        "consumer_id": order.consumer_id,
        "merchant_reference": order.merchant_reference,
        "product": order.product,
        "channel": order.channel,
        "category": order.category,
        "store_id": order.store_id,
        "terminal_id": order.terminal_id,
        "periods": order.periods,
        "state": order.state,
        "amount": _money(order.amount, currency),
        **{name: _money(getattr(order, name), currency) for name in _AMOUNTS},
        "captures": [{"id": c.id, "amount": _money(c.amount, currency), "refunded": _money(c.refunded, currency)} for c in order.captures],
        "quote_id": order.quote_id,
        "decision_id": order.decision_id,
        "expires_at": order.expires_at.astimezone(UTC),
    }
    return Event(type=kind, object_kind="order", object_id=order.id, seq=order.seq, snapshot=snapshot)
