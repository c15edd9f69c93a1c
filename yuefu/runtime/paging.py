"""Pages of long lists by key: each reads about what it shows, however long the list is and whatever is added meanwhile.

A list is in the order of its ids, newest first. Where ids rise with time, what is added is above every page that was begun.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar
from uuid import UUID

from yuefu.runtime import sql

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Span:
    """Where a page lies: at most `limit` rows next below `older_than`, or next above `newer_than`; the newest of all where neither is given."""

    limit: int
    older_than: UUID | None = None
    newer_than: UUID | None = None


def page(
    make: Callable[..., T],
    *,
    columns: str,
    table: str,
    owner: Mapping[str, Any],
    conditions: Mapping[str, str],
    where: Mapping[str, Any],
    span: Span,
    key: str = "id",
) -> list[T] | None:
    """Rows of a page, newest first, each made from its columns. `owner` has columns and what they must be; `conditions` a condition of SQL
    for each name that `where` may hold, with `%(name)s` for its value. `table` may be a join, whose columns have their full names.

    None where the span begins at what the owner has not. What a filter hides may begin a span: a page goes on though the row it ended
    with changed meanwhile. Raises KeyError for a filter without a condition: one that is left out would tell of what was not asked for.
    """
    fixed = [f"{column} = %({_param(column)})s" for column in owner]
    params = {_param(column): value for column, value in owner.items()} | dict(where)
    given = span.older_than or span.newer_than
    if given and not sql.rows(f"SELECT 1 FROM {table} WHERE {' AND '.join([*fixed, f'{key} = %(span)s'])}", {**params, "span": given}):
        return None
    beyond = [f"{key} > %(span)s" if span.newer_than else f"{key} < %(span)s"] if given else []
    order = "ASC" if span.newer_than else "DESC"
    found = sql.rows_as(
        make,
        f"SELECT {columns} FROM {table} WHERE {' AND '.join([*fixed, *(conditions[name] for name in where), *beyond])}"
        f" ORDER BY {key} {order} LIMIT %(most)s",
        {**params, "span": given, "most": span.limit},
    )
    return found[::-1] if span.newer_than else found


def _param(column: str) -> str:
    return f"owner_{column.replace('.', '_')}"
