"""Charge-backs: the bank of a consumer takes back what was collected, and the loan is owed it again; a dispute that is won brings it back.

The money moves without us: we are told, by the channel, which knows the bank's reference, or by an operator who read it. Whatever is told is booked
once, by that reference, in one transaction: the channel refund that took it off the collection, the loan, and the charge-back itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any, Final, TypeVar
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
from yuefu.payments.rules import BANK, ChannelRefund, ChannelResult, Collection, refund_refusal
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
BY_TRANSFER = "came_by_transfer"

_ENTER: Final = "charge_back.enter"
_WIN: Final = "charge_back.win"
_LONGEST_REFERENCE: Final = 64

R = TypeVar("R")
O = TypeVar("O")


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
    """Requests that loans, credit lines or payments refused: whatever was done for them and beside them is undone."""

    def __init__(self, refused: Mapping[Any, Refused]) -> None:
        super().__init__(refused)
        self.refused = refused


def _without_those_refused(act: Callable[[Mapping[R, Refused]], list[ChargeBack | Refused]]) -> list[ChargeBack | Refused]:
    """`act` is given what was refused so far, by request, and raises _No where more is: then all is done once more, as if those had not been asked.

    Of the money of a collection, and of the room of a credit line, nobody can say how much is left for a request before those that come first are
    carried out or refused."""
    refused: dict[R, Refused] = {}
    while True:
        try:
            with sql.attempting():
                return act(refused)
        except _No as no:
            refused |= no.refused


def _carried_out(requests: Sequence[R], outcomes: Sequence[O | Refused]) -> list[O]:
    """What became of requests, none of which may be refused. Raises _No."""
    refused = {request: outcome for request, outcome in zip(requests, outcomes, strict=True) if isinstance(outcome, Refused)}
    if refused:
        raise _No(refused)
    return [outcome for outcome in outcomes if not isinstance(outcome, Refused)]


def enter(*, desk: Desk, now: datetime, requests: Sequence[TakenBack]) -> list[ChargeBack | Refused | Quarantined]:
    """Books charge-backs. One outcome a request, in order; the same reference again is the same charge-back as it stands.

    Where the channel knows the reference, its day, amount and fee count, and must be those that are told. Refused with unknown_collection,
    over_several_loans, not_applied, came_by_transfer, refund_exceeds_collection (more than is left of it), amount_differs, taken_before_collected,
    taken_ahead, reference_taken, key_reused, or as the loan or its credit line refuses. No refusal uses up the reference: the money is gone, and the
    bank has no other one for it. What is owed back to the consumer of that loan, and not on its way, is thereby given back, and no loan owes it again:
    so a repayment of a loan that cannot owe again from a day (rule_version_2026_1) is undone first, and then this is entered.
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

    def act(refused: Mapping[TakenBack, Refused]) -> list[ChargeBack | Refused]:
        return keys.answer(
            work=work,
            scope=_ENTER,
            requests=requests,
            object_ids=ids,
            validate=lambda fresh: _faults({i: (requests[i].key, requests[i].reason, refused.get(requests[i])) for i in fresh}),
            decide=lambda fresh: _entered(work, {ids[i]: (i, requests[i]) for i in fresh}, known),
            recall=lambda again: queries.charge_backs(book_id=work.book.id, ids=again),
        )

    return _without_those_refused(act)


def _faults(asked: Mapping[int, tuple[str, str, Refused | None]]) -> dict[int, Refused]:
    """Why some are refused without using up their key: by its form, by that of another text, or for a reason that is known."""
    faults = {i: _fault(key, text) or known for i, (key, text, known) in asked.items()}
    return {i: refused for i, refused in faults.items() if refused}


@dataclass(frozen=True, slots=True)
class _Seen:
    """What is known of collections, by id, and which pay a loan; what of ours and of the channel's is known by references; what is owed back of their
    loans, and not on its way, in minor units."""

    collections: Mapping[UUID, Collection]
    parts: Mapping[UUID, Sequence[Collection]]
    with_loans: set[UUID]
    owed_back: Mapping[UUID, int]
    ours: set[str]
    said: Mapping[str, ChannelResult]


def _entered(
    work: UnitOfWork, asked: Mapping[UUID, tuple[int, TakenBack]], said: Mapping[str, ChannelResult]
) -> dict[int, ChargeBack | Refused]:
    """Charge-backs by position of requests, given by the charge-backs they make. Raises _No where one is refused."""
    seen = _seen(work, [request for _, request in asked.values()], said)
    left, owed = dict(seen.collections), dict(seen.owed_back)
    refused: dict[TakenBack, Refused] = {}
    taking: dict[UUID, TakenBack] = {}
    again: dict[UUID, int] = {}
    for new_id, (_, request) in asked.items():
        collection = left.get(request.collection_id)
        if why := _refusal(work, collection, request, seen, owed):
            refused[request] = why
            continue
        assert collection is not None, "of one that is not known everything is refused"
        left[collection.id] = replace(collection, refunded=collection.refunded + request.amount)
        given_back = min(request.amount.minor, owed.get(collection.loan_id or collection.id, 0))
        if given_back and collection.loan_id:
            owed[collection.loan_id] -= given_back
        again[new_id] = request.amount.minor - given_back
        taking[new_id] = request
    made = _taken(work, taking, again, seen)
    if refused:  # by what those before them took, who were not refused: they are carried out once more without these, whose references are not used up
        raise _No(refused)
    return {asked[one.id][0]: one for one in made}


