"""Measures: proposed with what they would change, entered as a fact of the loan at once where one person may, else when a second one approves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Final
from uuid import UUID

from yuefu.collecting import queries
from yuefu.collecting.commands.assigning import reason_fault
from yuefu.collecting.commands.eligibility import Cause, close_credit, open_again
from yuefu.collecting.queries import Measure
from yuefu.collecting.rules import measures as rules
from yuefu.collecting.rules.cases import CHARGED_OFF, WRITTEN_OFF
from yuefu.collecting.rules.policy import Policy
from yuefu.consumers import queries as consumers
from yuefu.errors import Refused, RefusedError
from yuefu.loans.commands import living, trying
from yuefu.loans.commands.living import NewFact, NotPosted
from yuefu.loans.commands.trying import Look, Trial
from yuefu.loans.queries import keeping
from yuefu.loans.queries.keeping import Kept
from yuefu.loans.rules import UNKNOWN_LOAN
from yuefu.papers import commands as papers
from yuefu.plans.lifecycle.events import Event, Undone, Waived
from yuefu.plans.lifecycle.plain import kind_of, read_event, written_event
from yuefu.runtime import approvals, audit, keys, outbox, sql
from yuefu.runtime.jsontext import dumps
from yuefu.runtime.outbox import Event as OutboxEvent
from yuefu.runtime.values import UnitOfWork

MEASURE: Final = "collect.measure"
"""The action of an approval of a measure, whose object it is; `event` of its content is what is entered. The table compares them."""

ALREADY_PROPOSED: Final = "already_proposed"  # something waits for this loan: it is decided first
CHANGED_SINCE: Final = "changed_since"  # the loan is not any more as it was shown when this was proposed: reject it and propose it anew

_COLUMNS: Final = {
    "id": "uuid", "loan_id": "uuid", "case_id": "uuid", "kind": "text", "body": "json", "amount_minor": "bigint", "loan_seq": "integer",
    "alone": "boolean", "approval_id": "uuid", "reason": "text",
}  # fmt: skip
_GIVEN_UP: Final = {"charged_off": CHARGED_OFF, "written_off": WRITTEN_OFF}
_ENDED: Final = {"id": "uuid", "state": "text", "fact_no": "integer", "ended_on": "date", "ended_at": "timestamptz"}


@dataclass(frozen=True, slots=True)
class NewMeasure:
    """An event to be entered of a loan, or its write-off to be undone, and why."""

    key: str
    loan_id: UUID
    event: Event | Undone
    reason: str


@dataclass(frozen=True, slots=True)
class _Tried:
    kept: Kept
    trial: Trial


def try_out(*, work: UnitOfWork, loan_id: UUID, event: Event | Undone) -> Trial | Refused:
    """What a measure would change, without proposing it. Refused as `propose` refuses."""
    tried = _try(work, [NewMeasure("", loan_id, event, "")], {})[0]
    return tried if isinstance(tried, Refused) else tried.trial


def _try(work: UnitOfWork, measures: Sequence[NewMeasure], kept: Mapping[UUID, Kept]) -> list[_Tried | Refused]:
    read = kept or keeping.lock(work.book.id, [one.loan_id for one in measures])
    facts = keeping.facts(list(read)) if read else {}
    return [_tried(work, one, read.get(one.loan_id), facts.get(one.loan_id, [])) for one in measures]


def _tried(work: UnitOfWork, one: NewMeasure, kept: Kept | None, facts: Sequence[Event | Undone]) -> _Tried | Refused:
    if kept is None:
        return Refused(UNKNOWN_LOAN, "there is no such loan in this book", "loan_id")
    state = kept.life.state
    undoes = facts[one.event.entry - 1] if isinstance(one.event, Undone) and 0 < one.event.entry <= len(facts) else None
    if fault := rules.fault_of(one.event, kept.life.status, charged_off=bool(state.charged_off_on), undoes=undoes):
        return fault
    trial = trying.tried(kept, facts, one.event, work.day.on)
    return trial if isinstance(trial, Refused) else _Tried(kept, trial)


def propose(*, work: UnitOfWork, policy: Policy, measures: Sequence[NewMeasure]) -> list[UUID | Refused]:
    """Proposes measures; those that one person may take alone are entered at once. Returns their ids, in order; of a known key the first one.

    Refused with unknown_loan, no_measure, nothing_owed, not_disbursed, loan_written_off, already_charged_off, not_written_off, already_proposed,
    reason_invalid, future_dated or with the code of the LoanError for what cannot happen to the loan; a refusal uses no key.
    """
    new = work.ids.many(work.now, len(measures))
    kept = keeping.lock(work.book.id, [one.loan_id for one in measures])
    tried = _try(work, measures, kept)
    waiting = queries.waiting_for(book_id=work.book.id, loan_ids=list(kept))

    def refused(given: Sequence[int]) -> dict[int, Refused]:
        busy, faults = dict.fromkeys(waiting, ""), dict[int, Refused]()
        for i in given:
            one, outcome = measures[i], tried[i]
            fault = outcome if isinstance(outcome, Refused) else reason_fault(one.reason)
            if fault is None and busy.setdefault(one.loan_id, one.key) != one.key:  # the same request twice is one
                fault = Refused(ALREADY_PROPOSED, "something waits for a decision on this loan", "loan_id")
            if fault:
                faults[i] = fault
        return faults

    def decide(fresh: list[int]) -> Mapping[int, UUID | Refused]:
        _propose(work, policy, {new[i]: (measures[i], outcome) for i in fresh if isinstance(outcome := tried[i], _Tried)})
        return {i: new[i] for i in fresh}

    return keys.answer(
        work=work,
        scope="collect.propose",
        requests=measures,
        object_ids=new,
        validate=refused,
        decide=decide,
        recall=lambda known: {measure_id: measure_id for measure_id in known},
    )


def _propose(work: UnitOfWork, policy: Policy, given: Mapping[UUID, tuple[NewMeasure, _Tried]]) -> None:
    loan_ids = [one.loan_id for one, _ in given.values()]
    waived = queries.waived_alone(book_id=work.book.id, loan_ids=loan_ids)
    cases = queries.open_of(book_id=work.book.id, consumer_ids=sorted({tried.kept.party.consumer_id for _, tried in given.values()}))
    stored = []
    for measure_id, (one, tried) in given.items():
        alone = rules.may_alone(one.event, waived_alone=waived.get(one.loan_id, 0), policy=policy)
        approval_id = None if alone else _ask(work, measure_id, one, tried.trial)
        stored.append(
            Measure(
                id=measure_id,
                loan_id=one.loan_id,
                case_id=cases.get(tried.kept.party.consumer_id),
                kind=kind_of(one.event),
                event=written_event(one.event),
                amount_minor=one.event.amount.minor if isinstance(one.event, Waived) else None,
                loan_seq=tried.kept.life.seq,
                alone=alone,
                approval_id=approval_id,
                state="waiting",
                fact_no=None,
                reason=one.reason,
                recorded_by=work.by.label,
                proposed_on=work.day.on,
                proposed_at=work.now,
                ended_on=None,
                ended_at=None,
            )
        )
    _insert(work, stored)
    _enter(work, [measure for measure in stored if measure.alone])


def _ask(work: UnitOfWork, measure_id: UUID, one: NewMeasure, trial: Trial) -> UUID:
    """Asks for a second person's decision, with what is decided on: the event, and the loan without it and with it."""
    content = {
        "loan_id": one.loan_id,
        "event": written_event(one.event),
        "seen_on": trial.on,
        "before": told(trial.before),
        "after": told(trial.after),
    }
    return approvals.request(work=work, action=MEASURE, object_kind="measure", object_id=measure_id, content=content, reason=one.reason)


