"""The world a demo keeps: what is said of it, and that it is removed only when it is the demo's and somebody said yes, whatever schema it has."""

from __future__ import annotations

import json
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest

from tests import homes
from tests.cli.test_the_script import _free_port, _run, _served, _servers, a_home
from yuefu.cli import demo, kept
from yuefu.cli.faults import CommandError
from yuefu.cli.kept import Asked
from yuefu.runtime import cluster, provision

WORLD = {"days": 45, "seed": 7, "as_of": "2026-10-31"}
NOTHING = Asked(None, None, None, 0.0, None)


@pytest.mark.parametrize(
    ("asked", "others"),
    [
        (NOTHING, []),
        (Asked(45, 7, date(2026, 10, 31), 0.0, None), []),
        (Asked(30, None, None, 0.0, None), ["--days"]),
        (Asked(45, 0, date(2026, 10, 30), 0.0, None), ["--seed", "--as-of"]),
        (Asked(None, None, None, 0.1, Path("truth")), ["--faults", "--out"]),
    ],
)
def test_what_a_kept_world_does_not_follow_is_named(asked: Asked, others: list[str]) -> None:
    assert asked.beside(WORLD) == others
    said = kept.sentence(WORLD, asked)
    assert "45 days up to 2026-10-31" in said
    assert "--fresh" in said
    assert all(name in said for name in others)
    assert "\n" not in said


def test_the_heads_of_removed_books_are_forgotten_and_no_others(tmp_path: Path) -> None:
    path = tmp_path / "seals.jsonl"
    kept._forget_seals(path, ["a"])
    assert not path.exists()
    path.write_text('{"book": "a", "number": 1, "head": "00"}\n{"book": "b", "number": 2, "head": "00"}\n{"book": "a", "num')
    kept._forget_seals(path, ["a"])
    assert [json.loads(line)["book"] for line in path.read_text().splitlines()] == ["b"]


def test_the_letters_of_the_demo_are_forgotten_and_no_others(tmp_path: Path) -> None:
    kept._forget_letters(tmp_path)
    for book in (kept.BOOK, "other"):
        (tmp_path / "letterbox" / book).mkdir(parents=True)
        (tmp_path / "letterbox" / book / "msg.json").write_text("{}")
    kept._forget_letters(tmp_path)
    assert [book.name for book in (tmp_path / "letterbox").iterdir()] == ["other"]


@pytest.mark.parametrize("words", [("--fresh", "--no-serve"), ("--yes",)])
def test_fresh_is_for_a_kept_world_and_yes_for_its_question(words: tuple[str, ...], raw: Callable[..., Any]) -> None:
    assert raw("demo", *words, "--json").code == "usage"


