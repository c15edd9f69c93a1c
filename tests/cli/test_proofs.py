"""`yuefu prove NAME`: which proofs there are, and what is no number of rounds."""

from __future__ import annotations

import io
import shutil
import tempfile
from pathlib import Path

import pytest

from tests.cli.conftest import Command
from yuefu.cli import bench, output, proofs
from yuefu.proofs import bench_plans


def test_an_unknown_proof_is_told_which_there_are(raw: Command):
    answer = raw("prove", "nothing", "--json")
    assert (answer.status, answer.code) == (1, "unknown_proof")
    known = (
        "api, bills, close-of-day, crash, faults, full, loans, machine, matrix, merchant, parties, races, reconcile-spark, reconciliation"
    )
    assert answer.last["error"]["detail"] == f"There is no proof 'nothing'; there are {known}."


def test_an_unknown_benchmark_is_refused_before_a_database_is_made_for_it(raw: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("DATABASE_URL", "postgresql://nobody@127.0.0.1:1/none")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "none"))
    answer = raw("bench", "nothing", "--json")
    assert (answer.status, answer.code) == (1, "unknown_benchmark")
    assert (
        answer.last["error"]["detail"]
        == "There is no benchmark 'nothing'; there are api, checkout, close-of-day, demo, ledger, loop, plans, reconcile, settlement."
    )


def test_a_book_that_the_disk_has_no_room_for_is_refused_before_it_is_begun(raw: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.delenv("DATABASE_URL")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: type("Usage", (), {"free": 10 * 10**9}))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "none"))
    answer = raw("bench", "close-of-day", "--loans", "2000000", "--json")
    assert (answer.status, answer.code) == (1, "no_room")
    assert answer.last["error"]["detail"] == f"2,000,000 loans take 32 GB, {tmp_path / 'none'} has 10: give fewer with --loans."


def test_plans_are_measured_without_a_database_and_held_to_their_bars(raw: Command, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("DATABASE_URL", "postgresql://nobody@127.0.0.1:1/none")
    answer = raw("bench", "plans", "--json")
    assert answer.status == 0
    assert set(bench_plans.FIGURES) < set(answer.last)
    assert answer.last["plans_missing"] == []
    assert answer.last["vector_schedules_per_s"] > answer.last["numpy_financial_schedules_per_s"] > 0


def test_a_table_says_of_each_figure_whether_it_is_met_and_of_a_package_that_lacks_how_to_get_it():
    found = dict.fromkeys(bench_plans.FIGURES, 100) | {"vector_schedules_per_s": 999_999, "pyxirr_per_s": None, "plans_missing": ["pyxirr"]}
    with output.running(output.Run(as_json=False, stdout=io.StringIO(), request_id="")):
        table, note = bench._beside_bars(found)
    said = {line.split()[0]: " ".join(line.split()[1:]) for line in table.splitlines()}
    assert said["scalar_schedule_us"] == "100 at most 1,000 met"
    assert said["apply_event_us"] == "100 at most 100 met"
    assert said["vector_schedules_per_s"] == "999,999 at least 1,000,000 not met"
    assert said["pyxirr_per_s"] == "not installed"
    assert said["vector_apr_per_s"] == "100"
    assert note == "`make install` brings the packages that are measured beside: pyxirr"


def test_annual_costs_are_held_to_twice_what_pyxirr_did_in_the_same_run():
    found = dict.fromkeys(bench_plans.FIGURES, 0)
    bars = [
        {bar.figure: bar for bar in bench_plans.bars({**found, "vector_apr_per_s": rate, "pyxirr_per_s": 650})} for rate in (1_299, 1_300)
    ]
    assert [(bar["vector_apr_per_s"].value, bar["vector_apr_per_s"].met) for bar in bars] == [(1_300, False), (1_300, True)]


def test_no_rounds_and_no_days_are_no_proof(raw: Command):
    for words in (
        ("crash", "--rounds", "0"),
        ("crash", "--rounds", "many"),
        ("close-of-day", "--rounds", "0"),
        ("faults", "--days", "0"),
        ("faults", "--seeds", "0"),
        ("races", "--races", "0"),
        ("machine", "--examples", "0"),
        ("loans", "--lives", "0"),
        ("full", "--orders", "1"),
    ):
        answer = raw("prove", *words, "--json")
        assert (answer.status, answer.code) == (2, "usage")


def test_where_the_disk_has_no_room_the_full_database_is_left_out_and_that_is_said(raw: Command):
    answer = raw("prove", "full", "--orders", "1000000000", "--json")
    assert (answer.status, answer.last["ok"]) == (0, True)
    assert answer.last["left_out"].startswith("1,000,000,000 orders take 5000 GB")
    assert answer.last["left_out"].endswith("give fewer with --orders")


@pytest.mark.parametrize(("ratio", "ok"), [(0.8, True), (1.2, True), (0.79, False)])
def test_a_full_database_that_is_slower_does_not_hold(ratio: float, ok: bool):
    figures = {"full_10m_ratio": ratio, "full_10m_orders_per_s": 7_000.0}
    assert proofs._fast_enough(figures) == {**figures, "at_least": 0.8, "ok": ok}
