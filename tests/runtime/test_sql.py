"""What goes to PostgreSQL as an array comes back as it was, whatever it holds."""

from __future__ import annotations

import gc
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID
from weakref import ref

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from yuefu.runtime import locks, sql
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
        ("uuid", [UUID(int=2**128 - 1), UUID(int=0), UUID(int=7)]),
        ("double precision", [1.5, float("inf"), -float("inf"), None]),
        ("numeric", [Decimal("1.10"), Decimal("Infinity"), None]),
        ("json", [{"a": [AWKWARD, None, 1.5, True]}, [], "text", 7, {"月付": "\u2028"}]),
        ("bigint", [0, -1, 2**63 - 1, -(2**63), None]),
        ("boolean", [True, False, None]),
        ("date", [date(1, 1, 1), date(2026, 2, 28), None]),
        ("timestamptz", [datetime(2026, 11, 22, 1, 2, 3, 456789, tzinfo=UTC), None]),
        ("bytea", [b"", b"\x00\\\"'{},", bytes(range(256)), None]),
    ],
)
def test_every_kind_comes_back_as_it_was(kind: str, column: list[Any]) -> None:
    given = [dumps(one) for one in column] if kind == "json" else column
    assert back(kind, given) == column


@pytest.mark.usefixtures("work")
def test_of_json_nothing_is_not_the_null_of_json() -> None:
    source, params = sql.unnest({"n": "integer", "given": "json"}, [(0, None), (1, "null"), (2, "{}")])
    assert sql.rows(f"SELECT given IS NULL, given::text FROM {source} AS g ORDER BY n", params) == [
        (True, None),
        (False, "null"),
        (False, "{}"),
    ]


@pytest.mark.usefixtures("work")
def test_ids_may_come_as_texts_too() -> None:
    column = [UUID(int=1), None, UUID(int=2)]
    assert back("uuid", [str(one) if one else None for one in column]) == back("uuid", [column[0], None, str(column[2])]) == column


@pytest.mark.parametrize(
    "rows",
    [
        [("a", "x", "e"), ("b", "x", "e")],
        [("a", "x", "e"), ("b", "y", "e")],
        [("a", "x", "e"), ("b", "x", "f")],
        [("a", "x", "e")],
    ],
)
def test_columns_that_are_often_the_same_are_written_whether_they_are_or_not(work: UnitOfWork, rows: list[tuple[str, ...]]) -> None:
    columns = {"id": "uuid", "request": "text", "command": "text", "error": "text"}
    same = {"book_id": ("uuid", work.book.id), "recorded_at": ("timestamptz", work.now), "state": ("text", "waiting")}
    values = [(i, *row) for i, row in zip(work.ids.many(work.now, len(rows)), rows, strict=True)]
    assert sql.insert("runtime_quarantine", columns, values, same=same, often_same=("command", "error")) == len(rows)
    found = sql.rows(
        "SELECT request, command, error FROM runtime_quarantine WHERE book_id = %s AND state = 'waiting' ORDER BY id", [work.book.id]
    )
    assert found == rows


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


def test_what_is_read_together_is_what_is_read_one_by_one_and_travels_once(work: UnitOfWork) -> None:
    sent = 0

    def day() -> object:
        nonlocal sent
        sent += 1
        return sql.value("SELECT on_date FROM runtime_business_day WHERE book_id = %s", [work.book.id])

    reads = [
        day,
        lambda: sql.rows_as(lambda a, b: a + b, "SELECT %s::int, 2", [1]),
        lambda: "asks nothing",
        lambda: (sql.value("SELECT 1"), sql.value("SELECT 2")),
        lambda: sql.rows("SELECT 1 WHERE false"),
        lambda: sql.run("SELECT pg_advisory_xact_lock(1)"),
    ]
    with sql.transacting():
        assert sql.together(*reads) == [work.day.on, [3], "asks nothing", (1, 2), [], 1]
        assert sent == 2
        assert sql.together() == []
        assert sql.value("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = 1 AND pid = pg_backend_pid()") == 1


def test_each_of_what_is_read_together_sees_what_those_before_it_did(work: UnitOfWork) -> None:
    with sql.transacting():
        key = ["together", "k", b"x", work.book.id, work.book.id, work.now]
        put = "INSERT INTO runtime_key (scope, key, fingerprint, object_id, book_id, recorded_at) VALUES (%s, %s, %s, %s, %s, %s)"
        _, seen = sql.together(lambda: sql.run(put, key), lambda: sql.value("SELECT count(*) FROM runtime_key WHERE scope = 'together'"))
        assert seen == 1


