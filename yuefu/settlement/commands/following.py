"""Batches follow what the bank says of their payouts; those that are held or came back are ordered again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

from yuefu.errors import Refused
from yuefu.merchants import commands as merchant_book
from yuefu.merchants import queries as merchants
from yuefu.payments import commands as payments
from yuefu.payments.commands import PayoutOrder
from yuefu.payments.rules import Payout, account_at_fault
from yuefu.runtime import audit, outbox, sql
from yuefu.runtime.outbox import Event
from yuefu.runtime.values import UnitOfWork
from yuefu.settlement import queries, rules
from yuefu.settlement.commands.freezing import keep_of
from yuefu.settlement.queries import Batch


def schedule(*, work: UnitOfWork, batch_ids: Sequence[UUID], by_hand: bool = False, outside: str = "") -> list[Batch | Refused]:
    """Orders the payout of batches that were held, or whose payout came back; first freezes take what they lack of them.

    `by_hand`: two people order it, whatever the merchant's state. `outside`: it was paid already, under this reference and to whatever account the bank
    was told. Refused with UNKNOWN_BATCH, NOT_POSSIBLE, NOTHING_TO_PAY, ACCOUNT_FLAGGED, or as the ledger refuses.
    """
    before = queries.batches_by_id(book_id=work.book.id, ids=batch_ids, lock=True)
    able = sorted((b for b in before.values() if (b.state, "scheduled") in rules.TRANSITIONS), key=lambda batch: (batch.pay_on, batch.id))
    known = before | {batch.id: batch for batch in keep_of(work=work, batches=able)}
    flagged = set() if outside else set(merchants.flagged(book_id=work.book.id))
    outcomes: dict[UUID, Batch | Refused] = {i: _refusal(known.get(i), flagged) or _step(known.get(i), "scheduled") for i in batch_ids}
    ready = [outcome for outcome in outcomes.values() if isinstance(outcome, Batch)]
    for batch, payout in zip(ready, order(work, ready, by_hand=by_hand, reference=outside), strict=True):
        outcomes[batch.id] = payout if isinstance(payout, Refused) else replace(batch, payout_id=payout.id)
    _change(work, "settlement.schedule", known, [o for o in outcomes.values() if isinstance(o, Batch)])
    return [outcomes[i] for i in batch_ids]


def mark_payouts(*, work: UnitOfWork, payouts: Sequence[Payout]) -> list[Batch | Refused]:
    """Lets batches follow their payouts: paid or returned. What is not news changes nothing. An account that money came back from is flagged; freezes
    take what they lack of what came back.

    Refused with UNKNOWN_BATCH, or NOT_POSSIBLE where a batch has another payout by now.
    """
    known = queries.batches_by_id(book_id=work.book.id, ids=[p.batch_id for p in payouts], lock=True)
    changed: dict[UUID, Batch] = {}
    steps: list[Batch] = []
    outcomes: list[Batch | Refused] = []
    for payout in payouts:
        batch = changed.get(payout.batch_id, known.get(payout.batch_id))
        outcome = _follow(batch, payout)
        outcomes.append(outcome)
        if isinstance(outcome, Batch) and outcome is not batch:
            changed[outcome.id] = outcome
            steps.append(outcome)
    _change(work, "settlement.mark_payouts", known, steps)
    merchant_book.flag_accounts(
        work=work, faults={p.account_id: p.failure_code or "returned" for p in payouts if account_at_fault(p) and p.account_id}
    )
    keep_of(work=work, batches=[batch for batch in changed.values() if batch.state == "returned"])
    return outcomes


def mark_reconciled(*, work: UnitOfWork, batch_ids: Sequence[UUID]) -> list[Batch | Refused]:
    """Marks paid batches whose payout was found in the bank's statement. Refused with UNKNOWN_BATCH or NOT_POSSIBLE."""
    known = queries.batches_by_id(book_id=work.book.id, ids=batch_ids, lock=True)
    outcomes = {i: _known_as(known.get(i), "reconciled") or _step(known.get(i), "reconciled") for i in batch_ids}
    news = [o for o in outcomes.values() if isinstance(o, Batch) and o is not known.get(o.id)]
    _change(work, "settlement.mark_reconciled", known, news)
    return [outcomes[i] for i in batch_ids]


