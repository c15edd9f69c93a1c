"""Refunds of earlier collections: an attempt takes its amount from what is left of the collection, a failure gives it back.

The table keeps that count: a trigger moves it by the statement that writes the refunds, and nobody else may.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final
from uuid import UUID

from yuefu import ids
from yuefu.errors import Refused
from yuefu.ledger.rules import Entry
from yuefu.money.amounts import Money
from yuefu.payments import entries, queries, rules
from yuefu.payments.commands import changes
from yuefu.payments.queries import refunding
from yuefu.payments.rules import ChannelRefund, ChannelResult, Collection
from yuefu.runtime import audit, keys, sql
from yuefu.runtime.values import UnitOfWork

_SCOPE: Final = refunding.REFUND_KEYS
_SEQ: Final = {(begun, end): 1 for begun in ("attempted", "unknown") for end in ("succeeded", "failed")}


@dataclass(frozen=True, slots=True)
class RefundAttempt:
    """Give `amount` of a collection back to the consumer who paid it. `reference`: the one by which the channel knows it already, because the bank of
    the consumer took it back; it follows from the key."""

    key: str
    collection_id: UUID
    amount: Money
    reference: str = field(default="", compare=False)


def attempt_refunds(*, work: UnitOfWork, attempts: Sequence[RefundAttempt]) -> list[ChannelRefund | Refused]:
    """Stores refunds with the reference the channel will know them by, each seeing what those before it left. Commit, then call.

    Refused with UNKNOWN_COLLECTION, COLLECTION_NOT_SUCCEEDED, REFUND_EXCEEDS_COLLECTION, AMOUNT_NOT_POSITIVE or CURRENCY_DIFFERS.
    Posts nothing: the money moves when the channel says so.
    """
    new = work.ids.many(work.now, len(attempts))

    def decide(fresh: list[int]) -> Mapping[int, ChannelRefund | Refused]:
        wanted = sorted({attempts[i].collection_id for i in fresh})
        left = queries.collections(book_id=work.book.id, ids=wanted, lock=True)
        outcomes: dict[int, ChannelRefund | Refused] = {}
        for i in fresh:
            collection = left.get(attempts[i].collection_id)
            refused = rules.refund_refusal(collection, attempts[i].amount, work.book.currency)
            if refused or collection is None:
                outcomes[i] = refused or Refused(rules.UNKNOWN_COLLECTION)
                continue
            left[collection.id] = replace(collection, refunded=collection.refunded + attempts[i].amount)
            outcomes[i] = _begun(work, new[i], attempts[i], collection)
        _store(work, [o for o in outcomes.values() if isinstance(o, ChannelRefund)])
        return outcomes

    def recall(known: Sequence[UUID]) -> Mapping[UUID, ChannelRefund]:
        return queries.refunds(book_id=work.book.id, ids=known)

    return keys.answer(work=work, scope=_SCOPE, requests=attempts, object_ids=new, decide=decide, recall=recall)


def refunds_attempted(*, work: UnitOfWork, keys_used: Sequence[str]) -> set[str]:
    """Those of some keys that an attempt was asked for with, in this book."""
    return {key for _, key in keys.stored(work=work, names=[(_SCOPE, key) for key in keys_used])}


def settle_refunds(*, work: UnitOfWork, results: Sequence[ChannelResult]) -> list[ChannelRefund | Refused]:
    """Books what the channel says, in order. Refusals as for collections. Posts one entry per success."""
    references = [r.reference for r in results]
    # The collections are locked before their refunds, as an attempt does, so that both never wait for each other.
    originals = {r.collection_id for r in queries.refunds_by_reference(book_id=work.book.id, references=references).values()}
    queries.collections(book_id=work.book.id, ids=sorted(originals), lock=True)
    known = queries.refunds_by_reference(book_id=work.book.id, references=references, lock=True)

    def apply(current: ChannelRefund | None, result: ChannelResult) -> ChannelRefund | Refused:
        return rules.refunded(current, result, work.day.on)

    decided = changes.decide(results, known, lambda r: r.reference, apply, _entries)
    changes.post(work, decided)
    settled = list(decided.changed.values())
    sql.update(
        "payments_channel_refund",
        "id",
        {
            "id": "uuid",
            "state": "text",
            "fee_returned_minor": "bigint",
            "provider_id": "text",
            "failure_code": "text",
            "settled_on": "date",
            "posted_on": "date",
        },
        [(r.id, r.state, r.fee.minor, r.provider_id, r.failure_code, r.settled_on, r.posted_on) for r in settled],
    )
    changes.tell(
        work, action="payments.settle_refunds", kind="channel_refund", things=settled, before=decided.before, seq=_SEQ, snapshot=_snapshot
    )
    return decided.outcomes


def _entries(before: ChannelRefund, after: ChannelRefund) -> list[Entry]:
    return [entries.refund_succeeded(after)] if after.state == "succeeded" and before.state != "succeeded" else []


def _begun(work: UnitOfWork, new_id: UUID, attempt: RefundAttempt, of: Collection) -> ChannelRefund:
    return ChannelRefund(
        id=new_id,
        reference=attempt.reference or ids.text("channel_refund", new_id),
        money_account_id=of.money_account_id,
        collection_id=of.id,
        original_reference=of.reference,
        consumer_id=of.consumer_id,
        loan_id=of.loan_id,
        order_id=of.order_id,
        funder_id=of.funder_id,
        amount=attempt.amount,
        fee=Money.zero(attempt.amount.currency),
        provider_id="",
        state="attempted",
        failure_code="",
        attempted_at=work.now,
        settled_on=None,
        posted_on=None,
        channel=of.channel,
    )


def _store(work: UnitOfWork, begun: Sequence[ChannelRefund]) -> None:
    columns = {
        "id": "uuid",
        "book_id": "uuid",
        "reference": "text",
        "money_account_id": "uuid",
        "collection_id": "uuid",
        "consumer_id": "uuid",
        "channel": "text",
        "amount_minor": "bigint",
        "fee_returned_minor": "bigint",
        "currency": "text",
        "provider_id": "text",
        "state": "text",
        "failure_code": "text",
        "attempted_at": "timestamptz",
    }
    book = work.book.id
    values = [
        (
            *(r.id, book, r.reference, r.money_account_id, r.collection_id, r.consumer_id, r.channel),
            *(r.amount.minor, 0, r.amount.currency, "", r.state, "", r.attempted_at),
        )
        for r in begun
    ]
    sql.insert("payments_channel_refund", columns, values)
    audit.record(work=work, action="payments.attempt_refunds", object_kind="channel_refund", object_ids=[r.id for r in begun])


def _snapshot(refund: ChannelRefund) -> Mapping[str, Any]:
    return {
        "amount": refund.amount,
        "state": refund.state,
        "failure_code": refund.failure_code,
        "collection_id": refund.collection_id,
        "order_id": refund.order_id,
        "settled_on": refund.settled_on,
    }
