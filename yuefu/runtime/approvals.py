"""Decisions that need two people. Who asks never decides: the table itself refuses it.

A person is a user, by whatever label each time: an API key acts for the user who made it. The platform itself may ask (then any
person may decide), and never decides.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from yuefu.errors import Refused
from yuefu.runtime import sql
from yuefu.runtime.jsontext import dumps
from yuefu.runtime.values import UnitOfWork

UNKNOWN_APPROVAL = "unknown_approval"
ALREADY_DECIDED = "already_decided"
SAME_PERSON = "same_person"  # whoever asked cannot decide
PERSON_NEEDED = "person_needed"  # neither the platform nor a key without a maker decides


@dataclass(frozen=True, slots=True)
class Approval:
    id: UUID
    action: str
    object_kind: str
    object_id: UUID | None
    content: Mapping[str, Any]
    requested_by: str
    requested_by_user: UUID | None
    state: str
    decided_by: str | None
    decided_by_user: UUID | None


_COLUMNS = "id, action, object_kind, object_id, content, requested_by, requested_by_user, state, decided_by, decided_by_user"


def listed(*, book_id: UUID, state: str | None = "waiting", action: str | None = None, limit: int = 100) -> list[Approval]:
    """Requests of a book in one state or in all, for one action or for any, the oldest first."""
    return sql.rows_as(
        Approval,
        f"SELECT {_COLUMNS} FROM runtime_approval WHERE book_id = %s AND (%s::text IS NULL OR state = %s)"
        " AND (%s::text IS NULL OR action = %s) ORDER BY requested_at, id LIMIT %s",
        [book_id, state, state, action, action, limit],
    )


def waiting_about(*, book_id: UUID, action: str, object_ids: Sequence[UUID]) -> list[Approval]:
    """Requests for an action that wait and are about some objects, the oldest first."""
    return sql.rows_as(
        Approval,
        f"SELECT {_COLUMNS} FROM runtime_approval WHERE book_id = %s AND state = 'waiting' AND action = %s"
        " AND object_id = ANY(%s::uuid[]) ORDER BY requested_at, id",
        [book_id, action, list(object_ids)],
    )


def waiting_for(*, book_id: UUID, action: str, object_ids: Sequence[UUID] | None = None) -> set[UUID]:
    """The objects about which a request for an action waits: those of some, or all."""
    found = sql.rows(
        "SELECT object_id FROM runtime_approval WHERE book_id = %s AND state = 'waiting' AND action = %s"
        " AND object_id IS NOT NULL AND (%s::uuid[] IS NULL OR object_id = ANY(%s::uuid[]))",
        [book_id, action, *([None if object_ids is None else list(object_ids)] * 2)],
    )
    return {row[0] for row in found}


def by_id(*, book_id: UUID, approval_id: UUID) -> Approval | None:
    """One request, without a lock."""
    found = sql.rows_as(Approval, f"SELECT {_COLUMNS} FROM runtime_approval WHERE book_id = %s AND id = %s", [book_id, approval_id])
    return found[0] if found else None


def request(*, work: UnitOfWork, action: str, object_kind: str, object_id: UUID | None, content: Mapping[str, Any], reason: str) -> UUID:
    """Asks for a second person's decision and returns the id of the approval."""
    assert work.by.kind == "system" or work.by.user_id, "who asks is a person, or the platform"
    approval_id = work.ids.new(work.now)
    sql.run(
        "INSERT INTO runtime_approval (id, book_id, action, object_kind, object_id, content, reason, requested_by,"
        " requested_by_user, requested_at, state, decision_reason) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, 'waiting', '')",
        [approval_id, work.book.id, action, object_kind, object_id, dumps(content), reason, work.by.label, work.by.user_id, work.now],
    )
    return approval_id


def decide(*, work: UnitOfWork, approval_id: UUID, approve: bool, reason: str, action: str | None = None) -> Approval | Refused:
    """Approves or rejects. Refused with PERSON_NEEDED, UNKNOWN_APPROVAL (also where it is about another `action`), ALREADY_DECIDED or
    SAME_PERSON."""
    by = work.by
    if by.kind == "system" or by.user_id is None:
        return Refused(PERSON_NEEDED, "a decision needs a person")
    found = sql.rows_as(
        Approval,
        f"SELECT {_COLUMNS} FROM runtime_approval WHERE id = %s AND book_id = %s FOR UPDATE",
        [approval_id, work.book.id],
    )
    if not found or action not in (None, found[0].action):
        return Refused(UNKNOWN_APPROVAL, "there is no such request in this book")
    asked = found[0]
    if asked.state != "waiting":
        return Refused(ALREADY_DECIDED, f"{asked.decided_by} decided this: {asked.state}")
    if asked.requested_by == by.label or asked.requested_by_user == by.user_id:
        return Refused(SAME_PERSON, "a second person has to decide what you asked for")
    state = "approved" if approve else "rejected"
    sql.run(
        "UPDATE runtime_approval SET state = %s, decided_by = %s, decided_by_user = %s, decided_at = %s, decision_reason = %s WHERE id = %s",
        [state, by.label, by.user_id, work.now, reason, approval_id],
    )
    return replace(asked, state=state, decided_by=by.label, decided_by_user=by.user_id)
