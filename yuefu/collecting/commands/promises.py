"""Promises to pay: so much, by the end of a day. While one runs nobody is contacted about the debt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final
from uuid import UUID

from yuefu.collecting import queries
from yuefu.collecting.commands.cases import promise_told
from yuefu.collecting.commands.contacts import case_fault
from yuefu.collecting.queries import Case, Promise
from yuefu.collecting.rules import cases as rules
from yuefu.collecting.rules.contacting import NOTHING_OVERDUE, PROMISE_RUNS
from yuefu.collecting.rules.policy import Policy
from yuefu.errors import Refused
from yuefu.loans.commands import late as loans
from yuefu.money.amounts import Money
from yuefu.runtime import audit, keys, outbox, sql
from yuefu.runtime.outbox import Event
from yuefu.runtime.values import UnitOfWork

_COLUMNS: Final = {
    "id": "uuid", "case_id": "uuid", "consumer_id": "uuid", "amount_minor": "bigint", "currency": "text", "due_on": "date",
    "paid_before_minor": "bigint",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class NewPromise:
    """The borrower of a case says that `amount` will be paid by the end of `due_on`, of any of their loans."""

    key: str
    case_id: UUID
    amount: Money
    due_on: date


def promise(*, work: UnitOfWork, policy: Policy, promises: Sequence[NewPromise]) -> list[UUID | Refused]:
    """Keeps promises. Returns their ids, in order; of a known key the first one.

    Refused with unknown_case, case_closed, promise_runs, nothing_overdue, amount_not_positive, currency_differs or day_out_of_range;
    a refusal uses no key.
    """
    new = work.ids.many(work.now, len(promises))
    asked = queries.cases(book_id=work.book.id, ids=[one.case_id for one in promises])
    people = sorted({case.consumer_id for case in asked.values()})
    paid = loans.paid_in(work.book.id, dict.fromkeys(people), work.book.currency)  # loans are locked before cases
    found = queries.lock(book_id=work.book.id, case_ids=list(asked))
    running = queries.running_promises(book_id=work.book.id, consumer_ids=people)
    late = loans.late_of(work.book.id, people, work.book.currency, work.day.on)

    def refused(given: Sequence[int]) -> dict[int, Refused]:
        busy, faults = dict.fromkeys(running, ""), dict[int, Refused]()
        for i in given:
            case = found.get(promises[i].case_id)
            fault = case_fault(case) or (_fault(work, policy, promises[i], case, busy, late) if case else None)
            if fault:
                faults[i] = fault
            elif case:
                busy[case.consumer_id] = promises[i].key
        return faults

    def decide(fresh: list[int]) -> Mapping[int, UUID | Refused]:
        _store(work, [(found[promises[i].case_id], promises[i], new[i]) for i in fresh], {i: sums.ever for i, sums in paid.items()})
        return {i: new[i] for i in fresh}

    return keys.answer(
        work=work,
        scope="collect.promise",
        requests=promises,
        object_ids=new,
        validate=refused,
        decide=decide,
        recall=lambda known: {promise_id: promise_id for promise_id in known},
    )


def _fault(
    work: UnitOfWork, policy: Policy, new: NewPromise, case: Case, busy: Mapping[UUID, str], late: Mapping[UUID, object]
) -> Refused | None:
    if busy.get(case.consumer_id, new.key) != new.key:  # the same request twice is one
        return Refused(PROMISE_RUNS, "a promise runs already: it is waited for until its day", "case_id")
    if case.consumer_id not in late:
        return Refused(NOTHING_OVERDUE, "nothing is overdue any more", "case_id")
    return rules.promise_fault(
        new.amount.minor, new.amount.currency, new.due_on, on=work.day.on, book_currency=work.book.currency, policy=policy
    )


def _store(work: UnitOfWork, made: Sequence[tuple[Case, NewPromise, UUID]], paid: Mapping[UUID, int]) -> None:
    rows = [
        (new, case.id, case.consumer_id, one.amount.minor, one.amount.currency, one.due_on, paid[case.consumer_id])
        for case, one, new in made
    ]
    same = {"book_id": ("uuid", work.book.id), "state": ("text", "running"), "recorded_by": ("text", work.by.label)}
    same |= {"made_on": ("date", work.day.on), "made_at": ("timestamptz", work.now)}
    sql.insert("collecting_promise", _COLUMNS, rows, same=same)
    stored = [
        Promise(
            new, case.id, case.consumer_id, one.amount, one.due_on, paid[case.consumer_id], "running", work.by.label, work.day.on, work.now,
            None, None,
        )
        for case, one, new in made
    ]  # fmt: skip
    outbox.emit(work=work, events=[Event("promise.made", "promise", one.id, 1, promise_told(one)) for one in stored])
    audit.record(work=work, action="collect.promise", object_kind="promise", object_ids=[one.id for one in stored])
