"""What a channel tells by itself, over HTTP: read only where its signature holds.

A callback is a hint that is signed: what it says is booked as what the channel answers to a question is, and `poll` asks for whatever no
callback came for. So it may come twice, late, in another order or never.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol
from uuid import UUID

from yuefu.payments.rules import ChannelResult


class NotTrusted(Exception):
    """A message whose signature does not hold, that is too old, or that nobody can read; `code` says which."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code


@dataclass(frozen=True, slots=True)
class Said:
    """What a callback says: `number` is the channel's own name for it."""

    number: str
    book_id: UUID
    about: Literal["payment", "refund"]
    result: ChannelResult


class CallbackReader(Protocol):
    """Reads the callbacks of one channel."""

    def read(self, *, headers: Mapping[str, str], body: bytes, now: datetime | None) -> Said:
        """What a message says. Raises NotTrusted. `now` is None for one that was kept: its age was looked at when it came."""
        ...
