"""The statements of a day of reconciliation: for each source what was open, what moved, what explains it, and what is carried on; its three levels;
and how it goes over some days.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from yuefu import ids
from yuefu.errors import Refused
from yuefu.journeys import carried, levels, trends
from yuefu.journeys.carried import DayStatements, SourceDay
from yuefu.journeys.trends import Trends
from yuefu.reconciliation.rules.carrying import Carried
from yuefu.reconciliation.rules.levels import Level
from yuefu.reconciliation.rules.references import Result
from yuefu.runtime import books, days
from yuefu.runtime.values import Book
from yuefu.web.acting import books_with
from yuefu.web.pages import day_of, misread, missing, named, page

READ: Final = "reconcile"
TREND_DAYS: Final = 30
MOST_ROWS: Final = 200
"""How many breaks, warnings and pending things of a source a page shows; the most urgent come first."""


@login_required
@require_safe
def statements(request: HttpRequest) -> HttpResponse:
    """Those of the book that `?book=` names, else of the first one, and of the day `?on=`, else of the last one with a bill."""
    scope = named(books_with(request.user, READ), request.GET.get("book", ""))
    if scope is None:
        return missing(request)
    on = day_of(request.GET["on"]) if request.GET.get("on") else None
    if request.GET.get("on") and on is None:
        return misread(request)
    with scope.reading():
        found = carried.day(book_id=scope.book.id, on=on)
        if isinstance(found, Refused):
            return show(request, None, book=scope.book)
        made = levels.of_day(book_id=scope.book.id, on=found.on, sources=found.sources)
        today = days.open_date(scope.book.id) or books.today_in(scope.book)
        told = trends.trends(book_id=scope.book.id, on=today, days=TREND_DAYS)
    return show(request, found, book=scope.book, made=made, told=told)


def show(
    request: HttpRequest, found: DayStatements | None, *, book: Book, made: Sequence[Level] = (), told: Trends | None = None
) -> HttpResponse:
    """The page, with the levels that were `made` of the day and the trend that is `told`; None where no bill has come yet."""
    context: dict[str, Any] = {"found": found, "most": MOST_ROWS}
    if found is not None:
        acted_on = [(source, _to_act_on(source)) for source in found.sources]
        context |= {
            "sources": [
                (source, [(item, _public(item.standing.key)) for item in items[:MOST_ROWS]], len(items) > MOST_ROWS)
                for source, items in acted_on
            ],
            "levels": made,
            "trend": told,
            "before": found.on - timedelta(days=1),
            "after": found.on + timedelta(days=1),
        }
    return page(request, "web/recon.html", book, context)


def _to_act_on(source: SourceDay) -> list[Carried]:
    """What is a break, a warning or pending, and that nobody ended."""
    return [item for item in source.statement.items if item.placed.result is not Result.OK and not item.ended] if source.statement else []


def _public(key: str) -> str:
    """The break of a key, as others name it."""
    try:
        return ids.text("break", UUID(key))
    except ValueError:
        return ""
