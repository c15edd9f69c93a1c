"""Reads of what merchants note on objects."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from yuefu.runtime import sql


def noted(*, kind: str, object_ids: Sequence[UUID]) -> dict[UUID, dict[str, str]]:
    """What is noted now on objects of a kind; those without a note are absent."""
    found = sql.rows(
        "SELECT DISTINCT ON (object_id) object_id, data FROM merchants_metadata WHERE object_kind = %s AND object_id = ANY(%s)"
        " ORDER BY object_id, number DESC",
        [kind, list(object_ids)],
    )
    return {object_id: dict(sorted(data.items())) for object_id, data in found}


def versions(*, ids: Sequence[UUID]) -> dict[UUID, dict[str, str]]:
    """What was noted by each change."""
    found = sql.rows("SELECT id, data FROM merchants_metadata WHERE id = ANY(%s)", [list(ids)])
    return {change: dict(sorted(data.items())) for change, data in found}
