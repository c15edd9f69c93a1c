"""JSON of frozen values: one text, whichever encoder wrote it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum
from types import MappingProxyType
from typing import Literal
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yuefu.money.amounts import Money
from yuefu.runtime import jsontext


class Colour(Enum):
    RED = "red"


@dataclass(frozen=True, slots=True)
class Row:
    no: int
    amount: Money


VALUES = {
    "uuid": UUID(int=7),
    "date": date(2026, 2, 28),
    "moment": datetime(2026, 2, 28, 12, 0, 0, 120, tzinfo=UTC),
    "elsewhere": datetime(2026, 2, 28, 12, tzinfo=timezone(timedelta(hours=8))),
    "time": time(0, 5),
    "decimal": Decimal("1.50"),
    "enum": Colour.RED,
    "rows": (Row(1, Money(-5, "CNY")),),
    "mapping": MappingProxyType({"中文": None}),
    "set": frozenset({3, 1, 2}),
    "true": True,
}


def test_values_are_written_as_plain_json_of_one_form():
    text = jsontext.dumps(VALUES)
    assert text == jsontext._encode(VALUES)
    assert json.loads(text) == {
        "uuid": "00000000-0000-0000-0000-000000000007",
        "date": "2026-02-28",
        "moment": "2026-02-28T12:00:00.000120+00:00",
        "elsewhere": "2026-02-28T12:00:00+08:00",
        "time": "00:05:00",
        "decimal": "1.50",
        "enum": "red",
        "rows": [{"no": 1, "amount": {"minor": -5, "currency": "CNY"}}],
        "mapping": {"中文": None},
        "set": [1, 2, 3],
        "true": True,
    }
    assert "中文" in text


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda x: st.lists(x) | st.dictionaries(st.text(), x)))
def test_any_numbers_and_texts_come_back(value):
    assert json.loads(jsontext.dumps(value)) == value


@pytest.mark.parametrize("typed", ["\udcff", {"amount": 10**30}, ["\ud800x"]])
def test_what_a_person_may_have_typed_is_written_however_odd(typed):
    assert json.loads(jsontext.dumps(typed)) == typed


def test_what_has_no_json_form_is_refused():
    with pytest.raises(TypeError, match="object has no JSON form"):
        jsontext.dumps({"x": object()})


@dataclass(frozen=True, slots=True)
class Asked:
    """As requests are."""

    key: str
    row: UUID
    count: int
    kind: Literal["one", "two"]
    amount: Money | None
    on: date | None
    at: datetime | None
    sure: bool
    within: Row | None = None


ASKED = st.builds(
    Asked, st.text(), st.uuids(), st.integers(-(2**63), 2**64), st.sampled_from(["one", "two"]),
    st.none() | st.builds(Money, st.integers(-(10**15), 10**15), st.just("CNY")), st.none() | st.dates(),
    st.none() | st.datetimes(timezones=st.just(UTC)), st.booleans(), st.none() | st.builds(Row, st.integers(0, 9), st.just(Money(5, "CNY"))),
)  # fmt: skip


@given(ASKED)
def test_a_request_is_read_back_as_it_was_written(asked: Asked) -> None:
    assert jsontext.read(Asked, jsontext.dumps(asked)) == asked
    assert jsontext.read(UUID, jsontext.dumps(asked.row)) == asked.row


@pytest.mark.parametrize(
    "change",
    [
        {"key": 5}, {"key": None}, {"row": "no uuid"}, {"row": 5}, {"count": "5"}, {"count": 5.0}, {"count": True}, {"kind": "three"},
        {"kind": ["one"]}, {"amount": 5}, {"amount": {"minor": 5}}, {"amount": {"minor": 5, "currency": "XXX"}},
        {"amount": {"minor": "5", "currency": "CNY"}}, {"on": "2026-02-30"}, {"at": "noon"}, {"sure": 1}, {"within": {}}, {"more": 1},
    ],
)  # fmt: skip
def test_what_is_not_exactly_of_the_kind_is_not_read(change: dict[str, object]) -> None:
    asked = Asked("k", UUID(int=7), 1, "one", None, None, None, True)
    text = json.dumps({**json.loads(jsontext.dumps(asked)), **change})
    with pytest.raises(ValueError, match=r"."):
        jsontext.read(Asked, text)


def test_a_field_that_is_not_there_is_not_guessed() -> None:
    asked = json.loads(jsontext.dumps(Asked("k", UUID(int=7), 1, "one", None, None, None, True)))
    for name in asked:
        with pytest.raises(ValueError, match="has the fields"):
            jsontext.read(Asked, json.dumps({other: value for other, value in asked.items() if other != name}))
