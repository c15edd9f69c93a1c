"""Corrections: an entry is never changed, another one takes it back. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from typing import Literal
from uuid import UUID

from yuefu.ledger.rules.posting import Entry, Line

# Refusals, in order of precedence; those of posting follow.
UNKNOWN_ENTRY = "unknown_entry"  # this book has no such entry
ALREADY_REVERSED = "already_reversed"  # an entry is taken back once; what took it back may be taken back itself

KIND = "reversal"


@dataclass(frozen=True, slots=True)
class Reversal:
    """Takes back an entry whole: as of the day it is posted to (`now`), or as of the day on which the original was true (`original`)."""

    key: str
    entry_id: UUID
    effective: Literal["now", "original"] = "now"


@dataclass(frozen=True, slots=True)
class Written:
    """An entry as it was written."""

    entry_id: UUID
    kind: str
    posted_on: date
    effective_on: date
    lines: tuple[Line, ...]


def mirrored(original: Written, asked: Reversal) -> Entry:
    """The entry that takes another one back: its lines the other way round, the last one first, so that money goes back the way it came.

    What was taken from a hold is not put back into it.
    """
    lines = tuple(replace(line, amount=-line.amount) for line in reversed(original.lines))
    return Entry(asked.key, KIND, lines, effective_on=original.effective_on if asked.effective == "original" else None)
