"""What is read as a merchant, many reads at once: one transaction for all that wait, each of them seeing the rows of its merchant and no others."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar
from uuid import UUID

from yuefu.runtime import sql
from yuefu.runtime.batch import is_outage
from yuefu.runtime.logs import logger

T = TypeVar("T")

LANES: Final = 2
"""Of what is found by its id, and of what is looked at otherwise: all of a merchant are in one, and each has one transaction at a time."""

log = logger(__name__)


@dataclass(frozen=True, slots=True)
class Look:
    """Something to read as a merchant."""

    merchant_id: UUID
    read: Callable[[], Any]


@dataclass(frozen=True, slots=True)
class Find:
    """One object to read as a merchant, by what reads many: those that are asked for at the same time are read together."""

    merchant_id: UUID
    read: Callable[[list[UUID]], Mapping[UUID, Any]]
    object_id: UUID


def lane_of(one: Look | Find) -> int:
    """Where a read waits. What goes into an index by its key is not beside what reads a list: its plans are kept."""
    return one.merchant_id.int % LANES + (0 if isinstance(one, Find) else LANES)


def look(lane: int, looks: Sequence[Look | Find]) -> list[Any]:
    """An answer each, in order; for one that raises its exception, and for its neighbours their answers."""
    del lane
    try:
        return once_more("look", lambda: _read(looks))
    except Exception as error:
        if len(looks) == 1 or is_outage(error):
            raise
    return [_alone(one) for one in looks]


def once_more(name: str, act: Callable[[], T]) -> T:
    """Does what a connection that had broken kept from being done, on a new one. Keys make that safe for what writes."""
    try:
        return act()
    except Exception as error:
        if not is_outage(error):
            raise
        log.warning("tried again on a new connection", what=name, error=type(error).__name__)
    return act()


def _read(looks: Sequence[Look | Find]) -> list[Any]:
    answers: dict[int, Any] = {}
    by_merchant: dict[UUID, list[int]] = {}
    for i, one in enumerate(looks):
        by_merchant.setdefault(one.merchant_id, []).append(i)
    reading_as = looks[0].merchant_id
    with sql.reading(merchant_id=reading_as, by_keys=isinstance(looks[0], Find)):
        for merchant_id, group in by_merchant.items():
            if merchant_id != reading_as:
                sql.go_on_reading_as(merchant_id)
                reading_as = merchant_id
            answers |= _of_one(group, looks)
    return [answers[i] for i in range(len(looks))]


def _of_one(group: Sequence[int], looks: Sequence[Look | Find]) -> dict[int, Any]:
    """The answers of one merchant, by index. What is asked for by its id is read once for each kind."""
    answers: dict[int, Any] = {}
    together: dict[Any, list[tuple[int, UUID]]] = {}
    for i in group:
        one = looks[i]
        if isinstance(one, Find):
            together.setdefault(one.read, []).append((i, one.object_id))
        else:
            answers[i] = one.read()
    for read, wanted in together.items():
        found = read(sorted({object_id for _, object_id in wanted}))
        answers |= {i: found.get(object_id) for i, object_id in wanted}
    return answers


def _alone(one: Look | Find) -> Any:
    try:
        return _read([one])[0]
    except Exception as error:  # noqa: BLE001 - it is raised where it is waited for
        return error
