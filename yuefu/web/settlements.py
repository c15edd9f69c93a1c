"""Settlement: batches in a list, the statement of each and of a month, and their files. Staff see those of a book, a merchant's people its own."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import IO, Final, cast

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.views.decorators.http import require_safe
from structlog.contextvars import bind_contextvars

from yuefu import ids
from yuefu.errors import Refused
from yuefu.journeys import statement_files, statement_pages, statements
from yuefu.journeys.statement_files import CONTENT_TYPES, FORMS, Form
from yuefu.journeys.statement_pages import BatchList, LinePage, Wanted
from yuefu.journeys.statement_words import STATES, steps
from yuefu.journeys.statements import Statement
from yuefu.runtime.values import Book
from yuefu.web.pages import after, asked, batch_filter, language, misread, missing, month_of, named, page, seen, to_save
from yuefu.web.scopes import Scope, Visitor, scopes_of

PERMISSION: Final = "settlement.read"


@login_required
@require_safe
def listing(request: HttpRequest) -> HttpResponse:
    """Batches of the book that `?book=` names, else of the first one; `?merchant=`, `?state=` and `?on=` choose, `?after=` pages through them."""
    scope = named(scopes_of(request.user, PERMISSION), request.GET.get("book", ""))
    if scope is None:
        return missing(request)
    chosen = batch_filter(request, "merchant", STATES)
    if chosen is None:
        return misread(request)
    with scope.reading():
        found = statement_pages.listed(book_id=scope.book.id, currency=scope.book.currency, wanted=Wanted(*chosen), cursor=after(request))
    if isinstance(found, Refused):
        return misread(request)
    return show_list(request, found, book=scope.book, for_staff=scope.merchant_id is None)


def show_list(request: HttpRequest, found: BatchList, *, book: Book, for_staff: bool = True) -> HttpResponse:
    """The page of the list."""
    context = {
        "found": found,
        "states": list(STATES),
        "after": request.GET.get("after", ""),
        "asked": asked(request),
        "for_staff": for_staff,
    }
    return page(request, "web/settlements.html", book, context)


@login_required
@require_safe
def batch(request: HttpRequest, public_id: str) -> HttpResponse:
    """The statement of a batch; `?after=` pages through its lines."""
    placed = _batch(request.user, public_id)
    if placed is None:
        return missing(request)
    scope, found = placed
    with scope.reading():
        lines = statement_pages.page(part=found.parts[0], cursor=after(request))
    if isinstance(lines, Refused):
        return misread(request)
    return show_batch(request, found, lines, book=scope.book, for_staff=scope.merchant_id is None)


def show_batch(
    request: HttpRequest, found: Statement, lines: LinePage, *, book: Book, for_staff: bool = True, refused: str = ""
) -> HttpResponse:
    """The page of a batch; where no file was given out, with why."""
    (part,) = found.parts
    context = {
        "found": found,
        "part": part,
        "public_id": ids.text("batch", part.batch.id),
        "merchant_id": ids.text("merchant", found.merchant.id),
        "steps": steps(found.totals),
        "lines": lines,
        "after": request.GET.get("after", ""),
        "refused": refused,
        "for_staff": for_staff,
        "forms": FORMS,
    }
    return page(request, "web/settlement.html", book, context, status=409 if refused else 200)


@login_required
@require_safe
def month(request: HttpRequest, merchant: str, month: str) -> HttpResponse:
    """The statement of a merchant over the pay days of a month."""
    placed = _month(request.user, merchant, month)
    if placed is None:
        return missing(request)
    scope, found = placed
    return show_month(request, found, book=scope.book, for_staff=scope.merchant_id is None)


def show_month(request: HttpRequest, found: Statement, *, book: Book, for_staff: bool = True, refused: str = "") -> HttpResponse:
    """The page of a month."""
    assert found.month is not None, "a statement of a month has one"
    rows = [(ids.text("batch", part.batch.id), part) for part in found.parts]
    last = statements.last_of(found.month)
    context = {
        "found": found,
        "rows": rows,
        "merchant_id": ids.text("merchant", found.merchant.id),
        "steps": steps(found.totals),
        "before": date.fromordinal(found.month.toordinal() - 1),
        "following": date.fromordinal(last.toordinal() + 1),
        "last": last,
        "refused": refused,
        "for_staff": for_staff,
        "forms": FORMS,
    }
    return page(request, "web/settlement_month.html", book, context, status=409 if refused else 200)


@login_required
@require_safe
def batch_file(request: HttpRequest, public_id: str, form: str) -> HttpResponseBase:
    """The statement of a batch as a file."""
    placed = _batch(request.user, public_id) if form in FORMS else None
    if placed is None:
        return missing(request)

    def why_not(scope: Scope, found: Statement, code: str) -> HttpResponse:
        with scope.reading():
            lines = statement_pages.page(part=found.parts[0])
        assert not isinstance(lines, Refused), "the first page has no cursor"
        return show_batch(request, found, lines, book=scope.book, for_staff=scope.merchant_id is None, refused=code)

    return _file(placed, cast("Form", form), why_not)


@login_required
@require_safe
def month_file(request: HttpRequest, merchant: str, month: str, form: str) -> HttpResponseBase:
    """The statement of a month as a file."""
    placed = _month(request.user, merchant, month) if form in FORMS else None
    if placed is None:
        return missing(request)

    def why_not(scope: Scope, found: Statement, code: str) -> HttpResponse:
        return show_month(request, found, book=scope.book, for_staff=scope.merchant_id is None, refused=code)

    return _file(placed, cast("Form", form), why_not)


def _file(placed: tuple[Scope, Statement], form: Form, why_not: Callable[[Scope, Statement, str], HttpResponse]) -> HttpResponseBase:
    """A file in the language of the pages; of a statement that does not prove itself the page, with why there is none."""
    scope, found = placed
    proven = statements.prove(book_id=scope.book.id, statement=found)
    if isinstance(proven, Refused):
        return why_not(scope, found, proven.code)

    def write(to: IO[bytes]) -> None:
        with scope.reading():
            statement_files.write(proven=proven, form=form, language=language(), lender=scope.book.legal_entity, to=to)

    return to_save(f"{found.name}.{form}", CONTENT_TYPES[form], write)


def _batch(visitor: Visitor, public_id: str) -> tuple[Scope, Statement] | None:
    """A batch with the scope in which somebody may see it; None where it does not exist or is not theirs, which look the same from outside."""
    try:
        batch_id = ids.parse("batch", public_id)
    except ids.BadId:
        return None
    bind_contextvars(batch_id=public_id)
    return seen(scopes_of(visitor, PERMISSION), lambda _: statements.of_batch(batch_id=batch_id))


def _month(visitor: Visitor, merchant: str, month: str) -> tuple[Scope, Statement] | None:
    """A month of a merchant with the scope in which somebody may see it; None where there is none to see."""
    try:
        merchant_id = ids.parse("merchant", merchant)
    except ids.BadId:
        return None
    first = month_of(month)
    if first is None:
        return None

    def look(scope: Scope) -> Statement | None:
        return statements.of_month(book_id=scope.book.id, merchant_id=merchant_id, month=first, currency=scope.book.currency)

    return seen(scopes_of(visitor, PERMISSION), look)
