"""Days as people read them, on pages and in messages. The language is an argument, so that both read the same."""

from datetime import date
from typing import Final

_DAYS_EN: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_DAYS_ZH: Final = ("周一", "周二", "周三", "周四", "周五", "周六", "周日")
_MONTHS_EN: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def is_chinese(language: str) -> bool:
    """Whether texts in this language (`zh`, `zh-hans`, …) are Chinese; all others are English."""
    return language.lower().startswith("zh")


def day(on: date, language: str, as_of: date | None = None) -> str:
    """ "Tue 25 Nov" or "11月25日 周二"; with the year where it is not that of `as_of`."""
    foreign_year = as_of is not None and on.year != as_of.year
    if is_chinese(language):
        return f"{f'{on.year}年' if foreign_year else ''}{on.month}月{on.day}日 {_DAYS_ZH[on.weekday()]}"
    return f"{_DAYS_EN[on.weekday()]} {on.day} {_MONTHS_EN[on.month - 1]}{f' {on.year}' if foreign_year else ''}"
