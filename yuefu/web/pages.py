"""What most pages share: the book that is looked at, the one thing that somebody may see, days and months that were typed, and the page in the time of its
book.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date
from tempfile import SpooledTemporaryFile
from typing import IO, Any, Final, TypeVar, cast

from django.http import FileResponse, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import get_language

from yuefu.journeys.statement_words import Language
from yuefu.runtime import books
from yuefu.runtime.values import Book
from yuefu.web.edge import is_chinese
from yuefu.web.scopes import Scope

LONGEST: Final = 200
"""The longest text that is looked for."""
YEARS: Final = range(2000, 3000)
_IN_MEMORY: Final = 1 << 20

Found = TypeVar("Found")


def named(scopes: Iterable[Scope], code: str) -> Scope | None:
    """The scope in the book that is named, else the first one."""
    return next((scope for scope in scopes if code in ("", scope.book.code)), None)


def seen(scopes: Iterable[Scope], look: Callable[[Scope], Found | None]) -> tuple[Scope, Found] | None:
    """What is found in the first scope that may see it; None where it does not exist or is nobody's to see, which look the same from outside."""
    for scope in scopes:
        with scope.reading():
            found = look(scope)
        if found is not None:
            return scope, found
    return None


def day_of(text: str) -> date | None:
    """A day that somebody wrote, or None."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return day if day.year in YEARS else None


def month_of(text: str) -> date | None:
    """The first day of a month that is written YYYY-MM, or None."""
    return day_of(f"{text}-01") if len(text) == len("2026-10") else None


def batch_filter(request: HttpRequest, whose: str, states: Iterable[str]) -> tuple[str, str, date | None] | None:
    """Which batches `?<whose>=`, `?state=` and `?on=` ask for, all where they are empty; None where that is no name, state or day."""
    name, state, on = (request.GET.get(field, "").strip()[:LONGEST] for field in (whose, "state", "on"))
    day = day_of(on) if on else None
    if (on and day is None) or (state and state not in states) or not name.isprintable():
        return None
    return name, state, day


def after(request: HttpRequest) -> str:
    """From where on a list is asked for: a cursor, or nothing."""
    return request.GET.get("after", "")[:LONGEST]


def asked(request: HttpRequest) -> str:
    """What a list was asked for, but not from where on: to ask for its next page."""
    given = request.GET.copy()
    given.pop("after", None)
    return given.urlencode()


def page(request: HttpRequest, template: str, book: Book, context: dict[str, Any], *, status: int = 200) -> HttpResponse:
    """A page of a book, in its time; `as_of` is its day unless the context has another."""
    with timezone.override(book.tz):
        return render(request, template, {"book": book, "as_of": books.today_in(book), **context}, status=status)


def missing(request: HttpRequest) -> HttpResponse:
    """There is no such thing, or it is not the visitor's to see."""
    return render(request, "404.html", status=404)


def misread(request: HttpRequest) -> HttpResponse:
    """What was asked for is no day, state or cursor."""
    return render(request, "400.html", status=400)


def language() -> Language:
    """The language of the pages, for a file that is taken from one."""
    return "zh" if is_chinese(get_language() or "en") else "en"


def to_save(name: str, content_type: str, write: Callable[[IO[bytes]], None]) -> FileResponse:
    """A file that the browser saves."""
    made = cast("IO[bytes]", SpooledTemporaryFile(max_size=_IN_MEMORY))  # noqa: SIM115 - whoever sends it closes it
    write(made)
    made.seek(0)
    return FileResponse(made, as_attachment=True, filename=name, content_type=content_type)
