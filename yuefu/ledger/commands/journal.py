"""The manual journal: one person proposes an entry with a reason, another one approves it, and only then is it posted."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from yuefu.errors import Refused, RefusedError
from yuefu.ledger.commands.posting import post
from yuefu.ledger.rules import Posted
from yuefu.ledger.rules.journal import ManualEntry, content, entry, fault, from_content
from yuefu.runtime import approvals, audit, sql
from yuefu.runtime.values import UnitOfWork

JOURNAL: Final = "journal.post"
"""The action of the approval that a manual entry needs."""


def propose_entry(*, work: UnitOfWork, given: ManualEntry) -> UUID | Refused:
    """Asks for a manual entry; nothing is posted until a second person decides with `decide_entry`. Returns the approval.

    Refused as `ledger.rules.journal` says.
    """
    refused = fault(given, work.day.on)
    if refused:
        return refused
    asked = content(given, work.book.id)
    return approvals.request(work=work, action=JOURNAL, object_kind="entry", object_id=None, content=asked, reason=given.reason)


def decide_entry(*, work: UnitOfWork, approval_id: UUID, approve: bool, reason: str) -> UUID | Refused | None:
    """Approves a manual entry, which posts it to the day of `work`, or rejects it. Returns the entry; None after a rejection.

    Refused as `approvals.decide`. Raises RefusedError where the entry can no longer be posted: the transaction rolls back, and the request
    goes on waiting.
    """
    decided = approvals.decide(work=work, approval_id=approval_id, approve=approve, reason=reason, action=JOURNAL)
    if isinstance(decided, Refused) or not approve:
        return decided if isinstance(decided, Refused) else None
    given = from_content(decided.content)
    refused = fault(given, work.day.on)
    outcome = refused or post(work=work, entries=[entry(f"journal:{approval_id}", given)])[0]
    if isinstance(outcome, Refused):
        raise RefusedError(outcome)
    assert isinstance(outcome, Posted)
    columns = {"book_id": "uuid", "approval_id": "uuid", "entry_id": "uuid", "posted_on": "date"}
    sql.insert("ledger_journal", columns, [(work.book.id, approval_id, outcome.entry_id, work.day.on)])
    audit.record(work=work, action="ledger.journal", object_kind="entry", object_ids=[outcome.entry_id], detail={"approval": approval_id})
    return outcome.entry_id
