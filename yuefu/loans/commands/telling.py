"""Reads of loans of rule version 2026-2 for those who tell a consumer of them: whose they are, what was entered, and when. Nothing is locked."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import date
from uuid import UUID

from yuefu.plans.lifecycle.events import Event, Undone
from yuefu.plans.lifecycle.plain import recalled_event
from yuefu.runtime import sql
from yuefu.runtime.jsontext import loads


def of_consumers(book_id: UUID, consumer_ids: Sequence[UUID]) -> dict[UUID, list[UUID]]:
    """The loans of consumers that were agreed, settled or not, by ascending id; of one who has none an empty list."""
    found: dict[UUID, list[UUID]] = {consumer_id: [] for consumer_id in consumer_ids}
    for consumer_id, loan_id in sql.rows(
        "SELECT consumer_id, id FROM loans_agreement WHERE book_id = %s AND consumer_id = ANY(%s) ORDER BY id",
        [book_id, list(consumer_ids)],
    ):
        found[consumer_id].append(loan_id)
    return found


def recorded(loan_ids: Sequence[UUID]) -> dict[UUID, list[tuple[Event | Undone, date]]]:
    """All that was entered of loans, in that order, each with the business day on which it was; a loan of which nothing was has an empty list."""
    found: dict[UUID, list[tuple[Event | Undone, date]]] = defaultdict(list)
    for loan_id, body, on in sql.rows(
        "SELECT loan_id, body::text, recorded_on FROM loans_fact WHERE loan_id = ANY(%s) ORDER BY loan_id, no", [list(loan_ids)]
    ):
        found[loan_id].append((recalled_event(loads(body)), on))
    return found


def write_off_of(loan_id: UUID) -> int | None:
    """The number of the write-off of a loan that is in force; None where there is none."""
    found = sql.rows(
        "SELECT f.no FROM loans_fact f WHERE f.loan_id = %s AND f.kind = 'written_off'"
        " AND NOT EXISTS (SELECT 1 FROM loans_fact u WHERE u.loan_id = f.loan_id AND u.undoes_no = f.no)",
        [loan_id],
    )
    return found[0][0] if found else None


def touched_since(book_id: UUID, since: date) -> list[UUID]:
    """Loans of which something was entered on a day or later, by ascending id."""
    found = sql.rows("SELECT DISTINCT loan_id FROM loans_fact WHERE book_id = %s AND recorded_on >= %s ORDER BY loan_id", [book_id, since])
    return [row[0] for row in found]
