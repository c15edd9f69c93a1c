"""The life of loans of rule version 2026-2: agreed, then whatever happens to them, in any order, each fact posted as what it changed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any, Final
from uuid import UUID

from yuefu.errors import Refused
from yuefu.frozen import made_quickly
from yuefu.ledger import commands as ledger
from yuefu.ledger.rules import Entry, Posted
from yuefu.loans import entries, rules
from yuefu.loans.commands import agreeing, falling_due, writing
from yuefu.loans.entries import Position
from yuefu.loans.queries import keeping
from yuefu.loans.queries.keeping import BY_NUMBER, NEVER, Kept, Running
from yuefu.loans.rules import UNKNOWN_LOAN, Life, Party
from yuefu.money.amounts import Money
from yuefu.plans.lifecycle.arrears import NOT_OVERDUE, Overdue, overdue_of
from yuefu.plans.lifecycle.events import Event, LoanError, Undone
from yuefu.plans.lifecycle.fold import looked_at
from yuefu.plans.lifecycle.plain import written_event
from yuefu.plans.lifecycle.stretches import FOREVER, Stretch
from yuefu.plans.lifecycle.terms import LoanTerms
from yuefu.plans.lifecycle.work import Outcome, Work
from yuefu.runtime import audit, days, outbox
from yuefu.runtime.outbox import Event as OutboxEvent
from yuefu.runtime.values import UnitOfWork

ALREADY_ENTERED = "already_entered"  # something was entered of this source before
CURRENCY_DIFFERS = "currency_differs"
CALENDAR_NOT_KEPT = "calendar_not_kept"  # due days that depend on a calendar, which is not kept with loans yet

_NOTHING: Final = Position()


class NotPosted(Exception):
    """The ledger refused what happened to a loan."""

    def __init__(self, key: str, refused: Refused) -> None:
        super().__init__(f"{key} is not posted: {refused}")
        self.refused = refused


@made_quickly
@dataclass(frozen=True, slots=True)
class NewFact:
    """Something that happened to a loan, or that an earlier fact (by its number) never did. `source_id` is the collection, refund or request it
    comes from: of each of them one thing is entered, once. `known_as`: by what name it is told and posted, where that is not its kind.
    `owed_back`: money that goes out by it does not leave yet, and is owed to the consumer. `with_next`: it is posted as one with the next fact of
    its loan."""

    source_id: UUID
    loan_id: UUID
    entry: Event | Undone
    known_as: str = ""
    owed_back: bool = False
    with_next: bool = False


@made_quickly
@dataclass(frozen=True, slots=True)
class Entered:
    """A fact as it was entered: its number, and the loan before and after it."""

    source_id: UUID
    loan_id: UUID
    no: int
    life: Life
    before: Life


def agree(*, work: UnitOfWork, agreements: Sequence[tuple[Party, LoanTerms]]) -> list[Refused | None]:
    """Keeps loans as they are agreed; nothing of them is lent yet, and nothing posted. One outcome each, in order: None, or Refused with
    currency_differs, or with calendar_not_kept for terms that move due days to business days: the calendar could not be read again."""
    outcomes = [_unsound(party, terms) for party, terms in agreements]
    sound = [pair for pair, refused in zip(agreements, outcomes, strict=True) if refused is None]
    agreeing.insert_agreements(work, sound)
    numbers = agreeing.portfolios(work, [(party.funder_id, party.product, party.currency) for party, _ in sound])
    kept = [
        Kept(party, rules.begun(terms), agreed(numbers[party.funder_id, party.product, party.currency], work)) for party, terms in sound
    ]
    writing.insert_new(work, kept)
    outbox.emit(work=work, events=[OutboxEvent("loan.agreed", "loan", one.party.loan_id, 1, told_of(one)) for one in kept])
    audit.record(work=work, action="loan.agree", object_kind="loan", object_ids=[party.loan_id for party, _ in sound])
    return outcomes


def agreed(portfolio_no: int, work: UnitOfWork) -> Running:
    """Where a loan stands of which nothing has happened."""
    return Running(NEVER, portfolio_no, work.day.on, Stretch(FOREVER), stuck=False, told=1, late=NOT_OVERDUE, position=_NOTHING)


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
    read = keeping.lock(work.book.id, [fact.loan_id for fact in facts])
    known = keeping.known_sources([fact.source_id for fact in facts])
    today, before = work.day.on, _earlier(read, facts, work.day.on)
    kept: dict[UUID, Kept] = {}
    last: dict[UUID, Kept] = {}  # each before its last fact
    late_before: dict[UUID, Overdue] = {}
    closing = days.waiting_to_close(work.book.id) if read else []
    read, due = falling_due.before_entering(read, before, closing)
    outcomes: list[Entered | Refused] = []
    entered: list[tuple[UUID, int, UUID, Event | Undone, dict[str, Any]]] = []
    posting: list[Entry] = []
    stands: dict[UUID, Position] = {}
    events: list[OutboxEvent] = []
    for fact in facts:
        loan_id = fact.loan_id
        found = read.get(loan_id)
        if found is None:
            outcomes.append(Refused(UNKNOWN_LOAN, "there is no such loan in this book", "loan_id"))
            continue
        if fact.source_id in known:
            outcomes.append(Refused(ALREADY_ENTERED, "something was entered of this source before", "source_id"))
            continue
        earlier = before.get(loan_id) if before else None
        try:
            one = kept.get(loan_id) or by_yesterday(found, today, earlier)
            if earlier is not None:
                goes_on = rules.goes_on(one.life, fact.entry, today)
                life, seen = rules.entered(one.life, fact.entry, today, earlier), None
            else:  # else all of its facts were read, see `_earlier`
                goes_on, (life, seen) = True, rules.went_on(one.life, fact.entry)
        except LoanError as error:
            outcomes.append(Refused(error.code, error.detail, error.field))
            continue
        known.add(fact.source_id)
        if due:
            events += due.pop(loan_id, ())
        was = _posted(one, today)
        if closing and loan_id not in kept:
            late_before[loan_id] = _late_by(one, today - timedelta(days=1))
        if earlier is not None:
            earlier.append(fact.entry)
        behind = goes_on and life.status == one.life.status
        last[loan_id] = one
        after = touched(one, life, today, seen, behind=behind)
        plain = written_event(fact.entry)
        kind: str = fact.known_as or plain["kind"]
        on = today if isinstance(fact.entry, Undone) else min(fact.entry.on, today)
        stood = (stands.pop(loan_id, None) if stands else None) or was
        if fact.with_next:
            stands[loan_id] = stood
        else:
            entry = entries.moved(one.party, kind, fact.source_id, stood, after.running.position, on, owed_back=fact.owed_back)
            posting += [entry] if entry else []
        events.append(_event(f"loan.{kind}", one, after, fact, plain))
        late = lateness_event(one, after)
        events += [late] if late else []
        kept[loan_id] = after
        entered.append((loan_id, life.seq, fact.source_id, fact.entry, plain))
        outcomes.append(Entered(fact.source_id, loan_id, life.seq, life, one.life))
    assert not stands, "what is posted with the next fact has one"
    changed = sorted(kept, key=BY_NUMBER)
    writing.insert_facts(work, entered)
    pairs = [(read[loan_id], kept[loan_id]) for loan_id in changed]
    writing.update(work, pairs, closing=bool(closing), late_before=late_before, before_last=last)
    _all_posted(posting, ledger.post_once(work=work, entries=posting))  # of a source one fact is entered, see `known_sources`
    outbox.emit(work=work, events=events)
    audit.record(work=work, action="loan.enter", object_kind="loan", object_ids=changed)
    return outcomes


def touched(one: Kept, life: Life, today: date, seen: Work | Outcome | None = None, *, behind: bool = False) -> Kept:
    """A loan after a fact: its stretch ends with the day, so that the next close looks at it. `seen` is the loan opened as the fact left it, or what
    became of one that paid just what was asked, where that was at hand. `behind`: it simply went on, in the same state, so that its checkpoint
    can stay without this fact: another one on the same day is rare, and the close has more time."""
    running = one.running
    if not life.state.lent:
        after = Running(NEVER, running.portfolio_no, today, Stretch(FOREVER), False, running.told + 1, NOT_OVERDUE, _NOTHING)
        return Kept(one.party, life, after)
    if isinstance(seen, Outcome):
        return _paid_as_asked(one, life, today, seen, behind=behind) or touched(one, life, today, behind=behind)
    left = seen if seen and seen.on == today.toordinal() and not life.terms.overdue_to_due_day else None
    work = left or looked_at(life.state, today)
    position, late = entries.position_of(work, life.tally), overdue_of(work)
    told = running.told + 1 + (change_of(running.late, late) is not None)
    after = Running(NEVER, running.portfolio_no, today, Stretch(today.toordinal()), False, told, late, position, behind)
    return Kept(one.party, life, after, life.state.columns if left else work.rows)


def _paid_as_asked(one: Kept, life: Life, today: date, paid: Outcome, *, behind: bool) -> Kept | None:
    """`touched` by a payment of just what was asked today, where the stretch says where the loan stands without it: nothing is overdue then, and
    what rows ask is as it was kept."""
    running, ordinal = one.running, today.toordinal()
    if life.state.last_on != ordinal or running.stuck:
        return None
    position = entries.paid_on_due_day(running.position, running.stretch, running.since.toordinal(), ordinal, paid)
    if position is None:
        return None
    told = running.told + 1 + (change_of(running.late, NOT_OVERDUE) is not None)
    after = Running(NEVER, running.portfolio_no, today, Stretch(ordinal), False, told, NOT_OVERDUE, position, behind)
    return Kept(one.party, life, after, life.state.columns)


Facts = Sequence[Event | Undone]


def by_yesterday(one: Kept, today: date, facts: Facts | None) -> Kept:
    """A loan as the close of the day before leaves it, which tells anew one of which something came true by then: whether that was done, is being
    done or will be. One with which the close could not go on is as it was left. `facts` as `life_on` takes them; raises LoanError as that does."""
    yesterday = today - timedelta(days=1)
    if one.running.stuck or not tells_anew(one, yesterday):
        return one
    return replace(one, life=life_on(one, yesterday, facts))


def _posted(one: Kept, today: date) -> Position:
    """Where a loan stands in the books when the day before has been closed, which posts what a stretch or a look at it brings: whether that was
    done, is being done or will be. Where the close could not go on with a loan, it stands where it was left. `one` is as it is `by_yesterday`."""
    running = one.running
    yesterday = today - timedelta(days=1)
    if running.since >= yesterday:
        return running.position
    if running.stuck:
        return entries.run_on(running.position, running.stretch, running.since.toordinal(), running.stretch.until)
    ordinal = yesterday.toordinal()
    if ordinal <= running.stretch.until:
        return entries.run_on(running.position, running.stretch, running.since.toordinal(), ordinal)
    return entries.position(one.life.state, one.life.tally, yesterday)


def _late_by(one: Kept, yesterday: date) -> Overdue:
    """How late a loan is when the day before has been closed: as its close says, or will say. `one` is as it is `by_yesterday`."""
    running = one.running
    if running.since >= yesterday or running.stuck or yesterday.toordinal() <= running.stretch.until:
        return running.late
    return overdue_of(looked_at(one.life.state, yesterday))


def tells_anew(one: Kept, day: date) -> bool:
    """Whether a fact that was entered ahead has come true by a day."""
    return one.life.waits_for is not None and one.life.waits_for <= day


def life_on(one: Kept, day: date, facts: Facts | None) -> Life:
    """The loan by a day. `facts` are all that were entered of it before, needed where it `tells_anew`."""
    if not tells_anew(one, day):
        return one.life
    assert facts is not None, "a loan that waits for a day is told anew from all of its facts"
    return rules.retold_life(one.life.terms, facts, day)


def lives_on(kept: Mapping[UUID, Kept], day: date) -> dict[UUID, Life]:
    """Loans by a day: those of which something comes true by then are told anew, their facts read at once."""
    waiting = [loan_id for loan_id, one in kept.items() if tells_anew(one, day)]
    facts = keeping.facts(waiting) if waiting else {}
    return {loan_id: life_on(one, day, facts.get(loan_id)) for loan_id, one in kept.items()}


def _event(kind: str, before: Kept, after: Kept, fact: NewFact, plain: Mapping[str, Any]) -> OutboxEvent:
    now = _told_life(after)
    changed = outbox.changes(_told_life(before), now)  # whose it is never changes
    told = {**_told_party(after.party), **now, "fact": plain, "no": after.life.seq}
    return OutboxEvent(kind, "loan", fact.loan_id, before.running.told + 1, told, changed, fact.source_id)


def change_of(before: Overdue, after: Overdue) -> str | None:
    """The kind of event that tells how late a loan is now; None where that is as before, but for the amount."""
    if (before.since is None) != (after.since is None):
        return "loan.cured" if after.since is None else "loan.overdue"
    return "loan.bucket_changed" if before.bucket != after.bucket else None


def lateness_event(before: Kept, after: Kept) -> OutboxEvent | None:
    """The last event that a loan is told by, where it became overdue, was cured, or is in another bucket."""
    kind = change_of(before.running.late, after.running.late)
    if kind is None:
        return None
    was, now = _told_late(before), _told_late(after)
    told = {**told_of(after), **now}
    return OutboxEvent(kind, "loan", after.party.loan_id, after.running.told, told, outbox.changes(was, now))


def _told_late(one: Kept) -> dict[str, Any]:
    late = one.running.late
    overdue = Money(late.principal + late.interest + late.fees + late.penalties, one.party.currency)
    return {"overdue_since": late.since, "bucket": late.bucket, "overdue": overdue}


def _earlier(kept: Mapping[UUID, Kept], facts: Sequence[NewFact], today: date) -> dict[UUID, list[Event | Undone]]:
    """All facts of the loans that cannot simply go on with what is entered now; of those with several facts too, whichever they are."""
    count = Counter(fact.loan_id for fact in facts)
    late = [
        fact.loan_id
        for fact in facts
        if fact.loan_id in kept and (count[fact.loan_id] > 1 or not rules.goes_on(kept[fact.loan_id].life, fact.entry, today))
    ]
    found = keeping.facts(sorted(set(late))) if late else {}
    return {loan_id: list(found.get(loan_id, ())) for loan_id in late}


def post(work: UnitOfWork, posting: Sequence[Entry]) -> None:
    """Posts what happened to loans. Raises NotPosted where the ledger refuses: a credit line that cannot take what is owed again."""
    _all_posted(posting, ledger.post(work=work, entries=posting))


def _all_posted(posting: Sequence[Entry], outcomes: Sequence[Posted | Refused]) -> None:
    for entry, posted in zip(posting, outcomes, strict=True):
        if isinstance(posted, Refused):
            raise NotPosted(entry.key, posted)


def told_of(one: Kept) -> dict[str, Any]:
    """What events tell of a loan, whatever happened to it."""
    return {**_told_party(one.party), **_told_life(one)}


def _told_party(party: Party) -> dict[str, Any]:
    return {
        "id": party.loan_id,
        "order_id": party.order_id,
        "merchant_id": party.merchant_id,
        "consumer_id": party.consumer_id,
        "funder_id": party.funder_id,
        "product": party.product,
    }


def _told_life(one: Kept) -> dict[str, Any]:
    state = one.life.state
    return {
        "state": one.life.status,
        "principal": one.life.terms.principal,
        "outstanding_principal": Money(state.balance, one.party.currency),
        "credit_balance": state.credit_balance,
    }
