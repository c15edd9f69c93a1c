"""What the database that is brought along gets of the memory, and its log of the disk."""

from __future__ import annotations

import psutil
import pytest

from yuefu.runtime import disk, memory


@pytest.mark.parametrize(("gigabytes", "megabytes"), [(0.25, 128), (1, 128), (2, 256), (4, 512), (8, 1024), (64, 1024)])
def test_the_database_gets_an_eighth_between_its_own_least_and_a_gigabyte(gigabytes, megabytes):
    assert memory.shared_buffers_mb(int(gigabytes * 2**30)) == megabytes


@pytest.mark.parametrize("written", ["max\n", "", "nonsense"])
def test_a_container_without_a_limit_has_what_the_machine_has(tmp_path, written):
    (tmp_path / "limit").write_text(written)
    assert memory.there_is(container=tmp_path / "limit") == memory.there_is(container=tmp_path / "none") == psutil.virtual_memory().total


def test_a_container_with_a_limit_has_no_more(tmp_path):
    (tmp_path / "limit").write_text(f"{64 * 2**20}\n")
    assert memory.there_is(container=tmp_path / "limit") == 64 * 2**20


@pytest.mark.parametrize(("gigabytes", "megabytes"), [(0, 2048), (20, 2048), (36, 3072), (96, 8192), (4_000, 8192)])
def test_the_log_gets_a_twelfth_of_what_is_free_between_two_gigabytes_and_eight(gigabytes, megabytes):
    assert disk.max_wal_mb(gigabytes * 2**30) == megabytes


def test_a_disk_that_cannot_be_asked_has_nothing_free(tmp_path):
    assert disk.free_bytes(tmp_path / "none") == 0
    assert disk.free_bytes(tmp_path) > 0
