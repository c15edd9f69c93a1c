"""What people type, read exactly: amounts, days, ids. A text that is not what it should be is refused with the code of its fault."""

from __future__ import annotations

import contextlib
import errno
import re
import secrets
from collections.abc import Iterator
from datetime import date, datetime, timedelta, tzinfo
from pathlib import Path
from typing import BinaryIO, Final
from uuid import UUID

from yuefu import ids
from yuefu.cli.faults import DISK_FULL, fail
from yuefu.money.amounts import Money

AMOUNT_NOT_POSITIVE: Final = "amount_not_positive"
LARGEST_FILE: Final = 1 << 30

_REASON_CODE = re.compile(r"[a-z][a-z0-9_]{0,63}")
_DURATION = re.compile(r"([0-9]{1,5})([mhd])")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def amount(text: str, currency: str) -> Money:
    """A positive amount, exact to the minor unit. Nothing is trimmed, rounded or guessed."""
    found = Money.parse(text, currency)
    if found.minor <= 0:
        fail(AMOUNT_NOT_POSITIVE, f"An amount is above zero, not {text}.")
    return found


def amount_if_given(text: str | None, currency: str) -> Money | None:
    return None if text is None else amount(text, currency)


def day(text: str) -> date:
    """A day as YYYY-MM-DD."""
    try:
        if not _DAY.fullmatch(text):
            raise ValueError(text)
        return date.fromisoformat(text)
    except ValueError:
        fail("bad_date", f"{text!r:.60} is not a day of the calendar, written YYYY-MM-DD.")


def moment(text: str, zone: tzinfo) -> datetime:
    """A moment in ISO 8601, e.g. 2026-10-12T18:00; without an offset it is of the zone of the book."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        fail("bad_moment", f"{text!r:.60} is not a moment, written like 2026-10-12T18:00.")
    return found if found.tzinfo else found.replace(tzinfo=zone)


def duration(text: str) -> timedelta:
    """A time span in whole minutes, hours or days: 30m, 2h, 7d."""
    match = _DURATION.fullmatch(text)
    if not match or not int(match[1]):
        fail("bad_duration", f"{text!r:.60} is not a time span, written like 30m, 2h or 7d.")
    return timedelta(minutes=int(match[1]) * {"m": 1, "h": 60, "d": 1_440}[match[2]])


def month(text: str) -> date:
    """The first day of a month that is written YYYY-MM."""
    try:
        if not _DAY.fullmatch(f"{text}-01"):
            raise ValueError(text)
        return date.fromisoformat(f"{text}-01")
    except ValueError:
        fail("bad_month", f"A month is written YYYY-MM, not {text!r:.40}.")


def object_id(kind: str, text: str) -> UUID:
    """The inside form of an outside id; raises BadId."""
    return ids.parse(kind, text)


def key_or_new(text: str | None) -> str:
    """The key a request is known by: as given (repeating it repeats the first outcome), else a new one."""
    if text is None:
        return f"cli-{secrets.token_hex(12)}"
    if not 1 <= len(text) <= 200 or not text.isprintable() or text != text.strip():
        fail("key_invalid", "A key has 1 to 200 printable characters and no space around it.")
    return text


def reason(text: str) -> str:
    """Why, in words that a second person will read."""
    if not 1 <= len(text) <= 500 or not text.isprintable() or not text.strip():
        fail("reason_invalid", "A reason has 1 to 500 printable characters.")
    return text


def reason_code(text: str) -> str:
    """Why, as a code: a page has its text."""
    if not _REASON_CODE.fullmatch(text):
        fail("reason_invalid", "A reason is a code of a-z, 0-9 and _ that begins with a letter, e.g. fraud_suspected.")
    return text


@contextlib.contextmanager
def writing(path: Path) -> Iterator[BinaryIO]:
    """A file that is there whole or not at all: whoever reads it meanwhile sees the one before. What cannot be written is told by the name
    that was given.
    """
    with _named(path):
        if path.exists() and not path.is_file():  # a device of that name would be replaced by a file
            fail("not_a_file", f"{path} is {'a directory' if path.is_dir() else 'no regular file'}: give the name of a file.")
        target = path.resolve()
        beside = target.with_name(f".{secrets.token_hex(8)}.part")
        opened = beside.open("wb")
    try:
        with opened as file:
            yield file
        with _named(path):
            beside.replace(target)
    finally:
        beside.unlink(missing_ok=True)


@contextlib.contextmanager
def _named(path: Path) -> Iterator[None]:
    """Whatever the system says of a file beside it is said of this one, with what to do."""
    try:
        yield
    except RuntimeError:  # what Path.resolve says of a loop
        fail("file_error", f"{path} cannot be written, for it is a link that leads to itself: choose another place.")
    except OSError as error:
        if error.errno in DISK_FULL:
            raise OSError(error.errno, error.strerror, str(path)) from error
        way_out = {
            errno.ENOENT: f"there is no directory {path.parent}: make it, or choose another place",
            errno.ENOTDIR: f"{path.parent} is no directory: choose another place",
            errno.EACCES: f"you may not write in {path.parent}: choose another place",
            errno.EROFS: f"nothing can be written in {path.parent}: choose another place",
            errno.ENAMETOOLONG: "the name is too long: choose a shorter one",
        }.get(error.errno or 0, f"{error.strerror}: choose another place")
        fail("file_error", f"{path} cannot be written, for {way_out}.")


def regular_file(path: Path) -> Path:
    """The path of a file that is there."""
    if not path.exists():
        fail("no_such_file", f"There is no file {path}.")
    if not path.is_file():
        fail("not_a_file", f"{path} is not a file.")
    return path


def file_content(path: Path) -> bytes:
    """The bytes of a regular file."""
    if regular_file(path).stat().st_size > LARGEST_FILE:
        fail("too_large", f"{path} is larger than a gibibyte.")
    return path.read_bytes()
