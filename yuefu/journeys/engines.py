"""What matches large sides, as the settings of this installation say it."""

from __future__ import annotations

import os
from pathlib import Path

from django.conf import settings

from yuefu.reconciliation.rules.engines import FROM_ROWS, MEMORY_MB, Choice, Matching
from yuefu.runtime import memory


class BadSetting(Exception):
    """A setting that says nothing that can be done."""

    def __init__(self, detail: str) -> None:
        self.code = "bad_setting"
        self.detail = detail
        super().__init__(detail)


def chosen(aside: Path | None = None) -> Choice:
    """The engine of the settings, with as many threads as it may use processors and at most half of the memory. Raises BadSetting."""
    most = _number("YUEFU_MATCH_MEMORY_MB", "megabytes") or min(MEMORY_MB, memory.there_is() // 2**21)
    directory = str(aside) if aside else settings.YUEFU_MATCH_DIR or None
    return Choice(settings.YUEFU_MATCH_ENGINE, settings.YUEFU_MATCH_ADDRESS, most, len(os.sched_getaffinity(0)), directory)


def matching() -> Matching:
    """How days of a book are matched. Raises BadSetting."""
    from_rows = _number("YUEFU_MATCH_FROM_ROWS", "rows")
    return Matching(chosen(), FROM_ROWS if from_rows is None else from_rows)


def _number(name: str, of_what: str) -> int | None:
    given: str = getattr(settings, name)
    if not given:
        return None
    if not (given.isascii() and given.isdecimal()):
        raise BadSetting(f"{name} is a number of {of_what}, not {given!r:.40}.")
    return int(given)
