"""Writes of after-sales: cases, their steps and what these changed; charge-backs. What they mean for money is done before, by who calls."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any, Final
from uuid import UUID

from yuefu.aftersales.queries import Back, Change, ChargeBack
from yuefu.aftersales.rules import Asked, Bought, Case, Policy
from yuefu.money.amounts import Money
from yuefu.runtime import audit, outbox, sql
from yuefu.runtime.outbox import Event
from yuefu.runtime.values import UnitOfWork

_CASE: Final = {
    "id": "uuid",
    "order_id": "uuid",
    "merchant_id": "uuid",
    "consumer_id": "uuid",
    "kind": "text",
    "asked_by": "text",
    "items": "text",
    "reason": "text",
    "amount_minor": "bigint",
    "price_minor": "bigint",
    "seen_on": "date",
    "currency": "text",
    "answer_by": "date",
}
_STEP: Final = {"id": "uuid", "case_id": "uuid", "no": "smallint", "state": "text", "reason": "text", "paused_until": "date"}
_SIDES: Final = [f"{part}_{side}_minor" for side in ("before", "after") for part in ("principal", "interest", "charges", "unpaid")]


@dataclass(frozen=True, slots=True)
class Taken:
    """A step to be written: its own id, the case before it and after it, why, and what it changed."""

    id: UUID
    before: Case
    after: Case
    reason: str
    changes: tuple[Change, ...] = ()
    back: tuple[Back, ...] = ()


def open_case(*, work: UnitOfWork, case_id: UUID, asked: Asked, bought: Bought, given: Policy) -> Case:
    """Opens a case; `rules.fault_of` found nothing, and there is no open one of the order and kind."""
    currency, answer_by = bought.kept.currency, work.day.on + timedelta(days=given.answer_days)
    minors = (asked.amount.minor if asked.amount else None, asked.price.minor if asked.price else None)
    row = (
        *(case_id, bought.order_id, bought.merchant_id, bought.consumer_id, asked.kind, asked.asked_by, asked.items, asked.reason),
        *(*minors, asked.seen_on, currency, answer_by),
    )
    same = {
        "book_id": ("uuid", work.book.id),
        "opened_on": ("date", work.day.on),
        "opened_at": ("timestamptz", work.now),
    }
    sql.insert("aftersales_case", _CASE, [row], same=same)
    case = Case(
        *(case_id, 1, bought.order_id, bought.merchant_id, bought.consumer_id, asked, currency, "asked", answer_by, work.day.on, work.now),
        *(None, "", None, Money.zero(currency), None),
    )
    _insert_step(work, case_id, case, asked.reason)
    outbox.emit(work=work, events=[Event("aftersale.asked", "aftersale", case_id, 1, _snapshot(case))])
    audit.record(work=work, action="aftersale.open", object_kind="aftersale", object_ids=[case_id])
    return case


def _insert_step(work: UnitOfWork, step_id: UUID, case: Case, reason: str) -> None:
    same = {
        "book_id": ("uuid", work.book.id),
        "taken_on": ("date", work.day.on),
        "taken_at": ("timestamptz", work.now),
        "actor": ("text", work.by.name),
    }
    sql.insert("aftersales_step", _STEP, [(step_id, case.id, case.no, case.state, reason, case.paused_until)], same=same)


def take_step(*, work: UnitOfWork, taken: Taken) -> None:
    """Writes a step that `rules.step_fault` found nothing against, and what it changed. The case is locked."""
    before, after = taken.before, taken.after
    assert after.no == before.no + 1, "one step after the other"
    columns = {
        "id": "uuid",
        "no": "smallint",
        "state": "text",
        "handed_on": "date",
        "difference_paid": "text",
        "refund_id": "uuid",
        "refunded_minor": "bigint",
        "paused_until": "date",
    }
    values = (
        after.id,
        after.no,
        after.state,
        after.handed_on,
        after.difference_paid,
        after.refund_id,
        after.refunded.minor,
        after.paused_until,
    )
    sql.update("aftersales_case", "id", columns, [values])
    _insert_step(work, taken.id, after, taken.reason)
    _insert_changes(work, after, taken.changes)
    _insert_back(work, after, taken.back)
    was, now = _snapshot(before), _snapshot(after)
    told = Event(f"aftersale.{after.state}", "aftersale", after.id, after.no, now, outbox.changes(was, now), taken.id)
    outbox.emit(work=work, events=[told])
    audit.record(work=work, action=f"aftersale.{after.state}", object_kind="aftersale", object_ids=[after.id], causes=[taken.id])


def _insert_changes(work: UnitOfWork, case: Case, changes: Sequence[Change]) -> None:
    columns = {"id": "uuid", "capture_id": "uuid", "no": "smallint", "due_on": "date", **dict.fromkeys(_SIDES, "bigint")}
    rows = [
        (new, one.capture_id, one.no, one.due_on, *(money.minor for money in (*one.before, *one.after)))
        for new, one in zip(work.ids.many(work.now, len(changes)), changes, strict=True)
    ]
    same = {
        "book_id": ("uuid", work.book.id),
        "case_id": ("uuid", case.id),
        "step_no": ("smallint", case.no),
        "order_id": ("uuid", case.order_id),
    }
    sql.insert("aftersales_change", columns, rows, same=same)


def _insert_back(work: UnitOfWork, case: Case, back: Sequence[Back]) -> None:
    columns = {"id": "uuid", "collection_id": "uuid", "amount_minor": "bigint"}
    rows = [(new, one.collection_id, one.amount.minor) for new, one in zip(work.ids.many(work.now, len(back)), back, strict=True)]
    same = {
        "book_id": ("uuid", work.book.id),
        "case_id": ("uuid", case.id),
        "consumer_id": ("uuid", case.consumer_id),
        "currency": ("text", case.currency),
    }
    sql.insert("aftersales_back", columns, rows, same=same)


def _snapshot(case: Case) -> dict[str, Any]:
    asked = case.asked
    return {
        "id": case.id,
        "order_id": case.order_id,
        "merchant_id": case.merchant_id,
        "consumer_id": case.consumer_id,
        "kind": asked.kind,
        "asked_by": asked.asked_by,
        "state": case.state,
        "amount": asked.amount,
        "price": asked.price,
        "answer_by": case.answer_by,
        "handed_on": case.handed_on,
        "refund_id": case.refund_id,
        "refunded": case.refunded,
        "paused_until": case.paused_until,
    }


def enter_charge_backs(*, work: UnitOfWork, entered: Sequence[ChargeBack]) -> None:
    """Keeps charge-backs whose money was taken off the collections and is owed again."""
    columns = {
        "id": "uuid",
        "reference": "text",
        "collection_id": "uuid",
        "consumer_id": "uuid",
        "amount_minor": "bigint",
        "principal_minor": "bigint",
        "interest_minor": "bigint",
        "charges_minor": "bigint",
        "currency": "text",
        "reason": "text",
        "taken_on": "date",
        "entered_on": "date",
        "entered_at": "timestamptz",
    }
    rows = [
        (
            *(one.id, one.reference, one.collection_id, one.consumer_id),
            *(one.amount.minor, one.principal.minor, one.interest.minor, one.charges.minor, one.amount.currency),
            *(one.reason, one.taken_on, one.entered_on, one.entered_at),
        )
        for one in entered
    ]
    sql.insert("aftersales_charge_back", columns, rows, same={"book_id": ("uuid", work.book.id)})
    outbox.emit(work=work, events=[Event("charge_back.taken", "charge_back", one.id, 1, _told(one)) for one in entered])
    why = {str(one.id): one.reason for one in entered}
    audit.record(work=work, action="charge_back.enter", object_kind="charge_back", object_ids=[one.id for one in entered], detail=why)


def win_charge_backs(*, work: UnitOfWork, won: Sequence[tuple[ChargeBack, UUID, date]]) -> list[ChargeBack]:
    """Keeps by which collection, and on which day, the money of each came back. They are locked, and were not won before."""
    after = [replace(one, won_by_id=by, won_on=on) for one, by, on in won]
    columns = {"id": "uuid", "won_by_id": "uuid", "won_on": "date"}
    sql.update("aftersales_charge_back", "id", columns, [(one.id, by, on) for one, by, on in won])
    told = [(_told(before), _told(now), by) for (before, by, _), now in zip(won, after, strict=True)]
    events = [Event("charge_back.won", "charge_back", now["id"], 2, now, outbox.changes(was, now), by) for was, now, by in told]
    outbox.emit(work=work, events=events)
    audit.record(work=work, action="charge_back.win", object_kind="charge_back", object_ids=[one.id for one in after])
    return after


def _told(one: ChargeBack) -> Mapping[str, Any]:
    return {
        "id": one.id,
        "reference": one.reference,
        "collection_id": one.collection_id,
        "consumer_id": one.consumer_id,
        "state": one.state,
        "amount": one.amount,
        "principal": one.principal,
        "interest": one.interest,
        "charges": one.charges,
        "taken_on": one.taken_on,
        "won_on": one.won_on,
    }
