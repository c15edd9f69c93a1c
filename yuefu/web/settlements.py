"""Settlement: batches in a list, the statement of each and of a month, and their files. Staff see those of a book, a merchant's people its own."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from tempfile import SpooledTemporaryFile
from typing import IO, Any, Final, cast
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import FileResponse, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import get_language
from django.views.decorators.http import require_safe
from structlog.contextvars import bind_contextvars

from yuefu import ids
from yuefu.errors import Refused
from yuefu.journeys import statement_files, statement_pages, statements
from yuefu.journeys.statement_files import CONTENT_TYPES, FORMS, Form
from yuefu.journeys.statement_pages import BatchList, LinePage, Wanted
from yuefu.journeys.statement_words import STATES, Language, steps
from yuefu.journeys.statements import Statement
from yuefu.runtime import books
from yuefu.runtime.values import Book
from yuefu.web.edge import is_chinese
from yuefu.web.scopes import Scope, Visitor, scopes_of

PERMISSION: Final = "settlement.read"
YEARS: Final = range(2000, 3000)
_LONGEST: Final = 200
_IN_MEMORY: Final = 1 << 20


@login_required
@require_safe
def listing(request: HttpRequest) -> HttpResponse:
    """Batches of the book that `?book=` names, else of the first one; `?merchant=`, `?state=` and `?on=` choose, `?after=` pages through them."""
    scope = next((scope for scope in scopes_of(request.user, PERMISSION) if request.GET.get("book", "") in ("", scope.book.code)), None)
    if scope is None:
        return render(request, "404.html", status=404)
    wanted = _wanted(request)
    if wanted is None:
        return render(request, "400.html", status=400)
    with scope.reading():
        found = statement_pages.listed(
            book_id=scope.book.id, currency=scope.book.currency, wanted=wanted, cursor=request.GET.get("after", "")[:_LONGEST]
        )
    if isinstance(found, Refused):
        return render(request, "400.html", status=400)
    return show_list(request, found, book=scope.book, for_staff=scope.merchant_id is None)


def show_list(request: HttpRequest, found: BatchList, *, book: Book, for_staff: bool = True) -> HttpResponse:
    """The page of the list."""
    asked = request.GET.copy()
    asked.pop("after", None)
    context = {
        "found": found,
        "states": list(STATES),
        "after": request.GET.get("after", ""),
        "asked": asked.urlencode(),
        "for_staff": for_staff,
    }
    return _page(request, "web/settlements.html", book, context)


@login_required
@require_safe
def batch(request: HttpRequest, public_id: str) -> HttpResponse:
    """The statement of a batch; `?after=` pages through its lines."""
    placed = _batch(request.user, public_id)
    if placed is None:
        return render(request, "404.html", status=404)
    scope, found = placed
    with scope.reading():
        lines = statement_pages.page(part=found.parts[0], cursor=request.GET.get("after", "")[:_LONGEST])
    if isinstance(lines, Refused):
        return render(request, "400.html", status=400)
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
    return _page(request, "web/settlement.html", book, context, status=409 if refused else 200)


@login_required
@require_safe
def month(request: HttpRequest, merchant: str, month: str) -> HttpResponse:
    """The statement of a merchant over the pay days of a month."""
    placed = _month(request.user, merchant, month)
    if placed is None:
        return render(request, "404.html", status=404)
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
    return _page(request, "web/settlement_month.html", book, context, status=409 if refused else 200)


@login_required
@require_safe
def batch_file(request: HttpRequest, public_id: str, form: str) -> HttpResponseBase:
    """The statement of a batch as a file."""
    placed = _batch(request.user, public_id) if form in FORMS else None
    if placed is None:
        return render(request, "404.html", status=404)

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
        return render(request, "404.html", status=404)

    def why_not(scope: Scope, found: Statement, code: str) -> HttpResponse:
        return show_month(request, found, book=scope.book, for_staff=scope.merchant_id is None, refused=code)

    return _file(placed, cast("Form", form), why_not)


def _file(placed: tuple[Scope, Statement], form: Form, why_not: Callable[[Scope, Statement, str], HttpResponse]) -> HttpResponseBase:
    """A file in the language of the pages; of a statement that does not prove itself the page, with why there is none."""
    scope, found = placed
    proven = statements.prove(book_id=scope.book.id, statement=found)
    if isinstance(proven, Refused):
        return why_not(scope, found, proven.code)
    made = cast("IO[bytes]", SpooledTemporaryFile(max_size=_IN_MEMORY))  # noqa: SIM115 - whoever sends it closes it
    language: Language = "zh" if is_chinese(get_language() or "en") else "en"
    with scope.reading():
        statement_files.write(proven=proven, form=form, language=language, lender=scope.book.legal_entity, to=made)
    made.seek(0)
    return FileResponse(made, as_attachment=True, filename=f"{found.name}.{form}", content_type=CONTENT_TYPES[form])


def day_of(text: str) -> date | None:
    """A day that somebody wrote, or None."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return day if day.year in YEARS else None


def _wanted(request: HttpRequest) -> Wanted | None:
    """What the form asks for; None where that is no day or state."""
    merchant, state, on = (request.GET.get(name, "").strip()[:_LONGEST] for name in ("merchant", "state", "on"))
    day = day_of(on) if on else None
    if (on and day is None) or (state and state not in STATES) or not merchant.isprintable():
        return None
    return Wanted(merchant, state, day)


def _batch(visitor: Visitor, public_id: str) -> tuple[Scope, Statement] | None:
    """A batch with the scope in which somebody may see it; None where it does not exist or is not theirs, which look the same from outside."""
    try:
        batch_id = ids.parse("batch", public_id)
    except ids.BadId:
        return None
    bind_contextvars(batch_id=public_id)
    return next(((scope, found) for scope in scopes_of(visitor, PERMISSION) if (found := _seen(scope, batch_id))), None)


def _seen(scope: Scope, batch_id: UUID) -> Statement | None:
    with scope.reading():
        return statements.of_batch(batch_id=batch_id)


def _month(visitor: Visitor, merchant: str, month: str) -> tuple[Scope, Statement] | None:
    """A month of a merchant with the scope in which somebody may see it; None where there is none to see."""
    try:
        merchant_id, first = ids.parse("merchant", merchant), date.fromisoformat(f"{month}-01")
    except ValueError:
        return None
    if len(month) != len("2026-10") or first.year not in YEARS:
        return None
    return next(((scope, found) for scope in scopes_of(visitor, PERMISSION) if (found := _seen_month(scope, merchant_id, first))), None)


def _seen_month(scope: Scope, merchant_id: UUID, first: date) -> Statement | None:
    with scope.reading():
        return statements.of_month(book_id=scope.book.id, merchant_id=merchant_id, month=first, currency=scope.book.currency)


def _page(request: HttpRequest, template: str, book: Book, context: dict[str, Any], *, status: int = 200) -> HttpResponse:
    with timezone.override(book.tz):
        return render(request, template, {"book": book, "as_of": books.now_in(book).astimezone(book.tz).date(), **context}, status=status)
