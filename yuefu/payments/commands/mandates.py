"""Mandates: asked for before the channel is, ended before it is told. What is still planned of one ends with it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final
from uuid import UUID

from yuefu import ids
from yuefu.consumers import queries as consumers
from yuefu.errors import Refused
from yuefu.money.amounts import Money
from yuefu.payments import queries, rules
from yuefu.payments.commands.debit_steps import stop_debits
from yuefu.payments.rules import Mandate, MandateResult
from yuefu.runtime import audit, keys, outbox, sql
from yuefu.runtime.outbox import Event
from yuefu.runtime.values import Actor, UnitOfWork

_SCOPE: Final = "payments.mandate"


@dataclass(frozen=True, slots=True)
class NewMandate:
    """Ask a consumer's channel for a mandate on an instrument: `limit` is what one debit may take at most. `key` is one of the consumer."""

    key: str
    consumer_id: UUID
    kind: str
    instrument: str
    limit: Money
    valid_until: date | None = None
    by: Actor | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Revocation:
    """The off switch. With `consumer_id` it is that consumer who turns it, and only a mandate of their own."""

    mandate_id: UUID
    reason: str
    consumer_id: UUID | None = None


def begin_mandates(*, work: UnitOfWork, requests: Sequence[NewMandate], today: date) -> list[Mandate | Refused]:
    """Stores mandates with the reference the channel will know them by, `today` being the local day. Commit, then ask the channel.

    One outcome a request, in order; a known key returns its mandate as it stands now. Refused with UNKNOWN_CONSUMER, KIND_UNKNOWN,
    INSTRUMENT_INVALID, CREDIT_FUNDED, VALID_UNTIL_PASSED, AMOUNT_NOT_POSITIVE, CURRENCY_DIFFERS, MANDATE_EXISTS or key_reused.
    """
    new = work.ids.many(work.now, len(requests))
    held = consumers.states_held(book_id=work.book.id, ids=[request.consumer_id for request in requests])

    def validate(indices: list[int]) -> dict[int, Refused]:
        faults = {i: _fault(requests[i], held, today, work.book.currency) for i in indices}
        return {i: fault for i, fault in faults.items() if fault}

    def decide(fresh: list[int]) -> Mapping[int, Mandate | Refused]:
        known = queries.mandates_in_force(book_id=work.book.id, consumer_ids=[requests[i].consumer_id for i in fresh])
        outcomes: dict[int, Mandate | Refused] = {}
        for i in fresh:
            before = known.get(requests[i].consumer_id)
            outcomes[i] = _exists(before) if before else _begun(work, new[i], requests[i])
            if not before:
                known[requests[i].consumer_id] = _begun(work, new[i], requests[i])
        begun = [one for one in outcomes.values() if isinstance(one, Mandate)]
        _insert(work, begun)
        _tell(work, "payments.begin_mandates", begun, {}, {})
        return outcomes

    def recall(known: Sequence[UUID]) -> Mapping[UUID, Mandate]:
        return queries.mandates(book_id=work.book.id, ids=known)

    scopes = [keys.scope_of(_SCOPE, request.consumer_id) for request in requests]
    return keys.answer(work=work, scope=scopes, requests=requests, object_ids=new, decide=decide, recall=recall, validate=validate)


def settle_mandates(*, work: UnitOfWork, results: Sequence[MandateResult]) -> list[Mandate | Refused]:
    """Keeps what the channel says of mandates, in order: the same again changes nothing. Refused with UNKNOWN_REFERENCE.

    One that the channel ended is lost, with what was planned of it.
    """
    known = queries.mandates_by_reference(book_id=work.book.id, references=[result.reference for result in results], lock=True)
    outcomes: list[Mandate | Refused] = []
    now = dict(known)
    for result in results:
        outcome = rules.mandated(now.get(result.reference), result, work.now)
        outcomes.append(outcome)
        if isinstance(outcome, Mandate):
            now[result.reference] = outcome
    _store(work, "payments.settle_mandates", {one.id: one for one in known.values()}, list(now.values()), {})
    return outcomes


def revoke_mandates(*, work: UnitOfWork, revocations: Sequence[Revocation]) -> list[Mandate | Refused]:
    """Ends mandates, from this moment on: nothing more is announced or taken by them. Commit, then tell the channel.

    One outcome a request, in order; one that is revoked already is returned. Refused with UNKNOWN_MANDATE (also that of another consumer than
    the one who asks), MANDATE_OVER or REASON_INVALID.
    """
    known = queries.mandates(book_id=work.book.id, ids=[one.mandate_id for one in revocations], lock=True)
    now, reasons = dict(known), {}
    outcomes: list[Mandate | Refused] = []
    for asked in revocations:
        current = now.get(asked.mandate_id)
        if current is None or asked.consumer_id not in (None, current.consumer_id):
            outcomes.append(Refused(rules.UNKNOWN_MANDATE, "there is no such mandate in this book", "mandate_id"))
            continue
        outcome = rules.reason_refusal(asked.reason) or rules.revoked(current, work.now)
        outcomes.append(outcome)
        if isinstance(outcome, Mandate) and outcome is not current:
            now[outcome.id], reasons[outcome.id] = outcome, asked.reason
    _store(work, "payments.revoke_mandates", known, list(now.values()), reasons)
    return outcomes


def expire_mandates(*, work: UnitOfWork, on: date, limit: int) -> int:
    """Ends active mandates whose last day was before the local day `on`; returns how many. Commit, then tell the channel."""
    chosen = queries.mandates_outlived(book_id=work.book.id, on=on, limit=limit)
    known = queries.mandates(book_id=work.book.id, ids=chosen, lock=True)
    over = [rules.expired(one, work.now) for one in known.values() if one.state == "active"]
    _store(work, "payments.expire_mandates", known, over, {})
    return len(over)