def told(look: Look) -> dict[str, Any]:
    """A loan as it is seen, for an approval and for people: what is asked when."""
    return {
        "status": look.status,
        "unpaid": look.unpaid,
        "overdue": look.overdue,
        "past_due_days": look.past_due_days,
        "bucket": look.bucket,
        "asked": [{"due_on": one.due_on, "amount": one.amount} for one in look.asked],
    }


def _insert(work: UnitOfWork, stored: Sequence[Measure]) -> None:
    rows = [
        (m.id, m.loan_id, m.case_id, m.kind, dumps(m.event), m.amount_minor, m.loan_seq, m.alone, m.approval_id, m.reason) for m in stored
    ]
    same = {"book_id": ("uuid", work.book.id), "state": ("text", "waiting"), "recorded_by": ("text", work.by.label)}
    same |= {"proposed_on": ("date", work.day.on), "proposed_at": ("timestamptz", work.now)}
    sql.insert("collecting_measure", _COLUMNS, rows, same=same)
    outbox.emit(work=work, events=[OutboxEvent("measure.proposed", "measure", m.id, 1, _told_of(m)) for m in stored])
    audit.record(work=work, action="collect.propose", object_kind="measure", object_ids=[m.id for m in stored])


def decide_measure(*, work: UnitOfWork, approval_id: UUID, approve: bool, reason: str) -> UUID | Refused:
    """Approves a measure, which enters it as of the day for which it was proposed, or rejects it. Returns the measure.

    Refused as `approvals.decide`. Raises RefusedError where the loan has changed since (CHANGED_SINCE) or the event cannot be entered any more: the
    transaction rolls back, and the request goes on waiting, to be rejected.
    """
    decided = approvals.decide(work=work, approval_id=approval_id, approve=approve, reason=reason, action=MEASURE)
    if isinstance(decided, Refused):
        return decided
    measure = queries.measure_of_approval(book_id=work.book.id, approval_id=approval_id)
    assert measure is not None, "an approval of a measure is stored with it"
    if not approve:
        _end(work, [replace(measure, state="rejected")])
        return measure.id
    kept = keeping.lock(work.book.id, [measure.loan_id])[measure.loan_id]
    if kept.life.seq != measure.loan_seq:
        raise RefusedError(Refused(CHANGED_SINCE, "the loan changed since this was proposed: reject it and propose it anew", "approval_id"))
    _enter(work, [measure])
    return measure.id


