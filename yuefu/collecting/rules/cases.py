"""When a case is opened and closed, what became of a promise, and who missed too much. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final, Literal

from yuefu.collecting.rules.policy import Policy
from yuefu.errors import Refused
from yuefu.frozen import made_quickly

AMOUNT_NOT_POSITIVE: Final = "amount_not_positive"
CURRENCY_DIFFERS: Final = "currency_differs"
DAY_OUT_OF_RANGE: Final = "day_out_of_range"
MISSED: Final = "instalments_missed_in_a_row"
CHARGED_OFF: Final = "loan_charged_off"
WRITTEN_OFF: Final = "loan_written_off"
REASONS: Final = (MISSED, CHARGED_OFF, WRITTEN_OFF)
"""Why a credit account is closed to purchases."""

Closing = Literal["cured", "written_off"]
PromiseEnd = Literal["kept", "broken", "released"]

_BUCKET_DAYS: Final = 30
_BUCKETS: Final = 7


def bucket(late_since: date, on: date) -> str:
    """The worklist's bucket by days past due: M1 up to 30 days, M2 up to 60, …, M7+ from 181 on; "" where nothing is past due."""
    days = (on - late_since).days
    if days <= 0:
        return ""
    number = (days - 1) // _BUCKET_DAYS + 1
    return f"M{number}" if number < _BUCKETS else f"M{_BUCKETS}+"


def opens(late_since: date | None, on: date, policy: Policy) -> bool:
    """Whether somebody with something overdue since a day gets a case."""
    return late_since is not None and (on - late_since).days >= policy.open_after_days


@made_quickly
@dataclass(frozen=True, slots=True)
class Promised:
    """A promise as it runs: `amount` by the end of `due_on`, over `paid_before` that had been paid when it was made, in minor units."""

    amount: int
    due_on: date
    paid_before: int


def promise_ends(
    promise: Promised, *, on: date, paid_now: int, paid_in_time: int | None, overdue: bool, policy: Policy
) -> PromiseEnd | None:
    """What became of a promise by `on`; None while it is waited for. `paid_now` is all that was ever paid, `paid_in_time` what of it is true on
    the promised day at the latest; None where that was not asked for because the day has not passed.

    Kept as soon as what was promised was paid. Where nothing is overdue any more for another reason (a waiver, a re-age, a refund) it is released.
    Broken once its day and the days of grace, in which money is still on its way to us, have passed.
    """
    if promise.due_on >= on:
        kept = paid_now - promise.paid_before >= promise.amount
    else:
        assert paid_in_time is not None, "of a promise whose day has passed it is known what was paid in time"
        kept = paid_in_time - promise.paid_before >= promise.amount
    if kept:
        return "kept"
    if not overdue:
        return "released"
    return "broken" if on > promise.due_on + timedelta(days=policy.promise_grace_days) else None


def promise_fault(minor: int, currency: str, due_on: date, *, on: date, book_currency: str, policy: Policy) -> Refused | None:
    """Why something cannot be promised."""
    if currency != book_currency:
        return Refused(CURRENCY_DIFFERS, f"the debt is in {book_currency}, not in {currency}", "amount")
    if minor <= 0:
        return Refused(AMOUNT_NOT_POSITIVE, "what is promised is more than nothing", "amount")
    last = on + timedelta(days=policy.promise_days)
    if not on <= due_on <= last:
        return Refused(DAY_OUT_OF_RANGE, f"a promise is for a day from {on} to {last}", "due_on")
    return None


@dataclass(frozen=True, slots=True)
class Run:
    """So many instalments of a loan in a row that were missed, up to the one due on `latest_on`."""

    missed: int
    latest_on: date


def longest_run(instalments: Sequence[tuple[date, bool]]) -> Run | None:
    """The longest run of missed instalments of one loan, each a due day and whether something of it is unpaid, in the order of their days; of two as
    long the later one. None where none was missed.
    """
    best: Run | None = None
    running = 0
    for due_on, unpaid in instalments:
        running = running + 1 if unpaid else 0
        if running and (best is None or running >= best.missed):
            best = Run(running, due_on)
    return best


def stage(days: int, policy: Policy) -> int | None:
    """The last of the days after which somebody is told, by now; None before the first."""
    return max((day for day in policy.told_after_days if day <= days), default=None)
