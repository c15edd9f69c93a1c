"""Charge-backs: the bank of a consumer takes back what was collected, and the loan is owed it again; a dispute that is won brings it back.

The money moves without us: we are told, by the channel, which knows the bank's reference, or by an operator who read it. Whatever is told is booked
once, by that reference, in one transaction: the channel refund that took it off the collection, the loan, and the charge-back itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Final
from uuid import UUID

from yuefu import ids as public
from yuefu.aftersales import commands, queries
from yuefu.aftersales.queries import ChargeBack
from yuefu.aftersales.rules import LONGEST_TEXT, TEXT_INVALID
from yuefu.errors import Refused
from yuefu.journeys import refund as refunding
from yuefu.journeys import repayment
from yuefu.journeys.desk import Desk, in_batches, on_open_day
from yuefu.loans import commands as loans
from yuefu.loans import queries as loan_book
from yuefu.loans.commands import OwedAgain
from yuefu.money.amounts import Money
from yuefu.papers import commands as papers
from yuefu.payments import commands as payments
from yuefu.payments import queries as payment_book
from yuefu.payments.commands import CollectionAttempt, RefundAttempt
from yuefu.payments.rules import ChannelRefund, ChannelResult, Collection
from yuefu.runtime import keys, sql
from yuefu.runtime.batch import Quarantined
from yuefu.runtime.values import UnitOfWork

UNKNOWN_COLLECTION = "unknown_collection"
UNKNOWN_CHARGE_BACK = "unknown_charge_back"
NOT_APPLIED = "not_applied"  # nothing of this collection is with a loan: it waits for its day, or was taken off
OVER_SEVERAL = "over_several_loans"  # name the parts
REFERENCE_INVALID = "reference_invalid"
REFERENCE_TAKEN = "reference_taken"  # the channel moved something else by it
AMOUNT_DIFFERS = "amount_differs"
ALREADY_WON = "already_won"
TAKEN_EARLY = "taken_before_collected"
TAKEN_AHEAD = "taken_ahead"

_MENDED: Final = frozenset({"limit_exceeded", "account_closed"})
_ENTER: Final = "charge_back.enter"
_WIN: Final = "charge_back.win"
_LONGEST_REFERENCE: Final = 64


@dataclass(frozen=True, slots=True)
class TakenBack:
    """A bank took `amount` of a collection back on a day, by a reference of its own, which is the key: told twice, it is booked once."""

    key: str
    collection_id: UUID
    amount: Money
    on: date
    reason: str


@dataclass(frozen=True, slots=True)
class DisputeWon:
    """The money of the charge-back `reference` came back on a day, by another reference of the bank, which is the key."""

    key: str
    reference: str
    on: date


class _No(Exception):
    """What cannot be booked: whatever was done for it is undone."""

    def __init__(self, refused: Refused) -> None:
        super().__init__(refused)
        self.refused = refused


def enter(*, desk: Desk, now: datetime, requests: Sequence[TakenBack]) -> list[ChargeBack | Refused | Quarantined]:
    """Books charge-backs. One outcome a request, in order; the same reference again is the same charge-back as it stands.

    Where the channel knows the reference, its day, amount and fee count, and must be those that are told. Refused with unknown_collection,
    over_several_loans, not_applied, refund_exceeds_collection (more than is left of it), amount_differs, taken_before_collected, taken_ahead,
    reference_taken, key_reused, or as the loan or its credit line refuses: after the latter the same reference may be sent again.
    """
    known = desk.channel.query(references=[request.key for request in requests if _is_reference(request.key)], now=now)
    return in_batches(
        desk, now, _ENTER, requests, lambda batch: on_open_day(desk, now, batch, lambda work, given: _enter(work, given, known))
    )


def _is_reference(text: str) -> bool:
    return 1 <= len(text) <= _LONGEST_REFERENCE and text.isprintable() and text == text.strip()


def _fault(reference: str, reason: str) -> Refused | None:
    if not _is_reference(reference):
        return Refused(REFERENCE_INVALID, f"a reference has 1 to {_LONGEST_REFERENCE} printable characters", "key")
    if not 1 <= len(reason) <= LONGEST_TEXT or not reason.isprintable() or not reason.strip():
        return Refused(TEXT_INVALID, f"a reason has 1 to {LONGEST_TEXT} printable characters", "reason")
    return None


def _enter(work: UnitOfWork, requests: Sequence[TakenBack], known: Mapping[str, ChannelResult]) -> list[ChargeBack | Refused]:
    ids = work.ids.many(work.now, len(requests))

    def act(fresh: list[int]) -> dict[int, ChargeBack | Refused]:
        found = payment_book.collections(book_id=work.book.id, ids=sorted({requests[i].collection_id for i in fresh}))
        loan_book.lock(work.book.id, sorted({c.loan_id for c in found.values() if c.loan_id}))
        return {i: _booked(work, ids[i], requests[i], known.get(requests[i].key)) for i in fresh}

    def recall(again: Sequence[UUID]) -> dict[UUID, ChargeBack]:
        return queries.charge_backs(book_id=work.book.id, ids=again)

    return keys.answer(
        work=work,
        scope=_ENTER,
        requests=requests,
        object_ids=ids,
        validate=lambda fresh: {
            i: refused
            for i in fresh
            if (refused := _fault(requests[i].key, requests[i].reason) or _no_room(work, ids[i], requests[i], known.get(requests[i].key)))
        },
        decide=act,
        recall=recall,
    )


def _no_room(work: UnitOfWork, new_id: UUID, request: TakenBack, said: ChannelResult | None) -> Refused | None:
    """Whether the credit line cannot take what is owed again, which a person can mend: the money is gone, and the reference of the bank is the only
    one there is. Found by trying."""
    with sql.undone():
        tried = _booked(work, new_id, request, said)
    return tried if isinstance(tried, Refused) and tried.code in _MENDED else None


def _booked(work: UnitOfWork, new_id: UUID, request: TakenBack, said: ChannelResult | None) -> ChargeBack | Refused:
    collection = payment_book.collections(book_id=work.book.id, ids=[request.collection_id]).get(request.collection_id)
    if refused := _refusal(work, collection, request, said):
        return refused
    assert collection is not None
    try:
        with sql.attempting():
            return _taken(work, new_id, request, said or _told(request.key, request.amount, request.on), collection)
    except _No as no:
        return no.refused


def _refusal(work: UnitOfWork, collection: Collection | None, request: TakenBack, said: ChannelResult | None) -> Refused | None:
    if collection is None:
        return Refused(UNKNOWN_COLLECTION, "there is no such collection in this book", "collection_id")
    if collection.parts:
        parts = payment_book.parts_of(book_id=work.book.id, whole_ids=[collection.id])[collection.id]
        named = ", ".join(public.text("collection", part.id) for part in parts[:5])
        return Refused(
            OVER_SEVERAL, f"this payment is over several loans: name what was taken of each of its parts, {named}", "collection_id"
        )
    if request.on > work.day.on:
        return Refused(TAKEN_AHEAD, f"the business day is {work.day.on}: enter it then", "on")
    if collection.settled_on and request.on < collection.settled_on:
        return Refused(TAKEN_EARLY, f"it was collected on {collection.settled_on}", "on")
    return _used(work, request.key) or (_contradicted(request.amount, said) if said is not None else None)


def _used(work: UnitOfWork, reference: str) -> Refused | None:
    """Why a reference cannot be of the bank: something of ours is known by it."""
    ours = payment_book.collections_by_reference(book_id=work.book.id, references=[reference]) or payment_book.refunds_by_reference(
        book_id=work.book.id, references=[reference]
    )
    return Refused(REFERENCE_TAKEN, f"{reference} is another movement of this book", "key") if ours else None


def _contradicted(amount: Money, said: ChannelResult) -> Refused | None:
    if said.outcome != "succeeded" or said.on is None:
        return Refused(REFERENCE_TAKEN, f"the channel knows {said.reference} as something that moved no money", "key")
    return Refused(AMOUNT_DIFFERS, f"the channel says {said.amount}", "amount") if said.amount != amount else None


def _told(reference: str, amount: Money, on: date) -> ChannelResult:
    """What an operator says of a movement that the channel does not know by this reference: no fee came back."""
    return ChannelResult(reference, "succeeded", amount, Money.zero(amount.currency), reference, on)


def _taken(work: UnitOfWork, new_id: UUID, request: TakenBack, said: ChannelResult, collection: Collection) -> ChargeBack:
    """The loan owes it again, to the consumer, whose bank has taken it already. Raises _No."""
    attempt = RefundAttempt(f"charge_back:{request.key}", collection.id, request.amount, request.key)
    (begun,) = payments.attempt_refunds(work=work, attempts=[attempt])
    if isinstance(begun, Refused):
        raise _No(begun)
    applied = loan_book.repayments(work.book.id, [collection.id]).get(collection.id)
    if applied is None or applied.reversed or collection.loan_id is None:
        raise _No(Refused(NOT_APPLIED, "nothing of this collection is with a loan", "collection_id"))
    on = min(request.on, work.day.on)
    paid_on = min(collection.settled_on or on, on)
    (owed,) = loans.charge_back(work=work, requests=[loans.ChargeBack(new_id, collection.loan_id, request.amount, on, paid_on)])
    if isinstance(owed, Refused):
        raise _No(owed)
    papers.withdraw_reopened(work=work, loan_ids=[collection.loan_id])
    (settled,) = payments.settle_refunds(work=work, results=[said])
    if isinstance(settled, Refused):
        raise _No(settled)
    made = _made(work, new_id, request, owed, collection)
    commands.enter_charge_back(work=work, entered=made)
    return made


def _made(work: UnitOfWork, new_id: UUID, request: TakenBack, owed: OwedAgain, collection: Collection) -> ChargeBack:
    figures = (owed.amount, owed.principal, owed.interest, owed.charges)
    entered = (request.reason, request.on, work.day.on, work.now)
    return ChargeBack(new_id, request.key, collection.id, collection.consumer_id, *figures, *entered, None, None)


def win(*, desk: Desk, now: datetime, requests: Sequence[DisputeWon]) -> list[ChargeBack | Refused | Quarantined]:
    """Books what disputes brought back: a collection of its own, by the reference of the bank, which pays the loan as any does; what that cannot take
    goes back to the consumer. One outcome a request, in order. Refused with unknown_charge_back, already_won, taken_before_collected, taken_ahead,
    amount_differs, reference_taken or key_reused.
    """
    known = desk.channel.query(references=[request.key for request in requests if _is_reference(request.key)], now=now)
    return refunding.giving_back(desk, now, _WIN, requests, lambda work, given, begun: _win(work, given, known, begun))


def _win(
    work: UnitOfWork, requests: Sequence[DisputeWon], known: Mapping[str, ChannelResult], begun: list[ChannelRefund]
) -> list[ChargeBack | Refused]:
    ids = work.ids.many(work.now, len(requests))
    return keys.answer(
        work=work,
        scope=_WIN,
        requests=requests,
        object_ids=ids,
        validate=lambda fresh: {i: refused for i in fresh if (refused := _fault(requests[i].key, requests[i].reference))},
        decide=lambda fresh: {i: _one_won(work, requests[i], known.get(requests[i].key), begun) for i in fresh},
        recall=lambda again: _won_by_key(work, again, requests, ids),
    )


def _won_by_key(work: UnitOfWork, again: Sequence[UUID], requests: Sequence[DisputeWon], ids: Sequence[UUID]) -> dict[UUID, ChargeBack]:
    """Charge-backs by the object of the key that won them: the charge-back is known by its reference, which the same request names again."""
    del ids
    found = queries.charge_backs_by_reference(book_id=work.book.id, references=[request.reference for request in requests])
    stored = keys.stored(work=work, names=[(_WIN, request.key) for request in requests])
    told = {one.object_id: found[request.reference] for request in requests if (one := stored.get((_WIN, request.key)))}
    return {object_id: told[object_id] for object_id in again}


def _one_won(work: UnitOfWork, request: DisputeWon, said: ChannelResult | None, begun: list[ChannelRefund]) -> ChargeBack | Refused:
    seen = queries.charge_backs_by_reference(book_id=work.book.id, references=[request.reference]).get(request.reference)
    if seen is None:
        return Refused(UNKNOWN_CHARGE_BACK, "there is no charge-back of this reference in this book", "reference")
    taken = payment_book.collections(book_id=work.book.id, ids=[seen.collection_id])[seen.collection_id]
    assert taken.loan_id is not None, "what was charged back was with a loan"
    loan_book.lock(work.book.id, [taken.loan_id])
    one = queries.charge_backs_by_reference(book_id=work.book.id, references=[request.reference], lock=True)[request.reference]
    if refused := _not_won(work, one, request, said):
        return refused
    try:
        with sql.attempting():
            return _brought_back(work, one, taken, request, said or _told(request.key, one.amount, request.on), begun)
    except _No as no:
        return no.refused


def _not_won(work: UnitOfWork, one: ChargeBack, request: DisputeWon, said: ChannelResult | None) -> Refused | None:
    if one.won_on is not None:
        return Refused(ALREADY_WON, f"it was won on {one.won_on}", "reference")
    if request.on < one.taken_on:
        return Refused(TAKEN_EARLY, f"it was taken on {one.taken_on}", "on")
    if request.on > work.day.on:
        return Refused(TAKEN_AHEAD, f"the business day is {work.day.on}: enter it then", "on")
    return _used(work, request.key) or (_contradicted(one.amount, said) if said is not None else None)


def _brought_back(
    work: UnitOfWork, one: ChargeBack, taken: Collection, request: DisputeWon, said: ChannelResult, begun: list[ChannelRefund]
) -> ChargeBack:
    attempt = CollectionAttempt(
        f"charge_back:{request.key}",
        taken.consumer_id,
        taken.loan_id,
        taken.order_id,
        one.amount,
        taken.instrument,
        taken.funder_id,
        ahead="next",  # What was taken is owed with what falls due next: as paid otherwise, it would go back where nothing is due yet.
        reference=request.key,
    )
    (back,) = payments.attempt_collections(work=work, attempts=[attempt])
    if isinstance(back, Refused):
        raise _No(back)
    (settled,) = payments.settle_collections(work=work, results=[said])
    if isinstance(settled, Refused):
        raise _No(settled)
    on = min(settled.settled_on or request.on, work.day.on)
    applied = repayment.apply_received(work, [(settled, on)])
    attempts = refunding.attempt(work=work, excesses=repayment.owed_back(applied))
    won = commands.win_charge_back(work=work, won=one, by=settled.id, on=on)
    begun += attempts
    return replace(one, won_by_id=won.won_by_id, won_on=won.won_on)
