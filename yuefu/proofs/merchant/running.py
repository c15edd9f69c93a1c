"""Starts the director of the proof in a process of its own, and cleans up behind it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from yuefu.proofs.tests_at_length import CHECKOUT, NoCheckout
from yuefu.runtime import cluster

SEED: Final = 7
ORDERS: Final = 200
SMALL: Final = 20
"""With fewer orders all are sold on one day, and nobody waits for an answer that comes too late."""
CLIENT: Final = CHECKOUT / "clients" / "python"


class Broken(Exception):
    """The proof itself could not be carried out."""


def run(
    *, orders: int = ORDERS, seed: int = SEED, say: Callable[[str], None], furnish: Callable[[Path], None] | None = None
) -> dict[str, Any]:
    """A merchant with so many orders, in an installation that is gone afterwards. `furnish` puts a cluster into its home, where one is ready.

    Returns {"orders", "actions", "events", "delivered", "failed_tries", "duplicates", "receiver_deaths", "differing", …, "ok"}: `differing` names
    what stands in one of the books otherwise than in another. Raises NoCheckout, Broken.
    """
    if not (CLIENT / "yuefu_client").exists():
        raise NoCheckout(CLIENT)
    # The home stands by itself: for root, the server runs as another user, who cannot enter our own directory.
    with TemporaryDirectory(prefix="yuefu-prove-") as directory, TemporaryDirectory(prefix="yuefu-", ignore_cleanup_errors=True) as home:
        given = {name: value for name, value in os.environ.items() if not name.startswith(("DATABASE_", "PROMETHEUS_"))}
        paths = os.pathsep.join([str(CLIENT), *filter(None, [os.environ.get("PYTHONPATH")])])
        own = {"YUEFU_HOME": directory, "YUEFU_KEYS_FILE": f"{directory}/keys.json", "YUEFU_WEBHOOK_NETWORKS": "127.0.0.1/32"}
        if furnish is not None:
            furnish(Path(home))
        command = [sys.executable, "-m", "yuefu.proofs.merchant.director", directory, home, str(orders), str(seed)]
        try:
            return _carried_out(command, {**given, **own, "PYTHONPATH": paths}, Path(directory), say)
        finally:
            while (left := cluster.attach(Path(home))) is not None:
                left.kill()


def _carried_out(command: list[str], environment: dict[str, str], directory: Path, say: Callable[[str], None]) -> dict[str, Any]:
    found: dict[str, Any] | None = None
    with (directory / "director.log").open("wb") as log:
        director = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, env=environment)
        try:
            assert director.stdout is not None
            for line in director.stdout:
                told = json.loads(line)
                if "say" in told:
                    say(told["say"])
                else:
                    found = told
        finally:
            director.communicate()  # closes its input, at which it ends
    if found is None:
        raise Broken((directory / "director.log").read_text("utf-8", errors="replace")[-4_000:])
    return found
