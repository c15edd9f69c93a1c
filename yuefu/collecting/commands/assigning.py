"""Who looks after a case, and by what a person is not to be contacted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final
from uuid import UUID

from yuefu.access import queries as access
from yuefu.collecting import queries
from yuefu.collecting.commands.cases import tell
from yuefu.collecting.commands.contacts import case_fault
from yuefu.collecting.queries import Case
from yuefu.collecting.rules.contacting import ALL, CHANNEL_UNKNOWN
from yuefu.collecting.rules.policy import CHANNELS
from yuefu.consumers import queries as consumers
from yuefu.errors import Refused
from yuefu.runtime import audit, sql
from yuefu.runtime.values import UnitOfWork

NOT_A_MEMBER: Final = "not_a_member"  # a case is looked after by somebody with a role in the book
ALREADY_SO: Final = "already_so"  # it is as it was asked to be, perhaps by somebody else
UNKNOWN_CONSUMER: Final = "unknown_consumer"
REASON_INVALID: Final = "reason_invalid"
_LONGEST_REASON: Final = 500


@dataclass(frozen=True, slots=True)
class Assign:
    """`user_id` looks after a case from now on; None: nobody does."""

    case_id: UUID
    user_id: UUID | None
    reason: str


@dataclass(frozen=True, slots=True)
class Restrict:
    """A person is not to be contacted by a channel (or by `all`) any more, or with `is_set` false may be again."""

    consumer_id: UUID
    channel: str
    is_set: bool
    reason: str


def assign(*, work: UnitOfWork, assignments: Sequence[Assign]) -> list[UUID | Refused]:
    """Gives cases to people. Returns the cases. Refused with UNKNOWN_CASE, CASE_CLOSED, NOT_A_MEMBER, ALREADY_SO or REASON_INVALID."""
    found = queries.lock(book_id=work.book.id, case_ids=[one.case_id for one in assignments])
    members = {one.membership.user_id for one in access.members(book_id=work.book.id) if one.membership.merchant_id is None}
    last = _last_numbers(list(found))
    outcomes: list[UUID | Refused] = []
    changed: list[tuple[Case, Case]] = []
    rows = []
    for one in assignments:
        case = found.get(one.case_id)
        fault = case_fault(case) or reason_fault(one.reason)
        if fault or case is None:
            outcomes.append(fault or Refused(ALREADY_SO))
            continue
        if one.user_id is not None and one.user_id not in members:
            outcomes.append(Refused(NOT_A_MEMBER, "a case is given to somebody of the staff of this book", "user_id"))
            continue
        if one.user_id == case.assignee_id:
            outcomes.append(Refused(ALREADY_SO, "this person looks after the case already" if one.user_id else "nobody does", "user_id"))
            continue
        found[case.id] = after = replace(case, assignee_id=one.user_id, seq=case.seq + 1)
        last[case.id] = last.get(case.id, 0) + 1
        changed.append((case, after))
        rows.append((case.id, last[case.id], one.user_id, one.reason))
        outcomes.append(case.id)
    columns = {"id": "uuid", "case_id": "uuid", "no": "integer", "assignee_id": "uuid", "reason": "text"}
    sql.insert(
        "collecting_assignment",
        columns,
        [(new, *row) for new, row in zip(work.ids.many(work.now, len(rows)), rows, strict=True)],
        same={"book_id": ("uuid", work.book.id), "recorded_by": ("text", work.by.label), "recorded_at": ("timestamptz", work.now)},
    )
    after_all = list({after.id: after for _, after in changed}.values())
    sql.update(
        "collecting_case", "id", {"id": "uuid", "assignee_id": "uuid", "seq": "integer"}, [(c.id, c.assignee_id, c.seq) for c in after_all]
    )
    tell(work, "case.assigned", changed)
    audit.record(work=work, action="collect.assign", object_kind="case", object_ids=[after.id for _, after in changed])
    return outcomes


def _last_numbers(case_ids: Sequence[UUID]) -> dict[UUID, int]:
    return dict(sql.rows("SELECT case_id, max(no) FROM collecting_assignment WHERE case_id = ANY(%s) GROUP BY case_id", [list(case_ids)]))


def restrict(*, work: UnitOfWork, restrictions: Sequence[Restrict]) -> list[UUID | Refused]:
    """Keeps by what people are not to be contacted. Returns the consumers. Refused with UNKNOWN_CONSUMER, CHANNEL_UNKNOWN, REASON_INVALID or
    ALREADY_SO."""
    people = sorted({one.consumer_id for one in restrictions})
    known = consumers.states_held(book_id=work.book.id, ids=people)
    now = {consumer: set(channels) for consumer, channels in queries.restricted(consumer_ids=people).items()}
    last = _last_of_channels(people)
    outcomes: list[UUID | Refused] = []
    rows = []
    for one in restrictions:
        fault = _restriction_fault(one, known, now)
        if fault:
            outcomes.append(fault)
            continue
        name = (one.consumer_id, one.channel)
        last[name] = last.get(name, 0) + 1
        now[one.consumer_id] ^= {one.channel}
        rows.append((one.consumer_id, one.channel, last[name], one.is_set, one.reason))
        outcomes.append(one.consumer_id)
    columns = {"id": "uuid", "consumer_id": "uuid", "channel": "text", "seq": "integer", "is_set": "boolean", "reason": "text"}
    sql.insert(
        "collecting_restriction",
        columns,
        [(new, *row) for new, row in zip(work.ids.many(work.now, len(rows)), rows, strict=True)],
        same={"book_id": ("uuid", work.book.id), "recorded_by": ("text", work.by.label), "recorded_at": ("timestamptz", work.now)},
    )
    audit.record(work=work, action="collect.restrict", object_kind="consumer", object_ids=[row[0] for row in rows])
    return outcomes


def _last_of_channels(consumer_ids: Sequence[UUID]) -> dict[tuple[UUID, str], int]:
    found = sql.rows(
        "SELECT consumer_id, channel, max(seq) FROM collecting_restriction WHERE consumer_id = ANY(%s) GROUP BY consumer_id, channel",
        [list(consumer_ids)],
    )
    return {(consumer, channel): seq for consumer, channel, seq in found}


def _restriction_fault(one: Restrict, known: Mapping[UUID, str], now: Mapping[UUID, set[str]]) -> Refused | None:
    if one.consumer_id not in known:
        return Refused(UNKNOWN_CONSUMER, "there is no such consumer in this book", "consumer_id")
    if one.channel not in (*CHANNELS, ALL):
        return Refused(CHANNEL_UNKNOWN, f"a channel is one of {', '.join(CHANNELS)}, or {ALL}", "channel")
    if one.is_set == (one.channel in now[one.consumer_id]):
        return Refused(ALREADY_SO, "that is so already", "channel")
    return reason_fault(one.reason)


def reason_fault(reason: str) -> Refused | None:
    """A reason is what a second person can read."""
    if not 1 <= len(reason) <= _LONGEST_REASON or not reason.isprintable() or not reason.strip():
        return Refused(REASON_INVALID, f"a reason has 1 to {_LONGEST_REASON} printable characters", "reason")
    return None
