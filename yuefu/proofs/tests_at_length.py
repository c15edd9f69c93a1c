"""Proofs that are tests too: a test tries few of what there are without end, here they try many. They need a checkout with `make install`."""

from __future__ import annotations

import os
import queue
import re
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType
from typing import IO, Any, Final

Say = Callable[[str], None]

CHECKOUT: Final = Path(__file__).resolve().parents[2]
RACES, MACHINE, LOANS, BILLS, PARTIES, API = "races", "machine", "loans", "bills", "parties", "api"
_OF_LOANS: Final = tuple(f"tests/loans/test_{name}.py" for name in ("positions", "stretches", "living", "closing"))
_OF_SETTLEMENT: Final = tuple(f"tests/settlement/test_{name}.py" for name in ("contracts", "shares", "parts", "money_in_any_order"))
_OF_API: Final = tuple(f"tests/api/test_{name}.py" for name in ("description_holds", "sent_twice", "access", "bad_input"))
_FILES: Final[Mapping[str, tuple[tuple[str, ...], str]]] = MappingProxyType(
    {
        RACES: (("tests/journeys/test_every_pair_of_verbs.py",), "YUEFU_RACES"),
        MACHINE: (("tests/ledger/test_ledger_machine.py",), "YUEFU_MACHINE_EXAMPLES"),
        LOANS: (("tests/plans/lifecycle", *_OF_LOANS), "YUEFU_LIVES"),
        BILLS: (("tests/journeys/test_a_year_of_bills.py",), "YUEFU_DAYS_OF_BILLS"),
        PARTIES: (_OF_SETTLEMENT, "YUEFU_DEALINGS"),
        API: (_OF_API, "YUEFU_API_EXAMPLES"),
    }
)
"""Each with the variable that says how much it tries."""
SECONDS_OF_SILENCE: Final = 30.0
SECONDS_TO_END: Final = 20.0
MOST_TOLD: Final = 4_000
_OUTCOME: Final = re.compile(r"(\S+::.*\S) (PASSED|FAILED|ERROR|SKIPPED|XFAIL|XPASS)\b.*?\[ *(\d+)%\]")


class NoCheckout(Exception):
    """There is no such file of tests beside the program."""

    def __init__(self, path: Path) -> None:
        self.code = "tests_missing"
        self.detail = f"This proof is {path}, which is not there: run it in a checkout, after `make install`."
        super().__init__(self.detail)


def run(name: str, count: int, *, say: Say) -> dict[str, Any]:
    """Carries out the tests of a name in a process and databases of their own.

    Returns {"times", "tests", "passed", "ok"}, of a failure also {"failed": [names], "said"}: the end of what was said of it, with how to do it again.
    Raises NoCheckout.
    """
    files, variable = _FILES[name]
    paths = [CHECKOUT / file for file in files]
    for path in paths:
        if not path.exists():
            raise NoCheckout(path)
    with TemporaryDirectory(prefix="yuefu-prove-") as home:
        process = subprocess.Popen(
            [sys.executable, "-m", "pytest", "--verbose", "--color=no", "-p", "no:cacheprovider", *map(str, paths)],
            cwd=CHECKOUT,
            env=_environment(Path(home)) | {variable: str(count)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
            start_new_session=True,  # so that Ctrl-C reaches it once: a second one would interrupt its cleaning up
        )
        try:
            return {"times": count, **_heard(process, lambda text: say(f"{name}: {text}"))}
        finally:
            _end(process)


def _end(process: subprocess.Popen[str]) -> None:
    """As Ctrl-C does; what was begun where that is ignored, as behind a shell's &, or does not heed it, is ended otherwise."""
    for ending in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
        if process.poll() is None:
            process.send_signal(ending)
            with suppress(subprocess.TimeoutExpired):
                process.wait(SECONDS_TO_END)


def _environment(home: Path) -> dict[str, str]:
    """Ours, without what would tie these tests to others that are running."""
    given = {name: value for name, value in os.environ.items() if not name.startswith(("YUEFU_TEST_", "PYTEST_XDIST_", "PROMETHEUS_"))}
    return {**given, "YUEFU_HOME": str(home)}


def _heard(process: subprocess.Popen[str], say: Say) -> dict[str, Any]:
    outcomes: dict[str, str] = {}
    said: list[str] = []
    tenths = 0
    for line in _lines(process, say):
        said.append(line)
        if found := _OUTCOME.match(line):
            outcomes[found[1]] = found[2]
            if int(found[3]) // 10 > tenths:
                tenths = int(found[3]) // 10
                say(f"{found[3]}%")
    status = process.wait()
    passed = Counter(outcomes.values())["PASSED"]
    ok = status == 0 and passed == len(outcomes) > 0
    result = {"tests": len(outcomes), "passed": passed, "ok": ok}
    if ok:
        return result
    return {**result, "failed": sorted(name for name, one in outcomes.items() if one != "PASSED"), "said": "".join(said)[-MOST_TOLD:]}


def _lines(process: subprocess.Popen[str], say: Say) -> Iterator[str]:
    """What a process says, a line at a time; where it is silent for long, that it goes on is said for it."""
    heard: queue.SimpleQueue[str] = queue.SimpleQueue()
    assert process.stdout is not None
    threading.Thread(target=_listen, args=(process.stdout, heard), name="listener", daemon=True).start()
    begun = time.monotonic()
    while True:
        try:
            line = heard.get(timeout=SECONDS_OF_SILENCE)
        except queue.Empty:
            say(f"{time.monotonic() - begun:.0f} seconds")
            continue
        if not line:
            return
        yield line


def _listen(stream: IO[str], heard: queue.SimpleQueue[str]) -> None:
    for line in stream:
        heard.put(line)
    heard.put("")
