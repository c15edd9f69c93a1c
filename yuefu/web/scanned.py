"""What a QR code leads to: the page of a checkout session, a form for the amount, or the advice to wait for the cashier; and its picture."""

from __future__ import annotations

import io
import re
import secrets
from typing import Final
from uuid import UUID

import segno
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_safe
from structlog.contextvars import get_contextvars

from yuefu import ids
from yuefu.errors import Refused
from yuefu.ids import IdSource
from yuefu.journeys.checkout import scanning
from yuefu.journeys.checkout.scanning import Scan
from yuefu.journeys.checkout.values import NO_PLAN
from yuefu.journeys.desk import Desk
from yuefu.money.amounts import Money, MoneyError
from yuefu.orders.queries import qr
from yuefu.payments.gateways.sandbox import SandboxBank, SandboxChannel
from yuefu.runtime import books
from yuefu.runtime.values import Book, system_actor
from yuefu.web.acting import the_vault
from yuefu.web.pages import missing

_FORM = re.compile(r"[0-9a-f]{24}")
_LONGEST: Final = 20
AMOUNT_MALFORMED: Final = "amount_malformed"
TYPES: Final = {"svg": "image/svg+xml", "png": "image/png"}


def _found(public_id: str) -> tuple[UUID, Book] | None:
    try:
        code_id = ids.parse("qr_code", public_id)
    except ids.BadId:
        return None
    book_id = qr.book_of(code_id)
    book = books.by_id(book_id) if book_id else None
    return (code_id, book) if book else None


@require_http_methods(["GET", "HEAD", "POST"])
def scan(request: HttpRequest, public_id: str) -> HttpResponse:
    """Leads on; a form with an amount opens a session, once."""
    found = _found(public_id)
    if found is None:
        return missing(request)
    code_id, book = found
    now = books.now_in(book)
    there = scanning.scan(now=now, code_id=code_id)
    if isinstance(there, Refused):
        return missing(request)
    if there.session_id:
        return redirect("checkout", public_id=ids.text("checkout", there.session_id))
    if request.method != "POST" or there.closed or there.code.amount_by != "consumer":
        return show(request, there, public_id=public_id, currency=book.currency)
    typed, form = request.POST.get("amount", "")[:_LONGEST].strip(), request.POST.get("form", "")
    try:
        amount = Money.parse(typed, book.currency)
    except MoneyError:
        return show(request, there, public_id=public_id, currency=book.currency, fault=AMOUNT_MALFORMED, typed=typed)
    if not _FORM.fullmatch(form):
        return show(request, there, public_id=public_id, currency=book.currency, typed=typed)
    by = system_actor("scan", str(get_contextvars().get("request_id", "")))
    desk = Desk(book, by, IdSource(secrets.randbits), the_vault(), SandboxChannel(book), SandboxBank(book))
    opened = scanning.key_in(desk=desk, now=now, code_id=code_id, amount=amount, form=form)
    if isinstance(opened, Refused):
        fault = NO_PLAN if opened.code == NO_PLAN else scanning.BROKE
        return show(request, there, public_id=public_id, currency=book.currency, fault=fault, typed=typed)
    return redirect("checkout", public_id=ids.text("checkout", opened))


def show(request: HttpRequest, there: Scan, *, public_id: str, currency: str, fault: str = "", typed: str = "") -> HttpResponse:
    """The page of a code that leads to no session yet."""
    status = 422 if fault else 410 if there.closed else 200
    shown = {"scan": there, "public_id": public_id, "currency": currency, "fault": fault, "typed": typed, "form": secrets.token_hex(12)}
    return render(request, "web/scan.html", shown, status=status)


@require_safe
def picture(request: HttpRequest, public_id: str, form: str) -> HttpResponse:
    """The code as a picture; it says nothing but its own address."""
    if form not in TYPES or _found(public_id) is None:
        return missing(request)
    made = io.BytesIO()
    segno.make_qr(f"{settings.YUEFU_PUBLIC_URL}/q/{public_id}/", error="m").save(made, kind=form, scale=8)
    return HttpResponse(made.getvalue(), content_type=TYPES[form])
