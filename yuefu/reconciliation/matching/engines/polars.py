"""Polars: in this process; the tests hold every engine to it."""

from __future__ import annotations

from typing import Any

import narwhals as nw
import polars as pl

from yuefu.reconciliation.matching.expression import Frame


class Polars:
    """An adapter."""

    errors: tuple[type[Exception], ...] = (pl.exceptions.PolarsError,)

    def read(self, path: str) -> Frame:
        frame: Frame = nw.from_native(pl.scan_parquet(path, glob=False))
        return frame

    def keep(self, frame: Frame) -> Frame:
        kept: Frame = nw.from_native(frame.to_native().collect(engine="streaming").lazy())
        return kept

    def write(self, frame: Frame, path: str) -> None:
        frame.to_native().sink_parquet(path)

    def rows(self, frame: Frame) -> list[tuple[Any, ...]]:
        found: list[tuple[Any, ...]] = frame.to_native().collect().rows()
        return found
