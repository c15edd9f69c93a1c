"""The command as others run it: a process of its own, its streams, its signals, its database."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import psutil
import pytest

from tests import homes

COMMAND = [sys.executable, "-m", "yuefu.cli.main"]


def _run(*words: str, env: dict[str, str] | None = None, timeout: float = 120) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *words], capture_output=True, text=True, timeout=timeout, env={**os.environ, **(env or {})}, stdin=subprocess.DEVNULL
    )


@pytest.fixture
def new_home() -> Iterator[dict[str, str]]:
    """An environment whose database is one of our own, below a home in which nothing is yet and that the database's user can reach."""
    with a_home() as env:
        yield env


@contextmanager
def a_home() -> Iterator[dict[str, str]]:
    """As `new_home`, for who wants it for longer than a test."""
    home = Path(tempfile.mkdtemp(prefix="yuefu-cli-"))
    try:
        yield {"YUEFU_HOME": str(home), "YUEFU_KEYS_FILE": "", "DATABASE_URL": ""}
    finally:
        for process in psutil.process_iter():
            try:
                if process.name().startswith("postgres") and process.cwd().startswith(str(home)):
                    process.kill()
            except psutil.Error:
                continue
        shutil.rmtree(home, ignore_errors=True)


@pytest.fixture
def own_home(new_home: dict[str, str]) -> dict[str, str]:
    """The same with the database there already, and nothing in it."""
    homes.furnish(Path(new_home["YUEFU_HOME"]))
    return new_home


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _servers(home: str) -> list[str]:
    found = []
    for process in psutil.process_iter():
        try:
            if process.name().startswith("postgres") and process.cwd().startswith(home):
                found.append(process.name())
        except psutil.Error:
            continue
    return found


def test_help_needs_neither_database_nor_django() -> None:
    code = (
        "import sys; from yuefu.cli.main import main; main(['--help']);"
        "print(sorted({name.split('.')[0] for name in sys.modules} & {'django', 'psycopg', 'numpy', 'granian'}))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.splitlines()[-1] == "[]"


def test_an_installation_without_a_world_says_what_to_run(new_home: dict[str, str]) -> None:
    answer = _run("order", "list", "--json", env=new_home)
    assert answer.returncode == 1
    assert json.loads(answer.stdout)["error"]["code"] == "no_world"
    assert "yuefu demo" in json.loads(answer.stdout)["error"]["detail"]
    home = Path(new_home["YUEFU_HOME"])
    assert (home / "keys.json").stat().st_mode & 0o777 == 0o600
    assert _servers(str(home)) == []


def test_a_database_that_does_not_answer_is_one_sentence() -> None:
    answer = _run("ledger", "verify", "--json", env={"DATABASE_URL": "postgresql://nobody:x@127.0.0.1:1/none"})
    assert (answer.returncode, json.loads(answer.stdout)["error"]["code"]) == (1, "database_error")
    assert "Traceback" not in answer.stderr


@pytest.mark.parametrize("address", ["garbage", "mysql://u:p@host/db", "postgresql://["])
def test_what_is_no_address_of_a_database_is_one_sentence(address: str) -> None:
    answer = _run("account", "list", "--json", env={"DATABASE_URL": address})
    assert (answer.returncode, json.loads(answer.stdout)["error"]["code"]) == (1, "database_error")


def test_a_demo_plays_on_a_scratch_database_that_is_gone_afterwards() -> None:
    answer = _run("demo", "--days", "1", "--no-serve", "--json", "--seed", "3", timeout=240)
    assert answer.returncode == 0, answer.stderr
    assert len(answer.stdout.splitlines()) == 1
    played = json.loads(answer.stdout)
    assert played["days"] == 1
    assert played["proofs"]["orders_traced"] == f"{played['orders']}/{played['orders']}"
    assert "logins" not in played
    import psycopg

    with psycopg.connect(os.environ["DATABASE_URL"]) as owner:
        assert owner.execute("SELECT datname FROM pg_database WHERE datname LIKE 'yuefu\\_scratch\\_%'").fetchall() == []


def test_a_taken_port_is_named_before_anything_is_started(new_home: dict[str, str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        answer = _run("demo", "--port", str(port), "--json", env=new_home)
    error = json.loads(answer.stdout)["error"]
    assert (answer.returncode, error["code"]) == (1, "port_taken")
    assert str(port) in error["detail"]
    assert "--port" in error["detail"]
    assert not (Path(new_home["YUEFU_HOME"]) / "data").exists()


@pytest.mark.slow
def test_a_server_answers_and_ctrl_c_stops_it_with_its_database(own_home: dict[str, str]) -> None:
    port = _free_port()
    server = subprocess.Popen(
        [*COMMAND, "serve", "--port", str(port), "--workers", "1", "--json"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, **own_home}, start_new_session=True,
    )  # fmt: skip
    try:
        _await(port, server)
        with urlopen(f"http://127.0.0.1:{port}/readyz") as answer:
            assert json.load(answer)["ready"] is True
        assert (Path(own_home["YUEFU_HOME"]) / "secret").stat().st_mode & 0o777 == 0o600
        server.send_signal(signal.SIGINT)
        out, err = server.communicate(timeout=60)
    finally:
        server.kill()
    assert server.returncode == 0, err
    assert json.loads(out.splitlines()[-1]) == {"served": f"http://127.0.0.1:{port}/"}
    assert _servers(own_home["YUEFU_HOME"]) == []


DEAF = """
import signal, time
from yuefu.cli import processes
processes.SECONDS_TO_HEED = 0.5
signal.signal(signal.SIGTERM, signal.SIG_IGN)
processes.ends_with_stdin()
print("ready", flush=True)
time.sleep(60)
"""


def test_a_child_that_does_not_heed_the_signal_ends_with_its_parent_all_the_same() -> None:
    child = subprocess.Popen(
        [sys.executable, "-c", DEAF],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "YUEFU_ENDS_WITH_STDIN": "1"},
    )
    assert child.stdout is not None
    assert child.stdin is not None
    assert child.stdout.readline() == "ready\n"
    child.stdin.close()
    assert child.wait(timeout=20) == -signal.SIGKILL
    child.stdout.close()


@dataclass
class _Shown:
    """A demo that is served: what it said when it was ready, and on standard error once it is over."""

    process: subprocess.Popen[str]
    said: dict[str, Any] = field(default_factory=dict)
    err: str = ""


@contextmanager
def _served(env: dict[str, str], *words: str, stopped: bool = True) -> Iterator[_Shown]:
    """A demo until the block ends; then it is stopped as Ctrl-C does, unless the block has ended it."""
    port = _free_port()
    demo = subprocess.Popen(
        [*COMMAND, "demo", *words, "--port", str(port), "--json"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, **env}, start_new_session=True,
    )  # fmt: skip
    shown = _Shown(demo)
    try:
        _await(port, demo)
        assert demo.stdout is not None
        shown.said = json.loads(demo.stdout.readline())
        assert shown.said["address"] == f"http://127.0.0.1:{port}/"
        yield shown
        if stopped:
            demo.send_signal(signal.SIGTERM)
            _, shown.err = demo.communicate(timeout=90)
            assert demo.returncode == 0, shown.err
    finally:
        demo.kill()


def _await(port: int, process: subprocess.Popen[str]) -> None:
    until = time.monotonic() + 120
    while time.monotonic() < until:
        if process.poll() is not None:
            _, err = process.communicate()
            raise AssertionError(f"it ended with {process.returncode}: {err}")
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.2)
        else:
            return
    raise AssertionError("nobody answers")
