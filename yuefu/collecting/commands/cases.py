"""Cases as the loans say: opened when something has been overdue for long enough, closed when it is cured; promises that ended; credit that closes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Final
from uuid import UUID

from yuefu.collecting import queries
from yuefu.collecting.commands.eligibility import Cause, close_credit
from yuefu.collecting.queries import Case, Promise
from yuefu.collecting.rules import cases as rules
from yuefu.collecting.rules.cases import Promised, Run
from yuefu.collecting.rules.policy import Policy
from yuefu.consumers import queries as consumers
from yuefu.loans.commands import late as loans
from yuefu.loans.commands.late import Late, PaidIn
from yuefu.money.amounts import Money, total
from yuefu.runtime import audit, outbox, sql
from yuefu.runtime.outbox import Event
from yuefu.runtime.values import UnitOfWork

_CASE: Final = {"id": "uuid", "consumer_id": "uuid", "late_since": "date"}


@dataclass(frozen=True, slots=True)
class Looked:
    """What a look at people changed: cases opened and closed, promises kept, broken and released, credit accounts closed to purchases. `strangers`
    are people with overdue loans from elsewhere whom this book does not know: nobody here can contact them; `set_aside` are those of whom something
    broke and was kept aside.
    """

    opened: int = 0
    closed: int = 0
    kept: int = 0
    broken: int = 0
    released: int = 0
    frozen: int = 0
    strangers: int = 0
    set_aside: int = 0

    def __add__(self, other: Looked) -> Looked:
        return Looked(*(getattr(self, name) + getattr(other, name) for name in Looked.__slots__))


def look(*, work: UnitOfWork, policy: Policy, consumer_ids: Sequence[UUID]) -> Looked:
    """Brings the cases and promises of consumers to what their loans say, and closes credit for what was missed. Done again it changes nothing."""
    book_id, on, currency = work.book.id, work.day.on, work.book.currency
    waited = queries.running_promises(book_id=book_id, consumer_ids=consumer_ids)
    paid = loans.paid_in(book_id, {i: p.due_on if p.due_on < on else None for i, p in waited.items()}, currency)  # locks these loans first
    open_ = queries.lock_open(book_id=book_id, consumer_ids=consumer_ids)
    promises = queries.running_promises(book_id=book_id, consumer_ids=consumer_ids)
    late = loans.late_of(book_id, consumer_ids, currency, on)
    known = consumers.in_book(book_id=book_id, ids=list(late))
    ended = _ended_promises(on, promises, paid, late, policy)
    _end_promises(work, ended)
    # Somebody may have promised since we asked what was paid: that is looked at the next time.
    asked_anew = promises.keys() - paid.keys()
    cured = [case for i, case in open_.items() if i not in late and i not in asked_anew]
    _close(work, cured)
    _refresh([(case, late[i][0].since) for i, case in open_.items() if i in late])
    new = sorted(i for i, own in late.items() if i in known and i not in open_ and rules.opens(own[0].since, on, policy))
    _open(work, {i: late[i] for i in new})
    frozen = _close_credit(work, policy, {i: own for i, own in late.items() if i in known})
    became = [end for _, end in ended]
    return Looked(
        len(new), len(cured), became.count("kept"), became.count("broken"), became.count("released"), frozen, len(late.keys() - known)
    )


# ---------------------------------------------------------------------------------------------------------------------------------- cases


def _open(work: UnitOfWork, late: Mapping[UUID, Sequence[Late]]) -> None:
    new = work.ids.many(work.now, len(late))
    rows = [(case_id, consumer_id, own[0].since) for case_id, (consumer_id, own) in zip(new, late.items(), strict=True)]
    same = {"book_id": ("uuid", work.book.id), "opened_on": ("date", work.day.on), "opened_at": ("timestamptz", work.now)}
    same |= {"state": ("text", "open"), "closed_reason": ("text", ""), "seq": ("integer", 1)}
    sql.insert("collecting_case", _CASE, rows, same=same)
    made = [
        Case(case_id, consumer_id, "open", since, None, work.day.on, work.now, None, None, "", 1) for case_id, consumer_id, since in rows
    ]
    sums = {i: total([one.overdue for one in own], work.book.currency) for i, own in late.items()}
    outbox.emit(work=work, events=[Event("case.opened", "case", c.id, 1, told_of(c) | {"overdue": sums[c.consumer_id]}) for c in made])
    audit.record(work=work, action="collect.open", object_kind="case", object_ids=new)


def ends_as(over: Sequence[Case]) -> list[rules.Closing]:
    """For what reason cases end of which nothing is overdue any more."""
    written_off = queries.written_off_in(case_ids=[case.id for case in over])
    return ["written_off" if case.id in written_off else "cured" for case in over]


def _close(work: UnitOfWork, cured: Sequence[Case]) -> None:
    after = [
        replace(case, state="closed", closed_on=work.day.on, closed_at=work.now, closed_reason=reason, seq=case.seq + 1)
        for case, reason in zip(cured, ends_as(cured), strict=True)
    ]
    columns = {"id": "uuid", "state": "text", "closed_on": "date", "closed_at": "timestamptz", "closed_reason": "text", "seq": "integer"}
    sql.update("collecting_case", "id", columns, [tuple(getattr(case, name) for name in columns) for case in after])
    tell(work, "case.closed", list(zip(cured, after, strict=True)))
    audit.record(work=work, action="collect.close", object_kind="case", object_ids=[case.id for case in cured])


def _refresh(found: Sequence[tuple[Case, date]]) -> None:
    rows = [(case.id, since) for case, since in found if case.late_since != since]
    sql.update("collecting_case", "id", {"id": "uuid", "late_since": "date"}, rows)


def tell(work: UnitOfWork, kind: str, changed: Sequence[tuple[Case, Case]]) -> None:
    """An event of cases that changed, as (before, after)."""
    told = [(told_of(before), told_of(after), after) for before, after in changed]
    outbox.emit(work=work, events=[Event(kind, "case", case.id, case.seq, now, outbox.changes(was, now)) for was, now, case in told])


def told_of(case: Case) -> dict[str, Any]:
    """What events tell of a case."""
    return {
        "id": case.id,
        "consumer_id": case.consumer_id,
        "state": case.state,
        "late_since": case.late_since,
        "assignee_id": case.assignee_id,
        "opened_on": case.opened_on,
        "closed_on": case.closed_on,
        "closed_reason": case.closed_reason,
    }


# ------------------------------------------------------------------------------------------------------------------------------- promises


def _ended_promises(
    on: date, promises: Mapping[UUID, Promise], paid: Mapping[UUID, PaidIn], late: Mapping[UUID, object], policy: Policy
) -> list[tuple[Promise, rules.PromiseEnd]]:
    ended = []
    for consumer_id, promise in promises.items():
        if (sums := paid.get(consumer_id)) is None:
            continue
        given = Promised(promise.amount.minor, promise.due_on, promise.paid_before)
        end = rules.promise_ends(given, on=on, paid_now=sums.ever, paid_in_time=sums.in_time, overdue=consumer_id in late, policy=policy)
        ended += [(promise, end)] if end else []
    return ended


def _end_promises(work: UnitOfWork, ended: Sequence[tuple[Promise, rules.PromiseEnd]]) -> None:
    after = [(promise, replace(promise, state=end, ended_on=work.day.on, ended_at=work.now)) for promise, end in ended]
    columns = {"id": "uuid", "state": "text", "ended_on": "date", "ended_at": "timestamptz"}
    sql.update("collecting_promise", "id", columns, [tuple(getattr(promise, name) for name in columns) for _, promise in after])
    events = [
        Event(f"promise.{now.state}", "promise", now.id, 2, promise_told(now), outbox.changes(promise_told(was), promise_told(now)))
        for was, now in after
    ]
    outbox.emit(work=work, events=events)
    audit.record(work=work, action="collect.end_promises", object_kind="promise", object_ids=[promise.id for _, promise in after])


def promise_told(promise: Promise) -> dict[str, Any]:
    """What events tell of a promise."""
    return {
        "id": promise.id,
        "case_id": promise.case_id,
        "consumer_id": promise.consumer_id,
        "amount": promise.amount,
        "due_on": promise.due_on,
        "state": promise.state,
        "ended_on": promise.ended_on,
    }


# ---------------------------------------------------------------------------------------------------------------------------- eligibility


def _close_credit(work: UnitOfWork, policy: Policy, late: Mapping[UUID, Sequence[Late]]) -> int:
    """Closes credit for what was missed in a row; returns how many accounts were open."""
    loan_ids = [one.loan_id for own in late.values() for one in own if not one.paused]
    runs = _runs(loans.fell_due(work.book.id, loan_ids, work.day.on), policy.missed_in_a_row)
    missed = [(one, runs[one.loan_id]) for of_one in late.values() for one in of_one if one.loan_id in runs]
    return close_credit(
        work=work, causes=[Cause(one.consumer_id, one.loan_id, rules.MISSED, run.missed, run.latest_on) for one, run in missed]
    )


def _runs(rows: Mapping[UUID, Sequence[loans.FellDue]], least: int) -> dict[UUID, Run]:
    found = {loan_id: rules.longest_run([(row.due_on, row.unpaid > 0) for row in own]) for loan_id, own in rows.items()}
    return {loan_id: run for loan_id, run in found.items() if run and run.missed >= least}


def overdue_sum(own: Sequence[Late], currency: str) -> Money:
    """All that a person owes overdue."""
    return total([one.overdue for one in own], currency)
