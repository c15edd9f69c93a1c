"""Moments reach the terminal in one way: `cli.output` tells them in the zone of the book. No command formats one by itself."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.structure.ladder import ROOT

CLI = ROOT / "yuefu" / "cli"
# Where there is no book yet whose zone it could be, or a moment becomes a day: the first day of a new book, of the demo, of a plan.
OF_NO_BOOK = {"books.py", "demo.py", "plan_terms.py", "output.py"}


def _name(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant):
        return str(node.slice.value)
    return node.id if isinstance(node, ast.Name) else ""


def _is_a_moment(node: ast.expr) -> bool:
    of_something = isinstance(node, ast.Attribute | ast.Subscript) and _name(node) in {"at", "now", "valid_until", "not_before"}
    return of_something or _name(node).endswith("_at")


def _values_of_items(tree: ast.AST) -> Iterator[tuple[str, ast.AST]]:
    """The names of values of whatever kind, with where they are told: `for name, value in told.items()`."""
    for node in ast.walk(tree):
        loops = node.generators if isinstance(node, ast.ListComp | ast.GeneratorExp) else [node] if isinstance(node, ast.For) else []
        for loop in loops:
            of_items = isinstance(loop.iter, ast.Call) and isinstance(loop.iter.func, ast.Attribute) and loop.iter.func.attr == "items"
            if of_items and isinstance(loop.target, ast.Tuple) and isinstance(loop.target.elts[-1], ast.Name):
                yield loop.target.elts[-1].id, node


def _told(node: ast.AST) -> Iterator[ast.expr]:
    """The expressions that f-strings put into a text as they are."""
    for each in ast.walk(node):
        if isinstance(each, ast.FormattedValue):
            yield from [each.value.body, each.value.orelse] if isinstance(each.value, ast.IfExp) else [each.value]


def formatted_by_itself(source: str) -> list[int]:
    """The lines of a source that put a moment, or a value that may be one, into a text without asking `output.shown`."""
    tree = ast.parse(source)
    found = {each.lineno for each in ast.walk(tree) if isinstance(each, ast.Attribute) and each.attr == "astimezone"}
    found |= {each.lineno for each in _told(tree) if _is_a_moment(each)}
    for name, where in _values_of_items(tree):
        found |= {
            each.lineno for each in _told(where) if isinstance(each, ast.Name | ast.BoolOp) and name in {_name(one) for one in _each(each)}
        }
    return sorted(found)


def _each(node: ast.expr) -> list[ast.expr]:
    return node.values if isinstance(node, ast.BoolOp) else [node]


def test_no_command_tells_a_moment_in_a_way_of_its_own() -> None:
    paths = [path for path in sorted(Path(CLI).glob("*.py")) if path.name not in OF_NO_BOOK]
    assert {path.name: lines for path in paths if (lines := formatted_by_itself(path.read_text()))} == {}


@pytest.mark.parametrize(
    "source",
    [
        'print(f"{one.heard_at}")',
        """print(f"{row['at']:%H:%M}")""",
        'print(f"{caller.now}")',
        "print(one.heard_at.astimezone(book.tz))",
        'lines = [f"{name}: {value}" for name, value in told.items()]',
        """lines = [f"{name}: {'-' if value is None else value}" for name, value in told.items()]""",
        """lines = [f"{name}: {value or '-'}" for name, value in told.items()]""",
        'for name, value in told.items():\n    print(f"{name}: {value}")',
    ],
)
def test_each_such_way_is_seen(source: str) -> None:
    assert formatted_by_itself(source)


def test_what_is_asked_of_the_output_is_none() -> None:
    assert (
        formatted_by_itself('[f"{name}: {output.shown(value)}" for name, value in told.items()]\nprint(f"{one.on}, {output.shown(at)}")')
        == []
    )
