"""The money flow of a day: where each yuan came from and where it went, place by place, down to the entries. Reads only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Final
from uuid import UUID

from yuefu import ids
from yuefu.errors import Refused
from yuefu.insight import queries
from yuefu.insight.rules import flows as rules
from yuefu.insight.rules.flows import FlowEntry, Picture
from yuefu.insight.rules.places import ALL_PLACES
from yuefu.ledger import queries as ledger
from yuefu.money.currencies import EXPONENTS
from yuefu.runtime import days
from yuefu.runtime.values import Book

UNKNOWN_DAY: Final = "unknown_day"  # this book never opened it
UNKNOWN_PLACE: Final = "unknown_place"
CURRENCY_UNKNOWN: Final = "currency_unknown"
CURSOR_MALFORMED: Final = "cursor_malformed"
DOES_NOT_ADD_UP: Final = "does_not_add_up"  # a place holds something else than what came and went

MOST_ENTRIES: Final = 200


@dataclass(frozen=True, slots=True)
class Day:
    """The pictures of a day, one a currency; the book's own currency comes first. A day that is not closed may still move."""

    on: date
    state: str
    pictures: tuple[Picture, ...]


@dataclass(frozen=True, slots=True)
class Entries:
    """A page of the entries of a flow; `next_cursor` is empty on the last."""

    entries: tuple[FlowEntry, ...]
    next_cursor: str


def of_day(*, book: Book, on: date) -> Day | Refused:
    """Refused with unknown_day, and with does_not_add_up where a place is off. Inside a scope that reads one moment."""
    state = days.state_of(book.id, on)
    if state is None:
        return Refused(UNKNOWN_DAY, f"{on} is no day of this book", "on")
    found, stood = queries.flows(book.id, on), ledger.standings(book.id, on, on)
    currencies = {one.currency for one in found} | {one.currency for one in stood if one.opening or one.closing}
    pictures = [rules.picture(on, currency, found, stood) for currency in sorted(currencies, key=lambda c: (c != book.currency, c))]
    off = [f"{at.place} {one.currency} by {at.off}" for one in pictures for at in one.places if at.off]
    if off:
        return Refused(DOES_NOT_ADD_UP, f"what came and went is not what is there: {', '.join(off)}", "on")
    return Day(on, state, tuple(pictures))


def entries(
    *, book: Book, on: date, origin: str, target: str, currency: str, kind: str | None = None, cursor: str = "", limit: int = 50
) -> Entries | Refused:
    """Up to `limit` (1 to 200) entries of a flow, after `cursor`. Refused with unknown_day, unknown_place, currency_unknown or cursor_malformed."""
    assert 1 <= limit <= MOST_ENTRIES, "a page has 1 to 200 entries"
    if days.state_of(book.id, on) is None:
        return Refused(UNKNOWN_DAY, f"{on} is no day of this book", "on")
    if unknown := [place for place in (origin, target) if place not in ALL_PLACES]:
        return Refused(UNKNOWN_PLACE, f"there is no place {unknown[0]!r:.40}; there are {', '.join(ALL_PLACES)}", "place")
    if currency not in EXPONENTS:
        return Refused(CURRENCY_UNKNOWN, "this is not an active ISO 4217 currency code", "currency")
    after: UUID | None = None
    if cursor:
        try:
            after = ids.parse("entry", cursor)
        except ids.BadId:
            return Refused(CURSOR_MALFORMED, "this is not a place in the list of entries", "cursor")
    found = queries.entries_of(book.id, on, currency, origin, target, kind=kind, after=after, limit=limit + 1)
    more = len(found) > limit
    return Entries(tuple(found[:limit]), ids.text("entry", found[limit - 1].id) if more else "")
