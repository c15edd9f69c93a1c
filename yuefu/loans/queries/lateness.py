"""How late loans of both rule versions are: as they stand on the open day, and as they were recorded to be by the end of a day that was closed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final
from uuid import UUID

from yuefu.frozen import made_quickly
from yuefu.loans import rules
from yuefu.loans.queries import keeping, levelled
from yuefu.loans.queries.keeping import NEVER, Kept
from yuefu.loans.queries.levelled import REPLAYED_AT_ONCE
from yuefu.loans.rules import PARTS, Dimensions
from yuefu.plans.lifecycle.arrears import bucket_of, overdue_of
from yuefu.plans.lifecycle.choices import ArrearsTerms
from yuefu.plans.lifecycle.fold import looked_at
from yuefu.runtime import days, sql

BUCKETS_OF_OLD: Final = ArrearsTerms()
"""Terms of rule version 2026-1 name no buckets: those that terms have unless they say otherwise."""
_UNSETTLED: Final = " + ".join(f"d.{part}_minor - d.{part}_settled_minor" for part in PARTS)
_FOREVER: Final = date.max.toordinal()


@made_quickly
@dataclass(frozen=True, slots=True)
class LateLoan:
    """A loan of which something is overdue on a day: `since` the due day of the oldest of it, `days` past due, the `bucket` of its terms ("" for
    none), and what is overdue of each part in minor units. `paused`: interest or arrears rest on that day."""

    loan_id: UUID
    order_id: UUID | None
    merchant_id: UUID | None
    consumer_id: UUID
    product: str
    currency: str
    since: date
    days: int
    bucket: str
    principal: int
    interest: int
    fees: int
    penalties: int
    paused: bool = False

    @property
    def overdue(self) -> int:
        return self.principal + self.interest + self.fees + self.penalties


def maybe_late(book_id: UUID, on: date) -> tuple[str, dict[str, Any]]:
    """A query for the loans of 2026-2 that may be late on the open day, and its parameters: those that the last close left late, and those of which
    something fell due since. One with which a close could not go on is as it was left."""
    query = (
        "SELECT s.loan_id FROM loans_stretch s WHERE s.book_id = %(book)s AND s.replaced_on = %(never)s AND s.late_since IS NOT NULL"
        " UNION SELECT d.loan_id FROM loans_due d WHERE d.book_id = %(book)s AND d.due_on >= %(last)s AND d.due_on < %(on)s"
        f" AND {_UNSETTLED} > 0"
    )
    return query, {"book": book_id, "never": NEVER, "last": not_recorded(book_id, on) - timedelta(days=1), "on": on}


def not_recorded(book_id: UUID, open_day: date) -> date:
    """The first day of which it is not recorded yet how late loans were by its end: the oldest that is closing, else the open one."""
    return min([*days.waiting_to_close(book_id), open_day])


def late_now(book_id: UUID, on: date) -> list[LateLoan]:
    """All loans of a book that are late on the open day, those that have been for longest first."""
    query, params = maybe_late(book_id, on)
    found = late_among(book_id, [row[0] for row in sql.rows(query, params)], on)
    return sorted([*found, *_levelled_now(book_id, on)], key=lambda one: (one.since, one.loan_id))


def late_among(book_id: UUID, loan_ids: Sequence[UUID], on: date) -> list[LateLoan]:
    """Those of some loans of 2026-2 that are late on a day, nothing having happened to them since; in the order of their ids."""
    if not loan_ids:
        return []
    return [late for _, kept in sorted(keeping.read_on(book_id, loan_ids, on).items()) if (late := _late(kept, on))]


def _late(one: Kept, on: date) -> LateLoan | None:
    state, party = one.life.state, one.party
    if not state.lent:
        return None
    late = overdue_of(looked_at(state, max(on, date.fromordinal(state.last_on))))
    if late.since is None:
        return None
    day = on.toordinal()
    paused = any(first <= day <= last for first, last in state.arrears_pauses)
    # Pauses of interest are kept by the nights before their days; what a charge-off ended for ever is no pause.
    paused = paused or any(first < day <= last < _FOREVER for first, last in state.pauses)
    return LateLoan(
        party.loan_id, party.order_id, party.merchant_id, party.consumer_id, party.product, party.currency, late.since,
        (on - late.since).days, late.bucket, late.principal, late.interest, late.fees, late.penalties, paused,
    )  # fmt: skip


def _levelled_now(book_id: UUID, on: date) -> list[LateLoan]:
    found = sql.rows(
        "SELECT l.id, l.order_id, l.merchant_id, l.consumer_id, l.credit_account_id, l.funder_id, l.product, l.currency, min(i.due_on),"
        " sum(i.principal_minor - i.principal_paid_minor)::bigint, sum(i.interest_minor - i.interest_paid_minor)::bigint"
        " FROM loans_loan l JOIN loans_instalment i ON i.loan_id = l.id WHERE l.book_id = %s AND l.state = 'active' AND i.due_on < %s"
        " AND i.principal_minor + i.interest_minor > i.principal_paid_minor + i.interest_paid_minor GROUP BY l.id",
        [book_id, on],
    )
    return [_of_levelled(Dimensions(*row[:8]), since=row[8], principal=row[9], interest=row[10], on=on) for row in found]


def _of_levelled(dims: Dimensions, *, since: date, principal: int, interest: int, on: date) -> LateLoan:
    past_due = (on - since).days
    bucket = bucket_of(BUCKETS_OF_OLD, past_due)
    return LateLoan(
        dims.loan_id, dims.order_id, dims.merchant_id, dims.consumer_id, dims.product, dims.currency, since, past_due, bucket,
        principal, interest, 0, 0,
    )  # fmt: skip


def late_by(book_id: UUID, on: date) -> list[LateLoan]:
    """All loans of a book that were late by the end of a day, as they were recorded by then, those that had been for longest first; which of them
    were paused is not told."""
    found = sql.rows(
        "SELECT a.id, a.order_id, a.merchant_id, a.consumer_id, a.product, a.currency, t.late_since, (%(on)s::date - t.late_since), t.bucket,"
        " t.principal_minor, t.interest_minor, t.fees_minor, t.penalties_minor FROM (SELECT DISTINCT ON (loan_id) * FROM loans_lateness"
        ' WHERE book_id = %(book)s AND "on" <= %(on)s ORDER BY loan_id, "on" DESC) AS t JOIN loans_agreement a ON a.id = t.loan_id'
        " WHERE t.late_since IS NOT NULL",
        {"book": book_id, "on": on},
    )
    late = [LateLoan(*row) for row in found] + _levelled_by(book_id, on)
    return sorted(late, key=lambda one: (one.since, one.loan_id))


def _levelled_by(book_id: UUID, on: date) -> list[LateLoan]:
    """Loans of 2026-1 keep no history of their arrears: they are told anew from what was recorded by the day."""
    ids = [
        row[0]
        for row in sql.rows(
            "SELECT DISTINCT l.id FROM loans_loan l JOIN loans_instalment i ON i.loan_id = l.id WHERE l.book_id = %s AND i.due_on < %s"
            " AND (l.state = 'active' OR EXISTS (SELECT FROM loans_event e WHERE e.loan_id = l.id AND e.recorded_on > %s)) ORDER BY l.id",
            [book_id, on, on],
        )
    ]
    found: list[LateLoan] = []
    for first in range(0, len(ids), REPLAYED_AT_ONCE):
        held = levelled.loans(ids[first : first + REPLAYED_AT_ONCE], book_id=book_id)
        for loan_id, facts in levelled.facts(list(held), {i: one.state.terms for i, one in held.items()}).items():
            known = [fact for fact in facts if fact.recorded_on <= on]
            rows = [row for row in rules.retold(known)[0].rows if row.unpaid and row.due_on < on] if known else []
            if rows:
                principal = sum(row.principal - row.principal_paid for row in rows)
                interest = sum(row.interest - row.interest_paid for row in rows)
                found.append(_of_levelled(held[loan_id].dims, since=rows[0].due_on, principal=principal, interest=interest, on=on))
    return found
