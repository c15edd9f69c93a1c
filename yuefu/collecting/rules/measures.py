"""What may be done about a loan that is not paid as agreed, and which of it needs a second person. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from yuefu.collecting.rules.policy import Policy
from yuefu.errors import Refused
from yuefu.plans.lifecycle.events import (
    ArrearsPaused,
    ChargedOff,
    Event,
    InterestPaused,
    Reaged,
    Reamortised,
    Rescheduled,
    Undone,
    Waived,
    WrittenOff,
)
from yuefu.plans.lifecycle.plain import kind_of

NO_MEASURE: Final = "no_measure"  # a payment, a charge: not what is proposed here
NOTHING_OWED: Final = "nothing_owed"
LOAN_WRITTEN_OFF: Final = "loan_written_off"
NOT_DISBURSED: Final = "not_disbursed"
ALREADY_CHARGED_OFF: Final = "already_charged_off"
NOT_WRITTEN_OFF: Final = "not_written_off"  # only a write-off is undone as a measure, and only while it is in force

MEASURES: Final = (Reaged, Reamortised, Rescheduled, InterestPaused, ArrearsPaused, Waived, ChargedOff, WrittenOff)
KINDS: Final[frozenset[str]] = frozenset(
    {"reaged", "reamortised", "rescheduled", "interest_paused", "arrears_paused", "waived", "charged_off", "written_off", "undone"}
)
ALONE: Final = frozenset({"waived", "arrears_paused"})
"""What one person may do alone: a waiver within the limit, and days that do not count, which change no amount."""

_NOT_ACTIVE: Final[Mapping[str, tuple[str, str]]] = {
    "pending": (NOT_DISBURSED, "nothing has been lent yet"),
    "closed": (NOTHING_OWED, "the loan is paid: nothing is owed on it"),
    "overpaid": (NOTHING_OWED, "the loan is paid: nothing is owed on it"),
    "written_off": (LOAN_WRITTEN_OFF, "the loan has been written off; what comes in now is a recovery"),
}


def fault_of(event: Event | Undone, status: str, *, charged_off: bool, undoes: Event | Undone | None = None) -> Refused | None:
    """Why something cannot be proposed for a loan of that state. `undoes` is the fact that is to be undone."""
    if isinstance(event, Undone):
        in_force = status == "written_off" and isinstance(undoes, WrittenOff)
        return None if in_force else Refused(NOT_WRITTEN_OFF, f"the loan is {status}: only a write-off in force is undone", "event")
    if not isinstance(event, MEASURES):
        return Refused(NO_MEASURE, f"a measure is one of {', '.join(sorted(KINDS))}, not {kind_of(event)}", "event")
    if status in _NOT_ACTIVE:
        return Refused(*_NOT_ACTIVE[status], "loan_id")
    if isinstance(event, ChargedOff) and charged_off:
        return Refused(ALREADY_CHARGED_OFF, "the loan has been charged off before", "loan_id")
    return None


def may_alone(event: Event | Undone, *, waived_alone: int, policy: Policy) -> bool:
    """Whether a measure needs no second person. `waived_alone` is what was waived of the loan in that way before, in minor units: a large waiver
    is not made small by being cut into pieces.
    """
    if isinstance(event, Waived):
        return waived_alone + event.amount.minor <= policy.waive_alone_minor
    return isinstance(event, ArrearsPaused)
