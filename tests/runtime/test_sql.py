"""What goes to PostgreSQL as an array comes back as it was, whatever it holds."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from yuefu.runtime import sql
from yuefu.runtime.jsontext import dumps
from yuefu.runtime.values import UnitOfWork

AWKWARD = [
    'a"b',
    "a\\b",
    "\\n",
    "\n",
    "\t\r\b\f",
    "\x01\x7f",
    "{}",
    "{a,b}",
    ",",
    "",
    " ",
    "NULL",
    "null",
    "月付",
    "🧾",
    "\u2028",
    "\\u0041",
    '\\"',
]


def back(kind: str, column: list[Any]) -> list[Any]:
    source, params = sql.unnest({"n": "integer", "given": kind}, list(enumerate(column)))
    return [row[0] for row in sql.rows(f"SELECT given FROM {source} AS g ORDER BY n", params)]


@pytest.mark.usefixtures("work")
@pytest.mark.parametrize(
    ("kind", "column"),
    [
        ("text", [*AWKWARD, None]),
        ("uuid", [UUID(int=0), None, UUID(int=2**128 - 1)]),
        ("bigint", [0, -1, 2**63 - 1, -(2**63), None]),
        ("boolean", [True, False, None]),
        ("date", [date(1, 1, 1), date(2026, 2, 28), None]),
        ("timestamptz", [datetime(2026, 11, 22, 1, 2, 3, 456789, tzinfo=UTC), None]),
        ("bytea", [b"", b"\x00\\\"'{},", bytes(range(256)), None]),
    ],
)
def test_every_kind_comes_back_as_it_was(kind: str, column: list[Any]) -> None:
    assert back(kind, column) == column


@pytest.mark.usefixtures("work")
def test_json_inside_an_array_comes_back_as_it_was() -> None:
    values = [{"a": text, text: [text, {"b": None}]} for text in AWKWARD]
    assert back("jsonb", [dumps(value) for value in values]) == values


@pytest.mark.usefixtures("work")
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")), min_size=1))
def test_any_text_comes_back_as_it_was(column: list[str]) -> None:
    assert back("text", column) == column


@pytest.mark.usefixtures("work")
@pytest.mark.parametrize(("kind", "value"), [("bigint", 2**63), ("text", "a\0b"), ("uuid", "not a uuid"), ("date", "2026-02-30")])
def test_what_the_database_cannot_hold_is_refused(kind: str, value: Any) -> None:
    with pytest.raises(psycopg.Error):
        back(kind, [value])


@pytest.mark.usefixtures("work")
def test_half_a_character_is_refused_before_it_is_sent() -> None:
    with pytest.raises((psycopg.Error, UnicodeEncodeError)):
        back("text", ["\ud800"])


def test_django_and_we_share_a_connection_in_turns(work: UnitOfWork) -> None:
    """Both read moments from it: we by the driver, Django by a loader that has a zone."""
    from yuefu.runtime.models import Book

    moment = sql.value("SELECT created_at FROM runtime_book WHERE id = %s", [work.book.id])
    assert Book.objects.using("default").get(id=work.book.id).created_at == moment
    assert sql.value("SELECT created_at FROM runtime_book WHERE id = %s", [work.book.id]) == moment
    assert moment.utcoffset() == timedelta(0)
