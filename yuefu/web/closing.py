"""How far the close of a day is, and trying again what it could not go on with."""

from __future__ import annotations

from typing import Final

from django.contrib.auth.decorators import login_required
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.http import require_POST, require_safe

from yuefu import ids
from yuefu.errors import Refused
from yuefu.journeys import set_aside
from yuefu.journeys.closing_progress import ProgressView, progress
from yuefu.runtime import books
from yuefu.runtime.values import Book
from yuefu.web.acting import books_with, desk_of, holds
from yuefu.web.pages import missing, named, page
from yuefu.web.scopes import overviews_for

SETTLE: Final = "quarantine.settle"
READ: Final = "quarantine.read"
TRIED: Final = frozenset({"went_on", "still_stuck", "refused"})
"""What became of trying again, as the address of the page tells it."""
MOVING_S, STILL_S = 2, 20


@require_safe
def closing(request: HttpRequest) -> HttpResponse:
    """The close of the book that `?book=` names, else of the first one the visitor may see; `?part=1` is what changes while one looks on."""
    allowed = overviews_for(request.user)
    if not allowed and not request.user.is_authenticated:
        return redirect_to_login(request.get_full_path())
    scope = named(allowed, request.GET.get("book", ""))
    if scope is None:
        return missing(request)
    with scope.reading():
        found = progress(book_id=scope.book.id, with_errors=holds(request.user, READ, scope.book))
    return show(request, found, book=scope.book, may_retry=holds(request.user, SETTLE, scope.book))


def show(request: HttpRequest, found: ProgressView, *, book: Book, may_retry: bool) -> HttpResponse:
    """The page; times are those of the book."""
    tried = request.GET.get("tried", "")
    context = {
        "progress": found,
        "as_of": found.open_on or books.today_in(book),
        "may_retry": may_retry,
        "tried": tried if tried in TRIED else "",
        "every_s": MOVING_S if found.is_moving else STILL_S,
        "part": f"{reverse('closing')}?{urlencode({'book': book.code, 'part': '1'})}",
    }
    name = "web/_closing.html" if request.GET.get("part") else "web/closing.html"
    return page(request, name, book, context)


@login_required
@require_POST
def retry(request: HttpRequest) -> HttpResponse:
    """Tries a loan again that the close could not go on with, then shows the page with what became of it."""
    code = request.POST.get("book", "")
    scope = next((one for one in books_with(request.user, SETTLE) if one.book.code == code), None)
    try:
        wanted = ids.parse("quarantine", request.POST.get("quarantine", ""))
    except ids.BadId:
        scope = None
    if scope is None:
        return missing(request)
    desk = desk_of(request.user, scope.book)
    outcome = desk if isinstance(desk, Refused) else set_aside.retry(desk=desk, now=books.now_in(scope.book), quarantine_ids=[wanted])[0]
    tried = "refused" if isinstance(outcome, Refused) else "still_stuck" if outcome.waits else "went_on"
    return redirect(f"{reverse('closing')}?{urlencode({'book': code, 'tried': tried})}#stuck")
