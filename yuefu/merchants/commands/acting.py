"""Writes of which agents may act for which merchants."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from yuefu.errors import Refused
from yuefu.merchants.queries import payees
from yuefu.merchants.rules.payees import UNKNOWN_PAYEE
from yuefu.runtime import audit, locks, sql
from yuefu.runtime.values import UnitOfWork

NOT_ACTING: Final = "not_acting"


def grant(*, work: UnitOfWork, agent_id: UUID, merchant_id: UUID) -> UUID | Refused:
    """Lets an agent act for a merchant; one that may already goes on as it does. Refused with UNKNOWN_PAYEE where there is no such active agent."""
    agent = payees.by_id(ids=[agent_id]).get(agent_id)
    if agent is None or (agent.kind, agent.state) != ("agent", "active"):
        return Refused(UNKNOWN_PAYEE, "there is no such agent that is active", "agent")
    locks.wait(locks.PAYEES, work.book.id)
    found: UUID | None = sql.value(
        "SELECT id FROM merchants_acting WHERE agent_id = %s AND merchant_id = %s AND ended_at IS NULL", [agent_id, merchant_id]
    )
    if found:
        return found
    acting_id = work.ids.new(work.now)
    columns = {
        "id": "uuid", "book_id": "uuid", "merchant_id": "uuid", "agent_id": "uuid", "granted_at": "timestamptz", "granted_by": "text",
    }  # fmt: skip
    sql.insert("merchants_acting", columns, [(acting_id, work.book.id, merchant_id, agent_id, work.now, work.by.label)])
    audit.record(work=work, action="merchants.let_act", object_kind="acting", object_ids=[acting_id], detail={"agent": agent.code})
    return acting_id


def end(*, work: UnitOfWork, agent_id: UUID, merchant_id: UUID) -> UUID | Refused:
    """An agent acts for a merchant no more, from the next second on. Refused with NOT_ACTING."""
    found = sql.rows(
        "UPDATE merchants_acting SET ended_at = %s, ended_by = %s WHERE book_id = %s AND agent_id = %s AND merchant_id = %s AND ended_at IS NULL"
        " RETURNING id",
        [work.now, work.by.label, work.book.id, agent_id, merchant_id],
    )
    if not found:
        return Refused(NOT_ACTING, "the agent does not act for this merchant", "agent")
    audit.record(work=work, action="merchants.let_act_no_more", object_kind="acting", object_ids=[found[0][0]])
    done: UUID = found[0][0]
    return done
