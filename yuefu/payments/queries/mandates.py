"""Reads of mandates."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

from yuefu.money.amounts import Money
from yuefu.payments.rules import Mandate, MandateStep
from yuefu.runtime import sql

COLUMNS = (
    "m.id, m.reference, m.consumer_id, m.kind, m.instrument, m.contract, m.valid_until, m.state, m.code, m.begun_at, m.signed_at, m.ended_at,"
    " m.told_at, m.seq, m.limit_minor, m.currency"
)
WIDTH = 16
_MANDATE = f"SELECT {COLUMNS} FROM payments_mandate AS m"


def mandate_of(*row: Any) -> Mandate:
    *head, valid_until, state, code, begun, signed, ended, told, seq, limit, currency = row
    return Mandate(*[*head, Money(limit, currency), valid_until, state, code, begun, signed, ended, told, seq])


def mandates(*, book_id: UUID, ids: Sequence[UUID], lock: bool = False) -> dict[UUID, Mandate]:
    """Mandates by id; with `lock`, for update until the transaction ends, ids ascending."""
    ending = " ORDER BY m.id FOR NO KEY UPDATE" if lock else ""
    found = sql.rows_as(mandate_of, _MANDATE + " WHERE m.book_id = %s AND m.id = ANY(%s::uuid[])" + ending, [book_id, list(ids)])
    return {one.id: one for one in found}


def mandates_by_reference(*, book_id: UUID, references: Sequence[str], lock: bool = False) -> dict[str, Mandate]:
    ending = " ORDER BY m.id FOR NO KEY UPDATE" if lock else ""
    found = sql.rows_as(mandate_of, _MANDATE + " WHERE m.book_id = %s AND m.reference = ANY(%s)" + ending, [book_id, list(references)])
    return {one.reference: one for one in found}


def mandates_in_force(*, book_id: UUID, consumer_ids: Sequence[UUID]) -> dict[UUID, Mandate]:
    """The mandate of each consumer that is being signed or active; others are absent."""
    where = " WHERE m.book_id = %s AND m.consumer_id = ANY(%s::uuid[]) AND m.state IN ('signing', 'active')"
    return {one.consumer_id: one for one in sql.rows_as(mandate_of, _MANDATE + where, [book_id, list(consumer_ids)])}


def mandates_listed(
    *, book_id: UUID, consumer_id: UUID | None = None, states: Sequence[str] = (), before: UUID | None = None, limit: int = 100
) -> list[Mandate]:
    """Mandates of a book or of one consumer, newest first, older than `before`; of all states unless some are named."""
    where = (
        " WHERE m.book_id = %s AND (%s::uuid IS NULL OR m.consumer_id = %s) AND (%s OR m.state = ANY(%s::text[]))"
        " AND (%s::uuid IS NULL OR m.id < %s) ORDER BY m.id DESC LIMIT %s"
    )
    given = [book_id, consumer_id, consumer_id, not states, list(states), before, before, limit]
    return sql.rows_as(mandate_of, _MANDATE + where, given)


def mandates_active(*, book_id: UUID, after: UUID | None, limit: int) -> list[Mandate]:
    """Active mandates by ascending id, in pages."""
    where = " WHERE m.book_id = %s AND m.state = 'active' AND (%s::uuid IS NULL OR m.id > %s) ORDER BY m.id LIMIT %s"
    return sql.rows_as(mandate_of, _MANDATE + where, [book_id, after, after, limit])


def mandates_outlived(*, book_id: UUID, on: date, limit: int) -> list[UUID]:
    """Active mandates whose last day was before a day, by ascending id."""
    found = sql.rows(
        "SELECT id FROM payments_mandate WHERE book_id = %s AND state = 'active' AND valid_until < %s ORDER BY id LIMIT %s",
        [book_id, on, limit],
    )
    return [row[0] for row in found]


def mandates_to_poll(*, book_id: UUID, before: datetime, limit: int) -> list[Mandate]:
    """Mandates begun before a moment that the channel has to be asked for or told of: being signed, or ended by us and not known there."""
    where = (
        " WHERE m.book_id = %s AND (m.state = 'signing' OR (m.state IN ('revoked', 'expired') AND m.told_at IS NULL)) AND m.begun_at < %s"
        " ORDER BY m.begun_at, m.id LIMIT %s"
    )
    return sql.rows_as(mandate_of, _MANDATE + where, [book_id, before, limit])


def mandate_steps(*, mandate_ids: Sequence[UUID]) -> list[MandateStep]:
    """What happened to mandates, oldest first: who did it and why."""
    return sql.rows_as(
        MandateStep,
        "SELECT mandate_id, no, state, actor, reason, recorded_at FROM payments_mandate_step WHERE mandate_id = ANY(%s::uuid[])"
        " ORDER BY mandate_id, no",
        [list(mandate_ids)],
    )
