"""The steps of debits and their tries: written set-based, each with what was told of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final
from uuid import UUID

from yuefu.payments import queries
from yuefu.payments.rules import Debit, Standing, Try
from yuefu.runtime import audit, outbox, sql
from yuefu.runtime.outbox import Event
from yuefu.runtime.values import UnitOfWork

_TRY: Final = {
    "id": "uuid",
    "reference": "text",
    "debit_id": "uuid",
    "consumer_id": "uuid",
    "no": "integer",
    "amount_minor": "bigint",
    "currency": "text",
    "announce_on": "date",
    "debit_on": "date",
}


@dataclass(frozen=True, slots=True)
class Step:
    """A debit and its try, as they were locked and as they are now. `told` is the event of it, after `debit.`; nothing where it is empty."""

    before: Standing
    debit: Debit
    latest: Try
    told: str


def stepped(of: Standing, told: str = "", *, debit: Mapping[str, Any] | None = None, latest: Mapping[str, Any] | None = None) -> Step:
    """The step of a debit to other values of some fields, of itself and of its try."""
    return Step(of, replace(of.debit, **{**(debit or {}), "seq": of.debit.seq + bool(told)}), replace(of.latest, **(latest or {})), told)


def write_steps(*, work: UnitOfWork, action: str, steps: Sequence[Step]) -> None:
    """Stores steps, of each debit one, in two statements, with an audit row and an event for each that is told."""
    tries = [(t.id, t.state, t.code, t.amount.minor, t.notice, t.announced_at, t.collection_id) for t in (s.latest for s in steps)]
    sql.update(
        "payments_debit_try",
        "id",
        {
            "id": "uuid",
            "state": "text",
            "code": "text",
            "amount_minor": "bigint",
            "notice": "text",
            "announced_at": "timestamptz",
            "collection_id": "uuid",
        },
        [
            row
            for row, step in zip(tries, steps, strict=True)
            if step.latest != step.before.latest and step.latest.no == step.before.latest.no
        ],
    )
    moved = [step for step in steps if step.debit != step.before.debit]
    sql.update(
        "payments_debit",
        "id",
        {"id": "uuid", "state": "text", "code": "text", "ended_at": "timestamptz", "seq": "integer"},
        [(s.debit.id, s.debit.state, s.debit.code, s.debit.ended_at, s.debit.seq) for s in moved],
    )
    audit.record(work=work, action=action, object_kind="debit", object_ids=[step.debit.id for step in steps])
    events = []
    for step in steps:
        if step.told:
            now = snapshot(step.debit, step.latest)
            before = outbox.changes(snapshot(step.before.debit, step.before.latest), now)
            events.append(Event(f"debit.{step.told}", "debit", step.debit.id, step.debit.seq, now, before))
    outbox.emit(work=work, events=events)


def insert_tries(work: UnitOfWork, tries: Sequence[tuple[Try, UUID]]) -> None:
    """Stores new tries, each with the consumer it is about."""
    values = [
        (t.id, t.reference, t.debit_id, consumer, t.no, t.amount.minor, t.amount.currency, t.announce_on, t.debit_on)
        for t, consumer in tries
    ]
    same = {"book_id": ("uuid", work.book.id), "state": ("text", "planned"), "code": ("text", ""), "notice": ("text", "")}
    sql.insert("payments_debit_try", _TRY, values, same=same)


def stop_debits(*, work: UnitOfWork, ended: Mapping[UUID, str]) -> None:
    """Ends what is planned of mandates that are no more, by mandate with the code why. What was sent already ends as the channel says."""
    if not ended:
        return
    steps = []
    for one in queries.debits_to_stop(book_id=work.book.id, mandate_ids=sorted(ended)):
        if one.latest.state != "attempted":
            code = ended[one.mandate.id]
            dropped = {"state": "dropped", "code": code} if one.latest.state in ("planned", "announced") else {}
            steps.append(stepped(one, "cancelled", debit={"state": "cancelled", "code": code, "ended_at": work.now}, latest=dropped))
    write_steps(work=work, action="payments.stop_debits", steps=steps)


def snapshot(debit: Debit, latest: Try) -> dict[str, Any]:
    """A debit in an event: what fell due, what the latest try takes of it, and when."""
    return {
        "id": debit.id,
        "mandate_id": debit.mandate_id,
        "consumer_id": debit.consumer_id,
        "loan_id": debit.loan_id,
        "due_on": debit.due_on,
        "amount": debit.amount,
        "state": debit.state,
        "code": debit.code or latest.code,
        "try": latest.no,
        "takes": latest.amount,
        "announce_on": latest.announce_on,
        "debit_on": latest.debit_on,
    }
