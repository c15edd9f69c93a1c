"""The crash matrix: what was acknowledged is there exactly once, wherever the process or the database was killed.

A subprocess plays the same plan in a book a case (authorise, capture, refund, close, settle, repay, withdraw) and acknowledges each
outcome in a file outside the database. It is killed with SIGKILL: at named places by itself, at random moments from outside; and the
PostgreSQL below it is killed whole under load. Then it is started again and sends every key again. It must tell each acknowledged
outcome as before, and the figures of the book must be those of a book in which nothing was ever killed.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from yuefu.runtime import cluster, provision

Say = Callable[[str], None]

UNDISTURBED: Final = "undisturbed"
POINTS: Final = (
    "authorise:before_commit:2",
    "authorise:after_commit:2",
    "authorise:before_ack:3",
    "capture:before_commit:1",
    "capture:after_commit:3",
    "refund:before_call:1",
    "refund:after_call:1",
    "close:before_commit:3",
    "close:after_commit:4",
    "settle:after_commit:26",  # between the first chunk of merchants and the second
    "settle:before_commit:27",
    "settle:before_call:1",  # of the safeguarding transfer
    "settle:after_call:1",
    "settle:before_call:2",  # of the payouts
    "settle:after_call:2",
    "repay:before_commit:1",
    "repay:before_call:1",
    "repay:after_call:2",
    "repay:after_commit:4",
    "withdraw:after_call:1",
)
KILLS: Final = 12
DATABASE_KILLS: Final = 4
SEED: Final = 7
MOST_TRIES: Final = 60


class Broken(Exception):
    """The process ended by itself with an error, although nobody killed it."""


def _silent(_text: str) -> None:
    return None


def run(*, say: Say = _silent, points: Sequence[str] = POINTS, kills: int = KILLS, database_kills: int = DATABASE_KILLS) -> dict[str, Any]:
    """All cases against the database of DATABASE_URL, and those that kill a database against one of their own.

    Returns {"cases": [{name, acknowledged, applied, lost, doubled, ok}], "ok"}. `lost` counts acknowledged outcomes that are told
    otherwise or not at all afterwards, `doubled` what the books have more of than those of the undisturbed case.
    """
    with TemporaryDirectory(prefix="yuefu-prove-") as directory:
        stage = _Stage(Path(directory), {**os.environ, "YUEFU_KEYS_FILE": f"{directory}/keys.json"})
        names = {UNDISTURBED: UNDISTURBED} | {f"point-{n}": f"kill at {point}" for n, point in enumerate(points)}
        names |= {"random": f"{kills} kills at random moments"} if kills else {}
        stage.prepare(names)
        say(UNDISTURBED)
        stage.play(UNDISTURBED)
        for n, point in enumerate(points):
            say(names[f"point-{n}"])
            assert stage.play(f"point-{n}", point) == "killed", f"the plan never comes to {point}"
            stage.play(f"point-{n}")
        if kills:
            say(names["random"])
            stage.play_through_kills("random", kills, random.Random(SEED))
        cases = stage.judge(names)
    if database_kills:
        cases += _database_killed(database_kills, say)
    return {"cases": cases, "ok": all(case["ok"] for case in cases)}


def _database_killed(kills: int, say: Say) -> list[dict[str, Any]]:
    name = f"PostgreSQL killed {kills} times under load"
    say(name)
    # The home stands by itself: for root, the server runs as another user, who cannot enter our own directory.
    with (
        TemporaryDirectory(prefix="yuefu-prove-") as directory,
        TemporaryDirectory(prefix="yuefu-") as home,
        _own_database(Path(home), say) as database,
    ):
        stage = _Stage(Path(directory), {**os.environ, **database.address(), "YUEFU_KEYS_FILE": f"{directory}/keys.json"})
        stage.prepare([UNDISTURBED, "database"])
        stage.play(UNDISTURBED)
        dice = random.Random(SEED)
        for kill in range(kills):
            say(f"kill {kill + 1} of {kills}")
            victim = stage.start("database")
            time.sleep(dice.uniform(1.5, 4.0))
            database.kill()
            victim.wait()
            database.start()
            stage.environment.update(database.address())
        stage.play("database")
        return stage.judge({"database": name})


class _OwnDatabase:
    """A cluster of our own that can be killed and comes back with all it acknowledged."""

    def __init__(self, home: Path, say: Say) -> None:
        self._home, self._say = home, say
        self.start()

    def start(self) -> None:
        self._running = cluster.start(self._home, say=self._say)
        self._url = provision.prepare_cluster(self._running.address)

    def kill(self) -> None:
        self._running.kill()

    def stop(self) -> None:
        self._running.stop(fast=False)

    def address(self) -> dict[str, str]:
        derived = {name: "" for name in os.environ if name.startswith("DATABASE_") and name.endswith("_URL")}
        return derived | {"DATABASE_URL": self._url}


@contextmanager
def _own_database(home: Path, say: Say) -> Iterator[_OwnDatabase]:
    database = _OwnDatabase(home, say)
    try:
        yield database
    finally:
        database.stop()


class _Stage:
    """Where victims play: a directory for plans and acknowledgements, and the database of an environment."""

    def __init__(self, directory: Path, environment: Mapping[str, str]) -> None:
        self._directory = directory
        self.environment = dict(environment)

    def prepare(self, codes: Sequence[str] | Mapping[str, str]) -> None:
        self._whole("prepare", *codes)

    def start(self, code: str, point: str = "") -> subprocess.Popen[bytes]:
        with (self._directory / f"{code}.log").open("ab") as log:
            return subprocess.Popen(self._command("play", code, point), env=self.environment, stdout=log, stderr=log)

    def play(self, code: str, point: str = "") -> str:
        """Plays to the end or to the point: "ended" or "killed". Raises Broken for any other end."""
        return self._ending(code, self.start(code, point).wait())

    def play_through_kills(self, code: str, kills: int, dice: random.Random) -> None:
        """Kills the victim at random moments until it was killed so often, then lets it end."""
        done = 0
        for _ in range(MOST_TRIES):
            victim = self.start(code)
            try:
                victim.wait(timeout=dice.uniform(0.6, 4.0))
            except subprocess.TimeoutExpired:
                victim.kill()
            done += self._ending(code, victim.wait()) == "killed"
            if done == kills:
                break
        assert done == kills, f"the victim could be killed only {done} times"
        self.play(code)

    def judge(self, names: Mapping[str, str]) -> list[dict[str, Any]]:
        found = json.loads(self._whole("figures", *{UNDISTURBED, *names}).decode().splitlines()[-1])
        return [self._case(name, code, found[code], found[UNDISTURBED]) for code, name in names.items()]

    def _case(self, name: str, code: str, found: Mapping[str, Any], right: Mapping[str, Any]) -> dict[str, Any]:
        first, last = self._acknowledged(code)
        lost = sum(last.get(key) != outcome for key, outcome in first.items())
        more = {each: found["counts"][each] - count for each, count in right["counts"].items()}
        lost += sum(-difference for difference in more.values() if difference < 0)
        doubled = sum(difference for difference in more.values() if difference > 0)
        differing = {each: (minor, found["sums"].get(each)) for each, minor in right["sums"].items() if found["sums"].get(each) != minor}
        case = {"name": name, "acknowledged": len(first), "applied": found["counts"]["entries"], "lost": lost, "doubled": doubled}
        ok = not (lost or doubled or differing or found["wrong"]) and len(first) > 0
        return {**case, "ok": ok, **({} if ok else {"differing": differing, "wrong": found["wrong"]})}

    def _acknowledged(self, code: str) -> tuple[dict[str, Any], dict[str, Any]]:
        """The first and the last outcome that was told for each key. A line the kill cut off was never told to anybody."""
        first: dict[str, Any] = {}
        last: dict[str, Any] = {}
        for line in (self._directory / f"{code}.acks").read_text("utf-8").splitlines():
            try:
                told = json.loads(line)
            except json.JSONDecodeError:
                continue
            key = f"{told['verb']}:{told['key']}"
            first.setdefault(key, told["outcome"])
            last[key] = told["outcome"]
        return first, last

    def _whole(self, *arguments: str) -> bytes:
        done = subprocess.run(self._command(*arguments), env=self.environment, capture_output=True, check=False)
        if done.returncode:
            raise Broken(done.stderr.decode(errors="replace")[-2_000:])
        return done.stdout

    def _command(self, mode: str, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "yuefu.proofs.victim", mode, str(self._directory), *arguments]

    def _ending(self, code: str, status: int) -> str:
        if status == 0:
            return "ended"
        if status == -9:
            return "killed"
        raise Broken((self._directory / f"{code}.log").read_text("utf-8", errors="replace")[-2_000:])
