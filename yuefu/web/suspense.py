"""Money that nobody has explained: a list, and each receipt with what a person may do about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_POST, require_safe

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
from yuefu.web import cases
from yuefu.web.acting import holds, the_vault
from yuefu.web.cases import Outcome, Pages, id_of, text_of
from yuefu.web.pages import after, misread, missing
from yuefu.web.scopes import Scope

READ: Final = "suspense.read"
MATCH: Final = "suspense.match"
RETURN: Final = "suspense.return"
DONE: Final = frozenset({"matched", "unmatched", "returned"})
UNKNOWN_TARGET: Final = "unknown_target"  # neither a consumer's reference nor a loan or bill of this book
AMOUNT_MALFORMED: Final = "amount_malformed"
BROKE: Final = "broke"


@login_required
@require_safe
def listing(request: HttpRequest) -> HttpResponse:
    """What is in suspense in the book that `?book=` names, else in the first one; `?after=` pages through it."""
    scope = _PAGES.scope(request.user, request.GET.get("book", ""))
    if scope is None:
        return missing(request)
    on = suspense.today(scope.book.id, books.today_in(scope.book))
    with scope.reading():
        found = suspense.listed(book_id=scope.book.id, vault=the_vault(), on=on, cursor=after(request))
    if isinstance(found, Refused):
        return misread(request)
    return show_list(request, found, book=scope.book)


def show_list(request: HttpRequest, found: SuspenseView, *, book: Book) -> HttpResponse:
    """The page of the list; times are those of the book."""
    return cases.show_list(request, "web/suspense.html", found, book=book)


@login_required
@require_safe
def receipt(request: HttpRequest, public_id: str) -> HttpResponse:
    """One receipt, with forms for whoever may use them."""
    return _PAGES.one(request, public_id)


@dataclass(frozen=True, slots=True)
class Allowed:
    """What somebody may do with a receipt."""

    match: bool
    give_back: bool


def show(
    request: HttpRequest, found: ReceiptView, *, book: Book, allowed: Allowed, refused: str = "", typed: Mapping[str, str] | None = None
) -> HttpResponse:
    """The page of a receipt; where something was `refused`, with why and what was `typed`."""
    more = {"found": found, "allowed": allowed}
    return cases.show_one(request, "web/receipt.html", book=book, did=DONE, refused=refused, typed=typed, **more)


@login_required
@require_POST
def act(request: HttpRequest, public_id: str) -> HttpResponse:
    """Matches, unmatches or gives back, as `do` says; then the receipt with what became of it."""
    return _PAGES.act(request, public_id)


def _match(desk: Desk, receipt_id: UUID, request: HttpRequest) -> Outcome:
    target = suspense.target(book_id=desk.book.id, text=text_of(request, "target"))
    if target is None:
        return Refused(UNKNOWN_TARGET, "it is neither a consumer's reference nor a loan or bill of this book", "target")
    amount = _amount(request, desk.book)
    if isinstance(amount, Refused):
        return amount
    consumer_id, loan_id, bill_id = (target.get(name) for name in ("consumer_id", "loan_id", "bill_id"))
    asked = MatchRequest(text_of(request, "key"), receipt_id, text_of(request, "reason"), consumer_id, loan_id, bill_id, amount)
    return _outcome(receipts.match(desk=desk, now=books.now_in(desk.book), requests=[asked])[0], "matched")


def _unmatch(desk: Desk, receipt_id: UUID, request: HttpRequest) -> Outcome:
    del receipt_id
    match_id = id_of("match", text_of(request, "match"))
    if match_id is None:
        return Refused("unknown_match", "there is no such match in this book", "match")
    now, key = books.now_in(desk.book), text_of(request, "key")
    return _outcome(receipts.undo(desk=desk, now=now, match_id=match_id, key=key, reason=text_of(request, "reason")), "unmatched")


def _return(desk: Desk, receipt_id: UUID, request: HttpRequest) -> Outcome:
    amount = _amount(request, desk.book)
    if isinstance(amount, Refused):
        return amount
    order = ReturnOrder(text_of(request, "key"), receipt_id, amount, text_of(request, "reason"))
    return _outcome(receipts.give_back(desk=desk, now=books.now_in(desk.book), orders=[order])[0], "returned")


def _outcome(found: object, done: str) -> Outcome:
    if isinstance(found, Quarantined):
        return Refused(BROKE, found.error)
    return found if isinstance(found, Refused) else done


def _amount(request: HttpRequest, book: Book) -> Money | Refused | None:
    text = text_of(request, "amount")
    if not text:
        return None
    try:
        return Money.parse(text, book.currency)
    except MoneyError as error:
        return Refused(AMOUNT_MALFORMED, str(error), "amount")


def _seen(scope: Scope, receipt_id: UUID) -> ReceiptView | None:
    on = suspense.today(scope.book.id, books.today_in(scope.book))
    with scope.reading():
        return suspense.seen(book_id=scope.book.id, vault=the_vault(), receipt_id=receipt_id, on=on)


def _page(
    request: HttpRequest, scope: Scope, receipt_id: UUID, *, refused: str = "", typed: Mapping[str, str] | None = None
) -> HttpResponse:
    found = _seen(scope, receipt_id)
    if found is None:
        return missing(request)
    allowed = Allowed(holds(request.user, MATCH, scope.book), holds(request.user, RETURN, scope.book))
    return show(request, found, book=scope.book, allowed=allowed, refused=refused, typed=typed)


_PAGES: Final = Pages(
    kind="receipt",
    route="receipt",
    read=READ,
    is_there=lambda scope, receipt_id: _seen(scope, receipt_id) is not None,
    page=_page,
    acts={"match": (MATCH, _match), "unmatch": (MATCH, _unmatch), "return": (RETURN, _return)},
)
