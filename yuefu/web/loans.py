"""Loans in service: which are late, by bucket, and each loan with all that belongs to it."""

from __future__ import annotations

from datetime import date
from typing import Final

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe
from structlog.contextvars import bind_contextvars

from yuefu import ids
from yuefu.errors import Refused
from yuefu.journeys import late_loans, servicing
from yuefu.journeys.late_loans import LateBook
from yuefu.journeys.servicing import LoanFile
from yuefu.runtime import books
from yuefu.runtime.values import Book
from yuefu.web.acting import books_with, the_vault
from yuefu.web.pages import after, misread, missing, named, page, seen
from yuefu.web.scopes import Scope, Visitor

READ: Final = "collect.read"


@login_required
@require_safe
def late(request: HttpRequest) -> HttpResponse:
    """The late loans of the book that `?book=` names, else of the first one; `?bucket=` chooses, `?after=` pages through them."""
    scope = named(books_with(request.user, READ), request.GET.get("book", ""))
    if scope is None:
        return missing(request)
    bucket = request.GET.get("bucket")
    with scope.reading():
        today = _today(scope.book)
        found = late_loans.late_book(book_id=scope.book.id, on=today, open_day=today, bucket=bucket, cursor=after(request))
    if isinstance(found, Refused):
        return misread(request)
    return show_late(request, found, book=scope.book)


def show_late(request: HttpRequest, found: LateBook, *, book: Book) -> HttpResponse:
    """The page of the list."""
    return page(request, "web/late_loans.html", book, {"found": found, "as_of": found.on, "after": after(request)})


@login_required
@require_safe
def loan(request: HttpRequest, public_id: str) -> HttpResponse:
    """One loan as it stands today."""
    placed = _placed(request.user, public_id)
    if placed is None:
        return missing(request)
    bind_contextvars(loan_id=public_id)
    scope, found = placed
    return show(request, found, book=scope.book)


def show(request: HttpRequest, found: LoanFile, *, book: Book) -> HttpResponse:
    """The page of a loan; times are those of the book."""
    figures = servicing.figures(found.look)
    return page(request, "web/loan.html", book, {"found": found, "look": found.look, "figures": figures, "as_of": found.look.on})


def _today(book: Book) -> date:
    return servicing.today(book.id, books.today_in(book))


def _placed(visitor: Visitor, public_id: str) -> tuple[Scope, LoanFile] | None:
    """A loan with the book in which somebody may see it; None where it does not exist or is not theirs, which look the same from outside."""
    try:
        loan_id = ids.parse("loan", public_id)
    except ids.BadId:
        return None

    def look(scope: Scope) -> LoanFile | None:
        found = servicing.loan_file(book_id=scope.book.id, vault=the_vault(), loan_id=loan_id, on=_today(scope.book))
        return None if isinstance(found, Refused) else found

    return seen(books_with(visitor, READ), look)