def _seen(work: UnitOfWork, requests: Sequence[TakenBack], said: Mapping[str, ChannelResult]) -> _Seen:
    """The loans are locked first: whoever gives money of a loan back does that."""
    book_id, ids = work.book.id, sorted({request.collection_id for request in requests})
    before = payment_book.collections(book_id=book_id, ids=ids)
    loan_book.lock(book_id, sorted({c.loan_id for c in before.values() if c.loan_id}))
    found = payment_book.collections(book_id=book_id, ids=sorted(before))
    parts = payment_book.parts_of(book_id=book_id, whole_ids=[c.id for c in found.values() if c.parts])
    applied = loan_book.repayments(book_id, sorted(found))
    with_loans = {i for i, repayment in applied.items() if not repayment.reversed}
    owed = _owed_back(work, sorted({repayment.loan_id for repayment in applied.values()}))
    return _Seen(found, parts, with_loans, owed, _ours(work, [request.key for request in requests]), said)


def _owed_back(work: UnitOfWork, loan_ids: Sequence[UUID]) -> dict[UUID, int]:
    if not loan_ids:
        return {}
    owed, given = loan_book.excesses(work.book.id, loan_ids=loan_ids), payment_book.not_failed(book_id=work.book.id, loan_ids=loan_ids)
    return {loan_id: max(owed.get(loan_id, 0) - given.get(loan_id, 0), 0) for loan_id in loan_ids}


def _ours(work: UnitOfWork, references: Sequence[str]) -> set[str]:
    """References that cannot be new ones of the bank: something of ours is known by them."""
    collections = payment_book.collections_by_reference(book_id=work.book.id, references=references)
    return {*collections, *payment_book.refunds_by_reference(book_id=work.book.id, references=references)}


def _refusal(work: UnitOfWork, collection: Collection | None, request: TakenBack, seen: _Seen, owed: Mapping[UUID, int]) -> Refused | None:
    """Why that cannot have been taken of a collection, as it is, and so much is `owed` back of loans, after what was taken before."""
    if collection is None:
        return Refused(UNKNOWN_COLLECTION, "there is no such collection in this book", "collection_id")
    if collection.parts:
        named = ", ".join(public.text("collection", part.id) for part in seen.parts[collection.id][:5])
        return Refused(
            OVER_SEVERAL, f"this payment is over several loans: name what was taken of each of its parts, {named}", "collection_id"
        )
    if collection.channel == BANK:
        detail = "this came by bank transfer, which no bank takes back: undo the match, and give back what is left of the receipt"
        return Refused(BY_TRANSFER, detail, "collection_id")
    if request.on > work.day.on:
        return Refused(TAKEN_AHEAD, f"the business day is {work.day.on}: enter it then", "on")
    if collection.settled_on and request.on < collection.settled_on:
        return Refused(TAKEN_EARLY, f"it was collected on {collection.settled_on}", "on")
    if refused := _misnamed(request.key, request.amount, seen.ours, seen.said):
        return refused
    if refused := refund_refusal(collection, request.amount, work.book.currency):
        return refused
    if collection.is_waiting:
        return Refused(NOT_APPLIED, f"it waits for {collection.waits_for}: give it up first, or enter this then", "collection_id")
    if collection.id in seen.with_loans or (collection.loan_id and request.amount.minor <= owed.get(collection.loan_id, 0)):
        return None
    return Refused(NOT_APPLIED, "nothing of this collection is with a loan, nor so much of it owed back", "collection_id")


def _misnamed(reference: str, amount: Money, ours: set[str], said: Mapping[str, ChannelResult]) -> Refused | None:
    """Why a reference cannot be that of a movement of the bank of this amount."""
    if reference in ours:
        return Refused(REFERENCE_TAKEN, f"{reference} is another movement of this book", "key")
    return _contradicted(amount, said[reference]) if reference in said else None


def _contradicted(amount: Money, said: ChannelResult) -> Refused | None:
    if said.outcome != "succeeded" or said.on is None:
        return Refused(REFERENCE_TAKEN, f"the channel knows {said.reference} as something that moved no money", "key")
    return Refused(AMOUNT_DIFFERS, f"the channel says {said.amount}", "amount") if said.amount != amount else None


