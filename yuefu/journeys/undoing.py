"""Undoing a repayment: what should not have been paid is taken off its loan and goes back to the consumer the way it came (ADR 0017)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from yuefu import ids as public
from yuefu.errors import Refused
from yuefu.journeys import refund as refunding
from yuefu.journeys import repayment
from yuefu.journeys.desk import Desk
from yuefu.journeys.refund import Excess
from yuefu.loans import commands as loans
from yuefu.loans import queries as loan_book
from yuefu.loans.commands import Reversal, Reversed
from yuefu.loans.rules import UNKNOWN_REPAYMENT
from yuefu.money.amounts import Money
from yuefu.papers import commands as papers
from yuefu.payments import queries as payment_book
from yuefu.payments.rules import ChannelRefund, Collection
from yuefu.runtime import audit, keys
from yuefu.runtime.batch import Quarantined
from yuefu.runtime.values import UnitOfWork

COLLECTION_REFUNDED = "collection_refunded"  # a part of it was given back: what is left of it paid for something else
REASON_INVALID = "reason_invalid"
_UNDO = "repayment.undo"
_NAMED = 20
_LONGEST_REASON = 500


@dataclass(frozen=True, slots=True)
class UndoRequest:
    """Take the repayment that came by a collection off its loan; `reason` is kept in the audit trail."""

    key: str
    collection_id: UUID
    reason: str


@dataclass(frozen=True, slots=True)
class Undone:
    """A repayment that was taken off its loan. `owed_back` is on its way back through the channel."""

    reversal_id: UUID
    collection_id: UUID
    loan_id: UUID
    amount: Money
    owed_back: Money


def undo(*, desk: Desk, now: datetime, requests: Sequence[UndoRequest]) -> list[Undone | Refused | Quarantined]:
    """Takes repayments off their loans, which are then as if they had never been paid, and gives the money back the way it came.

    One outcome a request, in order. Refused with reason_invalid, unknown_repayment, already_reversed, collection_refunded, excess_gone,
    limit_exceeded, account_closed, key_reused.
    """
    return refunding.giving_back(desk, now, _UNDO, requests, _undo)


def _undo(work: UnitOfWork, requests: Sequence[UndoRequest], begun: list[ChannelRefund]) -> list[Undone | Refused]:
    ids = work.ids.many(work.now, len(requests))

    def act(fresh: list[int]) -> dict[int, Undone | Refused]:
        outcomes: dict[int, Undone | Refused] = {**_given_back(work, {i: requests[i].collection_id for i in fresh})}
        reversing = [i for i in fresh if i not in outcomes]
        reversals = [Reversal(ids[i], requests[i].collection_id) for i in reversing]
        given = payment_book.not_failed(book_id=work.book.id, loan_ids=_loans_of(work, reversals))
        done = loans.reverse_repayments(work=work, reversals=reversals, given_back=given)
        outcomes.update({i: _undone(one) for i, one in zip(reversing, done, strict=True)})
        taken_off = [one for one in done if isinstance(one, Reversed)]
        papers.withdraw_reopened(work=work, loan_ids=sorted({one.loan_id for one in taken_off}))
        owed = [Excess(str(one.id), one.loan_id, one.excess, one.source_id) for one in taken_off if one.excess.minor > 0]
        begun.extend(refunding.attempt(work=work, excesses=owed))
        why = {str(requests[i].collection_id): requests[i].reason for i in reversing if isinstance(outcomes[i], Undone)}
        audit.record(work=work, action=_UNDO, object_kind="collection", object_ids=[o.source_id for o in taken_off], detail=why)
        return outcomes

    return keys.answer(
        work=work,
        scope=_UNDO,
        requests=requests,
        object_ids=ids,
        validate=lambda fresh: {i: _unreasoned() for i in fresh if not _is_reason(requests[i].reason)},
        decide=act,
        recall=_recall_undone,
    )


def _is_reason(text: str) -> bool:
    return 1 <= len(text) <= _LONGEST_REASON and text.isprintable() and bool(text.strip())


def _unreasoned() -> Refused:
    return Refused(REASON_INVALID, f"a reason has 1 to {_LONGEST_REASON} printable characters", "reason")


def _loans_of(work: UnitOfWork, reversals: Sequence[Reversal]) -> list[UUID]:
    """The loans that collections were applied to; they are locked."""
    applied = loan_book.repayments(work.book.id, [reversal.source_id for reversal in reversals])
    return sorted({repayment.loan_id for repayment in applied.values()})


def _given_back(work: UnitOfWork, asked: Mapping[int, UUID]) -> dict[int, Refused]:
    """Those of which something went back already, and those over several loans. The loans are locked first: whoever gives money of a loan back does that."""
    known = payment_book.collections(book_id=work.book.id, ids=sorted(set(asked.values())))
    loan_book.lock(work.book.id, sorted({c.loan_id for c in known.values() if c.loan_id}))
    now = payment_book.collections(book_id=work.book.id, ids=sorted(known))
    applied = loan_book.repayments(work.book.id, sorted(known))
    paying = {i for i, repayment in applied.items() if not repayment.reversed}  # Of others the loans say what they are.
    refunded = {
        index: Refused(COLLECTION_REFUNDED, f"{now[i].refunded} of this collection went back to the consumer before", "collection_id")
        for index, i in asked.items()
        if i in paying and now[i].refunded.minor
    }
    parts = repayment.parts_of(work.book.id, list(known.values()))
    return refunded | {index: _undone_by_part(parts[i]) for index, i in asked.items() if i in parts}


def _undone_by_part(parts: Sequence[Collection]) -> Refused:
    named = ", ".join(public.text("collection", part.id) for part in parts[:_NAMED])
    return Refused(UNKNOWN_REPAYMENT, f"this payment is over several loans: undo its parts, {named}", "collection_id")


def _undone(done: Reversed | Refused) -> Undone | Refused:
    return done if isinstance(done, Refused) else Undone(done.id, done.source_id, done.loan_id, done.amount, _owed_back(done.excess))


def _owed_back(excess: Money) -> Money:
    """Nothing, where what was too much before pays more than the repayment had."""
    return max(excess, Money.zero(excess.currency))


def _recall_undone(reversal_ids: Sequence[UUID]) -> dict[UUID, Undone]:
    return {i: Undone(i, r.source_id, r.loan_id, r.amount, _owed_back(r.excess)) for i, r in loan_book.reversals(reversal_ids).items()}
