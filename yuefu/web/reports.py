"""Daily clearing, monthly settlement, and the money flow of a day: as they were given out, for staff who may read the ledger."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any, Final
from urllib.parse import urlencode

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import get_language
from django.views.decorators.http import require_safe

from yuefu.errors import Refused
from yuefu.insight import queries as insight
from yuefu.insight.queries import Kept
from yuefu.insight.rules.clearing import Report, Section, accrued_and_paid, came_and_went
from yuefu.insight.rules.flows import Picture
from yuefu.insight.rules.places import ALL_PLACES
from yuefu.journeys import money_flow, reports
from yuefu.journeys.money_flow import Day, Entries
from yuefu.journeys.reports import GivenOut
from yuefu.ledger.rules import CHART
from yuefu.money.amounts import Money
from yuefu.runtime import days, sql
from yuefu.runtime.values import Book
from yuefu.web import edge, entry_texts, flow_chart, texts
from yuefu.web.acting import books_with
from yuefu.web.pages import day_of, misread, missing, named, page
from yuefu.web.scopes import Scope

READ: Final = "ledger.read"
LISTED: Final = 31
A_PAGE: Final = 50
LONGEST: Final = 64
_DAY: Final = timedelta(days=1)


@login_required
@require_safe
def listing(request: HttpRequest) -> HttpResponse:
    """What was given out in the book that `?book=` names, else in the first one; `?day=2026-10-12` and `?month=2026-10` show one of it."""
    scope = _scope(request)
    if scope is None:
        return missing(request)
    kind: Any = "day" if request.GET.get("day") else "month"
    wanted = request.GET.get("day") or (f"{request.GET['month']}-01" if request.GET.get("month") else "")
    if not wanted:
        with scope.reading():
            months = insight.kept_reports(book_id=scope.book.id, kind="month", limit=LISTED)
            of_days = insight.kept_reports(book_id=scope.book.id, kind="day", limit=LISTED)
        return show_list(request, months, of_days, book=scope.book, begun=days.open_date(scope.book.id) is not None)
    on = day_of(wanted)
    if on is None:
        return misread(request)
    with scope.reading():
        found = reports.of(book=scope.book, kind=kind, on=on)
    if isinstance(found, Refused):
        return missing(request)
    with scope.reading():
        before, after = _beside(scope.book, kind, found.report)
    return show(request, found, book=scope.book, before=before, after=after)


def _beside(book: Book, kind: Any, report: Report) -> tuple[date | None, date | None]:
    """When the reports before and after one begin, of those that were given out."""
    earlier = insight.kept_reports(book_id=book.id, kind=kind, before=report.since, limit=1)
    latest = insight.kept_reports(book_id=book.id, kind=kind, before=report.until + 2 * _DAY, limit=1)
    return next((one.since for one in earlier), None), next((one.since for one in latest if one.since > report.since), None)


@login_required
@require_safe
def flow(request: HttpRequest) -> HttpResponse:
    """The money flow of `?on=`, else of the open day, in the book that `?book=` names; with `from` and `to` entries between
    two places, a page at a time."""
    scope = _scope(request)
    today = days.open_date(scope.book.id) if scope else None
    if scope is None or today is None:
        return missing(request)
    on = day_of(request.GET["on"]) if request.GET.get("on") else today
    if on is None:
        return misread(request)
    origin, target = (request.GET.get(name, "") for name in ("from", "to"))
    with sql.reading(book_id=scope.book.id, at_one_moment=True):
        if origin or target:
            found: Day | Entries | Refused = _entries(request, scope.book, on, origin, target)
        else:
            found = money_flow.of_day(book=scope.book, on=on)
    if isinstance(found, Refused):
        status = 404 if found.code == money_flow.UNKNOWN_DAY else 409 if found.code == money_flow.DOES_NOT_ADD_UP else 400
        return render(request, f"{404 if status == 404 else 400}.html", status=status)
    if isinstance(found, Entries):
        return show_entries(request, found, book=scope.book, on=on, origin=origin, target=target, currency=_currency(request, scope.book))
    return show_flow(request, found, book=scope.book, begun_on=days.first_of(scope.book.id), today=today)


def _entries(request: HttpRequest, book: Book, on: date, origin: str, target: str) -> Entries | Refused:
    kind, cursor = request.GET.get("kind", "")[:LONGEST], request.GET.get("after", "")[:LONGEST]
    if "\0" in kind:
        return Refused("kind_malformed", "this is no kind of entry", "kind")
    return money_flow.entries(
        book=book, on=on, origin=origin, target=target, currency=_currency(request, book), kind=kind or None, cursor=cursor, limit=A_PAGE
    )


def _currency(request: HttpRequest, book: Book) -> str:
    return request.GET.get("currency", "") or book.currency


def _scope(request: HttpRequest) -> Scope | None:
    return named(books_with(request.user, READ), request.GET.get("book", ""))


def show_list(request: HttpRequest, months: list[Kept], of_days: list[Kept], *, book: Book, begun: bool = True) -> HttpResponse:
    """The list of what was given out; money flows in a book that has `begun`, whether or not a report was made."""
    return page(request, "web/reports.html", book, {"months": months, "days": of_days, "begun": begun})


def show(request: HttpRequest, found: GivenOut, *, book: Book, before: date | None = None, after: date | None = None) -> HttpResponse:
    """The page of a report, with links to those that begin `before` and `after`; times are those of the book."""
    report = found.report
    context = {
        "found": found,
        "report": report,
        "money": [(_section(one), *_moneys(one.currency, *came_and_went(one))) for one in report.money],
        "owed": [(_section(one), *_moneys(one.currency, *accrued_and_paid(one))) for one in report.owed],
        "sections": [_section(one) for one in report.sections if one.rows or one.opening or one.closing],
        "sold": _sold(report),
        "back_dated": [(one, Money(one.minor, one.currency)) for one in found.back_dated],
        "before": before,
        "after": after,
    }
    return page(request, "web/report.html", book, context)


def _moneys(currency: str, *minors: int) -> list[Money]:
    return [Money(minor, currency) for minor in minors]


def _section(one: Section) -> dict[str, Any]:
    """A section in words and money."""
    opening, closing = _moneys(one.currency, one.opening, one.closing)
    parts = [(_component(part.code), part.account, *_moneys(one.currency, part.opening, part.closing)) for part in one.parts]
    rows = [(row_text(row.name), row.entries, Money(row.minor, one.currency)) for row in one.rows]
    return {"place": one.place, "currency": one.currency, "opening": opening, "rows": rows, "closing": closing, "parts": parts}


def _component(code: str) -> str:
    account = CHART.get(code)
    chinese = edge.is_chinese(get_language() or "en")
    return code if account is None else account.name_zh if chinese else account.name_en


def row_text(name: str) -> str:
    """What a row of a section is: a component, a kind of entry, or a kind and what the bank or channel shows of it."""
    if name in CHART:
        return _component(name)
    if name in entry_texts.ENTRY_KINDS:
        return texts.text_of("entry_kind", name)
    kind, _, movement = name.rpartition(".")
    if kind in entry_texts.ENTRY_KINDS:
        return f"{texts.text_of('entry_kind', kind)} · {texts.text_of('movement', movement)}"
    return texts.text_of("entry_kind", name)


def _sold(report: Report) -> list[tuple[str, list[tuple[str, Money]]]]:
    return [
        (one.currency, [(name, Money(minor, one.currency)) for name, minor in reports.sold_figures(one).items()]) for one in report.sold
    ]


def show_flow(request: HttpRequest, found: Day, *, book: Book, begun_on: date | None = None, today: date | None = None) -> HttpResponse:
    """The page of a day's money flow: a table first, then the picture; with links to the days beside it, of those from the first one to today."""
    context = {
        "found": found,
        "pictures": [_picture(one, book) for one in found.pictures],
        "before": found.on - _DAY if begun_on is None or begun_on < found.on else None,
        "after": found.on + _DAY if today is None or found.on < today else None,
    }
    return page(request, "web/flow.html", book, context)


