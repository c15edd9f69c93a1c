"""Long work says how far it is, also to a log."""

from __future__ import annotations

import io
import sys

import pytest

from yuefu.cli import output
from yuefu.cli.output import Run, running


def _lines(capsys: pytest.CaptureFixture[str], *, total: int, as_json: bool = False) -> list[str]:
    with running(Run(as_json=as_json, stdout=io.StringIO(), request_id="r")), output.progress("days played") as progress:
        for done in range(1, total + 1):
            progress(done, total, 10 * done)
    said = capsys.readouterr()
    assert said.out == ""
    return said.err.splitlines()


@pytest.mark.parametrize("as_json", [False, True])
def test_a_log_gets_a_line_at_each_tenth_of_the_way(as_json: bool, capsys: pytest.CaptureFixture[str]) -> None:
    lines = _lines(capsys, total=120, as_json=as_json)
    assert len(lines) == 10
    assert lines[0] == "days played: 12 of 120, 120 orders"
    assert lines[-1] == "days played: 120 of 120, 1200 orders"


def test_a_short_way_gets_a_line_a_step(capsys: pytest.CaptureFixture[str]) -> None:
    assert len(_lines(capsys, total=3)) == 3


def test_ten_seconds_without_a_word_are_too_long(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(output, "SECONDS_OF_SILENCE", 0.0)
    assert len(_lines(capsys, total=120)) == 120


def test_a_terminal_gets_a_bar_and_no_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    with running(Run(as_json=False, stdout=io.StringIO(), request_id="r")), output.progress("days played") as progress:
        progress(1, 2, 10)
    assert "days played: 1 of 2" not in terminal.getvalue()
