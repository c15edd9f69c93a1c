"""When messages may go, how many a week, and who speaks: two settings of a book. Pure.

Choices of a careful lender, not law: quiet from 21:00 to 08:00, three reminders a week, three about arrears.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import time
from typing import Any, Final

from yuefu.notices.rules.kinds import GROUPS

POLICY: Final = "notices.policy"
SENDER: Final = "notices.sender"

DEFAULT_POLICY: Final[Mapping[str, Any]] = {
    "quiet_from": "21:00",
    "quiet_until": "08:00",
    "remind_at": "10:00",
    "most_a_week": {"reminder": 3, "arrears": 3},
}
NO_SENDER: Final[Mapping[str, Any]] = {"name_zh": "", "name_en": "", "pay_at": "", "contact": ""}
"""Of a book that has not said yet who speaks: nobody is told anything."""

MOST_A_WEEK: Final = 50
_LONGEST_WORD: Final = 40


@dataclass(frozen=True, slots=True)
class Quiet:
    """Hours in which nobody is written to, local: from `begins` up to, and without, `ends`; across midnight where that is the earlier one."""

    begins: time
    ends: time


@dataclass(frozen=True, slots=True)
class Policy:
    """`remind_at` is the local time at which a reminder may go at the earliest; `most_a_week` is by group of kinds, in any seven days."""

    quiet: Quiet
    remind_at: time
    most_a_week: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Sender:
    """Who speaks: our name, where one pays, and how one reaches us, to stop messages among others."""

    name_zh: str
    name_en: str
    pay_at: str
    contact: str

    @property
    def is_known(self) -> bool:
        return all((self.name_zh, self.name_en, self.pay_at, self.contact))


def policy(value: Mapping[str, Any]) -> Policy:
    """The policy of a stored value. Raises ValueError, KeyError or TypeError with what is wrong."""
    _only(value, DEFAULT_POLICY)
    quiet, remind_at, most = Quiet(_time(value["quiet_from"]), _time(value["quiet_until"])), _time(value["remind_at"]), value["most_a_week"]
    if quiet.begins == quiet.ends:
        raise ValueError("quiet hours that begin when they end leave it open whether there are any")
    if is_quiet(remind_at, quiet):
        raise ValueError("remind_at lies in the quiet hours: nobody would ever be reminded in time")
    if set(most) != set(GROUPS):
        raise ValueError(f"most_a_week has a number for each of {', '.join(GROUPS)}")
    for number in most.values():
        if type(number) is not int or not 0 <= number <= MOST_A_WEEK:
            raise ValueError(f"the most a week is a whole number from 0 to {MOST_A_WEEK}")
    return Policy(quiet, remind_at, dict(most))


def sender(value: Mapping[str, Any]) -> Sender:
    """Who speaks, of a stored value. Raises ValueError, KeyError or TypeError with what is wrong."""
    _only(value, NO_SENDER)
    words = [value[name] for name in NO_SENDER]
    for word in words:
        if type(word) is not str or len(word) > _LONGEST_WORD or not word.isprintable() or word != word.strip():
            raise ValueError(f"each text has at most {_LONGEST_WORD} printable characters and no blanks around it")
    if any(words) and not all(words):
        raise ValueError("a sender has a name in both languages, a place to pay and a way to be reached")
    return Sender(*words)


def is_quiet(local: time, quiet: Quiet) -> bool:
    """Whether a local time lies in the quiet hours."""
    if quiet.begins < quiet.ends:
        return quiet.begins <= local < quiet.ends
    return local >= quiet.begins or local < quiet.ends


def _only(value: Mapping[str, Any], like: Mapping[str, Any]) -> None:
    if set(value) != set(like):
        raise ValueError(f"it has {', '.join(like)} and nothing else")


def _time(text: str) -> time:
    found = time.fromisoformat(text)
    if found.tzinfo is not None or found.second or found.microsecond:
        raise ValueError(f"{text!r:.20} is no local time of whole minutes")
    return found
