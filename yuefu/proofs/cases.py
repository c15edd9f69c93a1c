"""Files of cases, a line of JSON each: how they are read, judged and told, whatever they are about.

A case passes, differs (told with its first figure that does), is not supported (it has a key that nobody understands), or cannot be read. Nothing
of a case is passed over in silence, and none ends the run: a fault of ours is told as a difference of that case. Numbers are read as exact
decimals, so that 1432.86 is that amount and no float near it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

NO_CASE: Final = "There is no case in this file (a line of JSON each)."
INTERNAL_ERROR: Final = "internal error"
_SHOWN_AT_MOST: Final = 200


class Unsupported(Exception):
    """A case has what we do not understand or do not have; `keys` say where it stands in it."""

    def __init__(self, *keys: str) -> None:
        super().__init__(*keys)
        self.keys = keys


class Unreadable(Unsupported):
    """A case is not written as cases are: no JSON, a key of another type, a day that there is not."""


@dataclass(frozen=True, slots=True)
class Case:
    """A line of a file: its id (`line 3` where it has none) and what it says."""

    id: str
    content: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Difference:
    """A figure that is not what the case expects: where it stands, and both as text or JSON value."""

    at: str
    expected: Any
    got: Any


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of a case: it passes where it neither differs nor has anything unsupported. `unreadable`: what is unsupported cannot be read."""

    id: str
    difference: Difference | None = None
    unsupported: tuple[str, ...] = ()
    unreadable: bool = False

    @property
    def passed(self) -> bool:
        return self.difference is None and not self.unsupported

    def text(self) -> str:
        """The verdict as one line, whatever characters are in it."""
        if self.difference is not None:
            found = f"differs at {self.difference.at}: expected {self.difference.expected}, got {self.difference.got}"
        elif self.unsupported:
            found = f"{'cannot be read' if self.unreadable else 'not supported'}: {', '.join(self.unsupported)}"
        else:
            found = "passes"
        return printable(f"{self.id}: {found}")


@dataclass(slots=True)
class Report:
    """The verdicts of a file, in its order."""

    verdicts: list[Verdict] = field(default_factory=list)

    @property
    def passed(self) -> int:
        return sum(verdict.passed for verdict in self.verdicts)

    @property
    def all_passed(self) -> bool:
        """Whether there was something, and all of it passed."""
        return 0 < len(self.verdicts) == self.passed

    def to_json(self) -> dict[str, Any]:
        """{"cases", "passed", "differs": [{"id", "at", "expected", "got"}], "unsupported": [{"id", "key"}]}."""
        return {
            "cases": len(self.verdicts),
            "passed": self.passed,
            "differs": [
                {"id": each.id, "at": each.difference.at, "expected": each.difference.expected, "got": each.difference.got}
                for each in self.verdicts
                if each.difference is not None
            ],
            "unsupported": [{"id": each.id, "key": key} for each in self.verdicts for key in each.unsupported],
        }

    def lines(self) -> list[str]:
        """A line a case, and the total."""
        if not self.verdicts:
            return [NO_CASE]
        differ = sum(verdict.difference is not None for verdict in self.verdicts)
        unread = sum(verdict.unreadable for verdict in self.verdicts)
        rest = len(self.verdicts) - self.passed - differ - unread
        total = f"{self.passed} of {len(self.verdicts)} cases pass, {differ} differ, {rest} are not supported"
        total += f", {unread} cannot be read." if unread else "."
        return [*(verdict.text() for verdict in self.verdicts), total]


Play = Callable[[Case], Sequence[Difference]]
"""Replays a case and tells where it differs, in the order of its figures. Raises Unsupported for what it does not understand."""


def judge(lines: Iterable[str], play: Play, *, progress: Callable[[int, int], None] | None = None) -> Report:
    """Replays the case of each line that is not blank."""
    numbered = [(number, line) for number, line in enumerate(lines, start=1) if line.strip()]
    report = Report()
    for done, (number, line) in enumerate(numbered, start=1):
        report.verdicts.append(_judge_one(number, line, play))
        if progress:
            progress(done, len(numbered))
    return report


def _judge_one(number: int, line: str, play: Play) -> Verdict:
    name = f"line {number}"
    try:
        case = read(line, number)
        name = case.id
        differs = play(case)
    except Unsupported as error:
        return Verdict(name, unsupported=error.keys, unreadable=isinstance(error, Unreadable))
    except Exception as error:  # noqa: BLE001 - a fault of ours fails its case, and no other
        return Verdict(name, Difference(INTERNAL_ERROR, None, f"{type(error).__name__}: {error}"[:_SHOWN_AT_MOST]))
    return Verdict(name, differs[0] if differs else None)


def printable(text: str) -> str:
    """A text without line ends, escapes and other characters that a terminal acts on: each as JSON writes it."""
    return "".join(char if char.isprintable() else json.dumps(char)[1:-1] for char in text)


def read(line: str, number: int = 1) -> Case:
    """The case of a line. Raises Unreadable, which says why, for what is no JSON object, or one that says a key twice."""
    try:
        content = json.loads(line, parse_float=Decimal, parse_int=_integer, parse_constant=_no_number, object_pairs_hook=_without_twins)
    except Unsupported:
        raise
    except (ValueError, ArithmeticError, RecursionError) as error:
        raise Unreadable(f"not JSON: {error}"[:_SHOWN_AT_MOST]) from error
    if not isinstance(content, dict):
        raise Unreadable("not an object")
    name = content.get("id")
    return Case(name if isinstance(name, str) and name else f"line {number}", content)


def _integer(digits: str) -> int:
    if len(digits) > _SHOWN_AT_MOST:
        raise Unreadable(f"not JSON: a number of {len(digits)} digits")
    return int(digits)


def _no_number(word: str) -> Any:
    raise Unreadable(f"not JSON: {word} is no number")


def _without_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise Unreadable(f"{key} (said twice)"[:_SHOWN_AT_MOST])
        found[key] = value
    return found
