"""The history of bill day and repayment day, as it is written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from yuefu.credit.rules import DaysStep
from yuefu.runtime import sql
from yuefu.runtime.jsontext import dumps
from yuefu.runtime.values import UnitOfWork


@dataclass(frozen=True, slots=True)
class DaysChange:
    """The days that an account is given, the `seq`-th, and those that it had before."""

    account_id: UUID
    consumer_id: UUID
    seq: int
    old: DaysStep | None
    new: DaysStep
    reasons: tuple[str, ...]


def insert_days(work: UnitOfWork, changes: Sequence[DaysChange], ids: Sequence[UUID] | None = None) -> None:
    """Writes steps of histories, under `ids` where their keys stand for them."""
    columns = {
        "id": "uuid", "account_id": "uuid", "consumer_id": "uuid", "seq": "integer", "old_bill_day": "smallint",
        "old_repayment_day": "smallint", "bill_day": "smallint", "repayment_day": "smallint", "from_on": "date", "reasons": "jsonb",
        "recorded_by": "text",
    }  # fmt: skip
    rows = [
        (
            row, c.account_id, c.consumer_id, c.seq, c.old.bill_day if c.old else None, c.old.repayment_day if c.old else None,
            c.new.bill_day, c.new.repayment_day, c.new.from_on, dumps(c.reasons), work.by.label,
        )
        for row, c in zip(ids or work.ids.many(work.now, len(changes)), changes, strict=True)
    ]  # fmt: skip
    same = {"book_id": ("uuid", work.book.id), "recorded_at": ("timestamptz", work.now), "recorded_on": ("date", work.day.on)}
    sql.insert("credit_days_change", columns, rows, same=same)
