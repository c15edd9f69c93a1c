"""How money, dates and times look to people. Pure: the language is an argument, so that a page and a test read the same."""

from __future__ import annotations

from datetime import date, datetime
from typing import Final

from yuefu.dates.wording import day, is_chinese
from yuefu.money.amounts import Money
from yuefu.money.currencies import EXPONENTS
from yuefu.plans.label import SYMBOLS

__all__ = ["MINUS", "compact", "day", "figure", "is_chinese", "moment", "seconds", "with_currency"]

MINUS: Final = "−"
_UNITS_EN: Final = ((10**9, "bn"), (10**6, "m"), (10**3, "k"))
_UNITS_ZH: Final = ((10**8, "亿"), (10**4, "万"))


def figure(money: Money) -> str:
    """Grouped, with all decimals and a true minus, without the currency: for a column that names it once."""
    whole, point, decimals = money.decimal_text().removeprefix("-").partition(".")
    return f"{MINUS if money.minor < 0 else ''}{int(whole):,}{point}{decimals}"


def with_currency(money: Money) -> str:
    """ "¥1,999.00", "−¥0.50"; the code and a space for a currency without a symbol of its own."""
    sign = MINUS if money.minor < 0 else ""
    return f"{sign}{SYMBOLS.get(money.currency, money.currency + ' ')}{figure(money).removeprefix(MINUS)}"


def compact(money: Money, language: str) -> str:
    """For the axis of a chart: "¥20k", "¥2万"; exact, so that a round amount stays one and another shows its decimals."""
    whole, rest = divmod(abs(money.minor), 10 ** EXPONENTS[money.currency])
    sign = f"{MINUS if money.minor < 0 else ''}{SYMBOLS.get(money.currency, money.currency + ' ')}"
    for size, unit in _UNITS_ZH if is_chinese(language) else _UNITS_EN:
        if whole >= size and not rest and not whole * 100 % size:
            return f"{sign}{whole // size}{_hundredths(whole % size * 100 // size)}{unit}"
    return with_currency(money) if rest else f"{sign}{whole:,}"


def _hundredths(count: int) -> str:
    return f".{count:02d}".rstrip("0") if count else ""


def moment(at: datetime, language: str, as_of: date | None = None) -> str:
    """ "Tue 25 Nov, 14:05" or "11月25日 周二 14:05", of a moment already in the zone it is shown in."""
    return f"{day(at.date(), language, as_of)}{' ' if is_chinese(language) else ', '}{at:%H:%M}"


def seconds(value: float) -> str:
    """How long something took: "0.4 s", "58 s", "3 min 20 s", "2 h 5 min"; the same in both languages, as units are."""
    if value < 9.95:
        return f"{value:.1f} s"
    whole = round(value)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"
