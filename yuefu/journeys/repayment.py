"""Repayment: collect through the channel, then apply to what is due.

The attempt is stored before the channel is called. An answer that does not come leaves it unknown: `poll` asks again, nothing is
ever sent twice blind. What a consumer pays beyond everything due goes back the same way.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Final, Literal
from uuid import UUID

from yuefu.errors import Refused
from yuefu.journeys import refund as refunding
from yuefu.journeys.desk import Desk, in_batches, on_open_day, open_day, unless_held_up
from yuefu.journeys.refund import Excess
from yuefu.loans import commands as loans
from yuefu.loans import queries as loan_book
from yuefu.loans.commands import ALREADY_APPLIED, Applied, Repayment
from yuefu.loans.queries import Recorded
from yuefu.loans.rules import OnBook
from yuefu.money.amounts import Money
from yuefu.payments import commands as payments
from yuefu.payments import queries as payment_book
from yuefu.payments.commands import CollectionAttempt
from yuefu.payments.rules import CONTRACT, ChannelRefund, ChannelResult, Collection, CollectOrder
from yuefu.plans.lifecycle.choices import Excess as Way
from yuefu.plans.terms import Terms
from yuefu.runtime import keys, stops
from yuefu.runtime.batch import Quarantined
from yuefu.runtime.values import Actor, UnitOfWork

UNKNOWN_LOAN = "unknown_loan"
NOTHING_DUE = "nothing_due"
NOTHING_AHEAD = "nothing_ahead"  # the rules of the loan know no early payment
NOT_ALL = "not_all"  # less than what ends the loan cannot settle it
MORE_THAN_DUE = "more_than_due"  # a merchant asks a consumer for what is due, or less
INSTRUMENT_INVALID = "instrument_invalid"
_ASKED_AS = {"consumer_id": "loan_id", "order_id": "loan_id", "whole": "amount"}
_AHEAD: Final = {"next": Way.NEXT, "smaller": Way.SMALLER, "shorter": Way.SHORTER, "settle": Way.NEXT}
_LONGEST_INSTRUMENT = 128


Ahead = Literal["next", "smaller", "shorter", "settle"]
"""How a loan takes more than what is due: the next instalments are paid; the later ones ask less, or there are fewer; it is ended."""


@dataclass(frozen=True, slots=True)
class RepayRequest:
    """Collect `amount` for a loan, or all that is due. `instrument` names the card or wallet at the channel. With `merchant_id` it is that
    merchant who asks for the consumer: for loans of its own orders, and `key` is one of its own; else `key` is one of the consumer.
    """

    key: str
    loan_id: UUID
    amount: Money | None
    instrument: str
    by: Actor | None = field(default=None, compare=False)
    merchant_id: UUID | None = None
    ahead: Ahead | None = None


@dataclass(frozen=True, slots=True)
class Repaid:
    """What became of a collection: `state` succeeded, failed (nothing moved) or unknown (the channel has not said yet). A part of a payment over
    several loans that came before its day, `waits_for`, is applied to its loan on that day, and until then to nothing.
    """

    collection_id: UUID
    loan_id: UUID
    state: str
    amount: Money
    principal: Money
    interest: Money
    charges: Money
    excess: Money
    failure_code: str
    waits_for: date | None = None


@dataclass(frozen=True, slots=True)
class RepaidTogether:
    """What became of one payment over several loans, and of each of its parts."""

    collection_id: UUID
    state: str
    amount: Money
    failure_code: str
    parts: tuple[Repaid, ...]


def repay(*, desk: Desk, now: datetime, requests: Sequence[RepayRequest]) -> list[Repaid | Refused | Quarantined]:
    """Collects and applies. One outcome a request, in order. Refused with unknown_loan (also that of another merchant than the one who
    asks), nothing_due, more_than_due (where a merchant asks), instrument_invalid, amount_not_positive, currency_differs, no_money_account, key_reused.

    Quarantined where a request, or what the channel said of it, raises whenever it is tried: in the second case the collection stays as
    it is and is asked for again by `poll`.
    """
    begun = in_batches(desk, now, "repay", requests, lambda batch: on_open_day(desk, now, batch, _attempt))
    told = collect(desk=desk, now=now, begun=[one for one in begun if isinstance(one, Collection)])
    return [_of_one_loan(told[one.id]) if isinstance(one, Collection) else one for one in begun]


def _of_one_loan(outcome: Repaid | RepaidTogether | Quarantined) -> Repaid | Quarantined:
    assert not isinstance(outcome, RepaidTogether), "what is begun for one loan is told of it"
    return outcome


def collect(*, desk: Desk, now: datetime, begun: Sequence[Collection]) -> dict[UUID, Repaid | RepaidTogether | Quarantined]:
    """Calls the channel for collections whose attempts are stored and books what it says, by collection; of those it was called for before it
    is told what became of them.
    """
    waiting = [c for c in begun if c.state == "attempted"]
    asked = desk.channel.query(references=[c.reference for c in waiting], now=now) if _replayed(waiting, now) else {}
    orders = [CollectOrder(c.reference, c.instrument, c.amount, payer=str(c.consumer_id)) for c in waiting if c.reference not in asked]
    results = [*asked.values(), *desk.channel.collect(orders=orders, now=now)]
    booked = unless_held_up(lambda given: book(desk=desk, now=now, results=given), results)
    ids = {c.reference: c.id for c in waiting}
    outcomes: dict[UUID, Repaid | RepaidTogether | Quarantined] = {
        ids[r.reference]: o for r, o in zip(results, booked, strict=True) if isinstance(o, Repaid | RepaidTogether | Quarantined)
    }
    silent = [c for c in begun if c.id not in outcomes]
    return outcomes | _told(silent, parts_of(desk.book.id, silent))


def _replayed(waiting: Sequence[Collection], now: datetime) -> bool:
    """Whether an attempt is older than this call: it may have reached the channel before a crash, so the channel is asked first."""
    return any(collection.attempted_at < now for collection in waiting)


def _attempt(work: UnitOfWork, requests: Sequence[RepayRequest]) -> list[Collection | Refused]:
    found = loan_book.on_book([request.loan_id for request in requests], work.day.on, book_id=work.book.id)
    held = {i: loan for i, r in enumerate(requests) if (loan := found.get(r.loan_id)) and r.merchant_id in (None, loan.dims.merchant_id)}
    owners = {i: requests[i].merchant_id or loan.dims.consumer_id for i, loan in held.items()}
    # After the loans: a repayment that came between the two reads is then known, and is not asked for again.
    known = _asked_before(work, [(owner, requests[i].key) for i, owner in owners.items() if _by_what_is_asked(requests[i])])
    ending = loan_book.payoffs([requests[i].loan_id for i in held if requests[i].ahead == "settle"], work.day.on, book_id=work.book.id)
    attempts: dict[int, CollectionAttempt] = {}
    outcomes: dict[int, Collection | Refused] = {}
    for index, request in enumerate(requests):
        loan = held.get(index)
        if loan is None:
            outcomes[index] = Refused(UNKNOWN_LOAN, "there is no such loan", "loan_id")
            continue
        if refused := instrument_fault(request.instrument) or _not_ahead(request, loan):
            outcomes[index] = refused
            continue
        dims, whole = loan.dims, request.amount is None
        before = known.get((owners[index], request.key))
        due = ending[dims.loan_id] if request.ahead == "settle" else loan.due(work.day.on)
        amount = request.amount if request.amount is not None else before or due
        if before is None and (refused := _not_due(request, amount, due)):
            outcomes[index] = refused
            continue
        attempts[index] = CollectionAttempt(
            key=request.key,
            consumer_id=dims.consumer_id,
            loan_id=dims.loan_id,
            order_id=dims.order_id,
            amount=amount,
            instrument=request.instrument,
            funder_id=dims.funder_id,
            by=request.by,
            sender=request.merchant_id,
            whole=whole,
            ahead=request.ahead,
        )
    stored = payments.attempt_collections(work=work, attempts=list(attempts.values()))
    outcomes.update({index: _as_asked(outcome) for index, outcome in zip(attempts, stored, strict=True)})
    return [outcomes[index] for index in range(len(requests))]


def instrument_fault(instrument: str) -> Refused | None:
    """Why a card or wallet cannot be named so."""
    if not 0 < len(instrument) <= _LONGEST_INSTRUMENT or not instrument.isprintable():
        return Refused(INSTRUMENT_INVALID, f"an instrument has 1 to {_LONGEST_INSTRUMENT} printable characters", "instrument")
    if instrument.startswith(CONTRACT):  # whoever names a number would be paid for by its consumer, without notice
        return Refused(INSTRUMENT_INVALID, "a mandate is debited when something falls due: name a card or a wallet", "instrument")
    return None


def _not_ahead(request: RepayRequest, loan: OnBook) -> Refused | None:
    """Why a loan cannot take more than what is due."""
    if request.ahead is None:
        return None
    if request.merchant_id is not None:
        return Refused(MORE_THAN_DUE, "who collects for a consumer asks for what is due: only the consumer pays ahead", "ahead")
    if isinstance(loan.terms, Terms):
        return Refused(NOTHING_AHEAD, f"a loan of rule version {loan.terms.rule_version} takes nothing before its day", "ahead")
    return None


def _as_asked(outcome: Collection | Refused) -> Collection | Refused:
    """A key that was used before with another loan differs in its consumer and order too: what differs is named as it was asked for."""
    if not isinstance(outcome, Refused) or outcome.code != keys.KEY_REUSED or outcome.field not in _ASKED_AS:
        return outcome
    return keys.reused(_ASKED_AS[outcome.field])


def _by_what_is_due(request: RepayRequest) -> bool:
    """A consumer may pay what they like, and has back what was too much. Who collects from them asks for what is due, and so does who names
    no amount.
    """
    return request.amount is None or request.merchant_id is not None


def _by_what_is_asked(request: RepayRequest) -> bool:
    """Whether it depends on what the loan asks today, if that can be paid."""
    return _by_what_is_due(request) or request.ahead == "settle"


def _not_due(request: RepayRequest, amount: Money, due: Money) -> Refused | None:
    if not _by_what_is_asked(request) or amount.currency != due.currency:
        return None
    if request.ahead == "settle" and amount < due:
        return Refused(NOT_ALL, f"{due} ends this loan today, {amount} does not: name no amount, or pay it ahead in another way", "amount")
    if not _by_what_is_due(request):
        return None
    if not due.minor:
        return Refused(NOTHING_DUE, "nothing is due on this loan today", "loan_id")
    if amount > due:
        return Refused(MORE_THAN_DUE, f"{due} is due on this loan today, {amount} was asked for", "amount")
    return None


def _asked_before(work: UnitOfWork, keyed: Sequence[tuple[UUID, str]]) -> dict[tuple[UUID, str], Money]:
    """What "all that is due" was when a key of a consumer was first used: less is due now, and the request is still the same."""
    return {name: collection.amount for name, collection in payments.attempted(work=work, keyed=keyed).items()}


def book(*, desk: Desk, now: datetime, results: Sequence[ChannelResult]) -> list[Repaid | RepaidTogether | Refused | Quarantined | None]:
    """Books what the channel says of collections and applies what succeeded, in one transaction; then returns any excess.

    One outcome a result, in order: Refused as `payments.settle_collections` refuses, None for a collection that is not for a loan.
    """
    begun: list[ChannelRefund] = []

    def act(batch: Sequence[ChannelResult]) -> list[Repaid | RepaidTogether | Refused | None]:
        with open_day(desk, now) as work:
            if isinstance(work, Refused):
                return [work] * len(batch)  # Read only since the channel was called: it is asked again.
            _lock_loans(work, batch)
            settled = payments.settle_collections(work=work, results=batch)
            told, owed = _apply(work, [c for c in settled if isinstance(c, Collection)])
            attempts = refunding.attempt(work=work, excesses=owed)
        begun.extend(attempts)  # Only now are they committed: what was rolled back is never sent.
        return [told.get(one.id) if isinstance(one, Collection) else one for one in settled]

    outcomes = in_batches(desk, now, "repay.book", results, act)
    refunding.send(desk=desk, now=now, refunds=begun)
    return outcomes


def _lock_loans(work: UnitOfWork, results: Sequence[ChannelResult]) -> None:
    """The loans before their collections, high rung to low, as a refund takes them."""
    known = payment_book.collections_by_reference(book_id=work.book.id, references=[result.reference for result in results])
    parts = [part for group in parts_of(work.book.id, list(known.values())).values() for part in group]
    loan_book.lock(work.book.id, sorted({c.loan_id for c in [*known.values(), *parts] if c.loan_id}))


def parts_of(book_id: UUID, collections: Sequence[Collection]) -> dict[UUID, list[Collection]]:
    """The parts of those that are over several loans, by the whole."""
    wholes = [c.id for c in collections if c.parts]
    return payment_book.parts_of(book_id=book_id, whole_ids=wholes) if wholes else {}


def _apply(work: UnitOfWork, settled: Sequence[Collection]) -> tuple[dict[UUID, Repaid | RepaidTogether], list[Excess]]:
    """Outcomes by collection, and what is now owed back. A collection applied before is told as it was applied then, and owes nothing anew."""
    parts = parts_of(work.book.id, settled)
    ours = [one for c in settled if c.loan_id is not None or c.parts for one in parts.get(c.id, [c])]
    today = work.day.on  # Between midnight and the roll-over the channel is a day ahead of the open day.
    received = [c for c in ours if c.state == "succeeded" and not c.is_waiting]
    applied = apply_received(work, [(c, min(max(c.settled_on or today, c.waits_for or date.min), today)) for c in received])
    return _told([c for c in settled if c.loan_id is not None or c.parts], parts, applied), owed_back(applied)


def apply_received(work: UnitOfWork, received: Sequence[tuple[Collection, date]]) -> dict[UUID, Applied]:
    """Applies what came to its loans, each as of a day. By collection; what was applied before is absent."""
    repayments = [
        Repayment(c.id, c.loan_id, c.amount, on, _AHEAD.get(c.ahead or ""), ends=c.ahead == "settle") for c, on in received if c.loan_id
    ]
    applied: dict[UUID, Applied] = {}
    for repayment, outcome in zip(repayments, loans.apply_repayments(work=work, repayments=repayments), strict=True):
        if isinstance(outcome, Applied):
            applied[repayment.source_id] = outcome
        else:  # Money that is booked and applied to nothing would never be looked at again: rather nothing is booked, and it is asked for anew.
            assert outcome.code == ALREADY_APPLIED, f"what was received is applied: {outcome}"
    return applied


def owed_back(applied: Mapping[UUID, Applied]) -> list[Excess]:
    """What loans could not take of what was applied to them."""
    return [Excess(str(a.source_id), a.loan_id, a.excess, a.source_id) for a in applied.values() if a.excess.minor]


def _told(
    collections: Sequence[Collection], parts: Mapping[UUID, Sequence[Collection]], applied: Mapping[UUID, Applied] | None = None
) -> dict[UUID, Repaid | RepaidTogether]:
    """What became of collections: as they were `applied` just now, else as recorded; nothing of one that moved nothing."""
    now = applied or {}
    singles = [one for c in collections for one in parts.get(c.id, [c])]
    asked = sorted({c.order_id for c in singles if c.order_id and c.state == "succeeded" and c.id not in now})
    events = {e.source_id: e for group in loan_book.recorded(asked).values() for e in group} if asked else {}
    each = {c.id: _applied(c, now.get(c.id) or events.get(c.id)) for c in singles}
    return {c.id: _together(c, [each[one.id] for one in parts[c.id]]) if c.parts else each[c.id] for c in collections}


def _applied(c: Collection, as_recorded: Applied | Recorded | None) -> Repaid:
    assert c.loan_id is not None, "what is collected here is for a loan"
    one, zero = as_recorded, Money.zero(c.amount.currency)
    parts = (one.principal, one.interest, one.charges, one.excess) if one else (zero, zero, zero, zero)
    return Repaid(c.id, c.loan_id, c.state, c.amount, *parts, c.failure_code, c.waits_for if c.is_waiting else None)


def told_of(*, book_id: UUID, collection_ids: Sequence[UUID]) -> dict[UUID, Repaid | RepaidTogether]:
    """What became of collections, as it is recorded."""
    found = list(payment_book.collections(book_id=book_id, ids=collection_ids).values())
    return _told(found, parts_of(book_id, found))


def _together(whole: Collection, parts: Sequence[Repaid]) -> RepaidTogether:
    return RepaidTogether(whole.id, whole.state, whole.amount, whole.failure_code, tuple(parts))


def poll(*, desk: Desk, now: datetime, limit: int = 2_000) -> int:
    """Asks the channel for collections and refunds whose outcome is not known, and books what it says. Returns how many it answered.

    What the channel never heard of (we stopped before the call) is sent now: under the same reference it cannot be taken twice.
    In a read-only book nobody is asked.
    """
    if stops.read_only(book_id=desk.book.id, now=now):
        return 0
    collections = payment_book.collections_to_poll(book_id=desk.book.id, before=now, limit=limit)
    answers = desk.channel.query(references=[c.reference for c in collections], now=now)
    lost = [c for c in collections if c.reference not in answers and c.state == "attempted"]
    sent = desk.channel.collect(orders=[CollectOrder(c.reference, c.instrument, c.amount, payer=str(c.consumer_id)) for c in lost], now=now)
    book(desk=desk, now=now, results=[*answers.values(), *sent])
    refunds = payment_book.refunds_to_poll(book_id=desk.book.id, before=now, limit=limit)
    said = desk.channel.query(references=[r.reference for r in refunds], now=now)
    refunding.book(desk=desk, now=now, results=list(said.values()))
    unheard = [r for r in refunds if r.reference not in said]
    return len(answers) + len(sent) + len(said) + len(refunding.send(desk=desk, now=now, refunds=unheard))
