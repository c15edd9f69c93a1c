"""`yuefu worker` on a database that goes away and comes back."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from procrastinate.exceptions import AlreadyEnqueued

from yuefu.journeys import jobs
from yuefu.proofs.proxy import Proxy
from yuefu.runtime import sql

PARTY = "worker"


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    host = parse_qs(urlsplit(os.environ["DATABASE_URL"]).query).get("host", [""])[0]
    if not host.startswith("/"):
        pytest.skip("the server of DATABASE_URL has no socket here")
    port = parse_qs(urlsplit(os.environ["DATABASE_URL"]).query)["port"][0]
    made = Proxy(f"{unquote(host)}/.s.PGSQL.{port}", random.Random(1))
    yield made
    made.stop()


@pytest.fixture
def worker(proxy: Proxy, tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    parts = urlsplit(os.environ["DATABASE_URL"])
    url = f"postgresql://{parts.netloc}127.0.0.1:{proxy.listen(PARTY)}{parts.path}?sslmode=disable&gssencmode=disable"
    with (tmp_path / "worker.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "yuefu.cli.main", "worker"], env={**os.environ, "DATABASE_URL": url}, stdout=log, stderr=log
        )
    yield process
    if process.poll() is None:
        process.kill()
    process.wait(30)


def within(seconds: float, holds: Callable[[], bool]) -> bool:
    until = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > until:
            return False
        time.sleep(0.05)
    return True


def deferred() -> datetime:
    """Sees to it that a job is in the queue, ours or the one that the worker puts there each minute, and says when. What a job does takes as
    long as there are books, so it is its beginning that tells that the worker works.
    """
    now: datetime = sql.value("SELECT clock_timestamp()")
    with suppress(AlreadyEnqueued):
        jobs.expire_authorisations.defer(timestamp=0)
    return now


def begun_since(moment: datetime) -> bool:
    return bool(sql.value("SELECT count(*) FROM procrastinate_events WHERE type = 'started' AND at > %s", [moment]))


def test_a_worker_outlives_a_database_that_is_away_for_a_while_and_ends_when_told(worker: subprocess.Popen[bytes], proxy: Proxy) -> None:
    before = deferred()
    assert within(60, lambda: begun_since(before)), "the worker works"
    there, proxy.socket = proxy.socket, "/nowhere"
    assert proxy.cut(PARTY) > 0
    time.sleep(3)
    proxy.socket = there
    after = deferred()
    assert within(120, lambda: begun_since(after)), f"the worker works again (it ended with {worker.poll()})"
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(180) == 0  # when the job in hand is done
