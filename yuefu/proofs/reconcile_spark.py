"""`yuefu prove reconcile-spark`: the same two sides matched on a cluster of Spark as by DuckDB, row by row what must come out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from yuefu.proofs import match_sides, spark_cluster
from yuefu.proofs.bench_reconcile import command, differing, timed

WORKERS: Final = 2
MEMORY_MB: Final = 1_024

Say = Callable[[str], None]


def run(*, rows: int, say: Say) -> dict[str, Any]:
    """Matches so many rows a side. Left out, and said so, where Spark or Java is missing. Raises NoCluster, and Failed for a run that broke off."""
    lacking = spark_cluster.lacking()
    if lacking is not None:
        return {"left_out": lacking, "ok": True}
    with TemporaryDirectory(prefix="yuefu-prove-") as made:
        at = Path(made)
        say(f"making two sides of {rows:,} rows")
        counts = match_sides.make(rows, at, memory_mb=MEMORY_MB)
        say(f"starting a master and {WORKERS} workers")
        with spark_cluster.running(at, workers=WORKERS) as cluster:
            say(f"matching on {cluster.address}")
            on_spark = {"YUEFU_MATCH_ENGINE": "spark", "YUEFU_MATCH_ADDRESS": cluster.address, "SPARK_LOCAL_IP": spark_cluster.HOST}
            took = timed(command("match", at), at / "match", **on_spark)
            ended = cluster.told()["completedapps"]
        found = {"spark": differing(at, at / "match")}
        say("matching by DuckDB")
        timed(command("match", at), at / "match")
        found["duckdb"] = differing(at, at / "match")
    processors = max((each["cores"] for each in ended), default=0)
    return {
        "rows": rows,
        **{f"rows_{side}": count for side, count in counts.items()},
        "workers": WORKERS,
        "processors": processors,
        "spark_seconds": took.seconds,
        **{f"{name}_differing": sum(sides) for name, sides in found.items()},
        "ok": processors == WORKERS and not any(sum(sides) for sides in found.values()),
    }
