"""Heads of the seal chains outlive a kill in the middle of a line; a file that somebody changed is told apart from that."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from django.conf import settings

from yuefu.journeys import heads, jobs
from yuefu.journeys.heads import HeadsBroken
from yuefu.ledger import queries as ledger
from yuefu.ledger.queries.entries import entries_posted as posted

AT = "2026-10-01T10:00:00+08:00"


def append(path: Path, number: int, book: str = "a") -> None:
    heads.append(path, book=book, number=number, head=bytes([number]), at=AT)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "seals.jsonl"
    for number in (1, 2, 3):
        append(path, number)
        append(path, 10 * number, "b")
    return path


def test_where_nothing_was_kept_there_are_no_heads(tmp_path: Path) -> None:
    assert heads.read(tmp_path / "seals.jsonl", book="a") == heads.Kept({}, ())


def test_wherever_a_line_was_cut_off_the_others_stand_and_the_next_begins_a_line_of_its_own(file: Path, tmp_path: Path) -> None:
    whole = file.read_bytes()
    last = len(whole.splitlines(keepends=True)[-1])
    for length in range(1, last - 1):
        path = tmp_path / f"{length}.jsonl"
        path.write_bytes(whole[: len(whole) - last + length])
        before = heads.read(path, book="b")
        assert (before.by_number, before.cut_off) == ({10: b"\x0a", 20: b"\x14"}, (6,) if length < last - 1 else ())
        append(path, 4)
        after = heads.read(path, book="a")
        assert (after.by_number, after.cut_off) == ({n: bytes([n]) for n in (1, 2, 3, 4)}, (6,))
        assert heads.without(path, books=["b"]).count("\n") == 4


def test_a_line_that_lacks_only_its_end_is_whole(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-1])
    assert heads.read(file, book="b") == heads.Kept({10: b"\x0a", 20: b"\x14", 30: b"\x1e"}, ())
    append(file, 40, "b")
    assert heads.read(file, book="b") == heads.Kept({10: b"\x0a", 20: b"\x14", 30: b"\x1e", 40: b"\x28"}, ())


def test_bytes_that_never_came_say_nothing(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-40] + bytes(40))
    assert heads.read(file, book="b").cut_off == (6,)
    append(file, 40, "b")
    file.write_bytes(file.read_bytes() + bytes(100))
    append(file, 50, "b")
    assert (set(heads.read(file, book="b").by_number), heads.read(file, book="b").cut_off) == ({10, 20, 40, 50}, (6,))


@pytest.mark.parametrize(
    "changed",
    [
        b"nonsense",
        b"{}",
        b"[]",
        b'{"book": "a", "number": "1", "head": "01"}',
        b'{"book": "a", "number": 1, "head": "no digest"}',
        b'{"book": "a", "numb {"book": "b", "number": 1, "head": "01"}',
        b"\xff\xfe",
        b"[" * 100_000,
    ],
)
@pytest.mark.parametrize("line_no", [2, 6])
def test_a_file_that_somebody_changed_is_named_by_its_line_and_what_to_do(file: Path, changed: bytes, line_no: int) -> None:
    lines = file.read_bytes().splitlines()
    lines[line_no - 1] = changed
    file.write_bytes(b"\n".join(lines) + b"\n")
    with pytest.raises(HeadsBroken, match=rf"Line {line_no} of .*seals\.jsonl .* Put it back from a copy"):
        heads.read(file, book="a")
    with pytest.raises(HeadsBroken):
        heads.without(file, books=["a"])


def test_the_first_head_of_a_link_counts_and_another_one_after_it_is_told(file: Path) -> None:
    append(file, 2)  # the same once more: a round that was killed keeps it again
    assert heads.read(file, book="a").by_number[2] == b"\x02"
    heads.append(file, book="a", number=2, head=b"forged", at=AT)
    with pytest.raises(HeadsBroken, match=r"Line 8 of .* another head of link 2 than a line before it"):
        heads.read(file, book="a")
    assert heads.read(file, book="b").by_number == {10: b"\x0a", 20: b"\x14", 30: b"\x1e"}


def test_a_head_is_on_the_disk_before_anybody_is_told(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    flushed = []
    monkeypatch.setattr(os, "fsync", lambda fd: flushed.append(os.fstat(fd).st_size))
    append(file, 4)
    assert flushed == [file.stat().st_size]
    append(file.with_name("another"), 1)
    assert len(flushed) == 3, "the file, and the directory in which it is new"


def test_a_head_that_a_kill_kept_from_the_file_is_kept_by_the_next_round(shop, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(settings, "YUEFU_HOME", tmp_path)
    shop.bought("600.00")
    book, now = shop.desk.book, shop.now(21)
    number, end = posted(book.id), time.monotonic() + 30
    while jobs.seal(shop.desk, now) < number:  # other tests share the server, and hold its oldest transaction back
        assert time.monotonic() < end
        time.sleep(0.02)
    path = tmp_path / "seals.jsonl"
    path.write_bytes(path.read_bytes()[:50])
    assert (jobs.heads(book).by_number, jobs.heads(book).cut_off) == ({}, (1,))
    assert jobs.seal(shop.desk, now) == number
    assert set(jobs.heads(book).by_number) == {number}
    kept = path.read_bytes()
    assert jobs.seal(shop.desk, now) == number
    assert path.read_bytes() == kept, "what is kept is not kept twice"
    assert ledger.verify(book.id, anchors=jobs.heads(book).by_number).intact
