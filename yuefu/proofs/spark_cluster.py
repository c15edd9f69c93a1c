"""A standalone cluster of Apache Spark on this machine: one master and its workers, processes of their own, started and stopped here."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

SECONDS_TO_START: Final = 90
HOST: Final = "127.0.0.1"
MEMORY: Final = "1g"


class NoCluster(Exception):
    """The cluster did not come up."""

    def __init__(self, detail: str) -> None:
        self.code = "no_cluster"
        self.detail = detail
        super().__init__(detail)


@dataclass(frozen=True, slots=True)
class Cluster:
    """Its master URL, and where the master tells of itself."""

    address: str
    told_at: str

    def told(self) -> dict[str, Any]:
        """What the master says: workers, applications that run and that ended."""
        with urllib.request.urlopen(self.told_at, timeout=5) as answer:  # noqa: S310 - an address of this machine, made here
            said: dict[str, Any] = json.load(answer)
            return said


def lacking() -> str | None:
    """Why there can be no cluster here, and what to do about it."""
    if find_spec("pyspark") is None:
        return "Spark is not installed; `make install-spark` brings it"
    if shutil.which("java") is None and not os.environ.get("JAVA_HOME"):
        return "Spark needs a Java of 17 or newer, and there is none on the PATH: apt-get install openjdk-17-jre-headless"
    return None


@contextmanager
def running(directory: Path, *, workers: int) -> Iterator[Cluster]:
    """A master and so many workers of one processor each; logs and scratch go to `directory`. Raises NoCluster."""
    port, page = _free_ports(2)
    cluster = Cluster(f"spark://{HOST}:{port}", f"http://{HOST}:{page}/json/")
    started: list[subprocess.Popen[bytes]] = []
    try:
        master = ["master.Master", "--host", HOST, "--port", str(port), "--webui-port", str(page)]
        started.append(_start(directory / "master", master))
        for number in range(workers):
            at = directory / f"worker_{number}"
            words = ["worker.Worker", "--host", HOST, "--webui-port", "0", "--cores", "1", "--memory", MEMORY, "--work-dir", str(at)]
            started.append(_start(at, [*words, cluster.address]))
        _wait(cluster, started, workers)
        yield cluster
    finally:
        for process in reversed(started):
            _stop(process)


def _start(at: Path, words: Sequence[str]) -> subprocess.Popen[bytes]:
    """A part of the cluster; what it starts itself belongs to its session and ends with it."""
    found = find_spec("pyspark")
    assert found is not None
    assert found.origin is not None
    home = Path(found.origin).parent
    at.mkdir()
    here = {**os.environ, "SPARK_HOME": str(home), "SPARK_LOCAL_IP": HOST, "SPARK_DAEMON_MEMORY": "512m", "SPARK_NO_DAEMONIZE": "1"}
    with (at / "log").open("wb") as log:
        return subprocess.Popen(
            [str(home / "bin" / "spark-class"), f"org.apache.spark.deploy.{words[0]}", *words[1:]],
            env=here,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def _wait(cluster: Cluster, started: Sequence[subprocess.Popen[bytes]], workers: int) -> None:
    until = time.monotonic() + SECONDS_TO_START
    while time.monotonic() < until:
        if any(process.poll() is not None for process in started):
            raise NoCluster("A process of the cluster ended while it started: is this a Java of 17 or newer?")
        try:
            if cluster.told()["aliveworkers"] == workers:
                return
        except (urllib.error.URLError, ConnectionError, TimeoutError, ValueError):
            pass  # the master does not answer yet
        time.sleep(0.2)
    raise NoCluster(f"The cluster had not {workers} workers after {SECONDS_TO_START} seconds.")


def _stop(process: subprocess.Popen[bytes]) -> None:
    """Its whole session, executors included."""
    for sign in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, sign)
        except ProcessLookupError:
            break
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            continue
    process.wait()


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind((HOST, 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()
