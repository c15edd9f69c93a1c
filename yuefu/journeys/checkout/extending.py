"""Extend: an authorisation holds longer, and what it holds of the credit line with it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from yuefu.errors import Refused
from yuefu.journeys.checkout.values import AUTHORISATION_DAYS, Prolonged
from yuefu.journeys.desk import Desk, in_batches, on_open_day
from yuefu.ledger import commands as ledger
from yuefu.ledger.rules import Extension
from yuefu.orders import queries as order_book
from yuefu.orders.commands import extending
from yuefu.orders.commands.extending import Extended, ExtendRequest
from yuefu.runtime import keys, policies
from yuefu.runtime.batch import Quarantined
from yuefu.runtime.values import UnitOfWork


def extend(*, desk: Desk, now: datetime, requests: Sequence[ExtendRequest]) -> list[Prolonged | Refused | Quarantined]:
    """Lets authorisations hold for as many days as new ones do, from now: never after they ran out, nor into the first due day that was
    shown, nor beyond 180 days after they were placed. Refusals: see `orders.rules`; key_reused.
    """
    return in_batches(desk, now, "extend", requests, lambda batch: on_open_day(desk, now, batch, _extend))


def _extend(work: UnitOfWork, requests: Sequence[ExtendRequest]) -> list[Prolonged | Refused]:
    ids = work.ids.many(work.now, len(requests))
    _, for_days = policies.in_force(book_id=work.book.id, name=AUTHORISATION_DAYS, on=work.day.on)

    def act(fresh: list[int]) -> dict[int, Prolonged | Refused]:
        done = extending.extend(work=work, requests={ids[i]: requests[i] for i in fresh}, for_days=for_days)
        last = {e.order.id: Extension(e.order.id, e.order.expires_at) for e in done.values() if isinstance(e, Extended)}
        for outcome in ledger.extend_holds(work=work, extensions=list(last.values())):
            assert not isinstance(outcome, Refused), f"an order and its hold go together: {outcome}"
        return {i: _prolonged(done[ids[i]]) for i in fresh}

    return keys.answer(
        work=work,
        scope=[keys.scope_of("order.extend", request.merchant_id) for request in requests],
        requests=requests,
        object_ids=ids,
        decide=act,
        recall=_recall,
    )


def _prolonged(done: Extended | Refused) -> Prolonged | Refused:
    return done if isinstance(done, Refused) else Prolonged(done.order.id, done.order.expires_at)


def _recall(extension_ids: Sequence[UUID]) -> dict[UUID, Prolonged]:
    return {i: Prolonged(order_id, until) for i, (order_id, until) in order_book.extensions(extension_ids).items()}
