"""The CDNOW purchase log as orders: 69,659 purchases of 23,570 customers from 1997-01 to 1998-06.

Source: `lifetimes/datasets/CDNOW_master.txt` in the wheel Lifetimes 0.11.3 (MIT), read as a file and never imported. One US dollar
counts as 7 yuan. Rows of 0.00 are no purchases; they are skipped and counted.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path
from typing import Final

from yuefu.money.amounts import Money

FIRST_DAY: Final = date(1997, 1, 1)
LAST_DAY: Final = date(1998, 6, 30)
DAYS: Final = (LAST_DAY - FIRST_DAY).days + 1
YUAN_PER_DOLLAR: Final = 7

SMALL_MINOR: Final = 300_00
LARGE_MINOR: Final = 1_000_00


class LogMissing(Exception):
    """The purchase log is not installed; one clear sentence."""


@dataclass(frozen=True, slots=True)
class LoggedPurchase:
    """A purchase of the log on the day it is played. `number` counts the rows of the file from 1 and names the purchase."""

    number: int
    customer: str
    on: date
    amount: Money

    @property
    def periods(self) -> int:
        """Small purchases in 3 periods, larger ones in 6 or 12."""
        if self.amount.minor < SMALL_MINOR:
            return 3
        return 6 if self.amount.minor < LARGE_MINOR else 12


@dataclass(frozen=True, slots=True)
class Log:
    purchases: dict[date, list[LoggedPurchase]]
    skipped_zero_rows: int


def path() -> Path:
    """Where the log lies; raises LogMissing."""
    try:
        found = [file for file in files("Lifetimes") or [] if file.name == "CDNOW_master.txt"]
    except PackageNotFoundError:
        found = []
    if not found:
        raise LogMissing("the purchase log is missing: run `make install` (it comes with the package Lifetimes 0.11.3)")
    return Path(str(found[0].locate()))


def load(*, days: int, as_of: date) -> Log:
    """The first `days` days of the log, shifted so that the last of them is `as_of`."""
    if not 1 <= days <= DAYS:
        raise ValueError(f"the log has {DAYS} days; {days} cannot be played")
    shift = as_of - (FIRST_DAY + timedelta(days=days - 1))
    purchases: dict[date, list[LoggedPurchase]] = {}
    skipped = 0
    with path().open(encoding="ascii") as file:
        next(file)
        for number, row in enumerate(file, start=1):
            customer, day, _, dollars = row.split()
            on = date(int(day[:4]), int(day[4:6]), int(day[6:]))
            if (on - FIRST_DAY).days >= days:
                continue
            minor = int(Decimal(dollars) * YUAN_PER_DOLLAR * 100)
            if minor == 0:
                skipped += 1
                continue
            purchases.setdefault(on + shift, []).append(LoggedPurchase(number, customer, on + shift, Money(minor, "CNY")))
    return Log(purchases, skipped)
