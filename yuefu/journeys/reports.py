"""Daily clearing and monthly settlement (日清月结): made of closed days, kept as they were given out, with what was back-dated into them later.

A report whose figures do not agree with each other is not made: the refusal names each pair. A month stands on the reports of its days.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from yuefu.errors import Refused
from yuefu.insight import commands as insight
from yuefu.insight import queries
from yuefu.insight.queries import BackDated, Kept
from yuefu.insight.rules import clearing
from yuefu.insight.rules.clearing import Fact, Figures, Kind, Report, Section, Sold
from yuefu.journeys.desk import Desk, open_day
from yuefu.ledger import queries as ledger
from yuefu.ledger.rules.gl import decimal_text
from yuefu.payments import queries as payments
from yuefu.runtime import days, sql
from yuefu.runtime.logs import logger
from yuefu.runtime.metrics import REPORTS_WRONG
from yuefu.runtime.values import Book

UNKNOWN_DAY: Final = "unknown_day"  # this book never opened it
DAY_NOT_CLOSED: Final = "day_not_closed"  # it may still move
DOES_NOT_ADD_UP: Final = "does_not_add_up"  # two figures of one thing differ; which ones, the detail says
DAYS_MISSING: Final = "days_missing"  # a month stands on the reports of its days
NOT_GIVEN_OUT: Final = "not_given_out"  # there is no such report yet

DAYS_BACK: Final = 62
"""A book that has no report yet begins with so many days before its open one."""
AT_ONCE: Final = 70
_NAMED: Final = 5
_DAY: Final = timedelta(days=1)

log = logger(__name__)


@dataclass(frozen=True, slots=True)
class GivenOut:
    """A report as it was kept, and what was posted since that was true on its days."""

    kept: Kept
    report: Report
    back_dated: tuple[BackDated, ...]


def made(*, book: Book, kind: Kind, since: date, until: date) -> Report | Refused:
    """The report of some days of a book as the books have them now, open ones included: a draft, until it is given out. Of one snapshot."""
    with sql.snapshot():
        return _made(book, kind, since, until)


def _made(book: Book, kind: Kind, since: date, until: date) -> Report | Refused:
    accounts = {account.id: code for code, account in payments.money_accounts(book_id=book.id).items()}
    given = Figures(
        moved=queries.moved(book.id, since, until),
        standings=ledger.standings(book.id, since, until),
        facts=queries.facts(book.id, since, until),
        sold=queries.sold(book.id, since, until),
        accounts=accounts,
    )
    found = clearing.report(kind, since, until, given)
    return found if isinstance(found, Report) else _wrong(book, since, until, found)


def _wrong(book: Book, since: date, until: date, pairs: Sequence[Fact]) -> Refused:
    named = [f"{one.name} {one.currency}: {one.here} here, {one.there} there" for one in pairs]
    log.error("report does not add up", book=book.code, since=str(since), until=str(until), pairs=named)
    more = f" and {len(named) - _NAMED} more" if len(named) > _NAMED else ""
    return Refused(DOES_NOT_ADD_UP, "; ".join(named[:_NAMED]) + more, "report")


def month_of(book: Book, month: date) -> tuple[date, date]:
    """The first and last day of a month that the book has days of."""
    first = month.replace(day=1)
    last = (first + timedelta(days=31)).replace(day=1) - _DAY
    begun = days.first_of(book.id)
    return (max(first, begun) if begun and begun <= last else first), last


def give_out(*, desk: Desk, now: datetime, limit: int = AT_ONCE) -> list[Report | Refused]:
    """Makes and keeps the report of each closed day that has none, the oldest first, and of each month whose days all have theirs. One that does not add
    up is refused, logged and counted; the days after it go on, its month waits. Each is one transaction; again, it makes what is left."""
    book = desk.book
    outcomes = [_given_out(desk, now, "day", on, on) for on in _days_due(book, limit)]
    for first, last in _months_due(book):
        outcomes.append(_given_out(desk, now, "month", first, last))
    REPORTS_WRONG.labels(book=book.code).set(sum(isinstance(one, Refused) and one.code == DOES_NOT_ADD_UP for one in outcomes))
    return outcomes


def _days_due(book: Book, limit: int) -> Sequence[date]:
    today = days.open_date(book.id)
    begun = days.first_of(book.id)
    if today is None or begun is None:
        return []
    oldest = today - DAYS_BACK * _DAY
    return queries.days_to_report(book_id=book.id, since=max(begun, oldest), limit=limit)


def _months_due(book: Book) -> list[tuple[date, date]]:
    """Months that are over, have no report, and of which every day has one; the oldest first."""
    end = queries.latest_end(book_id=book.id, kind="day")
    if end is None:
        return []
    found = []
    for month in sorted({end.replace(day=1), (end.replace(day=1) - _DAY).replace(day=1), (end - DAYS_BACK * _DAY).replace(day=1)}):
        first, last = month_of(book, month)
        if queries.kept(book_id=book.id, kind="month", since=first) is None and _all_there(book, first, last):
            found.append((first, last))
    return found


def _all_there(book: Book, first: date, last: date) -> bool:
    return queries.how_many_between(book_id=book.id, since=first, until=last) == (last - first).days + 1


def _given_out(desk: Desk, now: datetime, kind: Kind, since: date, until: date) -> Report | Refused:
    with sql.snapshot():
        found = _made(desk.book, kind, since, until)
        if kind == "month" and isinstance(found, Report):
            of_days = queries.reports_between(book_id=desk.book.id, since=since, until=until)
            if len(of_days) != (until - since).days + 1:
                return Refused(DAYS_MISSING, f"{len(of_days)} of the days from {since} to {until} have a report", "month")
            wrong = clearing.joined(found, of_days)
            found = _wrong(desk.book, since, until, wrong) if wrong else found
    if isinstance(found, Refused):
        return found
    with open_day(desk, now) as work:
        if isinstance(work, Refused):
            return work
        insight.keep(work=work, reports=[found])
    return found


def of(*, book: Book, kind: Kind, on: date) -> GivenOut | Refused:
    """The report of a day, or of the month of a day, as it was given out. Refused with unknown_day, day_not_closed or not_given_out."""
    since, until = (on, on) if kind == "day" else month_of(book, on)
    found = queries.kept(book_id=book.id, kind=kind, since=since)
    if found is not None:
        return GivenOut(*found, tuple(queries.back_dated(book.id, since, until)))
    state = days.state_of(book.id, until)
    if state is None:
        return Refused(UNKNOWN_DAY, f"{until} is no day of this book{', or not yet' if kind == 'month' else ''}", "on")
    if state != "closed":
        return Refused(DAY_NOT_CLOSED, f"{until} is {state}: close it first", "on")
    return Refused(
        NOT_GIVEN_OUT, f"there is no report of {_called(kind, since)} yet; the worker makes it within the hour, and `report make` now", "on"
    )


def _called(kind: Kind, since: date) -> str:
    return str(since) if kind == "day" else f"{since:%Y-%m}"


COLUMNS: Final = ("since", "until", "section", "currency", "row", "entries", "amount")


def as_csv(report: Report) -> str:
    """A header; of each section its opening, its rows and its closing, then what settlement keeps; the same text whenever it is made."""
    written = io.StringIO()
    rows = csv.writer(written, lineterminator="\r\n")
    rows.writerow(COLUMNS)
    head = (report.since.isoformat(), report.until.isoformat())
    for section in (*report.money, *report.owed, *report.sections):
        for name, entries, minor in _rows(section):
            rows.writerow((*head, section.place, section.currency, name, entries, decimal_text(minor, section.currency)))
    for sold in report.sold:
        for name, minor in sold_figures(sold).items():
            rows.writerow((*head, "settlement", sold.currency, name, "", decimal_text(minor, sold.currency)))
    return written.getvalue()


def _rows(section: Section) -> list[tuple[str, int | str, int]]:
    moved = [(row.name, row.entries, row.minor) for row in section.rows]
    return [("opening", "", section.opening), *moved, ("closing", "", section.closing)]


def sold_figures(sold: Sold) -> Mapping[str, int]:
    """The amounts of what settlement keeps, by name, in minor units."""
    names = ("gross", "fees", "discounts", "given_back", "settled", "payout", "carried", "reserved", "released")
    return {name: getattr(sold, name) for name in names}
