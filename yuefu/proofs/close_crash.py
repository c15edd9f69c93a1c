"""The crash proof of the close of a day: wherever it is killed, and whatever is paid meanwhile, the day closes as if nobody had disturbed it.

Each round has a book of its own (`close_book`), twice, as databases that are copies of each other. In one the days that are over are closed by two
processes, which are killed at moments by chance and aimed at each step (the main process, its worker, both, or what works for them in PostgreSQL) and
started again until the days are closed; all the while another process enters payments on the day that is open, and is killed too. In the other
nobody disturbs anybody, and the payments come afterwards. When the open day has closed too, both have the same rows in all tables.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import psutil
import psycopg
from django.db import connections

from yuefu.journeys.close_of_day import STEPS
from yuefu.proofs import close_databases as databases
from yuefu.proofs import close_rows, close_victim

Say = Callable[[str], None]

ROUNDS: Final = 30
SEED: Final = 11
LOANS: Final = 500
CHUNKS: Final = 60
MOST_CHUNKS: Final = 15
WORKERS: Final = 2
MOST_KILLS: Final = 7
MOST_TOLD: Final = 20
SECONDS_BETWEEN_LOOKS: Final = 0.002
SECONDS_A_CLOSE: Final = 300.0
CLOSER, PAYER = "prove-closer", "prove-payer"

MAIN, WORKER, ALL_OF_THEM, BACKEND, PAYING, PAYING_BACKEND = "main", "worker", "all", "backend", "payer", "payer_backend"
_KINDS: Final = (MAIN, MAIN, WORKER, WORKER, ALL_OF_THEM, BACKEND, BACKEND, PAYING, PAYING_BACKEND)


class Broken(Exception):
    """The proof itself could not be carried out."""


class _NotProven(Exception):
    """A close was refused: what its proofs found wrong. Nothing can be compared then."""


@dataclass(frozen=True, slots=True)
class Aim:
    """What is killed, and when: so many `seconds` after the close has come to a `step`, in `advance` to so many more chunks; without one, after it began."""

    kind: str
    step: str
    chunks: int
    seconds: float


@dataclass(slots=True)
class Tally:
    killed: Counter[str] = field(default_factory=Counter)
    at_step: Counter[str] = field(default_factory=Counter)
    differing: int = 0
    sent: int = 0
    entered: int = 0
    lost: int = 0
    doubled: int = 0
    proofs_failed: int = 0
    wrong: list[str] = field(default_factory=list)


def run(
    *, rounds: int = ROUNDS, seed: int = SEED, loans: int = LOANS, say: Say, template: str | None = None, kinds: Sequence[str] = _KINDS
) -> dict[str, Any]:
    """`rounds` rounds in databases of their own, copies of that of DATABASE_URL or `template`, which is migrated, has no book and nobody connected.

    Returns {"rounds", "killed", "differing_rows", "payments_sent", "lost", "doubled", "proofs_failed", …, "ok"}: `differing_rows` counts rows that only
    one of the two books of a round has, `lost` acknowledged payments of which there is no fact, `doubled` those of which there is more than one or
    whose money was taken twice. Raises Broken.
    """
    connections.close_all()  # nobody may be in a database that is copied
    began, tally = time.monotonic(), Tally()
    for number in range(rounds):
        with TemporaryDirectory(prefix="yuefu-prove-") as directory:
            one = _Round(Path(directory), template or os.environ["DATABASE_URL"], random.Random(f"{seed}:{number}"), tally, kinds)
            say(f"round {number + 1} of {rounds}: {one.told()}")
            try:
                one.play(f"{seed}:{number}", loans)
            except _NotProven as failed:
                tally.proofs_failed += 1
                tally.wrong.append(f"round {number + 1}: {failed}")
    killed = sum(tally.killed.values())
    return {
        "rounds": rounds,
        "killed": killed,
        "differing_rows": tally.differing,
        "payments_sent": tally.sent,
        "lost": tally.lost,
        "doubled": tally.doubled,
        "proofs_failed": tally.proofs_failed,
        "payments_entered": tally.entered,
        "killed_by_step": dict(tally.at_step),
        "killed_by_kind": dict(tally.killed),
        "seed": seed,
        "wrong": tally.wrong[:MOST_TOLD],
        "seconds": round(time.monotonic() - began, 1),
        "ok": not (tally.differing or tally.lost or tally.doubled or tally.proofs_failed or tally.wrong)
        and killed > 0
        and tally.entered > 0,
    }


class _Round:
    """One book, disturbed, and its copy, which is not."""

    def __init__(self, directory: Path, template: str, dice: random.Random, tally: Tally, kinds: Sequence[str]) -> None:
        self._directory, self._template, self._dice, self._tally = directory, template, dice, tally
        self._waiting = dice.choice((1, 1, 2, 3))
        self._rolled = dice.random() < 0.5
        self._aims = _aims(dice, self._waiting, kinds)
        self._groups: list[int] = []
        self._payer: subprocess.Popen[bytes] | None = None

    def told(self) -> str:
        days = "a day" if self._waiting == 1 else f"{self._waiting} days"
        return f"{days} to close, {len(self._aims)} kills"

    def play(self, seed: str, loans: int) -> None:
        with databases.copy(of=self._template, server=self._template) as disturbed:
            rolled = "rolled" if self._rolled else "open"
            self._whole(disturbed, "build", str(self._directory), seed, str(loans), str(self._waiting), rolled)
            with databases.copy(of=disturbed, server=self._template) as undisturbed:
                try:
                    self._close_through_kills(disturbed, max(loans // CHUNKS, 1))
                    self._whole(disturbed, "finish", str(self._directory), str(self._waiting), "there")
                finally:
                    self._end_all()
                self._whole(undisturbed, "undisturbed", str(self._directory), str(self._waiting), "right")
                self._reckon(disturbed)

    # ------------------------------------------------------------------------------------------------------------------------ killing

    def _close_through_kills(self, url: str, loans_a_chunk: int) -> None:
        self._payer = self._start(url, PAYER, "pay", str(self._directory), str(self._waiting))
        with databases.writer(url) as eye:
            left = list(self._aims)
            while True:
                closer = self._start(url, CLOSER, "close", str(self._directory), str(WORKERS), str(loans_a_chunk))
                struck = self._strike(closer, url, eye, left)
                status = self._ending(closer)
                if struck and status != 0:
                    self._tally.killed[struck[0]] += 1
                    self._tally.at_step[struck[1]] += 1
                if status == 0:
                    break
                if status == close_victim.PROOF_FAILED:
                    raise _NotProven(self._last_said(CLOSER))
                if not struck:
                    raise Broken(self._log(CLOSER))
        (self._directory / close_victim.ENOUGH).touch()
        if self._ending(self._payer) != 0:
            raise Broken(self._log(PAYER))

    def _strike(self, closer: subprocess.Popen[bytes], url: str, eye: psycopg.Connection[Any], left: list[Aim]) -> tuple[str, str] | None:
        """Carries out aims until one has hit the close, or that has ended. What hit it, and at which step."""
        while left:
            aim = left.pop(0)
            if not self._reached(closer, eye, aim):
                return None
            step = databases.step(eye)
            if aim.kind == PAYING:
                self._kill_payer(url, step)
            elif aim.kind == PAYING_BACKEND:
                if databases.end_backend(eye, PAYER, self._dice):
                    self._tally.killed[aim.kind] += 1
                    self._tally.at_step[step] += 1
            elif hit := self._hit(closer, eye, aim.kind):
                return hit, step
        return None

    def _reached(self, closer: subprocess.Popen[bytes], eye: psycopg.Connection[Any], aim: Aim) -> bool:
        """Waits for the moment of an aim; whether the close still runs then."""
        begun = self._directory / close_victim.begun(closer.pid)
        self._until(closer, begun.exists)
        began_on, _, done = databases.stands(eye)

        def there() -> bool:
            on, step, chunks = databases.stands(eye)
            if step == aim.step == "advance":
                return chunks >= aim.chunks + (done if on == began_on else 0)
            return step is not None and STEPS.index(step) >= STEPS.index(aim.step)  # a step that was missed is no reason to miss the close

        if aim.step:
            self._until(closer, there)
        with contextlib.suppress(subprocess.TimeoutExpired):
            closer.wait(aim.seconds)
        return closer.poll() is None

    def _until(self, closer: subprocess.Popen[bytes], there: Callable[[], bool]) -> None:
        """Waits for something, or for the end of the close."""
        until = time.monotonic() + SECONDS_A_CLOSE
        while closer.poll() is None and not there():
            if time.monotonic() > until:
                raise Broken(f"the close does not end: {self._log(CLOSER)}")
            time.sleep(SECONDS_BETWEEN_LOOKS)

    def _hit(self, closer: subprocess.Popen[bytes], eye: psycopg.Connection[Any], kind: str) -> str:
        """Kills what is asked for, or the main process where there is no such thing yet. What was killed."""
        if (kind == BACKEND and databases.end_backend(eye, CLOSER, self._dice)) or (kind == WORKER and _kill_worker(closer)):
            return kind
        with contextlib.suppress(ProcessLookupError):
            if kind == ALL_OF_THEM:
                os.killpg(closer.pid, signal.SIGKILL)
                return kind
            closer.kill()  # its worker goes on, until it finds itself alone
        return MAIN

    def _kill_payer(self, url: str, step: str) -> None:
        assert self._payer is not None
        if self._payer.poll() is None:
            self._payer.kill()
            self._tally.killed[PAYING] += 1
            self._tally.at_step[step] += 1
        self._payer.wait()
        self._payer = self._start(url, PAYER, "pay", str(self._directory), str(self._waiting))

    # ---------------------------------------------------------------------------------------------------------------------- reckoning

    def _reckon(self, url: str) -> None:
        told = close_victim.acknowledged(self._directory / "acks")
        right = close_victim.acknowledged(self._directory / "right.acks")
        found = close_rows.differing(*(_read(self._directory / name) for name in ("right", "there")))
        tally = self._tally
        tally.differing += sum(map(len, found.values()))
        tally.wrong += [f"{name}: {row}"[:1_000] for name, rows in found.items() for row in rows[:3]]
        otherwise = [source for source, outcome in told.items() if right.get(source) != outcome]
        tally.differing += len(otherwise)
        tally.wrong += [f"payment {source}: {right.get(source)} is right, {told[source]} was told" for source in otherwise[:3]]
        entered = [one for one in _read(self._directory / "payments.json") if told.get(one["source_id"]) == "entered"]
        tally.sent, tally.entered = tally.sent + len(told), tally.entered + len(entered)
        self._count(url, entered)

    def _count(self, url: str, entered: Sequence[Mapping[str, Any]]) -> None:
        """By source among the facts, and by loan and amount in the ledger: what was acknowledged is there once."""
        promised: dict[str, list[int]] = defaultdict(list)
        for one in entered:
            promised[one["loan_id"]].append(one["minor"])
        sources = [one["source_id"] for one in entered]
        with databases.writer(url) as eye:
            facts = {source: [1] * count for source, count in databases.facts(eye, sources).items()}
            taken = databases.taken(eye, close_victim.open_on(self._waiting))
        for pair in (({source: [1] for source in sources}, facts), (promised, taken)):
            lost, doubled = lost_and_doubled(*pair)
            self._tally.lost += lost
            self._tally.doubled += doubled

    # ---------------------------------------------------------------------------------------------------------------------- processes

    def _start(self, url: str, name: str, *arguments: str) -> subprocess.Popen[bytes]:
        with (self._directory / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "yuefu.proofs.close_victim", *arguments],
                env=databases.environment(url, name),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._groups.append(process.pid)
        return process

    def _ending(self, process: subprocess.Popen[bytes]) -> int:
        try:
            return process.wait(SECONDS_A_CLOSE)
        except subprocess.TimeoutExpired:
            raise Broken(f"{process.args!r} does not end: {self._log(CLOSER)} {self._log(PAYER)}") from None

    def _whole(self, url: str, *arguments: str) -> None:
        process = self._start(url, "other", *arguments)
        try:
            status = self._ending(process)
        finally:
            self._end(process.pid)
        if status == close_victim.PROOF_FAILED:
            raise _NotProven(self._last_said("other"))
        if status != 0:
            raise Broken(self._log("other"))

    def _log(self, name: str) -> str:
        path = self._directory / f"{name}.log"
        return path.read_text("utf-8", errors="replace")[-2_000:] if path.exists() else ""

    def _last_said(self, name: str) -> str:
        """The alarm and the refusal of a close that was not proven."""
        return " ".join(self._log(name).splitlines()[-2:])

    def _end_all(self) -> None:
        """Also workers that outlived their main process."""
        for group in self._groups:
            self._end(group)

    def _end(self, group: int) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(group, signal.SIGKILL)


def _aims(dice: random.Random, waiting: int, kinds: Sequence[str]) -> list[Aim]:
    """Several kills: at any moment, while loans advance, and at least one each while the first day is posted and proven."""
    some = ["", *["advance"] * 3]
    steps = [*dice.choices(some, k=dice.randrange(1, MOST_KILLS - 3)), "post", "prove"]
    if waiting > 1:
        steps += [dice.choice(some), dice.choice(("post", "prove"))]
    return [Aim(dice.choice(kinds), step, dice.randrange(1, MOST_CHUNKS), _seconds(dice, step)) for step in steps]


def _seconds(dice: random.Random, step: str) -> float:
    """How long after the moment it is aimed at: posting takes some milliseconds, a proof some tenths of a second."""
    return dice.uniform(0, {"": 1.0, "advance": 0.02, "post": 0.01, "prove": 0.1}[step])


def _kill_worker(closer: subprocess.Popen[bytes]) -> bool:
    """One worker of a close; whether there was one yet."""
    with contextlib.suppress(psutil.Error):
        for child in psutil.Process(closer.pid).children():
            if any("spawn_main" in word for word in child.cmdline()):
                child.kill()
                return True
    return False


def lost_and_doubled(promised: Mapping[str, Sequence[int]], there: Mapping[str, Sequence[int]]) -> tuple[int, int]:
    """Of amounts by object: how many that were promised are not there, and how many are there that were not, or more often."""
    lost = doubled = 0
    for one in promised.keys() | there.keys():
        ours, found = Counter(promised.get(one, ())), Counter(there.get(one, ()))
        lost += (ours - found).total()
        doubled += (found - ours).total()
    return lost, doubled


def _read(path: Path) -> Any:
    return json.loads(path.read_text("utf-8"))
