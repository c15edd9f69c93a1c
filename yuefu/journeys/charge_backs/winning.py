"""Disputes that were won: the money of a charge-back comes back, and pays the loan again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Final
from uuid import UUID

from yuefu.aftersales import commands, queries
from yuefu.aftersales.queries import ChargeBack
from yuefu.errors import Refused
from yuefu.journeys import refund as refunding
from yuefu.journeys import repayment
from yuefu.journeys.charge_backs.movements import (
    TAKEN_AHEAD,
    TAKEN_EARLY,
    as_told,
    faults,
    is_reference,
    known_by_us,
    misnamed,
)
from yuefu.journeys.charge_backs.together import CannotAll, carried_out, without_those_refused
from yuefu.journeys.desk import Desk
from yuefu.loans import queries as loan_book
from yuefu.payments import commands as payments
from yuefu.payments import queries as payment_book
from yuefu.payments.commands import CollectionAttempt
from yuefu.payments.rules import ChannelRefund, ChannelResult, Collection
from yuefu.runtime import keys
from yuefu.runtime.batch import Quarantined
from yuefu.runtime.values import UnitOfWork

UNKNOWN_CHARGE_BACK = "unknown_charge_back"
ALREADY_WON = "already_won"

_WIN: Final = "charge_back.win"


@dataclass(frozen=True, slots=True)
class DisputeWon:
    """The money of the charge-back `reference` came back on a day, by another reference of the bank, which is the key."""

    key: str
    reference: str
    on: date


def win(*, desk: Desk, now: datetime, requests: Sequence[DisputeWon]) -> list[ChargeBack | Refused | Quarantined]:
    """Books what disputes brought back: a collection of its own, by the reference of the bank, which pays the loan as any does; what that cannot take
    goes back to the consumer. One outcome a request, in order. Refused with unknown_charge_back, already_won, taken_before_collected, taken_ahead,
    amount_differs, reference_taken or key_reused; no refusal uses up the reference.
    """
    known = desk.channel.query(references=[request.key for request in requests if is_reference(request.key)], now=now)
    return refunding.giving_back(desk, now, _WIN, requests, lambda work, given, begun: _win(work, given, known, begun))


def _win(
    work: UnitOfWork, requests: Sequence[DisputeWon], known: Mapping[str, ChannelResult], begun: list[ChannelRefund]
) -> list[ChargeBack | Refused]:
    ids = work.ids.many(work.now, len(requests))

    def act(refused: Mapping[DisputeWon, Refused]) -> list[ChargeBack | Refused]:
        return keys.answer(
            work=work,
            scope=_WIN,
            requests=requests,
            object_ids=ids,
            validate=lambda fresh: faults({i: (requests[i].key, requests[i].reference, refused.get(requests[i])) for i in fresh}),
            decide=lambda fresh: _won(work, {i: requests[i] for i in fresh}, known, begun),
            recall=lambda again: _won_by_key(work, again, requests),
        )

    return without_those_refused(act)


def _won_by_key(work: UnitOfWork, again: Sequence[UUID], requests: Sequence[DisputeWon]) -> dict[UUID, ChargeBack]:
    """Charge-backs by the object of the key that won them: the charge-back is known by its reference, which the same request names again."""
    found = queries.charge_backs_by_reference(book_id=work.book.id, references=[request.reference for request in requests])
    stored = keys.stored(work=work, names=[(_WIN, request.key) for request in requests])
    told = {one.object_id: found[request.reference] for request in requests if (one := stored.get((_WIN, request.key)))}
    return {object_id: told[object_id] for object_id in again}


def _won(
    work: UnitOfWork,
    asked: Mapping[int, DisputeWon],
    said: Mapping[str, ChannelResult],
    begun: list[ChannelRefund],
) -> dict[int, ChargeBack | Refused]:
    """Charge-backs by position of requests. Raises CannotAll where one is refused."""
    held, taken = _held(work, [request.reference for request in asked.values()])
    ours = known_by_us(work, [request.key for request in asked.values()])
    refused: dict[DisputeWon, Refused] = {}
    winning: dict[int, tuple[DisputeWon, ChargeBack]] = {}
    for index, request in asked.items():
        one = held.get(request.reference)
        if one is None:
            refused[request] = Refused(UNKNOWN_CHARGE_BACK, "there is no charge-back of this reference in this book", "reference")
        elif why := _not_won(work, one, request) or misnamed(request.key, one.amount, ours, said):
            refused[request] = why
        else:
            held[request.reference] = replace(one, won_on=min(request.on, work.day.on))
            winning[index] = request, one
    attempts: list[ChannelRefund] = []
    outcomes = _brought_back(work, winning, taken, said, attempts)
    if refused:
        raise CannotAll(refused)
    begun += attempts
    return {**outcomes}


def _held(work: UnitOfWork, references: Sequence[str]) -> tuple[dict[str, ChargeBack], dict[UUID, Collection]]:
    """Charge-backs by reference, and by id the collections that they were taken of: locked, their loans before them."""
    found = queries.charge_backs_by_reference(book_id=work.book.id, references=references)
    taken = payment_book.collections(book_id=work.book.id, ids=sorted({one.collection_id for one in found.values()}))
    loan_book.lock(work.book.id, sorted({c.loan_id for c in taken.values() if c.loan_id}))
    return queries.charge_backs_by_reference(book_id=work.book.id, references=references, lock=True), taken


def _not_won(work: UnitOfWork, one: ChargeBack, request: DisputeWon) -> Refused | None:
    if one.won_on is not None:
        return Refused(ALREADY_WON, f"it was won on {one.won_on}", "reference")
    if request.on < one.taken_on:
        return Refused(TAKEN_EARLY, f"it was taken on {one.taken_on}", "on")
    if request.on > work.day.on:
        return Refused(TAKEN_AHEAD, f"the business day is {work.day.on}: enter it then", "on")
    return None


def _brought_back(
    work: UnitOfWork,
    winning: Mapping[int, tuple[DisputeWon, ChargeBack]],
    taken: Mapping[UUID, Collection],
    said: Mapping[str, ChannelResult],
    begun: list[ChannelRefund],
) -> dict[int, ChargeBack]:
    """Charge-backs as they are once their money has paid their loans. Raises CannotAll."""
    requests = [request for request, _ in winning.values()]
    attempts = [_attempt(request, one, taken[one.collection_id]) for request, one in winning.values()]
    carried_out(requests, payments.attempt_collections(work=work, attempts=attempts))
    moved = [said.get(request.key) or as_told(request.key, one.amount, request.on) for request, one in winning.values()]
    settled = carried_out(requests, payments.settle_collections(work=work, results=moved))
    received = [(c, min(c.settled_on or request.on, work.day.on)) for c, request in zip(settled, requests, strict=True)]
    applied = repayment.apply_received(work, received)
    begun += refunding.attempt(work=work, excesses=repayment.owed_back(applied))
    won = [(one, c.id, on) for (_, one), (c, on) in zip(winning.values(), received, strict=True)]
    return dict(zip(winning, commands.win_charge_backs(work=work, won=won), strict=True))


def _attempt(request: DisputeWon, one: ChargeBack, taken: Collection) -> CollectionAttempt:
    """Paid ahead: what was taken is owed with what falls due next, and money that pays what is due alone would go back where nothing is yet."""
    whose = (taken.consumer_id, taken.loan_id, taken.order_id)
    paid = (*whose, one.amount, taken.instrument, taken.funder_id)
    return CollectionAttempt(f"charge_back:{request.key}", *paid, ahead="next", reference=request.key)
