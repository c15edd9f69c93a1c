"""Authorisations that are to hold longer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from yuefu.errors import Refused
from yuefu.orders import queries, rules
from yuefu.orders.commands import changes_of, event_of
from yuefu.orders.queries import OfMerchant
from yuefu.orders.rules import Order
from yuefu.runtime import audit, days, outbox, sql
from yuefu.runtime.values import Actor, UnitOfWork

_COLUMNS: Final = {
    "id": "uuid", "book_id": "uuid", "order_id": "uuid", "merchant_id": "uuid", "held_until": "timestamptz", "expires_at": "timestamptz",
    "extended_at": "timestamptz",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class ExtendRequest:
    """Let the authorisation of an order of the merchant hold longer."""

    key: str
    merchant_id: UUID
    order_id: UUID
    by: Actor | None = field(default=None, compare=False)

    @property
    def of_merchant(self) -> OfMerchant:
        return self.merchant_id, self.order_id


@dataclass(frozen=True, slots=True)
class Extended:
    """An order after it was extended, and until when it held before."""

    order: Order
    held_until: datetime


def extend(*, work: UnitOfWork, requests: Mapping[UUID, ExtendRequest], for_days: int) -> dict[UUID, Extended | Refused]:
    """Lets authorisations hold `for_days` from now, as far as they may; by the id each extension is to have, decided in order. Refusals: see `orders.rules`."""
    locked = queries.of_merchants(work.book.id, [request.of_merchant for request in requests.values()], lock=True)
    outcomes: dict[UUID, Extended | Refused] = {}
    events = []
    for extension_id, request in requests.items():
        before = locked.get(request.of_merchant)
        done = rules.extend(before, _latest(work, before, for_days), work.now, work.day.on)
        if isinstance(done, Refused):
            outcomes[extension_id] = done
            continue
        locked[request.of_merchant] = done
        assert before is not None, "what there is not cannot be extended"
        outcomes[extension_id] = Extended(done, before.expires_at)
        events.append(replace(event_of(done, "order.extended"), changed=changes_of(before, done), cause=extension_id))
    extended = {i: done for i, done in outcomes.items() if isinstance(done, Extended)}
    _store(work, extended)
    outbox.emit(work=work, events=events)
    audit.record(
        work=work, action="order.extend", object_kind="order", object_ids=[e.order.id for e in extended.values()], causes=list(extended)
    )
    return outcomes


def _latest(work: UnitOfWork, order: Order | None, for_days: int) -> datetime:
    """So long from now, but neither into the first due day that was shown nor beyond the longest that an order is held."""
    if order is None:
        return work.now
    ends = [order.placed_on + timedelta(days=rules.LONGEST_DAYS), *([order.first_due_on] if order.first_due_on else [])]
    return min([work.now + timedelta(days=for_days), *(days.begins(work.book, on) for on in ends)])


def _store(work: UnitOfWork, extended: Mapping[UUID, Extended]) -> None:
    sql.insert(
        "orders_extension",
        _COLUMNS,
        [(i, work.book.id, e.order.id, e.order.merchant_id, e.held_until, e.order.expires_at, work.now) for i, e in extended.items()],
    )
    last = {e.order.id: (e.order.id, e.order.expires_at, e.order.seq) for e in extended.values()}
    sql.update("orders_order", "id", {"id": "uuid", "expires_at": "timestamptz", "seq": "integer"}, sorted(last.values()))
