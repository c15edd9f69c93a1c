"""Bill day and repayment day: changed from the next cycle on, and moved forward as cycles end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from itertools import islice
from typing import Any
from uuid import UUID

from yuefu.credit import queries, rules
from yuefu.credit.commands.accounts import ACCOUNT_CLOSED, UNKNOWN_ACCOUNT
from yuefu.credit.commands.history import DaysChange, insert_days
from yuefu.credit.rules import Cycle, DaysStep
from yuefu.errors import Refused
from yuefu.money.amounts import Money
from yuefu.runtime import audit, keys, outbox, sql
from yuefu.runtime.outbox import Event
from yuefu.runtime.values import UnitOfWork


@dataclass(frozen=True, slots=True)
class ChangeDays:
    """Bill and repay an account on other days of the month, 1 to 28. `reasons` are codes."""

    key: str
    account_id: UUID
    bill_day: int
    repayment_day: int
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Ended:
    """A cycle of an account that ended, with whose it is."""

    account_id: UUID
    consumer_id: UUID
    currency: str
    cycle: Cycle


@dataclass(frozen=True, slots=True)
class _Cycling:
    account_id: UUID
    consumer_id: UUID
    limit: Money
    state: str
    revision: int
    cycle_from: date
    steps: tuple[DaysStep, ...]


def change_days(*, work: UnitOfWork, changes: Sequence[ChangeDays]) -> list[DaysStep | Refused]:
    """Changes the days of accounts from the cycle on that begins on their next bill day: the running one ends as it was announced. One outcome
    each, in order: the days with the first day on which they count, or Refused with DAY_INVALID, REASONS_MISSING, UNKNOWN_ACCOUNT,
    ACCOUNT_CLOSED or DAYS_UNCHANGED.
    """
    new_ids = work.ids.many(work.now, len(changes))

    def decide(fresh: list[int]) -> Mapping[int, DaysStep | Refused]:
        return _change(work, {i: (new_ids[i], changes[i]) for i in fresh})

    return keys.answer(
        work=work,
        scope="credit.change_days",
        requests=changes,
        object_ids=new_ids,
        validate=lambda given: {i: refused for i in given if (refused := _fault(changes[i]))},
        decide=decide,
        recall=lambda known: queries.days_by_id(ids=known),
    )


def _fault(change: ChangeDays) -> Refused | None:
    return rules.days_fault(change.bill_day, change.repayment_day) or rules.reasons_fault(change.reasons)


def _change(work: UnitOfWork, given: Mapping[int, tuple[UUID, ChangeDays]]) -> dict[int, DaysStep | Refused]:
    held = _lock(work, [change.account_id for _, change in given.values()])
    outcomes: dict[int, DaysStep | Refused] = {}
    made: dict[UUID, DaysChange] = {}
    events = []
    for i, (row, change) in given.items():
        one = held.get(change.account_id)
        if one is None:
            outcomes[i] = Refused(UNKNOWN_ACCOUNT, "there is no such credit account in this book", "account_id")
            continue
        last = one.steps[-1]
        step = DaysStep(rules.running(one.steps, work.day.on, one.cycle_from).bill_on, change.bill_day, change.repayment_day)
        if one.state == rules.CLOSED:
            outcomes[i] = Refused(ACCOUNT_CLOSED, "this account is closed", "account_id")
        elif (last.bill_day, last.repayment_day) == (step.bill_day, step.repayment_day):
            outcomes[i] = Refused(rules.DAYS_UNCHANGED, "these are the days already", "bill_day")
        else:
            after = replace(one, revision=one.revision + 1, steps=(*one.steps, step))
            held[change.account_id] = after
            made[row] = DaysChange(one.account_id, one.consumer_id, len(after.steps), last, step, change.reasons)
            events.append(_event(after, last, change.reasons, row))
            outcomes[i] = step
    _store(work, made, {c.account_id: held[c.account_id] for c in made.values()}, events)
    return outcomes


def _store(work: UnitOfWork, made: Mapping[UUID, DaysChange], changed: Mapping[UUID, _Cycling], events: Sequence[Event]) -> None:
    if not made:
        return
    insert_days(work, list(made.values()), list(made))
    sql.update("credit_account", "id", {"id": "uuid", "revision": "integer"}, [(i, one.revision) for i, one in sorted(changed.items())])
    outbox.emit(work=work, events=events)
    audit.record(work=work, action="credit.change_days", object_kind="credit_account", object_ids=sorted(changed))


def _event(after: _Cycling, last: DaysStep, reasons: tuple[str, ...], cause: UUID) -> Event:
    step = after.steps[-1]
    days: dict[str, Any] = {"bill_day": step.bill_day, "repayment_day": step.repayment_day, "from_on": step.from_on}
    snapshot = {"id": after.account_id, "consumer_id": after.consumer_id, "limit": after.limit, "state": after.state, **days}
    changed = outbox.changes({"bill_day": last.bill_day, "repayment_day": last.repayment_day, "from_on": last.from_on}, days)
    told = {**snapshot, "reasons": reasons}
    return Event("credit_account.days_changed", "credit_account", after.account_id, after.revision, told, changed, cause=cause)


def end_cycles(*, work: UnitOfWork, account_ids: Sequence[UUID]) -> list[Ended]:
    """Ends the oldest cycle of each account that is over by the business day and has not got its bill, and goes on to the next one with the days
    that count from there. By ascending id; accounts of which none is over are left out, so done again it finds none.
    """
    ended, rows = [], []
    for account_id, one in sorted(_lock(work, account_ids).items()):
        cycle, following = islice(rules.cycles(one.steps, one.cycle_from), 2)
        if cycle.bill_on > work.day.on or one.state == rules.CLOSED:
            continue
        ended.append(Ended(account_id, one.consumer_id, one.limit.currency, cycle))
        days = rules.in_force(one.steps, cycle.bill_on)
        rows.append((account_id, cycle.bill_on, following.bill_on, days.bill_day, days.repayment_day))
    columns = {"id": "uuid", "cycle_from": "date", "next_bill_on": "date", "bill_day": "smallint", "repayment_day": "smallint"}
    sql.update("credit_account", "id", columns, rows)
    return ended


def _lock(work: UnitOfWork, account_ids: Sequence[UUID]) -> dict[UUID, _Cycling]:
    found = sql.rows(
        "SELECT id, consumer_id, limit_minor, currency, state, revision, cycle_from FROM credit_account"
        " WHERE book_id = %s AND id = ANY(%s) ORDER BY id FOR NO KEY UPDATE",
        [work.book.id, sorted(set(account_ids))],
    )
    steps = queries.days_steps(account_ids=[row[0] for row in found])
    return {row[0]: _Cycling(row[0], row[1], Money(row[2], row[3]), row[4], row[5], row[6], tuple(steps[row[0]])) for row in found}