def test_what_one_of_them_raises_is_raised_and_nobody_listens_any_more(work: UnitOfWork) -> None:
    with pytest.raises(psycopg.errors.DivisionByZero), sql.transacting():
        sql.together(lambda: sql.value("SELECT 1"), lambda: sql.value("SELECT 1 / 0"), lambda: sql.value("SELECT 3"))
    with pytest.raises(ZeroDivisionError), sql.transacting():
        sql.together(lambda: sql.value("SELECT 1"), lambda: 1 // 0)
    assert sql.value("SELECT 4") == 4


def test_what_is_sent_without_waiting_is_there_in_order_and_tells_its_errors(work: UnitOfWork) -> None:
    columns = {"scope": "text", "key": "text", "fingerprint": "bytea", "object_id": "uuid"}
    same = {"book_id": ("uuid", work.book.id), "recorded_at": ("timestamptz", work.now)}
    counted = "SELECT count(*) FROM runtime_key WHERE scope = 'sent'"

    def put(*keys: str) -> int:
        return sql.insert("runtime_key", columns, [("sent", key, b"x", work.book.id) for key in keys], same=same)

    with sql.transacting():
        with sql.without_waiting():
            assert put("a", "b") == -1
            assert sql.value(counted) == 2
            assert sql.together(lambda: sql.value(counted), lambda: sql.value("SELECT 1")) == [2, 1]
            put("c")
        assert sql.value(counted) == 3
    with pytest.raises(psycopg.errors.UniqueViolation), sql.transacting(), sql.without_waiting():
        assert [put(key) for key in "da"] == [-1, -1]
    assert sql.value(counted) == 3


class Big:
    """Something that one can watch going away."""


def test_what_was_read_together_goes_away_by_itself(work: UnitOfWork) -> None:
    def read(big: Big) -> list[Any]:
        return sql.rows("SELECT %s::uuid, %s::text", [work.book.id, type(big).__name__])

    big = Big()
    gone = ref(big)
    gc.disable()
    try:
        sql.together(lambda big=big: read(big), lambda: sql.rows("SELECT 2"))  # type: ignore[misc]
        del big
        assert gone() is None, "a cycle waits for the collector, and all that was read with it"
    finally:
        gc.enable()


SETTINGS_OF_PLANS = ("enable_seqscan", "enable_hashjoin", "enable_mergejoin", "enable_material")


def settings_in_force() -> list[str]:
    return [sql.value("SELECT current_setting(%s)", [name]) for name in SETTINGS_OF_PLANS]


def prepared() -> set[str]:
    return {row[0] for row in sql.rows("SELECT statement FROM pg_prepared_statements")}


def test_what_goes_by_keys_is_prepared_and_kept_from_reading_tables_whole() -> None:
    with sql.transacting(by_keys=True):
        assert settings_in_force() == ["off"] * len(SETTINGS_OF_PLANS)
        assert sql.rows("SELECT code FROM runtime_book WHERE id = ANY(%s)", [[UUID(int=1)]]) == []
        assert any("runtime_book WHERE id = ANY" in statement for statement in prepared())
    with sql.transacting():
        assert settings_in_force() == ["on"] * len(SETTINGS_OF_PLANS)
        assert sql.rows("SELECT code FROM runtime_book WHERE id = ANY(%s) LIMIT 1", [[UUID(int=1)]]) == []
        assert not any("LIMIT 1" in statement for statement in prepared() if "runtime_book" in statement)


def test_plans_are_made_anew_often_at_first_and_every_ten_seconds_later(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    run = sql.run
    monkeypatch.setattr(sql, "run", lambda query, params=(): said.append(query) or run(query, params))
    moment = 1_000.0
    monkeypatch.setattr(sql, "stopwatch", lambda: moment)
    monkeypatch.setattr(sql, "_plans_until", {})
    discarded = []
    for moment in (1_000.0, 1_000.0, 1_000.5, 1_000.6, 1_001.0, 1_030.0, 1_039.0, 1_040.0, 1_049.0):  # noqa: B007 - the clock reads it
        said.clear()
        with sql.transacting(by_keys=True):
            discarded.append("DISCARD PLANS" in said)
    assert discarded == [True, True, True, False, True, True, False, True, False]


def test_no_two_kinds_of_lock_have_one_number() -> None:
    numbers = [value for name, value in vars(locks).items() if name.isupper() and isinstance(value, int)]
    assert len(numbers) == len(set(numbers)), "who waits for the one would wait for the other"
