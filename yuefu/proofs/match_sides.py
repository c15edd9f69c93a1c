"""Two sides to match, of any size, with what must be found of each row: the same each time, with a thousandth of every kind of break."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import duckdb

BYTES_A_ROW: Final = 500
"""On disk, of each side: itself, what must be found of it, and what is found, twice."""

SIDES: Final = ("here", "there")

_SPACING: Final = 1_000
"""Of so many cases, each kind of break is one."""

# A line is a row of a case: of which kind of case, on which side, its number there; what it has of the reference of the case; what its amount is (the
# amount of the case so many times, plus), by how many days later it is, its status; then what must be found of it: class, pass, the number of the line
# there that names its group, and the difference (the amount so many times, plus). No two cases of breaks have amounts in common.
_SHAPES: Final = """
    (-1, 'here',  0, 'own',  1,  0,  0, 'moved',   'matched',         1,    0,     0,  0), (-1, 'there', 0, 'own',  1,  0,  0, 'moved', 'matched', 1, 0, 0, 0),
    -- the amount differs
    ( 0, 'here',  0, 'own',  1,  0,  0, 'moved',   'amount_differs',  1,    0,     0, -2),
    ( 0, 'there', 0, 'own',  1, -2,  0, 'moved',   'amount_differs',  1,    0,     0, -2),
    -- the status differs
    ( 1, 'here',  0, 'own',  1,  0,  0, 'moved',   'status_differs',  1,    0,     0,  0),
    ( 1, 'there', 0, 'own',  1,  0,  0, 'pending', 'status_differs',  1,    0,     0,  0),
    -- missing on one side
    ( 2, 'there', 0, 'own',  1,  0,  0, 'moved',   'missing_here',    NULL, NULL,  1,  0),
    ( 3, 'here',  0, 'own',  1,  0,  0, 'moved',   'missing_there',   NULL, NULL, -1,  0),
    -- twice on one side, or on both
    ( 4, 'here',  0, 'own',  1,  0,  0, 'moved',   'duplicate_there', NULL, 0,     1,  0),
    ( 4, 'there', 0, 'own',  1,  0,  0, 'moved',   'duplicate_there', NULL, 0,     1,  0),
    ( 4, 'there', 1, 'own',  1,  0,  0, 'moved',   'duplicate_there', NULL, 0,     1,  0),
    ( 5, 'here',  0, 'own',  1,  0,  0, 'moved',   'duplicate_here',  NULL, 0,    -1,  0),
    ( 5, 'here',  1, 'own',  1,  0,  0, 'moved',   'duplicate_here',  NULL, 0,    -1,  0),
    ( 5, 'there', 0, 'own',  1,  0,  0, 'moved',   'duplicate_here',  NULL, 0,    -1,  0),
    ( 6, 'here',  0, 'own',  1,  0,  0, 'moved',   'contested',       NULL, 0,     0,  0),
    ( 6, 'here',  1, 'own',  1,  0,  0, 'moved',   'contested',       NULL, 0,     0,  0),
    ( 6, 'there', 0, 'own',  1,  0,  0, 'moved',   'contested',       NULL, 0,     0,  0),
    ( 6, 'there', 1, 'own',  1,  0,  0, 'moved',   'contested',       NULL, 0,     0,  0),
    -- two lines there, one row of a third amount here
    ( 7, 'here',  0, 'own',  1,  5,  0, 'moved',   'contested',       NULL, 0,     1, -4),
    ( 7, 'there', 0, 'own',  1,  0,  0, 'moved',   'contested',       NULL, 0,     1, -4),
    ( 7, 'there', 1, 'own',  1,  1,  0, 'moved',   'contested',       NULL, 0,     1, -4),
    -- another day
    ( 8, 'here',  0, 'own',  1,  0,  0, 'moved',   'other_day',       1,    0,     0,  0),
    ( 8, 'there', 0, 'own',  1,  0,  1, NULL,      'other_day',       1,    0,     0,  0),
    -- lost references: on the day, the day after, the day before, too late; and two here for one there
    ( 9, 'here',  0, 'own',  1,  0,  0, 'moved',   'matched',         2,    0,     0,  0),
    ( 9, 'there', 0, 'none', 1,  0,  0, '',        'matched',         2,    0,     0,  0),
    (10, 'here',  0, 'own',  1,  0,  0, 'moved',   'other_day',       2,    0,     0,  0),
    (10, 'there', 0, 'bad',  1,  0,  1, 'moved',   'other_day',       2,    0,     0,  0),
    (11, 'here',  0, 'none', 1,  0,  0, NULL,      'other_day',       2,    0,     0,  0),
    (11, 'there', 0, 'own',  1,  0, -1, 'moved',   'other_day',       2,    0,     0,  0),
    (12, 'here',  0, 'own',  1,  0,  0, 'moved',   'missing_there',   NULL, NULL, -1,  0),
    (12, 'there', 0, 'none', 1,  0,  3, 'moved',   'missing_here',    NULL, NULL,  1,  0),
    (13, 'here',  0, 'none', 1,  0,  0, 'moved',   'matched',         2,    0,     0,  0),
    (13, 'here',  1, 'none', 1,  0,  0, 'moved',   'missing_there',   NULL, NULL, -1,  0),
    (13, 'there', 0, 'none', 1,  0,  0, 'moved',   'matched',         2,    0,     0,  0),
    -- payouts of three rows, the second short of 7
    (14, 'here',  0, 'own',  1,  0,  0, 'moved',   'matched',         3,    0,     0,  0),
    (14, 'here',  1, 'own',  1,  1,  0, 'moved',   'matched',         3,    0,     0,  0),
    (14, 'here',  2, 'own',  1,  2,  0, 'moved',   'matched',         3,    0,     0,  0),
    (14, 'there', 0, 'own',  3,  3,  0, 'moved',   'matched',         3,    0,     0,  0),
    (15, 'here',  0, 'own',  1,  0,  0, 'moved',   'amount_differs',  3,    0,     0, -7),
    (15, 'here',  1, 'own',  1,  1,  0, 'moved',   'amount_differs',  3,    0,     0, -7),
    (15, 'here',  2, 'own',  1,  2,  0, 'moved',   'amount_differs',  3,    0,     0, -7),
    (15, 'there', 0, 'own',  3, -4,  0, 'moved',   'amount_differs',  3,    0,     0, -7),
    -- one reference of two amounts, each on both sides
    (16, 'here',  0, 'own',  1,  0,  0, 'moved',   'matched',         1,    0,     0,  0),
    (16, 'here',  1, 'own',  1,  1,  0, 'moved',   'matched',         1,    1,     0,  0),
    (16, 'there', 0, 'own',  1,  0,  0, 'moved',   'matched',         1,    0,     0,  0),
    (16, 'there', 1, 'own',  1,  1,  0, 'moved',   'matched',         1,    1,     0,  0)
