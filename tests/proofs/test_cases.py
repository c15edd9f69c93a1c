"""Files of cases: each is judged, what cannot be read is told with its line, and nothing is passed over."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import pytest

from yuefu.proofs.cases import NO_CASE, Case, Difference, Unsupported, judge, read


def play(case: Case) -> Sequence[Difference]:
    """A case says what should come out for 1; `other` is a key that nobody understands."""
    if unknown := sorted(case.content.keys() - {"id", "expected"}):
        raise Unsupported(*unknown)
    return [Difference("figure", each, 1) for each in case.content["expected"] if each != 1]


def test_a_file_is_told_case_by_case_with_the_first_figure_that_differs_and_a_total() -> None:
    lines = [
        '{"id": "a", "expected": [1]}',
        "",
        '{"id": "b", "expected": [1, 2, 3]}',
        '{"id": "c", "expected": [2], "more": 1, "other": 2}',
    ]
    report = judge(lines, play)
    assert report.to_json() == {
        "cases": 3,
        "passed": 1,
        "differs": [{"id": "b", "at": "figure", "expected": 2, "got": 1}],
        "unsupported": [{"id": "c", "key": "more"}, {"id": "c", "key": "other"}],
    }
    assert report.lines() == [
        "a: passes",
        "b: differs at figure: expected 2, got 1",
        "c: not supported: more, other",
        "1 of 3 cases pass, 1 differ, 1 are not supported.",
    ]
    assert not report.all_passed
    assert judge(lines[:1], play).all_passed


def test_nothing_is_no_pass() -> None:
    report = judge(["", "  "], play)
    assert not report.all_passed
    assert report.lines() == [NO_CASE]


@pytest.mark.parametrize(
    ("line", "key"),
    [
        ("{", "not JSON: Expecting property name"),
        ("[1]", "not an object"),
        ('{"id": "x", "expected": [NaN]}', "not JSON: NaN is no number"),
        ('{"id": "x", "expected": [1e-999999999999999999999]}', "not JSON"),
        ('{"id": "x", "expected": [' + "9" * 5000 + "]}", "not JSON: a number of 5000 digits"),
        ('{"id": "x", "expected": [1], "expected": [2]}', "expected (said twice)"),
        ("[" * 100_000, "not JSON"),
    ],
)
def test_a_line_that_cannot_be_read_is_told_by_its_number(line: str, key: str) -> None:
    report = judge(['{"id": "a", "expected": [1]}', line], play)
    (told,) = report.to_json()["unsupported"]
    assert told["id"] == "line 2"
    assert told["key"].startswith(key)
    assert report.passed == 1


def test_numbers_are_exact() -> None:
    assert read('{"id": "x", "a": 1432.86, "b": 7}').content == {"id": "x", "a": Decimal("1432.86"), "b": 7}
    assert read('{"a": 1}', 9).id == "line 9"
