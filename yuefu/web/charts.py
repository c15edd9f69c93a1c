"""The picture of the last days, drawn on the server: whole numbers for an SVG that needs no script. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from yuefu.journeys.views import DayFigures
from yuefu.money.amounts import Money

HEIGHT: Final = 1000
SLOT: Final = 100
_BAR: Final = 36
_GAP: Final = 8


@dataclass(frozen=True, slots=True)
class Bar:
    """A bar in the units of the drawing, y downwards."""

    x: int
    y: int
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class DayBars:
    day: DayFigures
    captured: Bar
    repaid: Bar


@dataclass(frozen=True, slots=True)
class Chart:
    """Two bars a day against one axis from 0 to `top`, a round amount. `best` is the day on which most was captured."""

    width: int
    height: int
    top: Money
    half: Money
    captured: Money
    repaid: Money
    best: DayFigures
    bars: tuple[DayBars, ...]


def daily(days: Sequence[DayFigures]) -> Chart | None:
    """What was captured and repaid on each day; None where no money moved, since an empty picture says nothing."""
    if not days:
        return None
    currency = days[0].captured.currency
    highest = max(max(day.captured.minor, day.repaid.minor) for day in days)
    if highest <= 0:
        return None
    top = _round_up(highest)
    bars = tuple(
        DayBars(
            day,
            _bar(i * SLOT + (SLOT - 2 * _BAR - _GAP) // 2, day.captured.minor, top),
            _bar(i * SLOT + (SLOT + _GAP) // 2, day.repaid.minor, top),
        )
        for i, day in enumerate(days)
    )
    captured, repaid = sum(day.captured.minor for day in days), sum(day.repaid.minor for day in days)
    best = max(days, key=lambda day: day.captured.minor)
    half = Money(top // 2, currency)
    return Chart(len(days) * SLOT, HEIGHT, Money(top, currency), half, Money(captured, currency), Money(repaid, currency), best, bars)


def _bar(x: int, minor: int, top: int) -> Bar:
    """As high as its amount, and at least visible where there is any."""
    height = max(minor, 0) * HEIGHT // top
    height = max(height, 6) if minor > 0 else 0
    return Bar(x, HEIGHT - height, _BAR, height)


def _round_up(minor: int) -> int:
    """The least of 2, 4, 6, 8, 10 × a power of ten that is not below: halves of it are round as well."""
    unit: int = 10 ** (len(str(minor)) - 1)
    return next(step * unit for step in (2, 4, 6, 8, 10) if step * unit >= minor)
