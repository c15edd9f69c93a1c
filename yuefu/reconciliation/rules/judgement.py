"""The verdict of a day, and of several sources or days: what may be said at all, the worst that holds first. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from enum import StrEnum
from typing import Final


class Verdict(StrEnum):
    """What may be said of a day, the worst first; RECONCILED alone is green."""

    INCOMPLETE = "incomplete"
    BREAKS = "breaks"
    WARNINGS = "warnings"
    PENDING = "pending"
    RECONCILED = "reconciled"


_WORST_FIRST: Final = tuple(Verdict)


def verdict(*, missing: Collection[str] = (), breaks: int = 0, warnings: int = 0, pending: int = 0) -> Verdict:
    """The first that holds: something is `missing`, there are breaks, warnings, things that are pending, or nothing of all that."""
    held = (bool(missing), breaks > 0, warnings > 0, pending > 0, True)
    return next(one for one, holds in zip(_WORST_FIRST, held, strict=True) if holds)


def together(verdicts: Iterable[Verdict]) -> Verdict:
    """The verdict of several sources or days: the worst of theirs; of none at all, incomplete."""
    return min(verdicts, key=_WORST_FIRST.index, default=Verdict.INCOMPLETE)
