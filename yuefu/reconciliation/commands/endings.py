"""A break is ended by hand, with a reason and no fix: by one person up to the limit that fixes have, above it once a second person approves."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from yuefu.errors import Refused, RefusedError
from yuefu.reconciliation import queries
from yuefu.reconciliation.commands.breaks import Ending, ending_fault, resolve_breaks
from yuefu.reconciliation.queries import Break
from yuefu.reconciliation.rules import fixes as rules
from yuefu.reconciliation.rules.breaks import RESOLVE, Working
from yuefu.runtime import approvals
from yuefu.runtime.values import UnitOfWork


def end_break(*, work: UnitOfWork, by: Working, ending: Ending) -> Break | UUID | Refused:
    """Moves a break along. One that is open and has more in question than one person ends alone waits for a second one: the approval is returned, the
    same again where that was asked for before. Refused as `resolve_breaks`."""
    found = queries.breaks_by_id(book_id=work.book.id, ids=[ending.break_id], lock=True).get(ending.break_id)
    if found is None or found.state != "open" or ending_fault(found, ending):
        return resolve_breaks(work=work, endings=[ending])[0]
    stake = queries.cases(book_id=work.book.id, breaks=[found])[found.id].stake
    if not by.needs_second(stake):
        return resolve_breaks(work=work, endings=[ending])[0]
    content: dict[str, Any] = {"state": ending.state, "reason": ending.reason, "amount_minor": stake.minor, "currency": stake.currency}
    waiting = approvals.waiting_about(book_id=work.book.id, action=RESOLVE, object_ids=[found.id])
    same = [one.id for one in waiting if dict(one.content) == content]
    if same:
        return same[0]
    return approvals.request(work=work, action=RESOLVE, object_kind="break", object_id=found.id, content=content, reason=ending.reason)


def decide_ending(*, work: UnitOfWork, approval_id: UUID, approve: bool, reason: str) -> Break | Refused | None:
    """Approves that a break is ended by hand, which ends it, or rejects it. None after a rejection.

    Refused as `approvals.decide`. Raises RefusedError with NO_LONGER_FITS where the break is not as it was: the transaction rolls back, and the request
    goes on waiting, to be rejected.
    """
    decided = approvals.decide(work=work, approval_id=approval_id, approve=approve, reason=reason, action=RESOLVE)
    if isinstance(decided, Refused):
        return decided
    if not approve:
        return None
    assert decided.object_id is not None, "it is about a break"
    found = queries.breaks_by_id(book_id=work.book.id, ids=[decided.object_id], lock=True)[decided.object_id]
    stake = queries.cases(book_id=work.book.id, breaks=[found])[found.id].stake
    if (found.state, stake.minor) != ("open", decided.content["amount_minor"]):
        raise RefusedError(Refused(rules.NO_LONGER_FITS, f"the break is {found.state}, with {stake} in question", "break_id"))
    (ended,) = resolve_breaks(work=work, endings=[Ending(found.id, decided.content["state"], decided.content["reason"])])
    return ended
