"""An installation to be broken: a PostgreSQL of its own, and the processes that use it, each behind a wire that can be cut."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import psutil
import psycopg

from yuefu.proofs.proxy import Proxy, Wire
from yuefu.runtime import cluster, provision

Say = Callable[[str], None]

HOST: Final = "127.0.0.1"
SERVER, WORKER, PAYER = "server", "worker", "payer"
SECONDS_TO_START: Final = 60.0
SECONDS_TO_STOP: Final = 30.0
_DERIVED: Final = ("DATABASE_WRITER_URL", "DATABASE_READER_URL", "DATABASE_STAFF_URL")
_ENDS_WITH_STDIN: Final = "YUEFU_ENDS_WITH_STDIN"
_NO_SETTINGS: Final[Mapping[str, str]] = MappingProxyType({})


class Installation:
    """`home` belongs to the database's user, `directory` to us. Everything in it is killed at the end."""

    def __init__(
        self, *, home: Path, directory: Path, dice: random.Random, say: Say, workers: int = 2, settings: Mapping[str, str] = _NO_SETTINGS
    ) -> None:
        self.port = _free_port()
        self._home, self._directory, self._say, self._workers, self._settings = home, directory, say, workers, settings
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._database = cluster.start(home, say=say, settings=settings)
        self.owner_url = provision.prepare_cluster(self._database.address)
        self.proxy = Proxy(self._socket(), dice)
        self._ports = {party: self.proxy.listen(party) for party in (SERVER, WORKER, PAYER)}

    # ---------------------------------------------------------------------------------------------------------------------- database

    def _socket(self) -> str:
        return f"{self._database.address.host}/.s.PGSQL.{self._database.address.port}"

    def superuser(self) -> psycopg.Connection[tuple[Any, ...]]:
        """A connection that sees what all others do, past the proxy."""
        address = self._database.address
        dsn = address.dsn(user=address.superuser, password=address.password, database=provision.DATABASE)
        return psycopg.connect(dsn, autocommit=True)

    def kill_database(self) -> None:
        """As a power cut would: nothing is written any more."""
        self._database.kill()

    def start_database(self) -> None:
        """Starts it where it is down; it then recovers what it acknowledged."""
        if not self._database.alive():
            self._database = cluster.start(self._home, say=self._say, settings=self._settings)
            self.proxy.socket = self._socket()

    def terminate_backends(self) -> int:
        """Ends the connections of the server at the database, as an operator would."""
        with self.superuser() as connection:
            found = connection.execute(
                "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE usename = 'yuefu_writer' AND pid <> pg_backend_pid()"
            ).fetchone()
        return int(found[0]) if found else 0

    # --------------------------------------------------------------------------------------------------------------------- processes

    def environment(self, party: str) -> dict[str, str]:
        """Where a party finds the database: at the end of its wire."""
        who = self.owner_url.split("://", 1)[1].split("@", 1)[0]
        url = f"postgresql://{who}@{HOST}:{self._ports[party]}/{provision.DATABASE}?sslmode=disable&gssencmode=disable"
        blank = dict.fromkeys(_DERIVED, "")
        return {**os.environ, **blank, "DATABASE_URL": url, "YUEFU_LOG": os.environ.get("YUEFU_LOG", "ERROR"), _ENDS_WITH_STDIN: "1"}

    def start_server(self) -> None:
        """The server with its pages and API, until it answers."""
        self._start(SERVER, ["yuefu.cli.main", "serve", "--port", str(self.port), "--workers", str(self._workers)])
        until = time.monotonic() + SECONDS_TO_START
        while not self._answers():
            assert self.runs(SERVER), self.log_of(SERVER)
            assert time.monotonic() < until, f"the server does not answer: {self.log_of(SERVER)}"
            time.sleep(0.05)

    def start_worker(self) -> None:
        self._start(WORKER, ["yuefu.cli.main", "worker"])

    def start_payer(self) -> None:
        self._start(PAYER, ["yuefu.proofs.payer"])

    def ask_payer(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """One repayment. Raises OSError where the payer is gone before it answered."""
        process = self._processes[PAYER]
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps(asked).encode() + b"\n")
        process.stdin.flush()
        line = process.stdout.readline()
        if not line.endswith(b"\n"):
            raise ConnectionResetError("the payer is gone")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _start(self, party: str, arguments: Sequence[str]) -> None:
        with (self._directory / f"{party}.log").open("ab") as log:
            self._processes[party] = subprocess.Popen(
                [sys.executable, "-m", *arguments],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE if party == PAYER else log,
                stderr=log,
                env=self.environment(party),
                start_new_session=True,
            )

    def _answers(self) -> bool:
        connection = http.client.HTTPConnection(HOST, self.port, timeout=5)
        try:
            connection.request("GET", "/v1/openapi.json")
            return connection.getresponse().status == 200
        except OSError:
            return False
        finally:
            connection.close()

    def runs(self, party: str) -> bool:
        return party in self._processes and self._processes[party].poll() is None

    def ended(self) -> list[str]:
        """The parties that do not run, with what they said last."""
        return [f"the {party} has ended: {self.log_of(party)}" for party in self._processes if not self.runs(party)]

    def kill(self, party: str) -> None:
        """SIGKILL for a party with all its processes."""
        process = self._processes.get(party)
        if process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()

    def kill_behind(self, wire: Wire) -> None:
        """SIGKILL for the one process at the end of a wire; the others of its party live on."""
        for process in self._family(wire.party):
            with contextlib.suppress(psutil.Error):
                if any(one.laddr.port == wire.client_port for one in process.net_connections(kind="tcp4")):
                    process.kill()
                    return

    def kill_one(self, party: str, dice: random.Random) -> None:
        """SIGKILL for one child of a party."""
        children = self._family(party)[1:]
        if children:
            with contextlib.suppress(psutil.Error):
                dice.choice(children).kill()

    def stop(self, party: str) -> None:
        """Tells a party to end in good order; what it has taken in it finishes."""
        process = self._processes[party]
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(SECONDS_TO_STOP)
        finally:
            self.kill(party)

    def _family(self, party: str) -> list[psutil.Process]:
        try:
            head = psutil.Process(self._processes[party].pid)
            return [head, *head.children(recursive=True)]
        except psutil.Error:
            return []

    def log_of(self, party: str) -> str:
        return (self._directory / f"{party}.log").read_text("utf-8", errors="replace")[-2_000:]

    def end(self) -> None:
        for party in tuple(self._processes):
            self.kill(party)
        self.proxy.stop()
        if self._database.alive():
            self._database.stop(fast=False)


class Watch:
    """Calls an end when nothing reads our output any more: whoever started us is gone."""

    def __init__(self) -> None:
        threading.Thread(target=self._wait, name="parent", daemon=True).start()

    def _wait(self) -> None:
        with contextlib.suppress(OSError):
            while os.read(0, 1024):
                pass
        os.kill(os.getpid(), signal.SIGINT)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port
