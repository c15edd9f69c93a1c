"""Rules about source files that a linter does not hold: hidden inputs below the edge, drawers without a name, files that grew too long."""

import ast
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.structure.ladder import EDGE_FROM, HEIGHT, ROOT, package_of, sources

HIDDEN_INPUTS = {
    "datetime.now", "datetime.utcnow", "datetime.today", "date.today", "timezone.now", "time.time", "time.time_ns",
    "os.environ", "os.getenv", "os.urandom", "uuid.uuid1", "uuid.uuid4", "uuid.uuid7", "uuid4", "uuid1",
}  # fmt: skip
HIDDEN_MODULES = {"random", "secrets"}
# Where the hidden inputs come from: the clock, the environment of the database's programs and addresses, nonces and keys of encryption.
THEIR_SOURCES = {
    "runtime/clock.py",
    "runtime/cluster.py",
    "runtime/cluster_home.py",
    "runtime/databases.py",
    "runtime/home.py",
    "runtime/provision.py",
    "runtime/vault.py",
}
NAMELESS = {
    "utils",
    "util",
    "helpers",
    "helper",
    "common",
    "constants",
    "exceptions",
    "misc",
    "base",
    "core",
    "manager",
    "managers",
    "service",
    "services",
    "signals",
}
LINES_UNEASY, LINES_AT_MOST = 500, 600


def dotted(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else "?"


def hidden_inputs(source: str) -> Iterator[str]:
    """What the source reads without having been given it, as `name at line`."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or ""]
            imported = {f"{node.module}.{alias.name}" for alias in node.names} if isinstance(node, ast.ImportFrom) else set()
            yield from (f"{name} at {node.lineno}" for name in names if name.split(".")[0] in HIDDEN_MODULES)
            yield from (f"{name} at {node.lineno}" for name in sorted(imported & HIDDEN_INPUTS))
        elif isinstance(node, ast.Attribute):
            name = ".".join(dotted(node).split(".")[-2:])
            if name in HIDDEN_INPUTS:
                yield f"{name} at {node.lineno}"


def below_the_edge() -> list[Path]:
    return [
        path
        for path in sources()
        if path.parent != ROOT / "yuefu" or path.stem != "__init__"
        if HEIGHT[package_of(path)] < EDGE_FROM and str(path.relative_to(ROOT / "yuefu")) not in THEIR_SOURCES
    ]


def test_nothing_below_the_journeys_reads_a_clock_a_die_or_the_environment() -> None:
    assert [f"{path.relative_to(ROOT)}: {found}" for path in below_the_edge() for found in hidden_inputs(path.read_text())] == []


@pytest.mark.parametrize(
    "source",
    [
        "from datetime import datetime\ndatetime.now(tz)",
        "import datetime\nx = datetime.datetime.now()",
        "import time\nbegan = time.time()",
        "import random",
        "from random import choice",
        "import secrets",
        "import os\nhome = os.environ['HOME']",
        "from os import environ",
        "import uuid\nuuid.uuid4()",
        "from django.utils import timezone\nfield = F(default=timezone.now)",
    ],
)
def test_each_hidden_input_is_seen(source: str) -> None:
    assert list(hidden_inputs(source))


def test_a_monotonic_clock_and_a_given_moment_are_no_hidden_inputs() -> None:
    assert list(hidden_inputs("import time\ntime.monotonic()\nnow.time()\nclock.now()")) == []


def days_of_moments(source: str) -> Iterator[str]:
    """Where the day of a moment of now is taken, which is the day of whatever zone the moment happens to carry, as `line`."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "date":
            at = node.func.value
            if (isinstance(at, ast.Call) and dotted(at.func).split(".")[-1] in ("now_in", "system_now")) or dotted(at).split(".")[-1] in (
                "now",
                "clock_at",
            ):
                yield f"line {node.lineno}"


def test_the_day_it_is_in_a_book_is_that_of_its_zone() -> None:
    """A moment out of the database is one of UTC: its date is yesterday's for eight hours of each day in China. `Book.day_of` knows better."""
    assert [f"{path.relative_to(ROOT)}: {found}" for path in sources() for found in days_of_moments(path.read_text())] == []


@pytest.mark.parametrize(
    "source", ["books.now_in(book).date()", "system_now().date()", "work.now.date()", "now.date()", "book.clock_at.date()"]
)
def test_each_day_of_a_moment_is_seen(source: str) -> None:
    assert list(days_of_moments(source))


def test_a_day_in_a_zone_is_no_day_of_a_moment() -> None:
    assert list(days_of_moments("book.day_of(now)\nlocal.date()\nnow.astimezone(tz).date()")) == []


def test_no_file_is_a_drawer_without_a_name() -> None:
    assert [str(path.relative_to(ROOT)) for path in sources() if path.stem in NAMELESS or path.parent.name in NAMELESS] == []


def test_a_package_says_what_it_owns_and_exports_nothing() -> None:
    wrong = []
    for path in sources("*/__init__.py"):
        tree = ast.parse(path.read_text())
        if ast.get_docstring(tree) is None or len(tree.body) != 1:
            wrong.append(str(path.relative_to(ROOT)))
    assert wrong == []


def test_no_file_grows_past_what_a_reader_holds() -> None:
    lengths = {str(path.relative_to(ROOT)): len(path.read_text().splitlines()) for path in sources()}
    for name, lines in lengths.items():
        if LINES_UNEASY < lines <= LINES_AT_MOST:
            warnings.warn(f"{name} has {lines} lines: time to make it a folder", stacklevel=1)
    assert [f"{name}: {lines} lines" for name, lines in lengths.items() if lines > LINES_AT_MOST] == []
