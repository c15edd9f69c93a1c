"""Imports of loans from another core, as far as they have come; and loans that can be moved on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from yuefu.runtime import sql


@dataclass(frozen=True, slots=True)
class Begun:
    """An import that has begun: of its loans so many are booked, by these entries."""

    id: UUID
    origin: str
    as_of: date
    loans: int
    begun_at: datetime
    booked: int
    chunks: int
    entry_ids: Sequence[UUID]

    @property
    def is_whole(self) -> bool:
        return self.booked == self.loans


def import_of(*, book_id: UUID, sha256: str) -> Begun | None:
    """The import of a file by the hash of its bytes."""
    found = sql.rows(
        "SELECT i.id, i.origin, i.as_of, i.loans, i.begun_at, coalesce(sum(c.loans), 0)::int, count(c.no),"
        " coalesce((SELECT array_agg(e) FROM loans_import_chunk AS k CROSS JOIN unnest(k.entry_ids) AS e WHERE k.import_id = i.id), '{}')"
        " FROM loans_import AS i LEFT JOIN loans_import_chunk AS c ON c.import_id = i.id"
        " WHERE i.book_id = %s AND i.sha256 = %s GROUP BY i.id",
        [book_id, sha256],
    )
    return Begun(*found[0]) if found else None


def known_here(*, book_id: UUID, origin: str, references: Sequence[str]) -> dict[str, tuple[UUID, UUID]]:
    """Of loans by their names in another core: those that are here, with their import."""
    found = sql.rows(
        "SELECT reference, loan_id, import_id FROM loans_moved_in WHERE book_id = %s AND origin = %s AND reference = ANY(%s)",
        [book_id, origin, list(references)],
    )
    return {reference: (loan_id, import_id) for reference, loan_id, import_id in found}


def agreed_by(*, book_id: UUID, until: date, after: UUID | None, limit: int) -> list[UUID]:
    """Loans of rule version 2026-2 that were agreed by a day, in the order of their ids."""
    found = sql.rows(
        "SELECT id FROM loans_agreement WHERE book_id = %s AND agreed_on <= %s AND (%s::uuid IS NULL OR id > %s) ORDER BY id LIMIT %s",
        [book_id, until, after, after, limit],
    )
    return [row[0] for row in found]
