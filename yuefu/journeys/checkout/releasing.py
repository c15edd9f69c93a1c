"""Void, release of the rest, and expiry: what is not captured is given back."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import TypeVar
from uuid import UUID

from yuefu.errors import Refused
from yuefu.journeys.checkout.values import Released
from yuefu.journeys.desk import Desk, in_batches, on_open_day
from yuefu.ledger import commands as ledger
from yuefu.ledger.rules import Release
from yuefu.money.amounts import Money
from yuefu.orders import commands as orders
from yuefu.orders import queries as order_book
from yuefu.orders.commands import Freed, ReleaseRequest, VoidRequest
from yuefu.runtime import keys
from yuefu.runtime.batch import Quarantined
from yuefu.runtime.values import Cause, UnitOfWork


def void(*, desk: Desk, now: datetime, requests: Sequence[VoidRequest]) -> list[Released | Refused | Quarantined]:
    """Gives back what is not captured. Refusals: see `orders.rules`; key_reused."""
    return in_batches(desk, now, "void", requests, lambda batch: on_open_day(desk, now, batch, _void))


def release(*, desk: Desk, now: datetime, requests: Sequence[ReleaseRequest]) -> list[Released | Refused | Quarantined]:
    """Gives back the rest of orders that were captured in part. Refusals: see `orders.rules`; key_reused."""
    return in_batches(desk, now, "release", requests, lambda batch: on_open_day(desk, now, batch, _release_rest))


def _void(work: UnitOfWork, requests: Sequence[VoidRequest]) -> list[Released | Refused]:
    return _given_back(work, requests, "order.void", orders.void)


def _release_rest(work: UnitOfWork, requests: Sequence[ReleaseRequest]) -> list[Released | Refused]:
    return _given_back(work, requests, "order.release", orders.release)


R = TypeVar("R", bound=VoidRequest)


def _given_back(
    work: UnitOfWork, requests: Sequence[R], scope: str, give_back: Callable[..., Mapping[UUID, Freed | Refused]]
) -> list[Released | Refused]:
    def act(fresh: list[int]) -> dict[int, Released | Refused]:
        # A batch may hold several of one order, by whomever: each is a cause of its own, so that only the one that did it is named.
        causes = {UUID(int=i + 1): requests[i] for i in fresh}
        work.claimed.update({cause: Cause(request.key, request.by or work.by) for cause, request in causes.items()})
        freed = list(give_back(work=work, requests=causes).values())
        _release(work, [f for f in freed if isinstance(f, Freed)], "voided")
        return {i: f if isinstance(f, Refused) else Released(f.order.id, f.amount) for i, f in zip(fresh, freed, strict=True)}

    return keys.answer(
        work=work,
        scope=[keys.scope_of(scope, request.merchant_id) for request in requests],
        requests=requests,
        # It makes no object of its own: its key stands for the order, and a repeat answers with what that order released.
        object_ids=[request.order_id for request in requests],
        decide=act,
        recall=_recall,
    )


def _recall(order_ids: Sequence[UUID]) -> dict[UUID, Released]:
    """Of orders that gave back under their keys, and so by their own merchants."""
    return {order.id: Released(order.id, Money(order.released, order.currency)) for order in order_book.orders(order_ids).values()}


def expire(*, desk: Desk, now: datetime, limit: int = 2_000) -> int:
    """Expires up to `limit` authorisations whose time is over, and frees their holds. Returns how many; call until it is 0."""
    outcomes = expire_orders(desk=desk, now=now, order_ids=order_book.expiring(desk.book.id, now, limit))
    return sum(isinstance(outcome, Released) for outcome in outcomes)


def expire_orders(*, desk: Desk, now: datetime, order_ids: Sequence[UUID]) -> list[Released | Refused | Quarantined]:
    """Expires authorisations whose time is over. One outcome an order, in order. Refusals: see `orders.rules`."""
    return in_batches(desk, now, "expire", order_ids, lambda batch: on_open_day(desk, now, batch, _expire))


def _expire(work: UnitOfWork, order_ids: Sequence[UUID]) -> list[Released | Refused]:
    freed = orders.expire(work=work, order_ids=order_ids)
    _release(work, [f for f in freed if isinstance(f, Freed)], "expired")
    return [f if isinstance(f, Refused) else Released(f.order.id, f.amount) for f in freed]


def _release(work: UnitOfWork, freed: Sequence[Freed], by: str) -> None:
    for outcome in ledger.release_holds(work=work, releases=[Release(f.order.id, by) for f in freed]):
        assert not isinstance(outcome, Refused), f"an order and its hold go together: {outcome}"
