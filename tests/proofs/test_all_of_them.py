"""`yuefu prove`, in small: each proof has its turn whatever becomes of the others, and one that fails is not lost among them."""

from __future__ import annotations

import io
import json
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import typer

from yuefu.cli import output
from yuefu.cli import proofs as cli
from yuefu.proofs import all_of_them, tests_at_length
from yuefu.proofs.tests_at_length import MACHINE, NoCheckout

HOLDS = "print('by the way'); print('{\"ok\": true, \"rounds\": 3}')"
PARTS = {
    "that fails": 'print(\'{"ok": false, "lost": 1}\'); raise SystemExit(1)',
    "that is killed": "import os, signal; os.kill(os.getpid(), signal.SIGKILL)",
    "that says nothing": "",
    "that says nonsense": "print('done')",
    "that cannot be carried out": 'print(\'{"error": {"code": "disk_full", "detail": "The disk is full."}}\'); raise SystemExit(1)',
    "that holds and then breaks": "print('{\"ok\": true}'); raise SystemExit(1)",
    "that does not say whether it holds": "print('{}')",
    "that is left out": 'print(\'{"left_out": "no room", "ok": true}\')',
    "that holds": HOLDS,
}


def test_each_proof_has_its_turn_whatever_becomes_of_the_others() -> None:
    said: list[str] = []
    found = all_of_them.run({name: [sys.executable, "-c", program] for name, program in PARTS.items()}, say=said.append)
    assert list(found) == list(PARTS)
    assert {name for name, one in found.items() if one["ok"]} == {"that is left out", "that holds"}
    assert found["that holds"]["rounds"] == 3
    assert found["that fails"]["lost"] == 1
    assert found["that is killed"]["error"]["detail"] == "It ended with status -9 and without a result."
    assert found["that cannot be carried out"]["error"]["code"] == "disk_full"
    assert all(one["seconds"] >= 0 for one in found.values())
    assert said[0] == "proof 1 of 9: that fails"
    assert "that fails: DOES NOT HOLD" in said
    assert "that is left out: left out: no room" in said
    assert said[-1] == "that holds: holds"


def _all(proofs: Mapping[str, Mapping[str, int | None]]) -> tuple[int, Any]:
    """Exit status and result of all these proofs, by the program itself."""
    written = io.StringIO()
    status = 0
    with output.running(output.Run(as_json=True, stdout=written, request_id="r")):
        try:
            cli._all(proofs)
        except typer.Exit as ending:
            status = ending.exit_code
    (line,) = written.getvalue().splitlines()
    return status, json.loads(line)


@pytest.mark.slow
def test_the_program_carries_out_its_proofs_and_fails_with_one_of_them() -> None:
    status, found = _all({"nothing": {}, "machine": {"--examples": 2, "--seed": None}})
    assert (status, found["ok"]) == (1, False)
    assert found["nothing"]["error"]["code"] == "unknown_proof"
    assert (found["machine"]["ok"], found["machine"]["times"], found["machine"]["tests"]) == (True, 2, 1), found


def test_all_that_hold_are_status_0(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cli, "_command", lambda name, options: [sys.executable, "-c", HOLDS])
    status, found = _all({"crash": {}, "matrix": {}})
    assert (status, found["ok"], found["cases"], found["crash"]["rounds"]) == (0, True, [], 3)


TESTS = """
import os, pytest
def test_enough(): assert os.environ["YUEFU_MACHINE_EXAMPLES"] == "7"
@pytest.mark.parametrize("way", ["there", "and back"])
def test_both(way): assert way != FAILS
@pytest.mark.skipif(SKIPS, reason="not today")
def test_perhaps(): pass
"""


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file of tests in a checkout that has nothing else; whose tests need no plugins, which take ten times as long as they."""
    monkeypatch.setattr(tests_at_length, "CHECKOUT", tmp_path)
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    return tmp_path / "tests" / "ledger" / "test_ledger_machine.py"


@pytest.mark.parametrize(
    ("given", "passed", "failed"),
    [
        ("FAILS, SKIPS = '', False", 4, []),
        ("FAILS, SKIPS = 'and back', False", 3, ["test_both[and back]"]),
        ("FAILS, SKIPS = '', True", 3, ["test_perhaps"]),
    ],
)
def test_tests_hold_where_all_of_them_pass(file: Path, given: str, passed: int, failed: list[str]) -> None:
    file.parent.mkdir(parents=True)
    file.write_text(given + TESTS)
    said: list[str] = []
    found = tests_at_length.run(MACHINE, 7, say=said.append)
    assert (found["ok"], found["tests"], found["passed"]) == (not failed, 4, passed), found
    assert [name.rpartition("::")[2] for name in found.get("failed", [])] == failed
    assert ("said" in found) is bool(failed)
    assert said[-1] == "machine: 100%"


def test_tests_that_pass_in_a_process_that_fails_do_not_hold(file: Path) -> None:
    file.parent.mkdir(parents=True)
    file.write_text("import atexit, os\natexit.register(os._exit, 3)\ndef test_all(): pass\n")
    found = tests_at_length.run(MACHINE, 7, say=lambda _: None)
    assert (found["ok"], found["tests"], found["passed"]) == (False, 1, 1)


def test_what_is_no_test_at_all_does_not_hold(file: Path) -> None:
    with pytest.raises(NoCheckout, match="run it in a checkout"):
        tests_at_length.run(MACHINE, 7, say=lambda _: None)
    file.parent.mkdir(parents=True)
    file.write_text("nonsense(")
    found = tests_at_length.run(MACHINE, 7, say=lambda _: None)
    assert (found["ok"], found["tests"]) == (False, 0)
    assert "SyntaxError" in found["said"]


def test_tests_that_ignore_ctrl_c_are_ended_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """As everything does that a shell began behind &."""
    monkeypatch.setattr(tests_at_length, "SECONDS_TO_END", 0.3)
    deaf = "import signal, time; signal.signal(signal.SIGINT, signal.SIG_IGN); print('deaf', flush=True); time.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", deaf], stdout=subprocess.PIPE, encoding="utf-8") as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "deaf\n"
        tests_at_length._end(process)
        assert process.poll() == -signal.SIGTERM
