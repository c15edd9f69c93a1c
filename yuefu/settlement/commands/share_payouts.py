"""Paying what payees are owed: two people order the payouts of batches, which then follow what the bank says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Final
from uuid import UUID

from yuefu import ids
from yuefu.errors import Refused, RefusedError
from yuefu.merchants.commands import payee_accounts
from yuefu.merchants.queries import payee_accounts as accounts
from yuefu.merchants.queries.payee_accounts import PayeeAccount
from yuefu.merchants.rules import payees
from yuefu.payments import commands as payments
from yuefu.payments.commands import SharePayoutOrder
from yuefu.payments.rules import Payout, account_at_fault
from yuefu.runtime import approvals, locks
from yuefu.runtime.values import UnitOfWork
from yuefu.settlement.commands.following import mark_payouts
from yuefu.settlement.commands.share_batches import PAY, store
from yuefu.settlement.queries import shares as queries
from yuefu.settlement.queries.shares import ShareBatch
from yuefu.settlement.rules import ACCOUNT_FLAGGED, CHANGED_SINCE, NOT_POSSIBLE
from yuefu.settlement.rules import shares as rules

RELEASE: Final = "settlement.release_shares"
"""The action of the approval that payouts of shares need: one for many batches, each named with its amount."""
MOST: Final = 1_000
"""Batches that are asked for at once: two people are to look at them."""


@dataclass(frozen=True, slots=True)
class ShareRelease:
    """Batches of payees that shall be paid; `reason` is for the second person."""

    batch_ids: tuple[UUID, ...]
    reason: str


def releasable(*, book_id: UUID, pay_on: date | None = None) -> tuple[list[UUID], dict[UUID, str]]:
    """Batches that may be released now, the oldest pay day first, and of those that are due or came back and may not, why: NO_ACCOUNT, ACCOUNT_FLAGGED,
    SALE_HELD, or WAITS where they are in a request already."""
    asked = approvals.listed(book_id=book_id, action=RELEASE, limit=MOST)
    waiting = {UUID(batch_id) for one in asked for batch_id in one.content["batches"]}
    wanted = queries.unpaid(book_id=book_id, pay_on=pay_on)
    known = queries.batches_by_id(book_id=book_id, ids=wanted)
    faults = _faults(book_id, wanted, known)
    why = {i: rules.WAITS if i in waiting else faults[i].code for i in wanted if i in waiting or i in faults}
    return [i for i in wanted if i not in why][:MOST], why


def propose_share_release(*, work: UnitOfWork, release: ShareRelease) -> UUID | Refused:
    """Asks for the payouts of batches that are due or came back; nothing is paid until a second person decides with `decide_share_release`. Returns the
    approval.

    Refused with NOTHING_TO_PAY, TOO_MANY, UNKNOWN_BATCH, NOT_DUE, WAITS where a payment outside was told and not decided, NO_ACCOUNT, ACCOUNT_FLAGGED
    or SALE_HELD: all of them or none.
    """
    wanted = sorted(set(release.batch_ids))
    if not wanted:
        return Refused(rules.NOTHING_TO_PAY, "no batch of a payee is due", "batches")
    if len(wanted) > MOST:
        return Refused(rules.TOO_MANY, f"at most {MOST} batches are asked for at once", "batches")
    known = queries.batches_by_id(book_id=work.book.id, ids=wanted)
    if faults := _faults(work.book.id, wanted, known):
        return next(iter(faults.values()))
    total = sum(batch.totals.pays.minor for batch in known.values())
    content = {
        "batches": {str(batch_id): known[batch_id].totals.pays.minor for batch_id in wanted},
        "total_minor": total,
        "currency": work.book.currency,
    }
    return approvals.request(
        work=work, action=RELEASE, object_kind="settlement_share_batch", object_id=None, content=content, reason=release.reason
    )


def decide_share_release(*, work: UnitOfWork, approval_id: UUID, approve: bool, reason: str) -> list[ShareBatch] | Refused | None:
    """Approves payouts of shares, which orders them, or rejects them. None after a rejection.

    Refused as `approvals.decide`. Raises RefusedError with CHANGED_SINCE where a batch pays another amount, and as `propose_share_release` refuses: the
    transaction rolls back and the request goes on waiting.
    """
    locks.wait(locks.SETTLEMENT, work.book.id)  # nothing is frozen beside it
    decided = approvals.decide(work=work, approval_id=approval_id, approve=approve, reason=reason, action=RELEASE)
    if isinstance(decided, Refused) or not approve:
        return decided if isinstance(decided, Refused) else None
    asked = {UUID(batch_id): minor for batch_id, minor in decided.content["batches"].items()}
    known = queries.batches_by_id(book_id=work.book.id, ids=sorted(asked), lock=True)
    if faults := _faults(work.book.id, sorted(asked), known):
        raise RefusedError(next(iter(faults.values())))
    if any(batch.totals.pays.minor != asked[batch.id] for batch in known.values()):
        raise RefusedError(Refused(CHANGED_SINCE, "a batch is not as it was: reject this and ask anew", "approval_id"))
    batches = [known[batch_id] for batch_id in sorted(asked)]
    orders = [SharePayoutOrder(f"{b.id}:{b.version}", b.party, b.payee_id, b.id, b.totals.pays) for b in batches]
    ordered = []
    for batch, payout in zip(batches, payments.order_share_payouts(work=work, orders=orders), strict=True):
        if isinstance(payout, Refused):
            raise RefusedError(payout)
        step = replace(batch, state="scheduled", version=batch.version + 1, payout_id=payout.id, reference=payout.reference, reason="")
        ordered.append(step)
    store(work, "settlement.release_shares", [(batch, approval_id) for batch in ordered])
    return ordered


def _faults(book_id: UUID, wanted: Sequence[UUID], known: Mapping[UUID, ShareBatch]) -> dict[UUID, Refused]:
    """Why some of them are not paid, in their order."""
    kept = queries.with_sales_kept(batch_ids=wanted)
    told = approvals.waiting_for(book_id=book_id, action=PAY, object_ids=wanted)
    where = accounts.in_force(book_id=book_id, payee_ids=sorted({batch.payee_id for batch in known.values()}))
    found = ((batch_id, _fault(known.get(batch_id), where, kept, told)) for batch_id in wanted)
    return {batch_id: fault for batch_id, fault in found if fault}


def _fault(batch: ShareBatch | None, where: Mapping[UUID, PayeeAccount], kept: set[UUID], told: set[UUID]) -> Refused | None:
    if batch is None:
        return Refused(rules.UNKNOWN_BATCH, "there is no such batch of a payee in this book", "batches")
    number = ids.text("share_batch", batch.id)
    if (batch.state, "scheduled") not in rules.TRANSITIONS:
        return Refused(rules.NOT_DUE, f"the batch {number} is {batch.state}", "batches")
    if batch.id in told:
        return Refused(rules.WAITS, f"somebody told that the batch {number} was paid already: decide that first", "batches")
    account = where.get(batch.payee_id)
    if account is None:
        return Refused(payees.NO_ACCOUNT, f"nobody has said where the {batch.party} of batch {number} is paid to", "batches")
    if account.flagged_on:
        return Refused(ACCOUNT_FLAGGED, f"a bank sent money back from the account of batch {number}: give it another", "batches")
    return (
        Refused(rules.SALE_HELD, f"a merchant's money of a sale in batch {number} is held or frozen", "batches")
        if batch.id in kept
        else None
    )


def follow_payouts(*, work: UnitOfWork, payouts: Sequence[Payout]) -> None:
    """Lets batches follow what a bank said of their payouts, those of merchants and those of payees."""
    mark_payouts(work=work, payouts=[p for p in payouts if p.merchant_id])
    mark_share_payouts(work=work, payouts=[p for p in payouts if p.payee_id])


def mark_share_payouts(*, work: UnitOfWork, payouts: Sequence[Payout]) -> list[ShareBatch | Refused]:
    """Lets batches of payees follow their payouts: paid or returned. What is not news changes nothing. An account that money came back from is flagged.

    Refused with UNKNOWN_BATCH, or NOT_POSSIBLE where a batch has another payout by now.
    """
    if not payouts:
        return []
    known = queries.batches_by_id(book_id=work.book.id, ids=[p.batch_id for p in payouts], lock=True)
    outcomes: list[ShareBatch | Refused] = []
    rounds: list[dict[UUID, ShareBatch]] = []  # the first steps of batches, then their second ones: each is written by itself
    for payout in payouts:
        batch = known.get(payout.batch_id)
        outcome = _follow(batch, payout)
        outcomes.append(outcome)
        if isinstance(outcome, ShareBatch) and outcome is not batch:
            known[outcome.id] = outcome
            free = next((steps for steps in rounds if outcome.id not in steps), None)
            if free is None:
                rounds.append(free := {})
            free[outcome.id] = outcome
    for steps in rounds:
        store(work, "settlement.mark_share_payouts", [(batch, None) for batch in steps.values()])
    payee_accounts.flag_payee_accounts(
        work=work, faults={p.account_id: p.failure_code or "returned" for p in payouts if account_at_fault(p) and p.account_id}
    )
    return outcomes


def _follow(batch: ShareBatch | None, payout: Payout) -> ShareBatch | Refused:
    if batch is None:
        return Refused(rules.UNKNOWN_BATCH, "there is no such batch of a payee in this book", "batch_id")
    if batch.payout_id != payout.id:
        return Refused(NOT_POSSIBLE, "the batch has another payout by now", "payout_id")
    if payout.state in ("scheduled", "sent") or payout.state == batch.state or (payout.state, batch.state) == ("paid", "reconciled"):
        return batch
    if (batch.state, payout.state) not in rules.TRANSITIONS:
        return Refused(NOT_POSSIBLE, f"the batch is {batch.state}", "state")
    reason = (payout.failure_code or "returned") if payout.state == "returned" else ""
    return replace(batch, state=payout.state, version=batch.version + 1, reason=reason)


def mark_shares_reconciled(*, work: UnitOfWork, references: Sequence[str]) -> list[ShareBatch]:
    """Marks batches of payees that were paid and that the bank's statement shows under these references, wherever they were paid from."""
    paid = queries.paid_as(book_id=work.book.id, references=references)
    known = queries.batches_by_id(book_id=work.book.id, ids=paid, lock=True) if paid else {}
    found = [replace(b, state="reconciled", version=b.version + 1) for b in known.values() if b.state == "paid"]
    store(work, "settlement.mark_reconciled", [(batch, None) for batch in found])
    return found
