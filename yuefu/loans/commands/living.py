"""The life of loans of rule version 2026-2: agreed, then whatever happens to them, in any order, each fact posted as what it changed."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any
from uuid import UUID

from yuefu.errors import Refused
from yuefu.ledger import commands as ledger
from yuefu.ledger.rules import Entry, Posted
from yuefu.loans import entries, rules
from yuefu.loans.commands import keeping
from yuefu.loans.commands.keeping import Kept
from yuefu.loans.entries import Position
from yuefu.loans.rules import UNKNOWN_LOAN, Life, Party
from yuefu.money.amounts import Money
from yuefu.plans.lifecycle.events import Event, LoanError, Undone
from yuefu.plans.lifecycle.plain import kind_of, written, written_event
from yuefu.plans.lifecycle.terms import LoanTerms
from yuefu.runtime import audit, outbox
from yuefu.runtime.jsontext import dumps
from yuefu.runtime.outbox import Event as OutboxEvent
from yuefu.runtime.values import UnitOfWork

ALREADY_ENTERED = "already_entered"  # something was entered of this source before
CURRENCY_DIFFERS = "currency_differs"
CALENDAR_NOT_KEPT = "calendar_not_kept"  # due days that depend on a calendar, which is not kept with loans yet


@dataclass(frozen=True, slots=True)
class NewFact:
    """Something that happened to a loan, or that an earlier fact (by its number) never did. `source_id` is the collection, refund or request it
    comes from: of each of them one thing is entered, once."""

    source_id: UUID
    loan_id: UUID
    entry: Event | Undone


@dataclass(frozen=True, slots=True)
class Entered:
    """A fact as it was entered: its number, and the loan after it."""

    source_id: UUID
    loan_id: UUID
    no: int
    life: Life


def agree(*, work: UnitOfWork, agreements: Sequence[tuple[Party, LoanTerms]]) -> list[Refused | None]:
    """Keeps loans as they are agreed; nothing of them is lent yet, and nothing posted. One outcome each, in order: None, or Refused with
    currency_differs, or with calendar_not_kept for terms that move due days to business days: the calendar could not be read again."""
    outcomes = [_unsound(party, terms) for party, terms in agreements]
    sound = [pair for pair, refused in zip(agreements, outcomes, strict=True) if refused is None]
    keeping.insert_agreements(work, [(party, terms, dumps(written(terms))) for party, terms in sound])
    lives = [(party, rules.begun(terms, work.day.on)) for party, terms in sound]
    keeping.insert_checkpoints(work, {party.loan_id: life for party, life in lives})
    outbox.emit(work=work, events=[OutboxEvent("loan.agreed", "loan", p.loan_id, 1, _told(p, life)) for p, life in lives])
    audit.record(work=work, action="loan.agree", object_kind="loan", object_ids=[party.loan_id for party, _ in sound])
    return outcomes


def _unsound(party: Party, terms: LoanTerms) -> Refused | None:
    if party.currency != terms.currency:
        return Refused(CURRENCY_DIFFERS, "the terms are in another currency than the loan", "currency")
    if terms.calendar is not None:
        return Refused(CALENDAR_NOT_KEPT, "terms with a calendar cannot be kept yet: give each due day in due_days", "calendar")
    return None


def enter(*, work: UnitOfWork, facts: Sequence[NewFact]) -> list[Entered | Refused]:
    """Enters what happened to loans, each fact seeing those before it, and posts what it changed.

    One outcome a fact, in order; a refused one changes nothing. Refused with unknown_loan, already_entered, future_dated, or with the code of
    the LoanError for what cannot happen to the loan, also where it would leave something impossible that was entered before.
    """
    kept = keeping.lock(work.book.id, [fact.loan_id for fact in facts])
    known = keeping.known_sources([fact.source_id for fact in facts])
    today, before = work.day.on, _earlier(kept, facts, work.day.on)
    outcomes: list[Entered | Refused] = []
    entered: list[tuple[UUID, int, UUID, Event | Undone]] = []
    posting: list[Entry] = []
    events: list[OutboxEvent] = []
    for fact in facts:
        one = kept.get(fact.loan_id)
        if one is None:
            outcomes.append(Refused(UNKNOWN_LOAN, "there is no such loan in this book", "loan_id"))
            continue
        if fact.source_id in known:
            outcomes.append(Refused(ALREADY_ENTERED, "something was entered of this source before", "source_id"))
            continue
        try:
            life = rules.entered(one.life, fact.entry, today, before.get(fact.loan_id))
        except LoanError as error:
            outcomes.append(Refused(error.code, error.detail, error.field))
            continue
        known.add(fact.source_id)
        if fact.loan_id in before:
            before[fact.loan_id].append(fact.entry)
        entered.append((fact.loan_id, life.seq, fact.source_id, fact.entry))
        stands = _stands(life, today)
        on = today if isinstance(fact.entry, Undone) else min(fact.entry.on, today)
        entry = entries.moved(one.party, kind_of(fact.entry), fact.source_id, one.position, stands, on)
        posting += [entry] if entry else []
        kept[fact.loan_id] = Kept(one.party, life, stands)
        was, now = _told(one.party, one.life), _told(one.party, life)
        changed = outbox.changes(was, now)
        told = {**now, "fact": written_event(fact.entry), "no": life.seq}
        events.append(OutboxEvent(f"loan.{kind_of(fact.entry)}", "loan", fact.loan_id, life.seq + 1, told, changed, fact.source_id))
        outcomes.append(Entered(fact.source_id, fact.loan_id, life.seq, life))
    touched = sorted({loan_id for loan_id, *_ in entered})
    keeping.insert_facts(work, entered)
    keeping.update(work, {loan_id: kept[loan_id] for loan_id in touched})
    _post(work, posting)
    outbox.emit(work=work, events=events)
    audit.record(work=work, action="loan.enter", object_kind="loan", object_ids=touched)
    return outcomes


def advance(*, work: UnitOfWork, loan_ids: Sequence[UUID]) -> list[UUID]:
    """Brings loans to the business day and posts what it brought them: interest, late charges, a pause that begins. Those that were behind, by
    ascending id; done again it finds none.

    One entry a product and funder, whose lines are of no loan; one of its own for a loan of which a kept credit paid something that fell due.
    """
    today, ahead = work.day.on, dict[UUID, Kept]()
    kept = {i: one for i, one in keeping.lock(work.book.id, loan_ids).items() if one.life.seen_on < today}
    told = _facts([i for i, one in kept.items() if one.life.waits_for is not None and one.life.waits_for <= today])
    for loan_id, one in kept.items():
        life = rules.retold_life(one.life.terms, told[loan_id], today) if loan_id in told else replace(one.life, seen_on=today)
        ahead[loan_id] = Kept(one.party, life, _stands(life, today))
    keeping.update(work, ahead)
    _post(work, _advanced(today, kept, ahead))
    return sorted(ahead)


def _advanced(on: date, before: Mapping[UUID, Kept], after: Mapping[UUID, Kept]) -> list[Entry]:
    alike: dict[tuple[UUID, str, str], list[UUID]] = defaultdict(list)
    own = []
    for loan_id, one in sorted(after.items()):
        if one.position.loan_principal == before[loan_id].position.loan_principal:
            alike[one.party.funder_id, one.party.product, one.party.currency].append(loan_id)
        else:
            own.append(entries.advanced(on, [one.party], [before[loan_id].position], [one.position], own=True))
    together = [
        entries.advanced(on, [after[i].party for i in ids], [before[i].position for i in ids], [after[i].position for i in ids], own=False)
        for _, ids in sorted(alike.items())
    ]
    return [entry for entry in (*together, *own) if entry]


def _earlier(kept: Mapping[UUID, Kept], facts: Sequence[NewFact], today: date) -> dict[UUID, list[Event | Undone]]:
    """All facts of the loans that cannot simply go on with what is entered now; of those with several facts too, whichever they are."""
    count = Counter(fact.loan_id for fact in facts)
    late = [
        fact.loan_id
        for fact in facts
        if fact.loan_id in kept and (count[fact.loan_id] > 1 or not rules.goes_on(kept[fact.loan_id].life, fact.entry, today))
    ]
    return _facts(sorted(set(late)))


def _facts(loan_ids: Sequence[UUID]) -> dict[UUID, list[Event | Undone]]:
    found = keeping.facts(loan_ids) if loan_ids else {}
    return {loan_id: list(found.get(loan_id, ())) for loan_id in loan_ids}


def _stands(life: Life, today: date) -> Position:
    return entries.position(life.state, life.tally, today)


def _post(work: UnitOfWork, posting: Sequence[Entry]) -> None:
    for posted in ledger.post(work=work, entries=posting):
        assert isinstance(posted, Posted), f"what happened is always posted: {posted}"


def _told(party: Party, life: Life) -> dict[str, Any]:
    """What events tell of a loan, whatever happened to it."""
    state = life.state
    return {
        "id": party.loan_id,
        "order_id": party.order_id,
        "merchant_id": party.merchant_id,
        "consumer_id": party.consumer_id,
        "funder_id": party.funder_id,
        "product": party.product,
        "state": state.status,
        "principal": life.terms.principal,
        "outstanding_principal": Money(state.balance, party.currency),
        "credit_balance": state.credit_balance,
    }
