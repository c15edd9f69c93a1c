"""The steps of a day's close for loans: due, accrue, overdue.

Each call is one chunk, read as arrays, decided by the rules, written by one statement a table.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import date
from typing import Any
from uuid import UUID

import numpy as np

from yuefu.ledger import commands as ledger
from yuefu.ledger.rules import Entry, Posted
from yuefu.loans import entries, queries
from yuefu.loans.queries import levelled
from yuefu.money.amounts import Money
from yuefu.money.rates import Rounding, divide
from yuefu.plans.loan import accrued_many
from yuefu.runtime import outbox, sql
from yuefu.runtime.outbox import Event
from yuefu.runtime.values import UnitOfWork


def fall_due(*, work: UnitOfWork, on: date, after: UUID | None, limit: int) -> UUID | None:
    """Tells of the instalments that fall due on a day and earns their part of the discount. Returns the last loan of the chunk, None at the end."""
    # A repayment of the next day may be at work on the same loan: without the lock its figures would be overwritten by older ones.
    levelled.lock_due(work.book.id, on, after=after, limit=limit)
    found = queries.earning(work.book.id, on, after=after, limit=limit)
    if not found:
        return None
    earned: dict[tuple[UUID, str, str], int] = defaultdict(int)
    changes, events = [], []
    for loan_id, order_id, funder, product, currency, discount, earned_before, passed, periods, unpaid, state, seq in found:
        target = discount if state == "closed" else divide(discount * passed, periods, Rounding.HALF_UP)
        earned[funder, product, currency] += target - earned_before
        changes.append((loan_id, target, seq + 1))
        snapshot = {"id": loan_id, "order_id": order_id, "due_on": on, "amount": Money(unpaid, currency)}
        events.append(Event(type="instalment.due", object_kind="loan", object_id=loan_id, seq=seq + 1, snapshot=snapshot))
    sql.update("loans_loan", "id", {"id": "uuid", "discount_earned_minor": "bigint", "seq": "integer"}, changes)
    outbox.emit(work=work, events=events)
    _post(work, [_chunked(entries.earned(on, f, p, Money(m, c)), found) for (f, p, c), m in sorted(earned.items()) if m])
    last: UUID = found[-1][0]
    return last


def accrue_interest(*, work: UnitOfWork, on: date, after: UUID | None, limit: int) -> UUID | None:
    """Posts the day's difference of rounded cumulative interest. Returns the last loan of the chunk, None at the end."""
    found = queries.accruing(work.book.id, on, after=after, limit=limit)
    if not found:
        return None
    columns = list(zip(*found, strict=True))
    posted = np.array(columns[4], dtype=np.int64)
    now = accrued_many(
        np.array(columns[5], dtype=np.int64),
        np.array(columns[6], dtype=np.int64),
        np.array([day.toordinal() for day in columns[7]], dtype=np.int64),
        np.array([day.toordinal() for day in columns[8]], dtype=np.int64),
        on.toordinal(),
    )
    moved = now - posted
    sums: dict[tuple[UUID, str, str], int] = defaultdict(int)
    for key, difference in zip(zip(columns[1], columns[2], columns[3], strict=True), moved.tolist(), strict=True):
        sums[key] += difference
    changed = [(loan_id, value) for loan_id, value, difference in zip(columns[0], now.tolist(), moved.tolist(), strict=True) if difference]
    sql.update("loans_accrual", "loan_id", {"loan_id": "uuid", "accrued_minor": "bigint"}, changed)
    _post(work, [_chunked(entries.accrued(on, f, p, Money(m, c)), found) for (f, p, c), m in sorted(sums.items()) if m])
    last: UUID = found[-1][0]
    return last


def mark_arrears(*, work: UnitOfWork, on: date, limit: int) -> int:
    """Marks loans whose instalment of this day is not paid. Returns how many it looked at; call until none is left."""
    found = queries.falling_behind(work.book.id, on, limit=limit)
    if not found:
        return 0
    levelled.lock(work.book.id, [loan_id for loan_id, _ in found])
    behind = set(queries.falling_behind(work.book.id, on, limit=limit))  # One may have been paid while we waited for its lock.
    marking = [pair for pair in found if pair in behind]
    if not marking:
        return len(found)
    source, params = sql.unnest({"id": "uuid", "since": "date"}, marking)
    marked = sql.rows(
        f"UPDATE loans_loan AS l SET arrears_since = g.since, seq = l.seq + 1 FROM {source} AS g WHERE l.id = g.id"
        " RETURNING l.id, l.order_id, l.seq, l.arrears_since",
        params,
    )
    outbox.emit(
        work=work,
        events=[
            Event(
                type="loan.overdue",
                object_kind="loan",
                object_id=loan_id,
                seq=seq,
                snapshot={"id": loan_id, "order_id": order_id, "arrears_since": since},
                changed={"arrears_since": None},
            )
            for loan_id, order_id, seq, since in marked
        ],
    )
    return len(found)


def _chunked(entry: Entry, found: Sequence[tuple[Any, ...]]) -> Entry:
    """The entry of one chunk: its key names the chunk, so that a chunk run again posts once."""
    return Entry(f"{entry.key}:{found[0][0]}", entry.kind, entry.lines)


def _post(work: UnitOfWork, made: Sequence[Entry]) -> None:
    for outcome in ledger.post(work=work, entries=made):
        assert isinstance(outcome, Posted), f"a day's own entries are always posted: {outcome}"
