"""Which loans are late, for those who look after them: page by page, with what each bucket comes to; on the open day or by the end of one that was closed.
Reads only, inside the caller's `sql.reading(book_id=…)`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final
from uuid import UUID

from yuefu.consumers import queries as consumers
from yuefu.errors import Refused
from yuefu.journeys.overview import CURSOR_MALFORMED
from yuefu.loans.queries import late_places, lateness
from yuefu.loans.queries.late_places import Place
from yuefu.loans.queries.lateness import BucketSum, LateLoan
from yuefu.merchants import queries as merchants
from yuefu.money.amounts import total

DAY_AHEAD: Final = "day_ahead"  # how late loans are is told of days that were
DAY_NOT_CLOSED: Final = "day_not_closed"  # while a day is closing it is not known yet how late loans were by its end
PAGE: Final = 50
AT_ONCE: Final = 1_000
"""So many are opened by one round of queries where all are wanted."""


@dataclass(frozen=True, slots=True)
class LateBook:
    """Late loans of a book on a day, those that have been for longest first: a page of them, each with the reference of who owes it ("" for somebody whom
    the book does not know), of all buckets or of the one that was `chosen`, and the place behind which there are more ("" for none).

    `buckets` are the sums of all of them, with those of a currency together (`bucket` None). `recorded`: loans and sums are as they were recorded by the
    end of the day. Else the day is open: the loans are as they stand on it, the sums as what is kept has it, the newest of which is of the close of
    `kept_on`. `set_aside`: with so many loans of the book, late or not, a close could not go on.
    """

    on: date
    recorded: bool
    kept_on: date
    chosen: str | None
    rows: tuple[tuple[LateLoan, str], ...]
    next_cursor: str
    buckets: tuple[BucketSum, ...]
    set_aside: int


def late_book(
    *, book_id: UUID, on: date, open_day: date, bucket: str | None = None, cursor: str = "", limit: int | None = None
) -> LateBook | Refused:
    """The late loans of a book on the open day or a day that was closed, of all buckets or of one ("" for those that are in none), from behind `cursor`
    on. Refused with day_ahead, day_not_closed or cursor_malformed."""
    refused = _refused(book_id, on, open_day)
    place = late_places.place_named(cursor) if cursor else None
    if refused or (cursor and place is None):
        return refused or Refused(CURSOR_MALFORMED, "this is not a place in the list of late loans", "after")
    most = limit or PAGE
    if on < open_day:
        late = lateness.late_by(book_id, on)
        found, following = _behind([one for one in late if bucket in (None, one.bucket)], place, most)
        sums = lateness.sums_of(late)
    else:
        found, following = lateness.late_now(book_id, on, bucket=bucket, after=place, limit=most)
        sums = lateness.sums_now(book_id, on)
    people = consumers.external_refs(ids=sorted({one.consumer_id for one in found}))
    rows = tuple((one, people.get(one.consumer_id, "")) for one in found)
    kept_on = late_places.not_recorded(book_id, open_day) - timedelta(days=1)
    next_cursor = str(following) if following else ""
    return LateBook(on, on < open_day, kept_on, bucket, rows, next_cursor, tuple(_together(sums)), lateness.set_aside(book_id))


def _refused(book_id: UUID, on: date, open_day: date) -> Refused | None:
    if on > open_day:
        return Refused(DAY_AHEAD, f"it is {open_day}: who will be late on {on} is not known", "on")
    if late_places.not_recorded(book_id, open_day) <= on < open_day:
        return Refused(DAY_NOT_CLOSED, f"{on} is not closed yet: who was late by its end is known then", "on")
    return None


def _behind(late: Sequence[LateLoan], place: Place | None, limit: int) -> tuple[Sequence[LateLoan], Place | None]:
    left = [one for one in late if place is None or (one.since, one.loan_id) > (place.since, place.loan_id)]
    page = left[:limit]
    return page, Place(page[-1].since, page[-1].loan_id) if len(left) > limit else None


def _together(sums: Sequence[BucketSum]) -> Iterator[BucketSum]:
    """Sums of buckets, those of each currency followed by what they come to together."""
    for currency in sorted({one.currency for one in sums}):
        own = [one for one in sums if one.currency == currency]
        yield from own
        parts = (total([getattr(one, part) for one in own], currency) for part in ("principal", "interest", "fees", "penalties"))
        yield BucketSum(None, sum(one.loans for one in own), *parts)


def all_late(*, book_id: UUID, on: date, open_day: date, bucket: str | None = None) -> Iterator[list[tuple[LateLoan, str, str]]]:
    """All late loans of a day of which `late_book` tells, so many at a time, each with the reference of who owes it and the code of its merchant, "" where
    there is none."""
    if on < open_day:
        late = [one for one in lateness.late_by(book_id, on) if bucket in (None, one.bucket)]
        for first in range(0, len(late), AT_ONCE):
            yield _named(late[first : first + AT_ONCE])
        return
    place: Place | None = None
    while True:
        found, place = lateness.late_now(book_id, on, bucket=bucket, after=place, limit=AT_ONCE)
        yield _named(found)
        if place is None:
            return


def _named(late: Sequence[LateLoan]) -> list[tuple[LateLoan, str, str]]:
    people, shops = consumers.external_refs(ids=sorted({one.consumer_id for one in late})), merchant_codes(late)
    return [(one, people.get(one.consumer_id, ""), shops.get(one.merchant_id, "") if one.merchant_id else "") for one in late]


def merchant_codes(late: Sequence[LateLoan]) -> Mapping[UUID, str]:
    """The codes of the merchants of late loans."""
    found = merchants.shown(ids=sorted({one.merchant_id for one in late if one.merchant_id}))
    return {i: one.code for i, one in found.items()}
