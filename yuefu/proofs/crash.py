"""The crash proof over HTTP: whatever is killed or cut under load, each acknowledged operation is there exactly once.

One installation of its own: PostgreSQL, the server with its batcher, the worker, a process that repays. Clients buy, capture, void, refund
and repay without end, and keep each acknowledgement in a file outside the database. In each round one thing is broken: a process killed
with SIGKILL, PostgreSQL too, at a named commit or at any moment; the wire to the database cut between a COMMIT and its reply, stalled or
slowed down. Then what is down is started again, every client sends what is open again with the same keys, and some of what was
acknowledged, and the books are reckoned up against the files.

`python -m yuefu.proofs.crash DIRECTORY HOME ROUNDS SEED FIRST` is the process that does it; `run` starts it and cleans up behind it.
"""

from __future__ import annotations

import json
import os
import random
import secrets
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from yuefu.proofs import crash_world, reckoning
from yuefu.proofs.installation import PAYER, SERVER, WORKER, Installation, Say, Watch
from yuefu.proofs.proxy import AFTER_COMMIT, BEFORE_COMMIT, Point, Where, Wire
from yuefu.proofs.shoppers import Client, Payers, Repayer, Shopper
from yuefu.runtime import cluster

SEED: Final = 7
SHOPPERS: Final = 8
MOST_PASSED: Final = 20
"""How often a named commit may pass by before it is struck."""
RARE: Final = {"void": (2, 6), "dispatch": (2, 6), "roll_over": (1, 2), "chunk": (1, 4), "closed": (1, 2)}
"""Of those that come seldom, between how many: of a day, one begins, one ends, and three at least lie between."""
ASKED_AGAIN: Final = 8
SECONDS_TO_STRIKE: Final = 20.0
SECONDS_AFTER: Final = 0.25
SECONDS_UNDER_LOAD: Final = (0.4, 1.2)
SECONDS_STALLED: Final = 1.0
SECONDS_TO_SETTLE: Final = 40.0
MOST_TOLD: Final = 50
FRESH_KEYS, NO_FLUSH = "fresh_keys", "no_flush"
_BROKEN: Final = "YUEFU_PROVE_BROKEN"
"""For the test of the proof only: clients that send again under other keys, of which it must see doubles; or a PostgreSQL that acknowledges
what it has not flushed, of which it must see losses."""


class Broken(Exception):
    """The proof itself could not be carried out."""


@dataclass(frozen=True, slots=True)
class Case:
    """What is broken in a round. With a `verb` at one of its commits, else at a moment by chance; with `closing`, while the business day ends
    and is closed.
    """

    act: str
    party: str
    verb: str = ""
    where: Where = AFTER_COMMIT
    closing: bool = False

    @property
    def name(self) -> str:
        at = f"{self.where.replace('_', ' ')} of {self.verb.replace('_', ' ')}" if self.verb else "at a random moment"
        return f"{self.act.replace('_', ' ')} ({self.party}) {at}{', while a day closes' if self.closing else ''}"


CASES: Final = (
    Case("cut", SERVER, "authorise"),
    Case("kill_process", SERVER, "capture", BEFORE_COMMIT),
    Case("kill_database", SERVER, "refund"),
    Case("kill_process", PAYER, "channel"),
    Case("kill", SERVER),
    Case("kill_process", WORKER, "roll_over", closing=True),
    Case("cut", SERVER, "capture"),
    Case("kill_process", SERVER, "authorise"),
    Case("kill_database", SERVER),
    Case("kill_process", WORKER, "dispatch", BEFORE_COMMIT),
    Case("kill_database", WORKER, "chunk", BEFORE_COMMIT, closing=True),
    Case("cut", PAYER, "attempt"),
    Case("terminate_backends", SERVER),
    Case("kill_process", SERVER, "void"),
    Case("kill_database", SERVER, "authorise", BEFORE_COMMIT),
    Case("cut", SERVER, "refund", BEFORE_COMMIT),
    Case("kill_process", PAYER, "book"),
    Case("cut", WORKER, "closed", closing=True),
    Case("stall", SERVER),
    Case("kill", WORKER),
    Case("kill_process", SERVER, "refund"),
    Case("cut", PAYER, "channel"),
    Case("kill_database", SERVER, "capture"),
    Case("kill_process", WORKER, "roll_over", BEFORE_COMMIT, closing=True),
    Case("cut", SERVER, "void"),
    Case("kill_one", SERVER),
    Case("slow", SERVER),
    Case("kill_process", PAYER, "attempt"),
    Case("kill_database", WORKER, "closed", closing=True),
    Case("kill", SERVER, closing=True),
    Case("cut_all", SERVER),
    Case("kill_database", PAYER, "channel"),
    Case("stop", SERVER),
    Case("cut", WORKER, "dispatch"),
    Case("kill_process", WORKER, "chunk", closing=True),
    Case("kill", PAYER),
)


