"""What the accountants' own system is given: the chart with its codes there, and each closed day."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final

from yuefu import ids
from yuefu.errors import Refused
from yuefu.ledger import queries as ledger
from yuefu.ledger.rules import CHART, AccountType
from yuefu.ledger.rules.gl import DEFAULT_CODES, GL_CODES, Moved, as_csv
from yuefu.runtime import days, policies
from yuefu.runtime.policies import MissingSetting
from yuefu.runtime.values import Book

UNKNOWN_DAY: Final = "unknown_day"  # this book never opened it
DAY_NOT_CLOSED: Final = "day_not_closed"  # it may still move: close it first, or ask for a draft


@dataclass(frozen=True, slots=True)
class Export:
    """A day for the general ledger; `text` is the file, a row for each of `moved`."""

    on: date
    draft: bool
    moved: tuple[Moved, ...]
    text: str


def codes(*, book: Book, on: date) -> Mapping[str, str]:
    """The codes in force on a day. A book or a component from before there were codes has the ones that books begin with."""
    try:
        _, given = policies.in_force(book_id=book.id, name=GL_CODES, on=on)
    except MissingSetting:
        given = {}
    return {**DEFAULT_CODES, **given}


def chart(*, book: Book, on: date) -> list[tuple[AccountType, str]]:
    """Every component with its code, in the order of the codes."""
    known = codes(book=book, on=on)
    return sorted(((account, known[code]) for code, account in CHART.items()), key=lambda pair: (pair[1], pair[0].code))


def daily(*, book: Book, on: date, draft: bool = False) -> Export | Refused:
    """What a day moved. Debits equal credits in each currency. Refused with unknown_day, or day_not_closed unless it is a draft."""
    state = days.state_of(book.id, on)
    if state is None:
        return Refused(UNKNOWN_DAY, f"{on} is no day of this book", "on")
    if state != "closed" and not draft:
        return Refused(DAY_NOT_CLOSED, f"{on} is {state}: close it first, or ask for a draft", "on")
    moved = ledger.moved_on(book.id, on)
    for currency in {one.currency for one in moved}:
        sums = [(one.debit, one.credit) for one in moved if one.currency == currency]
        assert sum(d for d, _ in sums) == sum(c for _, c in sums), "each entry balances, so each day does"
    funders = {one.funder_id: ids.text("funder", one.funder_id) for one in moved if one.funder_id}
    funders[book.id] = "own"
    return Export(on, state != "closed", tuple(moved), as_csv(on, moved, codes(book=book, on=on), funders))
