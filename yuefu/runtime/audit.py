"""The audit trail: who did what, when, to which objects. Append only; one row a batch, naming every object of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from yuefu.runtime import sql
from yuefu.runtime.jsontext import dumps
from yuefu.runtime.values import UnitOfWork


def record(
    *,
    work: UnitOfWork,
    action: str,
    object_kind: str,
    object_ids: Sequence[UUID],
    detail: Mapping[str, Any] | None = None,
    causes: Sequence[UUID] | None = None,
) -> None:
    """Writes what an actor did. `detail` holds codes and figures, never personal data.

    `causes` are what the keys of the requests stand for, one an object, where those are not the objects themselves. Where others than
    the actor of the work sent the requests, `by` in the detail has [actor, request] of each object.
    """
    if not object_ids:
        return
    senders = [work.acting(cause) for cause in causes or object_ids]
    if any(sender is not work.by for sender in senders):
        detail = {**(detail or {}), "by": [[sender.label, sender.request_id] for sender in senders]}
    sql.run(
        "INSERT INTO runtime_audit (id, book_id, actor, action, object_kind, object_ids, detail, request_id, recorded_at)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)",
        [
            work.ids.new(work.now),
            work.book.id,
            work.by.label,
            action,
            object_kind,
            dumps(list(object_ids)),
            dumps(detail or {}),
            work.by.request_id,
            work.now,
        ],
    )
