"""What happens to breaks, written down: by whom, when, and how each stood after it. Nothing of it changes afterwards."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from yuefu.runtime import sql
from yuefu.runtime.values import UnitOfWork


@dataclass(frozen=True, slots=True)
class Happened:
    """`state` is how the break stands after it; `on` the business day for which it counts, that of the work unless given."""

    break_id: UUID
    action: str
    state: str
    text: str = ""
    until: date | None = None
    fix_id: UUID | None = None
    on: date | None = None
    evidence_name: str = ""
    evidence_sha256: str = ""
    evidence: bytes | None = None


_COLUMNS = {
    "id": "uuid",
    "break_id": "uuid",
    "place": "integer",
    "action": "text",
    "state": "text",
    "text": "text",
    "until": "date",
    "fix_id": "uuid",
    "on_date": "date",
    "evidence_name": "text",
    "evidence_sha256": "text",
    "evidence": "bytea",
}


def tell(*, work: UnitOfWork, happened: Sequence[Happened]) -> None:
    """Writes what happened, in order, behind what is there of each break. The breaks are locked by the caller."""
    if not happened:
        return
    values = [
        (new_id, one.break_id, place, one.action, one.state, one.text, one.until, one.fix_id, one.on or work.day.on, *_evidence(one))
        for place, (new_id, one) in enumerate(zip(work.ids.many(work.now, len(happened)), happened, strict=True))
    ]
    source, params = sql.unnest(_COLUMNS, values)
    names = ", ".join(name for name in _COLUMNS if name not in ("place", "id"))
    sql.run(
        f"INSERT INTO reconciliation_breakevent (id, book_id, no, at, actor, {names})"
        " SELECT g.id, %s, (SELECT coalesce(max(e.no), 0) FROM reconciliation_breakevent AS e WHERE e.break_id = g.break_id)"
        f" + row_number() OVER (PARTITION BY g.break_id ORDER BY g.place), %s, %s, {names} FROM {source} AS g",
        [work.book.id, work.now, work.by.label, *params],
    )


def _evidence(one: Happened) -> tuple[str, str, bytes | None]:
    return one.evidence_name, one.evidence_sha256, one.evidence
