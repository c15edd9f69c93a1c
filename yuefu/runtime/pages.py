"""Pages of a list, newest first. A place in it is the id of one of its rows: ids rise with time, so what is written meanwhile moves no page that was
begun."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar
from uuid import UUID

from yuefu.runtime import sql

T = TypeVar("T")

Tests = Mapping[str, Sequence[Any]]
"""Conditions of SQL, each with what its placeholders stand for."""


@dataclass(frozen=True, slots=True)
class Page:
    """At most `limit` rows: the newest of all, those next below `older_than`, or those next above `newer_than`."""

    limit: int
    older_than: UUID | None = None
    newer_than: UUID | None = None

    @property
    def place(self) -> UUID | None:
        """The row that the page begins beside; None where it begins with the newest."""
        return self.older_than or self.newer_than


def given(tests: Mapping[str, Any]) -> dict[str, Sequence[Any]]:
    """Of tests with one placeholder those that have a value: what is None was not asked for."""
    return {test: (value,) for test, value in tests.items() if value is not None}


def page_of(make: Callable[..., T], query: str, tests: Tests, page: Page, *, key: str = "id", behind: str = "") -> list[T]:
    """The rows of a query that pass all tests, newest first, as `make` makes them. `key` is the column of their ids; `behind` stands behind the tests."""
    side, order = (f"{key} > %s", "ASC") if page.newer_than else (f"{key} < %s", "DESC") if page.older_than else ("true", "DESC")
    params = [value for values in tests.values() for value in values] + ([page.place] if page.place else [])
    where = " AND ".join([*tests, side])
    found = sql.rows_as(make, f"{query} WHERE {where}{behind} ORDER BY {key} {order} LIMIT %s", [*params, page.limit])
    return found[::-1] if page.newer_than else found
