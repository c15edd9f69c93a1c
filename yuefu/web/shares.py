"""Shares of agents, hosts and funders: their batches in a list, each with its lines and payouts, its file, and a page of whose they are. For staff."""

from __future__ import annotations

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
from yuefu.journeys import share_pages
from yuefu.journeys.share_pages import FIGURES, STATES, BatchShown, LinePage, PayeeShown, ShareList, Wanted
from yuefu.journeys.statement_files import CONTENT_TYPES
from yuefu.journeys.statement_words import Language
from yuefu.runtime import books
from yuefu.runtime.values import Book
from yuefu.web.edge import is_chinese
from yuefu.web.scopes import Scope, Visitor, scopes_of
from yuefu.web.settlements import PERMISSION, day_of

_LONGEST: Final = 200
_IN_MEMORY: Final = 1 << 20


@login_required
@require_safe
def listing(request: HttpRequest) -> HttpResponse:
    """Batches of the book that `?book=` names, else of the first one; `?payee=`, `?state=` and `?on=` choose, `?after=` pages through them."""
    scope = next((scope for scope in _scopes(request.user) if request.GET.get("book", "") in ("", scope.book.code)), None)
    if scope is None:
        return render(request, "404.html", status=404)
    wanted = _wanted(request)
    if wanted is None:
        return render(request, "400.html", status=400)
    with scope.reading():
        found = share_pages.listed(book_id=scope.book.id, wanted=wanted, cursor=request.GET.get("after", "")[:_LONGEST])
    if isinstance(found, Refused):
        return render(request, "400.html", status=400)
    return show_list(request, found, book=scope.book)


def show_list(request: HttpRequest, found: ShareList, *, book: Book) -> HttpResponse:
    """The page of the list."""
    asked = request.GET.copy()
    asked.pop("after", None)
    context = {"found": found, "states": STATES, "after": request.GET.get("after", ""), "asked": asked.urlencode()}
    return _page(request, "web/shares.html", book, context)


@login_required
@require_safe
def batch(request: HttpRequest, public_id: str) -> HttpResponse:
    """A batch of a payee; `?after=` pages through its lines."""
    placed = _batch(request.user, public_id)
    if placed is None:
        return render(request, "404.html", status=404)
    scope, found = placed
    with scope.reading():
        lines = share_pages.page(batch_id=found.row.batch.id, cursor=request.GET.get("after", "")[:_LONGEST])
    if isinstance(lines, Refused):
        return render(request, "400.html", status=400)
    return show_batch(request, found, lines, book=scope.book)


def show_batch(request: HttpRequest, found: BatchShown, lines: LinePage, *, book: Book, refused: str = "") -> HttpResponse:
    """The page of a batch; where no file was given out, with why."""
    totals = found.row.batch.totals
    context = {
        "found": found,
        "row": found.row,
        "batch": found.row.batch,
        "steps": [(name, -getattr(totals, name) if name in ("refunded", "defaulted") else getattr(totals, name)) for name in FIGURES],
        "lines": lines,
        "after": request.GET.get("after", ""),
        "refused": refused,
    }
    return _page(request, "web/share.html", book, context, status=409 if refused else 200)


@login_required
@require_safe
def batch_file(request: HttpRequest, public_id: str) -> HttpResponseBase:
    """A batch as a file, in the language of the pages; of one that does not prove itself the page, with why there is none."""
    placed = _batch(request.user, public_id)
    if placed is None:
        return render(request, "404.html", status=404)
    scope, found = placed
    proven = share_pages.prove(book_id=scope.book.id, shown=found)
    if isinstance(proven, Refused):
        with scope.reading():
            lines = share_pages.page(batch_id=found.row.batch.id)
        assert not isinstance(lines, Refused), "the first page has no cursor"
        return show_batch(request, found, lines, book=scope.book, refused=proven.code)
    made = cast("IO[bytes]", SpooledTemporaryFile(max_size=_IN_MEMORY))  # noqa: SIM115 - whoever sends it closes it
    language: Language = "zh" if is_chinese(get_language() or "en") else "en"
    with scope.reading():
        share_pages.write_csv(proven=proven, language=language, to=made)
    made.seek(0)
    return FileResponse(made, as_attachment=True, filename=f"{found.row.public_id}.csv", content_type=CONTENT_TYPES["csv"])


@login_required
@require_safe
def payee(request: HttpRequest, public_id: str) -> HttpResponse:
    """An agent, host or funder: what it is owed, where it is paid to, and its latest batches."""
    placed = _payee(request.user, public_id)
    return show_payee(request, placed[1], book=placed[0].book) if placed else render(request, "404.html", status=404)


def show_payee(request: HttpRequest, found: PayeeShown, *, book: Book) -> HttpResponse:
    """The page of whose shares they are."""
    return _page(request, "web/payee.html", book, {"found": found, "whose": found.whose})


def _scopes(visitor: Visitor) -> list[Scope]:
    """Of staff: what others have of a merchant's fee is none of the merchant's business."""
    return [scope for scope in scopes_of(visitor, PERMISSION) if scope.merchant_id is None]


def _wanted(request: HttpRequest) -> Wanted | None:
    """What the form asks for; None where that is no day or state."""
    whose, state, on = (request.GET.get(name, "").strip()[:_LONGEST] for name in ("payee", "state", "on"))
    day = day_of(on) if on else None
    if (on and day is None) or (state and state not in STATES) or not whose.isprintable():
        return None
    return Wanted(whose, state, day)


def _batch(visitor: Visitor, public_id: str) -> tuple[Scope, BatchShown] | None:
    """A batch with the scope in which somebody may see it; None where it does not exist or is not theirs, which look the same from outside."""
    try:
        batch_id = ids.parse("share_batch", public_id)
    except ids.BadId:
        return None
    bind_contextvars(share_batch_id=public_id)
    return next(((scope, found) for scope in _scopes(visitor) if (found := _seen(scope, batch_id))), None)


def _seen(scope: Scope, batch_id: UUID) -> BatchShown | None:
    with scope.reading():
        return share_pages.of_batch(book_id=scope.book.id, batch_id=batch_id)


def _payee(visitor: Visitor, public_id: str) -> tuple[Scope, PayeeShown] | None:
    party = "funder" if public_id.startswith("fnd_") else "payee"
    try:
        payee_id = ids.parse(party, public_id)
    except ids.BadId:
        return None
    return next(((scope, found) for scope in _scopes(visitor) if (found := _seen_payee(scope, party, payee_id))), None)


def _seen_payee(scope: Scope, party: str, payee_id: UUID) -> PayeeShown | None:
    with scope.reading():
        return share_pages.of_payee(book_id=scope.book.id, party=party, payee_id=payee_id, currency=scope.book.currency)


def _page(request: HttpRequest, template: str, book: Book, context: dict[str, Any], *, status: int = 200) -> HttpResponse:
    with timezone.override(book.tz):
        return render(request, template, {"book": book, "as_of": books.now_in(book).astimezone(book.tz).date(), **context}, status=status)
