"""Refund of goods: the order, the merchant's settlement, the loan, and what is then owed back to the consumer, in one journey.

The loan is credited first; what exceeds all it can take was paid by the consumer before and goes back through the channel it
came by, from the latest collection first. What the channel refused to give back is still owed: it is tried again each business
day (`retry`), from collections whose refunds failed least.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, TypeVar
from uuid import UUID

from yuefu import ids as public
from yuefu.errors import Refused
from yuefu.journeys.desk import MOST_AT_ONCE, Desk, in_batches, on_open_day, open_day, unless_held_up
from yuefu.loans import commands as loans
from yuefu.loans import queries as loan_book
from yuefu.loans.commands import GoodsRefund
from yuefu.merchants.commands import metadata
from yuefu.merchants.commands.metadata import Note
from yuefu.money.amounts import Money, total
from yuefu.orders import commands as orders
from yuefu.orders import queries as order_book
from yuefu.orders.commands import RefundRequest, TakenBack
from yuefu.payments import commands as payments
from yuefu.payments import queries as payment_book
from yuefu.payments.commands import RefundAttempt
from yuefu.payments.rules import BANK, ChannelRefund, ChannelResult, RefundOrder, stays_here
from yuefu.runtime import keys
from yuefu.runtime.batch import Quarantined
from yuefu.runtime.logs import logger
from yuefu.runtime.metrics import REFUNDS_FAILING
from yuefu.runtime.values import UnitOfWork
from yuefu.settlement import commands as settlement
from yuefu.settlement.commands import RefundAccrual
from yuefu.settlement.rules import Item

ALARM_AFTER_DAYS: Final = 2
"""On so many days a refund failed, and a person has to look: the card may be closed for good."""

R = TypeVar("R")
O = TypeVar("O")

Act = Callable[[UnitOfWork, Sequence[R], list[ChannelRefund]], list[O | Refused]]
"""What is done with a batch in its transaction; the attempts to refund that it makes are added to the list."""

log = logger(__name__)


@dataclass(frozen=True, slots=True)
class Refunded:
    """A refund. `owed_back` is what the consumer had paid beyond what is left to pay; it is on its way back through the channel."""

    refund_id: UUID
    order_id: UUID
    amount: Money
    owed_back: Money


@dataclass(frozen=True, slots=True)
class Excess:
    """Money of a loan that is owed back to its consumer; `key` names the event it comes from, or the day on which it is tried again,
    `collection_id` the collection it is taken from first.
    """

    key: str
    loan_id: UUID
    amount: Money
    collection_id: UUID | None = None


class NotCredited(Exception):
    """A loan does not take the refund of its goods. Nothing of the refund has happened; a person has to look at it."""

    def __init__(self, loan_id: UUID, refused: Refused) -> None:
        super().__init__(f"{public.text('loan', loan_id)}: {refused.detail}")
        self.refused = refused


def refund(*, desk: Desk, now: datetime, requests: Sequence[RefundRequest]) -> list[Refunded | Refused | Quarantined]:
    """Takes back captured goods, wholly or in part. Refusals: see `orders.rules`; key_reused. Quarantined where a loan does not take it. Of
    a loan that was written off it recovers what was given up, and what is more goes back to the consumer."""
    return giving_back(desk, now, "refund", requests, _refund)


def giving_back(desk: Desk, now: datetime, command: str, requests: Sequence[R], act: Act[R, O]) -> list[O | Refused | Quarantined]:
    """`in_batches`, each `on_open_day`: `act` is given a list for the attempts to refund that it stores, which are sent once they are committed."""
    outcomes, begun = _committed(desk, now, command, requests, act)
    send(desk=desk, now=now, refunds=begun)
    return outcomes


def _committed(
    desk: Desk, now: datetime, command: str, requests: Sequence[R], act: Act[R, O]
) -> tuple[list[O | Refused | Quarantined], list[ChannelRefund]]:
    """The outcomes, and the attempts that were committed and are still to be sent."""
    begun: list[ChannelRefund] = []

    def commit(batch: Sequence[R]) -> list[O | Refused]:
        attempts: list[ChannelRefund] = []
        outcomes = on_open_day(desk, now, batch, lambda work, given: act(work, given, attempts))
        begun.extend(attempts)  # Only now are they committed: what was rolled back is never sent.
        return outcomes

    return in_batches(desk, now, command, requests, commit), begun


def _refund(work: UnitOfWork, requests: Sequence[RefundRequest], begun: list[ChannelRefund]) -> list[Refunded | Refused]:
    ids = work.ids.many(work.now, len(requests))
    excess: list[Excess] = []

    def act(fresh: list[int]) -> dict[int, Refunded | Refused]:
        done = orders.refund(work=work, requests={ids[i]: requests[i] for i in fresh})
        made = [m for m in done.values() if isinstance(m, TakenBack)]
        owed = credit(work, made, excess)
        notes = [Note(requests[i].merchant_id, "refund", ids[i], requests[i].metadata) for i in fresh]
        metadata.begin(work=work, notes=[note for note in notes if isinstance(done[note.object_id], TakenBack)])
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


def credit(work: UnitOfWork, made: Sequence[TakenBack], excess: list[Excess]) -> dict[UUID, Money]:
    """The merchant's side and the loan's side of each share. Returns what each refund owes back to the consumer. Raises NotCredited."""
    if not made:
        return {}
    shares = [share for group in order_book.refund_shares([m.refund_id for m in made]).values() for share in group]
    events = {m.refund_id: m.event for m in made}
    work.claimed.update({share.id: work.claimed[share.refund_id] for share in shares})  # What a share leads to, its refund's key led to.
    loan_of = loan_book.by_capture([share.capture_id for share in shares])
    accruals = [RefundAccrual(share.id, share.capture_id, share.amount, work.day.on, events[share.refund_id]) for share in shares]
    credited = []
    for share, item in zip(shares, settlement.accrue(work=work, items=accruals), strict=True):
        assert isinstance(item, Item), f"a captured amount can be taken back: {item}"
        credited.append(GoodsRefund(share.id, loan_of[share.capture_id], share.amount, work.day.on, -item.discount))
    owed = {m.refund_id: Money.zero(m.order.currency) for m in made}
    for share, applied in zip(shares, loans.apply_refunds(work=work, refunds=credited), strict=True):
        if isinstance(applied, Refused):
            raise NotCredited(loan_of[share.capture_id], applied)
        owed[share.refund_id] += applied.excess
        if applied.excess.minor:
            excess.append(Excess(str(share.id), applied.loan_id, applied.excess))
    return owed


def send(*, desk: Desk, now: datetime, refunds: Sequence[ChannelRefund]) -> list[ChannelRefund]:
    """Calls the channel for stored attempts and books its answers. A reference the channel knows is answered, never paid twice;
    what it does not answer stays unknown and is asked for later (`repayment.poll`). What came by bank transfer is left of its receipt again.
    """
    waiting = [r for r in refunds if r.state in ("attempted", "unknown")]
    if not waiting:
        return []
    here = [r for r in waiting if r.channel == BANK]
    orders = [RefundOrder(r.reference, r.original_reference, r.amount) for r in waiting if r.channel != BANK]
    stayed = [stays_here(r, desk.book.day_of(now)) for r in here]
    results = [*stayed, *(desk.channel.refund(orders=orders, now=now) if orders else [])]
    booked = unless_held_up(lambda given: book(desk=desk, now=now, results=given), results)
    return [outcome for outcome in booked if isinstance(outcome, ChannelRefund)]


def book(*, desk: Desk, now: datetime, results: Sequence[ChannelResult]) -> list[ChannelRefund | Refused | Quarantined]:
    """Books what the channel says of refunds. One outcome a result, in order."""

    def act(batch: Sequence[ChannelResult]) -> list[ChannelRefund | Refused]:
        with open_day(desk, now) as work:
            if isinstance(work, Refused):
                return [work] * len(batch)  # Read only since the channel was called: it is asked again.
            return payments.settle_refunds(work=work, results=batch)

    return in_batches(desk, now, "refund.book", results, act)


def retry(*, desk: Desk, now: datetime) -> list[ChannelRefund]:
    """Tries again what the channel refused to give back: by loan, all that is owed and not on its way, under new references, once a loan
    and business day. Returns the new attempts with what the channel said of them; a loan whose refunds failed on several days is an alarm.

    What loans that have ended keep of their consumers' money is given back too. Only what was refused is tried again. Money that is owed and was never
    attempted is a fault of ours: the proofs name it, a person mends it, and nothing goes out a second time because a record of the first was lost.
    """
    failing, kept = payment_book.failing(book_id=desk.book.id), loan_book.overpaid(desk.book.id)
    if not failing and not kept:
        return []
    with open_day(desk, now) as seen:
        waiting = [] if isinstance(seen, Refused) else sorted({*_untried(seen, failing), *kept})
    parts = [waiting[start : start + MOST_AT_ONCE] for start in range(0, len(waiting), MOST_AT_ONCE)]
    return [tried for part in parts for tried in _retry_and_send(desk, now, part)[0]]


def retry_loans(*, desk: Desk, now: datetime, loan_ids: Sequence[UUID]) -> list[Excess | Refused | Quarantined | None]:
    """Tries again what is owed of loans, as `retry` does; one outcome a loan, in order: what is tried again, None where there is nothing."""
    return _retry_and_send(desk, now, loan_ids)[1]


def _retry_and_send(
    desk: Desk, now: datetime, waiting: Sequence[UUID]
) -> tuple[list[ChannelRefund], list[Excess | Refused | Quarantined | None]]:
    """The new attempts with what the channel said of them, and the outcome of each loan."""
    outcomes, begun = _committed(desk, now, "refund.retry", waiting, _retry)
    said = {refund.id: refund for refund in send(desk=desk, now=now, refunds=begun)}
    tried = [said.get(refund.id, refund) for refund in begun]
    _alarm(desk, tried)
    return tried, outcomes


def _retry(work: UnitOfWork, loan_ids: Sequence[UUID], begun: list[ChannelRefund]) -> list[Excess | Refused | None]:
    """What is tried again of each loan. The loans are locked before it is seen, so that two who retry never see the same money owed."""
    loan_book.lock(work.book.id, loan_ids)
    begun += release(work, loan_ids)
    owed = _untried(work, loan_ids)
    begun += attempt(work=work, excesses=list(owed.values()))
    return [owed.get(loan_id) for loan_id in loan_ids]


def release(work: UnitOfWork, loan_ids: Sequence[UUID]) -> list[ChannelRefund]:
    """Stores the refunds of what some loans keep that have ended, which is owed back from now on."""
    freed = loans.release_credit(work=work, loan_ids=loan_ids)
    return attempt(work=work, excesses=[Excess(str(one.source_id), one.loan_id, one.excess) for one in freed])


def _untried(work: UnitOfWork, loan_ids: Sequence[UUID]) -> dict[UUID, Excess]:
    """What is owed of loans and not on its way, where it was not yet tried again on the open day."""
    if not loan_ids:
        return {}
    excesses = loan_book.excesses(work.book.id, loan_ids=loan_ids)
    on_its_way = payment_book.not_failed(book_id=work.book.id, loan_ids=loan_ids)
    owed = {loan_id: minor for loan_id, excess in excesses.items() if (minor := excess - on_its_way.get(loan_id, 0)) > 0}
    found = {loan_id: Excess(f"{loan_id}:{work.day.on}", loan_id, Money(minor, work.book.currency)) for loan_id, minor in owed.items()}
    tried = payments.refunds_attempted(work=work, keys_used=[f"{excess.key}:0" for excess in found.values()])
    return {loan_id: excess for loan_id, excess in found.items() if f"{excess.key}:0" not in tried}


def _alarm(desk: Desk, tried: Sequence[ChannelRefund]) -> None:
    """Says which loans have refunds that failed on several days and are still not given back."""
    waiting = sorted({refund.loan_id for refund in tried if refund.loan_id and refund.state != "succeeded"})
    for loan_id, days_failed in payment_book.days_failed(book_id=desk.book.id, loan_ids=waiting, zone=desk.book.zone).items():
        if days_failed >= ALARM_AFTER_DAYS:
            REFUNDS_FAILING.inc()
            log.error("refund keeps failing", loan_id=public.text("loan", loan_id), days=days_failed, book=desk.book.code)


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
                attempts.append(RefundAttempt(f"{excess.key}:{position}", collection_id, Money(taken, excess.amount.currency)))
                stock[position] = (collection_id, free - taken)
                wanted -= taken
        assert wanted == 0, "what a consumer is owed back was collected before"
    outcomes = payments.attempt_refunds(work=work, attempts=attempts)
    refused = [o for o in outcomes if isinstance(o, Refused)]
    assert not refused, f"what was collected can be given back: {refused}"
    return [o for o in outcomes if isinstance(o, ChannelRefund)]