def test_nobody_is_sent_to_who_took_the_port_while_the_world_was_played(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        with pytest.raises(CommandError) as refused:
            demo._run(tmp_path, other.getsockname()[1], [{"role": "finance", "login": "finance", "password": "secret"}])
    assert refused.value.fault.code == "port_taken"
    assert "secret" not in capsys.readouterr().out


def test_a_database_that_was_given_is_never_emptied(raw: Callable[..., Any]) -> None:
    answer = raw("demo", "--fresh", "--yes", "--port", str(_free_port()), "--json")
    assert (answer.status, answer.code) == (1, "not_the_demos")


def _demo(env: dict[str, str], *words: str) -> tuple[str, str]:
    """The code and the sentence with which a demo refuses."""
    answer = _run("demo", *words, "--port", str(_free_port()), "--json", env=env)
    assert answer.returncode == 1, answer.stderr
    error = json.loads(answer.stdout.splitlines()[-1])["error"]
    return error["code"], error["detail"]


@dataclass(frozen=True)
class Played:
    """A home with a world of a day that was served and stopped: who could log in, the processes that served it, those that outlived it."""

    home: Path
    logins: set[str]
    served_by: int
    left: list[object]


@pytest.fixture(scope="module")
def played() -> Iterator[Played]:
    """To play a world takes as long as all that is tried with it: each test has a copy."""
    with a_home() as env:
        home = Path(env["YUEFU_HOME"])
        homes.furnish(home)
        with _served(env, "--days", "1") as first:
            children = psutil.Process(first.process.pid).children(recursive=True)
        left = [*psutil.wait_procs(children, timeout=10)[1], *_servers(str(home))]
        yield Played(home, {login["login"] for login in first.said["logins"]}, len(children), left)


@pytest.fixture
def kept_home(played: Played) -> Iterator[dict[str, str]]:
    with a_home() as env:
        subprocess.run(["cp", "-a", f"{played.home}/.", env["YUEFU_HOME"]], check=True)
        yield env


@pytest.mark.slow
def test_a_served_demo_stops_whole_is_up_again_at_once_and_leaves_no_server_behind_when_it_is_killed(
    played: Played, kept_home: dict[str, str]
) -> None:
    assert played.logins >= {"operator", "finance"}
    assert played.served_by > 2, "the web server with its workers, and the worker"
    assert played.left == []
    began = time.monotonic()
    with _served(kept_home, stopped=False) as again:
        assert time.monotonic() - began < 30
        assert _servers(kept_home["YUEFU_HOME"])
        again.process.kill()
        again.process.communicate(timeout=60)  # until nobody is left who could say anything
    until = time.monotonic() + 60
    while _servers(kept_home["YUEFU_HOME"]) and time.monotonic() < until:
        time.sleep(0.3)
    assert _servers(kept_home["YUEFU_HOME"]) == []


@pytest.mark.slow
def test_a_world_is_kept_until_it_is_removed_on_purpose(kept_home: dict[str, str]) -> None:
    home = Path(kept_home["YUEFU_HOME"])
    first = (home / "demo" / "world.json").read_text()
    given = "SELECT count(*) FROM procrastinate_jobs WHERE task_name LIKE '%make_reports' AND args ->> 'timestamp' = '0'"
    assert _as_owner(home, given) == [(1,)], "reports are asked for at once, not only at ten to the hour"
    code, detail = _demo(kept_home, "--fresh")
    assert code == "not_confirmed"
    assert "--yes" in detail
    with _served(kept_home, "--days", "3") as shown:
        assert _demo(kept_home, "--fresh", "--yes")[0] == "in_use"
    assert "world of 1 day" in shown.err
    assert "--days counts" in shown.err
    assert (home / "demo" / "world.json").read_text() == first
    _run("ledger", "seal", env=kept_home)
    keys, sealed = (home / "keys.json").read_bytes(), _books_sealed(home)
    assert sealed
    _drift(kept_home)
    with _served(kept_home, "--days", "1", "--seed", "8", "--fresh", "--yes"):
        pass
    assert json.loads((home / "demo" / "world.json").read_text())["seed"] == 8
    assert (home / "keys.json").read_bytes() == keys
    assert not sealed & _books_sealed(home)
    _run("ledger", "seal", env=kept_home)
    assert _run("ledger", "verify", env=kept_home).returncode == 0
    made = _run("book", "create", "main", "--entity", "Example Lending Ltd", "--mode", "test", "--first-day", "2026-10-12", env=kept_home)
    assert made.returncode == 0, made.stderr
    code, detail = _demo(kept_home, "--fresh", "--yes")
    assert code == "not_the_demos"
    assert "main" in detail


def _drift(env: dict[str, str]) -> None:
    """The schema of a world becomes one that cannot be brought up to date; a demo that meets it names the way out, which is taken next."""
    drifts = [
        # The last of its package, and one that adds an index, so that it cannot be carried out again.
        ("DELETE FROM django_migrations WHERE app = 'orders' AND name >= '0007'", "database_error"),
        ("INSERT INTO django_migrations (app, name, applied) VALUES ('ledger', '9999_of_tomorrow', now())", "newer_schema"),
    ]
    for drift, code in drifts:
        _as_owner(Path(env["YUEFU_HOME"]), drift)
        found, detail = _demo(env)
        assert found == code
        assert "yuefu demo --fresh" in detail


def _books_sealed(home: Path) -> set[str]:
    return {json.loads(line)["book"] for line in (home / "seals.jsonl").read_text().splitlines()}


def _as_owner(home: Path, statement: str) -> list[tuple[Any, ...]]:
    running = cluster.start(home, say=lambda _: None)
    with psycopg.connect(provision.prepare_cluster(running.address), autocommit=True) as owner:
        answer = owner.execute(statement)
        found = answer.fetchall() if answer.description else []
    running.stop()
    return found
