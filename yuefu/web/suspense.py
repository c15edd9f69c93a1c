"""Money that nobody has explained: a list, and each receipt with what a person may do about it."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.views.decorators.http import require_POST, require_safe

from yuefu import ids
from yuefu.errors import Refused
from yuefu.journeys import receipts, suspense
from yuefu.journeys.desk import Desk
from yuefu.journeys.receipts import MatchRequest
from yuefu.journeys.suspense import ReceiptView, SuspenseView
from yuefu.money.amounts import Money, MoneyError
from yuefu.payments.commands import ReturnOrder
from yuefu.runtime import books
from yuefu.runtime.batch import Quarantined
from yuefu.runtime.values import Book
from yuefu.web.acting import books_with, desk_of, holds, the_vault
from yuefu.web.scopes import Scope, Visitor

READ: Final = "suspense.read"
MATCH: Final = "suspense.match"
RETURN: Final = "suspense.return"
DONE: Final = frozenset({"matched", "unmatched", "returned"})
UNKNOWN_TARGET: Final = "unknown_target"  # neither a consumer's reference nor a loan or bill of this book
AMOUNT_MALFORMED: Final = "amount_malformed"
BROKE: Final = "broke"
_LONGEST: Final = 200

Outcome = str | Refused
"""What was done, a code of DONE, or why not."""


@login_required
@require_safe
def listing(request: HttpRequest) -> HttpResponse:
    """What is in suspense in the book that `?book=` names, else in the first one; `?after=` pages through it."""
    scope = _scope(request.user, request.GET.get("book", ""))
    if scope is None:
        return render(request, "404.html", status=404)
    on = suspense.today(scope.book.id, books.now_in(scope.book).date())
    with scope.reading():
        found = suspense.listed(book_id=scope.book.id, vault=the_vault(), on=on, cursor=request.GET.get("after", "")[:_LONGEST])
    if isinstance(found, Refused):
        return render(request, "400.html", status=400)
    return show_list(request, found, book=scope.book)


def show_list(request: HttpRequest, found: SuspenseView, *, book: Book) -> HttpResponse:
    """The page of the list; times are those of the book."""
    context = {"found": found, "book": book, "as_of": books.now_in(book).date(), "after": request.GET.get("after", "")}
    with timezone.override(book.tz):
        return render(request, "web/suspense.html", context)


@login_required
@require_safe
def receipt(request: HttpRequest, public_id: str) -> HttpResponse:
    """One receipt, with forms for whoever may use them."""
    placed = _placed(request.user, public_id)
    return _page(request, *placed) if placed else render(request, "404.html", status=404)


@dataclass(frozen=True, slots=True)
class Allowed:
    """What somebody may do with a receipt."""

    match: bool
    give_back: bool


def show(
    request: HttpRequest, found: ReceiptView, *, book: Book, allowed: Allowed, refused: str = "", typed: Mapping[str, str] | None = None
) -> HttpResponse:
    """The page of a receipt; where something was `refused`, with why and what was `typed`."""
    done = request.GET.get("done", "")
    context = {
        "found": found,
        "book": book,
        "as_of": books.now_in(book).date(),
        "allowed": allowed,
        "done": done if done in DONE else "",
        "refused": refused,
        "typed": typed or {},
        # The same form sent twice is one request: the second is answered as the first.
        "key": secrets.token_hex(12),
    }
    with timezone.override(book.tz):
        return render(request, "web/receipt.html", context, status=422 if refused else 200)


@login_required
@require_POST
def act(request: HttpRequest, public_id: str) -> HttpResponse:
    """Matches, unmatches or gives back, as `do` says; then the receipt with what became of it."""
    placed, do = _placed(request.user, public_id), request.POST.get("do", "")
    permission = {"match": MATCH, "unmatch": MATCH, "return": RETURN}.get(do)
    if placed is None or permission is None or not holds(request.user, permission, placed[0].book):
        return render(request, "404.html", status=404)
    scope, receipt_id = placed
    desk = desk_of(request.user, scope.book)
    outcome = desk if isinstance(desk, Refused) else _ACTS[do](desk, receipt_id, request)
    if isinstance(outcome, Refused):
        return _page(request, scope, receipt_id, refused=outcome.code, typed={"do": do, **request.POST.dict()})
    return redirect(f"{reverse('receipt', args=[public_id])}?{urlencode({'done': outcome})}")


def _match(desk: Desk, receipt_id: UUID, request: HttpRequest) -> Outcome:
    target = suspense.target(book_id=desk.book.id, text=_text(request, "target"))
    if target is None:
        return Refused(UNKNOWN_TARGET, "it is neither a consumer's reference nor a loan or bill of this book", "target")
    amount = _amount(request, desk.book)
    if isinstance(amount, Refused):
        return amount
    consumer_id, loan_id, bill_id = (target.get(name) for name in ("consumer_id", "loan_id", "bill_id"))
    asked = MatchRequest(_text(request, "key"), receipt_id, _text(request, "reason"), consumer_id, loan_id, bill_id, amount)
    return _outcome(receipts.match(desk=desk, now=books.now_in(desk.book), requests=[asked])[0], "matched")


def _unmatch(desk: Desk, receipt_id: UUID, request: HttpRequest) -> Outcome:
    del receipt_id
    try:
        match_id = ids.parse("match", request.POST.get("match", ""))
    except ids.BadId:
        return Refused("unknown_match", "there is no such match in this book", "match")
    now, key = books.now_in(desk.book), _text(request, "key")
    return _outcome(receipts.undo(desk=desk, now=now, match_id=match_id, key=key, reason=_text(request, "reason")), "unmatched")


def _return(desk: Desk, receipt_id: UUID, request: HttpRequest) -> Outcome:
    amount = _amount(request, desk.book)
    if isinstance(amount, Refused):
        return amount
    order = ReturnOrder(_text(request, "key"), receipt_id, amount, _text(request, "reason"))
    return _outcome(receipts.give_back(desk=desk, now=books.now_in(desk.book), orders=[order])[0], "returned")


_ACTS: Final = {"match": _match, "unmatch": _unmatch, "return": _return}


def _outcome(found: object, done: str) -> Outcome:
    if isinstance(found, Quarantined):
        return Refused(BROKE, found.error)
    return found if isinstance(found, Refused) else done


def _text(request: HttpRequest, name: str) -> str:
    return request.POST.get(name, "").strip()[: 10 * _LONGEST]


def _amount(request: HttpRequest, book: Book) -> Money | Refused | None:
    text = _text(request, "amount")
    if not text:
        return None
    try:
        return Money.parse(text, book.currency)
    except MoneyError as error:
        return Refused(AMOUNT_MALFORMED, str(error), "amount")


def _scope(visitor: Visitor, code: str) -> Scope | None:
    return next((scope for scope in books_with(visitor, READ) if code in ("", scope.book.code)), None)


def _placed(visitor: Visitor, public_id: str) -> tuple[Scope, UUID] | None:
    """In which book somebody may see a receipt; None where it does not exist or is not theirs, which look the same from outside."""
    try:
        receipt_id = ids.parse("receipt", public_id)
    except ids.BadId:
        return None
    return next(((scope, receipt_id) for scope in books_with(visitor, READ) if _seen(scope, receipt_id)), None)


def _seen(scope: Scope, receipt_id: UUID) -> ReceiptView | None:
    on = suspense.today(scope.book.id, books.now_in(scope.book).date())
    with scope.reading():
        return suspense.seen(book_id=scope.book.id, vault=the_vault(), receipt_id=receipt_id, on=on)


def _page(
    request: HttpRequest, scope: Scope, receipt_id: UUID, *, refused: str = "", typed: Mapping[str, str] | None = None
) -> HttpResponse:
    found = _seen(scope, receipt_id)
    if found is None:
        return render(request, "404.html", status=404)
    allowed = Allowed(holds(request.user, MATCH, scope.book), holds(request.user, RETURN, scope.book))
    return show(request, found, book=scope.book, allowed=allowed, refused=refused, typed=typed)
