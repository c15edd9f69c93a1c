"""Reads of freezes, and of what waits for evidence of delivery."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any
from uuid import UUID

from yuefu.money.amounts import Money
from yuefu.runtime import sql
from yuefu.settlement.queries.items import waiting
from yuefu.settlement.rules import Freeze

_FREEZE = "SELECT id, merchant_id, asked_minor, kept_minor, until, state, reason, begun_on, ended_on, recorded_by, currency FROM settlement_freeze"


def _freeze(*row: Any) -> Freeze:
    freeze_id, merchant, asked, kept, *rest, currency = row
    return Freeze(freeze_id, merchant, None if asked is None else Money(asked, currency), Money(kept, currency), *rest)


def freezes_in_force(*, book_id: UUID, merchant_ids: Sequence[UUID], on: date) -> list[Freeze]:
    """Freezes of merchants that are in force on a day, in the order in which they began, for update until the transaction ends."""
    where = " WHERE book_id = %s AND merchant_id = ANY(%s) AND state = 'open' AND until > %s ORDER BY id FOR UPDATE"
    return sql.rows_as(_freeze, _FREEZE + where, [book_id, list(merchant_ids), on])


def freezes_passed(*, book_id: UUID, on: date) -> list[Freeze]:
    """Freezes whose day has come, for update until the transaction ends."""
    return sql.rows_as(_freeze, _FREEZE + " WHERE book_id = %s AND state = 'open' AND until <= %s ORDER BY id FOR UPDATE", [book_id, on])


def freeze(*, book_id: UUID, freeze_id: UUID, lock: bool = False) -> Freeze | None:
    """A freeze by its id."""
    found = sql.rows_as(_freeze, _FREEZE + " WHERE book_id = %s AND id = %s" + (" FOR UPDATE" if lock else ""), [book_id, freeze_id])
    return found[0] if found else None


def freezes(*, book_id: UUID, merchant_id: UUID | None, with_ended: bool, limit: int) -> list[Freeze]:
    """Freezes of a merchant or of all, the newest first."""
    where = " WHERE book_id = %s AND (%s::uuid IS NULL OR merchant_id = %s) AND (%s OR state = 'open') ORDER BY id DESC LIMIT %s"
    return sql.rows_as(_freeze, _FREEZE + where, [book_id, merchant_id, merchant_id, with_ended, limit])


def frozen(*, book_id: UUID, currency: str) -> Money:
    """What freezes keep, and kept until they ended where no batch has taken it yet. The ledger's merchant_frozen has the same as a credit balance."""
    minor = sql.value(
        "SELECT coalesce(sum(kept_minor), 0)::bigint FROM settlement_freeze WHERE book_id = %s AND currency = %s AND state = 'open'",
        [book_id, currency],
    )
    return Money(minor, currency) + waiting(book_id, currency, "i.kind = 'thawed'")


def merchants_lacking(*, book_id: UUID, merchant_ids: Sequence[UUID]) -> list[UUID]:
    """Those of these merchants of whom a freeze would keep more if there were more, in the order of ids."""
    found = sql.rows(
        "SELECT DISTINCT merchant_id FROM settlement_freeze WHERE book_id = %s AND merchant_id = ANY(%s) AND state = 'open'"
        " AND (asked_minor IS NULL OR asked_minor > kept_minor) ORDER BY 1",
        [book_id, list(merchant_ids)],
    )
    return [row[0] for row in found]
