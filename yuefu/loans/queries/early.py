"""Whether the first instalments of loans lie behind them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from uuid import UUID

from yuefu.plans.lifecycle.rows import NORMAL
from yuefu.runtime import sql


def early_past(book_id: UUID, asked: Sequence[tuple[UUID, int, int]], on: date) -> set[UUID]:
    """Of loans, each with a number of instalments and of days, those of which every one of the first so many was due more than so many days ago, whatever
    has moved their due days since they were lent. What is due when money is lent is no instalment."""
    if not asked:
        return set()
    named, params = sql.unnest({"loan_id": "uuid", "periods": "integer", "days": "integer"}, asked)
    found = sql.rows(
        f"SELECT g.loan_id FROM {named} AS g WHERE NOT EXISTS (SELECT FROM loans_instalment i WHERE i.loan_id = g.loan_id AND i.book_id = %s"
        " AND i.no <= g.periods AND i.due_on >= %s - g.days)"
        " AND NOT EXISTS (SELECT FROM (SELECT * FROM loans_due f WHERE f.loan_id = g.loan_id AND f.book_id = %s AND f.kind = %s"
        " ORDER BY f.no LIMIT g.periods) AS d WHERE d.due_on >= %s - g.days)",
        [*params, book_id, on, book_id, NORMAL, on],
    )
    return {row[0] for row in found}
