"""Invoices for fees: a list, and the fees of a merchant in a month with what a person may do about an invoice for them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.http import require_POST, require_safe

from yuefu import ids
from yuefu.errors import Refused
from yuefu.journeys import invoices
from yuefu.journeys.desk import Desk
from yuefu.journeys.invoices import FeeStatement, InvoiceList
from yuefu.runtime import books
from yuefu.runtime.values import Book
from yuefu.settlement.commands.invoices import Issue, Void
from yuefu.settlement.rules.invoices import STATES, Invoice, last_of
from yuefu.web.acting import desk_of, holds
from yuefu.web.pages import LONGEST, after, asked, misread, missing, month_of, named, page, seen
from yuefu.web.scopes import Scope, Visitor, scopes_of

PERMISSION: Final = "settlement.read"
REQUEST: Final = "invoice.request"
ISSUE: Final = "invoice.issue"
DONE: Final = frozenset({"requested", "issued", "voided"})
UNKNOWN_INVOICE: Final = "unknown_invoice"
DAY_INVALID: Final = "day_invalid"

Outcome = Invoice | Refused


@dataclass(frozen=True, slots=True)
class Allowed:
    """What somebody may do about an invoice."""

    request: bool
    issue: bool


@login_required
@require_safe
def listing(request: HttpRequest) -> HttpResponse:
    """Invoices of the book that `?book=` names, else of the first one; `?merchant=`, `?state=` and `?month=` choose, `?after=` pages through them."""
    scope = named(scopes_of(request.user, PERMISSION), request.GET.get("book", ""))
    if scope is None:
        return missing(request)
    merchant, state, month = (request.GET.get(name, "").strip()[:LONGEST] for name in ("merchant", "state", "month"))
    first = month_of(month) if month else None
    if (month and first is None) or state not in ("", *STATES) or not merchant.isprintable():
        return misread(request)
    with scope.reading():
        found = invoices.listed(book=scope.book, merchant=merchant, state=state, month=first, cursor=after(request))
    if isinstance(found, Refused):
        return misread(request)
    return show_list(request, found, book=scope.book, for_staff=scope.merchant_id is None)


def show_list(request: HttpRequest, found: InvoiceList, *, book: Book, for_staff: bool = True) -> HttpResponse:
    """The page of the list."""
    rows = [(ids.text("merchant", row.merchant.id), row) for row in found.rows]
    context = {"found": found, "rows": rows, "states": STATES, "after": request.GET.get("after", ""), "asked": asked(request)}
    return page(request, "web/invoices.html", book, {**context, "for_staff": for_staff})


@login_required
@require_safe
def fees(request: HttpRequest, merchant: str, month: str) -> HttpResponse:
    """The fees of a merchant in a month, with forms for whoever may use them."""
    placed = _placed(request.user, merchant, month)
    return _shown(request, *placed) if placed else missing(request)


def show_fees(
    request: HttpRequest,
    found: FeeStatement,
    *,
    book: Book,
    allowed: Allowed,
    for_staff: bool = True,
    refused: str = "",
    typed: Mapping[str, str] | None = None,
) -> HttpResponse:
    """The page of fees; where something was `refused`, with why and what was `typed`."""
    month, done, today = found.fees.month, request.GET.get("done", ""), books.today_in(book)
    context = {
        "found": found,
        "merchant_id": ids.text("merchant", found.merchant.id),
        "invoice_id": ids.text("invoice", found.invoice.id) if found.invoice else "",
        "over": last_of(month) < today,
        "last": last_of(month),
        "before": date.fromordinal(month.toordinal() - 1),
        "following": date.fromordinal(last_of(month).toordinal() + 1),
        "allowed": allowed,
        "for_staff": for_staff,
        "done": done if done in DONE else "",
        "refused": refused,
        "typed": typed or {},
    }
    return page(request, "web/fees.html", book, context, status=422 if refused else 200)


@login_required
@require_POST
def act(request: HttpRequest, merchant: str, month: str) -> HttpResponse:
    """Requests, issues or voids an invoice, as `do` says; then the fees with what became of it."""
    placed, do = _placed(request.user, merchant, month), request.POST.get("do", "")
    permission = {"request": REQUEST, "issue": ISSUE, "void": ISSUE}.get(do)
    if placed is None or permission is None or not holds(request.user, permission, placed[0].book):
        return missing(request)
    scope, found = placed
    desk = desk_of(request.user, scope.book)
    outcome = desk if isinstance(desk, Refused) else _ACTS[do](desk, found, request)
    if isinstance(outcome, Refused):
        return _shown(request, scope, found, refused=outcome.code, typed=request.POST.dict())
    return redirect(f"{reverse('fees', args=[merchant, month])}?{urlencode({'done': outcome.state})}")


def _request(desk: Desk, found: FeeStatement, request: HttpRequest) -> Outcome:
    del request
    return invoices.request(desk=desk, now=books.now_in(desk.book), months=[(found.merchant.id, found.fees.month)])[0]


def _issue(desk: Desk, found: FeeStatement, request: HttpRequest) -> Outcome:
    on = _day(request, desk.book)
    if found.invoice is None or on is None:
        return _missing(found)
    return invoices.issue(desk=desk, now=books.now_in(desk.book), issues=[Issue(found.invoice.id, _text(request, "number"), on)])[0]


def _void(desk: Desk, found: FeeStatement, request: HttpRequest) -> Outcome:
    on = _day(request, desk.book)
    if found.invoice is None or on is None:
        return _missing(found)
    asked = Void(found.invoice.id, _text(request, "reason"), _text(request, "red_number"), on)
    return invoices.void(desk=desk, now=books.now_in(desk.book), voids=[asked])[0]


_ACTS: Final = {"request": _request, "issue": _issue, "void": _void}


def _missing(found: FeeStatement) -> Refused:
    if found.invoice is None:
        return Refused(UNKNOWN_INVOICE, "no invoice for this month is in force", "invoice")
    return Refused(DAY_INVALID, "this is no day", "on")


def _text(request: HttpRequest, name: str) -> str:
    return request.POST.get(name, "").strip()[: 10 * LONGEST]


def _day(request: HttpRequest, book: Book) -> date | None:
    """The day that was typed, or today; None where it is none."""
    text = _text(request, "on")
    try:
        return date.fromisoformat(text) if text else books.today_in(book)
    except ValueError:
        return None


def _placed(visitor: Visitor, merchant: str, month: str) -> tuple[Scope, FeeStatement] | None:
    """The fees with the scope in which somebody may see them; None where there are none to see."""
    first = month_of(month)
    try:
        merchant_id = ids.parse("merchant", merchant)
    except ids.BadId:
        return None
    if first is None:
        return None

    def look(scope: Scope) -> FeeStatement | None:
        return invoices.fee_statement(book_id=scope.book.id, merchant_id=merchant_id, month=first, currency=scope.book.currency)

    return seen(scopes_of(visitor, PERMISSION), look)


def _shown(
    request: HttpRequest, scope: Scope, found: FeeStatement, *, refused: str = "", typed: Mapping[str, str] | None = None
) -> HttpResponse:
    allowed = Allowed(holds(request.user, REQUEST, scope.book), holds(request.user, ISSUE, scope.book))
    for_staff = scope.merchant_id is None
    return show_fees(request, found, book=scope.book, allowed=allowed, for_staff=for_staff, refused=refused, typed=typed)
