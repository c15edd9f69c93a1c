"""Arrears beyond what is told: cases looked at, contacts, promises and measures by people, recoveries, and credit that a person opens again.

What a look changes follows from the loans alone, so it is done as often as one likes; each chunk of people is a transaction of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

from yuefu.collecting import commands as collecting
from yuefu.collecting import queries as cases
from yuefu.collecting.commands import Looked, NewContact, NewMeasure, NewPromise
from yuefu.collecting.rules.policy import DEFAULT_POLICY, POLICY, Policy
from yuefu.collecting.rules.policy import policy as policy_of_value
from yuefu.credit import commands as credit
from yuefu.credit import queries as accounts
from yuefu.credit.commands import StateChange
from yuefu.errors import Refused
from yuefu.journeys import repayment
from yuefu.journeys.desk import Desk, in_batches, on_open_day, open_day, unless_held_up
from yuefu.journeys.repayment import instrument_fault
from yuefu.loans.commands import late
from yuefu.loans.queries import keeping
from yuefu.loans.rules import UNKNOWN_LOAN
from yuefu.money.amounts import Money
from yuefu.notices import queries as notices
from yuefu.payments import commands as payments
from yuefu.payments import queries as payment_book
from yuefu.payments.commands import CollectionAttempt
from yuefu.payments.rules import Collection, CollectOrder
from yuefu.runtime import approvals, days, policies
from yuefu.runtime.batch import Quarantined
from yuefu.runtime.policies import MissingSetting
from yuefu.runtime.values import UnitOfWork

CHUNK: Final = 1_000
NOT_WRITTEN_OFF: Final = "not_written_off"  # before a write-off what comes in is a repayment
NOT_CLOSED_FOR_ARREARS: Final = "not_closed_for_arrears"  # the account was not closed for what was missed or given up

Watch = Callable[[int, int], None]
"""Is told how many people of how many were looked at."""


def policy_of(work: UnitOfWork) -> Policy:
    """The policy in force on the day. Books from before have the values that books begin with."""
    try:
        _, value = policies.in_force(book_id=work.book.id, name=POLICY, on=work.day.on)
    except MissingSetting:
        value = DEFAULT_POLICY
    return policy_of_value({**DEFAULT_POLICY, **value})


def run(*, desk: Desk, now: datetime, watch: Watch = lambda *_: None) -> Looked | Refused:
    """Looks at everybody who owes something overdue or has an open case: cases are opened and closed, promises ended, credit is closed.

    Refused with read_only or no_open_day; what was done before stays done.
    """
    today = days.open_date(desk.book.id) or days.business_date(desk.book, now)
    people = sorted({*late.late_people(desk.book.id, desk.book.currency, today), *cases.people_with_cases(book_id=desk.book.id)})
    looked = Looked()
    for start in range(0, len(people), CHUNK):
        chunk = people[start : start + CHUNK]
        for outcome in look_at(desk=desk, now=now, consumer_ids=chunk):
            if isinstance(outcome, Refused):
                return outcome
            looked += Looked(set_aside=1) if isinstance(outcome, Quarantined) else outcome
        watch(start + len(chunk), len(people))
    return looked


def look_at(*, desk: Desk, now: datetime, consumer_ids: Sequence[UUID]) -> list[Looked | Refused | Quarantined]:
    """Looks at some people: what changed is told with the first of those who were looked at together. One of whom something breaks is set aside and
    holds up no other."""

    def act(batch: Sequence[UUID]) -> list[Looked | Refused]:
        with open_day(desk, now) as work:
            if isinstance(work, Refused):
                return [work] * len(batch)
            looked = collecting.look(work=work, policy=policy_of(work), consumer_ids=batch)
        return [looked, *[Looked()] * (len(batch) - 1)]

    return in_batches(desk, now, "collect.look", consumer_ids, act)


def contact(*, desk: Desk, now: datetime, contacts: Sequence[NewContact]) -> list[UUID | Refused]:
    """Stores contacts that may be made now, by the hours of where each person is. Refused as `collecting.contact` refuses."""

    def act(work: UnitOfWork, given: Sequence[NewContact]) -> list[UUID | Refused]:
        found = cases.cases(book_id=work.book.id, ids=[one.case_id for one in given])
        zones = _zones(desk, sorted({case.consumer_id for case in found.values()}))
        return collecting.contact(work=work, vault=desk.vault, policy=policy_of(work), zones=zones, contacts=given)

    return on_open_day(desk, now, contacts, act)


def _zones(desk: Desk, people: Sequence[UUID]) -> Mapping[UUID, ZoneInfo]:
    known = notices.contacts(book_id=desk.book.id, consumer_ids=people, vault=desk.vault)
    return {person: ZoneInfo(one.zone) for person, one in known.items() if one.zone}


def promise(*, desk: Desk, now: datetime, promises: Sequence[NewPromise]) -> list[UUID | Refused]:
    """Keeps promises. Refused as `collecting.promise` refuses."""
    return on_open_day(desk, now, promises, lambda work, given: collecting.promise(work=work, policy=policy_of(work), promises=given))


def propose(*, desk: Desk, now: datetime, measures: Sequence[NewMeasure]) -> list[UUID | Refused]:
    """Proposes measures; those that one person may take alone are entered at once. Refused as `collecting.propose` refuses."""
    return on_open_day(desk, now, measures, lambda work, given: collecting.propose(work=work, policy=policy_of(work), measures=given))


# ----------------------------------------------------------------------------------------------------------------------------- recoveries


@dataclass(frozen=True, slots=True)
class RecoverRequest:
    """Collect `amount` for a loan that was written off. `instrument` names the card or wallet at the channel; `key` is the consumer's."""

    key: str
    loan_id: UUID
    amount: Money
    instrument: str


