"""Homes whose database is made and migrated: to copy one takes a moment, what initdb and all migrations do takes seconds."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from yuefu.runtime import cluster

READY = "YUEFU_TEST_READY"


def keep(running: cluster.Running) -> None:
    """Keeps the cluster as it is now, beside its data, for all processes of the tests; it goes with it."""
    ready, address = running.home / "ready", running.address
    dsn = address.dsn(user=address.superuser, password=address.password, database="postgres")
    program = str(cluster.binaries() / "pg_basebackup")
    ready.mkdir()
    subprocess.run(
        [program, f"--dbname={dsn}", f"--pgdata={ready / 'data'}", "--wal-method=fetch", "--checkpoint=fast", "--no-sync"], check=True
    )
    owner = (running.home / "data").stat()  # for root the server runs as another user
    for path in (ready / "data", *(ready / "data").rglob("*")):
        os.chown(path, owner.st_uid, owner.st_gid)
    subprocess.run(["cp", "-p", str(running.home / "superuser.password"), str(ready)], check=True)
    os.environ[READY] = str(ready)


def furnish(home: Path) -> None:
    """Puts a cluster that is ready into an empty home; none where the tests use a server that was given."""
    if READY in os.environ:
        subprocess.run(["cp", "-a", f"{os.environ[READY]}/.", str(home)], check=True)