def _enter(work: UnitOfWork, measures: Sequence[Measure]) -> None:
    facts = [NewFact(measure.id, measure.loan_id, read_event(measure.event)) for measure in measures]
    entered = []
    try:
        outcomes = living.enter(work=work, facts=facts)
    except NotPosted as error:  # what had been given up is owed again
        detail = f"the credit line cannot take what would be owed again, raise its limit first: {error.refused.detail}"
        raise RefusedError(replace(error.refused, detail=detail)) from error
    for measure, outcome in zip(measures, outcomes, strict=True):
        if isinstance(outcome, Refused):
            raise RefusedError(outcome)
        entered.append(replace(measure, state="entered", fact_no=outcome.no))
    _end(work, entered)
    _close_credit(work, entered)
    undone = sorted(measure.loan_id for measure in entered if measure.kind == "undone")
    _open_credit(work, undone)
    papers.withdraw_reopened(work=work, loan_ids=undone)


def _open_credit(work: UnitOfWork, undone: Sequence[UUID]) -> None:
    """Whoever's loan is not given up any more is lent to again, where that alone had closed their credit."""
    kept = keeping.lock(work.book.id, undone) if undone else {}  # they are ours already
    open_again(work=work, consumer_ids=sorted({one.party.consumer_id for one in kept.values()}))


def _close_credit(work: UnitOfWork, entered: Sequence[Measure]) -> None:
    """Whoever's loan was given up is lent no more: a write-off sets free what the loan had drawn."""
    given_up = [measure for measure in entered if measure.kind in _GIVEN_UP]
    if not given_up:
        return
    kept = keeping.lock(work.book.id, [measure.loan_id for measure in given_up])  # they are ours already
    known = consumers.in_book(book_id=work.book.id, ids=sorted({one.party.consumer_id for one in kept.values()}))
    causes = [
        Cause(owner, measure.loan_id, _GIVEN_UP[measure.kind], None, date.fromisoformat(measure.event["on"]), measure.fact_no)
        for measure in given_up
        if (owner := kept[measure.loan_id].party.consumer_id) in known
    ]
    close_credit(work=work, causes=causes)


def _end(work: UnitOfWork, measures: Sequence[Measure]) -> None:
    """Writes what became of measures that waited."""
    ended = [replace(measure, ended_on=work.day.on, ended_at=work.now) for measure in measures]
    sql.update("collecting_measure", "id", _ENDED, [tuple(getattr(measure, name) for name in _ENDED) for measure in ended])
    events = []
    for measure in ended:
        was, now = _told_of(replace(measure, state="waiting", ended_on=None)), _told_of(measure)
        events.append(OutboxEvent(f"measure.{measure.state}", "measure", measure.id, 2, now, outbox.changes(was, now)))
    outbox.emit(work=work, events=events)
    for state in sorted({measure.state for measure in ended}):
        of_state = [measure.id for measure in ended if measure.state == state]
        audit.record(work=work, action=f"collect.measure_{state}", object_kind="measure", object_ids=of_state)


def _told_of(measure: Measure) -> dict[str, Any]:
    """What events tell of a measure."""
    return {
        "id": measure.id,
        "loan_id": measure.loan_id,
        "case_id": measure.case_id,
        "kind": measure.kind,
        "approval_id": measure.approval_id,
        "state": measure.state,
        "ended_on": measure.ended_on,
    }
