"""Shares of agents, hosts and funders: their batches in a list, each with its lines and payouts, its file, and a page of whose they are. For staff."""

from __future__ import annotations

from typing import IO

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.views.decorators.http import require_safe
from structlog.contextvars import bind_contextvars

from yuefu import ids
from yuefu.errors import Refused
from yuefu.journeys import share_pages
from yuefu.journeys.share_pages import FIGURES, STATES, BatchShown, LinePage, PayeeShown, ShareList, Wanted
from yuefu.journeys.statement_files import CONTENT_TYPES
from yuefu.runtime.values import Book
from yuefu.web.pages import after, asked, batch_filter, language, misread, missing, named, page, seen, to_save
from yuefu.web.scopes import Scope, Visitor, scopes_of
from yuefu.web.settlements import PERMISSION


@login_required
@require_safe
def listing(request: HttpRequest) -> HttpResponse:
    """Batches of the book that `?book=` names, else of the first one; `?payee=`, `?state=` and `?on=` choose, `?after=` pages through them."""
    scope = named(_scopes(request.user), request.GET.get("book", ""))
    if scope is None:
        return missing(request)
    chosen = batch_filter(request, "payee", STATES)
    if chosen is None:
        return misread(request)
    with scope.reading():
        found = share_pages.listed(book_id=scope.book.id, wanted=Wanted(*chosen), cursor=after(request))
    if isinstance(found, Refused):
        return misread(request)
    return show_list(request, found, book=scope.book)


def show_list(request: HttpRequest, found: ShareList, *, book: Book) -> HttpResponse:
    """The page of the list."""
    context = {"found": found, "states": STATES, "after": request.GET.get("after", ""), "asked": asked(request)}
    return page(request, "web/shares.html", book, context)


@login_required
@require_safe
def batch(request: HttpRequest, public_id: str) -> HttpResponse:
    """A batch of a payee; `?after=` pages through its lines."""
    placed = _batch(request.user, public_id)
    if placed is None:
        return missing(request)
    scope, found = placed
    with scope.reading():
        lines = share_pages.page(batch_id=found.row.batch.id, cursor=after(request))
    if isinstance(lines, Refused):
        return misread(request)
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
    return page(request, "web/share.html", book, context, status=409 if refused else 200)


@login_required
@require_safe
def batch_file(request: HttpRequest, public_id: str) -> HttpResponseBase:
    """A batch as a file, in the language of the pages; of one that does not prove itself the page, with why there is none."""
    placed = _batch(request.user, public_id)
    if placed is None:
        return missing(request)
    scope, found = placed
    proven = share_pages.prove(book_id=scope.book.id, shown=found)
    if isinstance(proven, Refused):
        with scope.reading():
            lines = share_pages.page(batch_id=found.row.batch.id)
        assert not isinstance(lines, Refused), "the first page has no cursor"
        return show_batch(request, found, lines, book=scope.book, refused=proven.code)

    def write(to: IO[bytes]) -> None:
        with scope.reading():
            share_pages.write_csv(proven=proven, language=language(), to=to)

    return to_save(f"{found.row.public_id}.csv", CONTENT_TYPES["csv"], write)


@login_required
@require_safe
def payee(request: HttpRequest, public_id: str) -> HttpResponse:
    """An agent, host or funder: what it is owed, where it is paid to, and its latest batches."""
    placed = _payee(request.user, public_id)
    return show_payee(request, placed[1], book=placed[0].book) if placed else missing(request)


def show_payee(request: HttpRequest, found: PayeeShown, *, book: Book) -> HttpResponse:
    """The page of whose shares they are."""
    return page(request, "web/payee.html", book, {"found": found, "whose": found.whose})


def _scopes(visitor: Visitor) -> list[Scope]:
    """Of staff: what others have of a merchant's fee is none of the merchant's business."""
    return [scope for scope in scopes_of(visitor, PERMISSION) if scope.merchant_id is None]


def _batch(visitor: Visitor, public_id: str) -> tuple[Scope, BatchShown] | None:
    """A batch with the scope in which somebody may see it; None where it does not exist or is not theirs, which look the same from outside."""
    try:
        batch_id = ids.parse("share_batch", public_id)
    except ids.BadId:
        return None
    bind_contextvars(share_batch_id=public_id)
    return seen(_scopes(visitor), lambda scope: share_pages.of_batch(book_id=scope.book.id, batch_id=batch_id))


def _payee(visitor: Visitor, public_id: str) -> tuple[Scope, PayeeShown] | None:
    party = "funder" if public_id.startswith("fnd_") else "payee"
    try:
        payee_id = ids.parse(party, public_id)
    except ids.BadId:
        return None

    def look(scope: Scope) -> PayeeShown | None:
        return share_pages.of_payee(book_id=scope.book.id, party=party, payee_id=payee_id, currency=scope.book.currency)

    return seen(_scopes(visitor), look)
