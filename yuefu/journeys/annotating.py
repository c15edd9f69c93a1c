"""What merchants note on objects of theirs, whatever package these are of."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from yuefu.errors import Refused
from yuefu.journeys.desk import Desk, in_batches, on_open_day
from yuefu.merchants.commands import metadata
from yuefu.merchants.commands.metadata import Annotation, Noted
from yuefu.orders import queries as orders
from yuefu.orders.queries import checkout as sessions
from yuefu.runtime.batch import Quarantined
from yuefu.runtime.values import UnitOfWork

Owned = tuple[UUID, UUID]
"""A merchant and an object that it says is its own."""

OWNERS: Final[Mapping[str, Callable[[UUID, Sequence[Owned]], Collection[Owned]]]] = {
    "order": orders.of_merchants,
    "checkout": sessions.of_merchants,
}
"""By kind: which of the objects are there, and are of who says so."""


def annotate(*, desk: Desk, now: datetime, annotations: Sequence[Annotation]) -> list[Noted | Refused | Quarantined]:
    """Changes what is noted on objects. Refused with unknown_KIND for what is not the merchant's, with metadata_too_many or key_reused."""
    return in_batches(desk, now, "annotate", annotations, lambda batch: on_open_day(desk, now, batch, _annotate))


def _annotate(work: UnitOfWork, annotations: Sequence[Annotation]) -> list[Noted | Refused]:
    by_kind: dict[str, list[Owned]] = {}
    for one in annotations:
        by_kind.setdefault(one.kind, []).append((one.merchant_id, one.object_id))
    there = {(kind, *owned) for kind, wanted in by_kind.items() for owned in OWNERS[kind](work.book.id, wanted)}
    own = [one for one in annotations if (one.kind, one.merchant_id, one.object_id) in there]
    done = iter(metadata.annotate(work=work, annotations=own))
    return [
        next(done)
        if (one.kind, one.merchant_id, one.object_id) in there
        else Refused(f"unknown_{one.kind}", f"there is no such {one.kind} of this merchant", f"{one.kind}_id")
        for one in annotations
    ]
