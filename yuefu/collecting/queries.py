"""Reads of collecting; every answer is a frozen value. How late somebody is, and what they paid, is asked of the loans."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

from yuefu.money.amounts import Money
from yuefu.runtime import sql
from yuefu.runtime.vault import Vault

CONTACT: Final = "collecting_contact"
_CASE: Final = "id, consumer_id, state, late_since, assignee_id, opened_on, opened_at, closed_on, closed_at, closed_reason, seq"


@dataclass(frozen=True, slots=True)
class Case:
    """A case as stored: `late_since` as the last look found it."""

    id: UUID
    consumer_id: UUID
    state: str
    late_since: date
    assignee_id: UUID | None
    opened_on: date
    opened_at: datetime
    closed_on: date | None
    closed_at: datetime | None
    closed_reason: str
    seq: int


@dataclass(frozen=True, slots=True)
class Promise:
    """A promise as stored; `paid_before` is what the person had paid of all their loans when it was made, in minor units."""

    id: UUID
    case_id: UUID
    consumer_id: UUID
    amount: Money
    due_on: date
    paid_before: int
    state: str
    recorded_by: str
    made_on: date
    made_at: datetime
    ended_on: date | None
    ended_at: datetime | None


@dataclass(frozen=True, slots=True)
class Measure:
    """A measure as stored. `event` is the event of the loan as JSON keeps it (`plans.lifecycle.plain`)."""

    id: UUID
    loan_id: UUID
    case_id: UUID | None
    kind: str
    event: Mapping[str, Any]
    amount_minor: int | None
    loan_seq: int
    alone: bool
    approval_id: UUID | None
    state: str
    fact_no: int | None
    reason: str
    recorded_by: str
    proposed_on: date
    proposed_at: datetime
    ended_on: date | None
    ended_at: datetime | None


@dataclass(frozen=True, slots=True)
class Contact:
    """A contact as stored. The note never appears in a text of this value."""

    id: UUID
    case_id: UUID
    consumer_id: UUID
    channel: str
    inbound: bool
    outcome: str
    note: str | None = field(repr=False)
    recorded_by: str
    made_at: datetime
    outcome_at: datetime | None


@dataclass(frozen=True, slots=True)
class Assignment:
    """Who was asked to look after a case; None that nobody is any more."""

    no: int
    assignee_id: UUID | None
    reason: str
    recorded_by: str
    recorded_at: datetime


@dataclass(frozen=True, slots=True)
class Restriction:
    """That a person is not to be contacted by a channel, or by `all`, or may be again."""

    channel: str
    is_set: bool
    reason: str
    recorded_by: str
    recorded_at: datetime


@dataclass(frozen=True, slots=True)
class Counts:
    """How often we contacted a person: on a day of theirs, and in the seven days before a moment."""

    of_day: int
    of_week: int


def lock_open(*, book_id: UUID, consumer_ids: Sequence[UUID]) -> dict[UUID, Case]:
    """The open cases of consumers, by consumer, locked in ascending order of id until the transaction ends."""
    found = _cases("book_id = %s AND consumer_id = ANY(%s) AND state = 'open' ORDER BY id FOR NO KEY UPDATE", [book_id, list(consumer_ids)])
    return {case.consumer_id: case for case in found}


def lock(*, book_id: UUID, case_ids: Sequence[UUID]) -> dict[UUID, Case]:
    """Cases of a book, locked in ascending order of id until the transaction ends; unknown ones are absent."""
    found = _cases("book_id = %s AND id = ANY(%s) ORDER BY id FOR NO KEY UPDATE", [book_id, list(case_ids)])
    return {case.id: case for case in found}


def cases(*, book_id: UUID, ids: Sequence[UUID]) -> dict[UUID, Case]:
    """Cases of a book; unknown ones are absent."""
    return {case.id: case for case in _cases("book_id = %s AND id = ANY(%s)", [book_id, list(ids)])}


def open_of(*, book_id: UUID, consumer_ids: Sequence[UUID]) -> dict[UUID, UUID]:
    """The open case of each consumer who has one."""
    return dict(
        sql.rows(
            "SELECT consumer_id, id FROM collecting_case WHERE book_id = %s AND consumer_id = ANY(%s) AND state = 'open'",
            [book_id, list(consumer_ids)],
        )
    )


def people_with_cases(*, book_id: UUID) -> list[UUID]:
    """Consumers with an open case, by ascending id."""
    return [
        row[0]
        for row in sql.rows("SELECT consumer_id FROM collecting_case WHERE book_id = %s AND state = 'open' ORDER BY consumer_id", [book_id])
    ]


def worklist(
    *, book_id: UUID, after: Case | None = None, limit: int = 50, assignee_id: UUID | None = None, unassigned: bool = False
) -> list[Case]:
    """Open cases, those that have been late for longest first, after one of them: of all, of one person who looks after them, or of nobody."""
    return _cases(
        "book_id = %(book)s AND state = 'open' AND (%(after)s::uuid IS NULL OR (late_since, id) > (%(since)s, %(after)s))"
        " AND (%(assignee)s::uuid IS NULL OR assignee_id = %(assignee)s) AND (NOT %(unassigned)s OR assignee_id IS NULL)"
        " ORDER BY late_since, id LIMIT %(limit)s",
        {
            "book": book_id,
            "after": after.id if after else None,
            "since": after.late_since if after else None,
            "assignee": assignee_id,
            "unassigned": unassigned,
            "limit": limit,
        },
    )


def cases_of(*, book_id: UUID, consumer_id: UUID) -> list[Case]:
    """All cases of a consumer, the newest first."""
    return _cases("book_id = %s AND consumer_id = ANY(%s) ORDER BY opened_at DESC, id DESC", [book_id, [consumer_id]])


def _cases(where: str, params: Any) -> list[Case]:
    return sql.rows_as(Case, f"SELECT {_CASE} FROM collecting_case WHERE {where}", params)


def assignments(*, case_id: UUID) -> list[Assignment]:
    """Who looked after a case, in order."""
    return sql.rows_as(
        Assignment,
        "SELECT no, assignee_id, reason, recorded_by, recorded_at FROM collecting_assignment WHERE case_id = %s ORDER BY no",
        [case_id],
    )


# ------------------------------------------------------------------------------------------------------------------------------- contacts


def contacts(*, book_id: UUID, case_id: UUID, limit: int, vault: Vault) -> list[Contact]:
    """The latest contacts of a case, newest first, with their notes."""
    return _contacts(vault, "book_id = %s AND case_id = %s ORDER BY made_at DESC, id DESC LIMIT %s", [book_id, case_id, limit])


def contacts_by_id(*, book_id: UUID, ids: Sequence[UUID], vault: Vault, locked: bool = False) -> dict[UUID, Contact]:
    """Contacts of a book; unknown ones are absent."""
    lock_them = " ORDER BY id FOR NO KEY UPDATE" if locked else ""
    return {one.id: one for one in _contacts(vault, f"book_id = %s AND id = ANY(%s){lock_them}", [book_id, list(ids)])}


def _contacts(vault: Vault, where: str, params: list[Any]) -> list[Contact]:
    found = sql.rows(
        "SELECT id, case_id, consumer_id, channel, inbound, outcome, note_sealed, recorded_by, made_at, outcome_at FROM collecting_contact"
        f" WHERE {where}",
        params,
    )
    made = []
    for *head, sealed, by, made_at, outcome_at in found:
        known = (*head, _note(vault, head[0], sealed), by, made_at, outcome_at)
        made.append(Contact(*known))
    return made


def _note(vault: Vault, row: UUID, sealed: bytes | None) -> str | None:
    return None if sealed is None else vault.open(sealed, table=CONTACT, column="note", row=row)


def counted(*, days: Mapping[UUID, date], since: datetime) -> dict[UUID, Counts]:
    """How often we contacted people: on the day that it is where each of them is, and since a moment."""
    found = sql.rows(
        "SELECT g.consumer_id, count(c.id) FILTER (WHERE c.local_on = g.local_on), count(c.id) FILTER (WHERE c.made_at > %s)"
        " FROM unnest(%s::uuid[], %s::date[]) AS g (consumer_id, local_on) LEFT JOIN collecting_contact AS c"
        " ON c.consumer_id = g.consumer_id AND NOT c.inbound AND (c.local_on = g.local_on OR c.made_at > %s) GROUP BY g.consumer_id",
        [since, list(days), list(days.values()), since],
    )
    return {consumer: Counts(of_day, of_week) for consumer, of_day, of_week in found}


def restricted(*, consumer_ids: Sequence[UUID]) -> dict[UUID, frozenset[str]]:
    """The channels, or `all`, by which each consumer is not to be contacted; who has no restriction has an empty set."""
    found = sql.rows(
        "SELECT DISTINCT ON (consumer_id, channel) consumer_id, channel, is_set FROM collecting_restriction WHERE consumer_id = ANY(%s)"
        " ORDER BY consumer_id, channel, seq DESC",
        [list(consumer_ids)],
    )
    by_person: dict[UUID, set[str]] = defaultdict(set)
    for consumer, channel, is_set in found:
        by_person[consumer] |= {channel} if is_set else set()
    return {consumer: frozenset(by_person[consumer]) for consumer in consumer_ids}


def restrictions(*, consumer_id: UUID) -> list[Restriction]:
    """All that a person asked for in this respect, the oldest first."""
    return sql.rows_as(
        Restriction,
        "SELECT channel, is_set, reason, recorded_by, recorded_at FROM collecting_restriction WHERE consumer_id = %s ORDER BY recorded_at, channel, seq",
        [consumer_id],
    )


# ------------------------------------------------------------------------------------------------------------------------------- promises

_PROMISE: Final = (
    "id, case_id, consumer_id, amount_minor, currency, due_on, paid_before_minor, state, recorded_by, made_on, made_at, ended_on, ended_at"
)


def running_promises(*, book_id: UUID, consumer_ids: Sequence[UUID]) -> dict[UUID, Promise]:
    """The promise of each consumer that is waited for."""
    found = _promises("book_id = %s AND consumer_id = ANY(%s) AND state = 'running'", [book_id, list(consumer_ids)])
    return {promise.consumer_id: promise for promise in found}


def promises(*, case_id: UUID) -> list[Promise]:
    """All promises of a case, the oldest first."""
    return _promises("case_id = %s ORDER BY made_at, id", [case_id])


def promises_by_id(*, book_id: UUID, ids: Sequence[UUID]) -> dict[UUID, Promise]:
    """Promises of a book; unknown ones are absent."""
    return {promise.id: promise for promise in _promises("book_id = %s AND id = ANY(%s)", [book_id, list(ids)])}


def _promises(where: str, params: list[Any]) -> list[Promise]:
    found = sql.rows(f"SELECT {_PROMISE} FROM collecting_promise WHERE {where}", params)
    return [Promise(i, case_id, consumer_id, Money(minor, currency), *rest) for i, case_id, consumer_id, minor, currency, *rest in found]


# ------------------------------------------------------------------------------------------------------------------------------- measures

_MEASURE: Final = (
    "id, loan_id, case_id, kind, body, amount_minor, loan_seq, alone, approval_id, state, fact_no, reason, recorded_by, proposed_on,"
    " proposed_at, ended_on, ended_at"
)


def measures(*, book_id: UUID, loan_ids: Sequence[UUID]) -> list[Measure]:
    """All that was proposed for loans, the oldest first."""
    return _measures("book_id = %s AND loan_id = ANY(%s) ORDER BY proposed_at, id", [book_id, list(loan_ids)])


def measures_of_case(*, book_id: UUID, case_id: UUID) -> list[Measure]:
    """All that was proposed while a case was open, the oldest first."""
    return _measures("book_id = %s AND case_id = %s ORDER BY proposed_at, id", [book_id, case_id])


def measure_of_approval(*, book_id: UUID, approval_id: UUID) -> Measure | None:
    """The measure that an approval is about."""
    return next(iter(_measures("book_id = %s AND approval_id = %s FOR NO KEY UPDATE", [book_id, approval_id])), None)


def measures_by_id(*, book_id: UUID, ids: Sequence[UUID]) -> dict[UUID, Measure]:
    """Measures of a book; unknown ones are absent."""
    return {measure.id: measure for measure in _measures("book_id = %s AND id = ANY(%s)", [book_id, list(ids)])}


def waiting_for(*, book_id: UUID, loan_ids: Sequence[UUID]) -> set[UUID]:
    """Those of the loans for which something waits for a decision."""
    found = sql.rows(
        "SELECT loan_id FROM collecting_measure WHERE book_id = %s AND loan_id = ANY(%s) AND state = 'waiting'", [book_id, list(loan_ids)]
    )
    return {row[0] for row in found}


def waived_alone(*, book_id: UUID, loan_ids: Sequence[UUID]) -> dict[UUID, int]:
    """What was waived of loans without a second person, in minor units."""
    found = sql.rows(
        "SELECT loan_id, sum(amount_minor)::bigint FROM collecting_measure WHERE book_id = %s AND loan_id = ANY(%s) AND kind = 'waived'"
        " AND alone AND state = 'entered' GROUP BY loan_id",
        [book_id, list(loan_ids)],
    )
    return dict(found)


def written_off_in(*, case_ids: Sequence[UUID]) -> set[UUID]:
    """Those of the cases in which a loan was written off, and stays so."""
    found = sql.rows(
        "SELECT DISTINCT case_id FROM collecting_measure m WHERE case_id = ANY(%s) AND kind = 'written_off' AND state = 'entered' AND NOT EXISTS"
        " (SELECT 1 FROM collecting_measure u WHERE u.loan_id = m.loan_id AND u.kind = 'undone' AND u.state = 'entered' AND u.fact_no > m.fact_no)",
        [list(case_ids)],
    )
    return {row[0] for row in found}


def _measures(where: str, params: list[Any]) -> list[Measure]:
    return sql.rows_as(Measure, f"SELECT {_MEASURE} FROM collecting_measure WHERE {where}", params)


# ------------------------------------------------------------------------------------------------------------------------------- closures


@dataclass(frozen=True, slots=True)
class Closure:
    """That a credit account was closed to purchases for a loan, and why: so many instalments `missed` up to the one due on `latest_on`, or that it was
    given up on that day by the fact `fact_no`, which was `undone` or not. `state_revision` is that of the account as it was closed, None where
    somebody else had frozen it."""

    consumer_id: UUID
    account_id: UUID
    loan_id: UUID
    reason: str
    missed: int | None
    latest_on: date
    recorded_on: date
    fact_no: int | None
    state_revision: int | None
    undone: bool


def closures(*, book_id: UUID, consumer_ids: Sequence[UUID]) -> list[Closure]:
    """For what the credit accounts of consumers were closed to purchases, the oldest first."""
    return sql.rows_as(
        Closure,
        "SELECT c.consumer_id, c.account_id, c.loan_id, c.reason, c.missed, c.latest_on, c.recorded_on, c.fact_no, c.state_revision,"
        " EXISTS (SELECT 1 FROM collecting_measure m WHERE m.loan_id = c.loan_id AND m.kind = 'undone' AND m.state = 'entered'"
        " AND (m.body ->> 'entry')::integer = c.fact_no)"
        " FROM collecting_closure c WHERE c.book_id = %s AND c.consumer_id = ANY(%s) ORDER BY c.recorded_at, c.id",
        [book_id, list(consumer_ids)],
    )
