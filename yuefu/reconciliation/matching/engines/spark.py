"""Apache Spark: on a cluster by its master URL, or on a server by the address of its Spark Connect. Paths are what every worker reads and writes."""

from __future__ import annotations

from itertools import count
from pathlib import Path
from typing import Any

import narwhals as nw
from py4j.protocol import Py4JError
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession

from yuefu.reconciliation.matching.expression import Frame

_FEW_TASKS = "spark.sql.adaptive.coalescePartitions.parallelismFirst"
"""Off: what is small is done by few tasks, for most steps of a match are about a few rows."""


class Spark:
    """An adapter. Whole numbers that overflow end the run (`spark.sql.ansi.enabled`), whatever the cluster is set to. What is kept is kept in files: a
    worker that dies is made up for, and the next plan is no longer than one step.
    """

    # The second comes where Spark has no word of its own in Python for what failed.
    errors: tuple[type[Exception], ...] = (PySparkException, Py4JError)

    def __init__(self, address: str, *, aside: Path) -> None:
        builder = SparkSession.builder.appName("yuefu match").config("spark.sql.ansi.enabled", "true").config(_FEW_TASKS, "false")
        if address.startswith("sc://"):
            builder = builder.remote(address)
        else:
            builder = (
                builder.master(address or "local[*]").config("spark.ui.enabled", "false").config("spark.ui.showConsoleProgress", "false")
            )
        self._session = builder.getOrCreate()
        self._paths = map(str(aside / "kept_{}").format, count())

    def read(self, path: str) -> Frame:
        found: Frame = nw.from_native(self._session.read.parquet(path))
        return found

    def keep(self, frame: Frame) -> Frame:
        path = next(self._paths)
        self.write(frame, path)
        return self.read(path)

    def write(self, frame: Frame, path: str) -> None:
        frame.to_native().write.parquet(path)

    def rows(self, frame: Frame) -> list[tuple[Any, ...]]:
        return [tuple(row) for row in frame.to_native().collect()]

    def close(self) -> None:
        self._session.stop()
