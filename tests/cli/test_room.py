"""Room for a world is asked for before it is played."""

from __future__ import annotations

import io
import shutil
from itertools import pairwise
from pathlib import Path

import pytest

from yuefu.cli import demo, room
from yuefu.cli.faults import CommandError
from yuefu.cli.kept import Asked
from yuefu.cli.output import Run, running


@pytest.fixture
def free(monkeypatch: pytest.MonkeyPatch) -> object:
    """`free(350)`: every disk has that many MB left."""
    usage = shutil.disk_usage("/")
    return lambda megabytes: monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=megabytes * room.MB))


def test_more_days_never_take_less_and_each_measured_world_fits_with_a_reserve() -> None:
    needs = [room.needed_mb(days) for days in range(1, 547)]
    assert all(fewer <= more for fewer, more in pairwise(needs))
    assert all(room.needed_mb(days) >= 1.09 * measured for days, measured in room.MEASURED_MB if days)
    assert needs[0] == room.LEAST_MB


@pytest.mark.parametrize("megabytes", [50, 150, 300, 350, 400, 450, 600, 800])
def test_a_disk_too_small_for_the_days_is_one_sentence(megabytes: int, free, tmp_path: Path) -> None:
    free(megabytes)
    with pytest.raises(CommandError) as told:
        room.to_play(45, home=tmp_path / "not" / "there" / "yet")
    fault = told.value.fault
    assert (fault.code, fault.status) == ("disk_full", 1)
    assert f"{megabytes} MB" in fault.detail
    assert "YUEFU_HOME" in fault.detail
    assert ("--days" in fault.detail) == (megabytes >= room.LEAST_MB)


def test_the_days_that_are_offered_instead_have_room(free, tmp_path: Path) -> None:
    free(450)
    with pytest.raises(CommandError, match=r"--days 24 has room"):
        room.to_play(45, home=tmp_path)
    room.to_play(24, home=tmp_path)


def test_what_an_unfinished_world_holds_counts_as_room(free, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "file").write_bytes(b"x" * 3 * room.MB)
    needed = room.needed_mb(45)
    free(needed - 2)
    room.to_play(45, home=tmp_path)
    free(needed - 5)
    with pytest.raises(CommandError):
        room.to_play(45, home=tmp_path)


def test_a_world_that_is_thrown_away_names_the_directory_of_temporary_files(free) -> None:
    free(400)
    with pytest.raises(CommandError, match="TMPDIR"):
        room.to_throw_away(45)


def test_a_kept_world_is_shown_where_there_would_be_no_room_to_play_it(free, tmp_path: Path) -> None:
    free(100)
    room.to_open(tmp_path)
    free(10)
    with pytest.raises(CommandError, match="10 MB free"):
        room.to_open(tmp_path)


def test_a_kept_world_is_not_removed_where_a_new_one_has_no_room(free, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DATABASE_URL")
    (tmp_path / "demo").mkdir()
    for name in ("world.json", "logins.json"):
        (tmp_path / "demo" / name).write_text("{}")
    free(100)
    asked = Asked(None, None, None, 0.0, None)
    with running(Run(as_json=False, stdout=io.StringIO(), request_id="r", home=tmp_path)):
        demo._ask_for_room(asked, fresh=False)
        with pytest.raises(CommandError, match="A world of 45 days"):
            demo._ask_for_room(asked, fresh=True)