"""
KINDS: Final = 17

_CASES: Final = f"""
    CREATE VIEW cases AS SELECT
        i,
        CASE WHEN i % {_SPACING} < {KINDS} THEN i % {_SPACING} ELSE -1 END AS shape,
        CASE WHEN hash(i + 3) % 8 = 0 THEN -1 ELSE 1 END AS sign,
        CASE WHEN i % {_SPACING} < {KINDS} THEN 1000000000 + 10 * i ELSE 100 + (hash(i + 5) % 500000)::BIGINT END AS minor,
        'M' || lpad((hash(i + 7) % 5000)::VARCHAR, 6, '0') AS party,
        DATE '2026-10-05' + (hash(i + 11) % 3)::INTEGER AS day,
        CASE WHEN hash(i + 13) % 50 = 0 THEN 'USD' ELSE 'CNY' END AS currency,
        lpad((hash(i) % 10000000000)::VARCHAR, 10, '0') || lpad(i::VARCHAR, 10, '0') AS reference
    FROM range(?) AS numbers(i)
"""

_SIDE: Final = """
    SELECT
        s.side[1:1] || lpad((4 * i + n)::VARCHAR, 15, '0') AS id,
        CASE WHEN sign < 0 THEN 'refund' ELSE 'payment' END AS kind,
        CASE s.has WHEN 'own' THEN 'PF' || reference WHEN 'bad' THEN 'QX' || reference END AS reference,
        party,
        sign * (times * minor + plus) AS amount_minor,
        currency,
        (day + days)::DATE AS "on",
        s.status
    FROM cases JOIN shapes s USING (shape) WHERE s.side = '{side}'
"""

_FOUND: Final = """
    SELECT
        s.side[1:1] || lpad((4 * i + n)::VARCHAR, 15, '0') AS id,
        sign * (times * minor + plus) AS amount_minor,
        currency,
        by_pass AS pass,
        't' || lpad((4 * i + line)::VARCHAR, 15, '0') AS "group",
        found AS class,
        sign * (found_times * minor + found_plus) AS difference_minor
    FROM cases JOIN shapes s USING (shape) WHERE s.side = '{side}'
"""


def make(cases: int, at: Path, *, memory_mb: int) -> dict[str, int]:
    """Writes here.parquet and there.parquet, shuffled, and what must be found of each, must_here.parquet and must_there.parquet. Returns rows by side."""
    with _database(at, memory_mb) as db:
        db.execute("CREATE TABLE shapes AS SELECT * FROM (VALUES" + _SHAPES + ") AS s(shape, side, n, has, times, plus, days, status,"
                   " found, by_pass, line, found_times, found_plus)")  # fmt: skip
        db.execute(_CASES.replace("?", str(cases)))
        for side in SIDES:
            db.execute(f"COPY ({_SIDE.format(side=side)} ORDER BY hash(id)) TO '{at / side}.parquet'")
            db.execute(f"COPY ({_FOUND.format(side=side)}) TO '{at / ('must_' + side)}.parquet'")
        return {side: _one(db, f"SELECT count(*) FROM read_parquet('{at / side}.parquet')") for side in SIDES}


def differing(must: Path, found: Path, *, memory_mb: int) -> int:
    """How many rows are not in both files, or not the same in both. Either may be a directory of parts."""
    with _database(must.parent, memory_mb) as db:
        sides = [
            f"SELECT * FROM read_parquet('{path}/*.parquet')" if path.is_dir() else f"SELECT * FROM read_parquet('{path}')"
            for path in (must, found)
        ]
        doubled = sum(_one(db, f"SELECT count(*) - count(DISTINCT id) FROM ({side})") for side in sides)
        columns = ("amount_minor", "currency", "pass", '"group"', "class", "difference_minor")
        differs = " OR ".join(f"a.{name} IS DISTINCT FROM b.{name}" for name in columns)
        return doubled + _one(
            db,
            f"SELECT count(*) FROM ({sides[0]}) a FULL JOIN ({sides[1]}) b ON a.id = b.id WHERE a.id IS NULL OR b.id IS NULL OR {differs}",
        )


def _database(aside: Path, memory_mb: int) -> duckdb.DuckDBPyConnection:
    held: dict[str, str | bool | int | float | list[str]] = {
        "memory_limit": f"{memory_mb}MiB",
        "temp_directory": str(aside / "aside"),
        "preserve_insertion_order": "false",
    }
    db = duckdb.connect(config=held)
    db.execute("SET enable_progress_bar = false")
    return db


def _one(db: duckdb.DuckDBPyConnection, statement: str) -> int:
    found = db.execute(statement).fetchone()
    assert found is not None
    return int(found[0])
