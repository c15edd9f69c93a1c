"""The page on which a consumer decides on a purchase: cart, plans, who they are, the cost table, consent, and back to the shop. Plain HTML.

Who was identified is known by a signed cookie that names a code, for one session and its path alone; the rest is asked of the journeys.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import wraps
from typing import Any, Final
from urllib.parse import urlencode, urlsplit, urlunsplit
from uuid import UUID

from django.conf import settings
from django.core.signing import BadSignature
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseRedirectBase
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import override as in_language
from django.views.decorators.http import require_safe
from structlog.contextvars import get_contextvars

from yuefu import ids
from yuefu.errors import Refused
from yuefu.ids import IdSource
from yuefu.journeys.checkout import hosted
from yuefu.journeys.checkout.hosted import Visit
from yuefu.journeys.desk import Desk
from yuefu.offers.rules import wording
from yuefu.orders.queries import checkout as sessions
from yuefu.orders.rules.checkout import Session
from yuefu.payments.gateways.sandbox import SandboxBank, SandboxChannel
from yuefu.runtime import books
from yuefu.runtime.values import system_actor
from yuefu.web.acting import the_vault
from yuefu.web.checkout_texts import FAULTS
from yuefu.web.middleware import HEADERS
from yuefu.web.pages import language, misread, missing

COOKIE: Final = "checkout"
CONSENT_MISSING: Final = "consent_missing"
_CODES: Final[Mapping[str, str]] = {"zh": "zh-hans", "en": "en"}
_KEPT_S: Final = 3_600
_MOST_TYPED: Final = 200


@dataclass(frozen=True, slots=True)
class Place:
    """A session that somebody visits, where that is worked on, and the code that they were sent or have confirmed."""

    public_id: str
    session_id: UUID
    desk: Desk
    now: datetime
    code_id: UUID | None

    def address(self, name: str = "checkout", **more: str) -> str:
        return reverse(name, kwargs={"public_id": self.public_id, **more})


Page = Callable[..., HttpResponse]


def at_a_session(page: Callable[..., HttpResponse]) -> Page:
    """Finds the session that an address names; a page of none is missing."""

    @wraps(page)
    def found(request: HttpRequest, public_id: str, **more: str) -> HttpResponse:
        place = _place(request, public_id)
        return missing(request) if place is None else page(request, place, **more)

    return found


def _place(request: HttpRequest, public_id: str) -> Place | None:
    try:
        session_id = ids.parse("checkout", public_id)
    except ids.BadId:
        return None
    book_id = sessions.book_of(session_id)
    book = books.by_id(book_id) if book_id else None
    if book is None:
        return None
    by = system_actor("checkout", str(get_contextvars().get("request_id", "")))
    desk = Desk(book, by, IdSource(secrets.randbits), the_vault(), SandboxChannel(book), SandboxBank(book))
    return Place(public_id, session_id, desk, books.now_in(book), _code_of(request, public_id))


def _code_of(request: HttpRequest, public_id: str) -> UUID | None:
    try:
        text = request.get_signed_cookie(COOKIE, salt=public_id, max_age=_KEPT_S)
        return UUID(text)
    except (KeyError, BadSignature, ValueError):
        return None


def posted(page: Callable[..., HttpResponse]) -> Page:
    """A step is taken by a form. Who asks for its address otherwise, to read it in another language for instance, is led to the page."""

    @wraps(page)
    def found(request: HttpRequest, place: Place, **more: str) -> HttpResponse:
        return page(request, place, **more) if request.method == "POST" else _seen_other(place.address())

    return found


@require_safe
@at_a_session
def page(request: HttpRequest, place: Place) -> HttpResponse:
    """The cart and the plans, and what has to be done next."""
    return _show(request, place)


def _show(request: HttpRequest, place: Place, *, fault: str = "", status: int = 200, phone: str = "") -> HttpResponse:
    found = hosted.visit(desk=place.desk, now=place.now, session_id=place.session_id, code_id=place.code_id)
    if isinstance(found, Refused):
        return missing(request)
    with _language_of(request, found.session), timezone.override(place.desk.book.tz):
        return show(request, found, public_id=place.public_id, test=place.desk.book.mode == "test", fault=fault, status=status, phone=phone)


def show(
    request: HttpRequest, found: Visit, *, public_id: str, test: bool, fault: str = "", status: int = 200, phone: str = ""
) -> HttpResponse:
    """The page of a session, in the language and zone in force. `test`: nothing is sent, and the page says so."""
    step = "over" if found.state != "open" else "plan" if found.person else "unknown" if found.known else "code" if found.asked else "phone"
    answer = render(
        request,
        "web/checkout.html",
        {
            "visit": found,
            "public_id": public_id,
            "step": step,
            "test": test,
            "fault": fault if fault in FAULTS or not fault else hosted.BROKE,
            "phone": phone,
            "back": _back(found.session.success_url if found.state == "completed" else found.session.cancel_url, public_id),
        },
        status=status,
    )
    return _may_lead_to_the_shop(answer, found.session)


def _language_of(request: HttpRequest, session: Session) -> Any:
    """That of the session, unless the visitor has chosen another one. What is no language of ours is never asked for: its texts would be kept for ever."""
    cookie = request.COOKIES.get(settings.LANGUAGE_COOKIE_NAME)
    chosen = next((code for code, _ in settings.LANGUAGES if code == cookie), None)
    wanted = _CODES.get(session.language)
    return in_language(chosen or wanted or get_language())


@at_a_session
@posted
def phone(request: HttpRequest, place: Place) -> HttpResponse:
    """Sends a code to the phone that was typed."""
    typed = _typed(request, "phone")
    sent = hosted.send_code(desk=place.desk, now=place.now, session_id=place.session_id, phone=typed)
    if isinstance(sent, Refused):
        return _show(request, place, fault=sent.code, status=_status(sent), phone=typed)
    answer = _seen_other(place.address())
    answer.set_signed_cookie(
        COOKIE,
        str(sent),
        salt=place.public_id,
        max_age=_KEPT_S,
        path=place.address(),
        httponly=True,
        samesite="Lax",
        secure=request.is_secure(),
    )
    return answer


@at_a_session
@posted
def code(request: HttpRequest, place: Place) -> HttpResponse:
    """Tries the code that was typed."""
    if place.code_id is None:
        return _show(request, place, fault=hosted.NOT_IDENTIFIED, status=409)
    digits = _typed(request, "code").strip()
    done = hosted.confirm_code(desk=place.desk, now=place.now, session_id=place.session_id, code_id=place.code_id, digits=digits)
    if isinstance(done, Refused) and done.code != hosted.NOBODY_KNOWN:
        return _show(request, place, fault=done.code, status=_status(done))
    return _seen_other(place.address())


@at_a_session
@posted
def plan(request: HttpRequest, place: Place) -> HttpResponse:
    """Shows the cost table of the plan that was chosen, and keeps that it was shown."""
    product, _, periods = _typed(request, "plan").rpartition(":")
    if not (product.isprintable() and periods.isascii() and periods.isdigit() and len(periods) <= 4):
        return misread(request)
    session = sessions.sessions([place.session_id])[place.session_id]
    with _language_of(request, session):
        shown_in = language()
    done = hosted.choose(
        desk=place.desk,
        now=place.now,
        session_id=place.session_id,
        code_id=place.code_id,
        product=product,
        periods=int(periods),
        language=shown_in,
    )
    if isinstance(done, Refused):
        return _show(request, place, fault=done.code, status=_status(done))
    return _seen_other(place.address("checkout_terms", quote=ids.text("quote", done.quote_id)))


@require_safe
@at_a_session
def terms(request: HttpRequest, place: Place, quote: str) -> HttpResponse:
    """The cost table of a plan, with the form of consent."""
    try:
        quote_id = ids.parse("quote", quote)
    except ids.BadId:
        return missing(request)
    return _terms(request, place, quote_id)


def _terms(request: HttpRequest, place: Place, quote_id: UUID, *, fault: str = "", status: int = 200) -> HttpResponse:
    found = hosted.agreement(desk=place.desk, now=place.now, session_id=place.session_id, code_id=place.code_id, quote_id=quote_id)
    if isinstance(found, Refused):
        return _show(request, place, fault=found.code, status=_status(found))
    session = sessions.sessions([place.session_id])[place.session_id]
    # In the language in which it is kept that it was shown, whatever the visitor reads the other pages in.
    with in_language(_CODES[found.language]), timezone.override(place.desk.book.tz):
        shown = {
            "public_id": place.public_id,
            "title": wording.text("title", found.language),
            "lines": wording.lines(found.disclosure.content, found.language),
            "quote": ids.text("quote", quote_id),
            "hash": found.disclosure.hash.hex(),
            "fault": fault,
            "total": found.plan.total,
        }
        return _may_lead_to_the_shop(render(request, "web/checkout_terms.html", shown, status=status), session)


@at_a_session
@posted
def agree(request: HttpRequest, place: Place) -> HttpResponse:
    """Places the order, once, and leads back to the shop."""
    try:
        quote_id = ids.parse("quote", _typed(request, "quote"))
        table = bytes.fromhex(_typed(request, "table"))
    except (ids.BadId, ValueError):
        return misread(request)
    if request.POST.get("consent") != "given":
        return _terms(request, place, quote_id, fault=CONSENT_MISSING, status=422)
    done = hosted.agree(
        desk=place.desk, now=place.now, session_id=place.session_id, code_id=place.code_id, quote_id=quote_id, table_hash=table
    )
    if isinstance(done, Refused):
        return _show(request, place, fault=done.code, status=_status(done))
    session = sessions.sessions([place.session_id])[place.session_id]
    if not done.approved:
        with _language_of(request, session):
            shown = {"public_id": place.public_id, "reasons": done.reasons, "back": _back(session.cancel_url, place.public_id)}
            return render(request, "web/checkout_declined.html", shown, status=402)
    return _to_shop(place, session.success_url)


@at_a_session
@posted
def leave(request: HttpRequest, place: Place) -> HttpResponse:
    """Back to the shop without buying."""
    done = hosted.leave(desk=place.desk, now=place.now, session_id=place.session_id)
    if isinstance(done, Refused):
        return _show(request, place)
    return _to_shop(place, done.cancel_url)


def _back(url: str, public_id: str) -> str:
    """The address of the shop, which is told the session; none where the merchant gave none."""
    if not url:
        return ""
    parts = urlsplit(url)
    told = urlencode({"session_id": public_id})
    return urlunsplit(parts._replace(query=f"{parts.query}&{told}" if parts.query else told))


def _to_shop(place: Place, url: str) -> HttpResponse:
    return _seen_other(_back(url, place.public_id) or place.address())


def _may_lead_to_the_shop(answer: HttpResponse, session: Session) -> HttpResponse:
    """Browsers hold also the answer to a form to where the forms of a page may lead: those of ours lead back to the shop in the end."""
    policy = HEADERS["Content-Security-Policy"]
    allowed = ["'self'", *sorted({_origin(url) for url in (session.success_url, session.cancel_url) if url})]
    answer.headers["Content-Security-Policy"] = policy.replace("form-action 'self'", f"form-action {' '.join(allowed)}")
    return answer


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.hostname}{f':{parts.port}' if parts.port else ''}"


class _SeenOther(HttpResponseRedirectBase):
    status_code = 303


def _seen_other(address: str) -> HttpResponse:
    return _SeenOther(address)


def _typed(request: HttpRequest, name: str) -> str:
    return request.POST.get(name, "")[:_MOST_TYPED]


def _status(refused: Refused) -> int:
    return {
        "too_many_codes": 429,
        "phone_invalid": 422,
        "code_wrong": 422,
        "codes_unavailable": 503,
        "no_open_day": 503,
        "read_only": 503,
    }.get(refused.code, 409)
