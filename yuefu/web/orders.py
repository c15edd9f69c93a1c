"""The trace of an order, and finding one."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_safe
from structlog.contextvars import bind_contextvars

from yuefu import ids
from yuefu.errors import Refused
from yuefu.journeys.finding import orders_named, the_one
from yuefu.journeys.trace import trace
from yuefu.journeys.views import OrderRow, Trace
from yuefu.runtime.jsontext import dumps
from yuefu.runtime.values import Book
from yuefu.web.scopes import Visitor, scopes_of
from yuefu.web.timeline import next_step

PERMISSION = "trace"
LONGEST_SEARCH = 100


@dataclass(frozen=True, slots=True)
class Seen:
    """A trace as somebody may see it, in its book."""

    trace: Trace
    book: Book


@login_required
@require_safe
def trace_page(request: HttpRequest, public_id: str) -> HttpResponse:
    """The whole life of one order; `?format=json` gives the same values to engineers."""
    try:
        order_id = ids.parse("order", public_id)
    except ids.BadId:
        return not_found(request, public_id)
    bind_contextvars(order_id=ids.text("order", order_id))
    seen = trace_for(request.user, order_id)
    if seen is None:
        return not_found(request, public_id)
    if request.GET.get("format") == "json":
        return HttpResponse(as_json(seen.trace), content_type="application/json; charset=utf-8")
    return show(request, seen.trace, book=seen.book)


@login_required
@require_safe
def find(request: HttpRequest) -> HttpResponse:
    """Goes to the order with the id or merchant reference `?q=`."""
    text = request.GET.get("q", "").strip()
    found = orders_for(request.user, text)
    order_id = the_one(text, found)
    if not isinstance(order_id, Refused):
        return redirect("trace", public_id=ids.text("order", order_id))
    return which(request, text, found) if found else not_found(request, text)


def trace_for(visitor: Visitor, order_id: UUID) -> Seen | None:
    """The trace of an order for one person; None where it does not exist or is not theirs, which look the same from outside."""
    for scope in scopes_of(visitor, PERMISSION):
        with scope.reading():
            found = trace(order_id=order_id, audience="merchant" if scope.merchant_id else "staff", book=scope.book)
        if not isinstance(found, Refused):
            return Seen(found, scope.book)
    return None


def orders_for(visitor: Visitor, text: str) -> tuple[OrderRow, ...]:
    """The orders that a text names, among those that one person may see; each once, though they may see it in two ways."""
    found: dict[str, OrderRow] = {}
    for scope in scopes_of(visitor, PERMISSION):
        with scope.reading():
            found |= {order.public_id: order for order in orders_named(text, book_id=scope.book.id)}
    return tuple(found.values())


def show(request: HttpRequest, found: Trace, *, book: Book) -> HttpResponse:
    """The page of a trace; times are those of the book."""
    context = {
        "trace": found,
        "book": book,
        "as_of": found.as_of,
        "next": next_step(found),
        "several_loans": len({instalment.loan for instalment in found.instalments}) > 1,
    }
    with timezone.override(book.tz):
        return render(request, "web/trace.html", context)


def as_json(found: Trace) -> str:
    """The values of a trace as indented JSON."""
    return json.dumps(json.loads(dumps(found)), ensure_ascii=False, indent=2)


def which(request: HttpRequest, text: str, found: Sequence[OrderRow]) -> HttpResponse:
    """Says that several orders have this reference, and lets one be chosen."""
    return render(request, "web/which_order.html", {"q": text[:LONGEST_SEARCH], "found": found}, status=300)


def not_found(request: HttpRequest, text: str) -> HttpResponse:
    """Says that there is no such order to see, and what to do about it."""
    return render(request, "web/no_order.html", {"q": text[:LONGEST_SEARCH]}, status=404)
