"""Liquidity under stress: if what is paid to a merchant comes so many days later, what is missing, and from when on? Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from yuefu.money.amounts import Money

LONGEST_SHIFT: Final = 90
LONGEST_HORIZON: Final = 366


@dataclass(frozen=True, slots=True)
class Dated:
    """An amount that comes in or is due on a day; `what` says what it is."""

    on: date
    amount: Money
    what: str


@dataclass(frozen=True, slots=True)
class Path:
    """Money day by day, of the days on which something comes or is due. `gap` is the most that is missing, on `worst_on`, first on `short_on`."""

    days: tuple[tuple[date, Money], ...]
    lowest: Money
    gap: Money
    worst_on: date | None
    short_on: date | None


@dataclass(frozen=True, slots=True)
class Stress:
    """As agreed, and with all that comes in so many days later. `more` is how much more is missing then."""

    shift_days: int
    as_agreed: Path
    later: Path
    more: Money


def stressed(cash: Money, coming: Sequence[Dated], due: Sequence[Dated], *, today: date, until: date, shift_days: int) -> Stress:
    """Both paths from today until a day. What was due before today is due today; what comes on a day is there for what is due on it."""
    as_agreed, later = (_path(cash, coming, due, today, until, shift) for shift in (0, shift_days))
    return Stress(shift_days, as_agreed, later, later.gap - as_agreed.gap)


def _path(cash: Money, coming: Sequence[Dated], due: Sequence[Dated], today: date, until: date, shift_days: int) -> Path:
    moves: dict[date, int] = {today: 0}
    for one in coming:
        on = max(one.on, today) + timedelta(days=shift_days)
        moves[on] = moves.get(on, 0) + one.amount.minor
    for one in due:
        on = max(one.on, today)
        moves[on] = moves.get(on, 0) - one.amount.minor
    balance, days = cash.minor, []
    for on in sorted(on for on in moves if on <= until):
        balance += moves[on]
        days.append((on, Money(balance, cash.currency)))
    worst_on, lowest = min(days, key=lambda day: (day[1].minor, day[0]))
    short_on = next((on for on, left in days if left.minor < 0), None)
    gap = Money(max(-lowest.minor, 0), cash.currency)
    return Path(tuple(days), lowest, gap, worst_on if gap else None, short_on)
