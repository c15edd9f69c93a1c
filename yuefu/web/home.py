"""The home page of a book: does it run, does it add up, what happened last."""

from __future__ import annotations

from datetime import datetime

from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from yuefu.errors import Refused
from yuefu.journeys.overview import overview
from yuefu.journeys.views import Overview
from yuefu.runtime import books
from yuefu.runtime.values import Book
from yuefu.web import charts, demo
from yuefu.web.pages import misread, missing
from yuefu.web.scopes import Scope, overviews_for, scopes_of

LONGEST_CURSOR = 200
SETTLEMENT = "settlement.read"


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """The overview of the book that `?book=` names, else of the first one the visitor may see; `?after=` pages through its orders."""
    allowed = overviews_for(request.user)
    if not allowed:
        if not request.user.is_authenticated:
            return redirect_to_login(request.get_full_path())
        return render(request, "web/lobby.html", {"settled": bool(scopes_of(request.user, SETTLEMENT))})
    wanted, cursor = request.GET.get("book", ""), request.GET.get("after", "")
    scope = next((scope for scope in allowed if scope.book.code == wanted), allowed[0] if not wanted else None)
    if scope is None:
        return missing(request)
    found = _overview(scope, cursor)
    if isinstance(found, Refused):
        return misread(request)
    others = [other.book for other in allowed if other.book.id != scope.book.id]
    return show(request, found, book=scope.book, now=books.now_in(scope.book), cursor=cursor, others=others)


def _overview(scope: Scope, cursor: str) -> Overview | Refused:
    if len(cursor) > LONGEST_CURSOR or not cursor.isprintable():
        return Refused("cursor_malformed", "this is not a place in the list of orders", "after")
    with scope.reading():
        return overview(book_id=scope.book.id, cursor=cursor)


def show(
    request: HttpRequest, found: Overview, *, book: Book, now: datetime, cursor: str = "", others: list[Book] | None = None
) -> HttpResponse:
    """The page of an overview; times are those of the book."""
    with timezone.override(book.tz):
        return render(
            request,
            "web/home.html",
            {
                "overview": found,
                "book": book,
                "others": others or [],
                "now": now,
                "as_of": found.today.on,
                "cursor": cursor,
                "answer": _answer(found),
                "chart": charts.daily(found.days),
                "demo": demo.is_on(),
                "logins": demo.logins(),
            },
        )


def _answer(found: Overview) -> str:
    """The code of what the page says first: the worst thing that is true."""
    if not found.trial_balance_zero or any(bridge.residual for bridge in found.bridges):
        return "does_not_add_up"
    if found.days_waiting_to_close:
        return "day_not_closed"
    if found.breaks_open:
        return "breaks_open"
    return "adds_up"
