"""A process beside ours: it computes, it raises, it dies, and it never outlives us."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from yuefu.runtime import sql
from yuefu.runtime.beside import Beside, Ended

HERE = "tests.runtime.test_beside:Counter"


class Unsendable(Exception):
    """An error that cannot be made again from what it was made of."""

    def __init__(self, one: str, *, other: str) -> None:
        super().__init__(one)
        self.other = other


@dataclass
class Counter:
    """What is made over there."""

    number: int

    def add(self, more: int) -> int:
        self.number += more
        return self.number

    def fail(self, sort: str) -> None:
        if sort == "plain":
            raise KeyError("no such thing")
        raise Unsendable("spoilt", other="x")

    def book_of(self, code: str) -> object:
        return sql.value("SELECT id FROM runtime_book WHERE code = %s", [code])

    def die(self) -> None:
        os.kill(os.getpid(), signal.SIGKILL)


def test_methods_are_called_in_order_and_remember():
    with Beside(HERE, 5) as beside:
        beside.tell("add", 1)
        beside.tell("add", 2)
        assert [beside.answer(), beside.answer(), beside.answer()] == [6, 8, None]
        assert beside.call("add", 3) == 11


def test_what_it_raises_is_raised_here_and_the_next_call_goes_on():
    with Beside(HERE, 0) as beside:
        with pytest.raises(KeyError, match="no such thing") as caught:
            beside.call("fail", "plain")
        assert "in fail" in caught.value.__notes__[0]
        with pytest.raises(RuntimeError, match="Unsendable: spoilt"):
            beside.call("fail", "unsendable")
        with pytest.raises(AttributeError, match="nothing"):
            beside.call("nothing")
        assert beside.call("add", 1) == 1


def test_it_works_in_the_same_database(book):
    with Beside(HERE, 0) as beside:
        assert beside.call("book_of", book.code) == book.id


def test_whether_it_has_answered_is_told_without_waiting():
    with Beside(HERE, 0) as beside:
        assert not beside.has_answered()
        beside.tell("add", 1)
        beside.tell("add", 2)
        assert beside.answer() == 1
        beside.tell("die")
        assert beside.answer() == 3
        with pytest.raises(Ended):
            beside.answer()
        assert beside.has_answered(), "that it is gone"


def test_one_that_dies_is_told_of_in_a_sentence():
    with Beside(HERE, 0) as beside:
        with pytest.raises(Ended, match="ended with status -9"):
            beside.call("die")
        with pytest.raises(Ended, match="ended with status -9"):
            beside.call("add", 1)


OURS = """
import os, sys
from yuefu.runtime.beside import Beside
if __name__ == "__main__":
    beside = Beside("tests.runtime.test_beside:Counter", 0)
    print(beside._process.pid, beside.call("add", 1), flush=True)
    sys.stdin.read()
"""


def test_it_ends_when_ours_is_killed(tmp_path: Path):
    script = tmp_path / "ours.py"
    script.write_text(OURS, encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), "DJANGO_SETTINGS_MODULE": "yuefu.config.settings"}
    with subprocess.Popen([sys.executable, str(script)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, text=True) as ours:
        assert ours.stdout is not None
        pid, answer = map(int, ours.stdout.readline().split())
        assert answer == 1
        there = psutil.Process(pid)
        ours.kill()
        until = time.monotonic() + 20
        while there.is_running() and there.status() != psutil.STATUS_ZOMBIE and time.monotonic() < until:
            time.sleep(0.05)
        assert not there.is_running() or there.status() == psutil.STATUS_ZOMBIE


def test_it_ends_without_a_word_when_ours_does_not_wait_for_its_answers(capfd):
    """Answers that nobody read reset the pipe instead of ending it."""
    with Beside(HERE, 0) as beside:
        assert beside.call("add", 1) == 1
        for _ in range(3):
            beside.tell("add", 1)
        time.sleep(0.5)
    assert "Traceback" not in capfd.readouterr().err
