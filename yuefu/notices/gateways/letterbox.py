"""A letterbox in the place of the world: what people of a sandbox book would get, one file a message, to be looked at.

Only its owner may read it, and nothing but invented people belongs in it. A reference that is there is not written again, so it can be
asked what was taken. What an address does is chosen by it, stable for ever; any other takes all:

e-mail to refused@…, text to a number that ends in 9990001     never taken
e-mail to later@…, text to a number that ends in 9990002       not taken now
e-mail to silent@…, text to a number that ends in 9990003      taken, but no answer comes; asked, it says so
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from yuefu.notices.rules.outgoing import Outcome, Outgoing, Told

_RULES: Final[Mapping[str, Outcome]] = {
    "refused@": "refused", "later@": "later", "silent@": "unknown", "9990001": "refused", "9990002": "later", "9990003": "unknown",
}  # fmt: skip
_REFERENCE = re.compile(r"[a-z]{1,5}_[0-9a-z]{26}")


@dataclass(frozen=True, slots=True)
class Kept:
    """A message as somebody would have got it."""

    reference: str
    channel: str
    at: str
    to: str = field(repr=False)
    name: str = field(repr=False)
    subject: str
    text: str


class Letterbox:
    """The directory of one book: a Mailer and a Texter."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def mail(self, *, messages: Sequence[Outgoing], now: datetime) -> list[Told]:
        """Takes messages, or does what their address asks for; one word each."""
        return [self._take(one, now) for one in messages]

    def text(self, *, messages: Sequence[Outgoing], now: datetime) -> list[Told]:
        """As `mail`."""
        return [self._take(one, now) for one in messages]

    def ask(self, *, references: Sequence[str], now: datetime) -> Mapping[str, Told] | None:
        """What became of references."""
        del now
        return {one: Told(one, "accepted" if self._file(one).exists() else "unheard") for one in references}

    def kept(self, *, limit: int) -> list[Kept]:
        """The newest messages first; what lies there and is none is passed over."""
        names = sorted((file.name for file in self._directory.glob("*.json")), reverse=True) if self._directory.is_dir() else []
        found: list[Kept] = []
        for name in names:
            if len(found) == limit:
                break
            with suppress(OSError, ValueError, KeyError, TypeError):
                stored: dict[str, Any] = json.loads((self._directory / name).read_text(encoding="utf-8"))
                found.append(Kept(**stored))
        return found

    def _take(self, one: Outgoing, now: datetime) -> Told:
        outcome = _rule(one)
        if outcome in {"refused", "later"}:
            return Told(one.reference, outcome, f"sandbox_{outcome}")
        try:
            self._write(one, now)
        except OSError:  # a full disk, a directory that is not ours: nothing was taken
            return Told(one.reference, "later", "not_written")
        return Told(one.reference, outcome or "accepted", "" if outcome is None else "sandbox_silent")

    def _write(self, one: Outgoing, now: datetime) -> None:
        """A file that is there whole or not at all, and only once."""
        target = self._file(one.reference)
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        beside = self._directory / f".{one.reference}.{os.getpid()}.part"
        kept = {"reference": one.reference, "channel": one.channel, "at": now.isoformat(), "to": one.to, "name": one.name}
        try:
            with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
                json.dump(kept | {"subject": one.subject, "text": one.text}, file, ensure_ascii=False)
            with suppress(FileExistsError):
                os.link(beside, target)
        finally:
            beside.unlink(missing_ok=True)

    def _file(self, reference: str) -> Path:
        if not _REFERENCE.fullmatch(reference):
            raise ValueError(f"{reference!r:.60} is no reference")
        return self._directory / f"{reference}.json"


def _rule(one: Outgoing) -> Outcome | None:
    mark = f"{one.to.partition('@')[0]}@" if one.channel == "email" else one.to[-7:]
    return _RULES.get(mark)
