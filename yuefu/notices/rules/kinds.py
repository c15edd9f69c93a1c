"""The kinds of messages: what each tells, what it counts towards, and whether a person may refuse it. Pure.

A kind that is optional is a service; one that is not is owed to the person whether they like it or not: that something is overdue, and
that a debit comes. What counts towards a week is what we begin; an answer to what the person did (a receipt) and a notice that law or
contract owes them is not counted.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Final, Literal, get_args

from yuefu.errors import Refused
from yuefu.money.amounts import Money, MoneyError

Channel = Literal["email", "sms"]
CHANNELS: Final[tuple[Channel, ...]] = get_args(Channel)
Language = Literal["zh", "en"]
LANGUAGES: Final[tuple[Language, ...]] = get_args(Language)
State = Literal["queued", "sending", "sent", "failed", "suppressed"]
STATES: Final[tuple[State, ...]] = get_args(State)

UNKNOWN_KIND: Final = "unknown_kind"
PARAMS_INVALID: Final = "params_invalid"  # one is missing, too many, or not what this kind of message says
OCCASION_INVALID: Final = "occasion_invalid"  # 1 to 128 printable ASCII characters

Params = Mapping[str, Money | date | int | str]
"""What a message says, by the name that its templates use."""

MOST_COUNTED: Final = 100_000
_OCCASION = re.compile(r"[!-~]{1,128}")
_TAIL = re.compile(r"[0-9]{4}")


@dataclass(frozen=True, slots=True)
class Kind:
    """`group` is what counts together towards the most that a person is told in a week; "" is not counted. `fields` are its parameters by
    what each is: money (above zero), day, count (1 to 100,000) or tail (the last four digits of an account).
    """

    code: str
    group: str
    optional: bool
    fields: Mapping[str, str]


REMINDER: Final = "reminder"
ARREARS: Final = "arrears"
GROUPS: Final = (REMINDER, ARREARS)

_DUE: Final = {"amount": "money", "loans": "count", "due_on": "day"}
KINDS: Final[Mapping[str, Kind]] = {
    kind.code: kind
    for kind in (
        Kind("due_in_3_days", REMINDER, True, _DUE),
        Kind("due_tomorrow", REMINDER, True, _DUE),
        Kind("due_today", REMINDER, True, _DUE),
        Kind("debit_announced", "", False, {"amount": "money", "debit_on": "day", "account": "tail"}),
        Kind("repaid_receipt", "", True, {"amount": "money", "paid_on": "day"}),
        Kind("overdue", ARREARS, False, {"amount": "money", "loans": "count", "days": "count"}),
    )
}


def fault_of(kind: str, occasion: str, params: Params) -> Refused | None:
    """Why there can be no such message: UNKNOWN_KIND, OCCASION_INVALID or PARAMS_INVALID."""
    known = KINDS.get(kind)
    if known is None:
        return Refused(UNKNOWN_KIND, f"a message is of one of {', '.join(KINDS)}", "kind")
    if not _OCCASION.fullmatch(occasion):
        return Refused(OCCASION_INVALID, "an occasion is named by 1 to 128 printable ASCII characters", "occasion")
    if params.keys() != known.fields.keys():
        return Refused(PARAMS_INVALID, f"{kind} says {', '.join(known.fields)} and nothing else", "params")
    for name, what in known.fields.items():
        if not _FITS[what](params[name]):
            return Refused(PARAMS_INVALID, f"{name} of {kind} is no {what}", "params")
    return None


_FITS: Final[Mapping[str, Callable[[Any], bool]]] = {
    "money": lambda given: type(given) is Money and given.minor > 0,
    "day": lambda given: type(given) is date,
    "count": lambda given: type(given) is int and 1 <= given <= MOST_COUNTED,
    "tail": lambda given: type(given) is str and bool(_TAIL.fullmatch(given)),
}


def plain(params: Params) -> dict[str, Any]:
    """Parameters as JSON keeps them."""
    return {
        name: {"minor": given.minor, "currency": given.currency}
        if isinstance(given, Money)
        else given.isoformat()
        if isinstance(given, date)
        else given
        for name, given in params.items()
    }


def read(kind: str, stored: Mapping[str, Any]) -> dict[str, Money | date | int | str]:
    """What `plain` wrote. Raises ValueError, KeyError or TypeError for anything else."""
    params = {name: _READ[what](stored[name]) for name, what in KINDS[kind].fields.items()}
    if fault_of(kind, "read", params) or len(stored) != len(params):
        raise ValueError(f"these are no parameters of {kind}")
    return params


def _money(stored: Mapping[str, Any]) -> Money:
    try:
        return Money(stored["minor"], stored["currency"])
    except MoneyError as error:
        raise ValueError(error.detail) from error


_READ: Final[Mapping[str, Callable[[Any], Any]]] = {
    "money": _money,
    "day": date.fromisoformat,
    "count": lambda stored: stored,
    "tail": lambda stored: stored,
}
