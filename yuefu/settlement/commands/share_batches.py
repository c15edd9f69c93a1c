"""What payees are owed of shares: on a pay day one batch each. What was paid outside of the platform is booked as a second person approves it; what the
platform pays is ordered in `share_payouts`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Final
from uuid import UUID

from yuefu.errors import Refused, RefusedError
from yuefu.ledger import commands as ledger
from yuefu.ledger.rules import AccountKey
from yuefu.merchants.queries import payees
from yuefu.money.amounts import Money
from yuefu.payments import queries as payment_book
from yuefu.runtime import approvals, audit, locks, outbox, policies, sql
from yuefu.runtime.outbox import Event
from yuefu.runtime.policies import MissingSetting
from yuefu.runtime.values import UnitOfWork
from yuefu.settlement import entries
from yuefu.settlement.queries import shares as queries
from yuefu.settlement.queries.shares import ShareBatch, ShareDue
from yuefu.settlement.rules import REFERENCE_REUSED
from yuefu.settlement.rules import shares as rules

PAY: Final = "settlement.pay_share"
"""The action of the approval that a payment needs."""
REFERENCE_INVALID: Final = "reference_invalid"
_LONGEST_REFERENCE: Final = 64

_BATCH: Final = {
    "id": "uuid", "book_id": "uuid", "party": "text", "payee_id": "uuid", "pay_on": "date", "currency": "text", "line_count": "integer",
    "earned_minor": "bigint", "refunded_minor": "bigint", "defaulted_minor": "bigint", "opening_minor": "bigint", "net_minor": "bigint",
    "due_minor": "bigint", "carried_minor": "bigint", "withheld_minor": "bigint", "state": "text", "reference": "text", "built_at": "timestamptz",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class SharePayment:
    """A batch that was paid: by whom the bank knows it, and why it is right, for the second person."""

    batch_id: UUID
    reference: str
    reason: str


def build_shares(*, work: UnitOfWork, pay_on: date) -> list[ShareBatch]:
    """Builds one batch for each payee that has shares which are due, of those that have none of that day. What is below nothing is carried."""
    locks.wait(locks.SETTLEMENT, work.book.id)
    served = queries.served(book_id=work.book.id, pay_on=pay_on)
    due = [one for one in queries.due(book_id=work.book.id, on=pay_on) if (one.party, one.payee_id) not in served]
    rates = _rates(work, due)
    new = work.ids.many(work.now, len(due))
    built = [_draft(work, one, batch_id, pay_on, rates.get(one.payee_id, 0)) for one, batch_id in zip(due, new, strict=True)]
    sql.insert("settlement_share_batch", _BATCH, [_row(work, one) for one in built])
    if built:
        named, params = sql.unnest({"batch_id": "uuid", "shares": "text"}, [(b.id, d.share_ids) for b, d in zip(built, due, strict=True)])
        sql.run(
            "INSERT INTO settlement_share_line (share_id, book_id, batch_id)"
            f" SELECT share_id, %s, g.batch_id FROM {named} AS g CROSS JOIN LATERAL unnest(g.shares::uuid[]) AS share_id",
            [work.book.id, *params],
        )
    withheld = [entries.shares_withheld(b.id, b.party, b.totals.withheld) for b in built if b.totals.withheld]
    refused = [one for one in ledger.post(work=work, entries=withheld) if isinstance(one, Refused)] if withheld else []
    assert not refused, f"what is owed can be withheld: {refused[:1]}"
    _tell(work, "settlement.build_shares", built)
    return built


def _rates(work: UnitOfWork, due: Sequence[ShareDue]) -> dict[UUID, int]:
    """What is withheld, by payee: of those who are persons. A book from before there was a setting withholds nothing."""
    try:
        rates = rules.withholding(policies.in_force(book_id=work.book.id, name=rules.WITHHOLDING, on=work.day.on)[1])
    except MissingSetting:
        return {}
    known = payees.by_id(ids=sorted({one.payee_id for one in due})) if any(rates.values()) else {}
    return {one.id: rates[one.kind] for one in known.values() if one.form == "person"}


def _draft(work: UnitOfWork, due: ShareDue, batch_id: UUID, pay_on: date, withheld_ppm: int) -> ShareBatch:
    figures = rules.totals(due.sums, opening=Money(due.carried, work.book.currency), withheld_ppm=withheld_ppm)
    return ShareBatch(batch_id, due.party, due.payee_id, pay_on, due.count, figures, "due" if figures.due else "accrued", "")


def _row(work: UnitOfWork, one: ShareBatch) -> tuple[object, ...]:
    figures = (getattr(one.totals, name[: -len("_minor")]).minor for name in _BATCH if name.endswith("_minor"))
    return (
        *(one.id, work.book.id, one.party, one.payee_id, one.pay_on, work.book.currency, one.line_count),
        *(*figures, one.state, one.reference, work.now),
    )


def propose_share_payments(*, work: UnitOfWork, payments: Sequence[SharePayment]) -> list[UUID | Refused]:
    """Asks for batches to be booked as paid; nothing changes until a second person decides with `decide_share_payment`.

    Returns the approvals. Refused with UNKNOWN_BATCH, NOT_DUE, REFERENCE_INVALID or REFERENCE_REUSED.
    """
    known = queries.batches_by_id(book_id=work.book.id, ids=[one.batch_id for one in payments], lock=True)
    return [_fault(work, known.get(one.batch_id), one.reference) or _request(work, one, known[one.batch_id]) for one in payments]


def _request(work: UnitOfWork, one: SharePayment, batch: ShareBatch) -> UUID:
    return approvals.request(
        work=work,
        action=PAY,
        object_kind="settlement_share_batch",
        object_id=one.batch_id,
        content={"reference": one.reference, "amount_minor": batch.totals.pays.minor, "currency": batch.totals.pays.currency},
        reason=one.reason,
    )


def _fault(work: UnitOfWork, batch: ShareBatch | None, reference: str) -> Refused | None:
    if batch is None:
        return Refused(rules.UNKNOWN_BATCH, "there is no such batch of a payee in this book", "batch_id")
    if (batch.state, "paid") not in rules.TRANSITIONS or batch.state == "scheduled":
        return Refused(rules.NOT_DUE, f"the batch is {batch.state}", "batch_id")
    good = 1 <= len(reference) <= _LONGEST_REFERENCE and reference.isprintable() and reference == reference.strip()
    if not good:
        return Refused(REFERENCE_INVALID, f"a bank's reference has 1 to {_LONGEST_REFERENCE} printable characters", "reference")
    used = payment_book.payouts_by_reference(book_id=work.book.id, references=[reference])
    return Refused(REFERENCE_REUSED, "a payout of ours has this reference", "reference") if used else None


def decide_share_payment(*, work: UnitOfWork, approval_id: UUID, approve: bool, reason: str) -> ShareBatch | Refused | None:
    """Approves a payment, which books it from our own account at the bank, or rejects it. None after a rejection.

    Refused as `approvals.decide`. Raises RefusedError where the batch has been paid meanwhile: the transaction rolls back.
    """
    decided = approvals.decide(work=work, approval_id=approval_id, approve=approve, reason=reason, action=PAY)
    if isinstance(decided, Refused) or not approve:
        return decided if isinstance(decided, Refused) else None
    assert decided.object_id is not None, "it is about a batch"
    batch = queries.batches_by_id(book_id=work.book.id, ids=[decided.object_id], lock=True).get(decided.object_id)
    reference = decided.content["reference"]
    if fault := _fault(work, batch, reference):
        raise RefusedError(fault)
    assert batch is not None
    paid = replace(batch, state="paid", reference=reference, version=batch.version + 1, payout_id=None, reason="")
    (posted,) = ledger.post(work=work, entries=[entries.shares_paid(paid.id, paid.party, paid.totals.pays, _bank(work), reference)])
    if isinstance(posted, Refused):
        raise RefusedError(posted)
    store(work, "settlement.pay_share", [(paid, approval_id)])
    return paid


def store(work: UnitOfWork, action: str, steps: Sequence[tuple[ShareBatch, UUID | None]]) -> None:
    """Writes a step of batches and tells of it, each with the approval that it needed."""
    if not steps:
        return
    columns = {"id": "uuid", "state": "text", "reference": "text", "version": "integer", "payout_id": "uuid", "reason": "text"}
    named, params = sql.unnest(
        {**columns, "approval_id": "uuid"}, [(b.id, b.state, b.reference, b.version, b.payout_id, b.reason, a) for b, a in steps]
    )
    sql.run(
        "UPDATE settlement_share_batch AS b SET state = g.state, reference = g.reference, version = g.version, payout_id = g.payout_id,"
        f" reason = g.reason, approval_id = coalesce(g.approval_id, b.approval_id) FROM {named} AS g WHERE b.id = g.id",
        params,
    )
    _tell(work, action, [batch for batch, _ in steps])


def _bank(work: UnitOfWork) -> AccountKey:
    """Our own account at the bank."""
    return AccountKey("bank_cash", payment_book.money_accounts(book_id=work.book.id)["operating"].id)


def _tell(work: UnitOfWork, action: str, batches: Sequence[ShareBatch]) -> None:
    events = [Event(f"share_batch.{b.state}", "settlement_share_batch", b.id, b.version, _snapshot(b)) for b in batches]
    outbox.emit(work=work, events=events)
    audit.record(work=work, action=action, object_kind="settlement_share_batch", object_ids=[b.id for b in batches])


def _snapshot(batch: ShareBatch) -> Mapping[str, Any]:
    return {
        "id": batch.id, "party": batch.party, "payee_id": batch.payee_id, "pay_on": batch.pay_on, "line_count": batch.line_count,
        "totals": batch.totals, "state": batch.state, "reference": batch.reference, "payout_id": batch.payout_id, "reason": batch.reason,
    }  # fmt: skip