def lose_mandates(*, work: UnitOfWork, codes: Mapping[UUID, str]) -> list[Mandate]:
    """Ends active mandates of which the channel said, by a code, that nothing will ever be taken by them again."""
    known = queries.mandates(book_id=work.book.id, ids=list(codes), lock=True)
    gone = [rules.lost(one, codes[one.id], work.now) for one in known.values() if one.state == "active"]
    _store(work, "payments.lose_mandates", known, gone, {})
    return gone


def _fault(request: NewMandate, held: Mapping[UUID, str], today: date, currency: str) -> Refused | None:
    if held.get(request.consumer_id) != "active":
        return Refused(rules.UNKNOWN_CONSUMER, "there is no such active consumer in this book", "consumer_id")
    return rules.mandate_refusal(
        kind=request.kind,
        instrument=request.instrument,
        limit=request.limit,
        valid_until=request.valid_until,
        today=today,
        currency=currency,
    )


def _exists(before: Mandate) -> Refused:
    name = ids.text("mandate", before.id)
    return Refused(rules.MANDATE_EXISTS, f"this consumer has the mandate {name}, which is {before.state}: revoke it first", "consumer_id")


def _begun(work: UnitOfWork, new_id: UUID, request: NewMandate) -> Mandate:
    return Mandate(
        id=new_id,
        reference=ids.text("mandate", new_id),
        consumer_id=request.consumer_id,
        kind=request.kind,
        instrument=request.instrument,
        contract="",
        limit=request.limit,
        valid_until=request.valid_until,
        state="signing",
        code="",
        begun_at=work.now,
        signed_at=None,
        ended_at=None,
        told_at=None,
        seq=1,
    )


def _insert(work: UnitOfWork, begun: Sequence[Mandate]) -> None:
    columns = {
        "id": "uuid",
        "reference": "text",
        "consumer_id": "uuid",
        "kind": "text",
        "instrument": "text",
        "contract": "text",
        "limit_minor": "bigint",
        "currency": "text",
        "valid_until": "date",
        "state": "text",
        "code": "text",
        "begun_at": "timestamptz",
        "seq": "integer",
    }
    values = [
        (
            *(m.id, m.reference, m.consumer_id, m.kind, m.instrument, m.contract, m.limit.minor, m.limit.currency),
            *(m.valid_until, m.state, m.code, m.begun_at, m.seq),
        )
        for m in begun
    ]
    sql.insert("payments_mandate", columns, values, same={"book_id": ("uuid", work.book.id)})


def _store(work: UnitOfWork, action: str, before: Mapping[UUID, Mandate], after: Sequence[Mandate], reasons: Mapping[UUID, str]) -> None:
    """Writes mandates that changed, stops what was planned of those that ended, and tells of every step."""
    changed = [one for one in after if one is not before[one.id]]
    columns = {
        "id": "uuid",
        "state": "text",
        "contract": "text",
        "code": "text",
        "signed_at": "timestamptz",
        "ended_at": "timestamptz",
        "told_at": "timestamptz",
        "seq": "integer",
    }
    values = [(m.id, m.state, m.contract, m.code, m.signed_at, m.ended_at, m.told_at, m.seq) for m in changed]
    sql.update("payments_mandate", "id", columns, values)
    stepped = [one for one in changed if one.seq > before[one.id].seq]
    stop_debits(work=work, ended={one.id: f"mandate_{one.state}" for one in stepped if one.state not in rules.IN_FORCE})
    _tell(work, action, stepped, before, reasons)


def _tell(work: UnitOfWork, action: str, stepped: Sequence[Mandate], before: Mapping[UUID, Mandate], reasons: Mapping[UUID, str]) -> None:
    """The step itself with who took it and why, one audit row for the batch, and an event for each."""
    columns = {
        "id": "uuid",
        "mandate_id": "uuid",
        "consumer_id": "uuid",
        "no": "integer",
        "state": "text",
        "actor": "text",
        "reason": "text",
    }
    new = work.ids.many(work.now, len(stepped))
    actor: Callable[[UUID], str] = lambda mandate_id: work.acting(mandate_id).label  # noqa: E731 - of one batch each has its own sender
    values = [(i, m.id, m.consumer_id, m.seq, m.state, actor(m.id), reasons.get(m.id) or m.code) for i, m in zip(new, stepped, strict=True)]
    same = {"book_id": ("uuid", work.book.id), "recorded_at": ("timestamptz", work.now)}
    sql.insert("payments_mandate_step", columns, values, same=same)
    detail = {str(one.id): reasons[one.id] for one in stepped if one.id in reasons}
    audit.record(work=work, action=action, object_kind="mandate", object_ids=[one.id for one in stepped], detail=detail)
    events = []
    for one in stepped:
        now = {"id": one.id, **_snapshot(one)}
        old = before.get(one.id)
        events.append(Event(f"mandate.{one.state}", "mandate", one.id, one.seq, now, outbox.changes(_snapshot(old), now) if old else None))
    outbox.emit(work=work, events=events)


def _snapshot(mandate: Mandate) -> Mapping[str, Any]:
    return {
        "consumer_id": mandate.consumer_id,
        "kind": mandate.kind,
        "state": mandate.state,
        "code": mandate.code,
        "limit": mandate.limit,
        "valid_until_on": mandate.valid_until,
    }
