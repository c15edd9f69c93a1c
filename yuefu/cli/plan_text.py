"""What the commands of `yuefu plan` say on a terminal, in Chinese or English: tables of figures, and sentences that fit its width."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from yuefu.cli import output
from yuefu.money.amounts import Money
from yuefu.plans.label import render_price_label
from yuefu.plans.offer import wording
from yuefu.plans.offer.comparison import Comparison
from yuefu.plans.offer.dues import Due, RepaymentCalendar, Subtotal
from yuefu.plans.offer.offered import Offer, label_line
from yuefu.plans.offer.wording import Language, text, weekday_name

PARTS: Final = ("amount", "principal", "interest", "fees")
# What stays on one line: a word with the count or per cent behind it, a Chinese character with the marks around it; the long text of a way
# may be broken between its options.
_WIDE: Final = r"\u2e80-\u9fff\uf900-\ufaff\uff00-\uff60\u3000-\u303f"
_NARROW: Final = rf"[^ {_WIDE}](?:(?!(?<=,)[a-z])[^ {_WIDE}])*"
_PIECE: Final = re.compile(
    rf" +|[（《]*[{_WIDE}](?:[，。；：、）》？！%,.;:)]|/[0-9]+)*|{_NARROW}(?: (?:× {_NARROW}|%[^ {_WIDE}]*))*[，。；：、）》]*"
)


def wrapped(line: str, *, indent: int = 2) -> Iterator[str]:
    """A line of text, broken where it would be wider than the terminal, its later lines indented. Whole where there is no terminal."""
    width = output.terminal_width()
    if width is None or columns_of(line) <= width:
        yield line
        return
    begun = ""
    for piece in _PIECE.findall(line):
        if begun.strip() and columns_of(begun + piece.rstrip(" ")) > width:
            yield begun.rstrip(" ")
            begun = " " * indent + piece.lstrip(" ")
        else:
            begun += piece
    yield begun.rstrip(" ")


def columns_of(line: str) -> int:
    """How many columns a line takes: a Chinese character is two wide."""
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in line)


def figure(money: Money) -> str:
    """An amount without its currency, thousands grouped."""
    whole, point, decimals = money.decimal_text().partition(".")
    return f"{int(whole):,}{point}{decimals}"


def calendar_text(calendar: RepaymentCalendar, language: Language) -> Iterator[str]:
    """A table of the payments, each year followed by what it comes to; no column for a part that nobody asks."""
    parts = [part for part in PARTS if part in ("amount", "principal") or getattr(calendar.total, part)]

    def amounts(one: Due | Subtotal) -> list[str]:
        return [figure(getattr(one, part)) for part in parts]

    rows: list[list[Any]] = []
    for year in calendar.years:
        dues = [due for due in calendar.dues if due.on.year == year.year]
        rows += [[str(due.no), due.on, weekday_name(due.weekday, language), *amounts(due), figure(due.owed)] for due in dues]
        if len(calendar.years) > 1:
            rows.append(["", text("table_in_year", language, year=year.year), "", *amounts(year), ""])
    rows.append(["", text("table_in_all", language), "", *amounts(calendar.total), ""])
    yield _table(("no", "due", "day", *parts, "owed"), rows, language, figures=("no", *parts, "owed"))


def sums_text(found: Offer, language: Language) -> Iterator[str]:
    yield from wrapped(text("sum_lent", language, lent=found.terms.principal, paid=found.paid, charge=found.charge))
    yield from wrapped(text("sum_annual", language, compound=found.cost.compound_text(), simple=found.cost.simple_text()))


def provisional_text(year: int | None, language: Language) -> Iterator[str]:
    """That due days beyond the announced holidays may move; nothing where none may."""
    if year is not None:
        yield from wrapped(text("holidays_provisional", language, year=year))


def comparison_text(found: Comparison, names: Sequence[str], language: Language) -> Iterator[str]:
    rows = [
        [
            chr(ord("A") + place % 26) * (1 + place // 26),
            figure(column.paid_at_start),
            column.first_due_on,
            column.last_due_on,
            figure(column.total),
            figure(column.charge),
            "-" if column.cost is None else column.cost.compound_text(),
            figure(column.more),
        ]
        for place, column in enumerate(found.columns)
    ]
    yield from wrapped(text("ways_heading", language, price=found.price))
    yield ""
    figures = ("at_start", "in_all", "costs", "a_year", "more")
    yield _table(("way", "at_start", "first_due", "last_due", "in_all", "costs", "a_year", "more"), rows, language, figures=figures)
    yield ""
    for row, name, column in zip(rows, names, found.columns, strict=True):
        said = render_price_label(column.label) if column.offer is None else label_line(column.offer, language)
        yield from wrapped(f"{row[0]}  {name}: {said}", indent=3)
    years = [column.offer.provisional_after for column in found.columns if column.offer is not None]
    yield from provisional_text(next((year for year in years if year is not None), None), language)


def parts_text(parts: Sequence[tuple[str, Money]], language: Language) -> str:
    """A table of named amounts, by the codes of their texts."""
    return output.table(["", text("column_amount", language)], [(text(code, language), amount) for code, amount in parts])


def chart_text(chart: Path | None, language: Language = "en") -> list[str]:
    """Where the picture is, as a line."""
    return [] if chart is None else [text("picture_in", language, path=chart)]


def lines_text(lines: Iterator[wording.Shown]) -> Iterator[str]:
    """Lines of a cost table."""
    for line in lines:
        yield from wrapped(f"{line.label}: {line.value}" if line.value else line.label)


def _table(columns: Sequence[str], rows: Sequence[Sequence[Any]], language: Language, *, figures: Sequence[str]) -> str:
    """A table whose columns are headed by the texts of their codes."""
    headed = {code: text(f"column_{code}", language) for code in columns}
    return output.table([headed[code] for code in columns], rows, figures=[headed[code] for code in figures])
