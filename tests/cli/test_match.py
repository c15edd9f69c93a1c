"""`yuefu match HERE THERE OUT`: by the engine of the settings, and OUT is there only when it adds up."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from django.conf import settings

from tests.cli.conftest import Command
from tests.reconciliation.test_match_files import row, write
from yuefu.reconciliation.matching import files


@pytest.fixture
def paths(tmp_path: Path) -> list[str]:
    here, there = [row("h1"), row("h2", "B")], [row("t1"), row("t3", "C", amount=30)]
    return [write(here, tmp_path / "here.parquet"), write(there, tmp_path / "there.parquet"), str(tmp_path / "found")]


SUMS = [
    {"side": "here", "class": "matched", "pass": 1, "currency": "CNY", "rows": 1, "minor": 100},
    {"side": "here", "class": "missing_there", "pass": None, "currency": "CNY", "rows": 1, "minor": 100},
    {"side": "there", "class": "matched", "pass": 1, "currency": "CNY", "rows": 1, "minor": 100},
    {"side": "there", "class": "missing_here", "pass": None, "currency": "CNY", "rows": 1, "minor": 30},
]


@pytest.mark.parametrize("engine", ["duckdb", "polars"])
def test_both_sides_are_classified_by_the_engine_of_the_settings(
    raw: Command, paths: list[str], monkeypatch: pytest.MonkeyPatch, engine: str
):
    monkeypatch.setattr(settings, "YUEFU_MATCH_ENGINE", engine)
    answer = raw("match", *paths, "--json")
    assert (answer.status, answer.last["sums"]) == (0, SUMS)
    found = pl.read_parquet(Path(paths[2]) / "there.parquet").sort("id")
    assert found.select("id", "class", "group").rows() == [("t1", "matched", "t1"), ("t3", "missing_here", None)]
    assert sorted(path.name for path in Path(paths[2]).parent.iterdir()) == ["found", "here.parquet", "there.parquet"]


def test_what_is_there_already_is_left_alone(raw: Command, paths: list[str]):
    Path(paths[2]).mkdir()
    answer = raw("match", *paths, "--json")
    assert (answer.status, answer.code) == (1, "already_there")


def test_a_file_that_is_not_there_is_named(raw: Command, paths: list[str]):
    answer = raw("match", paths[0] + "x", *paths[1:], "--json")
    assert (answer.status, answer.code) == (1, "file_not_found")
    assert not Path(paths[2]).exists()


def test_what_does_not_add_up_leaves_nothing_behind(raw: Command, paths: list[str], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(files, "_totals", lambda engine, side, path: {"CNY": (1, 1)})
    answer = raw("match", *paths, "--json")
    assert (answer.status, answer.code) == (1, "not_adding_up")
    assert sorted(path.name for path in Path(paths[2]).parent.iterdir()) == ["here.parquet", "there.parquet"]


@pytest.mark.parametrize(("name", "value", "code"), [("ENGINE", "abacus", "unknown_engine"), ("MEMORY_MB", "2 GB", "bad_setting")])
def test_a_setting_that_makes_no_sense_is_told(
    raw: Command, paths: list[str], monkeypatch: pytest.MonkeyPatch, name: str, value: str, code: str
):
    monkeypatch.setattr(settings, f"YUEFU_MATCH_{name}", value)
    answer = raw("match", *paths, "--json")
    assert (answer.status, answer.code) == (1, code)
