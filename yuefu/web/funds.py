"""A merchant's own money: its fund plan over what it was paid, its share of monthly payment, and what is missing if it is paid later. Reads only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from yuefu.errors import Refused
from yuefu.growth.rules.concentration import Month
from yuefu.growth.rules.plans import Envelope
from yuefu.growth.rules.stress import Path
from yuefu.journeys import merchant_money
from yuefu.journeys.merchant_money import Funds, Liquidity
from yuefu.merchants import queries as merchants
from yuefu.merchants.queries import Shown
from yuefu.money.amounts import Money, MoneyError
from yuefu.runtime import books, days
from yuefu.runtime.values import Book
from yuefu.web import texts
from yuefu.web.scopes import Scope, scopes_of

PERMISSION: Final = "settlement.read"
DAYS_SHOWN: Final = 31
MONTHS_SHOWN: Final = 6
USUAL_SHIFT: Final = 3
_LONGEST: Final = 40


@dataclass(frozen=True, slots=True)
class Asked:
    """What a visitor wants to try: so many days later, with so much at hand."""

    shift_days: int
    cash: Money


@login_required
@require_safe
def funds(request: HttpRequest) -> HttpResponse:
    """Of the merchant that `?merchant=` names, in the book of `?book=`; of its people their own. `?days=` later and `?cash=` at hand are tried."""
    scope = next((scope for scope in scopes_of(request.user, PERMISSION) if request.GET.get("book", "") in ("", scope.book.code)), None)
    if scope is None:
        return render(request, "404.html", status=404)
    asked = _asked(request, scope.book)
    if asked is None:
        return render(request, "400.html", status=400)
    code = request.GET.get("merchant", "")
    today = days.open_date(scope.book.id) or books.now_in(scope.book).date()
    lines = merchant_money.lines_of(book=scope.book, on=today)
    with scope.reading():
        found = _merchants(scope)
        shop = next((one for one in found if code in ("", one.code)), None)
        if shop is None:
            return render(request, "404.html", status=404)
        plan = merchant_money.funds(
            book=scope.book, merchant_id=shop.id, today=today, since=today - timedelta(days=DAYS_SHOWN - 1), until=today
        )
        months = merchant_money.concentration(book=scope.book, merchant_id=shop.id, today=today, lines=lines, months=MONTHS_SHOWN)
        liquid = merchant_money.liquidity(book=scope.book, merchant_id=shop.id, today=today, cash=asked.cash, shift_days=asked.shift_days)
    if isinstance(liquid, Refused):
        return render(request, "400.html", status=400)
    return show(request, plan, months, liquid, book=scope.book, shop=shop, for_staff=scope.merchant_id is None)


def _merchants(scope: Scope) -> list[Shown]:
    if scope.merchant_id is not None:
        return list(merchants.shown(ids=[scope.merchant_id]).values())
    return merchants.merchants(book_id=scope.book.id)


def _asked(request: HttpRequest, book: Book) -> Asked | None:
    shift, cash = request.GET.get("days", "") or str(USUAL_SHIFT), request.GET.get("cash", "") or "0"
    if len(shift) > _LONGEST or not shift.isascii() or not shift.isdigit():
        return None
    try:
        return Asked(int(shift), Money.parse(cash, book.currency))
    except MoneyError:
        return None


def show(
    request: HttpRequest, plan: Funds, months: list[Month], liquid: Liquidity, *, book: Book, shop: Shown, for_staff: bool = True
) -> HttpResponse:
    """The page; times are those of the book."""
    context = {
        "book": book,
        "shop": shop,
        "for_staff": for_staff,
        "as_of": books.now_in(book).date(),
        "plan": plan.plan,
        "envelopes": [(_called(one.name), _percent(one.share)) for one in plan.plan.envelopes],
        "divided": [(one.pay_on, one.paid, _parts(one.plan.envelopes, one.parts)) for one in reversed(plan.divided)],
        "sums": [(_called(name), total) for name, total in plan.sums],
        "months": [(one, "" if one.share_ppm is None else _percent(one.share_ppm // 100)) for one in months],
        "liquid": liquid,
        "paths": _paths(liquid),
    }
    with timezone.override(book.tz):
        return render(request, "web/funds.html", context)


def _called(name: str) -> str:
    """An envelope that everybody has begins with has a word; one that a merchant named is called so."""
    known = texts.TABLES["envelope"].get(name)
    return name if known is None else str(known)


def _parts(envelopes: tuple[Envelope, ...], parts: tuple[Money, ...]) -> list[tuple[str, Money]]:
    return [(_called(envelope.name), part) for envelope, part in zip(envelopes, parts, strict=True)]


def _percent(share: int) -> str:
    """Hundredths of a per cent."""
    return f"{share // 100}.{share % 100:02d} %"


def _paths(liquid: Liquidity) -> list[tuple[str, Path]]:
    named: list[tuple[str, Any]] = [("as_agreed", liquid.stress.as_agreed), ("later", liquid.stress.later)]
    return named
