"""Filters that format at the edge: money, days, moments, and the words for codes. Language and time zone are those in force."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

from django import template
from django.utils import timezone
from django.utils.html import format_html
from django.utils.http import urlencode
from django.utils.safestring import SafeString
from django.utils.translation import get_language
from structlog.contextvars import get_contextvars

from yuefu import ids
from yuefu.journeys import statement_words
from yuefu.money.amounts import Money
from yuefu.runtime.values import Book
from yuefu.web import edge, loan_texts, places, texts
from yuefu.web.scopes import Visitor

register = template.Library()


def _language() -> str:
    return get_language() or "en"


@register.filter
def money(value: Money) -> str:
    """With its currency: ¥1,999.00."""
    return edge.with_currency(value)


@register.filter
def in_currency(minor: int, of: Money) -> str:
    """Minor units in the currency of another amount: ¥1,999.00."""
    return edge.with_currency(Money(minor, of.currency))


@register.filter
def figure(value: Money) -> str:
    """Without its currency, for a column that names it once."""
    return edge.figure(value)


@register.filter
def plus(value: Money, other: Money) -> Money:
    """Both together."""
    return value + other


@register.filter
def compact(value: Money) -> str:
    """Short, for an axis: ¥20k, ¥2万."""
    return edge.compact(value, _language())


@register.filter
def count(value: int) -> str:
    """A number of things, grouped."""
    return f"{value:,}"


@register.filter
def day(value: date, as_of: date | None = None) -> str:
    """Tue 25 Nov, 11月25日 周二; with the year where it is not that of `as_of`."""
    return edge.day(value, _language(), as_of)


@register.filter
def when(value: date | None, as_of: date | None = None) -> SafeString | str:
    """The day as a <time>, for people and machines."""
    return format_html('<time datetime="{}">{}</time>', value.isoformat(), day(value, as_of)) if value else ""


@register.filter
def moment(value: datetime, as_of: date | None = None) -> SafeString:
    """Day and time of day in the zone in force, as a <time> that carries the whole moment."""
    local = timezone.localtime(value)
    return format_html('<time datetime="{}">{}</time>', local.isoformat(timespec="seconds"), edge.moment(local, _language(), as_of))


@register.filter
def local_day(value: datetime) -> date:
    """The calendar day of a moment in the zone in force."""
    return timezone.localtime(value).date()


@register.filter
def seconds(value: float) -> str:
    """How long something took: 0.4 s, 58 s, 3 min 20 s, 2 h 5 min."""
    return edge.seconds(value)


@register.filter
def public(value: UUID, kind: str) -> str:
    """An id as it is written outside: `order.id|public:"order"`."""
    return ids.text(kind, value)


@register.filter
def text(code: str, kind: str) -> str:
    """The word for a code of a kind."""
    return texts.text_of(kind, code)


@register.filter
def fact(kind: str) -> str:
    """The word for what was entered of a loan."""
    return loan_texts.fact(kind, chinese=edge.is_chinese(_language()))


@register.filter
def statement(code: str) -> str:
    """What a figure of a statement is called, as in its files."""
    return statement_words.text(code, "zh" if edge.is_chinese(_language()) else "en")


@register.filter
def tone(code: str, kind: str) -> str:
    """The colour of a state, as the class that carries it."""
    return f"tone-{texts.tone_of(kind, code)}"


@register.filter
def named(value: Any, field: str) -> str:
    """The Chinese or English text of a field that operators wrote in both: `order|named:"merchant"`."""
    name: str = getattr(value, f"{field}_zh" if edge.is_chinese(_language()) else f"{field}_en")
    return name


@register.filter
def param(value: str | int, name: str) -> str:
    """A parameter of a happening: days and codes in words, everything else as it is."""
    if name.endswith("_on") and isinstance(value, str):
        return _day_or_same(value)
    if name in {"reason", "reasons"}:
        codes = [code for code in str(value).replace(",", " ").split() if code]
        return " · ".join(texts.text_of("reason", code) for code in codes)
    if name == "shown_to" and value not in texts.SHOWN_TO:
        return str(value)  # the id of a person
    return texts.text_of(name, str(value)) if name in {"source", "outcome", "language", "shown_to"} else str(value)


def _day_or_same(value: str) -> str:
    try:
        on = date.fromisoformat(value)
    except ValueError:
        return value
    return edge.day(on, _language(), date.min)  # A parameter has no day to be near to: the year is always said.


@register.simple_tag
def request_id() -> str:
    """The id of the request being answered; also known on error pages, which are rendered without a request."""
    return str(get_contextvars().get("request_id", ""))


@register.simple_tag
def places_of(visitor: Visitor, book: Book | None = None) -> list[tuple[str, str]]:
    """Where somebody may go, each as its route and what the address ends with: in the book that is looked at, where they may see it there."""
    found = places.open_to(visitor)
    return [(route, f"?{urlencode({'book': book.code})}" if book and book.id in found[route] else "") for route in found]


@register.simple_tag
def leads_to(visitor: Visitor, book: Book) -> set[str]:
    """The places of a book that a link may lead to: those that somebody may see, all for whoever has yet to log in."""
    if not visitor.is_authenticated:
        return {place.route for place in places.PLACES}
    return {route for route, book_ids in places.open_to(visitor).items() if book.id in book_ids}
