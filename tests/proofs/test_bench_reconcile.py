"""The benchmark of matching, small: every contestant finds of every row what must be found."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from yuefu.proofs import bench_reconcile, match_sides, reconcile_spark, spark_cluster
from yuefu.reconciliation.matching.classes import Class


def test_a_small_one_is_right_in_all_ways():
    found = bench_reconcile.measure(lambda text: None, rows=20_000, rounds=1)
    assert (found["correct"], found["duckdb_sql_correct"], found["pandas_correct"], found["ok"]) == (True, True, True, True)
    assert min(found[name] for name in ("seconds", "duckdb_sql_seconds", "pandas_seconds_1m", "peak_mb")) > 0
    assert found["rows_here"] >= 20_000 <= found["rows_there"]
    assert bench_reconcile.bars(found) == []


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    at = tmp_path_factory.mktemp("sides")
    match_sides.make(2_000, at, memory_mb=256)
    return at


def test_every_class_is_among_what_must_be_found(made: Path):
    words = duckdb.sql(f"SELECT DISTINCT class FROM read_parquet('{made}/must_*.parquet')").fetchall()
    assert {word for (word,) in words} == set(Class)


@pytest.mark.parametrize(
    ("changed", "differ"),
    [
        ("SELECT * FROM must", 0),
        ("SELECT * FROM must WHERE id <> 'h000000000000000'", 1),
        ("SELECT * FROM must UNION ALL (SELECT * FROM must ORDER BY id LIMIT 1)", 1),
        ("SELECT * REPLACE (CASE WHEN id = 'h000000000000000' THEN 'matched' ELSE class END AS class) FROM must", 1),
        ('SELECT * REPLACE (CASE WHEN pass = 2 THEN NULL ELSE "group" END AS "group") FROM must', 8),
    ],
    ids=["nothing", "a row lost", "a row twice", "another class", "groups lost"],
)
def test_each_row_that_is_not_what_it_must_be_is_counted(made: Path, tmp_path: Path, changed: str, differ: int):
    must = made / "must_here.parquet"
    duckdb.sql(f"WITH must AS (FROM '{must}') {changed}").write_parquet(str(tmp_path / "found.parquet"))
    assert match_sides.differing(must, tmp_path / "found.parquet", memory_mb=256) == differ


def test_without_spark_or_java_the_proof_is_left_out_and_says_what_is_missing(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(spark_cluster, "find_spec", lambda name: None)
    found = reconcile_spark.run(rows=1_000, say=lambda text: None)
    assert found == {"left_out": "Spark is not installed; `make install-spark` brings it", "ok": True}
    monkeypatch.setattr(spark_cluster, "find_spec", lambda name: name)
    monkeypatch.setattr(spark_cluster.shutil, "which", lambda name: None)
    monkeypatch.delenv("JAVA_HOME", raising=False)
    assert "openjdk-17-jre-headless" in reconcile_spark.run(rows=1_000, say=lambda text: None)["left_out"]


def test_ten_million_rows_are_held_to_their_bars():
    found = {"rows": 10_000_000, "seconds": 20.0, "peak_mb": 3_073, "duckdb_sql_ratio": 1.31}
    assert bench_reconcile.bars(found) == [("seconds", 20.0, True), ("peak_mb", 3_072.0, False), ("duckdb_sql_ratio", 1.3, False)]
