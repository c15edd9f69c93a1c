"""The yardstick of matching: the same, as somebody who knows DuckDB writes it by hand.

Run as `python -m yuefu.proofs.match_by_sql HERE THERE OUT MB THREADS`.
"""

from __future__ import annotations

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb

Config = dict[str, str | bool | int | float | list[str]]

_FIRST = """
CREATE VIEW here AS SELECT * REPLACE (nullif(status, '') AS status) FROM read_parquet('{here}');
CREATE VIEW there AS SELECT * REPLACE (nullif(status, '') AS status) FROM read_parquet('{there}');

CREATE TEMP TABLE repeating AS
    SELECT reference FROM here WHERE reference IS NOT NULL GROUP BY ALL HAVING count(*) > 1
    UNION
    SELECT reference FROM there WHERE reference IS NOT NULL GROUP BY ALL HAVING count(*) > 1;

CREATE TEMP TABLE first AS
    SELECT h.id AS h_id, t.id AS t_id, h.currency, h.amount_minor AS h_minor, t.amount_minor AS t_minor,
        CASE WHEN h.amount_minor <> t.amount_minor THEN 'amount_differs' WHEN h.status <> t.status THEN 'status_differs'
            WHEN h."on" <> t."on" THEN 'other_day' ELSE 'matched' END AS class
    FROM (FROM here ANTI JOIN repeating USING (reference)) h
    FULL JOIN (FROM there ANTI JOIN repeating USING (reference)) t
        ON h.kind = t.kind AND h.reference = t.reference AND h.currency = t.currency;

CREATE TEMP TABLE grouped AS
    WITH both_sides AS (
        SELECT *, false AS bill FROM here SEMI JOIN repeating USING (reference)
        UNION ALL BY NAME
        SELECT *, true AS bill FROM there SEMI JOIN repeating USING (reference)
    ), marked AS (
        SELECT *, bool_or(bill) OVER amount AND bool_or(NOT bill) OVER amount AS met FROM both_sides
        WINDOW amount AS (PARTITION BY kind, reference, currency, amount_minor)
    )
    SELECT *, count(*) FILTER (bill) OVER parts AS lines, count(*) FILTER (NOT bill) OVER parts AS rows,
        (sum(CASE WHEN bill THEN amount_minor ELSE -amount_minor END) OVER parts)::BIGINT AS difference, min(id) FILTER (bill) OVER parts AS line,
        min(status) FILTER (bill) OVER parts AS stated, min(status) OVER parts <> max(status) OVER parts AS disagree,
        min("on") OVER parts <> max("on") OVER parts AS days_differ
    FROM marked WINDOW parts AS (PARTITION BY kind, reference, currency, met, CASE WHEN met THEN amount_minor END);

CREATE TEMP TABLE left_here AS
    SELECT id, kind, party, amount_minor, currency, "on", status FROM here WHERE id IN (SELECT h_id FROM first WHERE t_id IS NULL)
    UNION ALL SELECT id, kind, party, amount_minor, currency, "on", status FROM grouped WHERE NOT bill AND lines = 0;
CREATE TEMP TABLE left_there AS
    SELECT id, kind, party, amount_minor, currency, "on", status FROM there WHERE id IN (SELECT t_id FROM first WHERE h_id IS NULL)
    UNION ALL SELECT id, kind, party, amount_minor, currency, "on", status FROM grouped WHERE bill AND rows = 0;
CREATE TEMP TABLE by_amount (h_id VARCHAR, t_id VARCHAR, minor BIGINT, currency VARCHAR, class VARCHAR);
"""

_SECOND = """
INSERT INTO by_amount
    SELECT h.id, t.id, h.amount_minor, h.currency,
        CASE WHEN h.status <> t.status THEN 'status_differs' WHEN {days} <> 0 THEN 'other_day' ELSE 'matched' END
    FROM (SELECT *, row_number() OVER (PARTITION BY kind, party, currency, amount_minor, "on" ORDER BY id) AS nth FROM left_here) h
    JOIN (SELECT *, row_number() OVER (PARTITION BY kind, party, currency, amount_minor, "on" ORDER BY id) AS nth FROM left_there) t
        ON h.kind = t.kind AND h.party = t.party AND h.currency = t.currency AND h.amount_minor = t.amount_minor AND h."on" + {days} = t."on"
        AND h.nth = t.nth;
DELETE FROM left_here WHERE id IN (SELECT h_id FROM by_amount);
DELETE FROM left_there WHERE id IN (SELECT t_id FROM by_amount);
"""

_RESULT = """
COPY (
    SELECT {s}_id AS id, {s}_minor AS amount_minor, currency, 1 AS pass, t_id AS "group", class, t_minor - h_minor AS difference_minor
    FROM first WHERE h_id IS NOT NULL AND t_id IS NOT NULL
    UNION ALL
    SELECT {s}_id, minor, currency, 2, t_id, class, 0 FROM by_amount
    UNION ALL
    SELECT id, amount_minor, currency, CASE WHEN lines = 1 AND rows = 1 THEN 1 WHEN lines = 1 AND NOT met THEN 3 END, line,
        CASE WHEN lines = 1 AND (rows = 1 OR NOT met) THEN
                CASE WHEN difference <> 0 THEN 'amount_differs' WHEN stated IS NOT NULL AND disagree THEN 'status_differs'
                    WHEN days_differ THEN 'other_day' ELSE 'matched' END
            WHEN met AND lines > rows THEN 'duplicate_there' WHEN met AND rows > lines THEN 'duplicate_here' ELSE 'contested' END,
        difference
    FROM grouped WHERE lines > 0 AND rows > 0 AND bill = {bill}
    UNION ALL
    SELECT id, amount_minor, currency, NULL, NULL, '{missing}', {sign} * amount_minor FROM left_{side}
) TO '{out}/{side}.parquet'
"""


def main(here: str, there: str, out: Path, memory_mb: int, threads: int) -> None:
    """Matches two files into a directory."""
    out.mkdir()
    with TemporaryDirectory(dir=out.parent) as aside:
        held: Config = {
            "memory_limit": f"{memory_mb}MiB",
            "threads": str(threads),
            "temp_directory": aside,
            "preserve_insertion_order": "false",
        }
        with duckdb.connect(config=held) as db:
            db.execute("SET enable_progress_bar = false")
            db.execute(_FIRST.format(here=here, there=there))
            for days in (0, 1, -1):
                db.execute(_SECOND.format(days=days))
            db.execute(_RESULT.format(s="h", bill="false", missing="missing_there", sign="-1", side="here", out=out))
            db.execute(_RESULT.format(s="t", bill="true", missing="missing_here", sign="1", side="there", out=out))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]), int(sys.argv[4]), int(sys.argv[5]))
