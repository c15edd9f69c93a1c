"""A disk that fills up under a server: requests are told to come later, and then take effect once; nothing is half done."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from yuefu.runtime import cluster

SMALL = {"shared_buffers": "16MB", "max_wal_size": "64MB", "min_wal_size": "32MB"}


@pytest.fixture
def small_disk() -> Iterator[Path]:
    home = Path(f"/tmp/yuefu-filling-{os.getpid()}")
    home.mkdir()
    options = ["-t", "tmpfs", "-o", "size=260m,mode=711", "tmpfs", str(home)]
    if os.geteuid() != 0 or subprocess.run(["mount", *options], capture_output=True).returncode != 0:
        home.rmdir()
        pytest.skip("needs to mount a small file system")
    yield home
    while (running := cluster.attach(home)) is not None:
        running.kill()
    subprocess.run(["umount", "-l", str(home)], check=True)
    home.rmdir()


def test_on_a_full_disk_requests_are_told_to_come_later_and_then_take_effect_once(small_disk: Path, tmp_path: Path):
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("DATABASE_", "PROMETHEUS_"))}
    environment |= {"YUEFU_HOME": str(tmp_path), "YUEFU_KEYS_FILE": str(tmp_path / "keys.json")}
    played = subprocess.run(
        [sys.executable, "-m", "tests.proofs.test_full_disk_under_load", str(small_disk), str(tmp_path)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert played.returncode == 0, played.stderr[-3_000:]
    assert played.stdout.splitlines()[-1] == "later: True; open: 0; lost: 0; doubled: 0; wrong: []; failed: {}", played.stdout


def play(home: Path, directory: Path) -> str:
    """In a process of its own, for it sets Django up for another database: buys, fills the disk, makes room, sends again, reckons up."""
    import secrets

    from tests import homes
    from yuefu.proofs import crash_world, reckoning
    from yuefu.proofs.installation import Installation
    from yuefu.proofs.shoppers import Shopper
    from yuefu.runtime import cluster_home

    cluster_home.FREE_BYTES_TO_CREATE = 0  # type: ignore[misc]
    homes.furnish(home)
    it = Installation(home=home, directory=directory, dice=random.Random(1), say=lambda _: None, workers=1, settings=SMALL)
    try:
        os.environ.update({"DATABASE_URL": it.owner_url, "DJANGO_SETTINGS_MODULE": "yuefu.config.settings"})
        made = crash_world.prepare(it.owner_url, random_bytes=secrets.token_bytes)
        it.start_server()
        shoppers = [Shopper(f"d{n}", directory, port=it.port, shops=made.shops, seed=1) for n in range(3)]
        over = threading.Event()
        threads = [threading.Thread(target=one.play, args=(over,)) for one in shoppers]
        for thread in threads:
            thread.start()
        time.sleep(1.0)
        fill(home / "filler")
        until = time.monotonic() + 60
        while not any(one.statuses[503] for one in shoppers) and time.monotonic() < until:
            time.sleep(0.1)
        time.sleep(0.5)
        over.set()
        for thread in threads:
            thread.join()
        later = any(one.statuses[503] for one in shoppers)
        (home / "filler").unlink()
        it.start_database()  # where it could not even write its log, it has ended
        crash_world.forget_connections()
        for one in shoppers:
            one.settle()
        found = reckoning.reckon(made.book, [one.path for one in shoppers])
        statuses = [(status, count) for one in shoppers for status, count in one.statuses.items()]
        failed = {status: count for status, count in statuses if status >= 500 and status != 503}
        waiting = sum(len(one.open) for one in shoppers)
        return f"later: {later}; open: {waiting}; lost: {found.lost}; doubled: {found.doubled}; wrong: {found.wrong}; failed: {failed}"
    finally:
        it.end()


def fill(path: Path) -> None:
    """Takes all the room there is, to the last byte."""
    with path.open("wb", buffering=0) as file:
        for size in (1 << 20, 4096, 1):
            try:
                while True:
                    file.write(b"\0" * size)
            except OSError:
                continue


if __name__ == "__main__":
    print(play(Path(sys.argv[1]), Path(sys.argv[2])))
