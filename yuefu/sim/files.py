"""Faults of whole files: what does not come, comes twice, is cut off, is in another currency, or does not add up. The truth is kept apart.

Such a file is refused, or known again, and the sound one comes after it: on the same morning, or on the next where none came.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Final

from yuefu.sim.faults import Source, raised

MISSING, TWICE, CUT_OFF, OTHER_CURRENCY, BALANCE_BROKEN = "file_missing", "file_twice", "file_cut_off", "other_currency", "balance_broken"
OTHER_CONTENT: Final = "file_replaced"
KINDS: Final = (CUT_OFF, OTHER_CURRENCY, BALANCE_BROKEN, TWICE, OTHER_CONTENT, MISSING)
_OF: Final[Mapping[str, Source]] = {
    CUT_OFF: "channel_trade",
    OTHER_CURRENCY: "channel_trade",
    BALANCE_BROKEN: "channel_fund",
    TWICE: "channel_fund",
    OTHER_CONTENT: "bank",
    MISSING: "bank_client",
}
_NEEDED: Final = {MISSING: 0, TWICE: 0, BALANCE_BROKEN: 2}
"""How many lines a file has that is spoilt so."""
FOUND_AS: Final[Mapping[str, frozenset[str]]] = {
    CUT_OFF: frozenset({"summary_missing", "truncated", "row_width", "summary_mismatch"}),
    OTHER_CURRENCY: frozenset({"other_currency"}),
    BALANCE_BROKEN: frozenset({"balance_break"}),
    TWICE: frozenset({"again"}),
    OTHER_CONTENT: frozenset({"day_already_has_a_file"}),
    MISSING: frozenset({"incomplete"}),
}
"""What is said of each: the code of a refusal, `again` of a file that is known, `incomplete` of a day that lacks one."""


@dataclass(frozen=True, slots=True)
class FileFault:
    kind: str
    source: Source
    on: date


@dataclass(slots=True)
class Files:
    """Spoils a file every so many days, the kinds taking turns; 0 spoils none."""

    every: int
    injected: list[FileFault] = field(default_factory=list)
    found: list[FileFault] = field(default_factory=list)
    _day: int = 0
    _turns: list[str] = field(default_factory=lambda: list(KINDS))

    def fault(self, on: date, files: Mapping[str, bytes]) -> FileFault | None:
        """What becomes of the files of a day. A bill without lines has nothing to cut off or to alter."""
        self._day += 1
        if not self.every or self._day % self.every:
            return None
        kind = next(kind for kind in self._turns if _lines(files[_OF[kind]]) >= _NEEDED.get(kind, 1))
        self._turns.remove(kind)
        self._turns.append(kind)
        self.injected.append(FileFault(kind, _OF[kind], on))
        return self.injected[-1]

    def say(self, fault: FileFault, codes: Sequence[str]) -> None:
        """What was said of a spoilt file."""
        if FOUND_AS[fault.kind] & set(codes):
            self.found.append(fault)


def bad(fault: FileFault, data: bytes) -> bytes:
    """The file as it comes first."""
    if fault.kind == CUT_OFF:
        return data[: len(data) * 2 // 3]
    if fault.kind == OTHER_CURRENCY:
        return data.replace(b"`CNY,", b"`USD,")
    if fault.kind == BALANCE_BROKEN:
        head, row, *rest = data.split(b"\r\n")
        cells = row.split(b",`")
        cells[7] = raised(cells[7].decode(), 1_00).encode()
        return b"\r\n".join([head, b",`".join(cells), *rest])
    return data


def other(data: bytes) -> bytes:
    """A file of the same day, sound in itself, without any line."""
    head, *_, summary, _, end = data.split(b"\r\n")
    return b"\r\n".join([head, summary, b"`0,`0,`0.00,`0,`0.00", end])


def _lines(data: bytes) -> int:
    return max(data.count(b"\r\n") - 3, 0)
