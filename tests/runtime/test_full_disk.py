"""A full disk is named as one, whatever the driver was told of it."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from django.db import OperationalError

from yuefu.runtime import cluster, full_disk
from yuefu.runtime.beside import Ended
from yuefu.runtime.databases import DatabaseError

STARTED = "2026-10-12 09:00:00 UTC [1] LOG:  starting PostgreSQL 18.6 on x86_64\n"
FULL = '2026-10-12 09:01:00 UTC [9] PANIC:  could not write to file "pg_wal/xlogtemp.9": No space left on device\n'
AFTER = "2026-10-12 09:01:00 UTC [1] LOG:  all server processes terminated; reinitializing\n"
SMALL = {"shared_buffers": "16MB", "max_wal_size": "64MB", "min_wal_size": "32MB"}


def _caused(error: Exception, cause: Exception) -> Exception:
    error.__cause__ = cause
    return error


LOST = [
    psycopg.OperationalError("server closed the connection unexpectedly"),
    psycopg.errors.CannotConnectNow("the database system is in recovery mode"),
    _caused(OperationalError("the connection is lost"), psycopg.OperationalError("the connection is lost")),
    _caused(DatabaseError("cannot connect to the database"), psycopg.OperationalError("No such file or directory")),
    psycopg.InterfaceError("the connection is closed"),
    Ended("beside night ended with status 1"),
]


@pytest.mark.parametrize("error", LOST, ids=lambda error: f"{type(error).__name__}: {error}")
def test_a_lost_connection_after_a_server_ran_out_of_disk_says_so(error: Exception, tmp_path: Path) -> None:
    (tmp_path / "server.log").write_text(STARTED + FULL + "STATEMENT:  INSERT …\n" * 2_000 + AFTER)
    with pytest.raises(cluster.ClusterError) as told, full_disk.named(tmp_path):
        raise error
    assert told.value.code == cluster.DISK_FULL
    assert str(tmp_path) in told.value.detail
    assert "YUEFU_HOME" in told.value.detail


@pytest.mark.parametrize("said", [STARTED + AFTER, STARTED + FULL + STARTED + AFTER, ""], ids=["never", "before the last start", "no log"])
def test_a_connection_lost_for_another_reason_is_told_as_it_was(said: str, tmp_path: Path) -> None:
    (tmp_path / "server.log").write_text(said)
    with pytest.raises(psycopg.OperationalError), full_disk.named(tmp_path):
        raise psycopg.OperationalError("server closed the connection unexpectedly")


def test_what_has_nothing_to_do_with_the_connection_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "server.log").write_text(STARTED + FULL)
    with pytest.raises(ZeroDivisionError), full_disk.named(tmp_path):
        raise ZeroDivisionError


@pytest.fixture
def small_disk() -> Iterator[Path]:
    """A disk of 130 MB that the server's user can reach."""
    home = Path(f"/tmp/yuefu-small-{os.getpid()}")
    home.mkdir()
    options = ["-t", "tmpfs", "-o", "size=130m,mode=711", "tmpfs", str(home)]
    if os.geteuid() != 0 or subprocess.run(["mount", *options], capture_output=True).returncode != 0:
        home.rmdir()
        pytest.skip("needs to mount a small file system")
    yield home
    while (running := cluster.attach(home)) is not None:
        running.kill()
    subprocess.run(["umount", "-l", str(home)], check=True)
    home.rmdir()


def test_a_real_server_that_runs_out_of_disk_is_told_so_and_stops_soon(small_disk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("yuefu.runtime.cluster_home.FREE_BYTES_TO_CREATE", 0)
    running = cluster.start(small_disk, say=lambda _: None, settings={**SMALL, "max_wal_size": "1GB"})
    with pytest.raises(cluster.ClusterError) as told, full_disk.named(small_disk):
        _fill(running)
    assert told.value.code == cluster.DISK_FULL
    began = time.monotonic()
    running.stop()
    assert time.monotonic() - began < 30


def _fill(running: cluster.Running) -> None:
    url = running.address.dsn(user=running.address.superuser, password=running.address.password, database="postgres")
    for _ in range(20):
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("CREATE TABLE IF NOT EXISTS filler (x text)")
            connection.execute("INSERT INTO filler SELECT repeat(md5(i::text), 50) FROM generate_series(1, 10000) i")
