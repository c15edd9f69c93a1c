"""A merchant's own money: its fund plan over what it was paid, its share of monthly payment, and what is missing if it is paid later; and what
its people, or staff for it, plan and tell."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.http import require_POST, require_safe

from yuefu.errors import Refused
from yuefu.growth.commands import Bill
from yuefu.growth.rules import plans
from yuefu.growth.rules.concentration import Month
from yuefu.growth.rules.plans import Envelope
from yuefu.growth.rules.stress import Path
from yuefu.journeys import merchant_money
from yuefu.journeys.desk import Desk
from yuefu.journeys.merchant_money import Funds, Liquidity
from yuefu.merchants import queries as merchants
from yuefu.merchants.queries import Shown
from yuefu.money.amounts import Money, MoneyError
from yuefu.money.rates import Rate
from yuefu.runtime import books, days
from yuefu.runtime.values import Book
from yuefu.web import texts
from yuefu.web.acting import desk_of
from yuefu.web.pages import day_of, misread, missing, month_of, named, page
from yuefu.web.scopes import Scope, Visitor, scopes_of

PERMISSION: Final = "settlement.read"
CHANGE: Final = "plan.change"
DAY_INVALID: Final = "day_invalid"
MONTH_INVALID: Final = "month_invalid"
PERCENT_INVALID: Final = "percent_invalid"
AMOUNT_MALFORMED: Final = "amount_malformed"
MORE_LINES: Final = 3
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
    placed = _placed(request.user, PERMISSION, request.GET)
    return _shown(request, *placed) if placed else missing(request)


@login_required
@require_POST
def act(request: HttpRequest) -> HttpResponse:
    """Keeps what is planned or told, as `do` says; then the page with what became of it."""
    placed, do = _placed(request.user, CHANGE, request.POST), request.POST.get("do", "")
    if placed is None or do not in ACTS:
        return missing(request)
    scope, shop = placed
    desk = desk_of(request.user, scope.book)
    outcome = desk if isinstance(desk, Refused) else ACTS[do](desk, shop.id, request)
    if isinstance(outcome, Refused):
        return _shown(request, scope, shop, refused=outcome.code)
    return redirect(f"{reverse('funds')}?{urlencode({'book': scope.book.code, 'merchant': shop.code, 'done': do})}")


def _plan(desk: Desk, merchant_id: UUID, request: HttpRequest) -> Refused | None:
    envelopes, begins = _envelopes(request), _text(request, "from")
    valid_from = day_of(begins)
    if isinstance(envelopes, Refused):
        return envelopes
    if begins and valid_from is None:
        return Refused(DAY_INVALID, "this is no day", "from")
    now = books.now_in(desk.book)
    return _refused(merchant_money.change_plan(desk=desk, now=now, merchant_id=merchant_id, envelopes=envelopes, valid_from=valid_from))


def _revenue(desk: Desk, merchant_id: UUID, request: HttpRequest) -> Refused | None:
    month, amount = month_of(_text(request, "month")), _amount(request, desk.book)
    if month is None:
        return Refused(MONTH_INVALID, "this is no month", "month")
    if isinstance(amount, Refused):
        return amount
    return merchant_money.tell_revenue(desk=desk, now=books.now_in(desk.book), merchant_id=merchant_id, month=month, amount=amount)


def _owe(desk: Desk, merchant_id: UUID, request: HttpRequest) -> Refused | None:
    due_on, amount = day_of(_text(request, "due")), _amount(request, desk.book)
    if due_on is None:
        return Refused(DAY_INVALID, "this is no day", "due")
    if isinstance(amount, Refused):
        return amount
    bill = Bill(_text(request, "supplier"), _text(request, "reference"), amount, due_on)
    return _refused(merchant_money.owe(desk=desk, now=books.now_in(desk.book), merchant_id=merchant_id, bill=bill))


def _end(desk: Desk, merchant_id: UUID, request: HttpRequest) -> Refused | None:
    how = "paid" if _text(request, "how") == "paid" else "withdrawn"
    supplier, reference, now = _text(request, "supplier"), _text(request, "reference"), books.now_in(desk.book)
    return _refused(
        merchant_money.end_payable(desk=desk, now=now, merchant_id=merchant_id, supplier=supplier, reference=reference, how=how)
    )


ACTS: Final = {"plan": _plan, "revenue": _revenue, "owe": _owe, "end": _end}


def _refused(outcome: object) -> Refused | None:
    return outcome if isinstance(outcome, Refused) else None


def _envelopes(request: HttpRequest) -> list[Envelope] | Refused:
    """What was typed, line by line; lines that are left empty are no envelopes. One that is called as everybody's first ones are is that one."""
    known = {str(word): code for code, word in texts.TABLES["envelope"].items()}
    found = []
    for name, share in _typed_envelopes(request):
        try:
            ppm = Rate.parse_percent(share).ppm
        except ValueError:
            return Refused(PERCENT_INVALID, "a share is a percentage", "percent")
        if ppm % 100:
            return Refused(PERCENT_INVALID, "a share has at most two decimals", "percent")
        found.append(Envelope(known.get(name, name), ppm // 100))
    return found


def _typed_envelopes(request: HttpRequest) -> list[tuple[str, str]]:
    lines = [
        (name.strip(), share.strip()) for name, share in zip(request.POST.getlist("name"), request.POST.getlist("percent"), strict=False)
    ]
    return [line for line in lines if any(line)][: 2 * plans.MOST_ENVELOPES]


def _text(request: HttpRequest, name: str) -> str:
    return request.POST.get(name, "").strip()[: 10 * _LONGEST]


def _amount(request: HttpRequest, book: Book) -> Money | Refused:
    try:
        amount = Money.parse(_text(request, "amount"), book.currency)
    except MoneyError as error:
        return Refused(AMOUNT_MALFORMED, str(error), "amount")
    return amount


def _placed(visitor: Visitor, permission: str, asked: QueryDict) -> tuple[Scope, Shown] | None:
    """The book and merchant that are asked for, where somebody may see or change them; None where there is none such, which looks the same."""
    book, code = asked.get("book", ""), asked.get("merchant", "")
    scope = named(scopes_of(visitor, permission), book)
    if scope is None:
        return None
    with scope.reading():
        shop = next((one for one in _merchants(scope) if code in ("", one.code)), None)
    return (scope, shop) if shop else None


def _shown(request: HttpRequest, scope: Scope, shop: Shown, *, refused: str = "") -> HttpResponse:
    asked = _asked(request, scope.book)
    if asked is None:
        return misread(request)
    today = days.open_date(scope.book.id) or books.today_in(scope.book)
    lines = merchant_money.lines_of(book=scope.book, on=today)
    with scope.reading():
        plan = merchant_money.funds(
            book=scope.book, merchant_id=shop.id, today=today, since=today - timedelta(days=DAYS_SHOWN - 1), until=today
        )
        months = merchant_money.concentration(book=scope.book, merchant_id=shop.id, today=today, lines=lines, months=MONTHS_SHOWN)
        liquid = merchant_money.liquidity(book=scope.book, merchant_id=shop.id, today=today, cash=asked.cash, shift_days=asked.shift_days)
    if isinstance(liquid, Refused):
        return misread(request)
    allowed = Scope(scope.book, scope.merchant_id) in scopes_of(request.user, CHANGE)
    return show(
        request, plan, months, liquid, book=scope.book, shop=shop, for_staff=scope.merchant_id is None, allowed=allowed, refused=refused
    )


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
    request: HttpRequest,
    plan: Funds,
    months: list[Month],
    liquid: Liquidity,
    *,
    book: Book,
    shop: Shown,
    for_staff: bool = True,
    allowed: bool = False,
    refused: str = "",
) -> HttpResponse:
    """The page; times are those of the book. Where something was `refused`, with why and what was typed."""
    done = request.GET.get("done", "")
    context = {
        "shop": shop,
        "for_staff": for_staff,
        "plan": plan.plan,
        "envelopes": [(_called(one.name), _percent(one.share)) for one in plan.plan.envelopes],
        "divided": [(one.pay_on, one.paid, _parts(one.plan.envelopes, one.parts)) for one in reversed(plan.divided)],
        "sums": [(_called(name), total) for name, total in plan.sums],
        "months": [(one, "" if one.share_ppm is None else _percent(one.share_ppm // 100)) for one in months],
        "liquid": liquid,
        "paths": _paths(liquid),
        "allowed": allowed,
        "done": done if done in ACTS else "",
        "refused": refused,
        "typed": request.POST.dict(),
        "rows": _rows(plan, _typed_envelopes(request)),
    }
    return page(request, "web/funds.html", book, context, status=422 if refused else 200)


def _rows(plan: Funds, typed: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """The lines of the form of a plan: what was typed, else the envelopes there are; and some more."""
    lines = typed or [(_called(one.name), f"{one.share // 100}.{one.share % 100:02d}") for one in plan.plan.envelopes]
    return [*lines, *[("", "")] * min(MORE_LINES, max(plans.MOST_ENVELOPES - len(lines), 0))]


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
