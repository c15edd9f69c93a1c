"""When a case is opened, how often and when people are contacted, and what one person may give up alone: a setting of a book. Pure.

The bounds are those of careful collection in China: nobody is contacted between 22:00 and 08:00 or more than three times a day, and nobody but
the borrower. A book may be stricter, never looser.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import time
from typing import Any, Final, Literal, get_args

POLICY: Final = "collect.policy"

Channel = Literal["call", "sms", "email", "app", "letter", "visit"]
CHANNELS: Final[tuple[Channel, ...]] = get_args(Channel)

EARLIEST: Final = time(8)
LATEST: Final = time(22)
MOST_A_DAY: Final = 3
MOST_A_WEEK: Final = MOST_A_DAY * 7

DEFAULT_POLICY: Final[Mapping[str, Any]] = {
    "open_after_days": 3,
    "contact_from": "08:00",
    "contact_until": "22:00",
    "most_a_day": MOST_A_DAY,
    "most_a_week": 7,
    "channels": ["call", "sms", "email", "app", "letter"],
    "promise_days": 14,
    "promise_grace_days": 1,
    "told_after_days": [1, 3, 7, 15, 30, 60, 90],
    "waive_alone_minor": 50_00,
    "missed_in_a_row": 3,
}
_LONGEST: Final = 366
_MOST_MINOR: Final = 10**12


@dataclass(frozen=True, slots=True)
class Policy:
    """A case is opened when something has been overdue for `open_after_days`. Contacts go from `contact_from` up to, and without,
    `contact_until`, local. A promise is kept within `promise_days`, and given up `promise_grace_days` after its day. Messages go when something
    has been overdue for each of `told_after_days`. `waive_alone_minor` is what may be waived of a loan without a second person, in all.
    """

    open_after_days: int
    contact_from: time
    contact_until: time
    most_a_day: int
    most_a_week: int
    channels: frozenset[str]
    promise_days: int
    promise_grace_days: int
    told_after_days: tuple[int, ...]
    waive_alone_minor: int
    missed_in_a_row: int


def policy(value: Mapping[str, Any]) -> Policy:
    """The policy of a stored value. Raises ValueError, KeyError or TypeError with what is wrong."""
    if set(value) != set(DEFAULT_POLICY):
        raise ValueError(f"it has {', '.join(DEFAULT_POLICY)} and nothing else")
    begins, ends = _time(value["contact_from"]), _time(value["contact_until"])
    if not EARLIEST <= begins < ends <= LATEST:
        raise ValueError(f"people are contacted between {EARLIEST:%H:%M} and {LATEST:%H:%M} at most, from an earlier to a later time")
    channels = value["channels"]
    if type(channels) is not list or not set(channels) <= set(CHANNELS):
        raise ValueError(f"channels is a list out of {', '.join(CHANNELS)}")
    told = value["told_after_days"]
    if type(told) is not list or any(_number("told_after_days", one, 1, _LONGEST) != one for one in told) or told != sorted(set(told)):
        raise ValueError("told_after_days is a list of days, each later than the one before")
    return Policy(
        _number("open_after_days", value["open_after_days"], 1, _LONGEST),
        begins,
        ends,
        _number("most_a_day", value["most_a_day"], 0, MOST_A_DAY),
        _number("most_a_week", value["most_a_week"], 0, MOST_A_WEEK),
        frozenset(channels),
        _number("promise_days", value["promise_days"], 0, _LONGEST),
        _number("promise_grace_days", value["promise_grace_days"], 0, _LONGEST),
        tuple(told),
        _number("waive_alone_minor", value["waive_alone_minor"], 0, _MOST_MINOR),
        _number("missed_in_a_row", value["missed_in_a_row"], 1, _LONGEST),
    )


def _number(name: str, given: Any, least: int, most: int) -> int:
    if type(given) is not int or not least <= given <= most:
        raise ValueError(f"{name} is a whole number from {least} to {most}")
    return given


def _time(text: str) -> time:
    found = time.fromisoformat(text)
    if found.tzinfo is not None or found.second or found.microsecond:
        raise ValueError(f"{text!r:.20} is no local time of whole minutes")
    return found