def order(work: UnitOfWork, batches: Sequence[Batch], *, by_hand: bool = False, reference: str = "") -> list[Payout | Refused]:
    """Orders what batches pay; one outcome each, in order. A `reference` is that of one batch."""
    try_no = ":by_hand" if by_hand else ""  # what was refused before people looked at it is asked for anew
    orders = [PayoutOrder(f"{b.id}:{b.version}{try_no}", b.merchant_id, b.id, b.pays, by_hand, reference) for b in batches]
    return payments.order_payouts(work=work, orders=orders)


def _follow(batch: Batch | None, payout: Payout) -> Batch | Refused:
    if batch is not None and batch.payout_id != payout.id:
        return Refused(rules.NOT_POSSIBLE, "the batch has another payout by now", "payout_id")
    if payout.state in ("scheduled", "sent") or (payout.state == "paid" and batch is not None and batch.state == "reconciled"):
        return batch or _unknown()
    reason = (payout.failure_code or "returned") if payout.state == "returned" else ""
    return _known_as(batch, payout.state) or _step(batch, payout.state, reason)


def _refusal(batch: Batch | None, flagged: set[UUID]) -> Refused | None:
    if batch is not None and (batch.state, "scheduled") in rules.TRANSITIONS:
        if batch.merchant_id in flagged:
            return Refused(
                rules.ACCOUNT_FLAGGED, "a bank sent money back from the merchant's account: it is paid once it has another", "batch_id"
            )
        if not batch.pays:
            return Refused(rules.NOTHING_TO_PAY, "all that this batch would pay is frozen", "batch_id")
    return None


def _known_as(batch: Batch | None, state: str) -> Batch | None:
    return batch if batch is not None and batch.state == state else None


def _step(batch: Batch | None, state: str, reason: str = "") -> Batch | Refused:
    if batch is None:
        return _unknown()
    if (batch.state, state) not in rules.TRANSITIONS:
        return Refused(rules.NOT_POSSIBLE, f"the batch is {batch.state} and cannot become {state}", "state")
    return replace(batch, state=state, version=batch.version + 1, reason=reason)


def _unknown() -> Refused:
    return Refused(rules.UNKNOWN_BATCH, "there is no such batch in this book", "batch_id")


def _change(work: UnitOfWork, action: str, before: Mapping[UUID, Batch], steps: Sequence[Batch]) -> None:
    """Writes the last state of each batch and tells of every step."""
    columns = {"id": "uuid", "state": "text", "version": "integer", "payout_id": "uuid", "reason": "text"}
    last = {batch.id: batch for batch in steps}
    sql.update("settlement_batch", "id", columns, [(b.id, b.state, b.version, b.payout_id, b.reason) for b in last.values()])
    tell(work, action, before, steps)


def tell(work: UnitOfWork, action: str, before: Mapping[UUID, Batch], steps: Sequence[Batch]) -> None:
    """An event for each step of a batch, and one audit row for all."""
    seen = dict(before)
    events = []
    for batch in steps:
        snapshot, earlier = _snapshot(batch), seen.get(batch.id)
        changed = outbox.changes(_snapshot(earlier), snapshot) if earlier else None
        events.append(Event(f"settlement_batch.{batch.state}", "settlement_batch", batch.id, batch.version, snapshot, changed))
        seen[batch.id] = batch
    outbox.emit(work=work, events=events)
    audit.record(work=work, action=action, object_kind="settlement_batch", object_ids=[batch.id for batch in steps])


def _snapshot(batch: Batch) -> Mapping[str, Any]:
    return {
        "id": batch.id,
        "merchant_id": batch.merchant_id,
        "pay_on": batch.pay_on,
        "state": batch.state,
        "line_count": batch.line_count,
        "totals": batch.totals,
        "payout_id": batch.payout_id,
        "reason": batch.reason,
        "withheld": batch.totals.payout - batch.pays,
    }