def _told(reference: str, amount: Money, on: date) -> ChannelResult:
    """What an operator says of a movement that the channel does not know by this reference: no fee came back."""
    return ChannelResult(reference, "succeeded", amount, Money.zero(amount.currency), reference, on)


def _taken(work: UnitOfWork, taking: Mapping[UUID, TakenBack], again: Mapping[UUID, int], seen: _Seen) -> list[ChargeBack]:
    """The loans owe again so much of it, in minor units, to the consumers, whose banks have taken it already. Raises _No."""
    requests = list(taking.values())
    attempts = [RefundAttempt(f"charge_back:{r.key}", r.collection_id, r.amount, r.key) for r in requests]
    _carried_out(requests, payments.attempt_refunds(work=work, attempts=attempts))
    paying = {new_id: request for new_id, request in taking.items() if again[new_id]}
    owing = [_owing(work, new_id, request, again[new_id], seen.collections[request.collection_id]) for new_id, request in paying.items()]
    owed = {one.source_id: one for one in _carried_out(list(paying.values()), loans.charge_back(work=work, requests=owing))}
    papers.withdraw_reopened(work=work, loan_ids=sorted({one.loan_id for one in owing}))
    moved = [seen.said.get(r.key) or _told(r.key, r.amount, r.on) for r in requests]
    _carried_out(requests, payments.settle_refunds(work=work, results=moved))
    made = [_made(work, new_id, one, owed.get(new_id), seen.collections[one.collection_id]) for new_id, one in taking.items()]
    commands.enter_charge_backs(work=work, entered=made)
    return made


def _owing(work: UnitOfWork, new_id: UUID, request: TakenBack, minor: int, collection: Collection) -> loans.ChargeBack:
    assert collection.loan_id is not None, "what is with a loan is for one"
    on = min(request.on, work.day.on)
    return loans.ChargeBack(new_id, collection.loan_id, replace(request.amount, minor=minor), on, min(collection.settled_on or on, on))


def _made(work: UnitOfWork, new_id: UUID, request: TakenBack, owed: OwedAgain | None, collection: Collection) -> ChargeBack:
    parts = (owed.principal, owed.interest, owed.charges) if owed else (Money.zero(request.amount.currency),) * 3
    figures, entered = (request.amount, *parts), (request.reason, request.on, work.day.on, work.now)
    return ChargeBack(new_id, request.key, collection.id, collection.consumer_id, *figures, *entered, None, None)


def win(*, desk: Desk, now: datetime, requests: Sequence[DisputeWon]) -> list[ChargeBack | Refused | Quarantined]:
    """Books what disputes brought back: a collection of its own, by the reference of the bank, which pays the loan as any does; what that cannot take
    goes back to the consumer. One outcome a request, in order. Refused with unknown_charge_back, already_won, taken_before_collected, taken_ahead,
    amount_differs, reference_taken or key_reused; no refusal uses up the reference.
    """
    known = desk.channel.query(references=[request.key for request in requests if _is_reference(request.key)], now=now)
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
            validate=lambda fresh: _faults({i: (requests[i].key, requests[i].reference, refused.get(requests[i])) for i in fresh}),
            decide=lambda fresh: _won(work, {i: requests[i] for i in fresh}, known, begun),
            recall=lambda again: _won_by_key(work, again, requests),
        )

    return _without_those_refused(act)


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
    """Charge-backs by position of requests. Raises _No where one is refused."""
    held, taken = _held(work, [request.reference for request in asked.values()])
    ours = _ours(work, [request.key for request in asked.values()])
    refused: dict[DisputeWon, Refused] = {}
    winning: dict[int, tuple[DisputeWon, ChargeBack]] = {}
    for index, request in asked.items():
        one = held.get(request.reference)
        if one is None:
            refused[request] = Refused(UNKNOWN_CHARGE_BACK, "there is no charge-back of this reference in this book", "reference")
        elif why := _not_won(work, one, request) or _misnamed(request.key, one.amount, ours, said):
            refused[request] = why
        else:
            held[request.reference] = replace(one, won_on=min(request.on, work.day.on))
            winning[index] = request, one
    attempts: list[ChannelRefund] = []
    outcomes = _brought_back(work, winning, taken, said, attempts)
    if refused:
        raise _No(refused)
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
    """Charge-backs as they are once their money has paid their loans. Raises _No."""
    requests = [request for request, _ in winning.values()]
    attempts = [_attempt(request, one, taken[one.collection_id]) for request, one in winning.values()]
    _carried_out(requests, payments.attempt_collections(work=work, attempts=attempts))
    moved = [said.get(request.key) or _told(request.key, one.amount, request.on) for request, one in winning.values()]
    settled = _carried_out(requests, payments.settle_collections(work=work, results=moved))
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
