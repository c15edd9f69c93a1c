"""Reads of the sandbox; every answer is a frozen value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from yuefu.runtime import paging, sql
from yuefu.runtime.paging import Span
from yuefu.sandbox.rules.clocks import UNUSED_DAYS, Advance, TestClock
from yuefu.sandbox.rules.matrix import Cell, Done, Outcome, Run

_CLOCK: Final = (
    "id, book_id, merchant_id, name, state, frozen_at, at, clock_book_id, shop_id, key_id, asker_id, made_at, used_at, deleted_at, revision"
)
_PERSON: Final = "consumer_id, merchant_id, email, behaviour, registered_at"
_ADVANCE: Final = "id, clock_id, from_at, to_at, state, reached_at, days, days_done, failure_code, failure_detail"


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody of the sandbox, and how they behave."""

    consumer_id: UUID
    merchant_id: UUID
    email: str
    behaviour: str
    registered_at: datetime


def clocks(*, ids: Sequence[UUID], book_id: UUID | None = None, lock: bool = False) -> dict[UUID, TestClock]:
    """These test clocks, of one book where it is named, locked in order of id where that is asked; unknown ids are left out."""
    found = sql.rows_as(
        TestClock,
        f"SELECT {_CLOCK} FROM sandbox_test_clock WHERE id = ANY(%s) AND (%s::uuid IS NULL OR book_id = %s) ORDER BY id"
        f"{' FOR UPDATE' if lock else ''}",
        [sorted(set(ids)), book_id, book_id],
    )
    return {clock.id: clock for clock in found}


_FILTERS: Final = {
    "state": "state = %(state)s",
    "created_from": "made_at >= %(created_from)s",
    "created_before": "made_at < %(created_before)s",
}


def page(*, merchant_id: UUID, where: Mapping[str, Any], span: Span) -> list[TestClock] | None:
    """Clocks of a merchant, newest first, those that were deleted too; None where the span begins at no clock of this merchant."""
    return paging.page(
        TestClock,
        columns=_CLOCK,
        table="sandbox_test_clock",
        owner={"merchant_id": merchant_id},
        conditions=_FILTERS,
        where=where,
        span=span,
    )


def kept_count(*, merchant_id: UUID) -> int:
    """How many clocks of a merchant are not deleted."""
    found: int = sql.value("SELECT count(*) FROM sandbox_test_clock WHERE merchant_id = %s AND state <> 'deleted'", [merchant_id])
    return found


def last_advances(*, clock_ids: Sequence[UUID]) -> dict[UUID, Advance]:
    """The latest advance of each clock; one that was never advanced is left out."""
    found = sql.rows_as(
        Advance,
        f"SELECT DISTINCT ON (clock_id) {_ADVANCE} FROM sandbox_advance WHERE clock_id = ANY(%s) ORDER BY clock_id, asked_at DESC",
        [list(clock_ids)],
    )
    return {advance.clock_id: advance for advance in found}


def advances(*, ids: Sequence[UUID]) -> dict[UUID, Advance]:
    """These advances; unknown ids are left out."""
    found = sql.rows_as(Advance, f"SELECT {_ADVANCE} FROM sandbox_advance WHERE id = ANY(%s)", [list(ids)])
    return {advance.id: advance for advance in found}


def to_make() -> list[tuple[UUID, UUID]]:
    """Clocks that are still being made, of any book, each with its book; oldest first."""
    return [*_pairs("SELECT book_id, id FROM sandbox_test_clock WHERE state = 'making' ORDER BY id")]


def to_advance() -> list[tuple[UUID, UUID]]:
    """Clocks that are advancing, of any book, each with its book; oldest first."""
    return [*_pairs("SELECT book_id, id FROM sandbox_test_clock WHERE state = 'advancing' ORDER BY id")]


def unused() -> list[tuple[UUID, UUID]]:
    """Clocks that nobody advanced for so long that they go, of any book, each with its book."""
    query = "SELECT book_id, id FROM sandbox_test_clock WHERE state IN ('making', 'ready', 'failed') AND used_at < now() - %s * interval '1 day'"
    return [*_pairs(f"{query} ORDER BY id", [UNUSED_DAYS])]


def _pairs(query: str, params: Sequence[Any] = ()) -> list[tuple[UUID, UUID]]:
    return [(book_id, clock_id) for book_id, clock_id in sql.rows(query, params)]


def people(*, book_id: UUID, behaviours: Sequence[str] | None = None) -> list[Person]:
    """People of the sandbox in a book, of some behaviours or of all, in the order of their ids."""
    return sql.rows_as(
        Person,
        f"SELECT {_PERSON} FROM sandbox_person WHERE book_id = %s AND (%s::text[] IS NULL OR behaviour = ANY(%s)) ORDER BY consumer_id",
        [book_id, list(behaviours) if behaviours is not None else None, list(behaviours or ())],
    )


def people_by_email(*, merchant_ids: Sequence[UUID], emails: Sequence[str]) -> list[Person]:
    """People whom merchants registered, those with one of these addresses."""
    return sql.rows_as(
        Person,
        f"SELECT {_PERSON} FROM sandbox_person WHERE merchant_id = ANY(%s) AND email = ANY(%s)",
        [list(merchant_ids), list(emails)],
    )


def people_of(*, consumer_ids: Sequence[UUID]) -> dict[UUID, Person]:
    """People by their consumer; unknown ones are left out."""
    found = sql.rows_as(
        Person,
        f"SELECT {_PERSON} FROM sandbox_person WHERE consumer_id = ANY(%s)",
        [list(consumer_ids)],
    )
    return {person.consumer_id: person for person in found}


_RUN: Final = "id, book_id, merchant_id, through, state, cells, started_at, finished_at"


def run(*, run_id: UUID) -> Run | None:
    """A run of the matrix."""
    found = sql.rows_as(Run, f"SELECT {_RUN} FROM sandbox_matrix_run WHERE id = %s", [run_id])
    return found[0] if found else None


def runs(*, book_id: UUID, limit: int = 50) -> list[Run]:
    """The latest runs of a book, newest first."""
    return sql.rows_as(Run, f"SELECT {_RUN} FROM sandbox_matrix_run WHERE book_id = %s ORDER BY started_at DESC LIMIT %s", [book_id, limit])


def done(*, run_id: UUID) -> list[Done]:
    """The combinations of a run with what was found of each, in order."""
    return sql.rows_as(
        _done,
        "SELECT no, product, periods, amount_minor, currency, order_name, fault, figures FROM sandbox_matrix_cell WHERE run_id = %s ORDER BY no",
        [run_id],
    )


def _done(no: int, product: str, periods: int, amount_minor: int, currency: str, order: str, fault: str, figures: Any) -> Done:
    return Done(Cell(no, product, periods, amount_minor, currency), None if figures is None else Outcome(fault, order, figures))
