"""Refund of goods: the order, the merchant's settlement, the loan, and what is then owed back to the consumer, in one journey.

The loan is credited first; what exceeds all it can take was paid by the consumer before and goes back through the channel it
came by, from the latest collection first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from yuefu.errors import Refused
from yuefu.journeys.desk import Desk, in_batches, on_open_day, open_day
from yuefu.loans import commands as loans
from yuefu.loans import queries as loan_book
from yuefu.loans.commands import Applied, GoodsRefund
from yuefu.money.amounts import Money, total
from yuefu.orders import commands as orders
from yuefu.orders import queries as order_book
from yuefu.orders.commands import RefundRequest, TakenBack
from yuefu.payments import commands as payments
from yuefu.payments import queries as payment_book
from yuefu.payments.commands import RefundAttempt
from yuefu.payments.rules import ChannelRefund, ChannelResult, RefundOrder
from yuefu.runtime import keys
from yuefu.runtime.batch import Quarantined
from yuefu.runtime.values import UnitOfWork
from yuefu.settlement import commands as settlement
from yuefu.settlement.commands import RefundAccrual
from yuefu.settlement.rules import Item


@dataclass(frozen=True, slots=True)
class Refunded:
    """A refund. `owed_back` is what the consumer had paid beyond what is left to pay; it is on its way back through the channel."""

    refund_id: UUID
    order_id: UUID
    amount: Money
    owed_back: Money


@dataclass(frozen=True, slots=True)
class Excess:
    """Money of a loan that is owed back to its consumer; `source_id` names the event it comes from, `collection_id` the collection it is
    taken from first."""

    source_id: UUID
    loan_id: UUID
    amount: Money
    collection_id: UUID | None = None


def refund(*, desk: Desk, now: datetime, requests: Sequence[RefundRequest]) -> list[Refunded | Refused | Quarantined]:
    """Takes back captured goods, wholly or in part. Refusals: see `orders.rules`; key_reused."""
    begun: list[ChannelRefund] = []

    def act(batch: Sequence[RefundRequest]) -> list[Refunded | Refused]:
        attempts: list[ChannelRefund] = []
        outcomes = on_open_day(desk, now, batch, lambda work, given: _refund(work, given, attempts))
        begun.extend(attempts)  # Only now are they committed: what was rolled back is never sent.
        return outcomes

    outcomes = in_batches(desk, now, "refund", requests, act)
    send(desk=desk, now=now, refunds=begun)
    return outcomes


def _refund(work: UnitOfWork, requests: Sequence[RefundRequest], begun: list[ChannelRefund]) -> list[Refunded | Refused]:
    ids = work.ids.many(work.now, len(requests))
    excess: list[Excess] = []

    def act(fresh: list[int]) -> dict[int, Refunded | Refused]:
        done = orders.refund(work=work, requests={ids[i]: requests[i] for i in fresh})
        made = [m for m in done.values() if isinstance(m, TakenBack)]
        owed = _credit(work, made, excess)
        return {i: _outcome(done[ids[i]], owed) for i in fresh}

    scopes = [keys.scope_of("order.refund", request.merchant_id) for request in requests]
    outcomes = keys.answer(work=work, scope=scopes, requests=requests, object_ids=ids, decide=act, recall=_recall)
    begun += attempt(work=work, excesses=excess)
    return outcomes


def _outcome(done: TakenBack | Refused, owed: Mapping[UUID, Money]) -> Refunded | Refused:
    if isinstance(done, Refused):
        return done
    return Refunded(done.refund_id, done.order.id, done.amount, owed[done.refund_id])


def _recall(refund_ids: Sequence[UUID]) -> dict[UUID, Refunded]:
    shares = order_book.refund_shares(refund_ids)
    events = loan_book.recorded(sorted({s.order_id for group in shares.values() for s in group}))
    excess = {e.source_id: e.excess for group in events.values() for e in group}
    return {
        i: Refunded(i, group[0].order_id, total([s.amount for s in group], c), total([excess[s.id] for s in group], c))
        for i, group in shares.items()
        for c in [group[0].amount.currency]
    }


def _credit(work: UnitOfWork, made: Sequence[TakenBack], excess: list[Excess]) -> dict[UUID, Money]:
    """The merchant's side and the loan's side of each share. Returns what each refund owes back to the consumer."""
    if not made:
        return {}
    shares = [share for group in order_book.refund_shares([m.refund_id for m in made]).values() for share in group]
    loan_of = loan_book.by_capture([share.capture_id for share in shares])
    accruals = [RefundAccrual(share.id, share.capture_id, share.amount, work.day.on) for share in shares]
    credited = []
    for share, item in zip(shares, settlement.accrue(work=work, items=accruals), strict=True):
        assert isinstance(item, Item), f"a captured amount can be taken back: {item}"
        credited.append(GoodsRefund(share.id, loan_of[share.capture_id], share.amount, work.day.on, -item.discount))
    owed = {m.refund_id: Money.zero(m.order.currency) for m in made}
    for share, applied in zip(shares, loans.apply_refunds(work=work, refunds=credited), strict=True):
        assert isinstance(applied, Applied), f"a loan takes the refund of its goods: {applied}"
        owed[share.refund_id] += applied.excess
        if applied.excess.minor:
            excess.append(Excess(share.id, applied.loan_id, applied.excess))
    return owed


def send(*, desk: Desk, now: datetime, refunds: Sequence[ChannelRefund]) -> list[ChannelRefund]:
    """Calls the channel for stored attempts and books its answers. A reference the channel knows is answered, never paid twice;
    what it does not answer stays unknown and is asked for later (`repayment.poll`).
    """
    waiting = [r for r in refunds if r.state in ("attempted", "unknown")]
    if not waiting:
        return []
    results = desk.channel.refund(orders=[RefundOrder(r.reference, r.original_reference, r.amount) for r in waiting], now=now)
    return [outcome for outcome in book(desk=desk, now=now, results=results) if isinstance(outcome, ChannelRefund)]


def book(*, desk: Desk, now: datetime, results: Sequence[ChannelResult]) -> list[ChannelRefund | Refused | Quarantined]:
    """Books what the channel says of refunds. One outcome a result, in order."""

    def act(batch: Sequence[ChannelResult]) -> list[ChannelRefund | Refused]:
        with open_day(desk, now) as work:
            assert not isinstance(work, Refused), work
            return payments.settle_refunds(work=work, results=batch)

    return in_batches(desk, now, "refund.book", results, act)


def attempt(*, work: UnitOfWork, excesses: Sequence[Excess]) -> list[ChannelRefund]:
    """Stores the refunds that return credit balances, in the transaction that makes them owed: nothing owed is ever forgotten."""
    if not excesses:
        return []
    left = {
        loan: [(c.id, c.amount.minor - c.refunded.minor) for c in collections]
        for loan, collections in payment_book.refundable(loan_ids=sorted({e.loan_id for e in excesses})).items()
    }
    attempts = []
    for excess in excesses:
        wanted, stock = excess.amount.minor, left.get(excess.loan_id, [])
        named = [one for one in stock if one[0] == excess.collection_id]
        stock[:] = named + [one for one in stock if one not in named]
        for position, (collection_id, free) in enumerate(stock):
            taken = min(wanted, free)
            if taken:
                attempts.append(RefundAttempt(f"{excess.source_id}:{position}", collection_id, Money(taken, excess.amount.currency)))
                stock[position] = (collection_id, free - taken)
                wanted -= taken
        assert wanted == 0, "what a consumer is owed back was collected before"
    outcomes = payments.attempt_refunds(work=work, attempts=attempts)
    refused = [o for o in outcomes if isinstance(o, Refused)]
    assert not refused, f"what was collected can be given back: {refused}"
    return [o for o in outcomes if isinstance(o, ChannelRefund)]