@dataclass(frozen=True, slots=True)
class Recovery:
    """What became of it: `state` succeeded, failed (nothing moved) or attempted, unknown (the channel has not said yet)."""

    collection_id: UUID
    loan_id: UUID
    state: str
    amount: Money
    failure_code: str


def recover(*, desk: Desk, now: datetime, requests: Sequence[RecoverRequest]) -> list[Recovery | Refused | Quarantined]:
    """Collects what still comes of loans that were written off, and enters it as recovered. One outcome a request, in order; the same key again asks
    what became of one that the channel had not said yet.

    Refused with unknown_loan, not_written_off, instrument_invalid, amount_not_positive, currency_differs, no_money_account or key_reused.
    """
    begun = in_batches(desk, now, "collect.recover", requests, lambda batch: on_open_day(desk, now, batch, _attempt))
    ours = [one for one in begun if isinstance(one, Collection)]
    waiting = [one for one in ours if one.state in {"attempted", "unknown"}]
    replayed = any(one.attempted_at < now for one in waiting)
    asked = desk.channel.query(references=[one.reference for one in waiting], now=now) if replayed else {}
    orders = [CollectOrder(c.reference, c.instrument, c.amount, payer=str(c.consumer_id)) for c in waiting if c.reference not in asked]
    results = [*asked.values(), *(desk.channel.collect(orders=orders, now=now) if orders else ())]
    unless_held_up(lambda given: repayment.book(desk=desk, now=now, results=given), results)
    stand = payment_book.collections(book_id=desk.book.id, ids=[one.id for one in ours])
    return [_told(stand[one.id]) if isinstance(one, Collection) else one for one in begun]


def _attempt(work: UnitOfWork, requests: Sequence[RecoverRequest]) -> list[Collection | Refused]:
    kept = keeping.lock(work.book.id, [request.loan_id for request in requests])
    outcomes: dict[int, Collection | Refused] = {}
    attempts: dict[int, CollectionAttempt] = {}
    for i, request in enumerate(requests):
        one = kept.get(request.loan_id)
        if one is None:
            outcomes[i] = Refused(UNKNOWN_LOAN, "there is no such loan in this book", "loan_id")
        elif one.life.status != "written_off":
            outcomes[i] = Refused(NOT_WRITTEN_OFF, f"the loan is {one.life.status}: what comes in is a repayment", "loan_id")
        elif refused := instrument_fault(request.instrument):
            outcomes[i] = refused
        else:
            party = one.party
            attempts[i] = CollectionAttempt(
                request.key, party.consumer_id, party.loan_id, party.order_id, request.amount, request.instrument, party.funder_id
            )
    stored = payments.attempt_collections(work=work, attempts=list(attempts.values()))
    outcomes.update(zip(attempts, stored, strict=True))
    return [outcomes[i] for i in range(len(requests))]


def _told(stored: Collection) -> Recovery:
    assert stored.loan_id is not None, "a recovery is of a loan"
    return Recovery(stored.id, stored.loan_id, stored.state, stored.amount, stored.failure_code)


# ---------------------------------------------------------------------------------------------------------------------------- eligibility


def reinstate(*, desk: Desk, now: datetime, consumer_id: UUID, reason: str) -> UUID | Refused:
    """Opens a credit account again that was closed to purchases for what was missed in a row or given up: by a person, for a reason (a code). Returns
    the account. It stays open until another instalment is missed or another loan is given up.

    Refused with person_needed, unknown_account, not_closed_for_arrears, or as `credit.unfreeze` refuses.
    """
    if desk.by.kind == "system" or desk.by.user_id is None:
        return Refused(approvals.PERSON_NEEDED, "credit is opened again by a person: say who you are with --as USER")
    with open_day(desk, now) as work:
        if isinstance(work, Refused):
            return work
        own = accounts.accounts_of(consumer_ids=[consumer_id], currency=work.book.currency, book_id=work.book.id).get(consumer_id)
        if own is None:
            return Refused(credit.UNKNOWN_ACCOUNT, "this consumer has no credit account in this book", "consumer_id")
        if not cases.closures(book_id=work.book.id, consumer_ids=[consumer_id]):
            return Refused(NOT_CLOSED_FOR_ARREARS, "this account was not closed for arrears", "consumer_id")
        return credit.unfreeze(work=work, changes=[StateChange(own.id, reason)])[0]
