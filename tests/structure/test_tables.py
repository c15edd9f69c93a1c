"""A package touches its own tables only, in raw SQL as well."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.structure.ladder import HEIGHT, ROOT, package_of, sources

# They read everything by design: reports, the simulated world, the proofs that attack tables as an outsider would.
READ_ALL = {"insight", "sim", "proofs"}
BEFORE_A_TABLE = r"(?:FROM|JOIN|INTO|UPDATE|REFERENCES|TABLE|TRUNCATE|COPY|LOCK)"
BETWEEN = r"(?:\s+(?:TABLE|ONLY|IF|NOT|EXISTS|LATERAL))*\s+"
MENTION = re.compile(
    rf"\b({BEFORE_A_TABLE}){BETWEEN}(?:public\.)?\"?([a-z][a-z0-9_]*)((?:\s+(?:AS\s+)?[a-z]\w*)?\s*,\s*[a-z][a-z0-9_]*)*", re.IGNORECASE
)


def owner_of(table: str) -> str | None:
    """The package whose tables begin like this; None for a name of no package (an alias, a CTE, a catalogue)."""
    return next((package for package in HEIGHT if table.startswith(f"{package}_")), None)


def mentions(statement: str) -> Iterator[tuple[str, str]]:
    """(the keyword before it, the table) for each table that the text names."""
    for match in MENTION.finditer(statement):
        keyword = match[1].upper()
        names = [match[2], *re.findall(r",\s*([a-z][a-z0-9_]*)", match[0])] if keyword == "FROM" else [match[2]]
        yield from ((keyword, name.lower()) for name in names)


def texts(path: Path) -> Iterator[str]:
    """The string literals of a Python file but its docstrings, or the whole of an SQL file."""
    source = path.read_text(encoding="utf-8")
    if path.suffix == ".sql":
        yield source
        return
    tree = ast.parse(source)
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        if node.body and isinstance(node.body[0], ast.Expr)
    }
    joined = {id(part): node for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            yield "".join(part.value if isinstance(part, ast.Constant) else "?" for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings and id(node) not in joined:
            yield node.value


def is_allowed(*, package: str, keyword: str, owner: str, in_migration: bool) -> bool:
    """A migration may reference what lies below, and its triggers may read the books and days of `runtime`: promises depend on them."""
    if owner == package:
        return True
    if not in_migration or HEIGHT[owner] >= HEIGHT[package]:
        return False
    return keyword == "REFERENCES" or (owner == "runtime" and keyword in {"FROM", "JOIN"})


def strangers(path: Path) -> Iterator[str]:
    package = package_of(path)
    for text in texts(path):
        for keyword, table in mentions(text):
            owner = owner_of(table)
            if owner is not None and not is_allowed(package=package, keyword=keyword, owner=owner, in_migration="migrations" in path.parts):
                yield f"{path.relative_to(ROOT)}: {keyword} {table}"


def test_raw_sql_names_tables_of_its_own_package_only() -> None:
    files = [path for path in [*sources("*/**/*.py"), *sources("*/**/*.sql")] if package_of(path) not in READ_ALL]
    assert [stranger for path in files for stranger in strangers(path)] == []


@pytest.mark.parametrize(
    ("statement", "tables"),
    [
        ("SELECT * FROM ledger_entry e JOIN loans_due AS d ON true", ["ledger_entry", "loans_due"]),
        ('INSERT INTO "orders_order" (id) SELECT 1', ["orders_order"]),
        ("UPDATE ONLY credit_account SET x = 1", ["credit_account"]),
        ("SELECT 1 FROM orders_order o, loans_loan l", ["orders_order", "loans_loan"]),
        ("create table if not exists ledger_line (a uuid references ledger_entry (id))", ["ledger_line", "ledger_entry"]),
        ("DELETE FROM\n    ledger_hold WHERE credit_account_id = 1", ["ledger_hold"]),
    ],
)
def test_every_way_to_name_a_table_is_seen(statement: str, tables: list[str]) -> None:
    assert [table for _, table in mentions(statement)] == tables


def test_a_column_that_begins_like_a_package_is_no_table() -> None:
    assert [owner_of(table) for _, table in mentions("SELECT credit_account_id FROM held WHERE risk_score > 1")] == [None]


@pytest.mark.parametrize(
    ("package", "keyword", "owner", "in_migration", "allowed"),
    [
        ("loans", "FROM", "loans", False, True),
        ("loans", "FROM", "orders", False, False),
        ("loans", "REFERENCES", "orders", True, True),
        ("loans", "INTO", "orders", True, False),
        ("orders", "REFERENCES", "loans", True, False),
        ("ledger", "FROM", "runtime", True, True),
        ("ledger", "UPDATE", "runtime", True, False),
    ],
)
def test_only_a_migration_may_look_down(package: str, keyword: str, owner: str, in_migration: bool, allowed: bool) -> None:
    assert is_allowed(package=package, keyword=keyword, owner=owner, in_migration=in_migration) is allowed