def run(
    *, rounds: int, seed: int = SEED, first: int = 0, say: Say, broken: str = "", furnish: Callable[[Path], None] | None = None
) -> dict[str, Any]:
    """`rounds` rounds in an installation of their own, which is gone afterwards; the cases take turns, from the `first` on.
    `furnish` puts a cluster into its home, where one is ready.

    Returns {"rounds", "operations", "acknowledged", "lost", "doubled", …, "ok"}: `lost` counts acknowledged operations that are not there
    or were told otherwise later, `doubled` what is there more often than it was acknowledged. Raises Broken.
    """
    # The home stands by itself: for root, the server runs as another user, who cannot enter our own directory.
    with TemporaryDirectory(prefix="yuefu-prove-") as directory, TemporaryDirectory(prefix="yuefu-", ignore_cleanup_errors=True) as home:
        given = {name: value for name, value in os.environ.items() if not name.startswith(("DATABASE_", "PROMETHEUS_"))}
        environment = {**given, "YUEFU_HOME": directory, "YUEFU_KEYS_FILE": f"{directory}/keys.json"}
        environment[_BROKEN] = broken
        if furnish is not None:
            furnish(Path(home))
        command = [sys.executable, "-m", "yuefu.proofs.crash", directory, home, str(rounds), str(seed), str(first)]
        try:
            with (Path(directory) / "director.log").open("wb") as log:
                director = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, env=environment)
                try:
                    found = _heard(director, say)
                finally:
                    director.communicate()  # closes its input, at which it ends
            if found is None:
                raise Broken((Path(directory) / "director.log").read_text("utf-8", errors="replace")[-4_000:])
            return found
        finally:
            while (left := cluster.attach(Path(home))) is not None:
                left.kill()


def _heard(director: subprocess.Popen[bytes], say: Say) -> dict[str, Any] | None:
    assert director.stdout is not None
    found: dict[str, Any] | None = None
    for line in director.stdout:
        told = json.loads(line)
        if "say" in told:
            say(told["say"])
        else:
            found = told
    return found


# ------------------------------------------------------------------------------------------------------------------------- the director


@dataclass(slots=True)
class Tally:
    """What was found so far."""

    replayed: int = 0
    cases: Counter[str] = field(default_factory=Counter)
    wrong: dict[str, int] = field(default_factory=dict)
    """What is wrong → the round in which it was seen first."""
    stuck: list[str] = field(default_factory=list)
    lost: int = 0
    doubled: int = 0


