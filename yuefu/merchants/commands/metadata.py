"""Writes of what merchants note on objects. Nothing is overwritten: each change is a row with all that is noted since, so that what was
answered to it can be answered again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

from yuefu.errors import Refused
from yuefu.merchants.queries import metadata as queries
from yuefu.merchants.rules.metadata import MOST, Metadata, changed
from yuefu.runtime import keys, locks, sql
from yuefu.runtime.jsontext import dumps
from yuefu.runtime.values import Actor, UnitOfWork

TOO_MANY: Final = "metadata_too_many"

_COLUMNS: Final = {
    "id": "uuid", "merchant_id": "uuid", "object_kind": "text", "object_id": "uuid", "number": "integer", "data": "jsonb",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Note:
    """What is noted on an object when it is made."""

    merchant_id: UUID
    kind: str
    object_id: UUID
    data: Metadata


@dataclass(frozen=True, slots=True)
class Annotation:
    """Changes of what is noted on an object; a name with an empty text is dropped."""

    key: str
    merchant_id: UUID
    kind: str
    object_id: UUID
    changes: Metadata
    by: Actor | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Noted:
    """All that is noted since a change."""

    object_id: UUID
    data: dict[str, str]


def begin(*, work: UnitOfWork, notes: Sequence[Note]) -> None:
    """Stores what is noted on new objects; without any there is no row."""
    given = [note for note in notes if note.data]
    if not given:
        return
    ids = work.ids.many(work.now, len(given))
    _insert(work, [(i, n.merchant_id, n.kind, n.object_id, 1, dict(n.data)) for i, n in zip(ids, given, strict=True)])


def annotate(*, work: UnitOfWork, annotations: Sequence[Annotation]) -> list[Noted | Refused]:
    """Changes what is noted on objects, in order; the caller has looked whose they are. Refused with TOO_MANY; with key_reused where the
    key has another content.
    """
    ids = work.ids.many(work.now, len(annotations))

    def decide(fresh: list[int]) -> dict[int, Noted | Refused]:
        locks.wait_for_each(locks.METADATA, [annotations[i].object_id for i in fresh])
        stand = _standing([annotations[i] for i in fresh])
        outcomes: dict[int, Noted | Refused] = {}
        rows = []
        for i in fresh:
            one = annotations[i]
            number, before = stand.get((one.kind, one.object_id), (0, {}))
            after = changed(before, dict(one.changes))
            if len(after) > MOST:
                outcomes[i] = Refused(TOO_MANY, f"an object has at most {MOST} names of metadata, this would be {len(after)}", "metadata")
                continue
            rows.append((ids[i], one.merchant_id, one.kind, one.object_id, number + 1, after))
            stand[one.kind, one.object_id] = number + 1, after
            outcomes[i] = Noted(one.object_id, after)
        _insert(work, rows)
        return outcomes

    def recall(known: Sequence[UUID]) -> dict[UUID, Noted]:
        objects = dict(sql.rows("SELECT id, object_id FROM merchants_metadata WHERE id = ANY(%s)", [list(known)]))
        return {i: Noted(objects[i], data) for i, data in queries.versions(ids=known).items()}

    scopes = [keys.scope_of("metadata.change", one.merchant_id) for one in annotations]
    return keys.answer(work=work, scope=scopes, requests=annotations, object_ids=ids, decide=decide, recall=recall)


def _standing(annotations: Sequence[Annotation]) -> dict[tuple[str, UUID], tuple[int, dict[str, str]]]:
    source, params = sql.unnest({"kind": "text", "id": "uuid"}, sorted({(one.kind, one.object_id) for one in annotations}))
    found = sql.rows(
        f"SELECT DISTINCT ON (m.object_kind, m.object_id) m.object_kind, m.object_id, m.number, m.data FROM {source} AS g"
        " JOIN merchants_metadata AS m ON m.object_id = g.id AND m.object_kind = g.kind ORDER BY m.object_kind, m.object_id, m.number DESC",
        params,
    )
    return {(kind, object_id): (number, data) for kind, object_id, number, data in found}


def _insert(work: UnitOfWork, rows: Sequence[tuple[UUID, UUID, str, UUID, int, dict[str, str]]]) -> None:
    sql.insert(
        "merchants_metadata",
        _COLUMNS,
        [(*head, dumps(data)) for *head, data in rows],
        same={"book_id": ("uuid", work.book.id), "recorded_at": ("timestamptz", work.now)},
    )
