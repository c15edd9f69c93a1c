"""What the channel said against its own word: kept once, and closed by a person."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from yuefu.errors import Refused
from yuefu.payments import queries, rules
from yuefu.payments.rules import ChannelResult, Collection, Contradiction
from yuefu.runtime import audit, outbox, sql
from yuefu.runtime.outbox import Event
from yuefu.runtime.values import UnitOfWork


@dataclass(frozen=True, slots=True)
class Closing:
    """What a person found: the channel's later word is accepted, or dismissed, for a reason."""

    contradiction_id: UUID
    accept: bool
    reason: str


def keep_contradictions(*, work: UnitOfWork, found: Sequence[tuple[Collection, ChannelResult, str]]) -> None:
    """Keeps answers that cannot be true beside their collections: (collection as it stands, answer, code). The same one again is there already."""
    if not found:
        return
    new = work.ids.many(work.now, len(found))
    made = {i: _of(work, i, *one) for i, one in zip(new, found, strict=True)}
    columns = {
        "id": "uuid",
        "collection_id": "uuid",
        "consumer_id": "uuid",
        "currency": "text",
        "code": "text",
        "stood": "text",
        "said": "text",
        "said_minor": "bigint",
        "said_fee_minor": "bigint",
        "said_currency": "text",
        "provider_id": "text",
        "said_code": "text",
        "said_on": "date",
    }
    values = [
        (
            *(x.id, x.collection_id, x.consumer_id, x.amount.currency, x.code, x.stood, x.said, x.said_amount.minor, x.said_fee.minor),
            *(x.said_amount.currency, x.provider_id, x.said_code, x.said_on),
        )
        for x in made.values()
    ]
    same = {
        "book_id": ("uuid", work.book.id),
        "state": ("text", "open"),
        "closed_by": ("text", ""),
        "reason": ("text", ""),
        "heard_at": ("timestamptz", work.now),
    }
    sql.insert("payments_contradiction", columns, values, same=same, suffix="ON CONFLICT DO NOTHING")
    kept = list(queries.contradictions(book_id=work.book.id, ids=list(made)).values())
    audit.record(work=work, action="payments.keep_contradictions", object_kind="contradiction", object_ids=[x.id for x in kept])
    outbox.emit(work=work, events=[Event("contradiction.found", "contradiction", x.id, 1, _snapshot(x)) for x in kept])


def close_contradictions(*, work: UnitOfWork, closings: Sequence[Closing]) -> list[Contradiction | Refused]:
    """Closes contradictions as a person found, one outcome each, in order; one that is closed so already is returned.

    Refused with UNKNOWN_CONTRADICTION, ALREADY_CLOSED, CANNOT_ACCEPT or REASON_INVALID. What is accepted still has to be booked: the journey
    gives `answer` to `settle_collections`, in a transaction of its own.
    """
    known = queries.contradictions(book_id=work.book.id, ids=[one.contradiction_id for one in closings], lock=True)
    outcomes: list[Contradiction | Refused] = []
    closed: dict[UUID, Contradiction] = {}
    for asked in closings:
        current = closed.get(asked.contradiction_id) or known.get(asked.contradiction_id)
        refused = rules.reason_refusal(asked.reason) or rules.closing_refusal(current, accept=asked.accept)
        if refused or current is None or current.state != "open":
            outcomes.append(refused or current or Refused(rules.UNKNOWN_CONTRADICTION, "there is no such contradiction in this book"))
            continue
        state = "accepted" if asked.accept else "dismissed"
        closed[current.id] = replace(current, state=state, closed_at=work.now, closed_by=work.by.label, reason=asked.reason)
        outcomes.append(closed[current.id])
    sql.update(
        "payments_contradiction",
        "id",
        {"id": "uuid", "state": "text", "closed_at": "timestamptz", "closed_by": "text", "reason": "text"},
        [(x.id, x.state, x.closed_at, x.closed_by, x.reason) for x in closed.values()],
    )
    why = {str(x.id): x.reason for x in closed.values()}
    audit.record(work=work, action="payments.close_contradictions", object_kind="contradiction", object_ids=list(closed), detail=why)
    events = []
    for x in closed.values():
        now = _snapshot(x)
        events.append(Event(f"contradiction.{x.state}", "contradiction", x.id, 2, now, outbox.changes(_snapshot(known[x.id]), now)))
    outbox.emit(work=work, events=events)
    return outcomes


def _of(work: UnitOfWork, new_id: UUID, collection: Collection, said: ChannelResult, code: str) -> Contradiction:
    return Contradiction(
        id=new_id,
        collection_id=collection.id,
        reference=collection.reference,
        consumer_id=collection.consumer_id,
        loan_id=collection.loan_id,
        amount=collection.amount,
        code=code,
        stood=collection.state,
        said=said.outcome,
        said_amount=said.amount,
        said_fee=said.fee,
        provider_id=said.provider_id,
        said_code=said.failure_code,
        said_on=said.on,
        heard_at=work.now,
        state="open",
        closed_at=None,
        closed_by="",
        reason="",
    )


def _snapshot(x: Contradiction) -> Mapping[str, Any]:
    return {
        "id": x.id,
        "collection_id": x.collection_id,
        "consumer_id": x.consumer_id,
        "loan_id": x.loan_id,
        "amount": x.amount,
        "code": x.code,
        "stood": x.stood,
        "said": x.said,
        "told": x.said_amount,
        "said_on": x.said_on,
        "state": x.state,
        "closed_at": x.closed_at,
    }
