"""How late loans of rule version 2026-2 are, by who owes them, and what those people paid: for whoever asks them for it.

As loans are on the day that is asked for, whatever was closed of it: what a repayment, a page or a quote would tell at that moment.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final
from uuid import UUID

from yuefu.frozen import made_quickly
from yuefu.loans.queries import keeping, lateness
from yuefu.loans.rules import PARTS
from yuefu.money.amounts import Money
from yuefu.plans.lifecycle.fold import in_order
from yuefu.plans.lifecycle.rows import NORMAL
from yuefu.plans.lifecycle.tally import Tally, told
from yuefu.runtime import sql

_UNPAID: Final = " + ".join(f"d.{part}_minor - d.{part}_settled_minor" for part in PARTS)


@made_quickly
@dataclass(frozen=True, slots=True)
class Late:
    """A loan of which something is overdue: since when and how much, and whether interest or arrears are paused today."""

    loan_id: UUID
    consumer_id: UUID
    product: str
    since: date
    bucket: str
    overdue: Money
    paused: bool


def late_people(book_id: UUID, currency: str, on: date, *, after: UUID | None = None, limit: int | None = None) -> list[UUID]:
    """Whoever owes something that may be overdue on the open day, by ascending id: all, or in pages."""
    query, params = lateness.maybe_late(book_id, on)
    found = sql.rows(
        f"SELECT DISTINCT a.consumer_id FROM ({query}) AS s JOIN loans_agreement a ON a.id = s.loan_id WHERE a.currency = %(currency)s"
        " AND (%(after)s::uuid IS NULL OR a.consumer_id > %(after)s) ORDER BY a.consumer_id LIMIT %(limit)s",
        {**params, "currency": currency, "after": after, "limit": limit},
    )
    return [row[0] for row in found]


def late_of(book_id: UUID, consumer_ids: Sequence[UUID], currency: str, on: date) -> dict[UUID, list[Late]]:
    """The overdue loans of consumers as they are on a day, the oldest first; who owes nothing overdue is absent."""
    maybe = [
        row[0]
        for row in sql.rows(
            "SELECT a.id FROM loans_agreement a WHERE a.consumer_id = ANY(%(people)s) AND a.book_id = %(book)s AND a.currency = %(currency)s"
            f" AND EXISTS (SELECT FROM loans_due d WHERE d.loan_id = a.id AND d.due_on < %(on)s AND {_UNPAID} > 0)",
            {"people": list(consumer_ids), "book": book_id, "currency": currency, "on": on},
        )
    ]
    late: dict[UUID, list[Late]] = defaultdict(list)
    for one in sorted(lateness.late_among(book_id, maybe, on), key=lambda one: (one.since, one.loan_id)):
        late[one.consumer_id].append(Late(one.loan_id, one.consumer_id, one.product, one.since, one.bucket, one.overdue, one.paused))
    return dict(late)


@made_quickly
@dataclass(frozen=True, slots=True)
class FellDue:
    """An instalment of the plan that fell due, and what of it is unpaid, in minor units."""

    loan_id: UUID
    no: int
    due_on: date
    unpaid: int


def fell_due(book_id: UUID, loan_ids: Sequence[UUID], before: date) -> dict[UUID, list[FellDue]]:
    """The instalments of loans that were due before a day, paid or not, in order; what is no part of the plan any more is left out."""
    found = sql.rows_as(
        FellDue,
        f"SELECT d.loan_id, d.no, d.due_on, ({_UNPAID})::bigint FROM loans_due d WHERE d.loan_id = ANY(%s) AND d.book_id = %s AND d.due_on < %s"
        " AND d.kind = %s ORDER BY d.loan_id, d.due_on, d.no",
        [list(loan_ids), book_id, before, NORMAL],
    )
    rows: dict[UUID, list[FellDue]] = defaultdict(list)
    for one in found:
        rows[one.loan_id].append(one)
    return dict(rows)


@dataclass(frozen=True, slots=True)
class PaidIn:
    """What a consumer paid of all their loans, less what went back to them, in minor units: `ever`, and `in_time` what of it is true on the day that
    was asked for; None where none was."""

    ever: int
    in_time: int | None


def paid_in(book_id: UUID, until: Mapping[UUID, date | None], currency: str) -> dict[UUID, PaidIn]:
    """What consumers paid, as known now, and `until` a day; their loans are locked in ascending order of id until the transaction ends.

    By a day it is told from all facts: what was undone does not count, and what came late counts from its own day.
    """
    owners = dict(
        sql.rows(
            "SELECT id, consumer_id FROM loans_agreement WHERE consumer_id = ANY(%s) AND book_id = %s AND currency = %s",
            [list(until), book_id, currency],
        )
    )
    kept = keeping.lock(book_id, owners) if owners else {}
    facts = keeping.facts([loan_id for loan_id in kept if until[owners[loan_id]]])
    ever, in_time = dict.fromkeys(until, 0), dict.fromkeys(until, 0)
    for loan_id, one in kept.items():
        owner = owners[loan_id]
        ever[owner] += _net(one.life.tally)
        if day := until[owner]:
            events = [event for _, event in in_order(facts.get(loan_id, [])) if event.on <= day]
            in_time[owner] += _net(told(one.life.terms, events)[1])
    return {owner: PaidIn(ever[owner], in_time[owner] if day else None) for owner, day in until.items()}


def _net(tally: Tally) -> int:
    return tally.repaid + tally.recovered - tally.recovered_of_merchant - tally.paid_back - tally.charged_back - tally.credit_refunded
