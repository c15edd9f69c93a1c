"""How much of what a merchant takes comes by monthly payment: a shop that lives of it alone fails with it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Final, Literal

from yuefu.money.amounts import Money
from yuefu.money.rates import Rounding, divide

POLICY: Final = "growth.concentration"
"""The setting: {watch_pct, alert_pct}, whole per cents."""
DEFAULT_POLICY: Final[Mapping[str, int]] = {"watch_pct": 70, "alert_pct": 85}

Level = Literal["unknown", "ok", "watch", "alert", "more_than_all"]


@dataclass(frozen=True, slots=True)
class Lines:
    """From which share on one looks closer, and from which on it is an alarm; in millionths."""

    watch_ppm: int
    alert_ppm: int


@dataclass(frozen=True, slots=True)
class Month:
    """What a merchant sold by monthly payment in a month, refunds not deducted, of all that it took. `share_ppm` is None where nobody said what it took."""

    month: date
    sold: Money
    revenue: Money | None
    share_ppm: int | None
    level: Level


def lines(value: Any) -> Lines:
    """The lines of a setting; raises ValueError, TypeError or KeyError where it cannot have this value."""
    if not isinstance(value, dict) or value.keys() != DEFAULT_POLICY.keys():
        raise ValueError(f"it is an object of {' and '.join(DEFAULT_POLICY)}")
    watch, alert = (value[name] for name in DEFAULT_POLICY)
    if type(watch) is not int or type(alert) is not int or not 1 <= watch <= alert <= 100:
        raise ValueError("both are whole per cents from 1 to 100, and the watch line is not above the alert")
    return Lines(watch * 10_000, alert * 10_000)


def month(on: date, sold: Money, revenue: Money | None, given: Lines) -> Month:
    """The share, half up to the millionth. More than all was said to be taken: one of both figures is wrong, which is told rather than judged."""
    if revenue is None or not revenue.minor:
        level: Level = "unknown" if not sold.minor or revenue is None else "more_than_all"
        return Month(on, sold, revenue, None, level)
    share = divide(sold.minor * 1_000_000, revenue.minor, Rounding.HALF_UP)
    if sold.minor > revenue.minor:
        return Month(on, sold, revenue, share, "more_than_all")
    # Against the exact share: a rounded one would cross a line that is not reached.
    reached = [
        name for name, line in (("alert", given.alert_ppm), ("watch", given.watch_ppm)) if sold.minor * 1_000_000 >= line * revenue.minor
    ]
    return Month(on, sold, revenue, share, reached[0] if reached else "ok")  # type: ignore[arg-type]
