"""One bill a month, and one payment over several loans.

`make` ends the cycles that are over and makes their bills, account by account in batches; what was missed is made up for, and done again it makes
none. `pay` collects once, whatever it is for: the bill, one loan, or all; what is due is applied at once, what is not yet due waits for its day
(`release`), for a loan of rule version 2026-1 takes nothing before.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Final
from uuid import UUID

from yuefu.billing import commands as billing
from yuefu.billing import queries as bill_book
from yuefu.billing import rules
from yuefu.billing.commands import Issued
from yuefu.billing.rules import Asked, Bill, Target
from yuefu.credit import commands as credit
from yuefu.credit import queries as accounts
from yuefu.errors import Refused
from yuefu.journeys import refund as refunding
from yuefu.journeys import repayment
from yuefu.journeys.desk import Desk, in_batches, on_open_day
from yuefu.journeys.repayment import NOTHING_DUE, UNKNOWN_LOAN, Repaid, RepaidTogether, instrument_fault
from yuefu.loans import queries as loan_book
from yuefu.loans.rules import OnBook
from yuefu.money.amounts import Money
from yuefu.payments import commands as payments
from yuefu.payments import queries as payment_book
from yuefu.payments.commands import Part, TogetherAttempt
from yuefu.payments.rules import ChannelRefund, Collection, amount_refusal
from yuefu.runtime import days, keys
from yuefu.runtime.batch import Quarantined
from yuefu.runtime.values import Actor, UnitOfWork

UNKNOWN_BILL: Final = "unknown_bill"
BILL_PAID: Final = "bill_paid"
ONE_TARGET: Final = "one_target"  # a bill, or a loan, or neither for all
UNKNOWN_PAYMENT: Final = "unknown_payment"
NOTHING_WAITS: Final = "nothing_waits"  # all of it was applied, or it never came
CHUNK: Final = 2_000
_PAY: Final = "billing.pay"


@dataclass(frozen=True, slots=True)
class Made:
    """What became of the cycle of an account that was over: its bill, or None where it asked for nothing."""

    account_id: UUID
    bill: Issued | None


def make(*, desk: Desk, now: datetime) -> list[Made | Refused | Quarantined]:
    """Makes the bills of all cycles that are over on the open day, also of days that were missed, the oldest of each account first. An account
    that cannot be billed is set aside and holds up no other.
    """
    found: list[Made | Refused | Quarantined] = []
    aside: list[UUID] = []
    while True:
        on = days.open_date(desk.book.id)
        waiting = accounts.to_bill(book_id=desk.book.id, on=on, limit=CHUNK, except_of=aside) if on else []
        if not waiting:
            return found
        outcomes = make_for(desk=desk, now=now, account_ids=waiting)
        if any(isinstance(outcome, Refused) for outcome in outcomes):
            return [*found, *(outcome for outcome in outcomes if outcome is not None)]
        aside += [account_id for account_id, outcome in zip(waiting, outcomes, strict=True) if not isinstance(outcome, Made)]
        found += [outcome for outcome in outcomes if outcome is not None]


def make_for(*, desk: Desk, now: datetime, account_ids: Sequence[UUID]) -> list[Made | Refused | Quarantined | None]:
    """Ends the oldest cycle of each account that is over; one outcome each, in order, None where none is."""
    return in_batches(desk, now, "billing.make", account_ids, lambda batch: on_open_day(desk, now, batch, _make))


def _make(work: UnitOfWork, account_ids: Sequence[UUID]) -> list[Made | Refused | None]:
    ended = credit.end_cycles(work=work, account_ids=account_ids)
    issued = billing.issue(work=work, ended=ended)
    payments.name_payers(work=work, consumer_ids=[one.consumer_id for one, bill in zip(ended, issued, strict=True) if bill])
    made = {one.account_id: Made(one.account_id, bill) for one, bill in zip(ended, issued, strict=True)}
    return [made.get(account_id) for account_id in account_ids]


# ------------------------------------------------------------------------------------------------------------------------------ payments


@dataclass(frozen=True, slots=True)
class PayRequest:
    """Collect from a consumer for a bill, or a loan, or all that is asked of the account in the book's currency: `amount`, or all of it.

    `key` is the consumer's. More than is asked goes back, or with `ahead` pays what falls due next, each instalment on its day. An amount for a loan
    that was written off is a recovery.
    """

    key: str
    consumer_id: UUID
    instrument: str
    bill_id: UUID | None = None
    loan_id: UUID | None = None
    amount: Money | None = None
    ahead: bool = False
    by: Actor | None = field(default=None, compare=False)


Plan = tuple[Part, ...]
"""What a request would collect today."""


def pay(*, desk: Desk, now: datetime, requests: Sequence[PayRequest]) -> list[RepaidTogether | Refused | Quarantined]:
    """Collects each by one payment and applies it: what is due to its loans at once, oldest first; what is not, when its day comes.

    One outcome a request, in order. Refused with unknown_bill or unknown_loan (also those of another consumer), one_target, bill_paid,
    nothing_due, instrument_invalid, amount_not_positive, currency_differs: with these nothing is collected, and the key may be used again.
    Else with no_money_account or key_reused. What is left beyond all it could pay is on its way back (`excess` of its parts).
    """
    begun = in_batches(desk, now, _PAY, requests, lambda batch: on_open_day(desk, now, batch, _attempt))
    told = repayment.collect(desk=desk, now=now, begun=[one for one in begun if isinstance(one, Collection)])
    return [_together(told[one.id]) if isinstance(one, Collection) else one for one in begun]


def _together(outcome: Repaid | RepaidTogether | Quarantined) -> RepaidTogether | Quarantined:
    assert not isinstance(outcome, Repaid), "what is begun over several loans is told so"
    return outcome


def _attempt(work: UnitOfWork, requests: Sequence[PayRequest]) -> list[Collection | Refused]:
    plans = plan(work, requests)
    new = work.ids.many(work.now, len(requests))

    def decide(fresh: list[int]) -> Mapping[int, Collection | Refused]:
        attempts = {new[i]: _attempt_of(requests[i], plans[i]) for i in fresh}
        stored = payments.attempt_together(work=work, attempts=attempts)
        return {i: stored[new[i]] for i in fresh}

    return keys.answer(
        work=work,
        scope=[keys.scope_of(_PAY, request.consumer_id) for request in requests],
        requests=requests,
        object_ids=new,
        validate=lambda given: {i: plan for i in given if isinstance(plan := plans[i], Refused)},
        decide=decide,
        recall=lambda known: payment_book.collections(book_id=work.book.id, ids=known),
    )


def _attempt_of(request: PayRequest, plan: Plan | Refused) -> TogetherAttempt:
    assert not isinstance(plan, Refused), "what cannot be planned was refused before"
    return TogetherAttempt(request.consumer_id, request.instrument, plan)


def plan(work: UnitOfWork, requests: Sequence[PayRequest]) -> list[Plan | Refused]:
    """What each request would collect, as if it were the only one; refused as `pay` refuses what it collects nothing for."""
    book_id, consumers = work.book.id, sorted({request.consumer_id for request in requests})
    own = accounts.accounts_of(consumer_ids=consumers, currency=work.book.currency, book_id=book_id)
    asked = bill_book.asked(book_id=book_id, consumer_ids=consumers)
    bills = bill_book.bills(book_id=book_id, ids=[request.bill_id for request in requests if request.bill_id])
    named = {request.loan_id for request in requests if request.loan_id}
    loans = loan_book.on_book(sorted(named | {row.loan_id for rows in asked.values() for row in rows}), work.day.on, book_id=book_id)
    plans = []
    for request in requests:
        account = own.get(request.consumer_id)
        bill = bills.get(request.bill_id) if request.bill_id else None
        loan = loans.get(request.loan_id) if request.loan_id else None
        rows = asked.get(account.id, []) if account else []
        plans.append(_fault(work, request, bill, loan) or _plan(work, request, bill, rows, loans))
    return plans


def _fault(work: UnitOfWork, request: PayRequest, bill: Bill | None, loan: OnBook | None) -> Refused | None:
    if request.bill_id and request.loan_id:
        return Refused(ONE_TARGET, "name a bill, or a loan, or neither for all: not both", "loan_id")
    if request.bill_id and (bill is None or bill.consumer_id != request.consumer_id):
        return Refused(UNKNOWN_BILL, "this consumer has no such bill", "bill_id")
    if request.loan_id and (loan is None or loan.dims.consumer_id != request.consumer_id):
        return Refused(UNKNOWN_LOAN, "this consumer has no such loan", "loan_id")
    if request.amount is not None and (refused := amount_refusal(request.amount, work.book.currency)):
        return refused
    return instrument_fault(request.instrument)


def _plan(work: UnitOfWork, request: PayRequest, bill: Bill | None, rows: Sequence[Asked], loans: Mapping[UUID, OnBook]) -> Plan | Refused:
    if bill is not None and not bill.to_pay.minor:
        return Refused(BILL_PAID, "nothing is left to pay of this bill", "bill_id")
    on, currency = work.day.on, work.book.currency
    lost = loans.get(request.loan_id) if request.loan_id else None
    if lost and lost.to_recover and request.amount is not None:  # Nothing is asked for, yet what comes in is a recovery.
        return (_part(lost, request.amount, None),)
    target = Target(bill_no=bill.no if bill else None, loan_id=request.loan_id)
    first, then, ahead = rules.to_pay(rows, target, on)
    payable = [*first, *then, *(ahead if request.ahead else [])]
    wanted = request.amount.minor if request.amount is not None else sum(row.minor for row in first)
    if not payable or not wanted:
        return Refused(
            NOTHING_DUE, "nothing is asked for now: no bill is open and nothing is due; `ahead` pays what falls due next", "amount"
        )
    shares = rules.spread(wanted, payable, on)
    return tuple(_part(loans[s.loan_id], Money(s.minor, currency), s.waits_for) for s in shares)


def _part(loan: OnBook, amount: Money, waits_for: date | None) -> Part:
    return Part(loan.dims.loan_id, loan.dims.order_id, loan.dims.funder_id, amount, waits_for)


# ------------------------------------------------------------------------------------------------------------- what waits for its day


def release(*, desk: Desk, now: datetime, until: date | None = None) -> int:
    """Applies what came before its day and whose day has come, by `until` or by the open day, to its loans as of that day; what they cannot take
    any more goes back. Returns how much was applied, in payments' parts. What cannot be applied is set aside and holds up nothing else.
    """
    released, tried = 0, set[UUID]()
    while True:
        day = until or days.open_date(desk.book.id)
        found = payment_book.waiting(book_id=desk.book.id, until=day, limit=CHUNK + len(tried)) if day else []
        waiting = [part.id for part in found if part.id not in tried]
        if not waiting:
            return released
        outcomes = release_parts(desk=desk, now=now, part_ids=waiting)
        released += sum(isinstance(outcome, Repaid) for outcome in outcomes)
        tried.update(waiting)


def release_parts(*, desk: Desk, now: datetime, part_ids: Sequence[UUID]) -> list[Repaid | Refused | Quarantined | None]:
    """Applies parts that wait to their loans, each as of its day; before it as of the open day, when the loan takes what is due and the rest goes
    back. One outcome a part, in order; None for one that does not wait.
    """
    return refunding.giving_back(desk, now, "billing.release", part_ids, _release)


def _release(work: UnitOfWork, part_ids: Sequence[UUID], begun: list[ChannelRefund]) -> list[Repaid | Refused | None]:
    known = payment_book.collections(book_id=work.book.id, ids=sorted(set(part_ids)))
    loan_book.lock(work.book.id, sorted({part.loan_id for part in known.values() if part.loan_id}))
    released = payments.release_parts(work=work, part_ids=sorted(known))
    applied = repayment.apply_received(work, [(part, min(part.waits_for or work.day.on, work.day.on)) for part in released])
    begun.extend(refunding.attempt(work=work, excesses=repayment.owed_back(applied)))
    told = {
        part.id: Repaid(part.id, a.loan_id, part.state, part.amount, a.principal, a.interest, a.charges, a.excess, "")
        for part in released
        if (a := applied.get(part.id))
    }
    return [told.get(part_id) for part_id in part_ids]


@dataclass(frozen=True, slots=True)
class GivenBack:
    """What waited of a payment and was given up: `amount` of it is on its way back, the rest was due by now and is paid."""

    collection_id: UUID
    amount: Money


def give_back(*, desk: Desk, now: datetime, consumer_id: UUID, collection_ids: Sequence[UUID]) -> list[GivenBack | Refused]:
    """Gives back what waits of payments of a consumer. One outcome each, in order; Refused with unknown_payment, or nothing_waits, which it also
    is the second time.
    """
    found = payment_book.collections(book_id=desk.book.id, ids=collection_ids)
    parts = payment_book.parts_of(book_id=desk.book.id, whole_ids=[i for i, one in found.items() if one.consumer_id == consumer_id])
    outcomes: list[GivenBack | Refused] = []
    for collection_id in collection_ids:
        waiting = [part.id for part in parts.get(collection_id, []) if part.is_waiting]
        if not waiting:
            known = collection_id in parts
            detail = "nothing of this payment waits for its day" if known else "this consumer made no such payment"
            outcomes.append(Refused(NOTHING_WAITS if known else UNKNOWN_PAYMENT, detail, "collection_id"))
            continue
        done = release_parts(desk=desk, now=now, part_ids=waiting)
        refused = next((one for one in done if isinstance(one, Refused)), None)
        back = sum(one.excess.minor for one in done if isinstance(one, Repaid))
        outcomes.append(refused or GivenBack(collection_id, Money(back, desk.book.currency)))
    return outcomes
