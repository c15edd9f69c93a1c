"""Freezes: money of a merchant stays here until a day or until two people let it go. What is frozen has an account of its own in the ledger.

A freeze takes what it lacks of whatever would be paid: of batches as they are built, of those that are held, and of payouts that no bank was given
yet or that came back. It never takes more than was asked, and lets all of it go when it ends, into the next batch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final
from uuid import UUID

from yuefu.errors import Refused, RefusedError
from yuefu.merchants import queries as merchants
from yuefu.money.amounts import Money
from yuefu.payments import commands as payments
from yuefu.payments.rules import amount_refusal
from yuefu.runtime import approvals, audit, locks, outbox, sql
from yuefu.runtime.values import UnitOfWork
from yuefu.settlement import queries, rules
from yuefu.settlement.commands.following import mark_payouts, schedule
from yuefu.settlement.commands.freezing import end, keep_of, told
from yuefu.settlement.rules import Freeze

FREEZE: Final = "settlement.freeze"
"""The action of the approval that a freeze needs; its object is the merchant."""
UNFREEZE: Final = "settlement.unfreeze"
"""The action of the approval that its end before its day needs; its object is the freeze."""


@dataclass(frozen=True, slots=True)
class NewFreeze:
    """Keep `amount` of a merchant's money, or all of it where that is None, until a day on which it goes on by itself. `reason` is for the second
    person and stays with the freeze."""

    merchant_id: UUID
    amount: Money | None
    until: date
    reason: str


def propose_freeze(*, work: UnitOfWork, wanted: NewFreeze) -> UUID | Refused:
    """Asks for a freeze; nothing is kept until a second person decides with `decide_freeze`. Returns the approval.

    Refused with UNKNOWN_MERCHANT, UNTIL_PASSED, AMOUNT_NOT_POSITIVE or CURRENCY_DIFFERS.
    """
    if wanted.merchant_id not in merchants.states(ids=[wanted.merchant_id], book_id=work.book.id):
        return Refused(rules.UNKNOWN_MERCHANT, "there is no such merchant in this book", "merchant_id")
    if wanted.amount is not None and (refused := amount_refusal(wanted.amount, work.book.currency)):
        return refused
    if wanted.until <= work.day.on:
        return _passed(work, wanted.until)
    content = freeze_content(wanted, currency=work.book.currency)
    return approvals.request(
        work=work, action=FREEZE, object_kind="merchant", object_id=wanted.merchant_id, content=content, reason=wanted.reason
    )


def freeze_content(wanted: NewFreeze, *, currency: str) -> dict[str, Any]:
    """What the second person reads of a freeze."""
    return {
        "amount_minor": wanted.amount.minor if wanted.amount else None,
        "currency": currency,
        "until": wanted.until.isoformat(),
        "reason": wanted.reason,
    }


def decide_freeze(*, work: UnitOfWork, approval_id: UUID, approve: bool, reason: str) -> UUID | Refused | None:
    """Approves a freeze, which keeps at once what is there, or rejects it. Returns the freeze; None after a rejection.

    Payouts that no bank was given yet are taken back; what the freeze leaves of them is ordered again. Refused as `approvals.decide`. Raises
    RefusedError with UNTIL_PASSED where its day has come meanwhile: the transaction rolls back.
    """
    locks.wait(locks.SETTLEMENT, work.book.id)  # no batch is built beside it
    decided = approvals.decide(work=work, approval_id=approval_id, approve=approve, reason=reason, action=FREEZE)
    if isinstance(decided, Refused):
        return decided
    if not approve:
        return None
    assert decided.object_id is not None, "a freeze is of somebody's money"
    if date.fromisoformat(decided.content["until"]) <= work.day.on:
        raise RefusedError(_passed(work, date.fromisoformat(decided.content["until"])))
    freeze_id = _begin(work, decided.object_id, decided.content, approval_id)
    keep_what_is_there(work=work, merchant_ids=[decided.object_id])
    return freeze_id


def keep_what_is_there(*, work: UnitOfWork, merchant_ids: Sequence[UUID]) -> None:
    """Freezes of merchants keep what they lack of all that no bank was given yet. Payouts are taken back; what is left of them is ordered again."""
    lacking = queries.merchants_lacking(book_id=work.book.id, merchant_ids=merchant_ids)
    if not lacking:
        return
    # In the order of whoever books an answer of a bank: payouts, then batches.
    recalled = payments.recall_payouts(work=work, merchant_ids=lacking, code=rules.FROZEN)
    mark_payouts(work=work, payouts=recalled)
    keep_of(work=work, batches=queries.batches_unpaid(book_id=work.book.id, merchant_ids=lacking, lock=True))
    taken_back = [payout.batch_id for payout in recalled]
    left = [batch.id for batch in queries.batches_by_id(book_id=work.book.id, ids=taken_back).values() if batch.pays]
    schedule(work=work, batch_ids=sorted(left))  # one that cannot be ordered again stays returned, for people


def propose_unfreeze(*, work: UnitOfWork, freeze_id: UUID, reason: str) -> UUID | Refused:
    """Asks for the end of a freeze before its day. Returns the approval. Refused with UNKNOWN_FREEZE or FREEZE_ENDED."""
    found = queries.freeze(book_id=work.book.id, freeze_id=freeze_id)
    if refused := _not_open(found):
        return refused
    assert found is not None, "it is open"
    content = {
        "merchant": str(found.merchant_id),
        "kept_minor": found.kept.minor,
        "currency": work.book.currency,
        "until": found.until.isoformat(),
    }
    return approvals.request(work=work, action=UNFREEZE, object_kind="freeze", object_id=freeze_id, content=content, reason=reason)


def decide_unfreeze(*, work: UnitOfWork, approval_id: UUID, approve: bool, reason: str) -> UUID | Refused | None:
    """Approves the end of a freeze, whose money goes into the next batch, or rejects it. Returns the freeze; None after a rejection.

    Refused as `approvals.decide`. Raises RefusedError with FREEZE_ENDED where it ended meanwhile.
    """
    locks.wait(locks.SETTLEMENT, work.book.id)
    decided = approvals.decide(work=work, approval_id=approval_id, approve=approve, reason=reason, action=UNFREEZE)
    if isinstance(decided, Refused):
        return decided
    if not approve:
        return None
    assert decided.object_id is not None, "it is about a freeze"
    found = queries.freeze(book_id=work.book.id, freeze_id=decided.object_id, lock=True)
    if refused := _not_open(found):
        raise RefusedError(refused)
    assert found is not None, "it is open"
    end(work=work, ended=[found], approval_id=approval_id)
    return found.id


def _begin(work: UnitOfWork, merchant_id: UUID, content: Mapping[str, Any], approval_id: UUID) -> UUID:
    freeze_id = work.ids.new(work.now)
    sql.run(
        "INSERT INTO settlement_freeze (id, book_id, merchant_id, asked_minor, currency, until, reason, begun_on, approval_id, recorded_by, recorded_at)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
        [
            *(freeze_id, work.book.id, merchant_id, content["amount_minor"], content["currency"], content["until"], content["reason"]),
            *(work.day.on, approval_id, work.by.label, work.now),
        ],
    )
    begun = queries.freeze(book_id=work.book.id, freeze_id=freeze_id)
    assert begun is not None, "it was written"
    outbox.emit(work=work, events=[told(begun)])
    audit.record(
        work=work, action=FREEZE, object_kind="freeze", object_ids=[freeze_id], detail={"merchant": merchant_id, "approval": approval_id}
    )
    return freeze_id


def _not_open(found: Freeze | None) -> Refused | None:
    if found is None:
        return Refused(rules.UNKNOWN_FREEZE, "there is no such freeze in this book", "freeze")
    return Refused(rules.FREEZE_ENDED, f"this freeze ended on {found.ended_on}", "freeze") if found.state != "open" else None


def _passed(work: UnitOfWork, until: date) -> Refused:
    return Refused(rules.UNTIL_PASSED, f"it is {work.day.on}: a freeze ends on a later day than today, not on {until}", "until")
