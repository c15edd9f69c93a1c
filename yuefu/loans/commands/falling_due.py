"""Telling of what falls due on loans of rule version 2026-2, each due day of a loan once: by the close of that day, or before it by what is entered
of the loan on a later one, so that the events of a loan stand in the order of its days.

Where its stretch began after a day, all that fell due on that day was told, for what is entered tells of it first; else the close did, if it says so
(`due_told_on`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from typing import Final
from uuid import UUID

from yuefu.loans import rules
from yuefu.loans.queries.keeping import NEVER, Kept
from yuefu.loans.rules import PARTS
from yuefu.money.amounts import Money
from yuefu.plans.lifecycle import events as e
from yuefu.plans.lifecycle.fold import looked_at
from yuefu.runtime import outbox, sql
from yuefu.runtime.outbox import Event
from yuefu.runtime.values import UnitOfWork

_UNSETTLED: Final = " + ".join(f"d.{part}_minor - d.{part}_settled_minor" for part in PARTS)
_UNTOLD: Final = "s.replaced_on = %(never)s AND s.since <= d.due_on AND (s.due_told_on IS NULL OR s.due_told_on < d.due_on)"


def tell(*, work: UnitOfWork, on: date, first: UUID, last: UUID) -> int:
    """Tells of what falls due on a day that closes on loans of a range of ids, and is not settled by its end. Returns on how many.

    Of a loan of which something was entered since the day ended it was told then; what its rows ask by now is not of the day.
    """
    due = f"d.book_id = %(book)s AND d.due_on = %(on)s AND d.loan_id BETWEEN %(first)s AND %(last)s AND {_UNSETTLED} > 0"
    params = {"book": work.book.id, "on": on, "first": first, "last": last, "never": NEVER}
    found = sql.rows(
        f"WITH due AS (SELECT d.loan_id, d.due_on, sum({_UNSETTLED})::bigint AS minor FROM loans_due d WHERE {due} GROUP BY 1, 2),"
        f" told AS (UPDATE loans_stretch AS s SET told = s.told + 1, due_told_on = d.due_on FROM due d WHERE s.loan_id = d.loan_id AND {_UNTOLD}"
        " RETURNING s.loan_id, s.told)"
        " SELECT due.loan_id, a.order_id, a.consumer_id, a.currency, due.minor, told.told FROM due JOIN told USING (loan_id)"
        " JOIN loans_agreement a ON a.id = due.loan_id ORDER BY due.loan_id",
        params,
    )
    events = [_event(loan_id, order, consumer, on, Money(minor, currency), no) for loan_id, order, consumer, currency, minor, no in found]
    outbox.emit(work=work, events=events)
    return len(found)


def before_entering(
    read: Mapping[UUID, Kept], facts: Mapping[UUID, Sequence[e.Event | e.Undone]], closing: Sequence[date]
) -> tuple[dict[UUID, Kept], dict[UUID, list[Event]]]:
    """Loans, locked, with the events that their closes have still to tell: of what fell due on days that are `closing`, oldest first, and was not
    settled by the end of its day. Each loan counts them as told; they are to be emitted where something is entered of it, before that.

    `facts` are all those of the loans for which something that was entered ahead came true meanwhile.
    """
    found = _untold(list(read), closing) if closing else []
    after, events = dict(read), dict[UUID, list[Event]]()
    for loan_id, due_on, kept_minor in found:
        one = after[loan_id]
        minor = _asked(one, due_on, kept_minor, facts.get(loan_id))
        if minor:
            told, party = one.running.told + 1, one.party
            events.setdefault(loan_id, []).append(
                _event(loan_id, party.order_id, party.consumer_id, due_on, Money(minor, party.currency), told)
            )
            after[loan_id] = replace(one, running=replace(one.running, told=told))
    return after, events


def _untold(loan_ids: Sequence[UUID], closing: Sequence[date]) -> list[tuple[UUID, date, int]]:
    """(Loan, due day, what is unsettled of it by the rows that are kept) of what was not told."""
    return sql.rows(
        f"SELECT d.loan_id, d.due_on, sum({_UNSETTLED})::bigint FROM loans_due d JOIN loans_stretch s ON s.loan_id = d.loan_id"
        f" WHERE d.loan_id = ANY(%(loans)s) AND d.due_on = ANY(%(closing)s) AND {_UNTOLD} GROUP BY 1, 2 ORDER BY 1, 2",
        {"loans": loan_ids, "closing": closing, "never": NEVER},
    )


def _asked(one: Kept, due_on: date, kept_minor: int, facts: Sequence[e.Event | e.Undone] | None) -> int:
    """What a loan asks on a due day, as the close of the day before leaves its rows, whether that was done or will be."""
    running, before = one.running, due_on - timedelta(days=1)
    if running.stuck or running.since >= before or running.stretch.until >= before.toordinal():
        return kept_minor
    life = one.life
    if life.waits_for is not None and life.waits_for <= before:
        assert facts is not None, "a loan that waits for a day is told anew from all of its facts"
        life = rules.retold_life(life.terms, facts, before)
    rows = looked_at(life.state, before).rows
    return sum(minor for due, minor in zip(rows.due, rows.all_unpaid(), strict=True) if due == due_on.toordinal())


def _event(loan_id: UUID, order_id: UUID | None, consumer_id: UUID, due_on: date, amount: Money, no: int) -> Event:
    told = {"id": loan_id, "order_id": order_id, "consumer_id": consumer_id, "due_on": due_on, "amount": amount}
    return Event("instalment.due", "loan", loan_id, no, told)
