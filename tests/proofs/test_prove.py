"""The crash matrix, in small: the whole of it is `yuefu prove`."""

from __future__ import annotations

import os
from pathlib import Path

from yuefu.proofs import prove


def test_what_was_acknowledged_is_there_once_wherever_the_process_was_killed():
    points = ("authorise:after_commit:2", "repay:after_call:1")
    said: list[str] = []
    found = prove.run(points=points, kills=2, database_kills=0, say=said.append)
    assert said == [case["name"] for case in found["cases"]]
    assert [case["name"] for case in found["cases"]] == ["undisturbed", *(f"kill at {p}" for p in points), "2 kills at random moments"]
    assert [(case["lost"], case["doubled"], case["ok"]) for case in found["cases"]] == [(0, 0, True)] * 4, found
    assert len({case["acknowledged"] for case in found["cases"]}) == 1
    assert len({case["applied"] for case in found["cases"]}) == 1
    assert found["ok"]


def test_a_loss_and_a_double_are_told_as_such(tmp_path: Path):
    stage = prove._Stage(tmp_path, os.environ)
    (tmp_path / "c.acks").write_text(
        '{"verb": "capture", "key": "1", "outcome": "a"}\n{"verb": "capture", "key": "2", "outcome": "b"}\n{"verb": "capture", "key": "1", "outc\n'
        '{"verb": "capture", "key": "1", "outcome": "a"}\n{"verb": "capture", "key": "2", "outcome": "another"}\n'
    )
    right = {"counts": {"entries": 10, "loans": 2}, "sums": {"loan_principal": 300}, "wrong": []}
    wrong = {"counts": {"entries": 12, "loans": 1}, "sums": {"loan_principal": 200}, "wrong": ["trial_balance_zero"]}
    case = stage._case("a case", "c", wrong, right)
    assert (case["acknowledged"], case["lost"], case["doubled"], case["ok"]) == (2, 2, 2, False)
    assert case["differing"] == {"loan_principal": (300, 200)}
    lossy = stage._case("a case", "c", right, right)
    assert (lossy["lost"], lossy["ok"]) == (1, False)