class Director:
    """Breaks an installation round by round and reckons up afterwards."""

    def __init__(
        self, *, installation: Installation, made: crash_world.Made, directory: Path, seed: int, say: Say, fresh_keys: bool
    ) -> None:
        self._it, self._made, self._say = installation, made, say
        self._dice = random.Random(seed)
        self.tally = Tally()
        self._shoppers = [
            Shopper(f"s{seed}-{n}", directory, port=installation.port, shops=made.shops, seed=seed, fresh_keys=fresh_keys)
            for n in range(SHOPPERS)
        ]
        payers = Payers(installation.ask_payer, str(made.book.id))
        self._repayer = Repayer(f"p{seed}", directory, payers, loans=made.loans, seed=seed)
        self._breaks: dict[str, Callable[[Case], None]] = {
            "kill": lambda case: self._it.kill(case.party),
            "kill_one": lambda case: self._it.kill_one(case.party, self._dice),
            "kill_database": lambda _: self._it.kill_database(),
            "terminate_backends": lambda _: self._sure(self._it.terminate_backends()),
            "cut_all": lambda case: self._sure(self._it.proxy.cut(case.party)),
            "stop": lambda case: self._it.stop(case.party),
            "stall": lambda case: self._stall(case.party),
            "slow": lambda _: self._slow(),
        }
        self._strikes: dict[str, Callable[[Wire], None]] = {
            "cut": lambda _: None,
            "kill_process": self._it.kill_behind,
            "kill_database": lambda _: self._it.kill_database(),
        }

    @property
    def clients(self) -> list[Client]:
        return [*self._shoppers, self._repayer]

    def round(self, number: int, case: Case) -> None:
        """Load, one break, repair, everything open again, and the reckoning."""
        self._say(f"round {number + 1}: {case.name}")
        self._break_under_load(case)
        self._repair()
        with ThreadPoolExecutor(len(self.clients)) as pool:
            list(pool.map(lambda client: client.settle(), self.clients))
            self.tally.replayed += sum(pool.map(lambda client: client.ask_again(self._dice, ASKED_AGAIN), self.clients))
        self.tally.cases[case.name] += 1
        self._reckon(number)

    def _break_under_load(self, case: Case) -> None:
        over = threading.Event()
        reached = None
        if case.verb:
            point = Point(case.party, case.verb, case.where, self._dice.randrange(*RARE.get(case.verb, (2, MOST_PASSED))))
            reached = self._it.proxy.arm(point, self._strikes[case.act])
        with ThreadPoolExecutor(len(self.clients)) as pool:
            playing = [pool.submit(client.play, over) for client in (*self._shoppers, self._repayer)]
            try:
                if case.closing:
                    crash_world.end_the_day(self._made.book)
                crash_world.give_jobs()
                if reached is None:
                    time.sleep(self._dice.uniform(*SECONDS_UNDER_LOAD))
                    self._breaks[case.act](case)
                elif not reached.wait(SECONDS_TO_STRIKE):
                    raise Broken(f"under load it never came to this: {case.name}")
                time.sleep(SECONDS_AFTER)
            finally:
                over.set()
                self._it.proxy.disarm()
        for one in playing:
            one.result()

    def _sure(self, count: int) -> None:
        assert count, "there was something to break"

    def _stall(self, party: str) -> None:
        """Packets are lost for a while, and then the wire is found to be dead."""
        with self._it.proxy.stalled():
            time.sleep(SECONDS_STALLED)
            self._it.proxy.cut(party)

    def _slow(self) -> None:
        self._it.proxy.delay_s = 0.02
        time.sleep(SECONDS_STALLED)
        self._it.proxy.delay_s = 0.0

    def _repair(self) -> None:
        self._it.start_database()
        crash_world.forget_connections()
        starts = {SERVER: self._it.start_server, WORKER: self._it.start_worker, PAYER: self._it.start_payer}
        for party, start in starts.items():
            if not self._it.runs(party):
                self._it.kill(party)  # what is left of it, if only its head died
                start()

    def _reckon(self, number: int) -> None:
        """Each round counts everything anew, from the beginning; what was found wrong before is named once."""
        crash_world.a_minute_later(self._made.book)  # what has no answer yet is asked for from the next moment on
        stuck = reckoning.stuck(self._it, within_s=SECONDS_TO_SETTLE)
        stuck += [f"{one.verb} {one.key} is not acknowledged" for client in self.clients for one in client.open]
        found = reckoning.reckon(self._made.book, [client.path for client in self.clients])
        told_otherwise = [line for client in self.clients for line in client.differing]
        tally = self.tally
        tally.lost, tally.doubled = found.lost + len(told_otherwise), found.doubled
        tally.wrong |= {line: number + 1 for line in found.wrong + told_otherwise if line not in tally.wrong}
        tally.stuck += [f"round {number + 1}: {line}" for line in stuck]

    def result(self, rounds: int, seed: int) -> dict[str, Any]:
        statuses: Counter[int] = sum((client.statuses for client in self.clients), Counter())
        failed = {status: count for status, count in statuses.items() if status >= 500 and status != 503}
        tally = self.tally
        acknowledged = reckoning.acknowledged([client.path for client in self.clients])
        return {
            "rounds": rounds,
            "operations": sum(client.begun for client in self.clients),
            "acknowledged": len(acknowledged),
            "lost": tally.lost,
            "doubled": tally.doubled,
            "sent_again": sum(client.sent_again for client in self.clients),
            "asked_again": tally.replayed,
            "by_verb": dict(Counter(line["verb"] for line in acknowledged)),
            "statuses": {str(status or "none"): count for status, count in sorted(statuses.items())},
            "seed": seed,
            "cases": dict(tally.cases),
            "days_closed": crash_world.days_closed(self._made.book),
            "wrong": [f"round {number}: {line}" for line, number in tally.wrong.items()][:MOST_TOLD],
            "stuck": tally.stuck[:MOST_TOLD],
            "ok": not (tally.lost or tally.doubled or tally.wrong or tally.stuck or failed) and len(acknowledged) > 0,
        }


def main(arguments: Sequence[str]) -> None:
    """The entry of the director's process."""
    directory, home = Path(arguments[0]), Path(arguments[1])
    rounds, seed, first = (int(one) for one in arguments[2:5])
    Watch()
    dice = random.Random(f"{seed}:wire")

    def say(text: str) -> None:
        print(json.dumps({"say": text}), flush=True)

    broken = os.environ.get(_BROKEN, "")
    settings = {"synchronous_commit": "off", "wal_writer_delay": "10s"} if broken == NO_FLUSH else {}
    installation = Installation(home=home, directory=directory, dice=dice, say=say, settings=settings)
    try:
        os.environ.update({"DATABASE_URL": installation.owner_url, "DJANGO_SETTINGS_MODULE": "yuefu.config.settings"})
        made = crash_world.prepare(installation.owner_url, random_bytes=secrets.token_bytes)
        for start in (installation.start_server, installation.start_worker, installation.start_payer):
            start()
        fresh_keys = broken == FRESH_KEYS
        director = Director(installation=installation, made=made, directory=directory, seed=seed, say=say, fresh_keys=fresh_keys)
        for number in range(rounds):
            director.round(number, CASES[(first + number) % len(CASES)])
        print(json.dumps(director.result(rounds, seed)), flush=True)
    finally:
        installation.end()


if __name__ == "__main__":
    main(sys.argv[1:])
