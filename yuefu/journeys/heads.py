"""The heads of the seal chains, a line each in a file outside the database that is only ever appended to.

A kill or a power cut may leave the last line cut off. Nobody was told of it, so it says nothing, and the next head begins a line of its own.
Any other line that is no head was not written here: somebody changed the file.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final

HEADS_BROKEN: Final = "heads_broken"
_BEGINNING: Final = b'{"book": "'


class HeadsBroken(Exception):
    """A line of the file is neither a head nor the beginning of one, or contradicts one before it."""

    def __init__(self, path: Path, line_no: int, why: str = "is no head of a seal chain, and it was not cut off in the writing") -> None:
        self.code = HEADS_BROKEN
        self.detail = (
            f"Line {line_no} of {path} {why}: somebody changed the file, or the database was put back to an earlier state."
            " Put it back from a copy, or move it away: then only what is sealed from now on can be compared with heads kept outside."
        )
        super().__init__(self.detail)


@dataclass(frozen=True, slots=True)
class Kept:
    """The heads of a book by the numbers of their links. `cut_off`: the lines, of whichever book, that were cut off in the writing."""

    by_number: Mapping[int, bytes]
    cut_off: tuple[int, ...]


def append(path: Path, *, book: str, number: int, head: bytes, at: str) -> None:
    """Adds a head, which is on the disk when this returns. `at` is the moment as a text."""
    line = json.dumps({"book": book, "number": number, "head": head.hex(), "at": at})
    fresh = not path.exists()
    with path.open("a+b") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.write((b"" if _ends_a_line(file) else b"\n") + line.encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())
    if fresh:
        _keep_name(path)


def read(path: Path, *, book: str) -> Kept:
    """The heads that were kept of a book. Raises HeadsBroken."""
    heads, cut_off = _all(path)
    kept: dict[int, bytes] = {}
    for line_no, told in heads:
        # The first that was kept counts: else a line more would be enough to hide a chain that was written anew.
        if told["book"] == book and kept.setdefault(told["number"], bytes.fromhex(told["head"])) != bytes.fromhex(told["head"]):
            raise HeadsBroken(path, line_no, f"tells another head of link {told['number']} than a line before it")
    return Kept(kept, cut_off)


def without(path: Path, *, books: Iterable[str]) -> str:
    """What is left of the file without the heads of these books, and without what was cut off. Raises HeadsBroken."""
    gone = set(books)
    heads, _ = _all(path)
    return "".join(f"{json.dumps(told)}\n" for _, told in heads if told["book"] not in gone)


def _all(path: Path) -> tuple[list[tuple[int, dict[str, Any]]], tuple[int, ...]]:
    """Every head with the number of its line, and the numbers of the lines that were cut off."""
    heads: list[tuple[int, dict[str, Any]]] = []
    cut_off: list[int] = []
    for line_no, written in enumerate(_content(path).split(b"\n"), start=1):
        line = written.strip(b"\0\r ")  # after a power cut a file may have a length for which its bytes never came
        if (told := _head(line)) is not None:
            heads.append((line_no, told))
        elif _is_beginning(line):
            cut_off.append(line_no)
        elif line:
            raise HeadsBroken(path, line_no)
    return heads, tuple(cut_off)


def _content(path: Path) -> bytes:
    """All of the file, at a moment at which nobody writes to it."""
    try:
        with path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH)
            return file.read()
    except FileNotFoundError:
        return b""


def _head(line: bytes) -> dict[str, Any] | None:
    try:
        told = json.loads(line)
        bytes.fromhex(told["head"])
        return told if isinstance(told["book"], str) and type(told["number"]) is int else None
    except (ValueError, TypeError, KeyError, RecursionError):
        return None


def _is_beginning(line: bytes) -> bool:
    """Whether the rest of a head is all that lacks."""
    return bool(line) and line[: len(_BEGINNING)] == _BEGINNING[: len(line)] and b"}" not in line


def _ends_a_line(file: BinaryIO) -> bool:
    end = file.seek(0, os.SEEK_END)
    if not end:
        return True
    file.seek(end - 1)
    return file.read(1) == b"\n"


def _keep_name(path: Path) -> None:
    """A new file is there after a power cut only if its directory is on the disk too."""
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