def _picture(one: Picture, book: Book) -> dict[str, Any]:
    places = [(at.place, *_moneys(one.currency, at.opening, at.came, at.went, at.closing)) for at in one.places]
    flows = [
        (
            f.origin,
            f.target,
            texts.text_of("entry_kind", f.kind),
            f.entries,
            Money(f.minor, one.currency),
            _link(one, book, f.origin, f.target, f.kind),
        )
        for f in sorted(one.flows, key=lambda f: (ALL_PLACES.index(f.origin), ALL_PLACES.index(f.target), -f.minor))
    ]
    return {"currency": one.currency, "places": places, "flows": flows, "chart": flow_chart.sankey(one)}


def _link(one: Picture, book: Book, origin: str, target: str, kind: str) -> str:
    named = {"book": book.code, "on": one.on.isoformat(), "from": origin, "to": target, "kind": kind, "currency": one.currency}
    return f"?{urlencode(named)}"


def show_entries(request: HttpRequest, found: Entries, *, book: Book, on: date, origin: str, target: str, currency: str) -> HttpResponse:
    """The entries of one flow."""
    kind = request.GET.get("kind", "")
    here = {"book": book.code, "on": on.isoformat()}
    more = {**here, "from": origin, "to": target, "kind": kind, "currency": currency, "after": found.next_cursor}
    context = {
        "entries": [(one, texts.text_of("entry_kind", one.kind), Money(one.minor, currency)) for one in found.entries],
        "on": on,
        "origin": origin,
        "target": target,
        "currency": currency,
        "back": f"?{urlencode(here)}",
        "more": f"?{urlencode(more)}" if found.next_cursor else "",
    }
    return page(request, "web/flow_entries.html", book, context)
