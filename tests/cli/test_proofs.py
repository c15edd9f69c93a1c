"""`yuefu prove NAME`: which proofs there are, and what is no number of rounds."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from tests.cli.conftest import Command


def test_an_unknown_proof_is_told_which_there_are(raw: Command):
    answer = raw("prove", "nothing", "--json")
    assert (answer.status, answer.code) == (1, "unknown_proof")
    assert answer.last["error"]["detail"] == "There is no proof 'nothing'; there are crash, faults, full, machine, matrix, races."


def test_an_unknown_benchmark_is_refused_before_a_database_is_made_for_it(raw: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("DATABASE_URL", "postgresql://nobody@127.0.0.1:1/none")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "none"))
    answer = raw("bench", "nothing", "--json")
    assert (answer.status, answer.code) == (1, "unknown_benchmark")
    assert answer.last["error"]["detail"] == "There is no benchmark 'nothing'; there are checkout, demo, ledger, loop."


def test_no_rounds_and_no_days_are_no_proof(raw: Command):
    for words in (
        ("crash", "--rounds", "0"),
        ("crash", "--rounds", "many"),
        ("faults", "--days", "0"),
        ("faults", "--seeds", "0"),
        ("races", "--races", "0"),
        ("machine", "--examples", "0"),
        ("full", "--orders", "1"),
    ):
        answer = raw("prove", *words, "--json")
        assert (answer.status, answer.code) == (2, "usage")
