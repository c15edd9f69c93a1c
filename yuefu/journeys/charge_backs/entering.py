"""Charge-backs, as the bank of a consumer took the money: the loan is owed it again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Final
from uuid import UUID

from yuefu import ids as public
from yuefu.aftersales import commands, queries
from yuefu.aftersales.queries import ChargeBack
from yuefu.errors import Refused
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
from yuefu.journeys.desk import Desk, in_batches, on_open_day
from yuefu.loans import commands as loans
from yuefu.loans import queries as loan_book
from yuefu.loans.commands import OwedAgain
from yuefu.money.amounts import Money
from yuefu.papers import commands as papers
from yuefu.payments import commands as payments
from yuefu.payments import queries as payment_book
from yuefu.payments.commands import RefundAttempt
from yuefu.payments.rules import BANK, ChannelResult, Collection, refund_refusal
from yuefu.runtime import keys
from yuefu.runtime.batch import Quarantined
from yuefu.runtime.values import UnitOfWork

UNKNOWN_COLLECTION = "unknown_collection"
NOT_APPLIED = "not_applied"  # nothing of this collection is with a loan: it waits for its day, or was taken off
OVER_SEVERAL = "over_several_loans"  # name the parts
BY_TRANSFER = "came_by_transfer"

_ENTER: Final = "charge_back.enter"


@dataclass(frozen=True, slots=True)
class TakenBack:
    """A bank took `amount` of a collection back on a day, by a reference of its own, which is the key: told twice, it is booked once."""

    key: str
    collection_id: UUID
    amount: Money
    on: date
    reason: str


def enter(*, desk: Desk, now: datetime, requests: Sequence[TakenBack]) -> list[ChargeBack | Refused | Quarantined]:
    """Books charge-backs. One outcome a request, in order; the same reference again is the same charge-back as it stands.

    Where the channel knows the reference, its day, amount and fee count, and must be those that are told. Refused with unknown_collection,
    over_several_loans, not_applied, came_by_transfer, refund_exceeds_collection (more than is left of it), amount_differs, taken_before_collected,
    taken_ahead, reference_taken, key_reused, or as the loan or its credit line refuses. No refusal uses up the reference: the money is gone, and the
    bank has no other one for it. What is owed back to the consumer of that loan, and not on its way, is thereby given back, and no loan owes it again:
    so a repayment of a loan that cannot owe again from a day (rule_version_2026_1) is undone first, and then this is entered.
    """
    known = desk.channel.query(references=[request.key for request in requests if is_reference(request.key)], now=now)
    return in_batches(
        desk, now, _ENTER, requests, lambda batch: on_open_day(desk, now, batch, lambda work, given: _enter(work, given, known))
    )


def _enter(work: UnitOfWork, requests: Sequence[TakenBack], known: Mapping[str, ChannelResult]) -> list[ChargeBack | Refused]:
    ids = work.ids.many(work.now, len(requests))

    def act(refused: Mapping[TakenBack, Refused]) -> list[ChargeBack | Refused]:
        return keys.answer(
            work=work,
            scope=_ENTER,
            requests=requests,
            object_ids=ids,
            validate=lambda fresh: faults({i: (requests[i].key, requests[i].reason, refused.get(requests[i])) for i in fresh}),
            decide=lambda fresh: _entered(work, {ids[i]: (i, requests[i]) for i in fresh}, known),
            recall=lambda again: queries.charge_backs(book_id=work.book.id, ids=again),
        )

    return without_those_refused(act)


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
    """Charge-backs by position of requests, given by the charge-backs they make. Raises CannotAll where one is refused."""
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
        raise CannotAll(refused)
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
    return _Seen(found, parts, with_loans, owed, known_by_us(work, [request.key for request in requests]), said)


def _owed_back(work: UnitOfWork, loan_ids: Sequence[UUID]) -> dict[UUID, int]:
    if not loan_ids:
        return {}
    owed, given = loan_book.excesses(work.book.id, loan_ids=loan_ids), payment_book.not_failed(book_id=work.book.id, loan_ids=loan_ids)
    return {loan_id: max(owed.get(loan_id, 0) - given.get(loan_id, 0), 0) for loan_id in loan_ids}


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
    if refused := misnamed(request.key, request.amount, seen.ours, seen.said):
        return refused
    if refused := refund_refusal(collection, request.amount, work.book.currency):
        return refused
    if collection.is_waiting:
        return Refused(NOT_APPLIED, f"it waits for {collection.waits_for}: give it up first, or enter this then", "collection_id")
    if collection.id in seen.with_loans or (collection.loan_id and request.amount.minor <= owed.get(collection.loan_id, 0)):
        return None
    return Refused(NOT_APPLIED, "nothing of this collection is with a loan, nor so much of it owed back", "collection_id")


def _taken(work: UnitOfWork, taking: Mapping[UUID, TakenBack], again: Mapping[UUID, int], seen: _Seen) -> list[ChargeBack]:
    """The loans owe again so much of it, in minor units, to the consumers, whose banks have taken it already. Raises CannotAll."""
    requests = list(taking.values())
    attempts = [RefundAttempt(f"charge_back:{r.key}", r.collection_id, r.amount, r.key) for r in requests]
    carried_out(requests, payments.attempt_refunds(work=work, attempts=attempts))
    paying = {new_id: request for new_id, request in taking.items() if again[new_id]}
    owing = [_owing(work, new_id, request, again[new_id], seen.collections[request.collection_id]) for new_id, request in paying.items()]
    owed = {one.source_id: one for one in carried_out(list(paying.values()), loans.charge_back(work=work, requests=owing))}
    papers.withdraw_reopened(work=work, loan_ids=sorted({one.loan_id for one in owing}))
    moved = [seen.said.get(r.key) or as_told(r.key, r.amount, r.on) for r in requests]
    carried_out(requests, payments.settle_refunds(work=work, results=moved))
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
