"""A file of items carried out as one: all of it or nothing, with the outcome of each."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final, TypeVar
from uuid import UUID

import typer

from yuefu.cli import output
from yuefu.cli.context import Caller
from yuefu.cli.faults import FAILED
from yuefu.cli.items import FieldFault, Item
from yuefu.errors import Refused, RefusedError
from yuefu.ids import IdSource
from yuefu.runtime.values import UnitOfWork

T = TypeVar("T")

Act = Callable[[UnitOfWork, list[T]], Sequence[UUID | Refused]]

NOT_DONE: Final = "not_done"


class Witness(IdSource):
    """Makes ids and remembers them: an outcome with an id that it did not make was there before."""

    __slots__ = ("made",)

    def __init__(self) -> None:
        super().__init__(secrets.randbits)
        self.made: set[UUID] = set()

    def many(self, now: datetime, count: int) -> list[UUID]:
        new = super().many(now, count)
        self.made.update(new)
        return new


@dataclass(frozen=True, slots=True)
class Done:
    """The object that a request led to; `again` says that it was there before."""

    id: UUID
    again: bool


def witnessed(caller: Caller) -> tuple[Caller, Witness]:
    """The same caller, with a source of ids that can be asked what it made."""
    witness = Witness()
    return replace(caller, desk=replace(caller.desk, ids=witness)), witness


def only_one(caller: Caller, act: Callable[[UnitOfWork], Sequence[UUID | Refused]]) -> Done:
    """Carries out one request."""
    seen, witness = witnessed(caller)
    done = seen.acting(lambda work: act(work)[0])
    return Done(done, done not in witness.made)


def all_or_nothing(caller: Caller, items: Sequence[Item[T]], act: Act[T], paths: Mapping[str, str] | None = None) -> list[Done]:
    """Carries out every item, in one transaction. Where one of them cannot be, nothing is changed, and the outcome of each is printed.

    `paths` says where in the file the field of a refusal is, if it has another name there.
    """
    faults = {i: item.request for i, item in enumerate(items) if isinstance(item.request, FieldFault)}
    seen, witness = witnessed(caller)
    outcomes: list[UUID | Refused] = []

    def carry_out(work: UnitOfWork) -> Refused | None:
        outcomes.extend(act(work, [item.request for item in items if not isinstance(item.request, FieldFault)]))
        return next((outcome for outcome in outcomes if isinstance(outcome, Refused)), None)

    if not faults:
        try:
            seen.acting(carry_out)
        except RefusedError:
            if not outcomes:  # no open day: it is not about an item
                raise
        faults = {i: _fault(items[i], outcome, paths or {}) for i, outcome in enumerate(outcomes) if isinstance(outcome, Refused)}
    if faults:
        _report(items, faults)
        raise typer.Exit(FAILED)
    return [Done(done, done not in witness.made) for done in outcomes if isinstance(done, UUID)]


def _fault(item: Item[Any], refused: Refused, paths: Mapping[str, str]) -> FieldFault:
    field = refused.field or ""
    return FieldFault(refused.code, item.path(paths.get(field, field)), refused.detail)


def _report(items: Sequence[Item[Any]], faults: Mapping[int, FieldFault]) -> None:
    found: list[dict[str, Any]] = [{"item": i, **_outcome(faults.get(i))} for i in range(len(items))]
    first = faults[min(faults)]
    lines = [f"{fault.path}: {fault.detail}" for fault in faults.values()]
    lines.append(f"Nothing was changed: {len(faults)} of {len(items)} items cannot be done.")
    output.result({"items": found, "error": {"code": first.code, "detail": str(first)}}, lines)


def _outcome(fault: FieldFault | None) -> dict[str, Any]:
    if fault is None:
        return {"state": NOT_DONE}
    return {"state": "refused", "error": {"code": fault.code, "field": fault.path, "detail": fault.detail}}
